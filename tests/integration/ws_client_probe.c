/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One WebSocket by common/http/ws_client.h for test_http_websocket.py. Prints "open", "message N"
 * and the bytes' sum, "closed CODE: reason"; sends each argument behind the options as a message.
 *
 * usage: ws_client_probe URL [unix=|ca=|insecure=|timeout=|idle=|auth=|close=CODE]... [MESSAGE...]
 */
#include "common/base/assert.h"
#include "common/http/ws_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct probe {
	struct mu_loop *loop;
	struct http_ws_client *client;
	struct http_ws *ws;
	int close_code; /* after the last echo; 0 = wait for the server */
	int argc;
	char **argv; /* what is still to be sent */
	int n_expected;
};

static void send_more(struct probe *p)
{
	while (p->argc > 0) {
		if (http_ws_send(p->ws, p->argv[0], strlen(p->argv[0]), true) == HTTP_WS_FULL)
			return;
		p->argc--;
		p->argv++;
	}
}

static void on_open(struct http_ws *ws, void *ctx)
{
	(void)ws;
	printf("open\n");
	send_more(ctx);
}

static void on_message(struct http_ws *ws, const void *data, size_t len, bool text, void *ctx)
{
	struct probe *p = ctx;
	unsigned sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += ((const unsigned char *)data)[i];
	printf("message %s %zu %u\n", text ? "text" : "binary", len, sum);
	(void)fflush(stdout);
	if (--p->n_expected == 0 && p->close_code)
		http_ws_close(ws, p->close_code, "enough");
}

static void on_writable(struct http_ws *ws, void *ctx)
{
	(void)ws;
	send_more(ctx);
}

static void on_stopped(void *ctx)
{
	struct probe *p = ctx;

	mu_loop_stop(p->loop);
}

static void stop(void *ctx)
{
	struct probe *p = ctx;

	http_ws_client_stop(p->client, on_stopped, p);
}

static void on_close(struct http_ws *ws, int code, const char *reason, void *ctx)
{
	struct probe *p = ctx;

	(void)ws;
	printf("closed %d: %s\n", code, reason);
	(void)fflush(stdout);
	mu_loop_post(p->loop, stop, p);
}

static bool set_option(struct probe *p, struct http_ws_client_options *o, char *arg)
{
	char *value = strchr(arg, '=');

	if (!value)
		return false;
	*value++ = '\0';
	if (strcmp(arg, "unix") == 0)
		o->unix_path = value;
	else if (strcmp(arg, "ca") == 0)
		o->ca_file = value;
	else if (strcmp(arg, "insecure") == 0)
		o->insecure = true;
	else if (strcmp(arg, "timeout") == 0)
		o->timeout = strtol(value, NULL, 10);
	else if (strcmp(arg, "idle") == 0)
		o->idle_timeout = strtol(value, NULL, 10);
	else if (strcmp(arg, "auth") == 0)
		o->authorization = value;
	else
		p->close_code = (int)strtol(value, NULL, 10);
	return true;
}

int main(int argc, char **argv)
{
	static const struct http_ws_ops ops = {
	    .on_message = on_message, .on_writable = on_writable, .on_close = on_close};
	struct probe p = {.loop = mu_loop_new()};
	struct mu_error err = MU_ERROR_INIT;
	struct http_ws_client_options options = {
	    .timeout = 10000,
	    .idle_timeout = 60000,
	    .limits = {.message_max = 1 << 20, .send_max = 10000},
	    .ops = &ops,
	    .on_open = on_open,
	    .ctx = &p,
	};

	mu_assert(argc >= 2);
	options.url = argv[1];
	argv += 2;
	argc -= 2;
	for (; argc > 0 && set_option(&p, &options, argv[0]); argv++)
		argc--;
	p.argc = p.n_expected = argc;
	p.argv = argv;
	if (http_ws_client_new(p.loop, &options, &p.client, &p.ws, &err) < 0)
		printf("error %s: %s\n", mu_error_name(err.code), err.text);
	else
		mu_loop_run(p.loop);
	mu_loop_free(p.loop);
	return 0;
}
