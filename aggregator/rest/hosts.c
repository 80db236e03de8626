/* SPDX-License-Identifier: Apache-2.0 */
/* Of hosts: revoking, forgetting, how their metrics fare. Listing and details are common/rest's. */
#include "aggregator/rest/reply.h"

static struct http_reply *revoke(struct http_request *r, const struct rest_user *user,
				 const char *id, bool forget, const struct admin_ops *ops)
{
	struct admin_asker who = asker_of(r, user);
	struct mu_error err = MU_ERROR_INIT;
	struct host_id host;
	struct pending *p;
	struct http_reply *reply;

	if (id_read(id, "host", &host.uuid, &err) < 0)
		return http_reply_error(r, &err, NULL);
	reply = pending_new(r, &p);
	ops->host_revoke(ops->ctx, &host, forget, &who, pending_done_empty, p);
	return reply;
}

struct http_reply *admin_hosts_revoke(struct http_request *r, const struct rest_user *user,
				      const char *id, void *ctx)
{
	return revoke(r, user, id, false, ctx);
}

struct http_reply *admin_hosts_delete(struct http_request *r, const struct rest_user *user,
				      const char *id, void *ctx)
{
	return revoke(r, user, id, true, ctx);
}

/* --- metrics --- */

struct http_reply *admin_hosts_metrics(struct http_request *r, const struct rest_user *user,
				       const char *id, void *ctx)
{
	const struct admin_ops *ops = ctx;
	struct mu_error err = MU_ERROR_INIT;
	struct admin_metrics m;
	struct host_id host;
	struct mu_value *v;

	(void)user;
	if (id_read(id, "host", &host.uuid, &err) < 0)
		return http_reply_error(r, &err, NULL);
	if (!ops->host_exists(ops->ctx, &host)) {
		(void)mu_error_set(&err, MU_E_NOT_FOUND, "no such host %s", id);
		return http_reply_error(r, &err, NULL);
	}
	ops->metrics(ops->ctx, &host, &m);
	v = mu_value_object(r->arena);
	mu_value_set_int(r->arena, v, "series", (int64_t)m.n_series);
	mu_value_set_int(r->arena, v, "seriesDropped", (int64_t)m.n_dropped);
	mu_value_set_int(r->arena, v, "batchesTaken", (int64_t)m.n_taken);
	mu_value_set_int(r->arena, v, "batchesTooOld", (int64_t)m.n_too_old);
	mu_value_set_int(r->arena, v, "batchesTooNew", (int64_t)m.n_too_new);
	mu_value_set_int(r->arena, v, "rowsTaken", (int64_t)m.n_rows_taken);
	mu_value_set_int(r->arena, v, "rowsRefused", (int64_t)m.n_rows_refused);
	mu_value_set(r->arena, v, "lastTime",
		     m.last ? mu_value_int(r->arena, m.last) : mu_value_null(r->arena));
	return http_reply_json(r, 200, v);
}
