/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/mem.h"
#include "common/model/host.h"
#include "common/model/host_read.h"
#include "common/model/object.h"
#include "common/model/task.h"
#include "common/model/task_lines.h"
#include "common/model/vm.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

Test(model, names_go_there_and_back)
{
	for (int i = 0; i < _VM_POWER_COUNT; i++) {
		enum vm_power p;

		cr_assert(vm_power_parse(vm_power_name((enum vm_power)i), &p));
		cr_assert_eq((int)p, i);
	}
	for (int i = 0; i < _VM_TYPE_COUNT; i++) {
		enum vm_type t;

		cr_assert(vm_type_parse(vm_type_name((enum vm_type)i), &t));
		cr_assert_eq((int)t, i);
	}
	for (int i = 0; i < _VM_OP_COUNT; i++) {
		enum vm_op op;

		cr_assert(vm_op_parse(vm_op_name((enum vm_op)i), &op));
		cr_assert_eq((int)op, i);
	}
	for (int i = 0; i < _VM_KIND_COUNT; i++) {
		enum vm_kind k;

		cr_assert(vm_kind_parse(vm_kind_name((enum vm_kind)i), &k));
		cr_assert_eq((int)k, i);
	}
	for (int i = 0; i < _VDI_TYPE_COUNT; i++) {
		enum vdi_type t;

		cr_assert(vdi_type_parse(vdi_type_name((enum vdi_type)i), &t));
		cr_assert_eq((int)t, i);
	}
	for (int i = 0; i < _TASK_STATUS_COUNT; i++) {
		enum task_status s;

		cr_assert(task_status_parse(task_status_name((enum task_status)i), &s));
		cr_assert_eq((int)s, i);
	}
	cr_assert_str_eq(vm_op_name(_VM_OP_COUNT), "none");
}

Test(model, unknown_names_are_refused)
{
	enum vm_power p = VM_PAUSED;
	enum vm_type t = VM_TYPE_HVM;
	enum vm_op op = VM_OP_ADOPT;
	enum task_status s = TASK_FAILURE;
	enum vm_kind k = VM_KIND_TEMPLATE;
	enum vdi_type v = VDI_ISO;

	cr_assert_not(vm_power_parse("running", &p));
	cr_assert_not(vm_type_parse("PV", &t));
	cr_assert_not(vm_op_parse("none", &op));
	cr_assert_not(task_status_parse("", &s));
	cr_assert_not(vm_kind_parse("VM", &k));
	cr_assert_not(vdi_type_parse("disk", &v));
	cr_assert(p == VM_PAUSED && t == VM_TYPE_HVM && op == VM_OP_ADOPT && s == TASK_FAILURE);
	cr_assert(k == VM_KIND_TEMPLATE && v == VDI_ISO);
}

/* The table of docs/design/rest.md, read as a person would: rows = state, columns = operation. */
Test(model, which_operation_is_legal_when)
{
	static const struct {
		enum vm_power power;
		const char *legal;
	} rows[] = {
	    {VM_HALTED, "start"},
	    {VM_RUNNING, "clean_shutdown hard_shutdown clean_reboot hard_reboot pause suspend "
			 "adopt"},
	    {VM_PAUSED, "hard_shutdown hard_reboot unpause adopt"},
	    {VM_SUSPENDED, "hard_shutdown resume"},
	    {VM_UNKNOWN, ""},
	};

	for (size_t i = 0; i < MU_ARRAY_SIZE(rows); i++)
		for (int o = 0; o < _VM_OP_COUNT; o++) {
			enum vm_op op = (enum vm_op)o;
			char padded[200], name[40];
			bool want;

			(void)snprintf(padded, sizeof padded, " %s ", rows[i].legal);
			(void)snprintf(name, sizeof name, " %s ", vm_op_name(op));
			want = strstr(padded, name) != NULL;
			cr_assert_eq(vm_op_allowed(op, rows[i].power), want, "%s when %s",
				     vm_op_name(op), vm_power_name(rows[i].power));
			if (want)
				cr_assert_not_null(
				    strstr(vm_op_expected(op), vm_power_name(rows[i].power)));
		}
	cr_assert_eq(vm_op_target(VM_OP_SUSPEND), VM_SUSPENDED);
	cr_assert_eq(vm_op_target(VM_OP_CLEAN_REBOOT), VM_RUNNING);
}

