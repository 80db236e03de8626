/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What changes something: actions of VMs, definitions. All have one shape: check what can be
 * checked now, ask the backend, answer when it has. The peer may leave in between; the backend's
 * answer then finds `request` NULL.
 */
#include "common/rest/access.h"

#include "common/os/clock.h"
#include "common/os/random.h"

#include <stdlib.h>
#include <string.h>

struct change {
	struct rest *rest;
	struct http_request *request; /* NULL: the peer left */
	struct vm_id vm;
	enum vm_op op;
	bool sync;
};

static void on_gone(void *ctx)
{
	struct change *ch = ctx;

	ch->request = NULL;
}

static struct change *change_new(struct rest_call *c)
{
	struct change *ch = mu_xcalloc(1, sizeof *ch);

	ch->rest = c->rest;
	ch->request = c->request;
	return ch;
}

struct http_reply *rest_wrong_state(struct http_request *r, const struct model_vm *vm,
				    const char *property, const char *actual, const char *expected,
				    const struct mu_error *err)
{
	struct mu_value *data = mu_value_object(r->arena);
	char id[MU_UUID_TEXT];

	mu_value_set_string(r->arena, data, "actual", actual);
	mu_value_set_string(r->arena, data, "expected", expected);
	mu_value_set_string(r->arena, data, "object", mu_uuid_format(&vm->id.uuid, id));
	mu_value_set_string(r->arena, data, "property", property);
	return http_reply_error(r, err, data);
}

static struct http_reply *check_power(struct rest_call *c, const struct model_vm *vm, enum vm_op op)
{
	struct mu_error err = MU_ERROR_INIT;

	if (vm_op_allowed(op, vm->power))
		return NULL;
	(void)mu_error_set(&err, MU_E_STATE, "VM %s is %s; %s needs it %s", vm->name,
			   vm_power_name(vm->power), vm_op_name(op), vm_op_expected(op));
	return rest_wrong_state(c->request, vm, "power_state", vm_power_name(vm->power),
				vm_op_expected(op), &err);
}

struct http_reply *rest_check_host(struct rest_call *c, const struct model_vm *vm)
{
	const struct rest_backend *b = &c->rest->backend;
	const struct model_host *h = b->host_find(b->ctx, &vm->host);
	struct mu_error err = MU_ERROR_INIT;

	if (h && h->connected)
		return NULL;
	(void)mu_error_set(&err, MU_E_UNAVAILABLE,
			   "host %s of VM %s is not connected; hint: is muster-agent running there",
			   rest_access_host_name(c, h), vm->name);
	return rest_error(c, &err);
}

static struct http_reply *check_managed(struct rest_call *c, const struct model_vm *vm,
					enum vm_op op)
{
	struct mu_error err = MU_ERROR_INIT;

	if (op != VM_OP_ADOPT || !vm->managed)
		return NULL;
	(void)mu_error_set(&err, MU_E_STATE, "VM %s is managed already", vm->name);
	return rest_wrong_state(c->request, vm, "managed", "true", "false", &err);
}

/* {"force"}: also on a host in maintenance. */
static int body_force(struct rest_call *c, const struct mu_value *body, bool *ret,
		      struct mu_error *err)
{
	const struct mu_value *v = mu_value_get(body, "force");

	if (v && v->kind != MU_VALUE_BOOL)
		return mu_error_set(err, MU_E_INVALID, "body: force: true or false is expected");
	*ret = v && v->boolean;
	if (*ret && !c->rest->backend.vm_op_anyway)
		return mu_error_set(err, MU_E_UNSUPPORTED,
				    "force is for the host's own socket; hint: enable the host");
	return 0;
}

