/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host must not be cut off: a card that has an address, or is on the way to the aggregator, is
 * never moved into a bridge. A VLAN beside it is fine: tagged frames leave the card before a
 * bridge on it sees them.
 */
#include "agent/network/core/net_check.h"

#include "common/base/str.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { HASH_BYTES = 3 };

/* ---- names ---- */

void net_bridge_name(const char *name, char ret[static MODEL_DEVICE_MAX + 1])
{
	/* Parent of nothing: any constant would do, as long as it stays. */
	static const struct mu_uuid parent = {{0}};
	enum { KEEP = MODEL_DEVICE_MAX - 1 - 2 * HASH_BYTES };
	struct mu_uuid hash = mu_uuid_derive(&parent, name);
	size_t n = 0;

	if (net_check_bridge_name(name, NULL) == 0) {
		memcpy(ret, name, strlen(name) + 1);
		return;
	}
	for (const char *c = name; *c && n < KEEP; c++) {
		if (isascii((unsigned char)*c) && isalnum((unsigned char)*c))
			ret[n++] = (char)tolower((unsigned char)*c);
		else if (n > 0 && ret[n - 1] != '-')
			ret[n++] = '-';
	}
	if (n == 0)
		n = (size_t)snprintf(ret, KEEP, "net");
	if (ret[n - 1] != '-')
		ret[n++] = '-';
	mu_hex_encode(ret + n, hash.bytes, HASH_BYTES);
}

static int check_text(const char *what, const char *text, size_t max, struct mu_error *err)
{
	if (strlen(text) > max)
		return mu_error_set(err, MU_E_INVALID, "%s: longer than %zu bytes", what, max);
	if (!mu_utf8_valid(text, strlen(text)))
		return mu_error_set(err, MU_E_INVALID, "%s: not UTF-8", what);
	for (const char *c = text; *c; c++) {
		if (iscntrl((unsigned char)*c))
			return mu_error_set(err, MU_E_INVALID, "%s: has a control character", what);
	}
	return 0;
}

static int check_names(const struct net_check_input *in, const struct net_request *request,
		       struct net_record *rec, struct mu_error *err)
{
	if (!*request->name)
		return mu_error_set(err, MU_E_INVALID, "name: must not be empty");
	if (check_text("name", request->name, MODEL_NAME_MAX, err) < 0 ||
	    check_text("description", request->description, MODEL_TEXT_MAX, err) < 0)
		return MU_FAILED;
	if (*request->bridge && net_check_bridge_name(request->bridge, err) < 0)
		return MU_FAILED;
	(void)snprintf(rec->name, sizeof rec->name, "%s", request->name);
	(void)snprintf(rec->description, sizeof rec->description, "%s", request->description);
	if (*request->bridge)
		(void)snprintf(rec->bridge, sizeof rec->bridge, "%s", request->bridge);
	else
		net_bridge_name(request->name, rec->bridge);
	for (size_t i = 0; i < in->n_records; i++) {
		if (!strcmp(in->records[i].name, rec->name))
			return mu_error_set(err, MU_E_EXISTS,
					    "name: network \"%s\" exists (bridge %s)", rec->name,
					    in->records[i].bridge);
		if (!strcmp(in->records[i].bridge, rec->bridge))
			return mu_error_set(err, MU_E_EXISTS,
					    "bridge: %s belongs to network \"%s\"; hint: give "
					    "another bridge name",
					    rec->bridge, in->records[i].name);
	}
	if (net_link_find(in->facts, rec->bridge))
		return mu_error_set(err, MU_E_EXISTS,
				    "bridge: there is an interface %s; hint: give another bridge "
				    "name",
				    rec->bridge);
	return 0;
}

/* ---- the card ---- */

static const struct net_link *find_pif(const struct net_check_input *in, const char *text)
{
	struct mu_uuid id;

	if (!mu_uuid_parse(text, &id))
		return net_link_find(in->facts, text);
	for (size_t i = 0; i < in->facts->n_links; i++) {
		const struct net_link *l = &in->facts->links[i];
		struct mu_uuid its = object_pif_id(&in->host, l->name);

		if (net_link_is_pif(l) && mu_uuid_equal(&its, &id))
			return l;
	}
	return NULL;
}

static int check_card(const struct net_check_input *in, const struct net_link *pif,
		      struct mu_error *err)
{
	const struct net_link *master = pif->master ? net_link_at(in->facts, pif->master) : NULL;

