/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/error.h"
#include "common/base/str.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

Test(error, set_fills_code_and_text_and_returns_failed)
{
	struct mu_error err = MU_ERROR_INIT;

	cr_assert_eq(mu_error_set(&err, MU_E_NOT_FOUND, "vm %s", "x"), MU_FAILED);
	cr_assert_eq(err.code, MU_E_NOT_FOUND);
	cr_assert_str_eq(err.text, "vm x");
	mu_error_clear(&err);
	cr_assert_eq(err.code, MU_E_NONE);
	cr_assert_str_empty(err.text);
}

Test(error, a_caller_may_not_care)
{
	cr_assert_eq(mu_error_set(NULL, MU_E_IO, "x"), MU_FAILED);
	cr_assert_eq(mu_error_errno(NULL, ENOENT, "x"), MU_FAILED);
	cr_assert_eq(mu_error_prefix(NULL, "x"), MU_FAILED);
}

Test(error, a_text_that_does_not_fit_is_cut_not_overrun)
{
	struct mu_error err = MU_ERROR_INIT;
	char big[2 * MU_ERROR_TEXT_MAX];

	memset(big, 'a', sizeof big - 1);
	big[sizeof big - 1] = '\0';
	mu_error_set(&err, MU_E_IO, "%s", big);
	cr_assert_eq(strlen(err.text), MU_ERROR_TEXT_MAX - 1);
	mu_error_errno(&err, ENOENT, "%s", big);
	cr_assert_eq(strlen(err.text), MU_ERROR_TEXT_MAX - 1);
	mu_error_prefix(&err, "%s", big);
	cr_assert_eq(strlen(err.text), MU_ERROR_TEXT_MAX - 1);
}

/* The last byte that there is room for is each byte of a character once. */
Test(error, a_cut_text_ends_with_a_whole_character)
{
	char big[2 * MU_ERROR_TEXT_MAX];

	for (size_t shift = 0; shift < 4; shift++) {
		struct mu_error err = MU_ERROR_INIT;
		size_t len = shift;

		memset(big, 'a', shift);
		while (len + 4 < sizeof big) {
			memcpy(big + len, "\xf0\x9f\x90\xbc", 4);
			len += 4;
		}
		big[len] = '\0';
		mu_error_set(&err, MU_E_IO, "%s", big);
		cr_expect(mu_utf8_valid(err.text, strlen(err.text)), "set, %zu", shift);
		cr_expect_geq(strlen(err.text), MU_ERROR_TEXT_MAX - 4);
		mu_error_errno(&err, ENOENT, "%s", big);
		cr_expect(mu_utf8_valid(err.text, strlen(err.text)), "errno, %zu", shift);
		mu_error_set(&err, MU_E_IO, "%s", big);
		mu_error_prefix(&err, "vm %.*s", (int)shift + 1, "aaaa");
		cr_expect(mu_utf8_valid(err.text, strlen(err.text)), "prefix, %zu", shift);
		cr_expect_geq(strlen(err.text), MU_ERROR_TEXT_MAX - 4);
	}
}

Test(error, a_piece_that_was_cut_is_told)
{
	struct mu_error err = MU_ERROR_INIT;

	mu_error_set(&err, MU_E_NOT_FOUND, "there is no vm '%.6s'", "Größe");
	cr_expect_str_eq(err.text, "there is no vm 'Größ'");
	mu_error_set(&err, MU_E_NOT_FOUND, "there is no vm '%.3s'", "Größe");
	cr_expect_str_eq(err.text, "there is no vm 'Gr?'");
}

Test(error, prefix_goes_in_front)
{
	struct mu_error err = MU_ERROR_INIT;

	mu_error_set(&err, MU_E_IO, "disk full");
	mu_error_prefix(&err, "vm %d", 7);
	cr_assert_str_eq(err.text, "vm 7: disk full");
	cr_assert_eq(err.code, MU_E_IO);
}

Test(error, errno_chooses_the_code)
{
	static const struct {
		int number;
		enum mu_error_code code;
	} cases[] = {
	    {ENOENT, MU_E_NOT_FOUND},
	    {ENODEV, MU_E_NOT_FOUND},
	    {ENXIO, MU_E_NOT_FOUND},
	    {EEXIST, MU_E_EXISTS},
	    {EACCES, MU_E_DENIED},
	    {EPERM, MU_E_DENIED},
	    {EINVAL, MU_E_INVALID},
	    {EMFILE, MU_E_EXHAUSTED},
	    {ENFILE, MU_E_EXHAUSTED},
	    {ENOMEM, MU_E_EXHAUSTED},
	    {ENOSPC, MU_E_EXHAUSTED},
	    {EDQUOT, MU_E_EXHAUSTED},
	    {ECONNREFUSED, MU_E_UNAVAILABLE},
	    {ECONNRESET, MU_E_UNAVAILABLE},
	    {EPIPE, MU_E_UNAVAILABLE},
	    {EAGAIN, MU_E_UNAVAILABLE},
	    {EBUSY, MU_E_UNAVAILABLE},
	    {ETIMEDOUT, MU_E_TIMEOUT},
	    {ENOSYS, MU_E_UNSUPPORTED},
	    {EOPNOTSUPP, MU_E_UNSUPPORTED},
	    {EIO, MU_E_IO},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct mu_error err = MU_ERROR_INIT;

		cr_assert_eq(mu_error_errno(&err, cases[i].number, "open x"), MU_FAILED);
		cr_assert_eq(err.code, cases[i].code, "errno %d", cases[i].number);
		cr_assert_not_null(strstr(err.text, "open x: "));
		cr_assert_not_null(strstr(err.text, strerror(cases[i].number)));
	}
}

Test(error, names_go_there_and_back_and_every_code_has_a_status)
{
	for (int c = 0; c < _MU_E_COUNT; c++) {
		enum mu_error_code code = (enum mu_error_code)c;

		cr_assert_eq(mu_error_from_name(mu_error_name(code)), code);
		cr_assert_geq(mu_error_http_status(code), 200);
		cr_assert_geq(mu_error_grpc_status(code), 0);
		cr_assert_leq(mu_error_grpc_status(code), 16);
	}
	cr_assert_eq(mu_error_from_name("no such"), MU_E_INTERNAL);
	cr_assert_eq(mu_error_http_status(MU_E_STATE), 409);
	cr_assert_eq(mu_error_grpc_status(MU_E_TOO_LARGE), 8);
}
