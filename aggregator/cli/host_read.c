/* SPDX-License-Identifier: Apache-2.0 */
/* What is read of one host when asked for: PCI and USB devices, messages, the journal. */
#include "aggregator/cli/format.h"
#include "aggregator/cli/resolve.h"
#include "aggregator/cli/verbs.h"
#include "aggregator/cli/when.h"

#include "common/os/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* "/rest/v0/hosts/<id>/<what>" of the host that is called `ref`. */
static int find_path(struct cli *cli, const char *ref, const char *what, const char **ret_path)
{
	struct mu_error err = MU_ERROR_INIT;
	const struct mu_value *list, *host;
	int r = cli_get(cli, "/rest/v0/hosts?fields=id,name_label", &list);

	if (r != CLI_OK)
		return r;
	if (cli_resolve(list, "host", ref, cli_care(cli), &host, &err) < 0)
		return cli_fail(&err);
	*ret_path = mu_arena_printf(cli->arena, "/rest/v0/hosts/%s/%s",
				    mu_value_as_string(mu_value_get(host, "id")), what);
	return CLI_OK;
}

static int print_list(struct cli *cli, const struct cli_column *columns,
		      const struct mu_value *list)
{
	struct cli_render render = cli_render_of(cli, columns);
	struct mu_error err = MU_ERROR_INIT;

	if (cli_render_check(&render, &err) < 0) {
		(void)cli_fail(&err);
		return CLI_USAGE;
	}
	return cli_print_list(cli, &render, list);
}

/* A list of the host's details; one whose agent is older has none. */
static int print_details(struct cli *cli, const char *host, const char *member,
			 const struct cli_column *columns)
{
	const struct mu_value *details, *list;
	const char *path;
	int r = find_path(cli, host, "details", &path);

	if (r == CLI_OK)
		r = cli_get(cli, path, &details);
	if (r != CLI_OK)
		return r;
	list = mu_value_get(details, member);
	return print_list(cli, columns, list ? list : mu_value_list(cli->arena));
}

int cli_host_pci(struct cli *cli, int argc, char **argv)
{
	static const struct cli_column columns[] = {
	    {"ADDRESS", "address", CLI_CELL_TEXT, false},
	    {"CLASS", "className", CLI_CELL_TEXT, false},
	    {"VENDOR", "vendorName", CLI_CELL_TEXT, false},
	    {"DEVICE", "deviceName", CLI_CELL_TEXT, false},
	    {"DRIVER", "driver", CLI_CELL_TEXT, false},
	    {"ASSIGNABLE", "assignable", CLI_CELL_TEXT, false},
	    {"IOMMU GROUP", "iommuGroup", CLI_CELL_NUMBER, true},
	    {NULL, NULL, CLI_CELL_TEXT, false},
	};

	(void)argc;
	return print_details(cli, argv[0], "pcis", columns);
}

int cli_host_usb(struct cli *cli, int argc, char **argv)
{
	static const struct cli_column columns[] = {
	    {"DEVICE", "device", CLI_CELL_TEXT, false},
	    {"VENDOR", "vendorName", CLI_CELL_TEXT, false},
	    {"NAME", "deviceName", CLI_CELL_TEXT, false},
	    {"CLASS", "className", CLI_CELL_TEXT, false},
	    {"VM", "vm", CLI_CELL_TEXT, false},
	    {"VENDOR ID", "vendor", CLI_CELL_TEXT, true},
	    {"PRODUCT ID", "product", CLI_CELL_TEXT, true},
	    {"SERIAL", "serial", CLI_CELL_TEXT, true},
	    {"PORT", "port", CLI_CELL_TEXT, true},
	    {"CONTROLLER", "controller", CLI_CELL_TEXT, true},
	    {"KB/S", "speedKbps", CLI_CELL_NUMBER, true},
	    {NULL, NULL, CLI_CELL_TEXT, false},
	};

	(void)argc;
	return print_details(cli, argv[0], "usbs", columns);
}

/* For a terminal: control characters but the ends of lines and tabs become '?'. */
static void add_lines(struct mu_str *out, struct mu_arena *a, const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n\t");

		cli_format_text(out, mu_arena_strndup(a, text, len));
		text += len;
		if (*text)
			mu_str_add_char(out, *text++);
	}
}

