/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/core/totp.h"

#include <stdio.h>
#include <string.h>

uint64_t totp_number(mu_msec wall)
{
	return wall < 0 ? 0 : (uint64_t)wall / (TOTP_STEP_S * 1000u);
}

/* RFC 4226, 5.3: four bytes from where the last half-byte says. */
void totp_code(const uint8_t *secret, size_t secret_len, uint64_t number, totp_mac mac,
	       char ret[TOTP_DIGITS + 1])
{
	uint8_t message[TOTP_MESSAGE_BYTES];
	uint8_t digest[TOTP_MAC_BYTES];
	const uint8_t *at;
	uint32_t value;

	for (int i = 0; i < TOTP_MESSAGE_BYTES; i++)
		message[i] = (uint8_t)(number >> (56 - 8 * i));
	mac(secret, secret_len, message, digest);
	at = &digest[digest[TOTP_MAC_BYTES - 1] & 0xf];
	value =
	    (uint32_t)(at[0] & 0x7f) << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
	(void)snprintf(ret, TOTP_DIGITS + 1, "%06u", (unsigned)(value % 1000000u));
}

/* The time that it takes does not depend on how much of it is right. */
static bool same(const char *a, const char *b)
{
	unsigned char diff = 0;

	for (int i = 0; i < TOTP_DIGITS; i++)
		diff |= (unsigned char)(a[i] ^ b[i]);
	return diff == 0;
}

bool totp_accept(const uint8_t *secret, size_t secret_len, const char *code, mu_msec wall,
		 uint64_t used, totp_mac mac, uint64_t *ret_number)
{
	uint64_t now = totp_number(wall);
	char expected[TOTP_DIGITS + 1];

	if (strlen(code) != TOTP_DIGITS)
		return false;
	for (uint64_t n = now > 0 ? now - 1 : 0; n <= now + 1; n++) {
		totp_code(secret, secret_len, n, mac, expected);
		if (n > used && same(expected, code)) {
			*ret_number = n;
			return true;
		}
	}
	return false;
}

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

void totp_base32(const uint8_t secret[TOTP_SECRET_BYTES], char ret[TOTP_SECRET_TEXT])
{
	for (int i = 0; i < TOTP_SECRET_TEXT - 1; i++) {
		int bit = 5 * i;
		unsigned pair = (unsigned)secret[bit / 8] << 8;

		if (bit / 8 + 1 < TOTP_SECRET_BYTES)
			pair |= secret[bit / 8 + 1];
		ret[i] = digits[pair >> (11 - bit % 8) & 31];
	}
	ret[TOTP_SECRET_TEXT - 1] = '\0';
}

void totp_uri(struct mu_str *out, const char *user, const char *secret)
{
	static const char plain[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~";

	mu_str_add(out, "otpauth://totp/Muster:");
	for (const char *p = user; *p; p++) {
		if (strchr(plain, *p))
			mu_str_add_char(out, *p);
		else
			mu_str_printf(out, "%%%02X", (unsigned)(unsigned char)*p);
	}
	mu_str_printf(out, "?secret=%s&issuer=Muster", secret);
}

bool totp_base32_parse(const char *text, uint8_t ret[TOTP_SECRET_BYTES])
{
	uint8_t out[TOTP_SECRET_BYTES] = {0};

	if (strlen(text) != TOTP_SECRET_TEXT - 1)
		return false;
	for (int i = 0; text[i]; i++) {
		const char *p = strchr(digits, text[i]);
		int bit = 5 * i;
		unsigned pair;

		if (!p)
			return false;
		pair = (unsigned)(p - digits) << (11 - bit % 8);
		out[bit / 8] |= (uint8_t)(pair >> 8);
		if (bit / 8 + 1 < TOTP_SECRET_BYTES)
			out[bit / 8 + 1] |= (uint8_t)pair;
	}
	memcpy(ret, out, sizeof out);
	return true;
}
