/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file ends with the newest step, and so every archive ends with the newest row that has ended
 * by then, whether its values are known already or not: RRDtool has no other place to say when a
 * row was. What is not in it: the row that each archive is in the middle of. It is unknown so far,
 * so whoever goes on with the file by `rrdtool update` begins with what he adds himself.
 *
 * All sources are gauges. What was measured as a counter is a rate already, and would be divided by
 * time once more.
 */
#include "common/rrd/dump.h"

#include "common/rrd/names.h"
#include "common/rrd/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { HEARTBEAT_S = 300 };

struct rrd_dump {
	enum rrd_flavour flavour;
	int64_t end;
	size_t n;
	const char **names; /* of the series */
	const char **sources;
	struct mu_arena *arena;
};

const struct rrd_archive rrd_archives[RRD_ARCHIVES] = {
    {ARCHIVE_STEPS, ARCHIVE_AVERAGE}, {ARCHIVE_MINUTES, ARCHIVE_AVERAGE},
    {ARCHIVE_MINUTES, ARCHIVE_MIN},   {ARCHIVE_MINUTES, ARCHIVE_MAX},
    {ARCHIVE_HOURS, ARCHIVE_AVERAGE}, {ARCHIVE_HOURS, ARCHIVE_MIN},
    {ARCHIVE_HOURS, ARCHIVE_MAX},     {ARCHIVE_DAYS, ARCHIVE_AVERAGE},
    {ARCHIVE_DAYS, ARCHIVE_MIN},      {ARCHIVE_DAYS, ARCHIVE_MAX},
};

bool rrd_flavour_parse(const char *text, enum rrd_flavour *ret)
{
	static const char *const names[_RRD_FLAVOUR_COUNT] = {
	    [RRD_RRDTOOL] = "rrdtool", [RRD_XAPI] = "xapi"};

	for (unsigned i = 0; i < _RRD_FLAVOUR_COUNT; i++)
		if (strcmp(text, names[i]) == 0) {
			*ret = (enum rrd_flavour)i;
			return true;
		}
	return false;
}

struct rrd_dump *rrd_dump_new(enum rrd_flavour flavour, const struct stats_result *steps)
{
	struct rrd_dump *d = mu_xcalloc(1, sizeof *d);

	d->arena = mu_arena_new();
	d->flavour = flavour;
	d->end = steps->end;
	d->n = steps->n_series;
	d->names = mu_arena_calloc(d->arena, d->n + 1, sizeof *d->names);
	for (size_t i = 0; i < d->n; i++)
		d->names[i] = mu_arena_strdup(d->arena, steps->series[i].name);
	d->sources = flavour == RRD_RRDTOOL ? rrd_names(d->arena, d->names, d->n) : d->names;
	return d;
}

struct rrd_dump *rrd_dump_free(struct rrd_dump *d)
{
	if (!d)
		return NULL;
	mu_arena_free(d->arena);
	free(d);
	return NULL;
}

/* --- the beginning --- */

static void add_mapping(const struct rrd_dump *d, struct mu_str *out)
{
	for (size_t i = 0; i < d->n; i++) {
		if (strcmp(d->names[i], d->sources[i]) == 0)
			continue;
		mu_str_printf(out, "\t<!-- %s = ", d->sources[i]);
		rrd_text_comment(out, d->names[i]);
		mu_str_add(out, " -->\n");
	}
}

static void add_source(const struct rrd_dump *d, const char *name, struct mu_str *out)
{
	bool xapi = d->flavour == RRD_XAPI;

	mu_str_add(out, "\t<ds>\n\t\t<name>");
	rrd_text_xml(out, name);
	mu_str_printf(out,
		      "</name>\n\t\t<type>GAUGE</type>\n"
		      "\t\t<minimal_heartbeat>%d</minimal_heartbeat>\n"
		      "\t\t<min>%s</min>\n\t\t<max>%s</max>\n"
		      "\t\t<last_ds>%s</last_ds>\n\t\t<value>0.0</value>\n"
		      "\t\t<unknown_sec>0</unknown_sec>\n\t</ds>\n",
		      HEARTBEAT_S, xapi ? "-Infinity" : "NaN", xapi ? "Infinity" : "NaN",
		      xapi ? "NaN" : "U");
}

