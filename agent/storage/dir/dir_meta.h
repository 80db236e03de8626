/* SPDX-License-Identifier: Apache-2.0 */
/* The text of the small files beside the disks: docs/formats/storage.md. Plain functions. */
#ifndef MUSTER_AGENT_STORAGE_DIR_META_H
#define MUSTER_AGENT_STORAGE_DIR_META_H

#include "agent/storage/sr_types.h"
#include "common/base/error.h"
#include "common/base/str.h"

enum { DIR_META_MAX = 16384 };

void dir_meta_encode(const struct sr_vdi *vdi, struct mu_str *out);
/* All but sizes. MU_E_PROTOCOL, MU_E_INVALID; *ret_vdi is untouched then. */
int dir_meta_decode(const char *text, size_t len, struct sr_vdi *ret_vdi, struct mu_error *err);
/* The file that says whose directory it is. */
void dir_marker_encode(const struct mu_uuid *id, struct mu_str *out);
int dir_marker_decode(const char *text, size_t len, struct mu_uuid *ret_id, struct mu_error *err);

#endif
