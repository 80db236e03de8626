/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The VM as Xen Orchestra shows it (reference: its REST objects; docs/design/rest.md says where a
 * key means less here). Keys that XO always sends are always sent; a key whose truth is not known
 * is left out.
 */
#include "common/base/str.h"
#include "common/rest/fields.h"
#include "common/rest/render.h"
#include "common/rest/templates.h"

#include <stdio.h>
#include <string.h>

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

	return !rest_is_builtin(vm) && (!h || !h->connected);
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
	const struct model_vm *vm = object;

	return rest_uuid(r->arena, rest_is_builtin(vm) ? &r->pool.id : &vm->host.uuid);
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
	mu_value_set(r->arena, v, "dynamic",
		     rest_range(r->arena,
				vm->memory_min_bytes ? vm->memory_min_bytes : vm->memory_bytes,
				vm->memory_bytes));
	mu_value_set(r->arena, v, "static", rest_range(r->arena, 0, vm->memory_static_max_bytes));
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

static struct mu_value *vm_agent(struct rest_render *r, const void *object)
{
	const struct model_vm *vm = object;

	return rest_vm_runs(vm) ? mu_value_bool(r->arena, vm->guest.agent_detected) : NULL;
}

static struct mu_value *vm_drivers(struct rest_render *r, const void *object)
{
	const struct model_vm *vm = object;

	return rest_vm_runs(vm) ? mu_value_bool(r->arena, vm->guest.pv_drivers_detected) : NULL;
}

static struct mu_value *vm_balloon(struct rest_render *r, const void *object)
{
	const struct model_vm *vm = object;

	return rest_vm_runs(vm) && vm->guest.balloon != VM_SAID_NOTHING
		   ? mu_value_bool(r->arena, vm->guest.balloon == VM_SAID_YES)
		   : NULL;
}

static struct mu_value *vm_drivers_version(struct rest_render *r, const void *object)
{
	const struct model_vm *vm = object;

	if (!rest_vm_runs(vm) || !vm->guest.agent_version[0])
		return NULL;
	return mu_value_string(r->arena, vm->guest.agent_version);
}

/* XSA-468 is of drivers for Windows: what is none has it not. Of what may be Windows, nobody has
 * looked at the drivers. */
static struct mu_value *vm_vulnerabilities(struct rest_render *r, const void *object)
{
	const struct model_vm *vm = object;
	const char *distro = vm->guest.os_distro;
	struct mu_value *v;

	if (vm->type == VM_TYPE_HVM && (!distro[0] || strcasestr(distro, "windows")))
		return NULL;
	v = mu_value_object(r->arena);
	mu_value_set_bool(r->arena, v, "xsa468", false);
	return v;
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

/* Parts and relatives */

static struct mu_value *vm_vbds(struct rest_render *r, const void *object)
{
	const struct model_vm *vm = object;
	struct mu_value *v = mu_value_list(r->arena);

	for (size_t i = 0; i < vm->n_disks; i++) {
		const struct rest_vbd vbd = rest_vbd_of(vm, i);

		mu_value_push(v, rest_uuid(r->arena, &vbd.id));
	}
	return v;
}

static struct mu_value *vm_vifs(struct rest_render *r, const void *object)
{
	const struct model_vm *vm = object;
	struct mu_value *v = mu_value_list(r->arena);

	for (size_t i = 0; i < vm->n_nics; i++) {
		const struct rest_vif vif = rest_vif_of(vm, i);

		mu_value_push(v, rest_uuid(r->arena, &vif.id));
	}
	return v;
}

static struct mu_value *vm_snapshots(struct rest_render *r, const void *object)
{
	return rest_related(r, REST_VM_SNAPSHOTS, &((const struct model_vm *)object)->id.uuid);
}

static struct mu_value *vm_parent(struct rest_render *r, const void *object)
{
	return rest_uuid_if(r->arena, &((const struct model_vm *)object)->parent.uuid);
}

struct pcis {
	struct rest_render *render;
	struct mu_value *list;
};

static bool add_pci(const struct mu_uuid *id, void *arg)
{
	const struct pcis *all = arg;
	const struct rest_backend *b = &all->render->rest->backend;
	const struct model_object *o = b->object_find(b->ctx, id);

	if (o && o->kind == OBJECT_PCI)
		mu_value_push(all->list, mu_value_string(all->render->arena, o->pci.address));
	return true;
}

static struct mu_value *vm_pcis(struct rest_render *r, const void *object)
{
	struct pcis all = {.render = r, .list = mu_value_list(r->arena)};

