/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/str.h"

#include <criterion/criterion.h>
#include <string.h>

Test(str, grows_and_stays_terminated)
{
	struct mu_str s = MU_STR_INIT;

	for (int i = 0; i < 1000; i++) {
		mu_str_printf(&s, "%d,", i);
		cr_assert_eq(strlen(s.data), s.len);
	}
	mu_str_reset(&s);
	cr_assert_str_empty(s.data);
	mu_str_add(&s, "a");
	mu_str_add_char(&s, 'b');
	mu_str_add_bytes(&s, "\0c", 2);
	cr_assert_eq(s.len, 4);
	mu_str_deinit(&s);
	mu_str_reset(&s);
	cr_assert_null(s.data);
}

Test(str, take_of_nothing_is_an_empty_string)
{
	struct mu_str s = MU_STR_INIT;
	MU_CLEANUP(mu_free) char *empty = mu_str_take(&s);
	MU_CLEANUP(mu_free) char *full = NULL;

	cr_assert_str_empty(empty);
	mu_str_add(&s, "x");
	full = mu_str_take(&s);
	cr_assert_str_eq(full, "x");
	cr_assert_null(s.data);
}

Test(str, comparisons)
{
	cr_assert(mu_str_equal(NULL, NULL));
	cr_assert(mu_str_equal("a", "a"));
	cr_assert_not(mu_str_equal("a", NULL));
	cr_assert_not(mu_str_equal(NULL, "a"));
	cr_assert_not(mu_str_equal("a", "b"));
	cr_assert(mu_str_has_prefix("xenstore", "xen"));
	cr_assert_not(mu_str_has_prefix("xe", "xen"));
}

Test(str, utf8_as_rfc_3629_has_it)
{
	static const char *const good[] = {"",
					   "a",
					   "\xc3\xa9",
					   "\xe2\x82\xac",
					   "\xf0\x9f\x98\x80",
					   "\xed\x9f\xbf",
					   "\xf4\x8f\xbf\xbf"};
	static const char *const bad[] = {"\x80",
					  "\xc0\x80",
					  "\xc3",
					  "\xe0\x80\x80",
					  "\xed\xa0\x80",
					  "\xf0\x80\x80\x80",
					  "\xf4\x90\x80\x80",
					  "\xf5\x80\x80\x80",
					  "\xe2\x82"};

	for (size_t i = 0; i < MU_ARRAY_SIZE(good); i++)
		cr_assert(mu_utf8_valid(good[i], strlen(good[i])), "good %zu", i);
	for (size_t i = 0; i < MU_ARRAY_SIZE(bad); i++)
		cr_assert_not(mu_utf8_valid(bad[i], strlen(bad[i])), "bad %zu", i);
	cr_assert_not(mu_utf8_valid("a\0b", 3));
}

Test(str, sanitize_keeps_characters_whole)
{
	char out[11];

	mu_utf8_sanitize(out, 10, "ok\n\x80\x7fz", 6);
	cr_assert_str_eq(out, "ok???z");
	mu_utf8_sanitize(out, 4, "ab\xe2\x82\xac", 5);
	cr_assert_str_eq(out, "ab");
	mu_utf8_sanitize(out, 5, "ab\xe2\x82\xac", 5);
	cr_assert_str_eq(out, "ab\xe2\x82\xac");
	mu_utf8_sanitize(out, 10, "\0", 1);
	cr_assert_str_eq(out, "?");
}

