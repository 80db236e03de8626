/* SPDX-License-Identifier: Apache-2.0 */
/* What a faulty driver does to hv.c and to the operations beside it. */
#include "agent/hv/drivers.h"
#include "common/os/random.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct env {
	struct mu_loop *loop;
	struct mu_timer *guard;
	void *sim;
	struct hv *hv;
	unsigned n_guests;
	unsigned n_changed;
	bool freed;
};

struct wait {
	struct hv_op op;
	struct env *env;
	int n_done;
	mu_msec done_at;
};

static void too_long(void *ctx)
{
	(void)ctx;
	cr_assert(false, "nothing happened for a minute");
}

static void on_changed(void *ctx)
{
	((struct env *)ctx)->n_changed++;
}

static void on_guest(struct hv_domid domid, void *ctx)
{
	(void)domid;
	(void)ctx;
}

static void env_open(struct env *e, const char *script)
{
	const struct hv_sim_options options = {
	    .seed = 7, .create_ms = 10, .shutdown_ms = 10, .save_ms = 10, .destroy_ms = 100};
	const struct hv_watch watch = {on_changed, on_guest, e};
	const struct hv_ops *sim_ops, *ops;
	void *impl;
	struct mu_error err = MU_ERROR_INIT;

	*e = (struct env){.loop = mu_loop_new()};
	e->guard = mu_timer_new(e->loop, too_long, NULL);
	mu_timer_set(e->guard, MU_SEC(60));
	cr_assert_eq(hv_sim_new(e->loop, &options, &sim_ops, &e->sim, &err), 0, "%s", err.text);
	cr_assert_eq(hv_fault_new(e->loop, script, sim_ops, e->sim, &ops, &impl, &err), 0, "%s",
		     err.text);
	e->hv = hv_new(e->loop, ops, impl);
	hv_watch(e->hv, &watch);
}

static void on_freed(void *ctx)
{
	*(bool *)ctx = true;
}

static void on_env_freed(void *ctx)
{
	struct env *e = ctx;

	e->freed = true;
	mu_loop_stop(e->loop);
}

static void env_close(struct env *e)
{
	hv_free(e->hv, on_env_freed, e);
	while (!e->freed)
		mu_loop_run(e->loop);
	mu_timer_free(e->guard);
	mu_loop_run(e->loop); /* until nothing is left */
	mu_loop_free(e->loop);
}

static void on_done(struct hv_op *op)
{
	struct wait *w = MU_CONTAINER_OF(op, struct wait, op);

	w->n_done++;
	w->done_at = mu_loop_now(w->env->loop);
	mu_loop_stop(w->env->loop);
}

static void start(struct env *e, struct wait *w, struct hv_op op)
{
	*w = (struct wait){.op = op, .env = e};
	w->op.done = on_done;
	hv_op_start(e->hv, &w->op);
}

static void end(struct wait *w)
{
	while (w->n_done == 0)
		mu_loop_run(w->env->loop);
	cr_assert_eq(w->n_done, 1);
}

static enum mu_error_code run(struct env *e, struct hv_op op)
{
	struct wait w;

	start(e, &w, op);
	end(&w);
	return w.op.r == 0 ? MU_E_NONE : w.op.err.code;
}

static struct hv_vm_config guest(struct env *e)
{
	struct hv_vm_config c = {.id = {mu_random_uuid()},
				 .vcpus = 1,
				 .vcpus_max = 1,
				 .memory_bytes = 64 << 20,
				 .memory_max_bytes = 64 << 20,
				 .kernel = "/sim/vmlinuz"};

	snprintf(c.name, sizeof c.name, "guest-%u", ++e->n_guests);
	return c;
}

static struct hv_domid create(struct env *e)
{
	struct hv_vm_config c = guest(e);
	struct wait w;

	start(e, &w, (struct hv_op){.kind = HV_CREATE, .config = &c});
	end(&w);
	cr_assert_eq(w.op.r, 0, "%s", w.op.err.text);
	return w.op.ret_domid;
}

static size_t n_domains(struct env *e)
{
	struct hv_domain domains[32];
	size_t n = 0;

	cr_assert_eq(hv_list(e->hv, domains, 32, &n, NULL), 0);
	return n;
}

Test(fault, fails_as_often_as_told)
{
	struct env e;
	struct hv_vm_config c;

	env_open(&e, "create:fail=EXHAUSTED:2");
	c = guest(&e);
	for (int i = 0; i < 2; i++)
		cr_assert_eq(run(&e, (struct hv_op){.kind = HV_CREATE, .config = &c}),
			     MU_E_EXHAUSTED);
	cr_assert_eq(n_domains(&e), 0);
	cr_assert_eq(run(&e, (struct hv_op){.kind = HV_CREATE, .config = &c}), MU_E_NONE);
	env_close(&e);
}

