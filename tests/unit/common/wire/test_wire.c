/* SPDX-License-Identifier: Apache-2.0 */
/* Models to messages and back: every field survives, and every refusal says which field it was. */
#include "common/wire/wire.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static const struct host_id host = {{{7, 7, 7, 7, 7, 7, 0x47, 7, 0x87, 7, 7, 7, 7, 7, 7, 7}}};

static void set_text(char *dst, size_t size, const char *text)
{
	(void)snprintf(dst, size, "%s", text);
}

#define SET(field, text) set_text(field, sizeof(field), text)

/* A VM in which no two fields are alike and none has its default. */
static struct model_vm full_vm(void)
{
	struct model_vm vm;

	model_vm_init(&vm);
	mu_uuid_parse("01234567-89ab-4def-8123-456789abcdef", &vm.id.uuid);
	vm.host = host;
	SET(vm.name, "b\xc3\xbcro");
	SET(vm.description, "of the third floor");
	vm.type = VM_TYPE_HVM;
	vm.power = VM_PAUSED;
	vm.managed = true;
	vm.autostart = true;
	vm.domid = 12;
	vm.vcpus_online = 3;
	vm.vcpus_max = 4;
	vm.memory_bytes = INT64_C(1) << 40;
	vm.memory_static_max_bytes = INT64_C(2) << 40;
	vm.start_delay_ms = 30000;
	vm.start_order = -5;
	vm.started_at = INT64_C(1763000000123);
	vm.current_op = VM_OP_SUSPEND;
	SET(vm.current_task, "fedcba98-7654-4321-8123-456789abcdef");
	vm.guest.agent_detected = true;
	vm.guest.pv_drivers_detected = true;
	vm.guest.balloon = VM_SAID_YES;
	SET(vm.guest.agent_version, "7.30");
	SET(vm.guest.os_name, "Debian GNU/Linux 12");
	SET(vm.guest.os_distro, "debian");
	SET(vm.guest.os_uname, "6.1.0-18-amd64");
	SET(vm.guest.os_major, "12");
	SET(vm.guest.os_minor, "5");
	vm.guest.memory_free_bytes = 1234567;
	vm.guest.memory_total_bytes = 0;
	vm.guest.n_addrs = 2;
	vm.guest.addrs[0].device = 1;
	vm.guest.addrs[0].index = 2;
	SET(vm.guest.addrs[0].addr, "192.0.2.17");
	vm.guest.addrs[1].v6 = true;
	vm.guest.addrs[1].device = UINT16_MAX;
	SET(vm.guest.addrs[1].addr, "2001:db8::17");
	vm.n_tags = 2;
	SET(vm.tags[0], "office");
	SET(vm.tags[1], "");
	vm.kind = VM_KIND_SNAPSHOT;
	vm.n_disks = 2;
	SET(vm.disks[0].vdev, "xvda");
	vm.disks[0].vdi.bytes[3] = 4;
	vm.disks[0].attached = vm.disks[0].bootable = true;
	SET(vm.disks[1].vdev, "hdc");
	vm.disks[1].readonly = vm.disks[1].cdrom = true;
	vm.n_nics = 1;
	vm.nics[0] =
	    (struct model_nic){.device = 2, .attached = true, .mtu = 9000, .rate_kbps = 125};
	SET(vm.nics[0].mac, "00:16:3e:01:02:03");
	SET(vm.nics[0].bridge, "xenbr0");
	SET(vm.firmware, "uefi");
	SET(vm.boot_order, "cdn");
	SET(vm.cmdline, "root=/dev/xvda1 ro");
	SET(vm.cpu_mask, "0-3,8");
	SET(vm.cpu_mask_soft, "2");
	vm.cpu_weight = 512;
	vm.cpu_cap = 250;
	vm.cores_per_socket = 6;
	vm.memory_min_bytes = 1 << 28;
	vm.pending = true;
	vm.snapshot_of.uuid.bytes[1] = 2;
	vm.snapshot_at = INT64_C(1763000000456);
	vm.with_memory = true;
	vm.memory_file_bytes = 1 << 27;
	vm.parent.uuid.bytes[1] = 3;
	return vm;
}

