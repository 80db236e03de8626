/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's device mapper, for the one step of a snapshot that LVM's commands are too slow for:
 * /dev/mapper/control and its ioctls (linux/dm-ioctl.h), each of them milliseconds. LVM's own
 * metadata are not touched. Blocking.
 */
#ifndef MUSTER_AGENT_STORAGE_LVM_DM_H
#define MUSTER_AGENT_STORAGE_LVM_DM_H

#include "agent/storage/lvmthin/lvm_dm_text.h"

/* MU_E_IO without device mapper. Closed by close(). */
int lvm_dm_open(int *ret_control, struct mu_error *err);
/* Hold the device's writers: no write ends until it is resumed, none is under way when this
 * returns. *ret_held false: there is no such device, so nobody writes it. */
int lvm_dm_suspend(int control, const char *device, bool *ret_held, struct mu_error *err);
/* Harmless when it is not suspended. */
int lvm_dm_resume(int control, const char *device, struct mu_error *err);
/* To the thin pool, e.g. "create_snap 3 1". What it refuses is told with the state that it is in.
 */
int lvm_dm_message(int control, const char *pool, const char *message, struct mu_error *err);

#endif
