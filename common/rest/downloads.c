/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET /vdis/{id}.{format}, /vms/{id}.ova: what is on a disk, or a VM, as a stream of a known length
 * of which a part can be asked for, so that whoever was cut off goes on where he was.
 *
 *   the host: size and tag --> the part is chosen --> the host: these bytes --> out
 *
 * A tag names a content: as long as it is the same, parts fit together (If-Range, RFC 9110).
 */
#include "common/rest/range.h"
#include "common/rest/talk.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct download {
	struct rest_talk talk;
	struct http_request *request; /* pending; NULL when it is replied to */
	struct http_out *out;         /* NULL: not yet, or all is handed over */
	uint64_t left;                /* of the part */
	char file[96];
};

static void download_free(struct download *d)
{
	rest_talk_close(&d->talk, "the client left");
	free(d);
}

static void on_gone(void *ctx)
{
	download_free(ctx);
}

static void on_writable(void *ctx)
{
	struct download *d = ctx;

	rest_talk_go_on(&d->talk);
}

/* The reply */

static void add_headers(const struct download *d, struct http_reply *reply, const char *etag)
{
	http_reply_header(reply, "accept-ranges", "bytes");
	http_reply_header(reply, "cache-control", "no-store");
	http_reply_header(reply, "content-disposition", d->file);
	http_reply_header(reply, "etag", etag);
}

static void reply_without_bytes(struct download *d, int status, uint64_t size, const char *etag)
{
	struct http_request *r = d->request;
	struct mu_error err = MU_ERROR_INIT;
	struct http_reply *reply;

	if (status == 304) {
		reply = http_reply_empty(r, 304);
	} else {
		(void)mu_error_set(
		    &err, MU_E_INVALID,
		    "Range: there is nothing there, the content has %" PRIu64 " bytes", size);
		reply = http_reply_error_status(r, 416, &err, NULL);
		http_reply_header(reply, "content-range",
				  mu_arena_printf(r->arena, "bytes */%" PRIu64, size));
	}
	http_reply_header(reply, "etag", etag);
	http_request_finish(r, reply);
	download_free(d);
}

static void ask_for(struct download *d, uint64_t offset, uint64_t length)
{
	char line[96];
	int n = snprintf(line, sizeof line, "{\"offset\":%" PRIu64 ",\"length\":%" PRIu64 "}\n",
			 offset, length);

	/* The first that is said in this direction: there is room. */
	(void)rest_talk_send(&d->talk, line, (size_t)n);
	rest_talk_end(&d->talk);
}

static void reply_part(struct download *d, enum range_kind kind, uint64_t offset, uint64_t length,
		       uint64_t size, const char *etag)
{
	struct http_request *r = d->request;
	struct http_reply *reply;

	d->left = length;
	reply = http_reply_stream(r, kind == RANGE_PART ? 206 : 200, "application/octet-stream",
				  length, on_writable, on_gone, d, &d->out);
	add_headers(d, reply, etag);
	if (kind == RANGE_PART)
		http_reply_header(reply, "content-range",
				  mu_arena_printf(r->arena,
						  "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, offset,
						  offset + length - 1, size));
	if (r->head) {
		http_request_finish(r, reply);
		http_out_end(d->out);
		download_free(d);
		return;
	}
	d->request = NULL;
	http_request_finish(r, reply);
	ask_for(d, offset, length);
}

static void on_line(void *ctx, const struct mu_value *v)
{
	struct download *d = ctx;
	struct http_request *r = d->request;
	const struct mu_value *size = mu_value_get(v, "size");
	const char *tag = mu_value_as_string(mu_value_get(v, "etag"));
	const char *etag = mu_arena_printf(r->arena, "\"%s\"", tag ? tag : "");
	const char *if_range = http_request_header(r, "if-range");
	const char *if_none = http_request_header(r, "if-none-match");
	const char *range = http_request_header(r, "range");
	uint64_t n = size && size->kind == MU_VALUE_INT ? (uint64_t)size->integer : 0;
	enum range_kind kind;
	uint64_t offset, length;

	if (if_range && strcmp(if_range, etag) != 0)
		range = NULL;
	kind = range_parse(range, n, &offset, &length);
	if (if_none && strcmp(if_none, etag) == 0)
		reply_without_bytes(d, 304, n, etag);
	else if (kind == RANGE_NONE)
		reply_without_bytes(d, 416, n, etag);
	else
		reply_part(d, kind, offset, length, n, etag);
}

