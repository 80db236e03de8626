/* SPDX-License-Identifier: Apache-2.0 */
/* "key=value,key=value": how xl.cfg describes devices. */
#include "agent/hv/dconf/dconf.h"
#include "agent/hv/xen/xen_xl.h"
#include "common/base/assert.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool xl_number(const char *text, int base, int64_t max, int64_t *ret)
{
	char *end;
	long long n;

	if (!strchr("0123456789abcdefABCDEF", *text) || !*text)
		return false;
	errno = 0;
	n = strtoll(text, &end, base);
	if (end == text || *end || errno || n < 0 || n > max)
		return false;
	*ret = n;
	return true;
}

static const char *word_of(const char *const *words, const char *text)
{
	for (; *words; words += 2) {
		if (!strcmp(words[0], text))
			return words[1];
	}
	return NULL;
}

static struct mu_value *option_value(struct mu_arena *a, const struct xl_option *o,
				     const char *text)
{
	const char *word;
	int64_t n;

	switch (o->kind) {
	case XL_OPT_TEXT:
		return mu_value_string(a, text);
	case XL_OPT_WORD:
		word = word_of(o->words, text);
		return word ? mu_value_string(a, word) : NULL;
	case XL_OPT_INT:
		return xl_number(text, 0, o->max ? o->max : INT32_MAX, &n) ? mu_value_int(a, n)
									   : NULL;
	case XL_OPT_BOOL:
		return xl_number(text, 0, INT32_MAX, &n) ? mu_value_bool(a, n != 0) : NULL;
	case XL_OPT_DEFBOOL:
		return xl_number(text, 0, INT32_MAX, &n) ? mu_value_string(a, n ? "True" : "False")
							 : NULL;
	}
	mu_assert_unreachable();
}

static int put_option(struct xl *x, const struct xl_option *o, const char *text,
		      struct mu_value *object, struct mu_error *err)
{
	struct mu_value *v = option_value(x->arena, o, text);

	if (!v)
		return mu_error_set(err, MU_E_INVALID, "option %s: \"%.60s\" is no value for it",
				    o->name, text);
	dconf_set(x->arena, object, o->path, v);
	return 0;
}

int xl_option_read(struct xl *x, const char *text, const struct xl_option *options, size_t n,
		   struct mu_value *object, struct mu_error *err)
{
	const char *equals = strchr(text, '=');
	size_t len = equals ? (size_t)(equals - text) : strlen(text);

	while (len && text[len - 1] == ' ')
		len--;
	for (size_t i = 0; equals && i < n; i++) {
		if (strlen(options[i].name) != len || strncmp(options[i].name, text, len) != 0)
			continue;
		equals += 1 + strspn(equals + 1, " ");
		return put_option(x, &options[i], equals, object, err);
	}
	return mu_error_set(err, MU_E_INVALID, "option \"%.60s\" is not known", text);
}

int xl_options_read(struct xl *x, const char *text, const struct xl_option *options, size_t n,
		    int (*other)(struct xl *x, const char *option, struct mu_value *object,
				 struct mu_error *err),
		    struct mu_value *object, struct mu_error *err)
{
	char *rest = mu_arena_strdup(x->arena, text);
	int r;

	for (char *item; (item = strsep(&rest, ","));) {
		size_t len;

		item += strspn(item, " \t\n");
		for (len = strlen(item); len && strchr(" \t\n", item[len - 1]);)
			item[--len] = '\0';
		if (!*item)
			continue;
		r = other ? other(x, item, object, err) : 1;
		if (r < 0 || (r > 0 && xl_option_read(x, item, options, n, object, err) < 0))
			return MU_FAILED;
	}
	return 0;
}
