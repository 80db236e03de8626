/* SPDX-License-Identifier: Apache-2.0 */
#include "common/os/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static void close_cleanup(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
}

int mu_file_read(const char *path, size_t max, struct mu_str *out, struct mu_error *err)
{
	__attribute__((cleanup(close_cleanup))) int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t total = 0;
	char buf[16384];

	if (fd < 0)
		return mu_error_errno(err, errno, "%s", path);
	for (;;) {
		ssize_t n = read(fd, buf, sizeof buf);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return mu_error_errno(err, errno, "%s: read", path);
		if (n == 0)
			return 0;
		total += (size_t)n;
		if (total > max)
			return mu_error_set(err, MU_E_TOO_LARGE, "%s: larger than %zu bytes", path,
					    max);
		mu_str_add_bytes(out, buf, (size_t)n);
	}
}

static int write_all(int fd, const char *p, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

#define TEMPORARY ".new" /* behind the name of what is being replaced */

int mu_file_write_at(int fd, const void *data, size_t len, int64_t at, struct mu_error *err)
{
	const char *p = data;

	while (len > 0) {
		ssize_t n = pwrite(fd, p, len, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return mu_error_errno(err, errno, "write at %" PRId64, at);
		p += n;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

int mu_file_read_at(int fd, void *ret, size_t len, int64_t at, struct mu_error *err)
{
	char *p = ret;

	while (len > 0) {
		ssize_t n = pread(fd, p, len, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return mu_error_errno(err, errno, "read at %" PRId64, at);
		if (n == 0) {
			memset(p, 0, len);
			return 0;
		}
		p += n;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

int mu_file_sync_parent(const char *path, struct mu_error *err)
{
	const char *slash = strrchr(path, '/');
	MU_CLEANUP(mu_free)
	char *dir = slash == path ? mu_xstrdup("/")
		    : slash       ? mu_xstrndup(path, (size_t)(slash - path))
				  : mu_xstrdup(".");
	__attribute__((cleanup(close_cleanup))) int fd =
	    open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) < 0)
		return mu_error_errno(err, errno, "%s: fsync", dir);
	return 0;
}

static int write_durably(const char *path, const void *data, size_t len, mode_t mode,
			 struct mu_error *err)
{
	__attribute__((cleanup(close_cleanup))) int fd =
	    open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	if (fd < 0)
		return mu_error_errno(err, errno, "%s", path);
	/* The mode counts whatever the umask is, and also when a file was left from before. */
	if (fchmod(fd, mode) < 0 || write_all(fd, data, len) < 0 || fsync(fd) < 0)
		return mu_error_errno(err, errno, "%s: write", path);
	return 0;
}

int mu_file_replace(const char *path, const void *data, size_t len, mode_t mode,
		    struct mu_error *err)
{
	MU_CLEANUP(mu_free) char *temp = mu_xasprintf("%s" TEMPORARY, path);

	if (write_durably(temp, data, len, mode, err) < 0) {
		(void)unlink(temp);
		return MU_FAILED;
	}
	if (rename(temp, path) < 0) {
		int e = errno;

		(void)unlink(temp);
		return mu_error_errno(err, e, "%s: rename", path);
	}
	return mu_file_sync_parent(path, err);
}

int mu_file_mkdirs(const char *path, mode_t mode, struct mu_error *err)
{
	MU_CLEANUP(mu_free) char *p = mu_xstrdup(path);

	for (char *slash = strchr(p + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(p, mode) < 0 && errno != EEXIST)
			return mu_error_errno(err, errno, "mkdir %s", p);
		*slash = '/';
	}
	if (mkdir(p, mode) < 0 && errno != EEXIST)
		return mu_error_errno(err, errno, "mkdir %s", p);
	return 0;
}

int mu_file_remove(const char *path, struct mu_error *err)
{
	if (unlink(path) < 0) {
		if (errno == ENOENT)
			return 0;
		return mu_error_errno(err, errno, "remove %s", path);
	}
	return mu_file_sync_parent(path, err);
}

int mu_file_set_aside(const char *path, char **ret_name, struct mu_error *err)
{
	for (unsigned i = 1; i < 1000; i++) {
		MU_CLEANUP(mu_free) char *aside = mu_xasprintf("%s.damaged-%u", path, i);

		/* link + unlink instead of rename: never overwrites an earlier one. */
		if (link(path, aside) == 0) {
			if (unlink(path) < 0)
				return mu_error_errno(err, errno, "remove %s", path);
			*ret_name = MU_TAKE(aside);
			return mu_file_sync_parent(path, err);
		}
		if (errno != EEXIST)
			return mu_error_errno(err, errno, "set %s aside", path);
	}
	return mu_error_set(
	    err, MU_E_EXHAUSTED,
	    "%s: 999 damaged files of that name are kept already; hint: remove some", path);
}

static bool has_suffix(const char *name, const char *suffix)
{
	size_t n = strlen(name), m = strlen(suffix);

	return n >= m && strcmp(name + n - m, suffix) == 0;
}

int mu_file_list(const char *dir, const char *suffix,
		 int (*each)(const char *path, const char *name, void *ctx, struct mu_error *err),
		 void *ctx, struct mu_error *err)
{
	struct dirent **entries = NULL;
	int n = scandir(dir, &entries, NULL, alphasort);
	int r = 0;

	if (n < 0)
		return mu_error_errno(err, errno, "%s", dir);
	for (int i = 0; i < n; i++) {
		if (r >= 0 && entries[i]->d_name[0] != '.' &&
		    has_suffix(entries[i]->d_name, suffix)) {
			MU_CLEANUP(mu_free)
			char *path = mu_xasprintf("%s/%s", dir, entries[i]->d_name);

			r = each(path, entries[i]->d_name, ctx, err);
		}
		free(entries[i]);
	}
	free(entries);
	return r < 0 ? r : 0;
}

static int sweep_one(const char *path, const char *name, void *ctx, struct mu_error *err)
{
	(void)name;
	(void)ctx;
	return mu_file_remove(path, err);
}

int mu_file_sweep(const char *dir, const char *suffix, struct mu_error *err)
{
	MU_CLEANUP(mu_free) char *temporary = mu_xasprintf("%s" TEMPORARY, suffix);
	struct mu_error why = MU_ERROR_INIT;

	if (mu_file_list(dir, temporary, sweep_one, NULL, &why) == 0 || why.code == MU_E_NOT_FOUND)
		return 0;
	if (err)
		*err = why;
	return MU_FAILED;
}

int mu_file_lock(const char *path, struct mu_error *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return mu_error_errno(err, errno, "%s", path);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		int e = errno;

		(void)close(fd);
		if (e == EWOULDBLOCK)
			return mu_error_set(err, MU_E_STATE,
					    "%s: locked by another process; hint: is one running "
					    "on this state directory already?",
					    path);
		return mu_error_errno(err, e, "%s: lock", path);
	}
	return 0; /* fd stays open: it holds the lock until the process ends */
}
