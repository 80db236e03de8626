/* SPDX-License-Identifier: Apache-2.0 */
/* aggregator/cli/options: the command line. */
#include "aggregator/cli/options.h"
#include "common/base/mem.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/* Static: option texts live as long as the process. */
static struct cli_options o;
static struct mu_error err;
static char *argv[16];
static int argc;

/* Parse the blank-separated words behind the program's name. */
static int parse(const char *line)
{
	static char words[256];
	char *save = NULL;

	(void)snprintf(words, sizeof words, "muster %s", line);
	argc = 0;
	for (char *w = strtok_r(words, " ", &save); w; w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	argv[argc] = NULL;
	return cli_options_parse(&o, argc, argv, &argc, &err);
}

Test(options, anywhere_among_the_words)
{
	cr_assert_eq(parse("-o json vm --limit 5 list --filter=power_state:Running -v"), 0, "%s",
		     err.text);
	cr_expect_eq(argc, 3);
	cr_expect_str_eq(argv[1], "vm");
	cr_expect_str_eq(argv[2], "list");
	cr_expect_str_eq(o.output, "json");
	cr_expect_eq(o.limit, 5);
	cr_expect_str_eq(o.filter, "power_state:Running");
	cr_expect(o.verbose);
}

Test(options, short_with_value_attached)
{
	cr_assert_eq(parse("-oyaml -cname,state x"), 0);
	cr_expect_str_eq(o.output, "yaml");
	cr_expect_str_eq(o.fields, "name,state");
}

Test(options, short_ones_together)
{
	cr_assert_eq(parse("-yvf file.yaml x"), 0, "%s", err.text);
	cr_expect(o.yes && o.verbose);
	cr_expect_str_eq(o.file, "file.yaml");
	cr_assert_eq(parse("-yffile.yaml"), 0, "%s", err.text);
	cr_expect_str_eq(o.file, "file.yaml");
	cr_assert_eq(parse("-yz"), MU_FAILED);
	cr_expect(strstr(err.text, "unknown option"), "%s", err.text);
}

Test(options, defaults)
{
	cr_assert_eq(parse(""), 0);
	cr_expect_str_eq(o.output, "table");
	cr_expect_eq(o.timeout, 600000);
	cr_expect_eq(o.limit, 0);
	cr_expect_eq(argc, 1);
}

Test(options, two_dashes_end_them_and_one_is_a_word)
{
	cr_assert_eq(parse("vm define - -- --limit -x"), 0);
	cr_expect_eq(argc, 6);
	cr_expect_str_eq(argv[3], "-");
	cr_expect_str_eq(argv[4], "--limit");
	cr_expect_str_eq(argv[5], "-x");
}

Test(options, mistakes_are_named)
{
	static const struct {
		const char *line, *says;
	} cases[] = {
	    {"--nonsense", "--nonsense"},
	    {"-z", "-z"},
	    {"-o", "needs a value"},
	    {"-o xml", "table|json|csv|yaml"},
	    {"--limit 0", "limit"},
	    {"--limit many", "whole number"},
	    {"--timeout soon", "duration"},
	    {"--wait --no-wait", "exclude"},
	    {"--url u --socket s", "exclude"},
	    {"--out json", "unknown option"},
	};

	for (size_t i = 0; i < MU_ARRAY_SIZE(cases); i++) {
		cr_expect_lt(parse(cases[i].line), 0, "%s", cases[i].line);
		cr_expect_eq(err.code, MU_E_INVALID);
		cr_expect(strstr(err.text, cases[i].says), "%s: %s", cases[i].line, err.text);
	}
}

Test(options, refused_where_they_mean_nothing)
{
	cr_assert_eq(parse("--force --url u"), 0);
	cr_expect_str_eq(cli_options_refused(&o, CLI_OPT_OUTPUT), "force");
	cr_expect_null(cli_options_refused(&o, CLI_OPT_FORCE | CLI_OPT_LIST));
	cr_assert_eq(parse("--limit 3"), 0);
	cr_expect_str_eq(cli_options_refused(&o, CLI_OPT_OUTPUT), "limit");
}

Test(options, environment_fills_what_was_not_given)
{
	cr_assert_eq(setenv("MUSTER_URL", "https://a:1", 1), 0);
	cr_assert_eq(setenv("MUSTER_SOCKET", "/s", 1), 0);
	cr_assert_eq(setenv("MUSTER_TOKEN", "t", 1), 0);
	cr_assert_eq(setenv("MUSTER_CA", "", 1), 0);
	cr_assert_eq(parse("--socket /mine"), 0);
	cli_options_environment(&o);
	cr_expect_null(o.url, "the command line's socket goes before the environment's URL");
	cr_expect_str_eq(o.socket, "/mine");
	cr_expect_str_eq(o.token, "t");
	cr_expect_null(o.ca, "empty is not set");
	cr_assert_eq(parse(""), 0);
	cli_options_environment(&o);
	cr_expect_str_eq(o.url, "https://a:1");
	cr_expect_null(o.socket);
}

struct seen {
	bool force, limit;
};

static void see(void *ctx, const char *name)
{
	struct seen *seen = ctx;

	seen->force |= strcmp(name, "--force") == 0;
	seen->limit |= strcmp(name, "--limit") == 0;
}

Test(options, help_and_completion_know_a_verbs_groups)
{
	struct seen seen = {0};
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	cli_options_each(CLI_OPT_FORCE, see, &seen);
	cr_expect(seen.force && !seen.limit);
	cli_options_help(CLI_OPT_LIST, out);
	cr_assert_eq(fclose(out), 0);
	cr_expect(strstr(text, "--limit N") && strstr(text, "--url URL"));
	cr_expect_null(strstr(text, "--force"));
	free(text);
}
