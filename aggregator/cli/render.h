/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects of the API as table, JSON, CSV or YAML. A noun brings its columns; -c chooses among
 * them by header, or any other member by its path ("memory.size:RAM"). Pure: text out of values.
 */
#ifndef MUSTER_AGGREGATOR_CLI_RENDER_H
#define MUSTER_AGGREGATOR_CLI_RENDER_H

#include "common/base/error.h"
#include "common/base/str.h"
#include "common/base/time.h"
#include "common/base/value.h"

enum cli_output {
	CLI_TABLE,
	CLI_JSON,
	CLI_CSV,
	CLI_YAML,
	_CLI_OUTPUT_COUNT,
};

/* How a table shows a value. */
enum cli_cell {
	CLI_CELL_TEXT,
	CLI_CELL_STATE, /* coloured by what it says */
	CLI_CELL_NUMBER,
	CLI_CELL_BYTES,
	CLI_CELL_SECONDS, /* since 1970 */
	CLI_CELL_MSEC,    /* since 1970 */
	_CLI_CELL_COUNT,
};

struct cli_column {
	const char *header; /* "MEMORY"; NULL ends a noun's table */
	const char *path;   /* "memory.size" */
	enum cli_cell cell;
	bool hidden; /* only in `show` and when named by -c */
};

struct cli_render {
	enum cli_output output;
	const struct cli_column *columns;
	const char *fields; /* of -c, or NULL for the noun's own */
	bool header;
	bool color;
	mu_msec now;
};

enum { CLI_RENDER_COLUMNS_MAX = 64 };

/* Check `fields` before anything is asked of the server. */
int cli_render_check(const struct cli_render *r, struct mu_error *err);
/* Append what -c names and is neither a column nor a member of any of these: misspelt, probably. */
void cli_render_unknown(struct mu_str *out, const struct cli_render *r,
			const struct mu_value *list);
/* Many objects: one line each. */
void cli_render_list(struct mu_str *out, const struct cli_render *r, const struct mu_value *list);
/* One object: a table has a line for each column that has a value. */
void cli_render_object(struct mu_str *out, const struct cli_render *r, const struct mu_value *v);
/* What --sort says, for the API: columns by their headers, members of members by dots
 * ("-memory" -> "-memory:size"). */
void cli_render_sort(struct mu_str *out, const struct cli_column *columns, const char *sort);
/* The member at "a.b.c" ("a.0": of a list), or NULL. One whose own name has dots is found, too. */
const struct mu_value *cli_render_at(const struct mu_value *v, const char *path);

#endif
