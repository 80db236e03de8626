/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of docs/design/guest-facts.md on what real agents write. */
#include "agent/hv/xen/xen_guest.h"
#include "common/base/mem.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct node {
	const char *path;
	const char *value;
};

struct tree {
	const struct node *nodes; /* ends with a NULL path */
};

static char *tree_read(void *ctx, const char *path)
{
	const struct tree *t = ctx;

	for (const struct node *n = t->nodes; n->path; n++)
		if (strcmp(n->path, path) == 0)
			return strdup(n->value);
	return NULL;
}

/* One block, as libxenstore gives it: pointers, then the names. */
static char **tree_list(void *ctx, const char *path, unsigned *ret_n)
{
	const struct tree *t = ctx;
	const size_t len = strlen(path), max = 64, name_max = 32;
	char **names = calloc(max, sizeof *names + name_max);
	char *text = (char *)(names + max);
	unsigned n = 0;

	for (const struct node *i = t->nodes; i->path && n < max; i++) {
		size_t name_len;

		if (strncmp(i->path, path, len) != 0 || i->path[len] != '/')
			continue;
		name_len = strcspn(i->path + len + 1, "/");
		if (n > 0 && strncmp(names[n - 1], i->path + len + 1, name_len) == 0 &&
		    names[n - 1][name_len] == '\0')
			continue;
		names[n] = text + n * name_max;
		memcpy(names[n], i->path + len + 1, name_len);
		n++;
	}
	*ret_n = n;
	return names;
}

static struct vm_guest collect(const struct node *nodes)
{
	struct tree tree = {nodes};
	const struct xen_guest_source source = {tree_read, tree_list, &tree};
	struct vm_guest g;

	xen_guest_collect(&source, &g);
	return g;
}

Test(xen_guest, nothing_is_unknown)
{
	const struct node nodes[] = {{NULL, NULL}};
	struct vm_guest g = collect(nodes);

	cr_expect_not(g.agent_detected);
	cr_expect_not(g.pv_drivers_detected);
	cr_expect_eq(g.balloon, VM_SAID_NOTHING);
	cr_expect_str_empty(g.os_name);
	cr_expect_eq(g.memory_free_bytes, -1);
	cr_expect_eq(g.memory_total_bytes, -1);
	cr_expect_eq(g.n_addrs, 0u);
}

/* xe-daemon (Go) */
Test(xen_guest, linux_agent)
{
	const struct node nodes[] = {
	    {"attr/PVAddons/Installed", "1"},
	    {"attr/PVAddons/MajorVersion", "7"},
	    {"attr/PVAddons/MinorVersion", "30"},
	    {"attr/PVAddons/MicroVersion", "0"},
	    {"attr/PVAddons/BuildVersion", "12"},
	    {"attr/vif/1/ipv4/0", "192.168.1.5"},
	    {"attr/vif/0/ipv4/0", "10.0.0.5"},
	    {"attr/vif/0/ipv4/1", "10.0.0.6/24"},
	    {"attr/vif/0/ipv6/0", "fe80::216:3eff:fe01:203"},
	    {"data/os_name", "Debian GNU/Linux 12 (bookworm)"},
	    {"data/os_distro", "debian"},
	    {"data/os_majorver", "12"},
	    {"data/os_minorver", "5"},
	    {"data/os_uname", "6.1.0-18-amd64"},
	    {"data/meminfo_free", "1024"},
	    {"data/meminfo_total", "2048"},
	    {"control/feature-suspend", "1"},
	    {NULL, NULL},
	};
	struct vm_guest g = collect(nodes);

	cr_expect(g.agent_detected);
	cr_expect_str_eq(g.agent_version, "7.30.0-12");
	cr_expect(g.pv_drivers_detected);
	cr_expect_str_eq(g.os_name, "Debian GNU/Linux 12 (bookworm)");
	cr_expect_str_eq(g.os_distro, "debian");
	cr_expect_str_eq(g.os_major, "12");
	cr_expect_str_eq(g.os_minor, "5");
	cr_expect_str_eq(g.os_uname, "6.1.0-18-amd64");
	cr_expect_eq(g.memory_free_bytes, 1 << 20);
	cr_expect_eq(g.memory_total_bytes, 2 << 20);
	cr_assert_eq(g.n_addrs, 4u);
	cr_expect_str_eq(g.addrs[0].addr, "10.0.0.5");
	cr_expect_str_eq(g.addrs[1].addr, "10.0.0.6");
	cr_expect_eq(g.addrs[1].index, 1);
	cr_expect(g.addrs[2].v6);
	cr_expect_eq(g.addrs[3].device, 1);
}

/* xen-guest-agent (Rust): no Installed, its own build text; Debian's xe-daemon: placeholders. */
Test(xen_guest, agents_without_proper_version)
{
	const struct node rust[] = {
	    {"attr/PVAddons/MajorVersion", "1"},
	    {"attr/PVAddons/MinorVersion", "0"},
	    {"attr/PVAddons/MicroVersion", "0"},
	    {"attr/PVAddons/BuildVersion", "proto-0.4.0"},
	    {NULL, NULL},
	};
	const struct node debian[] = {
	    {"attr/PVAddons/MajorVersion", "@PRODUCT_MAJOR_VERSION@"},
	    {"attr/PVAddons/MinorVersion", "@PRODUCT_MINOR_VERSION@"},
	    {NULL, NULL},
	};
	struct vm_guest g = collect(rust);

	cr_expect_str_eq(g.agent_version, "1.0.0-proto-0.4.0");
	g = collect(debian);
	cr_expect(g.agent_detected);
	cr_expect_str_empty(g.agent_version);
}

