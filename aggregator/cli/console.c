/* SPDX-License-Identifier: Apache-2.0 */
/*
 * muster vm console: a VM's serial console in this terminal. The server is asked with a plain GET
 * first, so that a refusal is told in its own words; then bytes go both ways over a WebSocket until
 * the person leaves (Ctrl-]), the server ends it or a signal comes.
 *
 * Standard input may also be a pipe: then it is typed, and nothing in it is an escape.
 */
#include "aggregator/cli/resolve.h"
#include "aggregator/cli/terminal.h"
#include "aggregator/cli/verbs.h"
#include "common/base/cut.h"
#include "common/base/str.h"
#include "common/http/ws_client.h"
#include "common/loop/poll.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	ESCAPE = 0x1d, /* Ctrl-] */
	READ_MAX = 4096,
	OPEN_MS = 30000,
	IDLE_MS = 60000,
};

struct console {
	struct cli *cli;
	struct mu_loop *loop;
	const char *name;
	struct http_ws_client *client;
	struct http_ws *ws; /* NULL: over */
	struct mu_poll *keys;
	struct mu_signals *signals;
	bool is_tty;
	char held[READ_MAX]; /* typed, and not taken by the WebSocket */
	size_t n_held;
	bool left; /* by the person's wish */
	int exit;
	char last_words[256]; /* for stderr, when the terminal is itself again */
};

static void say(struct console *c, int exit, const char *text)
{
	c->exit = exit;
	(void)snprintf(c->last_words, sizeof c->last_words, "%s", text);
	mu_cut_mend(c->last_words);
}

/* What the VM says. Waiting here is what holds the server back. */
static bool write_all(const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(STDOUT_FILENO, data, len);
		struct pollfd p = {.fd = STDOUT_FILENO, .events = POLLOUT};

		if (n > 0) {
			data += n;
			len -= (size_t)n;
		} else if (n < 0 && errno == EAGAIN) {
			(void)poll(&p, 1, -1); /* the terminal shares its flags with stdin */
		} else if (n < 0 && errno != EINTR) {
			return false;
		}
	}
	return true;
}

static void leave(struct console *c)
{
	c->left = true;
	mu_poll_set(c->keys, 0);
	if (c->ws)
		http_ws_close(c->ws, HTTP_WS_NORMAL, "");
}

static void on_message(struct http_ws *ws, const void *data, size_t len, bool text, void *ctx)
{
	struct console *c = ctx;

	(void)ws, (void)text;
	if (c->left || write_all(data, len))
		return;
	say(c, CLI_FAILED, "cannot write to stdout");
	leave(c);
}

/* What the person types */

static void send_held(struct console *c)
{
	if (c->n_held > 0 && !c->cli->options.read_only && c->ws &&
	    http_ws_send(c->ws, c->held, c->n_held, false) == HTTP_WS_FULL)
		return;
	c->n_held = 0;
	mu_poll_set(c->keys, MU_POLL_IN);
}

static void on_keys(void *ctx, unsigned events)
{
	struct console *c = ctx;
	ssize_t n = read(STDIN_FILENO, c->held, sizeof c->held);
	const char *escape;

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	mu_poll_set(c->keys, 0);
	if (n <= 0) { /* the pipe's end; what the VM says goes on */
		if (c->is_tty)
			leave(c);
		return;
	}
	c->n_held = (size_t)n;
	escape = c->is_tty ? memchr(c->held, ESCAPE, c->n_held) : NULL;
	if (escape)
		c->n_held = (size_t)(escape - c->held);
	send_held(c);
	if (escape)
		leave(c);
}

static void on_writable(struct http_ws *ws, void *ctx)
{
	struct console *c = ctx;

	(void)ws;
	if (!c->left)
		send_held(c);
}

static void on_open(struct http_ws *ws, void *ctx)
{
	struct console *c = ctx;

	(void)ws;
	if (c->is_tty)
		(void)fprintf(stderr, "Connected to %s%s; Ctrl-] leaves.\r\n", c->name,
			      c->cli->options.read_only ? ", read-only" : "");
	mu_poll_set(c->keys, MU_POLL_IN);
}

/* The end */

static void on_stopped(void *ctx)
{
	struct console *c = ctx;

	mu_loop_stop(c->loop);
}