static struct model_host full_host(void)
{
	struct model_host h;

	model_host_init(&h);
	h.id = host;
	SET(h.name, "xen1");
	SET(h.description, "rack 4");
	SET(h.address, "192.0.2.1");
	SET(h.agent_version, "0.1.0");
	SET(h.xen_version, "4.17.4");
	SET(h.kernel, "6.1.0");
	SET(h.cpu_model, "EPYC");
	SET(h.driver, "sim");
	SET(h.boot_id, "11111111-2222-4333-8444-555555555555");
	h.cpus = 64;
	h.sockets = 2;
	h.cpu_mhz = 2400;
	h.memory_total_bytes = INT64_C(1) << 38;
	h.memory_free_bytes = INT64_C(1) << 37;
	h.hvm_capable = true;
	h.booted_at = 1763000000000;
	h.agent_started_at = 1763000001000;
	SET(h.cpu_vendor, "AuthenticAMD");
	h.cpu_family = 25;
	h.cpu_model_number = 1;
	h.cpu_stepping = 2;
	h.threads_per_core = 2;
	h.iommu = true;
	SET(h.bios.vendor, "AMI");
	SET(h.bios.version, "2.1");
	SET(h.bios.date, "01/02/2024");
	SET(h.bios.manufacturer, "Supermicro");
	SET(h.bios.product, "AS-1014S");
	SET(h.bios.product_version, "rev 3");
	SET(h.bios.serial, "S123");
	SET(h.bios.board_manufacturer, "Supermicro");
	SET(h.bios.board_product, "H12SSW");
	h.maintenance = true;
	return h;
}

/* Through packed bytes, as on the stream. */
static Muster__V1__Snapshot *over_the_wire(struct mu_arena *a, Muster__V1__VmState *vm,
					   Muster__V1__HostState *h)
{
	Muster__V1__Snapshot snapshot = MUSTER__V1__SNAPSHOT__INIT;
	Muster__V1__AgentMessage message = MUSTER__V1__AGENT_MESSAGE__INIT, *back;
	struct mu_error err = MU_ERROR_INIT;
	const void *data;
	size_t len;

	snapshot.vms = &vm;
	snapshot.n_vms = 1;
	snapshot.host = h;
	message.kind_case = MUSTER__V1__AGENT_MESSAGE__KIND_SNAPSHOT;
	message.snapshot = &snapshot;
	wire_pack(a, &message.base, &data, &len);
	cr_assert_eq(wire_unpack_agent_message(a, data, len, &back, &err), 0, "%s", err.text);
	cr_assert_eq(back->kind_case, MUSTER__V1__AGENT_MESSAGE__KIND_SNAPSHOT);
	cr_assert_eq(back->snapshot->n_vms, 1);
	return back->snapshot;
}

static struct model_vm round_trip(const struct model_vm *vm)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct mu_error err = MU_ERROR_INIT;
	struct model_vm back;
	Muster__V1__Snapshot *s = over_the_wire(a, wire_vm_encode(a, vm), NULL);

	cr_assert_eq(wire_vm_decode(s->vms[0], &host, &back, &err), 0, "%s", err.text);
	return back;
}

Test(wire, vm_round_trip)
{
	struct model_vm vm = full_vm(), back = round_trip(&vm);

	cr_assert(model_vm_equal(&vm, &back));
	/* What model_vm_equal() may one day forget: */
	cr_assert_eq(back.domid, 12);
	cr_assert_eq(back.start_order, -5);
	cr_assert_eq(back.current_op, VM_OP_SUSPEND);
	cr_assert_str_eq(back.current_task, vm.current_task);
	cr_assert_str_eq(back.guest.addrs[1].addr, "2001:db8::17");
	cr_assert_eq(back.guest.balloon, VM_SAID_YES);
	cr_assert(back.guest.addrs[1].v6);
	cr_assert_str_eq(back.tags[0], "office");
	cr_assert_eq(back.disks[0].vdi.bytes[3], 4);
	cr_assert_eq(back.nics[0].rate_kbps, 125);
	cr_assert_str_eq(back.cpu_mask, "0-3,8");
	cr_assert_str_eq(back.cpu_mask_soft, "2");
	cr_assert_eq(back.parent.uuid.bytes[1], 3);
	cr_assert_eq(memcmp(&back.host, &host, sizeof host), 0);
}

