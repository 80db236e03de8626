/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The VM as Xen Orchestra shows it (reference: its REST objects; docs/design/rest.md says where a
 * key means less here). Keys that XO always sends are always sent; a key whose truth is not known
 * is left out.
 */
#include "common/base/str.h"
#include "common/rest/fields.h"
#include "common/rest/render.h"

#include <stdio.h>
#include <string.h>

static struct mu_value *vm_id(struct rest_render *r, const void *object)
{
	return rest_uuid(r->arena, &((const struct model_vm *)object)->id.uuid);
}

static struct mu_value *vm_type(struct rest_render *r, const void *object)
{
	(void)object;
	return mu_value_string(r->arena, "VM");
}

static struct mu_value *vm_ref(struct rest_render *r, const void *object)
{
	return rest_ref(r, &((const struct model_vm *)object)->id.uuid);
}

static struct mu_value *vm_name(struct rest_render *r, const void *object)
{
	return mu_value_string(r->arena, ((const struct model_vm *)object)->name);
}

static struct mu_value *vm_description(struct rest_render *r, const void *object)
{
	return mu_value_string(r->arena, ((const struct model_vm *)object)->description);
}

static bool host_is_away(struct rest_render *r, const struct model_vm *vm)
{
	const struct rest_backend *b = &r->rest->backend;
	const struct model_host *h = b->host_find(b->ctx, &vm->host);

	return !h || !h->connected;
}

/* Nobody may believe that a VM surely runs whose host cannot be asked. */
static struct mu_value *vm_power(struct rest_render *r, const void *object)
{
	const struct model_vm *vm = object;

	return mu_value_string(r->arena,
			       vm_power_name(host_is_away(r, vm) ? VM_UNKNOWN : vm->power));
}

static struct mu_value *vm_last_power(struct rest_render *r, const void *object)
{
	const struct rest_backend *b = &r->rest->backend;
	const struct model_vm *vm = object;
	enum vm_power power;

	if (!host_is_away(r, vm))
		return NULL;
	power = b->vm_last_power ? b->vm_last_power(b->ctx, vm) : vm->power;
	return power == VM_UNKNOWN ? NULL : mu_value_string(r->arena, vm_power_name(power));
}

static struct mu_value *vm_host(struct rest_render *r, const void *object)
{
	return rest_uuid(r->arena, &((const struct model_vm *)object)->host.uuid);
}

static struct mu_value *vm_cpus(struct rest_render *r, const void *object)
{
	const struct model_vm *vm = object;
	struct mu_value *v = mu_value_object(r->arena);

	mu_value_set_int(r->arena, v, "number",
			 vm->vcpus_online ? vm->vcpus_online : vm->vcpus_max);
	mu_value_set_int(r->arena, v, "max", vm->vcpus_max);
	return v;
}

static struct mu_value *range(struct mu_arena *a, int64_t low, int64_t high)
{
	struct mu_value *v = mu_value_list(a);

	mu_value_push(v, mu_value_int(a, low));
	mu_value_push(v, mu_value_int(a, high));
	return v;
}

static struct mu_value *vm_memory(struct rest_render *r, const void *object)
{
	const struct model_vm *vm = object;
	const struct vm_guest *g = &vm->guest;
	struct mu_value *v = mu_value_object(r->arena);
	int64_t size = g->memory_total_bytes >= 0 ? g->memory_total_bytes : vm->memory_bytes;

	mu_value_set_int(r->arena, v, "size", size);
	if (g->memory_total_bytes >= 0 && g->memory_free_bytes >= 0)
		mu_value_set_int(r->arena, v, "usage",
				 g->memory_total_bytes - g->memory_free_bytes);
	mu_value_set(r->arena, v, "dynamic", range(r->arena, vm->memory_bytes, vm->memory_bytes));
	mu_value_set(r->arena, v, "static", range(r->arena, 0, vm->memory_static_max_bytes));
	return v;
}

/* {"0/ipv4/0": "192.0.2.7"}: device, family, index. */
static struct mu_value *vm_addresses(struct rest_render *r, const void *object)
{
	const struct model_vm *vm = object;
	struct mu_value *v = mu_value_object(r->arena);

	for (size_t i = 0; i < vm->guest.n_addrs; i++) {
		char key[32];

		(void)snprintf(key, sizeof key, "%u/ipv%d/%u", (unsigned)vm->guest.addrs[i].device,
			       vm->guest.addrs[i].v6 ? 6 : 4, (unsigned)vm->guest.addrs[i].index);
		mu_value_set_string(r->arena, v, key, vm->guest.addrs[i].addr);
	}
	return v;
}

