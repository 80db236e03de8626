/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --watch: the same verb again whenever an event says that something has changed, or each --delay
 * where there are no events of the noun. What it prints is compared with what it printed before.
 * One second at least lies between rounds, so that a burst of events is one of them; no event is
 * missed for that, as the next stream begins where the last one was left.
 */
#include "aggregator/cli/verbs.h"
#include "aggregator/cli/watch_text.h"

#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { ROUND_MIN_MS = 1000, ROWS_DEFAULT = 24 };

static void pause_for(mu_msec ms)
{
	struct timespec span = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};

	(void)nanosleep(&span, NULL); /* polls: what has no events, and not too often what has */
}

static size_t rows_of_screen(void)
{
	struct winsize size;

	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 ? size.ws_row
									       : ROWS_DEFAULT;
}

static int show(const struct cli *cli, const char *before, const char *now)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str out = MU_STR_INIT;

	if (isatty(STDOUT_FILENO))
		cli_watch_screen(&out, now, rows_of_screen());
	else if (*before && strcmp(cli->options.output, "table") == 0)
		cli_watch_changes(&out, before, now);
	else if (strcmp(before, now) != 0)
		mu_str_add(&out, now);
	return cli_print(&out);
}

/* A fresh arena for each round, as there is no last one. */
static int one_round(struct cli *cli, int argc, char **argv, struct mu_str *ret)
{
	struct mu_arena *kept = cli->arena;
	int r;

	cli->arena = mu_arena_new();
	mu_str_reset(ret);
	cli->captured = ret;
	r = cli->verb->run(cli, argc, argv);
	cli->captured = NULL;
	mu_arena_free(cli->arena);
	cli->arena = kept;
	return r;
}

static void wait_for_change(struct cli *cli, const char *collection,
			    char since[static CLI_API_EVENT_ID_MAX])
{
	if (!collection)
		pause_for(cli->options.delay);
	else if (*since)
		pause_for(ROUND_MIN_MS);
	/* Whoever may not see events, or is cut off from them, looks now and then. */
	if (collection && cli_api_await(cli->api, collection, since, NULL) < 0)
		pause_for(cli->options.delay);
}

int cli_watch(struct cli *cli, int argc, char **argv)
{
	const char *collection = cli_events_collection(cli->verb->noun);
	MU_CLEANUP(mu_str_deinit) struct mu_str before = MU_STR_INIT;
	char since[CLI_API_EVENT_ID_MAX] = "";

	cli->watching = true;
	if (isatty(STDOUT_FILENO))
		(void)fputs("\033[2J", stdout);
	for (;;) {
		MU_CLEANUP(mu_str_deinit) struct mu_str now = MU_STR_INIT;
		int r = one_round(cli, argc, argv, &now);

		if (r != CLI_OK ||
		    show(cli, before.data ? before.data : "", now.data ? now.data : "") != CLI_OK)
			return r != CLI_OK ? r : CLI_FAILED;
		mu_str_reset(&before);
		mu_str_add_bytes(&before, now.data ? now.data : "", now.len);
		wait_for_change(cli, collection, since);
	}
}
