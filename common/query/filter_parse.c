/* SPDX-License-Identifier: Apache-2.0 */
/*
 * expr    := term*                          side by side: all must match
 * term    := '(' expr ')' | '|' '(' term+ ')' | '!' term | word | order number | regex
 * word    := text [':' term] | text '?'     text before ':' or '?' names a property
 * order   := '>' | '>=' | '<' | '<='        no blank behind it
 * text    := '"' (character | '\' character)* '"' | raw
 * raw     := digits, letters that have two cases, and "_-.$*"
 * regex   := '/' (character | '\\' character)* '/' ['i']
 *
 * A raw text with '*' is a pattern, one that is a decimal number also matches that number. Blanks
 * and ends of lines may stand between terms and on both sides of ':'.
 */
#include "common/base/str.h"
#include "common/query/filter.h"
#include "common/query/fold.h"

#include <stdlib.h>
#include <string.h>

struct parser {
	struct mu_arena *a;
	const char *text;
	const char *p;
	unsigned depth;
	unsigned n_terms;
	unsigned n_regexes;
	struct query_regexes *regexes; /* made with the first */
	struct mu_error *err;
};

struct word {
	const char *text;
	bool quoted;
};

static int parse_term(struct parser *p, struct query_filter **ret);

static int fail(struct parser *p, const char *what)
{
	return mu_error_set(p->err, MU_E_PROTOCOL, "filter: at character %zu: %s",
			    (size_t)(p->p - p->text) + 1, what);
}

static void skip_blanks(struct parser *p)
{
	p->p += strspn(p->p, " \t\n\v\f\r");
}

static struct query_filter *node_new(struct parser *p, enum query_kind kind)
{
	struct query_filter *f = mu_arena_calloc(p->a, 1, sizeof *f);

	f->kind = kind;
	return f;
}

/* Texts */

static int parse_quoted(struct parser *p, struct word *ret)
{
	char *out = mu_arena_alloc(p->a, strlen(p->p) + 1);
	size_t n = 0;

	p->p++;
	while (*p->p != '"') {
		if (*p->p == '\\')
			p->p++;
		if (*p->p == '\0')
			return fail(p, "the quoted text does not end; hint: close it with \"");
		out[n++] = *p->p++;
	}
	p->p++;
	out[n] = '\0';
	*ret = (struct word){.text = out, .quoted = true};
	return 0;
}

/* Length of the raw character at `s`, 0 when it is none. */
static size_t raw_char(const char *s)
{
	size_t len;
	uint32_t c = query_char(s, &len);

	if ((c >= '0' && c <= '9') || (c && c < 0x80 && strchr("_-.$*", (int)c)) ||
	    query_has_case(c))
		return len;
	return 0;
}

static int parse_raw(struct parser *p, struct word *ret)
{
	const char *begin = p->p;
	size_t len;

	while ((len = raw_char(p->p)))
		p->p += len;
	if (p->p == begin)
		return fail(p, *begin ? "unexpected character; hint: quote texts that hold it"
				      : "a term is missing");
	*ret = (struct word){.text = mu_arena_strndup(p->a, begin, (size_t)(p->p - begin))};
	return 0;
}

/* In decimal, as JavaScript's Number() takes it: "4", "-.5", "1e9". */
static bool as_number(const char *text, double *ret)
{
	char *end;

	if (text[strspn(text, "0123456789.eE-")])
		return false;
	*ret = strtod(text, &end);
	return end > text && *end == '\0';
}

/* Terms */

static struct query_filter *text_node(struct parser *p, const struct word *w)
{
	struct query_filter *f;

	if (!w->quoted && strchr(w->text, '*')) {
		f = node_new(p, QUERY_GLOB);
	} else {
		f = node_new(p, QUERY_STRING);
		if (!w->quoted && as_number(w->text, &f->number))
			f->kind = QUERY_NUMBER;
	}
	f->text = w->text;
	return f;
}

static int parse_word(struct parser *p, struct query_filter **ret)
{
	struct word w = {0};
	const char *behind;
	int r = *p->p == '"' ? parse_quoted(p, &w) : parse_raw(p, &w);

	if (r < 0)
		return r;
	if (*p->p == '?') {
		p->p++;
		*ret = node_new(p, QUERY_TRUTHY);
		(*ret)->text = w.text;
		return 0;
	}
	behind = p->p;
	skip_blanks(p);
	if (*p->p != ':') {
		p->p = behind;
		*ret = text_node(p, &w);
		return 0;
	}
	p->p++;
	skip_blanks(p);
	*ret = node_new(p, QUERY_PROPERTY);
	(*ret)->text = w.text;
	return parse_term(p, &(*ret)->first);
}

