/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Regular expressions of filters: PCRE2, told to read patterns as JavaScript does, and bounded. All
 * patterns of a filter share a count of steps, so that together they end. PURE; memory is the
 * arena's.
 */
#ifndef MUSTER_QUERY_REGEX_H
#define MUSTER_QUERY_REGEX_H

#include "common/base/arena.h"

#include <stdbool.h>
#include <stddef.h>

struct query_regexes;
struct query_regex;

struct query_regexes *query_regexes_new(struct mu_arena *a);
/* `position`: where in the filter it is. NULL when it is none: *ret_offset is where in `text`,
 * *ret_why a sentence in the arena. */
const struct query_regex *query_regex_compile(struct query_regexes *all, const char *text,
					      size_t len, bool caseless, size_t position,
					      size_t *ret_offset, const char **ret_why);
bool query_regex_matches(const struct query_regex *p, const char *text);

/* From now on the patterns may take so many steps; what one needs more is not found. */
void query_regexes_allow(struct query_regexes *all, size_t steps);
/* The position of the pattern that needed more than it may, 0: none did. */
size_t query_regexes_exceeded(const struct query_regexes *all);

#endif
