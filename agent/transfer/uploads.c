/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Uploads of this host. One conversation at a time writes an upload or removes it; another that
 * wants to is kept waiting while the first is told to stop, as the first is most often a connection
 * that its client knows to be broken, and we do not yet. A third is refused.
 *
 * An upload ends when it was removed, when it has become a disk, or when nothing has come for its
 * lifetime.
 */
#include "agent/transfer/transfer_priv.h"

#include "agent/storage/stream.h"
#include "common/base/assert.h"
#include "common/log/log.h"
#include "common/os/clock.h"
#include "common/os/random.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIFETIME_DEFAULT (24 * 3600 * MU_SEC(1))
/* Its client is connected all the time; if even the word that it left is lost. */
#define LIFETIME_ONCE (3600 * MU_SEC(1))
#define LIFETIME_MAX (30 * 24 * 3600 * MU_SEC(1))

static struct upload_entry *find(const struct transfer_hub *hub, const struct mu_uuid *id,
				 struct mu_error *err)
{
	char text[MU_UUID_TEXT];

	mu_list_each(it, &hub->uploads)
	{
		struct upload_entry *e = MU_CONTAINER_OF(it, struct upload_entry, link);

		if (!e->doomed && !e->making && mu_uuid_equal(&e->upload.id, id))
			return e;
	}
	(void)mu_error_set(err, MU_E_NOT_FOUND,
			   "there is no upload %s on this host; hint: it has expired, was removed, "
			   "or has become a disk",
			   mu_uuid_format(id, text));
	return NULL;
}

static struct upload_entry *entry_new(struct transfer_hub *hub, const struct upload *u)
{
	struct upload_entry *e = mu_xcalloc(1, sizeof *e);

	e->upload = *u;
	mu_list_push_back(&hub->uploads, &e->link);
	hub->n_uploads++;
	return e;
}

static void entry_free(struct transfer_hub *hub, struct upload_entry *e)
{
	mu_list_remove(&e->link);
	hub->n_uploads--;
	free(e);
}

static mu_msec expires_at(const struct upload *u)
{
	return u->touched_at + u->lifetime;
}

static struct mu_value *describe(struct mu_arena *a, const struct upload_entry *e)
{
	const struct upload *u = &e->upload;
	struct mu_value *v = mu_value_object(a);
	char text[MU_UUID_TEXT];

	mu_value_set_string(a, v, "id", mu_uuid_format(&u->id, text));
	mu_value_set_string(a, v, "object", mu_uuid_format(&u->object, text));
	mu_value_set_bool(a, v, "replaces", u->replaces);
	mu_value_set_bool(a, v, "held", u->held);
	mu_value_set_string(a, v, "format", image_format_name(u->format));
	mu_value_set_string(a, v, "name_label", u->name);
	mu_value_set_string(a, v, "user", u->user);
	mu_value_set_int(a, v, "size", u->size_bytes);
	mu_value_set_int(a, v, "offset", u->offset);
	mu_value_set_int(a, v, "created", u->created_at);
	mu_value_set_int(a, v, "expires", expires_at(u));
	mu_value_set_bool(a, v, "importing", e->taken);
	return v;
}

static void reply_entry(struct transfer *t, const struct upload_entry *e)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();

	transfer_reply(t, describe(a, e));
}

/* Removing */

static void on_removed(struct transfer *t)
{
	if (t->r < 0)
		mu_log_warning("an upload's files could not be removed path=%s err=\"%s\"",
			       t->upload.path, t->err.text);
	t->entry->writer = NULL;
	entry_free(t->hub, t->entry);
}

static int run_remove(struct transfer *t, struct mu_error *err)
{
	const struct upload_place p = transfer_place(t->hub);

	if (upload_remove(&p, &t->upload, err) < 0)
		return MU_FAILED;
	return t->fd < 0 ? 0 : transfer_run_reply(t, err);
}

static void begin_remove(struct transfer *t, struct upload_entry *e)
{
	e->doomed = true;
	e->writer = t;
	t->entry = e;
	t->upload = e->upload;
	t->run = run_remove;
	t->over = on_removed;
	transfer_start(t);
}

