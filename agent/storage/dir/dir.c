/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A directory of raw, sparse files. A disk is two of them (docs/formats/storage.md):
 *
 *   <uuid>.raw    its data
 *   <uuid>.json   its book-keeping: the disk is there as long as this file is
 *
 * So making one ends, and removing one begins, with the .json; data without it is invisible, and
 * what a crash leaves of it goes with the intent that names it (intent.h).
 *
 * Snapshots are files as well, sharing blocks (FICLONE) where the file system can: no chain of
 * files in which the loss of one is the loss of all, and none that a guest writes while others lie
 * over it. docs/decisions/0006-raw-files.md has the alternatives.
 */
#include "agent/storage/dir/dir.h"

#include "agent/storage/copy.h"
#include "agent/storage/dir/dir_files.h"
#include "agent/storage/dir/dir_loop.h"
#include "agent/storage/dir/dir_meta.h"
#include "agent/storage/drivers.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define MARKER "muster-sr.json"

struct name {
	char text[MU_UUID_TEXT + 8];
};

static struct name name_of(const struct mu_uuid *id, const char *suffix)
{
	struct name n;
	char text[MU_UUID_TEXT];

	(void)snprintf(n.text, sizeof n.text, "%s%s", mu_uuid_format(id, text), suffix);
	return n;
}

static struct name data_of(const struct mu_uuid *id)
{
	return name_of(id, ".raw");
}

static struct name meta_of(const struct mu_uuid *id)
{
	return name_of(id, ".json");
}

/* Life of the SR */

static int dir_open(const struct sr_config *config, const char *state_dir, void **ret_impl,
		    struct mu_error *err)
{
	const char *location = sr_config_get(config, "location");
	size_t len = strlen(location);
	struct dir_sr *d;

	(void)state_dir;
	while (len > 1 && location[len - 1] == '/')
		len--;
	if (location[0] != '/')
		return mu_error_set(err, MU_E_INVALID,
				    "device_config: location: \"%s\" is no absolute path",
				    location);
	if (strstr(location, "/../") || (len >= 3 && strncmp(location + len - 3, "/..", 3) == 0))
		return mu_error_set(err, MU_E_INVALID,
				    "device_config: location: \"%s\" has \"..\" in it", location);
	d = mu_xcalloc(1, sizeof *d);
	d->id = config->id;
	d->root = -1;
	(void)snprintf(d->path, sizeof d->path, "%.*s", (int)len, location);
	(void)snprintf(d->location, sizeof d->location, "%s", d->path);
	*ret_impl = d;
	return 0;
}

static void dir_close(void *impl)
{
	struct dir_sr *d = impl;

	copy_close(&d->root);
	free(d);
}

int dir_probe(void *impl, struct mu_uuid *ret_id, struct mu_error *err)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	__attribute__((cleanup(copy_close))) int root = -1;
	const struct dir_sr *d = impl;
	struct mu_error why = MU_ERROR_INIT;

	if (dir_files_open_root(d->path, &root, err) < 0)
		return MU_FAILED;
	if (dir_files_read(root, MARKER, DIR_META_MAX, &text, &why) < 0) {
		if (why.code != MU_E_NOT_FOUND) {
			*err = why;
			return mu_error_prefix(err, "%s", d->path);
		}
		*ret_id = (struct mu_uuid){{0}};
		return 0;
	}
	if (dir_marker_decode(text.data ? text.data : "", text.len, ret_id, err) < 0)
		return mu_error_prefix(err, "%s/" MARKER, d->path);
	return 0;
}

int dir_create(void *impl, struct mu_error *err)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	__attribute__((cleanup(copy_close))) int root = -1;
	const struct dir_sr *d = impl;

	dir_marker_encode(&d->id, &text);
	if (dir_files_open_root(d->path, &root, err) < 0)
		return MU_FAILED;
	if (dir_files_replace(root, MARKER, text.data, text.len, err) < 0)
		return mu_error_prefix(err, "%s", d->path);
	return 0;
}

