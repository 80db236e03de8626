/* SPDX-License-Identifier: Apache-2.0 */
/*
 * struct model_vm <-> VmState. Enums are mapped by table, not by arithmetic: their numbers on the
 * wire are frozen, those of the models are not.
 */
#include "common/wire/wire.h"

#include "common/base/str.h"
#include "common/wire/field.h"

#include <inttypes.h>
#include <string.h>

enum {
	DOMID_MAX = 0x7fef, /* above are Xen's reserved ids */
	VCPUS_MAX = 8192,   /* Xen's MAX_VIRT_CPUS */
	UUID_BYTES = 16,
	WEIGHT_MAX = 65535, /* of Xen's schedulers */
	MTU_MAX = 65536,
};

static const struct wire_text vm_texts[] = {
    WIRE_TEXT(Muster__V1__VmState, struct model_vm, name),
    WIRE_TEXT(Muster__V1__VmState, struct model_vm, description),
    WIRE_TEXT(Muster__V1__VmState, struct model_vm, firmware),
    WIRE_TEXT(Muster__V1__VmState, struct model_vm, boot_order),
    WIRE_TEXT(Muster__V1__VmState, struct model_vm, cmdline),
    WIRE_TEXT(Muster__V1__VmState, struct model_vm, cpu_mask),
    WIRE_TEXT(Muster__V1__VmState, struct model_vm, cpu_mask_soft),
};

static const struct wire_flag vm_flags[] = {
    WIRE_FLAG(Muster__V1__VmState, struct model_vm, managed),
    WIRE_FLAG(Muster__V1__VmState, struct model_vm, autostart),
    WIRE_FLAG(Muster__V1__VmState, struct model_vm, pending),
    WIRE_FLAG(Muster__V1__VmState, struct model_vm, with_memory),
};

static const struct wire_count vm_counts[] = {
    WIRE_COUNT(Muster__V1__VmState, memory_bytes, struct model_vm, memory_bytes, INT64_MAX),
    WIRE_COUNT(Muster__V1__VmState, memory_static_max_bytes, struct model_vm,
	       memory_static_max_bytes, INT64_MAX),
    WIRE_COUNT(Muster__V1__VmState, start_delay_ms, struct model_vm, start_delay_ms, INT32_MAX),
    WIRE_COUNT(Muster__V1__VmState, started_at_ms, struct model_vm, started_at, WIRE_TIME_MAX),
    WIRE_COUNT(Muster__V1__VmState, memory_min_bytes, struct model_vm, memory_min_bytes, INT64_MAX),
    WIRE_COUNT(Muster__V1__VmState, snapshot_at_ms, struct model_vm, snapshot_at, WIRE_TIME_MAX),
    WIRE_COUNT(Muster__V1__VmState, memory_file_bytes, struct model_vm, memory_file_bytes,
	       INT64_MAX),
};

static const struct wire_text disk_texts[] = {
    WIRE_TEXT(Muster__V1__VmDisk, struct model_disk, vdev),
};

static const struct wire_flag disk_flags[] = {
    WIRE_FLAG(Muster__V1__VmDisk, struct model_disk, attached),
    WIRE_FLAG(Muster__V1__VmDisk, struct model_disk, readonly),
    WIRE_FLAG(Muster__V1__VmDisk, struct model_disk, cdrom),
    WIRE_FLAG(Muster__V1__VmDisk, struct model_disk, bootable),
};

static const struct wire_text nic_texts[] = {
    WIRE_TEXT(Muster__V1__VmNic, struct model_nic, mac),
    WIRE_TEXT(Muster__V1__VmNic, struct model_nic, bridge),
};

static const struct wire_text guest_texts[] = {
    WIRE_TEXT(Muster__V1__GuestState, struct vm_guest, agent_version),
    WIRE_TEXT(Muster__V1__GuestState, struct vm_guest, os_name),
    WIRE_TEXT(Muster__V1__GuestState, struct vm_guest, os_distro),
    WIRE_TEXT(Muster__V1__GuestState, struct vm_guest, os_uname),
    WIRE_TEXT(Muster__V1__GuestState, struct vm_guest, os_major),
    WIRE_TEXT(Muster__V1__GuestState, struct vm_guest, os_minor),
};