/* By ourselves. */
static void doom(struct transfer_hub *hub, struct upload_entry *e)
{
	e->doomed = true;
	if (!e->writer && !e->taken && !hub->stopping)
		begin_remove(transfer_new(hub), e);
}

void uploads_sweep(struct transfer_hub *hub)
{
	mu_msec now = mu_clock_wall();

	mu_list_each(it, &hub->uploads)
	{
		struct upload_entry *e = MU_CONTAINER_OF(it, struct upload_entry, link);
		char text[MU_UUID_TEXT];

		if (e->writer || e->taken || (!e->doomed && now < expires_at(&e->upload)))
			continue;
		mu_log_info("upload expired id=%s", mu_uuid_format(&e->upload.id, text));
		doom(hub, e);
	}
}

/* Who writes or removes it now; the one that waits follows. */

static void begin_next(struct upload_entry *e,
		       void (*begin)(struct transfer *, struct upload_entry *))
{
	struct transfer *next = e->next;

	e->writer = NULL;
	e->next = NULL;
	if (next)
		begin(next, e);
}

/* 0: it is yours now. WAITS: when the one before has ended. */
enum { WAITS = 1 };

static int claim(struct transfer *t, struct upload_entry *e, struct mu_error *err)
{
	if (e->taken)
		return mu_error_set(err, MU_E_STATE,
				    "the upload is being made a disk; hint: see its task");
	if (!e->writer)
		return 0;
	if (e->next)
		return mu_error_set(err, MU_E_UNAVAILABLE,
				    "the upload is in use by another connection; hint: try again");
	mu_job_cancel(&e->writer->job);
	e->next = t;
	t->running = true; /* the end of the pipe finds it so, and it is told in its turn */
	return WAITS;
}

/* Creating */

static void on_created(struct transfer *t)
{
	struct upload_entry *e = t->entry;

	e->making = false;
	e->writer = NULL;
	if (t->r < 0) {
		entry_free(t->hub, e);
		return;
	}
	e->upload = t->upload;
}

static int run_create(struct transfer *t, struct mu_error *err)
{
	const struct upload_place p = transfer_place(t->hub);
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct upload_entry shown = {0};

	if (upload_create(&p, &t->upload, t->taken_bytes, err) < 0)
		return MU_FAILED;
	shown.upload = t->upload;
	transfer_reply(t, describe(a, &shown));
	if (transfer_run_reply(t, err) == 0)
		return 0;
	/* Nobody knows its id. */
	(void)upload_remove(&p, &t->upload, NULL);
	return MU_FAILED;
}

/* What others may still bring. */
static int64_t promised(const struct transfer_hub *hub)
{
	int64_t sum = 0;

	mu_list_each(it, &hub->uploads)
	{
		const struct upload *u = &MU_CONTAINER_OF(it, struct upload_entry, link)->upload;

		sum += u->size_bytes - u->offset;
	}
	return sum;
}

/* May such an upload be, as far as is known before its first byte? */
static int check_create(const struct transfer *t, const struct transfer_request *rq,
			struct mu_error *err)
{
	struct storage *s = t->hub->storage;
	/* What is not raw says itself how large its disk is, when all of it is here. */
	int64_t least = t->upload.format == IMAGE_RAW ? t->upload.size_bytes : 1;

	if (t->hub->n_uploads >= TRANSFER_UPLOADS_MAX)
		return mu_error_set(err, MU_E_EXHAUSTED,
				    "%d uploads are on this host, the most; hint: finish or remove "
				    "some",
				    TRANSFER_UPLOADS_MAX);
	if (t->upload.replaces)
		return storage_check_overwrite(s, &rq->object, least, err);
	return storage_check_new(s, &rq->object, least, err);
}

static bool is_true(const struct mu_value *args, const char *name)
{
	const struct mu_value *v = mu_value_get(args, name);

	return v && v->kind == MU_VALUE_BOOL && v->boolean;
}

