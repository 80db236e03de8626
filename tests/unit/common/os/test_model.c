/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/mem.h"
#include "common/model/host.h"
#include "common/model/host_read.h"
#include "common/model/task.h"
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

	cr_assert_not(vm_power_parse("running", &p));
	cr_assert_not(vm_type_parse("PV", &t));
	cr_assert_not(vm_op_parse("none", &op));
	cr_assert_not(task_status_parse("", &s));
	cr_assert(p == VM_PAUSED && t == VM_TYPE_HVM && op == VM_OP_ADOPT && s == TASK_FAILURE);
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
#undef F
	};
	struct model_vm a, b;

	model_vm_init(&a);
	a.guest.n_addrs = 1;
	a.n_tags = 1;
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
