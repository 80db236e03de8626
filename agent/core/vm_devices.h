/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls that change a VM's devices (vbd.*, vif.*, pci.*, usb.*): from definition, domain and
 * arguments to what is to be ordered of the domain, and what holds once it has obeyed. A domain is
 * changed first and the definition after, so a plan that was refused is forgotten. Pure; no
 * ownership.
 */
#ifndef MUSTER_AGENT_CORE_VM_DEVICES_H
#define MUSTER_AGENT_CORE_VM_DEVICES_H

#include "agent/core/vm_spec.h"

struct vm_devices_world {
	const struct vm_spec *spec;
	/* What the domain was built from and has been given since, and which devices it has; both
	 * NULL: there is no domain. */
	const struct vm_spec *built;
	const struct hv_vm_config *domain;
	const char *bridge; /* of the argument `networkId`; NULL when it was not given */
	/* All of this host: whose MAC addresses must differ. */
	const struct model_vm *const *vms;
	size_t n_vms;
};

struct vm_devices_plan {
	struct vm_spec spec;
	struct vm_spec built; /* counts when there is a domain */
	/* What the domain is asked for, with the member that it takes; _HV_OP_KIND_COUNT: nothing,
	 * as there is no domain, or it is so already, or it cannot be done while it runs. */
	enum hv_op_kind order;
	struct hv_disk disk;
	struct hv_nic nic;
	struct hv_pci pci;
	struct hv_usb_device usb;
	struct mu_uuid let_go; /* VDI that the domain has no more; nil = none */
	struct mu_uuid made;   /* id of the VBD or VIF; nil = none is made */
};

/* What is found after a crash. */
enum vm_devices_found {
	VM_DEVICES_DONE,
	VM_DEVICES_NOT_DONE,
	VM_DEVICES_UNKNOWN, /* it cannot be told from what was there before */
};

/* `args` have passed call_check(). Errors name the argument. */
int vm_devices_plan(const char *method, const struct vm_devices_world *now,
		    const struct mu_value *args, struct vm_devices_plan *ret_plan,
		    struct mu_error *err);
/* Was it done? *ret_made as in the plan. */
enum vm_devices_found vm_devices_look(const char *method, const struct vm_devices_world *now,
				      const struct mu_value *args, struct mu_uuid *ret_made);
/* A disk or card that the domain has and the definition lacks: "disk xvdb". "" = none. */
void vm_devices_stray(const struct vm_devices_world *now, char *ret_name, size_t size);
/* *built corrected by the disks and cards that the domain has. Did it have to be? */
bool vm_devices_reconcile(const struct vm_spec *spec, const struct hv_vm_config *domain,
			  struct vm_spec *built);

#endif
