/* SPDX-License-Identifier: Apache-2.0 */
/* What people do with rules and alarms: stored with its audit record first, then so. */
#include "aggregator/app/alarming.h"
#include "aggregator/store/alarms.h"
#include "common/base/assert.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/json/json.h"
#include "common/os/clock.h"
#include "common/os/random.h"

#include <stdlib.h>
#include <string.h>

enum { TRIALS_MAX = 4 };

static void rule_each(void *ctx, void (*each)(const struct alarm_rule *rule, void *arg), void *arg)
{
	const struct app *app = ctx;

	for (size_t i = 0; i < ALARMS_RULES_MAX; i++) {
		const struct alarm_rule *rule = alarms_rule_at(app->alarming->alarms, i);

		if (rule)
			each(rule, arg);
	}
}

static const struct alarm_rule *rule_find(void *ctx, const struct mu_uuid *id)
{
	const struct app *app = ctx;

	return alarms_rule_find(app->alarming->alarms, id);
}

/* --- a change of a rule --- */

struct change {
	struct alarm_changing changing;
	struct app *app;
	struct alarm_rule rule;
	struct mu_error err;
	void (*done)(void *arg, const struct alarm_rule *rule, const struct mu_error *err);
	admin_done deleted; /* instead of `done` */
	void *arg;
};

static void change_answer(struct change *ch, const struct mu_error *err)
{
	alarm_changing_end(&ch->changing);
	if (ch->deleted)
		ch->deleted(ch->arg, err);
	else
		ch->done(ch->arg, err ? NULL : &ch->rule, err);
	free(ch);
}

static void change_refused(void *ctx)
{
	struct change *ch = ctx;

	change_answer(ch, &ch->err);
}

/* It is stored: from now on it is so. */
static void rule_stored(void *ctx, const struct mu_error *err)
{
	struct change *ch = ctx;
	struct alarming *al = ch->app->alarming;

	if (!err) {
		mu_assert(alarms_rule_put(al->alarms, &ch->rule, NULL) == 0); /* it was counted */
		alarm_look_rules_changed(al->look);
	}
	change_answer(ch, err);
}

static void put_rule(struct app *app, struct store_tx *tx, const struct alarm_rule *rule)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str json = MU_STR_INIT;

	mu_json_write(&json, alarm_rule_value(app->arena, rule), false);
	store_alarm_rules_put(tx, &rule->id, rule->name, json.data);
	mu_arena_reset(app->arena);
}

/* May it be stored? If not, that is answered. */
static bool change_begin(struct change *ch)
{
	struct alarming *al = ch->app->alarming;
	const struct mu_uuid *id = &ch->rule.id;

	if (alarms_rule_check(al->alarms, id, alarm_changing_n_new(&al->rules_changing),
			      &ch->err) == 0 &&
	    alarm_changing_begin(&ch->changing, &al->rules_changing, id,
				 !alarms_rule_find(al->alarms, id), &ch->err) == 0)
		return true;
	mu_loop_post(ch->app->loop, change_refused, ch);
	return false;
}

/* What the rule was, NULL: it is new; and what it is, NULL: it is gone. */
static void audit_rule(struct app *app, struct store_tx *tx, const struct admin_asker *who,
		       const char *action, const struct alarm_rule *was,
		       const struct alarm_rule *is)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str before = MU_STR_INIT;
	MU_CLEANUP(mu_str_deinit) struct mu_str after = MU_STR_INIT;
	const struct alarm_rule *rule = is ? is : was;

	if (was)
		mu_json_write(&before, alarm_rule_value(app->arena, was), false);
	if (is)
		mu_json_write(&after, alarm_rule_value(app->arena, is), false);
	mu_arena_reset(app->arena);
	app_audit_change(app, tx, who, action, &rule->id, "success", rule->name, before.data,
			 after.data);
}

static void change_start(struct change *ch, const char *action, const struct admin_asker *who)
{
	struct app *app = ch->app;
	struct store_tx *tx;

	if (!change_begin(ch))
		return;
	tx = store_begin(app->store);
	put_rule(app, tx, &ch->rule);
	audit_rule(app, tx, who, action, rule_find(app, &ch->rule.id), &ch->rule);
	store_commit(tx, STORE_OR_FAIL, rule_stored, ch);
}

static struct change *change_new(struct app *app, const struct alarm_rule *rule,
				 void (*done)(void *arg, const struct alarm_rule *rule,
					      const struct mu_error *err),
				 void *arg)
{
	struct change *ch = mu_xcalloc(1, sizeof *ch);

	mu_link_init(&ch->changing.link);
	ch->app = app;
	ch->rule = *rule;
	ch->done = done;
	ch->arg = arg;
	return ch;
}

