/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stream to the aggregator: state, metrics and results out, commands in; dialled again for
 * ever, with or without success. A host that is not enrolled has none. Loop thread.
 */
#ifndef MUSTER_AGENT_LINK_LINK_H
#define MUSTER_AGENT_LINK_LINK_H

#include "agent/app/app.h"
#include "agent/stats/history.h"
#include "agent/stats/window.h"
#include "common/loop/loop.h"

struct link_options {
	const char *tls_dir;    /* what enrolment left */
	const char *aggregator; /* "host:port" instead of the enrolment's, or NULL */
	const char *boot_id;
	struct host_id host;
	struct window *window;         /* metrics to send */
	const struct history *history; /* and what of it the aggregator does not have */
};

struct link;

/* Begins to dial at once. The strings must live as long as the link. */
struct link *link_new(struct mu_loop *loop, struct app *app, const struct link_options *options);
/* The window has more. */
void link_metrics_added(struct link *link);
/* Ends the stream, then done(ctx) from the loop; freed by then. */
void link_stop(struct link *link, mu_loop_cb done, void *ctx);

#endif
