/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The query language of REST lists: `filter`, `fields` and `limit`. PURE.
 *
 * A filter is Xen Orchestra's complex-matcher; docs/design/rest.md has the grammar and what each
 * form matches. It is parsed once into a tree in the caller's arena, bounded in length, depth and
 * size, and then applied to any number of values. What is not understood is refused with its
 * position, never ignored.
 */
#ifndef MUSTER_QUERY_QUERY_H
#define MUSTER_QUERY_QUERY_H

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/value.h"

#include <stdbool.h>
#include <stddef.h>

enum {
	QUERY_FILTER_MAX = 4096, /* bytes */
	QUERY_DEPTH_MAX = 32,
	QUERY_TERMS_MAX = 256,
	QUERY_FIELDS_MAX = 128,
	QUERY_REGEXES_MAX = 8,      /* regular expressions */
	QUERY_REGEX_MAX = 512,      /* bytes of one */
	QUERY_STEPS_MAX = 5000000,  /* of all of a filter: a tenth of a second */
	QUERY_STEPS_OF_ONE = 20000, /* for who looks at one object now and then */
};

struct query_filter;

/* MU_E_PROTOCOL (HTTP 400), "filter: at character N: ...". The empty text matches everything. */
int query_filter_parse(struct mu_arena *a, const char *text, struct query_filter **ret_filter,
		       struct mu_error *err);
/* Its regular expressions may take QUERY_STEPS_MAX steps, over all objects. When they have, they
 * match nothing any more: whoever has matched asks query_filter_check(). */
bool query_filter_match(const struct query_filter *f, const struct mu_value *object);
/* Was that so? MU_E_PROTOCOL, with the position of the expression that takes too long. */
int query_filter_check(const struct query_filter *f, struct mu_error *err);
/* So many steps from now on. */
void query_filter_allow(const struct query_filter *f, size_t steps);
/* Can the result depend on this property of an object? A caller that builds objects for matching
 * only may leave the others out. `letters` are all that texts in it are made of, in lower case, and
 * numbers as one writes them: NULL when they can be any, "" when there are neither. */
bool query_filter_uses(const struct query_filter *f, const char *property, const char *letters);

/* "a,b,c", or "*" for all. Names that no object has are dropped when it is applied. */
struct query_fields {
	bool all;
	size_t n_names;
	const char *names[QUERY_FIELDS_MAX];
};

int query_fields_parse(struct mu_arena *a, const char *text, struct query_fields *ret_fields,
		       struct mu_error *err);
bool query_fields_has(const struct query_fields *f, const char *name);

/* A count, at least 1. */
int query_limit_parse(const char *text, size_t *ret_limit, struct mu_error *err);

#endif
