/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages as text. A case's lines:
 *
 *     names native|xen-exporter|xo
 *     format text|openmetrics
 *     host|vm|page KEY=VALUE|... [/ KEY=VALUE|...]     an object; behind the slash for "@info"
 *     NAME NUMBER                                      its next value ("nan", "inf")
 *     count NAME NUMBER SINCE                          how its counter stands
 *     batch                                            the end of a batch
 */
#include "common/expose/page.h"
#include "tests/golden/agent/golden.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LABELS_MAX = 16 };

struct building {
	enum expose_names names;
	enum expose_format format;
	struct expose_page *page;
};

static struct expose_page *page_of(struct building *b)
{
	if (!b->page)
		b->page = expose_page_new(b->names, b->format);
	return b->page;
}

static size_t split_labels(char *text, struct expose_label *ret)
{
	size_t n = 0;
	char *save = NULL;

	for (char *p = strtok_r(text, "|", &save); p && n < LABELS_MAX;
	     p = strtok_r(NULL, "|", &save)) {
		char *equals = strchr(p, '=');

		if (!equals)
			abort();
		*equals = '\0';
		/* "~" is a line's end. */
		for (char *c = equals + 1; *c; c++)
			*c = *c == '~' ? '\n' : *c;
		ret[n++] = (struct expose_label){p, equals + 1};
	}
	return n;
}

static void object(struct building *b, enum expose_kind kind, char *rest)
{
	struct expose_label labels[LABELS_MAX], info[LABELS_MAX];
	char *slash = strstr(rest, " / ");
	struct expose_object o = {.kind = kind, .labels = labels, .info = info};

	if (slash) {
		*slash = '\0';
		o.n_info = split_labels(slash + 3, info);
	}
	o.n_labels = split_labels(rest, labels);
	expose_object(page_of(b), &o);
}

static void count(struct building *b, char *rest)
{
	char name[64];
	unsigned long long value;
	unsigned since;

	if (sscanf(rest, "%63s %llu %u", name, &value, &since) != 3)
		abort();
	expose_put_count(page_of(b), name, value, since);
}

static void line(struct building *b, char *text)
{
	char *rest = text + strcspn(text, " ");

	if (*rest)
		*rest++ = '\0';
	if (!strcmp(text, "names") && !expose_names_parse(rest, &b->names))
		abort();
	else if (!strcmp(text, "names"))
		return;
	else if (!strcmp(text, "format"))
		b->format = !strcmp(rest, "openmetrics") ? EXPOSE_OPENMETRICS : EXPOSE_TEXT;
	else if (!strcmp(text, "host"))
		object(b, EXPOSE_HOST, rest);
	else if (!strcmp(text, "vm"))
		object(b, EXPOSE_VM, rest);
	else if (!strcmp(text, "page"))
		object(b, EXPOSE_PAGE, rest);
	else if (!strcmp(text, "count"))
		count(b, rest);
	else if (!strcmp(text, "batch"))
		expose_batch_end(page_of(b));
	else if (*text)
		expose_put(page_of(b), text, strtof(rest, NULL));
}

void golden_case(const char *input, struct mu_str *out)
{
	MU_CLEANUP(mu_free) char *copy = mu_xstrdup(input);
	struct building b = {.names = EXPOSE_NATIVE};
	char piece[EXPOSE_PIECE_MIN];
	char *save = NULL;
	uint64_t length;
	size_t n, before = out->len;

	for (char *p = strtok_r(copy, "\n", &save); p; p = strtok_r(NULL, "\n", &save))
		line(&b, p);
	expose_batch_end(page_of(&b));
	length = expose_page_end(b.page);
	while ((n = expose_page_write(b.page, piece, sizeof piece)) > 0)
		mu_str_add_bytes(out, piece, n);
	if (length != out->len - before)
		mu_str_printf(out, "!! %zu bytes were announced\n", (size_t)length);
	expose_page_free(b.page);
}
