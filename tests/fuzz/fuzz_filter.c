/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Filters of REST lists: parsing is bounded and says where it failed; what it accepted can be
 * applied, and is deterministic: a filter and its negation never agree, unless regular expressions
 * were stopped, which is told. An object without what the filter does not use has the same answer.
 */
#include "common/base/assert.h"
#include "common/base/str.h"
#include "common/query/query.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static struct mu_value *sample(struct mu_arena *a)
{
	struct mu_value *v = mu_value_object(a);
	struct mu_value *inner = mu_value_object(a);
	struct mu_value *list = mu_value_list(a);

	mu_value_set_string(a, v, "name_label", "Web Ä Ж 01");
	mu_value_set_int(a, v, "n", 42);
	mu_value_set_real(a, v, "r", 0.5);
	mu_value_set_bool(a, v, "b", true);
	mu_value_set(a, v, "none", mu_value_null(a));
	mu_value_set_int(a, inner, "number", 4);
	mu_value_set(a, v, "CPUs", inner);
	mu_value_push(list, mu_value_string(a, "prod"));
	mu_value_set(a, v, "tags", list);
	return v;
}

static void check(struct mu_arena *a, const char *text)
{
	struct mu_error err = MU_ERROR_INIT;
	struct query_filter *f = NULL;
	struct query_filter *negated = NULL;
	static const char *const names[] = {"name_label", "n",    "r",    "b",
					    "none",       "CPUs", "tags", NULL};
	struct mu_value *v = sample(a);
	struct mu_value *less = sample(a);
	bool matches;

	if (query_filter_parse(a, text, &f, &err) < 0) {
		mu_assert(err.code == MU_E_PROTOCOL && mu_str_has_prefix(err.text, "filter:"));
		return;
	}
	for (const char *const *name = names; *name; name++)
		if (!query_filter_uses(f, *name, NULL))
			mu_value_remove(less, *name);
	matches = query_filter_match(f, v);
	mu_assert(query_filter_match(f, less) == matches || query_filter_check(f, &err) < 0);
	/* One level and a few bytes more may be too many. */
	if (query_filter_parse(a, mu_arena_printf(a, "!(%s)", text), &negated, &err) == 0)
		mu_assert(query_filter_match(negated, v) != matches ||
			  query_filter_check(f, &err) < 0 || query_filter_check(negated, &err) < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();

	if (size <= FUZZ_INPUT_MAX)
		check(a, mu_arena_strndup(a, (const char *)data, size));
	return 0;
}

size_t fuzz_seed(size_t i, uint8_t buf[static FUZZ_INPUT_MAX])
{
	static const char *const seeds[] = {
	    "name_label:web power_state:Running",
	    "!power_state:Halted tags:|(prod staging)",
	    "CPUs:number:>=4 memory:size:<4294967296",
	    "name_label:\"a \\\"quoted\\\" text\" (x (y !z))",
	    "name_label:w*b? tags:length:>0 b? -1.5",
	    "ÄÖÜ:жук",
	    "name_label:/^web \\w+ [0-9]{2}$/i !/(a|b)+c/",
	    "/(?<n>x)*\\k<n>\\/\\u0041/ tags:/^(?:prod|test)$/i",
	};

	if (i >= MU_ARRAY_SIZE(seeds))
		return 0;
	memcpy(buf, seeds[i], strlen(seeds[i]));
	return strlen(seeds[i]);
}
