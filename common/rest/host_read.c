/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is read of a host when somebody asks: details, the hypervisor's messages, the journal. The
 * answer is passed on as it comes from the host, JSON or text, and stored nowhere.
 *
 * The journal can say anything that a program of dom0 has logged, so it is for administrators, as
 * are the hypervisor's messages.
 */
#include "common/rest/call.h"
#include "common/rest/render.h"
#include "common/rest/templates.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reading {
	struct host_read_op op;
	struct rest *rest;
	struct http_request *request; /* NULL: the peer left */
};

static const struct model_host *find(struct rest_call *c, struct host_id *id)
{
	const struct rest_backend *b = &c->rest->backend;

	return mu_uuid_parse(c->id, &id->uuid) ? b->host_find(b->ctx, id) : NULL;
}

static void on_gone(void *ctx)
{
	struct reading *rd = ctx;
	const struct rest_backend *b = &rd->rest->backend;

	rd->request = NULL;
	b->host_read_cancel(b->ctx, &rd->op);
}

static const char *type_of(enum host_read_kind kind)
{
	return kind == HOST_READ_DMESG ? "text/plain; charset=utf-8" : "application/json";
}

static void on_done(struct host_read_op *op)
{
	struct reading *rd = MU_CONTAINER_OF(op, struct reading, op);
	struct http_request *r = rd->request;

	if (r && op->err.code != MU_E_NONE)
		http_request_finish(r, http_reply_error(r, &op->err, NULL));
	else if (r)
		http_request_finish(r, http_reply_take(r, 200, type_of(op->what.kind), &op->text));
	mu_str_deinit(&op->text);
	free(rd);
}

static int check(const struct rest_call *c, const struct model_host *h,
		 const struct host_read *what, struct mu_error *err)
{
	if (!c->rest->backend.host_read)
		return mu_error_set(err, MU_E_UNSUPPORTED, "hosts cannot be read from here");
	if (host_read_check(what, err) < 0)
		return MU_FAILED;
	if (!h->connected)
		return mu_error_set(err, MU_E_UNAVAILABLE,
				    "host %s is not connected; hint: is muster-agent running there",
				    h->name);
	return 0;
}

static struct http_reply *start_on(struct rest_call *c, const struct model_host *h,
				   const struct host_read *what)
{
	const struct rest_backend *b = &c->rest->backend;
	struct mu_error err = MU_ERROR_INIT;
	struct http_reply *reply;
	struct reading *rd;

	if (check(c, h, what, &err) < 0)
		return rest_error(c, &err);
	rd = mu_xcalloc(1, sizeof *rd);
	rd->rest = c->rest;
	rd->request = c->request;
	rd->op.host = h->id;
	rd->op.what = *what;
	rd->op.done = on_done;
	reply = http_reply_pending(c->request, on_gone, rd);
	b->host_read(b->ctx, &rd->op);
	return reply;
}

static struct http_reply *start(struct rest_call *c, const struct host_read *what)
{
	const struct model_host *h;
	struct host_id id;

	h = find(c, &id);
	return h ? start_on(c, h, what) : rest_not_found(c, "host", c->id);
}

static void found_vm(const void *object, void *arg)
{
	*(const struct model_vm **)arg = object;
}

/* Of a VM, a snapshot or a template, as its host has it. */
struct http_reply *rest_get_definition(struct rest_call *c)
{
	const struct rest_backend *b = &c->rest->backend;
	struct host_read what = {.kind = HOST_READ_DEFINITION};
	const struct model_vm *vm = NULL;
	struct mu_error err = MU_ERROR_INIT;
	const struct model_host *h;

	if (mu_uuid_parse(c->id, &what.vm.uuid))
		c->type->find(c->rest, &what.vm.uuid, found_vm, (void *)&vm);
	if (!vm)
		return rest_not_found(c, c->type->name, c->id);
	if (rest_is_builtin(vm)) {
		(void)mu_error_set(&err, MU_E_UNSUPPORTED,
				   "template %s is built in: what is made of it has a definition",
				   vm->name);
		return rest_error(c, &err);
	}
	h = b->host_find(b->ctx, &vm->host);
	return h ? start_on(c, h, &what) : rest_check_host(c, vm);
}

struct http_reply *rest_get_host_details(struct rest_call *c)
{
	return start(c, &(struct host_read){.kind = HOST_READ_DETAILS});
}

struct http_reply *rest_get_host_dmesg(struct rest_call *c)
{
	return start(c, &(struct host_read){.kind = HOST_READ_DMESG});
}

struct http_reply *rest_get_host_boots(struct rest_call *c)
{
	return start(c, &(struct host_read){.kind = HOST_READ_BOOTS});
}

static int query_text(struct rest_call *c, const char *name, char *ret, size_t size,
		      struct mu_error *err)
{
	const char *text = http_request_query(c->request, name);

	if (text && strlen(text) >= size)
		return mu_error_set(err, MU_E_INVALID, "%s: %zu characters, the limit is %zu", name,
				    strlen(text), size - 1);
	(void)snprintf(ret, size, "%s", text ? text : "");
	return 0;
}

static int query_number(struct rest_call *c, const char *name, int64_t min, int64_t max,
			int64_t *ret, struct mu_error *err)
{
	const char *text = http_request_query(c->request, name);

	*ret = 0;
	if (text && (!mu_parse_i64(text, ret) || *ret < min || *ret > max))
		return mu_error_set(err, MU_E_INVALID,
				    "%s: \"%.40s\" is not a whole number from %lld to %lld", name,
				    text, (long long)min, (long long)max);
	return 0;
}

struct http_reply *rest_get_host_journal(struct rest_call *c)
{
	struct host_read what = {.kind = HOST_READ_JOURNAL};
	struct mu_error err = MU_ERROR_INIT;
	int64_t since = 0, lines = 0;

	if (query_text(c, "unit", what.unit, sizeof what.unit, &err) < 0 ||
	    query_text(c, "cursor", what.cursor, sizeof what.cursor, &err) < 0 ||
	    query_text(c, "boot", what.boot, sizeof what.boot, &err) < 0 ||
	    query_number(c, "since", 0, INT64_C(253402300799999), &since, &err) < 0 ||
	    query_number(c, "lines", 1, HOST_READ_LINES_MAX, &lines, &err) < 0)
		return rest_error(c, &err);
	what.since = since;
	what.lines = (uint32_t)lines;
	return start(c, &what);
}

/* Simultaneous multithreading is what the hypervisor uses, not what the processor could. */
struct http_reply *rest_get_host_smt(struct rest_call *c)
{
	struct mu_value *v = mu_value_object(c->arena);
	const struct model_host *h;
	struct host_id id;

	h = find(c, &id);
	if (!h)
		return rest_not_found(c, "host", c->id);
	mu_value_set_bool(c->arena, v, "enabled", h->threads_per_core > 1);
	return http_reply_json(c->request, 200, v);
}
