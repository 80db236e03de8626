/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk is a block device with a device behind it: no loop, RAM or device-mapper node. It is used
 * by what is mounted from it or swaps on it, and by the devices that are built on it (`holders`:
 * LVM, dm-crypt, multipath, md), each for the disk itself and for its partitions.
 */
#include "agent/host/disks.h"

#include "agent/host/sysfs.h"
#include "common/base/str.h"
#include "common/os/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SECTOR_BYTES = 512, PROC_MAX = 1 << 20, ENTRIES_MAX = 256 };

struct reading {
	struct mu_arena *a;
	const char *sysfs;
	struct mu_value *disks;
	struct mu_str mounts; /* /proc/self/mountinfo */
	struct mu_str swaps;  /* /proc/swaps */
	/* the disk at hand */
	const char *disk;
	struct mu_value *used_by;
	char folder[SYSFS_PATH_MAX + 1];
};

static void add_use(struct reading *r, const char *kind, const char *name)
{
	struct mu_value *use = mu_value_push(r->used_by, mu_value_object(r->a));

	mu_value_set_string(r->a, use, "kind", kind);
	mu_value_set_string(r->a, use, "name", name);
}

/* "36 35 98:0 /root /mount/point options ...": the third word is the device. */
static void add_mounts(struct reading *r, const char *device_number)
{
	const char *line = r->mounts.data;

	for (size_t n = 0; line && *line && n < 65536; n++) {
		char number[32], point[512];

		if (sscanf(line, "%*u %*u %31s %*511s %511s", number, point) == 2 &&
		    mu_str_equal(number, device_number)) {
			char name[512];

			mu_utf8_sanitize(name, sizeof name - 1, point, strlen(point));
			add_use(r, "mount", name);
		}
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
}

static void add_swap(struct reading *r, const char *device)
{
	char path[128];
	const char *line = r->swaps.data;

	(void)snprintf(path, sizeof path, "/dev/%.100s ", device);
	for (size_t n = 0; line && *line && n < 1024; n++) {
		if (mu_str_has_prefix(line, path))
			add_use(r, "swap", device);
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
}

static void add_holder(const char *name, void *arg)
{
	struct reading *r = arg;
	char dir[SYSFS_PATH_MAX + 1], text[256], uuid[256];

	(void)snprintf(dir, sizeof dir, "%s/block/%s/dm", r->sysfs, name);
	if (!sysfs_text(dir, "name", text, sizeof text)) {
		add_use(r, mu_str_has_prefix(name, "md") ? "md" : "device", name);
		return;
	}
	(void)sysfs_text(dir, "uuid", uuid, sizeof uuid);
	add_use(r, mu_str_has_prefix(uuid, "LVM-") ? "lvm" : "device-mapper", text);
}

static void add_uses(struct reading *r, const char *dir, const char *device)
{
	char text[SYSFS_PATH_MAX + 1];

	if (sysfs_text(dir, "dev", text, sizeof text))
		add_mounts(r, text);
	add_swap(r, device);
	(void)snprintf(text, sizeof text, "%.1000s/holders", dir);
	(void)sysfs_each(text, ENTRIES_MAX, add_holder, r, NULL);
}

static void add_partition(const char *name, void *arg)
{
	struct reading *r = arg;
	char dir[SYSFS_PATH_MAX + 1], number[16];

	if (!mu_str_has_prefix(name, r->disk))
		return;
	(void)snprintf(dir, sizeof dir, "%.700s/%.255s", r->folder, name);
	if (sysfs_text(dir, "partition", number, sizeof number))
		add_uses(r, dir, name);
}

/* The first of the files that has a text. */
static void set_text(struct reading *r, struct mu_value *disk, const char *member,
		     const char *const *files)
{
	char text[256];

	for (; *files; files++) {
		if (sysfs_text(r->folder, *files, text, sizeof text) && text[0]) {
			mu_value_set_string(r->a, disk, member, text);
			return;
		}
	}
}

static void add_disk(const char *name, void *arg)
{
	struct reading *r = arg;
	struct mu_value *disk;
	uint64_t sectors;
	char device[256];

	(void)snprintf(r->folder, sizeof r->folder, "%.700s/block/%.255s", r->sysfs, name);
	if (!sysfs_link(r->folder, "device", device, sizeof device))
		return;
	disk = mu_value_push(r->disks, mu_value_object(r->a));
	mu_value_set_string(r->a, disk, "name", name);
	sectors = sysfs_number(r->folder, "size", 0);
	if (sectors <= INT64_MAX / SECTOR_BYTES)
		mu_value_set_int(r->a, disk, "sizeBytes", (int64_t)sectors * SECTOR_BYTES);
	set_text(r, disk, "vendor", (const char *const[]){"device/vendor", NULL});
	set_text(r, disk, "model", (const char *const[]){"device/model", NULL});
	set_text(r, disk, "serial", (const char *const[]){"serial", "device/serial", NULL});
	set_text(r, disk, "wwid", (const char *const[]){"wwid", "device/wwid", NULL});
	mu_value_set_bool(r->a, disk, "rotational",
			  sysfs_number(r->folder, "queue/rotational", 0) == 1);
	mu_value_set_bool(r->a, disk, "removable", sysfs_number(r->folder, "removable", 0) == 1);
	mu_value_set_bool(r->a, disk, "readOnly", sysfs_number(r->folder, "ro", 0) == 1);
	r->disk = name;
	r->used_by = mu_value_set(r->a, disk, "usedBy", mu_value_list(r->a));
	add_uses(r, r->folder, name);
	(void)sysfs_each(r->folder, ENTRIES_MAX, add_partition, r, NULL);
}

static void read_proc(const char *procfs, const char *name, struct mu_str *out)
{
	char path[SYSFS_PATH_MAX + 1];

	(void)snprintf(path, sizeof path, "%s/%s", procfs, name);
	(void)mu_file_read(path, PROC_MAX, out, NULL);
}

struct mu_value *host_disks_read(struct mu_arena *a, const char *sysfs, const char *procfs)
{
	struct reading r = {.a = a, .sysfs = sysfs, .disks = mu_value_list(a)};
	char dir[SYSFS_PATH_MAX + 1];

	(void)snprintf(dir, sizeof dir, "%s/block", sysfs);
	read_proc(procfs, "self/mountinfo", &r.mounts);
	read_proc(procfs, "swaps", &r.swaps);
	(void)sysfs_each(dir, HOST_DISKS_MAX, add_disk, &r, NULL);
	mu_str_deinit(&r.mounts);
	mu_str_deinit(&r.swaps);
	return r.disks;
}