static const Muster__V1__GuestSaid said[_VM_SAID_COUNT] = {
    [VM_SAID_NOTHING] = MUSTER__V1__GUEST_SAID__GUEST_SAID_NOTHING,
    [VM_SAID_NO] = MUSTER__V1__GUEST_SAID__GUEST_SAID_NO,
    [VM_SAID_YES] = MUSTER__V1__GUEST_SAID__GUEST_SAID_YES,
};

static const Muster__V1__VmOp ops[_VM_OP_COUNT] = {
    [VM_OP_START] = MUSTER__V1__VM_OP__VM_OP_START,
    [VM_OP_CLEAN_SHUTDOWN] = MUSTER__V1__VM_OP__VM_OP_CLEAN_SHUTDOWN,
    [VM_OP_HARD_SHUTDOWN] = MUSTER__V1__VM_OP__VM_OP_HARD_SHUTDOWN,
    [VM_OP_CLEAN_REBOOT] = MUSTER__V1__VM_OP__VM_OP_CLEAN_REBOOT,
    [VM_OP_HARD_REBOOT] = MUSTER__V1__VM_OP__VM_OP_HARD_REBOOT,
    [VM_OP_PAUSE] = MUSTER__V1__VM_OP__VM_OP_PAUSE,
    [VM_OP_UNPAUSE] = MUSTER__V1__VM_OP__VM_OP_UNPAUSE,
    [VM_OP_SUSPEND] = MUSTER__V1__VM_OP__VM_OP_SUSPEND,
    [VM_OP_RESUME] = MUSTER__V1__VM_OP__VM_OP_RESUME,
    [VM_OP_ADOPT] = MUSTER__V1__VM_OP__VM_OP_ADOPT,
};

/* VM_UNKNOWN has no number on the wire: a host knows the state of its own VMs. */
static const Muster__V1__VmPower powers[_VM_POWER_COUNT] = {
    [VM_HALTED] = MUSTER__V1__VM_POWER__VM_POWER_HALTED,
    [VM_RUNNING] = MUSTER__V1__VM_POWER__VM_POWER_RUNNING,
    [VM_PAUSED] = MUSTER__V1__VM_POWER__VM_POWER_PAUSED,
    [VM_SUSPENDED] = MUSTER__V1__VM_POWER__VM_POWER_SUSPENDED,
    [VM_UNKNOWN] = MUSTER__V1__VM_POWER__VM_POWER_UNSPECIFIED,
};

static const Muster__V1__VmType types[_VM_TYPE_COUNT] = {
    [VM_TYPE_PV] = MUSTER__V1__VM_TYPE__VM_TYPE_PV,
    [VM_TYPE_PVH] = MUSTER__V1__VM_TYPE__VM_TYPE_PVH,
    [VM_TYPE_HVM] = MUSTER__V1__VM_TYPE__VM_TYPE_HVM,
};

static const Muster__V1__VmKind kinds[_VM_KIND_COUNT] = {
    [VM_KIND_VM] = MUSTER__V1__VM_KIND__VM_KIND_VM,
    [VM_KIND_SNAPSHOT] = MUSTER__V1__VM_KIND__VM_KIND_SNAPSHOT,
    [VM_KIND_TEMPLATE] = MUSTER__V1__VM_KIND__VM_KIND_TEMPLATE,
};

Muster__V1__VmOp wire_op_encode(enum vm_op op)
{
	return op < _VM_OP_COUNT ? ops[op] : MUSTER__V1__VM_OP__VM_OP_UNSPECIFIED;
}

int wire_op_decode(Muster__V1__VmOp op, enum vm_op *ret, struct mu_error *err)
{
	for (size_t i = 0; i < _VM_OP_COUNT; i++)
		if (ops[i] == op) {
			*ret = (enum vm_op)i;
			return 0;
		}
	return mu_error_set(err, MU_E_PROTOCOL,
			    "op: %d is no operation known here; hint: is the peer newer?", (int)op);
}

static int decode_type(Muster__V1__VmType type, enum vm_type *ret, struct mu_error *err)
{
	for (size_t i = 0; i < _VM_TYPE_COUNT; i++)
		if (types[i] == type) {
			*ret = (enum vm_type)i;
			return 0;
		}
	return mu_error_set(err, MU_E_PROTOCOL, "type: %d is no type of VM", (int)type);
}

