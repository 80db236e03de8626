/* SPDX-License-Identifier: Apache-2.0 */
#include "common/query/fold.h"

uint32_t query_char(const char *s, size_t *ret_len)
{
	const unsigned char *u = (const unsigned char *)s;

	if (u[0] < 0x80) {
		*ret_len = 1;
		return u[0];
	}
	if (u[0] < 0xe0) {
		*ret_len = 2;
		return (u[0] & 0x1fu) << 6 | (u[1] & 0x3fu);
	}
	if (u[0] < 0xf0) {
		*ret_len = 3;
		return (u[0] & 0x0fu) << 12 | (u[1] & 0x3fu) << 6 | (u[2] & 0x3fu);
	}
	*ret_len = 4;
	return (u[0] & 0x07u) << 18 | (u[1] & 0x3fu) << 12 | (u[2] & 0x3fu) << 6 | (u[3] & 0x3fu);
}

/* Runs of letters beyond ASCII: capitals that lie `shift` below their small letters, or (shift 1)
 * alternate with them, beginning with a capital. */
static const struct {
	uint32_t first;
	uint32_t last; /* last capital */
	uint32_t shift;
} runs[] = {
    {0xc0, 0xd6, 32},    {0xd8, 0xde, 32},    {0x100, 0x12e, 1},  {0x132, 0x136, 1},
    {0x139, 0x147, 1},   {0x14a, 0x176, 1},   {0x179, 0x17d, 1},  {0x1cd, 0x1db, 1},
    {0x1de, 0x1ee, 1},   {0x1f8, 0x21e, 1},   {0x222, 0x232, 1},  {0x386, 0x386, 38},
    {0x388, 0x38a, 37},  {0x38c, 0x38c, 64},  {0x38e, 0x38f, 63}, {0x391, 0x3a1, 32},
    {0x3a3, 0x3ab, 32},  {0x400, 0x40f, 80},  {0x410, 0x42f, 32}, {0x460, 0x480, 1},
    {0x48a, 0x4be, 1},   {0x4c1, 0x4cd, 1},   {0x4d0, 0x52e, 1},  {0x531, 0x556, 48},
    {0x1e00, 0x1e94, 1}, {0x1ea0, 0x1efe, 1},
};

/* Letters that are in no run, and what they are searched as. */
static const struct {
	uint32_t letter;
	uint32_t folded;
} singles[] = {
    {0xdf, 0xdf},   {0x1e9e, 0xdf}, /* sharp s, small and capital */
    {0xff, 0xff},   {0x178, 0xff},  /* y with two dots */
    {0x130, 0x130}, {0x131, 0x131}, /* Turkish I with a dot and i without */
    {0x3c2, 0x3c3},                 /* sigma at the end of a word */
    {0x390, 0x390}, {0x3b0, 0x3b0}, /* iota and upsilon with two accents */
};

enum {
	N_RUNS = sizeof runs / sizeof runs[0],
	N_SINGLES = sizeof singles / sizeof singles[0],
};

static uint32_t fold_ascii(uint32_t c)
{
	return c >= 'A' && c <= 'Z' ? c + 32 : c;
}

uint32_t query_fold(uint32_t c)
{
	if (c < 0x80) /* nearly all there is */
		return fold_ascii(c);
	for (size_t i = 0; i < N_RUNS; i++) {
		if (c < runs[i].first || c > runs[i].last)
			continue;
		if (runs[i].shift == 1)
			return (c - runs[i].first) % 2 == 0 ? c + 1 : c;
		return c + runs[i].shift;
	}
	for (size_t i = 0; i < N_SINGLES; i++)
		if (c == singles[i].letter)
			return singles[i].folded;
	return c;
}

bool query_has_case(uint32_t c)
{
	if (c < 0x80)
		return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
	for (size_t i = 0; i < N_RUNS; i++)
		if (c >= runs[i].first && c <= runs[i].last + runs[i].shift &&
		    (runs[i].shift == 1 || c <= runs[i].last || c >= runs[i].first + runs[i].shift))
			return true;
	for (size_t i = 0; i < N_SINGLES; i++)
		if (c == singles[i].letter)
			return true;
	return false;
}

static bool is_ascii(char c)
{
	return (unsigned char)c < 0x80;
}

static const char *match_here(const char *s, const char *needle, size_t needle_len)
{
	const char *end = needle + needle_len;

	while (needle < end) {
		size_t s_len = 1;
		size_t n_len = 1;

		if (is_ascii(*s) && is_ascii(*needle)) {
			if (fold_ascii((uint32_t)*s) != fold_ascii((uint32_t)*needle))
				return NULL;
		} else if (query_fold(query_char(s, &s_len)) !=
			   query_fold(query_char(needle, &n_len))) {
			return NULL;
		}
		s += s_len;
		needle += n_len;
	}
	return s;
}

/* The first letter is ASCII nearly always: its two bytes are looked for, and nothing is decoded. */
static const char *find_ascii(const char *haystack, const char *needle, size_t needle_len)
{
	char lower = (char)fold_ascii((uint32_t)needle[0]);
	char upper = lower >= 'a' && lower <= 'z' ? (char)(lower - 32) : lower;

	for (; *haystack; haystack++) {
		const char *behind;

		if (*haystack != lower && *haystack != upper)
			continue;
		behind = match_here(haystack, needle, needle_len);
		if (behind)
			return behind;
	}
	return NULL;
}

const char *query_find_folded(const char *haystack, const char *needle, size_t needle_len)
{
	if (needle_len > 0 && is_ascii(needle[0]))
		return find_ascii(haystack, needle, needle_len);
	for (;;) {
		const char *behind = match_here(haystack, needle, needle_len);
		size_t len;

		if (behind || *haystack == '\0')
			return behind;
		(void)query_char(haystack, &len);
		haystack += len;
	}
}
