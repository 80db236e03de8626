/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running a tool from blocking code: an argument vector (never a shell), a fixed environment,
 * output captured up to a limit, a deadline, and an end when somebody cancels. For threads that may
 * block (common/loop/job.h); the loop thread has common/loop/process.h. Any thread.
 */
#ifndef MUSTER_OS_TOOL_H
#define MUSTER_OS_TOOL_H

#include "common/base/str.h"
#include "common/base/time.h"
#include "common/os/cancel.h"

struct mu_tool {
	/* inputs */
	const char *const *argv;        /* NULL-terminated; argv[0] is looked up in PATH */
	mu_msec deadline;               /* from start; 0 = none */
	size_t output_max;              /* bytes kept of stdout and of stderr each */
	const struct mu_cancel *cancel; /* NULL: it runs to its end, whatever is asked */
	bool dies_with_us; /* killed when our thread ends, e.g. when the process does */
	void (*on_output)(void *ctx, const char *data,
			  size_t len); /* stdout as it comes; or NULL */
	void *ctx;
	/* results, zero before the start */
	int exit_code; /* -1: not started, killed or timed out */
	struct mu_str out;
	struct mu_str errout;
};

/* 0 when it ended with exit code 0. MU_E_NOT_FOUND (no such program), MU_E_TIMEOUT, MU_E_CANCELLED
 * (SIGTERM, after 5 s SIGKILL), MU_E_IO with the first line on stderr that is no warning. */
int mu_tool_run(struct mu_tool *t, struct mu_error *err);
/* Free the results. */
void mu_tool_deinit(struct mu_tool *t);
static inline void mu_tool_deinit_cleanup(struct mu_tool *t)
{
	mu_tool_deinit(t);
}

#endif
