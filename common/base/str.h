/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growing byte string, and checks on text from outside. `data` is always NUL-terminated once
 * anything was added; `len` does not count the NUL. The embedder owns it. Any thread.
 */
#ifndef MUSTER_BASE_STR_H
#define MUSTER_BASE_STR_H

#include "common/base/mem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mu_str {
	char *data;
	size_t len;
	size_t cap;
};

#define MU_STR_INIT                                                                                \
	{                                                                                          \
		NULL, 0, 0                                                                         \
	}

void mu_str_deinit(struct mu_str *s);
static inline void mu_str_deinit_cleanup(struct mu_str *s)
{
	mu_str_deinit(s);
}
void mu_str_reset(struct mu_str *s);
void mu_str_add(struct mu_str *s, const char *text);
void mu_str_add_bytes(struct mu_str *s, const void *p, size_t len);
void mu_str_add_char(struct mu_str *s, char c);
void mu_str_printf(struct mu_str *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Hand the bytes over (to be freed by the caller, never NULL) and leave `s` empty. */
char *mu_str_take(struct mu_str *s);

bool mu_str_equal(const char *a, const char *b); /* either may be NULL */
bool mu_str_has_prefix(const char *s, const char *prefix);
/* Well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms), no NUL. */
bool mu_utf8_valid(const char *s, size_t len);
/* Copy at most `max` bytes of guest-controlled text, cut at a character, bad bytes and control
 * characters replaced by '?'. `dst` has room for max + 1. */
void mu_utf8_sanitize(char *dst, size_t max, const char *src, size_t len);
/* Whole-string decimal; false on junk, sign or overflow; *ret untouched then. */
bool mu_parse_u64(const char *s, uint64_t *ret);
bool mu_parse_i64(const char *s, int64_t *ret);
/* The same for a whole number with a unit: "96MiB" (KiB, MiB, GiB, TiB). */
bool mu_parse_size(const char *s, int64_t *ret);
/* Lower-case hex of `len` bytes into `dst` (2 * len + 1 bytes), and back. */
void mu_hex_encode(char *dst, const void *src, size_t len);
bool mu_hex_decode(void *dst, size_t len, const char *hex);
/* Base64 (RFC 4648, padded) into `dst` (MU_BASE64_TEXT(len) bytes, a NUL among them), and back:
 * *ret_len bytes, for which MU_BASE64_BYTES(len) is room. The padding may be missing. */
#define MU_BASE64_TEXT(len) (((len) + 2) / 3 * 4 + 1)
#define MU_BASE64_BYTES(len) (((len) + 3) / 4 * 3)
void mu_base64_encode(char *dst, const void *src, size_t len);
bool mu_base64_decode(void *dst, size_t *ret_len, const char *text, size_t len);
/* FNV-1a, 64 bits, of what came before (MU_FNV1A: nothing) and of these bytes: to tell what
 * differs, not against who wants to forge. The same for ever. */
#define MU_FNV1A UINT64_C(0xcbf29ce484222325)
uint64_t mu_fnv1a(uint64_t before, const void *data, size_t len);

#endif
