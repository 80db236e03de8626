/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One libwebsockets context, one connection. The context runs on our loop and is destroyed by two
 * calls with turns of the loop between them, as the server's (server.c).
 *
 * A connect() that fails at once leaves a handle of the library's on the loop for good. On a Unix
 * socket that is how it fails, so it is tried here first, which also gives the better error. On TCP
 * only an unreachable network fails so; who called the server a moment ago does not meet it.
 *
 * The library checks the server's name against its certificate, but cuts the name at the first
 * colon, which leaves nothing of an IPv6 address: so the name to be checked is set on its TLS
 * context as well, where what it sets afterwards does not take it away.
 */
#include "common/http/ws_client.h"

#include "common/base/assert.h"
#include "common/http/ws_lws.h"

#include <curl/curl.h>
#include <errno.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { FDS_MAX = 64, TICK_MS = 1000, STOP_TURNS = 4, REASON_MAX = 200, GOODBYE_MS = 2000 };

struct http_ws_client {
	struct mu_loop *loop;
	struct http_ws_client_options options;
	char *host; /* without brackets */
	char *path; /* with the query */
	char *address;
	int port;
	bool tls;
	struct lws_context *lws;
	struct lws *wsi;
	struct http_ws *ws; /* NULL: over */
	bool open;
	bool deaf;
	bool ping_due;
	bool goodbye;
	mu_msec closing_at; /* 0 = it is not */
	mu_msec begun_at;
	mu_msec heard_at;
	mu_msec pinged_at;
	struct mu_timer *tick;
	bool dialling; /* the first turn is posted */
	bool stopping;
	unsigned stop_turns;
	mu_loop_cb stopped;
	void *stopped_ctx;
	unsigned char piece[LWS_PRE + HTTP_WS_PIECE_MAX];
};

/* What the library said last: it has no other way to tell what is wrong with a certificate. */
static char last_complaint[REASON_MAX];

static void emit_log(int level, const char *line)
{
	(void)level;
	mu_utf8_sanitize(last_complaint, sizeof last_complaint - 1, line, strcspn(line, "\n"));
}

/* Inside a callback of the library's. */
static void over(struct http_ws_client *c, const char *why)
{
	struct http_ws *ws = MU_TAKE(c->ws);

	mu_timer_cancel(c->tick);
	if (!ws)
		return;
	if (why)
		http_ws_peer_closes(ws, HTTP_WS_ABNORMAL, why, strlen(why));
	http_ws_over(ws);
}

static void cut(struct http_ws_client *c, const char *why)
{
	http_ws_peer_closes(c->ws, HTTP_WS_ABNORMAL, why, strlen(why));
	lws_set_timeout(c->wsi, PENDING_TIMEOUT_KILLED_BY_PARENT, LWS_TO_KILL_ASYNC);
	lws_cancel_service(c->lws);
}

/* From this side */

static void on_changed(struct http_ws *ws)
{
	struct http_ws_client *c = ws->transport_data;
	bool deaf = ws->paused && !ws->closing;

	if (!c->open)
		return;
	if (c->deaf != deaf) {
		c->deaf = deaf;
		c->heard_at = mu_loop_now(c->loop);
		(void)lws_rx_flow_control(c->wsi, deaf ? 0 : 1);
		lws_cancel_service(c->lws);
	}
	if (!mu_list_empty(&ws->queue) || ws->closing)
		(void)lws_callback_on_writable(c->wsi);
}

static const struct http_ws_transport transport = {.changed = on_changed};

static void on_tick(void *ctx)
{
	struct http_ws_client *c = ctx;
	mu_msec now = mu_loop_now(c->loop);
	mu_msec idle = c->options.idle_timeout;
	mu_msec latest = c->heard_at > c->pinged_at ? c->heard_at : c->pinged_at;

	if (!c->ws || !c->wsi)
		return;
	mu_timer_set(c->tick, TICK_MS);
	if (c->ws->closing && !c->closing_at)
		c->closing_at = now;
	if (c->closing_at) {
		if (now - c->closing_at > GOODBYE_MS)
			cut(c, "");
	} else if (!c->open) {
		if (now - c->begun_at > c->options.timeout)
			cut(c, "no answer in time");
	} else if (!c->deaf && c->pinged_at > c->heard_at && now - c->pinged_at > idle / 2) {
		cut(c, "the server does not answer any more");
	} else if (now - latest > idle / 2) {
		c->ping_due = true;
		(void)lws_callback_on_writable(c->wsi);
	}
}

/* The library's callbacks */

static int add_headers(struct http_ws_client *c, struct lws *wsi, unsigned char **p,
		       unsigned char *end)
{
	const char *value = c->options.authorization;

	if (!value)
		return 0;
	return lws_add_http_header_by_name(
	    wsi, (const unsigned char *)"authorization:", (const unsigned char *)value,
	    (int)strlen(value), p, end);
}

