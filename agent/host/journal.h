/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system's journal through journalctl: bounded in lines, bytes and time. Loop thread; what it
 * prints is taken apart on a work thread.
 */
#ifndef MUSTER_AGENT_HOST_JOURNAL_H
#define MUSTER_AGENT_HOST_JOURNAL_H

#include "common/loop/process.h"
#include "common/loop/work.h"
#include "common/model/host_read.h"

enum { HOST_JOURNAL_ARGS_MAX = 24 };

/* Embedded in its user. */
struct host_journal {
	/* inputs */
	struct host_read what;                /* HOST_READ_JOURNAL or HOST_READ_BOOTS, checked */
	void (*done)(struct host_journal *j); /* once, from the loop, never inside start */
	/* results */
	struct mu_str text; /* JSON; the user's to free */
	struct mu_error err;
	/* private */
	struct mu_loop *loop;
	struct mu_process process;
	struct mu_work work;
	const char *argv[HOST_JOURNAL_ARGS_MAX];
	char lines[32], since[64], cursor[HOST_READ_CURSOR_MAX + 32];
	bool cancelled;
};

void host_journal_start(struct host_journal *j, struct mu_loop *loop);
/* `done` still comes, with MU_E_CANCELLED. */
void host_journal_cancel(struct host_journal *j);

/* What `journalctl -o json` printed, to a list of {at, unit, identifier, pid, priority, message,
 * boot, cursor}. A line that is no entry is MU_E_PROTOCOL. */
int host_journal_entries(const char *text, size_t len, struct mu_str *out, struct mu_error *err);
/* What `journalctl --list-boots --utc` printed, to a list of {index, boot, first, last}. */
void host_journal_boots(const char *text, struct mu_str *out);

#endif
