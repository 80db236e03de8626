/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated host under virtual time: no loop, no clock, no file. */
#include "agent/hv/sim/sim_model.h"
#include "agent/hv/sim/sim_state.h"
#include "common/base/rand.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIB ((int64_t)1 << 20)
#define START ((mu_msec)1700000000000)

/* A host, its time, and what it has said last. */
struct world {
	struct sim_model *m;
	struct mu_arena *arena;
	mu_msec now;
	uint64_t last_op;
	const struct sim_action *said;
	char *save; /* what the last SIM_FILE_WRITE wrote */
	size_t save_len;
};

static struct sim_params params(void)
{
	return (struct sim_params){
	    .name = "host",
	    .seed = 42,
	    .cpus = 4,
	    .memory_bytes = 4096 * MIB,
	    .create_ms = 1000,
	    .shutdown_ms = 2000,
	    .save_ms = 1000,
	    .restore_ms = 1000,
	    .destroy_ms = 100,
	    .guest_ms = 4000,
	};
}

static void open_world(struct world *w, unsigned n_foreign)
{
	struct sim_params p = params();

	p.n_foreign = n_foreign;
	*w = (struct world){.m = sim_model_new(&p, START), .arena = mu_arena_new(), .now = START};
}

static void close_world(struct world *w)
{
	sim_model_free(w->m);
	mu_arena_free(w->arena);
	free(w->save);
}

static void step(struct world *w, struct sim_event e)
{
	e.now = w->now;
	w->said = sim_model_step(w->m, &e, w->arena);
}

static const struct sim_action *find(const struct world *w, enum sim_action_kind kind)
{
	for (const struct sim_action *a = w->said; a; a = a->next) {
		if (a->kind == kind)
			return a;
	}
	return NULL;
}

/* Let time pass until there is an action of that kind, answering file actions. */
static const struct sim_action *until(struct world *w, enum sim_action_kind kind)
{
	for (int i = 0; i < 1000; i++) {
		const struct sim_action *a = find(w, kind);
		const struct sim_action *file = find(w, SIM_FILE_CHECK);

		if (a)
			return a;
		if (file) {
			step(w, (struct sim_event){.kind = SIM_FILE_DONE, .op = file->op});
			continue;
		}
		file = find(w, SIM_FILE_WRITE);
		if (file) {
			free(w->save);
			w->save = mu_xmemdup(file->data, file->len);
			w->save_len = file->len;
			step(w, (struct sim_event){.kind = SIM_FILE_DONE, .op = file->op});
			continue;
		}
		file = find(w, SIM_FILE_READ);
		if (file) {
			step(w, (struct sim_event){.kind = SIM_FILE_DONE,
						   .op = file->op,
						   .data = w->save,
						   .len = w->save_len});
			continue;
		}
		w->now = sim_model_wake_at(w->m);
		cr_assert_neq(w->now, MU_MSEC_NEVER, "nothing will happen any more");
		step(w, (struct sim_event){.kind = SIM_TICK});
	}
	cr_assert(false, "no action %d", (int)kind);
	return NULL;
}

static struct hv_vm_config guest(uint8_t id, const char *cmdline)
{
	struct hv_vm_config c = {.id = {{{id}}},
				 .type = VM_TYPE_PVH,
				 .vcpus = 2,
				 .vcpus_max = 2,
				 .memory_bytes = 256 * MIB,
				 .memory_max_bytes = 256 * MIB,
				 .kernel = "/sim/vmlinuz",
				 .n_disks = 1,
				 .n_nics = 1};

	snprintf(c.name, sizeof c.name, "guest-%d", id);
	snprintf(c.cmdline, sizeof c.cmdline, "%s", cmdline);
	snprintf(c.disks[0].vdev, sizeof c.disks[0].vdev, "xvda");
	snprintf(c.disks[0].path, sizeof c.disks[0].path, "/sim/disk");
	return c;
}

static const struct sim_action *run(struct world *w, struct sim_event e)
{
	e.kind = SIM_OP_START;
	e.op = ++w->last_op;
	step(w, e);
	return until(w, SIM_DONE);
}

