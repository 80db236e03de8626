/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A dir SR on an NFS export that we mount. The disks lie in a directory of the SR's own, named
 * "muster-<uuid>", so several SRs, and other people's files, can share an export. Every host that
 * has the SR mounts the export; a second host finds it by its id.
 *
 * NFS 4.2 shares blocks if the server's file system can; dir finds that out when it attaches.
 */
#include "agent/storage/dir/dir.h"
#include "agent/storage/drivers.h"
#include "agent/storage/nfs/nfs_mount.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct nfs {
	struct dir_sr dir; /* first: the functions of dir.h work on it */
	struct nfs_mount mount;
};

static int nfs_open(const struct sr_config *config, const char *state_dir, void **ret_impl,
		    struct mu_error *err)
{
	MU_CLEANUP(mu_free) struct nfs *n = mu_xcalloc(1, sizeof *n);
	char id[MU_UUID_TEXT];

	if (nfs_mount_init(&n->mount, config, state_dir, false, err) < 0)
		return MU_FAILED;
	n->dir.id = config->id;
	n->dir.root = -1;
	n->dir.shared = true;
	if (snprintf(n->dir.path, sizeof n->dir.path, "%s/muster-%s", n->mount.point,
		     mu_uuid_format(&config->id, id)) >= (int)sizeof n->dir.path ||
	    snprintf(n->dir.location, sizeof n->dir.location, "%s:%s", n->mount.server,
		     n->mount.export) >= (int)sizeof n->dir.location)
		return mu_error_set(err, MU_E_TOO_LARGE, "device_config: the paths are too long");
	*ret_impl = MU_TAKE(n);
	return 0;
}

static void nfs_close(void *impl)
{
	struct nfs *n = impl;

	if (n->dir.root >= 0)
		(void)close(n->dir.root);
	free(n);
}

/* The directory is the SR's by its name, so there is never another one in its place. */
static int nfs_probe(void *impl, struct mu_uuid *ret_id, struct mu_error *err)
{
	struct nfs *n = impl;
	struct mu_error why = MU_ERROR_INIT;

	if (nfs_mount_up(&n->mount, err) < 0)
		return MU_FAILED;
	if (dir_probe(impl, ret_id, &why) == 0)
		return 0;
	if (why.code == MU_E_NOT_FOUND) {
		*ret_id = (struct mu_uuid){{0}};
		return 0;
	}
	*err = why;
	return MU_FAILED;
}

static int nfs_create(void *impl, struct mu_error *err)
{
	struct nfs *n = impl;

	if (mkdir(n->dir.path, 0700) < 0 && errno != EEXIST)
		return mu_error_errno(err, errno, "%s: make a directory", n->dir.location);
	return dir_create(impl, err);
}

static int nfs_destroy(void *impl, struct mu_error *err)
{
	struct nfs *n = impl;

	if (dir_destroy(impl, err) < 0)
		return MU_FAILED;
	if (rmdir(n->dir.path) < 0 && errno != ENOENT)
		return mu_error_errno(err, errno, "%s: remove its directory", n->dir.location);
	return nfs_mount_down(&n->mount, err);
}

static int nfs_detach(void *impl, struct mu_error *err)
{
	struct nfs *n = impl;

	if (dir_detach(impl, err) < 0)
		return MU_FAILED;
	return nfs_mount_down(&n->mount, err);
}

static const struct sr_param_rule params[] = {
    {"server", true, "the NFS server's name or address"},
    {"serverpath", true, "the export's path"},
    {"options", false, "more options for mount"},
    {NULL},
};

const struct sr_ops sr_nfs_ops = {
    .type = "nfs",
    .params = params,
    .granularity_bytes = DIR_GRANULARITY,
    .open = nfs_open,
    .close = nfs_close,
    .probe = nfs_probe,
    .create = nfs_create,
    .destroy = nfs_destroy,
    .attach = dir_attach,
    .detach = nfs_detach,
    .usage = dir_usage,
    .scan = dir_scan,
    .activate = dir_activate,
    .deactivate = dir_deactivate,
    .vdi_create = dir_vdi_create,
    .vdi_remove = dir_vdi_remove,
    .vdi_set = dir_vdi_set,
    .vdi_resize = dir_vdi_resize,
    .clone_prepare = dir_clone_prepare,
    .clone_take = dir_clone_take,
    .vdi_replace = dir_vdi_replace,
};
