/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel does the confining: openat2() with RESOLVE_BENEATH and no symbolic links. Names are
 * our own (a UUID and a suffix), so this is the second line, against what somebody has put there.
 */
#include "agent/storage/dir/dir_files.h"

#include "agent/storage/copy.h"
#include "common/base/id.h"
#include "common/os/random.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { REFLINK_TEST_BYTES = 4096 };

static int open_how(int at, const char *path, int flags, mode_t mode, unsigned long long resolve)
{
	struct open_how how = {.flags = (unsigned long long)(unsigned)(flags | O_CLOEXEC),
			       .mode = flags & (O_CREAT | __O_TMPFILE) ? mode : 0,
			       .resolve = resolve};

	return (int)syscall(SYS_openat2, at, path, &how, sizeof how);
}

int dir_files_open_root(const char *path, int *ret_fd, struct mu_error *err)
{
	int fd;

	if (path[0] != '/')
		return mu_error_set(err, MU_E_INVALID, "%s: not an absolute path", path);
	fd = open_how(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0,
		      RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
	if (fd < 0 && errno == ELOOP)
		return mu_error_set(
		    err, MU_E_INVALID,
		    "%s: leads through a symbolic link; hint: give the path that it leads to",
		    path);
	if (fd < 0)
		return mu_error_errno(err, errno, "%s", path);
	*ret_fd = fd;
	return 0;
}

int dir_files_open(int root, const char *name, int flags, mode_t mode, int *ret_fd,
		   struct mu_error *err)
{
	/* O_NONBLOCK: opening a pipe that somebody has put there does not wait. */
	int fd = open_how(root, name, flags | O_NOFOLLOW | O_NONBLOCK, mode,
			  RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS |
			      RESOLVE_NO_XDEV);
	struct stat st;

	if (fd < 0 && (errno == ELOOP || errno == EXDEV))
		return mu_error_set(err, MU_E_DENIED, "%s: leads out of the directory", name);
	if (fd < 0)
		return mu_error_errno(err, errno, "%s", name);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		(void)close(fd);
		return mu_error_set(err, MU_E_DENIED, "%s: not a regular file", name);
	}
	*ret_fd = fd;
	return 0;
}

int dir_files_read(int root, const char *name, size_t max, struct mu_str *out, struct mu_error *err)
{
	__attribute__((cleanup(copy_close))) int fd = -1;
	char buf[4096];

	if (dir_files_open(root, name, O_RDONLY, 0, &fd, err) < 0)
		return MU_FAILED;
	for (;;) {
		ssize_t n = read(fd, buf, sizeof buf);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return mu_error_errno(err, errno, "%s: read", name);
		if (n == 0)
			return 0;
		if (out->len + (size_t)n > max)
			return mu_error_set(err, MU_E_TOO_LARGE, "%s: larger than %zu bytes", name,
					    max);
		mu_str_add_bytes(out, buf, (size_t)n);
	}
}

static int sync_root(int root, struct mu_error *err)
{
	return fsync(root) < 0 ? mu_error_errno(err, errno, "directory: fsync") : 0;
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

int dir_files_replace(int root, const char *name, const char *data, size_t len,
		      struct mu_error *err)
{
	__attribute__((cleanup(copy_close))) int fd = -1;
	char temp[NAME_MAX + 1];

	(void)snprintf(temp, sizeof temp, "%s.new", name);
	if (dir_files_open(root, temp, O_WRONLY | O_CREAT | O_TRUNC, 0600, &fd, err) < 0)
		return MU_FAILED;
	if (write_all(fd, data, len) < 0 || fsync(fd) < 0 || renameat(root, temp, root, name) < 0) {
		int e = errno;

		(void)unlinkat(root, temp, 0);
		return mu_error_errno(err, e, "%s: write", name);
	}
	return sync_root(root, err);
}

int dir_files_remove(int root, const char *name, struct mu_error *err)
{
	if (unlinkat(root, name, 0) < 0) {
		if (errno == ENOENT)
			return 0;
		return mu_error_errno(err, errno, "remove %s", name);
	}
	return sync_root(root, err);
}

int dir_files_rename(int root, const char *from, const char *to, struct mu_error *err)
{
	if (renameat(root, from, root, to) < 0)
		return mu_error_errno(err, errno, "rename %s to %s", from, to);
	return sync_root(root, err);
}

int dir_files_reflink(int from, int to, struct mu_error *err)
{
	return ioctl(to, FICLONE, from) < 0 ? mu_error_errno(err, errno, "sharing blocks") : 0;
}

/* A file without a name; where the file system has none, one that loses its name at once. */
static int open_nameless(int root, struct mu_error *err)
{
	int fd = openat(root, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	struct mu_uuid random = mu_random_uuid();
	char text[MU_UUID_TEXT], name[64];

	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT))
		return fd < 0 ? mu_error_errno(err, errno, "temporary file") : fd;
	(void)snprintf(name, sizeof name, ".muster-test-%s", mu_uuid_format(&random, text));
	if (dir_files_open(root, name, O_RDWR | O_CREAT | O_EXCL, 0600, &fd, err) < 0)
		return MU_FAILED;
	(void)unlinkat(root, name, 0);
	return fd;
}

int dir_files_reflinks(int root, bool *ret_can, struct mu_error *err)
{
	__attribute__((cleanup(copy_close))) int from = open_nameless(root, err);
	__attribute__((cleanup(copy_close))) int to = from < 0 ? -1 : open_nameless(root, err);
	const char block[REFLINK_TEST_BYTES] = {1};

	if (to < 0)
		return MU_FAILED;
	if (write_all(from, block, sizeof block) < 0)
		return mu_error_errno(err, errno, "temporary file: write");
	*ret_can = dir_files_reflink(from, to, NULL) == 0;
	return 0;
}