int dir_destroy(void *impl, struct mu_error *err)
{
	struct dir_sr *d = impl;

	if (dir_files_remove(d->root, MARKER, err) < 0)
		return mu_error_prefix(err, "%s", d->path);
	copy_close(&d->root);
	return 0;
}

/* What a crash has left of files that were being replaced. Not on a shared SR: there another host
 * may be replacing just now, and the next replacement takes them. */
static void sweep(int root)
{
	int fd = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (!list) {
		copy_close(&fd);
		return;
	}
	while ((entry = readdir(list))) {
		size_t len = strlen(entry->d_name);

		if (len > 9 && strcmp(entry->d_name + len - 9, ".json.new") == 0)
			(void)unlinkat(root, entry->d_name, 0);
	}
	(void)closedir(list);
}

int dir_attach(void *impl, struct sr_caps *ret_caps, struct mu_error *err)
{
	struct dir_sr *d = impl;
	int root = -1;

	*ret_caps = (struct sr_caps){.thin = true, .shared = d->shared};
	(void)snprintf(ret_caps->location, sizeof ret_caps->location, "%s", d->location);
	if (dir_files_open_root(d->path, &root, err) < 0)
		return MU_FAILED;
	if (dir_files_reflinks(root, &ret_caps->instant_clone, err) < 0) {
		copy_close(&root);
		return mu_error_prefix(err, "%s", d->path);
	}
	if (!d->shared)
		sweep(root);
	copy_close(&d->root);
	d->root = root;
	return 0;
}

int dir_detach(void *impl, struct mu_error *err)
{
	struct dir_sr *d = impl;

	(void)err;
	copy_close(&d->root);
	return 0;
}

int dir_usage(void *impl, struct sr_usage *ret_usage, struct mu_error *err)
{
	const struct dir_sr *d = impl;
	struct statvfs st;

	if (fstatvfs(d->root, &st) < 0)
		return mu_error_errno(err, errno, "%s", d->path);
	*ret_usage =
	    (struct sr_usage){.size_bytes = (int64_t)(st.f_blocks * st.f_frsize),
			      .used_bytes = (int64_t)((st.f_blocks - st.f_bfree) * st.f_frsize),
			      .data_percent = -1,
			      .metadata_percent = -1};
	return 0;
}

/* Lists */

static void look_at_data(int root, struct sr_vdi *vdi)
{
	__attribute__((cleanup(copy_close))) int fd = -1;
	struct stat st;

	vdi->missing = dir_files_open(root, data_of(&vdi->id).text, O_RDONLY, 0, &fd, NULL) < 0 ||
		       fstat(fd, &st) < 0;
	vdi->size_bytes = vdi->missing ? 0 : st.st_size;
	vdi->used_bytes = vdi->missing ? 0 : st.st_blocks * 512;
}

/* One whose book-keeping cannot be read is shown as missing, not hidden: its data may be there. */
static int read_vdi(int root, const struct mu_uuid *id, struct sr_vdi *ret_vdi,
		    struct mu_error *err)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	struct name meta = meta_of(id);

	if (dir_files_read(root, meta.text, DIR_META_MAX, &text, err) < 0)
		return MU_FAILED;
	if (dir_meta_decode(text.data ? text.data : "", text.len, ret_vdi, err) < 0)
		return mu_error_prefix(err, "%s", meta.text);
	if (!mu_uuid_equal(&ret_vdi->id, id))
		return mu_error_set(err, MU_E_INVALID, "%s: holds another uuid", meta.text);
	look_at_data(root, ret_vdi);
	return 0;
}

static bool id_of_meta(const char *file, struct mu_uuid *ret_id)
{
	char text[MU_UUID_TEXT];

	if (strlen(file) != MU_UUID_TEXT - 1 + strlen(".json") ||
	    strcmp(file + MU_UUID_TEXT - 1, ".json") != 0)
		return false;
	memcpy(text, file, MU_UUID_TEXT - 1);
	text[MU_UUID_TEXT - 1] = '\0';
	return mu_uuid_parse(text, ret_id);
}

