/* SPDX-License-Identifier: Apache-2.0 */
/* The device mapper's texts. Plain functions. */
#ifndef MUSTER_AGENT_STORAGE_LVM_DM_TEXT_H
#define MUSTER_AGENT_STORAGE_LVM_DM_TEXT_H

#include "common/base/error.h"

#include <stdbool.h>
#include <stddef.h>

enum { LVM_DM_NAME_MAX = 127 }; /* DM_NAME_LEN, less its end */

/* What LVM calls the device of a volume: "group-volume" with every hyphen of theirs doubled, and
 * "-layer" behind it if there is one ("tpool": what a thin pool's messages go to). MU_E_TOO_LARGE.
 */
int lvm_dm_name(const char *group, const char *volume, const char *layer,
		char ret[static LVM_DM_NAME_MAX + 1], struct mu_error *err);
/* Why a thin pool refuses, by its status line (`len` bytes at most, to the first NUL): for a
 * sentence. */
const char *lvm_dm_pool_state(const char *status, size_t len);

#endif
