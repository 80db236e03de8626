/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between somebody out there and a tunnel to a host, where the audit log has to know: a console's
 * viewer, a disk's download. The relay counts. The opening is on the disk before the tunnel is
 * asked for; what comes until then waits with its sender.
 */
#include "aggregator/app/relay.h"

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
	struct relay_words words;
	char *arguments;
	char user[MODEL_NAME_MAX + 1];
	char from[64];
	struct mu_pipe near;
	struct mu_pipe host; /* ops NULL until it is asked for, and after its end */
	bool storing;        /* the opening; with `gone`, freed when that is done */
	bool gone;
	mu_msec opened_at;
	uint64_t n_out; /* to whoever asked */
	uint64_t n_in;
};

static void relay_free(struct relay *r)
{
	free(r->arguments);
	free(r);
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
	char *detail = mu_xasprintf("%s, %" PRIu64 " bytes %s, %" PRIu64 " %s, %" PRId64 " s%s%s",
				    r->words.what, r->n_out, r->words.out, r->n_in, r->words.in,
				    (mu_loop_now(r->app->loop) - r->opened_at) / 1000,
				    why ? "; " : "", why ? why->text : "");

	audit(r, r->words.close, why ? "failure" : "success", detail, STORE_KEEP_LAZY, NULL);
}

/* The end, by either side. */
static void finish(struct relay *r, const struct mu_error *why)
{
	if (!r->storing) {
		audit_close(r, why);
		relay_free(r);
		return;
	}
	r->gone = true;
}

/* From whoever asked */

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
		r->n_in += len;
	return rc;
}

static void near_has_room(void *side)
{
	struct relay *r = side;

	mu_pipe_writable(&r->host);
}

static void near_ends(void *side)
{
	struct relay *r = side;

	mu_pipe_end(&r->host);
}

static void near_closes(void *side, const struct mu_error *why)
{
	struct relay *r = side;

	mu_pipe_close(&r->host, why);
	r->near.ops = NULL;
	finish(r, why);
}

static const struct mu_pipe_ops near_side = {
    .send = to_host,
    .writable = near_has_room,
    .end = near_ends,
    .close = near_closes,
};

/* From the host */

static int to_near(void *side, const void *data, size_t len)
{
	struct relay *r = side;
	int rc = mu_pipe_send(&r->near, data, len);

	if (rc == 0)
		r->n_out += len;
	return rc;
}

static void host_has_room(void *side)
{
	struct relay *r = side;

	mu_pipe_writable(&r->near);
}

static void host_ends(void *side)
{
	struct relay *r = side;

	mu_pipe_end(&r->near);
}

static void host_closes(void *side, const struct mu_error *why)
{
	struct relay *r = side;

	r->host.ops = NULL;
	mu_pipe_close(&r->near, why);
	finish(r, why);
}

static const struct mu_pipe_ops host_side = {
    .send = to_near,
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
		relay_free(r);
		return;
	}
	if (err) { /* nobody may look without its being known */
		mu_pipe_close(&r->near, err);
		relay_free(r);
		return;
	}
	if (fleet_tunnel_open(r->app->fleet, &r->rq, (struct mu_pipe){&host_side, r}, &r->host,
			      &why) < 0) {
		mu_pipe_close(&r->near, &why);
		finish(r, &why);
		return;
	}
	mu_pipe_writable(&r->near);
}

void relay_open(struct app *app, const struct fleet_tunnel_request *rq,
		const struct relay_words *words, struct mu_pipe near, struct mu_pipe *ret_far)
{
	struct relay *r = mu_xcalloc(1, sizeof *r);

	r->app = app;
	mu_utf8_sanitize(r->user, sizeof r->user - 1, rq->user, strlen(rq->user));
	mu_utf8_sanitize(r->from, sizeof r->from - 1, rq->from, strlen(rq->from));
	r->rq = *rq;
	r->rq.user = r->user;
	r->rq.from = r->from;
	r->rq.arguments = r->arguments = rq->arguments ? mu_xstrdup(rq->arguments) : NULL;
	r->words = *words;
	r->near = near;
	r->opened_at = mu_loop_now(app->loop);
	r->storing = true;
	audit(r, words->open, "requested", words->detail, STORE_OR_FAIL, on_stored);
	*ret_far = (struct mu_pipe){.ops = &near_side, .side = r};
}
