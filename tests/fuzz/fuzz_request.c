/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Targets of HTTP requests, as a peer may send them: path and query decode to printable UTF-8 or
 * are refused, and every parameter can then be asked for. The input is the target.
 */
#include "common/base/assert.h"
#include "common/base/str.h"
#include "common/http/message.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static void check_text(const char *text)
{
	mu_assert(mu_utf8_valid(text, strlen(text)));
	for (; *text; text++)
		mu_assert((unsigned char)*text >= 0x20 && *text != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_exchange *x;
	struct mu_error err = MU_ERROR_INIT;
	const char *value;

	if (size > FUZZ_INPUT_MAX)
		return 0;
	x = http_exchange_new(NULL, 0);
	if (http_exchange_target(x, mu_arena_strndup(x->request.arena, (const char *)data, size),
				 &err) == 0) {
		check_text(x->request.path);
		mu_assert(x->request.path[0] == '/');
		value = http_request_query(&x->request, "filter");
		if (value)
			check_text(value);
		value = http_request_query(&x->request, "");
		if (value)
			check_text(value);
	} else {
		mu_assert(err.code == MU_E_INVALID);
	}
	http_exchange_free(x);
	return 0;
}

size_t fuzz_seed(size_t i, uint8_t buf[static FUZZ_INPUT_MAX])
{
	static const char *const seeds[] = {
	    "/rest/v0/vms?fields=*&filter=name_label%3Aweb+power_state:Running&limit=10",
	    "/rest/v0/vms/aaaaaaaa-0000-4000-8000-000000000001/actions/start?sync=true",
	    "/%C3%A9?filter=%22x%26y%22&&=&a=b=c",
	};

	if (i >= MU_ARRAY_SIZE(seeds))
		return 0;
	memcpy(buf, seeds[i], strlen(seeds[i]));
	return strlen(seeds[i]);
}
