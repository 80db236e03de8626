/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocking work off the loop: `run` on a pool thread, then `done` on the loop, exactly once and
 * never inside start. Embedded in its user, which must outlive it; at most one run at a time per
 * struct. Different works run concurrently: order is the user's business (one work in flight).
 */
#ifndef MUSTER_LOOP_WORK_H
#define MUSTER_LOOP_WORK_H

#include "common/loop/loop.h"

struct mu_work {
	/* inputs */
	void (*run)(struct mu_work *w);  /* pool thread: touches only what the embedder set aside */
	void (*done)(struct mu_work *w); /* loop thread */
	/* private */
	void *priv;
};

void mu_work_start(struct mu_work *w, struct mu_loop *loop);

#endif
