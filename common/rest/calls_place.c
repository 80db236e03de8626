/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a request to the object of its call: the path's or the body's id, checked to be there. What
 * has no object of its own is taken apart: a VBD is a VM and a device, a PBD a host and an SR.
 */
#include "common/rest/relations.h"
#include "common/rest/render.h"
#include "common/rest/templates.h"

#include "common/base/assert.h"
#include "common/model/object.h"

#include <stdio.h>
#include <string.h>

static const char *const type_names[_OBJECT_KIND_COUNT] = {
    [OBJECT_SR] = "SR",   [OBJECT_VDI] = "VDI", [OBJECT_NETWORK] = "network",
    [OBJECT_PIF] = "PIF", [OBJECT_PCI] = "PCI", [OBJECT_CONTROLLER] = "VM-controller",
};

static struct http_reply *invalid(struct rest_call *c, const char *name, const char *what)
{
	struct mu_error err;

	(void)mu_error_set(&err, MU_E_INVALID, "body: %s: %s", name, what);
	return rest_error(c, &err);
}

struct http_reply *rest_body_id(struct rest_call *c, const struct mu_value *body, const char *name,
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
	const struct model_vm *vm; /* NULL: not found */
	char device[16];
};

static void found_vbd(const void *object, void *arg)
{
	const struct rest_vbd *vbd = object;
	struct part *p = arg;

	p->vm = vbd->vm;
	memcpy(p->device, vbd->disk->vdev, sizeof p->device);
}

static void found_vif(const void *object, void *arg)
{
	const struct rest_vif *vif = object;
	struct part *p = arg;

	p->vm = vif->vm;
	(void)snprintf(p->device, sizeof p->device, "%u", (unsigned)vif->nic->device);
}

static struct http_reply *place_part(struct rest_call *c, bool vif, struct mu_value *body,
				     struct rest_target *t)
{
	struct part p = {.vm = NULL};
	struct mu_uuid id;

	if (mu_uuid_parse(c->id, &id) && vif)
		rest_type_vif.find(c->rest, &id, found_vif, &p);
	else if (mu_uuid_parse(c->id, &id))
		rest_type_vbd.find(c->rest, &id, found_vbd, &p);
	if (!p.vm)
		return rest_not_found(c, vif ? "VIF" : "VBD", c->id);
	if (mu_value_get(body, "device"))
		return invalid(c, "device", "the path names it");
	t->vm = p.vm;
	t->object = p.vm->id.uuid;
	mu_value_set_string(c->arena, body, "device", p.device);
	return NULL;
}

struct http_reply *rest_object_need(struct rest_call *c, enum object_kind kind, const char *text,
				    const struct model_object **ret)
{
	const struct rest_backend *b = &c->rest->backend;
	const struct model_object *o;
	struct mu_uuid id;

	if (!mu_uuid_parse(text, &id) || !(o = b->object_find(b->ctx, &id)) || o->kind != kind)
		return rest_not_found(c, type_names[kind], text);
	*ret = o;
	return NULL;
}

static struct http_reply *place_object(struct rest_call *c, enum object_kind kind, const char *text,
				       struct rest_target *t)
{
	const struct model_object *o;
	struct http_reply *refusal = rest_object_need(c, kind, text, &o);

	if (refusal)
		return refusal;
	t->object = o->id;
	t->host = o->host;
	return NULL;
}

static void found_pbd(const void *object, void *arg)
{
	const struct rest_pbd *pbd = object;
	struct rest_target *t = arg;

	t->object = pbd->sr->id;
	t->host = pbd->sr->host;
}

static struct http_reply *place_pbd(struct rest_call *c, struct rest_target *t)
{
	struct mu_uuid id;

	t->object = (struct mu_uuid){{0}};
	if (mu_uuid_parse(c->id, &id))
		rest_type_pbd.find(c->rest, &id, found_pbd, t);
	return mu_uuid_is_nil(&t->object) ? rest_not_found(c, "PBD", c->id) : NULL;
}

static struct http_reply *place_host(struct rest_call *c, const char *text, struct rest_target *t)
{
	const struct rest_backend *b = &c->rest->backend;

	if (!mu_uuid_parse(text, &t->host.uuid) || !b->host_find(b->ctx, &t->host))
		return rest_not_found(c, "host", text);
	t->object = t->host.uuid;
	return NULL;
}

