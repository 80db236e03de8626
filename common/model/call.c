/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a call's arguments: the members that are there are looked up in the method's table (so an
 * unknown one is noticed), then what the table requires is looked for. Rules that need to know the
 * object stay with the handler.
 */
#include "common/model/call.h"

#include "common/base/assert.h"
#include "common/base/str.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Where a message is about: "arguments: tags[1]: ". */
struct path {
	const char *name;
	int64_t index; /* -1: not in a list */
};

const char *call_target_name(enum call_target t)
{
	static const char *const names[_CALL_TARGET_COUNT] = {[CALL_ON_VM] = "VM",
							      [CALL_ON_SR] = "SR",
							      [CALL_ON_VDI] = "VDI",
							      [CALL_ON_HOST] = "host"};

	mu_assert(t < _CALL_TARGET_COUNT);
	return names[t];
}

bool call_allowed(const struct call_method *m, enum vm_power p)
{
	return (m->powers & 1u << p) != 0;
}

const char *call_expected(const struct call_method *m, char *buf, size_t size)
{
	size_t at = 0;

	buf[0] = '\0';
	for (unsigned p = 0; p < _VM_POWER_COUNT && at < size; p++) {
		bool more = m->powers >> p >> 1;

		if (m->powers & 1u << p)
			at += (size_t)snprintf(buf + at, size - at, "%s%s",
					       !at    ? ""
					       : more ? ", "
						      : " or ",
					       vm_power_name((enum vm_power)p));
	}
	return buf;
}

/* Errors */

