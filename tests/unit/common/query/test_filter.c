/* SPDX-License-Identifier: Apache-2.0 */
/* What each form of a filter matches, and what is refused where. Cases are golden: one line each,
 * all against the same object. */
#include "common/json/json.h"
#include "common/query/fold.h"
#include "common/query/query.h"

#include <criterion/criterion.h>
#include <string.h>

static const char object[] =
    "{\"name_label\":\"Web Server 01\",\"power_state\":\"Running\",\"managed\":true,"
    "\"empty\":\"\",\"nothing\":null,\"off\":false,\"zero\":0,\"ratio\":0.5,"
    "\"CPUs\":{\"number\":4,\"max\":8},\"memory\":{\"size\":4294967296,\"dynamic\":[42,43]},"
    "\"tags\":[\"production\",\"owner=Zoë\"],\"snapshots\":[1,2,3],\"none\":[],"
    "\"version\":\"4.17.3\",\"numeric\":\"12\",\"city\":\"ΑΘΗΝΑ МОСКВА ŻÓŁĆ\","
    "\"quote\":\"say \\\"hi\\\" a:b (c)\",\"star\":\"a*b\","
    "\"inf\":\"inf\",\"endless\":\"Infinity\",\"blanks\":\" 77 \",\"one\":[77],\"flag\":[true]}";

struct good {
	const char *filter;
	bool matches;
};

static const struct good goods[] = {
    /* Nothing, and blanks: everything. */
    {"", true},
    {"  \t ", true},
    /* property:text is a substring without regard to case. */
    {"name_label:web", true},
    {"name_label:WEB", true},
    {"name_label:db", false},
    {"power_state:Running", true},
    {"power_state:run", true},
    {"power_state:Halted", false},
    {"absent:x", false},
    {"nothing:null", false},
    {"managed:true", false}, /* a text never matches a boolean */
    {"name_label:\"web server\"", true},
    {"name_label:\"web  server\"", false},
    {"name_label : web", true},
    {"name_label:\"\"", true},
    {"empty:\"\"", true},
    {"absent:\"\"", false},
    {"quote:\"\\\"hi\\\"\"", true},
    {"quote:\"a:b (c)\"", true},
    {"\"name_label\":web", true},
    /* Letters of other alphabets fold too. */
    {"city:αθηνα", true},
    {"city:москва", true},
    {"city:żółć", true},
    {"tags:ZOË", true},
    {"tags:zoe", false},
    /* Side by side: and. */
    {"name_label:web power_state:Running", true},
    {"name_label:web power_state:Halted", false},
    {"name_label:web\tname_label:01", true},
    /* Nested. */
    {"CPUs:number:4", true},
    {"CPUs:number:5", false},
    {"CPUs:absent:4", false},
    {"name_label:number:4", false},
    {"CPUs:number:max:4", false},
    {"nothing:number:4", false},
    {"CPUs:(number:4 max:8)", true},
    {"CPUs:(number:4 max:9)", false},
    /* Lists: any member; their length. */
    {"tags:prod", true},
    {"tags:staging", false},
    {"snapshots:2", true},
    {"snapshots:7", false},
    {"snapshots:length:3", true},
    {"snapshots:length:>2", true},
    {"none:length:>0", false},
    {"snapshots:width:3", false},
    /* Numbers: equal, or in a text; quoted only in a text. */
    {"version:4.17", true},
    {"zero:0", true},
    {"ratio:0.5", true},
    {"ratio:-0.5", false},
    {"CPUs:number:\"4\"", false},
    {"version:\"4\"", true},
    {"memory:42", true},
    {"memory:4294967296", true},
    {"42", true},
    {"name_label:1.", false},
    {"name_label:-", false},
    /* Anything, anywhere. */
    {"production", true},
    {"nowhere", false},
    {"server running", true},
    {"\"web server\"", true},
    /* Patterns. */
    {"name_label:w*1", true},
    {"name_label:*b*s*0", true},
    {"name_label:1*w", false},
    {"name_label:*", true},
    {"absent:*", false},
    {"zero:*", false},
    {"star:\"a*b\"", true},
    {"name_label:\"w*1\"", false},
    /* Not. */
    {"!power_state:Halted", true},
    {"!power_state:Running", false},
    {"! power_state:Running", false},
    {"!!power_state:Running", true},
    {"power_state:!Running", false},
    {"absent:!x", true},
    {"!absent:x", true},
    {"nothing:absent:!x", false},
    /* Or, groups. */
    {"power_state:|(Halted Running)", true},
    {"power_state:|(Halted Paused)", false},
    {"|(name_label:db tags:prod)", true},
    {"| (nowhere)", false},
    {"(name_label:web)", true},
    {"()", true},
    {"!()", false},
    {"(|(nowhere power_state:Run) !name_label:db) tags:prod", true},
    /* Truth. */
    {"managed?", true},
    {"off?", false},
    {"zero?", false},
    {"ratio?", true},
    {"empty?", false},
    {"nothing?", false},
    {"absent?", false},
    {"none?", true},
    {"CPUs?", true},
    {"name_label?", true},
    {"!off?", true},
    {"CPUs:number?", true},
    {"\"managed\"?", true},
    /* Comparisons, as JavaScript coerces. */
    {"CPUs:number:>3", true},
    {"CPUs:number:>4", false},
    {"CPUs:number:>=4", true},
    {"CPUs:number:<4", false},
    {"CPUs:number:<=4", true},
    {"ratio:<0.6", true},
    {"memory:size:>4000000000", true},
    {"numeric:>11", true},
    {"numeric:<12", false},
    {"name_label:>0", false},
    {"name_label:<0", false},
    {"managed:>=1", true},
    {"off:<1", true},
    {"nothing:<=0", true},
    {"empty:<=0", true},
    {"absent:<=0", false},
    {"tags:>0", false},
    /* As JavaScript's Number() has it. */
    {"inf:>0", false},
    {"endless:>0", true},
    {"blanks:>76", true},
    {"one:>76", true},
    {"one:<77", false},
    {"none:<=0", true},
    {"flag:>0", false},
    {"CPUs:>0", false},
    {"zero:>-1", true},
};

