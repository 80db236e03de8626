/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NFS exports that we mount, each on a directory of its own below the state directory. Blocking,
 * with a deadline: mount(8) waits for a server that is away, and is killed then.
 */
#ifndef MUSTER_AGENT_STORAGE_NFS_MOUNT_H
#define MUSTER_AGENT_STORAGE_NFS_MOUNT_H

#include "agent/storage/sr_types.h"
#include "common/base/error.h"

struct nfs_mount {
	char server[MODEL_PATH_MAX + 1];
	char export[MODEL_PATH_MAX + 1];  /* "/exports/vms" */
	char options[MODEL_PATH_MAX + 1]; /* more of mount's, "" = none */
	char point[MODEL_PATH_MAX + 1];   /* where */
	bool read_only;
};

/* "server", "serverpath" and "options" of a device_config. MU_E_INVALID. */
int nfs_mount_init(struct nfs_mount *m, const struct sr_config *config, const char *state_dir,
		   bool read_only, struct mu_error *err);
/* Mounted already is fine, if it is that export. */
int nfs_mount_up(const struct nfs_mount *m, struct mu_error *err);
/* Not mounted is fine. MU_E_STATE: in use. Removes the directory. */
int nfs_mount_down(const struct nfs_mount *m, struct mu_error *err);

#endif
