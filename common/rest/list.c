/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET of a collection.
 *
 * Objects are written while the collection is walked. A list that gets longer than PIECE_MAX is
 * sent in turns: of the rest only the ids are noted, and each is looked up, and written, when the
 * peer has taken what came before. So the memory is that of the ids, whatever the list's length,
 * and the first byte does not wait for the last object. An object that has gone in between is left
 * out, as one that the filter has come not to match, or that the user may see no more.
 *
 * With `sort` or `cursor` the ids are noted first, with what they are put in order by.
 */
#include "common/base/str.h"
#include "common/json/json.h"
#include "common/query/sort.h"
#include "common/rest/access.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE_MAX = 64 << 10, N_TYPES_MAX = 4 };

struct row {
	const struct rest_type *type;
	struct query_row at; /* of an ordered list: also what it is put in order by */
};

/* What is built of a type's objects. */
struct shape {
	const struct rest_type *type;
	struct rest_sight sight; /* what the user may see; for one turn */
	bool chosen[REST_FIELDS_MAX];
	bool used[REST_FIELDS_MAX]; /* by the filter */
	bool keys[REST_FIELDS_MAX]; /* by the order */
};

struct list {
	struct rest_render render;
	struct mu_arena *arena; /* the request's; keys are in it */
	struct rest_user user;
	const struct query_filter *filter; /* NULL: everything */
	struct query_fields fields;
	struct query_sort sort;
	const struct query_row *after; /* NULL: from the beginning */
	bool (*keep)(const void *object, const void *arg);
	const void *keep_arg;
	bool hrefs;
	bool ndjson;
	bool ordered;
	size_t limit;
	size_t n_types;
	struct shape shapes[N_TYPES_MAX];
	const struct shape *shape; /* that is being walked */
	size_t n_items;            /* written */
	struct row *rows;          /* noted */
	size_t n_rows;
	size_t rows_cap;
	size_t next; /* row to write */
	struct mu_str text;
	struct http_out *out; /* once it is sent in turns */
	struct mu_error err;  /* that ends the walk */
};

/* ---- what is asked for ---- */

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

/* Is there such a property in one of the types? A list in an order that means nothing would look
 * right. */
static int check_sort(const struct list *l, const struct rest_type *const *types, size_t n_types,
		      struct mu_error *err)
{
	for (size_t k = 0; k < l->sort.n_keys; k++) {
		bool found = false;

		for (size_t t = 0; t < n_types; t++)
			for (size_t i = 0; i < types[t]->n_fields; i++)
				found |=
				    strcmp(types[t]->fields[i].name, l->sort.keys[k].path[0]) == 0;
		if (!found)
			return mu_error_set(err, MU_E_PROTOCOL,
					    "sort: a %s has no property \"%.100s\"", types[0]->name,
					    l->sort.keys[k].path[0]);
	}
	return 0;
}

