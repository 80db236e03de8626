/* SPDX-License-Identifier: Apache-2.0 */
/*
 * muster top: a round is one request, GET /stats, and one picture. On a terminal keys change the
 * picture at once, and a server that does not answer is told in the first line while the last
 * values stay. With --batch every round is printed whole.
 *
 * A request is waited for, keys wait meanwhile; signals do not: they end the process where it is
 * (terminal.h).
 */
#include "aggregator/cli/terminal.h"
#include "aggregator/cli/top_view.h"
#include "aggregator/cli/verbs.h"
#include "common/base/cut.h"
#include "common/os/clock.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum {
	TEXT_MAX = 64,
	ESCAPE = 0x1b,
	BACKSPACE = 0x08,
	DELETE = 0x7f,
	COLUMNS = 80,
	LINES = 24,
};

struct top {
	struct cli *cli;
	struct top_view view;
	struct mu_arena *arena;       /* of the answer */
	struct mu_arena *drawing;     /* of a picture */
	const struct mu_value *stats; /* NULL: none yet */
	mu_msec at;                   /* of the answer; 0: none */
	struct mu_error trouble;
	bool typing; /* the text */
	bool leave;
	char text[TEXT_MAX + 1];
	char status[512];
};

static int ask(struct top *t, struct mu_error *err)
{
	struct mu_arena *a = mu_arena_new();
	const struct mu_value *stats;

	if (cli_api_call(t->cli->api, a, "GET", "/rest/v0/stats?series=" TOP_SERIES, NULL, &stats,
			 err) < 0) {
		mu_arena_free(a);
		return MU_FAILED;
	}
	mu_arena_free(t->arena);
	t->arena = a;
	t->stats = stats;
	t->at = mu_clock_wall();
	return 0;
}

/* --- every round on its own --- */

static int print_round(struct top *t)
{
	static const struct cli_column none[] = {{NULL, NULL, CLI_CELL_TEXT, false}};
	MU_CLEANUP(mu_str_deinit) struct mu_str out = MU_STR_INIT;
	struct cli_render render = cli_render_of(t->cli, none);

	if (render.output == CLI_TABLE)
		top_draw(&out, t->arena, &t->view, t->stats);
	else
		cli_render_object(&out, &render, t->stats);
	return cli_print(&out);
}

static int batch(struct top *t)
{
	const struct cli_options *o = &t->cli->options;
	struct mu_error err = MU_ERROR_INIT;

	for (int64_t i = 0; o->limit == 0 || i < o->limit; i++) {
		int r;

		if (i > 0)
			(void)poll(NULL, 0, (int)o->delay);
		if (i > 0 && strcmp(o->output, "table") == 0)
			(void)putchar('\n');
		if (ask(t, &err) < 0)
			return cli_fail(&err);
		r = print_round(t);
		if (r != CLI_OK)
			return r;
	}
	return CLI_OK;
}

/* --- on a terminal --- */

static void say_status(struct top *t)
{
	static const char *const orders[_TOP_SORT_COUNT] = {
	    [TOP_CPU] = "cpu",   [TOP_MEMORY] = "memory", [TOP_NET] = "net",
	    [TOP_DISK] = "disk", [TOP_NAME] = "name",
	};
	char when[16] = "--:--:--";
	time_t at = (time_t)(t->at / 1000);
	struct tm tm;

	if (t->at && gmtime_r(&at, &tm))
		(void)strftime(when, sizeof when, "%H:%M:%S", &tm);
	(void)snprintf(t->status, sizeof t->status, "%sZ, by %s%s%s%s%s%s%s", when,
		       orders[t->view.sort], t->view.reverse ? ", least first" : "",
		       t->typing || t->text[0] ? "; /" : "", t->text, t->typing ? "_" : "",
		       t->trouble.code != MU_E_NONE ? "; no answer: " : "",
		       t->trouble.code != MU_E_NONE ? t->trouble.text : "");
	mu_cut_mend(t->status);
	t->view.status = t->status;
}

/* The cursor home, every line up to its end, and nothing below. */
static void draw(struct top *t)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str lines = MU_STR_INIT, out = MU_STR_INIT;
	struct winsize size = {.ws_row = LINES, .ws_col = COLUMNS};
	size_t n = 0;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_row == 0 || size.ws_col == 0)
		size = (struct winsize){.ws_row = LINES, .ws_col = COLUMNS};
	t->view.width = size.ws_col;
	t->view.height = size.ws_row;
	say_status(t);
	mu_arena_reset(t->drawing);
	top_draw(&lines, t->drawing, &t->view, t->stats);
	mu_str_add(&out, "\033[H");
	for (const char *p = lines.data; *p && n < size.ws_row; n++) {
		size_t len = strcspn(p, "\n");

		mu_str_add(&out, n > 0 ? "\r\n" : "");
		mu_str_add_bytes(&out, p, len);
		mu_str_add(&out, "\033[K");
		p += len + 1;
	}
	mu_str_add(&out, "\033[J");
	if (cli_print(&out) != CLI_OK)
		t->leave = true;
}

static void type(struct top *t, char key)
{
	size_t len = strlen(t->text);

	if (key == '\r' || key == '\n') {
		t->typing = false;
	} else if (key == ESCAPE) {
		t->typing = false;
		t->text[0] = '\0';
	} else if (key == BACKSPACE || key == DELETE) {
		if (len > 0)
			t->text[len - 1] = '\0';
	} else if (key >= ' ' && key <= '~' && len < TEXT_MAX) {
		t->text[len] = key;
		t->text[len + 1] = '\0';
	}
}

