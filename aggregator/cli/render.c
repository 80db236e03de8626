/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables are for people and free to change: sizes with units, times relative, empty cells "-".
 * The other outputs are for programs: values as the API has them, members in the API's order.
 * -c narrows all of them; without it json and yaml carry the whole object.
 */
#include "aggregator/cli/render.h"

#include "aggregator/cli/format.h"
#include "aggregator/cli/yaml.h"
#include "common/json/json.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

struct chosen {
	char path[128];
	char header[64];
	enum cli_cell cell;
};

struct selection {
	struct chosen columns[CLI_RENDER_COLUMNS_MAX];
	size_t n;
};

/* A member of an object, an element of a list. */
static const struct mu_value *child_of(const struct mu_value *v, const char *name)
{
	uint64_t at;

	if (v && v->kind == MU_VALUE_LIST && mu_parse_u64(name, &at)) {
		mu_value_each(child, v)
		{
			if (at-- == 0)
				return child;
		}
	}
	return mu_value_get(v, name);
}

const struct mu_value *cli_render_at(const struct mu_value *v, const char *path)
{
	const struct mu_value *found = child_of(v, path);
	const char *dot = path;

	while (!found && (dot = strchr(dot, '.'))) {
		MU_CLEANUP(mu_free) char *head = mu_xstrndup(path, (size_t)(dot - path));
		const struct mu_value *inner = child_of(v, head);

		dot++;
		if (inner)
			found = cli_render_at(inner, dot);
	}
	return found;
}

static const struct cli_column *column_find(const struct cli_column *columns, const char *name)
{
	for (const struct cli_column *c = columns; c->header; c++)
		if (strcasecmp(c->header, name) == 0 || strcmp(c->path, name) == 0)
			return c;
	return NULL;
}

static void add_sort_key(struct mu_str *out, const struct cli_column *columns, const char *name)
{
	const struct cli_column *column = column_find(columns, name);

	for (const char *p = column ? column->path : name; *p; p++)
		mu_str_add_char(out, *p == '.' ? ':' : *p);
}

void cli_render_sort(struct mu_str *out, const struct cli_column *columns, const char *sort)
{
	for (;;) {
		bool descending = *sort == '-';
		size_t len = strcspn(sort, ",");
		char name[128];

		(void)snprintf(name, sizeof name, "%.*s", (int)(len - descending),
			       sort + descending);
		mu_str_add(out, descending ? "-" : "");
		add_sort_key(out, columns, name);
		if (!sort[len])
			return;
		mu_str_add_char(out, ',');
		sort += len + 1;
	}
}

static void add_column(struct selection *s, const char *path, const char *header,
		       enum cli_cell cell)
{
	struct chosen *c = &s->columns[s->n++];

	(void)snprintf(c->path, sizeof c->path, "%s", path);
	(void)snprintf(c->header, sizeof c->header, "%s", header);
	c->cell = cell;
}

/* One element of -c: "column", "member", "member:Header". */
static int add_field(struct selection *s, const struct cli_column *columns, const char *field,
		     size_t len, struct mu_error *err)
{
	MU_CLEANUP(mu_free) char *name = mu_xstrndup(field, len);
	char *header = strchr(name, ':');
	const struct cli_column *known;

	if (header)
		*header++ = '\0';
	known = column_find(columns, name);
	if (*name == '\0' || strlen(known ? known->path : name) >= sizeof s->columns[0].path)
		return mu_error_set(err, MU_E_INVALID,
				    "--fields: '%.*s' is no field; hint: NAME[:HEADER],...",
				    (int)(len > 60 ? 60 : len), field);
	if (s->n == CLI_RENDER_COLUMNS_MAX)
		return mu_error_set(err, MU_E_INVALID, "--fields: more than %d fields",
				    CLI_RENDER_COLUMNS_MAX);
	if (known)
		add_column(s, known->path, header ? header : known->header, known->cell);
	else
		add_column(s, name, header ? header : name, CLI_CELL_TEXT);
	return 0;
}