static int add_vdi(int root, const struct mu_uuid *id, struct sr_vdis *ret_vdis,
		   struct mu_error *err)
{
	struct mu_error why = MU_ERROR_INIT;
	struct sr_vdi vdi;

	if (read_vdi(root, id, &vdi, &why) < 0) {
		if (why.code == MU_E_NOT_FOUND) /* removed since it was listed, by another host */
			return 0;
		vdi = (struct sr_vdi){.id = *id, .missing = true, .readonly = true};
		mu_utf8_sanitize(vdi.description, MODEL_TEXT_MAX, why.text, strlen(why.text));
	}
	return sr_vdis_add(ret_vdis, &vdi, err);
}

int dir_scan(void *impl, struct sr_vdis *ret_vdis, struct mu_error *err)
{
	const struct dir_sr *d = impl;
	int fd = openat(d->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	struct mu_uuid id;
	int r = 0;

	if (!list) {
		r = mu_error_errno(err, errno, "%s", d->path);
		copy_close(&fd);
		return r;
	}
	for (errno = 0; r == 0 && (entry = readdir(list)); errno = 0) {
		if (id_of_meta(entry->d_name, &id))
			r = add_vdi(d->root, &id, ret_vdis, err);
	}
	if (r == 0 && errno != 0)
		r = mu_error_errno(err, errno, "%s", d->path);
	(void)closedir(list);
	return r;
}

/* Disks */

static int open_data(const struct dir_sr *d, const struct mu_uuid *id, int flags, int *ret_fd,
		     struct mu_error *err)
{
	if (dir_files_open(d->root, data_of(id).text, flags, 0600, ret_fd, err) < 0)
		return mu_error_prefix(err, "%s", d->path);
	return 0;
}

int dir_activate(void *impl, const struct sr_vdi *vdi, bool readonly, struct sr_path *ret_path,
		 struct mu_error *err)
{
	__attribute__((cleanup(copy_close))) int fd = -1;
	const struct dir_sr *d = impl;

	if (open_data(d, &vdi->id, readonly ? O_RDONLY : O_RDWR, &fd, err) < 0)
		return MU_FAILED;
	*ret_path = (struct sr_path){.format = "raw", .backend = SR_BACKEND_PHY, .zero = true};
	(void)snprintf(ret_path->path, sizeof ret_path->path, "%s/%s", d->path,
		       data_of(&vdi->id).text);
	return 0;
}

int dir_deactivate(void *impl, const struct mu_uuid *id, struct mu_error *err)
{
	(void)impl;
	(void)id;
	(void)err;
	return 0;
}

static int write_meta(const struct dir_sr *d, const struct sr_vdi *vdi, struct mu_error *err)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;

	dir_meta_encode(vdi, &text);
	if (dir_files_replace(d->root, meta_of(&vdi->id).text, text.data, text.len, err) < 0)
		return mu_error_prefix(err, "%s", d->path);
	return 0;
}

/* Data first, then the file that makes a disk of it. Data of that id is nobody's: there is no
 * .json. */
int dir_vdi_create(void *impl, const struct sr_vdi *vdi, struct mu_error *err)
{
	__attribute__((cleanup(copy_close))) int fd = -1;
	const struct dir_sr *d = impl;
	int r;

	if (open_data(d, &vdi->id, O_RDWR | O_CREAT | O_TRUNC, &fd, err) < 0)
		return MU_FAILED;
	if (ftruncate(fd, vdi->size_bytes) < 0 || fsync(fd) < 0)
		r = mu_error_errno(err, errno, "%s: %s", d->path, data_of(&vdi->id).text);
	else
		r = write_meta(d, vdi, err);
	if (r < 0)
		(void)dir_files_remove(d->root, data_of(&vdi->id).text, NULL);
	return r;
}

