/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operations on a simulated host. An operation starts, waits for a file or for its domain to reach
 * a phase, and ends once: sim_op_look() compares after every change of a domain, sim_op_due() goes
 * on when an operation's own time has come.
 */
#include "agent/hv/sim/sim_priv.h"
#include "agent/hv/sim/sim_state.h"
#include "common/base/assert.h"

#include <inttypes.h>
#include <stdlib.h>

#define SUSPEND_PATIENCE MU_SEC(60)

static struct sim_op *find_op(const struct sim_model *m, uint64_t id)
{
	mu_list_each(it, &m->ops)
	{
		struct sim_op *op = MU_CONTAINER_OF(it, struct sim_op, link);

		if (op->id == id)
			return op;
	}
	return NULL;
}

void sim_op_free(struct sim_op *op)
{
	mu_list_remove(&op->link);
	free(op->config);
	free(op->device);
	free(op->resources);
	free(op);
}

/* Ends `op`; err NULL = success. */
static void end_op(struct sim_step *s, struct sim_op *op, const struct mu_error *err)
{
	struct sim_action *a = sim_act(s, SIM_DONE, op->id);

	a->domid = op->domid;
	a->number = op->number;
	a->stopped = op->stopped_at ? s->m->now - op->stopped_at : 0;
	if (err) {
		a->r = MU_FAILED;
		a->err = *err;
	}
	sim_op_free(op);
}

static void fail_op(struct sim_step *s, struct sim_op *op, enum mu_error_code code,
		    const char *text)
{
	struct mu_error err = MU_ERROR_INIT;

	mu_error_set(&err, code, "%s", text);
	end_op(s, op, &err);
}

static bool makes_domain(const struct sim_op *op)
{
	return op->kind == HV_CREATE || op->kind == HV_RESTORE;
}

static bool waits_for_end(const struct sim_op *op)
{
	return op->kind == HV_SHUTDOWN || op->kind == HV_REBOOT || op->kind == HV_DESTROY;
}

static void start_making(struct sim_step *s, struct sim_op *op, const struct sim_event *e)
{
	op->config = mu_xmemdup(e->config, sizeof *e->config);
	op->in_file = true;
	sim_act(s, op->kind == HV_CREATE ? SIM_FILE_CHECK : SIM_FILE_READ, op->id);
}

/* The guest hears it, unless it is deaf; a paused one hears it when it runs again. */
static void ask_to_stop(struct sim_model *m, struct sim_domain *d, enum hv_shutdown reason)
{
	mu_msec at = d->run_ms + sim_jitter(m, m->params.shutdown_ms);

	if (d->traits.deaf || d->phase != SIM_LIVE || (d->stop_at && d->stop_at <= at))
		return;
	d->stop_at = at;
	d->stop_reason = reason;
}

/* r is the change's: positive when it is not over. */
static void end_change(struct sim_step *s, struct sim_op *op, int r, const struct mu_error *err)
{
	if (r <= 0)
		end_op(s, op, r < 0 ? err : NULL);
}

/* The file was looked at, or the guest had its time. */
static void go_on_with_change(struct sim_step *s, struct sim_op *op)
{
	struct sim_domain *d = sim_find(s->m, op->domid);
	struct mu_error err = MU_ERROR_INIT;

	op->next_at = MU_MSEC_NEVER;
	if (!d || d->phase != SIM_LIVE)
		fail_op(s, op, MU_E_NOT_FOUND, "the domain stopped meanwhile");
	else if (op->cancelled)
		fail_op(s, op, MU_E_CANCELLED, "cancelled");
	else
		end_change(s, op, sim_change_go_on(s, op, d, &err), &err);
}

static bool saves(const struct sim_op *op)
{
	return op->kind == HV_SAVE || op->kind == HV_CHECKPOINT;
}

/* A deaf guest is given up when libxl would. */
static void start_saving(struct sim_step *s, struct sim_op *op, const struct sim_domain *d)
{
	if (d->paused || d->suspended)
		fail_op(s, op, MU_E_STATE,
			"a paused guest cannot be suspended; hint: unpause it first");
	else
		op->next_at =
		    s->m->now + (d->traits.deaf ? SUSPEND_PATIENCE : s->m->params.save_ms / 4);
}

