/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Downloads of disks and, as archives that the owner of the VMs makes, of VMs. A raw one is read
 * from the disk itself, by an operation of the storage that keeps everybody else from writing it
 * meanwhile. Any other format is made first, in a file that is given out afterwards and stays for a
 * while, so that who was cut off can go on where he was: what qemu-img writes a second time need
 * not be the same bytes.
 */
#include "agent/transfer/transfer_priv.h"

#include "agent/storage/stream.h"
#include "common/log/log.h"
#include "common/os/file.h"
#include "common/os/random.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEPT MU_SEC(600)

/* `tag` NULL: whatever it was when that was made. */
static struct export_entry *find_made(struct transfer_hub *hub, const struct mu_uuid *object,
				      enum image_format format, const char *tag)
{
	struct export_entry *found = NULL;

	mu_list_each(it, &hub->exports)
	{
		struct export_entry *e = MU_CONTAINER_OF(it, struct export_entry, link);

		if (mu_uuid_equal(&e->object, object) && e->format == format &&
		    (!tag || strcmp(e->tag, tag) == 0))
			found = e; /* the last one */
	}
	return found;
}

static struct export_entry *find(struct transfer_hub *hub, const struct mu_uuid *vdi,
				 enum image_format format)
{
	char tag[STORAGE_TAG_MAX + 1];

	return storage_tag(hub->storage, vdi, tag) ? find_made(hub, vdi, format, tag) : NULL;
}

static void entry_free(struct transfer_hub *hub, struct export_entry *e)
{
	/* A file of ours on a local disk: as quick as any metadata. */
	if (unlink(e->path) < 0 && errno != ENOENT)
		mu_log_warning("an image that was made for a download stays path=%s err=\"%s\"",
			       e->path, strerror(errno));
	mu_list_remove(&e->link);
	hub->n_exports--;
	free(e->path);
	free(e);
}

/* Room for another: the one that has been unused longest goes. */
static bool make_place(struct transfer_hub *hub)
{
	struct export_entry *oldest = NULL;

	if (hub->n_exports < TRANSFER_EXPORTS_MAX)
		return true;
	mu_list_each(it, &hub->exports)
	{
		struct export_entry *e = MU_CONTAINER_OF(it, struct export_entry, link);

		if (e->ready && e->n_users == 0 &&
		    (!oldest || e->unused_since < oldest->unused_since))
			oldest = e;
	}
	if (oldest)
		entry_free(hub, oldest);
	return oldest != NULL;
}

void exports_sweep(struct transfer_hub *hub)
{
	mu_list_each(it, &hub->exports)
	{
		struct export_entry *e = MU_CONTAINER_OF(it, struct export_entry, link);

		if (e->ready && e->n_users == 0 && mu_loop_now(hub->loop) - e->unused_since >= KEPT)
			entry_free(hub, e);
	}
}

void exports_deinit(struct transfer_hub *hub)
{
	mu_list_each(it, &hub->exports)
	{
		entry_free(hub, MU_CONTAINER_OF(it, struct export_entry, link));
	}
}

/* Giving out */

