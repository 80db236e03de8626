/* SPDX-License-Identifier: Apache-2.0 */
/* `sort` and `cursor`: what is refused, what comes before what, and pages while objects come and
 * go. */
#include "common/base/rand.h"
#include "common/base/str.h"
#include "common/json/json.h"
#include "common/query/sort.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct mu_arena *a;

static void setup(void)
{
	a = mu_arena_new();
}

static void teardown(void)
{
	a = mu_arena_free(a);
}

TestSuite(sort, .init = setup, .fini = teardown);

static struct query_sort sort_of(const char *text)
{
	struct query_sort s = {.text = ""};
	struct mu_error err = MU_ERROR_INIT;

	cr_assert_eq(query_sort_parse(a, text, &s, &err), 0, "%s: %s", text, err.text);
	return s;
}

static struct query_row row_of(const struct query_sort *s, const char *json, unsigned id)
{
	struct mu_value *v = NULL;
	struct query_row row = {.id = {{(uint8_t)(id >> 8), (uint8_t)id}}};

	cr_assert_eq(mu_json_read(a, json, strlen(json), &v, NULL), 0, "%s", json);
	row.keys = query_sort_keys(a, s, v);
	return row;
}

Test(sort, keys_are_read)
{
	struct query_sort s = sort_of("power_state,-CPUs:number");

	cr_assert_eq(s.n_keys, 2);
	cr_expect_str_eq(s.keys[0].path[0], "power_state");
	cr_expect_null(s.keys[0].path[1]);
	cr_expect_not(s.keys[0].descending);
	cr_expect(s.keys[1].descending);
	cr_expect_str_eq(s.keys[1].path[0], "CPUs");
	cr_expect_str_eq(s.keys[1].path[1], "number");
	cr_expect(query_sort_uses(&s, "CPUs"));
	cr_expect_not(query_sort_uses(&s, "number"));
}

Test(sort, refuses_with_the_position)
{
	char many[QUERY_SORT_TEXT_MAX + 2];
	static const struct {
		const char *text;
		const char *says;
	} bad[] = {
	    {"", "at character 1: a property's name is missing"},
	    {"-", "at character 2: a property's name is missing"},
	    {"a,", "at character 3: a property's name is missing"},
	    {"a,,b", "at character 3: a property's name is missing"},
	    {"a:", "at character 3: a property's name is missing"},
	    {"a:b:c:d", "at character 7: a property is at most 3 names deep"},
	    {"a,b,c,d,e,f,g,h,i", "at character 17: too many keys"},
	};
	struct query_sort s = {.n_keys = 7};

	for (size_t i = 0; i < MU_ARRAY_SIZE(bad); i++) {
		struct mu_error err = MU_ERROR_INIT;

		cr_expect_eq(query_sort_parse(a, bad[i].text, &s, &err), MU_FAILED);
		cr_expect_eq(err.code, MU_E_PROTOCOL);
		cr_expect(strstr(err.text, bad[i].says), "%s: %s", bad[i].text, err.text);
	}
	memset(many, 'a', sizeof many - 1);
	many[sizeof many - 1] = '\0';
	cr_expect_eq(query_sort_parse(a, many, &s, NULL), MU_FAILED);
	cr_expect_eq(s.n_keys, 7);
}

Test(sort, what_has_no_order)
{
	static const struct {
		const char *sort;
		const char *object;
		const char *says;
	} cases[] = {
	    {"x", "{\"x\":{\"y\":1}}", "sort: \"x\" is an object"},
	    {"id,-x:y", "{\"x\":{\"y\":[1]}}", "sort: \"x:y\" is a list"},
	    {"x:length", "{\"x\":[1]}", NULL},
	    {"x:0", "{\"x\":[1]}", NULL},
	    {"x:y", "{\"x\":{\"y\":1}}", NULL},
	    {"x", "{\"x\":null}", NULL},
	    {"x", "{}", NULL},
	};

	for (size_t i = 0; i < MU_ARRAY_SIZE(cases); i++) {
		struct query_sort s = sort_of(cases[i].sort);
		struct mu_error err = MU_ERROR_INIT;
		struct mu_value *v = NULL;

		cr_assert_eq(mu_json_read(a, cases[i].object, strlen(cases[i].object), &v, &err),
			     0);
		cr_expect_eq(query_sort_check(&s, v, &err), cases[i].says ? MU_FAILED : 0, "%s",
			     cases[i].object);
		cr_expect(!cases[i].says || strstr(err.text, cases[i].says), "%s", err.text);
	}
}

