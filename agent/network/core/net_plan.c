/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a person gave (name, description) does not go into these files, only checked interface
 * names and numbers: each format has its own way to be misled by text.
 *
 * networkd makes a VLAN only when the card's own .network file asks for it, and puts a card into
 * a bridge the same way. That file is somebody else's, so ours is a drop-in of it; a card without
 * a file gets one from us, shared by all networks on it.
 *
 * networkd is not told of them before the next boot: a card whose files have changed is configured
 * anew, and its addresses are away for a moment. Any later reload would do it, also one for another
 * network. So the same links are made by hand meanwhile.
 */
#include "agent/network/core/net_plan.h"

#include "common/base/assert.h"

#include <stdio.h>
#include <string.h>

#define HEADER "# Made by Muster; edits are lost when the network is deleted.\n"
#define IFUPDOWN_DIR "/etc/network/interfaces.d"
#define NETWORKD_DIR "/etc/systemd/network"
#define NM_DIR "/etc/NetworkManager/system-connections"

static void add_file(struct net_plan *plan, const char *path, const char *text)
{
	mu_assert(plan->n_files < NET_PLAN_FILES_MAX);
	plan->files[plan->n_files++] = (struct net_file){.path = path, .text = text};
}

static void add_command(struct net_commands *list, const char *const *words)
{
	struct net_command *c = &list->items[list->n++];
	size_t n = 0;

	mu_assert(list->n <= NET_PLAN_COMMANDS_MAX);
	for (; words[n]; n++) {
		mu_assert(n < NET_PLAN_WORDS_MAX - 1);
		c->argv[n] = words[n];
	}
}

#define COMMAND(list, ...) add_command(list, (const char *const[]){__VA_ARGS__, NULL})

/* ---- ifupdown ---- */

/* Not ifupdown's own "mtu": bridge-utils would set it on the card as well, and so on every other
 * network there. And no IPv6: the kernel would give the bridge an address by which guests reach
 * the host. */
static const char *ifupdown_lines(struct mu_arena *a, const struct net_record *rec)
{
	const char *mtu = rec->mtu ? mu_arena_printf(a, "    up ip link set dev %s mtu %d\n",
						     rec->bridge, rec->mtu)
				   : "";

	return mu_arena_printf(a,
			       "    up [ ! -d /proc/sys/net/ipv6/conf/%s ] || "
			       "echo 1 >/proc/sys/net/ipv6/conf/%s/disable_ipv6\n"
			       "%s",
			       rec->bridge, rec->bridge, mtu);
}

static void plan_ifupdown(struct mu_arena *a, const struct net_record *rec, struct net_plan *plan)
{
	const char *port = net_record_port(rec);

	add_file(plan, mu_arena_printf(a, IFUPDOWN_DIR "/muster-%s", rec->bridge),
		 mu_arena_printf(a,
				 HEADER "auto %s\n"
					"iface %s inet manual\n"
					"    bridge_ports %s\n"
					"    bridge_stp off\n"
					"    bridge_fd 0\n"
					"%s",
				 rec->bridge, rec->bridge, port ? port : "none",
				 ifupdown_lines(a, rec)));
	COMMAND(&plan->up, "ifup", rec->bridge);
	COMMAND(&plan->down, "ifdown", "--force", rec->bridge);
}

/* ---- networkd ---- */

static bool shares_card(const struct net_record *rec, const struct net_record *others,
			size_t n_others)
{
	for (size_t i = 0; i < n_others; i++) {
		if (others[i].system == NET_SYSTEM_NETWORKD && !strcmp(others[i].pif, rec->pif) &&
		    !*others[i].pif_file && strcmp(others[i].bridge, rec->bridge) != 0)
			return true;
	}
	return false;
}

