/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a request to the object of its call: the path's or the body's id, checked to be there. What
 * has no object of its own is taken apart: a VBD is a VM and a device, a PBD a host and an SR.
 */
#include "common/rest/call.h"

#include "common/base/assert.h"
#include "common/model/object.h"

#include <stdio.h>
#include <string.h>

static const char *const place_names[_REST_PLACE_COUNT] = {
    [REST_SR] = "SR",           [REST_VDI] = "VDI", [REST_PBD] = "PBD",
    [REST_NETWORK] = "network", [REST_PIF] = "PIF",
};

static struct http_reply *invalid(struct rest_call *c, const char *name, const char *what)
{
	struct mu_error err;

	(void)mu_error_set(&err, MU_E_INVALID, "body: %s: %s", name, what);
	return rest_error(c, &err);
}

/* A property that is the object's id, not one of the call's arguments. */
static struct http_reply *body_id(struct rest_call *c, struct mu_value *body, const char *name,
				  const char **ret)
{
	const struct mu_value *v = mu_value_get(body, name);

	if (!v)
		return invalid(c, name, "required, but missing");
	if (v->kind != MU_VALUE_STRING)
		return invalid(c, name, "a string is expected");
	*ret = v->string;
	return NULL;
}

static struct http_reply *place_vm(struct rest_call *c, const char *text, enum vm_kind kind,
				   struct rest_target *t)
{
	static const char *const types[_VM_KIND_COUNT] = {
	    [VM_KIND_VM] = "VM",
	    [VM_KIND_SNAPSHOT] = "VM-snapshot",
	    [VM_KIND_TEMPLATE] = "VM-template",
	};
	const struct rest_backend *b = &c->rest->backend;
	struct vm_id id;

	if (!mu_uuid_parse(text, &id.uuid) || !(t->vm = b->vm_find(b->ctx, &id)) ||
	    t->vm->kind != kind)
		return rest_not_found(c, types[kind], text);
	t->object = id.uuid;
	return NULL;
}

/* A part of a VM, by the id that is derived from both. */
struct part {
	bool vif;
	struct mu_uuid id;
	const struct model_vm *vm;
	char device[16];
};

static bool is_part(const struct model_vm *vm, void *arg)
{
	struct part *p = arg;
	struct mu_uuid id;

	for (size_t i = 0; !p->vif && i < vm->n_disks; i++) {
		id = object_vbd_id(&vm->id, vm->disks[i].vdev);
		if (!mu_uuid_equal(&id, &p->id))
			continue;
		p->vm = vm;
		memcpy(p->device, vm->disks[i].vdev, sizeof p->device);
	}
	for (size_t i = 0; p->vif && i < vm->n_nics; i++) {
		id = object_vif_id(&vm->id, vm->nics[i].device);
		if (!mu_uuid_equal(&id, &p->id))
			continue;
		p->vm = vm;
		(void)snprintf(p->device, sizeof p->device, "%u", (unsigned)vm->nics[i].device);
	}
	return !p->vm;
}

static struct http_reply *place_part(struct rest_call *c, bool vif, struct mu_value *body,
				     struct rest_target *t)
{
	const struct rest_backend *b = &c->rest->backend;
	struct part p = {.vif = vif};

	if (mu_uuid_parse(c->id, &p.id))
		b->each_vm(b->ctx, is_part, &p);
	if (!p.vm)
		return rest_not_found(c, vif ? "VIF" : "VBD", c->id);
	if (mu_value_get(body, "device"))
		return invalid(c, "device", "the path names it");
	t->vm = p.vm;
	t->object = p.vm->id.uuid;
	mu_value_set_string(c->arena, body, "device", p.device);
	return NULL;
}

static struct http_reply *locate(struct rest_call *c, enum rest_place what, const char *text,
				 struct rest_found *ret)
{
	const struct rest_backend *b = &c->rest->backend;
	struct mu_uuid id;

	if (!mu_uuid_parse(text, &id) || !b->locate || !b->locate(b->ctx, what, &id, ret))
		return rest_not_found(c, place_names[what], text);
	return NULL;
}

static struct http_reply *place_object(struct rest_call *c, enum rest_place what, const char *text,
				       struct rest_target *t)
{
	struct rest_found found;
	struct http_reply *refusal = locate(c, what, text, &found);