static struct mu_value *vm_main_address(struct rest_render *r, const void *object)
{
	const struct model_vm *vm = object;

	for (size_t i = 0; i < vm->guest.n_addrs; i++)
		if (!vm->guest.addrs[i].v6)
			return mu_value_string(r->arena, vm->guest.addrs[i].addr);
	return vm->guest.n_addrs > 0 ? mu_value_string(r->arena, vm->guest.addrs[0].addr) : NULL;
}

static void set_if_known(struct mu_arena *a, struct mu_value *v, const char *name, const char *text)
{
	if (text[0])
		mu_value_set_string(a, v, name, text);
}

static struct mu_value *vm_os(struct rest_render *r, const void *object)
{
	const struct vm_guest *g = &((const struct model_vm *)object)->guest;
	struct mu_value *v;

	if (!g->os_name[0] && !g->os_distro[0] && !g->os_uname[0])
		return mu_value_null(r->arena);
	v = mu_value_object(r->arena);
	set_if_known(r->arena, v, "name", g->os_name);
	set_if_known(r->arena, v, "distro", g->os_distro);
	set_if_known(r->arena, v, "major", g->os_major);
	set_if_known(r->arena, v, "minor", g->os_minor);
	set_if_known(r->arena, v, "uname", g->os_uname);
	return v;
}

static bool runs(const struct model_vm *vm)
{
	return vm->power == VM_RUNNING || vm->power == VM_PAUSED;
}

static struct mu_value *vm_agent(struct rest_render *r, const void *object)
{
	const struct model_vm *vm = object;

	return runs(vm) ? mu_value_bool(r->arena, vm->guest.agent_detected) : NULL;
}

static struct mu_value *vm_drivers(struct rest_render *r, const void *object)
{
	const struct model_vm *vm = object;

	return runs(vm) ? mu_value_bool(r->arena, vm->guest.pv_drivers_detected) : NULL;
}

static struct mu_value *vm_drivers_version(struct rest_render *r, const void *object)
{
	const struct model_vm *vm = object;

	if (!runs(vm) || !vm->guest.agent_version[0])
		return NULL;
	return mu_value_string(r->arena, vm->guest.agent_version);
}

static struct mu_value *vm_autostart(struct rest_render *r, const void *object)
{
	return mu_value_bool(r->arena, ((const struct model_vm *)object)->autostart);
}

static struct mu_value *vm_mode(struct rest_render *r, const void *object)
{
	return mu_value_string(r->arena, vm_type_name(((const struct model_vm *)object)->type));
}

static struct mu_value *vm_start_delay(struct rest_render *r, const void *object)
{
	return mu_value_int(r->arena, ((const struct model_vm *)object)->start_delay_ms / 1000);
}

static struct mu_value *vm_start_order(struct rest_render *r, const void *object)
{
	return mu_value_int(r->arena, ((const struct model_vm *)object)->start_order);
}

static struct mu_value *vm_start_time(struct rest_render *r, const void *object)
{
	const struct model_vm *vm = object;

	return rest_seconds(r->arena, vm->started_at);
}

static struct mu_value *vm_tags(struct rest_render *r, const void *object)
{
	const struct model_vm *vm = object;
	struct mu_value *v = mu_value_list(r->arena);

	for (size_t i = 0; i < vm->n_tags; i++)
		mu_value_push(v, mu_value_string(r->arena, vm->tags[i]));
	return v;
}

/* The name of a call that runs; the VM itself carries its task only. */
static const char *call_name(struct rest_render *r, const struct model_vm *vm)
{
	const struct rest_backend *b = &r->rest->backend;
	const struct model_task *t;
	struct mu_uuid id;

	t = mu_uuid_parse(vm->current_task, &id) ? b->task_find(b->ctx, &id) : NULL;
	return t ? task_what(t) : "call";
}

/* {task id: operation}; an operation that is not a task of ours has its own name as the key. */
static struct mu_value *vm_operations(struct rest_render *r, const void *object)
{
	const struct model_vm *vm = object;
	struct mu_value *v = mu_value_object(r->arena);

	if (vm->current_op != _VM_OP_COUNT)
		mu_value_set_string(r->arena, v,
				    vm->current_task[0] ? vm->current_task
							: vm_op_name(vm->current_op),
				    vm_op_name(vm->current_op));
	else if (vm->current_task[0])
		mu_value_set_string(r->arena, v, vm->current_task, call_name(r, vm));
	return v;
}

