/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every driver may take for granted about a configuration: sizes in range, strings
 * terminated and free of control characters, devices named once, something to boot from.
 * Whether files and bridges exist is the driver's to find out.
 */
#include "agent/hv/hv_check.h"

#include "common/base/mem.h"
#include "common/base/str.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { MEMORY_MIN_BYTES = 1 << 20 };

/* A text that may be empty and fills its member. */
#define TEXT(what, member) check_text(what, member, sizeof(member), false, err)

static int check_text(const char *what, const char *text, size_t size, bool required,
		      struct mu_error *err)
{
	size_t len = strnlen(text, size);

	if (len == size)
		return mu_error_set(err, MU_E_INVALID, "%s is longer than %zu bytes", what,
				    size - 1);
	if (required && len == 0)
		return mu_error_set(err, MU_E_INVALID, "%s is missing", what);
	if (!mu_utf8_valid(text, len))
		return mu_error_set(err, MU_E_INVALID, "%s is not valid UTF-8", what);
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			return mu_error_set(err, MU_E_INVALID,
					    "%s has a control character at byte %zu", what, i);
	}
	return 0;
}

static int check_path(const char *what, const char *path, struct mu_error *err)
{
	if (check_text(what, path, HV_PATH_MAX + 1, false, err) < 0)
		return MU_FAILED;
	if (path[0] != '\0' && path[0] != '/')
		return mu_error_set(err, MU_E_INVALID, "%s \"%s\" is not an absolute path", what,
				    path);
	return 0;
}

int hv_check_name(const char *name, struct mu_error *err)
{
	bool digits = true;

	if (check_text("name", name, MODEL_NAME_MAX + 1, true, err) < 0)
		return MU_FAILED;
	if (strchr(name, '/'))
		return mu_error_set(err, MU_E_INVALID, "name \"%s\" has a '/' in it", name);
	for (const char *p = name; *p; p++)
		digits = digits && *p >= '0' && *p <= '9';
	if (digits)
		return mu_error_set(err, MU_E_INVALID,
				    "name \"%s\" is a number; hint: Xen's tools would take it for "
				    "a domain id, add a letter",
				    name);
	if (strcmp(name, "Domain-0") == 0)
		return mu_error_set(err, MU_E_INVALID, "name \"Domain-0\" is the host's own");
	return 0;
}

static int check_sizes(const struct hv_vm_config *c, struct mu_error *err)
{
	if ((unsigned)c->type >= _VM_TYPE_COUNT)
		return mu_error_set(err, MU_E_INVALID, "type %d is unknown", (int)c->type);
	if (c->vcpus_max < 1 || c->vcpus_max > HV_VCPUS_MAX)
		return mu_error_set(err, MU_E_INVALID, "vcpus_max is %" PRIu32 "; allowed: 1 to %d",
				    c->vcpus_max, HV_VCPUS_MAX);
	if (c->vcpus < 1 || c->vcpus > c->vcpus_max)
		return mu_error_set(err, MU_E_INVALID,
				    "vcpus is %" PRIu32 "; allowed: 1 to vcpus_max (%" PRIu32 ")",
				    c->vcpus, c->vcpus_max);
	if (c->memory_bytes < MEMORY_MIN_BYTES)
		return mu_error_set(err, MU_E_INVALID,
				    "memory is %" PRId64 " bytes; hint: the least is 1 MiB",
				    c->memory_bytes);
	if (c->memory_bytes > c->memory_max_bytes)
		return mu_error_set(err, MU_E_INVALID,
				    "memory is %" PRId64 " bytes, more than its maximum %" PRId64,
				    c->memory_bytes, c->memory_max_bytes);
	return 0;
}