static struct hv_domid create(struct world *w, uint8_t id, const char *cmdline)
{
	struct hv_vm_config c = guest(id, cmdline);
	const struct sim_action *a = run(w, (struct sim_event){.op_kind = HV_CREATE, .config = &c});

	cr_assert_eq(a->r, 0, "%s", a->err.text);
	return a->domid;
}

static enum mu_error_code on(struct world *w, enum hv_op_kind kind, struct hv_domid domid)
{
	const struct sim_action *a =
	    run(w, (struct sim_event){.op_kind = kind, .domid = domid, .path = "/save"});

	return a->r == 0 ? MU_E_NONE : a->err.code;
}

static bool look(struct world *w, struct hv_domid domid, struct hv_domain *ret)
{
	struct hv_domain domains[64];
	size_t n = sim_model_list(w->m, domains, 64);

	for (size_t i = 0; i < n; i++) {
		if (domains[i].domid.value == domid.value) {
			*ret = domains[i];
			return true;
		}
	}
	return false;
}

static void pass(struct world *w, mu_msec ms)
{
	w->now += ms;
	step(w, (struct sim_event){.kind = SIM_TICK});
}

Test(sim_model, building_shows_before_it_is_done)
{
	struct world w;
	struct hv_vm_config c = guest(1, "");
	struct hv_domain d;

	open_world(&w, 0);
	step(&w,
	     (struct sim_event){.kind = SIM_OP_START, .op = 1, .op_kind = HV_CREATE, .config = &c});
	cr_assert(find(&w, SIM_FILE_CHECK));
	step(&w, (struct sim_event){.kind = SIM_FILE_DONE, .op = 1});
	cr_assert(find(&w, SIM_DOMAINS_CHANGED));
	cr_assert_eq(w.said->kind, SIM_STORE, "stored before anybody hears of it");
	cr_assert(look(&w, (struct hv_domid){1}, &d));
	cr_assert(d.incomplete && d.ours && d.paused);
	cr_assert_eq(until(&w, SIM_DONE)->domid.value, 1);
	cr_assert(w.now >= START + 800 && w.now <= START + 1200);
	cr_assert(look(&w, (struct hv_domid){1}, &d));
	cr_assert(!d.incomplete && !d.paused);
	close_world(&w);
}

Test(sim_model, shutdown_takes_its_time_and_deaf_guests_never_stop)
{
	struct world w;
	struct hv_domid a, b;
	mu_msec begin;

	open_world(&w, 0);
	a = create(&w, 1, "");
	b = create(&w, 2, "root=/dev/xvda sim.deaf quiet");
	begin = w.now;
	cr_assert_eq(on(&w, HV_SHUTDOWN, a), MU_E_NONE);
	cr_assert(w.now - begin >= 1600 && w.now - begin <= 2600, "%ld", w.now - begin);
	step(&w, (struct sim_event){
		     .kind = SIM_OP_START, .op = 99, .op_kind = HV_SHUTDOWN, .domid = b});
	pass(&w, MU_SEC(86400));
	cr_assert_null(find(&w, SIM_DONE));
	step(&w, (struct sim_event){.kind = SIM_OP_CANCEL, .op = 99});
	cr_assert_eq(find(&w, SIM_DONE)->err.code, MU_E_CANCELLED);
	cr_assert_eq(on(&w, HV_DESTROY, b), MU_E_NONE);
	close_world(&w);
}

Test(sim_model, paused_guest_stands_still)
{
	struct world w;
	struct hv_domid a;
	struct hv_domain before, after;

	open_world(&w, 0);
	a = create(&w, 1, "sim.load=batch");
	pass(&w, MU_SEC(60));
	cr_assert_eq(on(&w, HV_PAUSE, a), MU_E_NONE);
	cr_assert(look(&w, a, &before));
	cr_assert_gt(before.cpu_time_ns, 0);
	pass(&w, MU_SEC(3600));
	cr_assert(look(&w, a, &after));
	cr_assert_eq(after.cpu_time_ns, before.cpu_time_ns);
	cr_assert_eq(on(&w, HV_UNPAUSE, a), MU_E_NONE);
	pass(&w, MU_SEC(60));
	cr_assert(look(&w, a, &after));
	cr_assert_gt(after.cpu_time_ns, before.cpu_time_ns);
	close_world(&w);
}

