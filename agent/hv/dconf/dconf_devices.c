/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disks, network cards, PCI and USB devices. What a device's struct cannot say stays in its
 * `extra`; USB devices have none, so one that does not fit leaves its list with libxl's form.
 */
#include "agent/hv/dconf/dconf_lists.h"
#include "agent/hv/dconf/dconf_rows.h"
#include "common/base/assert.h"
#include "common/base/str.h"
#include "common/json/json.h"

#include <stdio.h>
#include <string.h>

enum { RATE_INTERVAL_US = 50000 }; /* libxl's and xl's default */

int dconf_extra_read(const struct mu_value *rest, char *extra, size_t size, struct mu_error *err)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;

	if (!rest->n_children)
		return 0;
	mu_json_write(&text, rest, false);
	if (text.len >= size)
		return mu_error_set(err, MU_E_UNSUPPORTED,
				    "it has %zu bytes of settings that only libxl knows; at most "
				    "%zu can be kept",
				    text.len, size - 1);
	memcpy(extra, text.data, text.len + 1);
	return 0;
}

int dconf_extra_write(struct mu_arena *a, const char *extra, struct mu_value **ret,
		      struct mu_error *err)
{
	struct mu_value *v = mu_value_object(a);

	if (*extra && mu_json_read(a, extra, strlen(extra), &v, err) < 0)
		return mu_error_prefix(err, "libxl");
	if (v->kind != MU_VALUE_OBJECT)
		return mu_error_set(err, MU_E_INVALID, "libxl: not an object");
	*ret = v;
	return 0;
}

/* Disks */

static int read_disk(struct mu_arena *a, struct mu_value *v, void *item, size_t at,
		     struct mu_error *err)
{
	struct hv_disk *d = item;
	int64_t n;

	(void)at;
	dconf_rows_read(v, &dconf_disk, d);
	d->cdrom = dconf_take_int(v, "is_cdrom", 1, 1, &n);
	if (d->cdrom) {
		d->readonly = true;
		if (!dconf_take_int(v, "removable", 1, 1, &n) && !mu_value_get(v, "removable"))
			mu_value_set_int(a, v, "removable", 0); /* ours is, unless it is said */
	} else {
		d->readonly = !dconf_take_int(v, "readwrite", 1, 1, &n);
	}
	if (!*d->format)
		memcpy(d->format, "raw", sizeof "raw");
	if (!*d->path && mu_str_equal(mu_value_as_string(mu_value_get(v, "format")), "empty"))
		mu_value_remove(v, "format");
	return dconf_extra_read(v, d->extra, sizeof d->extra, err);
}

static void write_disk(struct mu_arena *a, struct mu_value *v, const void *item, size_t at,
		       const struct mu_uuid *vm)
{
	const struct hv_disk *d = item;

	(void)at, (void)vm;
	dconf_rows_write(a, v, &dconf_disk, d);
	if (!*d->path)
		dconf_put(a, v, "format", mu_value_string(a, "empty"));
	if (d->cdrom) {
		dconf_put(a, v, "is_cdrom", mu_value_int(a, 1));
		if (!mu_value_get(v, "removable"))
			mu_value_set_int(a, v, "removable", 1);
	} else if (!d->readonly) {
		dconf_put(a, v, "readwrite", mu_value_int(a, 1));
	}
}

/* Network cards */

static void read_device(struct mu_value *v, size_t at, bool *has, uint32_t *device)
{
	int64_t n;

	if (!dconf_take_int(v, "devid", 0, 255, &n))
		return;
	*has = (size_t)n != at;
	*device = *has ? (uint32_t)n : 0;
}

/* libxl has bytes per interval: one that is not the usual, or does not come out even, stays. */
static void read_rate(struct mu_value *v, struct hv_nic *nic)
{
	const struct mu_value *interval = mu_value_get(v, "rate_interval_usecs");
	int64_t bytes;

	if (!interval || interval->kind != MU_VALUE_INT || interval->integer != RATE_INTERVAL_US ||
	    !dconf_take_int(v, "rate_bytes_per_interval", 1,
			    (INT64_C(1) << 40) / (1000000 / RATE_INTERVAL_US), &bytes))
		return;
	mu_value_remove(v, "rate_interval_usecs");
	nic->rate_bytes = bytes * (1000000 / RATE_INTERVAL_US);
}

