/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/hv/xen/xen_pci.h"

#include "common/base/str.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEVICES "/sys/bus/pci/devices"
#define PCIBACK "pciback" /* the driver's name in sysfs */

enum { PATH_BYTES = 512, TEXT_BYTES = 64 };

/* ---- sysfs ---- */

/* One line of a small file; "" when it cannot be read. */
static void read_line(const char *path, char text[static TEXT_BYTES])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, TEXT_BYTES - 1);

	if (fd >= 0)
		(void)close(fd);
	text[n > 0 ? n : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
}

/* "0x8086" */
static uint32_t read_hex(const char *address, const char *name)
{
	char path[PATH_BYTES], text[TEXT_BYTES];

	(void)snprintf(path, sizeof path, DEVICES "/%s/%s", address, name);
	read_line(path, text);
	return (uint32_t)strtoul(text, NULL, 16);
}

static void read_driver(const char *address, struct hv_host_pci *ret)
{
	char path[PATH_BYTES], target[PATH_BYTES];
	const char *name;
	ssize_t n;

	(void)snprintf(path, sizeof path, DEVICES "/%s/driver", address);
	n = readlink(path, target, sizeof target - 1);
	if (n < 0)
		return;
	target[n] = '\0';
	name = strrchr(target, '/');
	name = name ? name + 1 : target;
	ret->assignable = mu_str_equal(name, PCIBACK);
	if (!ret->assignable)
		(void)snprintf(ret->driver, sizeof ret->driver, "%.31s", name);
}

static void read_device(const char *address, struct hv_host_pci *ret)
{
	*ret = (struct hv_host_pci){
	    .vendor = (uint16_t)read_hex(address, "vendor"),
	    .device = (uint16_t)read_hex(address, "device"),
	    .subsystem_vendor = (uint16_t)read_hex(address, "subsystem_vendor"),
	    .subsystem_device = (uint16_t)read_hex(address, "subsystem_device"),
	    .class_code = read_hex(address, "class"),
	};
	(void)snprintf(ret->address, sizeof ret->address, "%s", address);
	read_driver(address, ret);
}

static int compare(const void *a, const void *b)
{
	const struct hv_host_pci *x = a, *y = b;

	return strcmp(x->address, y->address);
}

int xen_pci_list(struct hv_host_pci *ret_devices, size_t max, size_t *ret_n, struct mu_error *err)
{
	DIR *dir = opendir(DEVICES);
	const struct dirent *entry;
	size_t n = 0;

	if (!dir && errno != ENOENT)
		return mu_error_errno(err, errno, DEVICES);
	while (dir && n < max && (entry = readdir(dir)))
		if (entry->d_name[0] != '.' &&
		    strlen(entry->d_name) < sizeof ret_devices[n].address)
			read_device(entry->d_name, &ret_devices[n++]);
	if (dir)
		(void)closedir(dir);
	qsort(ret_devices, n, sizeof *ret_devices, compare);
	*ret_n = n;
	return 0;
}

int xen_pci_find(const char *address, struct hv_host_pci *ret, struct mu_error *err)
{
	char path[PATH_BYTES];

	(void)snprintf(path, sizeof path, DEVICES "/%s", address);
	if (access(path, F_OK) < 0)
		return mu_error_set(err, MU_E_NOT_FOUND,
				    "the host has no PCI device %s; hint: lspci -D", address);
	read_device(address, ret);
	return 0;
}

/* ---- in use by dom0? ---- */

/* Is what the link `folder`/`name` leads to a part of the device whose real path is `device`? */
static bool belongs_to(const char *folder, const char *name, const char *device)
{
	char path[PATH_BYTES], real[PATH_MAX];
	size_t len = strlen(device);

	(void)snprintf(path, sizeof path, "%s/%s", folder, name);
	return realpath(path, real) && strncmp(real, device, len) == 0 && real[len] == '/';
}

