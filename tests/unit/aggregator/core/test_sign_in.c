/* SPDX-License-Identifier: Apache-2.0 */
/* One-time codes and the throttle. */
#include "aggregator/core/throttle.h"
#include "aggregator/core/totp.h"

#include "common/base/mem.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* RFC 4226, appendix D: the HMACs for counters 0 to 9, and the codes. The HMAC itself is OpenSSL's,
 * and is put together with this in tests/integration/test_access.py. */
static const struct {
	const char *mac;
	const char *code;
} vectors[] = {
    {"cc93cf18508d94934c64b65d8ba7667fb7cde4b0", "755224"},
    {"75a48a19d4cbe100644e8ac1397eea747a2d33ab", "287082"},
    {"0bacb7fa082fef30782211938bc1c5e70416ff44", "359152"},
    {"66c28227d03a2d5529262ff016a1e6ef76557ece", "969429"},
    {"a904c900a64b35909874b33e61c5938a8e15ed1c", "338314"},
    {"a37e783d7b7233c083d4f62926c7a25f238d0316", "254676"},
    {"bc9cd28561042c83f219324d3c607256c03272ae", "287922"},
    {"a4fb960c0bc06e1eabb804e5b397cdc4b45596fa", "162583"},
    {"1b3c89f65e6c9e883012052823443f048b4332db", "399871"},
    {"1637409809a679dc698207310c8c7fc07290d9e5", "520489"},
};

static unsigned hex(char c)
{
	return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static void mac(const uint8_t *secret, size_t secret_len, const uint8_t message[TOTP_MESSAGE_BYTES],
		uint8_t ret[TOTP_MAC_BYTES])
{
	const char *text = vectors[message[7] % MU_ARRAY_SIZE(vectors)].mac;

	cr_assert_eq(memcmp(secret, "12345678901234567890", secret_len), 0);
	for (int i = 0; i < TOTP_MAC_BYTES; i++)
		ret[i] = (uint8_t)(hex(text[2 * i]) << 4 | hex(text[2 * i + 1]));
}

static const uint8_t secret[] = "12345678901234567890";

Test(totp, codes_of_the_rfc)
{
	char code[TOTP_DIGITS + 1];

	for (uint64_t i = 0; i < MU_ARRAY_SIZE(vectors); i++) {
		totp_code(secret, 20, i, mac, code);
		cr_expect_str_eq(code, vectors[i].code);
	}
}

Test(totp, an_authenticator_is_told_whose_it_is)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str uri = MU_STR_INIT;

	totp_uri(&uri, "ann/ops@x.org 1&\xc3\xa9", "ABC");
	cr_expect_str_eq(uri.data, "otpauth://totp/Muster:ann%2Fops%40x.org%201%26%C3%A9"
				   "?secret=ABC&issuer=Muster");
}

Test(totp, a_code_counts_for_a_while_and_once)
{
	uint64_t number = 0;

	cr_expect_eq(totp_number(59999), 1);
	cr_expect_eq(totp_number(-1), 0);
	cr_expect(totp_accept(secret, 20, "969429", MU_SEC(4 * 30), 0, mac, &number));
	cr_expect_eq(number, 3);
	cr_expect_not(totp_accept(secret, 20, "969429", MU_SEC(4 * 30), 3, mac, &number), "used");
	cr_expect(totp_accept(secret, 20, "338314", MU_SEC(4 * 30), 3, mac, &number));
	cr_expect(totp_accept(secret, 20, "254676", MU_SEC(4 * 30), 0, mac, &number), "next");
	cr_expect_not(totp_accept(secret, 20, "969429", MU_SEC(5 * 30), 0, mac, &number), "old");
	cr_expect_not(totp_accept(secret, 20, "96942", MU_SEC(4 * 30), 0, mac, &number));
	cr_expect(totp_accept(secret, 20, "287082", 0, 0, mac, &number), "before the first step");
}

Test(totp, base32)
{
	uint8_t bytes[TOTP_SECRET_BYTES];
	char text[TOTP_SECRET_TEXT];

	totp_base32(secret, text);
	cr_expect_str_eq(text, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
	cr_expect(totp_base32_parse(text, bytes));
	cr_expect_eq(memcmp(bytes, secret, sizeof bytes), 0);
	cr_expect_not(totp_base32_parse("GEZD", bytes));
	cr_expect_not(totp_base32_parse("gEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", bytes));
}

Test(throttle, longer_each_time)
{
	struct throttle *t = throttle_new();

	cr_expect_eq(throttle_wait(t, "name a", 0, 0), 0);
	throttle_failed(t, "name a", MU_SEC(10));
	cr_expect_eq(throttle_wait(t, "name a", 0, MU_SEC(11)), MU_SEC(1));
	cr_expect_eq(throttle_wait(t, "name b", 0, MU_SEC(11)), 0);
	cr_expect_eq(throttle_wait(t, "name a", 0, MU_SEC(12)), 0);
	throttle_failed(t, "name a", MU_SEC(12));
	cr_expect_eq(throttle_wait(t, "name a", 0, MU_SEC(12)), MU_SEC(4));
	for (int i = 0; i < 20; i++)
		throttle_failed(t, "name a", MU_SEC(20));
	cr_expect_eq(throttle_wait(t, "name a", 0, MU_SEC(20)), MU_SEC(60));
	throttle_failed(t, "name a", MU_SEC(2000));
	cr_expect_eq(throttle_wait(t, "name a", 0, MU_SEC(2000)), MU_SEC(2), "forgotten");
	cr_expect_eq(throttle_wait(t, "name a", 1, MU_SEC(2000)), 0, "one is free");
	throttle_failed(t, "name a", MU_SEC(2000));
	cr_expect_eq(throttle_wait(t, "name a", 1, MU_SEC(2000)), MU_SEC(2));
	throttle_passed(t, "name a");
	cr_expect_eq(throttle_wait(t, "name a", 0, MU_SEC(2000)), 0);
	cr_expect_null(throttle_free(t));
}

Test(throttle, bounded)
{
	struct throttle *t = throttle_new();
	char key[32];

	for (int i = 0; i <= THROTTLE_MAX; i++) {
		(void)snprintf(key, sizeof key, "name %d", i);
		throttle_failed(t, key, MU_SEC(1) + i);
	}
	cr_expect_eq(throttle_wait(t, "name 0", 0, MU_SEC(1)), 0, "the oldest is forgotten");
	cr_expect_gt(throttle_wait(t, "name 1", 0, MU_SEC(1)), 0);
	throttle_free(t);
}
