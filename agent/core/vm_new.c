/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A template's definition, or the one in the arguments, with the arguments laid over it in their
 * text form, as in vm_edit.c: what comes out has passed the rules of definitions.
 *
 * `vdis` and `vifs` as Xen Orchestra has them: one with a `userdevice` (`device`) that the template
 * has changes or removes that one, any other is new.
 */
#include "agent/core/vm_new.h"
#include "agent/core/vm_new_priv.h"

#include "common/base/assert.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#include <stdio.h>
#include <string.h>

enum { DEVICE_LETTERS = 26 };

static int invalid(struct mu_error *err, const char *list, size_t i, const char *name,
		   const char *what)
{
	return mu_error_set(err, MU_E_INVALID, "arguments: %s[%zu]%s%s: %s", list, i,
			    *name ? "." : "", name, what);
}

static bool is_true(const struct mu_value *object, const char *name)
{
	const struct mu_value *v = mu_value_get(object, name);

	return v && v->kind == MU_VALUE_BOOL && v->boolean;
}

static int check_members(const struct mu_value *object, const char *const *known, const char *list,
			 size_t i, struct mu_error *err)
{
	mu_value_each(member, object)
	{
		size_t k = 0;

		while (known[k] && strcmp(known[k], member->name) != 0)
			k++;
		if (!known[k])
			return invalid(err, list, i, member->name, "unknown");
	}
	return 0;
}

static int read_uuid(const struct mu_value *object, const char *name, const char *list, size_t i,
		     struct mu_uuid *ret, struct mu_error *err)
{
	const struct mu_value *v = mu_value_get(object, name);

	if (!v)
		return 0;
	if (v->kind != MU_VALUE_STRING || !mu_uuid_parse(v->string, ret))
		return invalid(err, list, i, name, "not a UUID");
	return 0;
}

static int read_size(const struct mu_value *object, const char *list, size_t i, int64_t *ret,
		     struct mu_error *err)
{
	const struct mu_value *v = mu_value_get(object, "size");
	int64_t n = 0;

	if (!v)
		return 0;
	if (v->kind == MU_VALUE_INT)
		n = v->integer;
	else if (v->kind != MU_VALUE_STRING || !mu_parse_size(v->string, &n))
		return invalid(err, list, i, "size",
			       "not a size, such as 10737418240 or \"10GiB\"");
	if (n <= 0)
		return invalid(err, list, i, "size", "must be more than 0");
	*ret = n;
	return 0;
}

/* ---- disks ---- */

struct hv_disk *vm_new_find_disk(struct hv_vm_config *c, const char *vdev)
{
	for (size_t i = 0; i < c->n_disks; i++) {
		if (!strcmp(c->disks[i].vdev, vdev))
			return &c->disks[i];
	}
	return NULL;
}

struct vm_new_disk *vm_new_find_plan(struct vm_new *n, const char *vdev)
{
	for (size_t i = 0; i < n->n_disks; i++) {
		if (!strcmp(n->disks[i].vdev, vdev))
			return &n->disks[i];
	}
	return NULL;
}

void vm_new_free_vdev(struct hv_vm_config *c, char ret[static 16])
{
	for (int i = 0; i < DEVICE_LETTERS; i++) {
		(void)snprintf(ret, 16, "xvd%c", 'a' + i);
		if (!vm_new_find_disk(c, ret))
			return;
	}
}

static struct mu_uuid disk_id(const struct vm_id *vm, const char *vdev)
{
	char part[32];

	(void)snprintf(part, sizeof part, "vdi:%s", vdev);
	return mu_uuid_derive(&vm->uuid, part);
}

static void name_disk(struct vm_new_disk *d, const char *vm, const char *name)
{
	char all[MODEL_NAME_MAX + sizeof d->vdev + 2];

	(void)snprintf(all, sizeof all, "%s %s", vm, d->vdev);
	if (!name)
		name = all;
	mu_utf8_sanitize(d->name, sizeof d->name - 1, name, strlen(name));
}

struct hv_disk *vm_new_add_disk(struct hv_vm_config *c, struct mu_error *err)
{
	struct hv_disk *d;

