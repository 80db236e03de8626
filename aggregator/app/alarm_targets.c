/* SPDX-License-Identifier: Apache-2.0 */
/* Who is told of alarms: stored with its audit record first, then so. */
#include "aggregator/app/alarming.h"
#include "aggregator/store/alarms.h"
#include "common/base/assert.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/json/json.h"
#include "common/log/log.h"
#include "common/os/random.h"

#include <stdlib.h>
#include <string.h>

static void load_target(const struct mu_uuid *id, const char *json, void *arg)
{
	struct app *app = arg;
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct notify_target t;
	struct mu_value *v;
	struct mu_error err = MU_ERROR_INIT;
	char text[MU_UUID_TEXT];

	if (mu_json_read(a, json, strlen(json), &v, &err) < 0 ||
	    notify_target_read(&t, id, v, &err) < 0 ||
	    notify_target_add(notifier_targets(app->notifier), &t, &err) < 0)
		mu_log_warning("a stored target of alarms cannot be read, it is left out id=%s "
			       "err=\"%s\"",
			       mu_uuid_format(id, text), err.text);
}

int alarming_load_targets(struct app *app, struct mu_error *err)
{
	return store_alarm_targets_list(app->store, load_target, app, err);
}

static void target_each(void *ctx, void (*each)(const struct notify_target *t, void *arg),
			void *arg)
{
	struct app *app = ctx;
	const struct notify_target *t;

	for (size_t i = 0; (t = notify_target_next(notifier_targets(app->notifier), &i));)
		each(t, arg);
}

/* --- making and deleting --- */

struct change {
	struct alarm_changing changing;
	struct app *app;
	struct notify_target target;
	struct mu_error err;
	void (*created)(void *arg, const struct notify_target *t, const struct mu_error *err);
	admin_done done; /* when it is not created */
	void *arg;
};

static void answer(struct change *ch, const struct mu_error *err)
{
	alarm_changing_end(&ch->changing);
	if (ch->created)
		ch->created(ch->arg, err ? NULL : &ch->target, err);
	else
		ch->done(ch->arg, err);
	free(ch);
}

static void refused(void *ctx)
{
	struct change *ch = ctx;

	answer(ch, &ch->err);
}

static void stored(void *ctx, const struct mu_error *err)
{
	struct change *ch = ctx;
	struct notify *targets =
	    ch->app->notifier ? notifier_targets(ch->app->notifier) : NULL; /* NULL: stopping */

	if (!err && targets && ch->created)
		mu_assert(notify_target_add(targets, &ch->target, NULL) == 0); /* it was counted */
	else if (!err && targets && !ch->created)
		notify_target_remove(targets, &ch->target.id);
	answer(ch, err);
}

static struct change *change_new(struct app *app, void *arg)
{
	struct change *ch = mu_xcalloc(1, sizeof *ch);

	mu_link_init(&ch->changing.link);
	ch->app = app;
	ch->arg = arg;
	return ch;
}

static int change_begin(struct change *ch)
{
	return alarm_changing_begin(&ch->changing, &ch->app->alarming->targets_changing,
				    &ch->target.id, ch->created != NULL, &ch->err);
}

static int room_for_one(struct app *app, struct mu_error *err)
{
	size_t n = 0;

	while (notify_target_next(notifier_targets(app->notifier), &n))
		;
	n += alarm_changing_n_new(&app->alarming->targets_changing);
	return n < NOTIFY_TARGETS_MAX
		   ? 0
		   : mu_error_set(err, MU_E_EXHAUSTED, "there are %d targets; hint: delete some",
				  NOTIFY_TARGETS_MAX);
}

static void target_create(void *ctx, const struct notify_target *t, const struct admin_asker *who,
			  void (*done)(void *arg, const struct notify_target *t,
				       const struct mu_error *err),
			  void *arg)
{
	struct app *app = ctx;
	struct change *ch = change_new(app, arg);
	MU_CLEANUP(mu_str_deinit) struct mu_str json = MU_STR_INIT;
	struct store_tx *tx;

	ch->target = *t;
	ch->created = done;
	ch->target.id = mu_random_uuid();
	if (room_for_one(app, &ch->err) < 0 || change_begin(ch) < 0) {
		mu_loop_post(app->loop, refused, ch);
		return;
	}
	mu_json_write(&json, notify_target_value(app->arena, t, true), false);
	mu_arena_reset(app->arena);
	tx = store_begin(app->store);
	store_alarm_targets_add(tx, &ch->target.id, t->name, json.data);
	app_audit(app, tx, who, "alarm-target.create", &ch->target.id, "success", t->name);
	store_commit(tx, STORE_OR_FAIL, stored, ch);
}

static struct change *change_of(struct app *app, const struct mu_uuid *id, admin_done done,
				void *arg)
{
	const struct notify_target *t = notify_target_find(notifier_targets(app->notifier), id);
	struct change *ch = change_new(app, arg);
	char text[MU_UUID_TEXT];

	ch->done = done;
	if (t) {
		ch->target = *t;
		return ch;
	}
	mu_error_set(&ch->err, MU_E_NOT_FOUND, "no such alarm target: %s",
		     mu_uuid_format(id, text));
	mu_loop_post(app->loop, refused, ch);
	return NULL;
}

static void target_delete(void *ctx, const struct mu_uuid *id, const struct admin_asker *who,
			  admin_done done, void *arg)
{
	struct app *app = ctx;
	struct change *ch = change_of(app, id, done, arg);
	struct store_tx *tx;

	if (!ch)
		return;
	if (change_begin(ch) < 0) {
		mu_loop_post(app->loop, refused, ch);
		return;
	}
	tx = store_begin(app->store);
	store_alarm_targets_delete(tx, id);
	app_audit(app, tx, who, "alarm-target.delete", id, "success", ch->target.name);
	store_commit(tx, STORE_OR_FAIL, stored, ch);
}

static void tested(void *arg, const struct mu_error *err)
{
	answer(arg, err);
}

static void target_test(void *ctx, const struct mu_uuid *id, admin_done done, void *arg)
{
	struct app *app = ctx;
	struct change *ch = change_of(app, id, done, arg);

	if (ch)
		notifier_test(app->notifier, &ch->target, tested, ch);
}

void alarming_target_ops(struct alarm_ops *ret)
{
	ret->target_each = target_each;
	ret->target_create = target_create;
	ret->target_delete = target_delete;
	ret->target_test = target_test;
}
