/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shape of all that makes a disk:
 *
 *   intent "remove it" -> made as partial (nobody is shown it) -> filled -> made whole -> intent
 * gone
 *
 * Until the intent is gone, a crash or a failure removes it. The caller is told of success after
 * that, so a disk that somebody was told of stays.
 */
#include "agent/storage/disk.h"

#include "agent/storage/stream.h"

#include "common/base/assert.h"
#include "common/log/log.h"
#include "common/os/clock.h"
#include "common/os/random.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct mu_uuid *id_of(struct sr *sr)
{
	return &sr_config_of(sr)->id;
}

/* Whole operations in which one new disk is made. */
struct making {
	const struct disk_env *env;
	struct sr *sr;
	struct sr_vdi *vdi;
	struct intent intent;
};

static int making_begin(struct making *m, const char *why, struct mu_error *err)
{
	intent_init(&m->intent, why);
	intent_add(&m->intent, id_of(m->sr), &m->vdi->id);
	return intent_begin(m->env->state_dir, &m->intent, err);
}

/* The disk goes, then the intent; what cannot be removed now keeps its intent for the next start.
 */
static void undo(const struct disk_env *e, struct sr *sr, const struct mu_uuid *id,
		 const struct intent *in)
{
	struct mu_error why = MU_ERROR_INIT;

	(void)sr_deactivate(sr, id, NULL);
	if (sr_vdi_remove(sr, id, &why) < 0 || intent_end(e->state_dir, in, &why) < 0)
		mu_log_warning(
		    "remains of an operation are left for the next start what=%s err=\"%s\"",
		    in->why, why.text);
}

/* `r` of what was done between; returns it, or the failure to end. */
static int making_end(struct making *m, int r, struct mu_error *err)
{
	if (r < 0) {
		undo(m->env, m->sr, &m->vdi->id, &m->intent);
		return r;
	}
	return intent_end(m->env->state_dir, &m->intent, err);
}

static int make_whole(struct making *m, struct mu_error *err)
{
	if (mu_cancel_check(m->env->watch.cancel, err) < 0 ||
	    sr_deactivate(m->sr, &m->vdi->id, err) < 0)
		return MU_FAILED;
	m->vdi->partial = false;
	return sr_vdi_set(m->sr, m->vdi, err);
}

/* An id that exists must be refused before the intent names it: the intent would remove it. */
static int must_be_new(struct sr *sr, const struct mu_uuid *id, struct mu_error *err)
{
	struct mu_error why = MU_ERROR_INIT;
	char text[MU_UUID_TEXT];
	struct sr_vdi found;

	if (sr_find(sr, id, &found, &why) == 0)
		return mu_error_set(err, MU_E_EXISTS, "there is a disk %s already",
				    mu_uuid_format(id, text));
	if (why.code == MU_E_NOT_FOUND)
		return 0;
	*err = why;
	return MU_FAILED;
}

int disk_create(const struct disk_env *e, struct sr *sr, struct sr_vdi *vdi, struct mu_error *err)
{
	struct making m = {.env = e, .sr = sr, .vdi = vdi};

	vdi->partial = false;
	if (must_be_new(sr, &vdi->id, err) < 0 || making_begin(&m, "create", err) < 0)
		return MU_FAILED;
	return making_end(&m, sr_vdi_create(sr, vdi, err), err);
}

int disk_delete(const struct disk_env *e, struct sr *sr, const struct mu_uuid *id,
		struct mu_error *err)
{
	struct sr_vdi found;
	struct intent in;

	if (sr_find(sr, id, &found, err) < 0)
		return MU_FAILED;
	intent_init(&in, "delete");
	intent_add(&in, id_of(sr), id);
	if (sr_deactivate(sr, id, err) < 0 || intent_begin(e->state_dir, &in, err) < 0)
		return MU_FAILED;
	if (sr_vdi_remove(sr, id, err) < 0) {
		/* It was refused, so it must not go at the next start either. */
		(void)intent_end(e->state_dir, &in, NULL);
		return MU_FAILED;
	}
	return intent_end(e->state_dir, &in, err);
}

/* Copies */

static int copy_between(const struct copy_watch *w, const struct sr_path *from,
			const struct sr_path *to, int64_t size_bytes, struct mu_error *err)
{
	__attribute__((cleanup(copy_close))) int from_fd = open(from->path, O_RDONLY | O_CLOEXEC);
	__attribute__((cleanup(copy_close))) int to_fd = open(to->path, O_WRONLY | O_CLOEXEC);

	if (from_fd < 0)
		return mu_error_errno(err, errno, "%s", from->path);
	if (to_fd < 0)
		return mu_error_errno(err, errno, "%s", to->path);
	return copy_raw(w, from_fd, to_fd, size_bytes, to->zero, err);
}