static void start_on_domain(struct sim_step *s, struct sim_op *op)
{
	struct sim_domain *d = sim_find(s->m, op->domid);
	struct mu_error err = MU_ERROR_INIT;

	if (!d) {
		mu_error_set(&err, MU_E_NOT_FOUND, "there is no domain %" PRIu32, op->domid.value);
		end_op(s, op, op->kind == HV_DESTROY ? NULL : &err);
		return;
	}
	if (op->kind == HV_DESTROY) {
		sim_begin_dying(s, d);
		return;
	}
	if (d->phase == SIM_BUILDING) {
		fail_op(s, op, MU_E_STATE, "the domain is still being built");
		return;
	}
	if (op->kind == HV_SHUTDOWN || op->kind == HV_REBOOT) {
		ask_to_stop(s->m, d,
			    op->kind == HV_REBOOT ? HV_SHUTDOWN_REBOOT : HV_SHUTDOWN_POWEROFF);
		s->store = true;
		return;
	}
	if (d->phase != SIM_LIVE) {
		fail_op(s, op, MU_E_STATE, "the domain has stopped");
		return;
	}
	if (sim_op_changes(op)) {
		end_change(s, op, sim_change_start(s, op, d, &err), &err);
		return;
	}
	if (saves(op)) {
		start_saving(s, op, d);
		return;
	}
	if (d->paused != (op->kind == HV_PAUSE) || (op->kind == HV_UNPAUSE && d->suspended)) {
		d->paused = op->kind == HV_PAUSE;
		d->suspended = d->suspended && d->paused;
		sim_changed(s);
	}
	end_op(s, op, NULL);
}

void sim_op_start(struct sim_step *s, const struct sim_event *e)
{
	struct sim_op *op = mu_xcalloc(1, sizeof *op);
	struct mu_error err = MU_ERROR_INIT;

	mu_assert(e->op != 0 && !find_op(s->m, e->op));
	op->id = e->op;
	op->kind = e->op_kind;
	op->paused = e->paused;
	op->begun_at = s->m->now;
	op->next_at = MU_MSEC_NEVER;
	mu_list_push_back(&s->m->ops, &op->link);
	if (makes_domain(op)) {
		start_making(s, op, e);
		return;
	}
	if (e->device)
		op->device = mu_xmemdup(e->device, sizeof *e->device);
	if (e->resources)
		op->resources = mu_xmemdup(e->resources, sizeof *e->resources);
	if (op->kind == HV_PCI_ASSIGN || op->kind == HV_PCI_RELEASE) {
		end_change(s, op, sim_change_start(s, op, NULL, &err), &err);
		return;
	}
	op->domid = e->domid;
	start_on_domain(s, op);
}

void sim_op_cancel(struct sim_step *s, uint64_t id)
{
	struct sim_op *op = find_op(s->m, id);
	struct sim_domain *d;

	if (!op)
		return;
	op->cancelled = true;
	if (op->in_file) /* its answer comes soon */
		return;
	d = sim_find(s->m, op->domid);
	if (d && d->phase == SIM_DYING) /* past the point of no return */
		return;
	if (makes_domain(op) && d)
		sim_remove(s, d);
	fail_op(s, op, MU_E_CANCELLED, "cancelled");
}

/* The files of a create are there, or the save file was read: make the domain. */
static void make_domain(struct sim_step *s, struct sim_op *op, const struct sim_event *e)
{
	mu_msec ms = op->kind == HV_CREATE ? s->m->params.create_ms : s->m->params.restore_ms;
	struct mu_error err = MU_ERROR_INIT;
	struct sim_domain *d;

	if (op->cancelled) {
		fail_op(s, op, MU_E_CANCELLED, "cancelled");
		return;
	}
	if ((op->kind == HV_RESTORE &&
	     sim_save_check(e->data, e->len, &op->config->id, &err) < 0) ||
	    sim_admit(s->m, op->config, &err) < 0) {
		end_op(s, op, &err);
		return;
	}
	d = sim_add(s->m, sim_new_domid(s->m), op->config);
	d->phase = SIM_BUILDING;
	op->domid = d->domid;
	op->begun_at = s->m->now;
	op->next_at = s->m->now + sim_jitter(s->m, ms);
	sim_changed(s);
}

