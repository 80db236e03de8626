/* SPDX-License-Identifier: Apache-2.0 */
/* What a host lacks for a guest is said by what to do about it. */
#include "agent/hv/xen/xen_able.h"

#include <criterion/criterion.h>
#include <string.h>

static struct hv_vm_config config_of(enum vm_type type, const char *firmware)
{
	struct hv_vm_config c = {.type = type};

	memcpy(c.firmware, firmware, strlen(firmware) + 1);
	return c;
}

static void expect(const struct xen_able *able, enum vm_type type, const char *firmware,
		   const char *refusal)
{
	const struct hv_vm_config c = config_of(type, firmware);
	struct mu_error err = MU_ERROR_INIT;
	int r = xen_able_check(able, &c, &err);

	cr_expect_eq(r < 0, refusal != NULL, "%s", err.text);
	if (!refusal)
		return;
	cr_expect_eq(err.code, MU_E_UNSUPPORTED);
	cr_expect_not_null(strstr(err.text, refusal), "%s", err.text);
}

Test(xen_able, a_host_that_has_all)
{
	const struct xen_able all = {.hvm = true, .qemu = true, .ovmf = true};

	expect(&all, VM_TYPE_PV, "", NULL);
	expect(&all, VM_TYPE_PVH, "", NULL);
	expect(&all, VM_TYPE_HVM, "bios", NULL);
	expect(&all, VM_TYPE_HVM, "uefi", NULL);
}

Test(xen_able, what_is_missing)
{
	const struct xen_able none = {.hvm = false, .qemu = true, .ovmf = true};
	const struct xen_able no_qemu = {.hvm = true, .ovmf = true};
	const struct xen_able no_ovmf = {.hvm = true, .qemu = true};

	expect(&none, VM_TYPE_PV, "", NULL);
	expect(&none, VM_TYPE_PVH, "", "no pvh guests");
	expect(&none, VM_TYPE_HVM, "bios", "no hvm guests");
	expect(&no_qemu, VM_TYPE_PVH, "", NULL);
	expect(&no_qemu, VM_TYPE_HVM, "bios", "no QEMU");
	expect(&no_ovmf, VM_TYPE_HVM, "bios", NULL);
	expect(&no_ovmf, VM_TYPE_HVM, "uefi", "no UEFI firmware");
}

Test(xen_able, a_configuration_that_names_its_own)
{
	const struct xen_able bare = {.hvm = true};
	struct hv_vm_config c = config_of(VM_TYPE_HVM, "uefi");
	static const char own[] = "{\"b_info\":{\"device_model\":\"/opt/qemu\","
				  "\"type.hvm\":{\"system_firmware\":\"/opt/ovmf\"}}}";

	memcpy(c.extra, own, sizeof own);
	cr_expect_eq(xen_able_check(&bare, &c, NULL), 0);
}
