/* SPDX-License-Identifier: Apache-2.0 */
/* Every simulated host has the same devices; dom0 needs some of them. */
#include "agent/hv/sim/sim_devices.h"

#include "agent/hv/sim/sim_codec.h"
#include "common/base/str.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct {
	struct hv_host_pci device; /* driver: as long as dom0 has it */
	const char *needed;        /* what dom0 does with it, NULL = nothing */
} pcis[SIM_PCI_COUNT] = {
    {{"0000:00:00.0", 0x8086, 0x0e00, 0x8086, 0x0000, 0x060000, ""}, NULL},
    {{"0000:00:14.0", 0x8086, 0x1e31, 0x8086, 0x7270, 0x0c0330, "xhci_hcd"}, NULL},
    {{"0000:00:1f.2", 0x8086, 0x1e02, 0x8086, 0x7270, 0x010601, "ahci"}, "disk sda"},
    {{"0000:03:00.0", 0x8086, 0x10fb, 0x8086, 0x0003, 0x020000, "ixgbe"},
     "network card eth0 is up"},
    {{"0000:03:00.1", 0x8086, 0x10fb, 0x8086, 0x0003, 0x020000, "ixgbe"}, NULL},
    {{"0000:04:00.0", 0x144d, 0xa808, 0x144d, 0xa801, 0x010802, "nvme"}, NULL},
    {{"0000:05:00.0", 0x10de, 0x1eb8, 0x10de, 0x12a2, 0x030200, "nouveau"}, NULL},
};

static const struct {
	uint32_t bus, address;
} usbs[SIM_USB_COUNT] = {{1, 2}, {1, 3}};

size_t sim_devices_list(const struct sim_devices *d, struct hv_host_pci *ret, size_t max)
{
	size_t n = max < SIM_PCI_COUNT ? max : SIM_PCI_COUNT;

	for (size_t i = 0; i < n; i++) {
		ret[i] = pcis[i].device;
		ret[i].assignable = d->pci_assignable[i];
		ret[i].domid.value = d->pci_domid[i];
		if (ret[i].assignable)
			ret[i].driver[0] = '\0';
	}
	return n;
}

static bool config_has_pci(const struct hv_vm_config *c, const char *address)
{
	for (size_t i = 0; i < c->n_pci; i++) {
		if (strcmp(c->pci[i].address, address) == 0)
			return true;
	}
	return false;
}

static bool config_has_usb(const struct hv_vm_config *c, uint32_t bus, uint32_t address)
{
	for (size_t i = 0; i < c->n_usb_devices; i++) {
		if (c->usb_devices[i].bus == bus && c->usb_devices[i].address == address)
			return true;
	}
	return false;
}

void sim_devices_show(const struct sim_devices *d, struct hv_domid domid, struct hv_vm_config *c)
{
	for (size_t i = 0; i < SIM_PCI_COUNT && c->n_pci < HV_PCI_MAX; i++) {
		const char *address = pcis[i].device.address;

		if (d->pci_domid[i] != domid.value || config_has_pci(c, address))
			continue;
		c->pci[c->n_pci] = (struct hv_pci){.permissive = false};
		memcpy(c->pci[c->n_pci++].address, address, sizeof c->pci[0].address);
	}
	for (size_t i = 0; i < SIM_USB_COUNT && c->n_usb_devices < HV_USB_MAX; i++) {
		if (d->usb_domid[i] == domid.value &&
		    !config_has_usb(c, usbs[i].bus, usbs[i].address))
			c->usb_devices[c->n_usb_devices++] =
			    (struct hv_usb_device){.bus = usbs[i].bus, .address = usbs[i].address};
	}
}

/* ---- PCI ---- */

static int pci_attach(struct sim_devices *d, size_t i, struct hv_domid domid, enum vm_type type,
		      struct mu_error *err)
{
	const struct hv_host_pci *device = &pcis[i].device;

	if (type == VM_TYPE_PVH)
		return mu_error_set(err, MU_E_UNSUPPORTED,
				    "a PVH guest cannot have PCI devices of the host");
	if (d->pci_domid[i])
		return mu_error_set(err, d->pci_domid[i] == domid.value ? MU_E_EXISTS : MU_E_STATE,
				    "domain %" PRIu32 " has PCI device %s", d->pci_domid[i],
				    device->address);
	if (!d->pci_assignable[i])
		return mu_error_set(err, MU_E_STATE,
				    "PCI device %s belongs to dom0 (driver %s); hint: make it "
				    "assignable first",
				    device->address, device->driver[0] ? device->driver : "none");
	d->pci_domid[i] = domid.value;
	return 0;
}

static int pci_assign(struct sim_devices *d, size_t i, struct mu_error *err)
{
	if (d->pci_assignable[i])
		return 1;
	if (pcis[i].needed)
		return mu_error_set(err, MU_E_STATE,
				    "PCI device %s is in use by dom0: driver %s, %s",
				    pcis[i].device.address, pcis[i].device.driver, pcis[i].needed);
	d->pci_assignable[i] = true;
	return 0;
}

static int pci_release(struct sim_devices *d, size_t i, struct mu_error *err)
{
	if (!d->pci_assignable[i])
		return 1;
	if (d->pci_domid[i])
		return mu_error_set(err, MU_E_STATE, "domain %" PRIu32 " has PCI device %s",
				    d->pci_domid[i], pcis[i].device.address);
	d->pci_assignable[i] = false;
	return 0;
}

static int change_pci(struct sim_devices *d, enum hv_op_kind kind, struct hv_domid domid,
		      enum vm_type type, const struct hv_pci *pci, struct mu_error *err)
{
	size_t i = 0;