static int select_columns(const struct cli_render *r, bool all, struct selection *ret,
			  struct mu_error *err)
{
	ret->n = 0;
	if (!r->fields) {
		for (const struct cli_column *c = r->columns; c->header; c++)
			if (all || !c->hidden)
				add_column(ret, c->path, c->header, c->cell);
		return 0;
	}
	for (const char *p = r->fields;;) {
		size_t len = strcspn(p, ",");

		if (add_field(ret, r->columns, p, len, err) < 0)
			return MU_FAILED;
		if (p[len] == '\0')
			return 0;
		p += len + 1;
	}
}

int cli_render_check(const struct cli_render *r, struct mu_error *err)
{
	struct selection s;

	return select_columns(r, false, &s, err);
}

static bool is_known(const struct cli_render *r, const struct mu_value *list, const char *path)
{
	if (column_find(r->columns, path))
		return true;
	mu_value_each(object, list)
	{
		if (cli_render_at(object, path))
			return true;
	}
	return false;
}

void cli_render_unknown(struct mu_str *out, const struct cli_render *r, const struct mu_value *list)
{
	struct selection s;

	if (!r->fields || !list->first || select_columns(r, false, &s, NULL) < 0)
		return;
	for (size_t i = 0; i < s.n; i++)
		if (!is_known(r, list, s.columns[i].path))
			mu_str_printf(out, "%s%s", out->len > 0 ? ", " : "", s.columns[i].path);
}

static bool is_number(const struct mu_value *v)
{
	return v && (v->kind == MU_VALUE_INT || v->kind == MU_VALUE_REAL);
}

static int64_t as_integer(const struct mu_value *v)
{
	return v->kind == MU_VALUE_INT ? v->integer : (int64_t)v->real;
}

/* A value as a program reads it from CSV: text bare, the rest as JSON, null empty. */
static void raw_text(struct mu_str *out, const struct mu_value *v)
{
	if (!v || v->kind == MU_VALUE_NULL)
		return;
	if (v->kind == MU_VALUE_STRING)
		mu_str_add(out, v->string);
	else
		mu_json_write(out, v, false);
}

static void list_text(struct mu_str *out, const struct mu_value *v)
{
	__attribute__((cleanup(mu_str_deinit_cleanup))) struct mu_str raw = MU_STR_INIT;

	mu_value_each(child, v)
	{
		if (child != v->first)
			mu_str_add(out, ", ");
		mu_str_reset(&raw);
		raw_text(&raw, child);
		cli_format_text(out, raw.data ? raw.data : "");
	}
}

static void text_cell(struct mu_str *out, const struct mu_value *v)
{
	__attribute__((cleanup(mu_str_deinit_cleanup))) struct mu_str raw = MU_STR_INIT;

	if (v->kind == MU_VALUE_OBJECT && v->n_children == 0)
		return;
	switch (v->kind) {
	case MU_VALUE_LIST:
		list_text(out, v);
		break;
	case MU_VALUE_BOOL:
		mu_str_add(out, v->boolean ? "yes" : "no");
		break;
	case MU_VALUE_NULL:
	case MU_VALUE_INT:
	case MU_VALUE_REAL:
	case MU_VALUE_STRING:
	case MU_VALUE_OBJECT:
		raw_text(&raw, v);
		cli_format_text(out, raw.data ? raw.data : "");
		break;
	case _MU_VALUE_KIND_COUNT:
		break;
	}
}

/* A value as a person reads it; "-" for nothing. */
static void table_cell(struct mu_str *out, const struct mu_value *v, enum cli_cell cell,
		       mu_msec now)
{
	size_t before = out->len;

	if (cell == CLI_CELL_BYTES && is_number(v))
		cli_format_bytes(out, as_integer(v));
	else if (cell == CLI_CELL_SECONDS && is_number(v) && as_integer(v) < INT64_MAX / 1000)
		cli_format_when(out, as_integer(v) * 1000, now);
	else if (cell == CLI_CELL_MSEC && is_number(v))
		cli_format_when(out, as_integer(v), now);
	else if (v)
		text_cell(out, v);
	if (out->len == before)
		mu_str_add(out, "-");
}

