/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json/json.h"

#include "common/base/assert.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_gen.h>

static struct mu_value *from_jansson(struct mu_arena *a, json_t *j);

static struct mu_value *from_object(struct mu_arena *a, json_t *j)
{
	struct mu_value *v = mu_value_object(a);
	const char *key;
	json_t *member;

	json_object_foreach(j, key, member) mu_value_set(a, v, key, from_jansson(a, member));
	return v;
}

static struct mu_value *from_array(struct mu_arena *a, json_t *j)
{
	struct mu_value *v = mu_value_list(a);

	for (size_t i = 0; i < json_array_size(j); i++)
		mu_value_push(v, from_jansson(a, json_array_get(j, i)));
	return v;
}

/* Recursion is bounded: jansson itself refuses nesting beyond JSON_PARSER_MAX_DEPTH, and
 * depth_ok() before that holds the text to MU_JSON_DEPTH_MAX. */
static struct mu_value *from_jansson(struct mu_arena *a, json_t *j)
{
	switch (json_typeof(j)) {
	case JSON_OBJECT:
		return from_object(a, j);
	case JSON_ARRAY:
		return from_array(a, j);
	case JSON_STRING:
		return mu_value_string(a, json_string_value(j));
	case JSON_INTEGER:
		return mu_value_int(a, json_integer_value(j));
	case JSON_REAL:
		return mu_value_real(a, json_real_value(j));
	case JSON_TRUE:
		return mu_value_bool(a, true);
	case JSON_FALSE:
		return mu_value_bool(a, false);
	case JSON_NULL:
		return mu_value_null(a);
	}
	mu_assert_unreachable();
}

/* Nesting of brackets outside strings; cheap, and before anything is allocated. */
static bool depth_ok(const char *text, size_t len)
{
	bool in_string = false;
	int depth = 0;

	for (size_t i = 0; i < len; i++) {
		if (in_string) {
			if (text[i] == '\\')
				i++;
			else if (text[i] == '"')
				in_string = false;
		} else if (text[i] == '"') {
			in_string = true;
		} else if (text[i] == '{' || text[i] == '[') {
			if (++depth > MU_JSON_DEPTH_MAX)
				return false;
		} else if (text[i] == '}' || text[i] == ']') {
			depth--;
		}
	}
	return true;
}

int mu_json_read(struct mu_arena *a, const char *text, size_t len, struct mu_value **ret_value,
		 struct mu_error *err)
{
	json_error_t e;
	json_t *j;

	if (!depth_ok(text, len))
		return mu_error_set(err, MU_E_PROTOCOL, "JSON nested deeper than %d levels",
				    MU_JSON_DEPTH_MAX);
	j = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &e);
	if (!j)
		return mu_error_set(err, MU_E_PROTOCOL, "malformed JSON at line %d column %d: %s",
				    e.line, e.column, e.text);
	*ret_value = from_jansson(a, j);
	json_decref(j);
	return 0;
}

static void gen_string(yajl_gen g, const char *s)
{
	(void)yajl_gen_string(g, (const unsigned char *)s, strlen(s));
}

/* The fewest digits that read back as the same number; a point or an exponent says that it is a
 * real one. yajl's own way has twenty digits, and 0.9 as 0.9000000000000000222. */
static void gen_real(yajl_gen g, double real)
{
	enum { DIGITS_FOR_CERTAIN = 17 };
	char text[32];
	size_t len = 0;

	for (int digits = 15; digits <= DIGITS_FOR_CERTAIN; digits++) {
		len = (size_t)snprintf(text, sizeof text - 2, "%.*g", digits, real);
		if (strtod(text, NULL) == real)
			break;
	}
	if (strspn(text, "-0123456789") == len) {
		memcpy(text + len, ".0", 3);
		len += 2;
	}
	(void)yajl_gen_number(g, text, len);
}

static void gen(yajl_gen g, const struct mu_value *v)
{
	switch (v->kind) {
	case MU_VALUE_NULL:
		(void)yajl_gen_null(g);
		return;
	case MU_VALUE_BOOL:
		(void)yajl_gen_bool(g, v->boolean);
		return;
	case MU_VALUE_INT:
		(void)yajl_gen_integer(g, v->integer);
		return;
	case MU_VALUE_REAL:
		gen_real(g, v->real);
		return;
	case MU_VALUE_STRING:
		gen_string(g, v->string);
		return;
	case MU_VALUE_LIST:
		(void)yajl_gen_array_open(g);
		mu_value_each(child, v) gen(g, child);
		(void)yajl_gen_array_close(g);
		return;
	case MU_VALUE_OBJECT:
		(void)yajl_gen_map_open(g);
		mu_value_each(child, v)
		{
			gen_string(g, child->name);
			gen(g, child);
		}
		(void)yajl_gen_map_close(g);
		return;
	case _MU_VALUE_KIND_COUNT:
		break;
	}
	mu_assert_unreachable();
}

static void append_to_str(void *ctx, const char *text, size_t len)
{
	mu_str_add_bytes(ctx, text, len);
}

void mu_json_write(struct mu_str *out, const struct mu_value *v, bool pretty)
{
	yajl_gen g = yajl_gen_alloc(NULL);

	mu_assert(g);
	if (pretty) {
		yajl_gen_config(g, yajl_gen_beautify, 1);
		yajl_gen_config(g, yajl_gen_indent_string, "  ");
	}
	yajl_gen_config(g, yajl_gen_print_callback, append_to_str, out);
	gen(g, v);
	yajl_gen_free(g);
}