/* An agent from before there were others has VMs. */
static int decode_kind(Muster__V1__VmKind kind, enum vm_kind *ret, struct mu_error *err)
{
	if (kind == MUSTER__V1__VM_KIND__VM_KIND_UNSPECIFIED)
		kind = MUSTER__V1__VM_KIND__VM_KIND_VM;
	for (size_t i = 0; i < _VM_KIND_COUNT; i++)
		if (kinds[i] == kind) {
			*ret = (enum vm_kind)i;
			return 0;
		}
	return mu_error_set(err, MU_E_PROTOCOL, "kind: %d is no kind of VM", (int)kind);
}

static int decode_power(Muster__V1__VmPower power, enum vm_power *ret, struct mu_error *err)
{
	for (size_t i = 0; i < _VM_POWER_COUNT; i++)
		if (i != VM_UNKNOWN && powers[i] == power) {
			*ret = (enum vm_power)i;
			return 0;
		}
	return mu_error_set(err, MU_E_PROTOCOL, "power: %d is no power state", (int)power);
}

ProtobufCBinaryData wire_uuid_encode(struct mu_arena *a, const struct mu_uuid *u)
{
	return (ProtobufCBinaryData){
	    .len = UUID_BYTES,
	    .data = mu_arena_memdup(a, u->bytes, UUID_BYTES),
	};
}

int wire_uuid_decode(const ProtobufCBinaryData *b, const char *field, struct mu_uuid *ret,
		     struct mu_error *err)
{
	struct mu_uuid u;

	if (b->len != UUID_BYTES)
		return mu_error_set(err, MU_E_PROTOCOL, "%s: %zu bytes long, an id has 16", field,
				    b->len);
	memcpy(u.bytes, b->data, UUID_BYTES);
	if (mu_uuid_is_nil(&u))
		return mu_error_set(err, MU_E_PROTOCOL, "%s: all zero, which is no id", field);
	*ret = u;
	return 0;
}

static Muster__V1__GuestState *encode_guest(struct mu_arena *a, const struct vm_guest *g)
{
	Muster__V1__GuestState *m = mu_arena_alloc(a, sizeof *m);

	muster__v1__guest_state__init(m);
	wire_texts_encode(a, guest_texts, MU_ARRAY_SIZE(guest_texts), g, m);
	m->agent_detected = g->agent_detected;
	m->pv_drivers_detected = g->pv_drivers_detected;
	m->balloon = said[g->balloon];
	m->memory_free_bytes = g->memory_free_bytes < 0 ? -1 : g->memory_free_bytes;
	m->memory_total_bytes = g->memory_total_bytes < 0 ? -1 : g->memory_total_bytes;
	m->n_addresses = g->n_addrs;
	m->addresses = mu_arena_calloc(a, g->n_addrs, sizeof *m->addresses);
	for (size_t i = 0; i < g->n_addrs; i++) {
		Muster__V1__GuestAddress *addr = mu_arena_alloc(a, sizeof *addr);

		muster__v1__guest_address__init(addr);
		addr->device = g->addrs[i].device;
		addr->v6 = g->addrs[i].v6;
		addr->index = g->addrs[i].index;
		addr->address = wire_text_encode(a, g->addrs[i].addr);
		m->addresses[i] = addr;
	}
	return m;
}

static int decode_said(Muster__V1__GuestSaid v, const char *field, enum vm_said *ret,
		       struct mu_error *err)
{
	for (unsigned i = 0; i < _VM_SAID_COUNT; i++) {
		if (said[i] == v) {
			*ret = (enum vm_said)i;
			return 0;
		}
	}
	return mu_error_set(err, MU_E_PROTOCOL, "%s: %d", field, (int)v);
}

static int decode_guest_memory(int64_t v, const char *field, int64_t *ret, struct mu_error *err)
{
	if (v < -1)
		return mu_error_set(err, MU_E_PROTOCOL, "%s: %" PRId64 " is negative", field, v);
	*ret = v;
	return 0;
}

static int decode_address(const Muster__V1__GuestAddress *m, struct vm_guest *g, size_t i,
			  struct mu_error *err)
{
	int r;