int dir_vdi_remove(void *impl, const struct mu_uuid *id, struct mu_error *err)
{
	const struct dir_sr *d = impl;

	if (dir_files_remove(d->root, meta_of(id).text, err) < 0 ||
	    dir_files_remove(d->root, name_of(id, ".json.new").text, err) < 0 ||
	    dir_files_remove(d->root, data_of(id).text, err) < 0)
		return mu_error_prefix(err, "%s", d->path);
	return 0;
}

int dir_vdi_set(void *impl, const struct sr_vdi *vdi, struct mu_error *err)
{
	__attribute__((cleanup(copy_close))) int fd = -1;
	const struct dir_sr *d = impl;
	struct sr_vdi now;

	if (read_vdi(d->root, &vdi->id, &now, err) < 0)
		return mu_error_prefix(err, "%s", d->path);
	if (now.partial && !vdi->partial) {
		if (open_data(d, &vdi->id, O_RDONLY, &fd, err) < 0)
			return MU_FAILED;
		if (fsync(fd) < 0)
			return mu_error_errno(err, errno, "%s: %s: fsync", d->path,
					      data_of(&vdi->id).text);
	}
	return write_meta(d, vdi, err);
}

int dir_vdi_resize(void *impl, const struct mu_uuid *id, int64_t size_bytes, struct mu_error *err)
{
	__attribute__((cleanup(copy_close))) int fd = -1;
	const struct dir_sr *d = impl;
	char path[SR_DISK_PATH_MAX + 1];

	if (open_data(d, id, O_RDWR, &fd, err) < 0)
		return MU_FAILED;
	(void)snprintf(path, sizeof path, "%s/%s", d->path, data_of(id).text);
	if (ftruncate(fd, size_bytes) < 0 || fsync(fd) < 0)
		return mu_error_errno(err, errno, "%s", path);
	return dir_loop_grown(path, err);
}

int dir_clone_prepare(void *impl, struct sr_clone *c, struct mu_error *err)
{
	__attribute__((cleanup(copy_close))) int fd = -1;
	struct sr_vdi empty = c->vdi;

	if (open_data(impl, &c->source.id, O_RDONLY, &fd, err) < 0)
		return MU_FAILED;
	empty.size_bytes = 0; /* the clone brings its size along */
	return dir_vdi_create(impl, &empty, err);
}

int dir_clone_take(void *impl, const struct sr_clone *c, struct mu_error *err)
{
	__attribute__((cleanup(copy_close))) int from = -1;
	__attribute__((cleanup(copy_close))) int to = -1;
	const struct dir_sr *d = impl;

	if (open_data(d, &c->source.id, O_RDONLY, &from, err) < 0 ||
	    open_data(d, &c->vdi.id, O_RDWR, &to, err) < 0)
		return MU_FAILED;
	if (dir_files_reflink(from, to, err) < 0)
		return mu_error_prefix(err, "%s: %s", d->path, data_of(&c->source.id).text);
	return 0;
}

/* The rename is the moment. A crash behind it leaves a .json without data, which goes with its
 * intent. */
int dir_vdi_replace(void *impl, const struct sr_vdi *vdi, const struct mu_uuid *from,
		    struct mu_error *err)
{
	__attribute__((cleanup(copy_close))) int fd = -1;
	const struct dir_sr *d = impl;

	if (open_data(d, from, O_RDONLY, &fd, err) < 0)
		return MU_FAILED;
	if (fsync(fd) < 0)
		return mu_error_errno(err, errno, "%s: %s: fsync", d->path, data_of(from).text);
	if (dir_files_rename(d->root, data_of(from).text, data_of(&vdi->id).text, err) < 0)
		return mu_error_prefix(err, "%s", d->path);
	return dir_vdi_remove(impl, from, err);
}

static const struct sr_param_rule params[] = {
    {"location", true, "the directory's absolute path"},
    {NULL},
};

const struct sr_ops sr_dir_ops = {
    .type = "dir",
    .params = params,
    .granularity_bytes = DIR_GRANULARITY,
    .open = dir_open,
    .close = dir_close,
    .probe = dir_probe,
    .create = dir_create,
    .destroy = dir_destroy,
    .attach = dir_attach,
    .detach = dir_detach,
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
