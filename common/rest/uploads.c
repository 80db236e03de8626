/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Uploads that can be resumed: the tus protocol 1.0.0 (creation, termination, expiration), which
 * existing clients speak.
 *
 *   POST   /srs/{id}/uploads, /vdis/{id}/uploads   201, Location
 *   HEAD   /hosts/{id}/uploads/{upload}            Upload-Offset
 *   PATCH                                          204, Upload-Offset
 *   DELETE                                         204
 *
 * The host keeps an upload, over restarts of everybody; here is nothing but conversations. With the
 * last byte it becomes a disk: a call, so there is a task, and whoever sent that byte is told which
 * (Muster-Task). The disk's id is the upload's.
 *
 * One that is to be held (`hold=true`) becomes nothing by itself: a call reads it (vm.import_ova).
 * The same in one request: uploads_whole.c.
 */
#include "common/rest/range.h"
#include "common/rest/uploads_priv.h"

#include "common/json/json.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TUS_VERSION "1.0.0"

void upload_step_free(struct upload_step *s)
{
	rest_talk_close(&s->talk, "the client left");
	mu_str_deinit(&s->held);
	free(s);
}

struct upload_step *upload_step_new(struct rest_call *c, const struct host_id *host)
{
	struct upload_step *s = mu_xcalloc(1, sizeof *s);

	s->rest = c->rest;
	s->user = c->user;
	memcpy(s->from, c->request->peer.address, sizeof s->from);
	s->host = *host;
	s->request = c->request;
	s->talk.ctx = s;
	return s;
}

void upload_reply_error(struct upload_step *s, const struct mu_error *err)
{
	struct http_reply *reply = http_reply_error(s->request, err, NULL);

	http_reply_header(reply, "tus-resumable", TUS_VERSION);
	http_request_finish(s->request, reply);
	s->request = NULL;
}

static int64_t number_of(const struct mu_value *v, const char *name)
{
	const struct mu_value *n = mu_value_get(v, name);

	return n && n->kind == MU_VALUE_INT ? n->integer : 0;
}

static bool is_true(const struct mu_value *v, const char *name)
{
	const struct mu_value *b = mu_value_get(v, name);

	return b && b->kind == MU_VALUE_BOOL && b->boolean;
}

const char *upload_text(const struct mu_value *v, const char *name)
{
	const char *text = mu_value_as_string(mu_value_get(v, name));

	return text ? text : "";
}

/* Upload-Expires is an HTTP date. */
static void add_tus(struct http_request *r, struct http_reply *reply, const struct mu_value *v)
{
	time_t at = (time_t)(number_of(v, "expires") / 1000);
	char date[40];
	struct tm tm;

	http_reply_header(reply, "tus-resumable", TUS_VERSION);
	http_reply_header(reply, "upload-offset",
			  mu_arena_printf(r->arena, "%" PRId64, number_of(v, "offset")));
	http_reply_header(reply, "cache-control", "no-store");
	if (gmtime_r(&at, &tm) && strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &tm) > 0)
		http_reply_header(reply, "upload-expires", date);
}

/* A conversation of one line */

static void on_over(void *ctx, const struct mu_value *v, const struct mu_error *why)
{
	struct upload_step *s = ctx;

	if (!why) {
		s->replied(s, v);
		return;
	}
	if (s->request)
		upload_reply_error(s, why);
	if (s->whole && !mu_uuid_is_nil(&s->upload))
		upload_step_remove(s);
	else
		upload_step_free(s);
}

static void on_writable(void *ctx);

static const struct rest_talk_ops talk_ops = {.writable = on_writable, .over = on_over};

int upload_step_ask(struct upload_step *s, const char *op, const struct mu_uuid *object,
		    const char *arguments, struct mu_error *err)
{
	const struct rest_transfer rq = {
	    .host = s->host, .object = *object, .op = op, .arguments = arguments};

	s->talk.ops = &talk_ops;
	return rest_talk_open(&s->talk, s->rest, &s->user, s->from, &rq, err);
}

void upload_on_gone(void *ctx)
{
	upload_step_free(ctx);
}

/* The handler's reply: an answer comes later, or the refusal at once. */
static struct http_reply *ask_first(struct rest_call *c, struct upload_step *s, const char *op,
				    const struct mu_uuid *object, const char *arguments,
				    void (*replied)(struct upload_step *s,
						    const struct mu_value *v))
{
	struct mu_error err = MU_ERROR_INIT;

	s->replied = replied;
	if (upload_step_ask(s, op, object, arguments, &err) < 0) {
		s->request = NULL;
		upload_step_free(s);
		return rest_error(c, &err);
	}
	return http_reply_pending(c->request, upload_on_gone, s);
}

