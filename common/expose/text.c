/* SPDX-License-Identifier: Apache-2.0 */
#include "common/expose/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* --- what is asked for --- */

/* q=... of one element of an Accept header; 1 when it has none. */
static double quality(const char *element, size_t len)
{
	for (const char *p = element; (p = memchr(p, ';', len - (size_t)(p - element)));) {
		size_t left;

		p += 1 + strspn(p + 1, " \t");
		left = len - (size_t)(p - element);
		if (left > 2 && (*p == 'q' || *p == 'Q') && p[1] == '=')
			return strtod(p + 2, NULL);
	}
	return 1;
}

static bool is_type(const char *element, size_t len, const char *type)
{
	size_t n = strcspn(element, "; \t,");

	return n <= len && n == strlen(type) && strncasecmp(element, type, n) == 0;
}

enum expose_format expose_negotiate(const char *accept)
{
	double open = 0, text = 0;

	for (const char *p = accept ? accept : ""; *p;) {
		size_t len;

		p += strspn(p, ", \t");
		len = strcspn(p, ",");
		if (is_type(p, len, "application/openmetrics-text"))
			open = fmax(open, quality(p, len));
		else if (is_type(p, len, "text/plain"))
			text = fmax(text, quality(p, len));
		p += len;
	}
	return open > 0 && open >= text ? EXPOSE_OPENMETRICS : EXPOSE_TEXT;
}

const char *expose_content_type(enum expose_format format)
{
	return format == EXPOSE_OPENMETRICS
		   ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
		   : "text/plain; version=0.0.4; charset=utf-8";
}

/* --- lines --- */

void expose_family_add(struct mu_str *s, enum expose_format format, const struct expose_family *f)
{
	bool counter = f->type == EXPOSE_COUNTER;
	const char *suffix = counter && format == EXPOSE_TEXT ? "_total" : "";

	mu_str_printf(s, "# HELP %s%s %s\n", f->name, suffix, f->help);
	mu_str_printf(s, "# TYPE %s%s %s\n", f->name, suffix, counter ? "counter" : "gauge");
	if (f->unit && format == EXPOSE_OPENMETRICS)
		mu_str_printf(s, "# UNIT %s %s\n", f->name, f->unit);
}

void expose_sample_add(struct mu_str *s, const struct expose_family *f, const char *labels,
		       double value)
{
	/* Whole numbers as such: they are counts and bytes. */
	bool whole = fabs(value) < 9007199254740992.0 && value == floor(value);

	mu_str_printf(s, "%s%s", f->name, f->type == EXPOSE_COUNTER ? "_total" : "");
	if (labels[0])
		mu_str_printf(s, "{%s}", labels);
	mu_str_printf(s, whole ? " %.0f\n" : " %.17g\n", value);
}

void expose_label_add(struct mu_str *s, const char *key, const char *value)
{
	char before = s->len > 0 ? s->data[s->len - 1] : '{';

	if (before != '{')
		mu_str_add_char(s, ',');
	mu_str_printf(s, "%s=\"", key);
	for (; *value; value++) {
		if (*value == '\n')
			mu_str_add(s, "\\n");
		else if (*value == '"' || *value == '\\')
			mu_str_printf(s, "\\%c", *value);
		else
			mu_str_add_char(s, *value);
	}
	mu_str_add_char(s, '"');
}

const char *expose_end(enum expose_format format)
{
	return format == EXPOSE_OPENMETRICS ? "# EOF\n" : "";
}
