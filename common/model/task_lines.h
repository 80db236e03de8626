/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was said of a task while it ran: a few lines for people, of its host and of whoever sent it
 * there. Bounded: the last place says that there was more. Heap memory of its owner.
 */
#ifndef MUSTER_MODEL_TASK_LINES_H
#define MUSTER_MODEL_TASK_LINES_H

#include "common/base/time.h"

#include <stdbool.h>
#include <stddef.h>

enum {
	TASK_LINES_MAX = 64,
	TASK_LINE_MAX = 255, /* bytes; what is longer is cut */
};

struct task_line {
	mu_msec at; /* ms since 1970 UTC */
	bool warning;
	bool from_host;
	char *text;
};

struct task_lines {
	struct task_line *lines;
	size_t n;
	size_t n_from_host; /* so many were taken of the host's, which are in order */
};

/* The new line, or NULL when there is no more room. `line` is copied. */
const struct task_line *task_lines_add(struct task_lines *l, const struct task_line *line);
void task_lines_deinit(struct task_lines *l);

#endif
