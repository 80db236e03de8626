/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Upper and lower case of UTF-8 text for searching: ASCII, Latin (also Vietnamese and Pinyin),
 * Greek, Cyrillic and Armenian, independent of any locale. PURE.
 */
#ifndef MUSTER_QUERY_FOLD_H
#define MUSTER_QUERY_FOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decode the character at `s` (well-formed, not at its end); *ret_len is its length in bytes. */
uint32_t query_char(const char *s, size_t *ret_len);
uint32_t query_fold(uint32_t c);
/* A letter that exists in two cases, if the other one be two letters. */
bool query_has_case(uint32_t c);
/* Where `needle` is in `haystack`, without regard to case: the byte behind it, else NULL. */
const char *query_find_folded(const char *haystack, const char *needle, size_t needle_len);

#endif
