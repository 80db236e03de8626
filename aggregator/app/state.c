/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What hosts say: into the inventory at once, into the store with a receipt. REST is told of
 * every change, in order.
 */
#include "aggregator/app/app.h"
#include "aggregator/store/hosts.h"
#include "common/base/mem.h"
#include "common/log/log.h"
#include "common/os/clock.h"
#include "common/wire/wire.h"

#include <stdlib.h>

static const enum rest_change rest_changes[_INVENTORY_WHAT_COUNT] = {
    [INVENTORY_ADD] = REST_ADD,
    [INVENTORY_UPDATE] = REST_UPDATE,
    [INVENTORY_REMOVE] = REST_REMOVE,
};

/* Beginnings and ends a day: a host that reports others' VMs over and over must not push what
 * people did out of the audit log, which keeps a number of records. */
enum { CONFLICTS_PER_DAY = 1000 };

static bool conflict_is_told(struct app *app)
{
	if (app->n_conflicts > CONFLICTS_PER_DAY)
		return false;
	if (++app->n_conflicts <= CONFLICTS_PER_DAY)
		return true;
	mu_log_warning("conflicts of VMs are not told any more today n=%d hint=\"see which host "
		       "reports VMs that it does not have\"",
		       CONFLICTS_PER_DAY);
	return false;
}

/* Two hosts report the same VM: nobody can repair that but a person, who has to be told. */
static void conflict_changed(struct app *app, const struct inventory_change *c)
{
	const struct admin_asker who = {.user = "aggregator", .from = ""};
	char vm[MU_UUID_TEXT];
	char shown[MU_UUID_TEXT];
	char other[MU_UUID_TEXT];
	bool begins = c->what == INVENTORY_ADD;
	struct store_tx *tx;
	MU_CLEANUP(mu_free) char *detail = NULL;

	if (!conflict_is_told(app))
		return;
	mu_uuid_format(&c->vm->id.uuid, vm);
	mu_uuid_format(&c->vm->host.uuid, shown);
	mu_uuid_format(&c->other.uuid, other);
	if (begins)
		mu_log_warning("vm reported by two hosts vm=%s shown=%s other=%s hint=\"one of "
			       "them has to give it up, or get another uuid\"",
			       vm, shown, other);
	else
		mu_log_info("vm reported by one host again vm=%s host=%s", vm, shown);
	tx = store_begin(app->store);
	detail = mu_xasprintf("shown on host %s, also reported by host %s", shown, other);
	app_audit(app, tx, &who, "vm.conflict", &c->vm->id.uuid, begins ? "begins" : "ends",
		  detail);
	store_commit(tx, STORE_KEEP_LAZY, NULL, NULL);
}

void app_publish(struct app *app)
{
	for (size_t i = 0; i < app->changes.n_items; i++) {
		const struct inventory_change *c = &app->changes.items[i];

		switch (c->kind) {
		case INVENTORY_HOST:
			app_alarms_forget(app, &c->host->id.uuid);
			if (app->rest)
				rest_host_changed(app->rest, rest_changes[c->what], c->host);
			break;
		case INVENTORY_VM:
			app_alarms_forget(app, &c->vm->id.uuid);
			if (app->rest)
				rest_vm_changed(app->rest, rest_changes[c->what], c->vm);
			break;
		case INVENTORY_CONFLICT:
			conflict_changed(app, c);
			break;
		case INVENTORY_OBJECT:
			if (c->object->kind == OBJECT_SR)
				app_alarms_forget(app, &c->object->id);
			if (app->rest)
				rest_object_changed(app->rest, rest_changes[c->what], c->object);
			break;
		case INVENTORY_REPORT:
			if (app->rest)
				rest_report_changed(app->rest, rest_changes[c->what], c->object);
			break;
		case _INVENTORY_KIND_COUNT:
			break;
		}
	}
	inventory_changes_reset(&app->changes);
}

/* --- storing --- */

static struct store_blob pack(struct mu_arena *a, const ProtobufCMessage *m)
{
	struct store_blob b;

