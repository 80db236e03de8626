/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Image files from outside. A format is what the caller says, never what a look at the bytes
 * suggests; a file that is something else, or that leads to another file (a backing file, an
 * external data file, a parent), is refused before any tool reads it. Then qemu-img, with limits,
 * does the work. Blocking.
 */
#ifndef MUSTER_AGENT_STORAGE_IMAGE_H
#define MUSTER_AGENT_STORAGE_IMAGE_H

#include "agent/storage/copy.h"
#include "agent/storage/sr_types.h"

#include <stddef.h>

#define IMAGE_SIZE_MAX ((int64_t)1 << 46) /* 64 TiB */

enum image_format { IMAGE_RAW, IMAGE_QCOW2, IMAGE_VHD, IMAGE_VMDK, IMAGE_OVA, _IMAGE_FORMAT_COUNT };

struct image {
	char path[SR_DISK_PATH_MAX + 1];
	enum image_format format;   /* never OVA: that is a VMDK at an offset */
	int64_t offset;             /* in the file */
	int64_t length;             /* from there */
	int64_t virtual_size_bytes; /* of the disk in it */
};

/* "raw", "qcow2", "vhd", "vmdk", "ova". */
const char *image_format_name(enum image_format f);
bool image_format_parse(const char *name, enum image_format *ret);

/* Where in a file it lies, as a member of an archive does; length 0 = it is the file. */
struct image_part {
	int64_t offset;
	int64_t length;
};

/* MU_E_INVALID says what is wrong with the file. */
int image_open(const char *path, const struct image_part *part, enum image_format format,
	       const struct copy_watch *w, struct image *ret_image, struct mu_error *err);
/* Into a disk that is at least as large. */
int image_read_into(const struct image *image, const struct sr_path *to, const struct copy_watch *w,
		    struct mu_error *err);
/* A disk into a new file; MU_E_EXISTS. The file is durable, or gone when it fails. Not OVA. */
int image_write(const struct sr_path *from, int64_t size_bytes, const char *path,
		enum image_format format, const struct copy_watch *w, struct mu_error *err);

#endif