static void finish(struct upload_step *s, struct http_reply *reply)
{
	http_request_finish(s->request, reply);
	s->request = NULL;
	upload_step_free(s);
}

/* Looking, ending */

static struct http_reply *find_host(struct rest_call *c, struct host_id *ret)
{
	const struct rest_backend *b = &c->rest->backend;

	if (!mu_uuid_parse(c->id, &ret->uuid) || !b->host_find(b->ctx, ret))
		return rest_not_found(c, "host", c->id);
	return NULL;
}

static void replied_list(struct upload_step *s, const struct mu_value *v)
{
	finish(s, http_reply_json(s->request, 200, v));
}

struct http_reply *rest_get_uploads(struct rest_call *c)
{
	struct host_id host;
	struct http_reply *refusal = find_host(c, &host);

	if (refusal)
		return refusal;
	return ask_first(c, upload_step_new(c, &host), "upload.list", &host.uuid,
			 "{\"op\":\"upload.list\"}", replied_list);
}

static void replied_status(struct upload_step *s, const struct mu_value *v)
{
	struct http_request *r = s->request;
	struct http_reply *reply = http_reply_json(r, 200, v);

	add_tus(r, reply, v);
	http_reply_header(reply, "upload-length",
			  mu_arena_printf(r->arena, "%" PRId64, number_of(v, "size")));
	http_reply_header(
	    reply, "upload-metadata",
	    mu_arena_printf(
		r->arena, "%s,%s",
		upload_metadata_item(r->arena, "name_label", upload_text(v, "name_label")),
		upload_metadata_item(r->arena, "format", upload_text(v, "format"))));
	finish(s, reply);
}

/* An upload of the path's, for the host of the path's. */
static struct http_reply *with_upload(struct rest_call *c, const char *op, const char *arguments,
				      void (*replied)(struct upload_step *s,
						      const struct mu_value *v))
{
	struct host_id host;
	struct mu_uuid id;
	struct http_reply *refusal = find_host(c, &host);

	if (refusal)
		return refusal;
	if (!mu_uuid_parse(c->name, &id))
		return rest_not_found(c, "upload", c->name);
	return ask_first(c, upload_step_new(c, &host), op, &id, arguments, replied);
}

struct http_reply *rest_get_upload(struct rest_call *c)
{
	return with_upload(c, "upload.status", "{\"op\":\"upload.status\"}", replied_status);
}

static void replied_removed(struct upload_step *s, const struct mu_value *v)
{
	struct http_reply *reply = http_reply_empty(s->request, 204);

	(void)v;
	http_reply_header(reply, "tus-resumable", TUS_VERSION);
	finish(s, reply);
}

struct http_reply *rest_delete_upload(struct rest_call *c)
{
	return with_upload(c, "upload.remove", "{\"op\":\"upload.remove\"}", replied_removed);
}

/* Creating */

/* A property of the query or, for tus, of the metadata; NULL when it is absent. */
static int property(struct rest_call *c, const char *name, const char **ret, struct mu_error *err)
{
	const char *header = http_request_header(c->request, "upload-metadata");

	*ret = http_request_query(c->request, name);
	return *ret ? 0 : upload_metadata(c->arena, header, name, ret, err);
}

int upload_read_format(struct rest_call *c, const char **ret, struct mu_error *err)
{
	bool raw = false;

	if (property(c, "format", ret, err) < 0 || rest_query_bool(c, "raw", &raw, err) < 0)
		return MU_FAILED;
	if (!*ret)
		*ret = raw ? "raw" : c->name; /* of the path's {id}.{format} */
	if (!*ret)
		return mu_error_set(err, MU_E_INVALID,
				    "format: it has to be said what the image is; hint: "
				    "?format=raw, qcow2, vhd, vmdk or ova");
	return 0;
}

const char *upload_create_arguments(struct rest_call *c, const struct upload_creation *what)
{
	struct mu_value *v = mu_value_object(c->arena);
	struct mu_str text = MU_STR_INIT;
	const char *copy;

	mu_value_set_string(c->arena, v, "op", "upload.create");
	mu_value_set_string(c->arena, v, "format", what->format);
	mu_value_set_int(c->arena, v, "size", (int64_t)what->size);
	if (what->name)
		mu_value_set_string(c->arena, v, "name_label", what->name);
	if (what->replaces)
		mu_value_set_bool(c->arena, v, "replaces", true);
	if (what->whole)
		mu_value_set_bool(c->arena, v, "once", true);
	if (what->held)
		mu_value_set_bool(c->arena, v, "held", true);
	mu_json_write(&text, v, false);
	copy = mu_arena_strdup(c->arena, text.data);
	mu_str_deinit(&text);
	return copy;
}