	if ((r = wire_range(m->device, UINT16_MAX, "device", err)) < 0 ||
	    (r = wire_range(m->index, UINT16_MAX, "index", err)) < 0 ||
	    (r = wire_text_decode(m->address, "address", g->addrs[i].addr, sizeof g->addrs[i].addr,
				  err)) < 0)
		return mu_error_prefix(err, "addresses[%zu]", i);
	g->addrs[i].device = (uint16_t)m->device;
	g->addrs[i].index = (uint16_t)m->index;
	g->addrs[i].v6 = m->v6;
	return 0;
}

static int decode_guest(const Muster__V1__GuestState *m, struct vm_guest *g, struct mu_error *err)
{
	int r;

	if ((r = wire_texts_decode(guest_texts, MU_ARRAY_SIZE(guest_texts), m, g, err)) < 0 ||
	    (r = decode_guest_memory(m->memory_free_bytes, "memory_free_bytes",
				     &g->memory_free_bytes, err)) < 0 ||
	    (r = decode_guest_memory(m->memory_total_bytes, "memory_total_bytes",
				     &g->memory_total_bytes, err)) < 0 ||
	    (r = decode_said(m->balloon, "balloon", &g->balloon, err)) < 0 ||
	    (r = wire_range(m->n_addresses, MODEL_VM_ADDRS_MAX, "number of addresses", err)) < 0)
		return r;
	g->agent_detected = m->agent_detected;
	g->pv_drivers_detected = m->pv_drivers_detected;
	for (size_t i = 0; i < m->n_addresses; i++)
		if ((r = decode_address(m->addresses[i], g, i, err)) < 0)
			return r;
	g->n_addrs = m->n_addresses;
	return 0;
}

static void encode_disks(struct mu_arena *a, const struct model_vm *vm, Muster__V1__VmState *m)
{
	m->n_disks = vm->n_disks;
	m->disks = mu_arena_calloc(a, vm->n_disks, sizeof *m->disks);
	for (size_t i = 0; i < vm->n_disks; i++) {
		Muster__V1__VmDisk *d = mu_arena_alloc(a, sizeof *d);

		muster__v1__vm_disk__init(d);
		wire_texts_encode(a, disk_texts, MU_ARRAY_SIZE(disk_texts), &vm->disks[i], d);
		wire_flags_encode(disk_flags, MU_ARRAY_SIZE(disk_flags), &vm->disks[i], d);
		d->vdi = wire_optional_uuid_encode(a, &vm->disks[i].vdi);
		m->disks[i] = d;
	}
}

static int decode_disk(const Muster__V1__VmDisk *m, struct model_disk *d, struct mu_error *err)
{
	wire_flags_decode(disk_flags, MU_ARRAY_SIZE(disk_flags), m, d);
	if (wire_texts_decode(disk_texts, MU_ARRAY_SIZE(disk_texts), m, d, err) < 0)
		return MU_FAILED;
	return wire_optional_uuid_decode(&m->vdi, "vdi", &d->vdi, err);
}

static int decode_disks(const Muster__V1__VmState *m, struct model_vm *vm, struct mu_error *err)
{
	int r;

	if ((r = wire_range(m->n_disks, MODEL_VM_DISKS_MAX, "number of disks", err)) < 0)
		return r;
	for (size_t i = 0; i < m->n_disks; i++)
		if (decode_disk(m->disks[i], &vm->disks[i], err) < 0)
			return mu_error_prefix(err, "disks[%zu]", i);
	vm->n_disks = m->n_disks;
	return 0;
}

static void encode_nics(struct mu_arena *a, const struct model_vm *vm, Muster__V1__VmState *m)
{
	m->n_nics = vm->n_nics;
	m->nics = mu_arena_calloc(a, vm->n_nics, sizeof *m->nics);
	for (size_t i = 0; i < vm->n_nics; i++) {
		const struct model_nic *nic = &vm->nics[i];
		Muster__V1__VmNic *n = mu_arena_alloc(a, sizeof *n);

		muster__v1__vm_nic__init(n);
		wire_texts_encode(a, nic_texts, MU_ARRAY_SIZE(nic_texts), nic, n);
		n->device = nic->device;
		n->attached = nic->attached;
		n->mtu = (uint32_t)wire_clamp(nic->mtu, 0, MTU_MAX);
		n->rate_kbps = nic->rate_kbps;
		m->nics[i] = n;
	}
}