static int read_nic(struct mu_arena *a, struct mu_value *v, void *item, size_t at,
		    struct mu_error *err)
{
	struct hv_nic *nic = item;

	(void)a;
	dconf_rows_read(v, &dconf_nic, nic);
	read_device(v, at, &nic->has_device, &nic->device);
	read_rate(v, nic);
	return dconf_extra_read(v, nic->extra, sizeof nic->extra, err);
}

/* Xen's own prefix and three bytes that stay the same for this VM and device, on any host. */
static struct mu_value *derived_mac(struct mu_arena *a, const struct mu_uuid *vm, uint32_t device)
{
	char part[24];
	char mac[18];
	struct mu_uuid hash;

	(void)snprintf(part, sizeof part, "nic%u", device);
	hash = mu_uuid_derive(vm, part);
	/* The upper half is for hand-made addresses, by custom. */
	(void)snprintf(mac, sizeof mac, "00:16:3e:%02x:%02x:%02x", hash.bytes[0] & 0x7fu,
		       hash.bytes[1], hash.bytes[2]);
	return mu_value_string(a, mac);
}

static void write_nic(struct mu_arena *a, struct mu_value *v, const void *item, size_t at,
		      const struct mu_uuid *vm)
{
	const struct hv_nic *nic = item;
	uint32_t device = nic->has_device ? nic->device : (uint32_t)at;
	int64_t per_interval = nic->rate_bytes / (1000000 / RATE_INTERVAL_US);

	dconf_rows_write(a, v, &dconf_nic, nic);
	if (nic->has_device || !mu_value_get(v, "devid"))
		dconf_put(a, v, "devid", mu_value_int(a, device));
	if (!*nic->mac)
		dconf_put(a, v, "mac", derived_mac(a, vm, device));
	if (!nic->rate_bytes)
		return;
	/* Less than a byte per interval would read as no limit. */
	dconf_put(a, v, "rate_bytes_per_interval",
		  mu_value_int(a, per_interval ? per_interval : 1));
	dconf_put(a, v, "rate_interval_usecs", mu_value_int(a, RATE_INTERVAL_US));
}

/* PCI */

static int read_pci(struct mu_arena *a, struct mu_value *v, void *item, size_t at,
		    struct mu_error *err)
{
	struct hv_pci *pci = item;
	int64_t domain = 0, bus = 0, dev = 0, func = 0, mask;

	(void)a, (void)at;
	(void)dconf_take_int(v, "domain", 0, 0xffff, &domain);
	(void)dconf_take_int(v, "bus", 0, 0xff, &bus);
	(void)dconf_take_int(v, "dev", 0, 0x1f, &dev);
	(void)dconf_take_int(v, "func", 0, 7, &func);
	(void)dconf_take_int(v, "vfunc_mask", 1 << func, 1 << func, &mask);
	(void)snprintf(pci->address, sizeof pci->address, "%04x:%02x:%02x.%x", (unsigned)domain,
		       (unsigned)bus, (unsigned)dev, (unsigned)func);
	dconf_rows_read(v, &dconf_pci, pci);
	return dconf_extra_read(v, pci->extra, sizeof pci->extra, err);
}

static void put_unless_zero(struct mu_arena *a, struct mu_value *v, const char *name, unsigned n)
{
	if (n)
		dconf_put(a, v, name, mu_value_int(a, n));
}

static void write_pci(struct mu_arena *a, struct mu_value *v, const void *item, size_t at,
		      const struct mu_uuid *vm)
{
	const struct hv_pci *pci = item;
	unsigned domain = 0, bus = 0, dev = 0, func = 0;

	(void)at, (void)vm;
	(void)sscanf(pci->address, "%4x:%2x:%2x.%1x", &domain, &bus, &dev, &func);
	put_unless_zero(a, v, "domain", domain);
	put_unless_zero(a, v, "bus", bus);
	put_unless_zero(a, v, "dev", dev);
	put_unless_zero(a, v, "func", func);
	if (!mu_value_get(v, "vfunc_mask"))
		mu_value_set_int(a, v, "vfunc_mask", 1 << (func & 7));
	dconf_rows_write(a, v, &dconf_pci, pci);
}

