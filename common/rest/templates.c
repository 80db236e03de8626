/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Built-in templates are rendered from the table here, in whichever program is asked: there is
 * nothing to report, store or tell of, because nothing of them ever changes.
 */
#include "common/rest/templates.h"

#include <stdio.h>
#include <string.h>

bool rest_is_builtin(const struct model_vm *vm)
{
	return vm->kind == VM_KIND_TEMPLATE && mu_uuid_is_nil(&vm->host.uuid);
}

bool rest_builtins_each(bool (*each)(const void *object, void *arg), void *arg)
{
	const struct builtin_template *t;
	struct model_vm vm;

	for (size_t i = 0; (t = builtin_next(&i));) {
		builtin_model(t, &vm);
		if (!each(&vm, arg))
			return false;
	}
	return true;
}

void rest_builtin_find(const struct mu_uuid *id, void (*found)(const void *object, void *arg),
		       void *arg)
{
	const struct builtin_template *t = builtin_find(id);
	struct model_vm vm;

	if (!t)
		return;
	builtin_model(t, &vm);
	found(&vm, arg);
}

/* Fields */

struct mu_value *rest_template_is_default(struct rest_render *r, const void *object)
{
	return mu_value_bool(r->arena, rest_is_builtin(object));
}

static const struct builtin_template *builtin_of(const struct model_vm *vm)
{
	return rest_is_builtin(vm) ? builtin_find(&vm->id.uuid) : NULL;
}

struct mu_value *rest_template_viridian(struct rest_render *r, const void *object)
{
	const struct builtin_template *t = builtin_of(object);

	return mu_value_bool(r->arena, t && t->viridian);
}

struct mu_value *rest_template_vtpm(struct rest_render *r, const void *object)
{
	const struct builtin_template *t = builtin_of(object);

	return mu_value_bool(r->arena, t && t->vtpm);
}

static struct mu_value *disk_value(struct mu_arena *a, const struct builtin_template *t)
{
	struct mu_value *v = mu_value_object(a);

	mu_value_set_string(a, v, "device", "0");
	mu_value_set_int(a, v, "size", t->disk_bytes);
	mu_value_set_string(a, v, "SR", "");
	mu_value_set_string(a, v, "type", "system");
	mu_value_set_bool(a, v, "bootable", true);
	return v;
}

/* Its disks are those that are yet to be made; a user's own template has its disks. */
struct mu_value *rest_template_info(struct rest_render *r, const void *object)
{
	const struct builtin_template *t = builtin_of(object);
	struct mu_value *v = mu_value_object(r->arena);
	struct mu_value *methods, *disks;

	if (t)
		mu_value_set_string(r->arena, v, "arch", "amd64");
	methods = mu_value_set(r->arena, v, "install_methods", mu_value_list(r->arena));
	disks = mu_value_set(r->arena, v, "disks", mu_value_list(r->arena));
	if (t && t->installs) {
		mu_value_push(methods, mu_value_string(r->arena, "cdrom"));
		mu_value_push(methods, mu_value_string(r->arena, "network"));
	}
	if (t)
		mu_value_push(disks, disk_value(r->arena, t));
	return v;
}

/* Calls */

static struct http_reply *unchangeable(struct rest_call *c, const struct builtin_template *t)
{
	struct mu_error err = MU_ERROR_INIT;
	struct model_vm vm;

	builtin_model(t, &vm);
	(void)mu_error_set(&err, MU_E_STATE,
			   "template %s is built in: it can neither be changed nor deleted; hint: "
			   "clone it",
			   t->name);
	return rest_wrong_state(c->request, &vm, "isDefaultTemplate", "true", "false", &err);
}

/* A clone of what has no disks yet: they are made, and no disk's MAC or blocks can be kept. */
struct http_reply *rest_builtin_place(struct rest_call *c, const struct builtin_template *t,
				      struct mu_value *body, struct rest_target *target)
{
	const struct mu_uuid id = builtin_id(t);
	char text[MU_UUID_TEXT];

	if (strcmp(target->method->name, "vm.clone") != 0)
		return unchangeable(c, t);
	target->method = call_find("vm.create");
	rest_body_replace(c->arena, body, "fast", NULL);
	rest_body_replace(c->arena, body, "mac", NULL);
	rest_body_replace(c->arena, body, "template", mu_uuid_format(&id, text));
	if (!mu_value_get(body, "name_label"))
		mu_value_set_string(c->arena, body, "name_label",
				    mu_arena_printf(c->arena, "%s copy", t->name));
	return rest_place_new_vm(c, body, target);
}