Test(wire, vm_defaults_round_trip)
{
	struct model_vm vm, back;

	model_vm_init(&vm);
	vm.id.uuid.bytes[0] = 1;
	vm.host = host;
	back = round_trip(&vm);
	cr_assert(model_vm_equal(&vm, &back));
	cr_assert_eq(back.domid, -1);
	cr_assert_eq(back.current_op, _VM_OP_COUNT);
	cr_assert_eq(back.guest.memory_free_bytes, -1);
}

Test(wire, every_enum_value_round_trips)
{
	struct model_vm vm = full_vm(), back;

	for (size_t i = 0; i < VM_UNKNOWN; i++) {
		vm.power = (enum vm_power)i;
		back = round_trip(&vm);
		cr_assert_eq(back.power, vm.power, "%s", vm_power_name(vm.power));
	}
	for (size_t i = 0; i < _VM_TYPE_COUNT; i++) {
		vm.type = (enum vm_type)i;
		back = round_trip(&vm);
		cr_assert_eq(back.type, vm.type, "%s", vm_type_name(vm.type));
	}
	for (size_t i = 0; i < _VM_KIND_COUNT; i++) {
		vm.kind = (enum vm_kind)i;
		back = round_trip(&vm);
		cr_assert_eq(back.kind, vm.kind, "%s", vm_kind_name(vm.kind));
	}
	for (size_t i = 0; i <= _VM_OP_COUNT; i++) {
		vm.current_op = (enum vm_op)i;
		back = round_trip(&vm);
		cr_assert_eq(back.current_op, vm.current_op, "%s", vm_op_name(vm.current_op));
	}
}

Test(wire, full_strings_and_lists_fit)
{
	struct model_vm vm = full_vm(), back;

	memset(vm.name, 'n', MODEL_NAME_MAX);
	memset(vm.description, 'd', MODEL_TEXT_MAX);
	vm.name[MODEL_NAME_MAX] = vm.description[MODEL_TEXT_MAX] = '\0';
	vm.n_tags = MODEL_VM_TAGS_MAX;
	vm.guest.n_addrs = MODEL_VM_ADDRS_MAX;
	vm.n_disks = MODEL_VM_DISKS_MAX;
	vm.n_nics = MODEL_VM_NICS_MAX;
	memset(vm.cmdline, 'c', MODEL_TEXT_MAX);
	back = round_trip(&vm);
	cr_assert(model_vm_equal(&vm, &back));
}

Test(wire, host_round_trip)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct mu_error err = MU_ERROR_INIT;
	struct model_host h = full_host(), back;
	struct model_vm vm = full_vm();
	Muster__V1__Snapshot *s = over_the_wire(a, wire_vm_encode(a, &vm), wire_host_encode(a, &h));

	cr_assert_eq(wire_host_decode(s->host, &host, &back, &err), 0, "%s", err.text);
	cr_assert(model_host_equal(&h, &back));
	cr_assert_str_eq(back.boot_id, h.boot_id);
	cr_assert_eq(back.agent_started_at, h.agent_started_at);
	cr_assert_not(back.connected, "the wire does not say whether a host is connected");
}

/* An agent of an earlier version. */
Test(wire, host_without_bios)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct mu_error err = MU_ERROR_INIT;
	struct model_host h = full_host(), back;
	Muster__V1__HostState *m = wire_host_encode(a, &h);

	m->bios = NULL;
	cr_assert_eq(wire_host_decode(m, &host, &back, &err), 0, "%s", err.text);
	cr_assert_str_eq(back.bios.serial, "");
}