static void begin_end(void *ctx)
{
	struct console *c = ctx;

	http_ws_client_stop(c->client, on_stopped, c);
}

static void on_close(struct http_ws *ws, int code, const char *reason, void *ctx)
{
	struct console *c = ctx;
	char text[256];

	(void)ws;
	c->ws = NULL;
	mu_poll_set(c->keys, 0);
	mu_loop_post(c->loop, begin_end, c);
	if (c->left || code == HTTP_WS_NORMAL)
		return;
	if (code >= HTTP_WS_OWN) {
		say(c, (int)cli_exit_of(cli_api_code_of_status(code - HTTP_WS_OWN)), reason);
		return;
	}
	(void)snprintf(text, sizeof text, "the connection has ended: %s", reason);
	say(c, CLI_FAILED, text);
}

static void on_signal(void *ctx)
{
	struct console *c = ctx;

	if (c->left)
		return;
	say(c, CLI_FAILED, "interrupted");
	leave(c);
}

/* The beginning */

static int find(struct cli *cli, const char *ref, const struct mu_value **ret_vm)
{
	const struct mu_value *vms, *hosts;
	struct mu_error err = MU_ERROR_INIT;
	int r = cli_get(cli, "/rest/v0/vms?fields=id,name_label,$container", &vms);

	if (r == CLI_OK)
		r = cli_get(cli, "/rest/v0/hosts?fields=id,name_label", &hosts);
	if (r == CLI_OK && cli_resolve_vm(vms, hosts, ref, cli_care(cli), ret_vm, &err) < 0)
		r = cli_fail(&err);
	return r;
}

static int run(struct console *c, const char *path, struct mu_error *err)
{
	static const struct http_ws_ops ops = {
	    .on_message = on_message, .on_writable = on_writable, .on_close = on_close};
	struct http_ws_client_options options = {
	    .timeout = OPEN_MS,
	    .idle_timeout = IDLE_MS,
	    .limits = {.message_max = 1 << 20, .send_max = 65536},
	    .ops = &ops,
	    .on_open = on_open,
	    .ctx = c,
	};

	cli_api_websocket(c->cli->api, c->cli->arena, path, &options);
	if (mu_poll_new(c->loop, STDIN_FILENO, on_keys, c, &c->keys, err) < 0)
		return mu_error_set(err, MU_E_UNSUPPORTED,
				    "standard input is neither a terminal nor a pipe");
	if (http_ws_client_new(c->loop, &options, &c->client, &c->ws, err) < 0)
		return MU_FAILED;
	c->signals = mu_signals_new(c->loop, on_signal, on_signal, c);
	mu_loop_run(c->loop);
	return 0;
}

int cli_vm_console(struct cli *cli, int argc, char **argv)
{
	struct console c = {.cli = cli, .is_tty = isatty(STDIN_FILENO)};
	MU_CLEANUP(mu_loop_free) struct mu_loop *loop = NULL;
	struct mu_error err = MU_ERROR_INIT;
	const struct mu_value *vm;
	const char *path;
	int r = find(cli, argv[0], &vm);

	(void)argc;
	if (r != CLI_OK)
		return r;
	c.name = mu_value_as_string(mu_value_get(vm, "name_label"));
	path = mu_arena_printf(cli->arena, "/rest/v0/vms/%s/console?mode=%s%s",
			       mu_value_as_string(mu_value_get(vm, "id")),
			       cli->options.read_only ? "read" : "write",
			       cli->options.take ? "&take=true" : "");
	if (cli_api_may_upgrade(cli->api, cli->arena, path, &err) < 0)
		return cli_fail(&err);
	c.loop = loop = mu_loop_new();
	if (cli_terminal_begin(STDIN_FILENO, &err) == 0)
		(void)run(&c, path, &err);
	c.keys = mu_poll_free(c.keys);
	c.signals = mu_signals_free(c.signals);
	cli_terminal_end();
	if (err.code != MU_E_NONE)
		return cli_fail(&err);
	if (c.last_words[0])
		(void)fprintf(stderr, "%smuster: %s\n", c.is_tty ? "\n" : "", c.last_words);
	else if (c.is_tty)
		(void)fputs("\nLeft.\n", stderr);
	return c.exit;
}
