/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Definitions are read and written by one table per object: a row is a field's name, kind, place
 * and range. The reader walks the members that are there (so an unknown one is noticed), the
 * writer walks the table (so the order is fixed). Rules between fields are plain code behind it.
 */
#include "agent/core/vm_spec.h"

#include "common/base/assert.h"
#include "common/base/str.h"

#include <ctype.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define KIB INT64_C(1024)
#define MIB (1024 * KIB)
#define TIB (1024 * 1024 * MIB)

enum field_kind {
	FIELD_UUID,
	FIELD_TEXT, /* char[max + 1] */
	FIELD_BOOL,
	FIELD_U32,
	FIELD_I32,
	FIELD_MSEC,
	FIELD_SIZE, /* int64_t of bytes, or a string with a unit */
	FIELD_NAME, /* an enum by `names` */
	FIELD_DISKS,
	FIELD_NICS,
	FIELD_TAGS,
};

struct field {
	const char *name;
	enum field_kind kind;
	bool required;
	size_t offset;
	int64_t min;
	int64_t max; /* FIELD_TEXT: bytes */
	const char *const *names;
	size_t n_names;
};

/* Where a message is about: "disks[1]." in front of the field's name. */
struct path {
	const char *list; /* NULL at the top */
	size_t index;
};

static const char *const kind_names[] = {"vm", "snapshot", "template"};
static const char *const type_names[] = {"pv", "pvh", "hvm"};
static const char *const event_names[] = {"destroy", "restart", "preserve"};

#define TOP(member) offsetof(struct vm_spec, member)
#define CFG(member) (offsetof(struct vm_spec, config) + offsetof(struct hv_vm_config, member))
#define TEXT_OF(type, member)                                                                      \
	FIELD_TEXT, false, offsetof(type, member), 0, (int64_t)sizeof(((type *)NULL)->member) - 1, \
	    NULL, 0
#define CFG_TEXT(member)                                                                           \
	FIELD_TEXT, false, CFG(member), 0,                                                         \
	    (int64_t)sizeof(((struct hv_vm_config *)NULL)->member) - 1, NULL, 0
#define EVENT(member) FIELD_NAME, false, TOP(member), 0, 0, event_names, MU_ARRAY_SIZE(event_names)

static const struct field vm_fields[] = {
    {"uuid", FIELD_UUID, true, CFG(id), 0, 0, NULL, 0},
    {"name", FIELD_TEXT, true, CFG(name), 1, MODEL_NAME_MAX, NULL, 0},
    {"description", TEXT_OF(struct vm_spec, description)},
    {"kind", FIELD_NAME, false, TOP(kind), 0, 0, kind_names, MU_ARRAY_SIZE(kind_names)},
    {"type", FIELD_NAME, true, CFG(type), 0, 0, type_names, MU_ARRAY_SIZE(type_names)},
    {"vcpus", FIELD_U32, false, CFG(vcpus), 1, HV_VCPUS_MAX, NULL, 0},
    {"vcpusMax", FIELD_U32, false, CFG(vcpus_max), 1, HV_VCPUS_MAX, NULL, 0},
    {"memory", FIELD_SIZE, true, CFG(memory_bytes), 4 * MIB, 16 * TIB, NULL, 0},
    {"memoryMax", FIELD_SIZE, false, CFG(memory_max_bytes), 4 * MIB, 16 * TIB, NULL, 0},
    {"kernel", CFG_TEXT(kernel)},
    {"ramdisk", CFG_TEXT(ramdisk)},
    {"cmdline", CFG_TEXT(cmdline)},
    {"bootloader", CFG_TEXT(bootloader)},
    {"firmware", CFG_TEXT(firmware)},
    {"bootOrder", CFG_TEXT(boot_order)},
    {"vnc", FIELD_BOOL, false, CFG(vnc), 0, 0, NULL, 0},
    {"disks", FIELD_DISKS, false, 0, 0, HV_DISKS_MAX, NULL, 0},
    {"nics", FIELD_NICS, false, 0, 0, HV_NICS_MAX, NULL, 0},
    {"autostart", FIELD_BOOL, false, TOP(autostart), 0, 0, NULL, 0},
    {"startOrder", FIELD_I32, false, TOP(start_order), -1000000, 1000000, NULL, 0},
    {"startDelay", FIELD_MSEC, false, TOP(start_delay), 0, MU_SEC(3600), NULL, 0},
    {"onPoweroff", EVENT(on_poweroff)},
    {"onReboot", EVENT(on_reboot)},
    {"onCrash", EVENT(on_crash)},
    {"tags", FIELD_TAGS, false, 0, 0, MODEL_VM_TAGS_MAX, NULL, 0},
};