static int read_create(struct transfer *t, const struct transfer_request *rq,
		       const struct mu_value *args, struct mu_error *err)
{
	const char *name = mu_value_as_string(mu_value_get(args, "name_label"));
	struct upload *u = &t->upload;

	u->id = mu_random_uuid();
	u->object = rq->object;
	u->replaces = is_true(args, "replaces");
	u->once = is_true(args, "once");
	u->held = is_true(args, "held");
	u->lifetime = u->once ? LIFETIME_ONCE : LIFETIME_DEFAULT;
	(void)snprintf(u->name, sizeof u->name, "%s", name ? name : "");
	mu_utf8_sanitize(u->user, sizeof u->user - 1, rq->user, strlen(rq->user));
	if (sr_check_text("name_label", name ? name : "", MODEL_NAME_MAX, err) < 0 ||
	    transfer_format(args, &u->format, err) < 0 ||
	    transfer_number(args, "size", 1, IMAGE_SIZE_MAX, &u->size_bytes, err) < 0 ||
	    (mu_value_get(args, "lifetime") &&
	     transfer_number(args, "lifetime", 1000, LIFETIME_MAX, &u->lifetime, err) < 0))
		return MU_FAILED;
	return check_create(t, rq, err);
}

void uploads_create(struct transfer *t, const struct transfer_request *rq,
		    const struct mu_value *args)
{
	struct mu_error err = MU_ERROR_INIT;

	if (read_create(t, rq, args, &err) < 0) {
		transfer_fail(t, &err);
		return;
	}
	t->taken_bytes = promised(t->hub);
	t->entry = entry_new(t->hub, &t->upload);
	t->entry->making = true;
	t->entry->writer = t;
	t->run = run_create;
	t->over = on_created;
	transfer_start(t);
}

/* Looking */

void uploads_list(struct transfer *t, const struct transfer_request *rq,
		  const struct mu_value *args)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct mu_value *list = mu_value_list(a);

	(void)rq, (void)args;
	mu_list_each(it, &t->hub->uploads)
	{
		const struct upload_entry *e = MU_CONTAINER_OF(it, struct upload_entry, link);

		if (!e->doomed && !e->making)
			(void)mu_value_push(list, describe(a, e));
	}
	transfer_reply(t, list);
	t->run = transfer_run_reply;
	transfer_start(t);
}

void uploads_status(struct transfer *t, const struct transfer_request *rq,
		    const struct mu_value *args)
{
	struct mu_error err = MU_ERROR_INIT;
	const struct upload_entry *e = find(t->hub, &rq->object, &err);

	(void)args;
	if (!e) {
		transfer_fail(t, &err);
		return;
	}
	reply_entry(t, e);
	t->run = transfer_run_reply;
	transfer_start(t);
}

/* Writing */

static void begin_waiting(struct transfer *t, struct upload_entry *e);

static void on_written(struct transfer *t)
{
	struct upload_entry *e = t->entry;

	e->upload.offset = t->upload.offset;
	e->upload.touched_at = t->upload.touched_at;
	t->entry = NULL;
	begin_next(e, begin_waiting);
	if (e->doomed && !e->writer)
		doom(t->hub, e);
}

static int run_write(struct transfer *t, struct mu_error *err)
{
	const struct upload_place p = transfer_place(t->hub);
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	const struct copy_watch w = transfer_watch(t);
	struct upload_entry shown = {0};

	if (upload_write(&p, &t->upload, t->fd, t->length, &w, err) < 0)
		return MU_FAILED;
	shown.upload = t->upload;
	transfer_reply(t, describe(a, &shown));
	return transfer_run_reply(t, err);
}

static int check_offset(const struct transfer *t, const struct upload *u, struct mu_error *err)
{
	if (t->upload.offset != u->offset)
		return mu_error_set(err, MU_E_STATE,
				    "the upload stands at %" PRId64 ", not at %" PRId64
				    "; hint: ask where it stands (HEAD) and go on there",
				    u->offset, t->upload.offset);
	if (t->length > u->size_bytes - u->offset)
		return mu_error_set(err, MU_E_TOO_LARGE,
				    "%" PRId64 " bytes at %" PRId64
				    " are more than the upload has (%" PRId64 ")",
				    t->length, u->offset, u->size_bytes);
	return 0;
}