struct http_reply *rest_check_pool(struct rest_call *c)
{
	const struct rest_backend *b = &c->rest->backend;
	struct rest_pool pool;
	struct mu_uuid id;

	b->pool(b->ctx, &pool);
	if (!mu_uuid_parse(c->id, &id) || !mu_uuid_equal(&id, &pool.id))
		return rest_not_found(c, "pool", c->id);
	return NULL;
}

/* Where a new VM goes when nobody says where: the most free memory, among those that can have it.
 */
struct choice {
	bool hvm; /* needed */
	const struct model_host *best;
};

static bool better_host(const struct model_host *h, void *arg)
{
	struct choice *k = arg;
	bool able = h->hvm_capable || !k->hvm;

	if (!h->connected)
		return true;
	if (!k->best || (able && k->hvm && !k->best->hvm_capable) ||
	    (able && h->memory_free_bytes > k->best->memory_free_bytes))
		k->best = h;
	return true;
}

/* Where what it is made of is: the template, the SR, the disk that is cloned. */
static bool host_of_parts(const struct rest_backend *b, const struct mu_value *body,
			  struct host_id *ret)
{
	const char *template = mu_value_as_string(mu_value_get(body, "template"));
	const char *sr = mu_value_as_string(mu_value_get(body, "srId"));
	const struct mu_value *vdis = mu_value_get(body, "vdis");
	const struct model_object *o = NULL;
	const struct model_vm *vm;
	struct mu_uuid id;
	struct vm_id vm_id;

	if (template && mu_uuid_parse(template, &vm_id.uuid) && (vm = b->vm_find(b->ctx, &vm_id))) {
		*ret = vm->host;
		return true;
	}
	if (sr && mu_uuid_parse(sr, &id))
		o = b->object_find(b->ctx, &id);
	for (const struct mu_value *v = vdis ? vdis->first : NULL; v && !o; v = v->next) {
		const char *source = v->kind == MU_VALUE_OBJECT
					 ? mu_value_as_string(mu_value_get(v, "source"))
					 : NULL;

		if (source && mu_uuid_parse(source, &id))
			o = b->object_find(b->ctx, &id);
	}
	if (o)
		*ret = o->host;
	return o != NULL;
}

static bool needs_hvm(const struct mu_value *body)
{
	const char *text = mu_value_as_string(mu_value_get(body, "template"));
	const struct builtin_template *t;
	struct mu_uuid id;

	t = text && mu_uuid_parse(text, &id) ? builtin_find(&id) : NULL;
	return t && t->type != VM_TYPE_PV;
}

struct http_reply *rest_place_new_vm(struct rest_call *c, const struct mu_value *body,
				     struct rest_target *t)
{
	const struct rest_backend *b = &c->rest->backend;
	const char *affinity = mu_value_as_string(mu_value_get(body, "affinity"));
	struct choice choice = {.hvm = needs_hvm(body)};
	struct mu_error err;

