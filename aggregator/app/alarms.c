/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alarms: every few seconds a look at all objects, in slices between turns of the loop; what comes
 * of it into the store, to REST and to who is to be told. aggregator/core/alarms.h decides.
 */
#include "aggregator/store/alarms.h"
#include "aggregator/app/alarming.h"
#include "common/base/assert.h"
#include "common/base/mem.h"
#include "common/json/json.h"
#include "common/log/log.h"
#include "common/os/clock.h"

#include <stdlib.h>
#include <string.h>

enum { LOOK_EVERY_MS = 5000 };

/* --- all objects --- */

static void add_item(struct alarm_walk *w, enum alarm_of of, const struct mu_uuid *id)
{
	if (w->n_items == w->cap) {
		w->cap = w->cap ? w->cap * 2 : 256;
		w->items = mu_xrealloc(w->items, w->cap, sizeof *w->items);
	}
	w->items[w->n_items++] = (struct alarm_walk_item){of, *id};
}

static bool add_host(const struct model_host *h, void *walk)
{
	add_item(walk, ALARM_OF_HOST, &h->id.uuid);
	return true;
}

static bool add_vm(const struct model_vm *vm, void *walk)
{
	if (vm->kind == VM_KIND_VM)
		add_item(walk, ALARM_OF_VM, &vm->id.uuid);
	return true;
}

static bool add_sr(const struct model_object *o, void *walk)
{
	add_item(walk, ALARM_OF_SR, &o->id);
	return true;
}

void alarm_walk_begin(struct app *app, struct alarm_walk *w)
{
	w->n_items = w->next = 0;
	add_item(w, ALARM_OF_POOL, &app->pool.id);
	inventory_each_host(app->inventory, add_host, w);
	inventory_each_vm(app->inventory, add_vm, w);
	inventory_each_object(app->inventory, OBJECT_SR, add_sr, w);
}

void alarm_walk_deinit(struct alarm_walk *w)
{
	free(w->items);
	*w = (struct alarm_walk){0};
}

static bool is_off(const struct model_vm *vm)
{
	return vm->power == VM_HALTED || vm->power == VM_SUSPENDED;
}

size_t alarm_walk_at(struct app *app, const struct alarm_walk_item *item, struct alarm_look *look,
		     void (*each)(void *arg, size_t slot, const struct alarm_reading *reading),
		     void *arg)
{
	const struct vm_id vm_id = {item->id};
	const struct model_vm *vm = NULL;
	const struct model_host *host = NULL;
	const struct model_object *sr = NULL;

	if (item->of == ALARM_OF_VM) {
		vm = inventory_vm_find(app->inventory, &vm_id);
		host = vm ? inventory_host_find(app->inventory, &vm->host) : NULL;
		if (!host || !host->connected)
			return 0;
	} else if (item->of == ALARM_OF_SR) {
		sr = inventory_object_find(app->inventory, &item->id);
		if (!sr)
			return 0;
	}
	return alarm_look_at(look, item->of, &item->id, vm && is_off(vm), sr, each, arg);
}

bool alarming_matches(void *ctx, enum alarm_of of, const struct mu_uuid *id,
		      const struct query_filter *filter, struct mu_arena *a)
{
	struct app *app = ctx;

	return rest_matches(app->rest, of, id, filter, a);
}

/* --- what came of it --- */

static void store_change(struct store_tx *tx, const struct alarms_change *c)
{
	switch (c->what) {
	case ALARMS_RAISED:
	case ALARMS_LEVEL:
	case ALARMS_ACKNOWLEDGED:
		store_alarms_put(tx, &c->alarm);
		return;
	case ALARMS_CLEARED:
		store_alarms_delete(tx, &c->alarm.id);
		return;
	case ALARMS_VALUE:
	case ALARMS_ANNOUNCED:
	case _ALARMS_WHAT_COUNT:
		return;
	}
}