static int decode_nic(const Muster__V1__VmNic *m, struct model_nic *n, struct mu_error *err)
{
	int r;

	if ((r = wire_range(m->device, UINT16_MAX, "device", err)) < 0 ||
	    (r = wire_range(m->mtu, MTU_MAX, "mtu", err)) < 0)
		return r;
	n->device = m->device;
	n->attached = m->attached;
	n->mtu = m->mtu;
	n->rate_kbps = m->rate_kbps;
	return wire_texts_decode(nic_texts, MU_ARRAY_SIZE(nic_texts), m, n, err);
}

static int decode_nics(const Muster__V1__VmState *m, struct model_vm *vm, struct mu_error *err)
{
	int r;

	if ((r = wire_range(m->n_nics, MODEL_VM_NICS_MAX, "number of nics", err)) < 0)
		return r;
	for (size_t i = 0; i < m->n_nics; i++)
		if (decode_nic(m->nics[i], &vm->nics[i], err) < 0)
			return mu_error_prefix(err, "nics[%zu]", i);
	vm->n_nics = m->n_nics;
	return 0;
}

Muster__V1__VmState *wire_vm_encode(struct mu_arena *a, const struct model_vm *vm)
{
	Muster__V1__VmState *m = mu_arena_alloc(a, sizeof *m);
	struct mu_uuid task;

	muster__v1__vm_state__init(m);
	m->id = wire_uuid_encode(a, &vm->id.uuid);
	wire_texts_encode(a, vm_texts, MU_ARRAY_SIZE(vm_texts), vm, m);
	wire_counts_encode(vm_counts, MU_ARRAY_SIZE(vm_counts), vm, m);
	m->type = vm->type < _VM_TYPE_COUNT ? types[vm->type] : types[VM_TYPE_PV];
	m->power = vm->power < _VM_POWER_COUNT ? powers[vm->power] : powers[VM_UNKNOWN];
	m->kind = vm->kind < _VM_KIND_COUNT ? kinds[vm->kind] : kinds[VM_KIND_VM];
	wire_flags_encode(vm_flags, MU_ARRAY_SIZE(vm_flags), vm, m);
	m->domid = vm->domid;
	m->vcpus_online = vm->vcpus_online;
	m->vcpus_max = vm->vcpus_max;
	m->start_order = vm->start_order;
	m->cpu_weight = (uint32_t)wire_clamp(vm->cpu_weight, 0, WEIGHT_MAX);
	m->cpu_cap = (uint32_t)wire_clamp(vm->cpu_cap, 0, 100 * VCPUS_MAX);
	m->cores_per_socket = (uint32_t)wire_clamp(vm->cores_per_socket, 0, VCPUS_MAX);
	m->snapshot_of = wire_optional_uuid_encode(a, &vm->snapshot_of.uuid);
	m->parent = wire_optional_uuid_encode(a, &vm->parent.uuid);
	encode_disks(a, vm, m);
	encode_nics(a, vm, m);
	m->current_op = wire_op_encode(vm->current_op);
	if (mu_uuid_parse(vm->current_task, &task))
		m->current_task = wire_uuid_encode(a, &task);
	m->guest = encode_guest(a, &vm->guest);
	m->n_tags = vm->n_tags;
	m->tags = mu_arena_calloc(a, vm->n_tags, sizeof *m->tags);
	for (size_t i = 0; i < vm->n_tags; i++)
		m->tags[i] = wire_text_encode(a, vm->tags[i]);
	return m;
}

static int decode_vm_numbers(const Muster__V1__VmState *m, struct model_vm *vm,
			     struct mu_error *err)
{
	int r;

