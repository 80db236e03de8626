/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Definitions that are made of others: a snapshot of a VM, a VM that goes back to a snapshot, a
 * clone. Says which disks have to be copied to which ids before the new definition may be stored.
 * The ids follow from that of what is made, so that a crash leaves nothing that could not be found
 * again. Pure; no ownership.
 */
#ifndef MUSTER_AGENT_CORE_VM_COPY_H
#define MUSTER_AGENT_CORE_VM_COPY_H

#include "agent/core/vm_spec.h"

struct vm_copy {
	struct vm_spec spec; /* names the copies */
	size_t n_disks;
	struct {
		struct mu_uuid from;
		struct mu_uuid to;
		char vdev[16];
	} disks[HV_DISKS_MAX];
};

/* Of all disks at one moment; CDs stay in their drives. `name` NULL: the VM's with the time.
 * MU_E_UNSUPPORTED: a disk that is in no SR. */
int vm_copy_snapshot(const struct vm_spec *vm, const struct vm_id *id, const char *name, mu_msec at,
		     struct vm_copy *ret_copy, struct mu_error *err);
/* The VM as it was, with its own id, name and place in the start order. `seed` makes the new disks'
 * ids. MU_E_INVALID: it is no snapshot of this VM. */
int vm_copy_revert(const struct vm_spec *vm, const struct vm_spec *snapshot,
		   const struct mu_uuid *seed, struct vm_copy *ret_copy, struct mu_error *err);
/* Of a VM, snapshot or template; `kind`: a VM or a template. `name` NULL: the source's and
 * " (copy)". */
int vm_copy_clone(const struct vm_spec *from, const struct vm_id *id, const char *name,
		  enum vm_kind kind, bool keep_macs, struct vm_copy *ret_copy,
		  struct mu_error *err);
/* Does the definition name this VDI? */
bool vm_copy_names(const struct vm_spec *spec, const struct mu_uuid *vdi);

#endif
