/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libyaml's events, made a tree by recursive descent. An alias is a copy of what its anchor stands
 * for; an anchor is known once its node is complete, so nothing can contain itself.
 */
#include "common/yaml/yaml.h"

#include "common/base/mem.h"
#include "common/base/str.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

struct reader {
	yaml_parser_t parser;
	yaml_event_t event; /* the one that is looked at */
	struct mu_arena *arena;
	struct mu_value *anchors; /* of this document, by name */
	size_t n_nodes;
	struct mu_error *err;
};

static int fail_at(struct reader *r, yaml_mark_t at, const char *what)
{
	return mu_error_set(r->err, MU_E_INVALID, "line %zu, column %zu: %s", at.line + 1,
			    at.column + 1, what);
}

static int fail(struct reader *r, const char *what)
{
	return fail_at(r, r->event.start_mark, what);
}

static int next(struct reader *r)
{
	yaml_event_delete(&r->event);
	if (yaml_parser_parse(&r->parser, &r->event))
		return 0;
	return fail_at(r, r->parser.problem_mark,
		       r->parser.problem ? r->parser.problem : "this is no YAML");
}

/* --- scalars --- */

static bool is_one_of(const char *text, const char *const words[3])
{
	for (int i = 0; i < 3; i++)
		if (strcmp(words[i], text) == 0)
			return true;
	return false;
}

/* Digits, with one point and an exponent at most; not "inf", "nan" or C's hexadecimal. */
static bool is_number(const char *text)
{
	size_t sign = text[0] == '-' || text[0] == '+';

	return text[sign] && strspn(text + sign, "0123456789.eE+-") == strlen(text + sign) &&
	       strpbrk(text, "0123456789") && !strchr("eE+-", text[sign]);
}

static struct mu_value *number(struct mu_arena *a, const char *text)
{
	int64_t whole;
	double real;
	char *end;

	if (!is_number(text))
		return NULL;
	if (mu_parse_i64(text[0] == '+' ? text + 1 : text, &whole))
		return mu_value_int(a, whole);
	if (!strpbrk(text, ".eE"))
		return NULL; /* beyond 64 bits: as it is written */
	real = strtod(text, &end);
	return *end == '\0' && isfinite(real) ? mu_value_real(a, real) : NULL;
}

static struct mu_value *plain(struct mu_arena *a, const char *text)
{
	static const char *const yes[] = {"true", "True", "TRUE"};
	static const char *const no[] = {"false", "False", "FALSE"};
	static const char *const null[] = {"null", "Null", "NULL"};
	struct mu_value *v;

	if (text[0] == '\0' || strcmp(text, "~") == 0 || is_one_of(text, null))
		return mu_value_null(a);
	if (is_one_of(text, yes) || is_one_of(text, no))
		return mu_value_bool(a, is_one_of(text, yes));
	v = number(a, text);
	return v ? v : mu_value_string(a, text);
}

static int scalar(struct reader *r, struct mu_value **ret)
{
	const char *text = (const char *)r->event.data.scalar.value;
	const char *tag = (const char *)r->event.data.scalar.tag;
	bool is_text = r->event.data.scalar.quoted_implicit;

	if (strlen(text) != r->event.data.scalar.length)
		return fail(r, "a text has a NUL in it");
	if (tag && strcmp(tag, YAML_STR_TAG) != 0 && strcmp(tag, "!") != 0)
		return fail(r, "tags are not understood; hint: leave it out");
	*ret = tag || (is_text && !r->event.data.scalar.plain_implicit)
		   ? mu_value_string(r->arena, text)
		   : plain(r->arena, text);
	return 0;
}

/* --- nodes --- */

static int node(struct reader *r, size_t depth, struct mu_value **ret);

static int count(struct reader *r, size_t n)
{
	r->n_nodes += n;
	return r->n_nodes > MU_YAML_NODES_MAX ? fail(r, "there is too much in it") : 0;
}

static size_t size_of(const struct mu_value *v)
{
	size_t n = 1;

	mu_value_each(child, v) n += size_of(child);
	return n;
}

static int alias(struct reader *r, struct mu_value **ret)
{
	const struct mu_value *meant =
	    mu_value_get(r->anchors, (const char *)r->event.data.alias.anchor);

	if (!meant)
		return fail(r, "there is no anchor of that name before it");
	if (count(r, size_of(meant)) < 0)
		return MU_FAILED;
	*ret = mu_value_copy(r->arena, meant);
	return 0;
}

