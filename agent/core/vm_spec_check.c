/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules that hold between a definition's fields, and the forms of names and addresses. Apart
 * from reading (vm_spec.c), as the configuration of an adopted domain has to keep them too.
 */
#include "agent/core/vm_spec.h"

#include "common/base/str.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static int invalid(struct mu_error *err, const char *list, size_t index, const char *field,
		   const char *what)
{
	return mu_error_set(err, MU_E_INVALID, "%s[%zu].%s: %s", list, index, field, what);
}

static bool absolute(const char *path)
{
	return path[0] == '/';
}

static int check_name(const char *name, struct mu_error *err)
{
	if (!*name)
		return mu_error_set(err, MU_E_INVALID, "name: must not be empty");
	if (strchr(name, '/'))
		return mu_error_set(err, MU_E_INVALID, "name: must not hold \"/\"");
	if (strspn(name, "0123456789") == strlen(name))
		return mu_error_set(err, MU_E_INVALID,
				    "name: only digits, which would read as a domain id");
	return 0;
}

static bool vdev_valid(const char *vdev)
{
	if (mu_str_has_prefix(vdev, "xvd"))
		vdev += 3;
	else if (mu_str_has_prefix(vdev, "sd"))
		vdev += 2;
	else if (mu_str_has_prefix(vdev, "hd") && vdev[2] >= 'a' && vdev[2] <= 'd')
		return !vdev[3];
	else
		return false;
	return vdev[0] >= 'a' && vdev[0] <= 'z' && !vdev[1];
}

static int check_disks(const struct hv_vm_config *c, struct mu_error *err)
{
	for (size_t at = 0; at < c->n_disks; at++) {
		const struct hv_disk *d = &c->disks[at];

		if (!vdev_valid(d->vdev))
			return invalid(err, "disks", at, "vdev",
				       "not a device name; hint: xvda to xvdz, sda to sdz or hda "
				       "to hdd");
		for (size_t i = 0; i < at; i++) {
			if (!strcmp(c->disks[i].vdev, d->vdev))
				return invalid(err, "disks", at, "vdev", "used twice in this VM");
		}
		if (!*d->path && !d->cdrom)
			return invalid(err, "disks", at, "path",
				       "must not be empty; hint: only a cdrom drive may be");
		if (*d->path && !absolute(d->path))
			return invalid(err, "disks", at, "path", "not an absolute path");
		if (strcmp(d->format, "raw") && strcmp(d->format, "qcow2"))
			return invalid(err, "disks", at, "format",
				       "not known; hint: one of raw, qcow2");
	}
	return 0;
}

static bool mac_valid(const char *mac)
{
	unsigned first = 0;

	for (size_t i = 0; i < 17; i++) {
		if (i % 3 == 2 ? mac[i] != ':' : !isxdigit((unsigned char)mac[i]))
			return false;
	}
	(void)sscanf(mac, "%2x", &first);
	return !mac[17] && !(first & 1); /* the lowest bit of the first byte: multicast */
}

static int check_nics(const struct hv_vm_config *c, struct mu_error *err)
{
	for (size_t at = 0; at < c->n_nics; at++) {
		const struct hv_nic *nic = &c->nics[at];

		if (*nic->mac && !mac_valid(nic->mac))
			return invalid(
			    err, "nics", at, "mac",
			    "not a unicast MAC address; hint: such as 00:16:3e:01:02:03");
		for (const char *b = nic->bridge; *b; b++) {
			if (!isalnum((unsigned char)*b) && !strchr("._-", *b))
				return invalid(err, "nics", at, "bridge", "not an interface name");
		}
	}
	return 0;
}

static int check_hvm_boot(const struct hv_vm_config *c, struct mu_error *err)
{
	if (strcmp(c->firmware, "bios") && strcmp(c->firmware, "uefi"))
		return mu_error_set(err, MU_E_INVALID,
				    "firmware: not known; hint: one of bios, uefi");
	for (const char *b = c->boot_order; *b; b++) {
		if (!strchr("acdn", *b) || strchr(b + 1, *b))
			return mu_error_set(err, MU_E_INVALID,
					    "bootOrder: letters of \"acdn\", each once");
	}
	if (*c->bootloader)
		return mu_error_set(err, MU_E_INVALID,
				    "bootloader: not for hvm, which boots by its firmware");
	if (*c->cmdline && !*c->kernel)
		return mu_error_set(err, MU_E_INVALID, "cmdline: needs a kernel in an hvm");
	return 0;
}

static int check_pv_boot(const struct hv_vm_config *c, struct mu_error *err)
{
	if (*c->firmware)
		return mu_error_set(err, MU_E_INVALID, "firmware: only for hvm");
	if (*c->boot_order)
		return mu_error_set(err, MU_E_INVALID, "bootOrder: only for hvm");
	if (*c->bootloader && *c->kernel)
		return mu_error_set(err, MU_E_INVALID, "bootloader: excludes kernel");
	if (!*c->bootloader && !*c->kernel)
		return mu_error_set(err, MU_E_INVALID,
				    "kernel: required for pv and pvh; hint: or a bootloader, such "
				    "as pygrub");
	if (*c->bootloader && strcmp(c->bootloader, "pygrub") && !absolute(c->bootloader))
		return mu_error_set(err, MU_E_INVALID,
				    "bootloader: neither pygrub nor an absolute path");
	return 0;
}

static int check_boot(const struct hv_vm_config *c, struct mu_error *err)
{
	if (*c->kernel && !absolute(c->kernel))
		return mu_error_set(err, MU_E_INVALID, "kernel: not an absolute path");
	if (*c->ramdisk && !absolute(c->ramdisk))
		return mu_error_set(err, MU_E_INVALID, "ramdisk: not an absolute path");
	if (*c->ramdisk && !*c->kernel)
		return mu_error_set(err, MU_E_INVALID, "ramdisk: needs a kernel");
	return c->type == VM_TYPE_HVM ? check_hvm_boot(c, err) : check_pv_boot(c, err);
}

int vm_spec_check(const struct vm_spec *spec, struct mu_error *err)
{
	const struct hv_vm_config *c = &spec->config;

	if (check_name(c->name, err) < 0)
		return MU_FAILED;
	if (c->vcpus_max < c->vcpus)
		return mu_error_set(err, MU_E_INVALID, "vcpusMax: less than vcpus");
	if (c->memory_max_bytes < c->memory_bytes)
		return mu_error_set(err, MU_E_INVALID, "memoryMax: less than memory");
	if (check_boot(c, err) < 0 || check_disks(c, err) < 0)
		return MU_FAILED;
	return check_nics(c, err);
}
