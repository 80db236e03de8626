/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The aggregator's disk. Transactions become durable in order and later than they are begun; a
 * crash takes those that are not, and may take the news of those that are.
 */
#ifndef MUSTER_TESTS_SIMULATOR_DISK_H
#define MUSTER_TESTS_SIMULATOR_DISK_H

#include "tests/simulator/net.h"

#include "common/base/map.h"

enum disk_kind {
	DISK_STATE,
	DISK_TASK_BEGIN,
	DISK_TASK_PUT, /* nobody waits for it */
	DISK_RESULT,   /* `ends`: with the task's end */
};

struct disk_tx {
	enum disk_kind kind;
	size_t host;
	/* DISK_STATE */
	bool snapshot;
	uint64_t round;
	uint64_t epoch;
	uint64_t seq;
	struct model_host model;
	size_t n_removed;
	struct mu_uuid removed[SIM_SLOTS];
	/* the others */
	struct model_task task;
	bool ends;
	/* DISK_STATE */
	size_t n_vms;
	struct model_vm vms[];
};

struct disk_host {
	uint64_t epoch;
	uint64_t seq;
	struct model_host model;
	bool has[SIM_SLOTS];
	struct model_vm vms[SIM_SLOTS];
};

struct disk {
	struct disk_host *hosts;
	struct mu_map *tasks; /* struct model_task by id */
	mu_msec last;
};

void disk_init(struct disk *d, size_t n_hosts);
void disk_deinit(struct disk *d);
struct disk_tx *disk_tx_new(enum disk_kind kind, size_t host, size_t n_vms);
/* Takes over `tx`; aggregator_stored() follows. */
void disk_commit(struct sim *s, struct disk_tx *tx);

#endif
