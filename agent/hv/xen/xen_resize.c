/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk whose backing has grown, while the guest runs.
 *
 * blkback compares the size of the block device with what it has told the guest whenever its
 * thread wakes up (at least ten times a second), writes the new size to xenstore and rings the
 * guest. So for a block device there is nothing to do but to wait for that. A file is behind a
 * loop device, which has to be told that the file has grown.
 *
 * A disk that QEMU serves (qcow2) has its size from QEMU, which libxl has no call for.
 */
#include "agent/hv/xen/xen_change.h"
#include "common/base/assert.h"
#include "common/base/str.h"
#include "common/os/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xenstore.h>

#define TOLD_WITHIN MU_SEC(10)
#define LOOK_AGAIN 50 /* ms */

enum { PATH_BYTES = 512, LOOP_MAJOR_NUMBER = 7, XENBUS_CONNECTED = 4 };

static char *read_backend(struct job *job, const char *name)
{
	char path[PATH_BYTES];

	(void)snprintf(path, sizeof path, "%s/%s", job->backend, name);
	return xs_read(job_xs(job), XBT_NULL, path, NULL);
}

/* false when there is none, or it is no number */
static bool read_number(struct job *job, const char *name, uint64_t *ret)
{
	MU_CLEANUP(mu_free) char *text = read_backend(job, name);

	return text && mu_parse_u64(text, ret);
}

static int find_backend(struct job *job, struct mu_error *err)
{
	libxl_diskinfo info;
	int rc;

	if (job_find_disk(job, err) < 0)
		return MU_FAILED;
	libxl_diskinfo_init(&info);
	rc = libxl_device_disk_getinfo(job_ctx(job), job->domid.value, &job->disk, &info);
	if (rc == 0 && info.backend)
		job->backend = mu_xstrdup(info.backend);
	libxl_diskinfo_dispose(&info);
	if (!job->backend)
		return mu_error_set(err, MU_E_IO, "libxl does not tell the backend of %s (rc %d)",
				    job->device->disk.vdev, rc);
	if (strlen(job->backend) > PATH_BYTES / 2)
		return mu_error_set(err, MU_E_TOO_LARGE, "the backend's path is too long");
	if (!strstr(job->backend, "/vbd/"))
		return mu_error_set(
		    err, MU_E_UNSUPPORTED,
		    "%s is served by QEMU, which cannot be told of a new size while "
		    "the VM runs; hint: it has its new size after the next start",
		    job->device->disk.vdev);
	return 0;
}

static int told_loop(int fd, const char *node, struct mu_error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return mu_error_errno(err, errno, "%s", node);
	if (!S_ISBLK(st.st_mode) || st.st_rdev >> 8 != LOOP_MAJOR_NUMBER)
		return 0;
	if (ioctl(fd, LOOP_SET_CAPACITY) < 0)
		return mu_error_errno(err, errno, "tell %s that its file has grown", node);
	return 0;
}

/* The block device that blkback has open must have the size first. */
static int check_size(struct job *job, struct mu_error *err)
{
	MU_CLEANUP(mu_free) char *node = read_backend(job, "node");
	uint64_t bytes = 0;
	int fd, r;

	if (!node)
		node = mu_xstrdup(job->disk.pdev_path ? job->disk.pdev_path : "");
	fd = open(node, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return mu_error_errno(err, errno, "%s", node);
	r = told_loop(fd, node, err);
	if (r == 0 && ioctl(fd, BLKGETSIZE64, &bytes) < 0)
		r = mu_error_errno(err, errno, "size of %s", node);
	(void)close(fd);
	if (r < 0)
		return r;
	if (bytes < (uint64_t)job->device->size_bytes)
		return mu_error_set(err, MU_E_STATE,
				    "%s has %" PRIu64 " bytes, less than the %" PRId64
				    " that the guest shall see; hint: grow it first",
				    node, bytes, job->device->size_bytes);
	return 0;
}

/* In xenstore a sector is 512 bytes. A guest that is not connected reads the size when it is. */
static bool guest_was_told(struct job *job)
{
	uint64_t state = 0, sectors = 0;

	if (!read_number(job, "state", &state) || state != XENBUS_CONNECTED)
		return true;
	return read_number(job, "sectors", &sectors) &&
	       sectors >= (uint64_t)job->device->size_bytes / 512;
}

static void look(void *ctx)
{
	struct job *job = ctx;

	if (guest_was_told(job))
		job_finish(job, 0);
	else if (job->cancelled)
		job_fail(job, MU_E_CANCELLED, "cancelled; hint: the guest may be told later");
	else if (mu_clock_monotonic() > job->give_up_at)
		job_fail(job, MU_E_TIMEOUT, "the backend of %s did not notice its new size",
			 job->device->disk.vdev);
	else
		mu_timer_set(job->timer, LOOK_AGAIN);
}

void job_disk_resize(struct job *job)
{
	if (find_backend(job, &job->err) < 0 || check_size(job, &job->err) < 0) {
		job_finish(job, MU_FAILED);
		return;
	}
	job->give_up_at = mu_clock_monotonic() + TOLD_WITHIN;
	job->timer = mu_timer_new(job_loop(job), look, job);
	look(job);
}