	if (refusal)
		return refusal;
	t->object = found.object;
	t->host = found.host;
	return NULL;
}

static struct http_reply *place_host(struct rest_call *c, const char *text, struct rest_target *t)
{
	const struct rest_backend *b = &c->rest->backend;

	if (!mu_uuid_parse(text, &t->host.uuid) || !b->host_find(b->ctx, &t->host))
		return rest_not_found(c, "host", text);
	t->object = t->host.uuid;
	return NULL;
}

static struct http_reply *place_network(struct rest_call *c, struct mu_value *body,
					struct rest_target *t)
{
	struct rest_found found;
	struct http_reply *refusal = locate(c, REST_NETWORK, c->id, &found);

	if (refusal)
		return refusal;
	t->object = found.host.uuid;
	t->host = found.host;
	mu_value_set_string(c->arena, body, "bridge", found.device);
	return NULL;
}

static struct http_reply *check_pool(struct rest_call *c)
{
	const struct rest_backend *b = &c->rest->backend;
	struct rest_pool pool;
	struct mu_uuid id;

	b->pool(b->ctx, &pool);
	if (!mu_uuid_parse(c->id, &id) || !mu_uuid_equal(&id, &pool.id))
		return rest_not_found(c, "pool", c->id);
	return NULL;
}

/* Where a new VM goes when nobody says where: the most free memory. */
static bool better_host(const struct model_host *h, void *arg)
{
	const struct model_host **best = arg;

	if (h->connected && (!*best || h->memory_free_bytes > (*best)->memory_free_bytes))
		*best = h;
	return true;
}

static struct http_reply *place_new_vm(struct rest_call *c, const struct mu_value *body,
				       struct rest_target *t)
{
	const struct rest_backend *b = &c->rest->backend;
	const char *affinity = mu_value_as_string(mu_value_get(body, "affinity"));
	const char *template = mu_value_as_string(mu_value_get(body, "template"));
	const struct model_host *best = NULL;
	const struct model_vm *vm;
	struct mu_error err;
	struct vm_id id;

	if (affinity)
		return place_host(c, affinity, t);
	if (template && mu_uuid_parse(template, &id.uuid) && (vm = b->vm_find(b->ctx, &id))) {
		t->host = vm->host;
	} else {
		b->each_host(b->ctx, better_host, &best);
		if (!best) {
			(void)mu_error_set(&err, MU_E_UNAVAILABLE, "no host is connected");
			return rest_error(c, &err);
		}
		t->host = best->id;
	}
	t->object = t->host.uuid;
	return NULL;
}

void rest_body_replace(struct mu_arena *a, struct mu_value *body, const char *name,
		       const char *value)
{
	struct mu_value copy = *body;

	body->first = body->last = NULL;
	body->n_children = 0;
	mu_value_each(member, &copy)
	{
		if (strcmp(member->name, name) != 0)
			mu_value_set(a, body, member->name, mu_value_copy(a, member));
	}
	if (value)
		mu_value_set_string(a, body, name, value);
}

static struct http_reply *place_pif(struct rest_call *c, struct mu_value *body,
				    struct rest_target *t)
{
	const char *text;
	struct http_reply *refusal = body_id(c, body, "pif", &text);
	struct rest_found found;

	if (refusal || (refusal = locate(c, REST_PIF, text, &found)))
		return refusal;
	t->host = found.host;
	t->object = found.host.uuid;
	rest_body_replace(c->arena, body, "pif", found.device);
	return NULL;
}

static struct http_reply *place_in_body(struct rest_call *c, const struct rest_call_route *route,
					struct mu_value *body, struct rest_target *t)
{
	const char *text;
	struct http_reply *refusal = body_id(c, body, route->in_body, &text);

	if (refusal)
		return refusal;
	if (route->source == REST_FROM_BODY_VM)
		refusal = place_vm(c, text, VM_KIND_VM, t);
	else if (route->source == REST_FROM_BODY_SR)
		refusal = place_object(c, REST_SR, text, t);
	else
		refusal = place_host(c, text, t);
	rest_body_replace(c->arena, body, route->in_body, NULL);
	return refusal;
}