	wire_pack(a, m, &b.data, &b.len);
	return b;
}

static void put_host(struct app *app, struct store_tx *tx, const struct fleet_state *st)
{
	const struct model_host *h = inventory_host_find(app->inventory, &st->id);
	struct store_host row = {
	    .id = st->id,
	    .name = h->name,
	    .last_seen = mu_clock_wall(),
	    .state_epoch = st->epoch,
	    .state_seq = st->seq,
	    .state = pack(app->arena, &wire_host_encode(app->arena, h)->base),
	};

	store_hosts_put_state(tx, &row);
}

static void put_vm(struct app *app, struct store_tx *tx, const struct host_id *host,
		   const struct model_vm *vm)
{
	struct store_vm row = {
	    .host = *host,
	    .id = vm->id,
	    .name = vm->name,
	    .power = vm_power_name(vm->power),
	    .state = pack(app->arena, &wire_vm_encode(app->arena, vm)->base),
	};

	store_vms_put(tx, &row);
}

static void put_object(struct app *app, struct store_tx *tx, const struct host_id *host,
		       const struct model_object *o)
{
	struct store_object row = {
	    .host = *host,
	    .id = o->id,
	    .kind = object_kind_name(o->kind),
	    .name = o->name,
	    .state = pack(app->arena, &wire_object_encode(app->arena, o)->base),
	};

	store_objects_put(tx, &row);
}

/* Nothing is said of it, but it is not gone: it stays as it was. The host is connected, so what is
 * shown is what it said. */
static void put_later(struct app *app, struct store_tx *tx, const struct host_id *host,
		      const struct mu_uuid *id)
{
	const struct vm_id vm_id = {*id};
	const struct model_vm *vm = inventory_host_vm(app->inventory, host, &vm_id);
	const struct model_object *o = inventory_host_object(app->inventory, host, id);

	if (vm)
		put_vm(app, tx, host, vm);
	if (o)
		put_object(app, tx, host, o);
}

static void put_report(struct app *app, struct store_tx *tx, const struct fleet_state *st)
{
	const struct inventory_report *r = &st->report;

	for (size_t i = 0; i < r->n_later; i++)
		put_later(app, tx, &st->id, &r->later[i]);
	for (size_t i = 0; i < r->n_removed; i++) {
		const struct vm_id vm = {r->removed[i]};

		store_vms_delete(tx, &st->id, &vm);
		store_objects_delete(tx, &st->id, &r->removed[i]);
	}
	for (size_t i = 0; i < r->n_vms; i++)
		put_vm(app, tx, &st->id, &r->vms[i]);
	for (size_t i = 0; i < r->n_objects; i++)
		put_object(app, tx, &st->id, &r->objects[i]);
}

struct state_stored {
	struct app *app;
	struct fleet_receipt *receipt;
};

static void state_stored(void *ctx, const struct mu_error *err)
{
	struct state_stored *ss = ctx;

	fleet_stored(ss->app->fleet, ss->receipt, err);
	free(ss);
}

static void on_state(void *ctx, const struct fleet_state *st, struct fleet_receipt *receipt)
{
	struct app *app = ctx;
	struct store_tx *tx = store_begin(app->store);
	struct state_stored *ss = mu_xcalloc(1, sizeof *ss);

	if (st->snapshot) {
		inventory_snapshot(app->inventory, &st->id, &st->report, &app->changes);
		store_vms_delete_all(tx, &st->id);
		store_objects_delete_all(tx, &st->id);
	} else {
		inventory_delta(app->inventory, &st->id, &st->report, &app->changes);
	}
	app_publish(app);
	put_host(app, tx, st);
	put_report(app, tx, st);
	ss->app = app;
	ss->receipt = receipt;
	store_commit(tx, STORE_KEEP, state_stored, ss);
	mu_arena_reset(app->arena);
}

/* --- the rest of the backend --- */

static enum session_certificate on_certificate(void *ctx, const struct host_id *id,
					       const char *fingerprint)
{
	return app_certificate(ctx, id, fingerprint);
}