void alarming_publish(struct alarming *al)
{
	static const enum rest_change rest_changes[_ALARMS_WHAT_COUNT] = {
	    [ALARMS_RAISED] = REST_ADD,     [ALARMS_LEVEL] = REST_UPDATE,
	    [ALARMS_VALUE] = REST_UPDATE,   [ALARMS_ACKNOWLEDGED] = REST_UPDATE,
	    [ALARMS_CLEARED] = REST_REMOVE,
	};
	struct store_tx *tx;
	enum store_promise promise = STORE_KEEP_LAZY;

	if (al->changes.n_items == 0)
		return;
	al->tx = tx = store_begin(al->app->store);
	for (size_t i = 0; i < al->changes.n_items; i++) {
		const struct alarms_change *c = &al->changes.items[i];

		store_change(tx, c);
		if (c->notify)
			promise = STORE_KEEP; /* it is told soon */
		if (c->what != ALARMS_ANNOUNCED)
			rest_alarm_changed(al->app->rest, rest_changes[c->what], &c->alarm);
		if (al->app->notifier)
			notifier_put(al->app->notifier, c);
	}
	al->tx = NULL;
	store_commit(tx, promise, NULL, NULL);
	alarms_changes_reset(&al->changes);
}

/* --- rounds --- */

struct looking {
	struct alarming *al;
	const struct mu_uuid *object;
	mu_msec now;
	mu_msec wall;
};

static void on_reading(void *arg, size_t slot, const struct alarm_reading *reading)
{
	struct looking *lk = arg;

	alarms_step(lk->al->alarms, slot, lk->object, reading, lk->now, lk->wall, &lk->al->changes);
}

/* Its host is away: what was raised is so until more is known. */
static void step_unknown(struct looking *lk, enum alarm_of of)
{
	const struct alarm_reading unknown = {.known = false};

	for (size_t i = 0; i < ALARMS_RULES_MAX; i++) {
		const struct alarm_rule *rule = alarms_rule_at(lk->al->alarms, i);

		if (rule && rule->enabled && rule->of == of)
			on_reading(lk, i, &unknown);
	}
}

static size_t look_at(struct alarming *al, const struct alarm_walk_item *item, mu_msec wall)
{
	struct app *app = al->app;
	const struct vm_id vm_id = {item->id};
	struct looking lk = {al, &item->id, mu_loop_now(app->loop), wall};
	size_t cost = alarm_walk_at(app, item, al->look, on_reading, &lk);

	if (cost > 0)
		return cost;
	if (item->of == ALARM_OF_VM && inventory_vm_find(app->inventory, &vm_id))
		step_unknown(&lk, item->of);
	return ALARM_LOOK_COST;
}

static void round_end(struct alarming *al)
{
	size_t n_refused = alarms_round_end(al->alarms, &al->changes);

	if (n_refused > 0 && !al->told_refused)
		mu_log_warning("there are too many alarms, some are not looked at max=%d more=%zu "
			       "hint=\"see which rule means too much: muster alarm list\"",
			       ALARMS_STATES_MAX, n_refused);
	al->told_refused = n_refused > 0;
	al->walking = false;
	mu_timer_set(al->timer, LOOK_EVERY_MS);
}

static void slice(void *ctx)
{
	struct app *app = ctx;
	struct alarming *al = app->alarming;
	mu_msec wall = mu_clock_wall();

	if (app->stopping) {
		al->walking = false;
		return;
	}
	for (size_t cost = 0; cost < ALARM_SLICE && al->walk.next < al->walk.n_items;)
		cost += look_at(al, &al->walk.items[al->walk.next++], wall);
	if (al->walk.next < al->walk.n_items)
		mu_loop_post(app->loop, slice, app);
	else
		round_end(al);
	alarming_publish(al);
}

static void on_timer(void *ctx)
{
	struct alarming *al = ctx;

	al->walking = true;
	alarms_round_begin(al->alarms);
	alarm_walk_begin(al->app, &al->walk);
	slice(al->app);
}

void app_alarms_forget(struct app *app, const struct mu_uuid *object)
{
	if (app->alarming && app->alarming->look)
		alarm_look_forget(app->alarming->look, object);
}

