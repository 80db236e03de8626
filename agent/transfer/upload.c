/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/transfer/upload.h"

#include "agent/storage/copy.h"
#include "agent/storage/sr.h"
#include "agent/storage/stream.h"
#include "common/json/json.h"
#include "common/log/log.h"
#include "common/os/clock.h"
#include "common/os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
	VERSION = 1,
	TEXT_MAX = 16384,
	CHUNK = 1 << 20,
	SYNC_EVERY = 64 << 20, /* what a power failure can cost */
	/* Of the file system, for others: a dom0 whose root is full is in trouble. */
	RESERVE_BYTES = 512 << 20,
};

#define SUFFIX ".upload"

static char *record_path(const struct upload_place *p, const struct upload *u)
{
	char text[MU_UUID_TEXT];

	return mu_xasprintf("%s/uploads/%s.json", p->state_dir, mu_uuid_format(&u->id, text));
}

static void encode(const struct upload *u, const char *boot_id, struct mu_str *out)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct mu_value *o = mu_value_object(a);
	char id[MU_UUID_TEXT];

	mu_value_set_int(a, o, "version", VERSION);
	mu_value_set_string(a, o, "uuid", mu_uuid_format(&u->id, id));
	mu_value_set_string(a, o, "object", mu_uuid_format(&u->object, id));
	mu_value_set_bool(a, o, "replaces", u->replaces);
	mu_value_set_bool(a, o, "once", u->once);
	mu_value_set_bool(a, o, "held", u->held);
	mu_value_set_string(a, o, "format", image_format_name(u->format));
	mu_value_set_string(a, o, "name_label", u->name);
	mu_value_set_string(a, o, "user", u->user);
	mu_value_set_string(a, o, "path", u->path);
	mu_value_set_int(a, o, "size", u->size_bytes);
	mu_value_set_int(a, o, "offset", u->offset);
	mu_value_set_string(a, o, "boot", boot_id);
	mu_value_set_int(a, o, "created", u->created_at);
	mu_value_set_int(a, o, "touched", u->touched_at);
	mu_value_set_int(a, o, "lifetime", u->lifetime);
	mu_json_write(out, o, true);
}

static int get_number(const struct mu_value *o, const char *name, int64_t max, int64_t *ret,
		      struct mu_error *err)
{
	const struct mu_value *v = mu_value_get(o, name);

	if (!v || v->kind != MU_VALUE_INT || v->integer < 0 || v->integer > max)
		return mu_error_set(err, MU_E_INVALID, "%s: not a number from 0 to %" PRId64, name,
				    max);
	*ret = v->integer;
	return 0;
}

static int get_text(const struct mu_value *o, const char *name, char *ret, size_t max,
		    struct mu_error *err)
{
	const char *text = mu_value_as_string(mu_value_get(o, name));

	if (!text)
		return mu_error_set(err, MU_E_INVALID, "%s: not a string", name);
	if (sr_check_text(name, text, max, err) < 0)
		return MU_FAILED;
	(void)snprintf(ret, max + 1, "%s", text);
	return 0;
}

static int get_id(const struct mu_value *o, const char *name, struct mu_uuid *ret,
		  struct mu_error *err)
{
	const char *text = mu_value_as_string(mu_value_get(o, name));

	if (!text || !mu_uuid_parse(text, ret))
		return mu_error_set(err, MU_E_INVALID, "%s: not a UUID", name);
	return 0;
}

static int get_bool(const struct mu_value *o, const char *name, bool *ret, struct mu_error *err)
{
	const struct mu_value *v = mu_value_get(o, name);

	if (!v || v->kind != MU_VALUE_BOOL)
		return mu_error_set(err, MU_E_INVALID, "%s: not true or false", name);
	*ret = v->boolean;
	return 0;
}

static int decode(struct mu_arena *a, const char *text, size_t len, struct upload *ret,
		  const char **ret_boot_id, struct mu_error *err)
{
	const char *format;
	struct upload u = {0};
	struct mu_value *o;
	int64_t version;

	if (mu_json_read(a, text, len, &o, err) < 0 ||
	    get_number(o, "version", INT64_MAX, &version, err) < 0)
		return MU_FAILED;
	if (version != VERSION)
		return mu_error_set(err, MU_E_UNSUPPORTED, "version: not %d", VERSION);
	format = mu_value_as_string(mu_value_get(o, "format"));
	if (!format || !image_format_parse(format, &u.format))
		return mu_error_set(err, MU_E_INVALID, "format: not known");
	if (get_bool(o, "replaces", &u.replaces, err) < 0 ||
	    get_bool(o, "once", &u.once, err) < 0 ||
	    /* written by later versions only */
	    (mu_value_get(o, "held") && get_bool(o, "held", &u.held, err) < 0) ||
	    get_id(o, "uuid", &u.id, err) < 0 || get_id(o, "object", &u.object, err) < 0 ||
	    get_text(o, "name_label", u.name, MODEL_NAME_MAX, err) < 0 ||
	    get_text(o, "user", u.user, MODEL_NAME_MAX, err) < 0 ||
	    get_text(o, "path", u.path, UPLOAD_PATH_MAX, err) < 0 ||
	    get_number(o, "size", IMAGE_SIZE_MAX, &u.size_bytes, err) < 0 ||
	    get_number(o, "offset", u.size_bytes, &u.offset, err) < 0 ||
	    get_number(o, "created", INT64_MAX, &u.created_at, err) < 0 ||
	    get_number(o, "touched", INT64_MAX, &u.touched_at, err) < 0 ||
	    get_number(o, "lifetime", INT64_MAX / 2, &u.lifetime, err) < 0)
		return MU_FAILED;
	*ret_boot_id = mu_value_as_string(mu_value_get(o, "boot"));
	if (!*ret_boot_id)
		return mu_error_set(err, MU_E_INVALID, "boot: not a string");
	*ret = u;
	return 0;
}

