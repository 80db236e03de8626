/* SPDX-License-Identifier: Apache-2.0 */
/* Who has which PCI device, and this machine's own devices, whatever they are. */
#include "agent/hv/xen/xen_pci.h"
#include "common/base/mem.h"

#include <criterion/criterion.h>
#include <string.h>

Test(xen_pci, owners_by_their_names_in_xenstore)
{
	struct hv_host_pci devices[] = {
	    {.address = "0000:03:00.0"}, {.address = "0000:03:00.1"}, {.address = "0001:ff:1f.7"}};
	struct xen_pci_owners *o = xen_pci_owners_new();

	xen_pci_owners_add(o, "0000-03-00-1", 5);
	xen_pci_owners_add(o, "0001-ff-1f-7", 6);
	xen_pci_owners_add(o, "0000-03-00-0x", 7);
	xen_pci_owners_add(o, "0000:03:00.0", 8);
	xen_pci_owners_add(o, "", 9);
	xen_pci_join(NULL, devices, MU_ARRAY_SIZE(devices));
	cr_expect_eq(devices[1].domid.value, 0u);
	xen_pci_join(o, devices, MU_ARRAY_SIZE(devices));
	cr_expect_eq(devices[0].domid.value, 0u);
	cr_expect_eq(devices[1].domid.value, 5u);
	cr_expect_eq(devices[2].domid.value, 6u);
	xen_pci_owners_free(o);
}

Test(xen_pci, owners_are_bounded)
{
	struct hv_host_pci last = {.address = "0000:00:00.1"};
	struct xen_pci_owners *o = xen_pci_owners_new();

	for (int i = 0; i < HV_HOST_PCI_MAX; i++)
		xen_pci_owners_add(o, "0000-00-00-0", 1);
	xen_pci_owners_add(o, "0000-00-00-1", 2);
	xen_pci_join(o, &last, 1);
	cr_expect_eq(last.domid.value, 0u);
	xen_pci_owners_free(o);
}

Test(xen_pci, this_machine)
{
	MU_CLEANUP(mu_free) struct hv_host_pci *all = mu_xcalloc(HV_HOST_PCI_MAX, sizeof *all);
	struct mu_error err = MU_ERROR_INIT;
	struct hv_host_pci one;
	size_t n = 0, n_one = 0;

	cr_assert_eq(xen_pci_list(all, HV_HOST_PCI_MAX, &n, &err), 0, "%s", err.text);
	for (size_t i = 0; i < n; i++) {
		cr_expect(i == 0 || strcmp(all[i - 1].address, all[i].address) < 0);
		cr_assert_eq(xen_pci_find(all[i].address, &one, &err), 0, "%s", err.text);
		cr_expect_eq(one.vendor, all[i].vendor);
		cr_expect_eq(one.class_code, all[i].class_code);
	}
	cr_assert_eq(xen_pci_list(all, 1, &n_one, &err), 0);
	cr_expect_eq(n_one, n > 0 ? 1u : 0u);
	cr_assert_lt(xen_pci_find("ffff:ff:1f.7", &one, &err), 0);
	cr_expect_eq(err.code, MU_E_NOT_FOUND);
	cr_expect(strstr(err.text, "ffff:ff:1f.7"), "%s", err.text);
}

Test(xen_pci, what_is_dom0s_is_given_by_dom0_first)
{
	struct hv_host_pci device = {.address = "0000:03:00.0", .driver = "e1000"};
	struct mu_error err = MU_ERROR_INIT;

	cr_expect_lt(xen_pci_check_given(&device, false, &err), 0);
	cr_expect_eq(err.code, MU_E_STATE);
	cr_expect(strstr(err.text, "0000:03:00.0 belongs to dom0 (driver e1000); hint: make it"),
		  "%s", err.text);
	device.driver[0] = '\0';
	cr_expect_lt(xen_pci_check_given(&device, false, &err), 0);
	cr_expect(strstr(err.text, "(driver none)"), "%s", err.text);
	device.assignable = true;
	cr_expect_eq(xen_pci_check_given(&device, false, NULL), 0);
	cr_expect_eq(xen_pci_check_given(&device, true, NULL), 0);
}
