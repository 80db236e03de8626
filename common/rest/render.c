/* SPDX-License-Identifier: Apache-2.0 */
#include "common/rest/render.h"

#include "common/base/assert.h"
#include "common/base/str.h"
#include "common/json/json.h"

#include <stdio.h>
#include <string.h>

enum { FIELDS_MAX = 96 };

void rest_render_init(struct rest_render *r, struct rest *rest, struct mu_arena *a)
{
	memset(r, 0, sizeof *r);
	r->arena = a;
	r->rest = rest;
	rest->backend.pool(rest->backend.ctx, &r->pool);
	(void)mu_uuid_format(&r->pool.id, r->pool_id);
}

static struct mu_value *render(struct rest_render *r, const struct rest_type *type,
			       const void *object, const bool *chosen)
{
	struct mu_value *v = mu_value_object(r->arena);

	r->type = type;
	for (size_t i = 0; i < type->n_fields; i++) {
		struct mu_value *field = chosen[i] ? type->fields[i].value(r, object) : NULL;

		if (field)
			mu_value_set(r->arena, v, type->fields[i].name, field);
	}
	return v;
}

static void choose(const struct rest_type *type, const struct query_fields *fields, bool *chosen)
{
	mu_assert(type->n_fields <= FIELDS_MAX);
	for (size_t i = 0; i < type->n_fields; i++)
		chosen[i] = !fields || query_fields_has(fields, type->fields[i].name);
}

struct mu_value *rest_render_object(struct rest_render *r, const struct rest_type *type,
				    const void *object, const struct query_fields *fields)
{
	bool chosen[FIELDS_MAX];

	choose(type, fields, chosen);
	return render(r, type, object, chosen);
}

struct http_reply *rest_single(struct rest_call *c, const struct rest_type *type,
			       const void *object)
{
	struct rest_render r;

	rest_render_init(&r, c->rest, c->arena);
	return http_reply_json(c->request, 200, rest_render_object(&r, type, object, NULL));
}

/* Lists */

struct list {
	struct rest_render render;
	const struct rest_type *type; /* that is being listed */
	struct query_fields fields;
	const struct query_filter *filter; /* NULL: everything */
	bool (*keep)(const void *object, const void *arg);
	const void *keep_arg;
	bool hrefs;
	bool ndjson;
	size_t limit;
	size_t n_items;
	bool chosen[FIELDS_MAX];
	bool used[FIELDS_MAX]; /* by the filter */
	struct mu_str out;
};

static struct mu_value *href_value(struct list *l, const void *object)
{
	char id[MU_UUID_TEXT];
	char href[64];

	(void)snprintf(href, sizeof href, "/rest/v0/%s/%s", l->type->collection,
		       mu_uuid_format(l->type->id(object), id));
	return mu_value_string(l->render.arena, href);
}

static bool list_item(const void *object, void *arg)
{
	struct list *l = arg;
	struct mu_arena *a = l->render.arena;
	struct mu_value *v;

	if (l->keep && !l->keep(object, l->keep_arg))
		return true;
	mu_arena_reset(a);
	if (l->filter &&
	    !query_filter_match(l->filter, render(&l->render, l->type, object, l->used)))
		return true;
	if (l->hrefs) {
		v = href_value(l, object);
	} else {
		v = render(&l->render, l->type, object, l->chosen);
		mu_value_set(a, v, "href", href_value(l, object));
	}
	if (l->n_items > 0 && !l->ndjson)
		mu_str_add_char(&l->out, ',');
	mu_json_write(&l->out, v, false);
	if (l->ndjson)
		mu_str_add_char(&l->out, '\n');
	return ++l->n_items < l->limit;
}

static int parse_filter(struct rest_call *c, struct list *l, struct mu_error *err)
{
	const char *text = http_request_query(c->request, "filter");
	struct query_filter *f = NULL;

	if (!text)
		return 0;
	if (query_filter_parse(c->arena, text, &f, err) < 0)
		return MU_FAILED;
	l->filter = f;
	return 0;
}

static int parse_list(struct rest_call *c, struct list *l, struct mu_error *err)
{
	const char *fields = http_request_query(c->request, "fields");
	const char *limit = http_request_query(c->request, "limit");

	l->hrefs = !fields;
	if (fields && query_fields_parse(c->arena, fields, &l->fields, err) < 0)
		return MU_FAILED;
	l->limit = SIZE_MAX;
	if (limit && query_limit_parse(limit, &l->limit, err) < 0)
		return MU_FAILED;
	if (rest_query_bool(c, "ndjson", &l->ndjson, err) < 0)
		return MU_FAILED;
	return parse_filter(c, l, err);
}

static struct http_reply *bad_list(struct rest_call *c, const struct mu_error *err)
{
	struct mu_value *data = NULL;
	const char *filter = http_request_query(c->request, "filter");

	if (filter && mu_str_has_prefix(err->text, "filter:")) {
		data = mu_value_object(c->arena);
		mu_value_set_string(c->arena, data, "stringToParse", filter);
	}
	return http_reply_error(c->request, err, data);
}

static void list_type(struct list *l, const struct rest_type *type,
		      const struct rest_backend *backend)
{
	l->type = type;
	choose(type, &l->fields, l->chosen);
	for (size_t i = 0; l->filter && i < type->n_fields; i++)
		l->used[i] = query_filter_uses(l->filter, type->fields[i].name);
	if (l->n_items < l->limit)
		type->each(backend, list_item, l);
}

struct http_reply *rest_list_all(struct rest_call *c, const struct rest_type *const *types,
				 size_t n_types, bool (*keep)(const void *object, const void *arg),
				 const void *arg)
{
	struct list l = {.keep = keep, .keep_arg = arg};
	struct mu_error err = MU_ERROR_INIT;

	if (parse_list(c, &l, &err) < 0)
		return bad_list(c, &err);
	rest_render_init(&l.render, c->rest, mu_arena_new());
	if (!l.ndjson)
		mu_str_add_char(&l.out, '[');
	for (size_t i = 0; i < n_types; i++)
		list_type(&l, types[i], &c->rest->backend);
	if (!l.ndjson)
		mu_str_add_char(&l.out, ']');
	mu_arena_free(l.render.arena);
	return http_reply_take(c->request, 200,
			       l.ndjson ? "application/x-ndjson" : "application/json", &l.out);
}

struct http_reply *rest_list(struct rest_call *c, const struct rest_type *type,
			     bool (*keep)(const void *object, const void *arg), const void *arg)
{
	return rest_list_all(c, &type, 1, keep, arg);
}

/* Matching one object for rules, by id */

static const void *object_of(struct rest *rest, enum alarm_of of, const struct mu_uuid *id)
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
	};
	const void *object = object_of(rest, of, id);
	bool used[FIELDS_MAX];
	struct rest_render r;

	if (!object)
		return false;
	rest_render_init(&r, rest, a);
	mu_assert(types[of]->n_fields <= FIELDS_MAX);
	for (size_t i = 0; i < types[of]->n_fields; i++)
		used[i] = query_filter_uses(filter, types[of]->fields[i].name);
	return query_filter_match(filter, render(&r, types[of], object, used));
}
