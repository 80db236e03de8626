/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Uploads in one request: it makes an upload, fills it and waits for what becomes of it. When its
 * client leaves before the last byte, the upload goes.
 *
 *   POST /srs/{id}/vdis           a disk
 *   PUT  /vdis/{id}.{format}      another content of one
 *   POST /pools/{id}/vms          a VM, of an OVA
 */
#include "common/rest/access.h"
#include "common/rest/uploads_priv.h"

#include <inttypes.h>
#include <string.h>

static void replied_nothing(struct upload_step *s, const struct mu_value *v)
{
	(void)v;
	upload_step_free(s);
}

/* The client left before all was there, or the host did: the upload goes, and nobody waits for
 * that. */
void upload_step_remove(struct upload_step *s)
{
	struct mu_error err = MU_ERROR_INIT;

	rest_talk_close(&s->talk, "the client left");
	s->request = NULL;
	s->replied = replied_nothing;
	s->started = false;
	s->whole = false;
	if (upload_step_ask(s, "upload.remove", &s->upload, "{\"op\":\"upload.remove\"}", &err) < 0)
		upload_step_free(s);
}

static void on_gone_in_between(void *ctx)
{
	upload_step_remove(ctx);
}

static void replied_ready(struct upload_step *s, const struct mu_value *v)
{
	struct http_request *r = s->request;
	struct mu_error err = MU_ERROR_INIT;

	if (!mu_uuid_parse(upload_text(v, "id"), &s->upload))
		(void)mu_error_set(&err, MU_E_PROTOCOL, "the host's agent names no upload");
	s->replied = upload_replied_written;
	if (err.code != MU_E_NONE ||
	    upload_step_ask(
		s, "upload.write", &s->upload,
		mu_arena_printf(r->arena,
				"{\"op\":\"upload.write\",\"offset\":0,\"length\":%" PRIu64 "}",
				r->body_total),
		&err) < 0) {
		upload_reply_error(s, &err);
		upload_step_free(s);
		return;
	}
	http_request_watch(r, on_gone_in_between, s);
	s->started = true;
	http_request_pause_body(r, false);
}

static struct upload_step *step_for(struct rest_call *c, const struct model_object *o)
{
	struct upload_step *s = upload_step_new(c, &o->host);

	s->whole = true;
	s->replied = replied_ready;
	return s;
}

static struct http_reply *begin(struct rest_call *c, struct upload_step *s,
				const struct model_object *o, const char *format)
{
	const struct upload_creation what = {.format = format,
					     .name = s->name,
					     .size = c->request->body_total,
					     .replaces = o->kind == OBJECT_VDI,
					     .whole = true};
	struct mu_error err = MU_ERROR_INIT;

	if (upload_step_ask(s, "upload.create", &o->id, upload_create_arguments(c, &what), &err) <
	    0) {
		s->request = NULL;
		upload_step_free(s);
		return rest_error(c, &err);
	}
	http_request_read_body(c->request, &upload_body_ops, s);
	http_request_pause_body(c->request, true);
	return http_reply_pending(c->request, upload_on_gone, s);
}

static int need_body(struct rest_call *c, struct mu_error *err)
{
	if (c->request->body_total == 0)
		return mu_error_set(err, MU_E_INVALID,
				    "the image is empty; hint: it is the request's body");
	return 0;
}

struct http_reply *rest_post_sr_vdi(struct rest_call *c)
{
	const char *format = NULL;
	const struct model_object *o;
	struct http_reply *refusal = rest_object_need(c, OBJECT_SR, c->id, &o);
	struct mu_error err = MU_ERROR_INIT;
	struct upload_step *s;

	if (refusal)
		return refusal;
	if (need_body(c, &err) < 0 || upload_read_format(c, &format, &err) < 0)
		return rest_error(c, &err);
	s = step_for(c, o);
	s->name = http_request_query(c->request, "name_label");
	s->description = http_request_query(c->request, "name_description");
	return begin(c, s, o, format);
}

struct http_reply *rest_put_vdi_content(struct rest_call *c)
{
	const struct model_object *o;
	struct http_reply *refusal = rest_object_need(c, OBJECT_VDI, c->id, &o);
	struct mu_error err = MU_ERROR_INIT;

	if (refusal)
		return refusal;
	if (need_body(c, &err) < 0)
		return rest_error(c, &err);
	return begin(c, step_for(c, o), o, c->name);
}

/* Xen Orchestra's route; its own format (xva) is XAPI's. */

static const char *const vm_properties[] = {"name_label", "name_description", "network", "mac",
					    "definition"};

static int read_vm(struct rest_call *c, struct mu_value *arguments, struct mu_error *err)
{
	const char *format = http_request_query(c->request, "format");

	if (!mu_str_equal(format, "ova"))
		return mu_error_set(err, MU_E_INVALID,
				    "format: VMs are read of ova only; hint: ?format=ova");
	for (size_t i = 0; i < MU_ARRAY_SIZE(vm_properties); i++) {
		const char *text = http_request_query(c->request, vm_properties[i]);

		if (text)
			mu_value_set_string(c->arena, arguments, vm_properties[i], text);
	}
	return need_body(c, err);
}

static int check_vm(struct mu_value *arguments, struct mu_arena *a, struct mu_error *err)
{
	struct mu_value *all = mu_value_copy(a, arguments);

	/* It gets one; what else is wrong is told before the bytes come. */
	mu_value_set_string(a, all, "upload", mu_value_as_string(mu_value_get(arguments, "id")));
	return call_check(call_find("vm.import_ova"), all, err);
}

struct http_reply *rest_post_pool_vm(struct rest_call *c)
{
	struct mu_value *arguments = mu_value_object(c->arena);
	const char *sr = http_request_query(c->request, "sr");
	struct http_reply *refusal = rest_check_pool(c);
	struct mu_error err = MU_ERROR_INIT;
	const struct model_object *o;
	struct upload_step *s;

	if (refusal)
		return refusal;
	if (read_vm(c, arguments, &err) < 0)
		return rest_error(c, &err);
	if (!sr) {
		(void)mu_error_set(&err, MU_E_INVALID,
				   "sr: it has to be said where its disks go; hint: ?sr=ID");
		return rest_error(c, &err);
	}
	if ((refusal = rest_object_need(c, OBJECT_SR, sr, &o)))
		return refusal;
	rest_call_choose_id(c, call_find("vm.import_ova"), arguments);
	if (check_vm(arguments, c->arena, &err) < 0)
		return rest_error(c, &err);
	if ((refusal = rest_access_import(c, &o->id, arguments)))
		return refusal;
	s = step_for(c, o);
	s->name = http_request_query(c->request, "name_label");
	s->vm = arguments;
	return begin(c, s, o, "ova");
}