static int write_record(const struct upload_place *p, const struct upload *u, struct mu_error *err)
{
	MU_CLEANUP(mu_free) char *path = record_path(p, u);
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;

	encode(u, p->boot_id, &text);
	return mu_file_replace(path, text.data, text.len, 0600, err);
}

/* Creating, removing */

int upload_check_room(const char *dir, int64_t size_bytes, struct mu_error *err)
{
	struct statvfs st;
	int64_t room;

	if (statvfs(dir, &st) < 0)
		return mu_error_errno(err, errno, "%s", dir);
	room = (int64_t)(st.f_bavail * st.f_frsize) - RESERVE_BYTES;
	if (size_bytes <= room)
		return 0;
	return mu_error_set(err, MU_E_EXHAUSTED,
			    "%s has room for %" PRId64 " MiB more, %" PRId64
			    " are needed; hint: make room, or give the agent another "
			    "--transfer-dir",
			    dir, room > 0 ? room >> 20 : 0, (size_bytes >> 20) + 1);
}

int upload_create(const struct upload_place *p, struct upload *u, int64_t taken,
		  struct mu_error *err)
{
	MU_CLEANUP(mu_free) char *records = mu_xasprintf("%s/uploads", p->state_dir);
	__attribute__((cleanup(copy_close))) int fd = -1;
	char text[MU_UUID_TEXT];

	(void)snprintf(u->path, sizeof u->path, "%s/%s" SUFFIX, p->dir,
		       mu_uuid_format(&u->id, text));
	u->created_at = u->touched_at = mu_clock_wall();
	if (mu_file_mkdirs(p->dir, 0700, err) < 0 || mu_file_mkdirs(records, 0700, err) < 0 ||
	    upload_check_room(p->dir, u->size_bytes + taken, err) < 0)
		return MU_FAILED;
	fd = open(u->path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return mu_error_errno(err, errno, "%s", u->path);
	if (write_record(p, u, err) == 0)
		return 0;
	(void)unlink(u->path);
	return MU_FAILED;
}

int upload_remove(const struct upload_place *p, const struct upload *u, struct mu_error *err)
{
	MU_CLEANUP(mu_free) char *path = record_path(p, u);

	/* In this order: bytes without a record are swept, a record without bytes begins at 0. */
	if (mu_file_remove(path, err) < 0)
		return MU_FAILED;
	if (unlink(u->path) < 0 && errno != ENOENT)
		return mu_error_errno(err, errno, "%s", u->path);
	return 0;
}

/* Writing */

/* Bytes, then the record that speaks of them. */
static int settle(const struct upload_place *p, struct upload *u, int fd, struct mu_error *err)
{
	if (fdatasync(fd) < 0)
		return mu_error_errno(err, errno, "fdatasync");
	u->touched_at = mu_clock_wall();
	return write_record(p, u, err);
}

/* As much as is there, up to a chunk: a write for each piece of a socket would be slow. */
static int fill(int sock, char *buf, const struct copy_watch *w, size_t *ret_len,
		struct mu_error *err)
{
	size_t len = 0, n = 1;