/* {"hostId"}: where to start. A VM starts where its definition is. */
static struct http_reply *check_body(struct rest_call *c, const struct model_vm *vm, enum vm_op op,
				     bool *ret_force)
{
	static const char *const start_known[] = {"force", "hostId", NULL};
	static const char *const resume_known[] = {"force", NULL};
	static const char *const none_known[] = {NULL};
	const char *const *known = op == VM_OP_START    ? start_known
				   : op == VM_OP_RESUME ? resume_known
							: none_known;
	struct mu_error err = MU_ERROR_INIT;
	const struct mu_value *body = NULL;
	const char *host_text = NULL;
	struct mu_uuid host;

	if (rest_body(c, known, &body, &err) < 0 || body_force(c, body, ret_force, &err) < 0 ||
	    rest_body_string(body, "hostId", &host_text, &err) < 0)
		return rest_error(c, &err);
	if (!host_text)
		return NULL;
	if (!mu_uuid_parse(host_text, &host))
		(void)mu_error_set(&err, MU_E_INVALID, "body: hostId: \"%s\" is not a UUID",
				   host_text);
	else if (!mu_uuid_equal(&host, &vm->host.uuid))
		(void)mu_error_set(&err, MU_E_UNSUPPORTED,
				   "VM %s is defined on another host and starts there; hint: leave "
				   "hostId out",
				   vm->name);
	else
		return NULL;
	return rest_error(c, &err);
}

static struct http_reply *accepted(struct http_request *r, const struct mu_uuid *task)
{
	struct mu_value *v = mu_value_object(r->arena);
	char id[MU_UUID_TEXT];
	struct http_reply *reply;

	mu_value_set_string(r->arena, v, "taskId", mu_uuid_format(task, id));
	reply = http_reply_json(r, 202, v);
	http_reply_header(reply, "location", mu_arena_printf(r->arena, "/rest/v0/tasks/%s", id));
	return reply;
}

static struct http_reply *refused(struct change *ch, const struct mu_error *err)
{
	const struct rest_backend *b = &ch->rest->backend;
	const struct model_vm *vm = b->vm_find(b->ctx, &ch->vm);

	if (err->code != MU_E_STATE || !vm || ch->op == _VM_OP_COUNT)
		return http_reply_error(ch->request, err, NULL);
	return rest_wrong_state(ch->request, vm, "power_state", vm_power_name(vm->power),
				vm_op_expected(ch->op), err);
}

static void on_op_started(void *arg, const struct mu_uuid *task, const struct mu_error *err)
{
	struct change *ch = arg;
	struct http_request *r = ch->request;

	if (r && !task)
		http_request_finish(r, refused(ch, err));
	else if (r && !ch->sync)
		http_request_finish(r, accepted(r, task));
	else if (r)
		rest_wait_more(ch->rest, r, task, REST_WAIT_ACTION);
	free(ch);
}

struct http_reply *rest_post_vm_action(struct rest_call *c)
{
	const struct rest_backend *b = &c->rest->backend;
	struct mu_error err = MU_ERROR_INIT;
	const struct model_vm *vm;
	struct http_reply *refusal;
	struct change *ch;
	struct vm_id id;
	enum vm_op op;
	bool sync = false, force = false;
	int64_t timeout = 0;

	if (!(vm = rest_vm_find(c, &id)))
		return rest_not_found(c, "VM", c->id);
	if (!vm_op_parse(c->name, &op))
		return rest_not_found(c, "action", c->name);
	if (rest_query_bool(c, "sync", &sync, &err) < 0 ||
	    rest_query_seconds(c, "timeout", &timeout, &err) < 0)
		return rest_bad_request(c, &err);
	if ((refusal = check_body(c, vm, op, &force)) || (refusal = rest_check_host(c, vm)) ||
	    (refusal = check_managed(c, vm, op)) || (refusal = check_power(c, vm, op)))
		return refusal;
	ch = change_new(c);
	ch->vm = id;
	ch->op = op;
	ch->sync = sync;
	(force ? b->vm_op_anyway : b->vm_op)(b->ctx, &id, op,
					     timeout ? mu_clock_wall() + MU_SEC(timeout) : 0,
					     &c->user, c->request->peer.address, on_op_started, ch);
	return http_reply_pending(c->request, on_gone, ch);
}

struct http_reply *rest_change_call(struct rest_call *c, const struct rest_ask *ask, bool sync)
{
	const struct rest_backend *b = &c->rest->backend;
	struct change *ch = change_new(c);

	ch->vm.uuid = ask->object;
	ch->op = _VM_OP_COUNT;
	ch->sync = sync;
	b->call(b->ctx, ask, &c->user, c->request->peer.address, on_op_started, ch);
	return http_reply_pending(c->request, on_gone, ch);
}

