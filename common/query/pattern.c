/* SPDX-License-Identifier: Apache-2.0 */
/* The check bounds what a match costs, and so how deep both functions go. */
#include "common/query/pattern.h"

#include <string.h>

enum word { WORD_NONE, WORD_AND, WORD_OR, WORD_NOT };

static enum word word_of(const struct mu_value *pattern)
{
	const struct mu_value *only = pattern->first;

	if (pattern->kind != MU_VALUE_OBJECT || pattern->n_children != 1)
		return WORD_NONE;
	if (strcmp(only->name, "__and") == 0)
		return WORD_AND;
	if (strcmp(only->name, "__or") == 0)
		return WORD_OR;
	return strcmp(only->name, "__not") == 0 ? WORD_NOT : WORD_NONE;
}

static int check(const struct mu_value *pattern, unsigned depth, size_t *n, struct mu_error *err)
{
	enum word word = word_of(pattern);

	if (depth > QUERY_DEPTH_MAX || ++*n > QUERY_TERMS_MAX)
		return mu_error_set(err, MU_E_INVALID,
				    "the filter is more than %d values, or %d levels deep",
				    QUERY_TERMS_MAX, QUERY_DEPTH_MAX);
	if ((word == WORD_AND || word == WORD_OR) && pattern->first->kind != MU_VALUE_LIST)
		return mu_error_set(err, MU_E_INVALID, "the filter's %s takes a list",
				    pattern->first->name);
	if (pattern->kind != MU_VALUE_LIST && pattern->kind != MU_VALUE_OBJECT)
		return 0;
	mu_value_each(child, pattern)
	{
		if (check(child, depth + 1, n, err) < 0)
			return MU_FAILED;
	}
	return 0;
}

int query_pattern_check(const struct mu_value *pattern, struct mu_error *err)
{
	size_t n = 0;

	return check(pattern, 1, &n, err);
}

/* How many of the list's patterns does the value match? */
static size_t count_matches(const struct mu_value *patterns, const struct mu_value *value)
{
	size_t n = 0;

	mu_value_each(p, patterns) n += query_pattern_match(p, value);
	return n;
}

static bool any_item_matches(const struct mu_value *pattern, const struct mu_value *list)
{
	mu_value_each(item, list)
	{
		if (query_pattern_match(pattern, item))
			return true;
	}
	return false;
}

static bool match_list(const struct mu_value *pattern, const struct mu_value *value)
{
	if (!value || value->kind != MU_VALUE_LIST)
		return false;
	mu_value_each(p, pattern)
	{
		if (!any_item_matches(p, value))
			return false;
	}
	return true;
}

static bool match_object(const struct mu_value *pattern, const struct mu_value *value)
{
	if (!value || value->kind != MU_VALUE_OBJECT)
		return false;
	mu_value_each(p, pattern)
	{
		const struct mu_value *property = mu_value_get(value, p->name);

		if (!property || !query_pattern_match(p, property))
			return false;
	}
	return true;
}

bool query_pattern_match(const struct mu_value *pattern, const struct mu_value *value)
{
	switch (word_of(pattern)) {
	case WORD_AND:
		return count_matches(pattern->first, value) == pattern->first->n_children;
	case WORD_OR:
		return count_matches(pattern->first, value) > 0;
	case WORD_NOT:
		return !query_pattern_match(pattern->first, value);
	case WORD_NONE:
		break;
	}
	if (pattern->kind == MU_VALUE_LIST)
		return match_list(pattern, value);
	if (pattern->kind == MU_VALUE_OBJECT)
		return match_object(pattern, value);
	return value && mu_value_equal(pattern, value);
}
