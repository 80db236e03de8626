/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Matching follows JavaScript where Xen Orchestra's does: an absent property is "undefined" (NULL
 * here), which no text and no comparison matches, so its negation does.
 */
#include "common/base/assert.h"
#include "common/base/str.h"
#include "common/query/filter.h"
#include "common/query/fold.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool match(const struct query_filter *f, const struct mu_value *v);

/* Pieces between the '*', in order, anywhere in the text. */
static bool glob_matches(const char *pattern, const char *text)
{
	for (;;) {
		size_t len = strcspn(pattern, "*");

		text = query_find_folded(text, pattern, len);
		if (!text)
			return false;
		if (pattern[len] == '\0')
			return true;
		pattern += len + 1;
	}
}

static bool equals(const struct mu_value *v, double number)
{
	double x = v->kind == MU_VALUE_INT ? (double)v->integer : v->real;

	return !(x < number) && !(x > number);
}

static bool match_text(const struct query_filter *f, const char *text)
{
	if (f->kind == QUERY_REGEX)
		return query_regex_matches(f->regex, text);
	return f->kind == QUERY_GLOB ? glob_matches(f->text, text)
				     : query_find_folded(text, f->text, strlen(f->text)) != NULL;
}

/* A text, number or pattern looks into lists and objects for a leaf that matches. */
static bool match_leaf(const struct query_filter *f, const struct mu_value *v)
{
	switch (v->kind) {
	case MU_VALUE_STRING:
		return match_text(f, v->string);
	case MU_VALUE_INT:
	case MU_VALUE_REAL:
		return f->kind == QUERY_NUMBER && equals(v, f->number);
	case MU_VALUE_LIST:
	case MU_VALUE_OBJECT:
		mu_value_each(child, v) if (match_leaf(f, child)) return true;
		return false;
	case MU_VALUE_NULL:
	case MU_VALUE_BOOL:
		return false;
	/* GCOVR_EXCL_START: no kind, for the compiler only */
	case _MU_VALUE_KIND_COUNT:
		break;
	}
	mu_assert_unreachable();
	/* GCOVR_EXCL_STOP */
}

/* What JavaScript's Number() makes of a text: blanks are 0, "Infinity" is one, "inf" is none. */
static double text_to_number(const char *text)
{
	char *end;
	double d = strtod(text, &end);

	end += strspn(end, " \t\n\v\f\r");
	if (*end != '\0' || (strpbrk(text, "iInNpP") && !strstr(text, "Infinity")))
		return (double)NAN;
	return d;
}

/* And of anything; NaN for what is no number. A list is its texts joined: none is 0, one is itself.
 */
static double to_number(const struct mu_value *v)
{
	switch (v->kind) {
	case MU_VALUE_NULL:
		return 0;
	case MU_VALUE_BOOL:
		return v->boolean ? 1 : 0;
	case MU_VALUE_INT:
		return (double)v->integer;
	case MU_VALUE_REAL:
		return v->real;
	case MU_VALUE_STRING:
		return text_to_number(v->string);
	case MU_VALUE_LIST:
		if (v->n_children == 0)
			return 0;
		if (v->n_children > 1 || v->first->kind == MU_VALUE_BOOL)
			return (double)NAN;
		return to_number(v->first);
	case MU_VALUE_OBJECT:
		return (double)NAN;
	/* GCOVR_EXCL_START: no kind, for the compiler only */
	case _MU_VALUE_KIND_COUNT:
		break;
	}
	mu_assert_unreachable();
	/* GCOVR_EXCL_STOP */
}

static bool compare(const struct query_filter *f, const struct mu_value *v)
{
	double d = to_number(v);

	switch (f->order) {
	case QUERY_LESS:
		return d < f->number;
	case QUERY_LESS_EQUAL:
		return d <= f->number;
	case QUERY_GREATER:
		return d > f->number;
	case QUERY_GREATER_EQUAL:
		return d >= f->number;
	}
	mu_assert_unreachable(); /* GCOVR_EXCL_LINE: every order is above */
}

static bool truthy(const struct mu_value *v)
{
	switch (v->kind) {
	case MU_VALUE_NULL:
		return false;
	case MU_VALUE_BOOL:
		return v->boolean;
	case MU_VALUE_INT:
	case MU_VALUE_REAL:
		return !equals(v, 0);
	case MU_VALUE_STRING:
		return v->string[0] != '\0';
	case MU_VALUE_LIST:
	case MU_VALUE_OBJECT:
		return true;
	/* GCOVR_EXCL_START: no kind, for the compiler only */
	case _MU_VALUE_KIND_COUNT:
		break;
	}
	mu_assert_unreachable();
	/* GCOVR_EXCL_STOP */
}

static int64_t utf16_length(const char *text)
{
	int64_t n = 0;
	size_t len;

	for (; *text; text += len) {
		(void)query_char(text, &len);
		n += len == 4 ? 2 : 1;
	}
	return n;
}

