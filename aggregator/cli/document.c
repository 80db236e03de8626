/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/cli/document.h"

#include "aggregator/cli/render.h"
#include "common/base/str.h"

#include <inttypes.h>
#include <string.h>

static const struct cli_field network_fields[] = {
    {"description", "name_description", "description", CLI_FIELD_PLAIN},
    {"mtu", "MTU", "mtu", CLI_FIELD_PLAIN},
    {"bridge", "bridge", "bridge", CLI_FIELD_PLAIN},
    {NULL, NULL, NULL, CLI_FIELD_PLAIN},
};

static const struct cli_field sr_fields[] = {
    {"name_description", "name_description", "name_description", CLI_FIELD_PLAIN},
    {"tags", "tags", NULL, CLI_FIELD_PLAIN},
    {NULL, NULL, NULL, CLI_FIELD_PLAIN},
};

static const struct cli_field vm_fields[] = {
    {"nameDescription", "name_description", "name_description", CLI_FIELD_PLAIN},
    {"tags", "tags", "tags", CLI_FIELD_PLAIN},
    {"cpus", "CPUs.number", "cpus", CLI_FIELD_PLAIN},
    {"cpusStaticMax", "CPUs.max", NULL, CLI_FIELD_PLAIN},
    {"coresPerSocket", "coresPerSocket", NULL, CLI_FIELD_PLAIN},
    {"cpuWeight", "cpuWeight", NULL, CLI_FIELD_PLAIN},
    {"cpuCap", "cpuCap", NULL, CLI_FIELD_PLAIN},
    {"cpuMask", "cpuMask", NULL, CLI_FIELD_CPUS},
    {"cpuMaskSoft", "cpuMaskSoft", NULL, CLI_FIELD_CPUS},
    {"memory", "memory.dynamic.1", "memory", CLI_FIELD_SIZE},
    {"memoryMin", "memory.dynamic.0", NULL, CLI_FIELD_SIZE},
    {"memoryStaticMax", "memory.static.1", NULL, CLI_FIELD_SIZE},
    {"autoPoweron", "auto_poweron", "autoPoweron", CLI_FIELD_PLAIN},
    {"startOrder", "startOrder", NULL, CLI_FIELD_PLAIN},
    {"startDelay", "startDelay", NULL, CLI_FIELD_PLAIN},
    {"virtualizationMode", "virtualizationMode", NULL, CLI_FIELD_PLAIN},
    {"hvmBootFirmware", "boot.firmware", "hvmBootFirmware", CLI_FIELD_PLAIN},
    {"bootOrder", "boot.order", NULL, CLI_FIELD_PLAIN},
    {"PV_args", "PV_args", NULL, CLI_FIELD_PLAIN},
    {NULL, NULL, NULL, CLI_FIELD_PLAIN},
};

static const struct cli_field target_fields[] = {
    {"type", "type", "type", CLI_FIELD_PLAIN}, {"level", "level", "level", CLI_FIELD_PLAIN},
    {"from", "from", "from", CLI_FIELD_PLAIN}, {"to", "to", "to", CLI_FIELD_PLAIN},
    {"user", "user", "user", CLI_FIELD_PLAIN}, {NULL, NULL, NULL, CLI_FIELD_PLAIN},
};

static const struct cli_field rule_fields[] = {
    {"kind", "kind", "kind", CLI_FIELD_PLAIN},
    {"filter", "filter", "filter", CLI_FIELD_PLAIN},
    {"condition", "condition", "condition", CLI_FIELD_PLAIN},
    {"series", "series", "series", CLI_FIELD_PLAIN},
    {"aggregate", "aggregate", "aggregate", CLI_FIELD_PLAIN},
    {"window", "window", "window", CLI_FIELD_PLAIN},
    {"comparison", "comparison", "comparison", CLI_FIELD_PLAIN},
    {"warning", "warning", "warning", CLI_FIELD_PLAIN},
    {"critical", "critical", "critical", CLI_FIELD_PLAIN},
    {"hysteresis", "hysteresis", "hysteresis", CLI_FIELD_PLAIN},
    {"expression", "expression", "expression", CLI_FIELD_PLAIN},
    {"level", "level", "level", CLI_FIELD_PLAIN},
    {"for", "for", "for", CLI_FIELD_PLAIN},
    {"clearAfter", "clearAfter", "clearAfter", CLI_FIELD_PLAIN},
    {"enabled", "enabled", "enabled", CLI_FIELD_PLAIN},
    {"notify", "notify", "notify", CLI_FIELD_PLAIN},
    {NULL, NULL, NULL, CLI_FIELD_PLAIN},
};

