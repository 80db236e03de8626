/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device that dom0 has given up is bound to pciback: only such a one can be given to a guest, and
 * `xl pci-assignable-list` shows the same set.
 */
#include "agent/host/pci.h"

#include "agent/host/sysfs.h"
#include "common/base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reading {
	const char *sysfs;
	struct pci_names *names;
	struct host_pci *list;
	size_t n;
};

/* "0000:03:00.0"; domains can have more than four digits. */
static bool is_address(const char *name)
{
	unsigned domain, bus, slot, function;
	int end = 0;

	return strlen(name) < sizeof((struct model_pci *)0)->address &&
	       sscanf(name, "%x:%2x:%2x.%1x%n", &domain, &bus, &slot, &function, &end) == 4 &&
	       name[end] == '\0';
}

static int read_node(const char *dir)
{
	uint64_t node = sysfs_number(dir, "numa_node", UINT64_MAX); /* "-1" is no number either */

	return node < 1024 ? (int)node : -1;
}

void host_pci_name(struct host_pci *p, struct pci_names *names, const char *modalias)
{
	(void)snprintf(p->pci.class_name, sizeof p->pci.class_name, "Class %06x", p->class_code);
	(void)snprintf(p->pci.vendor_name, sizeof p->pci.vendor_name, "Vendor %04x", p->vendor);
	(void)snprintf(p->pci.device_name, sizeof p->pci.device_name, "Device %04x", p->device);
	pci_names_find(names, modalias, &p->pci);
}

static void read_device(const char *name, void *arg)
{
	struct reading *r = arg;
	char dir[SYSFS_PATH_MAX + 1], text[256];
	struct host_pci *p = &r->list[r->n];
	uint64_t group;

	if (!is_address(name))
		return;
	memset(p, 0, sizeof *p);
	(void)snprintf(dir, sizeof dir, "%s/bus/pci/devices/%s", r->sysfs, name);
	(void)snprintf(p->pci.address, sizeof p->pci.address, "%s", name);
	p->class_code = (uint32_t)sysfs_number(dir, "class", 0);
	p->vendor = (uint32_t)sysfs_number(dir, "vendor", 0);
	p->device = (uint32_t)sysfs_number(dir, "device", 0);
	p->node = read_node(dir);
	p->iommu_group = -1;
	if (sysfs_link(dir, "iommu_group", text, sizeof text) && mu_parse_u64(text, &group) &&
	    group < 1 << 20)
		p->iommu_group = (int)group;
	(void)sysfs_link(dir, "driver", p->pci.driver, sizeof p->pci.driver);
	p->pci.assignable =
	    mu_str_equal(p->pci.driver, "pciback") || mu_str_equal(p->pci.driver, "xen-pciback");
	if (!sysfs_text(dir, "modalias", text, sizeof text))
		text[0] = '\0';
	host_pci_name(p, r->names, text);
	r->n++;
}

int host_pci_read(const char *sysfs, struct pci_names *names, struct host_pci **ret, size_t *ret_n,
		  struct mu_error *err)
{
	struct reading r = {.sysfs = sysfs, .names = names};
	char dir[SYSFS_PATH_MAX + 1];

	(void)snprintf(dir, sizeof dir, "%s/bus/pci/devices", sysfs);
	r.list = mu_xcalloc(HOST_PCI_MAX, sizeof *r.list);
	if (sysfs_each(dir, HOST_PCI_MAX, read_device, &r, err) < 0) {
		free(r.list);
		return mu_error_prefix(err, "PCI devices");
	}
	*ret = mu_xrealloc(r.list, r.n + 1, sizeof *r.list);
	*ret_n = r.n;
	return 0;
}

void host_pci_object(const struct host_pci *p, const struct host_id *host, struct model_object *ret)
{
	model_object_init(ret, OBJECT_PCI);
	ret->id = object_pci_id(host, p->pci.address);
	ret->host = *host;
	(void)snprintf(ret->name, sizeof ret->name, "%s", p->pci.address);
	ret->pci = p->pci;
}
