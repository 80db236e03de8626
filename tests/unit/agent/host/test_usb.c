/* SPDX-License-Identifier: Apache-2.0 */
/* USB devices out of a made-up sysfs. */
#include "agent/host/details.h"
#include "agent/host/usb.h"
#include "tests/unit/agent/host/tree.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEVICES "bus/usb/devices/"

TestSuite(host_usb, .init = tree_make, .fini = tree_clean);

static struct host_usb *read_all(size_t *ret_n)
{
	struct mu_error err = MU_ERROR_INIT;
	struct host_usb *list = NULL;

	cr_assert_eq(host_usb_read(tree_root, NULL, &list, ret_n, &err), 0, "%s", err.text);
	return list;
}

static void put(const char *device, const char *attribute, const char *text)
{
	char path[256];

	(void)snprintf(path, sizeof path, DEVICES "%s/%s", device, attribute);
	tree_put(path, text);
}

static void number(const char *device, const char *bus, const char *address)
{
	put(device, "busnum", bus);
	put(device, "devnum", address);
}

/* A root hub at a controller, a hub on it, and a stick on that. */
static void a_stick(void)
{
	tree_put("devices/pci0000:00/0000:00:1d.0/usb1/busnum", "1\n");
	tree_put("devices/pci0000:00/0000:00:1d.0/usb1/devnum", "1\n");
	tree_put("devices/pci0000:00/0000:00:1d.0/usb1/idVendor", "1d6b\n");
	tree_put("devices/pci0000:00/0000:00:1d.0/usb1/idProduct", "0002\n");
	tree_put("devices/pci0000:00/0000:00:1d.0/usb1/bDeviceClass", "09\n");
	tree_put("devices/pci0000:00/0000:00:1d.0/usb1/speed", "480\n");
	tree_link(DEVICES "usb1", "../../../devices/pci0000:00/0000:00:1d.0/usb1");
	number("1-2", "1\n", "2\n");
	put("1-2", "bDeviceClass", "09\n");
	number("1-2.3", "1\n", "11\n");
	put("1-2.3", "idVendor", "0951\n");
	put("1-2.3", "idProduct", "1666\n");
	put("1-2.3", "bDeviceClass", "00\n");
	put("1-2.3", "speed", "1.5\n");
	put("1-2.3", "manufacturer", "Kingston\n");
	put("1-2.3", "product", "Data\033Traveler\n");
	put("1-2.3", "serial", "60A44C\n");
	put("1-2.3", "1-2.3:1.0/bInterfaceClass", "08\n");
	put("1-2.3", "1-2.3:1.1/bInterfaceClass", "03\n");
	put("1-2.3:1.0", "bInterfaceClass", "08\n");
}

Test(host_usb, a_stick_behind_a_hub)
{
	struct host_usb *list;
	size_t n;

	a_stick();
	list = read_all(&n);
	cr_assert_eq(n, 3u);
	cr_expect_str_eq(list[0].port, "usb1");
	cr_expect(list[0].hub && list[1].hub && !list[2].hub);
	cr_expect_eq(list[0].speed_kbps, 480000u);
	cr_expect_str_eq(list[0].device_name, "Device 0002");
	cr_expect_str_eq(list[1].vendor_name, "Vendor 0000");
	cr_expect_eq(list[1].speed_kbps, 0u);
	cr_expect_eq(list[2].bus, 1u);
	cr_expect_eq(list[2].address, 11u);
	cr_expect_str_eq(list[2].port, "1-2.3");
	cr_expect_eq(list[2].vendor, 0x0951u);
	cr_expect_eq(list[2].product, 0x1666u);
	cr_expect_str_eq(list[2].vendor_name, "Kingston");
	cr_expect_str_eq(list[2].device_name, "Data?Traveler", "the device's own words");
	cr_expect_str_eq(list[2].serial, "60A44C");
	cr_expect_eq(list[2].class_code, 8u);
	cr_expect_str_eq(list[2].class_name, "Mass storage");
	cr_expect_eq(list[2].speed_kbps, 1500u);
	cr_expect_str_eq(list[2].controller, "0000:00:1d.0");
	free(list);
}