static const struct cli_field user_fields[] = {
    {"permission", "permission", "permission", CLI_FIELD_PLAIN},
    {NULL, NULL, NULL, CLI_FIELD_PLAIN},
};

static const struct cli_field group_fields[] = {
    {"users", "", NULL, CLI_FIELD_RELATED},
    {NULL, NULL, NULL, CLI_FIELD_PLAIN},
};

static const struct cli_field role_fields[] = {
    {"description", "description", "description", CLI_FIELD_PLAIN},
    {"privileges", "", NULL, CLI_FIELD_RELATED},
    {"users", "", NULL, CLI_FIELD_RELATED},
    {"groups", "", NULL, CLI_FIELD_RELATED},
    {NULL, NULL, NULL, CLI_FIELD_PLAIN},
};

const struct cli_kind cli_kinds[] = {
    {"network", "networks", "name_label", NULL, true, true, true, network_fields},
    {"sr", "srs", "name_label", "name_label", true, false, true, sr_fields},
    {"vm", "vms", "name_label", "nameLabel", true, false, true, vm_fields},
    {"alarm-target", "alarm-targets", "name", NULL, false, true, false, target_fields},
    {"alarm-rule", "alarm-rules", "name", "name", false, false, false, rule_fields},
    {"user", "users", "name", "name", false, false, false, user_fields},
    {"group", "groups", "name", "name", false, false, false, group_fields},
    {"role", "acl-roles", "name", "name", false, false, false, role_fields},
    {NULL, NULL, NULL, NULL, false, false, false, NULL},
};

const struct cli_kind *cli_kind_find(const char *noun)
{
	for (const struct cli_kind *k = cli_kinds; k->noun; k++)
		if (strcmp(k->noun, noun) == 0)
			return k;
	return NULL;
}

/* --- reading --- */

static const struct cli_field *field_find(const struct cli_kind *kind, const char *name)
{
	for (const struct cli_field *f = kind->fields; f->name; f++)
		if (strcmp(f->name, name) == 0)
			return f;
	return NULL;
}

static int unknown_field(const struct cli_kind *kind, const char *name, struct mu_error *err)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str known = MU_STR_INIT;

	for (const struct cli_field *f = kind->fields; f->name; f++)
		mu_str_printf(&known, "%s%s", known.len > 0 ? ", " : "", f->name);
	return mu_error_set(err, MU_E_INVALID, "there is no '%.40s' in the spec of a %s; hint: %s",
			    name, kind->noun, known.data);
}

/* Texts that come and go one by one: no other can be in such a list, and none twice. */
static int check_related(const struct mu_value *v, struct mu_error *err)
{
	if (v->kind != MU_VALUE_LIST)
		return mu_error_set(err, MU_E_INVALID, "%s: a list is expected", v->name);
	mu_value_each(one, v)
	{
		if (one->kind != MU_VALUE_STRING)
			return mu_error_set(err, MU_E_INVALID, "%s: a list of texts is expected",
					    v->name);
		for (const struct mu_value *other = v->first; other != one; other = other->next)
			if (strcmp(other->string, one->string) == 0)
				return mu_error_set(err, MU_E_INVALID, "%s: '%.60s' is there twice",
						    v->name, one->string);
	}
	return 0;
}

