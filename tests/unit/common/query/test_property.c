/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Filters and objects out of a seed, and a second opinion: what a filter matches is worked out from
 * the tree that it was written from, in the plainest way there is. The alphabet is small, so that
 * about half of them match.
 */
#include "common/base/rand.h"
#include "common/base/str.h"
#include "common/query/query.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N_ROUNDS = 30000, N_PROPERTIES = 6 };

static const char *const properties[N_PROPERTIES] = {"a", "b", "1", "length", "nested", "List"};

enum kind { AND, OR, NOT, PROPERTY, TRUTHY, LESS, TEXT, NUMBER, GLOB, REGEX, N_KINDS };

struct term {
	enum kind kind;
	const char *text;
	int number;
	bool at_begin; /* a regular expression: ^, $, i */
	bool at_end;
	bool caseless;
	size_t n_terms;
	struct term *terms[3];
};

static struct mu_arena *a;
static struct mu_rand rand_state = {.state = 7};

static unsigned below(unsigned n)
{
	return (unsigned)mu_rand_below(&rand_state, n);
}

static char *letters(size_t len_max, const char *alphabet)
{
	size_t len = below((unsigned)len_max + 1);
	char *text = mu_arena_calloc(a, 1, len + 1);

	for (size_t i = 0; i < len; i++)
		text[i] = alphabet[below((unsigned)strlen(alphabet))];
	return text;
}

/* Objects */

static struct mu_value *leaf(void)
{
	switch (below(5)) {
	case 0:
		return mu_value_null(a);
	case 1:
		return mu_value_bool(a, below(2));
	case 2:
		return mu_value_int(a, (int64_t)below(4) - 1);
	default:
		return mu_value_string(a, letters(5, "aAb1 "));
	}
}

static struct mu_value *some_value(void);

static struct mu_value *some_object(void)
{
	struct mu_value *v = mu_value_object(a);

	for (unsigned i = 0; i < N_PROPERTIES; i++)
		if (below(3))
			mu_value_set(a, v, properties[i], some_value());
	return v;
}

static struct mu_value *some_value(void)
{
	struct mu_value *v;

	switch (below(12)) {
	case 0:
		return some_object();
	case 1:
	case 2:
		v = mu_value_list(a);
		for (unsigned n = below(4); n > 0; n--)
			mu_value_push(v, leaf());
		return v;
	default:
		return leaf();
	}
}

/* Filters */

static struct term *some_term(unsigned depth)
{
	struct term *t = mu_arena_calloc(a, 1, sizeof *t);

	t->kind = depth > 4 ? TRUTHY + below(N_KINDS - TRUTHY) : below(N_KINDS);
	switch (t->kind) {
	case AND:
	case OR:
		t->n_terms = 1 + below(3);
		break;
	case NOT:
		t->n_terms = 1;
		break;
	case PROPERTY:
		t->n_terms = 1;
		t->text = properties[below(N_PROPERTIES)];
		break;
	case TRUTHY:
		t->text = properties[below(N_PROPERTIES)];
		break;
	case LESS:
	case NUMBER:
		t->number = (int)below(4) - 1;
		break;
	case GLOB:
		t->text = mu_arena_printf(a, "%s*%s", letters(2, "ab1*"), letters(2, "ab1*"));
		break;
	case TEXT:
	case REGEX:
	case N_KINDS:
		t->text = letters(2, "ab1 ");
		t->at_begin = below(2);
		t->at_end = below(3) == 0;
		t->caseless = below(2);
		break;
	}
	for (size_t i = 0; i < t->n_terms; i++)
		t->terms[i] = some_term(depth + 1);
	return t;
}

static void write_term(struct mu_str *out, const struct term *t)
{
	static const char *const openings[N_KINDS] = {[AND] = "(", [OR] = "|(", [NOT] = "!"};

	switch (t->kind) {
	case AND:
	case OR:
	case NOT:
		mu_str_add(out, openings[t->kind]);
		break;
	case PROPERTY:
		mu_str_printf(out, "%s%s:%s", t->text, below(4) ? "" : " ", below(4) ? "" : " ");
		break;
	case TRUTHY:
		mu_str_printf(out, "%s?", t->text);
		break;
	case LESS:
		mu_str_printf(out, "<%d", t->number);
		break;
	case TEXT:
		mu_str_printf(out, "\"%s\"", t->text);
		break;
	case NUMBER:
		mu_str_printf(out, "%d", t->number);
		break;
	case GLOB:
		mu_str_add(out, t->text);
		break;
	case REGEX:
	case N_KINDS:
		mu_str_printf(out, "/%s%s%s/%s", t->at_begin ? "^" : "", t->text,
			      t->at_end ? "$" : "", t->caseless ? "i" : "");
		break;
	}
	for (size_t i = 0; i < t->n_terms; i++) {
		write_term(out, t->terms[i]);
		if (t->kind != PROPERTY && t->kind != NOT)
			mu_str_add_char(out, ' ');
	}
	if (t->kind == AND || t->kind == OR)
		mu_str_add_char(out, ')');
}

/* The second opinion */

/* '*' is anything, and so are both ends. */
static bool glob_is_in(const char *glob, const char *text)
{
	for (;; text++) {
		const char *g = glob;
		const char *p = text;

		while (*g && *g != '*' && *p && *p == *g) {
			g++;
			p++;
		}
		if (!*g || (*g == '*' && glob_is_in(g + 1, p)))
			return true;
		if (!*text)
			return false;
	}
}

static const char *lower(const char *text)
{
	char *copy = mu_arena_strdup(a, text);

	for (char *p = copy; *p; p++)
		if (*p == 'A')
			*p = 'a';
	return copy;
}

