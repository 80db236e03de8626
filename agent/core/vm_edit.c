/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A definition is edited in its text form: its fields as values, some of them replaced, read back.
 * So an edit obeys the rules of a definition, all of them and no others, and a field that
 * definitions learn needs a row here and nothing else. Whether a domain has a field's value is
 * asked of the text form too: a field that is unknown here counts as one of the domain's.
 *
 * More CPUs or memory than the definition's maximum raise the maximum; fewer leave it. Memory has
 * one name more, Xen Orchestra's upper end of the dynamic range.
 */
#include "agent/core/vm_edit.h"

#include "common/base/mem.h"
#include "common/base/str.h"

#include <string.h>

enum { MS_PER_SECOND = 1000, BYTES_PER_MIB = 1 << 20 };

struct row {
	const char *argument;
	const char *field;
	enum vm_edit_when when;
	int64_t factor; /* the argument's unit in the field's */
};

static const struct row rows[] = {
    {"nameLabel", "name", VM_EDIT_LIVE, 1},
    {"nameDescription", "description", VM_EDIT_AT_ONCE, 1},
    {"tags", "tags", VM_EDIT_AT_ONCE, 1},
    {"addTags", "tags", VM_EDIT_AT_ONCE, 1},
    {"removeTags", "tags", VM_EDIT_AT_ONCE, 1},
    {"cpus", "vcpus", VM_EDIT_LIVE, 1},
    {"cpusStaticMax", "vcpusMax", VM_EDIT_AT_START, 1},
    {"coresPerSocket", "coresPerSocket", VM_EDIT_AT_START, 1},
    {"cpuWeight", "cpuWeight", VM_EDIT_LIVE, 1},
    {"cpuCap", "cpuCap", VM_EDIT_LIVE, 1},
    {"cpuMask", "cpus", VM_EDIT_LIVE, 1},
    {"cpuMaskSoft", "cpusSoft", VM_EDIT_LIVE, 1},
    {"memory", "memory", VM_EDIT_LIVE, 1},
    {"memoryMax", "memory", VM_EDIT_LIVE, 1},
    {"memoryMin", "memoryMin", VM_EDIT_AT_ONCE, 1},
    {"memoryStaticMax", "memoryMax", VM_EDIT_AT_START, 1},
    {"autoPoweron", "autostart", VM_EDIT_AT_ONCE, 1},
    {"startDelay", "startDelay", VM_EDIT_AT_ONCE, MS_PER_SECOND},
    {"startOrder", "startOrder", VM_EDIT_AT_ONCE, 1},
    {"hvmBootFirmware", "firmware", VM_EDIT_AT_START, 1},
    {"PV_args", "cmdline", VM_EDIT_AT_START, 1},
    {"bootOrder", "bootOrder", VM_EDIT_AT_START, 1},
    {"virtualizationMode", "type", VM_EDIT_AT_START, 1},
    {"nestedVirt", "nested", VM_EDIT_AT_START, 1},
    {"viridian", "viridian", VM_EDIT_AT_START, 1},
    {"vga", "vga", VM_EDIT_AT_START, 1},
    {"videoram", "videoMemory", VM_EDIT_AT_START, BYTES_PER_MIB},
    {"xenStoreData", "xenstore", VM_EDIT_AT_START, 1},
    {"onPoweroff", "onPoweroff", VM_EDIT_AT_ONCE, 1},
    {"onReboot", "onReboot", VM_EDIT_AT_ONCE, 1},
    {"onCrash", "onCrash", VM_EDIT_AT_ONCE, 1},
};

