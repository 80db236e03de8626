/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is this configuration one that a driver may be given? PURE: looks at the struct only, touches no
 * file. hv.c asks before every create and restore, definitions are checked with it when stored.
 */
#ifndef MUSTER_AGENT_HV_CHECK_H
#define MUSTER_AGENT_HV_CHECK_H

#include "agent/hv/hv_device.h"
#include "common/base/error.h"

/* MU_E_INVALID naming the member, what is wrong with it and what is allowed. */
int hv_check_config(const struct hv_vm_config *config, struct mu_error *err);
int hv_check_name(const char *name, struct mu_error *err);
/* One device of such a configuration. */
int hv_check_disk(const struct hv_disk *disk, struct mu_error *err);
int hv_check_nic(const struct hv_nic *nic, struct mu_error *err);
/* Has the device what an operation of this kind needs? hv_check_device.c */
int hv_check_device(enum hv_op_kind kind, const struct hv_device *device, struct mu_error *err);
int hv_check_resources(enum hv_op_kind kind, const struct hv_resources *resources,
		       struct mu_error *err);

#endif