	if (pif->kind != NET_KIND_CARD && pif->kind != NET_KIND_BOND && pif->kind != NET_KIND_DUMMY)
		return mu_error_set(err, MU_E_INVALID,
				    "pif: %s is a %s; hint: give a network card or a bond",
				    pif->name, net_kind_name(pif->kind));
	if (master && master->kind == NET_KIND_BOND)
		return mu_error_set(err, MU_E_STATE, "pif: %s is part of bond %s; hint: give %s",
				    pif->name, master->name, master->name);
	return 0;
}

static bool has_address(const struct net_facts *f, const struct net_link *l)
{
	for (size_t i = 0; i < f->n_addrs; i++) {
		if (f->addrs[i].link == l->index && f->addrs[i].global)
			return true;
	}
	return false;
}

/* The host's way out is the card itself, or a VLAN on it. */
static bool leads_out(const struct net_check_input *in, const struct net_link *pif)
{
	const struct net_facts *f = in->facts;
	const struct net_link *management = net_management_link(f, in->management_ip);

	for (size_t i = 0; management && i < f->n_links; i++) {
		const struct net_link *l = &f->links[i];

		if ((l == pif || l->lower == pif->index) && net_carries(f, l, management))
			return true;
	}
	return false;
}

static int check_untagged(const struct net_check_input *in, const struct net_link *pif,
			  struct mu_error *err)
{
	const struct net_link *master = pif->master ? net_link_at(in->facts, pif->master) : NULL;

	if (master)
		return mu_error_set(err, MU_E_STATE,
				    "pif: %s is in %s already; hint: use the network of %s, or "
				    "give a vlan",
				    pif->name, master->name, master->name);
	if (has_address(in->facts, pif) || leads_out(in, pif))
		return mu_error_set(
		    err, MU_E_STATE,
		    "pif: the host itself talks over %s, and moving it into a bridge could cut "
		    "the host off; hint: do that by hand at the host's console (the bridge gets "
		    "the card as port and the card's address; Muster finds it), or give a vlan",
		    pif->name);
	return 0;
}

static int check_vlan(const struct net_check_input *in, const struct net_link *pif,
		      struct net_record *rec, struct mu_error *err)
{
	const struct net_facts *f = in->facts;

	for (size_t i = 0; i < f->n_links; i++) {
		const struct net_link *l = &f->links[i];

		if (l->kind == NET_KIND_VLAN && l->lower == pif->index && l->vlan == rec->vlan)
			return mu_error_set(err, MU_E_EXISTS, "vlan: %d on %s is %s already",
					    rec->vlan, pif->name, l->name);
	}
	if ((size_t)snprintf(rec->vlan_device, sizeof rec->vlan_device, "%s.%d", pif->name,
			     rec->vlan) >= sizeof rec->vlan_device)
		return mu_error_set(err, MU_E_INVALID,
				    "pif: %s.%d is longer than the %d characters of an interface's "
				    "name; hint: rename the card",
				    pif->name, rec->vlan, MODEL_DEVICE_MAX);
	if (!strcmp(rec->vlan_device, rec->bridge) || net_link_find(f, rec->vlan_device))
		return mu_error_set(err, MU_E_EXISTS, "vlan: the name %s is taken",
				    rec->vlan_device);
	return 0;
}

static int check_numbers(const struct net_request *request, const struct net_link *pif,
			 struct net_record *rec, struct mu_error *err)
{
	if (request->vlan != -1 && (request->vlan < 1 || request->vlan > NET_VLAN_MAX))
		return mu_error_set(err, MU_E_INVALID, "vlan: %lld is not within 1 to %d",
				    (long long)request->vlan, NET_VLAN_MAX);
	if (request->mtu != 0 && (request->mtu < NET_MTU_MIN || request->mtu > NET_MTU_MAX))
		return mu_error_set(err, MU_E_INVALID, "mtu: %lld is not within %d to %d",
				    (long long)request->mtu, NET_MTU_MIN, NET_MTU_MAX);
	if (request->vlan != -1 && !pif)
		return mu_error_set(err, MU_E_INVALID, "vlan: needs a pif");
	if (pif && request->mtu > pif->mtu)
		return mu_error_set(err, MU_E_INVALID,
				    "mtu: %lld is more than %d of %s; hint: raise that first",
				    (long long)request->mtu, pif->mtu, pif->name);
	rec->vlan = (int32_t)request->vlan;
	rec->mtu = (int32_t)request->mtu;
	return 0;
}