/* USB */

static int read_usb_controller(struct mu_arena *a, struct mu_value *v, void *item, size_t at,
			       struct mu_error *err)
{
	struct hv_usb_controller *u = item;

	(void)a;
	dconf_rows_read(v, &dconf_usb_controller, u);
	read_device(v, at, &u->has_device, &u->device);
	return v->n_children ? mu_error_set(err, MU_E_UNSUPPORTED, "does not fit") : 0;
}

static void write_usb_controller(struct mu_arena *a, struct mu_value *v, const void *item,
				 size_t at, const struct mu_uuid *vm)
{
	const struct hv_usb_controller *u = item;

	(void)vm;
	dconf_rows_write(a, v, &dconf_usb_controller, u);
	dconf_put(a, v, "devid", mu_value_int(a, u->has_device ? u->device : (int64_t)at));
}

static int read_usb_device(struct mu_arena *a, struct mu_value *v, void *item, size_t at,
			   struct mu_error *err)
{
	struct hv_usb_device *u = item;
	struct mu_value *host = mu_value_find(v, "type.hostdev");
	int64_t bus, address, port, controller;

	(void)a, (void)at;
	if (!host || host->kind != MU_VALUE_OBJECT ||
	    !dconf_take_int(host, "hostbus", 1, 255, &bus) ||
	    !dconf_take_int(host, "hostaddr", 1, 255, &address) || host->n_children)
		return mu_error_set(err, MU_E_UNSUPPORTED, "does not fit");
	mu_value_remove(v, "type.hostdev");
	/* The one without the other stays, and so does not fit. */
	if (mu_value_get(v, "port") && dconf_take_int(v, "ctrl", 0, 255, &controller) &&
	    dconf_take_int(v, "port", 1, 31, &port)) {
		u->has_port = true;
		u->port = (uint32_t)port;
		u->controller = (uint32_t)controller;
	}
	u->bus = (uint32_t)bus;
	u->address = (uint32_t)address;
	return v->n_children ? mu_error_set(err, MU_E_UNSUPPORTED, "does not fit") : 0;
}

static void write_usb_device(struct mu_arena *a, struct mu_value *v, const void *item, size_t at,
			     const struct mu_uuid *vm)
{
	const struct hv_usb_device *u = item;
	struct mu_value *host = mu_value_set(a, v, "type.hostdev", mu_value_object(a));

	(void)at, (void)vm;
	mu_value_set_int(a, host, "hostbus", u->bus);
	mu_value_set_int(a, host, "hostaddr", u->address);
	if (!u->has_port)
		return;
	mu_value_set_int(a, v, "ctrl", u->controller);
	mu_value_set_int(a, v, "port", u->port);
}

/* Lists */

struct kind {
	const char *list; /* libxl's name */
	const char *what; /* in a message */
	size_t count, items, item_size;
	size_t max;
	size_t extra; /* within the item; 0 = none */
	int (*read)(struct mu_arena *a, struct mu_value *v, void *item, size_t at,
		    struct mu_error *err);
	void (*write)(struct mu_arena *a, struct mu_value *v, const void *item, size_t at,
		      const struct mu_uuid *vm);
};

#define KIND(n, w, cnt, arr, type, most, ex, name)                                                 \
	{                                                                                          \
		.list = (n), .what = (w), .count = offsetof(struct hv_vm_config, cnt),             \
		.items = offsetof(struct hv_vm_config, arr), .item_size = sizeof(type),            \
		.max = (most), .extra = (ex), .read = read_##name, .write = write_##name           \
	}

static const struct kind kinds[] = {
    KIND("disks", "disk", n_disks, disks, struct hv_disk, HV_DISKS_MAX,
	 offsetof(struct hv_disk, extra), disk),
    KIND("nics", "nic", n_nics, nics, struct hv_nic, HV_NICS_MAX, offsetof(struct hv_nic, extra),
	 nic),
    KIND("pcidevs", "PCI device", n_pci, pci, struct hv_pci, HV_PCI_MAX,
	 offsetof(struct hv_pci, extra), pci),
    KIND("usbctrls", "USB controller", n_usb_controllers, usb_controllers, struct hv_usb_controller,
	 HV_USB_MAX, 0, usb_controller),
    KIND("usbdevs", "USB device", n_usb_devices, usb_devices, struct hv_usb_device, HV_USB_MAX, 0,
	 usb_device),
};