static bool right_aligned(enum cli_cell cell)
{
	return cell == CLI_CELL_NUMBER || cell == CLI_CELL_BYTES;
}

static const char *color_of(const char *text)
{
	static const struct {
		const char *word, *color;
	} colors[] = {
	    {"Running", "\033[32m"}, {"success", "\033[32m"},     {"Paused", "\033[33m"},
	    {"pending", "\033[33m"}, {"Suspended", "\033[33m"},   {"Unknown", "\033[31m"},
	    {"failure", "\033[31m"}, {"interrupted", "\033[31m"},
	};

	for (size_t i = 0; i < MU_ARRAY_SIZE(colors); i++)
		if (strcmp(text, colors[i].word) == 0)
			return colors[i].color;
	return NULL;
}

static void pad(struct mu_str *out, size_t n)
{
	while (n-- > 0)
		mu_str_add_char(out, ' ');
}

static void put_cell(struct mu_str *out, const char *text, size_t width, bool right,
		     const char *color, bool last)
{
	size_t used = cli_format_width(text);

	if (right)
		pad(out, width - used);
	if (color)
		mu_str_add(out, color);
	mu_str_add(out, text);
	if (color)
		mu_str_add(out, "\033[0m");
	if (!last) {
		if (!right)
			pad(out, width - used);
		mu_str_add(out, "  ");
	}
}

/* All cells are formatted first, into one array row by row, then padded to the widest. */
static void write_table(struct mu_str *out, const struct cli_render *r, const struct selection *s,
			const struct mu_value *list)
{
	__attribute__((cleanup(mu_str_deinit_cleanup))) struct mu_str cell = MU_STR_INIT;
	struct mu_arena *arena = mu_arena_new();
	const char **cells = mu_arena_calloc(arena, (list->n_children + 1) * s->n, sizeof *cells);
	size_t widths[CLI_RENDER_COLUMNS_MAX] = {0}, n_cells = 0;

	for (size_t i = 0; r->header && i < s->n; i++)
		cells[n_cells++] = s->columns[i].header;
	mu_value_each(object, list)
	{
		for (size_t i = 0; i < s->n; i++) {
			const struct chosen *c = &s->columns[i];

			mu_str_reset(&cell);
			table_cell(&cell, cli_render_at(object, c->path), c->cell, r->now);
			cells[n_cells++] = mu_arena_strdup(arena, cell.data);
		}
	}
	for (size_t i = 0; i < n_cells; i++) {
		size_t width = cli_format_width(cells[i]);

		if (width > widths[i % s->n])
			widths[i % s->n] = width;
	}
	for (size_t i = 0; i < n_cells; i++) {
		const struct chosen *c = &s->columns[i % s->n];
		bool body = i >= s->n || !r->header, last = i % s->n == s->n - 1;
		bool colored = r->color && body && c->cell == CLI_CELL_STATE;

		put_cell(out, cells[i], widths[i % s->n], right_aligned(c->cell),
			 colored ? color_of(cells[i]) : NULL, last);
		if (last)
			mu_str_add_char(out, '\n');
	}
	mu_arena_free(arena);
}

/* RFC 4180: quoted where needed, quotes doubled, lines end in CR LF. */
static void csv_field(struct mu_str *out, const char *text)
{
	if (!strpbrk(text, ",\"\r\n")) {
		mu_str_add(out, text);
		return;
	}
	mu_str_add_char(out, '"');
	for (const char *p = text; *p; p++) {
		if (*p == '"')
			mu_str_add_char(out, '"');
		mu_str_add_char(out, *p);
	}
	mu_str_add_char(out, '"');
}

static void write_csv(struct mu_str *out, const struct cli_render *r, const struct selection *s,
		      const struct mu_value *list)
{
	__attribute__((cleanup(mu_str_deinit_cleanup))) struct mu_str cell = MU_STR_INIT;

	for (size_t i = 0; r->header && i < s->n; i++) {
		/* A member's path is the stable name; a header given with -c is the user's. */
		csv_field(out, r->fields ? s->columns[i].header : s->columns[i].path);
		mu_str_add(out, i + 1 < s->n ? "," : "\r\n");
	}
	mu_value_each(object, list)
	{
		for (size_t i = 0; i < s->n; i++) {
			mu_str_reset(&cell);
			raw_text(&cell, cli_render_at(object, s->columns[i].path));
			csv_field(out, cell.data ? cell.data : "");
			mu_str_add(out, i + 1 < s->n ? "," : "\r\n");
		}
	}
}

