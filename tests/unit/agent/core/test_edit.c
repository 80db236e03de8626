/* SPDX-License-Identifier: Apache-2.0 */
/* vm.edit's arguments on definitions: what becomes of them, and when it comes into force. */
#include "agent/core/vm_edit.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct mu_arena *arena;
static struct mu_value *args;
static struct vm_spec now;
static struct vm_edit edit;

static void setup(void)
{
	arena = mu_arena_new();
	args = mu_value_object(arena);
	vm_spec_init(&now);
	now.config.id.uuid.bytes[0] = 1;
	now.config.type = VM_TYPE_PVH;
	now.config.vcpus = 2;
	now.config.vcpus_max = 4;
	now.config.memory_bytes = 64 << 20;
	now.config.memory_max_bytes = 128 << 20;
	memcpy(now.config.name, "web", sizeof "web");
	memcpy(now.config.kernel, "/boot/k", sizeof "/boot/k");
	memcpy(now.config.cmdline, "quiet", sizeof "quiet");
}

static void teardown(void)
{
	arena = mu_arena_free(arena);
}

TestSuite(vm_edit, .init = setup, .fini = teardown);

static void plan(const struct vm_spec *built)
{
	struct mu_error err = MU_ERROR_INIT;

	cr_assert_eq(vm_edit_plan(&now, built, args, &edit, &err), 0, "%s", err.text);
}

/* "cpus:live+ tags:once-": + in force, - not. */
static const char *changes(void)
{
	static const char *const when[] = {"once", "live", "start"};
	static char text[512];
	size_t at = 0;

	text[0] = '\0';
	for (size_t i = 0; i < edit.n_changes; i++)
		at += (size_t)snprintf(text + at, sizeof text - at, "%s%s:%s%c", i ? " " : "",
				       edit.changes[i].argument, when[edit.changes[i].when],
				       edit.changes[i].in_force ? '+' : '-');
	return text;
}

Test(vm_edit, nothing_is_nothing)
{
	plan(NULL);
	cr_assert_eq(edit.n_changes, 0);
	cr_assert_not(vm_edit_differs(&edit.spec, &now));
	cr_assert_eq(edit.spec.config.vcpus_max, 4);
	cr_assert_eq(edit.spec.config.memory_max_bytes, 128 << 20);
}

Test(vm_edit, fields_and_units)
{
	mu_value_set_string(arena, args, "nameDescription", "d");
	mu_value_set_int(arena, args, "startDelay", 5);
	mu_value_set_string(arena, args, "memory", "96MiB");
	mu_value_set(arena, args, "PV_args", mu_value_null(arena));
	plan(NULL);
	cr_assert_str_eq(edit.spec.description, "d");
	cr_assert_eq(edit.spec.start_delay, 5000);
	cr_assert_eq(edit.spec.config.memory_bytes, 96 << 20);
	cr_assert_eq(edit.spec.config.memory_max_bytes, 128 << 20);
	cr_assert_str_eq(edit.spec.config.cmdline, "");
	cr_assert_str_eq(changes(), "nameDescription:once+ startDelay:once+ memory:live+ "
				    "PV_args:start+");
}

Test(vm_edit, maxima_are_raised_but_not_lowered)
{
	mu_value_set_int(arena, args, "cpus", 6);
	mu_value_set_string(arena, args, "memory", "1GiB");
	plan(NULL);
	cr_assert_eq(edit.spec.config.vcpus_max, 6);
	cr_assert_eq(edit.spec.config.memory_max_bytes, 1 << 30);
	now = edit.spec;
	args = mu_value_object(arena);
	mu_value_set_int(arena, args, "cpus", 1);
	mu_value_set_int(arena, args, "memory", 64 << 20);
	plan(NULL);
	cr_assert_eq(edit.spec.config.vcpus_max, 6);
	cr_assert_eq(edit.spec.config.memory_max_bytes, 1 << 30);
}

