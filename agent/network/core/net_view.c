/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bridge is a network, whatever is in it; a card, VLAN or bond is a PIF. A PIF in a bridge shows
 * the bridge's addresses: to a person "the card has 10.0.0.5", whichever device the kernel keeps
 * it on.
 *
 * Mode: what the configuration says (of the device, or of its bridge), if it says anything; else
 * what the kernel knows. An IPv4 address with a lifetime, or a default route that a DHCP client
 * made, means DHCP.
 */
#include "agent/network/core/net_view.h"

#include "common/base/assert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const mode_names[_NET_MODE_COUNT] = {
    [NET_MODE_UNKNOWN] = "",
    [NET_MODE_NONE] = "None",
    [NET_MODE_STATIC] = "Static",
    [NET_MODE_DHCP] = "DHCP",
};

static void set_text(char *dst, size_t size, const char *text)
{
	(void)snprintf(dst, size, "%s", text);
}

static const struct net_record *record_of(const struct net_view_input *in, const char *bridge)
{
	for (size_t i = 0; i < in->n_records; i++) {
		if (in->records[i].stage == NET_STAGE_MADE &&
		    !strcmp(in->records[i].bridge, bridge))
			return &in->records[i];
	}
	return NULL;
}

static void fill_network(const struct net_view_input *in, const struct net_link *l,
			 struct model_object *o)
{
	const struct net_record *rec = record_of(in, l->name);

	model_object_init(o, OBJECT_NETWORK);
	o->id = object_network_id(l->name);
	set_text(o->name, sizeof o->name, rec ? rec->name : l->name);
	if (rec)
		set_text(o->description, sizeof o->description, rec->description);
	set_text(o->network.bridge, sizeof o->network.bridge, l->name);
	o->network.mtu = l->mtu;
	o->network.managed = rec != NULL;
}

/* The first of the kind; a global one before one of the link only. */
static const struct net_addr *addr_of(const struct net_facts *f, const struct net_link *l, bool v6)
{
	const struct net_addr *found = NULL;

	for (size_t i = 0; i < f->n_addrs; i++) {
		const struct net_addr *a = &f->addrs[i];

		if (a->link == l->index && a->v6 == v6 && (!found || a->global > found->global))
			found = a;
	}
	return found;
}

static const struct net_route *route_of(const struct net_facts *f, const struct net_link *l)
{
	for (size_t i = 0; i < f->n_routes; i++) {
		if (f->routes[i].link == l->index && !f->routes[i].v6)
			return &f->routes[i];
	}
	return NULL;
}

static enum net_mode configured_mode(const struct net_facts *f, const char *device)
{
	for (size_t i = 0; i < f->n_configs; i++) {
		const struct net_config *c = &f->configs[i];

		if (!strcmp(c->device, device) && f->active[c->system] &&
		    c->mode != NET_MODE_UNKNOWN)
			return c->mode;
	}
	return NET_MODE_UNKNOWN;
}

static enum net_mode mode_of(const struct net_facts *f, const struct net_link *l,
			     const struct net_addr *v4, const struct net_route *route)
{
	enum net_mode mode = configured_mode(f, l->name);

	if (mode != NET_MODE_UNKNOWN)
		return mode;
	if ((v4 && v4->expires) || (route && route->dhcp))
		return NET_MODE_DHCP;
	return v4 ? NET_MODE_STATIC : NET_MODE_NONE;
}

static void fill_addresses(const struct net_facts *f, const struct net_link *l,
			   struct model_pif *pif)
{
	const struct net_addr *v4 = addr_of(f, l, false), *v6 = addr_of(f, l, true);
	const struct net_route *route = route_of(f, l);
	enum net_mode mode = mode_of(f, l, v4, route);

	set_text(pif->mode, sizeof pif->mode, mode_names[mode]);
	if (v4) {
		uint32_t mask = v4->prefix ? UINT32_MAX << (32 - v4->prefix) : 0;

		set_text(pif->ip, sizeof pif->ip, v4->text);
		(void)snprintf(pif->netmask, sizeof pif->netmask, "%u.%u.%u.%u", mask >> 24,
			       mask >> 16 & 255, mask >> 8 & 255, mask & 255);
	}
	if (v6)
		set_text(pif->ipv6, sizeof pif->ipv6, v6->text);
	if (route) {
		set_text(pif->gateway, sizeof pif->gateway, route->gateway);
		/* Name servers belong to the host; XAPI shows them where the way out is. */
		set_text(pif->dns, sizeof pif->dns, f->dns);
	}
}

static void fill_pif(const struct net_view_input *in, const struct net_link *l,
		     const struct net_link *management, struct model_object *o)
{
	const struct net_facts *f = in->facts;
	const struct net_link *master = l->master ? net_link_at(f, l->master) : NULL;
	const struct net_link *lower = l->lower ? net_link_at(f, l->lower) : NULL;
	bool in_bridge = master && master->kind == NET_KIND_BRIDGE;
	struct model_pif *pif;

	model_object_init(o, OBJECT_PIF);
	pif = &o->pif;
	o->id = object_pif_id(&in->host, l->name);
	set_text(o->name, sizeof o->name, l->name);
	set_text(pif->device, sizeof pif->device, l->name);
	set_text(pif->mac, sizeof pif->mac, l->mac);
	if (in_bridge)
		set_text(pif->bridge, sizeof pif->bridge, master->name);
	else if (master)
		set_text(pif->bond, sizeof pif->bond, master->name);
	if (lower)
		set_text(pif->vlan_device, sizeof pif->vlan_device, lower->name);
	pif->mtu = l->mtu;
	pif->vlan = l->vlan;
	pif->attached = l->up;
	pif->carrier = l->carrier;
	pif->physical = l->kind == NET_KIND_CARD;
	pif->speed_mbps = l->speed_mbps;
	pif->bond_master = l->kind == NET_KIND_BOND;
	pif->management = management && net_carries(f, l, management);
	fill_addresses(f, in_bridge ? master : l, pif);
}

void net_view_build(const struct net_view_input *in, struct net_view *ret)
{
	const struct net_facts *f = in->facts;
	const struct net_link *management = net_management_link(f, in->management_ip);

	net_view_deinit(ret);
	ret->objects = mu_xcalloc(f->n_links + 1, sizeof *ret->objects);
	for (size_t i = 0; i < f->n_links; i++) {
		const struct net_link *l = &f->links[i];

		if (l->kind == NET_KIND_BRIDGE)
			fill_network(in, l, &ret->objects[ret->n]);
		else if (net_link_is_pif(l))
			fill_pif(in, l, management, &ret->objects[ret->n]);
		else
			continue;
		ret->objects[ret->n++].host = in->host;
	}
}

void net_view_deinit(struct net_view *v)
{
	free(v->objects);
	*v = (struct net_view){NULL, 0};
}

const struct model_object *net_view_find(const struct net_view *v, const struct mu_uuid *id)
{
	for (size_t i = 0; i < v->n; i++) {
		if (mu_uuid_equal(&v->objects[i].id, id))
			return &v->objects[i];
	}
	return NULL;
}

void net_view_diff(const struct net_view *before, const struct net_view *now,
		   const struct net_view_listener *listener)
{
	for (size_t i = 0; i < before->n; i++) {
		if (!net_view_find(now, &before->objects[i].id))
			listener->removed(listener->ctx, &before->objects[i].id);
	}
	for (size_t i = 0; i < now->n; i++) {
		const struct model_object *old = net_view_find(before, &now->objects[i].id);

		if (!old || !model_object_equal(old, &now->objects[i]))
			listener->changed(listener->ctx, &now->objects[i]);
	}
}
