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
    "\"inf\":\"inf\",\"endless\":\"Infinity\",\"blanks\":\" 77 \",\"one\":[77],\"flag\":[true],"
    "\"wide\":\"\U0001F600ß漢\",\"straße\":\"STRASSE ẞ Ÿ ΌΣΟΣ ΏΡΕΣ Ѫ Ҋ ՀԱՅ VIỆT Ǐ\","
    "\"path\":\"/dev/xvda\",\"lines\":\"one\\ntwo\\n\"}";

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
    {"straße:ß", true},
    {"straße:ÿ", true},
    {"straße:όσος", true},
    {"straße:ώρες", true},
    {"straße:ѫ", true},
    {"straße:ҋ", true},
    {"straße:հայ", true},
    {"straße:việt", true},
    {"straße:ǐ", true},
    {"straße:Ÿ", true},
    {"straße:ό", true},
    {"straße:ı", false},
    {"straße:İ", false},
    {"straße:ΐ", false},
    {"tags:ZOË", true},
    {"tags:zoe", false},
    /* Side by side: and. */
    {"name_label:web power_state:Running", true},
    {"name_label:web power_state:Halted", false},
    {"name_label:web\tname_label:01", true},
    {"name_label:\n web\r\n  power_state:Halted\n", false},
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
    {"snapshots:length?", true},
    {"none:length?", false},
    {"!none:length?", true},
    {"absent:length?", false},
    {"tags:0:prod", true},
    {"tags:1:prod", false},
    {"tags:2:prod", false},
    {"tags:00:prod", false},
    {"tags:-1:prod", false},
    {"tags:0?", true},
    {"tags:2?", false},
    {"memory:dynamic:1:>42", true},
    /* Of a text too, in UTF-16. */
    {"name_label:length:13", true},
    {"wide:length:4", true},
    {"empty:length?", false},
    {"zero:length?", false},
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
    {"zero:0.0", true},
    {"CPUs:number:4.", true},
    {"CPUs:number:.4e1", true},
    {"snapshots:3e0", true},
    {"version:4e17", false},
    {"zero:-", false},
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
    {"memory:size:>4e9", true},
    {"memory:size:<43e8", true},
    {"ratio:>.49", true},
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
    /* Regular expressions, as JavaScript has them: anywhere in a text, and in texts only. */
    {"name_label:/Server/", true},
    {"name_label:/server/", false},
    {"name_label:/server/i", true},
    {"name_label:/^web\\s\\w+ \\d+$/i", true},
    {"name_label : /^server/i", false},
    {"tags:/^production$/", true},
    {"tags:/^prod$/", false},
    {"/^prod/", true},
    {"/^rod/", false},
    {"empty:/^$/", true},
    {"name_label:/^$/", false},
    {"name_label://", true},
    {"name_label://i", true},
    {"zero:/0/", false},
    {"managed:/true/", false},
    {"nothing:/null/", false},
    {"absent:/x?/", false},
    {"!absent:/x/", true},
    {"!name_label:/web/i", false},
    {"|(name_label:/^db/ name_label:/^Web/)", true},
    {"name_label:(/^Web/ !/02$/)", true},
    {"memory:/42/", false},
    {"path:/^\\/dev\\//", true},
    {"path:/[\\/]xvd[a-c]$/", true},
    {"quote:/\"hi\" a:b \\(c\\)/", true},
    {"city:/^αθηνα/i", true},
    {"city:/^αθηνα/", false},
    {"city:/^.{5} /", true}, /* letters, not bytes */
    {"name_label:/\\u0057eb/", true},
    {"name_label:/[]/", false},
    {"name_label:/W[^]b/", true},
    {"name_label:/(x)?\\1Web/", true},
    {"name_label:/^(?:Web|DB) (?!Client)/", true},
    {"name_label:/(?<two>e)\\k<two>/", false},
    {"lines:/two$/", false}, /* the very end is behind the line's */
    {"lines:/two\\n$/", true},
    {"lines:/one.two/", false},
    {"lines:/^two/", false},
};

