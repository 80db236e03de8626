/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text that configuration systems leave for us to read: ifupdown's interfaces(5), networkd's and
 * NetworkManager's run-time state, resolv.conf(5). Pure; any thread.
 */
#ifndef MUSTER_AGENT_NETWORK_CORE_NET_INTERFACES_H
#define MUSTER_AGENT_NETWORK_CORE_NET_INTERFACES_H

#include "agent/network/core/net_facts.h"

struct net_interfaces_listener {
	/* A source line: `pattern` is a glob of files, or with `directory` one of directories. */
	void (*source)(void *ctx, const char *pattern, bool directory);
	void *ctx;
};

/* One file of ifupdown's: the interfaces that it configures go into `f`. */
void net_interfaces_read(struct net_facts *f, const char *text,
			 const struct net_interfaces_listener *listener);
/* /run/systemd/netif/links/INDEX */
void net_networkd_read(struct net_facts *f, const char *device, const char *text);
/* The .network file that networkd uses for `device`. */
void net_network_file_read(struct net_facts *f, const char *device, const char *text);
/* /run/NetworkManager/devices/INDEX */
void net_nm_read(struct net_facts *f, const char *device, const char *text);
/* resolv.conf's name servers into f->dns, those that fit. */
void net_resolv_read(struct net_facts *f, const char *text);

#endif
