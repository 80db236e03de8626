/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Definitions are read by one table per object (vm_spec_fields.c). The reader walks the members
 * that are there, so that an unknown one is noticed. Rules between fields are plain code, in
 * vm_spec_check.c.
 */
#include "agent/core/vm_spec.h"
#include "agent/core/vm_spec_fields.h"
#include "common/base/assert.h"
#include "common/base/str.h"
#include "common/json/json.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define KIB INT64_C(1024)
#define ARCH "x86_64"

/* Where a message is about: "disks[1]." in front of the field's name. */
struct path {
	const char *list; /* NULL at the top */
	size_t index;
};

/* Errors */

static int invalid(struct mu_error *err, const struct path *at, const char *field, const char *what)
{
	if (at->list)
		return mu_error_set(err, MU_E_INVALID, "%s[%zu]%s%s: %s", at->list, at->index,
				    *field ? "." : "", field, what);
	return mu_error_set(err, MU_E_INVALID, "%s%s%s", field, *field ? ": " : "", what);
}

static int wrong_kind(struct mu_error *err, const struct path *at, const char *field,
		      const char *expected, const struct mu_value *v)
{
	char what[96];

	(void)snprintf(what, sizeof what, "expected %s, found %s", expected,
		       mu_value_kind_name(v->kind));
	return invalid(err, at, field, what);
}

static int out_of_range(struct mu_error *err, const struct path *at, const struct vm_field *f,
			int64_t found)
{
	char what[128];

	(void)snprintf(what, sizeof what,
		       "%" PRId64 " is out of range; hint: allowed are %" PRId64 " to %" PRId64,
		       found, f->min, f->max);
	return invalid(err, at, f->name, what);
}

static void list_names(char *dst, size_t size, const struct vm_field *f)
{
	size_t at = 0;

	for (size_t i = 0; i < f->n_names && at < size; i++)
		at += (size_t)snprintf(dst + at, size - at, "%s%s", i ? ", " : "", f->names[i]);
}

/* Reading one field */

static bool has_control(const char *s)
{
	for (; *s; s++) {
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return true;
	}
	return false;
}

static int read_text(const struct mu_value *v, const struct path *at, const struct vm_field *f,
		     char *dst, struct mu_error *err)
{
	char what[96];
	size_t len;

	if (v->kind != MU_VALUE_STRING)
		return wrong_kind(err, at, f->name, "a string", v);
	len = strlen(v->string);
	if (len < (size_t)f->min)
		return invalid(err, at, f->name, "must not be empty");
	if (len > (size_t)f->max) {
		(void)snprintf(what, sizeof what, "%zu bytes long; hint: at most %" PRId64, len,
			       f->max);
		return invalid(err, at, f->name, what);
	}
	if (has_control(v->string))
		return invalid(err, at, f->name, "holds a control character");
	memcpy(dst, v->string, len + 1);
	return 0;
}

static int read_int(const struct mu_value *v, const struct path *at, const struct vm_field *f,
		    int64_t *ret, struct mu_error *err)
{
	if (v->kind != MU_VALUE_INT)
		return wrong_kind(err, at, f->name, "an integer", v);
	if (v->integer < f->min || v->integer > f->max)
		return out_of_range(err, at, f, v->integer);
	*ret = v->integer;
	return 0;
}

static int read_size(const struct mu_value *v, const struct path *at, const struct vm_field *f,
		     int64_t *ret, struct mu_error *err)
{
	int64_t n;

	if (v->kind == MU_VALUE_STRING) {
		if (!mu_parse_size(v->string, &n))
			return invalid(err, at, f->name,
				       "not a size; hint: write bytes as a number, or a whole "
				       "number with KiB, MiB, GiB or TiB, such as \"96MiB\"");
	} else if (v->kind == MU_VALUE_INT) {
		n = v->integer;
	} else {
		return wrong_kind(err, at, f->name, "a number of bytes or a size such as \"96MiB\"",
				  v);
	}
	if (n < f->min || n > f->max)
		return out_of_range(err, at, f, n);
	if (n % KIB)
		return invalid(err, at, f->name, "not a whole number of KiB");
	*ret = n;
	return 0;
}

