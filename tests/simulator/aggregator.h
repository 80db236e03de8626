/* SPDX-License-Identifier: Apache-2.0 */
/* The aggregator's cores, held together as aggregator/fleet and aggregator/app do it. */
#ifndef MUSTER_TESTS_SIMULATOR_AGGREGATOR_H
#define MUSTER_TESTS_SIMULATOR_AGGREGATOR_H

#include "tests/simulator/disk.h"

#include "aggregator/core/inventory.h"
#include "aggregator/core/tasks.h"

enum { AGGREGATOR_HOSTS_MAX = 8 };

struct aggregator {
	bool up;
	uint64_t life;
	struct inventory *inventory;
	struct inventory_changes changes;
	struct tasks *tasks;
	struct {
		struct session_mark mark;
		struct net_stream *stream;
	} hosts[AGGREGATOR_HOSTS_MAX];
	struct disk disk;
};

void aggregator_start(struct sim *s); /* from its disk */
void aggregator_kill(struct sim *s);
void aggregator_receive(struct sim *s, struct net_stream *stream, const struct net_message *m);
void aggregator_ended(struct sim *s, struct net_stream *stream);
void aggregator_stored(struct sim *s, const struct disk_tx *tx);

/* What people ask for. */
void aggregator_vm_op(struct sim *s, const struct vm_id *vm, enum vm_op op, mu_msec deadline);
void aggregator_abort(struct sim *s, const struct mu_uuid *task);

#endif
