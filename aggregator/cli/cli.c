/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/cli/cli.h"

#include "common/json/json.h"
#include "common/os/clock.h"
#include "common/os/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TEXT_MAX_BYTES = 256 * 1024 };

enum cli_exit cli_exit_of(enum mu_error_code code)
{
	switch (code) {
	case MU_E_NONE:
		return CLI_OK;
	case MU_E_NOT_FOUND:
		return CLI_NOT_FOUND;
	case MU_E_STATE:
	case MU_E_EXISTS:
		return CLI_CONFLICT;
	case MU_E_TIMEOUT:
		return CLI_RUNNING;
	case MU_E_INTERNAL:
	case MU_E_INVALID:
	case MU_E_UNAUTHENTICATED:
	case MU_E_DENIED:
	case MU_E_UNSUPPORTED:
	case MU_E_UNAVAILABLE:
	case MU_E_CANCELLED:
	case MU_E_TOO_LARGE:
	case MU_E_EXHAUSTED:
	case MU_E_IO:
	case MU_E_PROTOCOL:
	case _MU_E_COUNT:
		break;
	}
	return CLI_FAILED;
}

int cli_fail(const struct mu_error *err)
{
	if (err->code == MU_E_NONE) /* a dry run ends here */
		return CLI_OK;
	(void)fprintf(stderr, "muster: %s\n", err->text);
	return (int)cli_exit_of(err->code);
}

enum cli_resolve_care cli_care(const struct cli *cli)
{
	bool destroys = (cli->verb->groups & CLI_OPT_SURE) || cli->options.force;

	return destroys ? CLI_RESOLVE_SURE : CLI_RESOLVE_EASY;
}

int cli_exit_together(const int *exits, size_t n)
{
	size_t n_ok = 0;
	bool same = true;

	for (size_t i = 0; i < n; i++) {
		n_ok += exits[i] == CLI_OK;
		same = same && exits[i] == exits[0];
	}
	if (n == 0 || n_ok == n)
		return CLI_OK;
	if (n_ok > 0)
		return CLI_PARTIAL;
	return same ? exits[0] : CLI_FAILED;
}

int cli_get(struct cli *cli, const char *path, const struct mu_value **ret_body)
{
	struct mu_error err = MU_ERROR_INIT;

	if (cli_api_call(cli->api, cli->arena, "GET", path, NULL, ret_body, &err) < 0)
		return cli_fail(&err);
	return CLI_OK;
}

void cli_add_encoded(struct mu_str *path, const char *value)
{
	for (const char *p = value; *p; p++) {
		bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
			     (*p >= '0' && *p <= '9') || strchr("-_.~*,$", *p);

		if (plain)
			mu_str_add_char(path, *p);
		else
			mu_str_printf(path, "%%%02X", (unsigned)(unsigned char)*p);
	}
}

void cli_add_parameter(struct mu_str *path, const char *name, const char *value)
{
	mu_str_printf(path, "%c%s=", strchr(path->data, '?') ? '&' : '?', name);
	cli_add_encoded(path, value);
}

const char *cli_list_path(struct cli *cli, const char *collection, const struct cli_column *columns)
{
	__attribute__((cleanup(mu_str_deinit_cleanup))) struct mu_str path = MU_STR_INIT;
	__attribute__((cleanup(mu_str_deinit_cleanup))) struct mu_str sort = MU_STR_INIT;

	mu_str_printf(&path, "/rest/v0/%s?fields=*", collection);
	if (cli->options.filter)
		cli_add_parameter(&path, "filter", cli->options.filter);
	if (cli->options.sort) {
		cli_render_sort(&sort, columns, cli->options.sort);
		cli_add_parameter(&path, "sort", sort.data ? sort.data : "");
	}
	if (cli->options.limit > 0)
		mu_str_printf(&path, "&limit=%lld", (long long)cli->options.limit);
	return mu_arena_strdup(cli->arena, path.data);
}

struct cli_render cli_render_of(const struct cli *cli, const struct cli_column *columns)
{
	static const struct {
		const char *name;
		enum cli_output output;
	} outputs[] = {
	    {"table", CLI_TABLE}, {"json", CLI_JSON}, {"csv", CLI_CSV}, {"yaml", CLI_YAML}};
	const char *no_color = getenv("NO_COLOR");
	struct cli_render r = {
	    .columns = columns,
	    .fields = cli->options.fields,
	    .header = !cli->options.no_header,
	    .color = isatty(STDOUT_FILENO) && !(no_color && *no_color),
	    .now = cli->watching ? 0 : mu_clock_wall(), /* "2 min ago" is no change */
	};

