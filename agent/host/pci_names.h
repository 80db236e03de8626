/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What PCI and USB devices are called, out of udev's hardware database (libudev). Used by one
 * thread at a time.
 */
#ifndef MUSTER_AGENT_HOST_PCI_NAMES_H
#define MUSTER_AGENT_HOST_PCI_NAMES_H

#include "common/base/mem.h"
#include "common/model/object.h"

struct pci_names;

/* NULL when the system has no such database: devices are then shown by number. */
struct pci_names *pci_names_new(void);
/* Takes NULL; returns NULL. */
struct pci_names *pci_names_free(struct pci_names *names);
MU_DEFINE_CLEANUP(pci_names_free, struct pci_names *);
/* By the device's modalias ("pci:v00008086d..."): fills class_name, vendor_name and device_name
 * where they are known. `names` may be NULL. */
void pci_names_find(struct pci_names *names, const char *modalias, struct model_pci *pci);
/* The same for a USB device, by its numbers. */
void pci_names_find_usb(struct pci_names *names, uint32_t vendor, uint32_t product,
			char vendor_name[static MODEL_NAME_MAX + 1],
			char device_name[static MODEL_NAME_MAX + 1]);

#endif
