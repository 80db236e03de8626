/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists of what the aggregator alone knows, in the dialect: hrefs, or objects, as `fields`,
 * `filter`, `sort`, `cursor`, `limit` and `ndjson` say. They are short, so they are held whole.
 */
#ifndef MUSTER_AGGREGATOR_REST_ROWS_H
#define MUSTER_AGGREGATOR_REST_ROWS_H

#include "common/base/str.h"
#include "common/base/value.h"
#include "common/http/http.h"
#include "common/query/sort.h"

struct rows {
	/* private */
	struct http_request *request;
	const char *collection;
	struct query_fields fields;
	struct query_filter *filter;
	struct query_sort sort;
	struct query_row after;
	bool ordered;
	bool on_from; /* only what comes behind `after` */
	bool hrefs;
	bool ndjson;
	size_t limit;
	size_t n_offered;           /* whatever the filter says */
	bool known[QUERY_SORT_MAX]; /* of the sort's properties: somebody has it */
	struct rows_item *items;
	size_t n_items;
	size_t items_cap;
	struct mu_error err; /* found on the way */
};

/* MU_E_PROTOCOL: nothing is to be undone. */
int rows_begin(struct rows *rows, struct http_request *r, const char *collection,
	       struct mu_error *err);
/* The same, but who names no fields gets whole objects and not hrefs; `collection` NULL: of what
 * has no href. */
int rows_begin_whole(struct rows *rows, struct http_request *r, const char *collection,
		     struct mu_error *err);
/* An object with an `id`, or with the `uuid` of Xen Orchestra's tokens. */
void rows_add(struct rows *rows, const struct mu_value *object);
struct http_reply *rows_end(struct rows *rows);

#endif
