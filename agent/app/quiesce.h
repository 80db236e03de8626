/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest's file systems are frozen by its QEMU guest agent, so that what is on its disks is whole,
 * and let go again. The guest is never frozen for longer than QUIESCE_FROZEN_MAX: who has not let
 * it go by then hears that it went by itself. Embedded in its user. Loop thread.
 */
#ifndef MUSTER_AGENT_APP_QUIESCE_H
#define MUSTER_AGENT_APP_QUIESCE_H

#include "agent/core/guest_agent.h"
#include "common/base/list.h"
#include "common/loop/loop.h"

struct mu_poll;

#define QUIESCE_ANSWER_MAX MU_SEC(5)  /* to a greeting */
#define QUIESCE_FREEZE_MAX MU_SEC(30) /* what is not written yet has to be */
#define QUIESCE_FROZEN_MAX MU_SEC(10)
#define QUIESCE_THAW_MAX MU_SEC(10)

struct quiesce {
	/* inputs */
	struct mu_loop *loop;
	char path[GUEST_AGENT_PATH_MAX + 1];
	/* After freeze, and after thaw; from the loop. */
	void (*done)(struct quiesce *q, const struct mu_error *err);
	void *ctx;
	/* private: zero before the first use */
	int state;
	int fd;
	struct mu_poll *poll;
	struct mu_timer *timer;
	struct guest_agent agent;
	struct mu_str out;
	size_t n_sent; /* of `out` */
	bool only_thaw;
	bool asked;  /* to freeze: from here on it has to be thawed */
	bool told;   /* that it is frozen */
	bool wanted; /* the user wants it thawed */
	struct mu_error err;
	struct mu_link link;
};

/* Fails: it is thawed, as far as it listens, and nothing more is to be done. */
void quiesce_freeze(struct quiesce *q);
/* After a freeze that worked. Fails when the guest went by itself, or does not answer. */
void quiesce_thaw(struct quiesce *q);
/* What a freeze of the last run may have left. What comes of it is logged. Until then it is in
 * `list`, of which quiesce_drop() empties the rest. */
void quiesce_thaw_anyway(struct mu_loop *loop, const char *path, struct mu_link *list);
void quiesce_drop(struct mu_link *list);

#endif
