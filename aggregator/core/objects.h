/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of the inventory that is no host and no VM: reports of SRs, VDIs, networks, PIFs and PCI
 * devices, by id. Private to aggregator/core: the inventory owns it, keeps the list of a host's
 * reports and says whether the host is connected. PURE.
 */
#ifndef MUSTER_AGGREGATOR_CORE_OBJECTS_H
#define MUSTER_AGGREGATOR_CORE_OBJECTS_H

#include "aggregator/core/inventory.h"
#include "common/base/list.h"

struct objects;

/* A host's, embedded in it; *host lives as long. */
struct objects_host {
	struct mu_link reports;
	size_t n_reports;
	uint64_t round; /* of the latest snapshot: marks what was in it */
	const struct model_host *host;
};

void objects_host_init(struct objects_host *h, const struct model_host *host);

struct objects *objects_new(void);
/* With all reports; the hosts' lists are not to be used any more. Takes NULL; returns NULL. */
struct objects *objects_free(struct objects *objects);

void objects_put(struct objects *objects, struct objects_host *h, const struct model_object *o,
		 struct inventory_changes *out);
/* Unknown ids are ignored. */
void objects_remove(struct objects *objects, struct objects_host *h, const struct mu_uuid *id,
		    struct inventory_changes *out);
/* It is in this round's snapshot, although nothing is said of it. */
void objects_keep(struct objects *objects, struct objects_host *h, const struct mu_uuid *id);
/* What was not put or kept since objects_host.round changed is gone. */
void objects_sweep(struct objects *objects, struct objects_host *h, struct inventory_changes *out);
void objects_remove_all(struct objects *objects, struct objects_host *h,
			struct inventory_changes *out);
/* The host came or went. */
void objects_host_connected(struct objects *objects, struct objects_host *h,
			    struct inventory_changes *out);

size_t objects_n(const struct objects *objects);
const struct model_object *objects_find(const struct objects *objects, const struct mu_uuid *id);
const struct model_object *objects_find_of(const struct objects *objects,
					   const struct objects_host *h, const struct mu_uuid *id);
void objects_each(const struct objects *objects, enum object_kind kind,
		  bool (*each)(const struct model_object *o, void *arg), void *arg);
void objects_each_report(const struct objects *objects, const struct mu_uuid *id,
			 bool (*each)(const struct model_object *o, void *arg), void *arg);

#endif
