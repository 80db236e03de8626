/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/host/pci_names.h"

#include "common/base/str.h"

#include <inttypes.h>
#include <libudev.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct pci_names {
	struct udev *udev;
	struct udev_hwdb *hwdb;
};

struct pci_names *pci_names_new(void)
{
	struct pci_names *n = mu_xcalloc(1, sizeof *n);

	n->udev = udev_new();
	n->hwdb = n->udev ? udev_hwdb_new(n->udev) : NULL;
	return n->hwdb ? n : pci_names_free(n);
}

struct pci_names *pci_names_free(struct pci_names *names)
{
	if (!names)
		return NULL;
	udev_hwdb_unref(names->hwdb);
	udev_unref(names->udev);
	free(names);
	return NULL;
}

static void keep(char dst[static MODEL_NAME_MAX + 1], struct udev_list_entry *first,
		 const char *property)
{
	struct udev_list_entry *e = udev_list_entry_get_by_name(first, property);
	const char *value = e ? udev_list_entry_get_value(e) : NULL;

	if (value)
		mu_utf8_sanitize(dst, MODEL_NAME_MAX, value, strlen(value));
}

/* The subclass says more than the class ("Host bridge" rather than "Bridge"), where there is one.
 */
void pci_names_find(struct pci_names *names, const char *modalias, struct model_pci *pci)
{
	struct udev_list_entry *first;

	if (!names)
		return;
	first = udev_hwdb_get_properties_list_entry(names->hwdb, modalias, 0);
	keep(pci->class_name, first, "ID_PCI_CLASS_FROM_DATABASE");
	keep(pci->class_name, first, "ID_PCI_SUBCLASS_FROM_DATABASE");
	keep(pci->vendor_name, first, "ID_VENDOR_FROM_DATABASE");
	keep(pci->device_name, first, "ID_MODEL_FROM_DATABASE");
}

void pci_names_find_usb(struct pci_names *names, uint32_t vendor, uint32_t product,
			char vendor_name[static MODEL_NAME_MAX + 1],
			char device_name[static MODEL_NAME_MAX + 1])
{
	struct udev_list_entry *first;
	char modalias[32];

	if (!names)
		return;
	(void)snprintf(modalias, sizeof modalias, "usb:v%04" PRIX32 "p%04" PRIX32, vendor, product);
	first = udev_hwdb_get_properties_list_entry(names->hwdb, modalias, 0);
	keep(vendor_name, first, "ID_VENDOR_FROM_DATABASE");
	keep(device_name, first, "ID_MODEL_FROM_DATABASE");
}
