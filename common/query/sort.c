/* SPDX-License-Identifier: Apache-2.0 */
#include "common/query/sort.h"

#include "common/base/str.h"
#include "common/query/filter.h"
#include "common/query/fold.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fail(const char *text, const char *at, const char *what, struct mu_error *err)
{
	return mu_error_set(err, MU_E_PROTOCOL, "sort: at character %zu: %s",
			    (size_t)(at - text) + 1, what);
}

/* "CPUs:number", p[0..len). */
static int parse_path(struct mu_arena *a, const char *text, const char *p, size_t len,
		      const char *path[4], struct mu_error *err)
{
	const char *end = p + len;

	for (size_t n = 0;; n++) {
		size_t step = strcspn(p, ":,");

		if (step == 0)
			return fail(
			    text, p,
			    "a property's name is missing; hint: sort=name_label,-startTime", err);
		if (n == 3)
			return fail(text, p, "a property is at most 3 names deep", err);
		path[n] = mu_arena_strndup(a, p, step);
		p += step;
		if (p == end)
			return 0;
		p++;
	}
}

int query_sort_parse(struct mu_arena *a, const char *text, struct query_sort *ret_sort,
		     struct mu_error *err)
{
	struct query_sort s = {.text = mu_arena_strdup(a, text)};
	const char *p = text;

	if (strlen(text) > QUERY_SORT_TEXT_MAX)
		return mu_error_set(err, MU_E_PROTOCOL, "sort: longer than %d bytes",
				    QUERY_SORT_TEXT_MAX);
	for (;;) {
		size_t len;

		if (s.n_keys == QUERY_SORT_MAX)
			return fail(text, p, "too many keys", err);
		s.keys[s.n_keys].descending = *p == '-';
		p += *p == '-';
		len = strcspn(p, ",");
		if (parse_path(a, text, p, len, s.keys[s.n_keys].path, err) < 0)
			return MU_FAILED;
		s.n_keys++;
		p += len;
		if (*p == '\0')
			break;
		p++;
	}
	*ret_sort = s;
	return 0;
}

bool query_sort_uses(const struct query_sort *s, const char *property)
{
	for (size_t i = 0; i < s->n_keys; i++)
		if (strcmp(s->keys[i].path[0], property) == 0)
			return true;
	return false;
}

/* Keys */

static const char *cut_text(struct mu_arena *a, const char *text)
{
	size_t len = strnlen(text, QUERY_TEXT_MAX + 1);

	if (len > QUERY_TEXT_MAX)
		for (len = QUERY_TEXT_MAX; ((unsigned char)text[len] & 0xc0u) == 0x80; len--)
			;
	return mu_arena_strndup(a, text, len);
}

static struct query_key key_of(struct mu_arena *a, const struct mu_value *v)
{
	struct query_key none = {.kind = QUERY_KEY_NONE};

	if (!v)
		return none;
	switch (v->kind) {
	case MU_VALUE_BOOL:
		return (struct query_key){.kind = QUERY_KEY_BOOL, .number = v->boolean};
	case MU_VALUE_INT:
		return (struct query_key){.kind = QUERY_KEY_NUMBER, .number = (double)v->integer};
	case MU_VALUE_REAL:
		return (struct query_key){.kind = QUERY_KEY_NUMBER, .number = v->real};
	case MU_VALUE_STRING:
		return (struct query_key){.kind = QUERY_KEY_TEXT, .text = cut_text(a, v->string)};
	case MU_VALUE_NULL:
	case MU_VALUE_LIST:
	case MU_VALUE_OBJECT:
	case _MU_VALUE_KIND_COUNT:
		break;
	}
	return none;
}

static const struct mu_value *at_path(const char *const *path, const struct mu_value *v,
				      struct mu_value *length)
{
	for (; *path; path++)
		v = query_member(v, *path, length);
	return v;
}

const struct query_key *query_sort_keys(struct mu_arena *a, const struct query_sort *s,
					const struct mu_value *object)
{
	struct query_key *keys = mu_arena_calloc(a, s->n_keys + 1, sizeof *keys);
	struct mu_value length;

	for (size_t i = 0; i < s->n_keys; i++)
		keys[i] = key_of(a, at_path(s->keys[i].path, object, &length));
	return keys;
}

int query_sort_check(const struct query_sort *s, const struct mu_value *object,
		     struct mu_error *err)
{
	struct mu_value length;

	for (size_t i = 0; i < s->n_keys; i++) {
		const char *const *path = s->keys[i].path;
		const struct mu_value *v = at_path(path, object, &length);
		bool is_list = v && v->kind == MU_VALUE_LIST;

		if (!is_list && (!v || v->kind != MU_VALUE_OBJECT))
			continue;
		return mu_error_set(err, MU_E_PROTOCOL,
				    "sort: \"%.100s%s%.100s\" is %s, which has no order; hint: "
				    "what is in it, as in %s",
				    path[0], path[1] ? ":" : "", path[1] ? path[1] : "",
				    is_list ? "a list" : "an object",
				    is_list ? "tags:length" : "memory:size");
	}
	return 0;
}

/* Comparing */

static int compare_texts(const char *a, const char *b)
{
	const char *p = a;
	const char *q = b;

	while (*p && *q) {
		size_t p_len;
		size_t q_len;
		uint32_t c = query_fold(query_char(p, &p_len));
		uint32_t d = query_fold(query_char(q, &q_len));

		if (c != d)
			return c < d ? -1 : 1;
		p += p_len;
		q += q_len;
	}
	if (*p || *q)
		return *q ? -1 : 1;
	return strcmp(a, b); /* they differ in case at most */
}

