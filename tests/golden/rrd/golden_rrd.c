/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rrd_updates and files of round-robin databases as text. A case's lines:
 *
 *     xport LEVEL CF START xml|json [VALUES]     rrd_updates, written in parts of so many values
 *     dump rrdtool|xapi                          a file
 *     host|vm NUMBER END ROWS                    xport: an object, and its answer
 *     steps END ROWS                             dump: what the file is made of
 *     archive LEVEL CF [END ROWS]                dump: the next one; nothing is known without END
 *     NAME|VALUE VALUE ...                       a series of the answer ("nan")
 *
 * Lines that follow each other and are the same are printed once, with their number.
 */
#include "common/rrd/dump.h"
#include "common/rrd/xport.h"
#include "tests/golden/agent/golden.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SERIES_MAX = 32, VALUES_MAX = 512 };

struct building {
	struct rrd_xport *xport;
	struct rrd_dump *dump;
	enum rrd_flavour flavour;
	size_t part;
	char kind[16]; /* of the answer at hand */
	struct mu_uuid id;
	struct rrd_archive archive;
	struct stats_series series[SERIES_MAX];
	float values[SERIES_MAX][VALUES_MAX];
	struct stats_result answer;
	struct mu_str text;
};

static void answer_end(struct building *b)
{
	b->answer.series = b->series;
	if (!strcmp(b->kind, "host") || !strcmp(b->kind, "vm"))
		rrd_xport_add(b->xport, !strcmp(b->kind, "host"), &b->id, &b->answer);
	if (!strcmp(b->kind, "steps")) {
		b->dump = rrd_dump_new(b->flavour, &b->answer);
		rrd_dump_begin(b->dump, &b->text);
	}
	if (!strcmp(b->kind, "archive"))
		rrd_dump_archive(b->dump, &b->archive, b->answer.end ? &b->answer : NULL, &b->text);
	b->answer = (struct stats_result){.end = 0};
	b->kind[0] = '\0';
}

static void read_xport(struct building *b, char *const *words)
{
	struct rrd_xport_query q = {.start = strtoll(words[3], NULL, 10),
				    .json = !strcmp(words[4], "json")};

	if (!archive_level_parse(words[1], &q.level) || !archive_cf_parse(words[2], &q.cf))
		abort();
	b->part = words[5] ? strtoul(words[5], NULL, 10) : 1000;
	b->xport = rrd_xport_new(&q);
}

static void read_answer(struct building *b, char *const *words)
{
	char **at = (char **)(uintptr_t)&words[1];

	(void)snprintf(b->kind, sizeof b->kind, "%s", words[0]);
	if (!strcmp(b->kind, "host") || !strcmp(b->kind, "vm")) {
		b->id = (struct mu_uuid){.bytes = {(uint8_t)strtoul(words[1], NULL, 10)}};
		at++;
	}
	if (!strcmp(b->kind, "archive")) {
		if (!archive_level_parse(words[1], &b->archive.level) ||
		    !archive_cf_parse(words[2], &b->archive.cf))
			abort();
		at += 2;
	}
	b->answer.end = at[0] ? strtoll(at[0], NULL, 10) : 0;
	b->answer.n_rows = at[0] ? (uint32_t)strtoul(at[1], NULL, 10) : 0;
}

static void read_series(struct building *b, char *name, char *values)
{
	size_t i = b->answer.n_series++;
	char *end = values;

	if (i == SERIES_MAX)
		abort();
	b->series[i] = (struct stats_series){name, "", b->values[i]};
	for (size_t k = 0; *end && k < VALUES_MAX; k++)
		b->values[i][k] = strtof(end, &end);
}

static void line(struct building *b, char *text)
{
	char *words[8] = {NULL}, *save = NULL, *bar = strchr(text, '|');

	if (bar) {
		*bar = '\0';
		read_series(b, text, bar + 1);
		return;
	}
	answer_end(b);
	for (size_t i = 0; i < MU_ARRAY_SIZE(words) - 1; i++)
		words[i] = strtok_r(i == 0 ? text : NULL, " ", &save);
	if (!words[0])
		return;
	if (!strcmp(words[0], "xport"))
		read_xport(b, words);
	else if (!strcmp(words[0], "dump") && !rrd_flavour_parse(words[1], &b->flavour))
		abort();
	else if (strcmp(words[0], "dump") != 0)
		read_answer(b, words);
}

static void squeeze(char *text, struct mu_str *out)
{
	char *next;

	for (char *p = text; *p; p = next) {
		size_t len = strcspn(p, "\n"), n = 1;

		next = p + len + (p[len] == '\n');
		while (*next && strcspn(next, "\n") == len && strncmp(next, p, len) == 0) {
			next += len + 1;
			n++;
		}
		mu_str_add_bytes(out, p, len);
		if (n > 1)
			mu_str_printf(out, "    (%zu of these)", n);
		mu_str_add_char(out, '\n');
	}
}

void golden_case(const char *input, struct mu_str *out)
{
	MU_CLEANUP(mu_free) char *copy = mu_xstrdup(input);
	MU_CLEANUP(mu_free) struct building *b = mu_xcalloc(1, sizeof *b);
	char *save = NULL;

	for (char *p = strtok_r(copy, "\n", &save); p; p = strtok_r(NULL, "\n", &save))
		line(b, p);
	answer_end(b);
	while (b->xport && !rrd_xport_write(b->xport, b->part, &b->text))
		;
	if (b->dump)
		rrd_dump_end(&b->text);
	squeeze(b->text.data, out);
	rrd_xport_free(b->xport);
	rrd_dump_free(b->dump);
	mu_str_deinit(&b->text);
}