/* Arguments of Xen Orchestra's that this host has no meaning for, or no means. */
static const struct {
	const char *argument;
	const char *why;
} unsupported[] = {
    {"notes", "definitions have no notes; hint: nameDescription"},
    {"affinityHost", "a definition is on one host, which starts the VM"},
    {"blockedOperations", "operations cannot be blocked"},
    {"highAvailability", "no host starts the VMs of another"},
    {"secureBoot", "this host's firmware has no keys to check with"},
    {"uefiMode", "this host's firmware has no keys to check with"},
    {"expNestedHvm", "hint: nestedVirt"},
    {"nicType", "each network card has a model of its own, in the definition"},
    {"hasVendorDevice", "this host offers no driver device to Windows guests"},
    {"suspendSr", "a suspended VM's memory is in a file of its host"},
    {"creation", "what made a VM is not remembered"},
    {"resourceSet", "there are no resource sets"},
    {"share", "there are no resource sets"},
};

_Static_assert(MU_ARRAY_SIZE(rows) <= VM_EDIT_CHANGES_MAX, "one change per argument");

static const struct row *row_of_argument(const char *name)
{
	for (size_t i = 0; i < MU_ARRAY_SIZE(rows); i++) {
		if (!strcmp(rows[i].argument, name))
			return &rows[i];
	}
	return NULL;
}

static const struct row *row_of_field(const char *name)
{
	for (size_t i = 0; i < MU_ARRAY_SIZE(rows); i++) {
		if (!strcmp(rows[i].field, name))
			return &rows[i];
	}
	return NULL;
}

/* The text form with the maxima always there: their defaults follow what is edited. */
static struct mu_value *fields_of(struct mu_arena *a, const struct vm_spec *spec)
{
	struct mu_value *v = vm_spec_encode(a, spec);

	if (!mu_value_get(v, "vcpusMax"))
		mu_value_set_int(a, v, "vcpusMax", spec->config.vcpus_max);
	if (!mu_value_get(v, "memoryMax"))
		mu_value_set_int(a, v, "memoryMax", spec->config.memory_max_bytes);
	return v;
}

static const struct mu_value *argument_of(const struct mu_value *args, const char *field)
{
	const struct mu_value *found = NULL;

	for (size_t i = 0; i < MU_ARRAY_SIZE(rows) && !found; i++) {
		if (!strcmp(rows[i].field, field))
			found = mu_value_get(args, rows[i].argument);
	}
	return found;
}

static int64_t size_of(const struct mu_value *v)
{
	int64_t n = v->integer;

	if (v->kind == MU_VALUE_STRING)
		(void)mu_parse_size(v->string, &n); /* call_check() has read it */
	return n;
}

/* `max`, or `n` where that is more. */
static void raise(struct mu_arena *a, struct mu_value *v, const char *max_field, int64_t max,
		  const struct mu_value *n)
{
	mu_value_set_int(a, v, max_field, n && size_of(n) > max ? size_of(n) : max);
}

/* Keys are added to those that are there, null removes one; all are below vm-data. */
static struct mu_value *merged_pairs(struct mu_arena *a, const struct mu_value *now,
				     const struct mu_value *argument)
{
	static const char prefix[] = "vm-data/";
	struct mu_value *v = now ? mu_value_copy(a, now) : mu_value_object(a);
	const char *key;

	mu_value_each(pair, argument)
	{
		key = pair->name;
		if (!mu_str_has_prefix(key, prefix))
			key = mu_arena_printf(a, "%s%s", prefix, key);
		mu_value_remove(v, key);
		if (pair->kind != MU_VALUE_NULL)
			mu_value_set(a, v, key, mu_value_copy(a, pair));
	}
	return v;
}

static bool has_text(const struct mu_value *list, const char *text)
{
	for (const struct mu_value *it = list ? list->first : NULL; it; it = it->next) {
		if (!strcmp(it->string, text))
			return true;
	}
	return false;
}

/* Those of `now` that are not in `less`, and those of `more` that are not among them. */
static struct mu_value *merged_texts(struct mu_arena *a, const struct mu_value *now,
				     const struct mu_value *less, const struct mu_value *more)
{
	struct mu_value *v = mu_value_list(a);

	for (const struct mu_value *it = now ? now->first : NULL; it; it = it->next) {
		if (!has_text(less, it->string))
			mu_value_push(v, mu_value_string(a, it->string));
	}
	for (const struct mu_value *it = more ? more->first : NULL; it; it = it->next) {
		if (!has_text(v, it->string))
			mu_value_push(v, mu_value_string(a, it->string));
	}
	return v;
}

