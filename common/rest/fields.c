/* SPDX-License-Identifier: Apache-2.0 */
#include "common/rest/fields.h"

#include <string.h>

struct mu_value *rest_own_id(struct rest_render *r, const void *object)
{
	return rest_uuid(r->arena, r->type->id(object));
}

struct mu_value *rest_own_type(struct rest_render *r, const void *object)
{
	(void)object;
	return mu_value_string(r->arena, r->type->name);
}

struct mu_value *rest_own_ref(struct rest_render *r, const void *object)
{
	return rest_ref(r, r->type->id(object));
}

struct mu_value *rest_empty_list(struct rest_render *r, const void *object)
{
	(void)object;
	return mu_value_list(r->arena);
}

struct mu_value *rest_empty_object(struct rest_render *r, const void *object)
{
	(void)object;
	return mu_value_object(r->arena);
}

struct mu_value *rest_empty_string(struct rest_render *r, const void *object)
{
	(void)object;
	return mu_value_string(r->arena, "");
}

struct mu_value *rest_false(struct rest_render *r, const void *object)
{
	(void)object;
	return mu_value_bool(r->arena, false);
}

struct mu_value *rest_true(struct rest_render *r, const void *object)
{
	(void)object;
	return mu_value_bool(r->arena, true);
}

struct mu_value *rest_null(struct rest_render *r, const void *object)
{
	(void)object;
	return mu_value_null(r->arena);
}

struct mu_value *rest_pool_id(struct rest_render *r, const void *object)
{
	(void)object;
	return mu_value_string(r->arena, r->pool_id);
}

struct mu_value *rest_object_name(struct rest_render *r, const void *object)
{
	return mu_value_string(r->arena, ((const struct model_object *)object)->name);
}

struct mu_value *rest_object_description(struct rest_render *r, const void *object)
{
	return mu_value_string(r->arena, ((const struct model_object *)object)->description);
}

struct mu_value *rest_object_tags(struct rest_render *r, const void *object)
{
	const struct model_object *o = object;
	struct mu_value *v = mu_value_list(r->arena);

	for (size_t i = 0; i < o->n_tags; i++)
		mu_value_push(v, mu_value_string(r->arena, o->tags[i]));
	return v;
}

struct mu_value *rest_uuid(struct mu_arena *a, const struct mu_uuid *u)
{
	char text[MU_UUID_TEXT];

	return mu_value_string(a, mu_uuid_format(u, text));
}

struct mu_value *rest_uuid_if(struct mu_arena *a, const struct mu_uuid *u)
{
	return mu_uuid_is_nil(u) ? NULL : rest_uuid(a, u);
}

struct mu_value *rest_bytes(struct mu_arena *a, int64_t n)
{
	return n < 0 ? mu_value_null(a) : mu_value_int(a, n);
}

struct related {
	struct mu_arena *arena;
	struct mu_value *list;
};

static bool add_related(const struct mu_uuid *id, void *arg)
{
	const struct related *all = arg;

	mu_value_push(all->list, rest_uuid(all->arena, id));
	return true;
}

struct mu_value *rest_related(struct rest_render *r, enum rest_relation what,
			      const struct mu_uuid *of)
{
	struct related all = {.arena = r->arena, .list = mu_value_list(r->arena)};

	rest_relations_each(r->rest->relations, what, of, add_related, &all);
	return all.list;
}

struct mu_value *rest_ref(struct rest_render *r, const struct mu_uuid *u)
{
	char ref[sizeof "muster:" - 1 + MU_UUID_TEXT] = "muster:";

	(void)mu_uuid_format(u, ref + strlen(ref));
	return mu_value_string(r->arena, ref);
}

struct mu_value *rest_seconds(struct mu_arena *a, mu_msec at)
{
	return at ? mu_value_int(a, at / 1000) : mu_value_null(a);
}

struct mu_value *rest_range(struct mu_arena *a, int64_t low, int64_t high)
{
	struct mu_value *v = mu_value_list(a);

	mu_value_push(v, mu_value_int(a, low));
	mu_value_push(v, mu_value_int(a, high));
	return v;
}