Test(sim_model, guests_stop_by_themselves)
{
	static const struct {
		const char *cmdline;
		enum hv_shutdown reason;
	} cases[] = {{"sim.poweroff=5000", HV_SHUTDOWN_POWEROFF},
		     {"sim.reboot=5000", HV_SHUTDOWN_REBOOT},
		     {"sim.crash=5000", HV_SHUTDOWN_CRASH}};
	struct world w;

	for (size_t i = 0; i < MU_ARRAY_SIZE(cases); i++) {
		struct hv_domid a;
		struct hv_domain d;

		open_world(&w, 0);
		a = create(&w, 1, cases[i].cmdline);
		pass(&w, 4900);
		cr_assert(look(&w, a, &d));
		cr_assert_eq(d.shutdown, HV_SHUTDOWN_NONE);
		pass(&w, 200);
		cr_assert(find(&w, SIM_DOMAINS_CHANGED));
		/* Ours to clean up. */
		pass(&w, MU_SEC(3600));
		cr_assert(look(&w, a, &d));
		cr_assert_eq(d.shutdown, cases[i].reason);
		cr_assert_eq(on(&w, HV_PAUSE, a), MU_E_STATE);
		cr_assert_eq(on(&w, HV_SHUTDOWN, a), MU_E_NONE);
		cr_assert_not(look(&w, a, &d));
		close_world(&w);
	}
}

Test(sim_model, xl_cleans_up_and_restarts_its_own)
{
	struct world w;
	struct hv_vm_config off = guest(1, "sim.poweroff=1000");
	struct hv_vm_config again = guest(2, "sim.reboot=1000");
	struct hv_domain domains[4];

	open_world(&w, 0);
	step(&w, (struct sim_event){.kind = SIM_XL_CREATE, .config = &off});
	step(&w, (struct sim_event){.kind = SIM_XL_CREATE, .config = &again});
	cr_assert_eq(sim_model_list(w.m, domains, 4), 2);
	cr_assert(!domains[0].ours && !domains[1].ours);
	for (int i = 0; i < 40; i++)
		pass(&w, 100);
	cr_assert_eq(sim_model_list(w.m, domains, 4), 1);
	cr_assert_str_eq(domains[0].name, "guest-2");
	cr_assert_gt(domains[0].domid.value, 2);
	close_world(&w);
}

Test(sim_model, guest_agent_reports_after_a_while)
{
	struct world w;
	struct hv_domid a, b;
	struct vm_guest g;

	open_world(&w, 0);
	a = create(&w, 1, "");
	b = create(&w, 2, "sim.noagent");
	cr_assert_eq(until(&w, SIM_GUEST_CHANGED)->domid.value, a.value);
	cr_assert_eq(sim_model_guest(w.m, a, &g, NULL), 0);
	cr_assert(g.agent_detected && g.pv_drivers_detected && g.n_addrs == 2);
	cr_assert_eq(g.balloon, VM_SAID_YES);
	cr_assert_gt(strlen(g.os_name), 0);
	cr_assert(g.memory_free_bytes > 0 && g.memory_free_bytes < g.memory_total_bytes);
	pass(&w, MU_SEC(600));
	cr_assert_eq(sim_model_guest(w.m, b, &g, NULL), 0);
	cr_assert(!g.agent_detected && g.memory_free_bytes == -1 && g.balloon == VM_SAID_NOTHING);
	close_world(&w);
}

Test(sim_model, memory_runs_out_and_comes_back)
{
	struct world w;
	struct model_host before, h;
	struct hv_vm_config c = guest(200, "");
	int n = 0;

	open_world(&w, 0);
	sim_model_host_info(w.m, &before);
	for (; n < 100; n++) {
		const struct sim_action *a;

		c = guest((uint8_t)(n + 1), "");
		a = run(&w, (struct sim_event){.op_kind = HV_CREATE, .config = &c});
		if (a->r < 0) {
			cr_assert_eq(a->err.code, MU_E_EXHAUSTED);
			cr_assert(strstr(a->err.text, "256 MiB") || strstr(a->err.text, "257 MiB"),
				  "%s", a->err.text);
			break;
		}
	}
	cr_assert(n >= 10 && n < 16, "%d guests of 256 MiB in 4 GiB", n);
	sim_model_host_info(w.m, &h);
	cr_assert_lt(h.memory_free_bytes, 257 * MIB);
	for (int i = 1; i <= n; i++)
		cr_assert_eq(on(&w, HV_DESTROY, (struct hv_domid){(uint32_t)i}), MU_E_NONE);
	sim_model_host_info(w.m, &h);
	cr_assert_eq(h.memory_free_bytes, before.memory_free_bytes);
	close_world(&w);
}

