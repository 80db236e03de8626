/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Suspended is what LVM's own snapshots do to their source: the kernel waits for the I/O that is
 * under way and keeps what comes. There is no file system of dom0's on it to freeze, and I/O that
 * waits for room in a full pool is kept as well instead of waited for (DM_NOFLUSH_FLAG).
 */
#include "agent/storage/lvmthin/lvm_dm.h"

#include "common/base/assert.h"
#include "common/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#define CONTROL "/dev/mapper/control"
enum { PAYLOAD_MAX = 1024 };

struct request {
	struct dm_ioctl head;
	_Alignas(struct dm_target_spec) char payload[PAYLOAD_MAX];
};

int lvm_dm_open(int *ret_control, struct mu_error *err)
{
	int fd = open(CONTROL, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return mu_error_errno(err, errno, CONTROL);
	*ret_control = fd;
	return 0;
}

static void prepare(struct request *r, const char *device, uint32_t flags)
{
	*r = (struct request){
	    .head = {.version = {DM_VERSION_MAJOR, 0, 0},
		     .data_size = sizeof *r,
		     .data_start = offsetof(struct request, payload),
		     .flags = flags},
	};
	(void)snprintf(r->head.name, sizeof r->head.name, "%s", device);
}

int lvm_dm_suspend(int control, const char *device, bool *ret_held, struct mu_error *err)
{
	struct request r;

	prepare(&r, device, DM_SUSPEND_FLAG | DM_SKIP_LOCKFS_FLAG | DM_NOFLUSH_FLAG);
	*ret_held = ioctl(control, DM_DEV_SUSPEND, &r) == 0;
	if (!*ret_held && errno != ENXIO)
		return mu_error_errno(err, errno, "suspending %s", device);
	return 0;
}

int lvm_dm_resume(int control, const char *device, struct mu_error *err)
{
	struct request r;

	prepare(&r, device, 0);
	if (ioctl(control, DM_DEV_SUSPEND, &r) < 0 && errno != ENXIO)
		return mu_error_errno(err, errno, "resuming %s; hint: dmsetup resume %s", device,
				      device);
	return 0;
}

/* What the pool says of itself, or NULL. */
static const char *pool_state(int control, const char *pool)
{
	struct request r;
	size_t from = sizeof(struct dm_target_spec);

	prepare(&r, pool, DM_NOFLUSH_FLAG);
	if (ioctl(control, DM_TABLE_STATUS, &r) < 0 || r.head.target_count != 1 ||
	    (r.head.flags & DM_BUFFER_FULL_FLAG))
		return NULL;
	return lvm_dm_pool_state(r.payload + from, sizeof r.payload - from);
}

int lvm_dm_message(int control, const char *pool, const char *message, struct mu_error *err)
{
	enum { ROOM = PAYLOAD_MAX - sizeof(struct dm_target_msg) };
	const char *state;
	struct request r;
	int code;

	prepare(&r, pool, 0);
	mu_assert(strlen(message) < ROOM);
	memcpy(r.payload + offsetof(struct dm_target_msg, message), message, strlen(message) + 1);
	if (ioctl(control, DM_TARGET_MSG, &r) == 0)
		return 0;
	code = errno;
	state = pool_state(control, pool);
	if (!state)
		return mu_error_errno(err, code, "thin pool %s: %s", pool, message);
	return mu_error_set(err, MU_E_IO, "thin pool %s: %s: %s; hint: lvs, dmsetup status", pool,
			    message, state);
}
