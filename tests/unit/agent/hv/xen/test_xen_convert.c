/* SPDX-License-Identifier: Apache-2.0 */
/* Conversions between libxl's structs and ours, from data: no hypervisor is asked. */
#include "agent/hv/xen/xen_convert.h"

#include <criterion/criterion.h>
#include <libxl_utils.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xen/sched.h>

static const char *owner_of(const libxl_domain_config *xl)
{
	for (size_t i = 0; xl->c_info.xsdata && xl->c_info.xsdata[i]; i += 2) {
		if (strcmp(xl->c_info.xsdata[i], XEN_OWNER_KEY) == 0)
			return xl->c_info.xsdata[i + 1];
	}
	return NULL;
}

Test(xen_convert, claim_replaces_name_and_owner_and_keeps_the_rest)
{
	libxl_domain_config xl;

	libxl_domain_config_init(&xl);
	xl.c_info.name = strdup("saved");
	xen_config_claim(&xl, "first");
	cr_expect_str_eq(xl.c_info.name, "first");
	cr_expect_str_eq(owner_of(&xl), XEN_OWNER_VALUE);
	libxl_key_value_list_dispose(&xl.c_info.xsdata);
	xl.c_info.xsdata = calloc(5, sizeof *xl.c_info.xsdata);
	xl.c_info.xsdata[0] = strdup("vm-data/role");
	xl.c_info.xsdata[1] = strdup("db");
	xl.c_info.xsdata[2] = strdup(XEN_OWNER_KEY);
	xl.c_info.xsdata[3] = strdup("another");
	xen_config_claim(&xl, "second");
	cr_expect_str_eq(xl.c_info.name, "second");
	cr_expect_str_eq(xl.c_info.xsdata[1], "db");
	cr_expect_str_eq(owner_of(&xl), XEN_OWNER_VALUE);
	cr_expect_null(xl.c_info.xsdata[4]);
	libxl_domain_config_dispose(&xl);
}

Test(xen_convert, cpuid_policies)
{
	libxl_cpuid_policy_list policy = NULL;
	struct mu_error err = MU_ERROR_INIT;

	cr_expect_eq(xen_cpuid_parse(&policy, "host", &err), 0);
	cr_expect(policy == NULL);
	cr_expect_eq(xen_cpuid_parse(&policy, "host,tm=0,family=6", &err), 0, "%s", err.text);
	cr_expect(policy != NULL);
	cr_expect_lt(xen_cpuid_parse(&policy, "host,warp=9", &err), 0);
	cr_expect_eq(err.code, MU_E_INVALID);
	cr_expect(strstr(err.text, "warp=9"), "%s", err.text);
	libxl_cpuid_dispose(&policy);
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
