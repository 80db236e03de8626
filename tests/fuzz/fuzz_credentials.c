/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The headers that say who asks: Authorization up to the first line break, cookies behind it. What
 * is read is a part of what was sent, or what base64 makes of it; whoever sends both is refused.
 */
#include "common/base/assert.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/rest/credentials.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static void check(struct mu_arena *a, const char *authorization, const char *cookies)
{
	struct rest_credentials who = {.name = "untouched"};
	struct mu_error err = MU_ERROR_INIT;
	char *again, *text;

	if (rest_credentials_read(a, authorization, cookies, &who, &err) < 0) {
		mu_assert(err.code == MU_E_PROTOCOL && err.text[0]);
		mu_assert(strcmp(who.name, "untouched") == 0);
		return;
	}
	mu_assert(!authorization || who.token);
	if (!who.name)
		return;
	/* Basic: sent again as it was understood, it is understood as the same. */
	mu_assert(authorization && !strchr(who.name, ':'));
	text = mu_arena_printf(a, "%s:%s", who.name, who.token);
	again = mu_arena_alloc(a, MU_BASE64_TEXT(strlen(text)));
	mu_base64_encode(again, text, strlen(text));
	mu_assert(
	    rest_credentials_read(a, mu_arena_printf(a, "basic %s", again), NULL, &who, &err) == 0);
	mu_assert(strcmp(mu_arena_printf(a, "%s:%s", who.name, who.token), text) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	char *text, *cookies;

	if (size > FUZZ_INPUT_MAX)
		return 0;
	text = mu_arena_strndup(a, (const char *)data, size);
	cookies = strchr(text, '\n');
	if (cookies)
		*cookies++ = '\0';
	check(a, text, NULL);
	check(a, NULL, cookies);
	check(a, text, cookies);
	return 0;
}

size_t fuzz_seed(size_t i, uint8_t buf[static FUZZ_INPUT_MAX])
{
	static const char *const seeds[] = {
	    "Bearer mt1.0123456789abcdef",
	    "Basic YWRtaW46c2VjcmV0",
	    "Basic YWRtaW46YTpiOmM=",
	    "basic  Onh4",
	    "Basic AAA6AAA=",
	    "Digest username=\"admin\"",
	    "Bearer",
	    "\nauthenticationToken=secret",
	    "\na=b; authenticationToken=x; token=y; c=d",
	    "Bearer x\ntoken=y",
	    "Bearer x\nother=y;;=; token",
	};

	if (i >= MU_ARRAY_SIZE(seeds))
		return 0;
	memcpy(buf, seeds[i], strlen(seeds[i]));
	return strlen(seeds[i]);
}
