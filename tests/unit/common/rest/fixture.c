/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include "common/base/assert.h"
#include "common/base/str.h"
#include "common/json/json.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int authenticate(void *ctx, const char *token, const struct http_peer *peer,
			struct rest_user *ret_user, struct mu_error *err)
{
	(void)ctx;
	(void)peer;
	if (!mu_str_equal(token, "secret") && !mu_str_equal(token, "look:only"))
		return mu_error_set(err, MU_E_UNAUTHENTICATED, "%s",
				    token ? "this token is not known" : "a token is needed");
	ret_user->admin = token[0] == 's';
	(void)snprintf(ret_user->name, sizeof ret_user->name, "%s",
		       ret_user->admin ? "admin" : "viewer");
	return 0;
}

static void each_host(void *ctx, bool (*each)(const struct model_host *h, void *arg), void *arg)
{
	struct fixture *f = ctx;

	for (size_t i = 0; i < 2; i++)
		if (!each(&f->hosts[i], arg))
			return;
}

static void each_vm(void *ctx, bool (*each)(const struct model_vm *vm, void *arg), void *arg)
{
	struct fixture *f = ctx;

	for (size_t i = 0; i < FIXTURE_VMS; i++)
		if (!each(&f->vms[i], arg))
			return;
}

static void each_task(void *ctx, bool (*each)(const struct model_task *t, void *arg), void *arg)
{
	struct fixture *f = ctx;

	for (size_t i = 0; i < f->n_tasks; i++)
		if (!each(&f->tasks[i], arg))
			return;
}

static const struct model_host *host_find(void *ctx, const struct host_id *id)
{
	struct fixture *f = ctx;

	for (size_t i = 0; i < 2; i++)
		if (mu_uuid_equal(&f->hosts[i].id.uuid, &id->uuid))
			return &f->hosts[i];
	return NULL;
}

static const struct model_vm *vm_find(void *ctx, const struct vm_id *id)
{
	struct fixture *f = ctx;

	for (size_t i = 0; i < FIXTURE_VMS; i++)
		if (mu_uuid_equal(&f->vms[i].id.uuid, &id->uuid))
			return &f->vms[i];
	return NULL;
}

static const struct model_task *task_find(void *ctx, const struct mu_uuid *id)
{
	struct fixture *f = ctx;

	for (size_t i = 0; i < f->n_tasks; i++)
		if (mu_uuid_equal(&f->tasks[i].id, id))
			return &f->tasks[i];
	return NULL;
}

static void pool(void *ctx, struct rest_pool *ret_pool)
{
	(void)ctx;
	mu_assert(mu_uuid_parse(POOL, &ret_pool->id));
	(void)snprintf(ret_pool->name, sizeof ret_pool->name, "main");
	ret_pool->description[0] = '\0';
}

static void note(struct fixture *f, const struct rest_user *user, const char *from, void *arg)
{
	f->n_ops++;
	(void)snprintf(f->user, sizeof f->user, "%s", user->name);
	(void)snprintf(f->from, sizeof f->from, "%s", from);
	f->arg = arg;
}

static void vm_op(void *ctx, const struct vm_id *vm, enum vm_op op, mu_msec deadline,
		  const struct rest_user *user, const char *from,
		  void (*done)(void *arg, const struct mu_uuid *task, const struct mu_error *err),
		  void *arg)
{
	struct fixture *f = ctx;

	note(f, user, from, arg);
	f->vm = *vm;
	f->op = op;
	f->deadline = deadline;
	f->op_done = done;
}

static void vm_define(void *ctx, const struct host_id *host, const struct mu_value *definition,
		      const struct rest_user *user, const char *from,
		      void (*done)(void *arg, const struct vm_id *vm, const struct mu_error *err),
		      void *arg)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str json = MU_STR_INIT;
	struct fixture *f = ctx;

	note(f, user, from, arg);
	f->host = *host;
	f->define_done = done;
	mu_json_write(&json, definition, false);
	(void)snprintf(f->definition, sizeof f->definition, "%s", json.data);
}