static bool regex_is_in(const struct term *t, const char *text)
{
	const char *where = t->caseless ? lower(text) : text;
	size_t len = strlen(t->text);
	size_t n = strlen(where);

	for (size_t i = 0; i + len <= n; i++)
		if (strncmp(where + i, t->text, len) == 0 && (!t->at_begin || i == 0) &&
		    (!t->at_end || i + len == n))
			return true;
	return false;
}

static bool text_matches(const struct term *t, const char *text)
{
	if (t->kind == REGEX)
		return regex_is_in(t, text);
	if (t->kind == GLOB)
		return glob_is_in(t->text, lower(text));
	return strstr(lower(text),
		      t->kind == NUMBER ? mu_arena_printf(a, "%d", t->number) : t->text);
}

static bool anywhere(const struct term *t, const struct mu_value *v)
{
	if (v->kind == MU_VALUE_STRING)
		return text_matches(t, v->string);
	if (v->kind == MU_VALUE_INT)
		return t->kind == NUMBER && v->integer == t->number;
	mu_value_each(child, v) if (anywhere(t, child)) return true;
	return false;
}

static double number_of(const struct mu_value *v)
{
	const char *text;

	if (v->kind == MU_VALUE_LIST && v->n_children == 1 && v->first->kind != MU_VALUE_BOOL)
		return number_of(v->first);
	if (v->kind == MU_VALUE_LIST || v->kind == MU_VALUE_OBJECT)
		return v->n_children || v->kind == MU_VALUE_OBJECT ? (double)NAN : 0;
	if (v->kind != MU_VALUE_STRING)
		return v->kind == MU_VALUE_INT ? (double)v->integer : v->boolean;
	text = v->string + strspn(v->string, " ");
	return text[strspn(text, "1") + strspn(text + strspn(text, "1"), " ")] ? (double)NAN
									       : atof(text);
}

static bool truth_of(const struct mu_value *v)
{
	return v && (v->boolean || v->integer || (v->string && *v->string) ||
		     v->kind == MU_VALUE_LIST || v->kind == MU_VALUE_OBJECT);
}

/* Texts have ASCII letters only, names of items are "1" only. */
static const struct mu_value *member_of(const struct mu_value *v, const char *name)
{
	if (v && v->kind == MU_VALUE_LIST && strcmp(name, "length") == 0)
		return mu_value_int(a, (int64_t)v->n_children);
	if (v && v->kind == MU_VALUE_LIST)
		return strcmp(name, "1") == 0 && v->first ? v->first->next : NULL;
	if (v && v->kind == MU_VALUE_STRING && strcmp(name, "length") == 0)
		return mu_value_int(a, (int64_t)strlen(v->string));
	return mu_value_get(v, name);
}

static bool holds(const struct term *t, const struct mu_value *v)
{
	size_t n = 0;

	switch (t->kind) {
	case AND:
	case OR:
	case NOT:
		for (size_t i = 0; i < t->n_terms; i++)
			n += holds(t->terms[i], v);
		return t->kind == AND ? n == t->n_terms : t->kind == OR ? n > 0 : n == 0;
	case PROPERTY:
		return v && v->kind != MU_VALUE_NULL && holds(t->terms[0], member_of(v, t->text));
	case TRUTHY:
		return truth_of(member_of(v, t->text));
	case LESS:
		return v && number_of(v) < t->number;
	case TEXT:
	case NUMBER:
	case GLOB:
	case REGEX:
	case N_KINDS:
		break;
	}
	return v && anywhere(t, v);
}

/* All that there is in a value, as query_filter_uses() wants it. */
static const char *letters_of(const struct mu_value *v)
{
	switch (v->kind) {
	case MU_VALUE_STRING:
		return *v->string ? lower(v->string) : " ";
	case MU_VALUE_INT:
		return "-0123456789";
	case MU_VALUE_NULL:
	case MU_VALUE_BOOL:
		return "";
	case MU_VALUE_REAL:
	case MU_VALUE_LIST:
	case MU_VALUE_OBJECT:
	case _MU_VALUE_KIND_COUNT:
		break;
	}
	return NULL;
}

/* What the filter does not use of an object may as well be missing. */
static struct mu_value *less_of(const struct query_filter *f, const struct mu_value *v)
{
	struct mu_value *less = mu_value_copy(a, v);

	mu_value_each(child, v) if (!query_filter_uses(f, child->name, letters_of(child)))
	    mu_value_remove(less, child->name);
	return less;
}

Test(property, what_a_filter_matches)
{
	unsigned n_matches = 0;

	for (unsigned round = 0; round < N_ROUNDS; round++) {
		MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
		struct mu_error err = MU_ERROR_INIT;
		struct query_filter *f = NULL;
		struct mu_value *v;
		struct term *t;
		bool expected;

		a = mu_arena_new();
		v = some_object();
		t = some_term(0);
		write_term(&text, t);
		cr_assert_eq(query_filter_parse(a, text.data, &f, &err), 0, "%u: %s: %s", round,
			     text.data, err.text);
		expected = holds(t, v);
		cr_assert_eq(query_filter_match(f, v), expected, "%u: %s", round, text.data);
		cr_assert_eq(query_filter_match(f, less_of(f, v)), expected, "%u: %s", round,
			     text.data);
		n_matches += expected;
		a = mu_arena_free(a);
	}
	cr_expect(n_matches > N_ROUNDS / 5 && n_matches < N_ROUNDS * 4 / 5, "%u", n_matches);
}
