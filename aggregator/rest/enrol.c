/* SPDX-License-Identifier: Apache-2.0 */
/* GET /ca and POST /enrol: the two routes a host uses before it has a certificate. */
#include "aggregator/rest/reply.h"

#include <string.h>

struct http_reply *admin_ca(struct http_request *r, const struct rest_user *user, const char *id,
			    void *ctx)
{
	const struct admin_ops *ops = ctx;
	const char *pem = ops->ca(ops->ctx);

	(void)user, (void)id;
	return http_reply_text(r, 200, "application/x-pem-file", pem, strlen(pem));
}

static void enrolled(void *arg, const struct admin_enrolled *out, const struct mu_error *err)
{
	struct http_request *r = pending_take(arg);
	struct mu_value *v;

	if (!r)
		return;
	if (err) {
		http_request_finish(r, http_reply_error(r, err, NULL));
		return;
	}
	v = mu_value_object(r->arena);
	mu_value_set_string(r->arena, v, "certificate", out->certificate);
	mu_value_set_string(r->arena, v, "ca", out->ca);
	mu_value_set_string(r->arena, v, "fleetAddress", out->fleet_address);
	http_request_finish(r, http_reply_json(r, 201, v));
}

struct http_reply *admin_enrol(struct http_request *r, const struct rest_user *user, const char *id,
			       void *ctx)
{
	const struct admin_ops *ops = ctx;
	struct admin_enrol in = {.name = ""};
	const struct body_field fields[] = {
	    {"token", MU_VALUE_STRING, true, &in.token},
	    {"hostId", MU_VALUE_STRING, true, &in.host_id},
	    {"name", MU_VALUE_STRING, false, &in.name},
	    {"csr", MU_VALUE_STRING, true, &in.csr},
	};
	struct mu_error err = MU_ERROR_INIT;
	struct pending *p;
	struct http_reply *reply;

	(void)user, (void)id;
	if (body_read(r, fields, MU_ARRAY_SIZE(fields), &err) < 0)
		return http_reply_error(r, &err, NULL);
	reply = pending_new(r, &p);
	ops->enrol(ops->ctx, &in, r->peer.address, enrolled, p);
	return reply;
}