static struct mu_value *shown(void *ctx, struct mu_arena *a, const struct alarm *alarm)
{
	const struct app *app = ctx;

	return rest_alarm_value(app->rest, a, alarm);
}

static bool each_stored(const struct alarm *a, void *arg)
{
	(void)a;
	++*(size_t *)arg;
	return true;
}

void app_each_alarm(struct app *app, bool (*each)(const struct alarm *a, void *arg), void *arg)
{
	alarms_each(app->alarming->alarms, each, arg);
}

const struct alarm *app_alarm_find(const struct app *app, const struct mu_uuid *id)
{
	return alarms_find(app->alarming->alarms, id);
}

/* --- begin and end --- */

static void load_rule(const struct mu_uuid *id, const char *json, void *arg)
{
	struct alarming *al = arg;
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct alarm_rule rule;
	struct mu_value *v;
	struct mu_error err = MU_ERROR_INIT;
	char text[MU_UUID_TEXT];

	if (!alarm_rule_find_builtin(id, &rule))
		alarm_rule_init(&rule, id);
	if (mu_json_read(a, json, strlen(json), &v, &err) < 0 ||
	    alarm_rule_merge(&rule, v, &err) < 0 || alarms_rule_put(al->alarms, &rule, &err) < 0)
		mu_log_warning("a stored rule of alarms cannot be read, it is left out id=%s "
			       "err=\"%s\"",
			       mu_uuid_format(id, text), err.text);
}

static void load_alarm(const struct alarm *a, void *arg)
{
	struct alarming *al = arg;

	/* Its rule is gone: so is it. */
	if (!alarms_restore(al->alarms, a)) {
		struct store_tx *tx = store_begin(al->app->store);

		store_alarms_delete(tx, &a->id);
		store_commit(tx, STORE_KEEP_LAZY, NULL, NULL);
	}
}

int app_alarms_open(struct app *app, struct mu_error *err)
{
	struct alarming *al = mu_xcalloc(1, sizeof *al);
	const struct notifier_options options = {
	    .loop = app->loop, .alarm_value = shown, .ctx = app, .keeper = alarming_keeper(al)};
	struct alarm_rule rule;
	size_t n = 0;

	app->alarming = al;
	app->notifier = notifier_new(&options);
	al->app = app;
	al->alarms = alarms_new();
	mu_link_init(&al->rules_changing);
	mu_link_init(&al->targets_changing);
	for (size_t i = 0; alarm_rule_builtin(i, &rule); i++)
		mu_assert(alarms_rule_put(al->alarms, &rule, NULL) == 0);
	if (store_alarm_rules_list(app->store, load_rule, al, err) < 0 ||
	    store_alarms_list(app->store, load_alarm, al, err) < 0 ||
	    alarming_load_targets(app, err) < 0 || alarming_load_notices(al, err) < 0)
		return MU_FAILED;
	alarms_each(al->alarms, each_stored, &n);
	if (n > 0)
		mu_log_info("alarms go on n=%zu", n);
	return 0;
}

void app_alarms_start(struct app *app)
{
	struct alarming *al = app->alarming;
	const struct alarm_look_options options = {
	    .alarms = al->alarms,
	    .metrics = app->metrics,
	    .matches = alarming_matches,
	    .ctx = app,
	};

	al->look = alarm_look_new(&options);
	notifier_start(app->notifier);
	al->timer = mu_timer_new(app->loop, on_timer, al);
	mu_timer_set(al->timer, LOOK_EVERY_MS);
}

void app_alarms_stop(struct app *app)
{
	if (app->alarming && app->alarming->timer)
		mu_timer_cancel(app->alarming->timer);
}

void app_alarms_free(struct app *app)
{
	struct alarming *al = app->alarming;

	if (!al)
		return;
	mu_timer_free(al->timer);
	alarm_look_free(al->look);
	alarms_free(al->alarms);
	alarms_changes_deinit(&al->changes);
	alarm_walk_deinit(&al->walk);
	app->alarming = NULL;
	free(al);
}
