/* SPDX-License-Identifier: Apache-2.0 */
/* The drivers' tables, for sr_new() and storage_new(). */
#ifndef MUSTER_AGENT_STORAGE_DRIVERS_H
#define MUSTER_AGENT_STORAGE_DRIVERS_H

#include "agent/storage/sr.h"

extern const struct sr_ops sr_lvmthin_ops; /* thin volumes of an LVM pool */
extern const struct sr_ops sr_dir_ops;     /* raw files in a directory */
extern const struct sr_ops sr_nfs_ops;     /* the same on an NFS export that we mount */
extern const struct sr_ops sr_iso_ops;     /* images for CD drives: a directory or an NFS export */
extern const struct sr_ops sr_fake_ops;    /* in memory, forgotten with the process: tests, demo */

#endif