static int parse_order(struct rest_call *c, struct list *l, const struct rest_type *const *types,
		       size_t n_types, struct mu_error *err)
{
	const char *sort = http_request_query(c->request, "sort");
	const char *cursor = http_request_query(c->request, "cursor");
	struct query_row *after;

	l->ordered = sort || cursor;
	l->sort.text = "";
	if (sort && (query_sort_parse(c->arena, sort, &l->sort, err) < 0 ||
		     check_sort(l, types, n_types, err) < 0))
		return MU_FAILED;
	if (!cursor || !*cursor)
		return 0;
	after = mu_arena_calloc(c->arena, 1, sizeof *after);
	l->after = after;
	return query_cursor_parse(c->arena, &l->sort, cursor, after, err);
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

struct http_reply *rest_refuse_list(struct http_request *r, const struct mu_error *err)
{
	struct mu_value *data = NULL;
	const char *filter = http_request_query(r, "filter");

	if (filter && mu_str_has_prefix(err->text, "filter:")) {
		data = mu_value_object(r->arena);
		mu_value_set_string(r->arena, data, "stringToParse", filter);
	}
	return http_reply_error(r, err, data);
}

struct http_reply *rest_bad_list(struct rest_call *c, const struct mu_error *err)
{
	return rest_refuse_list(c->request, err);
}

/* ---- writing ---- */

static struct mu_value *href_value(struct list *l, const struct rest_type *type, const void *object)
{
	char id[MU_UUID_TEXT];
	char href[64];

	(void)snprintf(href, sizeof href, "/rest/v0/%s/%s", type->collection,
		       mu_uuid_format(type->id(object), id));
	return mu_value_string(l->render.arena, href);
}

static bool matches(struct list *l, const struct shape *s, const void *object)
{
	mu_arena_reset(l->render.arena);
	if (!rest_sight_sees(&s->sight, &l->render, object))
		return false;
	return !l->filter || query_filter_match(l->filter, rest_render_chosen(&l->render, s->type,
									      object, s->used));
}

static void write_item(struct list *l, const struct shape *s, const void *object)
{
	struct mu_arena *a = l->render.arena;
	struct mu_value *v;

	if (l->hrefs) {
		v = href_value(l, s->type, object);
	} else {
		v = rest_render_chosen(&l->render, s->type, object, s->chosen);
		mu_value_set(a, v, "href", href_value(l, s->type, object));
	}
	if (l->n_items > 0 && !l->ndjson)
		mu_str_add_char(&l->text, ',');
	mu_json_write(&l->text, v, false);
	if (l->ndjson)
		mu_str_add_char(&l->text, '\n');
	l->n_items++;
}

/* ---- walking ---- */

static struct row *add_row(struct list *l)
{
	if (l->n_rows == l->rows_cap) {
		l->rows_cap = l->rows_cap ? 2 * l->rows_cap : 64;
		l->rows = mu_xrealloc(l->rows, l->rows_cap, sizeof *l->rows);
	}
	return &l->rows[l->n_rows++];
}

static void note(struct list *l, const void *object)
{
	const struct shape *s = l->shape;
	struct query_row at = {.id = *s->type->id(object)};

	if (l->ordered) {
		const struct mu_value *v;

		mu_arena_reset(l->render.arena);
		v = rest_render_chosen(&l->render, s->type, object, s->keys);
		if (query_sort_check(&l->sort, v, &l->err) < 0)
			return;
		at.keys = query_sort_keys(l->arena, &l->sort, v);
		if (l->after && query_sort_compare(&l->sort, &at, l->after) <= 0)
			return;
	}
	*add_row(l) = (struct row){.type = s->type, .at = at};
}

static bool walk_item(const void *object, void *arg)
{
	struct list *l = arg;

	if ((l->keep && !l->keep(object, l->keep_arg)) || !matches(l, l->shape, object))
		return true;
	if (l->ordered || l->text.len > PIECE_MAX)
		note(l, object);
	else
		write_item(l, l->shape, object);
	return l->ordered ? l->err.code == MU_E_NONE : l->n_items + l->n_rows < l->limit;
}

static void walk_type(struct list *l, const struct rest_type *type,
		      const struct rest_backend *backend)
{
	struct shape *s = &l->shapes[l->n_types++];

	s->type = type;
	rest_sight_init(&s->sight, l->render.rest, &l->user, type, "read", l->arena);
	rest_render_choose(type, &l->fields, s->chosen);
	if (l->filter)
		rest_render_choose_for(type, l->filter, s->used);
	for (size_t i = 0; i < type->n_fields; i++)
		s->keys[i] = query_sort_uses(&l->sort, type->fields[i].name);
	l->shape = s;
	if (l->ordered || l->n_items + l->n_rows < l->limit)
		type->each(backend, walk_item, l);
}

static int compare_rows(const void *a, const void *b, void *arg)
{
	const struct row *p = a;
	const struct row *q = b;

	return query_sort_compare(arg, &p->at, &q->at);
}

/* ---- rows ---- */

struct visit {
	struct list *list;
	const struct shape *shape;
};

static void on_found(const void *object, void *arg)
{
	struct visit *v = arg;

	if (matches(v->list, v->shape, object))
		write_item(v->list, v->shape, object);
}

static void write_row(struct list *l, const struct row *row)
{
	struct visit v = {.list = l};

	for (size_t i = 0; i < l->n_types; i++)
		if (l->shapes[i].type == row->type)
			v.shape = &l->shapes[i];
	row->type->find(l->render.rest, &row->at.id, on_found, &v);
}

/* As many as make a piece; the end of the text with the last. Fails when the filter takes too long.
 */
static int write_rows(struct list *l, struct mu_error *err)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();

	for (size_t i = 0; i < l->n_types; i++)
		rest_sight_init(&l->shapes[i].sight, l->render.rest, &l->user, l->shapes[i].type,
				"read", a);
	if (l->filter)
		query_filter_allow(l->filter, QUERY_STEPS_MAX);
	while (l->next < l->n_rows && l->text.len <= PIECE_MAX)
		write_row(l, &l->rows[l->next++]);
	if (l->next == l->n_rows && !l->ndjson)
		mu_str_add_char(&l->text, ']');
	return l->filter ? query_filter_check(l->filter, err) : 0;
}

