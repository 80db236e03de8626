/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server on common/rpc for test_rpc*.py: every path is one behaviour.
 *
 *   /test/Echo     sends back what comes, pausing its reader while it cannot; half-close ends it
 *   /test/Who      answers "CN fingerprint address" and finishes
 *   /test/Finish   ends as its first message says: "NAME text" (NAME of a mu_error code)
 *   /test/Flood    sends 16 KiB messages for as long as it may; the first message asks for it
 *   /test/Sink     never reads
 *   /test/Count    answers "streams N full N writable N queued N" and finishes
 *   others         refused as UNSUPPORTED
 *
 * Prints "port N" when it listens and "end PATH STATUS text" for each stream. SIGHUP reads the
 * certificate files again. SIGTERM ends it with "stopped", after which a leak fails the run.
 */
#include "common/base/str.h"
#include "common/config/config.h"
#include "common/log/log.h"
#include "common/os/file.h"
#include "common/rpc/rpc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FLOOD_MESSAGE = 16 << 10, FILE_MAX = 1 << 16 };

struct config {
	const char *listen;
	const char *ca;
	const char *cert;
	const char *key;
	int64_t message_max;
	int64_t send_max;
	mu_msec keepalive;
	mu_msec keepalive_timeout;
	mu_msec probe_interval;
};

#define OPTION(field, option, kind, default_value, hi)                                             \
	{                                                                                          \
		.name = option, .type = kind, .offset = offsetof(struct config, field),            \
		.def = default_value, .arg = "VALUE", .help = "see rpc.h", .max = hi               \
	}
static const struct mu_option options[] = {
    OPTION(listen, "listen", MU_OPTION_STRING, "127.0.0.1:0", 0),
    OPTION(ca, "ca", MU_OPTION_STRING, NULL, 0),
    OPTION(cert, "cert", MU_OPTION_STRING, NULL, 0),
    OPTION(key, "key", MU_OPTION_STRING, NULL, 0),
    OPTION(message_max, "message-max", MU_OPTION_INT, "1048576", INT32_MAX),
    OPTION(send_max, "send-max", MU_OPTION_INT, "262144", INT32_MAX),
    OPTION(keepalive, "keepalive", MU_OPTION_DURATION, "20s", INT32_MAX),
    OPTION(keepalive_timeout, "keepalive-timeout", MU_OPTION_DURATION, "10s", INT32_MAX),
    OPTION(probe_interval, "probe-interval", MU_OPTION_DURATION, "10s", INT32_MAX),
    {.name = NULL},
};

static struct {
	struct config config;
	struct mu_loop *loop;
	struct mu_signals *signals;
	struct rpc *rpc;
	struct rpc_server *server;
	unsigned int n_streams;
	unsigned int n_full;
	unsigned int n_writable;
	size_t queued;
} echo;

struct stream {
	char path[64];
	void (*on_message)(struct rpc_stream *s, const void *data, size_t len, struct stream *st);
	bool flooding;
	struct mu_str late; /* echo that did not fit */
	bool half_closed;
};

/* Behaviours */

static void echo_back(struct rpc_stream *s, const void *data, size_t len, struct stream *st)
{
	if (rpc_stream_send(s, data, len) == 0)
		return;
	echo.n_full++;
	mu_str_add_bytes(&st->late, data, len);
	rpc_stream_pause(s, true);
}

static void flood(struct rpc_stream *s)
{
	static const char zeros[FLOOD_MESSAGE];

	while (rpc_stream_send(s, zeros, sizeof zeros) == 0)
		if (rpc_stream_queued(s) > echo.queued)
			echo.queued = rpc_stream_queued(s);
	echo.n_full++;
}

static void start_flood(struct rpc_stream *s, const void *data, size_t len, struct stream *st)
{
	(void)data;
	(void)len;
	st->flooding = true;
	flood(s);
}

static void finish_as_told(struct rpc_stream *s, const void *data, size_t len, struct stream *st)
{
	MU_CLEANUP(mu_free) char *text = mu_xstrndup(data, len);
	char *blank = strchr(text, ' ');

	(void)st;
	if (blank)
		*blank++ = '\0';
	rpc_stream_finish(s, mu_error_from_name(text), blank);
}

static void answer_once(struct rpc_stream *s, const char *text)
{
	(void)rpc_stream_send(s, text, strlen(text));
	rpc_stream_finish(s, MU_E_NONE, "");
}

static void say_who(struct rpc_stream *s, const void *data, size_t len, struct stream *st)
{
	const struct rpc_peer *peer = rpc_stream_peer(s);
	MU_CLEANUP(mu_free)
	char *text = mu_xasprintf("%s %s %s", peer->common_name, peer->fingerprint, peer->address);

	(void)data;
	(void)len;
	(void)st;
	answer_once(s, text);
}

static void count(struct rpc_stream *s, const void *data, size_t len, struct stream *st)
{
	MU_CLEANUP(mu_free)
	char *text = mu_xasprintf("streams %u full %u writable %u queued %zu", echo.n_streams,
				  echo.n_full, echo.n_writable, echo.queued);

	(void)data;
	(void)len;
	(void)st;
	answer_once(s, text);
}

/* Streams */

static void on_message(struct rpc_stream *s, const void *data, size_t len, void *ctx)
{
	struct stream *st = ctx;

	st->on_message(s, data, len, st);
}

static void on_writable(struct rpc_stream *s, void *ctx)
{
	struct stream *st = ctx;

	echo.n_writable++;
	if (st->flooding) {
		flood(s);
		return;
	}
	if (st->late.len > 0 && rpc_stream_send(s, st->late.data, st->late.len) == 0) {
		mu_str_reset(&st->late);
		rpc_stream_pause(s, false);
		if (st->half_closed)
			rpc_stream_finish(s, MU_E_NONE, "");
	}
}