/* Of "0", "1", ..., as JavaScript writes them; SIZE_MAX for others. */
static size_t as_index(const char *name)
{
	uint64_t i;

	if ((name[0] == '0' && name[1]) || !mu_parse_u64(name, &i))
		return SIZE_MAX;
	return (size_t)i;
}

static const struct mu_value *item_at(const struct mu_value *list, size_t i)
{
	const struct mu_value *item = i < list->n_children ? list->first : NULL;

	for (; item && i > 0; i--)
		item = item->next;
	return item;
}

const struct mu_value *query_member(const struct mu_value *v, const char *name,
				    struct mu_value *ret_length)
{
	bool is_list = v && v->kind == MU_VALUE_LIST;

	if (v && (is_list || v->kind == MU_VALUE_STRING) && strcmp(name, "length") == 0) {
		*ret_length = (struct mu_value){
		    .kind = MU_VALUE_INT,
		    .integer = is_list ? (int64_t)v->n_children : utf16_length(v->string),
		};
		return ret_length;
	}
	return is_list ? item_at(v, as_index(name)) : mu_value_get(v, name);
}

static bool match_children(const struct query_filter *f, const struct mu_value *v)
{
	bool any = f->kind == QUERY_OR;

	for (const struct query_filter *c = f->first; c; c = c->next)
		if (match(c, v) == any)
			return any;
	return !any;
}

/* Recursion is bounded by QUERY_DEPTH_MAX, and match_leaf()'s by the value, which is ours. */
static bool match(const struct query_filter *f, const struct mu_value *v)
{
	struct mu_value length;
	const struct mu_value *member;

	switch (f->kind) {
	case QUERY_AND:
	case QUERY_OR:
		return match_children(f, v);
	case QUERY_NOT:
		return !match(f->first, v);
	case QUERY_PROPERTY:
		return v && v->kind != MU_VALUE_NULL &&
		       match(f->first, query_member(v, f->text, &length));
	case QUERY_TRUTHY:
		member = query_member(v, f->text, &length);
		return member && truthy(member);
	case QUERY_COMPARE:
		return v && compare(f, v);
	case QUERY_NUMBER:
	case QUERY_STRING:
	case QUERY_GLOB:
	case QUERY_REGEX:
		return v && match_leaf(f, v);
	/* GCOVR_EXCL_START: no kind, for the compiler only */
	case _QUERY_KIND_COUNT:
		break;
	}
	mu_assert_unreachable();
	/* GCOVR_EXCL_STOP */
}

bool query_filter_match(const struct query_filter *f, const struct mu_value *object)
{
	return match(f, object);
}

int query_filter_check(const struct query_filter *f, struct mu_error *err)
{
	size_t position = f->regexes ? query_regexes_exceeded(f->regexes) : 0;

	if (!position)
		return 0;
	return mu_error_set(
	    err, MU_E_PROTOCOL,
	    "filter: at character %zu: the regular expression takes too long; hint: "
	    "try it on one property, begin it with ^, or nest no repetitions",
	    position);
}

void query_filter_allow(const struct query_filter *f, size_t steps)
{
	if (f->regexes)
		query_regexes_allow(f->regexes, steps);
}

/* Of a term that is tried on all properties: can it be in one of these letters? */
static bool leaf_uses(const struct query_filter *f, const char *letters)
{
	const char *p = f->text;

	if (!letters || !*letters || f->kind == QUERY_REGEX)
		return !letters || *letters;
	if (f->kind == QUERY_NUMBER && strpbrk(p, "eE"))
		return true; /* there are other ways to write it */
	while (*p) {
		size_t len;
		uint32_t c = query_fold(query_char(p, &len));

		if (c >= 0x80 || (!strchr(letters, (int)c) && !(c == '*' && f->kind == QUERY_GLOB)))
			return false;
		p += len;
	}
	return true;
}

bool query_filter_uses(const struct query_filter *f, const char *property, const char *letters)
{
	switch (f->kind) {
	case QUERY_AND:
	case QUERY_OR:
	case QUERY_NOT:
		for (const struct query_filter *c = f->first; c; c = c->next)
			if (query_filter_uses(c, property, letters))
				return true;
		return false;
	case QUERY_PROPERTY:
	case QUERY_TRUTHY:
		return strcmp(f->text, property) == 0;
	case QUERY_COMPARE: /* an object is no number, whatever is in it */
		return false;
	case QUERY_NUMBER:
	case QUERY_STRING:
	case QUERY_GLOB:
	case QUERY_REGEX:
		return leaf_uses(f, letters);
	/* GCOVR_EXCL_START: no kind, for the compiler only */
	case _QUERY_KIND_COUNT:
		break;
	}
	mu_assert_unreachable();
	/* GCOVR_EXCL_STOP */
}
