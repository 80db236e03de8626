/* SPDX-License-Identifier: Apache-2.0 */
/* PCI devices and DMI out of a made-up sysfs. */
#include "agent/host/bios.h"
#include "agent/host/pci.h"
#include "tests/unit/agent/host/tree.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

TestSuite(host_pci, .init = tree_make, .fini = tree_clean);

static struct host_pci *read_all(size_t *ret_n)
{
	struct mu_error err = MU_ERROR_INIT;
	struct host_pci *list = NULL;

	cr_assert_eq(host_pci_read(tree_root, NULL, &list, ret_n, &err), 0, "%s", err.text);
	return list;
}

Test(host_pci, a_card_given_up_by_dom0)
{
	static const struct host_id host = {{{1}}};
	struct model_object o;
	struct host_pci *list;
	size_t n;

	tree_put("bus/pci/devices/0000:03:00.0/class", "0x020000\n");
	tree_put("bus/pci/devices/0000:03:00.0/vendor", "0x8086\n");
	tree_put("bus/pci/devices/0000:03:00.0/device", "0x10d3\n");
	tree_put("bus/pci/devices/0000:03:00.0/numa_node", "1\n");
	tree_link("bus/pci/devices/0000:03:00.0/driver", "../../../../bus/pci/drivers/pciback");
	tree_link("bus/pci/devices/0000:03:00.0/iommu_group", "../../../kernel/iommu_groups/27");
	list = read_all(&n);
	cr_assert_eq(n, 1u);
	cr_expect_str_eq(list[0].pci.address, "0000:03:00.0");
	cr_expect_eq(list[0].class_code, 0x020000u);
	cr_expect_eq(list[0].vendor, 0x8086u);
	cr_expect_eq(list[0].device, 0x10d3u);
	cr_expect_eq(list[0].node, 1);
	cr_expect_eq(list[0].iommu_group, 27);
	cr_expect_str_eq(list[0].pci.driver, "pciback");
	cr_expect(list[0].pci.assignable);
	cr_expect_str_eq(list[0].pci.device_name, "Device 10d3");
	host_pci_object(&list[0], &host, &o);
	cr_expect_eq(o.kind, OBJECT_PCI);
	cr_expect_str_eq(o.name, "0000:03:00.0");
	cr_expect_str_eq(o.pci.driver, "pciback");
	cr_expect(mu_uuid_is_nil(&o.pci.vm));
	free(list);
}

Test(host_pci, in_order_and_without_what_is_no_device)
{
	struct host_pci *list;
	size_t n;

	tree_put("bus/pci/devices/0000:00:1f.2/class", "0x010601\n");
	tree_put("bus/pci/devices/0000:00:02.0/class", "garbage\n");
	tree_put("bus/pci/devices/0000:00:02.0/numa_node", "-1\n");
	tree_put("bus/pci/devices/10000:e0:06.0/class", "0x060400\n");
	tree_put("bus/pci/devices/.hidden/class", "0x0\n");
	tree_put("bus/pci/devices/usb1/class", "0x0\n");
	tree_put("bus/pci/devices/0000:00:1f.2.x/class", "0x0\n");
	tree_link("bus/pci/devices/0000:00:1f.2/driver", "../../drivers/ahci");
	list = read_all(&n);
	cr_assert_eq(n, 3u);
	cr_expect_str_eq(list[0].pci.address, "0000:00:02.0");
	cr_expect_str_eq(list[1].pci.address, "0000:00:1f.2");
	cr_expect_str_eq(list[2].pci.address, "10000:e0:06.0");
	cr_expect_eq(list[0].class_code, 0u);
	cr_expect_eq(list[0].node, -1);
	cr_expect_eq(list[0].iommu_group, -1);
	cr_expect_str_eq(list[0].pci.driver, "");
	cr_expect_not(list[1].pci.assignable, "a driver of dom0 has it");
	free(list);
}

Test(host_pci, none_at_all)
{
	struct host_pci *list;
	size_t n;

	list = read_all(&n);
	cr_expect_eq(n, 0u);
	free(list);
}

Test(host_pci, a_folder_that_is_none)
{
	struct mu_error err = MU_ERROR_INIT;
	struct host_pci *list = NULL;
	size_t n = 7;

	tree_put("bus/pci/devices", "a file");
	cr_expect_eq(host_pci_read(tree_root, NULL, &list, &n, &err), MU_FAILED);
	cr_expect(strstr(err.text, "PCI devices"), "%s", err.text);
	cr_expect_eq(n, 7u);
	cr_expect_null(list);
}

Test(host_pci, bios)
{
	struct model_bios bios;
	char long_text[200];

	memset(long_text, 'x', sizeof long_text - 1);
	long_text[sizeof long_text - 1] = '\0';
	tree_put("class/dmi/id/bios_vendor", "  SeaBIOS \n");
	tree_put("class/dmi/id/product_serial", "A\x01\xff"
						"B\n");
	tree_put("class/dmi/id/product_name", long_text);
	host_bios_read(tree_root, &bios);
	cr_expect_str_eq(bios.vendor, "SeaBIOS");
	cr_expect_str_eq(bios.serial, "A??B");
	cr_expect_eq(strlen(bios.product), (size_t)MODEL_BIOS_MAX);
	cr_expect_str_eq(bios.version, "");
}