struct bad {
	const char *filter;
	const char *says;
};

static const struct bad bads[] = {
    {"name_label:", "at character 12: a term is missing"},
    {"/x", "at character 3: the regular expression does not end"},
    {"/x\\", "at character 4: the regular expression does not end"},
    {"/x\\/", "at character 5: the regular expression does not end"},
    {"name_label:/^w(/", "at character 16: missing closing parenthesis"},
    {"a /[z-a]/", "at character 7: range out of order"},
    {"a:/b{2,1}/", "at character 9: numbers out of order in {} quantifier"},
    {"/*/", "at character 2: quantifier does not follow a repeatable item"},
    {"/\\C/", "at character 4: using \\C is disabled"},
    {"/x/g", "at character 4: a regular expression has no flag but i"},
    {"/x/ig", "at character 5: a regular expression has no flag but i"},
    {"/x/:y", "at character 4: unexpected character"},
    {"/((a{1,200}){1,200}){1,200}/", "regular expression is too large"},
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
    {"a:<4e", "at character 4: a number must follow"},
    {"a:<0x4", "at character 4: a number must follow"},
    {"a:<-", "at character 4: a number must follow"},
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

Test(filter, bounds_regular_expressions)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct mu_error err = MU_ERROR_INIT;

	cr_expect(parse(a, mu_arena_printf(a, "/%s/", repeat(a, "x", QUERY_REGEX_MAX)), &err));
	cr_assert_null(
	    parse(a, mu_arena_printf(a, "/%s/", repeat(a, "x", QUERY_REGEX_MAX + 1)), &err));
	cr_expect(strstr(err.text, "is too long"), "%s", err.text);
	cr_expect(parse(a, repeat(a, "/x/ ", QUERY_REGEXES_MAX), &err));
	cr_assert_null(parse(a, repeat(a, "/x/ ", QUERY_REGEXES_MAX + 1), &err));
	cr_expect(strstr(err.text, "at character 34: too many regular"), "%s", err.text);
	cr_assert_null(
	    parse(a, mu_arena_printf(a, "/%s%s/", repeat(a, "(", 60), repeat(a, ")", 60)), &err));
	cr_expect(strstr(err.text, "at character 35: parentheses are too deeply nested"), "%s",
		  err.text);
}

static const struct mu_value *text_object(struct mu_arena *a, const char *text)
{
	struct mu_value *v = mu_value_object(a);

	mu_value_set_string(a, v, "x", text);
	return v;
}

/* Each of them would take longer than anybody waits, or memory without end. */
Test(filter, stops_what_takes_too_long)
{
	static const struct {
		const char *filter;
		const char *text; /* again and again, and a '!' */
		size_t n;
		const char *says;
	} cases[] = {
	    {"|(x:no x:/^(a+)+$/)", "a", 40, "filter: at character 10: the regular expression"},
	    {"x:/(x+x+)+[yz]/", "x", 60, "at character 3: "},
	    {"x:/^(a|aa)+$/", "a", 100, "at character 3: "},
	    {"x:/(.*)(.*)(.*)(.*)(.*)[^b!]\\1[cd]/", "b", 400, "at character 3: "},
	    {"x:/^(?:a|b)*$/", "ab", 100000, "at character 3: "},
	    {"x:/^(a(?1)?b)+$/", "a", 100000, "at character 3: "},
	    {"x:/^(a?)*(?1)*$/", "a", 10000, "at character 3: "},
	    {"x:/(?=(a+))a*[bc]\\1/", "a", 20000, "at character 3: "},
	};

	for (size_t i = 0; i < MU_ARRAY_SIZE(cases); i++) {
		MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
		struct mu_error err = MU_ERROR_INIT;
		const char *text = mu_arena_printf(a, "%s!", repeat(a, cases[i].text, cases[i].n));
		const struct query_filter *f = parse(a, cases[i].filter, &err);
		const struct mu_value *v = text_object(a, text);
		size_t before = mu_arena_used(a);

		cr_assert(f, "%s: %s", cases[i].filter, err.text);
		cr_expect_not(query_filter_match(f, v));
		cr_expect_eq(query_filter_check(f, &err), MU_FAILED, "%s", cases[i].filter);
		cr_expect_eq(err.code, MU_E_PROTOCOL);
		cr_expect(strstr(err.text, cases[i].says), "%s: %s", cases[i].filter, err.text);
		cr_expect_leq(mu_arena_used(a) - before, 4u << 20, "%s", cases[i].filter);
	}
}

