/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's journal: any bytes can be read; what was read can be written and reads back without
 * damage. Each input is tried as it is, and with its lines' checksums made right, as damage inside
 * a line would otherwise never be looked at.
 */
#include "agent/core/journal.h"
#include "common/base/assert.h"
#include "common/base/str.h"
#include "tests/fuzz/fuzz.h"

#include <inttypes.h>
#include <string.h>

static void check(const char *text, size_t len)
{
	MU_CLEANUP(journal_free) struct journal *j = journal_new();
	MU_CLEANUP(journal_free) struct journal *back = journal_new();
	MU_CLEANUP(mu_str_deinit) struct mu_str first = MU_STR_INIT;
	MU_CLEANUP(mu_str_deinit) struct mu_str second = MU_STR_INIT;
	const struct journal_world world = {.boot_id = "b", .facts = {.power = VM_HALTED}};
	const struct journal_entry *e;
	struct journal_verdict v;
	size_t n_damaged;

	journal_load(j, text, len, &n_damaged);
	for (size_t i = 0; (e = journal_next(j, &i));) {
		if (e->stage == JOURNAL_DONE)
			continue;
		journal_verdict(e, &world, &v);
		mu_assert(v.status == TASK_SUCCESS || *v.err.text);
	}
	journal_encode(j, &first);
	journal_load(back, first.data ? first.data : "", first.len, &n_damaged);
	mu_assert(!n_damaged && journal_size(back) == journal_size(j));
	journal_encode(back, &second);
	mu_assert(first.len == second.len && (!first.len || !strcmp(first.data, second.data)));
}

static uint32_t crc32(const char *data, size_t len)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < len; i++) {
		crc ^= (uint8_t)data[i];
		for (int bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ (UINT32_C(0xedb88320) & (0 - (crc & 1)));
	}
	return ~crc;
}

/* Lines without their checksums -> a journal. */
static void sign(const char *text, size_t len, struct mu_str *out)
{
	const char *end;

	for (size_t at = 0; at < len; at += (size_t)(end - (text + at)) + 1) {
		end = memchr(text + at, '\n', len - at);
		if (!end)
			end = text + len;
		mu_str_printf(out, "%08" PRIx32 " ", crc32(text + at, (size_t)(end - (text + at))));
		mu_str_add_bytes(out, text + at, (size_t)(end - (text + at)));
		mu_str_add_char(out, '\n');
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str signed_text = MU_STR_INIT;

	if (size > FUZZ_INPUT_MAX)
		return 0;
	check((const char *)data, size);
	sign((const char *)data, size, &signed_text);
	check(signed_text.data ? signed_text.data : "", signed_text.len);
	return 0;
}

size_t fuzz_seed(size_t i, uint8_t buf[static FUZZ_INPUT_MAX])
{
#define TASK "01000000-0000-0000-0000-00000000000"
#define VM "07000000-0000-0000-0000-000000000000"
	static const char *const seeds[] = {
	    "accept " TASK "1 action start " VM " local 1000 root%20(local)\n"
	    "start " TASK "1 Halted -1 fd386f3b-2489-470d-814c-2c71fe00ec09 1001\n"
	    "done " TASK "1 failure 1002 NOT_FOUND no%20kernel\n",
	    "accept " TASK "2 define none " VM " remote 5 -\n"
	    "accept " TASK "3 action suspend " VM " remote 6 x\n"
	    "start " TASK "3 Running 12 b 7\nforget " TASK "2\n",
	    "accept " TASK "4 call vm.edit " VM " remote 5 - {\"tags\":[]}\n"
	    "accept " TASK "5 call sr.scan " VM " local 5 - -\n"
	    "done " TASK "4 success 6 NONE - {\"applied\":[]}\n",
	};

	if (i >= MU_ARRAY_SIZE(seeds))
		return 0;
	memcpy(buf, seeds[i], strlen(seeds[i]));
	return strlen(seeds[i]);
}