Test(xen_guest, os_name_from_its_parts)
{
	const struct node nodes[] = {{"data/os_distro", "alpine"},
				     {"data/os_majorver", "3"},
				     {"data/os_minorver", "19"},
				     {NULL, NULL}};
	struct vm_guest g = collect(nodes);

	cr_expect_str_eq(g.os_name, "alpine 3.19");
}

Test(xen_guest, old_style_addresses)
{
	const struct node nodes[] = {
	    {"attr/eth1/ip", "10.1.1.1"}, {"attr/eth1/ipv6/0/addr", "2001:db8::1"}, {NULL, NULL}};
	struct vm_guest g = collect(nodes);

	cr_assert_eq(g.n_addrs, 2u);
	cr_expect_eq(g.addrs[0].device, 1);
	cr_expect_str_eq(g.addrs[1].addr, "2001:db8::1");
}

/* Names that systemd gives; several addresses of one; a name that is no number of a card. */
Test(xen_guest, old_style_addresses_of_other_names)
{
	static const char *const prefixes[] = {"enX", "xenbr", "eno", "ens", "emp", "enx"};

	for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
		char v4[32], first[48], second[48], odd[48];
		const struct node nodes[] = {{v4, "10.1.1.1"},
					     {first, "2001:db8::1"},
					     {second, "2001:db8::2/64"},
					     {odd, "10.9.9.9"},
					     {"attr/docker0/ip", "172.17.0.1"},
					     {NULL, NULL}};
		struct vm_guest g;

		(void)snprintf(v4, sizeof v4, "attr/%s0/ip", prefixes[i]);
		(void)snprintf(first, sizeof first, "attr/%s0/ipv6/0/addr", prefixes[i]);
		(void)snprintf(second, sizeof second, "attr/%s0/ipv6/3/addr", prefixes[i]);
		(void)snprintf(odd, sizeof odd, "attr/%s99999/ip", prefixes[i]);
		g = collect(nodes);
		cr_assert_eq(g.n_addrs, 3u, "%s", prefixes[i]);
		cr_expect_eq(g.addrs[2].index, 3);
		cr_expect_str_eq(g.addrs[2].addr, "2001:db8::2");
	}
}

/* A guest with a bridge: the card is what counts. */
Test(xen_guest, the_first_kind_of_name_counts)
{
	const struct node nodes[] = {
	    {"attr/xenbr0/ip", "10.1.1.2"}, {"attr/eth0/ip", "10.1.1.1"}, {NULL, NULL}};
	struct vm_guest g = collect(nodes);

	cr_assert_eq(g.n_addrs, 1u);
	cr_expect_str_eq(g.addrs[0].addr, "10.1.1.1");
}

Test(xen_guest, pv_drivers_by_a_connected_device)
{
	const struct node connected[] = {{"device/vbd/51712/state", "4"}, {NULL, NULL}};
	const struct node closed[] = {
	    {"device/vbd/51712/state", "6"}, {"device/vif/0/state", "1"}, {NULL, NULL}};

	cr_expect(collect(connected).pv_drivers_detected);
	cr_expect_not(collect(closed).pv_drivers_detected);
}

Test(xen_guest, a_balloon_is_what_the_guest_says)
{
	static const struct {
		const char *word;
		enum vm_said said;
	} words[] = {{"1", VM_SAID_YES},
		     {"0", VM_SAID_NO},
		     {"", VM_SAID_NOTHING},
		     {"2", VM_SAID_NOTHING},
		     {"yes", VM_SAID_NOTHING}};

	for (size_t i = 0; i < MU_ARRAY_SIZE(words); i++) {
		const struct node nodes[] = {{"control/feature-balloon", words[i].word},
					     {NULL, NULL}};

		cr_expect_eq(collect(nodes).balloon, words[i].said, "\"%s\"", words[i].word);
	}
}

Test(xen_guest, hostile_values_are_bounded)
{
	static char huge[5000];
	struct vm_guest g;

	memset(huge, 'x', sizeof huge - 1);
	{
		const struct node nodes[] = {
		    {"attr/PVAddons/MajorVersion", "\x1b[2J\xff"},
		    {"attr/vif/0/ipv4/0", "not an address"},
		    {"attr/vif/0/ipv4/1", "10.0.0.1.evil"},
		    {"attr/vif/0/ipv6/0", "10.0.0.1"},
		    {"attr/vif/-1/ipv4/0", "10.0.0.1"},
		    {"attr/vif/99999/ipv4/0", "10.0.0.1"},
		    {"data/meminfo_free", "-1"},
		    {"data/meminfo_total", "99999999999999999999"},
		    {"data/os_name", huge},
		    {"data/os_uname", "a\nb"},
		    {NULL, NULL},
		};

		g = collect(nodes);
	}
	cr_expect(g.agent_detected);
	cr_expect_str_eq(g.agent_version, "?[2J?");
	cr_expect_eq(g.n_addrs, 0u);
	cr_expect_eq(g.memory_free_bytes, -1);
	cr_expect_eq(g.memory_total_bytes, -1);
	cr_expect_str_empty(g.os_name, "longer than xenstore allows: not believed");
	cr_expect_str_eq(g.os_uname, "a?b");
}

Test(xen_guest, long_text_is_cut)
{
	static char text[1000];
	struct vm_guest g;

	memset(text, 'y', sizeof text - 1);
	{
		const struct node nodes[] = {{"data/os_name", text}, {NULL, NULL}};

		g = collect(nodes);
	}
	cr_expect_eq(strlen(g.os_name), MODEL_TEXT_MAX);
}
