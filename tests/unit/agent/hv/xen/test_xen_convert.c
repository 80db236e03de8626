/* SPDX-License-Identifier: Apache-2.0 */
/* Conversions between libxl's structs and ours, from data: no hypervisor is asked. */
#include "agent/hv/xen/xen_convert.h"

#include <criterion/criterion.h>
#include <libxl_utils.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xen/sched.h>

static struct hv_vm_config full_config(enum vm_type type)
{
	struct hv_vm_config c = {
	    .name = "web1",
	    .type = type,
	    .vcpus = 2,
	    .vcpus_max = 10,
	    .memory_bytes = (int64_t)512 << 20,
	    .memory_max_bytes = (int64_t)1024 << 20,
	    .kernel = "/boot/vmlinuz",
	    .ramdisk = "/boot/initrd",
	    .cmdline = "root=/dev/xvda ro",
	    .n_disks = 2,
	    .disks =
		{{.vdev = "xvda", .path = "/dev/vg/web1", .format = "raw"},
		 {.vdev = "xvdb", .path = "/srv/data.qcow2", .format = "qcow2", .readonly = true}},
	    .n_nics = 2,
	    .nics = {{.mac = "00:16:3e:01:02:03", .bridge = "xenbr0"}, {.bridge = "xenbr1"}},
	};

	cr_assert(mu_uuid_parse("8d2c1d1c-76a4-4d22-9d3e-0123456789ab", &c.id.uuid));
	return c;
}

static void convert(const struct hv_vm_config *c, libxl_domain_config *ret)
{
	struct mu_error err = MU_ERROR_INIT;

	cr_assert_eq(xen_config_to_libxl(c, ret, &err), 0, "%s", err.text);
}

static void expect_round_trip(const struct hv_vm_config *c, struct hv_vm_config *ret)
{
	struct mu_error err = MU_ERROR_INIT;
	libxl_domain_config xl;

	convert(c, &xl);
	cr_assert_eq(xen_config_from_libxl(&xl, ret, &err), 0, "%s", err.text);
	libxl_domain_config_dispose(&xl);
}

Test(xen_convert, pv_config_for_libxl)
{
	struct hv_vm_config c = full_config(VM_TYPE_PV);
	libxl_domain_config xl;

	convert(&c, &xl);
	cr_expect_eq(xl.c_info.type, LIBXL_DOMAIN_TYPE_PV);
	cr_expect_str_eq(xl.c_info.name, "web1");
	cr_expect_arr_eq(xl.c_info.uuid.uuid, c.id.uuid.bytes, 16);
	cr_expect_str_eq(xl.c_info.xsdata[0], XEN_OWNER_KEY);
	cr_expect_str_eq(xl.c_info.xsdata[1], XEN_OWNER_VALUE);
	cr_expect_null(xl.c_info.xsdata[2]);
	cr_expect_eq(xl.b_info.max_vcpus, 10);
	cr_expect_eq(libxl_bitmap_count_set(&xl.b_info.avail_vcpus), 2);
	cr_expect_eq(xl.b_info.target_memkb, 512u * 1024);
	cr_expect_eq(xl.b_info.max_memkb, 1024u * 1024);
	cr_expect_str_eq(xl.b_info.kernel, "/boot/vmlinuz");
	cr_expect_null(xl.b_info.bootloader);
	cr_expect_eq(xl.num_disks, 2);
	cr_expect_eq(xl.disks[0].readwrite, 1);
	cr_expect_eq(xl.disks[0].format, LIBXL_DISK_FORMAT_RAW);
	cr_expect_eq(xl.disks[1].readwrite, 0);
	cr_expect_eq(xl.disks[1].format, LIBXL_DISK_FORMAT_QCOW2);
	cr_expect_eq(xl.num_nics, 2);
	cr_expect_eq(xl.nics[0].mac[5], 3);
	cr_expect_eq(xl.nics[1].devid, 1);
	cr_expect_eq(xl.num_vfbs, 0);
	libxl_domain_config_dispose(&xl);
}

