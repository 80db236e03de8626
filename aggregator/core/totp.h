/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One-time codes: RFC 6238 with SHA-1, 30 seconds and 6 digits, which is what every authenticator
 * does. The HMAC is the caller's. PURE.
 */
#ifndef MUSTER_AGGREGATOR_CORE_TOTP_H
#define MUSTER_AGGREGATOR_CORE_TOTP_H

#include "common/base/str.h"
#include "common/base/time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	TOTP_SECRET_BYTES = 20,
	TOTP_SECRET_TEXT = 33, /* base32, with the NUL */
	TOTP_MAC_BYTES = 20,
	TOTP_MESSAGE_BYTES = 8,
	TOTP_DIGITS = 6,
	TOTP_STEP_S = 30,
};

/* HMAC-SHA-1 of the message under the secret. */
typedef void (*totp_mac)(const uint8_t *secret, size_t secret_len,
			 const uint8_t message[TOTP_MESSAGE_BYTES], uint8_t ret[TOTP_MAC_BYTES]);

/* The number of the code at that time (ms since 1970). */
uint64_t totp_number(mu_msec wall);
/* The code of that number. */
void totp_code(const uint8_t *secret, size_t secret_len, uint64_t number, totp_mac mac,
	       char ret[TOTP_DIGITS + 1]);
/* Is it the code of now, or of the step before or after, and later than number `used`? *ret_number
 * is its number. */
bool totp_accept(const uint8_t *secret, size_t secret_len, const char *code, mu_msec wall,
		 uint64_t used, totp_mac mac, uint64_t *ret_number);

void totp_base32(const uint8_t secret[TOTP_SECRET_BYTES], char ret[TOTP_SECRET_TEXT]);
/* What an authenticator reads out of a QR code, with the secret as text and whose it is. */
void totp_uri(struct mu_str *out, const char *user, const char *secret);
/* False when it is not base32 of that many bytes. */
bool totp_base32_parse(const char *text, uint8_t ret[TOTP_SECRET_BYTES]);

#endif
