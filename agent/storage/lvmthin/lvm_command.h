/* SPDX-License-Identifier: Apache-2.0 */
/* An LVM command, argument by argument. Blocking; never cut off half way (LVM may hold a device
 * suspended), so there is a deadline but no cancel. */
#ifndef MUSTER_AGENT_STORAGE_LVM_COMMAND_H
#define MUSTER_AGENT_STORAGE_LVM_COMMAND_H

#include "agent/storage/lvmthin/lvm_report.h"
#include "agent/storage/lvmthin/lvm_tags.h"

enum { LVM_ARGS_MAX = 92 };

struct lvm_command {
	size_t n;
	const char *argv[LVM_ARGS_MAX + 1];
};

/* Strings stay the caller's until the command was run. */
void lvm_add(struct lvm_command *c, const char *arg);
void lvm_add_all(struct lvm_command *c, const char *const *args, size_t n);
#define LVM_ADD(c, ...)                                                                            \
	lvm_add_all(c, (const char *const[]){__VA_ARGS__},                                         \
		    MU_ARRAY_SIZE(((const char *const[]){__VA_ARGS__})))
/* `option` before each tag. */
void lvm_add_tags(struct lvm_command *c, const char *option, const struct lvm_tags *tags);
/* MU_E_STATE: a volume is in use; MU_E_EXHAUSTED: no room; else MU_E_IO with LVM's reason. */
int lvm_run(const struct lvm_command *c, struct mu_error *err);
/* All volumes of a group; none is an empty report, no error. */
int lvm_list(struct mu_arena *a, const char *group, struct lvm_report *ret_report,
	     struct mu_error *err);

#endif
