/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules of VMs' network cards: MAC addresses, which must not be on a host twice, and rate limits.
 * Pure; any thread.
 */
#ifndef MUSTER_AGENT_CORE_VIF_RULES_H
#define MUSTER_AGENT_CORE_VIF_RULES_H

#include "common/base/error.h"
#include "common/model/vm.h"

/* netback gives out credit once in this time. */
enum { VIF_RATE_INTERVAL_USECS = 50000 };

/* For a card that nobody has given an address: locally administered, from the VM and the device,
 * so the same on any host. The next try if another VM has that. `vms` as below. */
void vif_mac_choose(const struct model_vm *const *vms, size_t n_vms, const struct vm_id *vm,
		    uint32_t device, char ret[static 18]);
/* May `device` of `vm` have this address? MU_E_INVALID: not a unicast address. MU_E_EXISTS: another
 * card has it; `vms` are those of this host, halted ones too. Snapshots and templates do not count:
 * they never run. */
int vif_mac_check(const struct model_vm *const *vms, size_t n_vms, const struct vm_id *vm,
		  uint32_t device, const char *mac, struct mu_error *err);

/* A limit in kB/s (1,000 bytes; 0 = none) as Xen wants it: bytes in VIF_RATE_INTERVAL_USECS. */
uint64_t vif_rate_to_xen(uint32_t rate_kbps);
/* And back, for any interval: rounded up, so that a limit never reads as none. */
uint32_t vif_rate_from_xen(uint64_t bytes, uint32_t interval_usecs);

#endif
