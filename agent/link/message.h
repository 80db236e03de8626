/* SPDX-License-Identifier: Apache-2.0 */
/* The messages that an agent sends, as bytes in an arena. Pure but for that. */
#ifndef MUSTER_AGENT_LINK_MESSAGE_H
#define MUSTER_AGENT_LINK_MESSAGE_H

#include "agent/app/app.h"
#include "agent/core/sync.h"
#include "agent/stats/backfill.h"
#include "agent/stats/window.h"
#include "common/base/arena.h"

struct message {
	const void *data;
	size_t len;
};

struct message_hello {
	const struct host_id *host;
	const char *boot_id;
	uint64_t state_epoch;
	uint64_t acked_seq;
	uint64_t metric_epoch;
};

struct message message_hello(struct mu_arena *a, const struct message_hello *h);
/* What a snapshot has no room for: named in it, to be sent with the deltas that follow. */
struct message_later {
	const struct mu_uuid *ids; /* in the arena */
	size_t n;
};

struct message message_snapshot(struct mu_arena *a, const struct app *app, uint64_t epoch,
				uint64_t seq, struct message_later *ret_later);
/* What is gone meanwhile is left out: its removal is in a later delta. */
struct message message_delta(struct mu_arena *a, const struct app *app,
			     const struct sync_delta *delta);
struct message message_dictionary(struct mu_arena *a, const struct window_dictionary *d);
struct message message_batches(struct mu_arena *a, const struct window_batches *b);
struct message message_row_dictionary(struct mu_arena *a, const struct backfill_dictionary *d);
struct message message_row(struct mu_arena *a, const struct backfill_row *row);
struct message message_progress(struct mu_arena *a, const struct mu_uuid *task, int percent);
struct message message_lines(struct mu_arena *a, const struct mu_uuid *task,
			     const struct task_lines *lines);
struct message message_result(struct mu_arena *a, const struct journal_entry *e);
/* A command that cannot be understood; there is no journal entry. */
struct message message_refusal(struct mu_arena *a, const struct mu_uuid *task,
			       const struct mu_error *err, mu_msec now);
/* A piece of what was read of the host; err MU_E_NONE: `data`, else why there is none. */
struct message_piece {
	const struct mu_uuid *id;
	const char *data;
	size_t len;
	bool last;
	const struct mu_error *err;
};
struct message message_host_read(struct mu_arena *a, const struct message_piece *p);
struct message message_certificate_request(struct mu_arena *a, const char *csr);

#endif