Test(xen_convert, hvm_config_for_libxl)
{
	struct hv_vm_config c = full_config(VM_TYPE_HVM);
	libxl_domain_config xl;

	c.kernel[0] = c.ramdisk[0] = c.cmdline[0] = '\0';
	snprintf(c.firmware, sizeof c.firmware, "uefi");
	snprintf(c.boot_order, sizeof c.boot_order, "dc");
	c.vnc = true;
	c.n_disks = 1;
	c.disks[0] = (struct hv_disk){.vdev = "hdc", .cdrom = true};
	convert(&c, &xl);
	cr_expect_eq(xl.b_info.type, LIBXL_DOMAIN_TYPE_HVM);
	cr_expect_null(xl.b_info.kernel);
	cr_expect_eq(xl.b_info.u.hvm.bios, LIBXL_BIOS_TYPE_OVMF);
	cr_expect_str_eq(xl.b_info.u.hvm.boot, "dc");
	cr_expect(libxl_defbool_val(xl.b_info.u.hvm.vnc.enable));
	cr_expect_str_eq(xl.b_info.u.hvm.vnc.listen, "127.0.0.1", "never on all addresses");
	cr_expect_eq(xl.disks[0].format, LIBXL_DISK_FORMAT_EMPTY);
	cr_expect_eq(xl.disks[0].is_cdrom, 1);
	cr_expect_eq(xl.disks[0].readwrite, 0);
	libxl_domain_config_dispose(&xl);
}

Test(xen_convert, pv_framebuffer)
{
	struct hv_vm_config c = full_config(VM_TYPE_PVH), back;
	libxl_domain_config xl;

	c.vnc = true;
	convert(&c, &xl);
	cr_expect_eq(xl.num_vfbs, 1);
	cr_expect_eq(xl.num_vkbs, 1);
	libxl_domain_config_dispose(&xl);
	expect_round_trip(&c, &back);
	cr_expect(back.vnc);
}

Test(xen_convert, round_trip)
{
	for (unsigned t = 0; t < _VM_TYPE_COUNT; t++) {
		struct hv_vm_config c = full_config((enum vm_type)t), back;

		expect_round_trip(&c, &back);
		cr_expect(mu_uuid_equal(&back.id.uuid, &c.id.uuid));
		cr_expect_eq(back.type, c.type);
		cr_expect_str_eq(back.name, c.name);
		cr_expect_str_eq(back.kernel, c.kernel);
		cr_expect_str_eq(back.cmdline, c.cmdline);
		cr_expect_eq(back.vcpus, 2u);
		cr_expect_eq(back.vcpus_max, 10u);
		cr_expect_eq(back.memory_bytes, c.memory_bytes);
		cr_expect_eq(back.memory_max_bytes, c.memory_max_bytes);
		cr_expect_eq(back.n_disks, 2u);
		cr_expect_str_eq(back.disks[1].path, "/srv/data.qcow2");
		cr_expect_str_eq(back.disks[1].format, "qcow2");
		cr_expect(back.disks[1].readonly);
		cr_expect_eq(back.n_nics, 2u);
		cr_expect_str_eq(back.nics[0].mac, "00:16:3e:01:02:03");
		cr_expect_str_eq(back.nics[1].bridge, "xenbr1");
	}
}

Test(xen_convert, derived_mac_is_stable_and_distinct)
{
	struct hv_vm_config c = full_config(VM_TYPE_PV), a, b;

	c.nics[0].mac[0] = '\0';
	expect_round_trip(&c, &a);
	expect_round_trip(&c, &b);
	cr_expect_str_eq(a.nics[0].mac, b.nics[0].mac);
	cr_expect_str_neq(a.nics[0].mac, a.nics[1].mac);
	cr_expect_eq(strncmp(a.nics[0].mac, "00:16:3e:", 9), 0, "%s", a.nics[0].mac);
	c.id.uuid.bytes[15] ^= 1;
	expect_round_trip(&c, &b);
	cr_expect_str_neq(a.nics[0].mac, b.nics[0].mac);
}

