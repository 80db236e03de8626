/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Offsets are those of the formats' own descriptions: qcow2 (docs/interop/qcow2.txt of QEMU, big
 * endian), Microsoft's "Virtual Hard Disk Image Format" (big endian), VMware's "Virtual Disk Format
 * 5.0" (little endian), POSIX ustar.
 */
#include "agent/storage/image_head.h"

#include "common/base/str.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static uint64_t be(const unsigned char *p, size_t n)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++)
		v = v << 8 | p[i];
	return v;
}

static uint64_t le(const unsigned char *p, size_t n)
{
	uint64_t v = 0;

	while (n > 0)
		v = v << 8 | p[--n];
	return v;
}

static int not_a(const char *what, struct mu_error *err)
{
	return mu_error_set(err, MU_E_INVALID,
			    "the file is no %s image; hint: give its real format", what);
}

enum { QCOW2_V3_FEATURES = 72 };
#define QCOW2_CORRUPT ((uint64_t)1 << 1)
#define QCOW2_DATA_FILE ((uint64_t)1 << 2)

static int check_qcow2(const unsigned char *head, struct mu_error *err)
{
	uint64_t version = be(head + 4, 4);
	uint64_t features = version >= 3 ? be(head + QCOW2_V3_FEATURES, 8) : 0;

	if (memcmp(head, "QFI\xfb", 4) != 0 || version < 2 || version > 3)
		return not_a("qcow2", err);
	if (be(head + 8, 8) != 0)
		return mu_error_set(
		    err, MU_E_INVALID,
		    "the image has a backing file, which is never followed; hint: flatten it "
		    "first (qemu-img convert)");
	if (features & QCOW2_DATA_FILE)
		return mu_error_set(err, MU_E_INVALID,
				    "the image keeps its data in another file, which is never "
				    "followed");
	if (features & QCOW2_CORRUPT)
		return mu_error_set(err, MU_E_INVALID,
				    "the image is marked as corrupt; hint: qemu-img check");
	if (be(head + 32, 4) != 0)
		return mu_error_set(err, MU_E_UNSUPPORTED, "the image is encrypted");
	return 0;
}

/* Its footer is at the end; dynamic ones have a copy at the start. */
static int check_vhd(const unsigned char *head, const unsigned char *tail, struct mu_error *err)
{
	const unsigned char *footer = memcmp(tail, "conectix", 8) == 0 ? tail : head;
	uint64_t type;

	if (memcmp(footer, "conectix", 8) != 0)
		return not_a("vhd", err);
	type = be(footer + 60, 4);
	if (type == 4)
		return mu_error_set(
		    err, MU_E_INVALID,
		    "the image is a difference to another, which is never followed");
	if (type != 2 && type != 3)
		return mu_error_set(err, MU_E_INVALID, "the image is a VHD of unknown type");
	return 0;
}

static int check_vmdk(const unsigned char *head, struct mu_error *err)
{
	if (memcmp(head, "KDMV", 4) != 0)
		return mu_error_set(
		    err, MU_E_INVALID,
		    "the file is no vmdk image with its data inside; hint: convert it to "
		    "monolithicSparse or streamOptimized");
	/* Without a capacity it is a text that names other files. */
	if (le(head + 12, 8) == 0 || le(head + 28, 8) == 0)
		return mu_error_set(err, MU_E_INVALID,
				    "the image only describes other files, which are never "
				    "followed");
	return 0;
}

int image_head_check(enum image_format format, const unsigned char head[static IMAGE_HEAD_BYTES],
		     const unsigned char tail[static IMAGE_TAIL_BYTES], struct mu_error *err)
{
	switch (format) {
	case IMAGE_RAW:
	case IMAGE_OVA:
		return 0;
	case IMAGE_QCOW2:
		return check_qcow2(head, err);
	case IMAGE_VHD:
		return check_vhd(head, tail, err);
	case IMAGE_VMDK:
		return check_vmdk(head, err);
	case _IMAGE_FORMAT_COUNT:
		break;
	}
	return mu_error_set(err, MU_E_INTERNAL, "no such format");
}

