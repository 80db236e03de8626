/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulated host on real timers, behind struct hv_ops.
 *
 * Every call and every timer is one step of the model. The actions of a step form a batch; batches
 * are carried out one after the other, and a SIM_STORE holds up what is behind it until the state
 * file is written, so that nothing is reported that a killed agent would not find again. Files
 * are read and written on work threads. Model time is the wall clock at start plus what the
 * monotonic clock says since; it never goes back, also not behind what a state file says.
 */
#include "agent/hv/drivers.h"
#include "agent/hv/sim/sim_console.h"
#include "agent/hv/sim/sim_model.h"
#include "agent/hv/sim/sim_state.h"
#include "common/base/assert.h"
#include "common/base/list.h"
#include "common/log/log.h"
#include "common/loop/work.h"
#include "common/os/clock.h"
#include "common/os/file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct batch {
	struct mu_link link;
	struct mu_arena *arena;
	struct sim_action *next;
};

struct running {
	struct mu_link link;
	uint64_t id;
	struct hv_op *op;
};

struct sim_hv {
	struct mu_loop *loop;
	struct sim_model *model;
	struct sim_consoles *consoles;
	struct mu_timer *timer;
	const struct hv_watch *watch;
	mu_msec base; /* model time - loop time */
	uint64_t last_op;
	struct mu_link running;
	struct mu_link batches;
	size_t n_jobs; /* works in flight */
	bool pumping;
	/* the state file */
	char *state_path;
	bool storing;
	struct mu_work store_work;
	struct mu_str store_text;
	struct mu_error store_err;
	/* closing */
	bool closing;
	mu_loop_cb free_done;
	void *free_ctx;
};

/* A file action on its way. */
struct job {
	struct mu_work work;
	struct sim_hv *s;
	enum sim_action_kind kind;
	uint64_t op;
	char *path;
	struct hv_vm_config *config;
	int64_t size_bytes;
	struct mu_str data;
	int r;
	struct mu_error err;
};

static void step(struct sim_hv *s, struct sim_event *event);

/* ---- the state file ---- */

static void pump(struct sim_hv *s);

static void store_run(struct mu_work *w)
{
	struct sim_hv *s = MU_CONTAINER_OF(w, struct sim_hv, store_work);

	mu_error_clear(&s->store_err);
	(void)mu_file_replace(s->state_path, s->store_text.data, s->store_text.len, 0600,
			      &s->store_err);
}

/* A host whose memory cannot be written down goes on; it will be forgotten, that is all. */
static void store_done(struct mu_work *w)
{
	struct sim_hv *s = MU_CONTAINER_OF(w, struct sim_hv, store_work);

	if (s->store_err.code != MU_E_NONE)
		mu_log_warning("simulated host not stored err=\"%s\"", s->store_err.text);
	s->storing = false;
	s->n_jobs--;
	pump(s);
}

/* One store serves every batch that is waiting. */
static void store_start(struct sim_hv *s)
{
	mu_list_each(it, &s->batches)
	{
		struct batch *b = MU_CONTAINER_OF(it, struct batch, link);

		if (b->next && b->next->kind == SIM_STORE)
			b->next = b->next->next;
	}
	mu_str_reset(&s->store_text);
	sim_state_encode(s->model, &s->store_text);
	s->store_work = (struct mu_work){.run = store_run, .done = store_done};
	s->storing = true;
	s->n_jobs++;
	mu_work_start(&s->store_work, s->loop);
}

/* ---- file actions ---- */

static int check_file(const char *what, const char *path, struct mu_error *err)
{
	struct stat st;

	if (path[0] == '\0' || mu_str_has_prefix(path, SIM_FILES))
		return 0;
	if (stat(path, &st) < 0)
		return mu_error_errno(err, errno, "%s %s", what, path);
	if (S_ISDIR(st.st_mode))
		return mu_error_set(err, MU_E_INVALID, "%s %s is a directory", what, path);
	return 0;
}