/* Flip every field in turn: a field that model_vm_equal() forgot would never reach a client. */
Test(model, equality_sees_every_field)
{
	static const size_t vm_offsets[] = {
#define F(x) offsetof(struct model_vm, x)
	    F(id),
	    F(host),
	    F(name),
	    F(description),
	    F(type),
	    F(power),
	    F(managed),
	    F(autostart),
	    F(domid),
	    F(vcpus_online),
	    F(vcpus_max),
	    F(memory_bytes),
	    F(memory_static_max_bytes),
	    F(start_delay_ms),
	    F(start_order),
	    F(started_at),
	    F(current_op),
	    F(current_task),
	    F(guest.agent_detected),
	    F(guest.pv_drivers_detected),
	    F(guest.balloon),
	    F(guest.agent_version),
	    F(guest.os_name),
	    F(guest.os_distro),
	    F(guest.os_uname),
	    F(guest.os_major),
	    F(guest.os_minor),
	    F(guest.memory_free_bytes),
	    F(guest.memory_total_bytes),
	    F(guest.addrs[0].device),
	    F(guest.addrs[0].v6),
	    F(guest.addrs[0].index),
	    F(guest.addrs[0].addr),
	    F(tags[0]),
	    F(kind),
	    F(disks[0].vdev),
	    F(disks[0].vdi),
	    F(disks[0].attached),
	    F(disks[0].readonly),
	    F(disks[0].cdrom),
	    F(disks[0].bootable),
	    F(nics[0].device),
	    F(nics[0].mac),
	    F(nics[0].bridge),
	    F(nics[0].attached),
	    F(nics[0].mtu),
	    F(nics[0].rate_kbps),
	    F(firmware),
	    F(boot_order),
	    F(cmdline),
	    F(cpu_mask),
	    F(cpu_mask_soft),
	    F(cpu_weight),
	    F(cpu_cap),
	    F(cores_per_socket),
	    F(memory_min_bytes),
	    F(pending),
	    F(snapshot_of),
	    F(snapshot_at),
	    F(with_memory),
	    F(memory_file_bytes),
	    F(parent),
#undef F
	};
	struct model_vm a, b;

	model_vm_init(&a);
	a.guest.n_addrs = 1;
	a.n_tags = a.n_disks = a.n_nics = 1;
	b = a;
	cr_assert(model_vm_equal(&a, &b));
	for (size_t i = 0; i < MU_ARRAY_SIZE(vm_offsets); i++) {
		unsigned char *byte = (unsigned char *)&b + vm_offsets[i];

		*byte ^= 1;
		cr_assert_not(model_vm_equal(&a, &b), "offset %zu", vm_offsets[i]);
		*byte ^= 1;
	}
	b.n_tags = 0;
	cr_assert_not(model_vm_equal(&a, &b));
	b = a;
	b.guest.n_addrs = 0;
	cr_assert_not(model_vm_equal(&a, &b));
	b = a;
	b.n_disks = 0;
	cr_assert_not(model_vm_equal(&a, &b));
	b = a;
	b.n_nics = 0;
	cr_assert_not(model_vm_equal(&a, &b));
}