Test(vm_edit, what_a_domain_has)
{
	struct vm_spec built = now;

	mu_value_set_int(arena, args, "cpus", 3);
	mu_value_set_int(arena, args, "cpusStaticMax", 8);
	mu_value_set(arena, args, "tags", mu_value_list(arena));
	plan(&built);
	cr_assert_str_eq(changes(), "cpus:live- cpusStaticMax:start- tags:once+");
	cr_assert(vm_edit_differs(&edit.spec, &built));
	/* The same again: it is as it was built. */
	built = edit.spec;
	plan(&built);
	cr_assert_str_eq(changes(), "cpus:live+ cpusStaticMax:start+ tags:once+");
	cr_assert_not(vm_edit_differs(&edit.spec, &built));
}

static void put_texts(const char *name, const char *one, const char *two)
{
	struct mu_value *v = mu_value_set(arena, args, name, mu_value_list(arena));

	mu_value_push(v, mu_value_string(arena, one));
	if (two)
		mu_value_push(v, mu_value_string(arena, two));
}

Test(vm_edit, tags_come_and_go_one_by_one)
{
	struct mu_error err = MU_ERROR_INIT;

	put_texts("addTags", "a", "b");
	plan(NULL);
	cr_assert_eq(edit.spec.n_tags, 2);
	cr_assert_str_eq(changes(), "addTags:once+");
	now = edit.spec;
	args = mu_value_object(arena);
	put_texts("addTags", "b", "c"); /* one is there */
	plan(NULL);
	cr_assert_eq(edit.spec.n_tags, 3);
	cr_assert_str_eq(edit.spec.tags[2], "c");
	now = edit.spec;
	args = mu_value_object(arena);
	put_texts("removeTags", "b", "never"); /* one is not there */
	plan(NULL);
	cr_assert_eq(edit.spec.n_tags, 2);
	cr_assert_str_eq(edit.spec.tags[1], "c");
	put_texts("addTags", "x", NULL);
	cr_assert_lt(vm_edit_plan(&now, NULL, args, &edit, &err), 0);
	cr_assert_str_eq(err.text,
			 "arguments: tags, addTags, removeTags: each excludes the others");
}

Test(vm_edit, what_no_domain_has_makes_no_difference)
{
	struct vm_spec other = now;

	other.autostart = true;
	other.start_order = 7;
	other.n_tags = 1;
	memcpy(other.tags[0], "x", 2);
	other.config.on_crash = HV_ON_RESTART;
	other.kind = VM_KIND_TEMPLATE;
	cr_assert_not(vm_edit_differs(&now, &other));
	/* A field that one has and the other leaves at its default, both ways. */
	other.config.vnc = true;
	cr_assert(vm_edit_differs(&now, &other));
	cr_assert(vm_edit_differs(&other, &now));
}

Test(vm_edit, refusals)
{
	struct mu_error err = MU_ERROR_INIT;

	edit.n_changes = 99;
	mu_value_set_bool(arena, args, "secureBoot", true);
	cr_assert_lt(vm_edit_plan(&now, NULL, args, &edit, &err), 0);
	cr_assert_eq(err.code, MU_E_UNSUPPORTED);
	cr_assert_str_eq(err.text, "arguments: secureBoot: this host's firmware has no keys to "
				   "check with");
	args = mu_value_object(arena);
	mu_value_set_string(arena, args, "memory", "64MiB");
	mu_value_set_string(arena, args, "memoryMax", "64MiB");
	cr_assert_lt(vm_edit_plan(&now, NULL, args, &edit, &err), 0);
	cr_assert_eq(err.code, MU_E_INVALID);
	args = mu_value_object(arena);
	mu_value_set_int(arena, args, "cpus", 8);
	mu_value_set_int(arena, args, "cpusStaticMax", 4);
	cr_assert_lt(vm_edit_plan(&now, NULL, args, &edit, &err), 0);
	cr_assert_str_eq(err.text, "the definition as it would be: vcpusMax: less than vcpus");
	cr_assert_eq(edit.n_changes, 99, "untouched");
}