/* The card's own file, if nobody else has given it one, and our line in it. */
static void plan_networkd_card(struct mu_arena *a, const struct net_record *rec, bool shared,
			       struct net_plan *plan)
{
	const char *base =
	    *rec->pif_file ? rec->pif_file : mu_arena_printf(a, "60-muster-%s.network", rec->pif);

	if (!*rec->pif_file) {
		add_file(plan, mu_arena_printf(a, NETWORKD_DIR "/%s", base),
			 mu_arena_printf(a,
					 HEADER "[Match]\n"
						"Name=%s\n"
						"\n"
						"[Link]\n"
						"RequiredForOnline=no\n"
						"\n"
						"[Network]\n"
						"LinkLocalAddressing=no\n",
					 rec->pif));
		plan->files[plan->n_files - 1].shared = shared;
	}
	add_file(plan, mu_arena_printf(a, NETWORKD_DIR "/%s.d/muster-%s.conf", base, rec->bridge),
		 mu_arena_printf(a, HEADER "[Network]\n%s=%s\n",
				 *rec->vlan_device ? "VLAN" : "Bridge",
				 *rec->vlan_device ? rec->vlan_device : rec->bridge));
}

static void plan_networkd_vlan(struct mu_arena *a, const struct net_record *rec,
			       struct net_plan *plan)
{
	add_file(plan, mu_arena_printf(a, NETWORKD_DIR "/60-muster-%s.netdev", rec->vlan_device),
		 mu_arena_printf(a,
				 HEADER "[NetDev]\n"
					"Name=%s\n"
					"Kind=vlan\n"
					"\n"
					"[VLAN]\n"
					"Id=%d\n",
				 rec->vlan_device, rec->vlan));
	add_file(plan, mu_arena_printf(a, NETWORKD_DIR "/60-muster-%s.network", rec->vlan_device),
		 mu_arena_printf(a,
				 HEADER "[Match]\n"
					"Name=%s\n"
					"\n"
					"[Link]\n"
					"RequiredForOnline=no\n"
					"\n"
					"[Network]\n"
					"LinkLocalAddressing=no\n"
					"Bridge=%s\n",
				 rec->vlan_device, rec->bridge));
}

static void plan_networkd(struct mu_arena *a, const struct net_record *rec, bool shared,
			  struct net_plan *plan)
{
	add_file(plan, mu_arena_printf(a, NETWORKD_DIR "/60-muster-%s.netdev", rec->bridge),
		 mu_arena_printf(a,
				 HEADER "[NetDev]\n"
					"Name=%s\n"
					"Kind=bridge\n"
					"\n"
					"[Bridge]\n"
					"STP=no\n"
					"ForwardDelaySec=0\n",
				 rec->bridge));
	/* An empty bridge has no carrier, and must be up for the first guest all the same. The MTU
	 * is not the .netdev's: the kernel keeps only one that is changed when a port joins. */
	add_file(plan, mu_arena_printf(a, NETWORKD_DIR "/60-muster-%s.network", rec->bridge),
		 mu_arena_printf(a,
				 HEADER "[Match]\n"
					"Name=%s\n"
					"\n"
					"[Link]\n"
					"RequiredForOnline=no\n"
					"%s"
					"\n"
					"[Network]\n"
					"LinkLocalAddressing=no\n"
					"ConfigureWithoutCarrier=yes\n",
				 rec->bridge,
				 rec->mtu ? mu_arena_printf(a, "MTUBytes=%d\n", rec->mtu) : ""));
	if (*rec->vlan_device)
		plan_networkd_vlan(a, rec, plan);
	if (*rec->pif)
		plan_networkd_card(a, rec, shared, plan);
	plan->by_hand = true;
}

/* ---- NetworkManager ---- */

static const char *nm_uuid(struct mu_arena *a, const struct net_record *rec, const char *part)
{
	struct mu_uuid network = object_network_id(rec->bridge);
	struct mu_uuid id = mu_uuid_derive(&network, part);
	char text[MU_UUID_TEXT];

	return mu_arena_strdup(a, mu_uuid_format(&id, text));
}

