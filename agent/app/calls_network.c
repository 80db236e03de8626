/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls on networks. agent/network makes and deletes them one after the other, and undoes what a
 * crash left half made; its records say afterwards what became of a call.
 */
#include "agent/app/app_priv.h"
#include "agent/app/calls.h"
#include "agent/network/network.h"
#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>

struct asked {
	struct network_op op;
	struct app_call *call;
};

static void finish(struct network_op *op)
{
	struct app_call *c = MU_CONTAINER_OF(op, struct asked, op)->call;
	struct mu_value *v = mu_value_object(c->arena);
	char id[MU_UUID_TEXT];

	mu_value_set_string(c->arena, v, "id", mu_uuid_format(&op->id, id));
	mu_value_set_string(c->arena, v, "system", net_system_name(op->system));
	app_call_finish(c, &op->err, v);
}

static void deleted(struct network_op *op)
{
	app_call_finish(MU_CONTAINER_OF(op, struct asked, op)->call, &op->err, NULL);
}

static void on_progress(struct network_op *op, int percent)
{
	app_call_progress(MU_CONTAINER_OF(op, struct asked, op)->call, percent);
}

/* NULL: the call is over, as this host has no networks. */
static struct asked *asked_new(struct app_call *c, void (*done)(struct network_op *op))
{
	struct asked *q = mu_arena_calloc(c->arena, 1, sizeof *q);

	c->state = q;
	q->call = c;
	q->op.done = done;
	q->op.progress = on_progress;
	if (c->app->network)
		return q;
	app_call_finish(c, &c->app->network_err, NULL);
	return NULL;
}

static const char *text_of(const struct mu_value *arguments, const char *name)
{
	return mu_value_as_string(mu_value_get(arguments, name));
}

static int64_t number_of(const struct mu_value *arguments, const char *name)
{
	const struct mu_value *v = mu_value_get(arguments, name);

	return v ? v->integer : 0;
}

static void cancel(struct app_call *c)
{
	struct asked *q = c->state;

	network_cancel(&q->op);
}

/* network.create */

static void start_create(struct app_call *c)
{
	struct asked *q = asked_new(c, finish);

	if (!q)
		return;
	q->op.name = text_of(c->arguments, "name");
	q->op.description = text_of(c->arguments, "description");
	q->op.bridge = text_of(c->arguments, "bridge");
	q->op.pif = text_of(c->arguments, "pif");
	q->op.vlan = number_of(c->arguments, "vlan");
	q->op.mtu = number_of(c->arguments, "mtu");
	network_create_start(c->app->network, &q->op);
}

static void failed(struct journal_verdict *v, const char *what)
{
	v->status = TASK_FAILURE;
	(void)mu_error_set(&v->err, MU_E_UNAVAILABLE, "interrupted by a restart of the agent: %s",
			   what);
}

/* What is not kept by the host's configuration is gone when the host was off. */
static bool is_lost(const struct app *app, const struct journal_entry *e,
		    const struct net_record *rec)
{
	return rec->system == NET_SYSTEM_NONE && !app->simulated &&
	       strcmp(e->boot_id, app->boot_id) != 0;
}

static void verdict_create(struct app *app, const struct journal_entry *e,
			   const struct mu_value *arguments, struct journal_verdict *v)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct mu_value *value = mu_value_object(a);
	const struct net_record *rec;
	char text[MU_UUID_TEXT];
	struct mu_uuid id;

	if (!app->network || !arguments)
		return;
	rec = network_find_record(app->network, text_of(arguments, "bridge"),
				  text_of(arguments, "name"));
	if (!rec || rec->stage != NET_STAGE_MADE || strcmp(rec->name, text_of(arguments, "name"))) {
		failed(v, "the network was not made; hint: ask again");
		return;
	}
	if (is_lost(app, e, rec)) {
		failed(v, "the host was rebooted, and nothing there keeps the network");
		return;
	}
	v->status = TASK_SUCCESS;
	mu_error_clear(&v->err);
	id = object_network_id(rec->bridge);
	mu_value_set_string(a, value, "id", mu_uuid_format(&id, text));
	mu_value_set_string(a, value, "system", net_system_name(rec->system));
	calls_value_text(value, v->value);
}

/* network.delete */

static void start_delete(struct app_call *c)
{
	struct asked *q = asked_new(c, deleted);
	const struct model_vm *vm;
	const char **in_use = NULL;

	if (!q)
		return;
	for (size_t i = 0; (vm = app_vm_next(c->app, &i));) {
		if (vm->power != VM_RUNNING && vm->power != VM_PAUSED)
			continue;
		in_use = mu_xrealloc(in_use, q->op.n_in_use + vm->n_nics + 1, sizeof *in_use);
		for (size_t k = 0; k < vm->n_nics; k++)
			in_use[q->op.n_in_use++] = vm->nics[k].bridge;
	}
	q->op.in_use = in_use;
	q->op.bridge = text_of(c->arguments, "bridge");
	network_delete_start(c->app->network, &q->op);
	free(in_use);
}

static void verdict_delete(struct app *app, const struct journal_entry *e,
			   const struct mu_value *arguments, struct journal_verdict *v)
{
	const struct net_record *rec;

	(void)e;
	if (!app->network || !arguments)
		return;
	rec = network_find_record(app->network, text_of(arguments, "bridge"), NULL);
	if (rec && rec->stage == NET_STAGE_MADE) {
		failed(v, "the network is still there; hint: ask again");
	} else if (rec) {
		failed(v, "what was left of the network is being removed now; hint: look whether "
			  "it is gone");
	} else {
		v->status = TASK_SUCCESS;
		mu_error_clear(&v->err);
	}
}

const struct app_call_handler calls_network[] = {
    {.method = "network.create",
     .start = start_create,
     .cancel = cancel,
     .verdict = verdict_create},
    {.method = "network.delete",
     .start = start_delete,
     .cancel = cancel,
     .verdict = verdict_delete},
};
const size_t n_calls_network = MU_ARRAY_SIZE(calls_network);
