/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images for CD drives: the *.iso files of a directory, or of an NFS export that we mount
 * read-only. They are put there and taken away by others; nothing is written, not even a mark that
 * it is an SR, so it can be given to any number of SRs. An image's id comes from the SR's and its
 * name.
 */
#include "agent/storage/copy.h"
#include "agent/storage/dir/dir_files.h"
#include "agent/storage/drivers.h"
#include "agent/storage/nfs/nfs_mount.h"
#include "common/base/str.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define SUFFIX ".iso"

struct iso {
	struct mu_uuid id;
	char path[MODEL_PATH_MAX + 1];
	char location[MODEL_PATH_MAX + 1];
	bool is_nfs;
	struct nfs_mount mount;
	int root;
};

static int iso_open(const struct sr_config *config, const char *state_dir, void **ret_impl,
		    struct mu_error *err)
{
	MU_CLEANUP(mu_free) struct iso *i = mu_xcalloc(1, sizeof *i);
	const char *location = sr_config_get(config, "location");

	i->id = config->id;
	i->root = -1;
	i->is_nfs = sr_config_get(config, "server") != NULL;
	if (i->is_nfs == (location != NULL))
		return mu_error_set(
		    err, MU_E_INVALID,
		    "device_config: give either \"location\" or \"server\" and \"serverpath\"");
	if (i->is_nfs) {
		if (nfs_mount_init(&i->mount, config, state_dir, true, err) < 0)
			return MU_FAILED;
		memcpy(i->path, i->mount.point, sizeof i->path);
		if (snprintf(i->location, sizeof i->location, "%s:%s", i->mount.server,
			     i->mount.export) >= (int)sizeof i->location)
			return mu_error_set(err, MU_E_TOO_LARGE,
					    "device_config: the paths are too long");
	} else {
		if (location[0] != '/')
			return mu_error_set(err, MU_E_INVALID,
					    "device_config: location: \"%s\" is no absolute path",
					    location);
		(void)snprintf(i->path, sizeof i->path, "%s", location);
		(void)snprintf(i->location, sizeof i->location, "%s", location);
	}
	*ret_impl = MU_TAKE(i);
	return 0;
}

static void iso_close(void *impl)
{
	struct iso *i = impl;

	copy_close(&i->root);
	free(i);
}

static int iso_detach(void *impl, struct mu_error *err)
{
	struct iso *i = impl;

	copy_close(&i->root);
	return i->is_nfs ? nfs_mount_down(&i->mount, err) : 0;
}

/* Whoever asks for the directory may have it. */
static int iso_probe(void *impl, struct mu_uuid *ret_id, struct mu_error *err)
{
	__attribute__((cleanup(copy_close))) int root = -1;
	const struct iso *i = impl;

	if (i->is_nfs && nfs_mount_up(&i->mount, err) < 0)
		return MU_FAILED;
	if (dir_files_open_root(i->path, &root, err) < 0)
		return MU_FAILED;
	*ret_id = i->id;
	return 0;
}

static int iso_create(void *impl, struct mu_error *err)
{
	(void)impl;
	return mu_error_set(err, MU_E_INTERNAL, "an iso repository is always found");
}

static int iso_destroy(void *impl, struct mu_error *err)
{
	return iso_detach(impl, err);
}

static int iso_attach(void *impl, struct sr_caps *ret_caps, struct mu_error *err)
{
	struct iso *i = impl;
	int root = -1;

	*ret_caps = (struct sr_caps){.iso = true, .read_only = true, .shared = i->is_nfs};
	memcpy(ret_caps->location, i->location, sizeof ret_caps->location);
	if (dir_files_open_root(i->path, &root, err) < 0)
		return MU_FAILED;
	copy_close(&i->root);
	i->root = root;
	return 0;
}

static int iso_usage(void *impl, struct sr_usage *ret_usage, struct mu_error *err)
{
	const struct iso *i = impl;
	struct statvfs st;

	if (fstatvfs(i->root, &st) < 0)
		return mu_error_errno(err, errno, "%s", i->path);
	*ret_usage =
	    (struct sr_usage){.size_bytes = (int64_t)(st.f_blocks * st.f_frsize),
			      .used_bytes = (int64_t)((st.f_blocks - st.f_bfree) * st.f_frsize),
			      .data_percent = -1,
			      .metadata_percent = -1};
	return 0;
}

static bool is_image(const char *name)
{
	size_t len = strlen(name);

	return name[0] != '.' && len > strlen(SUFFIX) &&
	       strcasecmp(name + len - strlen(SUFFIX), SUFFIX) == 0;
}