/* A new disk, partial and active. */
static int make_partial(struct making *m, struct sr_path *ret_path, struct mu_error *err)
{
	struct sr_vdi writable = *m->vdi;

	writable.partial = true;
	writable.readonly = false;
	if (sr_vdi_create(m->sr, &writable, err) < 0)
		return MU_FAILED;
	m->vdi->size_bytes = writable.size_bytes;
	return sr_activate(m->sr, &writable, false, ret_path, err);
}

static int fill_by_copy(struct making *m, struct sr *from, const struct sr_vdi *source,
			struct mu_error *err)
{
	struct sr_path from_path, to_path;

	m->vdi->size_bytes = source->size_bytes;
	if (make_partial(m, &to_path, err) < 0 ||
	    sr_activate(from, source, true, &from_path, err) < 0 ||
	    copy_between(&m->env->watch, &from_path, &to_path, source->size_bytes, err) < 0)
		return MU_FAILED;
	return 0;
}

int disk_copy(const struct disk_env *e, struct sr *from, const struct sr_vdi *source, struct sr *to,
	      struct sr_vdi *vdi, struct mu_error *err)
{
	struct making m = {.env = e, .sr = to, .vdi = vdi};
	int r;

	if (must_be_new(to, &vdi->id, err) < 0 || making_begin(&m, "copy", err) < 0)
		return MU_FAILED;
	r = fill_by_copy(&m, from, source, err);
	if (r == 0)
		r = make_whole(&m, err);
	return making_end(&m, r, err);
}

static int share_blocks(struct sr *sr, const struct sr_vdi *source, struct sr_vdi *vdi,
			struct mu_error *err)
{
	struct sr_clone c = {.sr = sr, .source = *source};

	vdi->partial = true;
	vdi->size_bytes = source->size_bytes;
	vdi->parent = source->id;
	c.vdi = *vdi;
	if (sr_clone_prepare(&c, err) < 0)
		return MU_FAILED;
	return sr_clones_take((struct sr_clone *const[]){&c}, 1, err);
}

int disk_clone(const struct disk_env *e, struct sr *sr, const struct sr_vdi *source,
	       struct sr_vdi *vdi, struct mu_error *err)
{
	struct making m = {.env = e, .sr = sr, .vdi = vdi};
	int r;

	if (!sr_caps_of(sr).instant_clone)
		return disk_copy(e, sr, source, sr, vdi, err);
	if (must_be_new(sr, &vdi->id, err) < 0 || making_begin(&m, "clone", err) < 0)
		return MU_FAILED;
	r = share_blocks(sr, source, vdi, err);
	if (r == 0)
		r = make_whole(&m, err);
	return making_end(&m, r, err);
}

/* The snapshot itself stays: a clone of it, never shown, takes the disk's place. */
int disk_revert(const struct disk_env *e, struct sr *sr, const struct sr_vdi *vdi,
		const struct sr_vdi *snapshot, struct mu_error *err)
{
	struct sr_vdi temporary = *vdi, result = *vdi;
	struct making m = {.env = e, .sr = sr, .vdi = &temporary};
	int r;

	temporary.id = mu_random_uuid();
	temporary.partial = true;
	result.parent = snapshot->id;
	result.size_bytes = snapshot->size_bytes;
	if (sr_deactivate(sr, &vdi->id, err) < 0 || making_begin(&m, "revert", err) < 0)
		return MU_FAILED;
	r = sr_caps_of(sr).instant_clone ? share_blocks(sr, snapshot, &temporary, err)
					 : fill_by_copy(&m, sr, snapshot, err);
	if (r == 0)
		r = mu_cancel_check(e->watch.cancel, err);
	if (r == 0 && !sr_caps_of(sr).instant_clone)
		r = sr_deactivate(sr, &temporary.id, err);
	if (r == 0)
		r = sr_vdi_replace(sr, &result, &temporary.id, err);
	return making_end(&m, r, err);
}

/* In and out */

static int fill_from_image(struct making *m, const char *path, const struct image_part *part,
			   enum image_format format, struct mu_error *err)
{
	struct sr_path to;
	struct image image;

	if (image_open(path, part, format, &m->env->watch, &image, err) < 0)
		return MU_FAILED;
	if (m->vdi->size_bytes < image.virtual_size_bytes)
		m->vdi->size_bytes = image.virtual_size_bytes;
	if (make_partial(m, &to, err) < 0)
		return MU_FAILED;
	return image_read_into(&image, &to, &m->env->watch, err);
}