/* "sched affinity": what a domain is asked for. */
static const char *orders(const struct vm_spec *built, enum hv_op_kind *list, size_t *ret_n)
{
	static char text[64];
	size_t at = 0;

	*ret_n = vm_edit_orders(&edit, built, list);
	text[0] = '\0';
	for (size_t i = 0; i < *ret_n; i++)
		at += (size_t)snprintf(text + at, sizeof text - at, "%s%s", i ? " " : "",
				       list[i] == HV_SET_SCHED      ? "sched"
				       : list[i] == HV_SET_AFFINITY ? "affinity"
				       : list[i] == HV_SET_NAME     ? "name"
				       : list[i] == HV_SET_VCPUS    ? "vcpus"
								    : "memory");
	return text;
}

Test(vm_edit, a_domain_is_asked_for_what_it_can_have)
{
	enum hv_op_kind list[VM_EDIT_ORDERS_MAX];
	struct vm_spec built = now;
	size_t n;

	mu_value_set_int(arena, args, "cpus", 4);
	mu_value_set_string(arena, args, "memoryMax", "96MiB");
	mu_value_set_int(arena, args, "cpuWeight", 512);
	mu_value_set_int(arena, args, "cpuCap", 50);
	mu_value_set_string(arena, args, "cpuMask", "0-1");
	mu_value_set_string(arena, args, "cpuMaskSoft", "1");
	mu_value_set_string(arena, args, "nameLabel", "db");
	plan(&built);
	cr_assert_str_eq(orders(&built, list, &n), "sched affinity name vcpus memory");
	for (size_t i = 0; i < n; i++)
		vm_edit_obeyed(&edit, list[i], &built);
	vm_edit_note(&edit, &built);
	cr_assert_str_eq(changes(), "cpus:live+ memoryMax:live+ cpuWeight:live+ cpuCap:live+ "
				    "cpuMask:live+ cpuMaskSoft:live+ nameLabel:live+");
	cr_assert_str_eq(built.config.name, "db");
	cr_assert_str_eq(built.config.cpus_hard, "0-1");
	cr_assert_str_eq(built.config.cpus_soft, "1");
	cr_assert_not(vm_edit_differs(&edit.spec, &built));
	cr_assert_str_eq(orders(&built, list, &n), "");
}

Test(vm_edit, soft_affinity_alone_is_an_order)
{
	enum hv_op_kind list[VM_EDIT_ORDERS_MAX];
	struct vm_spec built = now;
	size_t n;

	mu_value_set_string(arena, args, "cpuMaskSoft", "2-3");
	plan(&built);
	cr_assert_str_eq(orders(&built, list, &n), "affinity");
	cr_assert_str_eq(edit.spec.config.cpus_hard, now.config.cpus_hard);
}

Test(vm_edit, what_is_above_the_domains_maximum_waits)
{
	enum hv_op_kind list[VM_EDIT_ORDERS_MAX];
	struct vm_spec built = now;
	size_t n;

	mu_value_set_int(arena, args, "cpus", 5);
	mu_value_set_string(arena, args, "memory", "1GiB");
	mu_value_set(arena, args, "cpuCap", mu_value_null(arena));
	plan(&built);
	cr_assert_str_eq(orders(&built, list, &n), "");
	cr_assert_str_eq(changes(), "cpus:live- memory:live- cpuCap:live+");
}

Test(vm_edit, xenstore_pairs_are_merged)
{
	struct mu_value *pairs = mu_value_object(arena);

	now.config.n_xenstore = 2;
	now.config.xenstore[0] = (struct hv_pair){"vm-data/role", "web"};
	now.config.xenstore[1] = (struct hv_pair){"vm-data/old", "1"};
	mu_value_set_string(arena, pairs, "role", "db");
	mu_value_set_string(arena, pairs, "vm-data/new", "2");
	mu_value_set(arena, pairs, "old", mu_value_null(arena));
	mu_value_set(arena, args, "xenStoreData", pairs);
	plan(NULL);
	cr_assert_eq(edit.spec.config.n_xenstore, 2);
	cr_assert_str_eq(edit.spec.config.xenstore[0].key, "vm-data/role");
	cr_assert_str_eq(edit.spec.config.xenstore[0].value, "db");
	cr_assert_str_eq(edit.spec.config.xenstore[1].key, "vm-data/new");
	now.config.n_xenstore = 0;
	plan(NULL);
	cr_assert_eq(edit.spec.config.n_xenstore, 2);
}