static void rule_create(void *ctx, const struct alarm_rule *rule, const struct admin_asker *who,
			void (*done)(void *arg, const struct alarm_rule *rule,
				     const struct mu_error *err),
			void *arg)
{
	struct change *ch = change_new(ctx, rule, done, arg);

	ch->rule.id = mu_random_uuid();
	(void)mu_uuid_format(&ch->rule.id, ch->rule.key);
	change_start(ch, "alarm-rule.create", who);
}

static void rule_update(void *ctx, const struct alarm_rule *rule, const struct admin_asker *who,
			void (*done)(void *arg, const struct alarm_rule *rule,
				     const struct mu_error *err),
			void *arg)
{
	change_start(change_new(ctx, rule, done, arg), "alarm-rule.update", who);
}

static void rule_deleted(void *ctx, const struct mu_error *err)
{
	struct change *ch = ctx;
	struct alarming *al = ch->app->alarming;

	if (!err && ch->rule.builtin)
		mu_assert(alarms_rule_put(al->alarms, &ch->rule, NULL) == 0);
	else if (!err)
		alarms_rule_remove(al->alarms, &ch->rule.id, &al->changes);
	if (!err)
		alarm_look_rules_changed(al->look);
	alarming_publish(al);
	change_answer(ch, err);
}

static void rule_delete(void *ctx, const struct mu_uuid *id, const struct admin_asker *who,
			admin_done done, void *arg)
{
	struct app *app = ctx;
	struct change *ch = change_new(app, rule_find(app, id), NULL, arg);
	struct store_tx *tx;

	ch->deleted = done;
	if (!change_begin(ch))
		return;
	(void)alarm_rule_find_builtin(id, &ch->rule);
	tx = store_begin(app->store);
	store_alarm_rules_delete(tx, id);
	audit_rule(app, tx, who, "alarm-rule.delete", rule_find(app, id),
		   ch->rule.builtin ? &ch->rule : NULL);
	store_commit(tx, STORE_OR_FAIL, rule_deleted, ch);
}

/* --- what a rule would say --- */

struct trial {
	struct app *app;
	struct alarms *alarms; /* with this rule alone, in slot 0 */
	struct alarm_look *look;
	struct alarm_walk walk;
	struct alarm_trial result;
	struct alarm *found;
	const struct alarm_walk_item *item;
	struct mu_error err;
	void (*done)(void *arg, const struct alarm_trial *trial, const struct mu_error *err);
	void *arg;
};

static void trial_end(struct trial *t, const struct mu_error *err)
{
	t->result.results = t->found;
	t->done(t->arg, err ? NULL : &t->result, err);
	alarm_look_free(t->look);
	alarms_free(t->alarms);
	alarm_walk_deinit(&t->walk);
	free(t->found);
	free(t);
}

static void trial_refused(void *ctx)
{
	struct trial *t = ctx;

	trial_end(t, &t->err);
}

static void copy_name(const struct app *app, const struct alarm_walk_item *item, char *ret,
		      size_t size)
{
	const struct vm_id vm_id = {item->id};
	const struct host_id host_id = {item->id};
	const struct model_vm *vm = inventory_vm_find(app->inventory, &vm_id);
	const struct model_host *host = inventory_host_find(app->inventory, &host_id);
	const struct model_object *o = inventory_object_find(app->inventory, &item->id);
	const char *name = vm ? vm->name : host ? host->name : o ? o->name : app->pool.name;

	mu_utf8_sanitize(ret, size - 1, name, strlen(name));
}

static void trial_reading(void *arg, size_t slot, const struct alarm_reading *reading)
{
	struct trial *t = arg;
	const struct alarm_rule *rule = alarms_rule_at(t->alarms, slot);
	enum alarm_level level =
	    reading->known ? alarm_state_verdict(rule, reading->value) : ALARM_NONE;
	struct alarm *a;

	t->result.n_matched++;
	t->result.n_unknown += !reading->known;
	if (level == ALARM_NONE)
		return;
	t->result.n_alarms++;
	if (t->result.n_results == ALARM_TRIAL_MAX)
		return;
	a = &t->found[t->result.n_results++];
	*a = (struct alarm){
	    .object = t->item->id,
	    .of = rule->of,
	    .level = level,
	    .measured = rule->condition == ALARM_SERIES,
	    .value = reading->value,
	};
	if (reading->unit)
		mu_utf8_sanitize(a->unit, sizeof a->unit - 1, reading->unit, strlen(reading->unit));
	copy_name(t->app, t->item, a->name, sizeof a->name);
}

