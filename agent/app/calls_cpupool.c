/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls on CPU pools. Xen keeps them, until the host boots anew: there is nothing of ours to store,
 * and what a call that was interrupted came to is how the pools are.
 */
#include "agent/app/app_priv.h"
#include "agent/app/calls.h"
#include "common/base/mem.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *method;
	enum hv_cpupool_what what;
} kinds[] = {
    {"cpupool.create", HV_CPUPOOL_CREATE},     {"cpupool.destroy", HV_CPUPOOL_DESTROY},
    {"cpupool.add_cpus", HV_CPUPOOL_ADD_CPUS}, {"cpupool.remove_cpus", HV_CPUPOOL_REMOVE_CPUS},
    {"cpupool.set", HV_CPUPOOL_SET},           {"cpupool.move", HV_CPUPOOL_MOVE},
};

static void take_text(const struct mu_value *arguments, const char *name, char *ret, size_t size)
{
	const char *text = mu_value_as_string(mu_value_get(arguments, name));

	if (text)
		(void)snprintf(ret, size, "%s", text);
}

static int32_t take_parameter(const struct mu_value *arguments, const char *name)
{
	const struct mu_value *v = mu_value_get(arguments, name);

	return v && v->kind == MU_VALUE_INT ? (int32_t)v->integer : HV_AS_IT_IS;
}

/* `vm`: of cpupool.move; one without a domain is domain 0, which never moves. */
static void read_change(const struct app *app, const char *method, const struct vm_id *vm,
			const struct mu_value *arguments, struct hv_cpupool_change *ret)
{
	const struct vm_entry *e = vm_view_find(app->view, vm);

	*ret = (struct hv_cpupool_change){.what = HV_CPUPOOL_CREATE};
	for (size_t i = 0; i < MU_ARRAY_SIZE(kinds); i++) {
		if (!strcmp(kinds[i].method, method))
			ret->what = kinds[i].what;
	}
	take_text(arguments, ret->what == HV_CPUPOOL_CREATE ? "name" : "pool", ret->name,
		  sizeof ret->name);
	take_text(arguments, "scheduler", ret->scheduler, sizeof ret->scheduler);
	take_text(arguments, "cpus", ret->cpus, sizeof ret->cpus);
	ret->tslice_ms = take_parameter(arguments, "tsliceMs");
	ret->ratelimit_us = take_parameter(arguments, "ratelimitUs");
	ret->migration_delay_us = take_parameter(arguments, "migrationDelayUs");
	if (ret->what == HV_CPUPOOL_MOVE && e && e->present)
		ret->domid = e->domain.domid;
}

static void on_changed(struct hv_cpupool_op *op)
{
	app_call_finish(op->ctx, op->r < 0 ? &op->err : NULL, NULL);
}

static void start(struct app_call *c)
{
	struct hv_cpupool_op *op = mu_arena_calloc(c->arena, 1, sizeof *op);

	read_change(c->app, c->method->name, &c->vm, c->arguments, &op->change);
	c->state = op;
	op->done = on_changed;
	op->ctx = c;
	hv_cpupool_start(c->app->hv, op);
}

static void cancel(struct app_call *c)
{
	hv_cpupool_cancel(c->app->hv, c->state);
}

static void verdict(struct app *app, const struct journal_entry *e,
		    const struct mu_value *arguments, struct journal_verdict *v)
{
	MU_CLEANUP(mu_free) struct hv_cpupool *pools = mu_xcalloc(HV_CPUPOOLS_MAX, sizeof *pools);
	MU_CLEANUP(mu_free) struct hv_cpupool_change *change = mu_xcalloc(1, sizeof *change);
	size_t n = 0;

	if (!arguments || hv_cpupools(app->hv, pools, HV_CPUPOOLS_MAX, &n, NULL) < 0)
		return;
	read_change(app, e->method, &e->vm, arguments, change);
	if (hv_cpupool_is(pools, n, change)) {
		v->status = TASK_SUCCESS;
		mu_error_clear(&v->err);
		return;
	}
	v->status = TASK_FAILURE;
	(void)mu_error_set(&v->err, MU_E_UNAVAILABLE,
			   "interrupted by a restart of the agent: the pools are not so; hint: ask "
			   "again");
}

#define CPUPOOL_CALL(name)                                                                         \
	{                                                                                          \
		.method = name, .start = start, .cancel = cancel, .verdict = verdict               \
	}

const struct app_call_handler calls_cpupool[] = {
    CPUPOOL_CALL("cpupool.create"),   CPUPOOL_CALL("cpupool.destroy"),
    CPUPOOL_CALL("cpupool.add_cpus"), CPUPOOL_CALL("cpupool.remove_cpus"),
    CPUPOOL_CALL("cpupool.set"),      CPUPOOL_CALL("cpupool.move"),
};
const size_t n_calls_cpupool = MU_ARRAY_SIZE(calls_cpupool);