static void vm_undefine(void *ctx, const struct vm_id *vm, const struct rest_user *user,
			const char *from,
			void (*done)(void *arg, const struct vm_id *vm, const struct mu_error *err),
			void *arg)
{
	struct fixture *f = ctx;

	note(f, user, from, arg);
	f->vm = *vm;
	f->define_done = done;
}

static int task_abort(void *ctx, const struct mu_uuid *id, const struct rest_user *user,
		      const char *from, struct mu_error *err)
{
	struct fixture *f = ctx;
	const struct model_task *t = task_find(ctx, id);

	note(f, user, from, f->arg);
	if (t->status != TASK_PENDING)
		return mu_error_set(err, MU_E_STATE, "the task has ended");
	f->n_aborts++;
	return 0;
}

/* A console that remembers what was typed. */

static int console_send(void *side, const void *data, size_t len)
{
	struct fixture *f = side;

	if (f->console_full)
		return MU_PIPE_FULL;
	mu_assert(f->n_typed + len < sizeof f->typed);
	memcpy(f->typed + f->n_typed, data, len);
	f->n_typed += len;
	return 0;
}

static void console_writable(void *side)
{
	struct fixture *f = side;

	f->n_consoles += 100;
}

static void console_end(void *side)
{
	struct fixture *f = side;

	f->console_ended = true;
}

static void console_close(void *side, const struct mu_error *why)
{
	struct fixture *f = side;

	(void)why;
	f->console_closed = true;
}

static int console_open(void *ctx, const struct rest_console *rq, const struct rest_user *user,
			const char *from, struct mu_pipe near, struct mu_pipe *ret_far,
			struct mu_error *err)
{
	static const struct mu_pipe_ops ops = {.send = console_send,
					       .writable = console_writable,
					       .end = console_end,
					       .close = console_close};
	struct fixture *f = ctx;

	note(f, user, from, f->arg);
	if (f->refuse_console)
		return mu_error_set(err, MU_E_EXHAUSTED, "no more consoles");
	f->n_consoles++;
	f->console = *rq;
	f->viewer = near;
	*ret_far = (struct mu_pipe){.ops = &ops, .side = f};
	return 0;
}

static void make_hosts(struct fixture *f)
{
	static const char *const ids[] = {HOST_1, HOST_2};

	for (size_t i = 0; i < 2; i++) {
		struct model_host *h = &f->hosts[i];

		model_host_init(h);
		mu_assert(mu_uuid_parse(ids[i], &h->id.uuid));
		(void)snprintf(h->name, sizeof h->name, "xen%zu", i + 1);
		(void)snprintf(h->address, sizeof h->address, "192.0.2.%zu", i + 10);
		(void)snprintf(h->xen_version, sizeof h->xen_version, "4.17.%zu", i);
		h->cpus = 8;
		h->sockets = 1;
		h->memory_total_bytes = 1 << 30;
		h->memory_free_bytes = 1 << 29;
		h->booted_at = 1700000000000;
		h->connected = i == 0;
		h->last_seen = 1700000123456;
	}
}

static void make_vms(struct fixture *f)
{
	static const struct {
		const char *id;
		const char *name;
		enum vm_power power;
		size_t host;
	} table[FIXTURE_VMS] = {
	    {VM_WEB, "web", VM_RUNNING, 0},
	    {VM_DB, "db", VM_HALTED, 0},
	    {VM_FAR, "far", VM_RUNNING, 1},
	};

	for (size_t i = 0; i < FIXTURE_VMS; i++) {
		struct model_vm *vm = &f->vms[i];

		model_vm_init(vm);
		mu_assert(mu_uuid_parse(table[i].id, &vm->id.uuid));
		(void)snprintf(vm->name, sizeof vm->name, "%s", table[i].name);
		vm->host = f->hosts[table[i].host].id;
		vm->type = VM_TYPE_PVH;
		vm->power = table[i].power;
		vm->managed = true;
		vm->vcpus_max = 4;
		vm->memory_bytes = 512 << 20;
		vm->memory_static_max_bytes = 1 << 30;
	}
	f->vms[0].domid = 5;
	f->vms[0].vcpus_online = 2;
	f->vms[0].started_at = 1700000001000;
}

