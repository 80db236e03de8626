/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/host.h"

#include <string.h>

void model_host_init(struct model_host *h)
{
	memset(h, 0, sizeof *h);
}

static bool bios_equal(const struct model_bios *a, const struct model_bios *b)
{
	return strcmp(a->vendor, b->vendor) == 0 && strcmp(a->version, b->version) == 0 &&
	       strcmp(a->date, b->date) == 0 && strcmp(a->manufacturer, b->manufacturer) == 0 &&
	       strcmp(a->product, b->product) == 0 &&
	       strcmp(a->product_version, b->product_version) == 0 &&
	       strcmp(a->serial, b->serial) == 0 &&
	       strcmp(a->board_manufacturer, b->board_manufacturer) == 0 &&
	       strcmp(a->board_product, b->board_product) == 0;
}

bool model_host_equal(const struct model_host *a, const struct model_host *b)
{
	return mu_uuid_equal(&a->id.uuid, &b->id.uuid) && strcmp(a->name, b->name) == 0 &&
	       strcmp(a->description, b->description) == 0 && strcmp(a->address, b->address) == 0 &&
	       strcmp(a->agent_version, b->agent_version) == 0 &&
	       strcmp(a->xen_version, b->xen_version) == 0 && strcmp(a->kernel, b->kernel) == 0 &&
	       strcmp(a->cpu_model, b->cpu_model) == 0 && strcmp(a->driver, b->driver) == 0 &&
	       strcmp(a->boot_id, b->boot_id) == 0 && a->cpus == b->cpus &&
	       a->sockets == b->sockets && a->cpu_mhz == b->cpu_mhz &&
	       a->memory_total_bytes == b->memory_total_bytes &&
	       a->memory_free_bytes == b->memory_free_bytes && a->hvm_capable == b->hvm_capable &&
	       strcmp(a->cpu_vendor, b->cpu_vendor) == 0 && a->cpu_family == b->cpu_family &&
	       a->cpu_model_number == b->cpu_model_number && a->cpu_stepping == b->cpu_stepping &&
	       a->threads_per_core == b->threads_per_core && a->iommu == b->iommu &&
	       bios_equal(&a->bios, &b->bios) && a->maintenance == b->maintenance &&
	       a->booted_at == b->booted_at && a->agent_started_at == b->agent_started_at &&
	       a->connected == b->connected && a->last_seen == b->last_seen;
}