/* The chosen members only, named by their paths. */
static struct mu_value *narrow(struct mu_arena *a, const struct selection *s,
			       const struct mu_value *object)
{
	struct mu_value *v = mu_value_object(a);

	for (size_t i = 0; i < s->n; i++) {
		const struct mu_value *member = cli_render_at(object, s->columns[i].path);

		mu_value_set(a, v, s->columns[i].path,
			     member ? mu_value_copy(a, member) : mu_value_null(a));
	}
	return v;
}

static void write_tree(struct mu_str *out, enum cli_output output, const struct mu_value *v)
{
	if (output == CLI_YAML)
		cli_yaml_write(out, v);
	else
		mu_json_write(out, v, true);
}

static void write_list_tree(struct mu_str *out, const struct cli_render *r,
			    const struct selection *s, const struct mu_value *list)
{
	struct mu_arena *arena = mu_arena_new();
	struct mu_value *narrowed = mu_value_list(arena);

	if (r->fields) {
		mu_value_each(object, list) mu_value_push(narrowed, narrow(arena, s, object));
		list = narrowed;
	}
	write_tree(out, r->output, list);
	mu_arena_free(arena);
}

void cli_render_list(struct mu_str *out, const struct cli_render *r, const struct mu_value *list)
{
	struct selection s;

	if (select_columns(r, false, &s, NULL) < 0)
		return; /* refused by cli_render_check() before */
	switch (r->output) {
	case CLI_TABLE:
		write_table(out, r, &s, list);
		break;
	case CLI_CSV:
		write_csv(out, r, &s, list);
		break;
	case CLI_JSON:
	case CLI_YAML:
		write_list_tree(out, r, &s, list);
		break;
	case _CLI_OUTPUT_COUNT:
		break;
	}
}

/* "HEADER  value" for each column that has one. */
static void write_sheet(struct mu_str *out, const struct cli_render *r, const struct selection *s,
			const struct mu_value *object)
{
	__attribute__((cleanup(mu_str_deinit_cleanup))) struct mu_str cell = MU_STR_INIT;
	size_t width = 0;

	for (size_t i = 0; i < s->n; i++) {
		size_t w = cli_format_width(s->columns[i].header);

		if (w > width)
			width = w;
	}
	for (size_t i = 0; i < s->n; i++) {
		const struct chosen *c = &s->columns[i];
		const struct mu_value *v = cli_render_at(object, c->path);

		if (!v || v->kind == MU_VALUE_NULL)
			continue;
		mu_str_reset(&cell);
		table_cell(&cell, v, c->cell, r->now);
		if (r->header)
			put_cell(out, c->header, width, false, NULL, false);
		put_cell(out, cell.data, 0, false,
			 r->color && c->cell == CLI_CELL_STATE ? color_of(cell.data) : NULL, true);
		mu_str_add_char(out, '\n');
	}
}

void cli_render_object(struct mu_str *out, const struct cli_render *r, const struct mu_value *v)
{
	struct mu_arena *arena = mu_arena_new();
	struct mu_value *list = mu_value_list(arena);
	struct selection s;

	if (select_columns(r, true, &s, NULL) == 0) {
		switch (r->output) {
		case CLI_TABLE:
			write_sheet(out, r, &s, v);
			break;
		case CLI_CSV:
			mu_value_push(list, mu_value_copy(arena, v));
			write_csv(out, r, &s, list);
			break;
		case CLI_JSON:
		case CLI_YAML:
			write_tree(out, r->output, r->fields ? narrow(arena, &s, v) : v);
			break;
		case _CLI_OUTPUT_COUNT:
			break;
		}
	}
	mu_arena_free(arena);
}