static int on_writeable(struct http_ws_client *c)
{
	int r;

	if (c->goodbye || !c->ws)
		return 0;
	if (c->ping_due) {
		c->ping_due = false;
		c->pinged_at = mu_loop_now(c->loop);
		(void)lws_callback_on_writable(c->wsi);
		return http_ws_write_ping(c->wsi);
	}
	r = http_ws_write_piece(c->ws, c->wsi, c->piece);
	if (r != HTTP_WS_NOTHING)
		return r;
	if (!c->ws->closing)
		return 0;
	c->goodbye = true;
	return http_ws_write_close(c->ws, c->wsi);
}

static void expect_name(const struct http_ws_client *c, SSL_CTX *ctx)
{
	X509_VERIFY_PARAM *param = SSL_CTX_get0_param(ctx);

	if (c->options.insecure || !c->tls)
		return;
	if (X509_VERIFY_PARAM_set1_ip_asc(param, c->host) == 1)
		return;
	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	mu_assert(X509_VERIFY_PARAM_set1_host(param, c->host, 0) == 1);
}

static int on_lws(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
		  size_t len)
{
	struct http_ws_client *c = lws_context_user(lws_get_context(wsi));
	unsigned char **p = in;

	(void)user;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wswitch-enum"
	switch (reason) {
	case LWS_CALLBACK_OPENSSL_LOAD_EXTRA_CLIENT_VERIFY_CERTS:
		expect_name(c, user);
		return 0;
	case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER:
		return add_headers(c, wsi, p, *p + len);
	case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
		over(c, last_complaint[0] ? last_complaint : in ? in : "no connection");
		return 0;
	case LWS_CALLBACK_CLIENT_ESTABLISHED:
		c->open = true;
		c->heard_at = mu_loop_now(c->loop);
		c->options.on_open(c->ws, c->options.ctx);
		on_changed(c->ws);
		return 0;
	case LWS_CALLBACK_CLIENT_RECEIVE:
		c->heard_at = mu_loop_now(c->loop);
		http_ws_take_piece(c->ws, wsi, in, len);
		return 0;
	case LWS_CALLBACK_CLIENT_RECEIVE_PONG:
		c->heard_at = mu_loop_now(c->loop);
		return 0;
	case LWS_CALLBACK_CLIENT_WRITEABLE:
		return on_writeable(c);
	case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
		http_ws_take_close(c->ws, in, len);
		return c->goodbye ? -1 : 0;
	case LWS_CALLBACK_WSI_DESTROY:
		if (wsi == c->wsi) {
			c->wsi = NULL;
			over(c, NULL);
		}
		return 0;
	default:
		return 0;
	}
#pragma GCC diagnostic pop
}

static const struct lws_protocols protocols[] = {
    {.name = "binary", .callback = on_lws},
    {.name = NULL},
};

/* Connecting */

static char *url_part(CURLU *url, CURLUPart part, unsigned flags)
{
	char *text = NULL;
	char *copy = NULL;

	if (curl_url_get(url, part, &text, flags) == CURLUE_OK)
		copy = mu_xstrdup(text);
	curl_free(text);
	return copy;
}

static int read_url(struct http_ws_client *c, struct mu_error *err)
{
	CURLU *url = curl_url();
	MU_CLEANUP(mu_free) char *port = NULL;
	MU_CLEANUP(mu_free) char *path = NULL;
	MU_CLEANUP(mu_free) char *query = NULL;
	MU_CLEANUP(mu_free) char *scheme = NULL;
	char *bracket;

	mu_assert(url);
	if (curl_url_set(url, CURLUPART_URL, c->options.url, 0) == CURLUE_OK) {
		scheme = url_part(url, CURLUPART_SCHEME, 0);
		c->host = url_part(url, CURLUPART_HOST, 0);
		port = url_part(url, CURLUPART_PORT, CURLU_DEFAULT_PORT);
		path = url_part(url, CURLUPART_PATH, 0);
		query = url_part(url, CURLUPART_QUERY, 0);
	}
	curl_url_cleanup(url);
	if (!scheme || !c->host || !port || !path)
		return mu_error_set(err, MU_E_INVALID, "\"%s\" is not a URL that can be used",
				    c->options.url);
	c->tls = !c->options.unix_path;
	if (c->tls && strcmp(scheme, "https") != 0)
		return mu_error_set(err, MU_E_INVALID, "\"%s\" does not begin with https://",
				    c->options.url);
	if (c->host[0] == '[' && (bracket = strchr(c->host, ']'))) {
		*bracket = '\0';
		memmove(c->host, c->host + 1, strlen(c->host));
	}
	c->port = (int)strtol(port, NULL, 10);
	c->path = mu_xasprintf("%s%s%s", path, query ? "?" : "", query ? query : "");
	c->address =
	    c->options.unix_path ? mu_xasprintf("+%s", c->options.unix_path) : mu_xstrdup(c->host);
	return 0;
}

