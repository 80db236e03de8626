/* SPDX-License-Identifier: Apache-2.0 */
#include "common/rest/etag.h"

#include "common/base/str.h"
#include "common/json/json.h"
#include "common/rest/render.h"

#include <stdio.h>
#include <string.h>

void rest_etag_of(char etag[static REST_ETAG_TEXT], const void *text, size_t len)
{
	(void)snprintf(etag, REST_ETAG_TEXT, "\"%016llx\"",
		       (unsigned long long)mu_fnv1a(MU_FNV1A, text, len));
}

bool rest_etag_listed(const char *header, const char *etag)
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

/* Of the object that a path begins with: "/rest/v0/vms/ID/...". Not of an object's contents,
 * "/vdis/ID.raw", which have a tag of their own, and not of what a host has of an upload. */
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
	static const char prefix[] = "/rest/v0/";

	if (!id || !mu_str_has_prefix(path, prefix))
		return NULL;
	path += sizeof prefix - 1;
	for (size_t i = 0; i < MU_ARRAY_SIZE(types); i++) {
		size_t len = strlen(types[i]->collection);
		const char *behind;

		if (strncmp(path, types[i]->collection, len) != 0 || path[len] != '/' ||
		    !mu_str_has_prefix(path + len + 1, id))
			continue;
		behind = path + len + 1 + strlen(id);
		if (!*behind || (*behind == '/' && !mu_str_has_prefix(behind, "/uploads/")))
			return types[i];
	}
	return NULL;
}

struct look {
	struct rest_call *call;
	const struct rest_type *type;
	char etag[REST_ETAG_TEXT];
};

static void on_found(const void *object, void *arg)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	struct look *look = arg;
	struct rest_render r;

	rest_render_init(&r, look->call->rest, look->call->arena);
	mu_json_write(&text, rest_render_object(&r, look->type, object, NULL), false);
	rest_etag_of(look->etag, text.data, text.len);
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
	struct look look = {.call = c, .type = type_of_path(c->request->path, id)};
	struct mu_error err = MU_ERROR_INIT;
	struct mu_uuid uuid;

	if (!header)
		return NULL;
	if (!look.type) {
		(void)mu_error_set(&err, MU_E_PROTOCOL,
				   "If-Match: %s is no object that has an ETag; hint: leave the "
				   "header out",
				   c->request->path);
		return rest_error(c, &err);
	}
	if (mu_uuid_parse(id, &uuid))
		look.type->find(c->rest, &uuid, on_found, &look);
	if (!look.etag[0] || rest_etag_listed(header, look.etag))
		return NULL; /* what is not there is told by the handler */
	return refuse(c, id, look.etag);
}
