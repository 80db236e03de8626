/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/value.h"

#include "common/base/assert.h"

#include <math.h>
#include <string.h>

static struct mu_value *make(struct mu_arena *a, enum mu_value_kind kind)
{
	struct mu_value *v = mu_arena_calloc(a, 1, sizeof *v);

	v->kind = kind;
	return v;
}

struct mu_value *mu_value_null(struct mu_arena *a)
{
	return make(a, MU_VALUE_NULL);
}

struct mu_value *mu_value_bool(struct mu_arena *a, bool b)
{
	struct mu_value *v = make(a, MU_VALUE_BOOL);

	v->boolean = b;
	return v;
}

struct mu_value *mu_value_int(struct mu_arena *a, int64_t i)
{
	struct mu_value *v = make(a, MU_VALUE_INT);

	v->integer = i;
	return v;
}

struct mu_value *mu_value_real(struct mu_arena *a, double d)
{
	struct mu_value *v = make(a, isfinite(d) ? MU_VALUE_REAL : MU_VALUE_NULL);

	v->real = isfinite(d) ? d : 0;
	return v;
}

struct mu_value *mu_value_string(struct mu_arena *a, const char *s)
{
	struct mu_value *v = make(a, s ? MU_VALUE_STRING : MU_VALUE_NULL);

	if (s)
		v->string = mu_arena_strdup(a, s);
	return v;
}

struct mu_value *mu_value_list(struct mu_arena *a)
{
	return make(a, MU_VALUE_LIST);
}

struct mu_value *mu_value_object(struct mu_arena *a)
{
	return make(a, MU_VALUE_OBJECT);
}

static struct mu_value *append(struct mu_value *parent, struct mu_value *child)
{
	mu_assert(!child->next);
	if (parent->last)
		parent->last->next = child;
	else
		parent->first = child;
	parent->last = child;
	parent->n_children++;
	return child;
}

struct mu_value *mu_value_push(struct mu_value *list, struct mu_value *child)
{
	mu_assert(list->kind == MU_VALUE_LIST);
	return append(list, child);
}

struct mu_value *mu_value_set(struct mu_arena *a, struct mu_value *object, const char *name,
			      struct mu_value *child)
{
	return mu_value_put(object, mu_arena_strdup(a, name), child);
}

struct mu_value *mu_value_put(struct mu_value *object, const char *name, struct mu_value *child)
{
	mu_assert(object->kind == MU_VALUE_OBJECT);
	child->name = name;
	return append(object, child);
}

void mu_value_set_bool(struct mu_arena *a, struct mu_value *object, const char *name, bool b)
{
	mu_value_set(a, object, name, mu_value_bool(a, b));
}

void mu_value_set_int(struct mu_arena *a, struct mu_value *object, const char *name, int64_t i)
{
	mu_value_set(a, object, name, mu_value_int(a, i));
}

void mu_value_set_real(struct mu_arena *a, struct mu_value *object, const char *name, double d)
{
	mu_value_set(a, object, name, mu_value_real(a, d));
}

void mu_value_set_string(struct mu_arena *a, struct mu_value *object, const char *name,
			 const char *s)
{
	mu_value_set(a, object, name, mu_value_string(a, s));
}

const struct mu_value *mu_value_get(const struct mu_value *object, const char *name)
{
	if (!object || object->kind != MU_VALUE_OBJECT)
		return NULL;
	mu_value_each(child, object) if (strcmp(child->name, name) == 0) return child;
	return NULL;
}

struct mu_value *mu_value_find(struct mu_value *object, const char *name)
{
	if (!object || object->kind != MU_VALUE_OBJECT)
		return NULL;
	for (struct mu_value *child = object->first; child; child = child->next) {
		if (strcmp(child->name, name) == 0)
			return child;
	}
	return NULL;
}

void mu_value_remove(struct mu_value *object, const char *name)
{
	struct mu_value *before = NULL;

	for (struct mu_value *child = object->first; child; before = child, child = child->next) {
		if (strcmp(child->name, name) != 0)
			continue;
		if (before)
			before->next = child->next;
		else
			object->first = child->next;
		if (object->last == child)
			object->last = before;
		object->n_children--;
		return;
	}
}

const char *mu_value_as_string(const struct mu_value *v)
{
	return v && v->kind == MU_VALUE_STRING ? v->string : NULL;
}

static bool number_equal(const struct mu_value *a, const struct mu_value *b)
{
	if (a->kind == b->kind)
		return a->kind == MU_VALUE_INT ? a->integer == b->integer
					       : !(a->real < b->real) && !(a->real > b->real);
	return a->kind == MU_VALUE_INT
		   ? number_equal(b, a)
		   : !(a->real < (double)b->integer) && !(a->real > (double)b->integer);
}

static bool children_equal(const struct mu_value *a, const struct mu_value *b)
{
	const struct mu_value *y = b->first;

	if (a->n_children != b->n_children)
		return false;
	for (const struct mu_value *x = a->first; x; x = x->next) {
		if (a->kind == MU_VALUE_OBJECT)
			y = mu_value_get(b, x->name);
		if (!y || !mu_value_equal(x, y))
			return false;
		y = y->next;
	}
	return true;
}

bool mu_value_equal(const struct mu_value *a, const struct mu_value *b)
{
	bool a_number = a->kind == MU_VALUE_INT || a->kind == MU_VALUE_REAL;
	bool b_number = b->kind == MU_VALUE_INT || b->kind == MU_VALUE_REAL;

	if (a_number && b_number)
		return number_equal(a, b);
	if (a->kind != b->kind)
		return false;
	switch (a->kind) {
	case MU_VALUE_NULL:
		return true;
	case MU_VALUE_BOOL:
		return a->boolean == b->boolean;
	case MU_VALUE_STRING:
		return strcmp(a->string, b->string) == 0;
	case MU_VALUE_LIST:
	case MU_VALUE_OBJECT:
		return children_equal(a, b);
	/* GCOVR_EXCL_START: numbers were compared above, the count is no kind */
	case MU_VALUE_INT:
	case MU_VALUE_REAL:
	case _MU_VALUE_KIND_COUNT:
		break;
	}
	mu_assert_unreachable();
	/* GCOVR_EXCL_STOP */
}

struct mu_value *mu_value_copy(struct mu_arena *a, const struct mu_value *v)
{
	struct mu_value *copy = make(a, v->kind);

	copy->boolean = v->boolean;
	copy->integer = v->integer;
	copy->real = v->real;
	if (v->string)
		copy->string = mu_arena_strdup(a, v->string);
	mu_value_each(child, v)
	{
		struct mu_value *c = mu_value_copy(a, child);

		if (child->name)
			c->name = mu_arena_strdup(a, child->name);
		append(copy, c);
	}
	return copy;
}

const char *mu_value_kind_name(enum mu_value_kind kind)
{
	static const char *const names[_MU_VALUE_KIND_COUNT] = {
	    [MU_VALUE_NULL] = "null",     [MU_VALUE_BOOL] = "boolean",  [MU_VALUE_INT] = "integer",
	    [MU_VALUE_REAL] = "number",   [MU_VALUE_STRING] = "string", [MU_VALUE_LIST] = "array",
	    [MU_VALUE_OBJECT] = "object",
	};

	mu_assert(kind < _MU_VALUE_KIND_COUNT);
	return names[kind];
}