	if (affinity)
		return place_host(c, affinity, t);
	if (!host_of_parts(b, body, &t->host)) {
		b->each_host(b->ctx, better_host, &choice);
		if (!choice.best) {
			(void)mu_error_set(&err, MU_E_UNAVAILABLE, "no host is connected");
			return rest_error(c, &err);
		}
		t->host = choice.best->id;
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

static struct http_reply *place_in_body(struct rest_call *c, const struct rest_call_route *route,
					struct mu_value *body, struct rest_target *t)
{
	const char *text;
	struct http_reply *refusal = rest_body_id(c, body, route->in_body, &text);

	if (refusal)
		return refusal;
	if (route->source == REST_FROM_BODY_VM)
		refusal = place_vm(c, text, VM_KIND_VM, t);
	else if (route->source == REST_FROM_BODY_SR)
		refusal = place_object(c, OBJECT_SR, text, t);
	else
		refusal = place_host(c, text, t);
	rest_body_replace(c->arena, body, route->in_body, NULL);
	return refusal;
}

static struct http_reply *place_template(struct rest_call *c, struct mu_value *body,
					 struct rest_target *t)
{
	const struct builtin_template *builtin;
	struct mu_uuid id;

	builtin = mu_uuid_parse(c->id, &id) ? builtin_find(&id) : NULL;
	return builtin ? rest_builtin_place(c, builtin, body, t)
		       : place_vm(c, c->id, VM_KIND_TEMPLATE, t);
}

/* Of any kind: what a call's object is, by its method. */
static struct http_reply *place_by_method(struct rest_call *c, const char *text,
					  struct mu_value *body, struct rest_target *t)
{
	const struct rest_backend *b = &c->rest->backend;
	const struct builtin_template *builtin;
	struct vm_id id;

	switch (t->method->target) {
	case CALL_ON_VM:
		if (mu_uuid_parse(text, &id.uuid) && (builtin = builtin_find(&id.uuid)))
			return rest_builtin_place(c, builtin, body, t);
		if (!mu_uuid_parse(text, &id.uuid) || !(t->vm = b->vm_find(b->ctx, &id)))
			return rest_not_found(c, "VM", text);
		t->object = id.uuid;
		return NULL;
	case CALL_ON_SR:
		return place_object(c, OBJECT_SR, text, t);
	case CALL_ON_VDI:
		return place_object(c, OBJECT_VDI, text, t);
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
	struct mu_value *arguments = mu_value_find(body, "arguments");
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
	if ((refusal = rest_body_id(c, body, "method", &method)) ||
	    (refusal = rest_body_id(c, body, "objectId", &object)))
		return refusal;
	if (mu_value_get(body, "hostId") && (refusal = rest_body_id(c, body, "hostId", &host)))
		return refusal;
	if (arguments && arguments->kind != MU_VALUE_OBJECT)
		return invalid(c, "arguments", "an object is expected");
	t->method = call_find(method);
	if (!t->method)
		return rest_not_found(c, "method", method);
	arguments = arguments ? mu_value_copy(c->arena, arguments) : mu_value_object(c->arena);
	if ((refusal = place_by_method(c, object, arguments, t)))
		return refusal;
	if (host && (!mu_uuid_parse(host, &t->host.uuid) ||
		     !c->rest->backend.host_find(c->rest->backend.ctx, &t->host)))
		return rest_not_found(c, "host", host);
	*body = *arguments;
	return NULL;
}

static void ignore(struct rest_call *c, const char *names, struct mu_value *body)
{
	while (names && *names) {
		size_t len = strcspn(names, " ");
		const char *name = mu_arena_strndup(c->arena, names, len);

		if (mu_value_get(body, name))
			rest_body_replace(c->arena, body, name, NULL);
		names += len + strspn(names + len, " ");
	}
}

struct http_reply *rest_call_place(struct rest_call *c, const struct rest_call_route *route,
				   struct mu_value *body, struct rest_target *ret)
{
	struct http_reply *refusal;

	if (route->method)
		ret->method = call_find(route->method);
	ignore(c, route->ignored, body);
	switch (route->source) {
	case REST_FROM_VM:
		return place_vm(c, c->id, VM_KIND_VM, ret);
	case REST_FROM_VM_SNAPSHOT:
		return place_vm(c, c->id, VM_KIND_SNAPSHOT, ret);
	case REST_FROM_VM_TEMPLATE:
		return place_template(c, body, ret);
	case REST_FROM_VBD:
	case REST_FROM_VIF:
		return place_part(c, route->source == REST_FROM_VIF, body, ret);
	case REST_FROM_SR:
		return place_object(c, OBJECT_SR, c->id, ret);
	case REST_FROM_VDI:
		return place_object(c, OBJECT_VDI, c->id, ret);
	case REST_FROM_PBD:
		return place_pbd(c, ret);
	case REST_FROM_HOST:
		return place_host(c, c->id, ret);
	case REST_FROM_POOL:
		refusal = rest_check_pool(c);
		return refusal ? refusal : rest_place_new_vm(c, body, ret);
	case REST_FROM_BODY_VM:
	case REST_FROM_BODY_SR:
	case REST_FROM_BODY_HOST:
		return place_in_body(c, route, body, ret);
	case REST_FROM_BODY:
		return place_call(c, body, ret);
	case REST_FROM_NETWORK: /* of several hosts: host_groups.c */
	case REST_FROM_POOL_PIF:
	case REST_FROM_POOL_HOSTS:
		break;
	}
	mu_assert_unreachable();
}
