/* SPDX-License-Identifier: Apache-2.0 */
/* `vm stats`, `host stats` and `sr stats`: every series on a line, for a person. For a program what
 * the API says; for RRDtool a file. */
#include "aggregator/cli/spark.h"
#include "aggregator/cli/verbs.h"
#include "aggregator/cli/when.h"
#include "common/base/id.h"
#include "common/os/clock.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { GRAPH_WIDTH = 40 };

static const struct cli_column columns[] = {
    {"SERIES", "name", CLI_CELL_TEXT, false}, {"NOW", "now", CLI_CELL_TEXT, false},
    {"LEAST", "least", CLI_CELL_TEXT, false}, {"MOST", "most", CLI_CELL_TEXT, false},
    {"GRAPH", "graph", CLI_CELL_TEXT, false}, {"UNIT", "unit", CLI_CELL_TEXT, true},
    {NULL, NULL, CLI_CELL_TEXT, false},
};

struct numbers {
	double *values;
	size_t n;
	double now; /* the newest that is known */
	double least;
	double most;
};

static double number_of(const struct mu_value *v)
{
	if (v->kind == MU_VALUE_INT)
		return (double)v->integer;
	return v->kind == MU_VALUE_REAL ? v->real : NAN;
}

static struct numbers read_numbers(struct mu_arena *a, const struct mu_value *list)
{
	struct numbers n = {.now = NAN, .least = NAN, .most = NAN};

	if (!list || list->kind != MU_VALUE_LIST)
		return n;
	n.values = mu_arena_calloc(a, list->n_children + 1, sizeof *n.values);
	mu_value_each(v, list)
	{
		double d = number_of(v);

		n.values[n.n++] = d;
		if (isnan(d))
			continue;
		n.now = d;
		n.least = n.least <= d ? n.least : d;
		n.most = n.most >= d ? n.most : d;
	}
	return n;
}

/* CSV has the number, a table what a person reads. */
static void set_number(struct cli *cli, struct mu_value *row, const char *name, double value,
		       const char *unit, bool csv)
{
	__attribute__((cleanup(mu_str_deinit_cleanup))) struct mu_str text = MU_STR_INIT;

	if (csv) {
		mu_value_set_real(cli->arena, row, name, value);
		return;
	}
	cli_spark_value(&text, value, unit);
	mu_value_set_string(cli->arena, row, name, text.data);
}

static void add_row(struct cli *cli, struct mu_value *rows, const struct mu_value *series, bool csv)
{
	__attribute__((cleanup(mu_str_deinit_cleanup))) struct mu_str graph = MU_STR_INIT;
	const char *unit = mu_value_as_string(mu_value_get(series, "unit"));
	struct numbers n = read_numbers(cli->arena, mu_value_get(series, "values"));
	struct mu_value *row = mu_value_push(rows, mu_value_object(cli->arena));

	unit = unit ? unit : "";
	cli_spark(&graph, n.values, n.n, GRAPH_WIDTH);
	mu_value_set_string(cli->arena, row, "name", series->name);
	mu_value_set_string(cli->arena, row, "unit", unit);
	set_number(cli, row, "now", n.now, unit, csv);
	set_number(cli, row, "least", n.least, unit, csv);
	set_number(cli, row, "most", n.most, unit, csv);
	mu_value_set_string(cli->arena, row, "graph", graph.data ? graph.data : "");
}

/* "/rest/v0/vms/<id>/stats?..." */
static int stats_path(struct cli *cli, const char *collection, const char *id,
		      const char **ret_path)
{
	__attribute__((cleanup(mu_str_deinit_cleanup))) struct mu_str path = MU_STR_INIT;
	const struct cli_options *o = &cli->options;
	struct mu_error err = MU_ERROR_INIT;
	char number[32];
	mu_msec since;

	mu_str_printf(&path, "/rest/v0/%s/%s/stats", collection, id);
	cli_add_parameter(&path, "series", "*");
	cli_add_parameter(&path, "granularity", o->granularity);
	if (o->since) {
		if (cli_when_parse(o->since, mu_clock_wall(), &since, &err) < 0) {
			(void)mu_error_prefix(&err, "--since");
			(void)cli_fail(&err);
			return CLI_USAGE;
		}
		(void)snprintf(number, sizeof number, "%lld", (long long)(since / 1000));
		cli_add_parameter(&path, "start", number);
	}
	*ret_path = mu_arena_strdup(cli->arena, path.data);
	return CLI_OK;
}

