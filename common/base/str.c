/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/str.h"

#include "common/base/assert.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void mu_str_deinit(struct mu_str *s)
{
	free(s->data);
	*s = (struct mu_str)MU_STR_INIT;
}

void mu_str_reset(struct mu_str *s)
{
	s->len = 0;
	if (s->data)
		s->data[0] = '\0';
}

static void reserve(struct mu_str *s, size_t more)
{
	size_t need;

	mu_assert(!__builtin_add_overflow(s->len, more, &need));
	need++;
	if (need > s->cap) {
		s->cap = need < s->cap * 2 ? s->cap * 2 : need < 64 ? 64 : need;
		s->data = mu_xrealloc(s->data, s->cap, 1);
	}
}

void mu_str_add_bytes(struct mu_str *s, const void *p, size_t len)
{
	reserve(s, len);
	if (len)
		memcpy(s->data + s->len, p, len);
	s->len += len;
	s->data[s->len] = '\0';
}

void mu_str_add(struct mu_str *s, const char *text)
{
	mu_str_add_bytes(s, text, strlen(text));
}

void mu_str_add_char(struct mu_str *s, char c)
{
	mu_str_add_bytes(s, &c, 1);
}

void mu_str_printf(struct mu_str *s, const char *fmt, ...)
{
	va_list ap, again;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	mu_assert(n >= 0);
	reserve(s, (size_t)n);
	(void)vsnprintf(s->data + s->len, (size_t)n + 1, fmt, again);
	va_end(again);
	s->len += (size_t)n;
}

char *mu_str_take(struct mu_str *s)
{
	char *data;

	reserve(s, 0);
	s->data[s->len] = '\0';
	data = s->data;
	*s = (struct mu_str)MU_STR_INIT;
	return data;
}

bool mu_str_equal(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

bool mu_str_has_prefix(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

/* Length of the well-formed character at p (at most `left` bytes there), 0 if there is none. */
static size_t utf8_char_len(const unsigned char *p, size_t left)
{
	size_t n = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;

	if (n == 0 || p[0] > 0xf4 || n > left)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

bool mu_utf8_valid(const char *s, size_t len)
{
	const unsigned char *p = (const unsigned char *)s;

	for (size_t i = 0, n; i < len; i += n) {
		n = utf8_char_len(p + i, len - i);
		if (n == 0 || p[i] == 0)
			return false;
	}
	return true;
}

void mu_utf8_sanitize(char *dst, size_t max, const char *src, size_t len)
{
	const unsigned char *p = (const unsigned char *)src;
	size_t out = 0;

	for (size_t i = 0; i < len;) {
		size_t n = utf8_char_len(p + i, len - i);
		bool bad = n == 0 || (n == 1 && (p[i] < 0x20 || p[i] == 0x7f));

		if (out + (bad ? 1 : n) > max)
			break;
		if (bad)
			dst[out++] = '?';
		else {
			memcpy(dst + out, p + i, n);
			out += n;
		}
		i += n ? n : 1;
	}
	dst[out] = '\0';
}

bool mu_parse_u64(const char *s, uint64_t *ret)
{
	uint64_t v = 0;

	if (!*s)
		return false;
	for (; *s; s++) {
		if (*s < '0' || *s > '9' || __builtin_mul_overflow(v, 10u, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*s - '0'), &v))
			return false;
	}
	*ret = v;
	return true;
}

bool mu_parse_i64(const char *s, int64_t *ret)
{
	bool negative = *s == '-';
	uint64_t v;

	if (!mu_parse_u64(s + negative, &v) || v > (uint64_t)INT64_MAX + negative)
		return false;
	*ret = negative ? (int64_t)(0 - v) : (int64_t)v;
	return true;
}

bool mu_parse_size(const char *s, int64_t *ret)
{
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
	int64_t factor = 1;
	int64_t n = 0;

	if (*s < '0' || *s > '9')
		return false;
	for (; *s >= '0' && *s <= '9'; s++) {
		if (n > (INT64_MAX - 9) / 10)
			return false;
		n = n * 10 + (*s - '0');
	}
	for (size_t i = 0; i < MU_ARRAY_SIZE(units); i++) {
		factor *= 1024;
		if (!strcmp(s, units[i])) {
			if (n > INT64_MAX / factor)
				return false;
			*ret = n * factor;
			return true;
		}
	}
	return false;
}

void mu_hex_encode(char *dst, const void *src, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *p = src;

	for (size_t i = 0; i < len; i++) {
		dst[2 * i] = digits[p[i] >> 4];
		dst[2 * i + 1] = digits[p[i] & 15];
	}
	dst[2 * len] = '\0';
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

bool mu_hex_decode(void *dst, size_t len, const char *hex)
{
	unsigned char *p = dst;

	if (strlen(hex) != 2 * len)
		return false;
	for (size_t i = 0; i < len; i++) {
		int hi = hex_digit(hex[2 * i]), lo = hex_digit(hex[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return false;
		p[i] = (unsigned char)(hi << 4 | lo);
	}
	return true;
}

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void mu_base64_encode(char *dst, const void *src, size_t len)
{
	const unsigned char *p = src;

	for (size_t i = 0; i < len; i += 3) {
		unsigned char b[3] = {0};
		size_t n = len - i < 3 ? len - i : 3;

		memcpy(b, p + i, n);
		*dst++ = base64_digits[b[0] >> 2];
		*dst++ = base64_digits[(b[0] & 3) << 4 | b[1] >> 4];
		*dst++ = n > 1 ? base64_digits[(b[1] & 15) << 2 | b[2] >> 6] : '=';
		*dst++ = n > 2 ? base64_digits[b[2] & 63] : '=';
	}
	*dst = '\0';
}

bool mu_base64_decode(void *dst, size_t *ret_len, const char *text, size_t len)
{
	unsigned char *p = dst;
	unsigned bits = 0, n_bits = 0;
	size_t n = 0;

	while (len > 0 && text[len - 1] == '=')
		len--;
	for (size_t i = 0; i < len; i++) {
		const char *digit = text[i] ? strchr(base64_digits, text[i]) : NULL;

		if (!digit)
			return false;
		bits = (bits << 6 | (unsigned)(digit - base64_digits)) & 0xffffu;
		n_bits += 6;
		if (n_bits >= 8) {
			n_bits -= 8;
			p[n++] = (unsigned char)(bits >> n_bits);
		}
	}
	*ret_len = n;
	return true;
}

uint64_t mu_fnv1a(uint64_t before, const void *data, size_t len)
{
	const unsigned char *p = data;

	for (size_t i = 0; i < len; i++)
		before = (before ^ p[i]) * 0x100000001b3u;
	return before;
}
