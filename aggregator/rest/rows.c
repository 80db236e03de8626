/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/rest/rows.h"

#include "common/json/json.h"

#include <string.h>

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
	    (filter && query_filter_parse(r->arena, filter, &rows->filter, err) < 0))
		return MU_FAILED;
	return limit ? query_limit_parse(limit, &rows->limit, err) : 0;
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
		if (query_fields_has(&rows->fields, member->name))
			mu_value_set(a, v, member->name, mu_value_copy(a, member));
	}
	mu_value_set_string(a, v, "href", href);
	return v;
}

void rows_add(struct rows *rows, const struct mu_value *object)
{
	const char *id = mu_value_as_string(mu_value_get(object, "id"));

	if (rows->n == rows->limit || (rows->filter && !query_filter_match(rows->filter, object)))
		return;
	if (rows->n++ > 0 && !rows->ndjson)
		mu_str_add_char(&rows->out, ',');
	mu_json_write(
	    &rows->out,
	    chosen(rows, object,
		   mu_arena_printf(rows->request->arena, "/rest/v0/%s/%s", rows->collection, id)),
	    false);
	if (rows->ndjson)
		mu_str_add_char(&rows->out, '\n');
}

struct http_reply *rows_end(struct rows *rows)
{
	struct mu_str text = MU_STR_INIT;
	struct mu_error err = MU_ERROR_INIT;
	const char *list = rows->out.data ? rows->out.data : "";

	if (rows->filter && query_filter_check(rows->filter, &err) < 0) {
		mu_str_deinit(&rows->out);
		return http_reply_error(rows->request, &err, NULL);
	}
	if (rows->ndjson)
		mu_str_add(&text, list);
	else
		mu_str_printf(&text, "[%s]", list);
	mu_str_deinit(&rows->out);
	return http_reply_take(rows->request, 200,
			       rows->ndjson ? "application/x-ndjson" : "application/json", &text);
}