	if (c->n_disks == HV_DISKS_MAX) {
		(void)mu_error_set(err, MU_E_INVALID, "arguments: vdis: more than %d disks",
				   HV_DISKS_MAX);
		return NULL;
	}
	d = &c->disks[c->n_disks++];
	memset(d, 0, sizeof *d);
	return d;
}

/* The template's own: each is cloned. */
static int plan_template_disks(struct vm_new *n, struct mu_error *err)
{
	struct hv_vm_config *c = &n->spec.config;

	for (size_t i = 0; i < c->n_disks; i++) {
		struct hv_disk *d = &c->disks[i];
		struct vm_new_disk *plan = &n->disks[n->n_disks];

		if (d->cdrom)
			continue;
		if (mu_uuid_is_nil(&d->vdi))
			return mu_error_set(err, MU_E_UNSUPPORTED,
					    "the template's disk %s is %.200s, which is in no SR; "
					    "hint: import it as a VDI first",
					    d->vdev, d->path);
		memcpy(plan->vdev, d->vdev, sizeof plan->vdev);
		plan->from = d->vdi;
		plan->to = d->vdi = disk_id(&c->id, d->vdev);
		name_disk(plan, c->name, NULL);
		n->n_disks++;
	}
	return 0;
}

static void drop_disk(struct vm_new *n, const char *vdev)
{
	struct hv_vm_config *c = &n->spec.config;
	struct hv_disk *d = vm_new_find_disk(c, vdev);
	struct vm_new_disk *plan = vm_new_find_plan(n, vdev);

	if (d)
		memmove(d, d + 1, (size_t)(&c->disks[c->n_disks--] - (d + 1)) * sizeof *d);
	if (plan)
		memmove(plan, plan + 1,
			(size_t)(&n->disks[n->n_disks--] - (plan + 1)) * sizeof *plan);
}

/* "xvda", or Xen Orchestra's position "0". */
static void vdev_of(const char *userdevice, char ret[static 16])
{
	uint64_t position;

	if (mu_parse_u64(userdevice, &position) && position < DEVICE_LETTERS)
		(void)snprintf(ret, 16, "xvd%c", (char)('a' + position));
	else
		(void)snprintf(ret, 16, "%s", userdevice);
}

static int plan_new_disk(const struct vm_new_request *q, struct vm_new *n, const char *vdev,
			 struct vm_new_disk **ret, struct mu_error *err)
{
	struct hv_disk *d = vm_new_add_disk(&n->spec.config, err);
	struct vm_new_disk *plan = &n->disks[n->n_disks];

	if (!d)
		return MU_FAILED;
	memset(plan, 0, sizeof *plan);
	if (vdev)
		vdev_of(vdev, plan->vdev);
	else
		vm_new_free_vdev(&n->spec.config, plan->vdev);
	memcpy(d->vdev, plan->vdev, sizeof d->vdev);
	memcpy(d->format, "raw", sizeof "raw");
	plan->to = d->vdi = disk_id(&q->id, plan->vdev);
	plan->sr = q->sr;
	name_disk(plan, n->spec.config.name, NULL);
	n->n_disks++;
	*ret = plan;
	return 0;
}

/* The one that a built-in template has made. */
static void plan_builtin_disk(const struct vm_new_request *q, struct vm_new *n)
{
	struct vm_new_disk *plan = NULL;

	mu_assert(plan_new_disk(q, n, "0", &plan, NULL) == 0); /* there is none before it */
	plan->size_bytes = q->builtin->disk_bytes;
	plan->at_least = true;
}

/* A clone of a VDI: where that is, unless somebody says where. */
static int plan_source(const struct vm_new_request *q, const struct mu_value *v, size_t i,
		       struct vm_new_disk *plan, struct mu_error *err)
{
	if (!mu_value_get(v, "source"))
		return 0;
	if (read_uuid(v, "source", "vdis", i, &plan->from, err) < 0)
		return MU_FAILED;
	if (!mu_value_get(q->args, "srId"))
		plan->sr = (struct mu_uuid){{0}};
	return 0;
}

