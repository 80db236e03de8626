/* SPDX-License-Identifier: Apache-2.0 */
#include "common/config/config.h"

#include "common/base/assert.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/time.h"
#include "common/os/file.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MAX_BYTES = 1 << 20 };

/* Texts of options live as long as the process, also those that a later one has overruled. */
struct kept {
	struct kept *next;
	char *text;
};

static struct kept *kept;

static const char *keep(const char *text)
{
	struct kept *k = mu_xmalloc(sizeof *k);

	*k = (struct kept){.next = kept, .text = mu_xstrdup(text)};
	kept = k;
	return k->text;
}

static const struct mu_option *find(const struct mu_option *table, const char *name, size_t len)
{
	for (const struct mu_option *o = table; o->name; o++)
		if (strncmp(o->name, name, len) == 0 && o->name[len] == '\0')
			return o;
	return NULL;
}

static void *field(const struct mu_option *o, void *config)
{
	return (char *)config + o->offset;
}

static bool parse_duration(const char *text, mu_msec *ret)
{
	static const struct {
		const char *unit;
		mu_msec ms;
	} units[] = {{"ms", 1},      {"s", 1000},     {"m", 60000},
		     {"h", 3600000}, {"d", 86400000}, {"", 1000}};
	size_t digits = strspn(text, "0123456789");
	MU_CLEANUP(mu_free) char *number = mu_xstrndup(text, digits);
	int64_t n;

	if (!mu_parse_i64(number, &n))
		return false;
	for (size_t i = 0; i < MU_ARRAY_SIZE(units); i++)
		if (strcmp(text + digits, units[i].unit) == 0)
			return !__builtin_mul_overflow(n, units[i].ms, ret);
	return false;
}

static bool is_choice(const char *choices, const char *value)
{
	size_t len = strlen(value);

	for (const char *p = choices;; p++) {
		if (len > 0 && strncmp(p, value, len) == 0 && (p[len] == '|' || p[len] == '\0'))
			return true;
		p = strchr(p, '|');
		if (!p)
			return false;
	}
}

static int bad(const struct mu_option *o, const char *where, const char *value, const char *want,
	       struct mu_error *err)
{
	return mu_error_set(err, MU_E_INVALID, "%s: %s: '%s' is not %s", where, o->name, value,
			    want);
}

static int set_bool(const struct mu_option *o, void *config, const char *value, const char *where,
		    struct mu_error *err)
{
	bool yes = strcmp(value, "true") == 0 || strcmp(value, "yes") == 0;

	if (!yes && strcmp(value, "false") != 0 && strcmp(value, "no") != 0)
		return bad(o, where, value, "true or false", err);
	*(bool *)field(o, config) = yes;
	return 0;
}

static int set_number(const struct mu_option *o, void *config, const char *value, const char *where,
		      struct mu_error *err)
{
	bool duration = o->type == MU_OPTION_DURATION;
	int64_t n;

	if (!(duration ? parse_duration(value, &n) : mu_parse_i64(value, &n)))
		return bad(o, where, value,
			   duration ? "a duration such as 500ms, 5s, 2m or 1h" : "a whole number",
			   err);
	if (n < o->min || (o->max > o->min && n > o->max))
		return mu_error_set(err, MU_E_INVALID, "%s: %s: %s is outside %lld..%lld%s", where,
				    o->name, value, (long long)o->min, (long long)o->max,
				    duration ? " ms" : "");
	*(int64_t *)field(o, config) = n;
	return 0;
}

static int set_option(const struct mu_option *o, void *config, const char *value, const char *where,
		      struct mu_error *err)
{
	switch (o->type) {
	case MU_OPTION_BOOL:
		return set_bool(o, config, value, where, err);
	case MU_OPTION_INT:
	case MU_OPTION_DURATION:
		return set_number(o, config, value, where, err);
	case MU_OPTION_CHOICE:
		if (!is_choice(o->choices, value))
			return mu_error_set(err, MU_E_INVALID, "%s: %s: '%s' is not one of %s",
					    where, o->name, value, o->choices);
		break;
	case MU_OPTION_STRING:
		break;
	case _MU_OPTION_TYPE_COUNT:
		mu_assert_unreachable();
	}
	*(const char **)field(o, config) = keep(value);
	return 0;
}