Test(wire, host_read_round_trip)
{
	static const struct mu_uuid id = {{1, 2, 3}};
	struct mu_error err = MU_ERROR_INIT;

	for (unsigned kind = 0; kind < _HOST_READ_KIND_COUNT; kind++) {
		MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
		struct host_read what = {
		    .kind = (enum host_read_kind)kind, .since = 5, .lines = 9, .vm = {{{0x77}}}};
		struct host_read back;
		Muster__V1__HostRead *m;

		SET(what.unit, "x.service");
		SET(what.cursor, "s=ab;i=1");
		SET(what.boot, "0123456789abcdef0123456789abcdef");
		m = wire_host_read_encode(a, &id, &what);
		cr_assert_eq(m->id.len, 16u);
		cr_assert_eq(wire_host_read_decode(m, &back, &err), 0, "%s", err.text);
		cr_assert_eq(back.kind, what.kind);
		cr_assert_str_eq(back.unit, what.unit);
		cr_assert_str_eq(back.cursor, what.cursor);
		cr_assert_str_eq(back.boot, what.boot);
		cr_assert_eq(back.since, 5);
		cr_assert_eq(back.lines, 9u);
		cr_assert_eq(mu_uuid_equal(&back.vm.uuid, &what.vm.uuid),
			     kind == HOST_READ_DEFINITION);
	}
}

Test(wire, host_read_refusals)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct host_read what = {.kind = HOST_READ_JOURNAL}, back = what;
	static const struct mu_uuid id = {{1}};
	struct mu_error err = MU_ERROR_INIT;
	Muster__V1__HostRead *m = wire_host_read_encode(a, &id, &what);

	m->kind = MUSTER__V1__HOST_READ_KIND__HOST_READ_KIND_UNSPECIFIED;
	cr_assert_eq(wire_host_read_decode(m, &back, &err), MU_FAILED);
	cr_assert_eq(err.code, MU_E_UNSUPPORTED);
	m = wire_host_read_encode(a, &id, &what);
	m->since_ms = UINT64_MAX;
	cr_assert_eq(wire_host_read_decode(m, &back, &err), MU_FAILED);
	cr_assert(strstr(err.text, "host_read: since_ms"), "%s", err.text);
	m = wire_host_read_encode(a, &id, &what);
	m->unit = mu_arena_strdup(a, "--rotate");
	cr_assert_eq(wire_host_read_decode(m, &back, &err), MU_FAILED);
	cr_assert_eq(err.code, MU_E_INVALID);
	what.kind = HOST_READ_DEFINITION;
	m = wire_host_read_encode(a, &id, &what);
	cr_assert_eq(wire_host_read_decode(m, &back, &err), MU_FAILED);
	cr_assert(strstr(err.text, "host_read: vm"), "%s", err.text);
	m->vm_id.len = 15;
	cr_assert_eq(wire_host_read_decode(m, &back, &err), MU_FAILED);
}

Test(wire, bad_text_from_a_driver_goes_out_readable)
{
	struct model_vm vm = full_vm(), back;

	SET(vm.name, "bad\xff name");
	back = round_trip(&vm);
	cr_assert_str_eq(back.name, "bad? name");
}

/* Unknown memory and absurd clocks are the driver's trouble, not a reason to lose the host. */
Test(wire, negative_counts_go_out_as_zero)
{
	struct model_vm vm = full_vm(), back;

	vm.memory_bytes = -1;
	vm.started_at = INT64_MAX;
	vm.guest.memory_free_bytes = -77;
	vm.nics[0].mtu = UINT32_MAX;
	vm.cpu_weight = vm.cpu_cap = vm.cores_per_socket = UINT32_MAX;
	back = round_trip(&vm);
	cr_assert_eq(back.nics[0].mtu, 65536);
	cr_assert_eq(back.cpu_weight, 65535);
	cr_assert_eq(back.cpu_cap, 819200);
	cr_assert_eq(back.cores_per_socket, 8192);
	cr_assert_eq(back.memory_bytes, 0);
	cr_assert_eq(back.started_at, INT64_C(253402300799999));
	cr_assert_eq(back.guest.memory_free_bytes, -1);
}