/* Each comes before the next, whatever their ids. */
Test(sort, what_comes_before_what)
{
	static const char *const ordered[] = {
	    "{\"x\":false}",      "{\"x\":true}",        "{\"x\":-1.5}",   "{\"x\":2}",
	    "{\"x\":2.5}",        "{\"x\":\"\"}",        "{\"x\":\"10\"}", "{\"x\":\"a\"}",
	    "{\"x\":\"A1\"}",     "{\"x\":\"a2\"}",      "{\"x\":\"B\"}",  "{\"x\":\"b\"}",
	    "{\"x\":\"\u00c4\"}", "{\"x\":\"\u00e4b\"}",
	};
	static const char *const last[] = {"{}", "{\"x\":null}", "{\"x\":[1]}", "{\"x\":{}}"};
	struct query_sort up = sort_of("x");
	struct query_sort down = sort_of("-x");

	for (unsigned i = 0; i < MU_ARRAY_SIZE(ordered); i++) {
		for (unsigned j = i + 1; j < MU_ARRAY_SIZE(ordered); j++) {
			struct query_row p = row_of(&up, ordered[i], 2);
			struct query_row q = row_of(&up, ordered[j], 1);

			cr_expect(query_sort_compare(&up, &p, &q) < 0, "%s %s", ordered[i],
				  ordered[j]);
			cr_expect(query_sort_compare(&up, &q, &p) > 0);
			cr_expect(query_sort_compare(&down, &p, &q) > 0);
		}
		for (unsigned j = 0; j < MU_ARRAY_SIZE(last); j++) {
			struct query_row p = row_of(&up, ordered[i], 2);
			struct query_row q = row_of(&up, last[j], 1);

			cr_expect(query_sort_compare(&up, &p, &q) < 0);
			cr_expect(query_sort_compare(&down, &p, &q) < 0);
			cr_expect(query_sort_compare(&down, &q, &p) > 0);
		}
	}
}

Test(sort, several_keys_then_the_id)
{
	struct query_sort s = sort_of("state,-n");
	struct query_row rows[] = {
	    row_of(&s, "{\"state\":\"a\",\"n\":2}", 4),
	    row_of(&s, "{\"state\":\"a\",\"n\":1}", 2),
	    row_of(&s, "{\"state\":\"a\",\"n\":1}", 3),
	    row_of(&s, "{\"state\":\"b\",\"n\":9}", 1),
	};

	for (size_t i = 0; i + 1 < MU_ARRAY_SIZE(rows); i++)
		cr_expect(query_sort_compare(&s, &rows[i], &rows[i + 1]) < 0);
	cr_expect_eq(query_sort_compare(&s, &rows[0], &rows[0]), 0);
}

Test(sort, nested_properties_and_lengths)
{
	struct query_sort s = sort_of("tags:length,a:b:c");
	struct query_row row = row_of(&s, "{\"tags\":[1,2],\"a\":{\"b\":{\"c\":7}}}", 1);

	cr_expect_eq(row.keys[0].kind, QUERY_KEY_NUMBER);
	cr_expect_eq(row.keys[0].number, 2);
	cr_expect_eq(row.keys[1].number, 7);
	row = row_of(&s, "{\"tags\":{\"length\":\"x\"},\"a\":1}", 1);
	cr_expect_str_eq(row.keys[0].text, "x");
	cr_expect_eq(row.keys[1].kind, QUERY_KEY_NONE);
}

/* Texts count with their first bytes, whole characters only. */
Test(sort, long_texts_are_cut)
{
	struct query_sort s = sort_of("x");
	MU_CLEANUP(mu_str_deinit) struct mu_str json = MU_STR_INIT;
	struct query_row row;

	mu_str_add(&json, "{\"x\":\"a");
	for (size_t i = 0; i < QUERY_TEXT_MAX / 2 + 4; i++)
		mu_str_add(&json, "\u00e4");
	mu_str_add(&json, "\"}");
	row = row_of(&s, json.data, 1);
	cr_expect_eq(strlen(row.keys[0].text), QUERY_TEXT_MAX - 1);
	cr_expect(mu_utf8_valid(row.keys[0].text, strlen(row.keys[0].text)));
}

Test(sort, a_cursor_is_its_row)
{
	struct query_sort s = sort_of("a,-b,c,d:length,e");
	struct query_row row =
	    row_of(&s, "{\"a\":\"x;1:\\\"\u00e4\",\"b\":0.1,\"c\":true,\"d\":[1]}", 7);
	struct query_row back = {.keys = NULL};
	struct mu_error err = MU_ERROR_INIT;

	cr_assert_eq(query_cursor_parse(a, &s, query_cursor_format(a, &s, &row), &back, &err), 0,
		     "%s", err.text);
	cr_expect_eq(query_sort_compare(&s, &row, &back), 0);
	row = row_of(&s, "{\"a\":-1,\"b\":false}", 7);
	cr_assert_eq(query_cursor_parse(a, &s, query_cursor_format(a, &s, &row), &back, &err), 0);
	cr_expect_eq(query_sort_compare(&s, &row, &back), 0);
}

static const char *hex(const char *text)
{
	char *out = mu_arena_alloc(a, 2 * strlen(text) + 1);

	mu_hex_encode(out, text, strlen(text));
	return out;
}

