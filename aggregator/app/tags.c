/* SPDX-License-Identifier: Apache-2.0 */
/* Tags that the aggregator keeps: stored first, then shown. */
#include "aggregator/store/tags.h"
#include "aggregator/app/app.h"
#include "common/base/mem.h"

#include <stdlib.h>

struct tagging {
	struct app *app;
	struct mu_uuid object;
	bool add;
	char *tag;
	struct mu_error err;
	void (*done)(void *arg, const struct mu_error *err);
	void *arg;
};

static void end(struct tagging *tg, const struct mu_error *err)
{
	tg->done(tg->arg, err);
	free(tg->tag);
	free(tg);
}

static void at_once(void *ctx)
{
	struct tagging *tg = ctx;

	end(tg, tg->err.code == MU_E_NONE ? NULL : &tg->err);
}

/* Whoever follows events sees it. */
static void tell(struct app *app, const struct mu_uuid *object)
{
	const struct host_id host = {.uuid = *object};
	const struct model_host *h = inventory_host_find(app->inventory, &host);
	const struct model_object *o = inventory_object_find(app->inventory, object);

	if (h)
		rest_host_changed(app->rest, REST_UPDATE, h);
	if (o)
		rest_object_changed(app->rest, REST_UPDATE, o);
}

static void on_stored(void *ctx, const struct mu_error *err)
{
	struct tagging *tg = ctx;

	if (!err) {
		(tg->add ? tags_add : tags_remove)(tg->app->tags, &tg->object, tg->tag);
		tell(tg->app, &tg->object);
	}
	end(tg, err);
}

void app_tag(struct app *app, const struct rest_tagging *what, const struct admin_asker *who,
	     void (*done)(void *arg, const struct mu_error *err), void *arg)
{
	static const char *const actions[_REST_TAGGED_COUNT][2] = {
	    [REST_TAGGED_HOST] = {"host.untag", "host.tag"},
	    [REST_TAGGED_NETWORK] = {"network.untag", "network.tag"},
	    [REST_TAGGED_POOL] = {"pool.untag", "pool.tag"},
	    [REST_TAGGED_CONTROLLER] = {"vm-controller.untag", "vm-controller.tag"},
	};
	struct tagging *tg = mu_xcalloc(1, sizeof *tg);
	struct store_tx *tx;

	*tg = (struct tagging){.app = app,
			       .object = what->object,
			       .add = what->add,
			       .tag = mu_xstrdup(what->tag),
			       .done = done,
			       .arg = arg};
	if ((what->add && tags_check(app->tags, &what->object, what->tag, &tg->err) < 0) ||
	    tags_has(app->tags, &what->object, what->tag) == what->add) {
		mu_loop_post(app->loop, at_once, tg);
		return;
	}
	tx = store_begin(app->store);
	(what->add ? store_tags_put : store_tags_delete)(tx, &what->object, what->tag);
	app_audit(app, tx, who, actions[what->kind][what->add], &what->object, "success",
		  what->tag);
	store_commit(tx, STORE_OR_FAIL, on_stored, tg);
}

static void load(const struct mu_uuid *object, const char *tag, void *arg)
{
	const struct app *app = arg;

	tags_add(app->tags, object, tag);
}

int app_tags_load(struct app *app, struct mu_error *err)
{
	return store_tags_list(app->store, load, app, err);
}
