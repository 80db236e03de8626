/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/rest/rows.h"

#include "common/base/mem.h"
#include "common/json/json.h"
#include "common/rest/rest.h"

#include <stdlib.h>
#include <string.h>

struct rows_item {
	struct query_row at;
	const char *text; /* as it is answered, in the request's arena */
};

static int parse_order(struct rows *rows, struct http_request *r, struct mu_error *err)
{
	const char *sort = http_request_query(r, "sort");
	const char *cursor = http_request_query(r, "cursor");

	rows->ordered = sort || cursor;
	rows->sort.text = "";
	if (sort && query_sort_parse(r->arena, sort, &rows->sort, err) < 0)
		return MU_FAILED;
	if (!cursor || !*cursor)
		return 0;
	rows->on_from = true;
	return query_cursor_parse(r->arena, &rows->sort, cursor, &rows->after, err);
}

int rows_begin(struct rows *rows, struct http_request *r, const char *collection,
	       struct mu_error *err)
{
	const char *fields = http_request_query(r, "fields");
	const char *filter = http_request_query(r, "filter");
	const char *limit = http_request_query(r, "limit");
	const char *ndjson = http_request_query(r, "ndjson");

	*rows = (struct rows){
	    .request = r, .collection = collection, .hrefs = !fields, .limit = SIZE_MAX};
	rows->ndjson = ndjson && strcmp(ndjson, "false") != 0;
	if ((fields && query_fields_parse(r->arena, fields, &rows->fields, err) < 0) ||
	    (filter && query_filter_parse(r->arena, filter, &rows->filter, err) < 0) ||
	    (limit && query_limit_parse(limit, &rows->limit, err) < 0))
		return MU_FAILED;
	return parse_order(rows, r, err);
}

static int all_fields(struct rows *rows, struct mu_error *err)
{
	rows->hrefs = false;
	return query_fields_parse(rows->request->arena, "*", &rows->fields, err);
}

int rows_begin_whole(struct rows *rows, struct http_request *r, const char *collection,
		     struct mu_error *err)
{
	if (rows_begin(rows, r, collection, err) < 0)
		return MU_FAILED;
	return rows->hrefs ? all_fields(rows, err) : 0;
}

static struct mu_value *chosen(struct rows *rows, const struct mu_value *object, const char *href)
{
	struct mu_arena *a = rows->request->arena;
	struct mu_value *v;

	if (rows->hrefs)
		return mu_value_string(a, href);
	v = mu_value_object(a);
	mu_value_each(member, object)
	{
		if (query_fields_has(&rows->fields, member->name) &&
		    strcmp(member->name, "href") != 0)
			mu_value_set(a, v, member->name, mu_value_copy(a, member));
	}
	if (href)
		mu_value_set_string(a, v, "href", href);
	return v;
}

static const char *id_of(const struct mu_value *object)
{
	const struct mu_value *id = mu_value_get(object, "id");

	return mu_value_as_string(id ? id : mu_value_get(object, "uuid"));
}

static const char *text_of(struct rows *rows, const struct mu_value *object)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	struct mu_arena *a = rows->request->arena;
	const char *href = NULL;

	if (rows->collection)
		href = mu_arena_printf(a, "/rest/v0/%s/%s", rows->collection, id_of(object));
	mu_json_write(&text, chosen(rows, object, href), false);
	return mu_arena_strdup(a, text.data);
}

static void add_item(struct rows *rows, const struct rows_item *item)
{
	if (rows->n_items == rows->items_cap) {
		rows->items_cap = rows->items_cap ? 2 * rows->items_cap : 16;
		rows->items = mu_xrealloc(rows->items, rows->items_cap, sizeof *rows->items);
	}
	rows->items[rows->n_items++] = *item;
}

void rows_add(struct rows *rows, const struct mu_value *object)
{
	struct rows_item item = {.text = NULL};

	rows->n_offered++;
	for (size_t i = 0; i < rows->sort.n_keys; i++)
		rows->known[i] |= mu_value_get(object, rows->sort.keys[i].path[0]) != NULL;
	if ((!rows->ordered && rows->n_items == rows->limit) || rows->err.code != MU_E_NONE ||
	    (rows->filter && !query_filter_match(rows->filter, object)))
		return;
	if (query_sort_check(&rows->sort, object, &rows->err) < 0)
		return;
	(void)mu_uuid_parse(id_of(object), &item.at.id);
	item.at.keys = query_sort_keys(rows->request->arena, &rows->sort, object);
	if (rows->on_from && query_sort_compare(&rows->sort, &item.at, &rows->after) <= 0)
		return;
	item.text = text_of(rows, object);
	add_item(rows, &item);
}

static int compare(const void *a, const void *b, void *sort)
{
	const struct rows_item *p = a;
	const struct rows_item *q = b;

	return query_sort_compare(sort, &p->at, &q->at);
}

/* A list in an order that means nothing would look right. */
static int check(const struct rows *rows, struct mu_error *err)
{
	if (rows->err.code != MU_E_NONE) {
		*err = rows->err;
		return MU_FAILED;
	}
	for (size_t i = 0; rows->n_offered > 0 && i < rows->sort.n_keys; i++)
		if (!rows->known[i])
			return mu_error_set(err, MU_E_PROTOCOL,
					    "sort: none of %s has a property \"%.100s\"",
					    rows->collection ? rows->collection : "these",
					    rows->sort.keys[i].path[0]);
	return rows->filter ? query_filter_check(rows->filter, err) : 0;
}

static struct http_reply *reply_rows(struct rows *rows)
{
	struct mu_str text = MU_STR_INIT;

	if (!rows->ndjson)
		mu_str_add_char(&text, '[');
	for (size_t i = 0; i < rows->n_items && i < rows->limit; i++) {
		if (i > 0 && !rows->ndjson)
			mu_str_add_char(&text, ',');
		mu_str_add(&text, rows->items[i].text);
		if (rows->ndjson)
			mu_str_add_char(&text, '\n');
	}
	if (!rows->ndjson)
		mu_str_add_char(&text, ']');
	return http_reply_take(rows->request, 200,
			       rows->ndjson ? "application/x-ndjson" : "application/json", &text);
}

struct http_reply *rows_end(struct rows *rows)
{
	struct mu_error err = MU_ERROR_INIT;
	struct http_reply *reply;

	if (check(rows, &err) < 0) {
		free(rows->items);
		return rest_refuse_list(rows->request, &err);
	}
	if (rows->ordered && rows->n_items > 0)
		qsort_r(rows->items, rows->n_items, sizeof *rows->items, compare, &rows->sort);
	reply = reply_rows(rows);
	if (rows->n_items > rows->limit)
		http_reply_header(
		    reply, "link",
		    rest_next_page(rows->request,
				   query_cursor_format(rows->request->arena, &rows->sort,
						       &rows->items[rows->limit - 1].at)));
	free(rows->items);
	return reply;
}
