/* SPDX-License-Identifier: Apache-2.0 */
/* From those who find things out to the view to the listeners: what the host has besides VMs. */
#include "agent/app/app_priv.h"

#include "common/log/log.h"

void objects_init(struct app *app)
{
	app->objects = object_view_new(&app->id);
}

void objects_deinit(struct app *app)
{
	app->objects = object_view_free(app->objects);
}

static void tell(struct app *app, enum app_change what, const struct model_object *o)
{
	app_each_listener(it, app)
	{
		struct app_listener *l = MU_CONTAINER_OF(it, struct app_listener, link);

		if (l->object)
			l->object(l->ctx, what, o);
	}
}

/* Once, until there is room again. */
static void log_full(struct app *app, const struct model_object *o)
{
	char id[MU_UUID_TEXT];

	if (app->objects_full)
		return;
	app->objects_full = true;
	mu_log_warning("too many objects, the rest is not shown max=%d first=%s kind=%s "
		       "name=\"%s\"",
		       OBJECT_VIEW_MAX, mu_uuid_format(&o->id, id), object_kind_name(o->kind),
		       o->name);
}

void app_object_set(struct app *app, const struct model_object *o)
{
	switch (object_view_set(app->objects, o)) {
	case OBJECT_VIEW_SAME:
		break;
	case OBJECT_VIEW_ADDED:
		tell(app, APP_ADDED, object_view_find(app->objects, &o->id));
		break;
	case OBJECT_VIEW_CHANGED:
		tell(app, APP_UPDATED, object_view_find(app->objects, &o->id));
		break;
	case OBJECT_VIEW_FULL:
		log_full(app, o);
		break;
	}
}

void app_object_remove(struct app *app, const struct mu_uuid *id)
{
	struct model_object removed;

	if (!object_view_remove(app->objects, id, &removed))
		return;
	app->objects_full = false;
	tell(app, APP_REMOVED, &removed);
}

const struct model_object *app_object_next(const struct app *app, enum object_kind kind,
					   size_t *iter)
{
	return object_view_next(app->objects, kind, iter);
}

const struct model_object *app_object_find(const struct app *app, const struct mu_uuid *id)
{
	return object_view_find(app->objects, id);
}