Test(fault, deny_does_it_and_lie_does_not)
{
	struct env e;
	struct hv_vm_config c;
	struct hv_domid domid;

	env_open(&e, "create:deny:1; destroy:lie:1");
	c = guest(&e);
	cr_assert_eq(run(&e, (struct hv_op){.kind = HV_CREATE, .config = &c}), MU_E_IO);
	cr_assert_eq(n_domains(&e), 1);
	domid = create(&e);
	cr_assert_eq(run(&e, (struct hv_op){.kind = HV_DESTROY, .domid = domid}), MU_E_NONE);
	cr_assert_eq(n_domains(&e), 2);
	env_close(&e);
}

Test(hv, every_kind_has_a_name_and_a_deadline)
{
	for (int i = 0; i < _HV_OP_KIND_COUNT; i++) {
		cr_assert_gt(strlen(hv_op_kind_name((enum hv_op_kind)i)), 0);
		cr_assert_geq(hv_op_default_deadline((enum hv_op_kind)i), MU_SEC(30));
	}
}

Test(fault, calls_fail_too)
{
	struct env e;
	struct hv_domain domains[4];
	struct hv_domain_stats *stats = mu_xcalloc(4, sizeof *stats);
	struct hv_host_stats host;
	struct mu_error err = MU_ERROR_INIT;
	size_t n;

	env_open(&e, "list:fail=UNAVAILABLE:1; stats:fail:1; stats:lie:1; list:lie:1");
	(void)create(&e);
	cr_assert_lt(hv_list(e.hv, domains, 4, &n, &err), 0);
	cr_assert_eq(err.code, MU_E_UNAVAILABLE);
	cr_assert_str_eq(err.text, "list domains: failed by the fault script");
	cr_assert_eq(n_domains(&e), 0, "the second rule");
	cr_assert_eq(n_domains(&e), 1);
	cr_assert_lt(hv_stats(e.hv, &host, stats, 4, &n, &err), 0);
	cr_assert_str_eq(err.text, "read statistics: failed by the fault script");
	cr_assert_eq(hv_stats(e.hv, &host, stats, 4, &n, &err), 0);
	cr_assert_eq(n, 0);
	cr_assert_eq(hv_stats(e.hv, &host, stats, 4, &n, &err), 0);
	cr_assert_eq(n, 1);
	free(stats);
	env_close(&e);
}

Test(fault, hang_of_one_delays_no_other)
{
	struct env e;
	struct wait hung, w;
	struct hv_domid a, b;
	mu_msec begin;

	env_open(&e, "shutdown@1:hang!");
	a = create(&e);
	b = create(&e);
	cr_assert_eq(a.value, 1);
	start(&e, &hung, (struct hv_op){.kind = HV_SHUTDOWN, .domid = a, .deadline = MU_SEC(1)});
	begin = mu_loop_now(e.loop);
	start(&e, &w, (struct hv_op){.kind = HV_SHUTDOWN, .domid = b});
	end(&w);
	cr_assert_eq(w.op.r, 0, "%s", w.op.err.text);
	cr_assert_eq(hung.n_done, 0);
	cr_assert_eq(n_domains(&e), 1);
	/* Beside the one that hangs the same domain can still be destroyed. */
	cr_assert_eq(run(&e, (struct hv_op){.kind = HV_DESTROY, .domid = a}), MU_E_NONE);
	cr_assert_eq(n_domains(&e), 0);
	end(&hung);
	cr_assert_eq(hung.op.err.code, MU_E_TIMEOUT);
	cr_assert_geq(hung.done_at - begin, 999);
	/* The driver still holds on to it: closing leaves it behind after 10 s. */
	env_close(&e);
	cr_assert_eq(hung.n_done, 1);
}

Test(fault, hang_ends_when_cancelled)
{
	struct env e;
	struct wait w;

	env_open(&e, "pause:hang; unpause:delay=60000");
	start(&e, &w, (struct hv_op){.kind = HV_PAUSE, .domid = create(&e)});
	hv_op_cancel(&w.op);
	cr_assert_eq(w.n_done, 0);
	end(&w);
	cr_assert_eq(w.op.err.code, MU_E_CANCELLED);
	start(&e, &w, (struct hv_op){.kind = HV_UNPAUSE, .domid = {1}});
	hv_op_cancel(&w.op);
	end(&w);
	cr_assert_eq(w.op.err.code, MU_E_CANCELLED);
	env_close(&e);
}

