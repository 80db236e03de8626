/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server's life: one libwebsockets context on our loop, one vhost a listener. Accepting is
 * ours (listen.c), so that limits, credentials of Unix peers and running out of descriptors are
 * handled here; libwebsockets adopts the accepted sockets.
 *
 * Ending a context that runs on a foreign loop takes two calls: the first closes every connection,
 * whose handles libuv finishes in later turns, the second frees the context when all are done.
 */
#include "common/http/stream.h"

#include "common/base/assert.h"
#include "common/http/ws_server.h"
#include "common/log/log.h"

#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <uv.h>

enum {
	SWEEP_EVERY_MS = 1000,
	FDS_MAX = 32768,
	/* Connections close in the first turn, the context's own handles in the next; one more for
	 * what those closed. */
	STOP_TURNS = 4,
	GOODBYE_MS = 1000, /* for the closing handshake of WebSockets when the server stops */
};

/* The last complaint of libwebsockets, for the error of a vhost that could not be made: the
 * library has no other way to say why. */
static char last_complaint[200];

static void emit_lws_log(int level, const char *line)
{
	size_t len = strcspn(line, "\n");

	if (level & LLL_ERR)
		mu_utf8_sanitize(last_complaint, sizeof last_complaint - 1, line, len);
	mu_log_debug("libwebsockets line=\"%.*s\"", (int)len, line);
}

static unsigned to_seconds(mu_msec span)
{
	return span <= 1000 ? 1 : (unsigned)((span + 999) / 1000);
}

static void update_listeners(struct http_server *s)
{
	mu_list_each(it, &s->vhosts)
	{
		struct http_vhost *v = MU_CONTAINER_OF(it, struct http_vhost, link);

		if (s->n_conns >= s->options.connections_max)
			http_listener_pause(v->listener);
		else
			http_listener_resume(v->listener);
	}
}

void http_server_conn_closed(struct http_conn *conn)
{
	struct http_server *s = conn->server;

	if (s->sources && !conn->peer.local)
		http_sources_leave(s->sources, conn->peer.address);
	free(conn);
	s->n_conns--;
	if (!s->stopping && s->n_conns == s->options.connections_max - 1)
		update_listeners(s);
}

static void on_accept(int fd, const struct http_peer *peer, void *ctx)
{
	struct http_vhost *v = ctx;
	struct http_server *s = v->server;
	lws_sock_file_fd_type sock = {.sockfd = fd};
	struct lws *wsi;
	struct http_conn *conn;

	if (fd >= s->fd_end) {
		mu_log_warning("connection refused: too many descriptors open peer=%s fd=%d",
			       peer->address, fd);
		(void)close(fd);
		return;
	}
	if (s->sources && !peer->local && !http_sources_enter(s->sources, peer->address)) {
		(void)close(fd);
		return;
	}
	/* It closes the descriptor when it fails. */
	wsi = lws_adopt_descriptor_vhost(
	    v->lws, LWS_ADOPT_SOCKET | LWS_ADOPT_HTTP | (v->tls ? LWS_ADOPT_ALLOW_SSL : 0), sock,
	    NULL, NULL);
	if (!wsi) {
		if (s->sources && !peer->local)
			http_sources_leave(s->sources, peer->address);
		return;
	}
	conn = mu_xcalloc(1, sizeof *conn);
	conn->server = s;
	conn->wsi = wsi;
	conn->peer = *peer;
	lws_set_opaque_user_data(wsi, conn);
	if (++s->n_conns >= s->options.connections_max)
		update_listeners(s);
}

static void stop_now(void *ctx);

static void on_sweep(void *ctx)
{
	struct http_server *s = ctx;

	if (s->stopping) { /* WebSockets had their time to say goodbye */
		stop_now(s);
		return;
	}
	http_streams_sweep(s);
	http_websockets_sweep(s);
	mu_timer_set(s->sweep, SWEEP_EVERY_MS);
}

/*
 * The library makes tables as long as the process may have descriptors when it starts. In a
 * container that can be a billion, and it can be raised later (common/rpc does), when a descriptor
 * beyond its tables would corrupt its memory. So it is shown the hard limit, up to what is enough
 * for all, and on_accept() keeps away what lies beyond.
 */