	rest_relations_each(r->rest->relations, REST_VM_PCIS,
			    &((const struct model_vm *)object)->id.uuid, add_pci, &all);
	return all.list;
}

/* How it is built */

static struct mu_value *vm_boot(struct rest_render *r, const void *object)
{
	const struct model_vm *vm = object;
	struct mu_value *v = mu_value_object(r->arena);

	set_if_known(r->arena, v, "order", vm->boot_order);
	set_if_known(r->arena, v, "firmware", vm->firmware);
	return v;
}

static struct mu_value *vm_cmdline(struct rest_render *r, const void *object)
{
	const struct model_vm *vm = object;

	return vm->type == VM_TYPE_HVM ? NULL : mu_value_string(r->arena, vm->cmdline);
}

static struct mu_value *if_set(struct rest_render *r, uint32_t n)
{
	return n ? mu_value_int(r->arena, n) : NULL;
}

static struct mu_value *vm_weight(struct rest_render *r, const void *object)
{
	return if_set(r, ((const struct model_vm *)object)->cpu_weight);
}

static struct mu_value *vm_cap(struct rest_render *r, const void *object)
{
	return if_set(r, ((const struct model_vm *)object)->cpu_cap);
}

static struct mu_value *vm_cores(struct rest_render *r, const void *object)
{
	return if_set(r, ((const struct model_vm *)object)->cores_per_socket);
}

/* "0-3,8" as [0,1,2,3,8]. A mask that is written in another way (xl has "^2", "all") is left out.
 */
static struct mu_value *mask_of(struct rest_render *r, const char *p)
{
	enum { CPU_MAX = 4095 };
	struct mu_value *v;

	if (!*p)
		return NULL;
	v = mu_value_list(r->arena);
	while (*p) {
		unsigned first = 0;
		unsigned last = 0;
		int n = 0;

		if (sscanf(p, "%4u%n-%4u%n", &first, &n, &last, &n) < 2)
			last = first;
		if (n == 0 || (p[n] && p[n] != ',') || last < first || last > CPU_MAX)
			return NULL;
		for (unsigned cpu = first; cpu <= last && v->n_children <= CPU_MAX; cpu++)
			mu_value_push(v, mu_value_int(r->arena, cpu));
		p += n + (p[n] == ',');
	}
	return v;
}

static struct mu_value *vm_mask(struct rest_render *r, const void *object)
{
	return mask_of(r, ((const struct model_vm *)object)->cpu_mask);
}

static struct mu_value *vm_mask_soft(struct rest_render *r, const void *object)
{
	return mask_of(r, ((const struct model_vm *)object)->cpu_mask_soft);
}

static struct mu_value *vm_pending(struct rest_render *r, const void *object)
{
	return mu_value_bool(r->arena, ((const struct model_vm *)object)->pending);
}

/* Snapshots and templates */

static struct mu_value *vm_snapshot_time(struct rest_render *r, const void *object)
{
	return rest_seconds(r->arena, ((const struct model_vm *)object)->snapshot_at);
}

static struct mu_value *vm_snapshot_of(struct rest_render *r, const void *object)
{
	return rest_uuid_if(r->arena, &((const struct model_vm *)object)->snapshot_of.uuid);
}

static struct mu_value *vm_with_memory(struct rest_render *r, const void *object)
{
	return mu_value_bool(r->arena, ((const struct model_vm *)object)->with_memory);
}

static struct mu_value *vm_memory_size(struct rest_render *r, const void *object)
{
	return mu_value_int(r->arena, ((const struct model_vm *)object)->memory_file_bytes);
}

static struct mu_value *vm_managed(struct rest_render *r, const void *object)
{
	return mu_value_bool(r->arena, ((const struct model_vm *)object)->managed);
}

static struct mu_value *vm_domid(struct rest_render *r, const void *object)
{
	const struct model_vm *vm = object;