Test(sort, refuses_cursors_that_are_none)
{
#define ID "aaaaaaaa-0000-4000-8000-000000000001"
	static const struct {
		const char *plain;
		const char *says;
	} bad[] = {
	    {"", "none of ours"},
	    {"x", "none of ours"},
	    {"t", "none of ours"},
	    {"t1", "none of ours"},
	    {"t2:a", "none of ours"},
	    {"t99999999999999999999:a" ID, "none of ours"},
	    {"t1:b" ID "-", "another sort (\"b\")"},
	    {"t1:a", "damaged"},
	    {"t1:a" ID, "damaged"},
	    {"t1:axaaaaaaa-0000-4000-8000-000000000001-", "damaged"},
	    {"t1:a" ID "--", "damaged"},
	    {"t1:a" ID "n;", "damaged"},
	    {"t1:a" ID "n1", "damaged"},
	    {"t1:a" ID "ninf;", "damaged"},
	    {"t1:a" ID "nnan;", "damaged"},
	    {"t1:a" ID "t1:\xff", "damaged"},
	    {"t1:a" ID "t9:x", "damaged"},
	    {"t1:a" ID "q", "damaged"},
	};
	struct query_sort s = sort_of("a");
	struct query_row row = {.keys = NULL};
	struct mu_error err = MU_ERROR_INIT;

	for (size_t i = 0; i < MU_ARRAY_SIZE(bad); i++) {
		cr_expect_eq(query_cursor_parse(a, &s, hex(bad[i].plain), &row, &err), MU_FAILED);
		cr_expect_eq(err.code, MU_E_PROTOCOL);
		cr_expect(strstr(err.text, bad[i].says), "%s: %s", bad[i].plain, err.text);
	}
	cr_expect_eq(query_cursor_parse(a, &s, "7", &row, &err), MU_FAILED);
	cr_expect_eq(query_cursor_parse(a, &s, "zz", &row, &err), MU_FAILED);
	cr_expect_null(row.keys);
#undef ID
}

/* Pages of a collection whose objects come, go and change between them: whoever is there all the
 * time, with the same key, is seen once. */

enum { N_OBJECTS = 60, N_STAYING = 40, N_ROUNDS = 200 };

struct object {
	bool there;
	int key; /* -1: none */
	unsigned seen;
};

static void shuffle(struct object *objects, struct mu_rand *rand)
{
	for (size_t i = N_STAYING; i < N_OBJECTS; i++) {
		objects[i].there = mu_rand_below(rand, 2);
		objects[i].key = (int)mu_rand_below(rand, 8) - 1;
	}
}

static struct query_row object_row(const struct query_sort *s, const struct object *o, unsigned id)
{
	char json[32] = "{}";

	if (o->key >= 0)
		(void)snprintf(json, sizeof json, "{\"k\":%d}", o->key);
	return row_of(s, json, id);
}

/* One page: up to `limit` rows behind `cursor`, found the slow way. The next cursor, or NULL. */
static const char *page(const struct query_sort *s, struct object *objects, const char *cursor,
			size_t limit)
{
	struct query_row last = {.keys = NULL};
	const char *next = NULL;

	if (cursor)
		cr_assert_eq(query_cursor_parse(a, s, cursor, &last, NULL), 0);
	for (size_t n = 0; n < limit; n++) {
		struct query_row best = {.keys = NULL};
		unsigned best_i = 0;

		for (unsigned i = 0; i < N_OBJECTS; i++) {
			struct query_row row = object_row(s, &objects[i], i * 7919 % 65536);

			if (!objects[i].there ||
			    (last.keys && query_sort_compare(s, &row, &last) <= 0))
				continue;
			if (!best.keys || query_sort_compare(s, &row, &best) < 0) {
				best = row;
				best_i = i;
			}
		}
		if (!best.keys)
			return NULL;
		objects[best_i].seen++;
		last = best;
		next = query_cursor_format(a, s, &last);
	}
	return next;
}

Test(sort, pages_miss_nobody_who_stays)
{
	static const char *const sorts[] = {"k", "-k", NULL};
	struct mu_rand rand = {.state = 5};

	for (unsigned round = 0; round < N_ROUNDS; round++) {
		const char *text = sorts[round % MU_ARRAY_SIZE(sorts)];
		struct query_sort s = {.text = ""};
		struct object objects[N_OBJECTS] = {{.there = false}};
		const char *cursor = NULL;

		if (text)
			s = sort_of(text);
		for (size_t i = 0; i < N_STAYING; i++)
			objects[i] = (struct object){true, (int)mu_rand_below(&rand, 8) - 1, 0};
		do {
			shuffle(objects, &rand);
			cursor = page(&s, objects, cursor, 1 + mu_rand_below(&rand, 9));
		} while (cursor);
		for (size_t i = 0; i < N_STAYING; i++)
			cr_assert_eq(objects[i].seen, 1, "round %u object %zu", round, i);
		mu_arena_reset(a);
	}
}
