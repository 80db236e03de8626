/* SPDX-License-Identifier: Apache-2.0 */
#include "common/rest/etag.h"

#include "common/base/str.h"
#include "common/json/json.h"
#include "common/rest/render.h"

#include <stdio.h>
#include <string.h>

static void etag_of(char etag[static REST_ETAG_TEXT], const void *text, size_t len)
{
	(void)snprintf(etag, REST_ETAG_TEXT, "\"%016llx\"",
		       (unsigned long long)mu_fnv1a(MU_FNV1A, text, len));
}

/* Is it among those of If-Match or If-None-Match ("*": any)? */
static bool is_listed(const char *header, const char *etag)
{
	size_t len = strlen(etag);

	for (const char *p = header; *p; p += strcspn(p, ",")) {
		p += strspn(p, ", \t");
		if (strncmp(p, "W/", 2) == 0)
			p += 2;
		if (*p == '*' || (strncmp(p, etag, len) == 0 && strchr(", \t", p[len])))
			return true;
	}
	return false;
}

static void tag(char etag[static REST_ETAG_TEXT], const struct mu_value *object)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;

	mu_json_write(&text, object, false);
	etag_of(etag, text.data, text.len);
}

struct http_reply *rest_reply_tagged(struct http_request *r, const struct mu_value *object)
{
	const char *if_none = http_request_header(r, "if-none-match");
	struct mu_str text = MU_STR_INIT;
	char etag[REST_ETAG_TEXT];
	struct http_reply *reply;

	mu_json_write(&text, object, false);
	etag_of(etag, text.data, text.len);
	if (if_none && is_listed(if_none, etag))
		reply = http_reply_empty(r, 304);
	else
		reply = http_reply_take(r, 200, "application/json", &text);
	mu_str_deinit(&text);
	http_reply_header(reply, "etag", etag);
	return reply;
}

/* --- the object that a path begins with --- */

/* "/rest/v0/vms/ID/...". Not an object's contents, "/vdis/ID.raw", which have a tag of their own,
 * and not what a host has of an upload. */
static bool begins(const char *path, const char *collection, const char *id)
{
	static const char prefix[] = "/rest/v0/";
	size_t len = strlen(collection);

	if (!mu_str_has_prefix(path, prefix))
		return false;
	path += sizeof prefix - 1;
	if (strncmp(path, collection, len) != 0 || path[len] != '/' ||
	    !mu_str_has_prefix(path + len + 1, id))
		return false;
	path += len + 1 + strlen(id);
	return !*path || (*path == '/' && !mu_str_has_prefix(path, "/uploads/"));
}

static const struct rest_type *type_of_path(const char *path, const char *id)
{
	static const struct rest_type *const types[] = {
	    &rest_type_vm,      &rest_type_vm_snapshot,   &rest_type_vm_template,
	    &rest_type_sr,      &rest_type_vdi,           &rest_type_vdi_snapshot,
	    &rest_type_network, &rest_type_pif,           &rest_type_pci,
	    &rest_type_pbd,     &rest_type_vbd,           &rest_type_vif,
	    &rest_type_host,    &rest_type_pool,          &rest_type_task,
	    &rest_type_alarm,   &rest_type_vm_controller,
	};

	for (size_t i = 0; i < MU_ARRAY_SIZE(types); i++)
		if (begins(path, types[i]->collection, id))
			return types[i];
	return NULL;
}

struct look {
	struct rest_call *call;
	const struct rest_type *type;
	char etag[REST_ETAG_TEXT]; /* "": there is no such object */
};

static void on_found(const void *object, void *arg)
{
	struct look *look = arg;
	struct rest_render r;

	rest_render_init(&r, look->call->rest, look->call->arena);
	tag(look->etag, rest_render_object(&r, look->type, object, NULL));
}

/* Of a process's own kinds. False: of none that has a tag. */
static bool look_at_own(struct look *look, const char *id)
{
	struct rest_call *c = look->call;

	for (size_t s = 0; s < c->rest->n_tagged_sets; s++) {
		for (size_t i = 0; i < c->rest->tagged_sets[s].n_tagged; i++) {
			const struct rest_etagged *t = &c->rest->tagged_sets[s].tagged[i];
			const struct mu_value *object;

			if (!begins(c->request->path, t->collection, id))
				continue;
			object = t->shown(c->request, &c->user, id, c->rest->tagged_sets[s].ctx);
			if (object)
				tag(look->etag, object);
			return true;
		}
	}
	return false;
}

static bool look_at(struct look *look, const char *id)
{
	struct rest_call *c = look->call;
	struct mu_uuid uuid;

	if (!id)
		return false;
	look->type = type_of_path(c->request->path, id);
	if (!look->type)
		return look_at_own(look, id);
	if (mu_uuid_parse(id, &uuid))
		look->type->find(c->rest, &uuid, on_found, look);
	return true;
}

static struct http_reply *refuse(struct rest_call *c, const char *id, const char *etag)
{
	struct mu_value *data = mu_value_object(c->arena);
	struct mu_error err = MU_ERROR_INIT;
	struct http_reply *reply;

	(void)mu_error_set(&err, MU_E_STATE,
			   "%s has changed since it was read; hint: read it again, and repeat with "
			   "its new ETag in If-Match if the change is still right",
			   id);
	mu_value_set_string(c->arena, data, "id", id);
	mu_value_set_string(c->arena, data, "etag", etag);
	reply = http_reply_error_status(c->request, 412, &err, data);
	http_reply_header(reply, "etag", etag);
	return reply;
}

struct http_reply *rest_etag_check(struct rest_call *c, const char *id)
{
	const char *header = http_request_header(c->request, "if-match");
	struct look look = {.call = c};
	struct mu_error err = MU_ERROR_INIT;

	if (!header)
		return NULL;
	if (!look_at(&look, id)) {
		(void)mu_error_set(&err, MU_E_PROTOCOL,
				   "If-Match: %s is no object that has an ETag; hint: leave the "
				   "header out",
				   c->request->path);
		return rest_error(c, &err);
	}
	if (!look.etag[0] || is_listed(header, look.etag))
		return NULL; /* what is not there is told by the handler */
	return refuse(c, id, look.etag);
}