Test(host_usb, in_order_of_numbers_and_without_what_is_no_device)
{
	struct host_usb *list;
	size_t n;

	number("1-10", "1\n", "3\n");
	put("1-10", "bDeviceClass", "5a\n");
	put("1-10", "speed", "garbage\n");
	put("1-10", "idVendor", "123456\n");
	number("1-2", "1\n", "20\n");
	number("2-1", "2\n", "4\n");
	number("10-1", "10\n", "2\n");
	put("10-1", "speed", "480x\n");
	number("3-1", "3\n", "128\n");
	number("4-1", "70000\n", "1\n");
	number("5-1", "5\n", "x\n");
	put("6-1", "idVendor", "1d6b\n");
	number("1-4444444444444444444444444444444444", "1\n", "9\n");
	list = read_all(&n);
	cr_assert_eq(n, 4u);
	cr_expect_str_eq(list[0].port, "1-10");
	cr_expect_str_eq(list[0].class_name, "Unknown");
	cr_expect_eq(list[0].speed_kbps, 0u);
	cr_expect_eq(list[0].vendor, 0u);
	cr_expect_str_eq(list[1].port, "1-2");
	cr_expect_str_eq(list[1].controller, "", "there is no root hub");
	cr_expect_str_eq(list[2].port, "2-1");
	cr_expect_str_eq(list[3].port, "10-1");
	cr_expect_eq(list[3].speed_kbps, 0u);
	free(list);
}

Test(host_usb, none_at_all)
{
	size_t n = 7;

	free(read_all(&n));
	cr_expect_eq(n, 0u);
}

Test(host_usb, what_cannot_be_read)
{
	struct mu_error err = MU_ERROR_INIT;
	struct host_usb *list;
	size_t n;

	tree_put("bus/usb/devices", "a file");
	cr_assert_lt(host_usb_read(tree_root, NULL, &list, &n, &err), 0);
	cr_expect_eq(err.code, MU_E_IO);
	cr_expect(strstr(err.text, "USB devices"), "%s", err.text);
}

Test(host_usb, more_than_are_looked_at)
{
	struct host_usb *list;
	char name[16], bus[16];
	size_t n;

	for (unsigned i = 1; i <= HOST_USB_MAX + 1; i++) {
		(void)snprintf(name, sizeof name, "%u-1", i);
		(void)snprintf(bus, sizeof bus, "%u\n", i);
		number(name, bus, "1\n");
	}
	list = read_all(&n);
	cr_expect_eq(n, (size_t)HOST_USB_MAX);
	free(list);
}

Test(host_usb, who_has_it)
{
	static const struct host_usb_owner owners[] = {
	    {1, 11, {{{7}}}}, {1, 12, {{{8}}}}, {9, 9, {{{9}}}}};
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	const struct mu_value *shown;
	struct host_usb *list;
	size_t n;

	a_stick();
	list = read_all(&n);
	host_usb_set_owners(list, n, owners, 3);
	shown = host_details_usbs(a, list, n);
	cr_assert_eq(shown->n_children, 3u);
	cr_expect_null(mu_value_get(shown->first, "vm"));
	cr_expect_str_eq(mu_value_as_string(mu_value_get(shown->first, "device")), "1.1");
	shown = shown->first->next->next;
	cr_expect_str_eq(mu_value_as_string(mu_value_get(shown, "device")), "1.11");
	cr_expect_str_eq(mu_value_as_string(mu_value_get(shown, "vendor")), "0951");
	cr_expect_str_eq(mu_value_as_string(mu_value_get(shown, "class")), "08");
	cr_expect_str_eq(mu_value_as_string(mu_value_get(shown, "controller")), "0000:00:1d.0");
	cr_expect_eq(mu_value_get(shown, "speedKbps")->integer, 1500);
	cr_expect_str_eq(mu_value_as_string(mu_value_get(shown, "vm")),
			 "07000000-0000-0000-0000-000000000000");
	free(list);
}

/* What udev's database says of Linux's own root hubs, where there is one. */
Test(host_usb, the_database_knows_numbers)
{
	MU_CLEANUP(pci_names_free) struct pci_names *names = pci_names_new();
	char vendor[MODEL_NAME_MAX + 1] = "?", device[MODEL_NAME_MAX + 1] = "?";

	if (!names)
		cr_skip("no hardware database");
	pci_names_find_usb(names, 0x1d6b, 0x0002, vendor, device);
	cr_expect_str_eq(vendor, "Linux Foundation");
	cr_expect_str_eq(device, "2.0 root hub");
	pci_names_find_usb(names, 0xfffe, 0xfffe, vendor, device);
	cr_expect_str_eq(vendor, "Linux Foundation", "what is not known stays");
}