static void on_connected(void *ctx, const struct host_id *id, bool up)
{
	struct app *app = ctx;
	mu_msec now = mu_clock_wall();
	const struct model_host *h = inventory_host_find(app->inventory, id);
	char text[MU_UUID_TEXT];
	struct store_tx *tx;

	if (!h)
		return;
	mu_log_info("agent %s host=%s name=\"%s\"", up ? "connected" : "away",
		    mu_uuid_format(&id->uuid, text), h->name);
	tasks_host_away(app->tasks, id);
	inventory_host_connected(app->inventory, id, up, now, &app->changes);
	app_publish(app);
	if (!up) {
		metrics_host_away(app->metrics, &id->uuid);
		app_tasks_host_away(app, id);
		tx = store_begin(app->store);
		store_hosts_seen(tx, id, now);
		store_commit(tx, STORE_KEEP_LAZY, NULL, NULL);
	}
	app_tasks_arm(app);
}

static void on_seen(void *ctx, const struct host_id *id)
{
	struct app *app = ctx;

	inventory_host_seen(app->inventory, id, mu_clock_wall());
}

static void on_count_with(void *ctx, const struct fleet_state *st, size_t *ret_n_vms,
			  size_t *ret_n_objects)
{
	struct app *app = ctx;
	const struct inventory_report *r = &st->report;
	size_t n_vms = inventory_host_n_vms(app->inventory, &st->id);
	size_t n_objects = inventory_host_n_objects(app->inventory, &st->id);

	for (size_t i = 0; i < r->n_vms; i++) {
		if (!inventory_host_vm(app->inventory, &st->id, &r->vms[i].id))
			n_vms++;
	}
	for (size_t i = 0; i < r->n_objects; i++) {
		if (!inventory_host_object(app->inventory, &st->id, &r->objects[i].id))
			n_objects++;
	}
	*ret_n_vms = n_vms;
	*ret_n_objects = n_objects;
}

static void on_batches(void *ctx, const struct fleet_batches *b, struct fleet_receipt *receipt)
{
	app_metrics_batches(ctx, b, receipt);
}

static void on_count(void *ctx, const struct fleet_batches *b)
{
	app_metrics_count(ctx, b);
}

static void on_row(void *ctx, const struct fleet_row *row, struct fleet_receipt *receipt)
{
	app_metrics_row(ctx, row, receipt);
}

static void on_have(void *ctx, const struct host_id *id, struct fleet_have *ret)
{
	app_metrics_have(ctx, id, ret);
}

static bool on_next_command(void *ctx, const struct host_id *id, struct tasks_command *ret)
{
	struct app *app = ctx;

	return tasks_next_command(app->tasks, id, mu_clock_wall(), ret);
}

static void on_command_sent(void *ctx, const struct mu_uuid *id)
{
	struct app *app = ctx;

	tasks_sent(app->tasks, id);
}

static void on_progress(void *ctx, const struct host_id *id, const struct mu_uuid *task,
			int percent)
{
	app_task_progress(ctx, id, task, percent);
}

static void on_lines(void *ctx, const struct host_id *id, const struct mu_uuid *task,
		     const struct task_line *lines, size_t n)
{
	app_task_lines(ctx, id, task, lines, n);
}

static void on_result(void *ctx, const struct host_id *id, const struct fleet_result *r)
{
	app_task_result(ctx, id, r);
}

static void on_renew(void *ctx, const struct host_id *id, const char *csr)
{
	app_renew(ctx, id, csr);
}

void app_fleet_backend(struct app *app, struct fleet_backend *ret)
{
	*ret = (struct fleet_backend){
	    .ctx = app,
	    .certificate = on_certificate,
	    .connected = on_connected,
	    .seen = on_seen,
	    .count_with = on_count_with,
	    .state = on_state,
	    .batches = on_batches,
	    .count = on_count,
	    .row = on_row,
	    .have = on_have,
	    .next_command = on_next_command,
	    .command_sent = on_command_sent,
	    .progress = on_progress,
	    .lines = on_lines,
	    .result = on_result,
	    .renew = on_renew,
	};
}
