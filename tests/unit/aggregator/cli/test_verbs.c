/* SPDX-License-Identifier: Apache-2.0 */
/* aggregator/cli/verbs, cli: the table, its texts, and exit codes. */
#include "aggregator/cli/verbs.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static char *argv[8];
static int argc;
static char *text;

static void words(const char *line)
{
	static char buf[128];
	char *save = NULL;

	(void)snprintf(buf, sizeof buf, "muster %s", line);
	argc = 0;
	for (char *w = strtok_r(buf, " ", &save); w; w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	argv[argc] = NULL;
}

static const struct cli_verb *find(const char *line, int *ret_first, struct mu_error *err)
{
	words(line);
	return cli_verb_find(argc, argv, ret_first, err);
}

static void teardown(void)
{
	free(text);
	text = NULL;
}

TestSuite(verbs, .fini = teardown);

Test(verbs, are_found_with_their_first_argument)
{
	struct mu_error err = MU_ERROR_INIT;
	const struct cli_verb *v;
	int first;

	v = find("vm stop a b", &first, &err);
	cr_assert_not_null(v);
	cr_expect_str_eq(v->action, "clean_shutdown");
	cr_expect_str_eq(v->forced, "hard_shutdown");
	cr_expect_eq(first, 3);
	v = find("host ls", &first, &err);
	cr_assert_not_null(v);
	cr_expect_str_eq(v->verb, "list");
	cr_assert_not_null(find("events vm task", &first, &err));
	cr_expect_eq(first, 2);
}

Test(verbs, mistakes_are_named)
{
	static const struct {
		const char *line, *says;
	} cases[] = {
	    {"", "--help"},
	    {"vm", "vm --help"},
	    {"vm fly", "vm fly"},
	    {"fly", "'fly'"},
	    {"vm start", "VM..."},
	    {"host list x", "no argument"},
	    {"vm define a b", "FILE|-"},
	};

	for (size_t i = 0; i < MU_ARRAY_SIZE(cases); i++) {
		struct mu_error err = MU_ERROR_INIT;
		int first;

		cr_expect_null(find(cases[i].line, &first, &err), "%s", cases[i].line);
		cr_expect_eq(err.code, MU_E_INVALID);
		cr_expect(strstr(err.text, cases[i].says), "%s: %s", cases[i].line, err.text);
	}
}

static char *print(void (*what)(FILE *out))
{
	size_t len;
	FILE *out;

	free(text);
	out = open_memstream(&text, &len);
	what(out);
	cr_assert_eq(fclose(out), 0);
	return text;
}

static void help(FILE *out)
{
	(void)cli_verb_help(argc, argv, out);
}

static void complete(FILE *out)
{
	cli_verb_complete(argc, argv, out);
}

static const char *before_options(char *words_then_options)
{
	char *options = strstr(words_then_options, "\n--");

	if (options)
		options[1] = '\0';
	return words_then_options;
}

Test(verbs, help_of_all_of_a_noun_and_of_a_verb)
{
	words("");
	cr_expect(strstr(print(help), "muster task wait") && strstr(text, "Exit codes"));
	words("host");
	cr_expect(strstr(print(help), "muster host show") && !strstr(text, "muster vm"));
	words("vm stop");
	cr_expect(strstr(print(help), "--force") && !strstr(text, "muster vm start"));
	words("nothing");
	cr_expect_str_eq(print(help), "");
}

/* Whatever ends something does not take the start of a name for it. */
Test(verbs, what_destroys_says_that_it_takes_whole_names)
{
	static const char *const sure[] = {
	    "vm delete",       "vm undefine", "vm revert",   "host shutdown",  "snapshot delete",
	    "template delete", "sr destroy",  "vdi delete",  "network delete", "alarm-rule delete",
	    "user delete",     "user passwd", "role delete", "token delete",   "call"};

	for (size_t i = 0; i < MU_ARRAY_SIZE(sure); i++) {
		words(sure[i]);
		cr_expect(strstr(print(help), "\nIt takes whole names"), "%s: %s", sure[i], text);
	}
	words("vm stop");
	cr_expect(strstr(print(help), "\nWith --force it takes whole names"));
	words("vm start");
	cr_expect_null(strstr(print(help), "whole names"));
}

Test(verbs, completion_knows_what_comes_next)
{
	words("");
	cr_expect_str_eq(before_options(print(complete)),
			 "host\nvm\nvbd\nvif\nsnapshot\ntemplate\nsr\nalarm\nalarm-rule\nalarm-"
			 "target\nmessage\nvdi\nvdi-snapshot\nnetwork\npool\ndom0\npbd\ntag\njoin-"
			 "token\npif\ncpu"
			 "pool\ntask\nuser\ngroup\nrole\ntoken\nlogin\nlogout\naudit\napply\nedit\n"
			 "verify\ncall\nquery"
			 "\nevents\ntop\nping\n");
	words("task");
	cr_expect_str_eq(before_options(print(complete)),
			 "list\nshow\nwait\nwatch\nabort\ndelete\nclear\n");
	words("vm list");
	cr_expect(strstr(print(complete), "--filter\n") && !strstr(text, "--force"));
	words("vm stop");
	cr_expect(strstr(print(complete), "--force\n"));
}

Test(verbs, completion_knows_which_objects_a_verb_takes)
{
	words("vm stop");
	cr_expect_str_eq(cli_verb_objects(argc, argv), "vms");
	words("host show");
	cr_expect_str_eq(cli_verb_objects(argc, argv), "hosts");
	words("task wait");
	cr_expect_str_eq(cli_verb_objects(argc, argv), "tasks");
	words("vdi show");
	cr_expect_str_eq(cli_verb_objects(argc, argv), "vdis");
	words("vdi-snapshot delete");
	cr_expect_str_eq(cli_verb_objects(argc, argv), "vdi-snapshots");
	words("role assign");
	cr_expect_str_eq(cli_verb_objects(argc, argv), "acl-roles");
	words("user passwd");
	cr_expect_null(cli_verb_objects(argc, argv)); /* [USER]: need not be one */
	words("network show");
	cr_expect_str_eq(cli_verb_objects(argc, argv), "networks");
	words("vm define");
	cr_expect_null(cli_verb_objects(argc, argv));
	words("vm");
	cr_expect_null(cli_verb_objects(argc, argv));
}

Test(verbs, exit_codes_of_errors)
{
	cr_expect_eq(cli_exit_of(MU_E_NONE), 0);
	cr_expect_eq(cli_exit_of(MU_E_IO), 1);
	cr_expect_eq(cli_exit_of(MU_E_NOT_FOUND), 3);
	cr_expect_eq(cli_exit_of(MU_E_STATE), 4);
	cr_expect_eq(cli_exit_of(MU_E_EXISTS), 4);
	cr_expect_eq(cli_exit_of(MU_E_TIMEOUT), 5);
}

Test(verbs, exit_code_of_several)
{
	cr_expect_eq(cli_exit_together(NULL, 0), 0);
	cr_expect_eq(cli_exit_together((const int[]){0, 0}, 2), 0);
	cr_expect_eq(cli_exit_together((const int[]){0, 3}, 2), 6);
	cr_expect_eq(cli_exit_together((const int[]){3, 3}, 2), 3);
	cr_expect_eq(cli_exit_together((const int[]){3, 4}, 2), 1);
}
