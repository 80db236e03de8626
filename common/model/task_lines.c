/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/task_lines.h"

#include "common/base/mem.h"
#include "common/base/str.h"

#include <stdlib.h>
#include <string.h>

const struct task_line *task_lines_add(struct task_lines *l, const struct task_line *line)
{
	bool last = l->n == TASK_LINES_MAX - 1;
	const char *said = last ? "more was said, and is left out" : line->text;
	char text[TASK_LINE_MAX + 1];
	struct task_line *new;

	if (line->from_host)
		l->n_from_host++;
	if (l->n == TASK_LINES_MAX)
		return NULL;
	mu_utf8_sanitize(text, TASK_LINE_MAX, said, strlen(said));
	l->lines = mu_xrealloc(l->lines, l->n + 1, sizeof *l->lines);
	new = &l->lines[l->n++];
	*new = *line;
	new->text = mu_xstrdup(text);
	return new;
}

void task_lines_deinit(struct task_lines *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->lines[i].text);
	free(l->lines);
	*l = (struct task_lines){0};
}