static void trial_slice(void *ctx)
{
	struct trial *t = ctx;

	for (size_t cost = 0; cost < ALARM_SLICE && t->walk.next < t->walk.n_items;) {
		size_t n;

		t->item = &t->walk.items[t->walk.next++];
		n = alarm_walk_at(t->app, t->item, t->look, trial_reading, t);
		cost += n ? n : ALARM_LOOK_COST;
	}
	if (t->walk.next < t->walk.n_items && !t->app->stopping) {
		mu_loop_post(t->app->loop, trial_slice, t);
		return;
	}
	t->app->alarming->n_trials--;
	trial_end(t, NULL);
}

static void rule_try(void *ctx, const struct alarm_rule *rule,
		     void (*done)(void *arg, const struct alarm_trial *trial,
				  const struct mu_error *err),
		     void *arg)
{
	struct app *app = ctx;
	struct trial *t = mu_xcalloc(1, sizeof *t);
	struct alarm_look_options options = {.matches = alarming_matches, .ctx = app};
	struct alarm_rule on = *rule;

	*t = (struct trial){.app = app, .done = done, .arg = arg};
	if (app->alarming->n_trials == TRIALS_MAX) {
		mu_error_set(&t->err, MU_E_UNAVAILABLE,
			     "%d rules are being tried; hint: ask again in a moment", TRIALS_MAX);
		mu_loop_post(app->loop, trial_refused, t);
		return;
	}
	app->alarming->n_trials++;
	on.enabled = true;
	t->alarms = alarms_new();
	(void)alarms_rule_put(t->alarms, &on, NULL);
	options.alarms = t->alarms;
	options.metrics = app->metrics;
	t->look = alarm_look_new(&options);
	t->found = mu_xcalloc(ALARM_TRIAL_MAX, sizeof *t->found);
	alarm_walk_begin(app, &t->walk);
	mu_loop_post(app->loop, trial_slice, t);
}

/* --- alarms --- */

struct acknowledging {
	struct app *app;
	struct mu_uuid id;
	char who[MODEL_NAME_MAX + 1];
	struct mu_error err;
	admin_done done;
	void *arg;
};

static void acknowledge_end(void *ctx)
{
	struct acknowledging *ak = ctx;

	ak->done(ak->arg, ak->err.code == MU_E_NONE ? NULL : &ak->err);
	free(ak);
}

/* Its audit record is stored. It may be over by now: then there is nothing to know any more. */
static void acknowledge_stored(void *ctx, const struct mu_error *err)
{
	struct acknowledging *ak = ctx;
	struct alarming *al = ak->app->alarming;

	if (err)
		ak->err = *err;
	else if (alarms_acknowledge(al->alarms, &ak->id, ak->who, mu_clock_wall(), &al->changes))
		alarming_publish(al);
	acknowledge_end(ak);
}

static void acknowledge(void *ctx, const struct mu_uuid *id, const struct admin_asker *who,
			admin_done done, void *arg)
{
	struct app *app = ctx;
	const struct alarm *alarm = alarms_find(app->alarming->alarms, id);
	struct acknowledging *ak = mu_xcalloc(1, sizeof *ak);
	char text[MU_UUID_TEXT];
	struct store_tx *tx;

	*ak = (struct acknowledging){.app = app, .id = *id, .done = done, .arg = arg};
	mu_utf8_sanitize(ak->who, sizeof ak->who - 1, who->user, strlen(who->user));
	if (!alarm) {
		mu_error_set(&ak->err, MU_E_NOT_FOUND, "no such alarm: %s",
			     mu_uuid_format(id, text));
		mu_loop_post(app->loop, acknowledge_end, ak);
		return;
	}
	tx = store_begin(app->store);
	app_audit(app, tx, who, "alarm.acknowledge", &alarm->object, "success", alarm->name);
	store_commit(tx, STORE_OR_FAIL, acknowledge_stored, ak);
}

void app_alarm_ops(struct app *app, struct alarm_ops *ret)
{
	*ret = (struct alarm_ops){
	    .ctx = app,
	    .rule_each = rule_each,
	    .rule_find = rule_find,
	    .rule_create = rule_create,
	    .rule_update = rule_update,
	    .rule_delete = rule_delete,
	    .rule_try = rule_try,
	    .acknowledge = acknowledge,
	};
	alarming_target_ops(ret);
}