	if ((r = wire_counts_decode(vm_counts, MU_ARRAY_SIZE(vm_counts), m, vm, err)) < 0 ||
	    (r = wire_range(m->vcpus_online, VCPUS_MAX, "vcpus_online", err)) < 0 ||
	    (r = wire_range(m->vcpus_max, VCPUS_MAX, "vcpus_max", err)) < 0 ||
	    (r = wire_range(m->cpu_weight, WEIGHT_MAX, "cpu_weight", err)) < 0 ||
	    (r = wire_range(m->cpu_cap, 100 * VCPUS_MAX, "cpu_cap", err)) < 0 ||
	    (r = wire_range(m->cores_per_socket, VCPUS_MAX, "cores_per_socket", err)) < 0)
		return r;
	if (m->domid < -1 || m->domid > DOMID_MAX)
		return mu_error_set(err, MU_E_PROTOCOL, "domid: %" PRId32 " is no domain id",
				    m->domid);
	vm->domid = m->domid;
	vm->vcpus_online = m->vcpus_online;
	vm->vcpus_max = m->vcpus_max;
	vm->start_order = m->start_order;
	vm->cpu_weight = m->cpu_weight;
	vm->cpu_cap = m->cpu_cap;
	vm->cores_per_socket = m->cores_per_socket;
	wire_flags_decode(vm_flags, MU_ARRAY_SIZE(vm_flags), m, vm);
	return 0;
}

static int decode_vm_operation(const Muster__V1__VmState *m, struct model_vm *vm,
			       struct mu_error *err)
{
	struct mu_uuid task;
	int r;

	vm->current_op = _VM_OP_COUNT;
	if (m->current_op != MUSTER__V1__VM_OP__VM_OP_UNSPECIFIED &&
	    (r = wire_op_decode(m->current_op, &vm->current_op, err)) < 0)
		return mu_error_prefix(err, "current_op");
	vm->current_task[0] = '\0';
	if (m->current_task.len > 0) {
		if ((r = wire_uuid_decode(&m->current_task, "current_task", &task, err)) < 0)
			return r;
		mu_uuid_format(&task, vm->current_task);
	}
	return 0;
}

static int decode_tags(const Muster__V1__VmState *m, struct model_vm *vm, struct mu_error *err)
{
	int r;

	if ((r = wire_range(m->n_tags, MODEL_VM_TAGS_MAX, "number of tags", err)) < 0)
		return r;
	for (size_t i = 0; i < m->n_tags; i++)
		if ((r = wire_text_decode(m->tags[i], "tags", vm->tags[i], sizeof vm->tags[i],
					  err)) < 0)
			return r;
	vm->n_tags = m->n_tags;
	return 0;
}

static int decode_vm(const Muster__V1__VmState *m, struct model_vm *vm, struct mu_error *err)
{
	int r;

	if ((r = wire_texts_decode(vm_texts, MU_ARRAY_SIZE(vm_texts), m, vm, err)) < 0 ||
	    (r = decode_type(m->type, &vm->type, err)) < 0 ||
	    (r = decode_power(m->power, &vm->power, err)) < 0 ||
	    (r = decode_vm_numbers(m, vm, err)) < 0 || (r = decode_vm_operation(m, vm, err)) < 0 ||
	    (r = decode_tags(m, vm, err)) < 0 || (r = decode_kind(m->kind, &vm->kind, err)) < 0 ||
	    (r = decode_disks(m, vm, err)) < 0 || (r = decode_nics(m, vm, err)) < 0 ||
	    (r = wire_optional_uuid_decode(&m->snapshot_of, "snapshot_of", &vm->snapshot_of.uuid,
					   err)) < 0 ||
	    (r = wire_optional_uuid_decode(&m->parent, "parent", &vm->parent.uuid, err)) < 0)
		return r;
	if (m->guest && decode_guest(m->guest, &vm->guest, err) < 0)
		return mu_error_prefix(err, "guest");
	return 0;
}

int wire_vm_decode(const Muster__V1__VmState *m, const struct host_id *host,
		   struct model_vm *ret_vm, struct mu_error *err)
{
	char id[MU_UUID_TEXT];
	struct model_vm vm;

	model_vm_init(&vm);
	vm.host = *host;
	if (wire_uuid_decode(&m->id, "id", &vm.id.uuid, err) < 0)
		return mu_error_prefix(err, "vm");
	if (decode_vm(m, &vm, err) < 0)
		return mu_error_prefix(err, "vm %s", mu_uuid_format(&vm.id.uuid, id));
	*ret_vm = vm;
	return 0;
}