static void create_context(struct http_server *s, const struct lws_context_creation_info *info)
{
	struct rlimit limit = {.rlim_cur = FDS_MAX, .rlim_max = FDS_MAX};
	struct rlimit shown;

	(void)getrlimit(RLIMIT_NOFILE, &limit);
	shown = limit;
	shown.rlim_cur = limit.rlim_max < FDS_MAX ? limit.rlim_max : FDS_MAX;
	if (setrlimit(RLIMIT_NOFILE, &shown) < 0)
		shown = limit;
	s->fd_end = (int)shown.rlim_cur;
	s->lws = lws_create_context(info);
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

int http_server_new(struct mu_loop *loop, const struct http_server_options *options,
		    struct http_server **ret_server, struct mu_error *err)
{
	struct lws_context_creation_info info = {0};
	struct http_server *s = mu_xcalloc(1, sizeof *s);
	void *loops[1];

	mu_assert(options->handle && options->connections_max > 0);
	lws_set_log_level(LLL_ERR | LLL_WARN, emit_lws_log);
	s->loop = loop;
	s->options = *options;
	mu_link_init(&s->vhosts);
	mu_link_init(&s->streams);
	mu_link_init(&s->orphans);
	mu_link_init(&s->websockets);
	loops[0] = mu_loop_uv(loop);
	info.foreign_loops = loops;
	info.user = s;
	info.port = CONTEXT_PORT_NO_LISTEN_SERVER;
	info.options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
		       LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT |
		       LWS_SERVER_OPTION_SKIP_SERVER_CANONICAL_NAME |
		       LWS_SERVER_OPTION_VALIDATE_UTF8 | /* of WebSocket's text messages */
		       LWS_SERVER_OPTION_UV_NO_SIGSEGV_SIGFPE_SPIN;
	info.timeout_secs = to_seconds(options->idle_timeout);
	info.timeout_secs_ah_idle = to_seconds(options->idle_timeout);
	info.max_http_header_data = HTTP_HEADERS_MAX;
	info.pt_serv_buf_size = HTTP_PIECE_MAX;
	create_context(s, &info);
	if (!s->lws) {
		free(s);
		return mu_error_set(err, MU_E_INTERNAL,
				    "cannot start the HTTP library: %s; hint: is the package "
				    "libwebsockets-evlib-uv installed",
				    last_complaint);
	}
	if (options->per_source_max)
		s->sources = http_sources_new(options->per_source_max);
	s->sweep = mu_timer_new(loop, on_sweep, s);
	mu_timer_set(s->sweep, SWEEP_EVERY_MS);
	*ret_server = s;
	return 0;
}

/* Listeners */

void http_server_tls(void *ssl_ctx, struct lws_vhost *vhost)
{
	struct http_vhost *v = lws_vhost_user(vhost);

	http_pair_serve(ssl_ctx, &v->pair);
}

static void vhost_free(struct http_vhost *v)
{
	http_pair_free(v->pair);
	free(v);
}

static int vhost_new(struct http_server *s, const char *cert_path, const char *key_path,
		     struct http_vhost **ret_vhost, struct mu_error *err)
{
	struct lws_context_creation_info info = {0};
	struct http_vhost *v = mu_xcalloc(1, sizeof *v);
	char name[32];

	(void)snprintf(name, sizeof name, "vhost%u", s->n_vhosts++);
	v->server = s;
	v->tls = cert_path != NULL;
	info.port = CONTEXT_PORT_NO_LISTEN_SERVER;
	info.vhost_name = name;
	info.user = v;
	info.protocols = http_protocols;
	info.keepalive_timeout = (int)to_seconds(s->options.idle_timeout);
	/* What is no HTTP at all goes to the raw callback, which answers 400. */
	info.options = LWS_SERVER_OPTION_FALLBACK_TO_APPLY_LISTEN_ACCEPT_CONFIG;
	info.timeout_secs_ah_idle = to_seconds(s->options.idle_timeout);
	if (cert_path) {
		info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
		info.ssl_cert_filepath = cert_path;
		info.ssl_private_key_filepath = key_path;
		info.ssl_options_set =
		    (long)(SSL_OP_NO_TLSv1 | SSL_OP_NO_TLSv1_1 | SSL_OP_NO_RENEGOTIATION);
		info.alpn = s->options.http2_first ? "h2,http/1.1" : "http/1.1,h2";
	}
	if (cert_path && http_pair_load(cert_path, key_path, &v->pair, err) < 0) {
		vhost_free(v);
		return mu_error_prefix(err, "cannot serve TLS");
	}
	last_complaint[0] = '\0';
	v->lws = lws_create_vhost(s->lws, &info);
	if (!v->lws) {
		vhost_free(v);
		return mu_error_set(
		    err, MU_E_INVALID,
		    "cannot serve TLS with certificate %s and key %s: %s; hint: PEM "
		    "files that belong together",
		    cert_path ? cert_path : "-", key_path ? key_path : "-", last_complaint);
	}
	*ret_vhost = v;
	return 0;
}

int http_listen_tls(struct http_server *s, const char *address, const char *cert_path,
		    const char *key_path, int *ret_port, struct mu_error *err)
{
	struct http_vhost *v = NULL;
	int port = 0;

	if (vhost_new(s, cert_path, key_path, &v, err) < 0)
		return MU_FAILED;
	if (http_listener_tcp(s->loop, address, on_accept, v, &v->listener, &port, err) < 0) {
		lws_vhost_destroy(v->lws);
		vhost_free(v);
		return MU_FAILED;
	}
	mu_list_push_back(&s->vhosts, &v->link);
	if (ret_port)
		*ret_port = port;
	return 0;
}

int http_tls_renewed(struct http_server *s, const char *cert_path, const char *key_path,
		     struct mu_error *err)
{
	mu_list_each(it, &s->vhosts)
	{
		struct http_vhost *v = MU_CONTAINER_OF(it, struct http_vhost, link);
		struct http_pair *pair;

		if (!v->tls)
			continue;
		if (http_pair_load(cert_path, key_path, &pair, err) < 0)
			return MU_FAILED;
		http_pair_free(v->pair);
		v->pair = pair;
	}
	return 0;
}

int http_listen_unix(struct http_server *s, const char *path, mode_t mode, struct mu_error *err)
{
	struct http_vhost *v = NULL;

	if (vhost_new(s, NULL, NULL, &v, err) < 0)
		return MU_FAILED;
	if (http_listener_unix(s->loop, path, mode, on_accept, v, &v->listener, err) < 0) {
		lws_vhost_destroy(v->lws);
		free(v);
		return MU_FAILED;
	}
	mu_list_push_back(&s->vhosts, &v->link);
	return 0;
}

/* Stopping */

static void stop_turn(void *ctx)
{
	struct http_server *s = ctx;

	/* Posted, not timed: a timer of no delay would run again in the same turn. */
	if (++s->stop_turns < STOP_TURNS || s->n_conns > 0) {
		mu_loop_post(s->loop, stop_turn, s);
		return;
	}
	lws_context_destroy(s->lws);
	http_sources_free(s->sources);
	http_orphans_drop(&s->orphans);
	s->on_stopped(s->stopped_ctx);
	free(s);
}

static void stop_now(void *ctx)
{
	struct http_server *s = ctx;

	if (s->stop_begun)
		return;
	s->stop_begun = true;
	mu_list_each(it, &s->vhosts)
	{
		struct http_vhost *v = MU_CONTAINER_OF(it, struct http_vhost, link);

		http_listener_free(v->listener);
		vhost_free(v);
	}
	s->sweep = mu_timer_free(s->sweep);
	lws_context_destroy(s->lws);
	mu_loop_post(s->loop, stop_turn, s);
}

void http_server_counts(const struct http_server *s, struct http_counts *ret)
{
	memcpy(ret->n_replies, s->n_replies, sizeof ret->n_replies);
	ret->n_connections = s->n_conns;
	ret->n_websockets = s->n_websockets;
}

void http_server_stop(struct http_server *s, mu_loop_cb done, void *ctx)
{
	mu_assert(!s->stopping);
	s->stopping = true;
	s->on_stopped = done;
	s->stopped_ctx = ctx;
	mu_list_each(it, &s->vhosts)
	{
		http_listener_pause(MU_CONTAINER_OF(it, struct http_vhost, link)->listener);
	}
	/* Never inside a callback of libwebsockets, where a context must not be destroyed. */
	if (s->n_websockets == 0) {
		mu_loop_post(s->loop, stop_now, s);
		return;
	}
	http_websockets_close(s);
	mu_timer_set(s->sweep, GOODBYE_MS);
}

void http_server_websockets_gone(struct http_server *s)
{
	if (s->sweep)
		mu_timer_set(s->sweep, 0);
}
