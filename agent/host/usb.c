/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /sys/bus/usb/devices has root hubs ("usb1"), devices by the port they are on ("1-2.1": bus 1,
 * port 2, port 1 of the hub there) and interfaces of devices ("1-2.1:1.0"), which are left out. A
 * device tells its name itself, if it does; the database knows it by its numbers.
 */
#include "agent/host/usb.h"

#include "agent/host/sysfs.h"
#include "common/base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	ENTRIES_MAX = 16384, /* devices and their interfaces */
	BUS_MAX = 65535,
	ADDRESS_MAX = 127, /* USB's own limit */
	CODE_MAX = 0xffff,
	CLASS_OF_INTERFACES = 0,
	CLASS_HUB = 9,
	KBPS_MAX = 1000000000,
};

struct reading {
	const char *sysfs;
	struct pci_names *names;
	struct host_usb *list;
	size_t n;
};

static const char *class_name(uint32_t code)
{
	static const struct {
		uint32_t code;
		const char *name;
	} classes[] = {
	    {0x00, "Device"},
	    {0x01, "Audio"},
	    {0x02, "Communications"},
	    {0x03, "Human interface"},
	    {0x05, "Physical interface"},
	    {0x06, "Image"},
	    {0x07, "Printer"},
	    {0x08, "Mass storage"},
	    {0x09, "Hub"},
	    {0x0a, "Communications data"},
	    {0x0b, "Smart card"},
	    {0x0d, "Content security"},
	    {0x0e, "Video"},
	    {0x0f, "Personal healthcare"},
	    {0x10, "Audio and video"},
	    {0xdc, "Diagnostic"},
	    {0xe0, "Wireless"},
	    {0xef, "Miscellaneous"},
	    {0xfe, "Application specific"},
	    {0xff, "Vendor specific"},
	};

	for (size_t i = 0; i < MU_ARRAY_SIZE(classes); i++) {
		if (classes[i].code == code)
			return classes[i].name;
	}
	return "Unknown";
}

/* Hexadecimal without "0x", as USB's attributes have it. */
static uint32_t read_hex(const char *dir, const char *name)
{
	char text[16], *end = text;
	unsigned long n;

	if (!sysfs_text(dir, name, text, sizeof text) || !text[0])
		return 0;
	n = strtoul(text, &end, 16);
	return *end || n > CODE_MAX ? 0 : (uint32_t)n;
}

/* "480" or "1.5", in Mb/s. */
static uint32_t read_speed(const char *dir)
{
	char text[16];
	unsigned whole, tenth = 0;
	int end = 0;

	if (!sysfs_text(dir, "speed", text, sizeof text) ||
	    sscanf(text, "%6u%n.%1u%n", &whole, &end, &tenth, &end) < 1 || text[end] ||
	    whole > KBPS_MAX / 1000)
		return 0;
	return whole * 1000 + tenth * 100;
}

struct interfaces {
	const char *dir;
	bool found;
	uint32_t class_code;
};

static void take_interface(const char *name, void *arg)
{
	struct interfaces *i = arg;
	char dir[SYSFS_PATH_MAX + 1], text[16];

	if (i->found || !strchr(name, ':'))
		return;
	(void)snprintf(dir, sizeof dir, "%.700s/%.255s", i->dir, name);
	i->found = sysfs_text(dir, "bInterfaceClass", text, sizeof text);
	i->class_code = read_hex(dir, "bInterfaceClass");
}

static uint32_t read_class(const char *dir)
{
	uint32_t code = read_hex(dir, "bDeviceClass");
	struct interfaces interfaces = {.dir = dir};

	if (code != CLASS_OF_INTERFACES)
		return code;
	(void)sysfs_each(dir, ENTRIES_MAX, take_interface, &interfaces, NULL);
	return interfaces.class_code;
}

static void read_names(struct host_usb *u, struct pci_names *names, const char *dir)
{
	char own[MODEL_NAME_MAX + 1];

	(void)snprintf(u->vendor_name, sizeof u->vendor_name, "Vendor %04x", u->vendor);
	(void)snprintf(u->device_name, sizeof u->device_name, "Device %04x", u->product);
	pci_names_find_usb(names, u->vendor, u->product, u->vendor_name, u->device_name);
	if (sysfs_text(dir, "manufacturer", own, sizeof own) && own[0])
		memcpy(u->vendor_name, own, sizeof own);
	if (sysfs_text(dir, "product", own, sizeof own) && own[0])
		memcpy(u->device_name, own, sizeof own);
	(void)sysfs_text(dir, "serial", u->serial, sizeof u->serial);
}

static void read_device(const char *name, void *arg)
{
	struct reading *r = arg;
	char dir[SYSFS_PATH_MAX + 1], bus[SYSFS_PATH_MAX + 1], root[16];
	struct host_usb *u = &r->list[r->n];
	uint64_t number, address;

	if (strchr(name, ':') || strlen(name) >= sizeof u->port || r->n == HOST_USB_MAX)
		return;
	(void)snprintf(bus, sizeof bus, "%.700s/bus/usb/devices", r->sysfs);
	(void)snprintf(dir, sizeof dir, "%.800s/%.31s", bus, name);
	number = sysfs_number(dir, "busnum", 0);
	address = sysfs_number(dir, "devnum", 0);
	if (!number || number > BUS_MAX || !address || address > ADDRESS_MAX)
		return;
	memset(u, 0, sizeof *u);
	u->bus = (uint32_t)number;
	u->address = (uint32_t)address;
	memcpy(u->port, name, strlen(name) + 1);
	u->vendor = read_hex(dir, "idVendor");
	u->product = read_hex(dir, "idProduct");
	read_names(u, r->names, dir);
	u->class_code = read_class(dir);
	u->class_name = class_name(u->class_code);
	u->hub = u->class_code == CLASS_HUB;
	u->speed_kbps = read_speed(dir);
	(void)snprintf(root, sizeof root, "usb%u", u->bus);
	(void)sysfs_link_parent(bus, root, u->controller, sizeof u->controller);
	r->n++;
}

static int by_address(const void *a, const void *b)
{
	const struct host_usb *x = a, *y = b;

	if (x->bus != y->bus)
		return x->bus < y->bus ? -1 : 1;
	return x->address < y->address ? -1 : x->address > y->address;
}

int host_usb_read(const char *sysfs, struct pci_names *names, struct host_usb **ret, size_t *ret_n,
		  struct mu_error *err)
{
	struct reading r = {.sysfs = sysfs, .names = names};
	char dir[SYSFS_PATH_MAX + 1];

	(void)snprintf(dir, sizeof dir, "%s/bus/usb/devices", sysfs);
	r.list = mu_xcalloc(HOST_USB_MAX, sizeof *r.list);
	if (sysfs_each(dir, ENTRIES_MAX, read_device, &r, err) < 0) {
		free(r.list);
		return mu_error_prefix(err, "USB devices");
	}
	qsort(r.list, r.n, sizeof *r.list, by_address);
	*ret = mu_xrealloc(r.list, r.n + 1, sizeof *r.list);
	*ret_n = r.n;
	return 0;
}

void host_usb_set_owners(struct host_usb *list, size_t n, const struct host_usb_owner *owners,
			 size_t n_owners)
{
	for (size_t i = 0; i < n_owners; i++) {
		const struct host_usb key = {.bus = owners[i].bus, .address = owners[i].address};
		struct host_usb *u = bsearch(&key, list, n, sizeof *list, by_address);

		if (u)
			u->vm = owners[i].vm;
	}
}