static const struct field disk_fields[] = {
    {"vdev", FIELD_TEXT, true, offsetof(struct hv_disk, vdev), 1, 15, NULL, 0},
    {"path", FIELD_TEXT, true, offsetof(struct hv_disk, path), 0, HV_PATH_MAX, NULL, 0},
    {"format", TEXT_OF(struct hv_disk, format)},
    {"readonly", FIELD_BOOL, false, offsetof(struct hv_disk, readonly), 0, 0, NULL, 0},
    {"cdrom", FIELD_BOOL, false, offsetof(struct hv_disk, cdrom), 0, 0, NULL, 0},
};

static const struct field nic_fields[] = {
    {"mac", TEXT_OF(struct hv_nic, mac)},
    {"bridge", TEXT_OF(struct hv_nic, bridge)},
};

void vm_spec_init(struct vm_spec *spec)
{
	memset(spec, 0, sizeof *spec);
	spec->config.vcpus = 1;
	spec->on_poweroff = HV_ON_DESTROY;
	spec->on_reboot = HV_ON_RESTART;
	spec->on_crash = HV_ON_DESTROY;
}

enum hv_on_event vm_spec_on_stop(const struct vm_spec *spec, enum hv_shutdown why)
{
	switch (why) {
	case HV_SHUTDOWN_POWEROFF:
		return spec->on_poweroff;
	case HV_SHUTDOWN_REBOOT:
		return spec->on_reboot;
	case HV_SHUTDOWN_CRASH:
	case HV_SHUTDOWN_WATCHDOG:
		return spec->on_crash;
	case HV_SHUTDOWN_NONE:
	case HV_SHUTDOWN_SUSPEND: /* in the middle of being saved: not a stop */
	case _HV_SHUTDOWN_COUNT:
		break;
	}
	return HV_ON_PRESERVE;
}

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

static int out_of_range(struct mu_error *err, const struct path *at, const struct field *f,
			int64_t found)
{
	char what[128];

	(void)snprintf(what, sizeof what,
		       "%" PRId64 " is out of range; hint: allowed are %" PRId64 " to %" PRId64,
		       found, f->min, f->max);
	return invalid(err, at, f->name, what);
}

static void list_names(char *dst, size_t size, const struct field *f)
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

