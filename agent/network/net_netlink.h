/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rtnetlink through libmnl: reading links, addresses and default routes, being told of changes,
 * and making links where no configuration system does. Each call opens a socket of its own and
 * waits for the kernel: on a work thread, except for the monitor, which never waits.
 */
#ifndef MUSTER_AGENT_NETWORK_NET_NETLINK_H
#define MUSTER_AGENT_NETWORK_NET_NETLINK_H

#include "agent/network/core/net_facts.h"

/* Fill links (their kind as far as netlink knows it), addresses and default routes. */
int net_netlink_read(struct net_facts *f, struct mu_error *err);

int net_netlink_add_bridge(const char *name, struct mu_error *err);
int net_netlink_add_vlan(const char *name, const char *lower, int32_t vlan, struct mu_error *err);
int net_netlink_set_master(const char *port, const char *bridge, struct mu_error *err);
int net_netlink_set_mtu(const char *name, int32_t mtu, struct mu_error *err);
int net_netlink_set_up(const char *name, struct mu_error *err);
/* One that is not there is fine. */
int net_netlink_delete(const char *name, struct mu_error *err);

struct net_monitor;

struct net_monitor *net_monitor_new(struct mu_error *err); /* NULL: err says why */
/* Takes NULL; returns NULL. */
struct net_monitor *net_monitor_free(struct net_monitor *m);
int net_monitor_fd(const struct net_monitor *m);
/* Read what is there (bounded). Has something changed, or been missed? */
bool net_monitor_drain(struct net_monitor *m);

#endif
