/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/core/object_view.h"

#include "common/base/assert.h"
#include "common/base/map.h"

#include <stdlib.h>

struct object_view {
	struct host_id host;
	struct mu_map *objects; /* struct model_object by id */
};

struct object_view *object_view_new(const struct host_id *host)
{
	struct object_view *view = mu_xcalloc(1, sizeof *view);

	view->host = *host;
	view->objects = mu_map_new();
	return view;
}

struct object_view *object_view_free(struct object_view *view)
{
	struct model_object *o;

	if (!view)
		return NULL;
	for (size_t i = 0; (o = mu_map_next(view->objects, &i, NULL, NULL));)
		free(o);
	mu_map_free(view->objects);
	free(view);
	return NULL;
}

static struct model_object *find(const struct object_view *view, const struct mu_uuid *id)
{
	return mu_map_find(view->objects, id->bytes, sizeof id->bytes);
}

enum object_view_set object_view_set(struct object_view *view, const struct model_object *o)
{
	struct model_object *known = find(view, &o->id);
	struct model_object now = *o;

	now.host = view->host;
	if (known) {
		mu_assert(known->kind == now.kind);
		if (model_object_equal(known, &now))
			return OBJECT_VIEW_SAME;
		*known = now;
		return OBJECT_VIEW_CHANGED;
	}
	if (mu_map_size(view->objects) == OBJECT_VIEW_MAX)
		return OBJECT_VIEW_FULL;
	known = mu_xmemdup(&now, sizeof now);
	mu_map_put(view->objects, known->id.bytes, sizeof known->id.bytes, known);
	return OBJECT_VIEW_ADDED;
}

bool object_view_remove(struct object_view *view, const struct mu_uuid *id,
			struct model_object *ret_removed)
{
	struct model_object *o = mu_map_remove(view->objects, id->bytes, sizeof id->bytes);

	if (!o)
		return false;
	*ret_removed = *o;
	free(o);
	return true;
}

const struct model_object *object_view_find(const struct object_view *view,
					    const struct mu_uuid *id)
{
	return find(view, id);
}

const struct model_object *object_view_next(const struct object_view *view, enum object_kind kind,
					    size_t *iter)
{
	const struct model_object *o;

	while ((o = mu_map_next(view->objects, iter, NULL, NULL))) {
		if (kind == _OBJECT_KIND_COUNT || o->kind == kind)
			return o;
	}
	return NULL;
}
