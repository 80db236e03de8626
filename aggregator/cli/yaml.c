/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Block style for lists and objects that have something in them, flow style ("[]", "{}") for
 * empty ones. A string is written plain only when no YAML reader, 1.1 or 1.2, can take it for
 * anything else; every other one is a JSON string, which is valid YAML.
 */
#include "aggregator/cli/yaml.h"

#include "aggregator/cli/format.h"
#include "common/json/json.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static const char *const reserved[] = {
    "true", "false", "null", "yes", "no", "on", "off", "y", "n",
};

/* Letters first, then only characters that mean nothing to YAML; blanks inside are fine. */
static bool is_plain(const char *s)
{
	size_t len = strlen(s);

	if (!isalpha((unsigned char)s[0]) && s[0] != '/' && s[0] != '_')
		return false;
	for (size_t i = 0; i < MU_ARRAY_SIZE(reserved); i++)
		if (strcasecmp(s, reserved[i]) == 0)
			return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)s[i]) && !strchr("_./-+@() ", s[i]))
			return false;
	return s[len - 1] != ' ';
}

static void write_string(struct mu_str *out, const char *s)
{
	struct mu_value v = {.kind = MU_VALUE_STRING, .string = s};

	if (is_plain(s))
		mu_str_add(out, s);
	else
		mu_json_write(out, &v, false);
}

static void indent(struct mu_str *out, size_t depth)
{
	for (size_t i = 0; i < depth; i++)
		mu_str_add(out, "  ");
}

static bool is_block(const struct mu_value *v)
{
	return (v->kind == MU_VALUE_LIST || v->kind == MU_VALUE_OBJECT) && v->first;
}

static void write_scalar(struct mu_str *out, const struct mu_value *v)
{
	if (v->kind == MU_VALUE_STRING)
		write_string(out, v->string);
	else if (v->kind == MU_VALUE_REAL)
		cli_format_real(out, v->real);
	else
		mu_json_write(out, v, false); /* also "[]" and "{}" */
	mu_str_add_char(out, '\n');
}

/* The children of `v` at `depth`; the first line's indentation is there already when `inlined`. */
static void write_block(struct mu_str *out, const struct mu_value *v, size_t depth, bool inlined)
{
	mu_value_each(child, v)
	{
		if (!inlined)
			indent(out, depth);
		inlined = false;
		if (v->kind == MU_VALUE_LIST) {
			mu_str_add(out, "- ");
			if (is_block(child))
				write_block(out, child, depth + 1, true);
			else
				write_scalar(out, child);
			continue;
		}
		write_string(out, child->name);
		mu_str_add_char(out, ':');
		if (is_block(child)) {
			mu_str_add_char(out, '\n');
			write_block(out, child, depth + 1, false);
		} else {
			mu_str_add_char(out, ' ');
			write_scalar(out, child);
		}
	}
}

void cli_yaml_write(struct mu_str *out, const struct mu_value *v)
{
	if (is_block(v))
		write_block(out, v, 0, false);
	else
		write_scalar(out, v);
}