static void on_half_close(struct rpc_stream *s, void *ctx)
{
	struct stream *st = ctx;

	st->half_closed = true;
	if (!st->flooding && st->late.len == 0)
		rpc_stream_finish(s, MU_E_NONE, "");
}

static void on_end(struct rpc_stream *s, int status, const char *text, void *ctx)
{
	struct stream *st = ctx;

	(void)s;
	printf("end %s %d %s\n", st->path, status, text);
	(void)fflush(stdout);
	echo.n_streams--;
	mu_str_deinit(&st->late);
	free(st);
}

static const struct rpc_stream_ops ops = {
    .on_message = on_message,
    .on_writable = on_writable,
    .on_half_close = on_half_close,
    .on_end = on_end,
};

static const struct {
	const char *path;
	void (*on_message)(struct rpc_stream *s, const void *data, size_t len, struct stream *st);
} methods[] = {
    {"/test/Echo", echo_back}, {"/test/Who", say_who},       {"/test/Finish", finish_as_told},
    {"/test/Sink", echo_back}, {"/test/Flood", start_flood}, {"/test/Count", count},
};

static const struct rpc_stream_ops *on_stream(struct rpc_stream *s, const char *path, void *ctx,
					      void **ret_ctx, struct mu_error *err)
{
	struct stream *st;

	(void)ctx;
	for (size_t i = 0; i < MU_ARRAY_SIZE(methods); i++) {
		if (!mu_str_equal(path, methods[i].path))
			continue;
		st = mu_xcalloc(1, sizeof *st);
		(void)snprintf(st->path, sizeof st->path, "%s", path);
		st->on_message = methods[i].on_message;
		if (mu_str_equal(path, "/test/Sink"))
			rpc_stream_pause(s, true);
		echo.n_streams++;
		*ret_ctx = st;
		return &ops;
	}
	(void)mu_error_set(err, MU_E_UNSUPPORTED, "there is no method %s here", path);
	return NULL;
}

/* The program */

struct files {
	struct mu_str ca;
	struct mu_str cert;
	struct mu_str key;
};

static void files_deinit_cleanup(struct files *f)
{
	mu_str_deinit(&f->ca);
	mu_str_deinit(&f->cert);
	mu_str_deinit(&f->key);
}

static int read_files(struct files *f, struct rpc_tls *ret_tls, struct mu_error *err)
{
	if (mu_file_read(echo.config.ca, FILE_MAX, &f->ca, err) < 0 ||
	    mu_file_read(echo.config.cert, FILE_MAX, &f->cert, err) < 0 ||
	    mu_file_read(echo.config.key, FILE_MAX, &f->key, err) < 0)
		return MU_FAILED;
	*ret_tls = (struct rpc_tls){.ca = f->ca.data, .cert = f->cert.data, .key = f->key.data};
	return 0;
}

static void on_stopped(void *ctx)
{
	(void)ctx;
	echo.rpc = rpc_free(echo.rpc);
	echo.signals = mu_signals_free(echo.signals);
}

static void on_signal(void *ctx)
{
	(void)ctx;
	if (echo.server)
		rpc_server_stop(MU_TAKE(echo.server), on_stopped, NULL);
}

static void on_hup(void *ctx)
{
	MU_CLEANUP(files_deinit) struct files files = {MU_STR_INIT, MU_STR_INIT, MU_STR_INIT};
	struct mu_error err = MU_ERROR_INIT;
	struct rpc_tls tls;

	(void)ctx;
	if (!echo.server)
		return;
	if (read_files(&files, &tls, &err) < 0)
		mu_log_error("reload failed err=\"%s\"", err.text);
	else
		rpc_server_set_tls(echo.server, &tls);
	printf("reloaded\n");
	(void)fflush(stdout);
}

static int serve(struct mu_error *err)
{
	MU_CLEANUP(files_deinit) struct files files = {MU_STR_INIT, MU_STR_INIT, MU_STR_INIT};
	struct rpc_server_options server = {
	    .listen = echo.config.listen,
	    .message_max = (size_t)echo.config.message_max,
	    .send_max = (size_t)echo.config.send_max,
	    .keepalive = echo.config.keepalive,
	    .keepalive_timeout = echo.config.keepalive_timeout,
	    .probe_interval = echo.config.probe_interval,
	    .on_stream = on_stream,
	};

	if (read_files(&files, &server.tls, err) < 0)
		return MU_FAILED;
	return rpc_server_new(echo.rpc, &server, &echo.server, err);
}

int main(int argc, char **argv)
{
	struct mu_error err = MU_ERROR_INIT;
	int next, r;

	mu_log_to_stderr();
	mu_config_defaults(options, &echo.config);
	if (mu_config_read_args(options, &echo.config, argc, argv, &next, &err) < 0 ||
	    next != argc || !echo.config.ca || !echo.config.cert || !echo.config.key) {
		(void)fprintf(stderr, "usage: %s --ca FILE --cert FILE --key FILE ... %s\n",
			      argv[0], err.text);
		return 2;
	}
	echo.loop = mu_loop_new();
	echo.signals = mu_signals_new(echo.loop, on_signal, on_hup, NULL);
	echo.rpc = rpc_new(echo.loop);
	r = serve(&err);
	if (r < 0) {
		(void)fprintf(stderr, "%s\n", err.text);
		on_stopped(NULL);
	} else {
		printf("port %d\n", rpc_server_port(echo.server));
		(void)fflush(stdout);
		mu_loop_run(echo.loop);
		printf("stopped\n");
	}
	mu_loop_free(echo.loop);
	return r < 0;
}