Test(sim_model, save_fails_and_the_guest_lives_on)
{
	struct world w;
	struct hv_domid a;
	struct hv_domain d;
	struct mu_error err = MU_ERROR_INIT;

	open_world(&w, 0);
	a = create(&w, 1, "");
	step(&w,
	     (struct sim_event){.kind = SIM_OP_START, .op = 50, .op_kind = HV_SAVE, .domid = a});
	(void)until(&w, SIM_PROGRESS);
	while (!find(&w, SIM_FILE_WRITE)) {
		w.now = sim_model_wake_at(w.m);
		step(&w, (struct sim_event){.kind = SIM_TICK});
	}
	cr_assert(look(&w, a, &d));
	cr_assert_eq(d.shutdown, HV_SHUTDOWN_SUSPEND);
	mu_error_set(&err, MU_E_IO, "no space left");
	step(&w, (struct sim_event){.kind = SIM_FILE_DONE, .op = 50, .r = MU_FAILED, .err = &err});
	cr_assert_eq(find(&w, SIM_DONE)->err.code, MU_E_IO);
	cr_assert(look(&w, a, &d));
	cr_assert(d.shutdown == HV_SHUTDOWN_NONE && !d.dying);
	cr_assert_eq(on(&w, HV_SAVE, a), MU_E_NONE);
	cr_assert_not(look(&w, a, &d));
	close_world(&w);
}

Test(sim_model, a_checkpoint_stands_still_until_it_is_let_go_on)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	const struct sim_action *done;
	struct hv_domid a;
	struct hv_domain d;
	struct world w;

	open_world(&w, 0);
	a = create(&w, 1, "");
	cr_assert_eq(on(&w, HV_CHECKPOINT, a), MU_E_NONE);
	cr_assert(look(&w, a, &d));
	cr_assert(d.shutdown == HV_SHUTDOWN_SUSPEND && !d.paused);
	cr_assert_eq(on(&w, HV_CHECKPOINT, a), MU_E_STATE);
	/* Also for the next run of the agent. */
	sim_state_encode(w.m, &text);
	cr_assert(strstr(text.data, "\"suspended\": true"), "%s", text.data);
	cr_assert_eq(on(&w, HV_UNPAUSE, a), MU_E_NONE);
	cr_assert(look(&w, a, &d));
	cr_assert_eq(d.shutdown, HV_SHUTDOWN_NONE);
	cr_assert_eq(on(&w, HV_SHUTDOWN, a), MU_E_NONE, "it reacts");
	/* One that does not react is given up, as libxl does. */
	a = create(&w, 2, "sim.deaf");
	done = run(&w, (struct sim_event){.op_kind = HV_CHECKPOINT, .domid = a});
	cr_assert_eq(done->err.code, MU_E_TIMEOUT);
	cr_assert(strstr(done->err.text, "PV drivers"), "%s", done->err.text);
	cr_assert(look(&w, a, &d));
	cr_assert_eq(d.shutdown, HV_SHUTDOWN_NONE);
	close_world(&w);
}