struct bad {
	const char *filter;
	const char *says;
};

static const struct bad bads[] = {
    {"name_label:", "at character 12: a term is missing"},
    {"name_label:/^w/", "at character 12: regular expressions are not supported"},
    {"/x/i", "at character 1: regular expressions"},
    {"a @", "at character 3: unexpected character"},
    {"漢字", "at character 1: unexpected character"},
    {"a:\"open", "at character 8: the quoted text does not end"},
    {"a:\"open\\", "does not end"},
    {"(a", "at character 3: a ) is missing"},
    {"a)", "at character 2: unexpected character"},
    {"|a", "at character 2: | needs its terms in parentheses"},
    {"|()", "at character 4: | has no terms"},
    {"|(", "at character 3: a ) is missing"},
    {"!", "at character 2: a term is missing"},
    {"a:>", "at character 4: a number must follow"},
    {"a:> 3", "at character 4: a number must follow"},
    {"a:>=x", "at character 5: a number must follow"},
    {"a:<4x", "at character 4: a number must follow"},
    {"\xff", "not UTF-8"},
};

static struct query_filter *parse(struct mu_arena *a, const char *text, struct mu_error *err)
{
	struct query_filter *f = NULL;

	return query_filter_parse(a, text, &f, err) == 0 ? f : NULL;
}

Test(filter, matches)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct mu_error err = MU_ERROR_INIT;
	struct mu_value *v = NULL;

	cr_assert_eq(mu_json_read(a, object, strlen(object), &v, &err), 0, "%s", err.text);
	for (size_t i = 0; i < MU_ARRAY_SIZE(goods); i++) {
		const struct query_filter *f = parse(a, goods[i].filter, &err);

		cr_assert(f, "%s: %s", goods[i].filter, err.text);
		cr_expect_eq(query_filter_match(f, v), goods[i].matches, "%s", goods[i].filter);
	}
}