Test(xen_convert, nic_with_number_rate_and_model)
{
	struct hv_vm_config c = full_config(VM_TYPE_HVM);
	struct hv_vm_config back;
	struct mu_error err = MU_ERROR_INIT;
	libxl_domain_config xl;

	c.nics[1].has_device = true;
	c.nics[1].device = 5;
	c.nics[1].rate_bytes = 1000000;
	snprintf(c.nics[1].model, sizeof c.nics[1].model, "e1000");
	cr_assert_eq(xen_config_to_libxl(&c, &xl, &err), 0, "%s", err.text);
	cr_expect_eq(xl.nics[1].devid, 5);
	cr_expect_eq(xl.nics[1].rate_bytes_per_interval, 50000u);
	cr_expect_eq(xl.nics[1].rate_interval_usecs, 50000u);
	cr_expect_eq(xl.nics[0].rate_interval_usecs, 0u);
	cr_assert_eq(xen_config_from_libxl(&xl, &back, &err), 0, "%s", err.text);
	libxl_domain_config_dispose(&xl);
	cr_expect(back.nics[1].has_device);
	cr_expect_eq(back.nics[1].device, 5u);
	cr_expect_eq(back.nics[1].rate_bytes, 1000000);
	cr_expect_str_eq(back.nics[1].model, "e1000");
	cr_expect_eq(back.nics[0].rate_bytes, 0);
}

Test(xen_convert, bad_mac_is_refused)
{
	struct hv_vm_config c = full_config(VM_TYPE_PV);
	struct mu_error err = MU_ERROR_INIT;
	libxl_domain_config xl;

	snprintf(c.nics[1].mac, sizeof c.nics[1].mac, "00:16:3e:zz");
	cr_assert_lt(xen_config_to_libxl(&c, &xl, &err), 0);
	libxl_domain_config_dispose(&xl);
	cr_expect_eq(err.code, MU_E_INVALID);
	cr_expect(strstr(err.text, "nic 1"), "%s", err.text);
}

static void expect_refused(const libxl_domain_config *xl, const char *word)
{
	struct mu_error err = MU_ERROR_INIT;
	struct hv_vm_config back;

	cr_assert_lt(xen_config_from_libxl(xl, &back, &err), 0);
	cr_expect_eq(err.code, MU_E_UNSUPPORTED);
	cr_expect(strstr(err.text, word), "\"%s\" has no \"%s\"", err.text, word);
}

Test(xen_convert, what_a_definition_cannot_hold_is_refused)
{
	struct hv_vm_config c = full_config(VM_TYPE_PV);
	libxl_domain_config xl;

	convert(&c, &xl);
	xl.num_pcidevs = 1;
	expect_refused(&xl, "PCI");
	xl.num_pcidevs = 0;
	xl.disks[1].format = LIBXL_DISK_FORMAT_VHD;
	expect_refused(&xl, "disk 1: its format is vhd");
	xl.disks[1].format = LIBXL_DISK_FORMAT_RAW;
	xl.disks[0].backend_domid = 3;
	expect_refused(&xl, "backend");
	xl.disks[0].backend_domid = 0;
	xl.b_info.max_memkb = LIBXL_MEMKB_DEFAULT;
	expect_refused(&xl, "memory");
	xl.b_info.max_memkb = 1024;
	xl.b_info.max_vcpus = HV_VCPUS_MAX + 1;
	expect_refused(&xl, "vCPUs");
	xl.b_info.max_vcpus = 1;
	free(xl.b_info.cmdline);
	xl.b_info.cmdline = calloc(1, 4000);
	memset(xl.b_info.cmdline, 'a', 3999);
	expect_refused(&xl, "command line");
	libxl_domain_config_dispose(&xl);
}

Test(xen_convert, defaults_of_libxl_become_values)
{
	struct hv_vm_config c = full_config(VM_TYPE_PV), back;
	struct mu_error err = MU_ERROR_INIT;
	libxl_domain_config xl;

	convert(&c, &xl);
	xl.b_info.max_vcpus = 0; /* as `xl create` leaves it in the record */
	libxl_bitmap_dispose(&xl.b_info.avail_vcpus);
	xl.b_info.target_memkb = LIBXL_MEMKB_DEFAULT;
	cr_assert_eq(xen_config_from_libxl(&xl, &back, &err), 0, "%s", err.text);
	cr_expect_eq(back.vcpus_max, 1u);
	cr_expect_eq(back.vcpus, 1u);
	cr_expect_eq(back.memory_bytes, back.memory_max_bytes);
	libxl_domain_config_dispose(&xl);
}