Test(sim_model, a_checkpoint_of_a_guest_that_ends_meanwhile)
{
	struct hv_domid a;
	struct world w;

	open_world(&w, 0);
	a = create(&w, 1, "");
	step(&w, (struct sim_event){
		     .kind = SIM_OP_START, .op = 50, .op_kind = HV_CHECKPOINT, .domid = a});
	while (!find(&w, SIM_FILE_WRITE)) {
		w.now = sim_model_wake_at(w.m);
		step(&w, (struct sim_event){.kind = SIM_TICK});
	}
	step(&w, (struct sim_event){.kind = SIM_KILL, .domid = a});
	step(&w, (struct sim_event){.kind = SIM_FILE_DONE, .op = 50});
	cr_assert_eq(find(&w, SIM_DONE)->err.code, MU_E_STATE);
	a = create(&w, 2, "");
	step(&w, (struct sim_event){
		     .kind = SIM_OP_START, .op = 51, .op_kind = HV_CHECKPOINT, .domid = a});
	while (!find(&w, SIM_FILE_WRITE)) {
		w.now = sim_model_wake_at(w.m);
		step(&w, (struct sim_event){.kind = SIM_TICK});
	}
	step(&w, (struct sim_event){.kind = SIM_OP_CANCEL, .op = 51});
	step(&w, (struct sim_event){.kind = SIM_FILE_DONE, .op = 51});
	cr_assert_eq(find(&w, SIM_DONE)->err.code, MU_E_CANCELLED);
	close_world(&w);
}

Test(sim_model, save_file_is_checked)
{
	struct world w;
	struct hv_vm_config mine = guest(1, ""), other = guest(2, "");
	const struct sim_action *a;

	open_world(&w, 0);
	(void)create(&w, 1, "");
	cr_assert_eq(on(&w, HV_SAVE, (struct hv_domid){1}), MU_E_NONE);
	a = run(&w, (struct sim_event){.op_kind = HV_RESTORE, .config = &other});
	cr_assert_eq(a->err.code, MU_E_INVALID);
	cr_assert(strstr(a->err.text, "guest-1"), "%s", a->err.text);
	for (size_t i = 0; i < w.save_len; i += 7) {
		w.save[i] ^= 1;
		a = run(&w, (struct sim_event){.op_kind = HV_RESTORE, .config = &mine});
		cr_assert_eq(a->err.code, MU_E_IO, "byte %zu: %s", i, a->err.text);
		w.save[i] ^= 1;
	}
	w.save_len--;
	a = run(&w, (struct sim_event){.op_kind = HV_RESTORE, .config = &mine});
	cr_assert_eq(a->err.code, MU_E_IO);
	w.save_len++;
	a = run(&w, (struct sim_event){.op_kind = HV_RESTORE, .config = &mine});
	cr_assert_eq(a->r, 0, "%s", a->err.text);
	close_world(&w);
}

Test(sim_model, destroyed_while_it_is_being_built)
{
	struct world w;
	struct hv_vm_config c = guest(1, "");
	const struct sim_action *a;

	open_world(&w, 0);
	step(&w,
	     (struct sim_event){.kind = SIM_OP_START, .op = 1, .op_kind = HV_CREATE, .config = &c});
	step(&w, (struct sim_event){.kind = SIM_FILE_DONE, .op = 1});
	step(&w, (struct sim_event){
		     .kind = SIM_OP_START, .op = 2, .op_kind = HV_DESTROY, .domid = {1}});
	a = until(&w, SIM_DONE);
	cr_assert_eq(a->op, 1);
	cr_assert_eq(a->err.code, MU_E_STATE);
	pass(&w, MU_SEC(1));
	a = find(&w, SIM_DONE);
	cr_assert_eq(a->op, 2);
	cr_assert_eq(a->r, 0);
	close_world(&w);
}

/* ---- the state file ---- */

static char *encoded(const struct sim_model *m)
{
	struct mu_str s = MU_STR_INIT;

	sim_state_encode(m, &s);
	return mu_str_take(&s);
}

static struct sim_model *decoded(const char *text, mu_msec now)
{
	struct sim_params p = params();
	struct mu_error err = MU_ERROR_INIT;
	struct sim_model *m = NULL;

	cr_assert_eq(sim_state_decode(text, strlen(text), &p, now, &m, &err), 0, "%s", err.text);
	return m;
}