static void replied_created(struct upload_step *s, const struct mu_value *v)
{
	struct http_request *r = s->request;
	struct http_reply *reply = http_reply_json(r, 201, v);
	char host[MU_UUID_TEXT];

	add_tus(r, reply, v);
	http_reply_header(reply, "location",
			  mu_arena_printf(r->arena, "/rest/v0/hosts/%s/uploads/%s",
					  mu_uuid_format(&s->host.uuid, host),
					  upload_text(v, "id")));
	finish(s, reply);
}

static int read_length(struct rest_call *c, uint64_t *ret, struct mu_error *err)
{
	const char *text = http_request_header(c->request, "upload-length");

	if (!text || !mu_parse_u64(text, ret) || *ret == 0 || *ret > INT64_MAX)
		return mu_error_set(err, MU_E_PROTOCOL,
				    "Upload-Length: the number of bytes that will come is needed, "
				    "at least 1");
	return 0;
}

static struct http_reply *create(struct rest_call *c, enum object_kind kind)
{
	struct upload_creation what = {.replaces = kind == OBJECT_VDI};
	const struct model_object *o;
	struct http_reply *refusal = rest_object_need(c, kind, c->id, &o);
	struct mu_error err = MU_ERROR_INIT;

	if (refusal)
		return refusal;
	if (read_length(c, &what.size, &err) < 0 || upload_read_format(c, &what.format, &err) < 0 ||
	    property(c, "name_label", &what.name, &err) < 0 ||
	    (!what.name && property(c, "filename", &what.name, &err) < 0) ||
	    rest_query_bool(c, "hold", &what.held, &err) < 0)
		return rest_error(c, &err);
	return ask_first(c, upload_step_new(c, &o->host), "upload.create", &o->id,
			 upload_create_arguments(c, &what), replied_created);
}

struct http_reply *rest_post_sr_upload(struct rest_call *c)
{
	return create(c, OBJECT_SR);
}

struct http_reply *rest_post_vdi_upload(struct rest_call *c)
{
	return create(c, OBJECT_VDI);
}

/* Bytes, from the client to the host */

static void pass_on(struct upload_step *s)
{
	size_t sent = 0;

	while (s->started && sent < s->held.len) {
		size_t n = s->held.len - sent;

		if (n > TALK_SEND_MAX)
			n = TALK_SEND_MAX;
		if (rest_talk_send(&s->talk, s->held.data + sent, n) == MU_PIPE_FULL)
			break;
		sent += n;
	}
	if (sent > 0) {
		size_t rest = s->held.len - sent;

		memmove(s->held.data, s->held.data + sent, rest);
		s->held.data[rest] = '\0';
		s->held.len = rest;
	}
	if (s->held.len > 0 || !s->started || !s->ended || s->end_sent)
		return;
	s->end_sent = true;
	rest_talk_end(&s->talk);
}

static void on_data(void *ctx, const void *data, size_t len)
{
	struct upload_step *s = ctx;

	mu_str_add_bytes(&s->held, data, len);
	pass_on(s);
	if (s->held.len > 0)
		http_request_pause_body(s->request, true);
}

static void on_end(void *ctx)
{
	struct upload_step *s = ctx;

	s->ended = true;
	pass_on(s);
}

const struct http_body_ops upload_body_ops = {.data = on_data, .end = on_end};

static void on_writable(void *ctx)
{
	struct upload_step *s = ctx;

	pass_on(s);
	if (s->held.len == 0 && s->request && !s->ended && s->started)
		http_request_pause_body(s->request, false);
}

/* It has become complete: what shall be made of it? */

static void on_asked(void *arg, const struct mu_uuid *task, const struct mu_error *err)
{
	struct upload_step *s = arg;
	char text[MU_UUID_TEXT];
	struct http_reply *reply;

	if (!s->request) {
		upload_step_free(s);
		return;
	}
	if (err) {
		upload_reply_error(s, err);
		upload_step_free(s);
	} else if (s->whole) {
		rest_wait_more(s->rest, s->request, task, REST_WAIT_ACTION);
		s->request = NULL;
		upload_step_free(s);
	} else {
		reply = http_reply_empty(s->request, 204);
		http_reply_header(reply, "tus-resumable", TUS_VERSION);
		http_reply_header(reply, "upload-offset",
				  mu_arena_strdup(s->request->arena, s->held.data));
		http_reply_header(reply, "muster-task", mu_uuid_format(task, text));
		finish(s, reply);
	}
}

