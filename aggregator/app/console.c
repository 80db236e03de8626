/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Consoles of the fleet's VMs: a WebSocket on one side, a tunnel to the VM's host on the other, and
 * between them a relay that counts, for the audit log. The opening is on the disk before the tunnel
 * is asked for; what the viewer types until then waits with it.
 */
#include "aggregator/app/app.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct relay {
	struct app *app;
	struct fleet_tunnel_request rq;
	char user[MODEL_NAME_MAX + 1];
	char from[64];
	struct mu_pipe viewer;
	struct mu_pipe host; /* ops NULL until it is asked for, and after its end */
	bool storing;        /* the opening; with `gone`, freed when that is done */
	bool gone;
	mu_msec opened_at;
	uint64_t n_shown;
	uint64_t n_typed;
};

static const char *kind_name(const struct relay *r)
{
	return r->rq.kind == FLEET_TUNNEL_CONSOLE_VNC ? "vnc" : "serial";
}

/* The log */

static void audit(struct relay *r, const char *action, const char *result, const char *detail,
		  enum store_promise promise, store_done done)
{
	const struct admin_asker who = {.user = r->user, .from = r->from};
	struct store_tx *tx = store_begin(r->app->store);

	app_audit(r->app, tx, &who, action, &r->rq.object, result, detail);
	store_commit(tx, promise, done, r);
}

static void audit_close(struct relay *r, const struct mu_error *why)
{
	MU_CLEANUP(mu_free)
	char *detail = mu_xasprintf(
	    "%s, %" PRIu64 " bytes shown, %" PRIu64 " typed, %" PRId64 " s%s%s", kind_name(r),
	    r->n_shown, r->n_typed, (mu_loop_now(r->app->loop) - r->opened_at) / 1000,
	    why ? "; " : "", why ? why->text : "");

	audit(r, "console.close", why ? "failure" : "success", detail, STORE_KEEP_LAZY, NULL);
}

/* The end, by either side. */
static void finish(struct relay *r, const struct mu_error *why)
{
	if (!r->storing) {
		audit_close(r, why);
		free(r);
		return;
	}
	r->gone = true;
}

/* From the viewer */

static int to_host(void *side, const void *data, size_t len)
{
	struct relay *r = side;
	int rc;

	/* Who may only read is not even heard here. A screen's viewer has to ask for pictures: what
	 * it may not send is left out by the host. */
	if (r->rq.kind == FLEET_TUNNEL_CONSOLE_SERIAL && !r->rq.write)
		return 0;
	rc = r->host.ops ? mu_pipe_send(&r->host, data, len) : MU_PIPE_FULL;
	if (rc == 0)
		r->n_typed += len;
	return rc;
}

static void viewer_has_room(void *side)
{
	struct relay *r = side;

	mu_pipe_writable(&r->host);
}

static void viewer_ends(void *side)
{
	struct relay *r = side;

	mu_pipe_end(&r->host);
}

static void viewer_closes(void *side, const struct mu_error *why)
{
	struct relay *r = side;

	mu_pipe_close(&r->host, why);
	r->viewer.ops = NULL;
	finish(r, why);
}

static const struct mu_pipe_ops viewer_side = {
    .send = to_host,
    .writable = viewer_has_room,
    .end = viewer_ends,
    .close = viewer_closes,
};

/* From the host */

static int to_viewer(void *side, const void *data, size_t len)
{
	struct relay *r = side;
	int rc = mu_pipe_send(&r->viewer, data, len);

	if (rc == 0)
		r->n_shown += len;
	return rc;
}

static void host_has_room(void *side)
{
	struct relay *r = side;

	mu_pipe_writable(&r->viewer);
}

static void host_ends(void *side)
{
	struct relay *r = side;

	mu_pipe_end(&r->viewer);
}

static void host_closes(void *side, const struct mu_error *why)
{
	struct relay *r = side;

	r->host.ops = NULL;
	mu_pipe_close(&r->viewer, why);
	finish(r, why);
}

static const struct mu_pipe_ops host_side = {
    .send = to_viewer,
    .writable = host_has_room,
    .end = host_ends,
    .close = host_closes,
};

/* Opening */

static void on_stored(void *ctx, const struct mu_error *err)
{
	struct relay *r = ctx;
	struct mu_error why = MU_ERROR_INIT;

	r->storing = false;
	if (r->gone) {
		audit_close(r, NULL);
		free(r);
		return;
	}
	if (err) { /* nobody may look without its being known */
		mu_pipe_close(&r->viewer, err);
		free(r);
		return;
	}
	if (fleet_tunnel_open(r->app->fleet, &r->rq, (struct mu_pipe){&host_side, r}, &r->host,
			      &why) < 0) {
		mu_pipe_close(&r->viewer, &why);
		finish(r, &why);
		return;
	}
	mu_pipe_writable(&r->viewer);
}

int app_console_open(struct app *app, const struct rest_console *rq, const struct admin_asker *who,
		     struct mu_pipe near, struct mu_pipe *ret_far, struct mu_error *err)
{
	const struct model_vm *vm = inventory_vm_find(app->inventory, &rq->vm);
	char detail[32];
	struct relay *r;

	if (!vm)
		return mu_error_set(err, MU_E_NOT_FOUND, "this VM is not known any more");
	if (app->stopping)
		return mu_error_set(err, MU_E_UNAVAILABLE, "the aggregator is stopping");
	r = mu_xcalloc(1, sizeof *r);
	r->app = app;
	mu_utf8_sanitize(r->user, sizeof r->user - 1, who->user, strlen(who->user));
	mu_utf8_sanitize(r->from, sizeof r->from - 1, who->from, strlen(who->from));
	r->rq = (struct fleet_tunnel_request){
	    .host = vm->host,
	    .kind = rq->kind == REST_CONSOLE_VNC ? FLEET_TUNNEL_CONSOLE_VNC
						 : FLEET_TUNNEL_CONSOLE_SERIAL,
	    .object = rq->vm.uuid,
	    .user = r->user,
	    .from = r->from,
	    .write = rq->write,
	    .take = rq->take,
	};
	r->viewer = near;
	r->opened_at = mu_loop_now(app->loop);
	r->storing = true;
	(void)snprintf(detail, sizeof detail, "%s, %s", kind_name(r), rq->write ? "write" : "read");
	audit(r, rq->take ? "console.take" : "console.open", "requested", detail, STORE_OR_FAIL,
	      on_stored);
	*ret_far = (struct mu_pipe){.ops = &viewer_side, .side = r};
	return 0;
}