	while (i < SIM_PCI_COUNT && strcmp(pcis[i].device.address, pci->address) != 0)
		i++;
	if (kind == HV_PCI_DETACH) {
		if (i == SIM_PCI_COUNT || d->pci_domid[i] != domid.value)
			return mu_error_set(err, MU_E_NOT_FOUND, "the domain has no PCI device %s",
					    pci->address);
		d->pci_domid[i] = 0;
		return 0;
	}
	if (i == SIM_PCI_COUNT)
		return mu_error_set(err, MU_E_NOT_FOUND,
				    "the host has no PCI device %s; hint: lspci -D", pci->address);
	if (kind == HV_PCI_ASSIGN)
		return pci_assign(d, i, err);
	if (kind == HV_PCI_RELEASE)
		return pci_release(d, i, err);
	if (pci->seize && pci_assign(d, i, err) < 0)
		return MU_FAILED;
	return pci_attach(d, i, domid, type, err);
}

/* ---- USB ---- */

static int change_usb(struct sim_devices *d, enum hv_op_kind kind, struct hv_domid domid,
		      const struct hv_usb_device *usb, struct mu_error *err)
{
	size_t i = 0;

	while (i < SIM_USB_COUNT && (usbs[i].bus != usb->bus || usbs[i].address != usb->address))
		i++;
	if (kind == HV_USB_DETACH) {
		if (i == SIM_USB_COUNT || d->usb_domid[i] != domid.value)
			return mu_error_set(err, MU_E_NOT_FOUND,
					    "the domain has no USB device %" PRIu32 ".%" PRIu32,
					    usb->bus, usb->address);
		d->usb_domid[i] = 0;
		return 0;
	}
	if (i == SIM_USB_COUNT)
		return mu_error_set(err, MU_E_NOT_FOUND,
				    "the host has no USB device %" PRIu32 ".%" PRIu32
				    "; hint: lsusb",
				    usb->bus, usb->address);
	if (d->usb_domid[i])
		return mu_error_set(err, d->usb_domid[i] == domid.value ? MU_E_EXISTS : MU_E_STATE,
				    "domain %" PRIu32 " has USB device %" PRIu32 ".%" PRIu32,
				    d->usb_domid[i], usb->bus, usb->address);
	d->usb_domid[i] = domid.value;
	return 0;
}

int sim_devices_change(struct sim_devices *d, enum hv_op_kind kind, struct hv_domid domid,
		       enum vm_type type, const struct hv_device *device, struct mu_error *err)
{
	if (kind == HV_USB_ATTACH || kind == HV_USB_DETACH)
		return change_usb(d, kind, domid, &device->usb, err);
	return change_pci(d, kind, domid, type, &device->pci, err);
}

void sim_devices_drop(struct sim_devices *d, struct hv_domid domid)
{
	for (size_t i = 0; i < SIM_PCI_COUNT; i++) {
		if (d->pci_domid[i] == domid.value)
			d->pci_domid[i] = 0;
	}
	for (size_t i = 0; i < SIM_USB_COUNT; i++) {
		if (d->usb_domid[i] == domid.value)
			d->usb_domid[i] = 0;
	}
}

/* ---- in the state file ---- */

struct mu_value *sim_devices_encode(struct mu_arena *a, const struct sim_devices *d)
{
	struct mu_value *v = mu_value_object(a);
	struct mu_value *pci = mu_value_set(a, v, "pci", mu_value_list(a));
	struct mu_value *usb = mu_value_set(a, v, "usb", mu_value_list(a));

	for (size_t i = 0; i < SIM_PCI_COUNT; i++) {
		struct mu_value *p = mu_value_push(pci, mu_value_object(a));

		mu_value_set_string(a, p, "address", pcis[i].device.address);
		mu_value_set_bool(a, p, "assignable", d->pci_assignable[i]);
		mu_value_set_int(a, p, "domid", d->pci_domid[i]);
	}
	for (size_t i = 0; i < SIM_USB_COUNT; i++) {
		struct mu_value *u = mu_value_push(usb, mu_value_object(a));

		mu_value_set_int(a, u, "bus", usbs[i].bus);
		mu_value_set_int(a, u, "address", usbs[i].address);
		mu_value_set_int(a, u, "domid", d->usb_domid[i]);
	}
	return v;
}

static uint32_t get_domid(const struct mu_value *v)
{
	return (uint32_t)sim_get_int(v, "domid", 0, 0x7fef, 0);
}

static void decode_pci(const struct mu_value *v, struct sim_devices *ret)
{
	const char *address = mu_value_as_string(mu_value_get(v, "address"));

	for (size_t i = 0; i < SIM_PCI_COUNT; i++) {
		if (!mu_str_equal(address, pcis[i].device.address))
			continue;
		ret->pci_assignable[i] = sim_get_flag(v, "assignable");
		ret->pci_domid[i] = ret->pci_assignable[i] ? get_domid(v) : 0;
	}
}

static void decode_usb(const struct mu_value *v, struct sim_devices *ret)
{
	for (size_t i = 0; i < SIM_USB_COUNT; i++) {
		if (sim_get_int(v, "bus", 0, 255, 0) == usbs[i].bus &&
		    sim_get_int(v, "address", 0, 127, 0) == usbs[i].address)
			ret->usb_domid[i] = get_domid(v);
	}
}

void sim_devices_decode(const struct mu_value *v, struct sim_devices *ret)
{
	const struct mu_value *pci = mu_value_get(v, "pci");
	const struct mu_value *usb = mu_value_get(v, "usb");

	memset(ret, 0, sizeof *ret);
	if (pci && pci->kind == MU_VALUE_LIST)
		mu_value_each(p, pci) decode_pci(p, ret);
	if (usb && usb->kind == MU_VALUE_LIST)
		mu_value_each(u, usb) decode_usb(u, ret);
}
