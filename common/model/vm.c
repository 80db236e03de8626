/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/vm.h"

#include "common/base/assert.h"

#include <stdio.h>
#include <string.h>

#define STATE(s) (1u << (s))

static const char *const power_names[_VM_POWER_COUNT] = {
    [VM_HALTED] = "Halted",       [VM_RUNNING] = "Running", [VM_PAUSED] = "Paused",
    [VM_SUSPENDED] = "Suspended", [VM_UNKNOWN] = "Unknown",
};

static const char *const kind_names[_VM_KIND_COUNT] = {
    [VM_KIND_VM] = "vm",
    [VM_KIND_SNAPSHOT] = "snapshot",
    [VM_KIND_TEMPLATE] = "template",
};

static const char *const type_names[_VM_TYPE_COUNT] = {
    [VM_TYPE_PV] = "pv",
    [VM_TYPE_PVH] = "pvh",
    [VM_TYPE_HVM] = "hvm",
};

/*
 * From which states an operation is legal and where it leads. A hard shutdown is for whatever may
 * hold resources: also a paused or suspended VM (its saved state is dropped). A clean one needs a
 * guest that runs and can answer.
 */
static const struct {
	const char *name;
	const char *expected;
	unsigned from;
	enum vm_power target;
} ops[_VM_OP_COUNT] = {
    [VM_OP_START] = {"start", "Halted", STATE(VM_HALTED), VM_RUNNING},
    [VM_OP_CLEAN_SHUTDOWN] = {"clean_shutdown", "Running", STATE(VM_RUNNING), VM_HALTED},
    [VM_OP_HARD_SHUTDOWN] = {"hard_shutdown", "Running, Paused or Suspended",
			     STATE(VM_RUNNING) | STATE(VM_PAUSED) | STATE(VM_SUSPENDED), VM_HALTED},
    [VM_OP_CLEAN_REBOOT] = {"clean_reboot", "Running", STATE(VM_RUNNING), VM_RUNNING},
    [VM_OP_HARD_REBOOT] = {"hard_reboot", "Running or Paused", STATE(VM_RUNNING) | STATE(VM_PAUSED),
			   VM_RUNNING},
    [VM_OP_PAUSE] = {"pause", "Running", STATE(VM_RUNNING), VM_PAUSED},
    [VM_OP_UNPAUSE] = {"unpause", "Paused", STATE(VM_PAUSED), VM_RUNNING},
    [VM_OP_SUSPEND] = {"suspend", "Running", STATE(VM_RUNNING), VM_SUSPENDED},
    [VM_OP_RESUME] = {"resume", "Suspended", STATE(VM_SUSPENDED), VM_RUNNING},
    [VM_OP_ADOPT] = {"adopt", "Running or Paused", STATE(VM_RUNNING) | STATE(VM_PAUSED),
		     VM_RUNNING},
};

const char *vm_kind_name(enum vm_kind k)
{
	mu_assert(k < _VM_KIND_COUNT);
	return kind_names[k];
}

bool vm_kind_parse(const char *name, enum vm_kind *ret)
{
	for (size_t i = 0; i < _VM_KIND_COUNT; i++)
		if (strcmp(kind_names[i], name) == 0) {
			*ret = (enum vm_kind)i;
			return true;
		}
	return false;
}

const char *vm_power_name(enum vm_power p)
{
	mu_assert(p < _VM_POWER_COUNT);
	return power_names[p];
}

bool vm_power_parse(const char *name, enum vm_power *ret)
{
	for (size_t i = 0; i < _VM_POWER_COUNT; i++)
		if (strcmp(power_names[i], name) == 0) {
			*ret = (enum vm_power)i;
			return true;
		}
	return false;
}

const char *vm_type_name(enum vm_type t)
{
	mu_assert(t < _VM_TYPE_COUNT);
	return type_names[t];
}

bool vm_type_parse(const char *name, enum vm_type *ret)
{
	for (size_t i = 0; i < _VM_TYPE_COUNT; i++)
		if (strcmp(type_names[i], name) == 0) {
			*ret = (enum vm_type)i;
			return true;
		}
	return false;
}

const char *vm_op_name(enum vm_op op)
{
	mu_assert(op <= _VM_OP_COUNT);
	return op == _VM_OP_COUNT ? "none" : ops[op].name;
}

bool vm_op_parse(const char *name, enum vm_op *ret)
{
	for (size_t i = 0; i < _VM_OP_COUNT; i++)
		if (strcmp(ops[i].name, name) == 0) {
			*ret = (enum vm_op)i;
			return true;
		}
	return false;
}

bool vm_op_allowed(enum vm_op op, enum vm_power p)
{
	mu_assert(op < _VM_OP_COUNT && p < _VM_POWER_COUNT);
	return (ops[op].from & STATE(p)) != 0;
}

enum vm_power vm_op_target(enum vm_op op)
{
	mu_assert(op < _VM_OP_COUNT);
	return ops[op].target;
}

const char *vm_op_expected(enum vm_op op)
{
	mu_assert(op < _VM_OP_COUNT);
	return ops[op].expected;
}

void vm_default_mac(const struct vm_id *id, size_t device, char ret_mac[static 18])
{
	char name[24];
	struct mu_uuid hash;

	(void)snprintf(name, sizeof name, "nic%zu", device);
	hash = mu_uuid_derive(&id->uuid, name);
	/* A UUID's first bytes are free of version bits; the upper half of the range is for
	 * hand-made addresses, by custom. */
	(void)snprintf(ret_mac, 18, "00:16:3e:%02x:%02x:%02x", hash.bytes[0] & 0x7fu, hash.bytes[1],
		       hash.bytes[2]);
}