static void list_deinit(struct list *l)
{
	l->render.arena = mu_arena_free(l->render.arena);
	free(l->rows);
	mu_str_deinit(&l->text);
}

static void on_peer_gone(void *ctx)
{
	list_deinit(ctx);
}

static void on_writable(void *ctx)
{
	struct list *l = ctx;

	for (;;) {
		if (http_out_send(l->out, l->text.data, l->text.len) == HTTP_OUT_FULL)
			return;
		mu_str_reset(&l->text);
		if (l->next == l->n_rows) {
			http_out_finish(l->out);
			break;
		}
		if (write_rows(l, NULL) < 0) { /* too late for a status: it does not end */
			http_out_end(l->out);
			break;
		}
	}
	list_deinit(l);
}

/* ---- the reply ---- */

/* The request again. Its cursor comes first and so counts, however the request has spelt its own.
 */
const char *rest_next_page(const struct http_request *r, const char *cursor)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str link = MU_STR_INIT;
	const char *p = r->query;

	mu_str_printf(&link, "<%s?cursor=%s", r->path, cursor);
	while (*p) {
		size_t len = strcspn(p, "&");
		size_t name_len = strcspn(p, "=&");

		if (len > 0 && !(name_len == strlen("cursor") && mu_str_has_prefix(p, "cursor")))
			mu_str_printf(&link, "&%.*s", (int)len, p);
		p += len + (p[len] == '&');
	}
	mu_str_add(&link, ">; rel=\"next\"");
	return mu_arena_strdup(r->arena, link.data);
}

static struct http_reply *reply_list(struct rest_call *c, struct list *l, const char *next)
{
	const char *type = l->ndjson ? "application/x-ndjson" : "application/json";
	struct http_reply *reply;

	if (l->next == l->n_rows) {
		reply = http_reply_take(c->request, 200, type, &l->text);
		list_deinit(l);
	} else {
		struct list *kept = mu_arena_memdup(c->arena, l, sizeof *l);

		reply = http_reply_stream(c->request, 200, type, HTTP_LENGTH_UNKNOWN, on_writable,
					  on_peer_gone, kept, &kept->out);
		on_writable(kept);
	}
	if (next)
		http_reply_header(reply, "link", next);
	return reply;
}

struct http_reply *rest_list_all(struct rest_call *c, const struct rest_type *const *types,
				 size_t n_types, bool (*keep)(const void *object, const void *arg),
				 const void *arg)
{
	struct list *l = mu_arena_calloc(c->arena, 1, sizeof *l);
	struct mu_error err = MU_ERROR_INIT;
	const char *next = NULL;

	l->arena = c->arena;
	l->user = c->user;
	l->keep = keep;
	l->keep_arg = arg;
	if (parse_list(c, l, &err) < 0 || parse_order(c, l, types, n_types, &err) < 0)
		return rest_bad_list(c, &err);
	rest_render_init(&l->render, c->rest, mu_arena_new());
	if (!l->ndjson)
		mu_str_add_char(&l->text, '[');
	for (size_t i = 0; i < n_types; i++)
		walk_type(l, types[i], &c->rest->backend);
	if (l->err.code != MU_E_NONE) {
		list_deinit(l);
		return rest_bad_list(c, &l->err);
	}
	if (l->ordered && l->n_rows > 0) {
		qsort_r(l->rows, l->n_rows, sizeof *l->rows, compare_rows, &l->sort);
		if (l->n_rows > l->limit) {
			l->n_rows = l->limit;
			next = rest_next_page(
			    c->request,
			    query_cursor_format(c->arena, &l->sort, &l->rows[l->n_rows - 1].at));
		}
	}
	if ((l->filter && query_filter_check(l->filter, &err) < 0) || write_rows(l, &err) < 0) {
		list_deinit(l);
		return rest_bad_list(c, &err);
	}
	return reply_list(c, l, next);
}

struct http_reply *rest_list(struct rest_call *c, const struct rest_type *type,
			     bool (*keep)(const void *object, const void *arg), const void *arg)
{
	return rest_list_all(c, &type, 1, keep, arg);
}