static void begin_write(struct transfer *t, struct upload_entry *e)
{
	struct mu_error err = MU_ERROR_INIT;

	if (check_offset(t, &e->upload, &err) < 0) {
		transfer_fail(t, &err);
		return;
	}
	t->upload = e->upload;
	t->upload.touched_at = mu_clock_wall();
	t->entry = e;
	e->writer = t;
	t->over = on_written;
	transfer_start(t);
}

/* The one that waited: it has its turn, unless nobody is there any more. */
static void begin_waiting(struct transfer *t, struct upload_entry *e)
{
	struct mu_error err = MU_ERROR_INIT;

	if (t->cancelled || !t->open || t->hub->stopping) {
		(void)mu_error_set(&err, MU_E_CANCELLED, "cancelled");
		transfer_fail(t, &err);
	} else if (t->run == run_remove) {
		begin_remove(t, e);
	} else {
		begin_write(t, e);
	}
}

void uploads_write(struct transfer *t, const struct transfer_request *rq,
		   const struct mu_value *args)
{
	struct mu_error err = MU_ERROR_INIT;
	struct upload_entry *e = find(t->hub, &rq->object, &err);
	int r = MU_FAILED;

	if (e && transfer_number(args, "offset", 0, IMAGE_SIZE_MAX, &t->upload.offset, &err) == 0 &&
	    transfer_number(args, "length", 0, IMAGE_SIZE_MAX, &t->length, &err) == 0)
		r = claim(t, e, &err);
	t->run = run_write;
	if (r < 0)
		transfer_fail(t, &err);
	else if (r == 0)
		begin_write(t, e);
}

void uploads_remove(struct transfer *t, const struct transfer_request *rq,
		    const struct mu_value *args)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct mu_error err = MU_ERROR_INIT;
	struct upload_entry *e = find(t->hub, &rq->object, &err);
	int r = e ? claim(t, e, &err) : MU_FAILED;

	(void)args;
	transfer_reply(t, mu_value_object(a));
	t->run = run_remove;
	if (r < 0)
		transfer_fail(t, &err);
	else if (r == 0)
		begin_remove(t, e);
}

/* Reading, by the storage */

int transfer_upload_take(struct transfer_hub *hub, const struct mu_uuid *id, const char **ret_path,
			 enum image_format *ret_format, struct mu_error *err)
{
	struct upload_entry *e = find(hub, id, err);

	if (!e)
		return MU_FAILED;
	if (e->writer || e->taken)
		return mu_error_set(err, MU_E_STATE, "the upload is in use");
	if (e->upload.offset < e->upload.size_bytes)
		return mu_error_set(err, MU_E_STATE,
				    "the upload has %" PRId64 " of its %" PRId64 " bytes",
				    e->upload.offset, e->upload.size_bytes);
	e->taken = true;
	*ret_path = e->upload.path;
	*ret_format = e->upload.format;
	return 0;
}

void transfer_upload_done(struct transfer_hub *hub, const struct mu_uuid *id, bool keep)
{
	mu_list_each(it, &hub->uploads)
	{
		struct upload_entry *e = MU_CONTAINER_OF(it, struct upload_entry, link);

		if (!mu_uuid_equal(&e->upload.id, id) || e->making || e->doomed)
			continue;
		e->taken = false;
		if (!keep || e->upload.once)
			doom(hub, e);
	}
}

/* Life */

static void on_loaded(const struct upload *u, void *ctx)
{
	(void)entry_new(ctx, u);
}

int uploads_init(struct transfer_hub *hub, struct mu_error *err)
{
	const struct upload_place p = transfer_place(hub);

	return uploads_load(&p, on_loaded, hub, err);
}

void uploads_deinit(struct transfer_hub *hub)
{
	mu_list_each(it, &hub->uploads)
	{
		entry_free(hub, MU_CONTAINER_OF(it, struct upload_entry, link));
	}
}
