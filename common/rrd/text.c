/* SPDX-License-Identifier: Apache-2.0 */
#include "common/rrd/text.h"

#include "common/expose/number.h"

#include <math.h>

void rrd_text_number(struct mu_str *out, float v)
{
	char text[EXPOSE_NUMBER_MAX];

	if (isfinite(v))
		mu_str_add_bytes(out, text, expose_number(text, v));
	else
		mu_str_add(out, "NaN");
}

static void add_xml(struct mu_str *out, char c)
{
	if (c == '&')
		mu_str_add(out, "&amp;");
	else if (c == '<')
		mu_str_add(out, "&lt;");
	else if (c == '>')
		mu_str_add(out, "&gt;");
	else
		mu_str_add_char(out, c);
}

void rrd_text_xml(struct mu_str *out, const char *text)
{
	for (; *text; text++)
		add_xml(out, *text);
}

void rrd_text_comment(struct mu_str *out, const char *text)
{
	for (char before = '\0'; *text; before = *text++)
		if (*text == '-' && before == '-')
			mu_str_add(out, "&#45;");
		else
			add_xml(out, *text);
}

void rrd_text_json(struct mu_str *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			mu_str_add_char(out, '\\');
		mu_str_add_char(out, *text);
	}
}
