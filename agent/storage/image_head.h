/* SPDX-License-Identifier: Apache-2.0 */
/* What the first and last bytes of an image say: is it what it is said to be, and does it stay in
 * its own file? Pure functions over bytes from outside. */
#ifndef MUSTER_AGENT_STORAGE_IMAGE_HEAD_H
#define MUSTER_AGENT_STORAGE_IMAGE_HEAD_H

#include "agent/storage/image.h"

enum { IMAGE_HEAD_BYTES = 512, IMAGE_TAIL_BYTES = 512, IMAGE_DESCRIPTOR_MAX = 64 << 10 };

/* `head` and `tail`: the first and last 512 bytes, zeroes where the file is shorter. RAW is always
 * fine. */
int image_head_check(enum image_format format, const unsigned char head[static IMAGE_HEAD_BYTES],
		     const unsigned char tail[static IMAGE_TAIL_BYTES], struct mu_error *err);
/* VMDK: where its descriptor is. MU_E_INVALID when it is larger than it may be. */
int image_head_descriptor(const unsigned char head[static IMAGE_HEAD_BYTES], int64_t *ret_offset,
			  size_t *ret_len, struct mu_error *err);
/* VMDK: the descriptor must say that everything is in this file. */
int image_descriptor_check(const char *text, size_t len, struct mu_error *err);

/* One header of a tar archive (an OVA). 0: a member; IMAGE_TAR_END: the archive ends. */
enum { IMAGE_TAR_END = 1, IMAGE_TAR_BLOCK = 512 };
struct image_tar_member {
	char name[101];
	bool is_file;
	int64_t size_bytes;
};
int image_tar_member(const unsigned char block[static IMAGE_TAR_BLOCK],
		     struct image_tar_member *ret, struct mu_error *err);

#endif