static int list(struct reader *r, size_t depth, struct mu_value **ret)
{
	struct mu_value *v = mu_value_list(r->arena), *child;

	for (;;) {
		if (next(r) < 0)
			return MU_FAILED;
		if (r->event.type == YAML_SEQUENCE_END_EVENT)
			break;
		if (node(r, depth + 1, &child) < 0)
			return MU_FAILED;
		mu_value_push(v, child);
	}
	*ret = v;
	return 0;
}

static int key(struct reader *r, const struct mu_value *object, const char **ret)
{
	const char *text = (const char *)r->event.data.scalar.value;

	if (r->event.type != YAML_SCALAR_EVENT)
		return fail(r, "a key has to be a text");
	if (strlen(text) != r->event.data.scalar.length)
		return fail(r, "a key has a NUL in it");
	if (mu_value_get(object, text))
		return fail(r, "this key is there twice");
	*ret = mu_arena_strdup(r->arena, text);
	return 0;
}

static int object(struct reader *r, size_t depth, struct mu_value **ret)
{
	struct mu_value *v = mu_value_object(r->arena), *child;
	const char *name;

	for (;;) {
		if (next(r) < 0)
			return MU_FAILED;
		if (r->event.type == YAML_MAPPING_END_EVENT)
			break;
		if (key(r, v, &name) < 0 || next(r) < 0 || node(r, depth + 1, &child) < 0)
			return MU_FAILED;
		mu_value_set(r->arena, v, name, child);
	}
	*ret = v;
	return 0;
}

/* The event goes before the node is complete. */
static const char *name_of(struct reader *r, const yaml_char_t *anchor)
{
	return anchor ? mu_arena_strdup(r->arena, (const char *)anchor) : NULL;
}

/* What begins with the event that is looked at; its anchor, if it has one, is known afterwards. */
static int node(struct reader *r, size_t depth, struct mu_value **ret)
{
	const yaml_event_t *e = &r->event;
	const char *anchor;
	int result;

	if (depth >= MU_YAML_DEPTH_MAX)
		return fail(r, "it is nested too deeply");
	if (e->type == YAML_ALIAS_EVENT)
		return alias(r, ret);
	if (count(r, 1) < 0)
		return MU_FAILED;
	if (e->type == YAML_SEQUENCE_START_EVENT) {
		anchor = name_of(r, e->data.sequence_start.anchor);
		result = list(r, depth, ret);
	} else if (e->type == YAML_MAPPING_START_EVENT) {
		anchor = name_of(r, e->data.mapping_start.anchor);
		result = object(r, depth, ret);
	} else {
		anchor = name_of(r, e->data.scalar.anchor);
		result = scalar(r, ret);
	}
	if (result == 0 && anchor) {
		mu_value_remove(r->anchors, anchor); /* one name may be used again */
		mu_value_set(r->arena, r->anchors, anchor, mu_value_copy(r->arena, *ret));
	}
	return result;
}

static int documents(struct reader *r, struct mu_value *list_of_them)
{
	struct mu_value *v;

	do {
		if (next(r) < 0)
			return MU_FAILED;
		if (r->event.type != YAML_DOCUMENT_START_EVENT)
			continue;
		if (list_of_them->n_children >= MU_YAML_DOCUMENTS_MAX)
			return fail(r, "there are too many documents");
		r->anchors = mu_value_object(r->arena);
		if (next(r) < 0 || node(r, 0, &v) < 0)
			return MU_FAILED;
		mu_value_push(list_of_them, v);
	} while (r->event.type != YAML_STREAM_END_EVENT);
	return 0;
}

int mu_yaml_read(struct mu_arena *a, const char *text, size_t len, struct mu_value **ret_documents,
		 struct mu_error *err)
{
	struct reader r = {.arena = a, .err = err};
	struct mu_value *found = mu_value_list(a);
	int result;

	if (!yaml_parser_initialize(&r.parser))
		abort(); /* GCOVR_EXCL_LINE: no memory */
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, len);
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	result = documents(&r, found);
	yaml_event_delete(&r.event);
	yaml_parser_delete(&r.parser);
	if (result == 0)
		*ret_documents = found;
	return result;
}