static int read_text(const struct mu_value *v, const struct path *at, const struct field *f,
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

static int read_int(const struct mu_value *v, const struct path *at, const struct field *f,
		    int64_t *ret, struct mu_error *err)
{
	if (v->kind != MU_VALUE_INT)
		return wrong_kind(err, at, f->name, "an integer", v);
	if (v->integer < f->min || v->integer > f->max)
		return out_of_range(err, at, f, v->integer);
	*ret = v->integer;
	return 0;
}

static int read_size(const struct mu_value *v, const struct path *at, const struct field *f,
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

static int read_name(const struct mu_value *v, const struct path *at, const struct field *f,
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

static int read_uuid(const struct mu_value *v, const struct path *at, const struct field *f,
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

static int read_disks(const struct mu_value *v, struct vm_spec *spec, struct mu_error *err);
static int read_nics(const struct mu_value *v, struct vm_spec *spec, struct mu_error *err);
static int read_tags(const struct mu_value *v, struct vm_spec *spec, struct mu_error *err);

/* `base` is the struct that f->offset counts from; lists are only in struct vm_spec. */
static int read_field(const struct mu_value *v, const struct path *at, const struct field *f,
		      void *base, struct mu_error *err)
{
	char *place = (char *)base + f->offset;
	int64_t n = 0;
	uint32_t u;
	int32_t i;

	switch (f->kind) {
	case FIELD_UUID:
		return read_uuid(v, at, f, (struct mu_uuid *)(void *)place, err);
	case FIELD_TEXT:
		return read_text(v, at, f, place, err);
	case FIELD_BOOL:
		if (v->kind != MU_VALUE_BOOL)
			return wrong_kind(err, at, f->name, "true or false", v);
		memcpy(place, &v->boolean, sizeof v->boolean);
		return 0;
	case FIELD_U32:
		if (read_int(v, at, f, &n, err) < 0)
			return MU_FAILED;
		u = (uint32_t)n;
		memcpy(place, &u, sizeof u);
		return 0;
	case FIELD_I32:
		if (read_int(v, at, f, &n, err) < 0)
			return MU_FAILED;
		i = (int32_t)n;
		memcpy(place, &i, sizeof i);
		return 0;
	case FIELD_MSEC:
		if (read_int(v, at, f, &n, err) < 0)
			return MU_FAILED;
		memcpy(place, &n, sizeof n);
		return 0;
	case FIELD_SIZE:
		if (read_size(v, at, f, &n, err) < 0)
			return MU_FAILED;
		memcpy(place, &n, sizeof n);
		return 0;
	case FIELD_NAME:
		return read_name(v, at, f, (unsigned *)(void *)place, err);
	case FIELD_DISKS:
		return read_disks(v, base, err);
	case FIELD_NICS:
		return read_nics(v, base, err);
	case FIELD_TAGS:
		return read_tags(v, base, err);
	}
	mu_assert_unreachable(); /* GCOVR_EXCL_LINE: every kind has returned */
}

static const struct field *find_field(const struct field *fields, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if (!strcmp(fields[i].name, name))
			return &fields[i];
	}
	return NULL;
}

static int read_object(const struct mu_value *v, const struct path *at, const struct field *fields,
		       size_t n_fields, void *base, struct mu_error *err)
{
	const struct field *f;

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

static int check_list(const struct mu_value *v, const char *name, size_t max, struct mu_error *err)
{
	const struct path top = {NULL, 0};
	char what[64];

	if (v->kind != MU_VALUE_LIST)
		return wrong_kind(err, &top, name, "a list", v);
	if (v->n_children <= max)
		return 0;
	(void)snprintf(what, sizeof what, "%zu entries; hint: at most %zu", v->n_children, max);
	return invalid(err, &top, name, what);
}

static int read_disks(const struct mu_value *v, struct vm_spec *spec, struct mu_error *err)
{
	struct path at = {"disks", 0};
	struct hv_disk *d;

	if (check_list(v, "disks", HV_DISKS_MAX, err) < 0)
		return MU_FAILED;
	mu_value_each(it, v)
	{
		d = &spec->config.disks[at.index];
		if (read_object(it, &at, disk_fields, MU_ARRAY_SIZE(disk_fields), d, err) < 0)
			return MU_FAILED;
		if (d->cdrom)
			d->readonly = true;
		if (!*d->format)
			memcpy(d->format, "raw", sizeof "raw");
		spec->config.n_disks = ++at.index;
	}
	return 0;
}

static int read_nics(const struct mu_value *v, struct vm_spec *spec, struct mu_error *err)
{
	struct path at = {"nics", 0};
	struct hv_nic *nic;

	if (check_list(v, "nics", HV_NICS_MAX, err) < 0)
		return MU_FAILED;
	mu_value_each(it, v)
	{
		nic = &spec->config.nics[at.index];
		if (read_object(it, &at, nic_fields, MU_ARRAY_SIZE(nic_fields), nic, err) < 0)
			return MU_FAILED;
		for (char *c = nic->mac; *c; c++)
			*c = (char)tolower((unsigned char)*c);
		spec->config.n_nics = ++at.index;
	}
	return 0;
}

static int read_tags(const struct mu_value *v, struct vm_spec *spec, struct mu_error *err)
{
	static const struct field tag = {"", FIELD_TEXT, false, 0, 1, MODEL_TAG_MAX, NULL, 0};
	struct path at = {"tags", 0};

	if (check_list(v, "tags", MODEL_VM_TAGS_MAX, err) < 0)
		return MU_FAILED;
	mu_value_each(it, v)
	{
		if (read_text(it, &at, &tag, spec->tags[at.index], err) < 0)
			return MU_FAILED;
		for (size_t i = 0; i < at.index; i++) {
			if (!strcmp(spec->tags[i], spec->tags[at.index]))
				return invalid(err, &at, "", "the same tag twice");
		}
		spec->n_tags = ++at.index;
	}
	return 0;
}

int vm_spec_decode(const struct mu_value *v, struct vm_spec *ret_spec, struct mu_error *err)
{
	const struct path top = {NULL, 0};
	struct vm_spec spec;

	vm_spec_init(&spec);
	if (read_object(v, &top, vm_fields, MU_ARRAY_SIZE(vm_fields), &spec, err) < 0)
		return MU_FAILED;
	if (!mu_value_get(v, "vcpusMax"))
		spec.config.vcpus_max = spec.config.vcpus;
	if (!mu_value_get(v, "memoryMax"))
		spec.config.memory_max_bytes = spec.config.memory_bytes;
	if (spec.config.type == VM_TYPE_HVM && !*spec.config.firmware)
		memcpy(spec.config.firmware, "bios", sizeof "bios");
	if (vm_spec_check(&spec, err) < 0)
		return MU_FAILED;
	*ret_spec = spec;
	return 0;
}

/* Writing */

static struct mu_value *encode_fields(struct mu_arena *a, const struct field *fields, size_t n,
				      const void *base, const void *defaults);

static struct mu_value *encode_disks(struct mu_arena *a, const struct hv_vm_config *c)
{
	struct mu_value *list = mu_value_list(a);
	struct hv_disk def = {.format = "raw"};

	for (size_t i = 0; i < c->n_disks; i++) {
		def.readonly = c->disks[i].cdrom; /* implied there */
		mu_value_push(list, encode_fields(a, disk_fields, MU_ARRAY_SIZE(disk_fields),
						  &c->disks[i], &def));
	}
	return list;
}

static struct mu_value *encode_nics(struct mu_arena *a, const struct hv_vm_config *c)
{
	const struct hv_nic def = {.mac = ""};
	struct mu_value *list = mu_value_list(a);

	for (size_t i = 0; i < c->n_nics; i++)
		mu_value_push(list, encode_fields(a, nic_fields, MU_ARRAY_SIZE(nic_fields),
						  &c->nics[i], &def));
	return list;
}

static struct mu_value *encode_tags(struct mu_arena *a, const struct vm_spec *spec)
{
	struct mu_value *list = mu_value_list(a);

	for (size_t i = 0; i < spec->n_tags; i++)
		mu_value_push(list, mu_value_string(a, spec->tags[i]));
	return list;
}

static int64_t number_at(const struct field *f, const char *place)
{
	uint32_t u;
	int32_t i;
	int64_t n;

	if (f->kind == FIELD_U32) {
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

/* NULL: at its default, not written. Required fields have no default. */
static struct mu_value *encode_field(struct mu_arena *a, const struct field *f, const void *base,
				     const void *defaults)
{
	const char *place = (const char *)base + f->offset;
	const char *def = (const char *)defaults + f->offset;
	char uuid[MU_UUID_TEXT];
	bool b, def_b;
	unsigned e, def_e;

	switch (f->kind) {
	case FIELD_UUID:
		return mu_value_string(
		    a, mu_uuid_format((const struct mu_uuid *)(const void *)place, uuid));
	case FIELD_TEXT:
		return f->required || strcmp(place, def) ? mu_value_string(a, place) : NULL;
	case FIELD_BOOL:
		memcpy(&b, place, sizeof b);
		memcpy(&def_b, def, sizeof def_b);
		return b != def_b ? mu_value_bool(a, b) : NULL;
	case FIELD_U32:
	case FIELD_I32:
	case FIELD_MSEC:
	case FIELD_SIZE:
		if (!f->required && number_at(f, place) == number_at(f, def))
			return NULL;
		return mu_value_int(a, number_at(f, place));
	case FIELD_NAME:
		memcpy(&e, place, sizeof e);
		memcpy(&def_e, def, sizeof def_e);
		return f->required || e != def_e ? mu_value_string(a, f->names[e]) : NULL;
	case FIELD_DISKS:
		return ((const struct vm_spec *)base)->config.n_disks
			   ? encode_disks(a, &((const struct vm_spec *)base)->config)
			   : NULL;
	case FIELD_NICS:
		return ((const struct vm_spec *)base)->config.n_nics
			   ? encode_nics(a, &((const struct vm_spec *)base)->config)
			   : NULL;
	case FIELD_TAGS:
		return ((const struct vm_spec *)base)->n_tags ? encode_tags(a, base) : NULL;
	}
	mu_assert_unreachable(); /* GCOVR_EXCL_LINE: every kind has returned */
}

static struct mu_value *encode_fields(struct mu_arena *a, const struct field *fields, size_t n,
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
	if (spec->config.type == VM_TYPE_HVM)
		memcpy(def->config.firmware, "bios", sizeof "bios");
	return encode_fields(a, vm_fields, MU_ARRAY_SIZE(vm_fields), spec, def);
}