/* The task is on its way: it goes on without its client. */
static void on_gone_late(void *ctx)
{
	struct upload_step *s = ctx;

	s->request = NULL;
}

static struct mu_value *disk_arguments(const struct upload_step *s, const struct mu_value *v,
				       bool replaces)
{
	struct mu_arena *a = s->request->arena;
	struct mu_value *arguments = mu_value_object(a);
	const char *id = upload_text(v, "id");
	const char *name = s->name ? s->name : upload_text(v, "name_label");

	if (!replaces)
		mu_value_set_string(a, arguments, "id", id);
	if (!replaces && name[0])
		mu_value_set_string(a, arguments, "name_label", name);
	if (!replaces && s->description)
		mu_value_set_string(a, arguments, "name_description", s->description);
	return arguments;
}

static void make_something(struct upload_step *s, const struct mu_value *v)
{
	const struct rest_backend *b = &s->rest->backend;
	bool replaces = is_true(v, "replaces");
	struct mu_value *arguments = s->vm ? s->vm : disk_arguments(s, v, replaces);
	struct rest_ask rq = {.method = call_find(s->vm      ? "vm.import_ova"
						  : replaces ? "vdi.overwrite"
							     : "vdi.import"),
			      .host = s->host,
			      .arguments = arguments};
	struct mu_error err = MU_ERROR_INIT;

	mu_value_set_string(s->request->arena, arguments, "upload", upload_text(v, "id"));
	mu_str_reset(&s->held);
	mu_str_printf(&s->held, "%" PRId64, number_of(v, "offset"));
	if (!mu_uuid_parse(upload_text(v, "object"), &rq.object) ||
	    call_check(rq.method, arguments, &err) < 0) {
		if (err.code == MU_E_NONE)
			(void)mu_error_set(&err, MU_E_PROTOCOL, "the host's agent names no object");
		upload_reply_error(s, &err);
		upload_step_free(s);
		return;
	}
	http_request_watch(s->request, on_gone_late, s);
	b->call(b->ctx, &rq, &s->user, s->from, on_asked, s);
}

void upload_replied_written(struct upload_step *s, const struct mu_value *v)
{
	struct http_reply *reply;

	if (number_of(v, "offset") == number_of(v, "size") && (s->vm || !is_true(v, "held"))) {
		make_something(s, v);
		return;
	}
	reply = http_reply_empty(s->request, 204);
	add_tus(s->request, reply, v);
	finish(s, reply);
}

static struct http_reply *unsupported_type(struct rest_call *c)
{
	struct mu_error err = MU_ERROR_INIT;

	(void)mu_error_set(&err, MU_E_INVALID,
			   "the bytes of an upload come as application/offset+octet-stream");
	return http_reply_error_status(c->request, 415, &err, NULL);
}

static int read_offset(struct rest_call *c, uint64_t *ret, struct mu_error *err)
{
	const char *text = http_request_header(c->request, "upload-offset");

	if (!text || !mu_parse_u64(text, ret) || *ret > INT64_MAX)
		return mu_error_set(err, MU_E_PROTOCOL,
				    "Upload-Offset: it has to be said where the bytes belong");
	return 0;
}

/* The body is for the step; none, and it has ended. */
static void take_body(struct rest_call *c, struct upload_step *s)
{
	if (c->request->body_total > 0)
		http_request_read_body(c->request, &upload_body_ops, s);
	else
		s->ended = true;
}

struct http_reply *rest_patch_upload(struct rest_call *c)
{
	const char *type = http_request_header(c->request, "content-type");
	struct mu_error err = MU_ERROR_INIT;
	struct upload_step *s;
	struct http_reply *refusal;
	struct host_id host;
	struct mu_uuid id;
	uint64_t offset = 0;

	if ((refusal = find_host(c, &host)))
		return refusal;
	if (!mu_uuid_parse(c->name, &id))
		return rest_not_found(c, "upload", c->name);
	if (!type || strcmp(type, "application/offset+octet-stream") != 0)
		return unsupported_type(c);
	if (read_offset(c, &offset, &err) < 0)
		return rest_error(c, &err);
	s = upload_step_new(c, &host);
	s->started = true;
	s->replied = upload_replied_written;
	if (upload_step_ask(s, "upload.write", &id,
			    mu_arena_printf(c->arena,
					    "{\"op\":\"upload.write\",\"offset\":%" PRIu64
					    ",\"length\":%" PRIu64 "}",
					    offset, c->request->body_total),
			    &err) < 0) {
		s->request = NULL;
		upload_step_free(s);
		return rest_error(c, &err);
	}
	take_body(c, s);
	pass_on(s);
	return http_reply_pending(c->request, upload_on_gone, s);
}