int disk_import(const struct disk_env *e, struct sr *sr, struct sr_vdi *vdi, const char *path,
		const struct image_part *part, enum image_format format, struct mu_error *err)
{
	struct making m = {.env = e, .sr = sr, .vdi = vdi};
	int r;

	if (must_be_new(sr, &vdi->id, err) < 0 || making_begin(&m, "import", err) < 0)
		return MU_FAILED;
	r = fill_from_image(&m, path, part, format, err);
	if (r == 0)
		r = make_whole(&m, err);
	return making_end(&m, r, err);
}

static int fill_from_stream(struct making *m, int fd, struct mu_error *err)
{
	__attribute__((cleanup(copy_close))) int to_fd = -1;
	struct sr_path to;

	if (make_partial(m, &to, err) < 0)
		return MU_FAILED;
	to_fd = open(to.path, O_WRONLY | O_CLOEXEC);
	if (to_fd < 0)
		return mu_error_errno(err, errno, "%s", to.path);
	return copy_stream(&m->env->watch, fd, to_fd, m->vdi->size_bytes, to.zero, err);
}

int disk_receive(const struct disk_env *e, struct sr *sr, struct sr_vdi *vdi, int fd,
		 struct mu_error *err)
{
	struct making m = {.env = e, .sr = sr, .vdi = vdi};
	int r;

	if (must_be_new(sr, &vdi->id, err) < 0 || making_begin(&m, "import", err) < 0)
		return MU_FAILED;
	r = fill_from_stream(&m, fd, err);
	if (r == 0)
		r = make_whole(&m, err);
	return making_end(&m, r, err);
}

int disk_export(const struct disk_env *e, struct sr *sr, const struct sr_vdi *source,
		const char *path, enum image_format format, struct mu_error *err)
{
	struct sr_path from;

	if (sr_activate(sr, source, true, &from, err) < 0)
		return MU_FAILED;
	return image_write(&from, source->size_bytes, path, format, &e->watch, err);
}

/* A file says itself when it was written last, over restarts of ours too; a device does not. */
static int name_content(int fd, const char *tag, char ret[static STREAM_TAG_MAX + 1],
			struct mu_error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return mu_error_errno(err, errno, "stat");
	if (S_ISREG(st.st_mode))
		(void)snprintf(ret, STREAM_TAG_MAX + 1, "%" PRIxMAX "-%" PRIxMAX ".%09ld",
			       (uintmax_t)st.st_ino, (uintmax_t)st.st_mtim.tv_sec,
			       st.st_mtim.tv_nsec);
	else
		(void)snprintf(ret, STREAM_TAG_MAX + 1, "%s", tag);
	return 0;
}

