/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server is a port, the streams on it, and one listener at a time: gRPC's own server object,
 * which rpc_guard.h says when to replace. The old one closes its socket first (the port is not
 * shared) but keeps its streams, which live on until they end by themselves; it is destroyed
 * behind the last of them.
 *
 *     listener:  listening --retire--> closing --streams ended, request came back--> destroyed
 *     server:    serving --rpc_server_stop--> stopping --no listener, stream or probe--> freed
 */
#include "common/base/assert.h"
#include "common/base/str.h"
#include "common/log/log.h"
#include "common/rpc/rpc_address.h"
#include "common/rpc/rpc_credentials.h"
#include "common/rpc/rpc_loop.h"
#include "common/rpc/rpc_probe.h"
#include "common/rpc/rpc_settings.h"
#include "common/rpc/rpc_stream.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { PATH_MAX_BYTES = 255, QUICK_REBINDS = 50 };
/* A closed socket lingers for a moment in gRPC's hands. */
static const mu_msec quick_rebind = 20;
static const mu_msec slow_rebind = MU_SEC(1);

struct listener {
	struct mu_link link;
	struct rpc_server *server;
	grpc_server *grpc;
	/* the next call */
	struct rpc_tag request_tag;
	bool requested;
	grpc_call *call;
	grpc_call_details details;
	grpc_metadata_array metadata;
	/* closing */
	struct rpc_tag shutdown_tag;
	bool retired;
	bool shut_down;
};

struct rpc_server {
	struct rpc *rpc;
	struct rpc_server_options options; /* strings not kept */
	struct rpc_address address;        /* with the real port */
	struct rpc_settings settings;
	struct rpc_identity *identity;
	struct listener *listener; /* the one that listens; NULL between two */
	struct mu_link listeners;  /* it and the retired ones */
	struct mu_link streams;
	/* guard */
	struct rpc_guard guard;
	struct rpc_accept_watch watch;
	struct mu_timer *timer; /* the next probe, or the next attempt to listen */
	struct rpc_probe *probe;
	mu_msec next_probe;
	unsigned int n_rebinds;
	/* stopping */
	bool stopping;
	mu_loop_cb done;
	void *done_ctx;
};

static void maybe_stopped(struct rpc_server *server);

/* Streams */

static void on_stream_gone(struct rpc_stream *s, void *owner)
{
	struct rpc_server *server = owner;

	mu_list_remove(rpc_stream_link(s));
	maybe_stopped(server);
}

static void open_stream(struct rpc_server *server, grpc_call *call, const char *path)
{
	struct rpc_stream_init init = {
	    .rpc = server->rpc,
	    .call = call,
	    .send_max = server->options.send_max,
	    .on_gone = on_stream_gone,
	    .owner = server,
	};
	const struct rpc_stream_ops *ops = NULL;
	struct mu_error err = MU_ERROR_INIT;
	struct rpc_stream *s;
	void *ctx = NULL;
	int r = rpc_peer_read(call, &init.peer, &err);

	s = rpc_stream_new_server(&init);
	mu_list_push_back(&server->streams, rpc_stream_link(s));
	if (server->stopping)
		rpc_stream_set_stopping(s);
	if (r == 0 && server->stopping)
		(void)mu_error_set(&err, MU_E_UNAVAILABLE, "this server is stopping");
	else if (r == 0)
		ops = server->options.on_stream(s, path, server->options.ctx, &ctx, &err);
	if (ops) {
		rpc_stream_accept(s, ops, ctx);
		return;
	}
	mu_assert(err.code != MU_E_NONE);
	rpc_stream_refuse(s, &err);
}

/* Listeners */

/* gRPC aborts unless the server was shut down, or never had a port. */
static void listener_free(struct listener *l)
{
	grpc_server_destroy(l->grpc);
	grpc_call_details_destroy(&l->details);
	grpc_metadata_array_destroy(&l->metadata);
	free(l);
}

static void maybe_listener_gone(struct listener *l)
{
	struct rpc_server *server = l->server;

	if (!l->shut_down || l->requested)
		return;
	mu_list_remove(&l->link);
	listener_free(l);
	maybe_stopped(server);
}

static void request_call(struct listener *l)
{
	grpc_completion_queue *cq = rpc_queue(l->server->rpc);

	l->requested = true;
	mu_assert(grpc_server_request_call(l->grpc, &l->call, &l->details, &l->metadata, cq, cq,
					   rpc_arm(&l->request_tag)) == GRPC_CALL_OK);
}