static int check_size(const char *path, int64_t size_bytes, struct mu_error *err)
{
	struct stat st;

	if (check_file("disk", path, err) < 0)
		return MU_FAILED;
	if (size_bytes == 0 || mu_str_has_prefix(path, SIM_FILES) || stat(path, &st) < 0 ||
	    !S_ISREG(st.st_mode) || st.st_size >= size_bytes)
		return 0;
	return mu_error_set(err, MU_E_STATE,
			    "%s has %" PRId64 " bytes, less than the %" PRId64
			    " that the guest shall see; hint: grow it first",
			    path, (int64_t)st.st_size, size_bytes);
}

static int check_files(const struct hv_vm_config *c, struct mu_error *err)
{
	if (check_file("kernel", c->kernel, err) < 0 || check_file("ramdisk", c->ramdisk, err) < 0)
		return MU_FAILED;
	for (size_t i = 0; i < c->n_disks; i++) {
		if (check_file("disk", c->disks[i].path, err) < 0)
			return MU_FAILED;
	}
	return 0;
}

static void job_run(struct mu_work *w)
{
	struct job *j = MU_CONTAINER_OF(w, struct job, work);

	if (j->kind == SIM_FILE_CHECK && !j->config)
		j->r = check_size(j->path, j->size_bytes, &j->err);
	else if (j->kind == SIM_FILE_CHECK)
		j->r = check_files(j->config, &j->err);
	else if (j->kind == SIM_FILE_READ)
		j->r = mu_file_read(j->path, SIM_SAVE_MAX, &j->data, &j->err);
	else
		j->r = mu_file_replace(j->path, j->data.data, j->data.len, 0600, &j->err);
}

static void job_done(struct mu_work *w)
{
	struct job *j = MU_CONTAINER_OF(w, struct job, work);
	struct sim_hv *s = j->s;
	struct sim_event event = {
	    .kind = SIM_FILE_DONE,
	    .op = j->op,
	    .r = j->r,
	    .err = &j->err,
	    .data = j->data.data,
	    .len = j->data.len,
	};

	step(s, &event);
	free(j->path);
	free(j->config);
	mu_str_deinit(&j->data);
	free(j);
	s->n_jobs--;
	pump(s);
}

static void job_start(struct sim_hv *s, const struct sim_action *a, const struct hv_op *op)
{
	struct job *j = mu_xcalloc(1, sizeof *j);

	j->work = (struct mu_work){.run = job_run, .done = job_done};
	j->s = s;
	j->kind = a->kind;
	j->op = a->op;
	j->size_bytes = a->size_bytes;
	if (op->path)
		j->path = mu_xstrdup(op->path);
	else if (a->kind == SIM_FILE_CHECK && a->data)
		j->path = mu_xstrdup(a->data);
	else if (a->kind == SIM_FILE_CHECK)
		j->config = mu_xmemdup(op->config, sizeof *op->config);
	if (a->kind == SIM_FILE_WRITE)
		mu_str_add_bytes(&j->data, a->data, a->len);
	s->n_jobs++;
	mu_work_start(&j->work, s->loop);
}

/* ---- actions ---- */

static struct running *find_running(struct sim_hv *s, uint64_t id)
{
	mu_list_each(it, &s->running)
	{
		struct running *run = MU_CONTAINER_OF(it, struct running, link);

		if (run->id == id)
			return run;
	}
	return NULL;
}

static void op_done(struct running *run, const struct sim_action *a)
{
	struct hv_op *op = run->op;

	mu_list_remove(&run->link);
	free(run);
	op->priv = NULL;
	if (a->r == 0 && (op->kind == HV_CREATE || op->kind == HV_RESTORE))
		op->ret_domid = a->domid;
	op->ret_number = a->number;
	op->ret_stopped = a->stopped;
	hv_op_complete(op, a->r, &a->err);
}

static void carry_out(struct sim_hv *s, const struct sim_action *a)
{
	struct running *run = a->op ? find_running(s, a->op) : NULL;

	switch (a->kind) {
	case SIM_STORE:
		if (s->state_path)
			store_start(s);
		break;
	case SIM_DONE:
		if (run)
			op_done(run, a);
		break;
	case SIM_PROGRESS:
		if (run)
			hv_op_progress(run->op, a->percent);
		break;
	case SIM_DOMAINS_CHANGED:
		sim_consoles_look(s->consoles);
		if (s->watch)
			s->watch->domains_changed(s->watch->ctx);
		break;
	case SIM_GUEST_CHANGED:
		if (s->watch)
			s->watch->guest_changed(a->domid, s->watch->ctx);
		break;
	case SIM_FILE_CHECK:
	case SIM_FILE_READ:
	case SIM_FILE_WRITE:
		if (run)
			job_start(s, a, run->op);
		break;
	}
}

