/* SPDX-License-Identifier: Apache-2.0 */
/* pci.*, usb.*: the host's devices that a VM has. USB devices are "BUS.ADDRESS", as lsusb shows
 * them. */
#include "agent/core/vm_devices_priv.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* PCI */

/* "03:00.0" is in domain 0000; letters are small. */
static void read_address(const struct mu_value *args, struct hv_pci *ret)
{
	const char *text = mu_value_as_string(mu_value_get(args, "address"));

	*ret = (struct hv_pci){.address = ""};
	(void)snprintf(ret->address, sizeof ret->address, "%s%s",
		       strlen(text) == strlen("03:00.0") ? "0000:" : "", text);
	for (char *p = ret->address; *p; p++)
		*p = (char)tolower((unsigned char)*p);
}

static bool pci_there(const struct hv_vm_config *c, const char *address)
{
	for (size_t i = 0; c && i < c->n_pci; i++) {
		if (!strcmp(c->pci[i].address, address))
			return true;
	}
	return false;
}

static int pci_put(struct hv_vm_config *c, const struct hv_pci *pci, struct mu_error *err)
{
	if (pci_there(c, pci->address))
		return 0;
	if (c->n_pci == HV_PCI_MAX)
		return mu_error_set(err, MU_E_EXHAUSTED, "the VM has %d PCI devices, the most",
				    HV_PCI_MAX);
	c->pci[c->n_pci++] = *pci;
	return 0;
}

static void pci_drop(struct hv_vm_config *c, const char *address)
{
	for (size_t i = 0; i < c->n_pci; i++) {
		if (strcmp(c->pci[i].address, address) != 0)
			continue;
		memmove(&c->pci[i], &c->pci[i + 1], (c->n_pci - i - 1) * sizeof c->pci[i]);
		c->n_pci--;
		return;
	}
}

static int plan_pci_attach(struct vm_devices_job *j, struct mu_error *err)
{
	struct vm_devices_plan *p = j->plan;

	read_address(j->args, &p->pci);
	if (pci_there(&p->spec.config, p->pci.address))
		return mu_error_set(err, MU_E_EXISTS, "address: the VM has %s already",
				    p->pci.address);
	if (pci_put(&p->spec.config, &p->pci, err) < 0)
		return MU_FAILED;
	if (!j->now->domain)
		return 0;
	if (!pci_there(j->now->domain, p->pci.address))
		p->order = HV_PCI_ATTACH;
	return pci_put(&p->built.config, &p->pci, err);
}

static int plan_pci_detach(struct vm_devices_job *j, struct mu_error *err)
{
	struct vm_devices_plan *p = j->plan;
	bool live;

	read_address(j->args, &p->pci);
	live = pci_there(j->now->domain, p->pci.address);
	if (!live && !pci_there(&p->spec.config, p->pci.address))
		return mu_error_set(err, MU_E_NOT_FOUND, "address: the VM has no PCI device %s",
				    p->pci.address);
	if (live)
		p->order = HV_PCI_DETACH;
	pci_drop(&p->spec.config, p->pci.address);
	pci_drop(&p->built.config, p->pci.address);
	return 0;
}

static enum vm_devices_found look_pci_attach(const struct vm_devices_world *now,
					     const struct mu_value *args, struct mu_uuid *ret_made)
{
	struct hv_pci pci;

	(void)ret_made;
	read_address(args, &pci);
	return vm_devices_found_if(pci_there(&now->spec->config, pci.address));
}

static enum vm_devices_found look_pci_detach(const struct vm_devices_world *now,
					     const struct mu_value *args, struct mu_uuid *ret_made)
{
	struct hv_pci pci;

	(void)ret_made;
	read_address(args, &pci);
	return vm_devices_found_if(!pci_there(&now->spec->config, pci.address) &&
				   !pci_there(now->domain, pci.address));
}

/* USB */

static int read_usb(const struct mu_value *args, struct hv_usb_device *ret, struct mu_error *err)
{
	const char *text = mu_value_as_string(mu_value_get(args, "device"));
	struct hv_usb_device usb = {.bus = 0};
	int end = -1;

	if (sscanf(text, "%3u.%3u%n", &usb.bus, &usb.address, &end) != 2 || end < 0 || text[end])
		return mu_error_set(err, MU_E_INVALID,
				    "device: \"%s\" is no USB device; hint: BUS.ADDRESS as lsusb "
				    "shows them, such as 1.4",
				    text);
	*ret = usb;
	return 0;
}