static int plan_vdi(const struct vm_new_request *q, struct vm_new *n, const struct mu_value *v,
		    size_t i, struct mu_error *err)
{
	static const char *const known[] = {"name_label",  "name_description", "size",
					    "sr",          "source",           "userdevice",
					    "userdervice", "destroy",          NULL};
	const char *userdevice = vm_new_text(v, "userdevice");
	struct vm_new_disk *plan = NULL;
	char vdev[16] = "";

	if (check_members(v, known, "vdis", i, err) < 0)
		return MU_FAILED;
	if (!userdevice)
		userdevice =
		    vm_new_text(v, "userdervice"); /* as Xen Orchestra's contract spells it */
	if (userdevice) {
		vdev_of(userdevice, vdev);
		plan = vm_new_find_plan(n, vdev);
	}
	if (is_true(v, "destroy")) {
		if (!plan)
			return invalid(err, "vdis", i, "userdevice",
				       "the template has no such disk");
		drop_disk(n, vdev);
		return 0;
	}
	if (!plan && !mu_value_get(v, "size") && !mu_value_get(v, "source"))
		return invalid(err, "vdis", i, "size", "required for a new disk without a source");
	if (!plan && plan_new_disk(q, n, userdevice, &plan, err) < 0)
		return MU_FAILED;
	if (mu_value_get(v, "size"))
		plan->at_least = false;
	if (plan_source(q, v, i, plan, err) < 0 ||
	    read_uuid(v, "sr", "vdis", i, &plan->sr, err) < 0 ||
	    read_size(v, "vdis", i, &plan->size_bytes, err) < 0)
		return MU_FAILED;
	if (mu_uuid_is_nil(&plan->from) && mu_uuid_is_nil(&plan->sr))
		return invalid(err, "vdis", i, "sr", "required: this host has no SR to choose");
	if (vm_new_text(v, "name_label"))
		name_disk(plan, n->spec.config.name, vm_new_text(v, "name_label"));
	return 0;
}

/* The disk of a built-in template that `vdis` does not speak of. */
static int check_places(const struct vm_new *n, struct mu_error *err)
{
	for (size_t i = 0; i < n->n_disks; i++) {
		if (mu_uuid_is_nil(&n->disks[i].from) && mu_uuid_is_nil(&n->disks[i].sr))
			return mu_error_set(err, MU_E_INVALID,
					    "arguments: srId: required: this host has no SR to "
					    "choose");
	}
	return 0;
}

/* ---- network cards ---- */

static int nic_place(const struct mu_value *v, size_t *ret)
{
	const struct mu_value *device = mu_value_get(v, "device");
	uint64_t n;

	if (!device)
		return 0;
	if (device->kind == MU_VALUE_INT && device->integer >= 0)
		n = (uint64_t)device->integer;
	else if (device->kind != MU_VALUE_STRING || !mu_parse_u64(device->string, &n))
		return -1;
	*ret = n < HV_NICS_MAX ? (size_t)n : HV_NICS_MAX;
	return 1;
}

static int set_bridge(const struct vm_new_request *q, const struct mu_value *v, size_t i,
		      struct hv_nic *nic, struct mu_error *err)
{
	struct mu_uuid network = {{0}};
	const char *bridge = vm_new_text(v, "bridge");

	if (read_uuid(v, "network", "vifs", i, &network, err) < 0)
		return MU_FAILED;
	if (!mu_uuid_is_nil(&network) && !(bridge = q->bridge(&network, q->ctx)))
		return invalid(err, "vifs", i, "network", "there is no such network on this host");
	if (bridge)
		(void)snprintf(nic->bridge, sizeof nic->bridge, "%s", bridge);
	return 0;
}

static int plan_vif(const struct vm_new_request *q, struct vm_new *n, const struct mu_value *v,
		    size_t i, struct mu_error *err)
{
	static const char *const known[] = {"network", "bridge",  "mac", "mtu",
					    "device",  "destroy", NULL};
	struct hv_vm_config *c = &n->spec.config;
	const struct mu_value *mtu = mu_value_get(v, "mtu");
	size_t at = c->n_nics;

	if (check_members(v, known, "vifs", i, err) < 0)
		return MU_FAILED;
	if (nic_place(v, &at) < 0 || at > c->n_nics)
		return invalid(err, "vifs", i, "device", "not the number of a card");
	if (is_true(v, "destroy")) {
		if (at == c->n_nics)
			return invalid(err, "vifs", i, "device", "the template has no such card");
		memmove(&c->nics[at], &c->nics[at + 1], (c->n_nics - at - 1) * sizeof c->nics[0]);
		c->n_nics--;
		return 0;
	}
	if (at == HV_NICS_MAX)
		return mu_error_set(err, MU_E_INVALID, "arguments: vifs: more than %d cards",
				    HV_NICS_MAX);
	if (at == c->n_nics)
		memset(&c->nics[c->n_nics++], 0, sizeof c->nics[0]);
	if (vm_new_text(v, "mac"))
		(void)snprintf(c->nics[at].mac, sizeof c->nics[at].mac, "%s",
			       vm_new_text(v, "mac"));
	if (mtu && mtu->kind == MU_VALUE_INT && mtu->integer > 0 && mtu->integer <= UINT16_MAX)
		c->nics[at].mtu = (uint32_t)mtu->integer;
	return set_bridge(q, v, i, &c->nics[at], err);
}

