/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A regular expression comes from whoever may read, and is tried on every text of a fleet, on the
 * loop's thread. PCRE2's own limits are of one attempt: a pattern that stays just below them holds
 * the loop as well, 30,000 times. So there is a callout before every item of a pattern. It counts
 * what all patterns of a filter have done since they were allowed to, and stops the one that wants
 * more; from then on none matches, and whoever asked is told (query_filter_check()). Between two
 * callouts the whole text may be looked through, so a step costs more in a long one. It is a count
 * and not a time, so that the same question on the same objects has the same answer on every
 * machine. The limits of depth and heap
 * bound memory, which stays with the filter's arena; the one of PCRE2's own count stands behind the
 * callouts, should they ever miss a loop.
 *
 * JavaScript's patterns are PCRE2's nearly everywhere; where they differ the options say so: `$` is
 * the very end, `[]` matches nothing, `\u0041` is a letter, a group that took no part is empty.
 */
#define PCRE2_CODE_UNIT_WIDTH 8

#include "common/query/regex.h"

#include <pcre2.h>
#include <stdint.h>
#include <string.h>

enum {
	STEPS_IN_A_TEXT = 1000000,
	DEPTH_MAX = 10000,
	HEAP_MAX_KIB = 1024,
	NESTING_MAX = 32,
	BYTES_A_STEP = 32, /* that are looked through in the time of one */
	WHY_MAX = 160,
};

static const uint32_t as_javascript = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_DOLLAR_ENDONLY |
				      PCRE2_ALT_BSUX | PCRE2_ALLOW_EMPTY_CLASS |
				      PCRE2_MATCH_UNSET_BACKREF | PCRE2_NEVER_BACKSLASH_C |
				      PCRE2_AUTO_CALLOUT;

struct query_regexes {
	struct mu_arena *arena;
	pcre2_compile_context *compiling;
	pcre2_match_context *matching;
	pcre2_match_data *data; /* of all: one is tried at a time */
	size_t steps;
	size_t cost; /* of a step in the text at hand */
	size_t exceeded;
};

struct query_regex {
	struct query_regexes *all;
	pcre2_code *code;
	size_t position;
};

static void *take(size_t size, void *arena)
{
	return mu_arena_alloc(arena, size);
}

static void leave(void *p, void *arena)
{
	(void)p;
	(void)arena;
}

static int on_step(pcre2_callout_block *block, void *arg)
{
	struct query_regexes *all = arg;

	(void)block;
	if (all->steps < all->cost)
		return PCRE2_ERROR_CALLOUT;
	all->steps -= all->cost;
	return 0;
}

struct query_regexes *query_regexes_new(struct mu_arena *a)
{
	struct query_regexes *all = mu_arena_calloc(a, 1, sizeof *all);
	pcre2_general_context *memory = pcre2_general_context_create(take, leave, a);

	all->arena = a;
	all->compiling = pcre2_compile_context_create(memory);
	(void)pcre2_set_newline(all->compiling, PCRE2_NEWLINE_ANYCRLF);
	(void)pcre2_set_parens_nest_limit(all->compiling, NESTING_MAX);
	all->matching = pcre2_match_context_create(memory);
	(void)pcre2_set_match_limit(all->matching, STEPS_IN_A_TEXT);
	(void)pcre2_set_depth_limit(all->matching, DEPTH_MAX);
	(void)pcre2_set_heap_limit(all->matching, HEAP_MAX_KIB);
	(void)pcre2_set_callout(all->matching, on_step, all);
	all->data = pcre2_match_data_create(1, memory);
	return all;
}

const struct query_regex *query_regex_compile(struct query_regexes *all, const char *text,
					      size_t len, bool caseless, size_t position,
					      size_t *ret_offset, const char **ret_why)
{
	struct query_regex *p = mu_arena_calloc(all->arena, 1, sizeof *p);
	char *why;
	int rc;

	p->all = all;
	p->position = position;
	p->code =
	    pcre2_compile((PCRE2_SPTR)text, len, as_javascript | (caseless ? PCRE2_CASELESS : 0),
			  &rc, ret_offset, all->compiling);
	if (p->code)
		return p;
	why = mu_arena_calloc(all->arena, 1, WHY_MAX);
	(void)pcre2_get_error_message(rc, (PCRE2_UCHAR *)why, WHY_MAX);
	*ret_why = why;
	return NULL;
}

bool query_regex_matches(const struct query_regex *p, const char *text)
{
	struct query_regexes *all = p->all;
	size_t len = strlen(text);
	int rc;

	if (all->exceeded)
		return false;
	all->cost = 1 + len / BYTES_A_STEP;
	rc = pcre2_match(p->code, (PCRE2_SPTR)text, len, 0, 0, all->data, all->matching);
	if (rc < 0 && rc != PCRE2_ERROR_NOMATCH)
		all->exceeded = p->position;
	return rc >= 0;
}

void query_regexes_allow(struct query_regexes *all, size_t steps)
{
	all->steps = steps;
	all->exceeded = 0;
}

size_t query_regexes_exceeded(const struct query_regexes *all)
{
	return all->exceeded;
}