static int invalid(struct mu_error *err, const struct path *at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static int invalid(struct mu_error *err, const struct path *at, const char *fmt, ...)
{
	char what[256];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	if (at->index >= 0)
		return mu_error_set(err, MU_E_INVALID, "arguments: %s[%" PRId64 "]: %s", at->name,
				    at->index, what);
	return mu_error_set(err, MU_E_INVALID, "arguments: %s: %s", at->name, what);
}

static int wrong_kind(struct mu_error *err, const struct path *at, const char *expected,
		      const struct mu_value *v)
{
	return invalid(err, at, "expected %s, found %s", expected, mu_value_kind_name(v->kind));
}

/* Values */

static bool has_control(const char *s, bool line_breaks)
{
	for (; *s; s++) {
		if (line_breaks && (*s == '\n' || *s == '\r' || *s == '\t'))
			continue;
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return true;
	}
	return false;
}

static int check_text(const struct mu_value *v, const struct path *at, int64_t min, int64_t max,
		      bool line_breaks, struct mu_error *err)
{
	size_t len;

	if (v->kind != MU_VALUE_STRING)
		return wrong_kind(err, at, "a string", v);
	len = strlen(v->string);
	if (len < (size_t)min)
		return invalid(err, at, "must not be empty");
	if (len > (size_t)max)
		return invalid(err, at, "%zu bytes long; hint: at most %" PRId64, len, max);
	if (has_control(v->string, line_breaks))
		return invalid(err, at, "holds a control character");
	return 0;
}

static int check_range(int64_t n, const struct path *at, const struct call_arg *arg,
		       struct mu_error *err)
{
	if (n < arg->min || n > arg->max)
		return invalid(err, at,
			       "%" PRId64 " is out of range; hint: allowed are %" PRId64
			       " to %" PRId64,
			       n, arg->min, arg->max);
	return 0;
}

static int check_size(const struct mu_value *v, const struct path *at, const struct call_arg *arg,
		      struct mu_error *err)
{
	int64_t n = v->integer;

	if (v->kind != MU_VALUE_INT && v->kind != MU_VALUE_STRING)
		return wrong_kind(err, at, "a number of bytes or a size such as \"10GiB\"", v);
	if (v->kind == MU_VALUE_STRING && !mu_parse_size(v->string, &n))
		return invalid(err, at,
			       "not a size; hint: write bytes as a number, or a whole number with "
			       "KiB, MiB, GiB or TiB, such as \"10GiB\"");
	return check_range(n, at, arg, err);
}

static int check_name(const struct mu_value *v, const struct path *at, const struct call_arg *arg,
		      struct mu_error *err)
{
	char known[128] = "";
	char found[41];
	size_t len = 0;

	if (v->kind != MU_VALUE_STRING)
		return wrong_kind(err, at, "a string", v);
	for (const char *const *name = arg->names; *name && len < sizeof known; name++) {
		if (!strcmp(v->string, *name))
			return 0;
		len += (size_t)snprintf(known + len, sizeof known - len, "%s%s", len ? ", " : "",
					**name ? *name : "\"\"");
	}
	mu_utf8_sanitize(found, sizeof found - 1, v->string, strlen(v->string));
	return invalid(err, at, "\"%s\" is not known; hint: one of %s", found, known);
}

static int check_uuid(const struct mu_value *v, const struct path *at, struct mu_error *err)
{
	struct mu_uuid uuid;

	if (v->kind != MU_VALUE_STRING)
		return wrong_kind(err, at, "a string", v);
	if (!mu_uuid_parse(v->string, &uuid) || mu_uuid_is_nil(&uuid))
		return invalid(err, at, "not a UUID");
	return 0;
}

static int check_list(const struct mu_value *v, const struct path *at, const struct call_arg *arg,
		      struct mu_error *err)
{
	struct path item = {at->name, 0};

	if (v->kind != MU_VALUE_LIST)
		return wrong_kind(err, at, "a list", v);
	if (v->n_children > CALL_LIST_MAX)
		return invalid(err, at, "%zu entries; hint: at most %d", v->n_children,
			       CALL_LIST_MAX);
	mu_value_each(it, v)
	{
		if (arg->kind == CALL_OBJECTS && it->kind != MU_VALUE_OBJECT)
			return wrong_kind(err, &item, "an object", it);
		if (arg->kind == CALL_TEXTS && check_text(it, &item, 1, arg->max, false, err) < 0)
			return MU_FAILED;
		item.index++;
	}
	return 0;
}

static int check_object(const struct mu_value *v, const struct path *at, const struct call_arg *arg,
			struct mu_error *err)
{
	char name[128];
	struct path member = {name, -1};

	if (v->kind != MU_VALUE_OBJECT)
		return wrong_kind(err, at, "an object", v);
	if (arg->kind == CALL_OBJECT)
		return 0;
	if (v->n_children > CALL_LIST_MAX)
		return invalid(err, at, "%zu members; hint: at most %d", v->n_children,
			       CALL_LIST_MAX);
	mu_value_each(it, v)
	{
		char key[64];

		mu_utf8_sanitize(key, sizeof key - 1, it->name, strlen(it->name));
		(void)snprintf(name, sizeof name, "%s.%s", at->name, key);
		if (check_text(it, &member, 0, arg->max, false, err) < 0)
			return MU_FAILED;
	}
	return 0;
}

static int check_value(const struct mu_value *v, const struct call_arg *arg, struct mu_error *err)
{
	struct path at = {arg->name, -1};

	if (v->kind == MU_VALUE_NULL && arg->nullable)
		return 0;
	switch (arg->kind) {
	case CALL_TEXT:
	case CALL_LONG:
		return check_text(v, &at, arg->min, arg->max, arg->kind == CALL_LONG, err);
	case CALL_BOOL:
		return v->kind == MU_VALUE_BOOL ? 0 : wrong_kind(err, &at, "true or false", v);
	case CALL_INT:
		return v->kind == MU_VALUE_INT ? check_range(v->integer, &at, arg, err)
					       : wrong_kind(err, &at, "an integer", v);
	case CALL_SIZE:
		return check_size(v, &at, arg, err);
	case CALL_UUID:
		return check_uuid(v, &at, err);
	case CALL_NAME:
		return check_name(v, &at, arg, err);
	case CALL_TEXTS:
	case CALL_OBJECTS:
		return check_list(v, &at, arg, err);
	case CALL_MAP:
	case CALL_OBJECT:
		return check_object(v, &at, arg, err);
	}
	mu_assert_unreachable(); /* GCOVR_EXCL_LINE: every kind has returned */
}

/* Arguments */

static const struct call_arg *find_arg(const struct call_method *m, const char *name)
{
	for (size_t i = 0; i < m->n_args; i++) {
		if (!strcmp(m->args[i].name, name))
			return &m->args[i];
	}
	return NULL;
}

/* What it takes is said, where that is no page. */
static int check_unknown(const struct call_method *m, const char *name, struct mu_error *err)
{
	char shown[64], known[192] = "";
	size_t len = 0;

	for (size_t i = 0; i < m->n_args && len < sizeof known; i++)
		len += (size_t)snprintf(known + len, sizeof known - len, "%s%s", i ? ", " : "",
					m->args[i].name);
	mu_utf8_sanitize(shown, sizeof shown - 1, name, strlen(name));
	if (len >= sizeof known)
		return mu_error_set(err, MU_E_INVALID,
				    "arguments: %s: unknown argument of %s; hint: "
				    "docs/design/objects.md has the list, spelling and case count",
				    shown, m->name);
	return mu_error_set(err, MU_E_INVALID,
			    "arguments: %s: unknown argument of %s; hint: it takes %s", shown,
			    m->name, m->n_args ? known : "none");
}

/* "networkId or bridge" */
static int none_of(const struct call_method *m, struct mu_error *err)
{
	char names[128] = "";
	size_t len = 0;

	for (size_t i = 0; i < m->n_args && len < sizeof names; i++) {
		if (m->args[i].need == CALL_ONE_OF)
			len += (size_t)snprintf(names + len, sizeof names - len, "%s%s",
						len ? " or " : "", m->args[i].name);
	}
	return mu_error_set(err, MU_E_INVALID, "arguments: %s: required, but missing", names);
}

static int check_needs(const struct call_method *m, const struct mu_value *args,
		       struct mu_error *err)
{
	bool wanted = false, given = false;

	for (size_t i = 0; i < m->n_args; i++) {
		const struct call_arg *arg = &m->args[i];
		bool there = mu_value_get(args, arg->name) != NULL;

		if (arg->need == CALL_REQUIRED && !there)
			return mu_error_set(err, MU_E_INVALID,
					    "arguments: %s: required, but missing", arg->name);
		wanted |= arg->need == CALL_ONE_OF;
		given |= arg->need == CALL_ONE_OF && there;
	}
	return wanted && !given ? none_of(m, err) : 0;
}

int call_check(const struct call_method *m, const struct mu_value *args, struct mu_error *err)
{
	const struct call_arg *arg;

	if (args->kind != MU_VALUE_OBJECT)
		return mu_error_set(err, MU_E_INVALID, "arguments: expected an object, found %s",
				    mu_value_kind_name(args->kind));
	mu_value_each(member, args)
	{
		arg = find_arg(m, member->name);
		if (!arg)
			return check_unknown(m, member->name, err);
		if (check_value(member, arg, err) < 0)
			return MU_FAILED;
	}
	return check_needs(m, args, err);
}
