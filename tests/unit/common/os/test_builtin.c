/* SPDX-License-Identifier: Apache-2.0 */
/* The table of built-in templates: each row is a whole one, and ids are for ever. */
#include "common/model/builtin.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static void expect_whole(const struct builtin_template *t)
{
	bool hvm = t->type == VM_TYPE_HVM;

	cr_expect(t->name[0] && strlen(t->name) <= MODEL_NAME_MAX, "%s", t->key);
	cr_expect(t->description[0], "%s", t->key);
	cr_expect(t->vcpus >= 1 && t->disk_bytes > 0, "%s", t->key);
	cr_expect(t->memory_min_bytes > 0 && t->memory_min_bytes <= t->memory_bytes, "%s", t->key);
	cr_expect_eq(hvm, t->firmware[0] != '\0', "%s", t->key);
	cr_expect_eq(hvm, t->nic_model[0] != '\0', "%s", t->key);
	cr_expect_eq(hvm, t->vga[0] != '\0', "%s", t->key);
	cr_expect_eq(hvm, t->installs, "%s", t->key);
	cr_expect_eq(!hvm, t->bootloader[0] != '\0', "%s", t->key);
	cr_expect_eq(t->viridian, t->localtime, "%s: both are for Windows", t->key);
	cr_expect(!t->vtpm || !strcmp(t->firmware, "uefi"), "%s", t->key);
}

Test(builtin, rows)
{
	const struct builtin_template *t, *other;
	size_t n = 0;

	for (size_t i = 0; (t = builtin_next(&i)); n++) {
		const struct mu_uuid id = builtin_id(t);

		expect_whole(t);
		cr_expect_eq(builtin_find(&id), t);
		for (size_t j = i; (other = builtin_next(&j));) {
			cr_expect_str_neq(t->key, other->key);
			cr_expect_str_neq(t->name, other->name);
		}
	}
	cr_expect_geq(n, 25u);
}

Test(builtin, ids_never_change)
{
	static const struct mu_uuid nobody = {{1}};
	const struct builtin_template *t;
	struct mu_uuid id;

	cr_assert(mu_uuid_parse("a7cbad3b-4372-8cee-8acf-75511f208527", &id));
	t = builtin_find(&id);
	cr_assert_not_null(t);
	cr_expect_str_eq(t->key, "debian-13");
	cr_assert(mu_uuid_parse("79604438-3d78-86cc-8311-0089ffa37e33", &id));
	t = builtin_find(&id);
	cr_assert_not_null(t);
	cr_expect_str_eq(t->key, "windows-11");
	cr_expect_null(builtin_find(&nobody));
}

Test(builtin, as_a_template_on_no_host)
{
	const struct builtin_template *t;
	struct model_vm vm;

	for (size_t i = 0; (t = builtin_next(&i));) {
		builtin_model(t, &vm);
		cr_expect_eq(vm.kind, VM_KIND_TEMPLATE);
		cr_expect(mu_uuid_is_nil(&vm.host.uuid));
		cr_expect_eq(vm.memory_static_max_bytes, t->memory_bytes);
		cr_expect_eq(vm.boot_order[0] != '\0', t->installs);
		cr_expect_eq(vm.power, VM_HALTED);
	}
}