static int run_give(struct transfer *t, struct mu_error *err)
{
	__attribute__((cleanup(copy_close))) int fd =
	    open(t->path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return mu_error_errno(err, errno, "%s", t->path);
	return stream_give(&t->job.cancel, t->fd, fd, st.st_size, t->tag, err);
}

static void on_given(struct transfer *t)
{
	t->export->n_users--;
	t->export->unused_since = mu_loop_now(t->hub->loop);
}

static void give(struct transfer *t, struct export_entry *e)
{
	e->n_users++;
	t->export = e;
	t->path = e->path;
	(void)mu_uuid_format(&e->id, t->tag);
	t->run = run_give;
	t->over = on_given;
	transfer_start(t);
}

/* Making */

static void on_made(struct transfer *t)
{
	struct export_entry *e = t->export;

	if (t->r < 0 || !t->open) {
		entry_free(t->hub, e);
		return;
	}
	e->ready = true;
	give(t, e);
}

/* As large as the disk, at worst: what is in use of it is not always known, and formats add. */
static int check_room(struct transfer *t, const struct mu_uuid *vdi, struct mu_error *err)
{
	struct model_object o;
	int64_t least;

	if (!storage_find(t->hub->storage, vdi, &o) || o.kind != OBJECT_VDI)
		return mu_error_set(err, MU_E_NOT_FOUND, "this VDI is not on this host any more");
	least = o.vdi.used_bytes >= 0 ? o.vdi.used_bytes : o.vdi.size_bytes;
	if (mu_file_mkdirs(t->hub->dir, 0700, err) < 0)
		return MU_FAILED;
	return upload_check_room(t->hub->dir, least, err);
}

static struct export_entry *entry_new(struct transfer *t, const struct mu_uuid *object,
				      enum image_format format)
{
	struct transfer_hub *hub = t->hub;
	struct export_entry *e = mu_xcalloc(1, sizeof *e);
	char text[MU_UUID_TEXT];

	e->id = mu_random_uuid();
	e->object = *object;
	e->format = format;
	e->path = mu_xasprintf("%s/%s.export", hub->dir, mu_uuid_format(&e->id, text));
	mu_list_push_back(&hub->exports, &e->link);
	hub->n_exports++;
	t->export = e;
	t->over = on_made;
	return e;
}

static void make(struct transfer *t, const struct mu_uuid *vdi, enum image_format format)
{
	struct export_entry *e = entry_new(t, vdi, format);

	(void)storage_tag(t->hub->storage, vdi, e->tag);
	t->op = (struct storage_op){
	    .kind = STORAGE_VDI_EXPORT, .object = *vdi, .path = e->path, .format = format};
	transfer_start_op(t);
}

static int check_place(struct transfer *t, struct mu_error *err)
{
	if (make_place(t->hub))
		return 0;
	return mu_error_set(err, MU_E_EXHAUSTED,
			    "%d images are being downloaded from this host, the most; "
			    "hint: try again when one has ended, or download raw",
			    TRANSFER_EXPORTS_MAX);
}

static int check_ready(const struct export_entry *e, struct mu_error *err)
{
	if (!e || e->ready)
		return 0;
	return mu_error_set(err, MU_E_UNAVAILABLE,
			    "this image is being made for somebody else; hint: try again "
			    "in a while");
}

static int check_download(struct transfer *t, const struct transfer_request *rq,
			  const struct mu_value *args, enum image_format *ret_format,
			  struct mu_error *err)
{
	const struct export_entry *e;

	if (transfer_format(args, ret_format, err) < 0)
		return MU_FAILED;
	if (*ret_format == IMAGE_OVA)
		return mu_error_set(err, MU_E_UNSUPPORTED,
				    "a single disk is not written as ova; hint: .vmdk");
	e = find(t->hub, &rq->object, *ret_format);
	if (check_ready(e, err) < 0)
		return MU_FAILED;
	if (e || *ret_format == IMAGE_RAW)
		return 0;
	if (check_place(t, err) < 0)
		return MU_FAILED;
	return check_room(t, &rq->object, err);
}

void exports_download(struct transfer *t, const struct transfer_request *rq,
		      const struct mu_value *args)
{
	struct mu_error err = MU_ERROR_INIT;
	struct export_entry *e;
	enum image_format format;

	if (check_download(t, rq, args, &format, &err) < 0) {
		transfer_fail(t, &err);
		return;
	}
	e = format == IMAGE_RAW ? NULL : find(t->hub, &rq->object, format);
	if (e) {
		give(t, e);
	} else if (format != IMAGE_RAW) {
		make(t, &rq->object, format);
	} else {
		t->op = (struct storage_op){
		    .kind = STORAGE_VDI_GIVE, .object = rq->object, .use_fd = true, .fd = t->fd};
		transfer_start_op(t);
	}
}

/* VMs */

static bool is_true(const struct mu_value *args, const char *name)
{
	const struct mu_value *v = mu_value_get(args, name);

	return v && v->kind == MU_VALUE_BOOL && v->boolean;
}

/* What there is of it already, and may be given out once more; NULL: nothing. */
static int look_for_vm(struct transfer *t, const struct transfer_request *rq,
		       const struct mu_value *args, char tag[static STORAGE_TAG_MAX + 1],
		       struct export_entry **ret, struct mu_error *err)
{
	struct transfer_hub *hub = t->hub;
	int64_t bytes;

	if (hub->vms.look(hub->vms.ctx, &rq->object, tag, &bytes, err) < 0)
		return MU_FAILED;
	*ret = NULL;
	if (*tag)
		*ret = find_made(hub, &rq->object, IMAGE_OVA, tag);
	else if (is_true(args, "again"))
		*ret = find_made(hub, &rq->object, IMAGE_OVA, NULL);
	if (check_ready(*ret, err) < 0)
		return MU_FAILED;
	if (*ret)
		return 0;
	if (check_place(t, err) < 0 || mu_file_mkdirs(hub->dir, 0700, err) < 0)
		return MU_FAILED;
	return upload_check_room(hub->dir, bytes, err);
}

void exports_download_vm(struct transfer *t, const struct transfer_request *rq,
			 const struct mu_value *args)
{
	struct mu_error err = MU_ERROR_INIT;
	char tag[STORAGE_TAG_MAX + 1];
	struct export_entry *e;

	if (look_for_vm(t, rq, args, tag, &e, &err) < 0) {
		transfer_fail(t, &err);
	} else if (e) {
		give(t, e);
	} else {
		e = entry_new(t, &rq->object, IMAGE_OVA);
		memcpy(e->tag, tag, sizeof tag);
		t->vm = (struct transfer_vm){.vm = rq->object, .path = e->path, .user = rq->user};
		transfer_start_vm(t);
	}
}
