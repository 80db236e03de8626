/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/str.h"
#include "common/query/query.h"

#include <string.h>

int query_fields_parse(struct mu_arena *a, const char *text, struct query_fields *ret_fields,
		       struct mu_error *err)
{
	struct query_fields f = {.all = strcmp(text, "*") == 0};

	for (const char *p = f.all ? "" : text; *p;) {
		size_t len = strcspn(p, ",");

		if (f.n_names == QUERY_FIELDS_MAX)
			return mu_error_set(err, MU_E_PROTOCOL, "fields: more than %d names",
					    QUERY_FIELDS_MAX);
		if (len > 0)
			f.names[f.n_names++] = mu_arena_strndup(a, p, len);
		p += len;
		if (*p == ',')
			p++;
	}
	if (!f.all && f.n_names == 0)
		return mu_error_set(err, MU_E_PROTOCOL,
				    "fields: no names; hint: fields=* or fields=id,name_label");
	*ret_fields = f;
	return 0;
}

bool query_fields_has(const struct query_fields *f, const char *name)
{
	for (size_t i = 0; i < f->n_names; i++)
		if (strcmp(f->names[i], name) == 0)
			return true;
	return f->all;
}

int query_limit_parse(const char *text, size_t *ret_limit, struct mu_error *err)
{
	uint64_t n;

	if (!mu_parse_u64(text, &n) || n == 0 || n > SIZE_MAX)
		return mu_error_set(err, MU_E_PROTOCOL, "limit: \"%s\" is not a positive number",
				    text);
	*ret_limit = (size_t)n;
	return 0;
}
