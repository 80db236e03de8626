/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Telling the backend of requests that were refused on the spot: by who asked, by what is there, by
 * what was wrong with them. What is refused later (a task that fails) the backend knows itself.
 */
#include "common/json/json.h"
#include "common/rest/call.h"

/* Nobody changes anything by looking; that somebody may not look is worth knowing. */
static bool is_telling(const struct rest_call *c, int status)
{
	if (!c->user.name[0])
		return status == 401;
	return c->refused || (status >= 400 && (c->request->method != HTTP_GET || status == 403));
}

static const char *text_of(struct rest_call *c, const struct http_reply *reply)
{
	const struct mu_str *body = http_reply_body(reply);
	struct mu_value *v;
	const char *text;

	if (!body->data || mu_json_read(c->arena, body->data, body->len, &v, NULL) < 0)
		return "";
	text = mu_value_as_string(mu_value_get(v, "error"));
	return text ? text : "";
}

struct http_reply *rest_tell_refusal(struct rest_call *c, const char *pattern,
				     struct http_reply *reply)
{
	const struct rest_backend *b = &c->rest->backend;
	int status = http_reply_status(reply);

	if (b->refused && is_telling(c, status)) {
		const struct rest_refusal refusal = {c->user.name[0] ? &c->user : NULL, c->request,
						     pattern, status, text_of(c, reply)};

		b->refused(b->ctx, &refusal);
	}
	return reply;
}