static int check_spec(const struct cli_kind *kind, const struct mu_value *spec,
		      struct mu_error *err)
{
	mu_value_each(v, spec)
	{
		const struct cli_field *f = field_find(kind, v->name);

		if (!f)
			return unknown_field(kind, v->name, err);
		if (f->kind == CLI_FIELD_RELATED && check_related(v, err) < 0)
			return MU_FAILED;
	}
	return 0;
}

/* A member that is an object, or is not there. */
static int read_part(struct mu_arena *a, const struct mu_value *document, const char *name,
		     const struct mu_value **ret, struct mu_error *err)
{
	const struct mu_value *v = mu_value_get(document, name);

	if (v && v->kind != MU_VALUE_OBJECT && v->kind != MU_VALUE_NULL)
		return mu_error_set(err, MU_E_INVALID, "%s: NAME: VALUE lines are expected", name);
	*ret = v && v->kind == MU_VALUE_OBJECT ? v : mu_value_object(a);
	return 0;
}

static int check_members(const struct mu_value *document, struct mu_error *err)
{
	static const char *const known[] = {"kind", "name", "host", "spec", "create"};

	mu_value_each(v, document)
	{
		bool found = false;

		for (size_t i = 0; i < MU_ARRAY_SIZE(known); i++)
			found = found || strcmp(known[i], v->name) == 0;
		if (!found)
			return mu_error_set(err, MU_E_INVALID,
					    "there is no '%.40s' in a document; hint: kind, name, "
					    "host, spec, create",
					    v->name);
	}
	return 0;
}

/* Names that look like numbers are names. */
static const char *text_of(struct mu_arena *a, const struct mu_value *v)
{
	if (v && v->kind == MU_VALUE_INT)
		return mu_arena_printf(a, "%" PRId64, v->integer);
	return mu_value_as_string(v);
}

static int read_kind(const struct mu_value *document, struct cli_document *d, struct mu_error *err)
{
	const char *noun = mu_value_as_string(mu_value_get(document, "kind"));
	MU_CLEANUP(mu_str_deinit) struct mu_str known = MU_STR_INIT;

	d->kind = noun ? cli_kind_find(noun) : NULL;
	if (d->kind)
		return 0;
	for (const struct cli_kind *k = cli_kinds; k->noun; k++)
		mu_str_printf(&known, "%s%s", known.len > 0 ? ", " : "", k->noun);
	return mu_error_set(err, MU_E_INVALID, "kind: %s%.40s%s; hint: one of %s",
			    noun ? "there is no '" : "it is missing", noun ? noun : "",
			    noun ? "'" : "", known.data);
}

static int read_document(struct mu_arena *a, const struct mu_value *v, struct cli_document *d,
			 struct mu_error *err)
{
	const struct mu_value *host = mu_value_get(v, "host");

	*d = (struct cli_document){.name = NULL};
	if (v->kind != MU_VALUE_OBJECT)
		return mu_error_set(err, MU_E_INVALID, "kind, name and spec are expected");
	if (check_members(v, err) < 0 || read_kind(v, d, err) < 0)
		return MU_FAILED;
	d->name = text_of(a, mu_value_get(v, "name"));
	d->host = text_of(a, host);
	if (!d->name || !d->name[0])
		return mu_error_set(err, MU_E_INVALID, "name: a text is expected");
	if (host && (!d->host || !d->kind->on_host))
		return mu_error_set(err, MU_E_INVALID, "host: %s",
				    d->host ? "this kind is on no host; hint: leave it out"
					    : "a host's name is expected");
	if (read_part(a, v, "spec", &d->spec, err) < 0 ||
	    read_part(a, v, "create", &d->create, err) < 0)
		return MU_FAILED;
	return check_spec(d->kind, d->spec, err);
}

static bool is_same(const struct cli_document *x, const struct cli_document *y)
{
	return x->kind == y->kind && strcmp(x->name, y->name) == 0 &&
	       mu_str_equal(x->host, y->host);
}

