/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which keys a file sets. libxlu answers for keys that one knows, but cannot list those that are
 * there; so this walks over the text beside it, over strings, comments and lists, and looks at
 * what stands before an "=".
 */
#include "agent/hv/xen/xen_xl.h"

#include <ctype.h>
#include <string.h>

enum { KEY_MAX = 63 };

struct scan {
	const char *at;
	const char *end;
	unsigned line;
	int depth; /* of brackets */
};

static void skip_comment(struct scan *s)
{
	while (s->at < s->end && *s->at != '\n')
		s->at++;
}

/* A quote without an end is libxlu's to complain about: it has read the text before. */
static void skip_string(struct scan *s)
{
	char quote = *s->at++;

	while (s->at < s->end && *s->at != quote) {
		if (*s->at == '\\' && s->at + 1 < s->end)
			s->at++;
		s->line += *s->at == '\n';
		s->at++;
	}
	if (s->at < s->end)
		s->at++;
}

static bool in_word(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '.' || c == '-';
}

/* The word at hand; true when it is a key: outside of lists, and "=" or "+=" behind it. */
static bool take_word(struct scan *s, char key[static KEY_MAX + 1])
{
	const char *start = s->at;
	const char *next;
	size_t len;

	while (s->at < s->end && in_word(*s->at))
		s->at++;
	len = (size_t)(s->at - start);
	for (next = s->at; next < s->end && (*next == ' ' || *next == '\t');)
		next++;
	if (next < s->end && *next == '+')
		next++;
	if (s->depth || next == s->end || *next != '=')
		return false;
	if (len > KEY_MAX)
		len = KEY_MAX;
	memcpy(key, start, len);
	key[len] = '\0';
	return true;
}

int xl_scan_keys(const char *text, size_t len, bool (*known)(const char *key), struct mu_error *err)
{
	struct scan s = {text, text + len, 1, 0};
	char key[KEY_MAX + 1];

	while (s.at < s.end) {
		if (*s.at == '#') {
			skip_comment(&s);
		} else if (*s.at == '"' || *s.at == '\'') {
			skip_string(&s);
		} else if (in_word(*s.at)) {
			if (take_word(&s, key) && !known(key))
				return mu_error_set(err, MU_E_INVALID,
						    "line %u: \"%s\" is no key of xl.cfg that is "
						    "known here; hint: remove it, or check its "
						    "spelling",
						    s.line, key);
		} else {
			s.line += *s.at == '\n';
			s.depth += (*s.at == '[') - (*s.at == ']');
			s.at++;
		}
	}
	return 0;
}