	while (len < CHUNK && n > 0) {
		if (stream_read(w->cancel, sock, buf + len, CHUNK - len, &n, err) < 0) {
			*ret_len = len;
			return MU_FAILED;
		}
		len += n;
	}
	*ret_len = len;
	return 0;
}

static int take(const struct upload_place *p, struct upload *u, int fd, int sock, int64_t length,
		const struct copy_watch *w, struct mu_error *err)
{
	MU_CLEANUP(mu_free) char *buf = mu_xmalloc(CHUNK);
	int64_t end = u->offset + length, settled = u->offset;
	int last = 0;
	size_t len;
	int r;

	for (;;) {
		r = fill(sock, buf, w, &len, err);
		if ((int64_t)len > end - u->offset)
			return mu_error_set(
			    err, MU_E_TOO_LARGE,
			    "more came than the %" PRId64 " bytes that were announced", length);
		/* Also what came before somebody gave up: it need not come again. */
		if (mu_file_write_at(fd, buf, len, u->offset, r == 0 ? err : NULL) < 0)
			return MU_FAILED;
		u->offset += (int64_t)len;
		if (r < 0)
			return r;
		if (len == 0)
			return settle(p, u, fd, err);
		if (u->offset - settled >= SYNC_EVERY) {
			if (settle(p, u, fd, err) < 0)
				return MU_FAILED;
			settled = u->offset;
		}
		if (copy_step(w, u->offset, u->size_bytes, &last, err) < 0)
			return MU_FAILED;
	}
}

int upload_write(const struct upload_place *p, struct upload *u, int sock, int64_t length,
		 const struct copy_watch *w, struct mu_error *err)
{
	__attribute__((cleanup(copy_close))) int fd =
	    open(u->path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return mu_error_errno(err, errno, "%s", u->path);
	/* What a power failure may have left behind the offset. */
	if (ftruncate(fd, u->offset) < 0)
		return mu_error_errno(err, errno, "%s", u->path);
	if (take(p, u, fd, sock, length, w, err) < 0)
		return mu_error_prefix(err, "upload");
	return 0;
}

/* Loading */

struct loading {
	const struct upload_place *place;
	void (*each)(const struct upload *u, void *ctx);
	void *ctx;
	struct mu_uuid *known; /* heap */
	size_t n_known;
};

/* How much of it is here? */
static void find_offset(struct upload *u, bool same_boot)
{
	struct stat st;
	int64_t here = lstat(u->path, &st) == 0 && S_ISREG(st.st_mode) ? st.st_size : 0;

	if (same_boot)
		u->offset = here;
	else if (here < u->offset)
		u->offset = here;
	if (u->offset > u->size_bytes)
		u->offset = u->size_bytes;
}

static int read_record(const char *path, struct mu_arena *a, struct upload *u,
		       const char **ret_boot_id, struct mu_error *err)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;

	if (mu_file_read(path, TEXT_MAX, &text, err) < 0)
		return MU_FAILED;
	return decode(a, text.data ? text.data : "", text.len, u, ret_boot_id, err);
}

static int load_one(const char *path, const char *name, void *ctx, struct mu_error *err)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	MU_CLEANUP(mu_free) char *aside = NULL;
	struct mu_error why = MU_ERROR_INIT;
	struct loading *l = ctx;
	const char *boot_id;
	struct upload u;

	(void)name;
	if (read_record(path, a, &u, &boot_id, &why) < 0) {
		mu_log_warning("upload's record damaged, set aside file=%s err=\"%s\"", path,
			       why.text);
		return mu_file_set_aside(path, &aside, err);
	}
	find_offset(&u, strcmp(boot_id, l->place->boot_id) == 0);
	l->known = mu_xrealloc(l->known, l->n_known + 1, sizeof *l->known);
	l->known[l->n_known++] = u.id;
	l->each(&u, l->ctx);
	return 0;
}

/* Bytes of an upload that is no more, or that never was; half an export. */
static int sweep_one(const char *path, const char *name, void *ctx, struct mu_error *err)
{
	const struct loading *l = ctx;
	char text[MU_UUID_TEXT] = "";
	struct mu_uuid id;

	(void)err;
	(void)snprintf(text, sizeof text, "%s", name);
	if (!mu_uuid_parse(text, &id))
		return 0; /* not ours */
	for (size_t i = 0; i < l->n_known; i++) {
		if (mu_uuid_equal(&l->known[i], &id))
			return 0;
	}
	mu_log_info("remains of a transfer swept file=%s", path);
	(void)unlink(path);
	return 0;
}

static int list(const char *dir, const char *suffix,
		int (*each)(const char *path, const char *name, void *ctx, struct mu_error *err),
		struct loading *l, struct mu_error *err)
{
	struct mu_error why = MU_ERROR_INIT;

	if (mu_file_list(dir, suffix, each, l, &why) == 0 || why.code == MU_E_NOT_FOUND)
		return 0;
	*err = why;
	return MU_FAILED;
}

int uploads_load(const struct upload_place *p, void (*each)(const struct upload *u, void *ctx),
		 void *ctx, struct mu_error *err)
{
	MU_CLEANUP(mu_free) char *records = mu_xasprintf("%s/uploads", p->state_dir);
	struct loading l = {.place = p, .each = each, .ctx = ctx};
	int r = mu_file_sweep(records, ".json", err);

	if (r == 0)
		r = list(records, ".json", load_one, &l, err);
	if (r == 0)
		r = list(p->dir, SUFFIX, sweep_one, &l, err);
	if (r == 0)
		r = list(p->dir, ".export", sweep_one, &l, err);
	free(l.known);
	return r;
}
