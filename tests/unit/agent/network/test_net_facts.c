/* SPDX-License-Identifier: Apache-2.0 */
/* What the golden cases (tests/golden/agent/network) cannot say: limits, and names for errors. */
#include "agent/network/core/net_check.h"
#include "agent/network/core/net_interfaces.h"
#include "common/base/mem.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

Test(net_facts, there_is_a_limit_to_each_kind)
{
	MU_CLEANUP(net_facts_deinit) struct net_facts f;
	char device[MODEL_DEVICE_MAX + 1];

	net_facts_init(&f);
	for (size_t i = 0; i < NET_LINKS_MAX; i++)
		cr_assert_not_null(net_facts_add_link(&f));
	cr_assert_null(net_facts_add_link(&f));
	for (size_t i = 0; i < NET_ADDRS_MAX; i++)
		cr_assert_not_null(net_facts_add_addr(&f));
	cr_assert_null(net_facts_add_addr(&f));
	for (size_t i = 0; i < NET_ROUTES_MAX; i++)
		cr_assert_not_null(net_facts_add_route(&f));
	cr_assert_null(net_facts_add_route(&f));
	for (size_t i = 0; i < NET_CONFIGS_MAX; i++) {
		(void)snprintf(device, sizeof device, "eth%zu", i);
		cr_assert_not_null(net_facts_add_config(&f, device, NET_SYSTEM_IFUPDOWN));
	}
	cr_assert_null(net_facts_add_config(&f, "more", NET_SYSTEM_IFUPDOWN));
	cr_assert_not_null(net_facts_add_config(&f, "eth0", NET_SYSTEM_IFUPDOWN));
	/* Files that have more than that are read to their end all the same. */
	net_interfaces_read(&f, "iface more inet dhcp\niface eth5 inet dhcp\n", NULL);
	net_networkd_read(&f, "more", "ADMIN_STATE=configured\n");
	net_network_file_read(&f, "more", "DHCP=yes\n");
	cr_assert_eq(net_config_find(&f, "eth5", NET_SYSTEM_IFUPDOWN)->mode, NET_MODE_DHCP);
	cr_assert_eq(f.n_configs, (size_t)NET_CONFIGS_MAX);
}

Test(net_facts, an_added_element_is_fresh)
{
	MU_CLEANUP(net_facts_deinit) struct net_facts f;
	struct net_link *l;

	net_facts_init(&f);
	l = net_facts_add_link(&f);
	cr_assert_eq(l->kind, NET_KIND_OTHER);
	cr_assert_eq(l->vlan, -1);
	cr_assert_eq(l->speed_mbps, -1);
	cr_assert_not(net_link_is_pif(l));
}

Test(net_facts, a_ring_of_masters_ends)
{
	MU_CLEANUP(net_facts_deinit) struct net_facts f;

	net_facts_init(&f);
	for (int32_t i = 1; i <= 3; i++) {
		struct net_link *l = net_facts_add_link(&f);

		l->index = i;
		l->kind = NET_KIND_CARD;
		l->master = i == 1 ? 2 : 1;
	}
	cr_assert(net_carries(&f, &f.links[2], &f.links[1]));
	cr_assert_not(net_carries(&f, &f.links[0], &f.links[2]));
}

Test(net_facts, names_of_systems)
{
	enum net_system s = NET_SYSTEM_NM;

	for (int i = 0; i < _NET_SYSTEM_COUNT; i++) {
		cr_assert(net_system_parse(net_system_name((enum net_system)i), &s));
		cr_assert_eq((int)s, i);
	}
	cr_assert_not(net_system_parse("netplan", &s));
}

Test(net_check, a_name_that_is_no_text)
{
	const struct net_facts f = {.n_links = 0};
	const struct net_check_input in = {.facts = &f, .management_ip = ""};
	const struct net_request request = {
	    .name = "lab\xff", .description = "", .bridge = "lab", .pif = "", .vlan = -1};
	struct mu_error err = MU_ERROR_INIT;
	struct net_record rec;

	cr_assert_eq(net_check_create(&in, &request, &rec, &err), MU_FAILED);
	cr_assert_eq(err.code, MU_E_INVALID);
	cr_assert_str_eq(err.text, "name: not UTF-8");
}

Test(net_check, a_bridge_made_from_any_name_is_a_bridges_name)
{
	static const char *const names[] = {"lab",      "Lab",
					    "a",        "-",
					    " ",        "Storage network (10 GbE)",
					    "\xc3\xa4", "0123456789abcdef",
					    "lo",       "default"};
	char bridges[MU_ARRAY_SIZE(names)][MODEL_DEVICE_MAX + 1];

	for (size_t i = 0; i < MU_ARRAY_SIZE(names); i++) {
		net_bridge_name(names[i], bridges[i]);
		cr_assert_eq(net_check_bridge_name(bridges[i], NULL), 0, "%s", bridges[i]);
		cr_assert_null(strchr(bridges[i], '.'), "ifupdown could not have it");
		for (size_t k = 0; k < i; k++)
			cr_assert_str_neq(bridges[k], bridges[i]);
	}
	cr_assert_str_eq(bridges[0], "lab");
}