Test(sim_state, host_goes_on_as_if_never_stopped)
{
	struct world w;
	MU_CLEANUP(mu_free) char *text = NULL;
	MU_CLEANUP(mu_free) char *here = NULL;
	MU_CLEANUP(mu_free) char *there = NULL;
	struct sim_model *m;
	struct sim_event tick = {.kind = SIM_TICK};

	open_world(&w, 3);
	(void)create(&w, 1, "sim.load=web");
	(void)create(&w, 2, "sim.poweroff=30000");
	cr_assert_eq(on(&w, HV_PAUSE, create(&w, 3, "")), MU_E_NONE);
	text = encoded(w.m);
	m = decoded(text, w.now);
	here = encoded(m);
	cr_assert_str_eq(here, text, "nothing is lost in between");
	/* The same ten minutes for both: equal to the last counter. */
	for (int i = 0; i < 60; i++) {
		pass(&w, MU_SEC(10));
		tick.now = w.now;
		(void)sim_model_step(m, &tick, w.arena);
	}
	free(MU_TAKE(here));
	here = encoded(w.m);
	there = encoded(m);
	cr_assert_str_eq(there, here);
	sim_model_free(m);
	close_world(&w);
}

Test(sim_state, half_built_domain_is_left_behind)
{
	struct world w;
	struct hv_vm_config c = guest(1, "");
	MU_CLEANUP(mu_free) char *text = NULL;
	struct hv_domain d;

	open_world(&w, 0);
	step(&w,
	     (struct sim_event){.kind = SIM_OP_START, .op = 1, .op_kind = HV_CREATE, .config = &c});
	step(&w, (struct sim_event){.kind = SIM_FILE_DONE, .op = 1});
	text = encoded(w.m);
	sim_model_free(w.m);
	w.m = decoded(text, w.now);
	pass(&w, MU_SEC(3600));
	cr_assert(look(&w, (struct hv_domid){1}, &d));
	cr_assert(d.incomplete && d.ours);
	cr_assert_eq(on(&w, HV_DESTROY, (struct hv_domid){1}), MU_E_NONE);
	close_world(&w);
}

Test(sim_state, damage_is_an_error)
{
	struct world w;
	MU_CLEANUP(mu_free) char *text = NULL;
	struct sim_params p = params();
	struct mu_rand rand = {.state = 5};
	size_t len;
	int n_refused = 0;

	open_world(&w, 2);
	(void)create(&w, 1, "");
	text = encoded(w.m);
	len = strlen(text);
	for (int i = 0; i < 3000; i++) {
		MU_CLEANUP(mu_free) char *bad = mu_xstrdup(text);
		struct mu_error err = MU_ERROR_INIT;
		struct sim_model *m = NULL;

		for (uint64_t n = 1 + mu_rand_below(&rand, 3); n > 0; n--)
			bad[mu_rand_below(&rand, len)] = (char)mu_rand_next(&rand);
		if (sim_state_decode(bad, len, &p, w.now, &m, &err) < 0) {
			cr_assert_neq(err.code, MU_E_NONE);
			n_refused++;
			continue;
		}
		/* Harmless damage: the host must work. */
		(void)sim_model_step(m, &(struct sim_event){.kind = SIM_TICK, .now = w.now + 60000},
				     w.arena);
		mu_arena_reset(w.arena);
		sim_model_free(m);
	}
	cr_assert_gt(n_refused, 1000);
	close_world(&w);
}

enum { N_RANDOM = 500 };

/* One event; every file action is answered at once, every end is counted. */
static void drive(struct world *w, struct sim_event e, int done[static N_RANDOM])
{
	uint64_t files[N_RANDOM];
	size_t n_files = 0;

	for (;;) {
		step(w, e);
		for (const struct sim_action *a = w->said; a; a = a->next) {
			if (a->kind == SIM_DONE)
				done[a->op]++;
			else if (a->kind == SIM_FILE_CHECK || a->kind == SIM_FILE_WRITE)
				files[n_files++] = a->op;
		}
		if (n_files == 0)
			return;
		e = (struct sim_event){.kind = SIM_FILE_DONE, .op = files[--n_files]};
	}
}

