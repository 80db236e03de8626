/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/cut.h"

#include "common/base/str.h"

#include <stdbool.h>
#include <string.h>

enum { CHARACTER_MAX = 4 };

/* Bytes of the character at p, of which `left` are there; 0: it is none. */
static size_t character(const char *p, size_t left)
{
	for (size_t n = 1; n <= CHARACTER_MAX && n <= left; n++)
		if (mu_utf8_valid(p, n))
			return n;
	return 0;
}

/* Are these bytes the beginning of a character, without its end? */
static bool is_half(const char *p, size_t len)
{
	/* What can follow. 0xa0 after 0xe0 and 0xf0, which do not take 0x80; others do. */
	static const char *const rests[] = {"\x80\x80\x80", "\xa0\x80\x80"};
	char whole[CHARACTER_MAX];

	for (size_t i = 0; i < MU_ARRAY_SIZE(rests); i++) {
		memcpy(whole, p, len);
		memcpy(whole + len, rests[i], sizeof whole - len);
		if (character(whole, sizeof whole) > len)
			return true;
	}
	return false;
}

size_t mu_cut_fit(const char *text, size_t max)
{
	size_t len = strnlen(text, max);

	for (size_t half = 1; half < CHARACTER_MAX && half <= len; half++)
		if (is_half(text + len - half, half))
			return len - half;
	return len;
}

void mu_cut_mend(char *text)
{
	size_t len = mu_cut_fit(text, strlen(text));

	text[len] = '\0';
	for (size_t i = 0; i < len;) {
		size_t n = character(text + i, len - i);

		if (n == 0)
			text[i] = '?';
		i += n ? n : 1;
	}
}
