/* SPDX-License-Identifier: Apache-2.0 */
/* Between vm_devices.c and the files of the kinds of devices. */
#ifndef MUSTER_AGENT_CORE_VM_DEVICES_PRIV_H
#define MUSTER_AGENT_CORE_VM_DEVICES_PRIV_H

#include "agent/core/vm_devices.h"

struct vm_devices_job {
	const struct vm_devices_world *now;
	const struct mu_value *args;
	struct vm_devices_plan *plan;
};

struct vm_devices_method {
	const char *name;
	int (*plan)(struct vm_devices_job *j, struct mu_error *err);
	enum vm_devices_found (*look)(const struct vm_devices_world *now,
				      const struct mu_value *args, struct mu_uuid *ret_made);
};

extern const struct vm_devices_method vm_devices_disks[];
extern const size_t vm_devices_n_disks;
extern const struct vm_devices_method vm_devices_nics[];
extern const size_t vm_devices_n_nics;
extern const struct vm_devices_method vm_devices_passed[];
extern const size_t vm_devices_n_passed;

static inline enum vm_devices_found vm_devices_found_if(bool done)
{
	return done ? VM_DEVICES_DONE : VM_DEVICES_NOT_DONE;
}

/* NULL when there is none; `vdev` as in a definition. */
const struct hv_disk *vm_devices_disk(const struct hv_vm_config *c, const char *vdev);
void vm_devices_drop_disk(struct hv_vm_config *c, const char *vdev);
/* In place of the one of its name, or as one more. MU_E_EXHAUSTED. */
int vm_devices_put_disk(struct hv_vm_config *c, const struct hv_disk *disk, struct mu_error *err);

/* Of the card at a place of the list. */
static inline uint32_t vm_devices_nic_number(const struct hv_vm_config *c, size_t at)
{
	return c->nics[at].has_device ? c->nics[at].device : (uint32_t)at;
}

const struct hv_nic *vm_devices_nic(const struct hv_vm_config *c, uint32_t device);
void vm_devices_drop_nic(struct hv_vm_config *c, uint32_t device);
int vm_devices_put_nic(struct hv_vm_config *c, const struct hv_nic *nic, struct mu_error *err);
/* Cards that say no number and no address get those that they have anyway, so that they keep them
 * when one before them goes. */
void vm_devices_settle_nics(struct hv_vm_config *c);

#endif
