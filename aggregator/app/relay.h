/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tunnel to a host that the audit log knows of: its opening durably before it is asked for, its
 * end with what went through. Loop thread.
 */
#ifndef MUSTER_AGGREGATOR_APP_RELAY_H
#define MUSTER_AGGREGATOR_APP_RELAY_H

#include "aggregator/app/app.h"

/* For the audit log; all but `detail` stay valid. */
struct relay_words {
	const char *open; /* the action: "console.open" */
	const char *close;
	const char *detail; /* of the opening */
	const char *what;   /* of the end: "serial, 12 bytes shown, 3 typed, 60 s" */
	const char *out;
	const char *in;
};

/* rq's texts are copied. `near` leads to whoever asked; nothing is sent inside. */
void relay_open(struct app *app, const struct fleet_tunnel_request *rq,
		const struct relay_words *words, struct mu_pipe near, struct mu_pipe *ret_far);

#endif
