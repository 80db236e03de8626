/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/cli/watch_text.h"

#include "common/base/map.h"

#include <string.h>

#define HOME "\033[H"
#define CLEAR_LINE "\033[K"
#define CLEAR_BELOW "\033[J"

static size_t line_len(const char *line)
{
	return strcspn(line, "\n");
}

static const char *next(const char *line)
{
	line += line_len(line);
	return *line ? line + 1 : line;
}

/* Without what only aligns columns: a longer name elsewhere is no change here. */
static void squeeze(struct mu_str *out, const char *line)
{
	size_t len = line_len(line);

	mu_str_reset(out);
	for (size_t i = 0; i < len; i++)
		if (i < 2 || line[i] != ' ' || line[i - 1] != ' ' || line[i - 2] != ' ')
			mu_str_add_char(out, line[i]);
}

static const char *text_of(const struct mu_str *s)
{
	return s->data ? s->data : "";
}

static struct mu_map *lines_of(const char *text)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str line = MU_STR_INIT;
	struct mu_map *lines = mu_map_new();

	for (const char *l = text; *l; l = next(l)) {
		squeeze(&line, l);
		(void)mu_map_put_str(lines, text_of(&line), (void *)(uintptr_t)l);
	}
	return lines;
}

static bool has_line(const struct mu_map *lines, const char *line)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str squeezed = MU_STR_INIT;

	squeeze(&squeezed, line);
	return mu_map_find_str(lines, text_of(&squeezed)) != NULL;
}

/* Columns of a table are two blanks apart, a name can have one in it. */
static size_t column_len(const char *line)
{
	size_t len = 0;

	while (line[len] && line[len] != '\n' && !(line[len] == ' ' && line[len + 1] == ' '))
		len++;
	return len;
}

static void add(struct mu_str *out, const char *mark, const char *line)
{
	mu_str_add(out, mark);
	mu_str_add_bytes(out, line, line_len(line));
	mu_str_add_char(out, '\n');
}

void cli_watch_changes(struct mu_str *out, const char *before, const char *after)
{
	MU_CLEANUP(mu_map_free) struct mu_map *old = lines_of(before);
	MU_CLEANUP(mu_map_free) struct mu_map *now = lines_of(after);
	MU_CLEANUP(mu_map_free) struct mu_map *changed = mu_map_new(); /* first columns */

	for (const char *l = after; *l; l = next(l))
		if (!has_line(old, l))
			(void)mu_map_put(changed, l, column_len(l), (void *)(uintptr_t)l);
	for (const char *l = before; *l; l = next(l))
		if (!has_line(now, l) && !mu_map_find(changed, l, column_len(l)))
			add(out, "- ", l);
	for (const char *l = after; *l; l = next(l))
		if (!has_line(old, l))
			add(out, "+ ", l);
}

void cli_watch_screen(struct mu_str *out, const char *text, size_t rows)
{
	size_t n = 0, row = 0;

	for (const char *l = text; *l; l = next(l))
		n++;
	mu_str_add(out, HOME);
	for (const char *l = text; *l; l = next(l)) {
		if (n >= rows && row + 2 >= rows) {
			mu_str_printf(out, "... %zu more" CLEAR_LINE, n - row);
			break;
		}
		mu_str_add_bytes(out, l, line_len(l));
		mu_str_add(out, CLEAR_LINE "\n");
		row++;
	}
	mu_str_add(out, CLEAR_BELOW);
}