static struct mu_value *value_of(struct mu_arena *a, const struct row *row,
				 const struct mu_value *now, const struct mu_value *argument)
{
	if (!strcmp(row->field, "xenstore"))
		return merged_pairs(a, mu_value_get(now, row->field), argument);
	if (!strcmp(row->argument, "addTags"))
		return merged_texts(a, mu_value_get(now, row->field), NULL, argument);
	if (!strcmp(row->argument, "removeTags"))
		return merged_texts(a, mu_value_get(now, row->field), argument, NULL);
	if (row->factor != 1)
		return mu_value_int(a, argument->integer * row->factor);
	return mu_value_copy(a, argument);
}

/* The definition's fields with `args` in place of what they stand for. */
static struct mu_value *edited(struct mu_arena *a, const struct vm_spec *now,
			       const struct mu_value *args)
{
	const struct mu_value *was = vm_spec_encode(a, now);
	struct mu_value *v = mu_value_object(a);
	const struct row *row;

	mu_value_each(field, was)
	{
		bool maximum =
		    !strcmp(field->name, "vcpusMax") || !strcmp(field->name, "memoryMax");

		if (!maximum && !argument_of(args, field->name))
			mu_value_set(a, v, field->name, mu_value_copy(a, field));
	}
	mu_value_each(argument, args)
	{
		row = row_of_argument(argument->name);
		if (argument->kind != MU_VALUE_NULL) /* null: back to the default */
			mu_value_set(a, v, row->field, value_of(a, row, was, argument));
	}
	if (!mu_value_get(args, "cpusStaticMax"))
		raise(a, v, "vcpusMax", now->config.vcpus_max, mu_value_get(args, "cpus"));
	if (!mu_value_get(args, "memoryStaticMax"))
		raise(a, v, "memoryMax", now->config.memory_max_bytes, argument_of(args, "memory"));
	return v;
}

static bool same(const struct mu_value *a, const struct mu_value *b)
{
	return a && b ? mu_value_equal(a, b) : a == b;
}

static void list_changes(const struct mu_value *args, struct vm_edit *edit)
{
	const struct row *row;

	edit->n_changes = 0;
	mu_value_each(argument, args)
	{
		row = row_of_argument(argument->name);
		edit->changes[edit->n_changes++] = (struct vm_edit_change){
		    .argument = row->argument, .field = row->field, .when = row->when};
	}
}

void vm_edit_note(struct vm_edit *edit, const struct vm_spec *built)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	const struct mu_value *now = fields_of(a, &edit->spec);
	const struct mu_value *has = built ? fields_of(a, built) : now;

	for (size_t i = 0; i < edit->n_changes; i++) {
		struct vm_edit_change *c = &edit->changes[i];

		c->in_force = c->when == VM_EDIT_AT_ONCE ||
			      same(mu_value_get(now, c->field), mu_value_get(has, c->field));
	}
}

static int check_arguments(const struct mu_value *args, struct mu_error *err)
{
	mu_value_each(argument, args)
	{
		const char *why = "cannot be changed on this host";

		if (row_of_argument(argument->name))
			continue;
		for (size_t i = 0; i < MU_ARRAY_SIZE(unsupported); i++) {
			if (!strcmp(unsupported[i].argument, argument->name))
				why = unsupported[i].why;
		}
		return mu_error_set(err, MU_E_UNSUPPORTED, "arguments: %s: %s", argument->name,
				    why);
	}
	if (mu_value_get(args, "memory") && mu_value_get(args, "memoryMax"))
		return mu_error_set(
		    err, MU_E_INVALID,
		    "arguments: memoryMax: excludes memory, which is the same here");
	if (!!mu_value_get(args, "tags") + !!mu_value_get(args, "addTags") +
		!!mu_value_get(args, "removeTags") >
	    1)
		return mu_error_set(
		    err, MU_E_INVALID,
		    "arguments: tags, addTags, removeTags: each excludes the others");
	return 0;
}