static bool usb_there(const struct hv_vm_config *c, const struct hv_usb_device *usb, size_t *ret_at)
{
	for (size_t i = 0; c && i < c->n_usb_devices; i++) {
		*ret_at = i;
		if (c->usb_devices[i].bus == usb->bus && c->usb_devices[i].address == usb->address)
			return true;
	}
	return false;
}

static int usb_put(struct hv_vm_config *c, const struct hv_usb_device *usb, struct mu_error *err)
{
	size_t at;

	if (usb_there(c, usb, &at))
		return 0;
	if (c->n_usb_devices == HV_USB_MAX)
		return mu_error_set(err, MU_E_EXHAUSTED, "the VM has %d USB devices, the most",
				    HV_USB_MAX);
	c->usb_devices[c->n_usb_devices++] = *usb;
	return 0;
}

static void usb_drop(struct hv_vm_config *c, const struct hv_usb_device *usb)
{
	size_t at;

	if (!usb_there(c, usb, &at))
		return;
	memmove(&c->usb_devices[at], &c->usb_devices[at + 1],
		(c->n_usb_devices - at - 1) * sizeof *usb);
	c->n_usb_devices--;
}

static int plan_usb_attach(struct vm_devices_job *j, struct mu_error *err)
{
	struct vm_devices_plan *p = j->plan;
	size_t at;

	if (read_usb(j->args, &p->usb, err) < 0)
		return MU_FAILED;
	if (usb_there(&p->spec.config, &p->usb, &at))
		return mu_error_set(err, MU_E_EXISTS, "device: the VM has USB device %u.%u already",
				    p->usb.bus, p->usb.address);
	if (usb_put(&p->spec.config, &p->usb, err) < 0)
		return MU_FAILED;
	if (!j->now->domain)
		return 0;
	if (!usb_there(j->now->domain, &p->usb, &at))
		p->order = HV_USB_ATTACH;
	return usb_put(&p->built.config, &p->usb, err);
}

static int plan_usb_detach(struct vm_devices_job *j, struct mu_error *err)
{
	struct vm_devices_plan *p = j->plan;
	size_t at;
	bool live;

	if (read_usb(j->args, &p->usb, err) < 0)
		return MU_FAILED;
	live = usb_there(j->now->domain, &p->usb, &at);
	if (!live && !usb_there(&p->spec.config, &p->usb, &at))
		return mu_error_set(err, MU_E_NOT_FOUND, "device: the VM has no USB device %u.%u",
				    p->usb.bus, p->usb.address);
	if (live)
		p->order = HV_USB_DETACH;
	usb_drop(&p->spec.config, &p->usb);
	usb_drop(&p->built.config, &p->usb);
	return 0;
}

static enum vm_devices_found look_usb_attach(const struct vm_devices_world *now,
					     const struct mu_value *args, struct mu_uuid *ret_made)
{
	struct hv_usb_device usb;
	size_t at;

	(void)ret_made;
	return vm_devices_found_if(read_usb(args, &usb, NULL) == 0 &&
				   usb_there(&now->spec->config, &usb, &at));
}

static enum vm_devices_found look_usb_detach(const struct vm_devices_world *now,
					     const struct mu_value *args, struct mu_uuid *ret_made)
{
	struct hv_usb_device usb;
	size_t at;

	(void)ret_made;
	return vm_devices_found_if(read_usb(args, &usb, NULL) == 0 &&
				   !usb_there(&now->spec->config, &usb, &at) &&
				   !usb_there(now->domain, &usb, &at));
}

const struct vm_devices_method vm_devices_passed[] = {
    {"pci.attach", plan_pci_attach, look_pci_attach},
    {"pci.detach", plan_pci_detach, look_pci_detach},
    {"usb.attach", plan_usb_attach, look_usb_attach},
    {"usb.detach", plan_usb_detach, look_usb_detach},
};
const size_t vm_devices_n_passed = MU_ARRAY_SIZE(vm_devices_passed);