int cli_host_dmesg(struct cli *cli, int argc, char **argv)
{
	__attribute__((cleanup(mu_str_deinit_cleanup))) struct mu_str out = MU_STR_INIT;
	struct mu_error err = MU_ERROR_INIT;
	const char *path, *text;
	int r;

	(void)argc;
	r = find_path(cli, argv[0], "dmesg", &path);
	if (r != CLI_OK)
		return r;
	if (cli_api_text(cli->api, cli->arena, path, &text, &err) < 0)
		return cli_fail(&err);
	add_lines(&out, cli->arena, text);
	return cli_print(&out);
}

/* The journal */

/* "2026-11-26 03:46:13 name[12]: message", as journalctl prints it. */
static void add_entry(struct mu_str *out, struct mu_arena *a, const struct mu_value *entry)
{
	const struct mu_value *at = mu_value_get(entry, "at"), *pid = mu_value_get(entry, "pid");
	const char *name = mu_value_as_string(mu_value_get(entry, "identifier"));
	const char *message = mu_value_as_string(mu_value_get(entry, "message"));
	time_t seconds = at && at->kind == MU_VALUE_INT ? (time_t)(at->integer / 1000) : 0;
	char when[32] = "-";
	struct tm tm;

	if (seconds && gmtime_r(&seconds, &tm))
		(void)strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S", &tm);
	mu_str_printf(out, "%s ", when);
	cli_format_text(out, name ? name : "-");
	if (pid && pid->kind == MU_VALUE_INT)
		mu_str_printf(out, "[%lld]", (long long)pid->integer);
	mu_str_add(out, ": ");
	add_lines(out, a, message ? message : "(more than 4 KiB)");
	mu_str_add_char(out, '\n');
}

static int journal_path(struct cli *cli, const char *ref, const char **ret_path)
{
	__attribute__((cleanup(mu_str_deinit_cleanup))) struct mu_str path = MU_STR_INIT;
	const struct cli_options *o = &cli->options;
	struct mu_error err = MU_ERROR_INIT;
	const char *base;
	char number[32];
	mu_msec since = 0;
	int r;

	if (o->since && cli_when_parse(o->since, mu_clock_wall(), &since, &err) < 0) {
		(void)mu_error_prefix(&err, "--since");
		(void)cli_fail(&err);
		return CLI_USAGE;
	}
	r = find_path(cli, ref, "journal", &base);
	if (r != CLI_OK)
		return r;
	mu_str_add(&path, base);
	(void)snprintf(number, sizeof number, "%lld", (long long)o->lines);
	cli_add_parameter(&path, "lines", number);
	if (o->unit)
		cli_add_parameter(&path, "unit", o->unit);
	(void)snprintf(number, sizeof number, "%lld", (long long)since);
	if (o->since)
		cli_add_parameter(&path, "since", number);
	*ret_path = mu_arena_strdup(cli->arena, path.data);
	return CLI_OK;
}

int cli_host_journal(struct cli *cli, int argc, char **argv)
{
	static const struct cli_column columns[] = {
	    {"AT", "at", CLI_CELL_MSEC, false},
	    {"UNIT", "unit", CLI_CELL_TEXT, false},
	    {"PID", "pid", CLI_CELL_NUMBER, false},
	    {"PRIORITY", "priority", CLI_CELL_NUMBER, false},
	    {"MESSAGE", "message", CLI_CELL_TEXT, false},
	    {NULL, NULL, CLI_CELL_TEXT, false},
	};
	__attribute__((cleanup(mu_str_deinit_cleanup))) struct mu_str out = MU_STR_INIT;
	const struct mu_value *entries;
	const char *path;
	int r;

	(void)argc;
	r = journal_path(cli, argv[0], &path);
	if (r == CLI_OK)
		r = cli_get(cli, path, &entries);
	if (r != CLI_OK)
		return r;
	if (cli->options.fields || cli_render_of(cli, columns).output != CLI_TABLE)
		return print_list(cli, columns, entries);
	mu_value_each(entry, entries) add_entry(&out, cli->arena, entry);
	return cli_print(&out);
}
