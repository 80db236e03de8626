/* SPDX-License-Identifier: Apache-2.0 */
/* What the handlers of this folder share: reading a body, and answering later. */
#ifndef MUSTER_AGGREGATOR_REST_REPLY_H
#define MUSTER_AGGREGATOR_REST_REPLY_H

#include "aggregator/rest/admin.h"

/* A request whose answer comes later; freed by pending_take(). */
struct pending;

/* Return this from the handler; *ret_pending is the `arg` of the use case. */
struct http_reply *pending_new(struct http_request *r, struct pending **ret_pending);
/* The same for a request that is pending already: after pending_take(). */
void pending_again(struct http_request *r, struct pending **ret_pending);
/* The request, or NULL when its peer left. `p` is gone afterwards. */
struct http_request *pending_take(struct pending *p);
/* admin_done: 204, or the error. */
void pending_done_empty(void *arg, const struct mu_error *err);

struct body_field {
	const char *name;
	enum mu_value_kind kind;
	bool required;
	void *ret; /* const char **, int64_t * or bool *: untouched when absent */
};

/* Parse the body (an object, or nothing at all when no field is required) against the fields.
 * Unknown members, wrong kinds and missing ones are named in the error. */
int body_read(struct http_request *r, const struct body_field *fields, size_t n_fields,
	      struct mu_error *err);
/* The body as an object, for who knows better what its members are; an absent one is empty. */
int body_parse(struct http_request *r, struct mu_value **ret, struct mu_error *err);
/* A whole number from the query; `def` when absent. */
int query_int(struct http_request *r, const char *name, int64_t def, int64_t min, int64_t max,
	      int64_t *ret, struct mu_error *err);
/* {id} of the route. */
int id_read(const char *id, const char *what, struct mu_uuid *ret, struct mu_error *err);
void value_set_uuid(struct mu_arena *a, struct mu_value *object, const char *name,
		    const struct mu_uuid *u); /* nil: left out */
struct admin_asker asker_of(struct http_request *r, const struct rest_user *user);

/* One per resource. */
struct http_reply *admin_ca(struct http_request *r, const struct rest_user *user, const char *id,
			    void *ctx);
struct http_reply *admin_enrol(struct http_request *r, const struct rest_user *user, const char *id,
			       void *ctx);
struct http_reply *admin_joins_list(struct http_request *r, const struct rest_user *user,
				    const char *id, void *ctx);
struct http_reply *admin_joins_create(struct http_request *r, const struct rest_user *user,
				      const char *id, void *ctx);
struct http_reply *admin_joins_delete(struct http_request *r, const struct rest_user *user,
				      const char *id, void *ctx);
struct http_reply *admin_tokens_list(struct http_request *r, const struct rest_user *user,
				     const char *id, void *ctx);
struct http_reply *admin_tokens_create(struct http_request *r, const struct rest_user *user,
				       const char *id, void *ctx);
struct http_reply *admin_tokens_delete(struct http_request *r, const struct rest_user *user,
				       const char *id, void *ctx);
struct http_reply *admin_hosts_revoke(struct http_request *r, const struct rest_user *user,
				      const char *id, void *ctx);
struct http_reply *admin_hosts_delete(struct http_request *r, const struct rest_user *user,
				      const char *id, void *ctx);
struct http_reply *admin_hosts_metrics(struct http_request *r, const struct rest_user *user,
				       const char *id, void *ctx);
struct http_reply *admin_audit(struct http_request *r, const struct rest_user *user, const char *id,
			       void *ctx);
struct http_reply *admin_audit_record(struct http_request *r, const struct rest_user *user,
				      const char *id, void *ctx);
struct http_reply *admin_audit_head(struct http_request *r, const struct rest_user *user,
				    const char *id, void *ctx);
struct http_reply *admin_audit_verify(struct http_request *r, const struct rest_user *user,
				      const char *id, void *ctx);
struct http_reply *admin_xo_audit(struct http_request *r, const struct rest_user *user,
				  const char *id, void *ctx);
struct http_reply *admin_xo_audit_record(struct http_request *r, const struct rest_user *user,
					 const char *id, void *ctx);

#endif
