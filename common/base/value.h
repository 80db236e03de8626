/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tree of plain values in an arena: what JSON can say. REST bodies and replies, definitions and
 * filters all work on it; common/json turns it into text and back. Object members keep their
 * order. Built once, read by many; any thread that owns the arena.
 */
#ifndef MUSTER_BASE_VALUE_H
#define MUSTER_BASE_VALUE_H

#include "common/base/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mu_value_kind {
	MU_VALUE_NULL,
	MU_VALUE_BOOL,
	MU_VALUE_INT,
	MU_VALUE_REAL,
	MU_VALUE_STRING,
	MU_VALUE_LIST,
	MU_VALUE_OBJECT,
	_MU_VALUE_KIND_COUNT,
};

struct mu_value {
	enum mu_value_kind kind;
	bool boolean;
	int64_t integer;
	double real;
	const char *string;     /* NUL-terminated UTF-8 */
	struct mu_value *first; /* list, object: first child; NULL when empty */
	struct mu_value *last;
	size_t n_children;
	/* As a child: */
	const char *name; /* member name inside an object, else NULL */
	struct mu_value *next;
};

/* Every string is copied into the arena. A NULL string becomes null. */
struct mu_value *mu_value_null(struct mu_arena *a);
struct mu_value *mu_value_bool(struct mu_arena *a, bool b);
struct mu_value *mu_value_int(struct mu_arena *a, int64_t i);
struct mu_value *mu_value_real(struct mu_arena *a, double d); /* not finite: null */
struct mu_value *mu_value_string(struct mu_arena *a, const char *s);
struct mu_value *mu_value_list(struct mu_arena *a);
struct mu_value *mu_value_object(struct mu_arena *a);

/* Append; `child` must be fresh (in no other tree). Return `child`. */
struct mu_value *mu_value_push(struct mu_value *list, struct mu_value *child);
struct mu_value *mu_value_set(struct mu_arena *a, struct mu_value *object, const char *name,
			      struct mu_value *child);
/* The same with a name that is not copied: one that lives as long as the tree, as a literal does.
 */
struct mu_value *mu_value_put(struct mu_value *object, const char *name, struct mu_value *child);
/* Shorthands for mu_value_set(..., mu_value_xxx(...)). */
void mu_value_set_bool(struct mu_arena *a, struct mu_value *object, const char *name, bool b);
void mu_value_set_int(struct mu_arena *a, struct mu_value *object, const char *name, int64_t i);
void mu_value_set_real(struct mu_arena *a, struct mu_value *object, const char *name, double d);
void mu_value_set_string(struct mu_arena *a, struct mu_value *object, const char *name,
			 const char *s);

/* Member of that name, or NULL (also when `object` is NULL or no object). */
const struct mu_value *mu_value_get(const struct mu_value *object, const char *name);
/* The same, to be changed by who built the tree. */
struct mu_value *mu_value_find(struct mu_value *object, const char *name);
/* Takes a member out of its object; harmless when there is none of that name. */
void mu_value_remove(struct mu_value *object, const char *name);
/* The text of a string value, else NULL. */
const char *mu_value_as_string(const struct mu_value *v);
/* Deep, order of object members ignored; 1 equals 1.0. */
bool mu_value_equal(const struct mu_value *a, const struct mu_value *b);
/* Deep copy into `a`. */
struct mu_value *mu_value_copy(struct mu_arena *a, const struct mu_value *v);
/* "string", "number", ... for messages. */
const char *mu_value_kind_name(enum mu_value_kind kind);

#define mu_value_each(it, parent)                                                                  \
	for (const struct mu_value *it = (parent)->first; it; it = it->next)

#endif
