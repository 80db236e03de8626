/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The VMs that a reboot of the host suspends and that go on after it: what is written down of them
 * (docs/formats/agent-state-dir.md, resume.json), and when it is time. Pure.
 *
 *     noted, open     written before the first VM is suspended. The host is up: who reads that in a
 *                     start of the agent knows of an attempt that broke off, and resumes at once
 *     noted, sealed   written before the host is told to go. In the same boot nothing is resumed,
 *                     it may be going down right now; in the next one everything
 */
#ifndef MUSTER_AGENT_CORE_RESUME_LIST_H
#define MUSTER_AGENT_CORE_RESUME_LIST_H

#include "common/base/error.h"
#include "common/base/id.h"
#include "common/base/str.h"
#include "common/model/vm.h"

enum { RESUME_LIST_MAX = 4096, RESUME_LIST_TEXT_MAX = 1 << 20 };

struct resume_list {
	char boot_id[MU_UUID_TEXT]; /* in which it was written */
	bool sealed;
	char user[MODEL_NAME_MAX + 1]; /* who asked for the reboot */
	size_t n_vms;
	struct vm_id *vms;
};

void resume_list_init(struct resume_list *l);
void resume_list_deinit(struct resume_list *l);
/* Beyond RESUME_LIST_MAX, and what is in it, is left out. */
void resume_list_add(struct resume_list *l, const struct vm_id *id);
bool resume_list_has(const struct resume_list *l, const struct vm_id *id);
/* False when it was not in it. */
bool resume_list_drop(struct resume_list *l, const struct vm_id *id);
/* Is it time, in this boot? */
bool resume_list_due(const struct resume_list *l, const char *boot_id);
void resume_list_encode(const struct resume_list *l, struct mu_str *out);
/* MU_E_INVALID; *ret_list is untouched then. */
int resume_list_decode(const char *text, size_t len, struct resume_list *ret_list,
		       struct mu_error *err);

#endif