static void close_end(void *ctx)
{
	struct sim_hv *s = ctx;
	mu_loop_cb done = s->free_done;
	void *done_ctx = s->free_ctx;

	mu_list_each(it, &s->running)
	{
		struct running *run = MU_CONTAINER_OF(it, struct running, link);

		mu_list_remove(&run->link);
		free(run);
	}
	mu_timer_free(s->timer);
	sim_consoles_free(s->consoles);
	sim_model_free(s->model);
	mu_str_deinit(&s->store_text);
	free(s->state_path);
	free(s);
	done(done_ctx);
}

/* Carry out what is not held up by a store. */
static void pump(struct sim_hv *s)
{
	if (s->pumping)
		return;
	s->pumping = true;
	while (!s->storing && !mu_list_empty(&s->batches)) {
		struct batch *b = mu_list_first(&s->batches, struct batch, link);
		struct sim_action *a = b->next;

		if (a) {
			b->next = a->next;
			carry_out(s, a);
			continue;
		}
		mu_list_remove(&b->link);
		mu_arena_free(b->arena);
		free(b);
	}
	s->pumping = false;
	if (s->closing && s->n_jobs == 0) {
		s->closing = false;
		mu_loop_post(s->loop, close_end, s);
	}
}

static void step(struct sim_hv *s, struct sim_event *event)
{
	struct mu_arena *arena = mu_arena_new();
	mu_msec wake;
	struct batch *b;

	event->now = s->base + mu_loop_now(s->loop);
	b = mu_xcalloc(1, sizeof *b);
	b->arena = arena;
	b->next = sim_model_step(s->model, event, arena);
	mu_list_push_back(&s->batches, &b->link);
	wake = sim_model_wake_at(s->model);
	if (wake == MU_MSEC_NEVER)
		mu_timer_cancel(s->timer);
	else
		mu_timer_set(s->timer, wake > event->now ? wake - event->now : 0);
	pump(s);
}

static void tick(void *ctx)
{
	step(ctx, &(struct sim_event){.kind = SIM_TICK});
}

/* ---- struct hv_ops ---- */

static void sim_free(void *impl, mu_loop_cb done, void *ctx)
{
	struct sim_hv *s = impl;

	s->watch = NULL;
	s->free_done = done;
	s->free_ctx = ctx;
	mu_timer_cancel(s->timer);
	s->closing = true;
	pump(s);
}

static int sim_host_info(void *impl, struct model_host *ret_host, struct mu_error *err)
{
	struct sim_hv *s = impl;

	(void)err;
	tick(s);
	sim_model_host_info(s->model, ret_host);
	return 0;
}

static int sim_list(void *impl, struct hv_domain *ret_domains, size_t max, size_t *ret_n,
		    struct mu_error *err)
{
	struct sim_hv *s = impl;

	(void)err;
	tick(s);
	*ret_n = sim_model_list(s->model, ret_domains, max);
	return 0;
}

static int sim_guest(void *impl, struct hv_domid domid, struct vm_guest *ret_guest,
		     struct mu_error *err)
{
	struct sim_hv *s = impl;

	tick(s);
	return sim_model_guest(s->model, domid, ret_guest, err);
}

static int sim_stats(void *impl, struct hv_host_stats *ret_host,
		     struct hv_domain_stats *ret_domains, size_t max, size_t *ret_n,
		     struct mu_error *err)
{
	struct sim_hv *s = impl;

	(void)err;
	tick(s);
	*ret_n = sim_model_stats(s->model, ret_host, ret_domains, max);
	ret_host->at = mu_loop_now(s->loop);
	return 0;
}

static void sim_watch(void *impl, const struct hv_watch *watch)
{
	struct sim_hv *s = impl;

	s->watch = watch;
}