static void dial(void *ctx)
{
	struct http_ws_client *c = ctx;
	struct lws_client_connect_info info = {
	    .context = c->lws,
	    .address = c->address,
	    .port = c->port,
	    .path = c->path,
	    .host = c->host,
	    .local_protocol_name = protocols[0].name,
	    .ietf_version_or_minus_one = -1,
	    .alpn = "http/1.1",
	    .pwsi = &c->wsi,
	};

	c->dialling = false;
	if (c->stopping)
		return;
	if (c->tls)
		info.ssl_connection = LCCSCF_USE_SSL;
	if (c->tls && c->options.insecure)
		info.ssl_connection |= LCCSCF_ALLOW_SELFSIGNED | LCCSCF_ALLOW_INSECURE |
				       LCCSCF_ALLOW_EXPIRED |
				       LCCSCF_SKIP_SERVER_CERT_HOSTNAME_CHECK;
	last_complaint[0] = '\0';
	mu_timer_set(c->tick, TICK_MS);
	if (!lws_client_connect_via_info(&info))
		over(c, last_complaint[0] ? last_complaint : "the connection cannot be begun");
}

static int try_unix(const char *path, struct mu_error *err)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int code = 0;
	int fd;

	if (strlen(path) >= sizeof addr.sun_path)
		return mu_error_set(err, MU_E_INVALID,
				    "the socket path %s is longer than %zu bytes", path,
				    sizeof addr.sun_path - 1);
	memcpy(addr.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&addr, sizeof addr) < 0)
		code = errno;
	if (fd >= 0)
		(void)close(fd);
	if (code == 0)
		return 0;
	return mu_error_set(err, MU_E_UNAVAILABLE, "cannot connect to the socket %s: %s", path,
			    strerror(code));
}

static void client_free(struct http_ws_client *c)
{
	mu_timer_free(c->tick);
	free(c->host);
	free(c->path);
	free(c->address);
	free(c);
}

static int create_context(struct http_ws_client *c, struct mu_error *err)
{
	struct lws_context_creation_info info = {0};
	void *loops[1] = {mu_loop_uv(c->loop)};

	lws_set_log_level(LLL_ERR, emit_log);
	last_complaint[0] = '\0';
	info.foreign_loops = loops;
	info.user = c;
	info.port = CONTEXT_PORT_NO_LISTEN;
	info.protocols = protocols;
	info.options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT |
		       LWS_SERVER_OPTION_UV_NO_SIGSEGV_SIGFPE_SPIN |
		       LWS_SERVER_OPTION_VALIDATE_UTF8;
	/* A private authority stands alone: not beside the system's. */
	if (c->options.ca_file)
		info.options |= LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS;
	info.client_ssl_ca_filepath = c->options.ca_file;
	info.ssl_client_options_set = (long)(SSL_OP_NO_TLSv1 | SSL_OP_NO_TLSv1_1);
	info.fd_limit_per_thread = FDS_MAX;
	info.http_proxy_address = "";
	info.pt_serv_buf_size = HTTP_WS_PIECE_MAX;
	c->lws = lws_create_context(&info);
	if (c->lws)
		return 0;
	return mu_error_set(err, MU_E_INTERNAL, "cannot start the WebSocket library: %s",
			    last_complaint);
}

int http_ws_client_new(struct mu_loop *loop, const struct http_ws_client_options *options,
		       struct http_ws_client **ret_client, struct http_ws **ret_ws,
		       struct mu_error *err)
{
	struct http_ws_client *c = mu_xcalloc(1, sizeof *c);

	mu_assert(options->on_open && options->timeout > 0 && options->idle_timeout > 0);
	c->loop = loop;
	c->options = *options;
	c->tick = mu_timer_new(loop, on_tick, c);
	c->begun_at = mu_loop_now(loop);
	if (read_url(c, err) < 0 || (options->unix_path && try_unix(options->unix_path, err) < 0) ||
	    create_context(c, err) < 0) {
		client_free(c);
		return MU_FAILED;
	}
	c->ws = http_ws_new(&transport, &options->limits, options->ops, options->ctx);
	c->ws->transport_data = c;
	c->dialling = true;
	mu_loop_post(loop, dial, c);
	*ret_client = c;
	*ret_ws = c->ws;
	return 0;
}

/* Stopping */

static void stop_turn(void *ctx)
{
	struct http_ws_client *c = ctx;
	mu_loop_cb stopped = c->stopped;
	void *stopped_ctx = c->stopped_ctx;

	if (++c->stop_turns < STOP_TURNS || c->wsi || c->dialling) {
		mu_loop_post(c->loop, stop_turn, c);
		return;
	}
	lws_context_destroy(c->lws);
	over(c, "given up");
	client_free(c);
	stopped(stopped_ctx);
}

static void stop_now(void *ctx)
{
	struct http_ws_client *c = ctx;

	lws_context_destroy(c->lws);
	mu_loop_post(c->loop, stop_turn, c);
}

void http_ws_client_stop(struct http_ws_client *c, mu_loop_cb done, void *ctx)
{
	mu_assert(!c->stopping);
	c->stopping = true;
	c->stopped = done;
	c->stopped_ctx = ctx;
	mu_loop_post(c->loop, stop_now, c);
}