Test(model, host_equality_sees_every_field)
{
	static const size_t offsets[] = {
#define F(x) offsetof(struct model_host, x)
	    F(id),
	    F(name),
	    F(description),
	    F(address),
	    F(agent_version),
	    F(xen_version),
	    F(kernel),
	    F(cpu_model),
	    F(driver),
	    F(boot_id),
	    F(cpus),
	    F(sockets),
	    F(cpu_mhz),
	    F(memory_total_bytes),
	    F(memory_free_bytes),
	    F(hvm_capable),
	    F(booted_at),
	    F(agent_started_at),
	    F(connected),
	    F(last_seen),
	    F(cpu_vendor),
	    F(cpu_family),
	    F(cpu_model_number),
	    F(cpu_stepping),
	    F(threads_per_core),
	    F(iommu),
	    F(bios.vendor),
	    F(bios.version),
	    F(bios.date),
	    F(bios.manufacturer),
	    F(bios.product),
	    F(bios.product_version),
	    F(bios.serial),
	    F(bios.board_manufacturer),
	    F(bios.board_product),
	    F(maintenance),
#undef F
	};
	struct model_host a, b;

	model_host_init(&a);
	b = a;
	cr_assert(model_host_equal(&a, &b));
	for (size_t i = 0; i < MU_ARRAY_SIZE(offsets); i++) {
		unsigned char *byte = (unsigned char *)&b + offsets[i];

		*byte ^= 1;
		cr_assert_not(model_host_equal(&a, &b), "offset %zu", offsets[i]);
		*byte ^= 1;
	}
}

static int check(const char *unit, const char *cursor, const char *boot, mu_msec since,
		 uint32_t lines, struct mu_error *err)
{
	struct host_read what = {.kind = HOST_READ_JOURNAL, .since = since, .lines = lines};

	snprintf(what.unit, sizeof what.unit, "%s", unit);
	snprintf(what.cursor, sizeof what.cursor, "%s", cursor);
	snprintf(what.boot, sizeof what.boot, "%s", boot);
	return host_read_check(&what, err);
}

/* What passes is given to journalctl: nothing that it could take for an option or a pattern. */
Test(model, host_read_arguments)
{
	struct mu_error err = MU_ERROR_INIT;

	cr_expect_eq(check("", "", "", 0, 0, &err), 0);
	cr_expect_eq(check("dev-disk-by\\x2duuid.swap", "s=ab-c;i=1", "", 1, 2000, &err), 0);
	cr_expect_eq(
	    check("getty@tty1.service", "", "0123456789abcdef0123456789abcdef", 0, 1, &err), 0);
	cr_expect_eq(check("-u", "", "", 0, 0, &err), MU_FAILED);
	cr_expect_eq(check("a b", "", "", 0, 0, &err), MU_FAILED);
	cr_expect_eq(check("*", "", "", 0, 0, &err), MU_FAILED);
	cr_expect_eq(err.code, MU_E_INVALID);
	cr_expect_eq(check("", "-x", "", 0, 0, &err), MU_FAILED);
	cr_expect_eq(check("", "a b", "", 0, 0, &err), MU_FAILED);
	cr_expect_eq(check("", "", "0123", 0, 0, &err), MU_FAILED);
	cr_expect_eq(check("", "", "0123456789ABCDEF0123456789abcdef", 0, 0, &err), MU_FAILED);
	cr_expect_eq(check("", "", "", -1, 0, &err), MU_FAILED);
	cr_expect_eq(check("", "", "", 0, 2001, &err), MU_FAILED);
	cr_expect_str_eq(host_read_name(HOST_READ_BOOTS), "boots");
	cr_expect_eq(host_read_check(&(struct host_read){.kind = HOST_READ_DEFINITION}, &err),
		     MU_FAILED);
	cr_expect(strstr(err.text, "vm:"), "%s", err.text);
}

Test(model, what_a_task_does)
{
	struct model_task t = {.op = VM_OP_PAUSE};

	cr_assert_str_eq(task_what(&t), "pause");
	t.op = _VM_OP_COUNT;
	cr_assert_str_eq(task_what(&t), "none");
	memcpy(t.method, "vm.edit", sizeof "vm.edit");
	cr_assert_str_eq(task_what(&t), "vm.edit");
}