int vm_edit_plan(const struct vm_spec *now, const struct vm_spec *built,
		 const struct mu_value *args, struct vm_edit *ret_edit, struct mu_error *err)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();

	if (check_arguments(args, err) < 0)
		return MU_FAILED;
	if (vm_spec_decode(edited(a, now, args), &ret_edit->spec, err) < 0)
		return mu_error_prefix(err, "the definition as it would be");
	list_changes(args, ret_edit);
	vm_edit_note(ret_edit, built);
	return 0;
}

/* While it runs */

static bool asks_for(const struct vm_edit *edit, const char *field)
{
	for (size_t i = 0; i < edit->n_changes; i++) {
		if (!strcmp(edit->changes[i].field, field))
			return !edit->changes[i].in_force;
	}
	return false;
}

/* What the hypervisor does by itself first: it refuses soonest. */
size_t vm_edit_orders(const struct vm_edit *edit, const struct vm_spec *built,
		      enum hv_op_kind ret_orders[static VM_EDIT_ORDERS_MAX])
{
	const struct hv_vm_config *c = &edit->spec.config;
	size_t n = 0;

	if (asks_for(edit, "cpuWeight") || asks_for(edit, "cpuCap"))
		ret_orders[n++] = HV_SET_SCHED;
	if (asks_for(edit, "cpus") || asks_for(edit, "cpusSoft"))
		ret_orders[n++] = HV_SET_AFFINITY;
	if (asks_for(edit, "name"))
		ret_orders[n++] = HV_SET_NAME;
	if (asks_for(edit, "vcpus") && c->vcpus <= built->config.vcpus_max)
		ret_orders[n++] = HV_SET_VCPUS;
	if (asks_for(edit, "memory") && c->memory_bytes <= built->config.memory_max_bytes)
		ret_orders[n++] = HV_SET_MEMORY;
	return n;
}

void vm_edit_obeyed(const struct vm_edit *edit, enum hv_op_kind order, struct vm_spec *built)
{
	const struct hv_vm_config *from = &edit->spec.config;
	struct hv_vm_config *to = &built->config;

	if (order == HV_SET_SCHED) {
		to->cpu_weight = from->cpu_weight;
		to->cpu_cap = from->cpu_cap;
	} else if (order == HV_SET_AFFINITY) {
		memcpy(to->cpus_hard, from->cpus_hard, sizeof to->cpus_hard);
		memcpy(to->cpus_soft, from->cpus_soft, sizeof to->cpus_soft);
	} else if (order == HV_SET_NAME) {
		memcpy(to->name, from->name, sizeof to->name);
	} else if (order == HV_SET_VCPUS) {
		to->vcpus = from->vcpus;
	} else {
		to->memory_bytes = from->memory_bytes;
	}
}

/* Fields that no argument stands for, and that no domain has. */
static bool is_ours(const char *field)
{
	static const char *const ours[] = {"uuid",       "kind",   "snapshotOf", "snapshotAt",
					   "withMemory", "parent", "onWatchdog"};

	for (size_t i = 0; i < MU_ARRAY_SIZE(ours); i++) {
		if (!strcmp(field, ours[i]))
			return true;
	}
	return false;
}

static bool has_all(const struct mu_value *of, const struct mu_value *in)
{
	mu_value_each(field, of)
	{
		const struct row *row = row_of_field(field->name);

		if ((row && row->when == VM_EDIT_AT_ONCE) || is_ours(field->name))
			continue;
		if (!same(field, mu_value_get(in, field->name)))
			return false;
	}
	return true;
}

bool vm_edit_differs(const struct vm_spec *a, const struct vm_spec *b)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *arena = mu_arena_new();
	const struct mu_value *of_a = fields_of(arena, a);
	const struct mu_value *of_b = fields_of(arena, b);

	return !has_all(of_a, of_b) || !has_all(of_b, of_a);
}
