/* SPDX-License-Identifier: Apache-2.0 */
/* The tree that filter_parse.c makes and filter_match.c walks. PURE. */
#ifndef MUSTER_QUERY_FILTER_H
#define MUSTER_QUERY_FILTER_H

#include "common/query/query.h"
#include "common/query/regex.h"

enum query_kind {
	QUERY_AND, /* children; none: true */
	QUERY_OR,
	QUERY_NOT,      /* one child */
	QUERY_PROPERTY, /* text: its name; one child, applied to its value */
	QUERY_TRUTHY,   /* text: the property's name */
	QUERY_COMPARE,
	QUERY_NUMBER, /* text as written, and number */
	QUERY_STRING,
	QUERY_GLOB, /* text with '*' */
	QUERY_REGEX,
	_QUERY_KIND_COUNT,
};

enum query_order { QUERY_LESS, QUERY_LESS_EQUAL, QUERY_GREATER, QUERY_GREATER_EQUAL };

struct query_filter {
	enum query_kind kind;
	enum query_order order;
	double number;
	const char *text;
	const struct query_regex *regex;
	struct query_filter *first;
	struct query_filter *next;     /* as a child */
	struct query_regexes *regexes; /* of the root: all that are in it, NULL without any */
};

/* What JavaScript's v[name] is: a member of an object, an item of a list by its number, the
 * `length` of a list or (in UTF-16) of a text, which is put into *ret_length. NULL: there is none.
 */
const struct mu_value *query_member(const struct mu_value *v, const char *name,
				    struct mu_value *ret_length);

#endif
