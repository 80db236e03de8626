/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by vm_new.c and vm_new_install.c. */
#ifndef MUSTER_AGENT_CORE_VM_NEW_PRIV_H
#define MUSTER_AGENT_CORE_VM_NEW_PRIV_H

#include "agent/core/vm_new.h"

/* A member that is a string, else NULL. */
static inline const char *vm_new_text(const struct mu_value *object, const char *name)
{
	return mu_value_as_string(mu_value_get(object, name));
}

struct hv_disk *vm_new_find_disk(struct hv_vm_config *c, const char *vdev);
struct vm_new_disk *vm_new_find_plan(struct vm_new *n, const char *vdev);
/* The first of "xvda", ... that is free. */
void vm_new_free_vdev(struct hv_vm_config *c, char ret[static 16]);
/* NULL: there are as many as can be. */
struct hv_disk *vm_new_add_disk(struct hv_vm_config *c, struct mu_error *err);

/* Lays `install` (NULL: nothing) over what has been planned. */
int vm_new_install(struct vm_new *n, const struct mu_value *install, struct mu_error *err);

#endif
