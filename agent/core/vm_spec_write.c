/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Definitions are written by the tables that they are read by: in the tables' order, without what
 * is at its default.
 */
#include "agent/core/vm_spec.h"
#include "agent/core/vm_spec_fields.h"
#include "common/base/assert.h"
#include "common/json/json.h"

#include <string.h>

static struct mu_value *encode_fields(struct mu_arena *a, const struct vm_field *fields, size_t n,
				      const void *base, const void *defaults);

static int64_t number_at(const struct vm_field *f, const char *place)
{
	uint32_t u;
	int32_t i;
	int64_t n;

	if (f->kind == FIELD_U32 || f->kind == FIELD_PLACE) {
		memcpy(&u, place, sizeof u);
		return u;
	}
	if (f->kind == FIELD_I32) {
		memcpy(&i, place, sizeof i);
		return i;
	}
	memcpy(&n, place, sizeof n);
	return n;
}

static struct mu_value *encode_number(struct mu_arena *a, const struct vm_field *f,
				      const char *place, const char *def)
{
	if (!f->required && number_at(f, place) == number_at(f, def))
		return NULL;
	return mu_value_int(a, number_at(f, place));
}

static struct mu_value *encode_place(struct mu_arena *a, const struct vm_field *f, const char *base)
{
	bool said;

	memcpy(&said, base + f->has, sizeof said);
	return said ? mu_value_int(a, number_at(f, base + f->offset)) : NULL;
}

static struct mu_value *encode_uuid(struct mu_arena *a, const char *place)
{
	struct mu_uuid uuid;
	char text[MU_UUID_TEXT];

	memcpy(&uuid, place, sizeof uuid);
	return mu_uuid_is_nil(&uuid) ? NULL : mu_value_string(a, mu_uuid_format(&uuid, text));
}

static struct mu_value *encode_bool(struct mu_arena *a, const char *place, const char *def)
{
	bool b, def_b;

	memcpy(&b, place, sizeof b);
	memcpy(&def_b, def, sizeof def_b);
	return b != def_b ? mu_value_bool(a, b) : NULL;
}

static struct mu_value *encode_enum(struct mu_arena *a, const struct vm_field *f, const char *place,
				    const char *def)
{
	unsigned e, def_e;

	memcpy(&e, place, sizeof e);
	memcpy(&def_e, def, sizeof def_e);
	if (f->kind == FIELD_FLAG)
		return e == HV_UNSET ? NULL : mu_value_bool(a, e == HV_ON);
	return f->required || e != def_e ? mu_value_string(a, f->names[e]) : NULL;
}

static struct mu_value *encode_strings(struct mu_arena *a, const char *text, char end)
{
	struct mu_value *list = mu_value_list(a);

	for (const char *cut; (cut = strchr(text, end)); text = cut + 1)
		mu_value_push(list,
			      mu_value_string(a, mu_arena_strndup(a, text, (size_t)(cut - text))));
	return list->n_children ? list : NULL;
}

static struct mu_value *encode_cpus(struct mu_arena *a, const char *text)
{
	if (strchr(text, ';'))
		return encode_strings(a, text, ';');
	return *text ? mu_value_string(a, text) : NULL;
}

static struct mu_value *encode_pairs(struct mu_arena *a, const struct hv_vm_config *c)
{
	struct mu_value *object = mu_value_object(a);

	for (size_t i = 0; i < c->n_xenstore; i++)
		mu_value_set_string(a, object, c->xenstore[i].key, c->xenstore[i].value);
	return object->n_children ? object : NULL;
}

static struct mu_value *encode_json(struct mu_arena *a, const char *text)
{
	struct mu_value *v;

	if (!*text)
		return NULL;
	mu_assert(mu_json_read(a, text, strlen(text), &v, NULL) == 0);
	return v;
}

static struct mu_value *encode_list(struct mu_arena *a, const struct vm_list *list,
				    const char *base)
{
	struct mu_value *out = mu_value_list(a);
	const char *item = base + list->items;
	void *def;
	size_t n;

	memcpy(&n, base + list->count, sizeof n);
	for (size_t i = 0; i < n; i++, item += list->item_size) {
		if (!list->fields) {
			mu_value_push(out, mu_value_string(a, item));
			continue;
		}
		def = mu_arena_calloc(a, 1, list->item_size);
		list->defaults(def, item);
		mu_value_push(out, encode_fields(a, list->fields, list->n_fields, item, def));
	}
	return n ? out : NULL;
}

/* NULL: at its default, not written. Required fields have no default. */
static struct mu_value *encode_field(struct mu_arena *a, const struct vm_field *f, const char *base,
				     const char *defaults)
{
	const char *place = base + f->offset;
	const char *def = defaults + f->offset;

	switch (f->kind) {
	case FIELD_UUID:
		return encode_uuid(a, place);
	case FIELD_TEXT:
	case FIELD_WORD:
		return f->required || strcmp(place, def) ? mu_value_string(a, place) : NULL;
	case FIELD_BOOL:
		return encode_bool(a, place, def);
	case FIELD_U32:
	case FIELD_I32:
	case FIELD_I64:
	case FIELD_SIZE:
		return encode_number(a, f, place, def);
	case FIELD_PLACE:
		return encode_place(a, f, base);
	case FIELD_NAME:
	case FIELD_FLAG:
		return encode_enum(a, f, place, def);
	case FIELD_ARCH:
		return NULL;
	case FIELD_LINES:
		return encode_strings(a, place, '\n');
	case FIELD_CPUS:
		return encode_cpus(a, place);
	case FIELD_PAIRS:
		return encode_pairs(a, &((const struct vm_spec *)(const void *)base)->config);
	case FIELD_JSON:
		return encode_json(a, place);
	case FIELD_LIST:
		return encode_list(a, f->list, base);
	}
	mu_assert_unreachable(); /* GCOVR_EXCL_LINE: every kind has returned */
}

static struct mu_value *encode_fields(struct mu_arena *a, const struct vm_field *fields, size_t n,
				      const void *base, const void *defaults)
{
	struct mu_value *object = mu_value_object(a);
	struct mu_value *child;

	for (size_t i = 0; i < n; i++) {
		child = encode_field(a, &fields[i], base, defaults);
		if (child)
			mu_value_set(a, object, fields[i].name, child);
	}
	return object;
}

struct mu_value *vm_spec_encode(struct mu_arena *a, const struct vm_spec *spec)
{
	struct vm_spec *def = mu_arena_alloc(a, sizeof *def);

	vm_spec_init(def);
	def->config.vcpus_max = spec->config.vcpus;
	def->config.memory_max_bytes = spec->config.memory_bytes;
	def->config.on_watchdog = spec->config.on_crash;
	if (spec->config.type == VM_TYPE_HVM)
		memcpy(def->config.firmware, "bios", sizeof "bios");
	return encode_fields(a, vm_spec_fields, vm_spec_n_fields, spec, def);
}
