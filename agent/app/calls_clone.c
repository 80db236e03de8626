/* SPDX-License-Identifier: Apache-2.0 */
/*
 *     copies of the disks - definition                                a VM that nobody runs
 *     snapshot - copies of that - its disks deleted - definition      one that is in use
 *
 * The definition is what counts: a crash before it leaves disks that nobody names (their ids follow
 * from the new VM's, so the same request made again finds them in its way and says so). The disks
 * in between are deleted by the verdict.
 */
#include "agent/app/copying.h"
#include "common/os/clock.h"

#include <string.h>

static void on_stored(void *arg, const struct vm_id *vm, const struct mu_error *err)
{
	struct copying *k = arg;

	if (err)
		copying_undo(k, err);
	else
		app_call_finish(k->call, NULL, copying_value(k->call->arena, vm));
}

static void on_copied(struct disk_set *set, const struct mu_error *err)
{
	struct copying *k = set->ctx;

	if (err)
		copying_fail(k, err);
	else
		define_store(k->call->app, &k->copy.spec, on_stored, k);
}

/* `sr` is in the arguments, which live as long as the call. */
static void copy(struct copying *k, void (*done)(struct disk_set *set, const struct mu_error *err))
{
	const char *text = mu_value_as_string(mu_value_get(k->call->arguments, "srId"));
	struct mu_uuid sr;

	copying_disks(k, text && mu_uuid_parse(text, &sr) ? &sr : NULL, done);
}

/* ---- of a VM that is in use ---- */

static void on_copied_from_between(struct disk_set *set, const struct mu_error *err)
{
	struct copying *k = set->ctx;

	copying_remove_between(k->call->app, &k->between);
	on_copied(set, err);
}

/* The copies are made of the snapshot's disks. */
static void redirect(struct copying *k)
{
	for (size_t i = 0; i < k->copy.n_disks; i++) {
		for (size_t j = 0; j < k->between.n_disks; j++) {
			if (mu_uuid_equal(&k->copy.disks[i].from, &k->between.disks[j].from))
				k->copy.disks[i].from = k->between.disks[j].to;
		}
	}
}

static void on_snapshot(struct snapshot *s, const struct mu_error *err)
{
	struct copying *k = s->ctx;

	if (err) {
		copying_fail(k, err);
		return;
	}
	redirect(k);
	copy(k, on_copied_from_between);
}

static void on_snapshot_progress(struct snapshot *s, int percent)
{
	(void)s;
	(void)percent; /* only memory takes time */
}

static int plan_between(const struct vm_spec *from, const struct mu_uuid *task,
			struct vm_copy *ret_copy, struct mu_error *err)
{
	struct vm_id id = {mu_uuid_derive(task, "between")};

	return vm_copy_snapshot(from, &id, NULL, mu_clock_wall(), ret_copy, err);
}

static void take_between(struct copying *k)
{
	struct snapshot *s = &k->snapshot;

	s->app = k->call->app;
	s->vm = k->call->vm;
	s->copy = &k->between;
	s->progress = on_snapshot_progress;
	s->done = on_snapshot;
	s->ctx = k;
	snapshot_start(s);
}

/* ---- the call ---- */

static int plan(struct copying *k, struct mu_error *err)
{
	const struct app_call *c = k->call;
	const struct vm_spec *from = copying_spec(c->app, &c->vm, err);
	const char *mac = mu_value_as_string(mu_value_get(c->arguments, "mac"));
	struct vm_id id = copying_new_id(c->arguments, &c->task);

	if (!from)
		return MU_FAILED;
	if (copying_spec(c->app, &id, NULL))
		return mu_error_set(err, MU_E_EXISTS, "id: there is a VM of this id already");
	if (copying_flag(c, "fast") && mu_value_get(c->arguments, "srId"))
		return mu_error_set(err, MU_E_INVALID,
				    "fast: only within the SR of each disk; hint: leave srId out");
	if (vm_copy_clone(from, &id, mu_value_as_string(mu_value_get(c->arguments, "name_label")),
			  copying_flag(c, "asTemplate") ? VM_KIND_TEMPLATE : VM_KIND_VM,
			  mac && !strcmp(mac, "keep"), &k->copy, err) < 0 ||
	    plan_between(from, &c->task, &k->between, err) < 0)
		return MU_FAILED;
	return define_check_name(c->app, &k->copy.spec, err);
}

static void start(struct app_call *c)
{
	const struct vm_entry *e = vm_view_find(c->app->view, &c->vm);
	struct copying *k = copying_begin(c);
	struct mu_error err = MU_ERROR_INIT;

	if (plan(k, &err) < 0)
		copying_fail(k, &err);
	else if (vm_entry_facts(e).power != VM_HALTED && k->between.n_disks > 0)
		take_between(k);
	else
		copy(k, on_copied);
}

static void verdict(struct app *app, const struct journal_entry *e,
		    const struct mu_value *arguments, struct journal_verdict *v)
{
	MU_CLEANUP(mu_free) struct vm_copy *between = mu_xmalloc(sizeof *between);
	const struct vm_spec *from = copying_spec(app, &e->vm, NULL);

	if (arguments)
		copying_verdict(app, arguments, e, "clone", v);
	if (from && e->power_before != VM_HALTED &&
	    plan_between(from, &e->task, between, NULL) == 0)
		copying_remove_between(app, between);
}

const struct app_call_handler calls_clone[] = {
    {.method = "vm.clone",
     .start = start,
     .cancel = copying_cancel,
     .urgent = copying_go_on,
     .verdict = verdict,
     .of_storage = true},
};
const size_t n_calls_clone = MU_ARRAY_SIZE(calls_clone);
