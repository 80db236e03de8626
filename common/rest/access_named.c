/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a request names besides the object of its path (docs/design/access.md). All of it has to be
 * seen. Where the call takes room there, writes to it, reads its contents or puts something on it,
 * that is not enough: the table says what is.
 */
#include "common/rest/access.h"

#include "common/base/str.h"
#include "common/model/builtin.h"
#include "common/model/object.h"

#include <string.h>

/* --- what is to be seen --- */

#define REST_TYPE_ENTRY(name) &rest_type_##name,
static const struct rest_type *const types[] = {REST_NAMED_TYPES(REST_TYPE_ENTRY)};

struct naming {
	struct rest_call *call;
	struct mu_arena *arena; /* for one look */
	struct rest_sight sights[MU_ARRAY_SIZE(types)];
};

struct looking {
	struct naming *naming;
	const struct rest_sight *sight;
	bool hidden;
};

static void found(const void *object, void *arg)
{
	struct looking *l = arg;
	struct rest_render r;

	rest_render_init(&r, l->naming->call->rest, l->naming->arena);
	l->hidden = !rest_sight_sees(l->sight, &r, object);
}

static struct http_reply *check_id(struct naming *n, const char *text, const struct mu_uuid *id)
{
	for (size_t i = 0; i < MU_ARRAY_SIZE(types); i++) {
		struct looking l = {.naming = n, .sight = &n->sights[i]};

		mu_arena_reset(n->arena);
		types[i]->find(n->call->rest, id, found, &l);
		if (!l.hidden)
			continue;
		n->call->refused = true;
		return rest_not_found(n->call, types[i]->name, text);
	}
	return NULL;
}

static struct http_reply *check_text(struct naming *n, const char *text)
{
	struct mu_uuid id;

	return text && mu_uuid_parse(text, &id) ? check_id(n, text, &id) : NULL;
}

/* NULL, or the refusal: an id in `v`, or the name of a member, is that of something hidden. */
static struct http_reply *check_value(struct naming *n, const struct mu_value *v)
{
	struct http_reply *refusal = check_text(n, v->name);

	if (!refusal && v->kind == MU_VALUE_STRING)
		return check_text(n, v->string);
	for (const struct mu_value *m = v->first; m && !refusal; m = m->next)
		refusal = check_value(n, m);
	return refusal;
}

struct http_reply *rest_access_named(struct rest_call *c, const struct mu_value *body)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = NULL;
	struct naming n = {.call = c};

	if (c->user.admin)
		return NULL;
	n.arena = a = mu_arena_new();
	for (size_t i = 0; i < MU_ARRAY_SIZE(types); i++)
		rest_sight_init(&n.sights[i], c->rest, &c->user, types[i], "read", c->arena);
	return check_value(&n, body);
}

/* --- what it takes to use it --- */

/* Of a call's arguments, or of each object in their list `list`. */
static const struct {
	const char *method;
	const char *list; /* NULL: the arguments */
	const char *property;
	const char *right;
} uses[] = {
    {"vm.create", NULL, "template", "vm-template:instantiate"},
    {"vm.create", NULL, "affinity", "host:allow-vm"},
    {"vm.create", NULL, "srId", "sr:allow-vdi"},
    {"vm.create", "vdis", "sr", "sr:allow-vdi"},
    {"vm.create", "vifs", "network", "network:attach"},
    {"vm.create", "vifs", "bridge", "network:attach"},
    {"vm.clone", NULL, "srId", "sr:allow-vdi"},
    {"vdi.clone", NULL, "srId", "sr:allow-vdi"},
    {"vdi.migrate", NULL, "srId", "sr:migrate-receive"},
    {"vif.create", NULL, "networkId", "network:attach"},
    {"vif.create", NULL, "bridge", "network:attach"},
};

static const char *text_of(const struct mu_value *v, const char *name)
{
	return mu_value_as_string(mu_value_get(v, name));
}

static bool is_true(const struct mu_value *v, const char *name)
{
	const struct mu_value *member = mu_value_get(v, name);

	return member && member->kind == MU_VALUE_BOOL && member->boolean;
}