Test(xen_convert, claim_replaces_name_and_owner)
{
	struct hv_vm_config c = full_config(VM_TYPE_PV);
	libxl_domain_config xl;

	convert(&c, &xl);
	xen_config_claim(&xl, "other");
	cr_expect_str_eq(xl.c_info.name, "other");
	cr_expect_str_eq(xl.c_info.xsdata[1], XEN_OWNER_VALUE);
	libxl_domain_config_dispose(&xl);
}

Test(xen_convert, domain_from_hypervisor)
{
	static const struct {
		uint32_t reason;
		enum hv_shutdown expect;
	} reasons[] = {
	    {SHUTDOWN_poweroff, HV_SHUTDOWN_POWEROFF}, {SHUTDOWN_reboot, HV_SHUTDOWN_REBOOT},
	    {SHUTDOWN_suspend, HV_SHUTDOWN_SUSPEND},   {SHUTDOWN_crash, HV_SHUTDOWN_CRASH},
	    {SHUTDOWN_watchdog, HV_SHUTDOWN_WATCHDOG}, {77, HV_SHUTDOWN_CRASH},
	};
	xc_domaininfo_t info = {
	    .domain = 7,
	    .flags = XEN_DOMINF_hvm_guest | XEN_DOMINF_paused,
	    .tot_pages = 256,
	    .max_pages = UINT64_MAX,
	    .cpu_time = 12345,
	    .nr_online_vcpus = 1,
	    .max_vcpu_id = 3,
	    .handle = {1, 2, 3},
	};
	struct hv_domain d;

	xen_domain_from_info(&info, &d);
	cr_expect_eq(d.domid.value, 7u);
	cr_expect_eq(d.id.uuid.bytes[2], 3);
	cr_expect_eq(d.type, VM_TYPE_HVM);
	cr_expect(d.paused && !d.dying);
	cr_expect_eq(d.shutdown, HV_SHUTDOWN_NONE);
	cr_expect_eq(d.memory_bytes, 1 << 20);
	cr_expect_eq(d.memory_max_bytes, INT64_MAX);
	cr_expect_eq(d.vcpus_max, 4u);
	info.max_vcpu_id = XEN_INVALID_MAX_VCPU_ID;
	for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
		info.flags = XEN_DOMINF_shutdown | XEN_DOMINF_dying |
			     reasons[i].reason << XEN_DOMINF_shutdownshift;
		xen_domain_from_info(&info, &d);
		cr_expect_eq(d.shutdown, reasons[i].expect, "reason %u", reasons[i].reason);
		cr_expect(d.dying);
		cr_expect_eq(d.vcpus_max, 0u);
	}
}

Test(xen_convert, vdev_names)
{
	static const struct {
		uint32_t number;
		const char *name;
	} cases[] = {
	    {51712, "xvda"},
	    {51713, "xvda1"},
	    {51728, "xvdb"},
	    {51952, "xvdp"},
	    {(1u << 28) | 16 << 8, "xvdq"},
	    {(1u << 28) | 25 << 8, "xvdz"},
	    {(1u << 28) | 26 << 8, "xvdaa"},
	    {(1u << 28) | 27 << 8 | 3, "xvdab3"},
	    {768, "hda"},
	    {832, "hdb"},
	    {5632, "hdc"},
	    {5696, "hdd"},
	    {2048, "sda"},
	    {2065, "sdb1"},
	    {4711 << 8, ""},
	    {UINT32_MAX, ""},
	};
	char buf[16];

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		xen_vdev_name(cases[i].number, buf);
		cr_expect_str_eq(buf, cases[i].name, "%u: %s", cases[i].number, buf);
	}
}

Test(xen_convert, return_codes)
{
	cr_expect_eq(xen_error_code(ERROR_NOMEM), MU_E_EXHAUSTED);
	cr_expect_eq(xen_error_code(ERROR_ABORTED), MU_E_CANCELLED);
	cr_expect_eq(xen_error_code(ERROR_QMP_GENERIC_ERROR), MU_E_IO);
	cr_expect_eq(xen_error_code(-9999), MU_E_IO);
	cr_expect_eq(xen_error_code(42), MU_E_IO);
	cr_expect_str_eq(xen_error_name(ERROR_GUEST_TIMEDOUT), "GUEST_TIMEDOUT");
	cr_expect_str_eq(xen_error_name(-9999), "unknown");
}