static int check_boot(const struct hv_vm_config *c, struct mu_error *err)
{
	if (check_path("kernel", c->kernel, err) < 0 || check_path("ramdisk", c->ramdisk, err) < 0)
		return MU_FAILED;
	if (check_text("cmdline", c->cmdline, sizeof c->cmdline, false, err) < 0 ||
	    check_text("bootloader", c->bootloader, sizeof c->bootloader, false, err) < 0 ||
	    check_text("firmware", c->firmware, sizeof c->firmware, false, err) < 0 ||
	    check_text("boot_order", c->boot_order, sizeof c->boot_order, false, err) < 0)
		return MU_FAILED;
	if (c->type != VM_TYPE_HVM && c->kernel[0] == '\0' && c->bootloader[0] == '\0')
		return mu_error_set(err, MU_E_INVALID,
				    "a %s VM needs a kernel or a bootloader; hint: set kernel to "
				    "an absolute path in dom0, or bootloader to \"pygrub\"",
				    vm_type_name(c->type));
	if (c->firmware[0] != '\0' && strcmp(c->firmware, "bios") != 0 &&
	    strcmp(c->firmware, "uefi") != 0)
		return mu_error_set(err, MU_E_INVALID,
				    "firmware \"%s\" is unknown; allowed: bios, uefi", c->firmware);
	if (c->boot_order[strspn(c->boot_order, "acdn")] != '\0')
		return mu_error_set(
		    err, MU_E_INVALID,
		    "boot_order \"%s\" is not made of a (floppy), c (disk), d (CD) and n "
		    "(network)",
		    c->boot_order);
	return 0;
}

/* "" is among them: not said. */
static bool among(const char *word, const char *const *words)
{
	for (; word[0] != '\0' && *words; words++) {
		if (strcmp(*words, word) == 0)
			return true;
	}
	return word[0] == '\0';
}

static bool vdev_ok(const char *vdev)
{
	size_t len = strlen(vdev);

	return len >= 3 && vdev[strspn(vdev, "abcdefghijklmnopqrstuvwxyz0123456789")] == '\0' &&
	       vdev[0] >= 'a' && vdev[0] <= 'z';
}

static int check_disk(const struct hv_vm_config *c, size_t i, struct mu_error *err)
{
	static const char *const formats[] = {"raw", "qcow2", "vhd", "qcow", "qed", NULL};
	static const char *const backends[] = {"phy", "qdisk", "tap", NULL};
	const struct hv_disk *d = &c->disks[i];

	if (check_text("vdev", d->vdev, sizeof d->vdev, true, err) < 0 ||
	    TEXT("format", d->format) < 0 || TEXT("backend", d->backend) < 0 ||
	    TEXT("script", d->script) < 0 || TEXT("extra", d->extra) < 0 ||
	    /* a script of its own reads it in its own way */
	    (d->script[0] != '\0' ? TEXT("path", d->path) : check_path("path", d->path, err)) < 0)
		return mu_error_prefix(err, "disk %zu", i);
	if (!vdev_ok(d->vdev))
		return mu_error_set(err, MU_E_INVALID,
				    "disk %zu: vdev \"%s\" is no device name like xvda", i,
				    d->vdev);
	if (d->path[0] == '\0' && !d->cdrom)
		return mu_error_set(err, MU_E_INVALID, "disk %zu (%s): path is missing", i,
				    d->vdev);
	if (!among(d->format, formats))
		return mu_error_set(err, MU_E_INVALID,
				    "disk %zu (%s): format \"%s\" is unknown; allowed: raw, qcow2, "
				    "vhd, qcow, qed",
				    i, d->vdev, d->format);
	if (!among(d->backend, backends))
		return mu_error_set(
		    err, MU_E_INVALID,
		    "disk %zu (%s): backend \"%s\" is unknown; allowed: phy, qdisk, "
		    "tap",
		    i, d->vdev, d->backend);
	if (c->type == VM_TYPE_HVM && d->cdrom && d->backend[0] != '\0' &&
	    strcmp(d->backend, "qdisk") != 0)
		return mu_error_set(err, MU_E_INVALID,
				    "disk %zu (%s): backend \"%s\": an HVM guest's CD drives are "
				    "QEMU's; hint: leave it out, or qdisk",
				    i, d->vdev, d->backend);
	for (size_t k = 0; k < i; k++) {
		if (strcmp(c->disks[k].vdev, d->vdev) == 0)
			return mu_error_set(err, MU_E_INVALID, "disks %zu and %zu are both %s", k,
					    i, d->vdev);
	}
	return 0;
}

