/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A page has a record more than is looked at: the one before each is needed for its hash. The last
 * of a page is therefore the first of the next.
 */
#include "aggregator/rest/audit_search.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/json/json.h"
#include "common/query/query.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE = 200, LIMIT_DEFAULT = 100, LIMIT_MAX = 1000 };

struct search {
	struct http_request *request; /* NULL: the peer left */
	const struct admin_ops *ops;
	const struct audit_shape *shape;
	const struct query_filter *filter; /* NULL: everything */
	const struct mu_value *id;         /* not NULL: this one only */
	struct query_fields fields;
	size_t limit;
	struct mu_arena *arena; /* of the record that is looked at */
	struct mu_value *found; /* in the request's arena */
	int64_t last;           /* found */
};

static void go_on(struct search *s, int64_t before);

static void on_gone(void *ctx)
{
	struct search *s = ctx;

	s->request = NULL;
}

static void search_free(struct search *s)
{
	mu_arena_free(s->arena);
	free(s);
}

/* --- what is asked for --- */

static int parse(struct search *s, struct http_request *r, int64_t *ret_before,
		 struct mu_error *err)
{
	const char *filter = http_request_query(r, "filter");
	const char *fields = http_request_query(r, "fields");
	struct query_filter *f = NULL;
	const char *page = http_request_query(r, "cursor");
	int64_t limit, cursor = 0;

	if (http_request_query(r, "sort"))
		return mu_error_set(err, MU_E_INVALID,
				    "query parameter 'sort': records come newest first");
	s->fields.all = !fields && !s->shape->href;
	if (query_int(r, "limit", LIMIT_DEFAULT, 1, LIMIT_MAX, &limit, err) < 0 ||
	    query_int(r, "before", 0, 0, INT64_MAX, ret_before, err) < 0 ||
	    (page && *page && query_int(r, "cursor", 0, 0, INT64_MAX, &cursor, err) < 0) ||
	    (filter && query_filter_parse(r->arena, filter, &f, err) < 0) ||
	    (fields && query_fields_parse(r->arena, fields, &s->fields, err) < 0))
		return MU_FAILED;
	if (!*ret_before || (cursor && cursor < *ret_before))
		*ret_before = cursor;
	s->filter = f;
	s->limit = (size_t)limit;
	return 0;
}

/* --- what is found --- */

/* Chosen members, copied to where the answer is. */
static struct mu_value *chosen(const struct search *s, const struct mu_value *v)
{
	struct mu_arena *a = s->request->arena;
	struct mu_value *out;

	if (s->fields.all)
		return mu_value_copy(a, v);
	out = mu_value_object(a);
	mu_value_each(member, v)
	{
		if (query_fields_has(&s->fields, member->name))
			mu_value_set(a, out, member->name, mu_value_copy(a, member));
	}
	return out;
}

static void add_found(struct search *s, const struct audit_record *r, const struct mu_value *v)
{
	struct mu_arena *a = s->request->arena;
	struct mu_value *out;
	const char *href;

	s->last = r->id;
	if (s->id || !s->shape->href) {
		mu_value_push(s->found, chosen(s, v));
		return;
	}
	href =
	    mu_arena_printf(a, "%s/%s", s->shape->href, mu_value_as_string(mu_value_get(v, "id")));
	if (!s->fields.all && s->fields.n_names == 0) {
		mu_value_push(s->found, mu_value_string(a, href));
		return;
	}
	out = mu_value_push(s->found, chosen(s, v));
	mu_value_set_string(a, out, "href", href);
}

static void look_at(struct search *s, const struct audit_record *r, const char *previous)
{
	struct mu_value *v;

	mu_arena_reset(s->arena);
	v = s->shape->value(s->arena, r, previous);
	if (s->id ? mu_value_equal(mu_value_get(v, "id"), s->id)
		  : !s->filter || query_filter_match(s->filter, v))
		add_found(s, r, v);
}

static void answer(struct search *s, bool more)
{
	struct http_request *r = s->request;
	struct mu_error err = MU_ERROR_INIT;
	struct http_reply *reply;

	if (s->id && !s->found->first) {
		mu_error_set(&err, MU_E_NOT_FOUND,
			     "no such record of the audit log; hint: old ones are dropped");
		reply = http_reply_error(r, &err, NULL);
	} else {
		reply = http_reply_json(r, 200, s->id ? s->found->first : s->found);
	}
	if (more && !s->id)
		http_reply_header(
		    reply, "link",
		    rest_next_page(r, mu_arena_printf(r->arena, "%" PRId64, s->last)));
	search_free(s);
	http_request_finish(r, reply);
}

static void fail(struct search *s, const struct mu_error *err)
{
	struct http_request *r = s->request;

	search_free(s);
	http_request_finish(r, http_reply_error(r, err, NULL));
}

static void on_page(void *arg, const struct audit_record *rows, size_t n_rows,
		    const struct mu_error *err)
{
	struct search *s = arg;
	struct mu_error slow = MU_ERROR_INIT;
	bool more = n_rows == PAGE;
	size_t n = more ? n_rows - 1 : n_rows;

	if (!s->request) {
		search_free(s);
		return;
	}
	if (err) {
		fail(s, err);
		return;
	}
	if (s->filter)
		query_filter_allow(s->filter, QUERY_STEPS_MAX);
	for (size_t i = 0; i < n; i++) {
		look_at(s, &rows[i], i + 1 < n_rows ? rows[i + 1].hash : NULL);
		if (s->filter && query_filter_check(s->filter, &slow) < 0) {
			fail(s, &slow);
			return;
		}
		if (s->found->n_children == s->limit) {
			answer(s, more || i + 1 < n);
			return;
		}
	}
	if (more)
		go_on(s, rows[n - 1].id);
	else
		answer(s, false);
}

static void go_on(struct search *s, int64_t before)
{
	s->ops->audit_list(s->ops->ctx, PAGE, before, on_page, s);
}

/* --- beginning --- */

static struct search *search_new(struct http_request *r, const struct admin_ops *ops,
				 const struct audit_shape *shape)
{
	struct search *s = mu_xcalloc(1, sizeof *s);

	s->request = r;
	s->ops = ops;
	s->shape = shape;
	s->arena = mu_arena_new();
	s->found = mu_value_list(r->arena);
	return s;
}

static struct http_reply *begin(struct search *s, int64_t before)
{
	struct http_reply *reply = http_reply_pending(s->request, on_gone, s);

	go_on(s, before);
	return reply;
}

struct http_reply *audit_search(struct http_request *r, const struct admin_ops *ops,
				const struct audit_shape *shape)
{
	struct search *s = search_new(r, ops, shape);
	const char *filter = http_request_query(r, "filter");
	struct mu_error err = MU_ERROR_INIT;
	struct mu_value *data = NULL;
	int64_t before;

	if (parse(s, r, &before, &err) == 0)
		return begin(s, before);
	if (filter && mu_str_has_prefix(err.text, "filter:")) {
		data = mu_value_object(r->arena);
		mu_value_set_string(r->arena, data, "stringToParse", filter);
	}
	search_free(s);
	return http_reply_error(r, &err, data);
}

struct http_reply *audit_search_one(struct http_request *r, const struct admin_ops *ops,
				    const struct audit_shape *shape, const struct mu_value *id,
				    int64_t from)
{
	struct search *s = search_new(r, ops, shape);

	s->id = id;
	s->fields.all = true;
	s->limit = 1;
	return begin(s, from ? from + 1 : 0);
}