static int on_bytes(void *ctx, const void *data, size_t len)
{
	struct download *d = ctx;

	if (len > d->left)
		len = (size_t)d->left; /* more than was asked for is nothing that was asked for */
	if (len == 0)
		return 0;
	if (http_out_send(d->out, data, len) == HTTP_OUT_FULL)
		return MU_PIPE_FULL;
	d->left -= len;
	if (d->left == 0) {
		/* A client that has all leaves, which can be known here before the host's end is:
		 * the download did not fail. */
		http_out_end(d->out);
		d->out = NULL;
	}
	return 0;
}

/* Whether or not all bytes have come: what is missing cuts the connection. */
static void on_over(void *ctx, const struct mu_value *v, const struct mu_error *why)
{
	struct download *d = ctx;
	struct mu_error err = MU_ERROR_INIT;

	(void)v;
	if (d->out) {
		http_out_end(d->out);
	} else if (d->request) {
		if (!why)
			(void)mu_error_set(&err, MU_E_PROTOCOL,
					   "the host's agent has said nothing about the disk");
		http_request_finish(d->request,
				    http_reply_error(d->request, why ? why : &err, NULL));
	}
	download_free(d);
}

/* The request */

static const struct rest_talk_ops talk_ops = {.line = on_line, .bytes = on_bytes, .over = on_over};

static int check(struct rest_call *c, const char *what, const char *const *formats,
		 const char *hint, struct mu_error *err)
{
	for (; *formats; formats++) {
		if (strcmp(*formats, c->name) == 0)
			return 0;
	}
	return mu_error_set(err, MU_E_NOT_FOUND, "a %s is not written as \"%.20s\"; hint: %s", what,
			    c->name, hint);
}

static struct http_reply *begin(struct rest_call *c, const struct rest_transfer *rq)
{
	struct download *d = mu_xcalloc(1, sizeof *d);
	struct mu_error err = MU_ERROR_INIT;

	d->talk.ops = &talk_ops;
	d->talk.ctx = d;
	d->request = c->request;
	(void)snprintf(d->file, sizeof d->file, "attachment; filename=\"%s.%s\"", c->id, c->name);
	if (rest_talk_open(&d->talk, c->rest, &c->user, c->request->peer.address, rq, &err) < 0) {
		free(d);
		return rest_error(c, &err);
	}
	return http_reply_pending(c->request, on_gone, d);
}

struct http_reply *rest_get_vdi_content(struct rest_call *c)
{
	static const char *const formats[] = {"raw", "qcow2", "vhd", "vmdk", NULL};
	const struct model_object *o;
	struct http_reply *refusal = rest_object_need(c, OBJECT_VDI, c->id, &o);
	struct rest_transfer rq = {.op = "download"};
	struct mu_error err = MU_ERROR_INIT;

	if (refusal)
		return refusal;
	if (check(c, "disk", formats, "raw, qcow2, vhd or vmdk", &err) < 0)
		return rest_error(c, &err);
	rq.host = o->host;
	rq.object = o->id;
	rq.arguments =
	    mu_arena_printf(c->arena, "{\"op\":\"download\",\"format\":\"%s\"}", c->name);
	return begin(c, &rq);
}

/* A whole VM. One that runs is another at each moment: who asks for a part goes on with what was
 * made for him. */
struct http_reply *rest_get_vm_content(struct rest_call *c)
{
	static const char *const formats[] = {"ova", NULL};
	const struct rest_backend *b = &c->rest->backend;
	const struct model_vm *vm = NULL;
	struct rest_transfer rq = {.op = "download.vm"};
	struct mu_error err = MU_ERROR_INIT;
	struct http_reply *refusal;
	struct vm_id id;

	if (!mu_uuid_parse(c->id, &id.uuid) || !(vm = b->vm_find(b->ctx, &id)))
		return rest_not_found(c, "VM", c->id);
	if (check(c, "VM", formats, "ova", &err) < 0)
		return rest_error(c, &err);
	if ((refusal = rest_check_host(c, vm)))
		return refusal;
	rq.host = vm->host;
	rq.object = id.uuid;
	rq.arguments = mu_arena_printf(c->arena, "{\"op\":\"download.vm\",\"again\":%s}",
				       http_request_header(c->request, "range") ? "true" : "false");
	return begin(c, &rq);
}
