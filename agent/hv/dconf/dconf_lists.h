/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of a configuration that are lists: CPUs and devices. `root` is libxl's object; readers
 * take out of it what they put into the config. For dconf_read.c and dconf_write.c alone.
 */
#ifndef MUSTER_AGENT_HV_DCONF_LISTS_H
#define MUSTER_AGENT_HV_DCONF_LISTS_H

#include "agent/hv/hv_config.h"
#include "common/base/error.h"
#include "common/base/value.h"

int dconf_vcpus_read(struct mu_value *root, struct hv_vm_config *c, struct mu_error *err);
void dconf_vcpus_write(struct mu_arena *a, struct mu_value *root, const struct hv_vm_config *c);
void dconf_affinity_read(struct mu_value *root, struct hv_vm_config *c);
void dconf_affinity_write(struct mu_arena *a, struct mu_value *root, const struct hv_vm_config *c);

int dconf_devices_read(struct mu_arena *a, struct mu_value *root, struct hv_vm_config *c,
		       struct mu_error *err);
int dconf_devices_write(struct mu_arena *a, struct mu_value *root, const struct hv_vm_config *c,
			struct mu_error *err);

/* What is left of a device, into its `extra` of `size` bytes. MU_E_UNSUPPORTED when it is more. */
int dconf_extra_read(const struct mu_value *rest, char *extra, size_t size, struct mu_error *err);
/* The object that an `extra` says; an empty one for "". */
int dconf_extra_write(struct mu_arena *a, const char *extra, struct mu_value **ret,
		      struct mu_error *err);

#endif
