/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A look at the text before libxlu gets it, for two reasons. libxlu answers for keys that one asks
 * for, but cannot list those that are there. And its parser is for a tool that ends soon: it leaks
 * at every syntax error, and stops the process at some escapes in strings. So what it gets is
 * known to be right:
 *
 *   file   = { [ key ("=" | "+=") value ] end }      end   = newline | ";"
 *   value  = string | number | "[" [ value { "," value } [ "," ] ] "]"
 *
 * with blanks anywhere, newlines and comments within lists.
 */
#include "agent/hv/xen/xen_xl.h"

#include <string.h>

enum { KEY_MAX = 63, DEPTH_MAX = 8 };

struct scan {
	const char *at;
	const char *end;
	unsigned line;
	struct mu_error *err;
};

static int wrong(const struct scan *s, const char *what)
{
	return mu_error_set(s->err, MU_E_INVALID, "line %u: %s", s->line, what);
}

static bool at(const struct scan *s, char c)
{
	return s->at < s->end && *s->at == c;
}

static bool take(struct scan *s, char c)
{
	bool there = at(s, c);

	s->at += there;
	return there;
}

static void skip_blanks(struct scan *s)
{
	while (at(s, ' ') || at(s, '\t'))
		s->at++;
}

/* Blanks, then a newline with the comment in front of it, if there is one. */
static bool take_newline(struct scan *s)
{
	skip_blanks(s);
	if (at(s, '#')) {
		while (s->at < s->end && *s->at != '\n')
			s->at++;
	}
	if (!take(s, '\n'))
		return false;
	s->line++;
	return true;
}

static void skip_newlines(struct scan *s)
{
	while (take_newline(s))
		;
}

static bool one_of(const struct scan *s, const char *chars)
{
	return s->at < s->end && strchr(chars, *s->at);
}

static int scan_string(struct scan *s)
{
	char quote = *s->at++;

	while (!at(s, quote)) {
		if (s->at == s->end || *s->at == '\n')
			return wrong(s, "a string without its end");
		if (*s->at++ != '\\')
			continue;
		if (!one_of(s, "\"'\\abfnrtv"))
			return wrong(s,
				     "an escape in a string that is not one of \\\" \\' \\\\ \\a "
				     "\\b \\f \\n \\r \\t \\v");
		s->at++;
	}
	s->at++;
	return 0;
}

static int scan_value(struct scan *s, unsigned depth);

static int scan_list(struct scan *s, unsigned depth)
{
	skip_newlines(s);
	while (!take(s, ']')) {
		if (scan_value(s, depth + 1) < 0)
			return MU_FAILED;
		skip_newlines(s);
		if (!take(s, ',') && !at(s, ']'))
			return wrong(s, "expected \",\" or \"]\" in a list");
		skip_newlines(s);
	}
	return 0;
}

static int scan_value(struct scan *s, unsigned depth)
{
	skip_blanks(s);
	if (depth > DEPTH_MAX)
		return wrong(s, "lists within lists, too deep");
	if (at(s, '"') || at(s, '\''))
		return scan_string(s);
	if (take(s, '['))
		return scan_list(s, depth);
	if (!one_of(s, "0123456789"))
		return wrong(s, "expected a string in quotes, a number or a list");
	while (one_of(s, "0123456789abcdefx"))
		s->at++;
	return 0;
}

static int scan_key(struct scan *s, bool (*known)(const char *key))
{
	const char *start = s->at;
	char key[KEY_MAX + 1];
	size_t len;

	while (one_of(s, "abcdefghijklmnopqrstuvwxyz0123456789._"))
		s->at++;
	len = (size_t)(s->at - start);
	if (!len || (*start < 'a' || *start > 'z'))
		return wrong(s, "expected KEY = VALUE");
	if (len > KEY_MAX)
		len = KEY_MAX;
	memcpy(key, start, len);
	key[len] = '\0';
	skip_blanks(s);
	(void)take(s, '+');
	if (!take(s, '='))
		return wrong(s, "expected \"=\" behind a key");
	if (!known(key))
		return mu_error_set(s->err, MU_E_INVALID,
				    "line %u: \"%s\" is no key of xl.cfg that is known here; hint: "
				    "remove it, or check its spelling",
				    s->line, key);
	return 0;
}

int xl_scan(const char *text, size_t len, bool (*known)(const char *key), struct mu_error *err)
{
	struct scan s = {text, text + len, 1, err};

	for (;;) {
		skip_newlines(&s);
		if (s.at == s.end)
			return 0;
		if (take(&s, ';'))
			continue;
		if (scan_key(&s, known) < 0 || scan_value(&s, 0) < 0)
			return MU_FAILED;
		skip_blanks(&s);
		if (s.at < s.end && !at(&s, '#') && !at(&s, '\n') && !at(&s, ';'))
			return wrong(&s, "expected the end of the line behind a value");
	}
}