int image_head_descriptor(const unsigned char head[static IMAGE_HEAD_BYTES], int64_t *ret_offset,
			  size_t *ret_len, struct mu_error *err)
{
	uint64_t sector = le(head + 28, 8), n_sectors = le(head + 36, 8);

	if (n_sectors == 0 || n_sectors > IMAGE_DESCRIPTOR_MAX / 512 || sector > INT64_MAX / 1024)
		return mu_error_set(err, MU_E_INVALID, "the image's descriptor is out of bounds");
	*ret_offset = (int64_t)sector * 512;
	*ret_len = (size_t)n_sectors * 512;
	return 0;
}

/* The value of `key=value` at the start of a line, without quotes. */
static bool line_value(const char *text, const char *key, char *ret, size_t size)
{
	for (const char *line = text; line && *line;
	     line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		const char *p = line + strspn(line, " \t\r");
		size_t len = strlen(key);

		if (strncasecmp(p, key, len) != 0)
			continue;
		p += len;
		p += strspn(p, " \t");
		if (*p++ != '=')
			continue;
		p += strspn(p, " \t\"");
		len = strcspn(p, "\"\r\n ");
		if (len >= size)
			return false;
		memcpy(ret, p, len);
		ret[len] = '\0';
		return true;
	}
	return false;
}

int image_descriptor_check(const char *text, size_t len, struct mu_error *err)
{
	MU_CLEANUP(mu_free) char *copy = mu_xstrndup(text, len);
	char value[64];

	if (!line_value(copy, "createType", value, sizeof value) ||
	    (strcasecmp(value, "monolithicSparse") != 0 &&
	     strcasecmp(value, "streamOptimized") != 0))
		return mu_error_set(
		    err, MU_E_INVALID,
		    "the image is neither monolithicSparse nor streamOptimized: other kinds lie in "
		    "several files, which are never followed");
	if (line_value(copy, "parentCID", value, sizeof value) &&
	    strcasecmp(value, "ffffffff") != 0)
		return mu_error_set(err, MU_E_INVALID,
				    "the image has a parent, which is never followed");
	return 0;
}

/* "00000001750" and a blank or NUL; false on anything else. */
static bool octal(const unsigned char *p, size_t n, int64_t *ret)
{
	int64_t v = 0;
	size_t i = 0;

	while (i < n && p[i] >= '0' && p[i] <= '7')
		v = v * 8 + (p[i++] - '0');
	if (i == 0 || (i < n && p[i] != ' ' && p[i] != '\0'))
		return false;
	*ret = v;
	return true;
}

int image_tar_member(const unsigned char block[static IMAGE_TAR_BLOCK],
		     struct image_tar_member *ret, struct mu_error *err)
{
	int64_t sum = 0, want, size;

	if (block[0] == '\0')
		return IMAGE_TAR_END;
	for (size_t i = 0; i < IMAGE_TAR_BLOCK; i++)
		sum += i >= 148 && i < 156 ? ' ' : block[i];
	if (!octal(block + 148, 8, &want) || want != sum)
		return not_a("ova", err);
	/* Sizes over 8 GiB do not fit: GNU tar then sets the high bit and writes them in binary. */
	if (block[124] == 0x80) {
		uint64_t large = be(block + 128, 8);

		if (large > (uint64_t)IMAGE_SIZE_MAX)
			return not_a("ova", err);
		size = (int64_t)large;
	} else if (!octal(block + 124, 12, &size)) {
		return not_a("ova", err);
	}
	ret->is_file = block[156] == '0' || block[156] == '\0';
	ret->size_bytes = size;
	memcpy(ret->name, block, 100);
	ret->name[100] = '\0';
	return 0;
}