static void sim_op_start(void *impl, struct hv_op *op)
{
	struct sim_hv *s = impl;
	struct running *run = mu_xcalloc(1, sizeof *run);
	struct sim_event event = {
	    .kind = SIM_OP_START,
	    .op_kind = op->kind,
	    .domid = op->domid,
	    .config = op->config,
	    .device = op->device,
	    .resources = op->resources,
	    .path = op->path,
	    .paused = op->paused,
	};

	run->op = op;
	run->id = event.op = ++s->last_op;
	mu_list_push_back(&s->running, &run->link);
	op->priv = run;
	step(s, &event);
}

static void sim_op_cancel(void *impl, struct hv_op *op)
{
	const struct running *run = op->priv;

	if (run)
		step(impl, &(struct sim_event){.kind = SIM_OP_CANCEL, .op = run->id});
}

static int sim_config(void *impl, struct hv_domid domid, struct hv_vm_config *ret_config,
		      struct mu_error *err)
{
	struct sim_hv *s = impl;

	tick(s);
	return sim_model_config(s->model, domid, ret_config, err);
}

static int sim_pci_list(void *impl, struct hv_host_pci *ret_devices, size_t max, size_t *ret_n,
			struct mu_error *err)
{
	struct sim_hv *s = impl;

	(void)err;
	*ret_n = sim_model_pci_list(s->model, ret_devices, max);
	return 0;
}

static int sim_console(void *impl, struct hv_domid domid, enum hv_console_kind kind,
		       struct hv_console *ret, struct mu_error *err)
{
	struct sim_hv *s = impl;

	return sim_consoles_find(s->consoles, domid, kind, ret, err);
}

static int sim_emergency_destroy(void *impl, struct hv_domid domid, struct mu_error *err)
{
	(void)err;
	hv_sim_kill(impl, domid);
	return 0;
}

static int sim_host_details(void *impl, struct hv_host_details *ret_details, struct mu_error *err)
{
	struct sim_hv *s = impl;

	(void)err;
	tick(s);
	sim_model_host_details(s->model, ret_details);
	return 0;
}

static int sim_dom0(void *impl, struct model_controller *ret, struct mu_error *err)
{
	struct sim_hv *s = impl;

	(void)err;
	sim_model_dom0(s->model, ret);
	return 0;
}

static int sim_cpupools(void *impl, struct hv_cpupool *ret_pools, size_t max, size_t *ret_n,
			struct mu_error *err)
{
	struct sim_hv *s = impl;

	(void)err;
	tick(s);
	*ret_n = sim_model_cpupools(s->model, ret_pools, max);
	return 0;
}

static int sim_cpupool_change(void *impl, const struct hv_cpupool_change *change,
			      struct mu_error *err)
{
	struct sim_hv *s = impl;

	tick(s);
	return sim_model_cpupool_change(s->model, change, err);
}

static int sim_dmesg(void *impl, struct mu_str *out, struct mu_error *err)
{
	struct sim_hv *s = impl;

	(void)err;
	tick(s);
	sim_model_dmesg(s->model, out);
	return 0;
}

static const struct hv_ops sim_ops = {
    .name = "sim",
    .free = sim_free,
    .host_info = sim_host_info,
    .list = sim_list,
    .guest = sim_guest,
    .stats = sim_stats,
    .watch = sim_watch,
    .op_start = sim_op_start,
    .op_cancel = sim_op_cancel,
    .config = sim_config,
    .emergency_destroy = sim_emergency_destroy,
    .host_details = sim_host_details,
    .dom0 = sim_dom0,
    .cpupools = sim_cpupools,
    .cpupool_change = sim_cpupool_change,
    .dmesg = sim_dmesg,
    .pci_list = sim_pci_list,
    .console = sim_console,
};

void hv_sim_xl_create(void *impl, const struct hv_vm_config *config)
{
	step(impl, &(struct sim_event){.kind = SIM_XL_CREATE, .config = config});
}

void hv_sim_kill(void *impl, struct hv_domid domid)
{
	step(impl, &(struct sim_event){.kind = SIM_KILL, .domid = domid});
}