static bool mac_ok(const char *mac)
{
	unsigned first = 0;

	for (size_t i = 0; i < 17; i++) {
		char c = mac[i];
		bool hex =
		    (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');

		if (i % 3 == 2 ? c != ':' : !hex)
			return false;
		if (i == 1)
			first = (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	return mac[17] == '\0' && (first & 1) == 0; /* not a group address */
}

static int check_nic(const struct hv_nic *n, size_t i, struct mu_error *err)
{
	if (TEXT("mac", n->mac) < 0 || TEXT("bridge", n->bridge) < 0 ||
	    TEXT("model", n->model) < 0 || TEXT("ifname", n->ifname) < 0 || TEXT("ip", n->ip) < 0 ||
	    TEXT("script", n->script) < 0 || TEXT("extra", n->extra) < 0)
		return mu_error_prefix(err, "nic %zu", i);
	if (n->rate_bytes < 0)
		return mu_error_set(err, MU_E_INVALID, "nic %zu: rate is negative", i);
	if (n->mac[0] != '\0' && !mac_ok(n->mac))
		return mu_error_set(err, MU_E_INVALID,
				    "nic %zu: mac \"%s\" is no unicast address like "
				    "00:16:3e:12:34:56",
				    i, n->mac);
	if (n->rate_bytes < 0)
		return mu_error_set(err, MU_E_INVALID,
				    "nic %zu: rate_bytes is %" PRId64 "; hint: 0 is no limit", i,
				    n->rate_bytes);
	if (check_text("model", n->model, sizeof n->model, false, err) < 0)
		return mu_error_prefix(err, "nic %zu", i);
	if (n->has_device && n->device >= HV_NICS_MAX)
		return mu_error_set(err, MU_E_INVALID,
				    "nic %zu: device is %" PRIu32 "; allowed: 0 to %d", i,
				    n->device, HV_NICS_MAX - 1);
	if (strpbrk(n->bridge, "/ "))
		return mu_error_set(err, MU_E_INVALID, "nic %zu: bridge \"%s\" is no device name",
				    i, n->bridge);
	if (strpbrk(n->ifname, "/ "))
		return mu_error_set(err, MU_E_INVALID, "nic %zu: ifname \"%s\" is no device name",
				    i, n->ifname);
	return 0;
}

static int check_passed(const struct hv_vm_config *c, struct mu_error *err)
{
	const struct {
		const char *what;
		size_t n;
		size_t max;
	} counts[] = {
	    {"PCI devices", c->n_pci, HV_PCI_MAX},
	    {"USB controllers", c->n_usb_controllers, HV_USB_MAX},
	    {"USB devices", c->n_usb_devices, HV_USB_MAX},
	    {"xenstore entries", c->n_xenstore, HV_XENSTORE_MAX},
	};

	for (size_t i = 0; i < MU_ARRAY_SIZE(counts); i++) {
		if (counts[i].n > counts[i].max)
			return mu_error_set(err, MU_E_INVALID, "%zu %s; at most %zu", counts[i].n,
					    counts[i].what, counts[i].max);
	}
	for (size_t i = 0; i < c->n_pci; i++) {
		if (check_text("address", c->pci[i].address, sizeof c->pci[i].address, true, err) <
			0 ||
		    TEXT("extra", c->pci[i].extra) < 0)
			return mu_error_prefix(err, "PCI device %zu", i);
	}
	for (size_t i = 0; i < c->n_usb_controllers; i++) {
		if (TEXT("type", c->usb_controllers[i].type) < 0)
			return mu_error_prefix(err, "USB controller %zu", i);
	}
	for (size_t i = 0; i < c->n_xenstore; i++) {
		if (check_text("key", c->xenstore[i].key, sizeof c->xenstore[i].key, true, err) <
			0 ||
		    TEXT("value", c->xenstore[i].value) < 0)
			return mu_error_prefix(err, "xenstore entry %zu", i);
	}
	return 0;
}

/* Those that are texts and choices, but no device; bootloader_args has a line per argument. */
static int check_rest(const struct hv_vm_config *c, struct mu_error *err)
{
	const enum hv_flag flags[] = {c->hap,  c->nested,    c->viridian,
				      c->acpi, c->localtime, c->vnc_unused};
	const enum hv_on_event events[] = {c->on_poweroff, c->on_reboot, c->on_crash,
					   c->on_watchdog};

	if (TEXT("cpus", c->cpus_hard) < 0 || TEXT("cpus_soft", c->cpus_soft) < 0 ||
	    TEXT("cpuid", c->cpuid) < 0 || TEXT("vnc_listen", c->vnc_listen) < 0 ||
	    TEXT("vnc_password", c->vnc_password) < 0 ||
	    TEXT("spice_listen", c->spice_listen) < 0 ||
	    TEXT("spice_password", c->spice_password) < 0 || TEXT("vga", c->vga) < 0 ||
	    TEXT("serial", c->serial) < 0 || TEXT("extra", c->extra) < 0)
		return MU_FAILED;
	if (strnlen(c->bootloader_args, sizeof c->bootloader_args) == sizeof c->bootloader_args)
		return mu_error_set(err, MU_E_INVALID, "bootloader_args is longer than %zu bytes",
				    sizeof c->bootloader_args - 1);
	for (size_t i = 0; i < MU_ARRAY_SIZE(flags); i++) {
		if ((unsigned)flags[i] >= _HV_FLAG_COUNT)
			return mu_error_set(err, MU_E_INVALID, "a switch is %d", (int)flags[i]);
	}
	for (size_t i = 0; i < MU_ARRAY_SIZE(events); i++) {
		if ((unsigned)events[i] >= _HV_ON_COUNT)
			return mu_error_set(err, MU_E_INVALID, "an action is %d", (int)events[i]);
	}
	return 0;
}

int hv_check_config(const struct hv_vm_config *c, struct mu_error *err)
{
	if (mu_uuid_is_nil(&c->id.uuid))
		return mu_error_set(err, MU_E_INVALID, "id is missing");
	if (hv_check_name(c->name, err) < 0 || check_sizes(c, err) < 0 || check_boot(c, err) < 0 ||
	    check_rest(c, err) < 0 || check_passed(c, err) < 0)
		return MU_FAILED;
	if (c->n_disks > HV_DISKS_MAX)
		return mu_error_set(err, MU_E_INVALID, "%zu disks; at most %d", c->n_disks,
				    HV_DISKS_MAX);
	if (c->n_nics > HV_NICS_MAX)
		return mu_error_set(err, MU_E_INVALID, "%zu nics; at most %d", c->n_nics,
				    HV_NICS_MAX);
	for (size_t i = 0; i < c->n_disks; i++) {
		if (check_disk(c, i, err) < 0)
			return MU_FAILED;
	}
	for (size_t i = 0; i < c->n_nics; i++) {
		if (check_nic(&c->nics[i], i, err) < 0)
			return MU_FAILED;
	}
	return 0;
}

int hv_check_disk(const struct hv_disk *disk, struct mu_error *err)
{
	MU_CLEANUP(mu_free) struct hv_vm_config *c = mu_xcalloc(1, sizeof *c);

	c->disks[0] = *disk;
	return check_disk(c, 0, err);
}

int hv_check_nic(const struct hv_nic *nic, struct mu_error *err)
{
	return check_nic(nic, nic->has_device ? nic->device : 0, err);
}
