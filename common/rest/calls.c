/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests that are calls: one handler for all rows of calls_table.c. Everything that can be said
 * of a request without the host is said before a task is made: is the object there, do the
 * arguments fit, does the VM's state allow it.
 */
#include "common/rest/access.h"

#include "common/base/assert.h"
#include "common/json/json.h"
#include "common/os/clock.h"
#include "common/os/random.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static struct http_reply *check_vm(struct rest_call *c, const struct rest_target *t)
{
	const struct rest_backend *b = &c->rest->backend;
	const struct model_host *h = b->host_find(b->ctx, &t->vm->host);
	struct mu_error err = MU_ERROR_INIT;
	char expected[64];

	if (!h || !h->connected) {
		(void)mu_error_set(&err, MU_E_UNAVAILABLE,
				   "host %s of VM %s is not connected; hint: is muster-agent "
				   "running there",
				   rest_access_host_name(c, h), t->vm->name);
		return rest_error(c, &err);
	}
	if (!t->vm->managed) {
		(void)mu_error_set(&err, MU_E_STATE, "VM %s is not managed; hint: adopt it first",
				   t->vm->name);
		return rest_wrong_state(c->request, t->vm, "managed", "false", "true", &err);
	}
	if (call_allowed(t->method, t->vm->power))
		return NULL;
	call_expected(t->method, expected, sizeof expected);
	(void)mu_error_set(&err, MU_E_STATE, "VM %s is %s; %s needs it %s%s", t->vm->name,
			   vm_power_name(t->vm->power), t->method->name, expected,
			   call_allowed(t->method, VM_RUNNING) ? "" : "; hint: shut it down first");
	return rest_wrong_state(c->request, t->vm, "power_state", vm_power_name(t->vm->power),
				expected, &err);
}

/* Addresses that a call gives to cards: on a fleet's networks each is to be there once. The host
 * looks at its own VMs again. */
struct holder {
	const char *mac;
	const struct model_vm *not_of; /* whose card it is to be */
	const struct model_vm *vm;     /* has it */
	const struct model_nic *nic;
};

static bool find_holder(const struct model_vm *vm, void *arg)
{
	struct holder *h = arg;

	for (size_t i = 0; vm->kind == VM_KIND_VM && vm != h->not_of && i < vm->n_nics; i++) {
		if (strcasecmp(vm->nics[i].mac, h->mac) != 0)
			continue;
		h->vm = vm;
		h->nic = &vm->nics[i];
		return false;
	}
	return true;
}

static struct http_reply *check_mac(struct rest_call *c, const struct model_vm *not_of,
				    const struct mu_value *mac)
{
	const struct rest_backend *b = &c->rest->backend;
	struct holder h = {.mac = mu_value_as_string(mac), .not_of = not_of};
	const struct model_host *host;
	struct mu_error err = MU_ERROR_INIT;

	if (!h.mac || !*h.mac)
		return NULL;
	b->each_vm(b->ctx, find_holder, &h);
	if (!h.vm)
		return NULL;
	host = b->host_find(b->ctx, &h.vm->host);
	if (rest_may(c->rest, &c->user, "vm:read", &h.vm->id.uuid))
		(void)mu_error_set(
		    &err, MU_E_EXISTS, "MAC: %s is that of VIF %u of VM \"%s\" on host %s", h.mac,
		    (unsigned)h.nic->device, h.vm->name, rest_access_host_name(c, host));
	else
		(void)mu_error_set(&err, MU_E_EXISTS, "MAC: %s is another VM's", h.mac);
	return rest_error(c, &err);
}

static struct http_reply *check_macs(struct rest_call *c, const struct rest_target *t,
				     const struct mu_value *arguments)
{
	const struct mu_value *vifs = mu_value_get(arguments, "vifs");
	struct http_reply *refusal = NULL;

	if (!strcmp(t->method->name, "vif.create"))
		return check_mac(c, t->vm, mu_value_get(arguments, "MAC"));
	if (!vifs || strcmp(t->method->name, "vm.create") != 0)
		return NULL;
	for (const struct mu_value *v = vifs->first; v && !refusal; v = v->next)
		refusal = check_mac(c, NULL, mu_value_get(v, "mac"));
	return refusal;
}

