/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/rest/reply.h"

#include "common/base/assert.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/json/json.h"

#include <stdlib.h>
#include <string.h>

struct pending {
	struct http_request *request; /* NULL: the peer left */
};

static void on_gone(void *ctx)
{
	struct pending *p = ctx;

	p->request = NULL;
}

struct http_reply *pending_new(struct http_request *r, struct pending **ret_pending)
{
	struct pending *p = mu_xcalloc(1, sizeof *p);

	p->request = r;
	*ret_pending = p;
	return http_reply_pending(r, on_gone, p);
}

void pending_again(struct http_request *r, struct pending **ret_pending)
{
	struct pending *p = mu_xcalloc(1, sizeof *p);

	p->request = r;
	*ret_pending = p;
	http_request_watch(r, on_gone, p);
}

struct http_request *pending_take(struct pending *p)
{
	struct http_request *r = p->request;

	free(p);
	return r;
}

void pending_done_empty(void *arg, const struct mu_error *err)
{
	struct http_request *r = pending_take(arg);

	if (!r)
		return;
	http_request_finish(r, err ? http_reply_error(r, err, NULL) : http_reply_empty(r, 204));
}

/* --- reading --- */

static const struct body_field *field_find(const struct body_field *fields, size_t n_fields,
					   const char *name)
{
	for (size_t i = 0; i < n_fields; i++) {
		if (strcmp(fields[i].name, name) == 0)
			return &fields[i];
	}
	return NULL;
}

static int field_take(const struct body_field *f, const struct mu_value *v, struct mu_error *err)
{
	if (v->kind != f->kind)
		return mu_error_set(err, MU_E_INVALID, "body.%s: must be a %s, is %s", f->name,
				    mu_value_kind_name(f->kind), mu_value_kind_name(v->kind));
	switch (f->kind) {
	case MU_VALUE_STRING:
		memcpy(f->ret, &v->string, sizeof v->string);
		return 0;
	case MU_VALUE_INT:
		memcpy(f->ret, &v->integer, sizeof v->integer);
		return 0;
	case MU_VALUE_BOOL:
		memcpy(f->ret, &v->boolean, sizeof v->boolean);
		return 0;
	case MU_VALUE_NULL:
	case MU_VALUE_REAL:
	case MU_VALUE_LIST:
	case MU_VALUE_OBJECT:
	case _MU_VALUE_KIND_COUNT:
		break;
	}
	mu_assert_unreachable();
}

int body_parse(struct http_request *r, struct mu_value **ret, struct mu_error *err)
{
	if (r->body_len == 0) {
		*ret = mu_value_object(r->arena);
		return 0;
	}
	if (mu_json_read(r->arena, r->body, r->body_len, ret, err) < 0)
		return mu_error_prefix(err, "body");
	if ((*ret)->kind != MU_VALUE_OBJECT)
		return mu_error_set(err, MU_E_INVALID, "body: must be an object, is %s",
				    mu_value_kind_name((*ret)->kind));
	return 0;
}

int body_read(struct http_request *r, const struct body_field *fields, size_t n_fields,
	      struct mu_error *err)
{
	struct mu_value *body;

	if (body_parse(r, &body, err) < 0)
		return MU_FAILED;
	mu_value_each(v, body)
	{
		const struct body_field *f = field_find(fields, n_fields, v->name);

		if (!f)
			return mu_error_set(err, MU_E_INVALID, "body.%.60s: there is no such field",
					    v->name);
		if (field_take(f, v, err) < 0)
			return MU_FAILED;
	}
	for (size_t i = 0; i < n_fields; i++) {
		if (fields[i].required && !mu_value_get(body, fields[i].name))
			return mu_error_set(err, MU_E_INVALID, "body.%s: is missing",
					    fields[i].name);
	}
	return 0;
}

int query_int(struct http_request *r, const char *name, int64_t def, int64_t min, int64_t max,
	      int64_t *ret, struct mu_error *err)
{
	const char *text = http_request_query(r, name);
	int64_t value = def;

	if (text && (!mu_parse_i64(text, &value) || value < min || value > max))
		return mu_error_set(
		    err, MU_E_INVALID,
		    "query parameter '%s': must be a whole number from %lld to %lld", name,
		    (long long)min, (long long)max);
	*ret = value;
	return 0;
}

int id_read(const char *id, const char *what, struct mu_uuid *ret, struct mu_error *err)
{
	if (!mu_uuid_parse(id, ret))
		return mu_error_set(err, MU_E_NOT_FOUND, "no such %s: %.60s", what, id);
	return 0;
}

void value_set_uuid(struct mu_arena *a, struct mu_value *object, const char *name,
		    const struct mu_uuid *u)
{
	char text[MU_UUID_TEXT];

	if (!mu_uuid_is_nil(u))
		mu_value_set_string(a, object, name, mu_uuid_format(u, text));
}

struct admin_asker asker_of(struct http_request *r, const struct rest_user *user)
{
	return (struct admin_asker){.user = user->name, .from = r->peer.address};
}
