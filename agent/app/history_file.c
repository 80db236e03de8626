/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rows-N: a page with what the file is, then the rows of shard N, as they are in memory. A file
 * that is not exactly that is begun anew. All of it is taken from the tmpfs at once: a page that
 * cannot be had later would end the process.
 *
 * objects: what history_encode() gave, replaced whole. Nothing is synchronised: what is in a tmpfs
 * ends with the machine, and so may this.
 */
#include "agent/app/history_file.h"

#include "common/log/log.h"
#include "common/os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAGE = 4096, OBJECTS_MAX = 16 << 20 };

/* Counted up when the rows are laid out in another way. */
#define MAGIC "MUSTROW2"

struct rows_header {
	char magic[8];
	uint64_t size; /* of the rows */
	uint32_t shard;
	uint32_t zero;
};

struct mapped {
	struct mapped *next;
	void *p;
	size_t len; /* 0: heap */
};

struct history_file {
	char *dir; /* NULL: memory only */
	struct mapped *mapped;
	bool told;
};

static void close_cleanup(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
}

#define FD __attribute__((cleanup(close_cleanup))) int

/* Once: it goes on as before there were files. */
static void tell(struct history_file *f, const struct mu_error *err)
{
	if (!f->told)
		mu_log_warning("statistics end with the agent: they cannot be kept err=\"%s\" "
			       "hint=\"make room in its run directory\"",
			       err->text);
	f->told = true;
}

static int make_dir(const char *dir, struct mu_error *err)
{
	MU_CLEANUP(mu_free) char *copy = mu_xstrdup(dir);

	/* The folder above is everybody's. */
	if (mu_file_mkdirs(dirname(copy), 0755, err) < 0)
		return MU_FAILED;
	return mu_file_mkdirs(dir, 0700, err);
}

struct history_file *history_file_open(const char *dir)
{
	struct history_file *f = mu_xcalloc(1, sizeof *f);
	struct mu_error err = MU_ERROR_INIT;

	if (dir && make_dir(dir, &err) < 0)
		tell(f, &err);
	else if (dir)
		f->dir = mu_xstrdup(dir);
	return f;
}

struct history_file *history_file_free(struct history_file *f)
{
	if (!f)
		return NULL;
	while (f->mapped) {
		struct mapped *m = f->mapped;

		f->mapped = m->next;
		if (m->len > 0)
			(void)munmap(m->p, m->len);
		else
			free(m->p);
		free(m);
	}
	free(f->dir);
	free(f);
	return NULL;
}

/* --- rows --- */

static bool is_as_it_was(int fd, const struct rows_header *want)
{
	struct rows_header h;
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_size == (off_t)(PAGE + want->size) &&
	       pread(fd, &h, sizeof h, 0) == (ssize_t)sizeof h && memcmp(&h, want, sizeof h) == 0;
}

static int begin_anew(int fd, const struct rows_header *want, struct mu_error *err)
{
	int e;

	if (ftruncate(fd, 0) < 0)
		return mu_error_errno(err, errno, "ftruncate");
	e = posix_fallocate(fd, 0, (off_t)(PAGE + want->size));
	if (e != 0)
		return mu_error_errno(err, e, "fallocate");
	return mu_file_write_at(fd, want, sizeof *want, 0, err);
}

static void *map(const struct history_file *f, uint32_t shard, size_t size, struct mu_error *err)
{
	MU_CLEANUP(mu_free) char *path = mu_xasprintf("%s/rows-%u", f->dir, shard);
	const struct rows_header want = {.magic = MAGIC, .size = size, .shard = shard};
	FD fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	void *p;

	if (fd < 0) {
		mu_error_errno(err, errno, "%s", path);
		return NULL;
	}
	if (!is_as_it_was(fd, &want) && begin_anew(fd, &want, err) < 0) {
		mu_error_prefix(err, "%s", path);
		(void)unlink(path);
		return NULL;
	}
	p = mmap(NULL, PAGE + size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED) {
		mu_error_errno(err, errno, "%s: mmap", path);
		return NULL;
	}
	return p;
}

void *history_file_rows(void *file, uint32_t shard, size_t size)
{
	struct history_file *f = file;
	struct mapped *m = mu_xcalloc(1, sizeof *m);
	struct mu_error err = MU_ERROR_INIT;

	m->next = f->mapped;
	f->mapped = m;
	m->p = f->dir ? map(f, shard, size, &err) : NULL;
	if (m->p) {
		m->len = PAGE + size;
		return (char *)m->p + PAGE;
	}
	if (f->dir)
		tell(f, &err);
	m->p = mu_xcalloc(1, size);
	return m->p;
}

/* --- objects --- */

void history_file_load(struct history_file *f, struct mu_str *out)
{
	MU_CLEANUP(mu_free) char *path = NULL;
	struct mu_error err = MU_ERROR_INIT;

	if (!f->dir)
		return;
	path = mu_xasprintf("%s/objects", f->dir);
	if (mu_file_read(path, OBJECTS_MAX, out, &err) == 0)
		return;
	mu_str_reset(out);
	if (err.code != MU_E_NOT_FOUND)
		tell(f, &err);
}

static int write_new(const char *path, const void *bytes, size_t len, struct mu_error *err)
{
	FD fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	return fd < 0 ? mu_error_errno(err, errno, "%s", path)
		      : mu_file_write_at(fd, bytes, len, 0, err);
}

void history_file_save(struct history_file *f, const void *bytes, size_t len)
{
	MU_CLEANUP(mu_free) char *path = NULL, *temp = NULL;
	struct mu_error err = MU_ERROR_INIT;

	if (!f->dir)
		return;
	path = mu_xasprintf("%s/objects", f->dir);
	temp = mu_xasprintf("%s.new", path);
	if (write_new(temp, bytes, len, &err) == 0 && rename(temp, path) == 0)
		return;
	if (err.code == MU_E_NONE)
		mu_error_errno(&err, errno, "%s: rename", path);
	tell(f, &err);
	/* Rows of what is not in there must not be taken for another's. */
	(void)unlink(path);
}
