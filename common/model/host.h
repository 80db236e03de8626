/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host as everybody but its driver sees it. Plain data, as struct model_vm. `connected` and
 * `last_seen` are the aggregator's view; on the host itself it is always connected.
 */
#ifndef MUSTER_MODEL_HOST_H
#define MUSTER_MODEL_HOST_H

#include "common/model/vm.h"

enum { MODEL_BIOS_MAX = 63 };

/* Of the machine; empty = it does not say. */
struct model_bios {
	char vendor[MODEL_BIOS_MAX + 1];
	char version[MODEL_BIOS_MAX + 1];
	char date[MODEL_BIOS_MAX + 1];
	char manufacturer[MODEL_BIOS_MAX + 1];
	char product[MODEL_BIOS_MAX + 1];
	char product_version[MODEL_BIOS_MAX + 1];
	char serial[MODEL_BIOS_MAX + 1];
	char board_manufacturer[MODEL_BIOS_MAX + 1];
	char board_product[MODEL_BIOS_MAX + 1];
};

struct model_host {
	struct host_id id;
	char name[MODEL_NAME_MAX + 1]; /* host name, also name_label */
	char description[MODEL_TEXT_MAX + 1];
	char address[MODEL_ADDR_MAX + 1];
	char agent_version[MODEL_NAME_MAX + 1];
	char xen_version[MODEL_NAME_MAX + 1];
	char kernel[MODEL_NAME_MAX + 1];
	char cpu_model[MODEL_NAME_MAX + 1];
	char driver[16]; /* "xen" or "sim" */
	char boot_id[MU_UUID_TEXT];
	uint32_t cpus; /* logical */
	uint32_t sockets;
	uint32_t cpu_mhz;
	int64_t memory_total_bytes;
	int64_t memory_free_bytes; /* coarse (MiB): exact values are metrics */
	bool hvm_capable;
	char cpu_vendor[16]; /* "GenuineIntel" */
	uint32_t cpu_family, cpu_model_number, cpu_stepping;
	uint32_t threads_per_core; /* 0 = unknown */
	bool iommu;
	struct model_bios bios;
	bool maintenance; /* takes no new VMs: somebody has said so */
	mu_msec booted_at;
	mu_msec agent_started_at;
	/* aggregator's view */
	bool connected;
	mu_msec last_seen; /* 0 = never */
};

void model_host_init(struct model_host *h);
bool model_host_equal(const struct model_host *a, const struct model_host *b);

#endif
