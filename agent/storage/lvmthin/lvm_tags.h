/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk's book-keeping as LVM tags of its volume, so that volume and book-keeping change in one
 * commit of the volume group: docs/formats/storage.md. Plain functions.
 */
#ifndef MUSTER_AGENT_STORAGE_LVM_TAGS_H
#define MUSTER_AGENT_STORAGE_LVM_TAGS_H

#include "agent/storage/sr_types.h"
#include "common/base/arena.h"

enum { LVM_TAGS_MAX = 32 };

struct lvm_tags {
	size_t n;
	const char *list[LVM_TAGS_MAX]; /* in the caller's arena */
};

/* All tags of a disk of that SR. */
void lvm_tags_encode(struct mu_arena *a, const struct mu_uuid *sr, const struct sr_vdi *vdi,
		     struct lvm_tags *ret_tags);
/* `text`: tags with "," between, as LVM reports them. False when the volume is no disk of that SR;
 * a value that cannot be read counts as not given. Sizes and id are the caller's. */
bool lvm_tags_decode(const char *text, const struct mu_uuid *sr, struct sr_vdi *ret_vdi);
/* Those of `text` that are ours, one by one (for taking them away). */
void lvm_tags_ours(struct mu_arena *a, const char *text, struct lvm_tags *ret_tags);
/* The value behind `key` in `text`; false when there is none. */
bool lvm_tags_find_id(const char *text, const char *key, struct mu_uuid *ret_id);
bool lvm_tags_has(const struct lvm_tags *tags, const char *tag);

#define LVM_TAG_SR "muster.sr="             /* a disk: its SR */
#define LVM_TAG_POOL "muster.pool="         /* a thin pool: the SR that it is */
#define LVM_TAG_GROUP "muster.group="       /* a volume group that an SR has made */
#define LVM_TAG_REPLACES "muster.replaces=" /* a disk that is to take another's place */

#endif
