/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/host/sysfs.h"

#include "common/base/mem.h"
#include "common/base/str.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ATTRIBUTE_MAX = 4096 };

static bool join(char ret[static SYSFS_PATH_MAX + 1], const char *dir, const char *name)
{
	int n = snprintf(ret, SYSFS_PATH_MAX + 1, "%s/%s", dir, name);

	return n > 0 && n <= SYSFS_PATH_MAX;
}

bool sysfs_text(const char *dir, const char *name, char *ret, size_t size)
{
	char path[SYSFS_PATH_MAX + 1], text[ATTRIBUTE_MAX];
	const char *first = text;
	ssize_t len;
	int fd;

	ret[0] = '\0';
	fd = join(path, dir, name) ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
	if (fd < 0)
		return false;
	len = read(fd, text, sizeof text);
	(void)close(fd);
	if (len < 0)
		return false;
	while (len > 0 && isspace((unsigned char)*first)) {
		first++;
		len--;
	}
	while (len > 0 && (isspace((unsigned char)first[len - 1]) || first[len - 1] == '\0'))
		len--;
	mu_utf8_sanitize(ret, size - 1, first, (size_t)len);
	return true;
}

uint64_t sysfs_number(const char *dir, const char *name, uint64_t def)
{
	char text[40], *end = text;
	unsigned long long n;

	if (!sysfs_text(dir, name, text, sizeof text) || !isdigit((unsigned char)text[0]))
		return def;
	errno = 0;
	n = strtoull(text, &end, text[1] == 'x' ? 16 : 10);
	return *end || errno ? def : n;
}

static bool read_link(const char *dir, const char *name, char target[static SYSFS_PATH_MAX + 1])
{
	char path[SYSFS_PATH_MAX + 1];
	ssize_t len = join(path, dir, name) ? readlink(path, target, SYSFS_PATH_MAX) : -1;

	if (len < 0)
		return false;
	target[len] = '\0';
	return true;
}

static void take_last(const char *path, char *ret, size_t size)
{
	const char *last = strrchr(path, '/');

	last = last ? last + 1 : path;
	mu_utf8_sanitize(ret, size - 1, last, strlen(last));
}

bool sysfs_link(const char *dir, const char *name, char *ret, size_t size)
{
	char target[SYSFS_PATH_MAX + 1];

	ret[0] = '\0';
	if (!read_link(dir, name, target))
		return false;
	take_last(target, ret, size);
	return true;
}

bool sysfs_link_parent(const char *dir, const char *name, char *ret, size_t size)
{
	char target[SYSFS_PATH_MAX + 1], *last;

	ret[0] = '\0';
	if (!read_link(dir, name, target) || !(last = strrchr(target, '/')))
		return false;
	*last = '\0';
	take_last(target, ret, size);
	return true;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void dir_close(DIR *d)
{
	(void)closedir(d);
}
MU_DEFINE_CLEANUP(dir_close, DIR *);

int sysfs_each(const char *dir, size_t max, void (*each)(const char *name, void *arg), void *arg,
	       struct mu_error *err)
{
	MU_CLEANUP(dir_close) DIR *d = opendir(dir);
	MU_CLEANUP(mu_free) char **names = NULL;
	const struct dirent *e;
	size_t n = 0;

	if (!d && errno == ENOENT)
		return 0;
	if (!d)
		return mu_error_errno(err, errno, "%s", dir);
	while (n < max && (e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		names = mu_xrealloc(names, n + 1, sizeof *names);
		names[n++] = mu_xstrdup(e->d_name);
	}
	if (n)
		qsort(names, n, sizeof *names, by_name);
	for (size_t i = 0; i < n; i++) {
		each(names[i], arg);
		free(names[i]);
	}
	return 0;
}