static int parse_compare(struct parser *p, struct query_filter **ret)
{
	struct query_filter *f = node_new(p, QUERY_COMPARE);
	bool greater = *p->p++ == '>';
	bool equal = *p->p == '=';
	struct word w = {0};

	if (equal)
		p->p++;
	f->order = greater ? (equal ? QUERY_GREATER_EQUAL : QUERY_GREATER)
			   : (equal ? QUERY_LESS_EQUAL : QUERY_LESS);
	if (raw_char(p->p) == 0)
		return fail(p, "a number must follow the comparison");
	(void)parse_raw(p, &w);
	if (!as_number(w.text, &f->number)) {
		p->p -= strlen(w.text);
		return fail(p, "a number must follow the comparison");
	}
	*ret = f;
	return 0;
}

/* p->p is behind the '/', and at the next that is not escaped on return. */
static int find_end(struct parser *p)
{
	const char *begin = p->p;

	for (; *p->p != '/'; p->p++) {
		if (p->p[0] == '\\' && p->p[1])
			p->p++;
		if (*p->p == '\0')
			return fail(p,
				    "the regular expression does not end; hint: close it with /");
		if (p->p - begin >= QUERY_REGEX_MAX)
			return fail(p, "the regular expression is too long");
	}
	return 0;
}

static int parse_regex(struct parser *p, struct query_filter **ret)
{
	const char *begin = ++p->p;
	size_t offset = 0;
	const char *why = NULL;
	const char *end;

	if (++p->n_regexes > QUERY_REGEXES_MAX)
		return fail(p, "too many regular expressions");
	if (find_end(p) < 0)
		return MU_FAILED;
	end = p->p++;
	*ret = node_new(p, QUERY_REGEX);
	(*ret)->text = mu_arena_strndup(p->a, begin, (size_t)(end - begin));
	if (!p->regexes)
		p->regexes = query_regexes_new(p->a);
	(*ret)->regex = query_regex_compile(p->regexes, (*ret)->text, (size_t)(end - begin),
					    *p->p == 'i', (size_t)(begin - p->text), &offset, &why);
	if (!(*ret)->regex) {
		p->p = begin + offset;
		return fail(p, why);
	}
	p->p += *p->p == 'i';
	return raw_char(p->p) == 0 ? 0 : fail(p, "a regular expression has no flag but i");
}

/* Terms up to `end` ('\0' or ')'), which is consumed unless it is the end of the text. */
static int parse_list(struct parser *p, char end, struct query_filter *parent)
{
	struct query_filter **last = &parent->first;

	for (;;) {
		skip_blanks(p);
		if (*p->p == end)
			break;
		if (*p->p == '\0')
			return fail(p, "a ) is missing");
		if (parse_term(p, last) < 0)
			return MU_FAILED;
		last = &(*last)->next;
	}
	if (end)
		p->p++;
	return 0;
}

static int parse_or(struct parser *p, struct query_filter **ret)
{
	p->p++;
	skip_blanks(p);
	if (*p->p != '(')
		return fail(p, "| needs its terms in parentheses, as in |(a b)");
	p->p++;
	*ret = node_new(p, QUERY_OR);
	if (parse_list(p, ')', *ret) < 0)
		return MU_FAILED;
	return (*ret)->first ? 0 : fail(p, "| has no terms");
}

static int parse_one(struct parser *p, struct query_filter **ret)
{
	switch (*p->p) {
	case '(':
		p->p++;
		*ret = node_new(p, QUERY_AND);
		return parse_list(p, ')', *ret);
	case '|':
		return parse_or(p, ret);
	case '!':
		p->p++;
		skip_blanks(p);
		*ret = node_new(p, QUERY_NOT);
		return parse_term(p, &(*ret)->first);
	case '>':
	case '<':
		return parse_compare(p, ret);
	case '/':
		return parse_regex(p, ret);
	default:
		return parse_word(p, ret);
	}
}

static int parse_term(struct parser *p, struct query_filter **ret)
{
	int r;

	if (++p->n_terms > QUERY_TERMS_MAX)
		return fail(p, "too many terms");
	if (++p->depth > QUERY_DEPTH_MAX)
		return fail(p, "nested too deeply");
	r = parse_one(p, ret);
	p->depth--;
	return r;
}

int query_filter_parse(struct mu_arena *a, const char *text, struct query_filter **ret_filter,
		       struct mu_error *err)
{
	struct parser p = {.a = a, .text = text, .p = text, .err = err};
	struct query_filter *root;

	if (strlen(text) > QUERY_FILTER_MAX)
		return mu_error_set(err, MU_E_PROTOCOL, "filter: longer than %d bytes",
				    QUERY_FILTER_MAX);
	if (!mu_utf8_valid(text, strlen(text)))
		return mu_error_set(err, MU_E_PROTOCOL, "filter: not UTF-8");
	root = node_new(&p, QUERY_AND);
	if (parse_list(&p, '\0', root) < 0)
		return MU_FAILED;
	root->regexes = p.regexes;
	query_filter_allow(root, QUERY_STEPS_MAX);
	*ret_filter = root;
	return 0;
}
