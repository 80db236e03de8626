/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of a definition's devices: their forms, and that no two are the same. */
#include "agent/core/vm_spec_rules.h"
#include "common/base/str.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static int invalid(struct mu_error *err, const char *list, size_t index, const char *field,
		   const char *what)
{
	return mu_error_set(err, MU_E_INVALID, "%s[%zu].%s: %s", list, index, field, what);
}

static int check_path(struct mu_error *err, const char *list, size_t index, const char *field,
		      const char *path)
{
	const char *wrong = vm_spec_path_wrong(path);

	return wrong ? invalid(err, list, index, field, wrong) : 0;
}

/* Disks */

/* "1" to "15" behind the letter: a partition, given to the guest on its own. */
static bool partition_valid(const char *digits)
{
	size_t n = strspn(digits, "0123456789");

	if (digits[n] || n > 2 || *digits == '0')
		return false;
	return n < 2 || (digits[0] == '1' && digits[1] <= '5');
}

static bool vdev_valid(const char *vdev)
{
	char last = 'z';

	if (mu_str_has_prefix(vdev, "xvd")) {
		vdev += 3;
	} else if (mu_str_has_prefix(vdev, "sd")) {
		vdev += 2;
	} else if (mu_str_has_prefix(vdev, "hd")) {
		vdev += 2;
		last = 'd';
	} else {
		return false;
	}
	return vdev[0] >= 'a' && vdev[0] <= last && partition_valid(vdev + 1);
}

static int check_source(const struct hv_disk *d, size_t at, struct mu_error *err)
{
	bool vdi = !mu_uuid_is_nil(&d->vdi);

	if (vdi && *d->path)
		return invalid(err, "disks", at, "path",
			       "excludes vdi; hint: a VDI's repository says where it is");
	if (vdi && strcmp(d->format, "raw") != 0)
		return invalid(err, "disks", at, "format",
			       "excludes vdi; hint: a VDI's repository says what it is");
	if (vdi && *d->backend)
		return invalid(err, "disks", at, "backend",
			       "excludes vdi; hint: a VDI's repository says by what it is served");
	if (!vdi && !*d->path && !d->cdrom)
		return invalid(err, "disks", at, "path",
			       "must not be empty; hint: only a cdrom drive may be, or a disk with "
			       "a vdi");
	/* With a script of its own the path is that script's to read. */
	return *d->script ? 0 : check_path(err, "disks", at, "path", d->path);
}

int vm_spec_check_disks(const struct hv_vm_config *c, struct mu_error *err)
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
		if (check_source(d, at, err) < 0)
			return MU_FAILED;
	}
	return 0;
}

/* Network cards */

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

static bool interface_valid(const char *name)
{
	for (; *name; name++) {
		if (!isalnum((unsigned char)*name) && !strchr("._-", *name))
			return false;
	}
	return true;
}

static uint32_t nic_device(const struct hv_vm_config *c, size_t at)
{
	return c->nics[at].has_device ? c->nics[at].device : (uint32_t)at;
}

static int check_nic_is_alone(const struct hv_vm_config *c, size_t at, struct mu_error *err)
{
	for (size_t i = 0; i < at; i++) {
		if (*c->nics[at].mac && !strcmp(c->nics[i].mac, c->nics[at].mac))
			return invalid(err, "nics", at, "mac", "used twice in this VM");
		if (nic_device(c, i) == nic_device(c, at))
			return invalid(err, "nics", at, "device",
				       "used twice in this VM; hint: a card that says none has "
				       "its place in the list, from 0");
	}
	return 0;
}

int vm_spec_check_nics(const struct hv_vm_config *c, struct mu_error *err)
{
	for (size_t at = 0; at < c->n_nics; at++) {
		const struct hv_nic *nic = &c->nics[at];

		if (*nic->mac && !mac_valid(nic->mac))
			return invalid(
			    err, "nics", at, "mac",
			    "not a unicast MAC address; hint: such as 00:16:3e:01:02:03");
		if (!interface_valid(nic->bridge))
			return invalid(err, "nics", at, "bridge", "not an interface name");
		if (!interface_valid(nic->ifname))
			return invalid(err, "nics", at, "ifname", "not an interface name");
		if (nic->mtu && nic->mtu < 68)
			return invalid(err, "nics", at, "mtu",
				       "too small; hint: 68 or more, 0 for the bridge's");
		if (check_nic_is_alone(c, at, err) < 0)
			return MU_FAILED;
	}
	return 0;
}

/* Passed through */

static bool pci_valid(const char *address)
{
	static const char form[] = "xxxx:xx:xx.o"; /* hexadecimal, octal */

	for (size_t i = 0; i < sizeof form - 1; i++) {
		if (form[i] == 'x'   ? !isxdigit((unsigned char)address[i])
		    : form[i] == 'o' ? address[i] < '0' || address[i] > '7'
				     : address[i] != form[i])
			return false;
	}
	/* 32 devices on a bus */
	return !address[sizeof form - 1] && address[8] <= '1';
}

int vm_spec_check_passed(const struct hv_vm_config *c, struct mu_error *err)
{
	for (size_t at = 0; at < c->n_pci; at++) {
		if (!pci_valid(c->pci[at].address))
			return invalid(err, "pci", at, "address",
				       "not a PCI address; hint: such as 0000:03:00.0, lspci -D "
				       "shows them");
		for (size_t i = 0; i < at; i++) {
			if (!strcmp(c->pci[i].address, c->pci[at].address))
				return invalid(err, "pci", at, "address", "used twice in this VM");
		}
	}
	for (size_t at = 0; at < c->n_usb_devices; at++) {
		const struct hv_usb_device *d = &c->usb_devices[at];

		if (d->controller && !d->has_port)
			return invalid(err, "usbDevices", at, "controller", "needs a port");
		for (size_t i = 0; i < at; i++) {
			if (c->usb_devices[i].bus == d->bus &&
			    c->usb_devices[i].address == d->address)
				return invalid(err, "usbDevices", at, "address",
					       "used twice in this VM");
		}
	}
	return 0;
}
