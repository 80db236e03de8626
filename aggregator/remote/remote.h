/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sender of Prometheus' remote_write: everything that hosts send, on to a store elsewhere.
 * docs/design/metrics.md, "remote_write". Loop thread; a request is a thread of its own.
 *
 * The queue is the archive: per object there is only how far it was sent. What waits is read from
 * the ten minutes that aggregator/metrics keeps in memory, so a store that is away costs no memory,
 * and what gets older than that is lost, and counted.
 */
#ifndef MUSTER_AGGREGATOR_REMOTE_REMOTE_H
#define MUSTER_AGGREGATOR_REMOTE_REMOTE_H

#include "aggregator/metrics/metrics.h"
#include "common/expose/remote.h"
#include "common/loop/loop.h"

struct remote;

/* Where to. Files are read for each request, so they may be replaced at any time. */
struct remote_target {
	const char *url;
	enum expose_names names;
	const char *ca_file;       /* NULL: the system's authorities */
	const char *token_file;    /* Bearer; NULL: none */
	const char *user;          /* Basic; NULL: none */
	const char *password_file; /* when there is a user */
	mu_msec timeout;
};

enum { REMOTE_OWN_MAX = 4 };

/* What is said of an object besides its series (common/expose/names.h). */
struct remote_own {
	const char *name;
	float value;
};

struct remote_options {
	struct mu_loop *loop;
	struct metrics *metrics;     /* lives as long */
	const char *mark;            /* file that says how far all was sent; copied */
	struct remote_target target; /* its texts live as long */
	/* All hosts and VMs. */
	void (*each)(void *ctx, void (*each)(void *arg, const struct mu_uuid *id), void *arg);
	/* Put the object, with the labels of these names; false: it is gone. */
	bool (*object)(void *ctx, const struct mu_uuid *id, enum expose_names names,
		       struct expose_remote *request);
	/* Of an object that is there, as it is now or, what was sampled, at that step; how many. */
	size_t (*own)(void *ctx, const struct mu_uuid *id, enum expose_names names, uint32_t step,
		      struct remote_own ret[REMOTE_OWN_MAX]);
	void *ctx;
};

/* Reads the mark: blocking, for the start. */
struct remote *remote_new(const struct remote_options *options);
/* Ends what goes on, writes the mark, then done(ctx) from the loop; freed by then. What was not
 * sent is sent after the next start. */
void remote_close(struct remote *rm, mu_loop_cb done, void *ctx);

struct remote_counts {
	uint64_t n_sent; /* samples that were taken */
	uint64_t n_refused;
	uint64_t n_lost; /* at most: they got too old before they could be sent */
	uint64_t n_requests;
	uint64_t n_failures; /* requests that were or are to be tried again */
	bool failing;
	mu_msec lag; /* since all that was there had been sent */
};

void remote_counts(const struct remote *rm, struct remote_counts *ret);

#endif