static int print_stats(struct cli *cli, const struct mu_value *reply)
{
	__attribute__((cleanup(mu_str_deinit_cleanup))) struct mu_str out = MU_STR_INIT;
	struct cli_render render = cli_render_of(cli, columns);
	const struct mu_value *series = mu_value_get(reply, "series");
	struct mu_value *rows = mu_value_list(cli->arena);

	if (render.output == CLI_JSON || render.output == CLI_YAML) {
		cli_render_object(&out, &render, reply);
		return cli_print(&out);
	}
	if (series && series->kind == MU_VALUE_OBJECT)
		mu_value_each(s, series) add_row(cli, rows, s, render.output == CLI_CSV);
	cli_render_list(&out, &render, rows);
	return cli_print(&out);
}

/* --- a file --- */

static int write_file(const char *path, const char *text, struct mu_error *err)
{
	bool out = strcmp(path, "-") == 0;
	FILE *f = out ? stdout : fopen(path, "we");
	bool failed;

	if (!f)
		return mu_error_errno(err, errno, "%.200s cannot be written", path);
	failed = fputs(text, f) == EOF;
	if ((out ? fflush(f) : fclose(f)) == EOF || failed)
		return mu_error_errno(err, errno, "%.200s cannot be written", path);
	return 0;
}

/* The answer is whole before the file is touched. */
static int export(struct cli *cli, const char *collection, const char *id)
{
	const struct cli_options *o = &cli->options;
	struct mu_error err = MU_ERROR_INIT;
	const char *text;

	if (cli_api_text(cli->api, cli->arena,
			 mu_arena_printf(cli->arena, "/rest/v0/%s/%s/stats.xml?flavour=%s",
					 collection, id, o->flavour),
			 &text, &err) < 0 ||
	    write_file(o->export, text, &err) < 0)
		return cli_fail(&err);
	return CLI_OK;
}

/* What a file holds cannot be chosen. */
static int check_export(struct cli *cli)
{
	const struct cli_options *o = &cli->options;
	struct mu_error err = MU_ERROR_INIT;

	if (!o->export && strcmp(o->flavour, "rrdtool") != 0)
		(void)mu_error_set(&err, MU_E_INVALID, "--flavour is for --export");
	else if (o->export && (o->since || strcmp(o->granularity, "seconds") != 0))
		(void)mu_error_set(&err, MU_E_INVALID,
				   "--export writes all there is; hint: leave --since and "
				   "--granularity out");
	if (err.code == MU_E_NONE)
		return CLI_OK;
	(void)cli_fail(&err);
	return CLI_USAGE;
}

/* --- the verbs --- */

static int show(struct cli *cli, const char *collection, const char *id)
{
	struct cli_render render = cli_render_of(cli, columns);
	struct mu_error err = MU_ERROR_INIT;
	const struct mu_value *reply;
	const char *path;
	int r;

	if (cli->options.export)
		return export(cli, collection, id);
	if (cli_render_check(&render, &err) < 0) {
		(void)cli_fail(&err);
		return CLI_USAGE;
	}
	r = stats_path(cli, collection, id, &path);
	if (r == CLI_OK)
		r = cli_get(cli, path, &reply);
	return r == CLI_OK ? print_stats(cli, reply) : r;
}

/* What is gone has its history for a while, by its id alone: the server knows. */
static bool may_be_gone(const char *ref, const struct mu_error *err)
{
	struct mu_uuid id;

	return err->code == MU_E_NOT_FOUND && mu_uuid_parse(ref, &id);
}

int cli_vm_stats(struct cli *cli, int argc, char **argv)
{
	struct mu_error err = MU_ERROR_INIT;
	const struct mu_value *vm;

	(void)argc;
	if (check_export(cli) != CLI_OK)
		return CLI_USAGE;
	if (cli_find_vm(cli, argv[0], &vm, &err) == 0)
		return show(cli, "vms", mu_value_as_string(mu_value_get(vm, "id")));
	return may_be_gone(argv[0], &err) ? show(cli, "vms", argv[0]) : cli_fail(&err);
}

static int show_named(struct cli *cli, const char *collection, const char *name)
{
	struct mu_error err = MU_ERROR_INIT;
	const char *id;

	if (check_export(cli) != CLI_OK)
		return CLI_USAGE;
	if (cli_find_id(cli, collection, name, &id, &err) == 0)
		return show(cli, collection, id);
	return may_be_gone(name, &err) ? show(cli, collection, name) : cli_fail(&err);
}

int cli_host_stats(struct cli *cli, int argc, char **argv)
{
	(void)argc;
	return show_named(cli, "hosts", argv[0]);
}

int cli_sr_stats(struct cli *cli, int argc, char **argv)
{
	(void)argc;
	return show_named(cli, "srs", argv[0]);
}
