/* SPDX-License-Identifier: Apache-2.0 */
#include "common/config/config.h"
#include "common/os/file.h"

#include <criterion/criterion.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct conf {
	const char *listen;
	const char *driver;
	const char *optional;
	bool verbose;
	int64_t hosts;
	int64_t interval;
};

static const struct mu_option table[] = {
    {"listen", MU_OPTION_STRING, offsetof(struct conf, listen), "127.0.0.1:1", "ADDR:PORT",
     "where to listen", 0, 0, NULL},
    {"driver", MU_OPTION_CHOICE, offsetof(struct conf, driver), "xen", NULL, "which driver", 0, 0,
     "xen|sim"},
    {"optional", MU_OPTION_STRING, offsetof(struct conf, optional), NULL, "X", "may be unset", 0, 0,
     NULL},
    {"verbose", MU_OPTION_BOOL, offsetof(struct conf, verbose), "false", NULL, "say more", 0, 0,
     NULL},
    {"hosts", MU_OPTION_INT, offsetof(struct conf, hosts), "3", "N", "how many", 1, 100, NULL},
    {"interval", MU_OPTION_DURATION, offsetof(struct conf, interval), "5s", "TIME", "how often",
     100, 60000, NULL},
    {NULL, MU_OPTION_STRING, 0, NULL, NULL, NULL, 0, 0, NULL},
};

static struct conf c;
static struct mu_error err;

static void setup(void)
{
	mu_config_defaults(table, &c);
}

TestSuite(config, .init = setup);

Test(config, defaults)
{
	cr_assert_str_eq(c.listen, "127.0.0.1:1");
	cr_assert_str_eq(c.driver, "xen");
	cr_assert_null(c.optional);
	cr_assert_not(c.verbose);
	cr_assert_eq(c.hosts, 3);
	cr_assert_eq(c.interval, 5000);
}

Test(config, command_line_in_both_forms_stops_at_the_first_word)
{
	char *argv[] = {(char[]){"p"},         (char[]){"--listen"},
			(char[]){"a:2"},       (char[]){"--hosts=7"},
			(char[]){"--verbose"}, (char[]){"run"},
			(char[]){"--hosts=9"}, NULL};
	int next = 0;

	cr_assert_eq(mu_config_read_args(table, &c, 7, argv, &next, &err), 0, "%s", err.text);
	cr_assert_eq(next, 5);
	cr_assert_str_eq(c.listen, "a:2");
	cr_assert_eq(c.hosts, 7);
	cr_assert(c.verbose);
}

Test(config, the_last_one_counts)
{
	char *argv[] = {(char[]){"p"}, (char[]){"--listen=a:1"}, (char[]){"--listen=b:2"}, NULL};
	int next;

	cr_assert_eq(mu_config_read_args(table, &c, 3, argv, &next, &err), 0, "%s", err.text);
	cr_assert_str_eq(c.listen, "b:2");
}

Test(config, double_dash_ends_the_options)
{
	char *argv[] = {(char[]){"p"}, (char[]){"--"}, (char[]){"--hosts=9"}, NULL};
	int next = 0;

	cr_assert_eq(mu_config_read_args(table, &c, 3, argv, &next, &err), 0);
	cr_assert_eq(next, 2);
	cr_assert_eq(c.hosts, 3);
}

static void expect_refusal(const char *name, const char *value, const char *text)
{
	err = (struct mu_error)MU_ERROR_INIT;
	cr_assert_eq(mu_config_set(table, &c, name, value, "here", &err), MU_FAILED);
	cr_assert_eq(err.code, MU_E_INVALID);
	cr_assert_not_null(strstr(err.text, text), "'%s' lacks '%s'", err.text, text);
}

Test(config, refusals_say_which_option_what_and_where)
{
	char *argv[] = {(char[]){"p"}, (char[]){"--hosts"}, NULL};
	char *unknown[] = {(char[]){"p"}, (char[]){"--nope=1"}, NULL};
	int next;

	expect_refusal("hosts", "0", "here: hosts: 0 is outside 1..100");
	expect_refusal("hosts", "101", "outside");
	expect_refusal("hosts", "many", "'many' is not a whole number");
	expect_refusal("interval", "5 s", "is not a duration");
	expect_refusal("interval", "s", "is not a duration");
	expect_refusal("interval", "99999999999999999d", "is not a duration");
	expect_refusal("interval", "2m", "outside 100..60000 ms");
	expect_refusal("verbose", "maybe", "'maybe' is not true or false");
	expect_refusal("driver", "kvm", "'kvm' is not one of xen|sim");
	expect_refusal("driver", "", "not one of");
	expect_refusal("driver", "xe", "not one of");
	expect_refusal("nope", "1", "unknown option 'nope'");
	cr_assert_eq(mu_config_read_args(table, &c, 2, argv, &next, &err), MU_FAILED);
	cr_assert_str_eq(err.text, "--hosts needs a value (N)");
	cr_assert_eq(mu_config_read_args(table, &c, 2, unknown, &next, &err), MU_FAILED);
	cr_assert_not_null(strstr(err.text, "--nope"));
}

Test(config, durations)
{
	static const struct {
		const char *text;
		int64_t ms;
	} cases[] = {{"100ms", 100}, {"7s", 7000}, {"1m", 60000}, {"9", 9000}};

	for (size_t i = 0; i < MU_ARRAY_SIZE(cases); i++) {
		cr_assert_eq(mu_config_set(table, &c, "interval", cases[i].text, "t", &err), 0);
		cr_assert_eq(c.interval, cases[i].ms);
	}
}

Test(config, file_with_comments_and_errors_by_line)
{
	char path[] = "/tmp/muster-conf-XXXXXX";
	static const char good[] = "# comment\n\n  hosts = 4 \nverbose=yes\nlisten =\n";
	static const char bad[] = "hosts = 4\nnonsense\n";
	int fd = mkstemp(path);

	cr_assert_geq(fd, 0);
	(void)close(fd);
	cr_assert_eq(mu_file_replace(path, good, sizeof good - 1, 0600, NULL), 0);
	cr_assert_eq(mu_config_read_file(table, &c, path, &err), 0, "%s", err.text);
	cr_assert_eq(c.hosts, 4);
	cr_assert(c.verbose);
	cr_assert_str_empty(c.listen);
	cr_assert_eq(mu_file_replace(path, bad, sizeof bad - 1, 0600, NULL), 0);
	cr_assert_eq(mu_config_read_file(table, &c, path, &err), MU_FAILED);
	cr_assert_not_null(strstr(err.text, ":2: expected 'name = value', got 'nonsense'"));
	cr_assert_eq(mu_file_remove(path, NULL), 0);
	cr_assert_eq(mu_config_read_file(table, &c, path, &err), MU_FAILED);
	cr_assert_eq(err.code, MU_E_NOT_FOUND);
}

/* What --print-example writes is, once uncommented, what the defaults are. */
Test(config, the_example_file_is_valid)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	mu_config_print_example(table, out);
	mu_config_print_help(table, out);
	(void)fclose(out);
	cr_assert_not_null(strstr(text, "#hosts = 3\n"));
	cr_assert_not_null(strstr(text, "--driver xen|sim"));
	free(text);
}
