/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `sort` and `cursor` of REST lists: the first line is a sort, the second a cursor. What is
 * accepted has an order, and a cursor that is written is read back as the same place.
 */
#include "common/base/assert.h"
#include "common/base/str.h"
#include "common/query/sort.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static void check(struct mu_arena *a, const char *sort, const char *cursor)
{
	struct mu_value *v = mu_value_object(a);
	struct mu_error err = MU_ERROR_INIT;
	struct query_row row = {.keys = NULL};
	struct query_row back = {.keys = NULL};
	struct query_sort s = {.text = ""};

	mu_value_set_string(a, v, "a", "text");
	mu_value_set_int(a, v, "b", 7);
	if (query_sort_parse(a, sort, &s, &err) < 0) {
		mu_assert(err.code == MU_E_PROTOCOL && mu_str_has_prefix(err.text, "sort:"));
		return;
	}
	row.keys = query_sort_keys(a, &s, v);
	mu_assert(query_cursor_parse(a, &s, query_cursor_format(a, &s, &row), &back, &err) == 0);
	mu_assert(query_sort_compare(&s, &row, &back) == 0);
	if (query_cursor_parse(a, &s, cursor, &row, &err) < 0) {
		mu_assert(err.code == MU_E_PROTOCOL && mu_str_has_prefix(err.text, "cursor:"));
		return;
	}
	mu_assert((query_sort_compare(&s, &row, &back) < 0) ==
		  (query_sort_compare(&s, &back, &row) > 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	char *text;
	char *cursor;

	if (size > FUZZ_INPUT_MAX)
		return 0;
	text = mu_arena_strndup(a, (const char *)data, size);
	cursor = strchr(text, '\n');
	if (cursor)
		*cursor++ = '\0';
	check(a, text, cursor ? cursor : "");
	return 0;
}

size_t fuzz_seed(size_t i, uint8_t buf[static FUZZ_INPUT_MAX])
{
	/* The cursors are "t1:aID", "t2:-at1:x", "t1:bn7;" and their ids. */
	static const char *const seeds[] = {
	    "a,-b,CPUs:number,tags:length\n00",
	    "a\n74313a6161616161616161612d303030302d343030302d383030302d30303030303030303030303"
	    "174313a78",
	    "-a\n74323a2d6161616161616161612d303030302d343030302d383030302d3030303030303030303030"
	    "312d",
	    "b\n74313a6261616161616161612d303030302d343030302d383030302d3030303030303030303030316e"
	    "373b",
	};

	if (i >= MU_ARRAY_SIZE(seeds))
		return 0;
	memcpy(buf, seeds[i], strlen(seeds[i]));
	return strlen(seeds[i]);
}