static void random_device(enum hv_op_kind kind, struct mu_rand *rand, struct hv_device *ret)
{
	static const char *const pcis[] = {"0000:03:00.1", "0000:04:00.0", "0000:03:00.0"};
	unsigned n = (unsigned)mu_rand_below(rand, 3);

	*ret = (struct hv_device){.force = mu_rand_below(rand, 2) == 0, .size_bytes = 512};
	if (kind >= HV_DISK_ATTACH && kind <= HV_CD_EJECT) {
		snprintf(ret->disk.vdev, sizeof ret->disk.vdev, "xvd%c", 'a' + (char)n);
		snprintf(ret->disk.path, sizeof ret->disk.path, "/sim/disk-%u", n);
	} else if (kind >= HV_NIC_ATTACH && kind <= HV_NIC_RATE) {
		ret->nic = (struct hv_nic){.has_device = n > 0, .device = n};
	} else if (kind == HV_USB_ATTACH || kind == HV_USB_DETACH) {
		ret->usb = (struct hv_usb_device){.bus = 1, .address = 1 + n};
	} else {
		snprintf(ret->pci.address, sizeof ret->pci.address, "%s", pcis[n]);
	}
}

static void random_event(struct world *w, struct mu_rand *rand, uint64_t i,
			 int done[static N_RANDOM])
{
	struct hv_vm_config c = guest((uint8_t)(1 + mu_rand_below(rand, 20)), "");
	struct hv_resources resources = {.vcpus = 1 + (uint32_t)mu_rand_below(rand, 3),
					 .memory_bytes = 200 * MIB,
					 .weight = 100,
					 .cap = (int32_t)mu_rand_below(rand, 250)};
	struct hv_device device;
	struct sim_event e = {
	    .kind = SIM_OP_START,
	    .op = i,
	    .op_kind = (enum hv_op_kind)mu_rand_below(rand, _HV_OP_KIND_COUNT),
	    .domid = {(uint32_t)(1 + mu_rand_below(rand, 1 + i / 4))},
	    .config = &c,
	    .device = &device,
	    .resources = &resources,
	    .paused = mu_rand_below(rand, 10) == 0,
	};

	random_device(e.op_kind, rand, &device);
	if (e.op_kind == HV_RESTORE)
		e.op_kind = HV_CREATE;
	if (mu_rand_below(rand, 5) == 0) {
		done[i] = 1; /* never started */
		e.kind = SIM_OP_CANCEL;
		e.op = mu_rand_below(rand, i);
	}
	w->now += (mu_msec)mu_rand_below(rand, 800);
	drive(w, e, done);
}

Test(sim_state, mistakes_are_named)
{
	static const struct {
		const char *text;
		const char *says;
	} cases[] = {
	    {"[]", "not a simulated host's state"},
	    {"{\"format\":\"muster-sim-host\",\"version\":2}", "version is not 1"},
	    {"{\"format\":\"muster-sim-host\",\"version\":1}", "boot_id is no UUID"},
	    {"{\"format\":\"muster-sim-host\",\"version\":1,"
	     "\"boot_id\":\"00000000-0000-4000-8000-000000000001\"}",
	     "domains is no list"},
	    {"{\"format\":\"muster-sim-host\",\"version\":1,"
	     "\"boot_id\":\"00000000-0000-4000-8000-000000000001\",\"domains\":[{}]}",
	     "domid is missing"},
	    {"{\"format\":\"muster-sim-host\",\"version\":1,"
	     "\"boot_id\":\"00000000-0000-4000-8000-000000000001\","
	     "\"domains\":[{\"domid\":4,\"phase\":\"live\",\"config\":{}}]}",
	     "domain 4: config: id is no UUID"},
	};
	const struct sim_params p = params();

	for (size_t i = 0; i < MU_ARRAY_SIZE(cases); i++) {
		struct mu_error err = MU_ERROR_INIT;
		struct sim_model *m = NULL;

		cr_assert_lt(
		    sim_state_decode(cases[i].text, strlen(cases[i].text), &p, START, &m, &err), 0);
		cr_assert(strstr(err.text, cases[i].says), "%s: %s", cases[i].says, err.text);
		cr_assert_null(m);
	}
}

