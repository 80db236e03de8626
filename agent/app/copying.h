/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the calls share that make a VM, or a state of it, of another: calls_snapshot.c,
 * calls_revert.c, calls_clone.c, and in part calls_ova_export.c. Lives in its call's arena. Loop
 * thread.
 */
#ifndef MUSTER_AGENT_APP_COPYING_H
#define MUSTER_AGENT_APP_COPYING_H

#include "agent/app/app_priv.h"
#include "agent/app/calls.h"
#include "agent/app/disk_set.h"
#include "agent/app/snapshot.h"
#include "agent/core/vm_copy.h"

struct copying {
	struct app_call *call;
	struct vm_copy copy; /* what is being made */
	struct snapshot snapshot;
	struct disk_set disks;
	struct mu_error err;
	void (*then)(struct copying *k); /* after a snapshot; NULL: the call is over */
	/* revert */
	size_t n_old; /* the disks that the VM had */
	struct mu_uuid old[HV_DISKS_MAX];
	struct vm_copy target;    /* after `snapshotBefore` */
	struct vm_id from_memory; /* of this snapshot; nil = there is none */
	/* clone of a VM that is in use: the snapshot that it is made from, and goes again */
	struct vm_copy between;
};

struct copying *copying_begin(struct app_call *c);
void copying_fail(struct copying *k, const struct mu_error *err);
/* The call's cancel. */
void copying_cancel(struct app_call *c);
/* NULL, with MU_E_NOT_FOUND: there is no definition. */
const struct vm_spec *copying_spec(const struct app *app, const struct vm_id *id,
				   struct mu_error *err);
/* The id of what the call makes, as the caller chose it or by the task's. */
struct vm_id copying_new_id(const struct mu_value *arguments, const struct mu_uuid *task);
bool copying_flag(const struct app_call *c, const char *name);
struct mu_value *copying_value(struct mu_arena *a, const struct vm_id *id);
/* Copies of k->copy's disks, to `sr` (NULL: each to its own). */
void copying_disks(struct copying *k, const struct mu_uuid *sr,
		   void (*done)(struct disk_set *set, const struct mu_error *err));
/* What they were for could not be stored: they go again, and the call fails with `err`. */
void copying_undo(struct copying *k, const struct mu_error *err);
/* Of a VM in use, the snapshot that was read from goes. Nobody waits for it: an agent that dies
 * meanwhile leaves it to the verdict, or to a person. */
void copying_remove_between(struct app *app, const struct vm_copy *between);
/* A guest that the last run has left standing still goes on. */
void copying_go_on(struct app *app, const struct journal_entry *e);
/* What became of a call that makes a VM, or a `what`. */
void copying_verdict(struct app *app, const struct mu_value *arguments,
		     const struct journal_entry *e, const char *what, struct journal_verdict *v);

/* calls_snapshot.c: k->copy becomes the plan of a snapshot of the call's VM, and is carried out
 * and stored; then k->then. */
int copying_plan_snapshot(struct copying *k, const struct vm_id *id, const char *name,
			  struct mu_error *err);
void copying_take_snapshot(struct copying *k);

#endif