/* All objects together; whoever looks at one now and then begins anew with each. */
Test(filter, steps_are_of_a_filter)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct mu_error err = MU_ERROR_INIT;
	const struct query_filter *f = parse(a, "x:/^a*b/ x:/b$/", &err);
	const struct mu_value *v = text_object(a, "aaab");
	size_t used;

	query_filter_allow(f, 1000);
	for (unsigned n = 0; n < 1000; n++)
		(void)query_filter_match(f, v);
	cr_assert_eq(query_filter_check(f, &err), MU_FAILED);
	cr_expect_not(query_filter_match(f, v), "it matches nothing any more");
	used = mu_arena_used(a);
	for (unsigned n = 0; n < 1000; n++) {
		query_filter_allow(f, 1000);
		cr_expect(query_filter_match(f, v));
		cr_assert_eq(query_filter_check(f, &err), 0);
	}
	cr_expect_eq(mu_arena_used(a), used, "matching keeps no memory");
	/* What has none is never too long. */
	f = parse(a, "x:a", &err);
	query_filter_allow(f, 0);
	cr_expect(query_filter_match(f, v));
	cr_expect_eq(query_filter_check(f, &err), 0);
}

Test(filter, tells_what_it_uses)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct mu_error err = MU_ERROR_INIT;
	const struct query_filter *f = parse(a, "a:x !(b? |(c:d:1 a:2))", &err);

	cr_assert(f, "%s", err.text);
	cr_expect(query_filter_uses(f, "a", ""));
	cr_expect(query_filter_uses(f, "b", NULL));
	cr_expect(query_filter_uses(f, "c", "xyz"));
	cr_expect_not(query_filter_uses(f, "d", NULL));
	cr_expect(query_filter_uses(parse(a, "a:x y", &err), "z", NULL));
	cr_expect_not(query_filter_uses(parse(a, "", &err), "z", NULL));
}

/* Of terms that are tried on every property, by what is in it. */
Test(filter, tells_what_it_can_be_in)
{
	static const char ids[] = "0123456789abcdef-";
	static const char numbers[] = "0123456789.-";
	static const struct {
		const char *filter;
		bool in_any;
		bool in_ids;
		bool in_numbers;
		bool in_nothing;
	} cases[] = {
	    {"web", true, false, false, false},       {"Cafe", true, true, false, false},
	    {"42", true, true, true, false},          {"-1.5", true, false, true, false},
	    {"\"\"", true, true, true, false},        {"ca*fe", true, true, false, false},
	    {"\"ca*fe\"", true, false, false, false}, {"*", true, true, true, false},
	    {"é", true, false, false, false},         {"/x/", true, true, true, false},
	    {">4", false, false, false, false},       {"x (y !cafe)", true, true, false, false},
	    {"1e3", true, true, true, false},
	};
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();

	for (size_t i = 0; i < MU_ARRAY_SIZE(cases); i++) {
		struct mu_error err = MU_ERROR_INIT;
		const struct query_filter *f = parse(a, cases[i].filter, &err);

		cr_assert(f, "%s: %s", cases[i].filter, err.text);
		cr_expect_eq(query_filter_uses(f, "p", NULL), cases[i].in_any, "%s",
			     cases[i].filter);
		cr_expect_eq(query_filter_uses(f, "p", ids), cases[i].in_ids, "%s",
			     cases[i].filter);
		cr_expect_eq(query_filter_uses(f, "p", numbers), cases[i].in_numbers, "%s",
			     cases[i].filter);
		cr_expect_eq(query_filter_uses(f, "p", ""), cases[i].in_nothing, "%s",
			     cases[i].filter);
	}
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