static char long_text[MODEL_TEXT_MAX + 2];
static char bad_text[] = "\xc3\x28";
static uint8_t nil_id[16];

#define SPOIL(name, statement)                                                                     \
	static void name(Muster__V1__VmState *m)                                                   \
	{                                                                                          \
		statement;                                                                         \
	}
SPOIL(short_id, m->id.len = 15)
SPOIL(no_id, m->id.len = 0)
SPOIL(nil, m->id.data = nil_id)
SPOIL(long_name, m->name = long_text)
SPOIL(bad_name, m->name = bad_text)
SPOIL(long_description, m->description = long_text)
SPOIL(no_type, m->type = MUSTER__V1__VM_TYPE__VM_TYPE_UNSPECIFIED)
SPOIL(bad_type, m->type = (Muster__V1__VmType)99)
SPOIL(no_power, m->power = MUSTER__V1__VM_POWER__VM_POWER_UNSPECIFIED)
SPOIL(bad_power, m->power = (Muster__V1__VmPower)-1)
SPOIL(low_domid, m->domid = -2)
SPOIL(high_domid, m->domid = 0x7ff0)
SPOIL(many_vcpus, m->vcpus_online = 8193)
SPOIL(many_vcpus_max, m->vcpus_max = UINT32_MAX)
SPOIL(huge_memory, m->memory_bytes = UINT64_MAX)
SPOIL(huge_memory_max, m->memory_static_max_bytes = UINT64_MAX)
SPOIL(huge_delay, m->start_delay_ms = UINT64_C(1) << 31)
SPOIL(late_start, m->started_at_ms = UINT64_C(253402300800000))
SPOIL(bad_op, m->current_op = (Muster__V1__VmOp)11)
SPOIL(short_task, m->current_task.len = 1)
SPOIL(many_tags, m->n_tags = MODEL_VM_TAGS_MAX + 1)
SPOIL(long_tag, m->tags[1] = long_text)
SPOIL(guest_text, m->guest->os_major = long_text)
SPOIL(guest_free, m->guest->memory_free_bytes = -2)
SPOIL(guest_total, m->guest->memory_total_bytes = INT64_MIN)
SPOIL(guest_balloon, m->guest->balloon = 3)
SPOIL(many_addresses, m->guest->n_addresses = MODEL_VM_ADDRS_MAX + 1)
SPOIL(address_device, m->guest->addresses[1]->device = 65536)
SPOIL(address_index, m->guest->addresses[0]->index = UINT32_MAX)
SPOIL(address_text, m->guest->addresses[0]->address = long_text)
SPOIL(bad_kind, m->kind = (Muster__V1__VmKind)4)
SPOIL(many_disks, m->n_disks = MODEL_VM_DISKS_MAX + 1)
SPOIL(disk_vdev, m->disks[1]->vdev = long_text)
SPOIL(disk_vdi, m->disks[0]->vdi.len = 3)
SPOIL(many_nics, m->n_nics = MODEL_VM_NICS_MAX + 1)
SPOIL(nic_device, m->nics[0]->device = 65536)
SPOIL(nic_mac, m->nics[0]->mac = long_text)
SPOIL(nic_bridge, m->nics[0]->bridge = bad_text)
SPOIL(nic_mtu, m->nics[0]->mtu = 65537)
SPOIL(long_firmware, m->firmware = long_text)
SPOIL(long_boot, m->boot_order = long_text)
SPOIL(long_cmdline, m->cmdline = long_text)
SPOIL(long_mask, m->cpu_mask = long_text)
SPOIL(bad_soft_mask, m->cpu_mask_soft = bad_text)
SPOIL(much_weight, m->cpu_weight = 65536)
SPOIL(much_cap, m->cpu_cap = 819201)
SPOIL(many_cores, m->cores_per_socket = 8193)
SPOIL(huge_min, m->memory_min_bytes = UINT64_MAX)
SPOIL(bad_snapshot_of, m->snapshot_of.len = 17)
SPOIL(late_snapshot, m->snapshot_at_ms = UINT64_MAX)
SPOIL(bad_parent, m->parent.len = 1)