void model_vm_init(struct model_vm *vm)
{
	memset(vm, 0, sizeof *vm);
	vm->domid = -1;
	vm->current_op = _VM_OP_COUNT;
	vm->guest.memory_free_bytes = -1;
	vm->guest.memory_total_bytes = -1;
}

static bool guest_equal(const struct vm_guest *a, const struct vm_guest *b)
{
	if (a->agent_detected != b->agent_detected ||
	    a->pv_drivers_detected != b->pv_drivers_detected || a->balloon != b->balloon ||
	    strcmp(a->agent_version, b->agent_version) != 0 ||
	    strcmp(a->os_name, b->os_name) != 0 || strcmp(a->os_distro, b->os_distro) != 0 ||
	    strcmp(a->os_uname, b->os_uname) != 0 || strcmp(a->os_major, b->os_major) != 0 ||
	    strcmp(a->os_minor, b->os_minor) != 0 || a->memory_free_bytes != b->memory_free_bytes ||
	    a->memory_total_bytes != b->memory_total_bytes || a->n_addrs != b->n_addrs)
		return false;
	for (size_t i = 0; i < a->n_addrs; i++)
		if (a->addrs[i].device != b->addrs[i].device || a->addrs[i].v6 != b->addrs[i].v6 ||
		    a->addrs[i].index != b->addrs[i].index ||
		    strcmp(a->addrs[i].addr, b->addrs[i].addr) != 0)
			return false;
	return true;
}

static bool tags_equal(const struct model_vm *a, const struct model_vm *b)
{
	if (a->n_tags != b->n_tags)
		return false;
	for (size_t i = 0; i < a->n_tags; i++)
		if (strcmp(a->tags[i], b->tags[i]) != 0)
			return false;
	return true;
}

static bool disks_equal(const struct model_vm *a, const struct model_vm *b)
{
	if (a->n_disks != b->n_disks)
		return false;
	for (size_t i = 0; i < a->n_disks; i++) {
		const struct model_disk *x = &a->disks[i];
		const struct model_disk *y = &b->disks[i];

		if (strcmp(x->vdev, y->vdev) != 0 || !mu_uuid_equal(&x->vdi, &y->vdi) ||
		    x->attached != y->attached || x->readonly != y->readonly ||
		    x->cdrom != y->cdrom || x->bootable != y->bootable)
			return false;
	}
	return true;
}

static bool nics_equal(const struct model_vm *a, const struct model_vm *b)
{
	if (a->n_nics != b->n_nics)
		return false;
	for (size_t i = 0; i < a->n_nics; i++) {
		const struct model_nic *x = &a->nics[i];
		const struct model_nic *y = &b->nics[i];

		if (x->device != y->device || strcmp(x->mac, y->mac) != 0 ||
		    strcmp(x->bridge, y->bridge) != 0 || x->attached != y->attached ||
		    x->mtu != y->mtu || x->rate_kbps != y->rate_kbps)
			return false;
	}
	return true;
}

static bool build_equal(const struct model_vm *a, const struct model_vm *b)
{
	return strcmp(a->firmware, b->firmware) == 0 && strcmp(a->boot_order, b->boot_order) == 0 &&
	       strcmp(a->cmdline, b->cmdline) == 0 && strcmp(a->cpu_mask, b->cpu_mask) == 0 &&
	       strcmp(a->cpu_mask_soft, b->cpu_mask_soft) == 0 && a->cpu_weight == b->cpu_weight &&
	       a->cpu_cap == b->cpu_cap && a->cores_per_socket == b->cores_per_socket &&
	       a->memory_min_bytes == b->memory_min_bytes && a->pending == b->pending;
}

static bool snapshot_equal(const struct model_vm *a, const struct model_vm *b)
{
	return a->kind == b->kind && mu_uuid_equal(&a->snapshot_of.uuid, &b->snapshot_of.uuid) &&
	       a->snapshot_at == b->snapshot_at && a->with_memory == b->with_memory &&
	       a->memory_file_bytes == b->memory_file_bytes &&
	       mu_uuid_equal(&a->parent.uuid, &b->parent.uuid);
}

bool model_vm_equal(const struct model_vm *a, const struct model_vm *b)
{
	return mu_uuid_equal(&a->id.uuid, &b->id.uuid) &&
	       mu_uuid_equal(&a->host.uuid, &b->host.uuid) && strcmp(a->name, b->name) == 0 &&
	       strcmp(a->description, b->description) == 0 && a->type == b->type &&
	       a->power == b->power && a->managed == b->managed && a->autostart == b->autostart &&
	       a->domid == b->domid && a->vcpus_online == b->vcpus_online &&
	       a->vcpus_max == b->vcpus_max && a->memory_bytes == b->memory_bytes &&
	       a->memory_static_max_bytes == b->memory_static_max_bytes &&
	       a->start_delay_ms == b->start_delay_ms && a->start_order == b->start_order &&
	       a->started_at == b->started_at && a->current_op == b->current_op &&
	       strcmp(a->current_task, b->current_task) == 0 && guest_equal(&a->guest, &b->guest) &&
	       tags_equal(a, b) && disks_equal(a, b) && nics_equal(a, b) && build_equal(a, b) &&
	       snapshot_equal(a, b);
}