void rrd_dump_begin(const struct rrd_dump *d, struct mu_str *out)
{
	mu_str_printf(out,
		      "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<rrd>\n"
		      "\t<version>0003</version>\n\t<step>%d</step>\n"
		      "\t<lastupdate>%lld</lastupdate>\n",
		      ARCHIVE_STEP_S, (long long)d->end);
	add_mapping(d, out);
	for (size_t i = 0; i < d->n; i++)
		add_source(d, d->sources[i], out);
}

/* --- an archive --- */

static int64_t last_row(const struct rrd_dump *d, enum archive_level level)
{
	return archive_row_ended(level, d->end);
}

void rrd_dump_span(const struct rrd_dump *d, enum archive_level level, int64_t *ret_start,
		   int64_t *ret_end)
{
	const struct archive_level_info *info = &archive_levels[level];

	*ret_end = last_row(d, level) * info->seconds;
	*ret_start = *ret_end - (int64_t)(info->n_rows - 1) * info->seconds;
	if (*ret_start < 1)
		*ret_start = 1;
}

static const float *values_of(const struct stats_result *r, const char *name, size_t where)
{
	if (where < r->n_series && strcmp(r->series[where].name, name) == 0)
		return r->series[where].values;
	for (size_t i = 0; i < r->n_series; i++)
		if (strcmp(r->series[i].name, name) == 0)
			return r->series[i].values;
	return NULL;
}

/* What would be the row's that has not ended. */
static void add_preparation(const struct rrd_dump *d, enum archive_level level, struct mu_str *out)
{
	long long unknown = (long long)(d->end % archive_levels[level].seconds) / ARCHIVE_STEP_S;

	mu_str_add(out, "\t\t<cdp_prep>\n");
	for (size_t i = 0; i < d->n; i++)
		mu_str_printf(out,
			      "\t\t\t<ds><primary_value>0.0</primary_value>"
			      "<secondary_value>0.0</secondary_value><value>NaN</value>"
			      "<unknown_datapoints>%lld</unknown_datapoints></ds>\n",
			      unknown);
	mu_str_add(out, "\t\t</cdp_prep>\n");
}

static void add_row(const struct rrd_dump *d, const float *const *values, int64_t at, uint32_t n,
		    struct mu_str *out)
{
	mu_str_add(out, "\t\t\t<row>");
	for (size_t i = 0; i < d->n; i++) {
		mu_str_add(out, "<v>");
		rrd_text_number(out, values[i] && at >= 0 && at < n ? values[i][at] : NAN);
		mu_str_add(out, "</v>");
	}
	mu_str_add(out, "</row>\n");
}

void rrd_dump_archive(const struct rrd_dump *d, const struct rrd_archive *archive,
		      const struct stats_result *r, struct mu_str *out)
{
	const struct archive_level_info *info = &archive_levels[archive->level];
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	const float **values = mu_arena_calloc(a, d->n + 1, sizeof *values);
	int64_t last = last_row(d, archive->level);
	/* where in the values the row behind the last one is */
	int64_t end = r ? last - r->end / info->seconds + r->n_rows : 0;

	for (size_t i = 0; r && i < d->n; i++)
		values[i] = values_of(r, d->names[i], i);
	/* A row is known when anything in it is. */
	mu_str_printf(out,
		      "\t<rra>\n\t\t<cf>%s</cf>\n\t\t<pdp_per_row>%u</pdp_per_row>\n"
		      "\t\t<params><xff>%s</xff></params>\n",
		      archive_cf_name(archive->cf), info->seconds / ARCHIVE_STEP_S,
		      archive->level == ARCHIVE_STEPS ? "0.5" : "0.99999");
	add_preparation(d, archive->level, out);
	mu_str_add(out, "\t\t<database>\n");
	for (uint32_t i = info->n_rows; i > 0; i--)
		add_row(d, values, end - i, r ? r->n_rows : 0, out);
	mu_str_add(out, "\t\t</database>\n\t</rra>\n");
}

void rrd_dump_end(struct mu_str *out)
{
	mu_str_add(out, "</rrd>\n");
}