static const struct {
	void (*spoil)(Muster__V1__VmState *m);
	const char *text; /* must be in the error */
} refusals[] = {
    {short_id, "vm: id: 15 bytes"},
    {no_id, "id: 0 bytes"},
    {nil, "id: all zero"},
    {long_name, "vm 01234567-89ab-4def-8123-456789abcdef: name: 256 bytes long, the limit is 127"},
    {bad_name, "name: not valid UTF-8"},
    {long_description, "description: 256 bytes"},
    {no_type, "type: 0"},
    {bad_type, "type: 99"},
    {no_power, "power: 0"},
    {bad_power, "power: -1"},
    {low_domid, "domid: -2"},
    {high_domid, "domid: 32752"},
    {many_vcpus, "vcpus_online: 8193"},
    {many_vcpus_max, "vcpus_max: 4294967295"},
    {huge_memory, "memory_bytes: 18446744073709551615"},
    {huge_memory_max, "memory_static_max_bytes: "},
    {huge_delay, "start_delay_ms: 2147483648"},
    {late_start, "started_at_ms: "},
    {bad_op, "current_op: op: 11"},
    {short_task, "current_task: 1 bytes"},
    {many_tags, "number of tags: 17"},
    {long_tag, "tags: 256 bytes"},
    {guest_text, "guest: os_major: 256 bytes"},
    {guest_free, "guest: memory_free_bytes: -2"},
    {guest_total, "guest: memory_total_bytes: "},
    {guest_balloon, "guest: balloon: 3"},
    {many_addresses, "guest: number of addresses: 17"},
    {address_device, "guest: addresses[1]: device: 65536"},
    {address_index, "guest: addresses[0]: index: "},
    {address_text, "guest: addresses[0]: address: 256 bytes"},
    {bad_kind, "kind: 4"},
    {many_disks, "number of disks: 17"},
    {disk_vdev, "disks[1]: vdev: 256 bytes long, the limit is 15"},
    {disk_vdi, "disks[0]: vdi: 3 bytes"},
    {many_nics, "number of nics: 9"},
    {nic_device, "nics[0]: device: 65536"},
    {nic_mac, "nics[0]: mac: 256 bytes"},
    {nic_bridge, "nics[0]: bridge: not valid UTF-8"},
    {nic_mtu, "nics[0]: mtu: 65537"},
    {long_firmware, "firmware: 256 bytes"},
    {long_boot, "boot_order: 256 bytes"},
    {long_cmdline, "cmdline: 256 bytes long, the limit is 255"},
    {long_mask, "cpu_mask: 256 bytes"},
    {bad_soft_mask, "cpu_mask_soft: not valid UTF-8"},
    {much_weight, "cpu_weight: 65536"},
    {much_cap, "cpu_cap: 819201"},
    {many_cores, "cores_per_socket: 8193"},
    {huge_min, "memory_min_bytes: "},
    {bad_snapshot_of, "snapshot_of: 17 bytes"},
    {late_snapshot, "snapshot_at_ms: "},
    {bad_parent, "parent: 1 bytes"},
};

Test(wire, each_refusal_of_a_vm_names_its_field)
{
	struct model_vm vm = full_vm(), untouched = vm;

	memset(long_text, 'x', sizeof long_text - 1);
	for (size_t i = 0; i < MU_ARRAY_SIZE(refusals); i++) {
		MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
		struct mu_error err = MU_ERROR_INIT;
		Muster__V1__VmState *m = wire_vm_encode(a, &vm);

		refusals[i].spoil(m);
		cr_expect_eq(wire_vm_decode(m, &host, &untouched, &err), MU_FAILED, "%s",
			     refusals[i].text);
		cr_expect_eq(err.code, MU_E_PROTOCOL);
		cr_expect(strstr(err.text, refusals[i].text), "\"%s\" is not in \"%s\"",
			  refusals[i].text, err.text);
	}
	cr_expect(model_vm_equal(&vm, &untouched), "a failed decode writes nothing");
}

