/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel and the configuration system say of a host's networks, as plain data: filled by
 * agent/network from rtnetlink, sysfs and configuration files, read by everything that decides
 * here. One reading is one struct net_facts, owned by whoever asked for it. Any thread.
 */
#ifndef MUSTER_AGENT_NETWORK_CORE_NET_FACTS_H
#define MUSTER_AGENT_NETWORK_CORE_NET_FACTS_H

#include "common/base/error.h"
#include "common/model/object.h"

enum {
	NET_LINKS_MAX = 4096,
	NET_ADDRS_MAX = 16384,
	NET_ROUTES_MAX = 256, /* default routes */
	NET_CONFIGS_MAX = 1024,
	NET_VLAN_MAX = 4094,
	NET_MTU_MIN = 68, /* IPv4's least; the kernel's least for an Ethernet device */
	NET_MTU_MAX = 9216,
};

enum net_kind {
	NET_KIND_CARD,   /* has a device of the machine behind it */
	NET_KIND_DUMMY,  /* a card that leads nowhere */
	NET_KIND_BOND,   /* several cards as one */
	NET_KIND_VLAN,   /* a tag on one of the above */
	NET_KIND_BRIDGE, /* a network */
	NET_KIND_GUEST,  /* a guest's end: netback's vif, qemu's tap */
	NET_KIND_OTHER,  /* loopback, tunnels, containers' ends: none of our business */
	_NET_KIND_COUNT,
};

struct net_link {
	int32_t index;
	char name[MODEL_DEVICE_MAX + 1];
	enum net_kind kind;
	bool up;
	bool carrier;
	int32_t mtu;
	char mac[MODEL_MAC_MAX + 1];
	int32_t master; /* index of the bridge or bond that it is a port of, 0 = none */
	int32_t lower;  /* VLAN: index of what it is on */
	int32_t vlan;   /* -1 = none */
	int32_t speed_mbps;
};

struct net_addr {
	int32_t link;
	bool v6;
	bool global;  /* neither of this link only nor of this host only */
	bool expires; /* lent: by DHCP or a router's announcement */
	uint8_t prefix;
	char text[MODEL_ADDR_MAX + 1];
};

/* A default route. */
struct net_route {
	int32_t link;
	bool v6;
	bool dhcp; /* the kernel was told so by who made it */
	uint32_t metric;
	char gateway[MODEL_ADDR_MAX + 1]; /* "" = none */
};

enum net_mode { NET_MODE_UNKNOWN, NET_MODE_NONE, NET_MODE_STATIC, NET_MODE_DHCP, _NET_MODE_COUNT };

/* Who configures the host's network (docs/design/network.md). */
enum net_system {
	NET_SYSTEM_NONE,
	NET_SYSTEM_IFUPDOWN,
	NET_SYSTEM_NETWORKD,
	NET_SYSTEM_NM,
	_NET_SYSTEM_COUNT,
};

/* What a configuration system says of an interface. */
struct net_config {
	char device[MODEL_DEVICE_MAX + 1];
	enum net_system system;
	enum net_mode mode;
	char file[MODEL_PATH_MAX + 1]; /* networkd: the .network file that it uses, "" = none */
};

struct net_facts {
	struct net_link *links;
	size_t n_links;
	struct net_addr *addrs;
	size_t n_addrs;
	struct net_route *routes;
	size_t n_routes;
	struct net_config *configs;
	size_t n_configs;
	char dns[MODEL_TEXT_MAX + 1]; /* "," between */
	/* the configuration systems that are there, by enum net_system */
	bool active[_NET_SYSTEM_COUNT];
	bool ifupdown_includes; /* /etc/network/interfaces reads interfaces.d */
	bool ifupdown_bridges;  /* ifup knows bridge_ports */
};

void net_facts_init(struct net_facts *f);
void net_facts_deinit(struct net_facts *f);
static inline void net_facts_deinit_cleanup(struct net_facts *f)
{
	net_facts_deinit(f);
}

/* Append a fresh element and return it, valid until the next of its kind; NULL when there are too
 * many (the limits above). */
struct net_link *net_facts_add_link(struct net_facts *f);
struct net_addr *net_facts_add_addr(struct net_facts *f);
struct net_route *net_facts_add_route(struct net_facts *f);
/* The one of that device and system, made if missing. */
struct net_config *net_facts_add_config(struct net_facts *f, const char *device,
					enum net_system system);

const struct net_link *net_link_find(const struct net_facts *f, const char *name);
const struct net_link *net_link_at(const struct net_facts *f, int32_t index);
/* Shown as a PIF: a card, dummy, bond or VLAN. */
bool net_link_is_pif(const struct net_link *l);
const struct net_config *net_config_find(const struct net_facts *f, const char *device,
					 enum net_system system);
/* The link through which the host itself talks: that of address `ip`, else ("" or not found) of
 * the best default route; NULL = none. */
const struct net_link *net_management_link(const struct net_facts *f, const char *ip);
/* Is the PIF `l` the host's own way out (`management`), or a port on that way? */
bool net_carries(const struct net_facts *f, const struct net_link *l,
		 const struct net_link *management);

/* "ifupdown", "networkd", "networkmanager", "none". */
const char *net_system_name(enum net_system s);
bool net_system_parse(const char *name, enum net_system *ret);
const char *net_kind_name(enum net_kind k);
/* 1 to 15 of [a-z0-9_.-], none of the kernel's own names. */
int net_check_bridge_name(const char *name, struct mu_error *err);

#endif