static int read_name(const struct mu_value *v, const struct path *at, const struct vm_field *f,
		     unsigned *ret, struct mu_error *err)
{
	char known[64];
	char what[192];

	if (v->kind != MU_VALUE_STRING)
		return wrong_kind(err, at, f->name, "a string", v);
	for (unsigned i = 0; i < f->n_names; i++) {
		if (!strcmp(v->string, f->names[i])) {
			*ret = i;
			return 0;
		}
	}
	list_names(known, sizeof known, f);
	(void)snprintf(what, sizeof what, "\"%.40s\" is not known; hint: one of %s", v->string,
		       known);
	return invalid(err, at, f->name, what);
}

/* `names` holds every one that there can be: 64 bytes suffice. */
static int read_word(const struct mu_value *v, const struct path *at, const struct vm_field *f,
		     char *dst, struct mu_error *err)
{
	unsigned n;

	if (read_name(v, at, f, &n, err) < 0)
		return MU_FAILED;
	memcpy(dst, f->names[n], strlen(f->names[n]) + 1);
	return 0;
}

static int read_arch(const struct mu_value *v, const struct path *at, const struct vm_field *f,
		     struct mu_error *err)
{
	char what[128];
	char found[32];

	if (v->kind != MU_VALUE_STRING)
		return wrong_kind(err, at, f->name, "a string", v);
	if (!strcmp(v->string, ARCH))
		return 0;
	mu_utf8_sanitize(found, sizeof found - 1, v->string, strlen(v->string));
	(void)snprintf(what, sizeof what,
		       "\"%s\" is another architecture than this host's; hint: only " ARCH
		       " guests run here",
		       found);
	return invalid(err, at, f->name, what);
}

static int read_uuid(const struct mu_value *v, const struct path *at, const struct vm_field *f,
		     struct mu_uuid *ret, struct mu_error *err)
{
	struct mu_uuid uuid;

	if (v->kind != MU_VALUE_STRING)
		return wrong_kind(err, at, f->name, "a string", v);
	if (!mu_uuid_parse(v->string, &uuid) || mu_uuid_is_nil(&uuid))
		return invalid(err, at, f->name, "not a UUID");
	*ret = uuid;
	return 0;
}

/* Strings, each with `end` behind it: an entry of the list must not hold that. */
static int read_strings(const struct mu_value *v, const struct path *at, const struct vm_field *f,
			char end, char *dst, struct mu_error *err)
{
	struct vm_field entry = *f;
	size_t used = 0;
	size_t len;

	if (v->kind != MU_VALUE_LIST)
		return wrong_kind(err, at, f->name, "a list of strings", v);
	entry.min = 1;
	mu_value_each(it, v)
	{
		entry.max = f->max - (int64_t)used - 1;
		if (it->kind == MU_VALUE_STRING && (int64_t)strlen(it->string) > entry.max)
			return invalid(err, at, f->name, "too long altogether");
		if (read_text(it, at, &entry, dst + used, err) < 0)
			return MU_FAILED;
		if (strchr(dst + used, end))
			return invalid(err, at, f->name, "a list in an entry of the list");
		len = strlen(dst + used);
		dst[used + len] = end;
		used += len + 1;
	}
	dst[used] = '\0';
	return 0;
}

static int read_cpus(const struct mu_value *v, const struct path *at, const struct vm_field *f,
		     char *dst, struct mu_error *err)
{
	if (v->kind == MU_VALUE_LIST)
		return read_strings(v, at, f, ';', dst, err);
	if (v->kind != MU_VALUE_STRING)
		return wrong_kind(err, at, f->name, "a CPU list such as \"0-3\", or a list of them",
				  v);
	if (strchr(v->string, ';'))
		return invalid(err, at, f->name,
			       "holds \";\"; hint: a list of strings has one per vCPU");
	return read_text(v, at, f, dst, err);
}

static int read_json(const struct mu_value *v, const struct path *at, const struct vm_field *f,
		     char *dst, struct mu_error *err)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	char what[96];

	if (v->kind != MU_VALUE_OBJECT)
		return wrong_kind(err, at, f->name, "an object", v);
	mu_json_write(&text, v, false);
	if (text.len > (size_t)f->max) {
		(void)snprintf(what, sizeof what, "%zu bytes long; hint: at most %" PRId64,
			       text.len, f->max);
		return invalid(err, at, f->name, what);
	}
	if (v->n_children)
		memcpy(dst, text.data, text.len + 1);
	return 0;
}

