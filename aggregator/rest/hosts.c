/* SPDX-License-Identifier: Apache-2.0 */
/* Of hosts: revoking, forgetting, the latest metrics. Listing and details are common/rest's. */
#include "aggregator/rest/reply.h"

#include <math.h>

static struct http_reply *revoke(struct http_request *r, const struct rest_user *user,
				 const char *id, bool forget, const struct admin_ops *ops)
{
	struct admin_asker who = asker_of(r, user);
	struct mu_error err = MU_ERROR_INIT;
	struct host_id host;
	struct pending *p;
	struct http_reply *reply;

	if (need_admin(user, &err) < 0 || id_read(id, "host", &host.uuid, &err) < 0)
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

static struct mu_value *dictionary_value(struct mu_arena *a, const struct admin_dictionary *d)
{
	struct mu_value *v = mu_value_object(a);
	struct mu_value *series = mu_value_set(a, v, "series", mu_value_list(a));

	mu_value_set_int(a, v, "epoch", (int64_t)d->epoch);
	mu_value_set_int(a, v, "generation", d->generation);
	for (size_t i = 0; i < d->n_series; i++) {
		struct mu_value *s = mu_value_push(series, mu_value_object(a));

		value_set_uuid(a, s, "object", &d->series[i].object);
		mu_value_set_string(a, s, "name", d->series[i].name);
		mu_value_set_string(a, s, "unit", d->series[i].unit);
		mu_value_set_string(a, s, "kind", d->series[i].rate ? "rate" : "gauge");
	}
	return v;
}

static struct mu_value *batch_value(struct mu_arena *a, const struct admin_batch *b)
{
	struct mu_value *v = mu_value_object(a);
	struct mu_value *values = mu_value_set(a, v, "values", mu_value_list(a));

	mu_value_set_int(a, v, "epoch", (int64_t)b->epoch);
	mu_value_set_int(a, v, "seq", (int64_t)b->seq);
	mu_value_set_int(a, v, "generation", b->generation);
	mu_value_set_int(a, v, "time", b->at);
	for (size_t i = 0; i < b->n_values; i++)
		mu_value_push(values, isfinite(b->values[i])
					  ? mu_value_real(a, (double)b->values[i])
					  : mu_value_null(a));
	return v;
}

static void metrics_read(void *arg, const struct admin_metrics *m, const struct mu_error *err)
{
	struct http_request *r = pending_take(arg);
	struct mu_value *v;
	struct mu_value *dictionaries;
	struct mu_value *batches;

	if (!r)
		return;
	if (err) {
		http_request_finish(r, http_reply_error(r, err, NULL));
		return;
	}
	v = mu_value_object(r->arena);
	dictionaries = mu_value_set(r->arena, v, "dictionaries", mu_value_list(r->arena));
	for (size_t i = 0; i < m->n_dictionaries; i++)
		mu_value_push(dictionaries, dictionary_value(r->arena, &m->dictionaries[i]));
	batches = mu_value_set(r->arena, v, "batches", mu_value_list(r->arena));
	for (size_t i = 0; i < m->n_batches; i++)
		mu_value_push(batches, batch_value(r->arena, &m->batches[i]));
	http_request_finish(r, http_reply_json(r, 200, v));
}

struct http_reply *admin_hosts_metrics(struct http_request *r, const struct rest_user *user,
				       const char *id, void *ctx)
{
	const struct admin_ops *ops = ctx;
	struct mu_error err = MU_ERROR_INIT;
	struct host_id host;
	int64_t since;
	struct pending *p;
	struct http_reply *reply;

	(void)user;
	if (id_read(id, "host", &host.uuid, &err) < 0 ||
	    query_int(r, "since", 0, 0, INT64_MAX, &since, &err) < 0)
		return http_reply_error(r, &err, NULL);
	reply = pending_new(r, &p);
	ops->metrics(ops->ctx, &host, since, metrics_read, p);
	return reply;
}