#define SPOIL_HOST(name, statement)                                                                \
	static void name(Muster__V1__HostState *m)                                                 \
	{                                                                                          \
		statement;                                                                         \
	}
SPOIL_HOST(host_name, m->name = long_text)
SPOIL_HOST(host_driver, m->driver = long_text)
SPOIL_HOST(host_boot, m->boot_id = bad_text)
SPOIL_HOST(host_boot_form, m->boot_id = long_text + MODEL_TEXT_MAX)
SPOIL_HOST(host_cpus, m->cpus = UINT32_MAX)
SPOIL_HOST(host_sockets, m->sockets = 65537)
SPOIL_HOST(host_total, m->memory_total_bytes = UINT64_MAX)
SPOIL_HOST(host_free, m->memory_free_bytes = UINT64_MAX)
SPOIL_HOST(host_booted, m->booted_at_ms = UINT64_MAX)
SPOIL_HOST(host_started, m->agent_started_at_ms = UINT64_MAX)
SPOIL_HOST(host_vendor, m->cpu_vendor = long_text)
SPOIL_HOST(host_bios, m->bios->serial = long_text)

static const struct {
	void (*spoil)(Muster__V1__HostState *m);
	const char *text;
} host_refusals[] = {
    {host_name, "host: name: 256 bytes"},
    {host_driver, "driver: 256 bytes long, the limit is 15"},
    {host_boot, "boot_id: not valid UTF-8"},
    {host_boot_form, "boot_id: not a UUID"},
    {host_cpus, "cpus: "},
    {host_sockets, "sockets: 65537"},
    {host_total, "memory_total_bytes: "},
    {host_free, "memory_free_bytes: "},
    {host_booted, "booted_at_ms: "},
    {host_started, "agent_started_at_ms: "},
    {host_vendor, "cpu_vendor: 256 bytes long, the limit is 15"},
    {host_bios, "bios: serial: 256 bytes long, the limit is 63"},
};

Test(wire, each_refusal_of_a_host_names_its_field)
{
	struct model_host h = full_host(), untouched = h;

	memset(long_text, 'x', sizeof long_text - 1);
	for (size_t i = 0; i < MU_ARRAY_SIZE(host_refusals); i++) {
		MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
		struct mu_error err = MU_ERROR_INIT;
		Muster__V1__HostState *m = wire_host_encode(a, &h);

		host_refusals[i].spoil(m);
		cr_expect_eq(wire_host_decode(m, &host, &untouched, &err), MU_FAILED, "%s",
			     host_refusals[i].text);
		cr_expect_eq(err.code, MU_E_PROTOCOL);
		cr_expect(strstr(err.text, host_refusals[i].text), "\"%s\" is not in \"%s\"",
			  host_refusals[i].text, err.text);
	}
	cr_expect(model_host_equal(&h, &untouched), "a failed decode writes nothing");
}

Test(wire, operations)
{
	struct mu_error err = MU_ERROR_INIT;
	enum vm_op op = VM_OP_PAUSE;

	for (size_t i = 0; i < _VM_OP_COUNT; i++) {
		enum vm_op back;

		cr_expect_eq(wire_op_decode(wire_op_encode((enum vm_op)i), &back, &err), 0);
		cr_expect_eq(back, (enum vm_op)i);
	}
	cr_expect_eq(wire_op_decode(MUSTER__V1__VM_OP__VM_OP_UNSPECIFIED, &op, &err), MU_FAILED);
	cr_expect_eq(op, VM_OP_PAUSE);
	cr_expect_eq(wire_op_encode(_VM_OP_COUNT), MUSTER__V1__VM_OP__VM_OP_UNSPECIFIED);
}

Test(wire, an_older_agent_has_vms_only)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct model_vm vm = full_vm(), back;
	Muster__V1__VmState *m = wire_vm_encode(a, &vm);

	m->kind = MUSTER__V1__VM_KIND__VM_KIND_UNSPECIFIED;
	cr_assert_eq(wire_vm_decode(m, &host, &back, NULL), 0);
	cr_assert_eq(back.kind, VM_KIND_VM);
}