/* `text` is an id, or a bridge; what it is else is the handler's to refuse. */
static struct http_reply *need_text(struct rest_call *c, const char *property, const char *text,
				    const char *right)
{
	struct mu_uuid id;

	if (!text)
		return NULL;
	if (strcmp(property, "bridge") == 0)
		id = object_network_id(text);
	else if (!mu_uuid_parse(text, &id))
		return NULL;
	return rest_access_need(c, right, &id);
}

static struct http_reply *need_each(struct rest_call *c, const struct mu_value *list,
				    const char *property, const char *right)
{
	struct http_reply *refusal = NULL;

	for (const struct mu_value *v = list ? list->first : NULL; v && !refusal; v = v->next)
		if (v->kind == MU_VALUE_OBJECT)
			refusal = need_text(c, property, text_of(v, property), right);
	return refusal;
}

static struct http_reply *check_uses(struct rest_call *c, const struct call_method *m,
				     const struct mu_value *args)
{
	struct http_reply *refusal = NULL;

	for (size_t i = 0; i < MU_ARRAY_SIZE(uses) && !refusal; i++) {
		if (strcmp(uses[i].method, m->name) != 0)
			continue;
		refusal = uses[i].list ? need_each(c, mu_value_get(args, uses[i].list),
						   uses[i].property, uses[i].right)
				       : need_text(c, uses[i].property,
						   text_of(args, uses[i].property), uses[i].right);
	}
	return refusal;
}

/* --- disks --- */

/* "clone" of a disk or of a disk's snapshot. */
static struct http_reply *need_disk(struct rest_call *c, const char *text, const char *action)
{
	const struct rest_backend *b = &c->rest->backend;
	const struct model_object *o;
	struct mu_uuid id;
	bool snapshot;

	if (!text || !mu_uuid_parse(text, &id))
		return NULL;
	o = b->object_find(b->ctx, &id);
	snapshot = o && o->kind == OBJECT_VDI && !mu_uuid_is_nil(&o->vdi.snapshot_of);
	return rest_access_need(
	    c, mu_arena_printf(c->arena, "%s:%s", snapshot ? "vdi-snapshot" : "vdi", action), &id);
}

/* An image for CD drives is there to be read. */
static bool is_image(const struct rest_backend *b, const char *text)
{
	const struct model_object *o, *sr;
	struct mu_uuid id;

	if (!mu_uuid_parse(text, &id) || !(o = b->object_find(b->ctx, &id)) ||
	    o->kind != OBJECT_VDI)
		return false;
	sr = b->object_find(b->ctx, &o->vdi.sr);
	return sr && sr->kind == OBJECT_SR && sr->sr.iso;
}

static struct http_reply *need_attach(struct rest_call *c, const char *vdi, bool readonly)
{
	if (!vdi || (readonly && is_image(&c->rest->backend, vdi)))
		return NULL;
	return need_disk(c, vdi, readonly ? "attach:read" : "attach:write");
}

/* What a VM's disks could not do to it before its end: those that it may only read go with it. */
static struct http_reply *check_delete(struct rest_call *c, const struct model_vm *vm,
				       const struct mu_value *args)
{
	const struct mu_value *disks = mu_value_get(args, "disks");
	struct http_reply *refusal = NULL;
	char id[MU_UUID_TEXT];

	if (disks && disks->kind == MU_VALUE_BOOL && !disks->boolean)
		return NULL;
	for (size_t i = 0; i < vm->n_disks && !refusal; i++) {
		const struct model_disk *d = &vm->disks[i];

		if (d->readonly && !d->cdrom && !mu_uuid_is_nil(&d->vdi))
			refusal = need_disk(c, mu_uuid_format(&d->vdi, id), "delete");
	}
	return refusal;
}

