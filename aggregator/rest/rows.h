/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists of what the aggregator alone knows, in the dialect: hrefs, or objects as `fields`,
 * `filter`, `limit` and `ndjson` say.
 */
#ifndef MUSTER_AGGREGATOR_REST_ROWS_H
#define MUSTER_AGGREGATOR_REST_ROWS_H

#include "common/base/str.h"
#include "common/base/value.h"
#include "common/http/http.h"
#include "common/query/query.h"

struct rows {
	/* private */
	struct http_request *request;
	const char *collection;
	struct query_fields fields;
	struct query_filter *filter;
	bool hrefs;
	bool ndjson;
	size_t limit;
	size_t n;
	struct mu_str out;
};

/* MU_E_PROTOCOL: nothing is to be undone. */
int rows_begin(struct rows *rows, struct http_request *r, const char *collection,
	       struct mu_error *err);
/* An object with an `id`. */
void rows_add(struct rows *rows, const struct mu_value *object);
struct http_reply *rows_end(struct rows *rows);

#endif
