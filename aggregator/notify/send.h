/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One notice to one target, on a thread of its own. Embedded in its user; `done` comes from the
 * loop exactly once, never inside start.
 */
#ifndef MUSTER_AGGREGATOR_NOTIFY_SEND_H
#define MUSTER_AGGREGATOR_NOTIFY_SEND_H

#include "aggregator/core/notify.h"
#include "common/base/str.h"
#include "common/loop/job.h"

struct send {
	/* inputs */
	struct notify_target target;
	struct mu_uuid delivery;
	struct mu_str text; /* JSON, or a mail */
	void (*done)(struct send *s);
	/* results */
	enum notify_outcome outcome;
	struct mu_error err;
	/* private */
	struct mu_job job;
};

void send_start(struct send *s, struct mu_loop *loop);
/* Ask; `done` still comes. */
void send_cancel(struct send *s);
/* Free the text. */
void send_deinit(struct send *s);

#endif
