/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/cli/diff.h"

#include "aggregator/cli/format.h"
#include "common/json/json.h"

#include <string.h>

static bool is_in(const struct mu_value *v, const struct mu_value *list)
{
	mu_value_each(one, list)
	{
		if (mu_value_equal(one, v))
			return true;
	}
	return false;
}

static bool is_set(const struct mu_value *v)
{
	return v->kind == MU_VALUE_LIST;
}

/* Nothing, in whatever way the API says so. */
static bool is_nothing(const struct mu_value *v)
{
	return v->kind == MU_VALUE_NULL || (v->kind == MU_VALUE_STRING && v->string[0] == '\0') ||
	       (is_set(v) && !v->first);
}

static bool is_size(const struct mu_value *have, const struct mu_value *want, int64_t *ret)
{
	return have->kind == MU_VALUE_INT && want->kind == MU_VALUE_STRING &&
	       mu_parse_size(want->string, ret);
}

static bool is_same(const struct mu_value *have, const struct mu_value *want)
{
	int64_t bytes;

	if (is_nothing(have) && is_nothing(want))
		return true;
	if (is_size(have, want, &bytes))
		return bytes == have->integer;
	if (!is_set(have) || !is_set(want))
		return mu_value_equal(have, want);
	mu_value_each(v, want)
	{
		if (!is_in(v, have))
			return false;
	}
	mu_value_each(v, have)
	{
		if (!is_in(v, want))
			return false;
	}
	return true;
}

static const struct cli_field *field_of(const struct cli_kind *kind, const char *name)
{
	const struct cli_field *f = kind->fields;

	while (strcmp(f->name, name) != 0) /* cli_documents_read() has looked */
		f++;
	return f;
}

struct cli_diff cli_diff(struct mu_arena *a, const struct cli_kind *kind,
			 const struct mu_value *have, const struct mu_value *want)
{
	struct cli_diff diff = {.n = 0};

	diff.changes = mu_arena_calloc(a, want->n_children, sizeof *diff.changes);
	mu_value_each(to, want)
	{
		const struct mu_value *from = mu_value_get(have, to->name);

		if (!from)
			from = mu_value_null(a);
		if (!is_same(from, to))
			diff.changes[diff.n++] = (struct cli_change){
			    .field = field_of(kind, to->name), .from = from, .to = to};
	}
	return diff;
}

const struct mu_value *cli_diff_lacking(struct mu_arena *a, const struct mu_value *list,
					const struct mu_value *other)
{
	struct mu_value *lacking = mu_value_list(a);

	mu_value_each(v, list)
	{
		if (!is_in(v, other))
			mu_value_push(lacking, mu_value_copy(a, v));
	}
	return lacking;
}

struct mu_value *cli_diff_body(struct mu_arena *a, const struct cli_diff *diff)
{
	struct mu_value *body = mu_value_object(a);

	for (size_t i = 0; i < diff->n; i++)
		if (diff->changes[i].field->kind != CLI_FIELD_RELATED)
			mu_value_set(a, body, diff->changes[i].field->name,
				     mu_value_copy(a, diff->changes[i].to));
	return body;
}

/* --- for people --- */

static void write_value(struct mu_str *out, const struct mu_value *v)
{
	if (is_nothing(v))
		mu_str_add(out, "nothing");
	else if (v->kind == MU_VALUE_STRING)
		cli_format_text(out, v->string);
	else if (v->kind == MU_VALUE_REAL)
		cli_format_real(out, v->real);
	else
		mu_json_write(out, v, false);
}

/* " + web, - old" */
static void write_set(struct mu_str *out, const struct cli_change *c)
{
	const char *between = "";

	mu_value_each(v, c->to)
	{
		if (is_in(v, c->from))
			continue;
		mu_str_printf(out, "%s + ", between);
		write_value(out, v);
		between = ",";
	}
	mu_value_each(v, c->from)
	{
		if (is_in(v, c->to))
			continue;
		mu_str_printf(out, "%s - ", between);
		write_value(out, v);
		between = ",";
	}
}

static void write_change(struct mu_str *out, const struct cli_change *c, bool is_new)
{
	int64_t bytes;

	mu_str_printf(out, "    %s:", c->field->name);
	if (is_set(c->to) && (is_set(c->from) || is_new)) {
		write_set(out, c);
	} else if (is_new) {
		mu_str_add_char(out, ' ');
		write_value(out, c->to);
	} else {
		mu_str_add_char(out, ' ');
		if (is_size(c->from, c->to, &bytes))
			cli_format_bytes(out, c->from->integer);
		else
			write_value(out, c->from);
		mu_str_add(out, " -> ");
		write_value(out, c->to);
	}
	mu_str_add_char(out, '\n');
}

void cli_diff_write(struct mu_str *out, const struct cli_diff *diff, bool is_new)
{
	for (size_t i = 0; i < diff->n; i++)
		write_change(out, &diff->changes[i], is_new);
}

const char *cli_diff_names(struct mu_arena *a, const struct cli_diff *diff)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str names = MU_STR_INIT;

	for (size_t i = 0; i < diff->n; i++)
		mu_str_printf(&names, "%s%s", i ? ", " : "", diff->changes[i].field->name);
	return mu_arena_strdup(a, names.data ? names.data : "");
}
