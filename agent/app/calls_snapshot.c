/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vm.snapshot: what core/vm_copy plans, taken by snapshot.c, then stored: the definition of the
 * snapshot, and the VM's parent.
 *
 * The definition is what counts: a crash before it leaves disks that nobody names (their ids follow
 * from the new VM's, so the same request made again finds them in its way and says so) and a file
 * of memory that is swept. A guest that stands still then goes on, and one that is frozen is
 * thawed, when the agent is back.
 */
#include "agent/app/copying.h"
#include "common/log/log.h"
#include "common/os/clock.h"

#include <string.h>

static void stored(struct copying *k)
{
	struct mu_value *v;

	if (k->then) {
		k->then(k);
		return;
	}
	if (k->snapshot.stopped_ms)
		app_call_say(k->call, false, "the guest stood still for %lld ms",
			     (long long)k->snapshot.stopped_ms);
	v = copying_value(k->call->arena, &k->copy.spec.config.id);
	mu_value_set_int(k->call->arena, v, "pausedMs", k->snapshot.stopped_ms);
	app_call_finish(k->call, NULL, v);
}

static void on_parent_stored(void *arg, const struct vm_id *vm, const struct mu_error *err)
{
	struct copying *k = arg;

	(void)vm;
	if (err)
		mu_log_warning("snapshot's place in the tree not kept err=\"%s\"", err->text);
	stored(k);
}

static void on_snapshot_stored(void *arg, const struct vm_id *vm, const struct mu_error *err)
{
	struct copying *k = arg;
	const struct vm_spec *now;
	struct vm_spec *spec;

	(void)vm;
	if (err) {
		copying_fail(k, err);
		return;
	}
	if (k->snapshot.memory) {
		vm_view_set_memory(k->call->app->view, &k->copy.spec.config.id,
				   k->snapshot.memory_bytes);
		facts_publish(k->call->app);
	}
	now = copying_spec(k->call->app, &k->call->vm, NULL);
	if (!now) {
		stored(k);
		return;
	}
	spec = mu_arena_memdup(k->call->arena, now, sizeof *now);
	spec->parent = k->copy.spec.config.id;
	define_store(k->call->app, spec, on_parent_stored, k);
}

static void on_taken(struct snapshot *s, const struct mu_error *err)
{
	struct copying *k = s->ctx;

	if (err)
		copying_fail(k, err);
	else
		define_store(k->call->app, &k->copy.spec, on_snapshot_stored, k);
}

static void on_progress(struct snapshot *s, int percent)
{
	const struct copying *k = s->ctx;

	app_call_progress(k->call, percent);
}

void copying_take_snapshot(struct copying *k)
{
	struct snapshot *s = &k->snapshot;

	s->app = k->call->app;
	s->vm = k->call->vm;
	s->copy = &k->copy;
	s->progress = on_progress;
	s->done = on_taken;
	s->ctx = k;
	snapshot_start(s);
}

/* Is there memory to be kept? */
static int check_memory(const struct vm_entry *e, struct mu_error *err)
{
	enum vm_power power = vm_entry_facts(e).power;

	if (power == VM_RUNNING || power == VM_SUSPENDED)
		return 0;
	if (power == VM_PAUSED)
		return mu_error_set(err, MU_E_STATE,
				    "memory: the VM is Paused and cannot get ready to be saved; "
				    "hint: unpause it first");
	return mu_error_set(err, MU_E_STATE,
			    "memory: the VM is %s and has none; hint: leave it out",
			    vm_power_name(power));
}

static int check_quiesce(struct copying *k, const struct vm_entry *e, struct mu_error *err)
{
	enum vm_power power = vm_entry_facts(e).power;

	if (k->snapshot.memory)
		return mu_error_set(err, MU_E_INVALID,
				    "quiesce: not with memory, which has what is not on the disks "
				    "yet; hint: leave one out");
	if (power != VM_RUNNING)
		return mu_error_set(err, MU_E_STATE,
				    "quiesce: the VM is %s and cannot be asked to; hint: leave it "
				    "out",
				    vm_power_name(power));
	return guest_agent_socket(&vm_entry_built(e)->config, k->snapshot.guest.path, err);
}

int copying_plan_snapshot(struct copying *k, const struct vm_id *id, const char *name,
			  struct mu_error *err)
{
	const struct app_call *c = k->call;
	const struct vm_entry *e = vm_view_find(c->app->view, &c->vm);
	struct vm_spec *from;

	if (!copying_spec(c->app, &c->vm, err))
		return MU_FAILED;
	if ((k->snapshot.memory && check_memory(e, err) < 0) ||
	    (k->snapshot.quiesce && check_quiesce(k, e, err) < 0))
		return MU_FAILED;
	if (copying_spec(c->app, id, NULL))
		return mu_error_set(err, MU_E_EXISTS, "id: there is a VM of this id already");
	from = mu_arena_memdup(c->arena, e->spec, sizeof *e->spec);
	if (k->snapshot.memory) { /* it fits to what was built, whatever is pending */
		from->config = vm_entry_built(e)->config;
		memcpy(from->config.name, e->spec->config.name, sizeof from->config.name);
	}
	if (vm_copy_snapshot(from, id, name, mu_clock_wall(), &k->copy, err) < 0)
		return MU_FAILED;
	k->copy.spec.with_memory = k->snapshot.memory;
	return 0;
}

static void start(struct app_call *c)
{
	struct vm_id id = copying_new_id(c->arguments, &c->task);
	struct copying *k = copying_begin(c);
	struct mu_error err = MU_ERROR_INIT;

	k->snapshot.memory = copying_flag(c, "memory");
	k->snapshot.quiesce = copying_flag(c, "quiesce");
	if (copying_plan_snapshot(
		k, &id, mu_value_as_string(mu_value_get(c->arguments, "name_label")), &err) < 0)
		copying_fail(k, &err);
	else
		copying_take_snapshot(k);
}

static void thaw(struct app *app, const struct journal_entry *e, const struct mu_value *arguments)
{
	const struct vm_entry *entry = vm_view_find(app->view, &e->vm);
	const struct mu_value *quiesce = mu_value_get(arguments, "quiesce");
	char path[GUEST_AGENT_PATH_MAX + 1];

	if (quiesce && quiesce->boolean && entry && entry->present && entry->spec &&
	    guest_agent_socket(&vm_entry_built(entry)->config, path, NULL) == 0)
		quiesce_thaw_anyway(app->loop, path, &app->thaws);
}

static void verdict(struct app *app, const struct journal_entry *e,
		    const struct mu_value *arguments, struct journal_verdict *v)
{
	if (!arguments)
		return;
	copying_verdict(app, arguments, e, "snapshot", v);
	thaw(app, e, arguments);
}

const struct app_call_handler calls_snapshot[] = {
    {.method = "vm.snapshot",
     .start = start,
     .cancel = copying_cancel,
     .urgent = copying_go_on,
     .verdict = verdict},
};
const size_t n_calls_snapshot = MU_ARRAY_SIZE(calls_snapshot);
