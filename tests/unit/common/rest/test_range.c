/* SPDX-License-Identifier: Apache-2.0 */
/* Ranges of downloads, and the metadata of uploads. */
#include "common/rest/range.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <string.h>

struct range_case {
	char text[64];
	uint64_t size;
	enum range_kind kind;
	uint64_t offset, length;
};

ParameterizedTestParameters(range, parsed)
{
	static struct range_case cases[] = {
	    {"bytes=0-0", 10, RANGE_PART, 0, 1},
	    {"bytes=0-9", 10, RANGE_PART, 0, 10},
	    {"Bytes=3-5", 10, RANGE_PART, 3, 3},
	    {"bytes=3-", 10, RANGE_PART, 3, 7},
	    {"bytes=9-99", 10, RANGE_PART, 9, 1},
	    {"bytes=-3", 10, RANGE_PART, 7, 3},
	    {"bytes=-30", 10, RANGE_PART, 0, 10},
	    {"bytes=10-", 10, RANGE_NONE, 0, 0},
	    {"bytes=0-", 0, RANGE_NONE, 0, 0},
	    {"bytes=-0", 10, RANGE_NONE, 0, 0},
	    {"bytes=-5", 0, RANGE_NONE, 0, 0},
	    {"bytes=5-3", 10, RANGE_WHOLE, 0, 10},
	    {"bytes=1-2,4-5", 10, RANGE_WHOLE, 0, 10},
	    {"bytes=", 10, RANGE_WHOLE, 0, 10},
	    {"bytes=-", 10, RANGE_WHOLE, 0, 10},
	    {"bytes=x-3", 10, RANGE_WHOLE, 0, 10},
	    {"bytes=3-x", 10, RANGE_WHOLE, 0, 10},
	    {"bytes=-x", 10, RANGE_WHOLE, 0, 10},
	    {"bytes=99999999999999999999999999-", 10, RANGE_WHOLE, 0, 10},
	    {"lines=1-2", 10, RANGE_WHOLE, 0, 10},
	    {"bytes=18446744073709551614-18446744073709551615", 10, RANGE_NONE, 0, 0},
	};

	return cr_make_param_array(struct range_case, cases, sizeof cases / sizeof cases[0]);
}

ParameterizedTest(struct range_case *c, range, parsed)
{
	uint64_t offset = 0, length = 0;

	cr_expect_eq(range_parse(c->text, c->size, &offset, &length), c->kind, "%s", c->text);
	if (c->kind == RANGE_NONE)
		return;
	cr_expect_eq(offset, c->offset, "%s: offset %lu", c->text, (unsigned long)offset);
	cr_expect_eq(length, c->length, "%s: length %lu", c->text, (unsigned long)length);
}

Test(range, none_is_the_whole)
{
	uint64_t offset = 1, length = 1;

	cr_expect_eq(range_parse(NULL, 7, &offset, &length), RANGE_WHOLE);
	cr_expect(offset == 0 && length == 7);
}

static void expect(const char *header, const char *key, const char *value)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct mu_error err = MU_ERROR_INIT;
	const char *got = "unset";

	cr_expect_eq(upload_metadata(a, header, key, &got, &err), 0, "%s: %s", header, err.text);
	if (value)
		cr_expect(got && strcmp(got, value) == 0, "%s: %s", header, got ? got : "absent");
	else
		cr_expect_null(got, "%s", header);
}

Test(metadata, values_by_key)
{
	expect("filename d29ybGQ=,format cmF3", "filename", "world");
	expect("filename d29ybGQ=,format cmF3", "format", "raw");
	expect("filename d29ybGQ=, format cmF3", "format", "raw");
	expect("filename d29ybGQ,empty", "filename", "world");
	expect("filename d29ybGQ=,empty", "empty", "");
	expect("filename d29ybGQ=", "file", NULL);
	expect("", "file", NULL);
	expect(NULL, "file", NULL);
	expect("a w7w=", "a", "\xc3\xbc");
}

Test(metadata, malformed)
{
	static const char *const headers[] = {"a ?", "a d29y bGQ=", "a /w==", "a AAAA"};
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	const char *got;

	for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
		struct mu_error err = MU_ERROR_INIT;

		cr_expect_eq(upload_metadata(a, headers[i], "a", &got, &err), MU_FAILED, "%s",
			     headers[i]);
		cr_expect_eq(err.code, MU_E_PROTOCOL);
	}
}

Test(metadata, what_is_written_is_read)
{
	static const char *const values[] = {"", "a", "ab", "abc", "abcd", "disk \xc3\xbc, 2"};
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();

	for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
		expect(upload_metadata_item(a, "key", values[i]), "key", values[i]);
}
