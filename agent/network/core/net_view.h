/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From facts to objects: which networks and PIFs a host has. Pure; any thread.
 */
#ifndef MUSTER_AGENT_NETWORK_CORE_NET_VIEW_H
#define MUSTER_AGENT_NETWORK_CORE_NET_VIEW_H

#include "agent/network/core/net_record.h"

struct net_view {
	struct model_object *objects; /* in order of link index */
	size_t n;
};

struct net_view_input {
	const struct net_facts *facts;
	const struct net_record *records; /* those not MADE give no name */
	size_t n_records;
	struct host_id host;
	const char *management_ip; /* the agent's own, "" = not known */
};

/* `ret` must be empty or is freed. */
void net_view_build(const struct net_view_input *in, struct net_view *ret);
void net_view_deinit(struct net_view *v);
const struct model_object *net_view_find(const struct net_view *v, const struct mu_uuid *id);

struct net_view_listener {
	/* New or otherwise than before. */
	void (*changed)(void *ctx, const struct model_object *o);
	void (*removed)(void *ctx, const struct mu_uuid *id);
	void *ctx;
};

/* What is different in `now`: removals first. */
void net_view_diff(const struct net_view *before, const struct net_view *now,
		   const struct net_view_listener *listener);

#endif