/* Does the host choose where a new VM's disks go? */
static bool chooses_sr(const struct mu_value *args)
{
	const struct mu_value *vdis = mu_value_get(args, "vdis");
	const char *template = text_of(args, "template");
	struct mu_uuid id;

	if (text_of(args, "srId"))
		return false;
	if (text_of(args, "cloud_config") || text_of(args, "network_config") ||
	    (template && mu_uuid_parse(template, &id) && builtin_find(&id)))
		return true;
	for (const struct mu_value *v = vdis ? vdis->first : NULL; v; v = v->next)
		if (!mu_value_get(v, "sr") && !mu_value_get(v, "source") && !is_true(v, "destroy"))
			return true;
	return false;
}

static struct http_reply *check_create(struct rest_call *c, const struct mu_value *args)
{
	const struct mu_value *vdis = mu_value_get(args, "vdis");
	const struct mu_value *install = mu_value_get(args, "install");
	struct http_reply *refusal = NULL;

	/* It may name files, scripts and devices of the host. */
	if (mu_value_get(args, "definition"))
		return rest_access_admins(c);
	for (const struct mu_value *v = vdis ? vdis->first : NULL; v && !refusal; v = v->next)
		refusal = need_disk(c, text_of(v, "source"), "clone");
	if (!refusal)
		refusal = need_attach(c, text_of(install, "repository"), true);
	return !refusal && chooses_sr(args) ? rest_access_need(c, "sr:allow-vdi", NULL) : refusal;
}

struct http_reply *rest_access_arguments(struct rest_call *c, const struct rest_target *t,
					 const struct mu_value *args)
{
	const char *method = t->method->name;
	struct http_reply *refusal;

	if (c->user.admin)
		return NULL;
	if ((refusal = check_uses(c, t->method, args)))
		return refusal;
	if (strcmp(method, "vm.create") == 0)
		return check_create(c, args);
	if (strcmp(method, "vm.delete") == 0)
		return check_delete(c, t->vm, args);
	if (strcmp(method, "vdi.create") == 0)
		return rest_access_need(c, "sr:allow-vdi", &t->object);
	if (strcmp(method, "vif.create") == 0)
		return rest_access_need(c, "vm:update:vifs", &t->object);
	if (strcmp(method, "vbd.insert") == 0)
		return need_attach(c, text_of(args, "VDI"), true);
	if (strcmp(method, "vm.revert") == 0)
		return is_true(args, "snapshotBefore")
			   ? rest_access_need(c, "vm:snapshot", &t->object)
			   : NULL;
	if (strcmp(method, "vbd.create") != 0)
		return NULL;
	refusal = rest_access_need(c, "vm:update:vbds", &t->object);
	return refusal ? refusal
		       : need_attach(c, text_of(args, "VDI"),
				     mu_str_equal(text_of(args, "type"), "CD") ||
					 mu_str_equal(text_of(args, "mode"), "RO"));
}

/* --- a VM out of an archive --- */

struct networks {
	struct rest_call *call;
	const char *text;
	struct http_reply *refusal;
	bool found;
};

static bool check_network(const struct model_object *o, void *arg)
{
	struct networks *n = arg;
	char id[MU_UUID_TEXT];

	if (strcmp(o->name, n->text) != 0 && strcmp(o->network.bridge, n->text) != 0 &&
	    strcmp(mu_uuid_format(&o->id, id), n->text) != 0)
		return true;
	n->found = true;
	n->refusal = rest_access_need(n->call, "network:attach", &o->id);
	return n->refusal == NULL;
}

struct http_reply *rest_access_import(struct rest_call *c, const struct mu_uuid *sr,
				      const struct mu_value *args)
{
	const struct rest_backend *b = &c->rest->backend;
	struct networks n = {.call = c, .text = text_of(args, "network")};
	struct http_reply *refusal;

	if (c->user.admin)
		return NULL;
	if (mu_str_equal(text_of(args, "definition"), "trust"))
		return rest_access_admins(c);
	if ((refusal = rest_access_need(c, "sr:import:vm", sr)))
		return refusal;
	/* Else the archive says to which networks its cards go. */
	if (n.text)
		b->each_object(b->ctx, OBJECT_NETWORK, check_network, &n);
	return n.found ? n.refusal : rest_access_need(c, "network:attach", NULL);
}