struct fixture *fixture_new(void)
{
	struct fixture *f = mu_xcalloc(1, sizeof *f);
	struct rest_backend backend = {
	    .ctx = f,
	    .authenticate = authenticate,
	    .each_host = each_host,
	    .each_vm = each_vm,
	    .each_task = each_task,
	    .host_find = host_find,
	    .vm_find = vm_find,
	    .task_find = task_find,
	    .pool = pool,
	    .vm_op = vm_op,
	    .vm_define = vm_define,
	    .vm_undefine = vm_undefine,
	    .task_abort = task_abort,
	    .console_open = console_open,
	};

	make_hosts(f);
	make_vms(f);
	f->loop = mu_loop_new();
	f->rest = rest_new(f->loop, &backend);
	return f;
}

struct fixture *fixture_free(struct fixture *f)
{
	rest_free(f->rest);
	mu_loop_free(f->loop);
	free(f);
	return NULL;
}

static struct http_request *call(struct fixture *f, enum http_method method, const char *target,
				 const char *body, const char *header, const char *value)
{
	struct http_request *r = http_request_for_test(method, target, body);

	if (header)
		http_request_for_test_header(r, header, value);
	http_request_for_test_replied(r, rest_handle(r, f->rest));
	return r;
}

struct http_request *fixture_call(struct fixture *f, enum http_method method, const char *target,
				  const char *body)
{
	return call(f, method, target, body, "authorization", "Bearer secret");
}

struct http_request *fixture_call_as(struct fixture *f, enum http_method method, const char *target,
				     const char *header, const char *value)
{
	return call(f, method, target, NULL, header, value);
}

void fixture_expect(struct http_request *r, int status, const char *body_part)
{
	const char *body = http_request_for_test_body(r);

	cr_expect_eq(http_request_for_test_status(r), status, "%s?%s: %d %s", r->path, r->query,
		     http_request_for_test_status(r), body);
	if (body_part)
		cr_expect(strstr(body, body_part), "%s?%s: %s lacks %s", r->path, r->query, body,
			  body_part);
	http_request_for_test_free(r);
}

void fixture_expect_get(struct fixture *f, const char *target, int status, const char *body)
{
	struct http_request *r = fixture_call(f, HTTP_GET, target, NULL);

	cr_expect_eq(http_request_for_test_status(r), status, "%s", target);
	cr_expect_str_eq(http_request_for_test_body(r), body, "%s: %s", target,
			 http_request_for_test_body(r));
	http_request_for_test_free(r);
}

void fixture_op_started(struct fixture *f)
{
	struct model_task *t = &f->tasks[f->n_tasks++];

	memset(t, 0, sizeof *t);
	mu_assert(mu_uuid_parse(TASK_1, &t->id));
	t->op = f->op;
	t->vm = f->vm;
	t->host = f->hosts[0].id;
	t->start = 1700000000001;
	(void)snprintf(t->user, sizeof t->user, "%s", f->user);
	rest_task_changed(f->rest, REST_ADD, t);
	f->op_done(f->arg, &t->id, NULL);
}

void fixture_op_refused(struct fixture *f, enum mu_error_code code, const char *text)
{
	struct mu_error err = MU_ERROR_INIT;

	(void)mu_error_set(&err, code, "%s", text);
	f->op_done(f->arg, NULL, &err);
}

void fixture_task_ended(struct fixture *f, enum mu_error_code code, const char *text)
{
	struct model_task *t = &f->tasks[f->n_tasks - 1];

	t->status = code == MU_E_NONE ? TASK_SUCCESS : TASK_FAILURE;
	t->end = 1700000000500;
	if (code != MU_E_NONE)
		(void)mu_error_set(&t->err, code, "%s", text);
	rest_task_changed(f->rest, REST_UPDATE, t);
}
