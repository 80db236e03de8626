/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the lvmthin driver share. One call at a time, on a thread that may block. */
#ifndef MUSTER_AGENT_STORAGE_LVMTHIN_H
#define MUSTER_AGENT_STORAGE_LVMTHIN_H

#include "agent/storage/lvmthin/lvm_command.h"
#include "agent/storage/sr.h"

enum { LVM_NAME_MAX = 127 };

struct lvmthin {
	struct mu_uuid id;
	char group[LVM_NAME_MAX + 1];
	char pool[LVM_NAME_MAX + 1];
	char devices[MODEL_PATH_MAX + 1]; /* "," between; "" = the pool is there */
	bool wipe;
	bool zero;   /* of the pool, known once attached */
	int control; /* device mapper's, -1 before the first attach */
	/* of one operation, until lvm_idle() */
	struct mu_arena *arena;
	const struct lvm_report *report; /* NULL: not read, or no longer true */
};

/* One listing serves an operation until it changes something. What was read stays valid memory
 * until the operation ends. */
int lvmthin_report(struct lvmthin *l, const struct lvm_report **ret_report, struct mu_error *err);
/* Run a command that changes something. */
int lvmthin_change(struct lvmthin *l, const struct lvm_command *c, struct mu_error *err);
/* "group/volume", until the operation ends. */
const char *lvmthin_in_group(struct lvmthin *l, const char *name);

/* lvm_pool.c: these members of sr_ops */
int lvm_pool_probe(void *impl, struct mu_uuid *ret_id, struct mu_error *err);
int lvm_pool_create(void *impl, struct mu_error *err);
int lvm_pool_destroy(void *impl, struct mu_error *err);

#endif
