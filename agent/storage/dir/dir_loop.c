/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/storage/dir/dir_loop.h"

#include "agent/storage/copy.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/os/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define SYS_BLOCK "/sys/block"

/* Is the device over that file? A loop device that nothing uses has no such attribute. */
static bool is_over(const char *device, const char *path)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	char attribute[320];

	(void)snprintf(attribute, sizeof attribute, SYS_BLOCK "/%s/loop/backing_file", device);
	if (mu_file_read(attribute, 4096, &text, NULL) < 0 || text.len == 0)
		return false;
	text.data[strcspn(text.data, "\n")] = '\0';
	return strcmp(text.data, path) == 0;
}

static int set_capacity(const char *device, struct mu_error *err)
{
	char path[320];
	__attribute__((cleanup(copy_close))) int fd = -1;

	(void)snprintf(path, sizeof path, "/dev/%s", device);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, LOOP_SET_CAPACITY, 0) < 0)
		return mu_error_errno(err, errno, "%s: set capacity", path);
	return 0;
}

int dir_loop_grown(const char *path, struct mu_error *err)
{
	DIR *d = opendir(SYS_BLOCK);
	const struct dirent *entry;
	int r = 0;

	if (!d)
		return mu_error_errno(err, errno, SYS_BLOCK);
	while (r == 0 && (entry = readdir(d))) {
		if (mu_str_has_prefix(entry->d_name, "loop") && is_over(entry->d_name, path))
			r = set_capacity(entry->d_name, err);
	}
	(void)closedir(d);
	return r;
}