static bool is_up(const char *nic)
{
	char path[PATH_BYTES], text[TEXT_BYTES];

	(void)snprintf(path, sizeof path, "/sys/class/net/%s/flags", nic);
	read_line(path, text);
	return (strtoul(text, NULL, 16) & IFF_UP) != 0;
}

static bool any(const char *nic)
{
	(void)nic;
	return true;
}

/* The first part of the device in `folder` that is in use. */
static bool find_busy(const char *folder, const char *device, bool (*busy)(const char *name),
		      char ret_name[static TEXT_BYTES])
{
	DIR *dir = opendir(folder);
	const struct dirent *entry;
	bool found = false;

	while (dir && !found && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.' || !belongs_to(folder, entry->d_name, device))
			continue;
		found = busy(entry->d_name);
		(void)snprintf(ret_name, TEXT_BYTES, "%.63s", entry->d_name);
	}
	if (dir)
		(void)closedir(dir);
	return found;
}

int xen_pci_check_idle(const struct hv_host_pci *device, struct mu_error *err)
{
	char path[PATH_BYTES], real[PATH_MAX], name[TEXT_BYTES] = "";

	(void)snprintf(path, sizeof path, DEVICES "/%s", device->address);
	if (!realpath(path, real))
		return mu_error_errno(err, errno, "PCI device %s", device->address);
	if (find_busy("/sys/class/net", real, is_up, name))
		return mu_error_set(err, MU_E_STATE,
				    "PCI device %s is in use by dom0: driver %s, network card %s "
				    "is up; hint: take the card down first",
				    device->address, device->driver, name);
	if (find_busy("/sys/block", real, any, name))
		return mu_error_set(err, MU_E_STATE,
				    "PCI device %s is in use by dom0: driver %s, disk %s",
				    device->address, device->driver, name);
	return 0;
}

int xen_pci_check_given(const struct hv_host_pci *device, bool seize, struct mu_error *err)
{
	if (device->assignable)
		return 0;
	if (seize)
		return xen_pci_check_idle(device, err);
	return mu_error_set(err, MU_E_STATE,
			    "PCI device %s belongs to dom0 (driver %s); hint: make it "
			    "assignable first",
			    device->address, device->driver[0] ? device->driver : "none");
}

int xen_pci_check_pciback(struct mu_error *err)
{
	if (access("/sys/bus/pci/drivers/" PCIBACK, F_OK) == 0)
		return 0;
	return mu_error_set(err, MU_E_UNSUPPORTED,
			    "dom0's driver for PCI devices of guests is not loaded; hint: modprobe "
			    "xen-pciback, and for every boot its name in /etc/modules-load.d");
}

/* ---- who has them ---- */

struct xen_pci_owners {
	size_t n;
	struct {
		char address[16];
		uint32_t domid;
	} list[HV_HOST_PCI_MAX];
};

struct xen_pci_owners *xen_pci_owners_new(void)
{
	return mu_xcalloc(1, sizeof(struct xen_pci_owners));
}

struct xen_pci_owners *xen_pci_owners_free(struct xen_pci_owners *o)
{
	free(o);
	return NULL;
}

void xen_pci_owners_add(struct xen_pci_owners *o, const char *name, uint32_t domid)
{
	unsigned segment, bus, device, function;
	char after;

	if (o->n == HV_HOST_PCI_MAX ||
	    sscanf(name, "%4x-%2x-%2x-%1x%c", &segment, &bus, &device, &function, &after) != 4)
		return;
	(void)snprintf(o->list[o->n].address, sizeof o->list[0].address, "%04x:%02x:%02x.%x",
		       segment & 0xffff, bus & 0xff, device & 0x1f, function & 7);
	o->list[o->n++].domid = domid;
}

void xen_pci_join(const struct xen_pci_owners *o, struct hv_host_pci *devices, size_t n)
{
	for (size_t i = 0; o && i < n; i++)
		for (size_t k = 0; k < o->n; k++)
			if (mu_str_equal(devices[i].address, o->list[k].address))
				devices[i].domid.value = o->list[k].domid;
}