static int compare_keys(const struct query_key *a, const struct query_key *b, bool descending)
{
	int order;

	if (a->kind == QUERY_KEY_NONE || b->kind == QUERY_KEY_NONE)
		return (a->kind == QUERY_KEY_NONE) - (b->kind == QUERY_KEY_NONE);
	if (a->kind != b->kind)
		order = a->kind < b->kind ? -1 : 1;
	else if (a->kind == QUERY_KEY_TEXT)
		order = compare_texts(a->text, b->text);
	else
		order = (a->number > b->number) - (a->number < b->number);
	return descending ? -order : order;
}

int query_sort_compare(const struct query_sort *s, const struct query_row *a,
		       const struct query_row *b)
{
	for (size_t i = 0; i < s->n_keys; i++) {
		int order = compare_keys(&a->keys[i], &b->keys[i], s->keys[i].descending);

		if (order)
			return order;
	}
	return memcmp(a->id.bytes, b->id.bytes, sizeof a->id.bytes);
}

/* Cursors: "TEXT;ID" and, for each key, "b1", "n0.5", "tLENGTH:TEXT" or "-", in hexadecimal. */

static void add_text(struct mu_str *out, const char *text)
{
	mu_str_printf(out, "t%zu:%s", strlen(text), text);
}

static void add_key(struct mu_str *out, const struct query_key *key)
{
	switch (key->kind) {
	case QUERY_KEY_BOOL:
		mu_str_add(out, key->number > 0 ? "b1;" : "b0;");
		break;
	case QUERY_KEY_NUMBER: /* exact: hexadecimal */
		mu_str_printf(out, "n%a;", key->number);
		break;
	case QUERY_KEY_TEXT:
		add_text(out, key->text);
		break;
	case QUERY_KEY_NONE:
		mu_str_add_char(out, '-');
		break;
	}
}

const char *query_cursor_format(struct mu_arena *a, const struct query_sort *s,
				const struct query_row *row)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str out = MU_STR_INIT;
	char id[MU_UUID_TEXT];
	char *hex;

	add_text(&out, s->text);
	mu_str_add(&out, mu_uuid_format(&row->id, id));
	for (size_t i = 0; i < s->n_keys; i++)
		add_key(&out, &row->keys[i]);
	hex = mu_arena_alloc(a, 2 * out.len + 1);
	mu_hex_encode(hex, out.data, out.len);
	return hex;
}

/* "tLENGTH:TEXT"; NULL when it is none. */
static const char *take_text(struct mu_arena *a, const char **p)
{
	char *end;
	unsigned long len;
	const char *text;

	if ((*p)[0] != 't' || (*p)[1] < '0' || (*p)[1] > '9')
		return NULL;
	len = strtoul(*p + 1, &end, 10);
	if (*end != ':' || strnlen(end + 1, len) < len)
		return NULL;
	text = mu_arena_strndup(a, end + 1, len);
	*p = end + 1 + len;
	return text;
}

/* A number up to ';'; what is read is finite, as what was written. */
static bool take_number(const char **p, double *ret)
{
	char *end;

	*ret = strtod(*p, &end);
	if (end == *p || *end != ';' || !(*ret - *ret == 0))
		return false;
	*p = end + 1;
	return true;
}

static bool take_key(struct mu_arena *a, const char **p, struct query_key *ret)
{
	switch (**p) {
	case 't':
		ret->kind = QUERY_KEY_TEXT;
		ret->text = take_text(a, p);
		return ret->text && mu_utf8_valid(ret->text, strlen(ret->text));
	case 'b':
	case 'n':
		ret->kind = **p == 'b' ? QUERY_KEY_BOOL : QUERY_KEY_NUMBER;
		++*p;
		return take_number(p, &ret->number);
	case '-':
		ret->kind = QUERY_KEY_NONE;
		++*p;
		return true;
	default:
		return false;
	}
}

/* Behind the sort's text. */
static bool take_row(struct mu_arena *a, const struct query_sort *s, const char *p,
		     struct query_row *ret)
{
	struct query_key *keys = mu_arena_calloc(a, s->n_keys + 1, sizeof *keys);
	char id[MU_UUID_TEXT];

	if (strlen(p) < sizeof id - 1)
		return false;
	memcpy(id, p, sizeof id - 1);
	id[sizeof id - 1] = '\0';
	if (!mu_uuid_parse(id, &ret->id))
		return false;
	p += sizeof id - 1;
	for (size_t i = 0; i < s->n_keys; i++)
		if (!take_key(a, &p, &keys[i]))
			return false;
	ret->keys = keys;
	return *p == '\0';
}

int query_cursor_parse(struct mu_arena *a, const struct query_sort *s, const char *text,
		       struct query_row *ret_row, struct mu_error *err)
{
	size_t len = strlen(text) / 2;
	char *plain = mu_arena_calloc(a, 1, len + 1);
	struct query_row row = {.keys = NULL};
	const char *p = plain;
	const char *sort;

	if (!mu_hex_decode(plain, len, text) || !(sort = take_text(a, &p)))
		return mu_error_set(err, MU_E_PROTOCOL,
				    "cursor: this is none of ours; hint: follow the Link header of "
				    "the page before, or begin with cursor=");
	if (strcmp(sort, s->text) != 0)
		return mu_error_set(err, MU_E_PROTOCOL,
				    "cursor: it belongs to another sort (\"%.100s\"); hint: keep "
				    "sort as it is from page to page",
				    sort);
	if (!take_row(a, s, p, &row))
		return mu_error_set(err, MU_E_PROTOCOL,
				    "cursor: it is damaged; hint: begin again "
				    "with cursor=");
	*ret_row = row;
	return 0;
}
