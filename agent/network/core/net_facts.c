/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/network/core/net_facts.h"

#include "common/base/assert.h"
#include "common/base/str.h"

#include <stdlib.h>
#include <string.h>

static const char *const system_names[_NET_SYSTEM_COUNT] = {
    [NET_SYSTEM_NONE] = "none",
    [NET_SYSTEM_IFUPDOWN] = "ifupdown",
    [NET_SYSTEM_NETWORKD] = "networkd",
    [NET_SYSTEM_NM] = "networkmanager",
};

static const char *const kind_names[_NET_KIND_COUNT] = {
    [NET_KIND_CARD] = "card",   [NET_KIND_DUMMY] = "dummy",   [NET_KIND_BOND] = "bond",
    [NET_KIND_VLAN] = "vlan",   [NET_KIND_BRIDGE] = "bridge", [NET_KIND_GUEST] = "guest",
    [NET_KIND_OTHER] = "other",
};

const char *net_system_name(enum net_system s)
{
	mu_assert(s < _NET_SYSTEM_COUNT);
	return system_names[s];
}

bool net_system_parse(const char *name, enum net_system *ret)
{
	for (size_t i = 0; i < _NET_SYSTEM_COUNT; i++) {
		if (!strcmp(name, system_names[i])) {
			*ret = (enum net_system)i;
			return true;
		}
	}
	return false;
}

const char *net_kind_name(enum net_kind k)
{
	mu_assert(k < _NET_KIND_COUNT);
	return kind_names[k];
}

void net_facts_init(struct net_facts *f)
{
	memset(f, 0, sizeof *f);
}

void net_facts_deinit(struct net_facts *f)
{
	free(f->links);
	free(f->addrs);
	free(f->routes);
	free(f->configs);
	net_facts_init(f);
}

/* Room for one more, zeroed; sizes double, so that adding is linear. */
static void *grow(void *items, size_t *n, size_t size)
{
	if ((*n & (*n - 1)) == 0)
		items = mu_xrealloc(items, *n ? *n * 2 : 1, size);
	memset((char *)items + *n * size, 0, size);
	++*n;
	return items;
}

struct net_link *net_facts_add_link(struct net_facts *f)
{
	struct net_link *l;

	if (f->n_links == NET_LINKS_MAX)
		return NULL;
	f->links = grow(f->links, &f->n_links, sizeof *f->links);
	l = &f->links[f->n_links - 1];
	l->kind = NET_KIND_OTHER;
	l->vlan = l->speed_mbps = -1;
	return l;
}

struct net_addr *net_facts_add_addr(struct net_facts *f)
{
	if (f->n_addrs == NET_ADDRS_MAX)
		return NULL;
	f->addrs = grow(f->addrs, &f->n_addrs, sizeof *f->addrs);
	return &f->addrs[f->n_addrs - 1];
}

struct net_route *net_facts_add_route(struct net_facts *f)
{
	if (f->n_routes == NET_ROUTES_MAX)
		return NULL;
	f->routes = grow(f->routes, &f->n_routes, sizeof *f->routes);
	return &f->routes[f->n_routes - 1];
}

const struct net_config *net_config_find(const struct net_facts *f, const char *device,
					 enum net_system system)
{
	for (size_t i = 0; i < f->n_configs; i++) {
		if (f->configs[i].system == system && !strcmp(f->configs[i].device, device))
			return &f->configs[i];
	}
	return NULL;
}

struct net_config *net_facts_add_config(struct net_facts *f, const char *device,
					enum net_system system)
{
	const struct net_config *there = net_config_find(f, device, system);
	struct net_config *c;

	if (there)
		return &f->configs[there - f->configs];
	if (f->n_configs == NET_CONFIGS_MAX)
		return NULL;
	f->configs = grow(f->configs, &f->n_configs, sizeof *f->configs);
	c = &f->configs[f->n_configs - 1];
	mu_utf8_sanitize(c->device, sizeof c->device - 1, device, strlen(device));
	c->system = system;
	return c;
}

const struct net_link *net_link_find(const struct net_facts *f, const char *name)
{
	for (size_t i = 0; i < f->n_links; i++) {
		if (!strcmp(f->links[i].name, name))
			return &f->links[i];
	}
	return NULL;
}

const struct net_link *net_link_at(const struct net_facts *f, int32_t index)
{
	for (size_t i = 0; i < f->n_links; i++) {
		if (f->links[i].index == index)
			return &f->links[i];
	}
	return NULL;
}

bool net_link_is_pif(const struct net_link *l)
{
	switch (l->kind) {
	case NET_KIND_CARD:
	case NET_KIND_DUMMY:
	case NET_KIND_BOND:
	case NET_KIND_VLAN:
		return true;
	case NET_KIND_BRIDGE:
	case NET_KIND_GUEST:
	case NET_KIND_OTHER:
		return false;
	case _NET_KIND_COUNT:
		mu_assert_unreachable();
	}
	mu_assert_unreachable();
}

static const struct net_route *best_route(const struct net_facts *f)
{
	const struct net_route *best = NULL;

	for (size_t i = 0; i < f->n_routes; i++) {
		const struct net_route *r = &f->routes[i];

		if (!best || r->v6 < best->v6 || (r->v6 == best->v6 && r->metric < best->metric))
			best = r;
	}
	return best;
}

const struct net_link *net_management_link(const struct net_facts *f, const char *ip)
{
	const struct net_route *route = best_route(f);

	for (size_t i = 0; i < f->n_addrs; i++) {
		if (!strcmp(f->addrs[i].text, ip) && f->addrs[i].global)
			return net_link_at(f, f->addrs[i].link);
	}
	return route ? net_link_at(f, route->link) : NULL;
}

bool net_carries(const struct net_facts *f, const struct net_link *l,
		 const struct net_link *management)
{
	/* A chain cannot be longer than there are links. */
	for (size_t i = 0; l && i < f->n_links; i++) {
		if (l == management)
			return true;
		l = l->master ? net_link_at(f, l->master) : NULL;
	}
	return false;
}

int net_check_bridge_name(const char *name, struct mu_error *err)
{
	static const char *const reserved[] = {".", "..", "all", "default", "lo"};
	size_t len = strlen(name);

	if (len == 0 || len > MODEL_DEVICE_MAX)
		return mu_error_set(err, MU_E_INVALID, "bridge: %s; hint: 1 to %d characters",
				    len ? "name too long" : "name is empty", MODEL_DEVICE_MAX);
	if (strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_.-") != len || name[0] == '-')
		return mu_error_set(err, MU_E_INVALID,
				    "bridge: not an interface name; hint: a to z, 0 to 9, \"_\", "
				    "\".\" and \"-\", which is not the first");
	for (size_t i = 0; i < MU_ARRAY_SIZE(reserved); i++) {
		if (!strcmp(name, reserved[i]))
			return mu_error_set(err, MU_E_INVALID, "bridge: \"%s\" is reserved", name);
	}
	return 0;
}