/* ---- making one ---- */

static mu_msec or_default(mu_msec ms, mu_msec def)
{
	return ms > 0 ? ms : def;
}

static int read_options(const struct hv_sim_options *o, struct sim_params *ret,
			struct mu_error *err)
{
	*ret = (struct sim_params){
	    .seed = o->seed,
	    .cpus = o->cpus ? o->cpus : 8,
	    .memory_bytes = o->memory_bytes ? o->memory_bytes : (int64_t)64 << 30,
	    .n_foreign = o->n_foreign,
	    .create_ms = or_default(o->create_ms, 800),
	    .shutdown_ms = or_default(o->shutdown_ms, 2000),
	    .save_ms = or_default(o->save_ms, 1500),
	    .restore_ms = or_default(o->restore_ms, 1000),
	    .destroy_ms = or_default(o->destroy_ms, 150),
	    .guest_ms = or_default(o->guest_ms, 4000),
	};
	if (ret->cpus > HV_VCPUS_MAX)
		return mu_error_set(err, MU_E_INVALID, "simulated host: %u cpus; at most %d",
				    ret->cpus, HV_VCPUS_MAX);
	if (ret->memory_bytes < (int64_t)1 << 30)
		return mu_error_set(err, MU_E_INVALID,
				    "simulated host: %" PRId64 " bytes of memory; at least 1 GiB",
				    ret->memory_bytes);
	if (ret->n_foreign > HV_DOMAINS_MAX)
		return mu_error_set(err, MU_E_INVALID, "simulated host: %u domains; at most %d",
				    ret->n_foreign, HV_DOMAINS_MAX);
	snprintf(ret->name, sizeof ret->name, "%s", o->name ? o->name : "sim");
	return 0;
}

/* A damaged state file is put aside: the host starts as after a reboot. */
static int load(struct sim_hv *s, const struct sim_params *params, mu_msec now,
		struct mu_error *err)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	MU_CLEANUP(mu_free) char *aside = NULL;
	struct mu_error why = MU_ERROR_INIT;

	if (mu_file_read(s->state_path, SIM_STATE_MAX, &text, &why) < 0) {
		if (why.code == MU_E_NOT_FOUND)
			return 0;
		if (err)
			*err = why;
		return MU_FAILED;
	}
	if (sim_state_decode(text.data, text.len, params, now, &s->model, &why) == 0)
		return 0;
	if (mu_file_set_aside(s->state_path, &aside, err) < 0)
		return MU_FAILED;
	mu_log_warning("simulated host starts anew: state is damaged err=\"%s\" kept=%s", why.text,
		       aside);
	return 0;
}

static int open_state(struct sim_hv *s, const char *dir, const struct sim_params *params,
		      mu_msec now, struct mu_error *err)
{
	if (!dir)
		return 0;
	if (mu_file_mkdirs(dir, 0700, err) < 0)
		return MU_FAILED;
	s->state_path = mu_xasprintf("%s/sim-host.json", dir);
	return load(s, params, now, err);
}

int hv_sim_new(struct mu_loop *loop, const struct hv_sim_options *options,
	       const struct hv_ops **ret_ops, void **ret_impl, struct mu_error *err)
{
	mu_msec now = mu_clock_wall();
	struct sim_params params;
	struct sim_hv *s;

	if (read_options(options, &params, err) < 0)
		return MU_FAILED;
	s = mu_xcalloc(1, sizeof *s);
	if (open_state(s, options->state_dir, &params, now, err) < 0) {
		free(s->state_path);
		free(s);
		return mu_error_prefix(err, "simulated host");
	}
	s->loop = loop;
	mu_link_init(&s->running);
	mu_link_init(&s->batches);
	s->timer = mu_timer_new(loop, tick, s);
	if (!s->model)
		s->model = sim_model_new(&params, now);
	s->consoles = sim_consoles_new(loop, s->model);
	now = now > sim_model_now(s->model) ? now : sim_model_now(s->model);
	s->base = now - mu_loop_now(loop);
	if (s->state_path)
		store_start(s);
	tick(s);
	*ret_ops = &sim_ops;
	*ret_impl = s;
	return 0;
}