static int read_items(struct mu_arena *a, const struct kind *k, struct mu_value *list,
		      struct hv_vm_config *c, struct mu_error *err)
{
	char *items = (char *)c + k->items;
	size_t n = 0;

	if (list->kind != MU_VALUE_LIST)
		return mu_error_set(err, MU_E_INVALID, "%s: not a list", k->list);
	if (list->n_children > k->max)
		return mu_error_set(err, MU_E_UNSUPPORTED,
				    "it has %zu %ss; at most %zu are "
				    "supported",
				    list->n_children, k->what, k->max);
	for (struct mu_value *v = list->first; v; v = v->next, n++) {
		if (v->kind != MU_VALUE_OBJECT)
			return mu_error_set(err, MU_E_INVALID, "%s %zu: not an object", k->what, n);
		if (k->read(a, v, items + n * k->item_size, n, err) < 0)
			return mu_error_prefix(err, "%s %zu", k->what, n);
	}
	memcpy((char *)c + k->count, &n, sizeof n);
	return 0;
}

/* A list without room for extras either fits as a whole, or stays as it is. */
static void read_whole(struct mu_arena *a, const struct kind *k, struct mu_value *root,
		       struct mu_value *list, struct hv_vm_config *c)
{
	struct mu_value *copy = mu_value_copy(a, list);

	if (read_items(a, k, copy, c, NULL) < 0)
		memset((char *)c + k->items, 0, k->item_size * k->max);
	else
		mu_value_remove(root, k->list);
}

int dconf_devices_read(struct mu_arena *a, struct mu_value *root, struct hv_vm_config *c,
		       struct mu_error *err)
{
	for (size_t i = 0; i < MU_ARRAY_SIZE(kinds); i++) {
		const struct kind *k = &kinds[i];
		struct mu_value *list = mu_value_find(root, k->list);

		if (!list)
			continue;
		if (!k->extra) {
			read_whole(a, k, root, list, c);
			continue;
		}
		if (read_items(a, k, list, c, err) < 0)
			return MU_FAILED;
		mu_value_remove(root, k->list);
	}
	return 0;
}

static int write_items(struct mu_arena *a, const struct kind *k, struct mu_value *list,
		       const struct hv_vm_config *c, struct mu_error *err)
{
	const char *items = (const char *)c + k->items;
	size_t n;

	memcpy(&n, (const char *)c + k->count, sizeof n);
	for (size_t i = 0; i < n; i++) {
		const char *item = items + i * k->item_size;
		struct mu_value *v = mu_value_object(a);

		if (k->extra && dconf_extra_write(a, item + k->extra, &v, err) < 0)
			return mu_error_prefix(err, "%s %zu", k->what, i);
		k->write(a, v, item, i, &c->id.uuid);
		mu_value_push(list, v);
	}
	return 0;
}

/* libxl hands the first disk to a bootloader. */
static void bootable_first(struct mu_arena *a, struct mu_value *root, const struct hv_vm_config *c)
{
	struct mu_value *sorted = mu_value_list(a);
	const struct mu_value *list = mu_value_get(root, "disks");

	for (int bootable = 1; bootable >= 0; bootable--) {
		size_t i = 0;

		mu_value_each(it, list)
		{
			if (i < c->n_disks && c->disks[i].bootable == bootable)
				mu_value_push(sorted, mu_value_copy(a, it));
			i++;
		}
	}
	dconf_put(a, root, "disks", sorted);
}

int dconf_devices_write(struct mu_arena *a, struct mu_value *root, const struct hv_vm_config *c,
			struct mu_error *err)
{
	for (size_t i = 0; i < MU_ARRAY_SIZE(kinds); i++) {
		const struct kind *k = &kinds[i];
		struct mu_value *list = mu_value_list(a);

		if (write_items(a, k, list, c, err) < 0)
			return MU_FAILED;
		if (list->n_children)
			dconf_put(a, root, k->list, list);
	}
	if (*c->bootloader && c->n_disks)
		bootable_first(a, root, c);
	return 0;
}
