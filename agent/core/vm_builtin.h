/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A built-in template (common/model/builtin.h) as a definition to make a VM of, and what it asks of
 * the VM beside that. Pure; no ownership.
 */
#ifndef MUSTER_AGENT_CORE_VM_BUILTIN_H
#define MUSTER_AGENT_CORE_VM_BUILTIN_H

#include "agent/core/vm_spec.h"
#include "common/model/builtin.h"

/* Without disks and cards; id and name are the template's. */
void vm_builtin_spec(const struct builtin_template *t, struct vm_spec *ret_spec);
/* May the VM that comes of `args` (vm.create's) be made? MU_E_INVALID, or MU_E_UNSUPPORTED for what
 * no plain Xen can have. `empty`: nothing to start is on its first disk. */
int vm_builtin_check(const struct builtin_template *t, const struct mu_value *args,
		     const struct vm_spec *spec, bool empty, struct mu_error *err);

#endif