/* ---- the configuration system ---- */

/* Whose is this device? */
static enum net_system owner_of(const struct net_facts *f, const char *device)
{
	static const enum net_system order[] = {NET_SYSTEM_NM, NET_SYSTEM_NETWORKD,
						NET_SYSTEM_IFUPDOWN};

	for (size_t i = 0; i < MU_ARRAY_SIZE(order); i++) {
		if (f->active[order[i]] && net_config_find(f, device, order[i]))
			return order[i];
	}
	return NET_SYSTEM_NONE;
}

static enum net_system choose_system(const struct net_check_input *in, const struct net_link *pif)
{
	const struct net_facts *f = in->facts;
	const struct net_link *management = net_management_link(f, in->management_ip);
	enum net_system s = pif ? owner_of(f, pif->name) : NET_SYSTEM_NONE;

	if (s == NET_SYSTEM_NONE && management)
		s = owner_of(f, management->name);
	for (int i = NET_SYSTEM_NM; s == NET_SYSTEM_NONE && i > NET_SYSTEM_NONE; i--) {
		if (f->active[i])
			s = (enum net_system)i;
	}
	return s;
}

static int check_ifupdown(const struct net_facts *f, const struct net_record *rec,
			  struct mu_error *err)
{
	if (!f->ifupdown_includes)
		return mu_error_set(err, MU_E_UNSUPPORTED,
				    "/etc/network/interfaces does not read the files of "
				    "/etc/network/interfaces.d; hint: add the line \"source "
				    "/etc/network/interfaces.d/*\"");
	if (!f->ifupdown_bridges)
		return mu_error_set(err, MU_E_UNSUPPORTED,
				    "ifupdown cannot make bridges; hint: install bridge-utils");
	if (strchr(rec->bridge, '.'))
		return mu_error_set(err, MU_E_INVALID,
				    "bridge: ifupdown takes %s for a VLAN; hint: a name without "
				    "\".\"",
				    rec->bridge);
	return 0;
}

/* A bond has a profile already, which would have to be changed and put back. */
static int check_nm(const struct net_link *pif, const struct net_record *rec, struct mu_error *err)
{
	if (pif && rec->vlan == -1 && pif->kind != NET_KIND_CARD)
		return mu_error_set(err, MU_E_UNSUPPORTED,
				    "pif: NetworkManager has a profile for the %s %s; hint: give "
				    "that profile the bridge as its master by hand, or give a vlan",
				    net_kind_name(pif->kind), pif->name);
	return 0;
}

static void set_pif_file(const struct net_facts *f, struct net_record *rec)
{
	const struct net_config *c = net_config_find(f, rec->pif, NET_SYSTEM_NETWORKD);
	const char *slash = c ? strrchr(c->file, '/') : NULL;
	char ours[sizeof rec->pif_file];

	/* A file of ours that another network already made for this card is "none". */
	(void)snprintf(ours, sizeof ours, "60-muster-%s.network", rec->pif);
	if (slash && strcmp(slash + 1, ours) != 0)
		(void)snprintf(rec->pif_file, sizeof rec->pif_file, "%s", slash + 1);
}

int net_check_create(const struct net_check_input *in, const struct net_request *request,
		     struct net_record *ret, struct mu_error *err)
{
	struct net_record rec = {.vlan = -1, .stage = NET_STAGE_CREATING};
	const struct net_link *pif = NULL;

	if (check_names(in, request, &rec, err) < 0)
		return MU_FAILED;
	if (*request->pif) {
		pif = find_pif(in, request->pif);
		if (!pif)
			return mu_error_set(err, MU_E_NOT_FOUND,
					    "pif: no network card \"%.64s\" on this host",
					    request->pif);
		if (check_card(in, pif, err) < 0)
			return MU_FAILED;
		(void)snprintf(rec.pif, sizeof rec.pif, "%s", pif->name);
	}
	if (check_numbers(request, pif, &rec, err) < 0)
		return MU_FAILED;
	if (pif &&
	    (rec.vlan == -1 ? check_untagged(in, pif, err) : check_vlan(in, pif, &rec, err)) < 0)
		return MU_FAILED;
	rec.system = choose_system(in, pif);
	if (rec.system == NET_SYSTEM_IFUPDOWN && check_ifupdown(in->facts, &rec, err) < 0)
		return MU_FAILED;
	if (rec.system == NET_SYSTEM_NM && check_nm(pif, &rec, err) < 0)
		return MU_FAILED;
	if (rec.system == NET_SYSTEM_NETWORKD && pif)
		set_pif_file(in->facts, &rec);
	*ret = rec;
	return 0;
}