static void press(struct top *t, char key)
{
	static const char sorts[_TOP_SORT_COUNT + 1] = {[TOP_CPU] = 'c',
							[TOP_MEMORY] = 'm',
							[TOP_NET] = 'n',
							[TOP_DISK] = 'd',
							[TOP_NAME] = 'a'};
	const char *sort = key ? strchr(sorts, key) : NULL;

	if (t->typing)
		type(t, key);
	else if (sort)
		t->view.sort = (enum top_sort)(sort - sorts);
	else if (key == 'r')
		t->view.reverse = !t->view.reverse;
	else if (key == '/')
		t->typing = true;
	else if (key == ESCAPE)
		t->text[0] = '\0';
	else if (key == 'q')
		t->leave = true;
}

/* How many bytes an arrow or the like has, which means nothing here; 0: it is none. */
static size_t sequence(const char *keys, size_t n)
{
	size_t len = 2;

	if (n < 2 || keys[0] != ESCAPE || (keys[1] != '[' && keys[1] != 'O'))
		return 0;
	while (len < n && (keys[len] < '@' || keys[len] > '~'))
		len++;
	return len < n ? len + 1 : n;
}

/* What was typed; false: nobody is there any more. */
static bool read_keys(struct top *t)
{
	char keys[64];
	ssize_t n = read(STDIN_FILENO, keys, sizeof keys);

	if (n <= 0)
		return n < 0 && (errno == EINTR || errno == EAGAIN);
	for (size_t i = 0; i < (size_t)n && !t->leave;) {
		size_t skip = sequence(keys + i, (size_t)n - i);

		if (skip == 0)
			press(t, keys[i]);
		i += skip ? skip : 1;
	}
	return true;
}

/* Until the next round: keys, and a new picture after each, or when the window is another. */
static void wait_round(struct top *t)
{
	mu_msec end = mu_clock_monotonic() + t->cli->options.delay;

	while (!t->leave) {
		mu_msec left = end - mu_clock_monotonic();
		struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
		int n;

		draw(t);
		if (left <= 0)
			return;
		n = poll(&p, 1, (int)left);
		if (n > 0 && !read_keys(t))
			t->leave = true;
	}
}

static void on_window(int signal)
{
	(void)signal; /* poll() ends */
}

static int on_screen(struct top *t)
{
	const struct sigaction window = {.sa_handler = on_window};
	const struct cli_options *o = &t->cli->options;
	struct mu_error err = MU_ERROR_INIT;

	/* What is wrong from the start is told as of any other verb. */
	if (ask(t, &err) < 0 || cli_terminal_begin_screen(STDIN_FILENO, STDOUT_FILENO, &err) < 0) {
		cli_terminal_end();
		return cli_fail(&err);
	}
	(void)sigaction(SIGWINCH, &window, NULL);
	for (int64_t i = 0; !t->leave && (o->limit == 0 || i < o->limit); i++) {
		t->trouble = (struct mu_error)MU_ERROR_INIT;
		if (i > 0)
			(void)ask(t, &t->trouble);
		wait_round(t);
	}
	cli_terminal_end();
	return CLI_OK;
}

/* --- the verb --- */

static int check(struct cli *cli, bool chosen, bool *ret_batch, struct mu_error *err)
{
	const struct cli_options *o = &cli->options;

	*ret_batch = o->batch || strcmp(o->output, "table") != 0;
	if (strcmp(o->output, "csv") == 0 || o->fields || o->no_header)
		return mu_error_set(
		    err, MU_E_INVALID,
		    "top prints tables, JSON and YAML; hint: -o json has all fields");
	if (chosen && strcmp(o->output, "table") != 0)
		return mu_error_set(err, MU_E_INVALID,
				    "-o %s prints all there is; hint: leave TEXT and --host out",
				    o->output);
	if (!*ret_batch && (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)))
		return mu_error_set(err, MU_E_INVALID,
				    "top needs a terminal; hint: --batch, and -n for how often");
	return 0;
}

static int parse_sort(const char *text, enum top_sort *ret, struct mu_error *err)
{
	if (top_sort_parse(text ? text : "cpu", ret))
		return 0;
	return mu_error_set(err, MU_E_INVALID,
			    "--sort: \"%s\" is not known; hint: cpu, memory, net, disk or name",
			    text);
}

int cli_top(struct cli *cli, int argc, char **argv)
{
	struct top t = {.cli = cli};
	struct mu_error err = MU_ERROR_INIT;
	bool whole;
	int r;

	if (check(cli, argc > 0 || cli->options.host, &whole, &err) < 0 ||
	    parse_sort(cli->options.sort, &t.view.sort, &err) < 0) {
		(void)cli_fail(&err);
		return CLI_USAGE;
	}
	(void)snprintf(t.text, sizeof t.text, "%s", argc > 0 ? argv[0] : "");
	t.view.text = t.text;
	if (cli->options.host &&
	    cli_find_id(cli, "hosts", cli->options.host, &t.view.host, &err) < 0)
		return cli_fail(&err);
	t.arena = mu_arena_new();
	t.drawing = mu_arena_new();
	r = whole ? batch(&t) : on_screen(&t);
	mu_arena_free(t.arena);
	mu_arena_free(t.drawing);
	return r;
}