void rest_call_choose_id(struct rest_call *c, const struct call_method *m,
			 struct mu_value *arguments)
{
	struct mu_uuid id = mu_random_uuid();
	char text[MU_UUID_TEXT];

	if (m->takes_id && !mu_value_get(arguments, "id"))
		mu_value_set_string(c->arena, arguments, "id", mu_uuid_format(&id, text));
}

/* DELETE /vms/{id}?disks=false&snapshots=false */
static int take_query(struct rest_call *c, const struct call_method *m, struct mu_value *body,
		      struct mu_error *err)
{
	static const char *const names[] = {"disks", "snapshots"};

	if (c->request->method != HTTP_DELETE || strcmp(m->name, "vm.delete") != 0)
		return 0;
	for (size_t i = 0; i < MU_ARRAY_SIZE(names); i++) {
		bool value = true;

		if (!http_request_query(c->request, names[i]))
			continue;
		if (rest_query_bool(c, names[i], &value, err) < 0)
			return MU_FAILED;
		if (!mu_value_get(body, names[i]))
			mu_value_set_bool(c->arena, body, names[i], value);
	}
	return 0;
}

/* PUT /vms/{id}/tags/{tag}: the path says all. */
static struct mu_value *body_of_path(struct rest_call *c, const char *argument)
{
	struct mu_value *v = mu_value_object(c->arena);
	struct mu_value *list = mu_value_set(c->arena, v, argument, mu_value_list(c->arena));

	mu_value_push(list, mu_value_string(c->arena, c->name));
	return v;
}

/* What the body does not say. */
static void add_usual(struct rest_call *c, const char *usual, struct mu_value *body)
{
	struct mu_value *v = NULL;
	int r = mu_json_read(c->arena, usual, strlen(usual), &v, NULL);

	mu_assert(r == 0);
	mu_value_each(it, v)
	{
		if (!mu_value_get(body, it->name))
			mu_value_set(c->arena, body, it->name, mu_value_copy(c->arena, it));
	}
}

struct http_reply *rest_call_handle(struct rest_call *c, const struct rest_call_route *route)
{
	const struct rest_backend *b = &c->rest->backend;
	struct rest_target t = {.method = NULL};
	struct mu_error err = MU_ERROR_INIT;
	const struct mu_value *given = NULL;
	struct rest_ask ask = {.deadline = 0};
	struct http_reply *refusal;
	struct mu_value *body;
	bool sync = route->sync;
	int64_t timeout = 0;

	if ((http_request_query(c->request, "sync") &&
	     rest_query_bool(c, "sync", &sync, &err) < 0) ||
	    rest_query_seconds(c, "timeout", &timeout, &err) < 0)
		return rest_bad_request(c, &err);
	if (rest_body(c, NULL, &given, &err) < 0)
		return rest_error(c, &err);
	if ((refusal = rest_access_named(c, given)))
		return refusal;
	body = route->listed ? body_of_path(c, route->listed) : mu_value_copy(c->arena, given);
	if (route->usual)
		add_usual(c, route->usual, body);
	if (route->source == REST_FROM_NETWORK || route->source == REST_FROM_POOL_PIF ||
	    route->source == REST_FROM_POOL_HOSTS)
		return rest_call_on_hosts(c, route, body, sync,
					  timeout ? mu_clock_wall() + MU_SEC(timeout) : 0);
	if ((refusal = rest_call_place(c, route, body, &t)))
		return refusal;
	if (take_query(c, t.method, body, &err) < 0)
		return rest_bad_request(c, &err);
	if (call_check(t.method, body, &err) < 0)
		return rest_error(c, &err);
	if ((refusal = rest_access_arguments(c, &t, body)))
		return refusal;
	if ((t.vm && (refusal = check_vm(c, &t))) || (refusal = check_macs(c, &t, body)))
		return refusal;
	if (rest_is_trial(c->request))
		return http_reply_empty(c->request, 204);
	rest_call_choose_id(c, t.method, body);
	ask = (struct rest_ask){.method = t.method,
				.object = t.object,
				.host = t.host,
				.arguments = body,
				.deadline = timeout ? mu_clock_wall() + MU_SEC(timeout) : 0};
	if (!b->call)
		return rest_unsupported(c, t.method->name);
	return rest_change_call(c, &ask, sync);
}
