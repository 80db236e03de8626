/* SPDX-License-Identifier: Apache-2.0 */
/* The disks of the host and what uses them, out of sysfs and /proc. Blocking, for a work thread. */
#ifndef MUSTER_AGENT_HOST_DISKS_H
#define MUSTER_AGENT_HOST_DISKS_H

#include "common/base/value.h"

enum { HOST_DISKS_MAX = 1024 };

/* A list of {name, sizeBytes, model, serial, wwid, rotational, removable, readOnly, usedBy: [{kind,
 * name}]}; `sysfs` is "/sys", `procfs` "/proc". Members that are not known are left out. */
struct mu_value *host_disks_read(struct mu_arena *a, const char *sysfs, const char *procfs);

#endif
