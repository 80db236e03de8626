/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child process: an argument vector (never a shell), output captured up to a limit, a deadline
 * after which it is killed. Embedded in its user. `done` comes from the loop exactly once, never
 * inside start, also when the program could not be started.
 */
#ifndef MUSTER_LOOP_PROCESS_H
#define MUSTER_LOOP_PROCESS_H

#include "common/base/str.h"
#include "common/loop/loop.h"

struct mu_process {
	/* inputs */
	const char *const *argv; /* NULL-terminated; argv[0] is looked up in PATH */
	mu_msec deadline;        /* from start; 0 = none */
	size_t output_max;       /* bytes kept of stdout and of stderr each */
	void (*done)(struct mu_process *p);
	/* results */
	int exit_code; /* -1: not started, killed or timed out; err says which */
	struct mu_str out;
	struct mu_str errout;
	struct mu_error err;
	/* private */
	void *priv;
};

void mu_process_start(struct mu_process *p, struct mu_loop *loop);
/* Ask it and what it has started to end (SIGTERM, after 5 s SIGKILL); `done` still comes, with
 * MU_E_CANCELLED unless it had ended by itself. */
void mu_process_cancel(struct mu_process *p);
/* Free the results. */
void mu_process_deinit(struct mu_process *p);

#endif