/* Its guest stands still until HV_UNPAUSE. */
static void end_checkpoint(struct sim_step *s, struct sim_op *op, struct sim_domain *d)
{
	if (!d || d->phase != SIM_LIVE) {
		fail_op(s, op, MU_E_STATE, "the domain stopped before it was saved");
	} else if (op->cancelled) {
		fail_op(s, op, MU_E_CANCELLED, "cancelled");
	} else {
		d->suspended = true;
		sim_changed(s);
		end_op(s, op, NULL);
	}
}

void sim_op_file_done(struct sim_step *s, const struct sim_event *e)
{
	struct sim_op *op = find_op(s->m, e->op);
	struct sim_domain *d;

	if (!op || !op->in_file)
		return;
	op->in_file = false;
	d = sim_find(s->m, op->domid);
	if (saves(op) && d)
		d->saving = false;
	if (op->kind == HV_SAVE && d) {
		if (e->r == 0)
			sim_begin_dying(s, d); /* the operation ends with it */
		op->saved = e->r == 0;
	}
	if (e->r < 0)
		end_op(s, op, e->err);
	else if (makes_domain(op))
		make_domain(s, op, e);
	else if (sim_op_changes(op))
		go_on_with_change(s, op);
	else if (op->kind == HV_CHECKPOINT)
		end_checkpoint(s, op, d);
}

static void save_due(struct sim_step *s, struct sim_op *op)
{
	struct sim_domain *d = sim_find(s->m, op->domid);
	mu_msec quarter = s->m->params.save_ms / 4;
	mu_msec gone = s->m->now - op->begun_at;
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	struct sim_action *a;

	mu_assert(d);
	if (d->traits.deaf) {
		fail_op(s, op, MU_E_TIMEOUT,
			"the guest did not react to the request to suspend; hint: it needs PV "
			"drivers that can");
		return;
	}
	if (gone < 3 * quarter) {
		sim_act(s, SIM_PROGRESS, op->id)->percent =
		    (int)(100 * gone / (s->m->params.save_ms ? s->m->params.save_ms : 1));
		op->next_at = s->m->now + quarter;
		return;
	}
	op->next_at = MU_MSEC_NEVER;
	op->in_file = true;
	op->stopped_at = s->m->now;
	d->saving = true;
	sim_save_encode(&d->config, &text);
	a = sim_act(s, SIM_FILE_WRITE, op->id);
	a->data = mu_arena_memdup(s->arena, text.data, text.len);
	a->len = text.len;
}

void sim_op_due(struct sim_step *s, struct sim_op *op)
{
	struct sim_domain *d = sim_find(s->m, op->domid);

	if (saves(op)) {
		save_due(s, op);
		return;
	}
	if (sim_op_changes(op)) {
		go_on_with_change(s, op);
		return;
	}
	mu_assert(d && makes_domain(op));
	sim_go_live(s->m, d, op->paused);
	sim_changed(s);
	end_op(s, op, NULL);
}

/* Has the domain gone where the operation waits for it, or where it cannot go on? */
bool sim_op_look(struct sim_step *s, struct sim_op *op)
{
	struct sim_domain *d = sim_find(s->m, op->domid);

	if (makes_domain(op) ? op->in_file : d && d->phase == SIM_LIVE)
		return false;
	if (waits_for_end(op)) {
		if (!d)
			end_op(s, op, NULL);
		else if (d->phase == SIM_STOPPED)
			sim_begin_dying(s, d);
		else
			return false;
		return true;
	}
	if (sim_op_changes(op)) {
		if (op->in_file)
			return false;
		go_on_with_change(s, op);
		return true;
	}
	if (saves(op)) {
		if (op->in_file || (op->saved && d))
			return false;
		if (op->saved)
			end_op(s, op, NULL);
		else
			fail_op(s, op, MU_E_STATE, "the domain stopped before it was saved");
		return true;
	}
	if (d && d->phase == SIM_BUILDING)
		return false;
	fail_op(s, op, MU_E_STATE, "the domain was destroyed while it was being built");
	return true;
}
