/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contents of the fleet's disks: HTTP on one side, a tunnel to a host on the other. What gives
 * something away, begins or ends something is in the audit log; that an upload was looked at, or
 * got some more of its bytes, is not: what becomes of it is a task, which is.
 */
#include "aggregator/app/relay.h"

#include <string.h>

static bool is_recorded(const char *op)
{
	return strcmp(op, "download") == 0 || strcmp(op, "download.vm") == 0 ||
	       strcmp(op, "upload.create") == 0 || strcmp(op, "upload.remove") == 0;
}

/* Names of actions, as long as the log may need them. */
static void set_words(const char *op, struct relay_words *w)
{
	bool vm = strcmp(op, "download.vm") == 0;
	bool download = vm || strcmp(op, "download") == 0;
	bool create = strcmp(op, "upload.create") == 0;

	w->open = vm         ? "vm.download"
		  : download ? "vdi.download"
		  : create   ? "upload.create"
			     : "upload.remove";
	w->close = vm         ? "vm.downloaded"
		   : download ? "vdi.downloaded"
		   : create   ? "upload.created"
			      : "upload.removed";
	w->what = download ? "download" : "upload";
	w->out = "out";
	w->in = "in";
}

int app_transfer_open(struct app *app, const struct rest_transfer *rq,
		      const struct admin_asker *who, struct mu_pipe near, struct mu_pipe *ret_far,
		      struct mu_error *err)
{
	const struct fleet_tunnel_request tunnel = {
	    .host = rq->host,
	    .kind = FLEET_TUNNEL_TRANSFER,
	    .object = rq->object,
	    .user = who->user,
	    .from = who->from,
	    .arguments = rq->arguments,
	};
	struct relay_words words = {.detail = rq->arguments};

	if (app->stopping)
		return mu_error_set(err, MU_E_UNAVAILABLE, "the aggregator is stopping");
	if (!is_recorded(rq->op))
		return fleet_tunnel_open(app->fleet, &tunnel, near, ret_far, err);
	set_words(rq->op, &words);
	relay_open(app, &tunnel, &words, near, ret_far);
	return 0;
}
