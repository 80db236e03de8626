/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/remote/mark.h"

#include <criterion/criterion.h>
#include <string.h>

struct read {
	size_t n;
	struct mu_uuid ids[4];
	struct cursor cursors[4];
};

static void each(void *ctx, const struct mu_uuid *id, const struct cursor *c)
{
	struct read *r = ctx;

	cr_assert_lt(r->n, 4);
	r->ids[r->n] = *id;
	r->cursors[r->n++] = *c;
}

static void written(struct mu_str *s)
{
	mark_begin(s, 300);
	mark_add(s, &(struct mu_uuid){"first----------"}, &(struct cursor){1, 2, 3});
	mark_add(s, &(struct mu_uuid){"second---------"}, &(struct cursor){UINT32_MAX, 0, 5});
	mark_end(s);
}

Test(mark, there_and_back)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str s = MU_STR_INIT;
	struct mu_error err = MU_ERROR_INIT;
	struct read r = {0};
	uint32_t step = 0;

	written(&s);
	cr_assert_eq(s.len, 16 + 2 * 28); /* docs/formats/metrics.md */
	cr_assert_eq(mark_read(s.data, s.len, &step, NULL, NULL, &err), 0);
	cr_assert_eq(step, 300);
	cr_assert_eq(mark_read(s.data, s.len, &step, each, &r, &err), 0);
	cr_assert_eq(r.n, 2);
	cr_assert_eq(memcmp(r.ids[1].bytes, "second---------", 16), 0);
	cr_assert_eq(r.cursors[0].sent, 1);
	cr_assert_eq(r.cursors[0].present, 2);
	cr_assert_eq(r.cursors[0].told, 3);
	cr_assert_eq(r.cursors[1].sent, UINT32_MAX);

	mark_begin(&s, 301);
	mark_end(&s);
	cr_assert_eq(mark_read(s.data, s.len, &step, each, &r, &err), 0);
	cr_assert_eq(step, 301);
	cr_assert_eq(r.n, 2);
}

/* Each byte counts, and nothing is taken of what is damaged. */
Test(mark, damaged)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str s = MU_STR_INIT;
	struct mu_error err = MU_ERROR_INIT;
	struct read r = {0};
	uint32_t step = 7;

	written(&s);
	for (size_t i = 0; i < s.len; i++) {
		s.data[i] ^= 0x10;
		cr_assert_lt(mark_read(s.data, s.len, &step, each, &r, &err), 0, "byte %zu", i);
		cr_assert_eq(err.code, MU_E_IO);
		s.data[i] ^= 0x10;
	}
	for (size_t len = 0; len < s.len; len++)
		cr_assert_lt(mark_read(s.data, len, &step, each, &r, &err), 0, "%zu bytes", len);
	cr_assert_eq(step, 7);
	cr_assert_eq(r.n, 0);
}