	for (size_t i = 0; i < MU_ARRAY_SIZE(outputs); i++)
		if (strcmp(outputs[i].name, cli->options.output) == 0)
			r.output = outputs[i].output;
	return r;
}

int cli_print(struct mu_str *out)
{
	if (out->len > 0 && fwrite(out->data, 1, out->len, stdout) != out->len) {
		perror("muster: cannot write to stdout");
		return CLI_FAILED;
	}
	if (fflush(stdout) != 0) {
		perror("muster: cannot write to stdout");
		return CLI_FAILED;
	}
	return CLI_OK;
}

int cli_print_view(struct cli *cli, struct mu_str *out)
{
	if (!cli->captured)
		return cli_print(out);
	mu_str_add_bytes(cli->captured, out->data ? out->data : "", out->len);
	return CLI_OK;
}

int cli_print_list(struct cli *cli, const struct cli_render *render, const struct mu_value *list)
{
	__attribute__((cleanup(mu_str_deinit_cleanup))) struct mu_str out = MU_STR_INIT;
	__attribute__((cleanup(mu_str_deinit_cleanup))) struct mu_str unknown = MU_STR_INIT;

	cli_render_unknown(&unknown, render, list);
	if (unknown.len > 0 && !cli->captured)
		(void)fprintf(stderr,
			      "muster: none of these has %s; hint: -o json shows what they have\n",
			      unknown.data);
	cli_render_list(&out, render, list);
	return cli_print_view(cli, &out);
}

int cli_list(struct cli *cli, const char *collection, const struct cli_column *columns)
{
	struct cli_render render = cli_render_of(cli, columns);
	struct mu_error err = MU_ERROR_INIT;
	const struct mu_value *list;
	int r;

	if (cli_render_check(&render, &err) < 0) {
		(void)cli_fail(&err);
		return CLI_USAGE;
	}
	r = cli_get(cli, cli_list_path(cli, collection, columns), &list);
	if (r != CLI_OK)
		return r;
	return cli_print_list(cli, &render, list);
}

static int read_stdin(struct mu_str *text, struct mu_error *err)
{
	char buf[4096];
	ssize_t n;

	while ((n = read(STDIN_FILENO, buf, sizeof buf)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return mu_error_errno(err, errno, "stdin");
		mu_str_add_bytes(text, buf, (size_t)n);
		if (text->len > TEXT_MAX_BYTES)
			return mu_error_set(err, MU_E_TOO_LARGE, "stdin: more than %d bytes",
					    TEXT_MAX_BYTES);
	}
	return 0;
}

int cli_read_text(const char *path, struct mu_str *ret, struct mu_error *err)
{
	return strcmp(path, "-") == 0 ? read_stdin(ret, err)
				      : mu_file_read(path, TEXT_MAX_BYTES, ret, err);
}

int cli_read_json(struct cli *cli, const char *path, struct mu_value **ret, struct mu_error *err)
{
	__attribute__((cleanup(mu_str_deinit_cleanup))) struct mu_str text = MU_STR_INIT;

	if (cli_read_text(path, &text, err) < 0)
		return MU_FAILED;
	if (mu_json_read(cli->arena, text.data ? text.data : "", text.len, ret, err) < 0)
		return mu_error_prefix(err, "%s", path);
	return 0;
}

int cli_confirm(struct cli *cli, const char *question)
{
	struct mu_error err = MU_ERROR_INIT;
	char answer[8] = "";

	if (cli->options.yes)
		return CLI_OK;
	if (!isatty(STDIN_FILENO) || !cli_is_watched()) {
		(void)mu_error_set(
		    &err, MU_E_INVALID,
		    "there is no terminal to ask at, nothing is changed; hint: --yes");
		(void)cli_fail(&err);
		return CLI_USAGE;
	}
	(void)fprintf(stderr, "%s [y/N] ", question);
	if (fgets(answer, sizeof answer, stdin) &&
	    (strcmp(answer, "y\n") == 0 || strcmp(answer, "yes\n") == 0))
		return CLI_OK;
	(void)fputs("muster: nothing is changed\n", stderr);
	return CLI_FAILED;
}

bool cli_is_watched(void)
{
	return isatty(STDERR_FILENO);
}