/* By kind, else as they stand. */
static void insert(struct cli_document *list, size_t n, struct cli_document d)
{
	while (n > 0 && list[n - 1].kind > d.kind) {
		list[n] = list[n - 1];
		n--;
	}
	list[n] = d;
}

int cli_documents_read(struct mu_arena *a, const struct mu_value *list,
		       struct cli_document **ret_documents, size_t *ret_n, struct mu_error *err)
{
	struct cli_document *documents = mu_arena_calloc(a, CLI_DOCUMENTS_MAX, sizeof *documents);
	size_t n = 0, number = 0;

	mu_value_each(v, list)
	{
		struct cli_document d;

		number++;
		if (v->kind == MU_VALUE_NULL)
			continue; /* "---" at the end */
		if (n == CLI_DOCUMENTS_MAX)
			return mu_error_set(err, MU_E_TOO_LARGE, "more than %d documents",
					    CLI_DOCUMENTS_MAX);
		if (read_document(a, v, &d, err) < 0)
			return mu_error_prefix(err, "document %zu%s%s", number,
					       d.name && *d.name ? " " : "", d.name ? d.name : "");
		for (size_t i = 0; i < n; i++)
			if (is_same(&documents[i], &d))
				return mu_error_set(err, MU_E_INVALID,
						    "document %zu: %s %.100s is there twice",
						    number, d.kind->noun, d.name);
		insert(documents, n++, d);
	}
	*ret_documents = documents;
	*ret_n = n;
	return 0;
}

/* --- what is there --- */

/* [0, 1, 2, 8] as "0-2,8". */
static struct mu_value *cpus(struct mu_arena *a, const struct mu_value *list)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	const struct mu_value *v = list->first;

	while (v) {
		int64_t first = v->integer, last = first;

		for (v = v->next; v && v->integer == last + 1; v = v->next)
			last++;
		mu_str_printf(&text, "%s%" PRId64, text.len > 0 ? "," : "", first);
		if (last > first)
			mu_str_printf(&text, "-%" PRId64, last);
	}
	return mu_value_string(a, text.data);
}

struct mu_value *cli_spec_of(struct mu_arena *a, const struct cli_kind *kind,
			     const struct mu_value *object)
{
	struct mu_value *spec = mu_value_object(a);

	for (const struct cli_field *f = kind->fields; f->name; f++) {
		const struct mu_value *v = cli_render_at(object, f->path);

		if (f->kind == CLI_FIELD_RELATED)
			continue;
		if (v && f->kind == CLI_FIELD_CPUS && v->kind == MU_VALUE_LIST)
			v = cpus(a, v);
		mu_value_set(a, spec, f->name, v ? mu_value_copy(a, v) : mu_value_null(a));
	}
	return spec;
}

/* "1536MiB", in the largest unit that is whole; as it is below that. */
static struct mu_value *size(struct mu_arena *a, int64_t bytes)
{
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
	size_t unit = 0;

	if (bytes <= 0 || bytes % 1024 != 0)
		return mu_value_int(a, bytes);
	for (bytes /= 1024; bytes % 1024 == 0 && unit + 1 < MU_ARRAY_SIZE(units); bytes /= 1024)
		unit++;
	return mu_value_string(a, mu_arena_printf(a, "%" PRId64 "%s", bytes, units[unit]));
}

struct mu_value *cli_document_of(struct mu_arena *a, const struct cli_kind *kind, const char *name,
				 const struct mu_value *spec)
{
	struct mu_value *document = mu_value_object(a), *shown = mu_value_object(a);

	mu_value_set_string(a, document, "kind", kind->noun);
	mu_value_set_string(a, document, "name", name);
	mu_value_each(v, spec)
	{
		bool is_size = field_find(kind, v->name)->kind == CLI_FIELD_SIZE;

		if (v->kind != MU_VALUE_NULL)
			mu_value_set(a, shown, v->name,
				     is_size && v->kind == MU_VALUE_INT ? size(a, v->integer)
									: mu_value_copy(a, v));
	}
	mu_value_set(a, document, "spec", shown);
	return document;
}
