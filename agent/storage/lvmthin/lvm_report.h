/* SPDX-License-Identifier: Apache-2.0 */
/* What LVM's `lvs --reportformat json` says of a volume group. Plain functions. */
#ifndef MUSTER_AGENT_STORAGE_LVM_REPORT_H
#define MUSTER_AGENT_STORAGE_LVM_REPORT_H

#include "common/base/arena.h"
#include "common/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The columns that lvm_report_read() needs, for `lvs -o`. */
#define LVM_REPORT_COLUMNS                                                                         \
	"lv_name,lv_size,segtype,pool_lv,lv_active,zero,data_percent,metadata_percent,lv_tags,vg_" \
	"tags,thin_id,lv_suspended"
enum { LVM_REPORT_MAX = 16 << 20 };

struct lvm_volume {
	const char *name;
	int64_t size_bytes;
	bool is_pool;
	const char *pool; /* a thin volume's, "" else */
	bool active;
	bool suspended;
	int64_t thin_id;      /* of a thin volume, in its pool; -1 = it is none */
	bool zero;            /* a pool: new blocks are zeroed */
	int32_t data_percent; /* rounded up; -1 = not told (only active ones are) */
	int32_t metadata_percent;
	int64_t used_bytes; /* -1 the same */
	const char *tags;
	const char *group_tags;
};

struct lvm_report {
	size_t n;
	struct lvm_volume *list;
};

/* Everything is in the arena. MU_E_PROTOCOL. */
int lvm_report_read(struct mu_arena *a, const char *text, size_t len, struct lvm_report *ret_report,
		    struct mu_error *err);
const struct lvm_volume *lvm_report_find(const struct lvm_report *r, const char *name);

#endif