static void on_request(struct rpc_tag *tag, bool ok)
{
	struct listener *l = MU_CONTAINER_OF(tag, struct listener, request_tag);
	char path[PATH_MAX_BYTES + 1];
	grpc_call *call;

	l->requested = false;
	if (!ok) { /* the listener is shutting down */
		maybe_listener_gone(l);
		return;
	}
	call = MU_TAKE(l->call);
	mu_utf8_sanitize(path, PATH_MAX_BYTES,
			 (const char *)GRPC_SLICE_START_PTR(l->details.method),
			 GRPC_SLICE_LENGTH(l->details.method));
	grpc_call_details_destroy(&l->details);
	grpc_call_details_init(&l->details);
	grpc_metadata_array_destroy(&l->metadata);
	grpc_metadata_array_init(&l->metadata);
	if (!l->retired)
		request_call(l);
	open_stream(l->server, call, path);
}

static void on_shut_down(struct rpc_tag *tag, bool ok)
{
	struct listener *l = MU_CONTAINER_OF(tag, struct listener, shutdown_tag);

	(void)ok;
	l->shut_down = true;
	maybe_listener_gone(l);
}

/* Close the port; the streams stay. */
static void listener_retire(struct listener *l)
{
	if (l->retired)
		return;
	l->retired = true;
	grpc_server_shutdown_and_notify(l->grpc, rpc_queue(l->server->rpc),
					rpc_arm(&l->shutdown_tag));
}

static grpc_server *grpc_server_make(const struct rpc_server *server)
{
	grpc_resource_quota *quota = rpc_settings_quota();
	grpc_arg args[RPC_SERVER_ARGS_MAX];
	grpc_channel_args list = {.num_args = rpc_settings_server(&server->settings, quota, args),
				  .args = args};
	grpc_server *grpc = grpc_server_create(&list, NULL);

	grpc_resource_quota_unref(quota);
	grpc_server_register_completion_queue(grpc, rpc_queue(server->rpc), NULL);
	return grpc;
}

/* Listen on server->address. */
static int listener_new(struct rpc_server *server, struct mu_error *err)
{
	struct listener *l = mu_xcalloc(1, sizeof *l);
	grpc_server_credentials *credentials = rpc_identity_credentials(server->identity);
	int port;

	l->server = server;
	mu_link_init(&l->link);
	l->request_tag.done = on_request;
	l->shutdown_tag.done = on_shut_down;
	grpc_call_details_init(&l->details);
	grpc_metadata_array_init(&l->metadata);
	l->grpc = grpc_server_make(server);
	port = grpc_server_add_http2_port(l->grpc, server->address.text, credentials);
	grpc_server_credentials_release(credentials);
	if (port <= 0) {
		listener_free(l);
		return mu_error_set(err, MU_E_UNAVAILABLE, "cannot listen on %s",
				    server->address.text);
	}
	mu_list_push_back(&server->listeners, &l->link);
	rpc_address_set_port(&server->address, (uint16_t)port);
	grpc_server_start(l->grpc);
	request_call(l);
	server->listener = l;
	return 0;
}

/* Guard */

static void set_timer(struct rpc_server *server, mu_msec wait)
{
	if (server->options.probe_interval > 0 && !server->stopping)
		mu_timer_set(server->timer, wait);
}

static void listen_again(struct rpc_server *server)
{
	struct mu_error err = MU_ERROR_INIT;

	if (listener_new(server, &err) == 0) {
		mu_log_warning("rpc listener made anew address=%s", server->address.text);
		set_timer(server, server->next_probe);
		return;
	}
	server->n_rebinds++;
	if (server->n_rebinds == QUICK_REBINDS)
		mu_log_warning("rpc listener cannot be made anew, trying on err=\"%s\"", err.text);
	set_timer(server, server->n_rebinds < QUICK_REBINDS ? quick_rebind : slow_rebind);
}

static const char *describe(enum rpc_probe_result result)
{
	return result == RPC_PROBE_REFUSED ? "refuses connections" : "does not accept connections";
}

static void on_probed(enum rpc_probe_result result, void *ctx)
{
	struct rpc_server *server = ctx;
	struct rpc_guard_step step = rpc_guard_probed(&server->guard, result);

	server->probe = NULL;
	if (server->stopping) {
		maybe_stopped(server);
		return;
	}
	if (step.recovered)
		mu_log_info("rpc listener answers again address=%s", server->address.text);
	if (!step.recreate) {
		set_timer(server, step.wait);
		return;
	}
	mu_log_warning("rpc listener is dead address=%s reason=\"%s\"", server->address.text,
		       describe(result));
	listener_retire(MU_TAKE(server->listener));
	server->next_probe = step.wait;
	server->n_rebinds = 0;
	listen_again(server);
}