Test(filter, refuses_with_position)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();

	for (size_t i = 0; i < MU_ARRAY_SIZE(bads); i++) {
		struct mu_error err = MU_ERROR_INIT;

		cr_assert_null(parse(a, bads[i].filter, &err), "%s", bads[i].filter);
		cr_expect(strstr(err.text, bads[i].says), "%s: %s", bads[i].filter, err.text);
		cr_expect_eq(err.code, MU_E_PROTOCOL);
		cr_expect_eq(strncmp(err.text, "filter:", 7), 0);
	}
}

static char *repeat(struct mu_arena *a, const char *text, size_t n)
{
	size_t len = strlen(text);
	char *out = mu_arena_alloc(a, n * len + 1);

	for (size_t i = 0; i < n; i++)
		memcpy(out + i * len, text, len);
	out[n * len] = '\0';
	return out;
}

Test(filter, is_bounded)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct mu_error err = MU_ERROR_INIT;

	cr_assert_null(parse(a, repeat(a, "!", QUERY_DEPTH_MAX + 1), &err));
	cr_expect(strstr(err.text, "nested too deeply"), "%s", err.text);
	cr_assert_null(parse(a, repeat(a, "x ", QUERY_TERMS_MAX + 1), &err));
	cr_expect(strstr(err.text, "too many terms"), "%s", err.text);
	cr_assert_null(parse(a, repeat(a, "x", QUERY_FILTER_MAX + 1), &err));
	cr_expect(strstr(err.text, "longer than"), "%s", err.text);
	cr_expect(parse(a, repeat(a, "x ", QUERY_TERMS_MAX), &err));
}

Test(filter, tells_what_it_uses)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct mu_error err = MU_ERROR_INIT;
	const struct query_filter *f = parse(a, "a:x !(b? |(c:d:1 a:2))", &err);

	cr_assert(f, "%s", err.text);
	cr_expect(query_filter_uses(f, "a"));
	cr_expect(query_filter_uses(f, "b"));
	cr_expect(query_filter_uses(f, "c"));
	cr_expect_not(query_filter_uses(f, "d"));
	cr_expect(query_filter_uses(parse(a, "a:x y", &err), "z"));
	cr_expect_not(query_filter_uses(parse(a, "", &err), "z"));
}

Test(filter, folds_pairs)
{
	static const struct {
		uint32_t upper;
		uint32_t lower;
	} pairs[] = {{'A', 'a'},     {'Z', 'z'},     {0xc9, 0xe9},   {0xde, 0xfe},
		     {0x141, 0x142}, {0x160, 0x161}, {0x17d, 0x17e}, {0x3a9, 0x3c9},
		     {0x401, 0x451}, {0x42f, 0x44f}};
	static const uint32_t caseless[] = {'0', '_', '[', '{', 0xd7, 0xf7, 0x3a2, 0x4e00, 0x1f600};

	for (size_t i = 0; i < MU_ARRAY_SIZE(pairs); i++) {
		cr_expect_eq(query_fold(pairs[i].upper), pairs[i].lower, "%x", pairs[i].upper);
		cr_expect_eq(query_fold(pairs[i].lower), pairs[i].lower, "%x", pairs[i].lower);
		cr_expect(query_has_case(pairs[i].upper) && query_has_case(pairs[i].lower), "%x",
			  pairs[i].upper);
	}
	for (size_t i = 0; i < MU_ARRAY_SIZE(caseless); i++) {
		cr_expect_eq(query_fold(caseless[i]), caseless[i]);
		cr_expect_not(query_has_case(caseless[i]), "%x", caseless[i]);
	}
}

Test(filter, decodes_characters)
{
	size_t len = 0;

	cr_expect_eq(query_char("a", &len), 'a');
	cr_expect_eq(len, 1);
	cr_expect_eq(query_char("é", &len), 0xe9);
	cr_expect_eq(len, 2);
	cr_expect_eq(query_char("漢", &len), 0x6f22);
	cr_expect_eq(len, 3);
	cr_expect_eq(query_char("😀", &len), 0x1f600);
	cr_expect_eq(len, 4);
}
