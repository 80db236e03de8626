/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request to the store: compressed and sent on a thread of its own, as often as it is started.
 * Embedded in its user. Private to aggregator/remote.
 */
#ifndef MUSTER_AGGREGATOR_REMOTE_POST_H
#define MUSTER_AGGREGATOR_REMOTE_POST_H

#include "aggregator/remote/remote.h"
#include "common/loop/job.h"

struct post {
	/* inputs */
	const struct remote_target *target;
	const struct mu_str *bytes; /* stay as they are until done */
	void (*done)(struct post *p);
	/* results */
	int status;       /* 0: no answer, and `err` says why */
	mu_msec asked;    /* Retry-After; 0: it does not say */
	char answer[201]; /* begin of a text that is no success */
	struct mu_error err;
	/* private */
	struct mu_job job;
	struct mu_str block;
};

/* Other bytes from now on. */
void post_renew(struct post *p);
int post_start(struct post *p, struct mu_loop *loop, struct mu_error *err);
void post_cancel(struct post *p);
void post_deinit(struct post *p);

#endif
