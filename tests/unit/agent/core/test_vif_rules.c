/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/core/vif_rules.h"

#include "common/base/mem.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct model_vm vm_with(const char *id, const char *name, const char *mac)
{
	struct model_vm vm;

	model_vm_init(&vm);
	cr_assert(mu_uuid_parse(id, &vm.id.uuid));
	(void)snprintf(vm.name, sizeof vm.name, "%s", name);
	vm.n_nics = 1;
	vm.nics[0].device = 3;
	(void)snprintf(vm.nics[0].mac, sizeof vm.nics[0].mac, "%s", mac);
	return vm;
}

#define ID_A "00000000-0000-4000-8000-00000000000a"
#define ID_B "00000000-0000-4000-8000-00000000000b"

Test(vif_rules, a_chosen_address_is_unicast_local_and_the_same_again)
{
	char first[18], again[18], other[18];
	struct vm_id vm;

	cr_assert(mu_uuid_parse(ID_A, &vm.uuid));
	vif_mac_choose(NULL, 0, &vm, 0, first);
	vif_mac_choose(NULL, 0, &vm, 0, again);
	vif_mac_choose(NULL, 0, &vm, 1, other);
	cr_assert_str_eq(first, again);
	cr_assert_str_neq(first, other);
	for (uint32_t device = 0; device < 100; device++) {
		unsigned byte;

		vif_mac_choose(NULL, 0, &vm, device, other);
		cr_assert_eq(sscanf(other, "%2x", &byte), 1);
		cr_assert_eq(byte & 3u, 2u, "%s", other);
		cr_assert_eq(vif_mac_check(NULL, 0, &vm, device, other, NULL), 0);
	}
}

Test(vif_rules, a_taken_address_is_not_chosen)
{
	struct model_vm b = vm_with(ID_B, "b", "");
	const struct model_vm *const all[] = {&b};
	char first[18], second[18];
	struct vm_id vm;

	cr_assert(mu_uuid_parse(ID_A, &vm.uuid));
	vif_mac_choose(NULL, 0, &vm, 0, first);
	memcpy(b.nics[0].mac, first, sizeof first);
	vif_mac_choose(all, 1, &vm, 0, second);
	cr_assert_str_neq(first, second);
	/* It is the card's own. */
	vif_mac_choose(all, 1, &b.id, 3, second);
	cr_assert_neq(vif_mac_check(all, 1, &vm, 0, first, NULL), 0);
}

Test(vif_rules, duplicates_are_found_whatever_the_case)
{
	struct model_vm a = vm_with(ID_A, "web", "02:00:00:00:00:aa");
	struct model_vm b = vm_with(ID_B, "db", "02:00:00:00:00:bb");
	const struct model_vm *const all[] = {&a, &b};
	struct mu_error err = MU_ERROR_INIT;

	cr_assert_eq(vif_mac_check(all, 2, &a.id, 3, "02:00:00:00:00:AA", &err), 0);
	cr_assert_eq(vif_mac_check(all, 2, &a.id, 4, "02:00:00:00:00:AA", &err), MU_FAILED);
	cr_assert_eq(err.code, MU_E_EXISTS);
	cr_assert_str_eq(err.text, "MAC: 02:00:00:00:00:AA is that of VIF 3 of VM \"web\"");
	cr_assert_eq(vif_mac_check(all, 2, &b.id, 3, "02:00:00:00:00:AA", &err), MU_FAILED);
	a.kind = VM_KIND_SNAPSHOT;
	cr_assert_eq(vif_mac_check(all, 2, &b.id, 3, "02:00:00:00:00:AA", &err), 0);
}

Test(vif_rules, addresses_that_are_none)
{
	static const char *const bad[] = {"",
					  "02:00:00:00:00",
					  "02:00:00:00:00:0g",
					  "02-00-00-00-00-00",
					  "03:00:00:00:00:00",
					  "ff:ff:ff:ff:ff:ff",
					  "00:00:00:00:00:00",
					  "02:00:00:00:00:000"};
	struct vm_id vm = {{{0}}};

	for (size_t i = 0; i < MU_ARRAY_SIZE(bad); i++) {
		struct mu_error err = MU_ERROR_INIT;

		cr_assert_eq(vif_mac_check(NULL, 0, &vm, 0, bad[i], &err), MU_FAILED, "%s", bad[i]);
		cr_assert_eq(err.code, MU_E_INVALID);
	}
}

Test(vif_rules, rates)
{
	cr_assert_eq(vif_rate_to_xen(0), 0);
	cr_assert_eq(vif_rate_to_xen(1), 50);
	cr_assert_eq(vif_rate_to_xen(10000), 500000); /* 10 MB/s: half a megabyte in 50 ms */
	cr_assert_eq(vif_rate_to_xen(UINT32_MAX), 214748364750u);
	cr_assert_eq(vif_rate_from_xen(500000, VIF_RATE_INTERVAL_USECS), 10000);
	cr_assert_eq(vif_rate_from_xen(1, 50000), 1);
	cr_assert_eq(vif_rate_from_xen(1000, 1000000), 1);
	cr_assert_eq(vif_rate_from_xen(1001, 1000000), 2);
	cr_assert_eq(vif_rate_from_xen(0, 50000), 0);
	cr_assert_eq(vif_rate_from_xen(5, 0), 0);
	cr_assert_eq(vif_rate_from_xen(UINT64_MAX, 50000), UINT32_MAX);
	cr_assert_eq(vif_rate_from_xen(UINT64_MAX / 1000000, 1), UINT32_MAX);
}