static int read_pairs(const struct mu_value *v, const struct vm_field *f, struct vm_spec *spec,
		      struct mu_error *err)
{
	static const struct path top = {NULL, 0};
	struct hv_vm_config *c = &spec->config;
	struct vm_field value = *f;
	char what[96];

	if (v->kind != MU_VALUE_OBJECT)
		return wrong_kind(err, &top, f->name, "an object", v);
	if (v->n_children > HV_XENSTORE_MAX) {
		(void)snprintf(what, sizeof what, "%zu entries; hint: at most %d", v->n_children,
			       HV_XENSTORE_MAX);
		return invalid(err, &top, f->name, what);
	}
	value.min = 0;
	value.max = sizeof c->xenstore[0].value - 1;
	mu_value_each(it, v)
	{
		struct hv_pair *pair = &c->xenstore[c->n_xenstore];

		if (strlen(it->name) >= sizeof pair->key)
			return invalid(err, &top, f->name, "a key longer than 63 bytes");
		if (read_text(it, &top, &value, pair->value, err) < 0)
			return MU_FAILED;
		memcpy(pair->key, it->name, strlen(it->name) + 1);
		c->n_xenstore++;
	}
	return 0;
}

static int read_number(const struct mu_value *v, const struct path *at, const struct vm_field *f,
		       char *place, struct mu_error *err)
{
	int64_t n;
	uint32_t u;
	int32_t i;

	if ((f->kind == FIELD_SIZE ? read_size(v, at, f, &n, err) : read_int(v, at, f, &n, err)) <
	    0)
		return MU_FAILED;
	u = (uint32_t)n; /* in range: the row says so */
	i = (int32_t)n;
	if (f->kind == FIELD_U32 || f->kind == FIELD_PLACE)
		memcpy(place, &u, sizeof u);
	else if (f->kind == FIELD_I32)
		memcpy(place, &i, sizeof i);
	else
		memcpy(place, &n, sizeof n);
	return 0;
}

static int read_bool(const struct mu_value *v, const struct path *at, const struct vm_field *f,
		     char *place, struct mu_error *err)
{
	unsigned flag;

	if (v->kind != MU_VALUE_BOOL)
		return wrong_kind(err, at, f->name, "true or false", v);
	flag = v->boolean ? HV_ON : HV_OFF;
	if (f->kind == FIELD_FLAG)
		memcpy(place, &flag, sizeof flag);
	else
		memcpy(place, &v->boolean, sizeof v->boolean);
	return 0;
}

static int read_list(const struct mu_value *v, const struct vm_field *f, void *base,
		     struct mu_error *err);

/* `base` is the struct that f->offset counts from; lists and pairs are only in struct vm_spec. */
static int read_field(const struct mu_value *v, const struct path *at, const struct vm_field *f,
		      void *base, struct mu_error *err)
{
	static const bool said = true;
	char *place = (char *)base + f->offset;

	switch (f->kind) {
	case FIELD_UUID:
		return read_uuid(v, at, f, (struct mu_uuid *)(void *)place, err);
	case FIELD_TEXT:
		return read_text(v, at, f, place, err);
	case FIELD_BOOL:
	case FIELD_FLAG:
		return read_bool(v, at, f, place, err);
	case FIELD_PLACE:
		memcpy((char *)base + f->has, &said, sizeof said);
		return read_number(v, at, f, place, err);
	case FIELD_U32:
	case FIELD_I32:
	case FIELD_I64:
	case FIELD_SIZE:
		return read_number(v, at, f, place, err);
	case FIELD_NAME:
		return read_name(v, at, f, (unsigned *)(void *)place, err);
	case FIELD_WORD:
		return read_word(v, at, f, place, err);
	case FIELD_ARCH:
		return read_arch(v, at, f, err);
	case FIELD_LINES:
		return read_strings(v, at, f, '\n', place, err);
	case FIELD_CPUS:
		return read_cpus(v, at, f, place, err);
	case FIELD_PAIRS:
		return read_pairs(v, f, base, err);
	case FIELD_JSON:
		return read_json(v, at, f, place, err);
	case FIELD_LIST:
		return read_list(v, f, base, err);
	}
	mu_assert_unreachable(); /* GCOVR_EXCL_LINE: every kind has returned */
}