static int each_of(const struct vm_new_request *q, struct vm_new *n, const char *list,
		   int (*plan)(const struct vm_new_request *q, struct vm_new *n,
			       const struct mu_value *v, size_t i, struct mu_error *err),
		   struct mu_error *err)
{
	const struct mu_value *values = mu_value_get(q->args, list);
	size_t i = 0;

	if (!values)
		return 0;
	mu_value_each(v, values)
	{
		if (v->kind != MU_VALUE_OBJECT)
			return invalid(err, list, i, "", "an object is expected");
		if (plan(q, n, v, i++, err) < 0)
			return MU_FAILED;
	}
	return 0;
}

/* ---- the rest ---- */

static int check_wishes(const struct mu_value *args, struct mu_error *err)
{
	static const char *const without[] = {"secureBoot", "createVtpm",
					      "destroy_cloud_config_vdi"};

	for (size_t i = 0; i < MU_ARRAY_SIZE(without); i++) {
		if (is_true(args, without[i]))
			return mu_error_set(err, MU_E_UNSUPPORTED,
					    "arguments: %s: not possible on plain Xen", without[i]);
	}
	return 0;
}

static int plan_seed(const struct vm_new_request *q, struct vm_new *n, struct mu_error *err)
{
	struct hv_vm_config *c = &n->spec.config;
	char vdev[16];
	struct hv_disk *d;

	if (!vm_new_text(q->args, "cloud_config") && !vm_new_text(q->args, "network_config"))
		return 0;
	n->seed_sr = q->sr;
	if (mu_uuid_is_nil(&n->seed_sr))
		return mu_error_set(err, MU_E_INVALID,
				    "arguments: srId: required for cloud_config: this host has no "
				    "SR to choose");
	vm_new_free_vdev(c, vdev);
	if (!(d = vm_new_add_disk(c, err)))
		return MU_FAILED;
	memcpy(d->vdev, vdev, sizeof d->vdev);
	memcpy(d->format, "raw", sizeof "raw");
	d->readonly = true;
	d->vdi = n->seed_vdi = disk_id(&q->id, vdev);
	n->seed = true;
	return 0;
}

/* The definition's fields that arguments replace. */
static const struct {
	const char *argument;
	const char *field;
} fields[] = {
    {"name_label", "name"},
    {"name_description", "description"},
    {"tags", "tags"},
    {"cpus", "vcpus"},
    {"memory", "memory"},
    {"autoPoweron", "autostart"},
    {"hvmBootFirmware", "firmware"},
};

static const struct mu_value *argument_for(const struct mu_value *args, const char *field)
{
	for (size_t i = 0; i < MU_ARRAY_SIZE(fields); i++) {
		if (!strcmp(fields[i].field, field))
			return mu_value_get(args, fields[i].argument);
	}
	return NULL;
}

/* More CPUs or memory than the maximum raise it: that field is then left to its default. */
static bool is_outgrown(const struct mu_value *args, const char *field)
{
	return (!strcmp(field, "vcpusMax") && mu_value_get(args, "cpus")) ||
	       (!strcmp(field, "memoryMax") && mu_value_get(args, "memory")) ||
	       (!strcmp(field, "memoryMin") && mu_value_get(args, "memory"));
}

static bool is_of_template_only(const char *field)
{
	return !strcmp(field, "uuid") || !strcmp(field, "kind") || !strcmp(field, "snapshotOf") ||
	       !strcmp(field, "snapshotAt") || !strcmp(field, "withMemory") ||
	       !strcmp(field, "parent");
}