struct http_reply *rest_get_vm_actions(struct rest_call *c)
{
	struct mu_value *v;
	struct vm_id id;

	if (!rest_vm_find(c, &id))
		return rest_not_found(c, "VM", c->id);
	v = mu_value_list(c->arena);
	for (unsigned op = 0; op < _VM_OP_COUNT; op++)
		mu_value_push(
		    v, mu_value_string(c->arena,
				       mu_arena_printf(c->arena, "/rest/v0/vms/%s/actions/%s",
						       c->id, vm_op_name((enum vm_op)op))));
	for (size_t i = 0; i < rest_n_call_routes; i++) {
		const char *pattern = rest_call_routes[i].info.pattern;
		static const char prefix[] = "/rest/v0/vms/{id}/";

		if (rest_call_routes[i].info.method == HTTP_POST &&
		    strncmp(pattern, prefix, sizeof prefix - 1) == 0)
			mu_value_push(
			    v, mu_value_string(
				   c->arena, mu_arena_printf(c->arena, "/rest/v0/vms/%s/%s", c->id,
							     pattern + sizeof prefix - 1)));
	}
	return http_reply_json(c->request, 200, v);
}

/* Definitions */

struct http_reply *rest_unsupported(struct rest_call *c, const char *what)
{
	struct mu_error err = MU_ERROR_INIT;

	(void)mu_error_set(&err, MU_E_UNSUPPORTED, "%s is not possible here", what);
	return rest_error(c, &err);
}

static void on_defined(void *arg, const struct vm_id *vm, const struct mu_error *err)
{
	struct change *ch = arg;
	struct http_request *r = ch->request;

	if (r)
		http_request_finish(r, vm ? rest_created(r, "vms", &vm->uuid)
					  : http_reply_error(r, err, NULL));
	free(ch);
}

/* Who defines by hand need not make up an id; one that is there already stays where it is. */
static int check_identity(struct rest_call *c, const struct host_id *host, struct mu_value *body,
			  struct mu_error *err)
{
	const struct rest_backend *b = &c->rest->backend;
	const char *uuid = mu_value_as_string(mu_value_get(body, "uuid"));
	struct mu_uuid new_id = mu_random_uuid();
	const struct model_vm *vm;
	char text[MU_UUID_TEXT];
	struct vm_id id;

	if (!mu_value_get(body, "uuid"))
		mu_value_set_string(c->arena, body, "uuid", mu_uuid_format(&new_id, text));
	if (!uuid || !mu_uuid_parse(uuid, &id.uuid) || !(vm = b->vm_find(b->ctx, &id)) ||
	    mu_uuid_equal(&vm->host.uuid, &host->uuid))
		return 0;
	return mu_error_set(err, MU_E_EXISTS,
			    "uuid: VM %s on host %s has it; hint: leave it out for another VM, or "
			    "undefine that one first",
			    vm->name, rest_access_host_name(c, b->host_find(b->ctx, &vm->host)));
}

struct http_reply *rest_post_host_vm(struct rest_call *c)
{
	const struct rest_backend *b = &c->rest->backend;
	struct mu_error err = MU_ERROR_INIT;
	const struct mu_value *body = NULL;
	struct mu_value *definition;
	struct change *ch;
	struct host_id id;

	if (!mu_uuid_parse(c->id, &id.uuid) || !b->host_find(b->ctx, &id))
		return rest_not_found(c, "host", c->id);
	if (!b->vm_define)
		return rest_unsupported(c, "vm.define");
	if (c->request->body_len == 0) {
		(void)mu_error_set(&err, MU_E_PROTOCOL, "body: a VM definition is expected");
		return rest_error(c, &err);
	}
	if (rest_body(c, NULL, &body, &err) < 0)
		return rest_error(c, &err);
	definition = mu_value_copy(c->arena, body);
	if (check_identity(c, &id, definition, &err) < 0)
		return rest_error(c, &err);
	ch = change_new(c);
	ch->op = _VM_OP_COUNT;
	b->vm_define(b->ctx, &id, definition, &c->user, c->request->peer.address, on_defined, ch);
	return http_reply_pending(c->request, on_gone, ch);
}