/* Any sequence of operations: they all end, exactly once, and memory adds up. */
Test(sim_model, random_operations_all_end_once)
{
	for (uint64_t seed = 0; seed < 30; seed++) {
		struct mu_rand rand = {.state = seed};
		int done[N_RANDOM] = {0};
		struct world w;
		struct model_host before, after;
		struct hv_domain domains[64];
		size_t n;

		open_world(&w, 0);
		sim_model_host_info(w.m, &before);
		for (uint64_t i = 1; i < N_RANDOM; i++)
			random_event(&w, &rand, i, done);
		for (uint64_t i = 1; i < N_RANDOM; i++)
			drive(&w, (struct sim_event){.kind = SIM_OP_CANCEL, .op = i}, done);
		w.now += MU_SEC(60);
		drive(&w, (struct sim_event){.kind = SIM_TICK}, done);
		for (int i = 1; i < N_RANDOM; i++)
			cr_assert_eq(done[i], 1, "seed %lu: operation %d ended %d times", seed, i,
				     done[i]);
		n = sim_model_list(w.m, domains, 64);
		for (size_t i = 0; i < n; i++)
			step(&w, (struct sim_event){.kind = SIM_KILL, .domid = domains[i].domid});
		sim_model_host_info(w.m, &after);
		cr_assert_eq(after.memory_free_bytes, before.memory_free_bytes);
		close_world(&w);
	}
}

/* Xen's ids end at 0x7ff0 and begin again, past those that are taken. */
Test(sim_model, domain_ids_begin_again)
{
	struct world w;
	struct hv_vm_config c = guest(1, "");
	struct hv_domain domains[4];

	open_world(&w, 2);
	for (uint32_t domid = 3;; domid++) {
		step(&w, (struct sim_event){.kind = SIM_XL_CREATE, .config = &c});
		cr_assert_eq(sim_model_list(w.m, domains, 4), 3);
		cr_assert_eq(domains[2].domid.value, domid);
		mu_arena_reset(w.arena);
		if (domid == 0x7fef)
			break;
		step(&w, (struct sim_event){.kind = SIM_KILL, .domid = {domid}});
	}
	step(&w, (struct sim_event){.kind = SIM_KILL, .domid = {2}});
	c = guest(2, "");
	step(&w, (struct sim_event){.kind = SIM_XL_CREATE, .config = &c});
	cr_assert_eq(sim_model_list(w.m, domains, 4), 3);
	cr_assert_eq(domains[0].domid.value, 1);
	cr_assert_eq(domains[1].domid.value, 2, "the lowest that is free");
	cr_assert_eq(domains[2].domid.value, 0x7fef);
	close_world(&w);
}

Test(sim_model, configuration_reads_back_with_its_macs)
{
	struct world w;
	struct hv_vm_config *c = mu_xcalloc(1, sizeof *c);
	struct hv_domid a;

	open_world(&w, 0);
	a = create(&w, 1, "quiet");
	cr_assert_eq(sim_model_config(w.m, a, c, NULL), 0);
	cr_assert_eq(strncmp(c->nics[0].mac, "00:16:3e:", 9), 0);
	cr_assert_str_eq(c->cmdline, "quiet");
	cr_assert_str_eq(c->disks[0].vdev, "xvda");
	cr_assert_lt(sim_model_config(w.m, (struct hv_domid){9}, c, NULL), 0);
	free(c);
	close_world(&w);
}

Test(sim_model, host_is_never_busier_than_it_can_be)
{
	enum { N = 12 };
	struct world w;
	struct hv_host_stats a, b;
	static struct hv_domain_stats sa[N], sb[N];
	double used = 0, idle = 0;

	open_world(&w, 0);
	for (uint8_t i = 1; i <= N; i++)
		(void)create(&w, i, "sim.load=batch");
	cr_assert_eq(sim_model_stats(w.m, &a, sa, N), N);
	pass(&w, MU_SEC(1200));
	cr_assert_eq(sim_model_stats(w.m, &b, sb, N), N);
	for (size_t i = 0; i < N; i++) {
		cr_assert_leq(sb[i].vcpu_time_ns[0] - sa[i].vcpu_time_ns[0], 1200000000000);
		used += (double)(sb[i].cpu_time_ns - sa[i].cpu_time_ns);
	}
	for (uint32_t i = 0; i < a.n_cpus; i++)
		idle += (double)(b.cpu_idle_ns[i] - a.cpu_idle_ns[i]);
	cr_assert_leq(used + idle, 4 * 1200e9 * 1.0001);
	cr_assert_gt(used, 4 * 1200e9 * 0.2);
	close_world(&w);
}
