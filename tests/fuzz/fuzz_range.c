/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Headers of downloads and uploads: a part always lies inside the content, and metadata that was
 * read can be written and is then read as the same.
 */
#include "common/base/assert.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/rest/range.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static void check_range(const char *text)
{
	static const uint64_t sizes[] = {0, 1, 10, 1ull << 40, UINT64_MAX};

	for (size_t i = 0; i < MU_ARRAY_SIZE(sizes); i++) {
		uint64_t offset, length;
		enum range_kind kind = range_parse(text, sizes[i], &offset, &length);

		if (kind == RANGE_WHOLE)
			mu_assert(offset == 0 && length == sizes[i]);
		if (kind == RANGE_PART)
			mu_assert(length > 0 && length <= sizes[i] && offset <= sizes[i] - length);
	}
}

static void check_metadata(struct mu_arena *a, const char *text)
{
	struct mu_error err = MU_ERROR_INIT;
	const char *value = NULL, *again = NULL;

	if (upload_metadata(a, text, "name", &value, &err) < 0) {
		mu_assert(err.code == MU_E_PROTOCOL);
		return;
	}
	if (!value)
		return;
	mu_assert(mu_utf8_valid(value, strlen(value)));
	mu_assert(
	    upload_metadata(a, upload_metadata_item(a, "name", value), "name", &again, &err) == 0);
	mu_assert(again && strcmp(again, value) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	const char *text;

	if (size > FUZZ_INPUT_MAX)
		return 0;
	text = mu_arena_strndup(a, (const char *)data, size);
	check_range(text);
	check_metadata(a, text);
	return 0;
}

size_t fuzz_seed(size_t i, uint8_t buf[static FUZZ_INPUT_MAX])
{
	static const char *const seeds[] = {
	    "bytes=0-99",
	    "bytes=-500",
	    "bytes=100-",
	    "bytes=18446744073709551615-18446744073709551615",
	    "bytes=0-1,5-9",
	    "name d29ybGQ=,format cmF3",
	    "filename d29ybGQ, name w7w=",
	    "name",
	};

	if (i >= MU_ARRAY_SIZE(seeds))
		return 0;
	memcpy(buf, seeds[i], strlen(seeds[i]));
	return strlen(seeds[i]);
}
