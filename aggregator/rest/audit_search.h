/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A walk through the audit log from the newest record on, page by page: what a request's `filter`,
 * `fields`, `limit`, `cursor` and `before` choose. It lives until the answer is sent or the peer
 * has gone.
 */
#ifndef MUSTER_AGGREGATOR_REST_AUDIT_SEARCH_H
#define MUSTER_AGGREGATOR_REST_AUDIT_SEARCH_H

#include "aggregator/rest/reply.h"

struct audit_shape {
	/* What is filtered and shown; `previous` is the hash of the record before it, NULL when
	 * that one is gone. */
	struct mu_value *(*value)(struct mu_arena *a, const struct audit_record *r,
				  const char *previous);
	/* Where one is, for lists without `fields`; NULL: those show all of it. */
	const char *href;
};

/* The answer to a request for a list. */
struct http_reply *audit_search(struct http_request *r, const struct admin_ops *ops,
				const struct audit_shape *shape);
/* The answer to a request for the one whose member `id` is this; 404 when there is none.
 * `from` is a record that it cannot be newer than, 0: any. */
struct http_reply *audit_search_one(struct http_request *r, const struct admin_ops *ops,
				    const struct audit_shape *shape, const struct mu_value *id,
				    int64_t from);

#endif