	return vm->domid >= 0 ? mu_value_int(r->arena, vm->domid) : mu_value_null(r->arena);
}

/* First what only a template has, last what only a snapshot has. */
enum { ONLY_TEMPLATE = 2, ONLY_SNAPSHOT = 4 };

static const struct rest_field fields[] = {
    {"isDefaultTemplate", rest_template_is_default, REST_NOTHING},
    {"template_info", rest_template_info},
    /* All */
    REST_COMMON_FIELDS,
    {"name_label", vm_name},
    {"name_description", vm_description},
    {"power_state", vm_power},
    {"lastKnownPowerState", vm_last_power},
    {"$container", vm_host, REST_IDS},
    {"CPUs", vm_cpus, REST_NUMBERS},
    {"memory", vm_memory, REST_NUMBERS},
    {"VIFs", vm_vifs, REST_IDS},
    {"$VBDs", vm_vbds, REST_IDS},
    {"VGPUs", rest_empty_list, REST_NOTHING},
    {"$VGPUs", rest_empty_list, REST_NOTHING},
    {"VTPMs", rest_empty_list, REST_NOTHING},
    {"attachedPcis", vm_pcis, REST_PCIS},
    {"addresses", vm_addresses},
    {"mainIpAddress", vm_main_address},
    {"os_version", vm_os},
    {"managementAgentDetected", vm_agent, REST_NOTHING},
    {"pvDriversDetected", vm_drivers, REST_NOTHING},
    {"balloonDriverDetected", vm_balloon, REST_NOTHING},
    {"pvDriversVersion", vm_drivers_version},
    {"vulnerabilities", vm_vulnerabilities, REST_NOTHING},
    {"boot", vm_boot},
    {"PV_args", vm_cmdline},
    {"coresPerSocket", vm_cores, REST_NUMBERS},
    {"cpuWeight", vm_weight, REST_NUMBERS},
    {"cpuCap", vm_cap, REST_NUMBERS},
    {"cpuMask", vm_mask, REST_NUMBERS},
    {"cpuMaskSoft", vm_mask_soft, REST_NUMBERS},
    {"secureBoot", rest_false, REST_NOTHING},
    {"viridian", rest_template_viridian, REST_NOTHING},
    {"needsVtpm", rest_template_vtpm, REST_NOTHING},
    {"hasVendorDevice", rest_false, REST_NOTHING},
    {"expNestedHvm", rest_false, REST_NOTHING},
    {"isNestedVirtEnabled", rest_false, REST_NOTHING},
    {"isFirmwareSupported", rest_true, REST_NOTHING},
    {"auto_poweron", vm_autostart, REST_NOTHING},
    {"virtualizationMode", vm_mode},
    {"high_availability", rest_empty_string},
    {"startDelay", vm_start_delay, REST_NUMBERS},
    {"startTime", vm_start_time, REST_NUMBERS},
    {"installTime", rest_null, REST_NOTHING},
    {"snapshots", vm_snapshots, REST_IDS},
    {"parent", vm_parent, REST_IDS},
    {"tags", vm_tags},
    {"blockedOperations", rest_empty_object, REST_NOTHING},
    {"current_operations", vm_operations},
    {"creation", rest_empty_object, REST_NOTHING},
    {"bios_strings", rest_empty_object, REST_NOTHING},
    {"other", rest_empty_object, REST_NOTHING},
    {"xenStoreData", rest_empty_object, REST_NOTHING},
    /* Ours */
    {"managed", vm_managed, REST_NOTHING},
    {"domid", vm_domid, REST_NUMBERS},
    {"startOrder", vm_start_order, REST_NUMBERS},
    {"pending", vm_pending, REST_NOTHING},
    /* Snapshots */
    {"snapshot_time", vm_snapshot_time, REST_NUMBERS},
    {"$snapshot_of", vm_snapshot_of, REST_IDS},
    {"withMemory", vm_with_memory, REST_NOTHING},
    {"memorySize", vm_memory_size, REST_NUMBERS},
};

static const struct mu_uuid *vm_uuid(const void *object)
{
	return &((const struct model_vm *)object)->id.uuid;
}

struct walk {
	enum vm_kind kind;
	bool (*each)(const void *object, void *arg);
	void *arg;
};

/* A VM is 4 KB. Its texts are asked of memory together, so that whoever looks at them one after the
 * other waits once. */
static void fetch_texts(const struct model_vm *vm)
{
	__builtin_prefetch(vm->name);
	__builtin_prefetch(vm->description);
	__builtin_prefetch(vm->cmdline);
	__builtin_prefetch(vm->guest.os_name);
	__builtin_prefetch(vm->guest.os_distro);
	__builtin_prefetch(vm->guest.os_uname);
	__builtin_prefetch(vm->guest.agent_version);
}

static bool walk_vm(const struct model_vm *vm, void *arg)
{
	const struct walk *w = arg;

	fetch_texts(vm);
	return vm->kind == w->kind ? w->each(vm, w->arg) : true;
}

static void walk(const struct rest_backend *b, enum vm_kind kind,
		 bool (*each)(const void *object, void *arg), void *arg)
{
	struct walk w = {kind, each, arg};

	b->each_vm(b->ctx, walk_vm, &w);
}

static void find(struct rest *rest, const struct mu_uuid *id, enum vm_kind kind,
		 void (*found)(const void *object, void *arg), void *arg)
{
	const struct vm_id vm_id = {*id};
	const struct model_vm *vm = rest->backend.vm_find(rest->backend.ctx, &vm_id);

	if (vm && vm->kind == kind)
		found(vm, arg);
}

static void each_vm(const struct rest_backend *b, bool (*each)(const void *object, void *arg),
		    void *arg)
{
	walk(b, VM_KIND_VM, each, arg);
}

static void find_vm(struct rest *rest, const struct mu_uuid *id,
		    void (*found)(const void *object, void *arg), void *arg)
{
	find(rest, id, VM_KIND_VM, found, arg);
}

static void each_snapshot(const struct rest_backend *b, bool (*each)(const void *object, void *arg),
			  void *arg)
{
	walk(b, VM_KIND_SNAPSHOT, each, arg);
}

static void find_snapshot(struct rest *rest, const struct mu_uuid *id,
			  void (*found)(const void *object, void *arg), void *arg)
{
	find(rest, id, VM_KIND_SNAPSHOT, found, arg);
}

static void each_template(const struct rest_backend *b, bool (*each)(const void *object, void *arg),
			  void *arg)
{
	if (rest_builtins_each(each, arg))
		walk(b, VM_KIND_TEMPLATE, each, arg);
}

static void find_template(struct rest *rest, const struct mu_uuid *id,
			  void (*found)(const void *object, void *arg), void *arg)
{
	find(rest, id, VM_KIND_TEMPLATE, found, arg);
	rest_builtin_find(id, found, arg);
}

const struct rest_type rest_type_vm = {
    .name = "VM",
    .collection = "vms",
    .fields = fields + ONLY_TEMPLATE,
    .n_fields = MU_ARRAY_SIZE(fields) - ONLY_TEMPLATE - ONLY_SNAPSHOT,
    .id = vm_uuid,
    .each = each_vm,
    .find = find_vm,
};

const struct rest_type rest_type_vm_snapshot = {
    .name = "VM-snapshot",
    .collection = "vm-snapshots",
    .fields = fields + ONLY_TEMPLATE,
    .n_fields = MU_ARRAY_SIZE(fields) - ONLY_TEMPLATE,
    .id = vm_uuid,
    .each = each_snapshot,
    .find = find_snapshot,
};

const struct rest_type rest_type_vm_template = {
    .name = "VM-template",
    .collection = "vm-templates",
    .fields = fields,
    .n_fields = MU_ARRAY_SIZE(fields) - ONLY_SNAPSHOT,
    .id = vm_uuid,
    .each = each_template,
    .find = find_template,
};

const struct model_vm *rest_vm_find(struct rest_call *c, struct vm_id *ret_id)
{
	const struct rest_backend *b = &c->rest->backend;
	const struct model_vm *vm = NULL;

	if (mu_uuid_parse(c->id, &ret_id->uuid))
		vm = b->vm_find(b->ctx, ret_id);
	return vm && vm->kind == VM_KIND_VM ? vm : NULL;
}
