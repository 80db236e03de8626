/* SPDX-License-Identifier: Apache-2.0 */
#include "common/rest/render.h"

#include "common/base/assert.h"

#include <string.h>

void rest_render_init(struct rest_render *r, struct rest *rest, struct mu_arena *a)
{
	memset(r, 0, sizeof *r);
	r->arena = a;
	r->rest = rest;
	rest->backend.pool(rest->backend.ctx, &r->pool);
	(void)mu_uuid_format(&r->pool.id, r->pool_id);
}

struct mu_value *rest_render_chosen(struct rest_render *r, const struct rest_type *type,
				    const void *object, const bool *chosen)
{
	struct mu_value *v = mu_value_object(r->arena);

	r->type = type;
	for (size_t i = 0; i < type->n_fields; i++) {
		struct mu_value *field = chosen[i] ? type->fields[i].value(r, object) : NULL;

		if (field)
			mu_value_put(v, type->fields[i].name, field);
	}
	return v;
}

void rest_render_choose(const struct rest_type *type, const struct query_fields *fields,
			bool chosen[static REST_FIELDS_MAX])
{
	mu_assert(type->n_fields <= REST_FIELDS_MAX);
	for (size_t i = 0; i < type->n_fields; i++)
		chosen[i] = !fields || query_fields_has(fields, type->fields[i].name);
}

void rest_render_choose_for(const struct rest_type *type, const struct query_filter *filter,
			    bool chosen[static REST_FIELDS_MAX])
{
	mu_assert(type->n_fields <= REST_FIELDS_MAX);
	for (size_t i = 0; i < type->n_fields; i++)
		chosen[i] =
		    query_filter_uses(filter, type->fields[i].name, type->fields[i].letters);
}

struct mu_value *rest_render_object(struct rest_render *r, const struct rest_type *type,
				    const void *object, const struct query_fields *fields)
{
	bool chosen[REST_FIELDS_MAX];

	rest_render_choose(type, fields, chosen);
	return rest_render_chosen(r, type, object, chosen);
}

struct http_reply *rest_single(struct rest_call *c, const struct rest_type *type,
			       const void *object)
{
	struct rest_render r;

	rest_render_init(&r, c->rest, c->arena);
	return rest_reply_tagged(c->request, rest_render_object(&r, type, object, NULL));
}

/* Matching one object for rules, by id */

static const struct rest_pool *pool_of(const struct rest_backend *b, const struct mu_uuid *id,
				       struct mu_arena *a)
{
	struct rest_pool *p = mu_arena_calloc(a, 1, sizeof *p);

	b->pool(b->ctx, p);
	return mu_uuid_equal(&p->id, id) ? p : NULL;
}

static const void *object_of(struct rest *rest, enum alarm_of of, const struct mu_uuid *id,
			     struct mu_arena *a)
{
	const struct rest_backend *b = &rest->backend;
	const struct vm_id vm_id = {*id};
	const struct host_id host_id = {*id};

	switch (of) {
	case ALARM_OF_VM:
		return b->vm_find(b->ctx, &vm_id);
	case ALARM_OF_HOST:
		return b->host_find(b->ctx, &host_id);
	case ALARM_OF_SR:
		return b->object_find(b->ctx, id);
	case ALARM_OF_POOL:
		return pool_of(b, id, a);
	case _ALARM_OF_COUNT:
		break;
	}
	mu_assert_unreachable();
}

bool rest_matches(struct rest *rest, enum alarm_of of, const struct mu_uuid *id,
		  const struct query_filter *filter, struct mu_arena *a)
{
	static const struct rest_type *const types[_ALARM_OF_COUNT] = {
	    [ALARM_OF_VM] = &rest_type_vm,
	    [ALARM_OF_HOST] = &rest_type_host,
	    [ALARM_OF_SR] = &rest_type_sr,
	    [ALARM_OF_POOL] = &rest_type_pool,
	};
	const void *object = object_of(rest, of, id, a);
	bool used[REST_FIELDS_MAX];
	struct rest_render r;

	if (!object)
		return false;
	rest_render_init(&r, rest, a);
	rest_render_choose_for(types[of], filter, used);
	query_filter_allow(filter, QUERY_STEPS_OF_ONE);
	return query_filter_match(filter, rest_render_chosen(&r, types[of], object, used));
}