Test(model, default_mac_is_steady_and_own)
{
	const struct vm_id a = {{{1}}}, b = {{{2}}};
	char first[18], again[18], other[18];

	vm_default_mac(&a, 0, first);
	vm_default_mac(&a, 0, again);
	cr_assert_str_eq(first, again);
	cr_assert_eq(strncmp(first, "00:16:3e:", 9), 0);
	cr_assert_eq(strlen(first), 17);
	vm_default_mac(&a, 1, other);
	cr_assert_str_neq(first, other);
	vm_default_mac(&b, 0, other);
	cr_assert_str_neq(first, other);
}

static void check_offsets(enum object_kind kind, const size_t *offsets, size_t n)
{
	struct model_object a, b;

	model_object_init(&a, kind);
	a.n_tags = 1;
	b = a;
	cr_assert(model_object_equal(&a, &b));
	for (size_t i = 0; i < n; i++) {
		unsigned char *byte = (unsigned char *)&b + offsets[i];

		*byte ^= 1;
		cr_assert_not(model_object_equal(&a, &b), "%s: offset %zu", object_kind_name(kind),
			      offsets[i]);
		*byte ^= 1;
	}
}

#define F(x) offsetof(struct model_object, x)

Test(model, object_equality_sees_every_field)
{
	static const size_t head[] = {F(id),          F(host),   F(name),
				      F(description), F(n_tags), F(tags[0])};
	static const size_t sr[] = {
	    F(sr.type),         F(sr.iso),
	    F(sr.shared),       F(sr.thin),
	    F(sr.attached),     F(sr.location),
	    F(sr.trouble),      F(sr.size_bytes),
	    F(sr.used_bytes),   F(sr.allocated_bytes),
	    F(sr.data_percent), F(sr.metadata_percent),
	};
	static const size_t vdi[] = {
	    F(vdi.sr),          F(vdi.type),     F(vdi.format),  F(vdi.size_bytes),
	    F(vdi.used_bytes),  F(vdi.readonly), F(vdi.missing), F(vdi.snapshot_of),
	    F(vdi.snapshot_at), F(vdi.parent),
	};
	static const size_t network[] = {F(network.bridge), F(network.mtu), F(network.managed)};
	static const size_t pif[] = {
	    F(pif.device),     F(pif.bridge),      F(pif.mac),      F(pif.mtu),
	    F(pif.vlan),       F(pif.vlan_device), F(pif.mode),     F(pif.ip),
	    F(pif.netmask),    F(pif.gateway),     F(pif.dns),      F(pif.ipv6),
	    F(pif.attached),   F(pif.carrier),     F(pif.physical), F(pif.management),
	    F(pif.speed_mbps), F(pif.bond_master), F(pif.bond),
	};
	static const size_t pci[] = {
	    F(pci.address), F(pci.class_name), F(pci.vendor_name), F(pci.device_name),
	    F(pci.driver),  F(pci.assignable), F(pci.vm),
	};

	static const size_t controller[] = {
	    F(controller.pvh),
	    F(controller.vcpus_online),
	    F(controller.vcpus_max),
	    F(controller.memory_bytes),
	    F(controller.memory_target_bytes),
	    F(controller.memory_max_bytes),
	};

	for (size_t i = 0; i < _OBJECT_KIND_COUNT; i++)
		check_offsets((enum object_kind)i, head, MU_ARRAY_SIZE(head));
	check_offsets(OBJECT_SR, sr, MU_ARRAY_SIZE(sr));
	check_offsets(OBJECT_VDI, vdi, MU_ARRAY_SIZE(vdi));
	check_offsets(OBJECT_NETWORK, network, MU_ARRAY_SIZE(network));
	check_offsets(OBJECT_PIF, pif, MU_ARRAY_SIZE(pif));
	check_offsets(OBJECT_PCI, pci, MU_ARRAY_SIZE(pci));
	check_offsets(OBJECT_CONTROLLER, controller, MU_ARRAY_SIZE(controller));
}

