/* SPDX-License-Identifier: Apache-2.0 */
/*
 * May this network be made, or be deleted? Pure: every rule that does not need to try. Any thread.
 */
#ifndef MUSTER_AGENT_NETWORK_CORE_NET_CHECK_H
#define MUSTER_AGENT_NETWORK_CORE_NET_CHECK_H

#include "agent/network/core/net_record.h"

/* No pointer is NULL; "" = not given. */
struct net_request {
	const char *name;
	const char *description;
	const char *bridge; /* "": from the name */
	const char *pif;    /* device or id; "": a network of this host alone */
	int64_t vlan;       /* -1: untagged */
	int64_t mtu;        /* 0: what the card has */
};

struct net_check_input {
	const struct net_facts *facts;
	const struct net_record *records;
	size_t n_records;
	struct host_id host;
	const char *management_ip;
};

/* A bridge's name for a network's: the same on every host. The name itself where it is one, else
 * as much of it as will do and a hash. */
void net_bridge_name(const char *name, char ret[static MODEL_DEVICE_MAX + 1]);
/* What is to be made, by which system. INVALID, NOT_FOUND (pif), EXISTS (bridge, VLAN, name),
 * STATE (the card is in use, or the host's own way out), UNSUPPORTED (the system cannot). */
int net_check_create(const struct net_check_input *in, const struct net_request *request,
		     struct net_record *ret, struct mu_error *err);
/* What is to be removed. NOT_FOUND, DENIED (not ours), STATE (in use: named by `in_use`, or has a
 * port that is not ours). */
int net_check_delete(const struct net_check_input *in, const char *bridge,
		     const char *const *in_use, size_t n_in_use, struct net_record *ret,
		     struct mu_error *err);
/* Is it there, up, and has its MTU and port? If not, `err` (UNAVAILABLE) says what is missing. */
int net_check_made(const struct net_facts *f, const struct net_record *rec, struct mu_error *err);
/* Of the links that `rec` stands for, those that are there and are what we would have made: to be
 * removed in this order. Returns how many. */
enum { NET_LEFTOVERS_MAX = 2 };
size_t net_leftovers(const struct net_facts *f, const struct net_record *rec,
		     const char *ret_names[static NET_LEFTOVERS_MAX]);

#endif
