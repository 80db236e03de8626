/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who points to whom, backwards: an SR's VDIs, a network's VIFs, a VM's snapshots. Objects name
 * what they belong to; clients want the other direction as well, in every list and every event, and
 * asking all objects each time would be quadratic. So there is an index: made from the backend when
 * it is first asked, kept by the changes that the backend tells. Owned by struct rest.
 *
 * VBDs and VIFs are no objects of their own (docs/design/objects.md): the index also remembers
 * those of each VM, to tell which came, changed and went when the VM changes. Events are therefore
 * told from here.
 */
#ifndef MUSTER_REST_RELATIONS_H
#define MUSTER_REST_RELATIONS_H

#include "common/rest/rest.h"

/* From what, to what. */
enum rest_relation {
	REST_HOST_RESIDENTS, /* VMs that have a domain */
	REST_HOST_PIFS,
	REST_HOST_PCIS,
	REST_HOST_PBDS,
	REST_VM_SNAPSHOTS,
	REST_VM_PCIS,
	REST_SR_VDIS, /* and VDI snapshots */
	REST_VDI_VBDS,
	REST_VDI_SNAPSHOTS,
	REST_NETWORK_PIFS,
	REST_NETWORK_VIFS,
	REST_PIF_SLAVES,
	/* Parts to the one they are of: */
	REST_VBD_VM,
	REST_VIF_VM,
	REST_PBD_SR,
	_REST_RELATION_COUNT,
};

/* Parts of a VM, as the types VBD and VIF take them. */
struct rest_vbd {
	struct mu_uuid id;
	const struct model_vm *vm;
	const struct model_disk *disk;
};

struct rest_vif {
	struct mu_uuid id;
	const struct model_vm *vm;
	const struct model_nic *nic;
};

/* An SR's report by one host. */
struct rest_pbd {
	struct mu_uuid id;
	const struct model_object *sr;
};

struct rest_vbd rest_vbd_of(const struct model_vm *vm, size_t i);
struct rest_vif rest_vif_of(const struct model_vm *vm, size_t i);
struct rest_pbd rest_pbd_of(const struct model_object *sr);
bool rest_vdi_is_snapshot(const struct model_object *vdi);
/* What has no domain, or one that may be gone, has nothing attached. */
bool rest_vm_runs(const struct model_vm *vm);

struct rest_relations;

/* Where changes are told, after the index knows of them. What turns into something else (a VM into
 * a template) is told as one that went and one that came: hence `as`. */
struct rest_tell {
	void *ctx;
	void (*vm)(void *ctx, enum rest_change what, enum vm_kind as, const struct model_vm *vm);
	void (*object)(void *ctx, enum rest_change what, bool as_snapshot,
		       const struct model_object *o);
	void (*vbd)(void *ctx, enum rest_change what, const struct rest_vbd *vbd);
	void (*vif)(void *ctx, enum rest_change what, const struct rest_vif *vif);
	void (*pbd)(void *ctx, enum rest_change what, const struct rest_pbd *pbd);
};

/* Both are copied. */
struct rest_relations *rest_relations_new(const struct rest_backend *backend,
					  const struct rest_tell *tell);
/* Takes NULL; returns NULL. */
struct rest_relations *rest_relations_free(struct rest_relations *rel);

/* Make the index now, if it is not there: changes are told from then on. */
void rest_relations_need(struct rest_relations *rel);
/* In order of arrival; stop when `each` returns false. */
void rest_relations_each(struct rest_relations *rel, enum rest_relation what,
			 const struct mu_uuid *of,
			 bool (*each)(const struct mu_uuid *id, void *arg), void *arg);
/* The first of them, NULL when there is none. */
const struct mu_uuid *rest_relations_first(struct rest_relations *rel, enum rest_relation what,
					   const struct mu_uuid *of);

void rest_relations_vm_changed(struct rest_relations *rel, enum rest_change what,
			       const struct model_vm *vm);
void rest_relations_object_changed(struct rest_relations *rel, enum rest_change what,
				   const struct model_object *o);
void rest_relations_report_changed(struct rest_relations *rel, enum rest_change what,
				   const struct model_object *o);

#endif