/* Of any kind: what a call's object is, by its method. */
static struct http_reply *place_by_method(struct rest_call *c, const char *text,
					  struct rest_target *t)
{
	const struct rest_backend *b = &c->rest->backend;
	struct vm_id id;

	switch (t->method->target) {
	case CALL_ON_VM:
		if (!mu_uuid_parse(text, &id.uuid) || !(t->vm = b->vm_find(b->ctx, &id)))
			return rest_not_found(c, "VM", text);
		t->object = id.uuid;
		return NULL;
	case CALL_ON_SR:
		return place_object(c, REST_SR, text, t);
	case CALL_ON_VDI:
		return place_object(c, REST_VDI, text, t);
	case CALL_ON_HOST:
		return place_host(c, text, t);
	case _CALL_TARGET_COUNT:
		break;
	}
	mu_assert_unreachable();
}

/* {method, objectId, hostId?, arguments?}: the arguments become the body. */
static struct http_reply *place_call(struct rest_call *c, struct mu_value *body,
				     struct rest_target *t)
{
	static const char *const known[] = {"method", "objectId", "hostId", "arguments"};
	const struct mu_value *arguments = mu_value_get(body, "arguments");
	const char *method, *object, *host = NULL;
	struct http_reply *refusal;

	mu_value_each(member, body)
	{
		size_t i = 0;

		while (i < MU_ARRAY_SIZE(known) && strcmp(member->name, known[i]) != 0)
			i++;
		if (i == MU_ARRAY_SIZE(known))
			return invalid(c, member->name, "unknown property");
	}
	if ((refusal = body_id(c, body, "method", &method)) ||
	    (refusal = body_id(c, body, "objectId", &object)))
		return refusal;
	if (mu_value_get(body, "hostId") && (refusal = body_id(c, body, "hostId", &host)))
		return refusal;
	if (arguments && arguments->kind != MU_VALUE_OBJECT)
		return invalid(c, "arguments", "an object is expected");
	t->method = call_find(method);
	if (!t->method)
		return rest_not_found(c, "method", method);
	if ((refusal = place_by_method(c, object, t)))
		return refusal;
	if (host && (!mu_uuid_parse(host, &t->host.uuid) ||
		     !c->rest->backend.host_find(c->rest->backend.ctx, &t->host)))
		return rest_not_found(c, "host", host);
	*body = *(arguments ? mu_value_copy(c->arena, arguments) : mu_value_object(c->arena));
	return NULL;
}

struct http_reply *rest_call_place(struct rest_call *c, const struct rest_call_route *route,
				   struct mu_value *body, struct rest_target *ret)
{
	struct http_reply *refusal;

	if (route->method)
		ret->method = call_find(route->method);
	if (route->ignored && mu_value_get(body, route->ignored))
		rest_body_replace(c->arena, body, route->ignored, NULL);
	switch (route->source) {
	case REST_FROM_VM:
		return place_vm(c, c->id, VM_KIND_VM, ret);
	case REST_FROM_VM_SNAPSHOT:
		return place_vm(c, c->id, VM_KIND_SNAPSHOT, ret);
	case REST_FROM_VM_TEMPLATE:
		return place_vm(c, c->id, VM_KIND_TEMPLATE, ret);
	case REST_FROM_VBD:
	case REST_FROM_VIF:
		return place_part(c, route->source == REST_FROM_VIF, body, ret);
	case REST_FROM_SR:
		return place_object(c, REST_SR, c->id, ret);
	case REST_FROM_VDI:
		return place_object(c, REST_VDI, c->id, ret);
	case REST_FROM_PBD:
		return place_object(c, REST_PBD, c->id, ret);
	case REST_FROM_NETWORK:
		return place_network(c, body, ret);
	case REST_FROM_HOST:
		return place_host(c, c->id, ret);
	case REST_FROM_POOL:
	case REST_FROM_POOL_PIF:
		if ((refusal = check_pool(c)))
			return refusal;
		return route->source == REST_FROM_POOL ? place_new_vm(c, body, ret)
						       : place_pif(c, body, ret);
	case REST_FROM_BODY_VM:
	case REST_FROM_BODY_SR:
	case REST_FROM_BODY_HOST:
		return place_in_body(c, route, body, ret);
	case REST_FROM_BODY:
		return place_call(c, body, ret);
	}
	mu_assert_unreachable();
}
