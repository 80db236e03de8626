/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of REST lists: `sort` and `cursor`. PURE.
 *
 * A row is what an object is put in order by: its sort keys, and its id, which decides between
 * equals. So the order is total, two requests have the same one, and a row can stand for a place in
 * it: a cursor is the last row of a page as text, and the next page has what comes behind. It needs
 * no memory here, and what comes or goes between two pages moves no other object over the border.
 */
#ifndef MUSTER_QUERY_SORT_H
#define MUSTER_QUERY_SORT_H

#include "common/base/id.h"
#include "common/query/query.h"

enum {
	QUERY_SORT_MAX = 8, /* keys */
	QUERY_SORT_TEXT_MAX = 512,
	QUERY_TEXT_MAX = 128, /* bytes of a text that count for its place */
};

/* "power_state,-name_label,CPUs:number": properties as in a filter, '-' for descending. */
struct query_sort {
	size_t n_keys; /* 0: by id */
	struct {
		const char *path[4]; /* "CPUs", "number", NULL */
		bool descending;
	} keys[QUERY_SORT_MAX];
	const char *text; /* as given, "" when by id */
};

struct query_key {
	enum { QUERY_KEY_BOOL, QUERY_KEY_NUMBER, QUERY_KEY_TEXT, QUERY_KEY_NONE } kind;
	double number; /* also false and true: 0 and 1 */
	const char *text;
};

struct query_row {
	struct mu_uuid id;
	const struct query_key *keys; /* as many as the sort has */
};

/* MU_E_PROTOCOL, "sort: at character N: ...". The texts are in the arena. */
int query_sort_parse(struct mu_arena *a, const char *text, struct query_sort *ret_sort,
		     struct mu_error *err);
/* Does the order depend on this property of the object? */
bool query_sort_uses(const struct query_sort *s, const char *property);
/* Keys of an object, copied into the arena. */
const struct query_key *query_sort_keys(struct mu_arena *a, const struct query_sort *s,
					const struct mu_value *object);
/* Has one of the keys no order in this object, as it is a list or an object itself? MU_E_PROTOCOL,
 * with what may have been meant. */
int query_sort_check(const struct query_sort *s, const struct mu_value *object,
		     struct mu_error *err);
/* As strcmp(). Falsehood before truth before numbers before texts, those without regard to case; an
 * absent property, null, a list or an object is last, descending too. */
int query_sort_compare(const struct query_sort *s, const struct query_row *a,
		       const struct query_row *b);

/* A row as text for the client to bring back: hexadecimal digits, opaque to it. */
const char *query_cursor_format(struct mu_arena *a, const struct query_sort *s,
				const struct query_row *row);
/* MU_E_PROTOCOL when it is none of ours, or of another sort. */
int query_cursor_parse(struct mu_arena *a, const struct query_sort *s, const char *text,
		       struct query_row *ret_row, struct mu_error *err);

#endif
