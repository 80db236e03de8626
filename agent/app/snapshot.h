/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One moment of a VM: its disks together, with its memory if asked for, under a guest that goes on.
 * What names them (a definition) is stored by the user afterwards; until then the disks are whole
 * but nobody's, and the memory's file is swept when the agent starts. Embedded in its user. Loop
 * thread.
 */
#ifndef MUSTER_AGENT_APP_SNAPSHOT_H
#define MUSTER_AGENT_APP_SNAPSHOT_H

#include "agent/app/quiesce.h"
#include "agent/app/state_dir.h"
#include "agent/core/vm_copy.h"
#include "agent/hv/hv.h"
#include "agent/storage/storage.h"

struct app;

struct snapshot {
	/* inputs */
	struct app *app;
	struct vm_id vm;
	const struct vm_copy *copy; /* which disks, to which ids; the memory gets the new VM's id */
	bool memory;
	bool quiesce; /* guest.path is the guest agent's socket */
	struct quiesce guest;
	void (*progress)(struct snapshot *s, int percent);
	/* Once, from the loop; with an error nothing is left. */
	void (*done)(struct snapshot *s, const struct mu_error *err);
	void *ctx;
	/* result */
	mu_msec stopped_ms;   /* for which the guest stood still */
	int64_t memory_bytes; /* of its file */
	/* private: zero before the start */
	bool running;
	bool cancelled;
	struct storage_snapshots disks;
	struct hv_op op;
	bool stopped; /* by us, and to be let go on */
	bool frozen;
	bool has_memory;
	mu_msec stopped_at;
	char partial[STATE_PATH_MAX + 1];
	char path[STATE_PATH_MAX + 1];
	struct mu_error err;
};

void snapshot_start(struct snapshot *s);
/* Ask; done() still comes. Harmless when it does not run. */
void snapshot_cancel(struct snapshot *s);

#endif