Test(str, numbers_are_whole_strings)
{
	uint64_t u = 7;
	int64_t i = 7;

	cr_assert(mu_parse_u64("18446744073709551615", &u));
	cr_assert_eq(u, UINT64_MAX);
	cr_assert_not(mu_parse_u64("18446744073709551616", &u));
	cr_assert_not(mu_parse_u64("18446744073709551620", &u));
	cr_assert_not(mu_parse_u64("99999999999999999999", &u));
	cr_assert_not(mu_parse_u64("", &u));
	cr_assert_not(mu_parse_u64("-1", &u));
	cr_assert_not(mu_parse_u64("1 ", &u));
	cr_assert(mu_parse_i64("-9223372036854775808", &i));
	cr_assert_eq(i, INT64_MIN);
	cr_assert(mu_parse_i64("9223372036854775807", &i));
	cr_assert_eq(i, INT64_MAX);
	cr_assert_not(mu_parse_i64("9223372036854775808", &i));
	cr_assert_not(mu_parse_i64("-9223372036854775809", &i));
	cr_assert_not(mu_parse_i64("-", &i));
	cr_assert_eq(i, INT64_MAX);
	cr_assert(mu_parse_size("96MiB", &i));
	cr_assert_eq(i, INT64_C(96) << 20);
	cr_assert(mu_parse_size("8388607TiB", &i));
	cr_assert_eq(i, INT64_C(8388607) << 40);
	cr_assert_not(mu_parse_size("8388608TiB", &i));
	cr_assert_not(mu_parse_size("9223372036854775808KiB", &i));
	cr_assert_not(mu_parse_size("96", &i));
	cr_assert_not(mu_parse_size("96 MiB", &i));
	cr_assert_not(mu_parse_size("96MB", &i));
	cr_assert_not(mu_parse_size("-1MiB", &i));
	cr_assert_not(mu_parse_size("MiB", &i));
	cr_assert_eq(i, INT64_C(8388607) << 40);
}

Test(str, hex)
{
	static const unsigned char bytes[] = {0x00, 0xff, 0x1a};
	unsigned char back[3];
	char text[7];

	mu_hex_encode(text, bytes, 3);
	cr_assert_str_eq(text, "00ff1a");
	cr_assert(mu_hex_decode(back, 3, "00FF1a"));
	cr_assert_arr_eq(back, bytes, 3);
	cr_assert_not(mu_hex_decode(back, 3, "00ff1"));
	cr_assert_not(mu_hex_decode(back, 3, "00ff1g"));
	cr_assert_not(mu_hex_decode(back, 3, "00ff-1"));
}

/* RFC 4648, 10 */
Test(str, base64)
{
	static const char *const texts[] = {"Zg==",     "Zm8=",     "Zm9v",
					    "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"};
	char text[MU_BASE64_TEXT(6)];
	char back[MU_BASE64_BYTES(8)];
	size_t n;

	mu_base64_encode(text, "", 0);
	cr_assert_str_eq(text, "");
	cr_assert(mu_base64_decode(back, &n, "", 0) && n == 0);
	for (size_t len = 1; len <= 6; len++) {
		size_t plain = strcspn(texts[len - 1], "=");

		mu_base64_encode(text, "foobar", len);
		cr_assert_str_eq(text, texts[len - 1]);
		cr_assert(mu_base64_decode(back, &n, text, strlen(text)));
		cr_assert(n == len && memcmp(back, "foobar", n) == 0);
		cr_assert(mu_base64_decode(back, &n, text, plain) && n == len);
	}
	mu_base64_encode(text, "\xfb\xff\xbf", 3);
	cr_assert_str_eq(text, "+/+/");
	cr_assert(mu_base64_decode(back, &n, text, 4) && memcmp(back, "\xfb\xff\xbf", 3) == 0);
	cr_assert_not(mu_base64_decode(back, &n, "Zg=v", 4));
	cr_assert_not(mu_base64_decode(back, &n, "Z-g_", 4));
	cr_assert_not(mu_base64_decode(back, &n, "Zm\0v", 4));
}

/* Of the authors' own list, and in two parts. */
Test(str, fnv1a)
{
	uint64_t whole = UINT64_C(0x85944171f73967e8);

	cr_assert_eq(mu_fnv1a(MU_FNV1A, "", 0), MU_FNV1A);
	cr_assert_eq(mu_fnv1a(MU_FNV1A, "a", 1), UINT64_C(0xaf63dc4c8601ec8c));
	cr_assert_eq(mu_fnv1a(MU_FNV1A, "foobar", 6), whole);
	cr_assert_eq(mu_fnv1a(mu_fnv1a(MU_FNV1A, "foo", 3), "bar", 3), whole);
}