static struct mu_value *base_of(struct mu_arena *a, const struct vm_new_request *q)
{
	struct mu_value *from = q->template ? vm_spec_encode(a, q->template) : NULL;
	struct mu_value *v = mu_value_object(a);
	char id[MU_UUID_TEXT];

	if (!from)
		from = mu_value_copy(a, mu_value_get(q->args, "definition"));
	mu_value_set_string(a, v, "uuid", mu_uuid_format(&q->id.uuid, id));
	for (size_t i = 0; i < MU_ARRAY_SIZE(fields); i++) {
		const struct mu_value *given = mu_value_get(q->args, fields[i].argument);

		if (given)
			mu_value_set(a, v, fields[i].field, mu_value_copy(a, given));
	}
	mu_value_each(field, from)
	{
		if (is_of_template_only(field->name) || argument_for(q->args, field->name) ||
		    is_outgrown(q->args, field->name))
			continue;
		mu_value_set(a, v, field->name, mu_value_copy(a, field));
	}
	return v;
}

/* What `args` make of a template's disks and cards, or of none. */
static int plan_devices(const struct vm_new_request *q, struct vm_new *n, struct mu_error *err)
{
	struct hv_vm_config *c = &n->spec.config;

	if (q->template) {
		n->spec.parent = q->template->config.id;
		for (size_t i = 0; i < c->n_nics; i++)
			c->nics[i].mac[0] = '\0';
		if (plan_template_disks(n, err) < 0)
			return MU_FAILED;
	}
	if (q->builtin)
		plan_builtin_disk(q, n);
	if (each_of(q, n, "vdis", plan_vdi, err) < 0 || each_of(q, n, "vifs", plan_vif, err) < 0 ||
	    check_places(n, err) < 0)
		return MU_FAILED;
	for (size_t i = 0; q->builtin && i < c->n_nics; i++)
		(void)snprintf(c->nics[i].model, sizeof c->nics[i].model, "%s",
			       q->builtin->nic_model);
	return 0;
}

static int check_builtin(const struct vm_new_request *q, const struct vm_new *n,
			 struct mu_error *err)
{
	bool empty = n->n_disks == 0 || mu_uuid_is_nil(&n->disks[0].from);

	return q->builtin ? vm_builtin_check(q->builtin, q->args, &n->spec, empty, err) : 0;
}

static int plan(const struct vm_new_request *q, struct vm_new *n, struct mu_error *err)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();

	if (!q->template && !mu_value_get(q->args, "definition"))
		return mu_error_set(err, MU_E_INVALID,
				    "arguments: template: required, unless there is a definition");
	if (check_wishes(q->args, err) < 0)
		return MU_FAILED;
	if (vm_spec_decode(base_of(a, q), &n->spec, err) < 0)
		return mu_error_prefix(err, "the definition as it would be");
	if (is_true(q->args, "asTemplate"))
		n->spec.kind = VM_KIND_TEMPLATE;
	if (plan_devices(q, n, err) < 0 || check_builtin(q, n, err) < 0 ||
	    vm_new_install(n, mu_value_get(q->args, "install"), err) < 0 ||
	    plan_seed(q, n, err) < 0)
		return MU_FAILED;
	if (vm_spec_check(&n->spec, err) < 0)
		return mu_error_prefix(err, "the definition as it would be");
	n->start = is_true(q->args, "boot");
	if (n->start && n->spec.kind == VM_KIND_TEMPLATE)
		return mu_error_set(err, MU_E_INVALID, "arguments: boot: a template never runs");
	return 0;
}

int vm_new_plan(const struct vm_new_request *request, struct vm_new *ret_new, struct mu_error *err)
{
	MU_CLEANUP(mu_free) struct vm_new *n = mu_xcalloc(1, sizeof *n);
	MU_CLEANUP(mu_free) struct vm_spec *builtin = NULL;
	struct vm_new_request q = *request;

	if (q.builtin) {
		builtin = mu_xmalloc(sizeof *builtin);
		vm_builtin_spec(q.builtin, builtin);
		q.template = builtin;
	}
	if (plan(&q, n, err) < 0)
		return MU_FAILED;
	*ret_new = *n;
	return 0;
}