static struct mu_value *vm_managed(struct rest_render *r, const void *object)
{
	return mu_value_bool(r->arena, ((const struct model_vm *)object)->managed);
}

static struct mu_value *vm_pending(struct rest_render *r, const void *object)
{
	return mu_value_bool(r->arena, ((const struct model_vm *)object)->pending);
}

static struct mu_value *vm_domid(struct rest_render *r, const void *object)
{
	const struct model_vm *vm = object;

	return vm->domid >= 0 ? mu_value_int(r->arena, vm->domid) : mu_value_null(r->arena);
}

static const struct rest_field fields[] = {
    {"id", vm_id},
    {"uuid", vm_id},
    {"type", vm_type},
    {"$pool", rest_pool_id},
    {"$poolId", rest_pool_id},
    {"_xapiRef", vm_ref},
    {"name_label", vm_name},
    {"name_description", vm_description},
    {"power_state", vm_power},
    {"lastKnownPowerState", vm_last_power},
    {"$container", vm_host},
    {"CPUs", vm_cpus},
    {"memory", vm_memory},
    {"VIFs", rest_empty_list},
    {"$VBDs", rest_empty_list},
    {"VGPUs", rest_empty_list},
    {"$VGPUs", rest_empty_list},
    {"VTPMs", rest_empty_list},
    {"addresses", vm_addresses},
    {"mainIpAddress", vm_main_address},
    {"os_version", vm_os},
    {"managementAgentDetected", vm_agent},
    {"pvDriversDetected", vm_drivers},
    {"pvDriversVersion", vm_drivers_version},
    {"boot", rest_empty_object},
    {"secureBoot", rest_false},
    {"viridian", rest_false},
    {"needsVtpm", rest_false},
    {"hasVendorDevice", rest_false},
    {"expNestedHvm", rest_false},
    {"isNestedVirtEnabled", rest_false},
    {"isFirmwareSupported", rest_true},
    {"auto_poweron", vm_autostart},
    {"virtualizationMode", vm_mode},
    {"high_availability", rest_empty_string},
    {"startDelay", vm_start_delay},
    {"startTime", vm_start_time},
    {"installTime", rest_null},
    {"snapshots", rest_empty_list},
    {"tags", vm_tags},
    {"blockedOperations", rest_empty_object},
    {"current_operations", vm_operations},
    {"creation", rest_empty_object},
    {"bios_strings", rest_empty_object},
    {"other", rest_empty_object},
    {"xenStoreData", rest_empty_object},
    /* Ours */
    {"managed", vm_managed},
    {"domid", vm_domid},
    {"startOrder", vm_start_order},
    {"pending", vm_pending},
};

static const struct mu_uuid *vm_uuid(const void *object)
{
	return &((const struct model_vm *)object)->id.uuid;
}

struct each {
	bool (*each)(const void *object, void *arg);
	void *arg;
};

static bool each_vm(const struct model_vm *vm, void *arg)
{
	struct each *e = arg;

	return e->each(vm, e->arg);
}

static void walk(const struct rest_backend *b, bool (*each)(const void *object, void *arg),
		 void *arg)
{
	struct each e = {each, arg};

	b->each_vm(b->ctx, each_vm, &e);
}

const struct rest_type rest_type_vm = {
    .name = "VM",
    .collection = "vms",
    .fields = fields,
    .n_fields = MU_ARRAY_SIZE(fields),
    .id = vm_uuid,
    .each = walk,
};

struct http_reply *rest_get_vms(struct rest_call *c)
{
	return rest_list(c, &rest_type_vm, NULL, NULL);
}

static const struct model_vm *find(struct rest_call *c, struct vm_id *id)
{
	const struct rest_backend *b = &c->rest->backend;

	return mu_uuid_parse(c->id, &id->uuid) ? b->vm_find(b->ctx, id) : NULL;
}

struct http_reply *rest_get_vm(struct rest_call *c)
{
	struct vm_id id;
	const struct model_vm *vm = find(c, &id);

	return vm ? rest_single(c, &rest_type_vm, vm) : rest_not_found(c, "VM", c->id);
}

static bool task_is_of_vm(const void *object, const void *arg)
{
	const struct model_task *t = object;
	const struct vm_id *id = arg;

	return mu_uuid_equal(&t->vm.uuid, &id->uuid);
}

struct http_reply *rest_get_vm_tasks(struct rest_call *c)
{
	struct vm_id id;

	if (!find(c, &id))
		return rest_not_found(c, "VM", c->id);
	return rest_list(c, &rest_type_task, task_is_of_vm, &id);
}