static void add_keyfile(struct mu_arena *a, struct net_plan *plan, const char *device,
			const char *text)
{
	add_file(plan, mu_arena_printf(a, NM_DIR "/muster-%s.nmconnection", device), text);
	plan->files[plan->n_files - 1].secret = true;
}

static void plan_nm_port(struct mu_arena *a, const struct net_record *rec, const char *uuid,
			 struct net_plan *plan)
{
	const char *port = net_record_port(rec);
	const char *vlan = *rec->vlan_device ? mu_arena_printf(a,
							       "\n"
							       "[vlan]\n"
							       "parent=%s\n"
							       "id=%d\n"
							       "flags=1\n",
							       rec->pif, rec->vlan)
					     : "";

	add_keyfile(a, plan, port,
		    mu_arena_printf(a,
				    HEADER "[connection]\n"
					   "id=muster-%s\n"
					   "uuid=%s\n"
					   "type=%s\n"
					   "interface-name=%s\n"
					   "autoconnect-priority=100\n"
					   "master=%s\n"
					   "slave-type=bridge\n"
					   "%s",
				    port, uuid, *rec->vlan_device ? "vlan" : "ethernet", port,
				    rec->bridge, vlan));
}

static void plan_nm(struct mu_arena *a, const struct net_record *rec, struct net_plan *plan)
{
	const char *bridge = nm_uuid(a, rec, "bridge"), *port = nm_uuid(a, rec, "port");

	add_keyfile(a, plan, rec->bridge,
		    mu_arena_printf(
			a,
			HEADER "[connection]\n"
			       "id=muster-%s\n"
			       "uuid=%s\n"
			       "type=bridge\n"
			       "interface-name=%s\n"
			       "\n"
			       "[bridge]\n"
			       "stp=false\n"
			       "\n"
			       "%s"
			       "[ipv4]\n"
			       "method=disabled\n"
			       "\n"
			       "[ipv6]\n"
			       "method=disabled\n",
			rec->bridge, bridge, rec->bridge,
			rec->mtu ? mu_arena_printf(a, "[ethernet]\nmtu=%d\n\n", rec->mtu) : ""));
	COMMAND(&plan->up, "nmcli", "connection", "load", plan->files[0].path);
	if (net_record_port(rec)) {
		plan_nm_port(a, rec, port, plan);
		COMMAND(&plan->up, "nmcli", "connection", "load", plan->files[1].path);
	}
	/* The bridge's activation does not wait for ports; the port's does for the bridge. */
	COMMAND(&plan->up, "nmcli", "--wait", "30", "connection", "up", "uuid", bridge);
	if (net_record_port(rec)) {
		COMMAND(&plan->up, "nmcli", "--wait", "30", "connection", "up", "uuid", port);
		COMMAND(&plan->down, "nmcli", "--wait", "30", "connection", "down", "uuid", port);
	}
	COMMAND(&plan->down, "nmcli", "--wait", "30", "connection", "down", "uuid", bridge);
	COMMAND(&plan->reload, "nmcli", "connection", "reload");
}

void net_plan_make(struct mu_arena *a, const struct net_record *rec,
		   const struct net_record *others, size_t n_others, struct net_plan *ret)
{
	memset(ret, 0, sizeof *ret);
	switch (rec->system) {
	case NET_SYSTEM_NONE:
		ret->by_hand = true;
		return;
	case NET_SYSTEM_IFUPDOWN:
		plan_ifupdown(a, rec, ret);
		return;
	case NET_SYSTEM_NETWORKD:
		plan_networkd(a, rec, shares_card(rec, others, n_others), ret);
		return;
	case NET_SYSTEM_NM:
		plan_nm(a, rec, ret);
		return;
	case _NET_SYSTEM_COUNT:
		mu_assert_unreachable();
	}
	mu_assert_unreachable();
}
