/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects end where their samples do, so columns may begin and end at different rows: the rows are
 * those of all together, and what a column does not have of them is unknown.
 */
#include "common/rrd/xport.h"

#include "common/rrd/text.h"

#include <math.h>
#include <stdlib.h>

struct column {
	const char *legend;
	uint32_t first; /* row */
	uint32_t n;
	const float *values;
};

struct rrd_xport {
	struct rrd_xport_query q;
	struct mu_arena *arena;
	struct column *columns;
	size_t n_columns;
	size_t cap;
	uint32_t first; /* row of all; 0: none */
	uint32_t last;
	/* where writing is */
	bool begun;
	uint32_t row; /* so many rows are written, */
	size_t at;    /* and of the next so many columns */
};

enum archive_level rrd_xport_level(int64_t start, int64_t interval, int64_t now)
{
	for (unsigned i = 0; i < ARCHIVE_DAYS; i++) {
		const struct archive_level_info *info = &archive_levels[i];
		int64_t ended = now / info->seconds * info->seconds;

		if (info->seconds >= interval &&
		    start >= ended - (int64_t)info->n_rows * info->seconds)
			return (enum archive_level)i;
	}
	return ARCHIVE_DAYS;
}

struct rrd_xport *rrd_xport_new(const struct rrd_xport_query *q)
{
	struct rrd_xport *x = mu_xcalloc(1, sizeof *x);

	*x = (struct rrd_xport){.q = *q, .arena = mu_arena_new()};
	return x;
}

struct rrd_xport *rrd_xport_free(struct rrd_xport *x)
{
	if (!x)
		return NULL;
	mu_arena_free(x->arena);
	free(x->columns);
	free(x);
	return NULL;
}

/* --- gathering --- */

static struct column *next_column(struct rrd_xport *x)
{
	if (x->n_columns == x->cap) {
		x->cap = x->cap ? 2 * x->cap : 64;
		x->columns = mu_xrealloc(x->columns, x->cap, sizeof *x->columns);
	}
	return &x->columns[x->n_columns++];
}

void rrd_xport_add(struct rrd_xport *x, bool host, const struct mu_uuid *id,
		   const struct stats_result *r)
{
	uint32_t last = (uint32_t)(r->end / archive_levels[x->q.level].seconds);
	char text[MU_UUID_TEXT];

	mu_uuid_format(id, text);
	if (r->n_series == 0 || r->n_rows == 0)
		return;
	if (x->first == 0 || x->first > last + 1 - r->n_rows)
		x->first = last + 1 - r->n_rows;
	if (x->last < last)
		x->last = last;
	for (size_t i = 0; i < r->n_series; i++)
		*next_column(x) = (struct column){
		    .legend = mu_arena_printf(x->arena, "%s:%s:%s:%s", archive_cf_name(x->q.cf),
					      host ? "host" : "vm", text, r->series[i].name),
		    .first = last + 1 - r->n_rows,
		    .n = r->n_rows,
		    .values = mu_arena_memdup(x->arena, r->series[i].values,
					      r->n_rows * sizeof *r->series[i].values),
		};
}

static uint32_t n_rows(const struct rrd_xport *x)
{
	return x->first ? x->last - x->first + 1 : 0;
}

size_t rrd_xport_n_values(const struct rrd_xport *x)
{
	return x->n_columns * n_rows(x);
}

/* --- writing --- */

/* xcp-rrdd's JSON has numbers as strings, so that NaN can be one. */
static void add_meta(const struct rrd_xport *x, const char *name, int64_t value, struct mu_str *out)
{
	if (x->q.json)
		mu_str_printf(out, "\"%s\":\"%lld\",", name, (long long)value);
	else
		mu_str_printf(out, "\t\t<%s>%lld</%s>\n", name, (long long)value, name);
}

static void begin(const struct rrd_xport *x, struct mu_str *out)
{
	int64_t s = archive_levels[x->q.level].seconds;

	mu_str_add(out, x->q.json ? "{\"meta\":{" : "<?xml version=\"1.0\"?>\n<xport>\n\t<meta>\n");
	add_meta(x, "start", x->first ? x->first * s : x->q.start, out);
	add_meta(x, "step", s, out);
	add_meta(x, "end", x->first ? x->last * s : x->q.start, out);
	add_meta(x, "rows", n_rows(x), out);
	add_meta(x, "columns", (int64_t)x->n_columns, out);
	mu_str_add(out, x->q.json ? "\"legend\":[" : "\t\t<legend>\n");
	for (size_t i = 0; i < x->n_columns; i++) {
		if (x->q.json) {
			mu_str_add(out, i > 0 ? ",\"" : "\"");
			rrd_text_json(out, x->columns[i].legend);
			mu_str_add_char(out, '"');
		} else {
			mu_str_add(out, "\t\t\t<entry>");
			rrd_text_xml(out, x->columns[i].legend);
			mu_str_add(out, "</entry>\n");
		}
	}
	mu_str_add(out, x->q.json ? "]},\"data\":[" : "\t\t</legend>\n\t</meta>\n\t<data>\n");
}

static void add_value(const struct rrd_xport *x, size_t at, uint32_t row, struct mu_str *out)
{
	const struct column *c = &x->columns[at];
	bool has = row >= c->first && row - c->first < c->n;

	if (x->q.json)
		mu_str_add(out, at > 0 ? ",\"" : "\"");
	else
		mu_str_add(out, "<v>");
	rrd_text_number(out, has ? c->values[row - c->first] : NAN);
	mu_str_add(out, x->q.json ? "\"" : "</v>");
}

static void begin_row(const struct rrd_xport *x, uint32_t row, struct mu_str *out)
{
	long long at = archive_row_end(x->q.level, row);

	if (x->q.json)
		mu_str_printf(out, "%s{\"t\":\"%lld\",\"values\":[", x->row > 0 ? "," : "", at);
	else
		mu_str_printf(out, "\t\t<row><t>%lld</t>", at);
}

bool rrd_xport_write(struct rrd_xport *x, size_t n_values, struct mu_str *out)
{
	if (!x->begun)
		begin(x, out);
	x->begun = true;
	while (x->row < n_rows(x)) {
		uint32_t row = x->last - x->row;

		if (n_values == 0)
			return false;
		if (x->at == 0)
			begin_row(x, row, out);
		for (; x->at < x->n_columns && n_values > 0; n_values--)
			add_value(x, x->at++, row, out);
		if (x->at < x->n_columns)
			return false;
		mu_str_add(out, x->q.json ? "]}" : "</row>\n");
		x->at = 0;
		x->row++;
	}
	mu_str_add(out, x->q.json ? "]}\n" : "\t</data>\n</xport>\n");
	return true;
}