int mu_config_set(const struct mu_option *table, void *config, const char *name, const char *value,
		  const char *where, struct mu_error *err)
{
	const struct mu_option *o = find(table, name, strlen(name));

	if (!o)
		return mu_error_set(err, MU_E_INVALID,
				    "%s: unknown option '%s'; hint: --help lists "
				    "them",
				    where, name);
	return set_option(o, config, value, where, err);
}

void mu_config_defaults(const struct mu_option *table, void *config)
{
	for (const struct mu_option *o = table; o->name; o++)
		if (o->def) {
			if (o->type == MU_OPTION_STRING || o->type == MU_OPTION_CHOICE)
				*(const char **)field(o, config) = o->def;
			else
				mu_assert(set_option(o, config, o->def, "default", NULL) == 0);
		}
}

static char *trim(char *s)
{
	char *end = s + strlen(s);

	while (end > s && isspace((unsigned char)end[-1]))
		*--end = '\0';
	while (isspace((unsigned char)*s))
		s++;
	return s;
}

static int read_line(const struct mu_option *table, void *config, char *line, const char *where,
		     struct mu_error *err)
{
	char *text = trim(line), *equals;

	if (*text == '\0' || *text == '#')
		return 0;
	equals = strchr(text, '=');
	if (!equals)
		return mu_error_set(err, MU_E_INVALID, "%s: expected 'name = value', got '%.60s'",
				    where, text);
	*equals = '\0';
	return mu_config_set(table, config, trim(text), trim(equals + 1), where, err);
}

int mu_config_read_file(const struct mu_option *table, void *config, const char *path,
			struct mu_error *err)
{
	__attribute__((cleanup(mu_str_deinit_cleanup))) struct mu_str text = MU_STR_INIT;
	unsigned n = 1;

	if (mu_file_read(path, FILE_MAX_BYTES, &text, err) < 0)
		return MU_FAILED;
	for (char *line = text.data, *next; line; line = next, n++) {
		MU_CLEANUP(mu_free) char *where = mu_xasprintf("%s:%u", path, n);

		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		if (read_line(table, config, line, where, err) < 0)
			return MU_FAILED;
	}
	return 0;
}

/* One "--name[=value]"; *i moves past a value in the next argument. */
static int read_arg(const struct mu_option *table, void *config, int argc, char *const *argv,
		    int *i, struct mu_error *err)
{
	const char *name = argv[*i] + 2, *equals = strchr(name, '='), *value;
	size_t len = equals ? (size_t)(equals - name) : strlen(name);
	const struct mu_option *o = find(table, name, len);

	if (!o)
		return mu_error_set(err, MU_E_INVALID,
				    "unknown option --%.*s; hint: --help lists "
				    "them",
				    (int)len, name);
	if (equals)
		value = equals + 1;
	else if (o->type == MU_OPTION_BOOL)
		value = "true";
	else if (*i + 1 < argc)
		value = argv[++*i];
	else
		return mu_error_set(err, MU_E_INVALID, "--%s needs a value (%s)", o->name,
				    o->arg ? o->arg : "VALUE");
	return set_option(o, config, value, "command line", err);
}

int mu_config_read_args(const struct mu_option *table, void *config, int argc, char *const *argv,
			int *ret_next, struct mu_error *err)
{
	int i = 1;

	for (; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
		if (argv[i][2] == '\0') {
			i++;
			break;
		}
		if (read_arg(table, config, argc, argv, &i, err) < 0)
			return MU_FAILED;
	}
	*ret_next = i;
	return 0;
}

void mu_config_print_help(const struct mu_option *table, FILE *out)
{
	for (const struct mu_option *o = table; o->name; o++) {
		const char *arg = o->arg ? o->arg : o->choices ? o->choices : "VALUE";
		int n = o->type == MU_OPTION_BOOL ? fprintf(out, "  --%s", o->name)
						  : fprintf(out, "  --%s %s", o->name, arg);

		(void)fprintf(out, "%*s%s", n < 30 ? 30 - n : 2, "", o->help);
		if (o->def && *o->def && o->type != MU_OPTION_BOOL)
			(void)fprintf(out, " (%s)", o->def);
		(void)fputc('\n', out);
	}
}

void mu_config_print_example(const struct mu_option *table, FILE *out)
{
	for (const struct mu_option *o = table; o->name; o++)
		(void)fprintf(out, "# %s\n#%s = %s\n\n", o->help, o->name,
			      o->def       ? o->def
			      : o->choices ? o->choices
			      : o->arg     ? o->arg
					   : "");
}
