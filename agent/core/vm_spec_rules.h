/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of vm_spec_check(); for vm_spec_check.c and vm_spec_devices.c alone. */
#ifndef MUSTER_AGENT_CORE_VM_SPEC_RULES_H
#define MUSTER_AGENT_CORE_VM_SPEC_RULES_H

#include "agent/core/vm_spec.h"

/* What is wrong with a path that is given, or NULL. */
const char *vm_spec_path_wrong(const char *path);
int vm_spec_check_disks(const struct hv_vm_config *c, struct mu_error *err);
int vm_spec_check_nics(const struct hv_vm_config *c, struct mu_error *err);
/* PCI and USB devices. */
int vm_spec_check_passed(const struct hv_vm_config *c, struct mu_error *err);

#endif
