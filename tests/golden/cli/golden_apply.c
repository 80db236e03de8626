/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In: declarations as `apply` reads them ("===" stands for YAML's "---"), a line "%%", and objects
 * as the API shows them. Out: why the file is refused; or for each declaration, in the order in
 * which they are made so, what differs and what PATCH gets; "=" where nothing does.
 */
#include "aggregator/cli/diff.h"
#include "aggregator/cli/document.h"
#include "common/json/json.h"
#include "common/yaml/yaml.h"
#include "tests/golden/agent/golden.h"

#include <string.h>

static char *with_separators(struct mu_arena *a, const char *text, size_t len)
{
	char *copy = mu_arena_strndup(a, text, len);

	for (char *at = strstr(copy, "===\n"); at; at = strstr(at, "===\n"))
		memcpy(at, "---", 3);
	return copy;
}

static const struct mu_value *find(const struct mu_value *objects, const struct cli_document *d)
{
	mu_value_each(o, objects)
	{
		if (mu_str_equal(mu_value_as_string(mu_value_get(o, d->kind->label)), d->name))
			return o;
	}
	return NULL;
}

/* Related texts stand in the object as they are in a spec. */
static const struct mu_value *spec_of(struct mu_arena *a, const struct cli_kind *kind,
				      const struct mu_value *object)
{
	struct mu_value *spec = cli_spec_of(a, kind, object);

	for (const struct cli_field *f = kind->fields; f->name; f++)
		if (f->kind == CLI_FIELD_RELATED && mu_value_get(object, f->name))
			mu_value_set(a, spec, f->name,
				     mu_value_copy(a, mu_value_get(object, f->name)));
	return spec;
}

static void compare(struct mu_arena *a, const struct cli_document *d,
		    const struct mu_value *objects, struct mu_str *out)
{
	const struct mu_value *object = find(objects, d);
	const struct mu_value *have = object ? spec_of(a, d->kind, object) : mu_value_object(a);
	struct cli_diff diff = cli_diff(a, d->kind, have, d->spec);

	mu_str_printf(out, "%c %s %s%s%s\n",
		      !object  ? '+'
		      : diff.n ? '~'
			       : '=',
		      d->kind->noun, d->name, d->host ? " on " : "", d->host ? d->host : "");
	cli_diff_write(out, &diff, !object);
	if (!object || diff.n == 0)
		return;
	mu_str_printf(out, "%s: ", cli_diff_names(a, &diff));
	mu_json_write(out, cli_diff_body(a, &diff), false);
	mu_str_add_char(out, '\n');
}

void golden_case(const char *input, struct mu_str *out)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	const char *middle = strstr(input, "%%\n");
	size_t len = middle ? (size_t)(middle - input) : strlen(input);
	const char *objects_text = middle ? middle + 3 : "";
	char *text = with_separators(a, input, len);
	struct mu_value *list, *objects;
	struct mu_error err = MU_ERROR_INIT;
	struct cli_document *docs;
	size_t n;

	if (mu_yaml_read(a, text, len, &list, &err) < 0 ||
	    cli_documents_read(a, list, &docs, &n, &err) < 0 ||
	    mu_yaml_read(a, objects_text, strlen(objects_text), &objects, &err) < 0) {
		mu_str_printf(out, "%s %s\n", mu_error_name(err.code), err.text);
		return;
	}
	for (size_t i = 0; i < n; i++)
		compare(a, &docs[i], objects->first ? objects->first : objects, out);
}