static void on_timer(void *ctx)
{
	struct rpc_server *server = ctx;

	if (!server->listener) {
		listen_again(server);
	} else if (!server->probe) {
		server->probe = rpc_probe_start(
		    rpc_loop(server->rpc), (const struct sockaddr *)&server->address.probe,
		    rpc_guard_patience(&server->guard), on_probed, server);
	}
}

static void on_accept_failure(void *ctx)
{
	struct rpc_server *server = ctx;

	if (rpc_guard_accept_failed(&server->guard) && server->listener && !server->probe)
		set_timer(server, 0);
}

/* A connection costs a descriptor, and running out of them is what kills listeners. */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		mu_log_warning("descriptor limit stays as it is");
}

/* Life */

static struct rpc_server *server_free(struct rpc_server *server)
{
	struct rpc *rpc = server->rpc;

	rpc_unwatch_accepts(&server->watch);
	mu_timer_free(server->timer);
	mu_loop_unref(rpc_loop(rpc));
	rpc_unuse(rpc);
	free(server);
	return NULL;
}

int rpc_server_new(struct rpc *rpc, const struct rpc_server_options *options,
		   struct rpc_server **ret_server, struct mu_error *err)
{
	struct rpc_address address;
	struct rpc_server *server;

	if (rpc_address_parse(options->listen, &address, err) < 0 ||
	    rpc_tls_check(&options->tls, err) < 0 || rpc_address_try(&address, err) < 0)
		return mu_error_prefix(err, "rpc server");
	raise_descriptor_limit();
	server = mu_xcalloc(1, sizeof *server);
	server->rpc = rpc;
	server->options = *options;
	server->address = address;
	server->settings = (struct rpc_settings){
	    .message_max = options->message_max,
	    .keepalive = options->keepalive,
	    .keepalive_timeout = options->keepalive_timeout,
	};
	mu_link_init(&server->listeners);
	mu_link_init(&server->streams);
	mu_link_init(&server->watch.link);
	server->watch.failed = on_accept_failure;
	server->watch.ctx = server;
	server->identity = rpc_identity_new(rpc, &options->tls);
	server->timer = mu_timer_new(rpc_loop(rpc), on_timer, server);
	rpc_guard_init(&server->guard, options->probe_interval);
	rpc_use(rpc);
	mu_loop_ref(rpc_loop(rpc));
	if (listener_new(server, err) < 0) {
		server_free(server);
		return mu_error_prefix(err, "rpc server");
	}
	rpc_watch_accepts(rpc, &server->watch);
	set_timer(server, options->probe_interval);
	*ret_server = server;
	return 0;
}

int rpc_server_port(const struct rpc_server *server)
{
	return server->address.port;
}

void rpc_server_set_tls(struct rpc_server *server, const struct rpc_tls *tls)
{
	struct mu_error err = MU_ERROR_INIT;

	/* Whoever renewed it should have looked; a server without a certificate helps nobody. */
	if (rpc_tls_check(tls, &err) < 0)
		mu_log_warning("rpc certificate not taken, the old one stays err=\"%s\"", err.text);
	else
		rpc_identity_set(server->identity, tls);
}

void rpc_server_stop(struct rpc_server *server, mu_loop_cb done, void *ctx)
{
	mu_assert(!server->stopping);
	server->stopping = true;
	server->done = done;
	server->done_ctx = ctx;
	mu_timer_cancel(server->timer);
	if (server->probe)
		rpc_probe_cancel(server->probe);
	mu_list_each(it, &server->streams) rpc_stream_set_stopping(rpc_stream_from_link(it));
	mu_list_each(it, &server->listeners)
	{
		struct listener *l = MU_CONTAINER_OF(it, struct listener, link);

		listener_retire(l);
		grpc_server_cancel_all_calls(l->grpc);
	}
	maybe_stopped(server);
}

static void maybe_stopped(struct rpc_server *server)
{
	mu_loop_cb done = server->done;
	void *done_ctx = server->done_ctx;
	struct mu_loop *loop = rpc_loop(server->rpc);

	if (!server->stopping || server->probe || !mu_list_empty(&server->listeners) ||
	    !mu_list_empty(&server->streams))
		return;
	server_free(server);
	if (done)
		mu_loop_post(loop, done, done_ctx);
}
