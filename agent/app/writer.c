/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/app/writer.h"

#include "common/base/assert.h"
#include "common/base/list.h"
#include "common/loop/work.h"
#include "common/os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum job_kind { JOB_APPEND, JOB_REWRITE, JOB_REPLACE, JOB_REMOVE, JOB_KEEP, JOB_LINK };

struct job {
	struct mu_link link;
	enum job_kind kind;
	struct mu_str text;
	char *path;
	char *to;
	mode_t mode;
	writer_done done;
	void *arg;
	struct mu_error err; /* result */
};

struct writer {
	struct mu_loop *loop;
	struct mu_work work;
	char *journal_path;
	int fd; /* the journal's; the pool thread's while a batch runs */
	bool busy;
	struct mu_link waiting;
	struct mu_link batch;
	mu_loop_cb drained;
	void *drained_arg;
};

static int open_journal(struct writer *w, struct mu_error *err)
{
	w->fd = open(w->journal_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (w->fd < 0)
		return mu_error_errno(err, errno, "cannot open %s", w->journal_path);
	return 0;
}

static void run_batch(struct mu_work *work);
static void batch_done(struct mu_work *work);

int writer_new(struct mu_loop *loop, const char *journal_path, struct writer **ret_writer,
	       struct mu_error *err)
{
	MU_CLEANUP(writer_free) struct writer *w = mu_xcalloc(1, sizeof *w);

	w->loop = loop;
	w->journal_path = mu_xstrdup(journal_path);
	w->work.run = run_batch;
	w->work.done = batch_done;
	mu_link_init(&w->waiting);
	mu_link_init(&w->batch);
	if (open_journal(w, err) < 0)
		return MU_FAILED;
	*ret_writer = MU_TAKE(w);
	return 0;
}

struct writer *writer_free(struct writer *w)
{
	if (!w)
		return NULL;
	mu_assert(!w->busy && mu_list_empty(&w->waiting));
	if (w->fd >= 0)
		(void)close(w->fd);
	free(w->journal_path);
	free(w);
	return NULL;
}

static void start_batch(struct writer *w)
{
	if (w->busy || mu_list_empty(&w->waiting))
		return;
	mu_list_each(it, &w->waiting)
	{
		mu_list_remove(it);
		mu_list_push_back(&w->batch, it);
	}
	w->busy = true;
	mu_work_start(&w->work, w->loop);
}

static struct job *add(struct writer *w, enum job_kind kind, const char *path, struct mu_str *text,
		       writer_done done, void *arg)
{
	struct job *job = mu_xcalloc(1, sizeof *job);

	job->kind = kind;
	job->path = path ? mu_xstrdup(path) : NULL;
	if (text) {
		job->text = *text;
		*text = (struct mu_str)MU_STR_INIT;
	}
	job->done = done;
	job->arg = arg;
	mu_link_init(&job->link);
	mu_list_push_back(&w->waiting, &job->link);
	return job;
}

void writer_append(struct writer *w, struct mu_str *text, writer_done done, void *arg)
{
	(void)add(w, JOB_APPEND, NULL, text, done, arg);
	start_batch(w);
}

void writer_rewrite(struct writer *w, struct mu_str *text, writer_done done, void *arg)
{
	(void)add(w, JOB_REWRITE, NULL, text, done, arg);
	start_batch(w);
}

void writer_replace(struct writer *w, const char *path, struct mu_str *text, mode_t mode,
		    writer_done done, void *arg)
{
	add(w, JOB_REPLACE, path, text, done, arg)->mode = mode;
	start_batch(w);
}

void writer_remove(struct writer *w, const char *path, writer_done done, void *arg)
{
	(void)add(w, JOB_REMOVE, path, NULL, done, arg);
	start_batch(w);
}

void writer_keep(struct writer *w, const char *from, const char *to, writer_done done, void *arg)
{
	add(w, JOB_KEEP, from, NULL, done, arg)->to = mu_xstrdup(to);
	start_batch(w);
}

void writer_link(struct writer *w, const char *from, const char *to, writer_done done, void *arg)
{
	add(w, JOB_LINK, from, NULL, done, arg)->to = mu_xstrdup(to);
	start_batch(w);
}

/* On the pool thread */

static int write_all(int fd, const char *data, size_t len)
{
	ssize_t n;

	while (len) {
		n = write(fd, data, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

/* All or nothing: half a line would spoil the one behind it. */
static int append(struct writer *w, const struct mu_str *text, struct mu_error *err)
{
	off_t before;
	int e;

	if (w->fd < 0 && open_journal(w, err) < 0)
		return MU_FAILED;
	before = lseek(w->fd, 0, SEEK_END);
	if (before >= 0 && write_all(w->fd, text->data, text->len) == 0 && fdatasync(w->fd) == 0)
		return 0;
	e = errno;
	if (before >= 0 && ftruncate(w->fd, before) < 0) {
		/* The reader leaves damaged lines out: start a new one. */
		(void)close(w->fd);
		w->fd = -1;
	}
	return mu_error_errno(err, e, "cannot append to %s", w->journal_path);
}

static int sync_path(const char *path, int flags, struct mu_error *err)
{
	int fd = open(path, flags | O_CLOEXEC);
	int r;

	if (fd < 0)
		return mu_error_errno(err, errno, "cannot open %s", path);
	r = fsync(fd) < 0 ? mu_error_errno(err, errno, "cannot write %s to disk", path) : 0;
	(void)close(fd);
	return r;
}

int writer_keep_now(const char *from, const char *to, struct mu_error *err)
{
	MU_CLEANUP(mu_free) char *copy = mu_xstrdup(to);

	if (sync_path(from, O_RDONLY, err) < 0)
		return MU_FAILED;
	if (rename(from, to) < 0)
		return mu_error_errno(err, errno, "cannot rename %s to %s", from, to);
	return sync_path(dirname(copy), O_RDONLY | O_DIRECTORY, err);
}

static int link_file(const char *from, const char *to, struct mu_error *err)
{
	MU_CLEANUP(mu_free) char *copy = mu_xstrdup(to);

	if (unlink(to) < 0 && errno != ENOENT)
		return mu_error_errno(err, errno, "cannot remove %s", to);
	if (link(from, to) < 0)
		return mu_error_errno(err, errno, "cannot link %s to %s", from, to);
	return sync_path(dirname(copy), O_RDONLY | O_DIRECTORY, err);
}

static int rewrite(struct writer *w, const struct mu_str *text, struct mu_error *err)
{
	if (mu_file_replace(w->journal_path, text->data ? text->data : "", text->len, 0600, err) <
	    0)
		return MU_FAILED;
	if (w->fd >= 0)
		(void)close(w->fd);
	return open_journal(w, err);
}

static void run_job(struct writer *w, struct job *job)
{
	switch (job->kind) {
	case JOB_APPEND:
		(void)append(w, &job->text, &job->err);
		return;
	case JOB_REWRITE:
		(void)rewrite(w, &job->text, &job->err);
		return;
	case JOB_REPLACE:
		(void)mu_file_replace(job->path, job->text.data, job->text.len, job->mode,
				      &job->err);
		return;
	case JOB_REMOVE:
		(void)mu_file_remove(job->path, &job->err);
		return;
	case JOB_KEEP:
		(void)writer_keep_now(job->path, job->to, &job->err);
		return;
	case JOB_LINK:
		(void)link_file(job->path, job->to, &job->err);
		return;
	}
	mu_assert_unreachable();
}

/* Journal lines in a row are one write and one fsync. */
static void run_appends(struct writer *w, struct job *first)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str all = MU_STR_INIT;
	struct mu_error err = MU_ERROR_INIT;
	struct job *job = first;
	struct mu_link *end;

	for (end = &first->link; end != &w->batch; end = end->next) {
		job = MU_CONTAINER_OF(end, struct job, link);
		if (job->kind != JOB_APPEND)
			break;
		mu_str_add_bytes(&all, job->text.data, job->text.len);
	}
	(void)append(w, &all, &err);
	for (struct mu_link *it = &first->link; it != end; it = it->next)
		MU_CONTAINER_OF(it, struct job, link)->err = err;
}

static void run_batch(struct mu_work *work)
{
	struct writer *w = MU_CONTAINER_OF(work, struct writer, work);
	bool in_appends = false;
	struct job *job;

	mu_list_each(it, &w->batch)
	{
		job = MU_CONTAINER_OF(it, struct job, link);
		if (job->kind != JOB_APPEND)
			run_job(w, job);
		else if (!in_appends)
			run_appends(w, job);
		in_appends = job->kind == JOB_APPEND;
	}
}

/* On the loop */

static void job_free(struct job *job)
{
	mu_str_deinit(&job->text);
	free(job->path);
	free(job->to);
	free(job);
}

static void check_drained(struct writer *w)
{
	mu_loop_cb drained = w->drained;

	if (!drained || w->busy)
		return;
	w->drained = NULL;
	mu_loop_post(w->loop, drained, w->drained_arg);
}

static void batch_done(struct mu_work *work)
{
	struct writer *w = MU_CONTAINER_OF(work, struct writer, work);
	struct job *job;

	while ((job = mu_list_first(&w->batch, struct job, link))) {
		mu_list_remove(&job->link);
		if (job->done)
			job->done(job->arg, job->err.code == MU_E_NONE ? NULL : &job->err);
		job_free(job);
	}
	w->busy = false;
	start_batch(w);
	check_drained(w);
}

void writer_drain(struct writer *w, mu_loop_cb done, void *arg)
{
	mu_assert(!w->drained);
	w->drained = done;
	w->drained_arg = arg;
	check_drained(w);
}