Test(fault, late_completion_reaches_nobody)
{
	struct env e;
	struct wait *w = mu_xcalloc(1, sizeof *w);
	struct hv_domid domid;

	env_open(&e, "pause:delay=300:1");
	domid = create(&e);
	start(&e, w, (struct hv_op){.kind = HV_PAUSE, .domid = domid, .deadline = 50});
	end(w);
	cr_assert_eq(w->op.err.code, MU_E_TIMEOUT);
	memset(w, 0xa5, sizeof *w);
	free(w);
	cr_assert_eq(run(&e, (struct hv_op){.kind = HV_UNPAUSE, .domid = domid}), MU_E_NONE);
	env_close(&e);
}

/* A destroy cannot be stopped half-way: it is done behind the deadline's back. */
Test(fault, late_success_shows_in_the_list_only)
{
	struct env e;
	struct wait w;
	struct hv_domid domid;

	env_open(&e, "");
	domid = create(&e);
	start(&e, &w, (struct hv_op){.kind = HV_DESTROY, .domid = domid, .deadline = 10});
	end(&w);
	cr_assert_eq(w.op.err.code, MU_E_TIMEOUT);
	cr_assert_eq(n_domains(&e), 1);
	/* Waits for the same end. */
	cr_assert_eq(run(&e, (struct hv_op){.kind = HV_DESTROY, .domid = domid}), MU_E_NONE);
	cr_assert_eq(w.n_done, 1);
	cr_assert_eq(n_domains(&e), 0);
	env_close(&e);
}

Test(fault, delayed_operation_is_still_done)
{
	struct env e;
	struct hv_domid domid;
	mu_msec begin;

	env_open(&e, "pause:delay=200");
	domid = create(&e);
	begin = mu_loop_now(e.loop);
	cr_assert_eq(run(&e, (struct hv_op){.kind = HV_PAUSE, .domid = domid}), MU_E_NONE);
	cr_assert_geq(mu_loop_now(e.loop) - begin, 200);
	env_close(&e);
}

Test(fault, closing_with_everything_under_way)
{
	struct env e;
	struct wait w[5];
	struct hv_vm_config c;

	env_open(&e, "pause:hang; save:delay=60000; unpause:deny:1");
	c = guest(&e);
	start(&e, &w[0], (struct hv_op){.kind = HV_PAUSE, .domid = create(&e)});
	start(&e, &w[1], (struct hv_op){.kind = HV_SAVE, .domid = {1}, .path = "/nonexistent/x"});
	start(&e, &w[2], (struct hv_op){.kind = HV_UNPAUSE, .domid = {1}});
	start(&e, &w[3], (struct hv_op){.kind = HV_CREATE, .config = &c});
	start(&e, &w[4], (struct hv_op){.kind = HV_PAUSE, .domid = {0}});
	env_close(&e);
	for (int i = 0; i < 5; i++)
		cr_assert_eq(w[i].n_done, 1, "%d: %d", i, w[i].n_done);
	cr_assert_eq(w[0].op.err.code, MU_E_CANCELLED);
	cr_assert_eq(w[1].op.err.code, MU_E_CANCELLED);
	cr_assert_eq(w[4].op.err.code, MU_E_INVALID);
}

Test(fault, bad_script_leaves_the_driver_to_its_owner)
{
	struct mu_loop *loop = mu_loop_new();
	const struct hv_sim_options options = {.seed = 1};
	const struct hv_ops *sim_ops, *ops;
	void *sim, *impl;
	struct mu_error err = MU_ERROR_INIT;
	bool freed = false;

	cr_assert_eq(hv_sim_new(loop, &options, &sim_ops, &sim, &err), 0);
	cr_assert_lt(hv_fault_new(loop, "create:explode", sim_ops, sim, &ops, &impl, &err), 0);
	cr_assert(strstr(err.text, "explode"), "%s", err.text);
	sim_ops->free(sim, on_freed, &freed);
	mu_loop_run(loop);
	cr_assert(freed);
	mu_loop_free(loop);
}

/* hv.c's part of the watch: coalesced, from the loop. */
Test(watch, bursts_are_coalesced)
{
	struct env e;
	struct hv_vm_config c;

	env_open(&e, "");
	c = guest(&e);
	for (int i = 0; i < 20; i++) {
		hv_sim_xl_create(e.sim, &c);
		c = guest(&e);
	}
	cr_assert_eq(e.n_changed, 0, "inside the call");
	(void)run(&e, (struct hv_op){.kind = HV_PAUSE, .domid = {1}});
	cr_assert_geq(e.n_changed, 1);
	cr_assert_leq(e.n_changed, 3);
	cr_assert_eq(n_domains(&e), 20);
	hv_sim_kill(e.sim, (struct hv_domid){20});
	hv_sim_kill(e.sim, (struct hv_domid){4000});
	cr_assert_eq(n_domains(&e), 19);
	env_close(&e);
}