/* Links, folders and pipes with such a name are not shown. */
static int add_image(const struct iso *i, const char *name, struct sr_vdis *ret_vdis,
		     struct mu_error *err)
{
	__attribute__((cleanup(copy_close))) int fd = -1;
	struct sr_vdi vdi = {.type = VDI_ISO, .readonly = true};
	struct stat st;

	if (dir_files_open(i->root, name, O_RDONLY, 0, &fd, NULL) < 0 || fstat(fd, &st) < 0)
		return 0;
	vdi.id = mu_uuid_derive(&i->id, name);
	mu_utf8_sanitize(vdi.name, MODEL_NAME_MAX, name, strlen(name));
	vdi.size_bytes = st.st_size;
	vdi.used_bytes = st.st_blocks * 512;
	return sr_vdis_add(ret_vdis, &vdi, err);
}

static int each_image(const struct iso *i,
		      int (*each)(const struct iso *i, const char *name, void *ctx,
				  struct mu_error *err),
		      void *ctx, struct mu_error *err)
{
	int fd = openat(i->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	int r = 0;

	if (!list) {
		r = mu_error_errno(err, errno, "%s", i->path);
		copy_close(&fd);
		return r;
	}
	for (errno = 0; r == 0 && (entry = readdir(list)); errno = 0) {
		if (is_image(entry->d_name))
			r = each(i, entry->d_name, ctx, err);
	}
	if (r == 0 && errno != 0)
		r = mu_error_errno(err, errno, "%s", i->path);
	(void)closedir(list);
	return r;
}

static int scan_one(const struct iso *i, const char *name, void *ctx, struct mu_error *err)
{
	return add_image(i, name, ctx, err);
}

static int iso_scan(void *impl, struct sr_vdis *ret_vdis, struct mu_error *err)
{
	return each_image(impl, scan_one, ret_vdis, err);
}

struct search {
	const struct mu_uuid *id;
	char name[NAME_MAX + 1];
};

static int compare_one(const struct iso *i, const char *name, void *ctx, struct mu_error *err)
{
	struct search *s = ctx;
	struct mu_uuid id = mu_uuid_derive(&i->id, name);

	(void)err;
	if (mu_uuid_equal(&id, s->id))
		(void)snprintf(s->name, sizeof s->name, "%s", name);
	return 0;
}

static int iso_activate(void *impl, const struct sr_vdi *vdi, bool readonly,
			struct sr_path *ret_path, struct mu_error *err)
{
	__attribute__((cleanup(copy_close))) int fd = -1;
	struct search s = {.id = &vdi->id};
	const struct iso *i = impl;
	char text[MU_UUID_TEXT];

	(void)readonly; /* sr.c: always, they are read-only */
	if (each_image(i, compare_one, &s, err) < 0)
		return MU_FAILED;
	if (!s.name[0])
		return mu_error_set(err, MU_E_NOT_FOUND, "there is no image %s",
				    mu_uuid_format(&vdi->id, text));
	if (dir_files_open(i->root, s.name, O_RDONLY, 0, &fd, err) < 0)
		return mu_error_prefix(err, "%s", i->path);
	*ret_path = (struct sr_path){.format = "raw", .backend = SR_BACKEND_PHY};
	if (snprintf(ret_path->path, sizeof ret_path->path, "%s/%s", i->path, s.name) >=
	    (int)sizeof ret_path->path)
		return mu_error_set(err, MU_E_TOO_LARGE, "%s/%s: the path is too long", i->path,
				    s.name);
	return 0;
}

static int iso_deactivate(void *impl, const struct mu_uuid *id, struct mu_error *err)
{
	(void)impl;
	(void)id;
	(void)err;
	return 0;
}

static const struct sr_param_rule params[] = {
    {"location", false, "the directory's absolute path"},
    {"server", false, "or: the NFS server's name or address"},
    {"serverpath", false, "and the export's path"},
    {"options", false, "more options for mount"},
    {NULL},
};

const struct sr_ops sr_iso_ops = {
    .type = "iso",
    .params = params,
    .granularity_bytes = 1,
    .open = iso_open,
    .close = iso_close,
    .probe = iso_probe,
    .create = iso_create,
    .destroy = iso_destroy,
    .attach = iso_attach,
    .detach = iso_detach,
    .usage = iso_usage,
    .scan = iso_scan,
    .activate = iso_activate,
    .deactivate = iso_deactivate,
};