int disk_give(const struct disk_env *e, struct sr *sr, const struct sr_vdi *source, int sock,
	      const char *tag, struct mu_error *err)
{
	__attribute__((cleanup(copy_close))) int fd = -1;
	char name[STREAM_TAG_MAX + 1];
	struct sr_path from;

	if (sr_activate(sr, source, true, &from, err) < 0)
		return MU_FAILED;
	fd = open(from.path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return mu_error_errno(err, errno, "%s", from.path);
	if (name_content(fd, tag, name, err) < 0)
		return MU_FAILED;
	return stream_give(e->watch.cancel, sock, fd, source->size_bytes, name, err);
}

static int fill_over(struct making *m, const char *path, enum image_format format,
		     struct mu_error *err)
{
	static const struct image_part whole;
	int64_t size_bytes = m->vdi->size_bytes;
	struct image image;
	struct sr_path to;

	if (image_open(path, &whole, format, &m->env->watch, &image, err) < 0)
		return MU_FAILED;
	if (image.virtual_size_bytes > size_bytes)
		return mu_error_set(err, MU_E_TOO_LARGE,
				    "the image has %" PRId64 " bytes, the disk %" PRId64
				    "; hint: grow the disk first",
				    image.virtual_size_bytes, size_bytes);
	if (make_partial(m, &to, err) < 0)
		return MU_FAILED;
	return image_read_into(&image, &to, &m->env->watch, err);
}

int disk_overwrite(const struct disk_env *e, struct sr *sr, const struct sr_vdi *vdi,
		   const char *path, enum image_format format, struct mu_error *err)
{
	struct sr_vdi temporary = *vdi, result = *vdi;
	struct making m = {.env = e, .sr = sr, .vdi = &temporary};
	int r;

	temporary.id = mu_random_uuid();
	temporary.partial = true;
	result.parent = (struct mu_uuid){{0}};
	if (sr_deactivate(sr, &vdi->id, err) < 0 || making_begin(&m, "overwrite", err) < 0)
		return MU_FAILED;
	r = fill_over(&m, path, format, err);
	if (r == 0)
		r = mu_cancel_check(e->watch.cancel, err);
	if (r == 0)
		r = sr_deactivate(sr, &temporary.id, err);
	if (r == 0)
		r = sr_vdi_replace(sr, &result, &temporary.id, err);
	return making_end(&m, r, err);
}

/* Snapshots */

static void describe(struct disk_snapshot *s, mu_msec now)
{
	s->clone.vdi.type = s->clone.source.type;
	s->clone.vdi.readonly = true;
	s->clone.vdi.partial = true;
	s->clone.vdi.size_bytes = s->clone.source.size_bytes;
	s->clone.vdi.snapshot_of = s->clone.source.id;
	s->clone.vdi.snapshot_at = now;
	s->clone.vdi.parent = s->clone.source.id;
}

static int prepare_one(const struct disk_env *e, struct disk_snapshot *one, struct mu_error *err)
{
	struct making m = {.env = e, .sr = one->clone.sr, .vdi = &one->clone.vdi};

	if (sr_caps_of(one->clone.sr).instant_clone)
		return sr_clone_prepare(&one->clone, err);
	if (!one->may_copy)
		return mu_error_set(
		    err, MU_E_UNSUPPORTED,
		    "%s cannot take a snapshot of a disk that is in use: it would have to "
		    "copy it; hint: shut the VM down, or move the disk to LVM, XFS or btrfs",
		    sr_caps_of(one->clone.sr).location);
	one->copied = true;
	if (fill_by_copy(&m, one->clone.sr, &one->clone.source, err) < 0)
		return MU_FAILED;
	return sr_deactivate(one->clone.sr, &one->clone.vdi.id, err);
}

int disk_snapshots_prepare(const struct disk_env *e, struct disk_snapshots *s, struct mu_error *err)
{
	mu_msec now = mu_clock_wall();

	mu_assert(s->n > 0 && s->n <= DISK_SNAPSHOTS_MAX);
	intent_init(&s->intent, "snapshot");
	for (size_t i = 0; i < s->n; i++) {
		struct disk_snapshot *one = &s->list[i];

		if (must_be_new(one->clone.sr, &one->clone.vdi.id, err) < 0)
			return MU_FAILED;
		describe(one, now);
		intent_add(&s->intent, id_of(one->clone.sr), &one->clone.vdi.id);
	}
	if (intent_begin(e->state_dir, &s->intent, err) < 0)
		return MU_FAILED;
	for (size_t i = 0; i < s->n; i++) {
		if (prepare_one(e, &s->list[i], err) < 0) {
			(void)mu_error_prefix(err, "%s", s->list[i].clone.source.name);
			(void)disk_snapshots_abort(e, s, NULL);
			return MU_FAILED;
		}
	}
	return 0;
}

int disk_snapshots_take(struct disk_snapshots *s, struct mu_error *err)
{
	struct sr_clone *shared[DISK_SNAPSHOTS_MAX];
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++) {
		if (!s->list[i].copied)
			shared[n++] = &s->list[i].clone;
	}
	return n > 0 ? sr_clones_take(shared, n, err) : 0;
}

int disk_snapshots_finish(const struct disk_env *e, struct disk_snapshots *s, struct mu_error *err)
{
	for (size_t i = 0; i < s->n; i++) {
		s->list[i].clone.vdi.partial = false;
		if (sr_vdi_set(s->list[i].clone.sr, &s->list[i].clone.vdi, err) < 0) {
			(void)mu_error_prefix(err, "%s", s->list[i].clone.source.name);
			(void)disk_snapshots_abort(e, s, NULL);
			return MU_FAILED;
		}
	}
	return intent_end(e->state_dir, &s->intent, err);
}

int disk_snapshots_abort(const struct disk_env *e, struct disk_snapshots *s, struct mu_error *err)
{
	for (size_t i = 0; i < s->n; i++) {
		(void)sr_deactivate(s->list[i].clone.sr, &s->list[i].clone.vdi.id, NULL);
		if (sr_vdi_remove(s->list[i].clone.sr, &s->list[i].clone.vdi.id, err) < 0)
			return mu_error_prefix(err, "%s", s->list[i].clone.source.name);
	}
	return intent_end(e->state_dir, &s->intent, err);
}