#undef F

Test(model, objects_of_two_kinds_are_not_equal)
{
	struct model_object a, b;

	model_object_init(&a, OBJECT_SR);
	b = a;
	b.kind = OBJECT_VDI;
	cr_assert_not(model_object_equal(&a, &b));
}

Test(model, an_object_begins_unknown)
{
	struct model_object o;

	model_object_init(&o, OBJECT_SR);
	cr_assert(o.sr.size_bytes == -1 && o.sr.used_bytes == -1 && o.sr.allocated_bytes == -1);
	cr_assert(o.sr.data_percent == -1 && o.sr.metadata_percent == -1);
	model_object_init(&o, OBJECT_VDI);
	cr_assert_eq(o.vdi.used_bytes, -1);
	model_object_init(&o, OBJECT_PIF);
	cr_assert(o.pif.vlan == -1 && o.pif.speed_mbps == -1);
}

/* Ids that are made from names: the same where they have to be, and never of two things. */
Test(model, derived_ids)
{
	const struct host_id h1 = {{{1}}}, h2 = {{{2}}};
	const struct vm_id vm = {{{1}}};
	const struct mu_uuid sr = {{9}};
	const struct mu_uuid ids[] = {
	    object_network_id("xenbr0"), object_network_id("xenbr1"),
	    object_pif_id(&h1, "eth0"),  object_pif_id(&h2, "eth0"),
	    object_pci_id(&h1, "eth0"),  object_pci_id(&h1, "0000:03:00.0"),
	    object_pbd_id(&h1, &sr),     object_pbd_id(&h2, &sr),
	    object_vbd_id(&vm, "xvda"),  object_vbd_id(&vm, "xvdb"),
	    object_vif_id(&vm, 0),       object_vif_id(&vm, 1),
	};
	const struct mu_uuid again = object_network_id("xenbr0");

	cr_assert(mu_uuid_equal(&ids[0], &again));
	for (size_t i = 0; i < MU_ARRAY_SIZE(ids); i++)
		for (size_t k = 0; k < i; k++)
			cr_assert_not(mu_uuid_equal(&ids[i], &ids[k]), "%zu and %zu", i, k);
}

Test(model, what_is_said_of_a_task_is_bounded)
{
	struct task_lines l = {0};
	char text[TASK_LINE_MAX + 50];
	struct task_line line = {.at = 7, .warning = true, .from_host = true, .text = text};

	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	text[3] = '\n';
	cr_assert_not_null(task_lines_add(&l, &line));
	cr_expect_eq(strlen(l.lines[0].text), TASK_LINE_MAX);
	cr_expect_eq(l.lines[0].text[3], '?', "a line stays one");
	cr_expect(l.lines[0].at == 7 && l.lines[0].warning && l.lines[0].from_host);
	line.from_host = false;
	for (int i = 1; i < TASK_LINES_MAX; i++)
		cr_assert_not_null(task_lines_add(&l, &line));
	cr_expect_eq(l.n, TASK_LINES_MAX);
	cr_expect_str_eq(l.lines[TASK_LINES_MAX - 1].text, "more was said, and is left out");
	cr_expect_null(task_lines_add(&l, &line));
	cr_expect_eq(l.n_from_host, 1);
	task_lines_deinit(&l);
	cr_expect_eq(l.n, 0);
}

Test(model, what_a_task_is_about)
{
	struct model_task t = {.vm = {{{1}}}, .object = {{2}}, .op = VM_OP_START};

	cr_expect_eq(task_object(&t)->bytes[0], 1);
	t.n_parts = 2;
	cr_expect_eq(task_object(&t)->bytes[0], 2);
	t.n_parts = 0;
	t.method[0] = 'x';
	cr_expect_eq(task_object(&t)->bytes[0], 2);
}
