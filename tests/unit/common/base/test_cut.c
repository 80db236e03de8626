/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/cut.h"
#include "common/base/str.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* Characters of one to four bytes, cut after each of their bytes. */
Test(cut, fit_ends_with_a_whole_character)
{
	static const struct {
		const char *text;
		size_t max;
		size_t fits;
	} cases[] = {
	    {"abc", 9, 3},
	    {"abc", 2, 2},
	    {"", 3, 0},
	    {"a\xc3\xa4", 0, 0},
	    {"a\xc3\xa4", 2, 1},
	    {"a\xc3\xa4", 3, 3},
	    {"\xe0\xa4\x85", 1, 0},
	    {"\xe0\xa4\x85", 2, 0},
	    {"\xe2\x82\xac", 3, 3},
	    {"\xed\x9f\xbf", 2, 0},
	    {"\xf0\x9f\x90\xbc", 1, 0},
	    {"\xf0\x9f\x90\xbc", 2, 0},
	    {"\xf0\x9f\x90\xbc", 3, 0},
	    {"\xf0\x9f\x90\xbcz", 4, 4},
	    {"\xf4\x80\x80\x80", 2, 0},
	    /* What begins no character is for mend. */
	    {"a\xff", 2, 2},
	    {"a\x80", 2, 2},
	    {"\xed\xa0", 2, 2},
	};

	for (size_t i = 0; i < MU_ARRAY_SIZE(cases); i++)
		cr_expect_eq(mu_cut_fit(cases[i].text, cases[i].max), cases[i].fits, "case %zu", i);
}

Test(cut, mend_leaves_characters_and_marks_the_rest)
{
	static const char *const cases[][2] = {
	    {"", ""},
	    {"a\xc3\xa4z", "a\xc3\xa4z"},
	    {"a\xc3", "a"},
	    {"\xf0\x9f\x90", ""},
	    {"'a\xc3'", "'a?'"},
	    {"'a\xe2\x82z", "'a??z"},
	    {"a\xff\xfe", "a??"},
	    {"\xed\xa0\x80", "???"},
	    {"line\n\ttab", "line\n\ttab"},
	};

	for (size_t i = 0; i < MU_ARRAY_SIZE(cases); i++) {
		char text[16];

		(void)snprintf(text, sizeof text, "%s", cases[i][0]);
		mu_cut_mend(text);
		cr_expect_str_eq(text, cases[i][1], "case %zu", i);
		cr_expect(mu_utf8_valid(text, strlen(text)));
	}
}
