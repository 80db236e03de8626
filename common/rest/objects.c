/* SPDX-License-Identifier: Apache-2.0 */
#include "common/rest/objects.h"

#include "common/rest/call.h"

const struct mu_uuid *rest_object_id(const void *object)
{
	return &((const struct model_object *)object)->id;
}

struct walk {
	bool (*keep)(const struct model_object *o);
	bool (*each)(const void *object, void *arg);
	void *arg;
};

static bool walk_one(const struct model_object *o, void *arg)
{
	const struct walk *w = arg;

	return w->keep && !w->keep(o) ? true : w->each(o, w->arg);
}

void rest_objects_each(const struct rest_backend *b, enum object_kind kind,
		       bool (*keep)(const struct model_object *o),
		       bool (*each)(const void *object, void *arg), void *arg)
{
	struct walk w = {keep, each, arg};

	b->each_object(b->ctx, kind, walk_one, &w);
}

void rest_objects_find(struct rest *rest, const struct mu_uuid *id, enum object_kind kind,
		       bool (*keep)(const struct model_object *o),
		       void (*found)(const void *object, void *arg), void *arg)
{
	const struct model_object *o = rest->backend.object_find(rest->backend.ctx, id);

	if (o && o->kind == kind && (!keep || keep(o)))
		found(o, arg);
}