static const struct vm_field *find_field(const struct vm_field *fields, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if (!strcmp(fields[i].name, name))
			return &fields[i];
	}
	return NULL;
}

static int read_object(const struct mu_value *v, const struct path *at,
		       const struct vm_field *fields, size_t n_fields, void *base,
		       struct mu_error *err)
{
	const struct vm_field *f;

	if (v->kind != MU_VALUE_OBJECT)
		return wrong_kind(err, at, "", "an object", v);
	mu_value_each(member, v)
	{
		f = find_field(fields, n_fields, member->name);
		if (!f) {
			char name[64];

			mu_utf8_sanitize(name, sizeof name - 1, member->name, strlen(member->name));
			return invalid(err, at, name,
				       "unknown field; hint: docs/formats/vm-definition.md has the "
				       "list, spelling and case count");
		}
		if (read_field(member, at, f, base, err) < 0)
			return MU_FAILED;
	}
	for (size_t i = 0; i < n_fields; i++) {
		if (fields[i].required && !mu_value_get(v, fields[i].name))
			return invalid(err, at, fields[i].name, "required, but missing");
	}
	return 0;
}

/* Lists */

static int read_tag(const struct mu_value *v, const struct path *at, const char *first, char *dst,
		    struct mu_error *err)
{
	static const struct vm_field tag = {.name = "", .min = 1, .max = MODEL_TAG_MAX};

	if (read_text(v, at, &tag, dst, err) < 0)
		return MU_FAILED;
	for (size_t i = 0; i < at->index; i++) {
		if (!strcmp(first + i * (MODEL_TAG_MAX + 1), dst))
			return invalid(err, at, "", "the same tag twice");
	}
	return 0;
}

static int read_item(const struct mu_value *v, const struct path *at, const struct vm_list *list,
		     void *item, struct mu_error *err)
{
	list->defaults(item, NULL);
	if (read_object(v, at, list->fields, list->n_fields, item, err) < 0)
		return MU_FAILED;
	if (list->read)
		list->read(item);
	return 0;
}

static int read_list(const struct mu_value *v, const struct vm_field *f, void *base,
		     struct mu_error *err)
{
	const struct vm_list *list = f->list;
	const struct path top = {NULL, 0};
	struct path at = {f->name, 0};
	char *items = (char *)base + list->items;
	char what[96];
	char *item;
	int r;

	if (v->kind != MU_VALUE_LIST)
		return wrong_kind(err, &top, f->name, "a list", v);
	if (v->n_children > list->max) {
		(void)snprintf(what, sizeof what, "%zu entries; hint: at most %zu", v->n_children,
			       list->max);
		return invalid(err, &top, f->name, what);
	}
	mu_value_each(it, v)
	{
		item = items + at.index * list->item_size;
		r = list->fields ? read_item(it, &at, list, item, err)
				 : read_tag(it, &at, items, item, err);
		if (r < 0)
			return MU_FAILED;
		at.index++;
	}
	memcpy((char *)base + list->count, &at.index, sizeof at.index);
	return 0;
}

int vm_spec_decode(const struct mu_value *v, struct vm_spec *ret_spec, struct mu_error *err)
{
	const struct path top = {NULL, 0};
	struct vm_spec spec;

	vm_spec_init(&spec);
	if (read_object(v, &top, vm_spec_fields, vm_spec_n_fields, &spec, err) < 0)
		return MU_FAILED;
	if (!mu_value_get(v, "vcpusMax"))
		spec.config.vcpus_max = spec.config.vcpus;
	if (!mu_value_get(v, "memoryMax"))
		spec.config.memory_max_bytes = spec.config.memory_bytes;
	if (!mu_value_get(v, "onWatchdog"))
		spec.config.on_watchdog = spec.config.on_crash;
	if (spec.config.type == VM_TYPE_HVM && !*spec.config.firmware)
		memcpy(spec.config.firmware, "bios", sizeof "bios");
	if (vm_spec_check(&spec, err) < 0)
		return MU_FAILED;
	*ret_spec = spec;
	return 0;
}