/* ---- deleting ---- */

int net_check_delete(const struct net_check_input *in, const char *bridge,
		     const char *const *in_use, size_t n_in_use, struct net_record *ret,
		     struct mu_error *err)
{
	const struct net_link *l = net_link_find(in->facts, bridge);
	const struct net_record *rec = NULL;
	const char *port;

	for (size_t i = 0; i < in->n_records; i++) {
		if (!strcmp(in->records[i].bridge, bridge))
			rec = &in->records[i];
	}
	if (!rec && (!l || l->kind != NET_KIND_BRIDGE))
		return mu_error_set(err, MU_E_NOT_FOUND, "no bridge \"%.64s\" on this host",
				    bridge);
	if (!rec)
		return mu_error_set(err, MU_E_DENIED,
				    "%s was not made by Muster; hint: remove it where it is "
				    "configured",
				    bridge);
	for (size_t i = 0; i < n_in_use; i++) {
		if (!strcmp(in_use[i], bridge))
			return mu_error_set(err, MU_E_STATE,
					    "%s is in use by a running VM; hint: disconnect its "
					    "VIFs first",
					    bridge);
	}
	port = net_record_port(rec);
	for (size_t i = 0; l && i < in->facts->n_links; i++) {
		const struct net_link *other = &in->facts->links[i];

		if (other->master == l->index && (!port || strcmp(other->name, port) != 0))
			return mu_error_set(err, MU_E_STATE,
					    "%s has the port %s that is not its own; hint: take "
					    "that out first",
					    bridge, other->name);
	}
	*ret = *rec;
	return 0;
}

/* ---- what is there ---- */

static bool is_our_vlan(const struct net_facts *f, const struct net_record *rec,
			const struct net_link *l)
{
	const struct net_link *lower = l->lower ? net_link_at(f, l->lower) : NULL;

	return l->kind == NET_KIND_VLAN && l->vlan == rec->vlan && lower &&
	       !strcmp(lower->name, rec->pif);
}

int net_check_made(const struct net_facts *f, const struct net_record *rec, struct mu_error *err)
{
	const struct net_link *bridge = net_link_find(f, rec->bridge);
	const char *port_name = net_record_port(rec);
	const struct net_link *port = port_name ? net_link_find(f, port_name) : NULL;

	if (!bridge || bridge->kind != NET_KIND_BRIDGE)
		return mu_error_set(err, MU_E_UNAVAILABLE, "bridge %s did not appear", rec->bridge);
	if (!bridge->up)
		return mu_error_set(err, MU_E_UNAVAILABLE, "bridge %s did not come up",
				    rec->bridge);
	if (rec->mtu && bridge->mtu != rec->mtu)
		return mu_error_set(err, MU_E_UNAVAILABLE, "bridge %s did not take mtu %d",
				    rec->bridge, rec->mtu);
	if (!port_name)
		return 0;
	if (!port || (*rec->vlan_device && !is_our_vlan(f, rec, port)))
		return mu_error_set(err, MU_E_UNAVAILABLE, "port %s did not appear", port_name);
	if (port->master != bridge->index || !port->up)
		return mu_error_set(err, MU_E_UNAVAILABLE, "port %s did not join %s", port_name,
				    rec->bridge);
	return 0;
}

size_t net_leftovers(const struct net_facts *f, const struct net_record *rec,
		     const char *ret_names[static NET_LEFTOVERS_MAX])
{
	const struct net_link *bridge = net_link_find(f, rec->bridge);
	const struct net_link *vlan = *rec->vlan_device ? net_link_find(f, rec->vlan_device) : NULL;
	size_t n = 0;

	if (vlan && is_our_vlan(f, rec, vlan))
		ret_names[n++] = rec->vlan_device;
	if (bridge && bridge->kind == NET_KIND_BRIDGE)
		ret_names[n++] = rec->bridge;
	return n;
}
