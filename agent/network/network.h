/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host's networks: what there is, and making and deleting networks of our own. Knows nothing of
 * the rest of the agent. Everything is called on the loop thread, callbacks come there; what may
 * wait (files, netlink, the configuration system's programs) is done elsewhere.
 * docs/design/network.md is the description.
 *
 *	struct network *n = network_new(&settings, &err);	objects follow through the listener
 *	op->bridge = ...; network_create_start(n, op);		op->done(op), exactly once
 *	network_stop(n, stopped, ctx);				n is gone when `stopped` comes
 */
#ifndef MUSTER_AGENT_NETWORK_NETWORK_H
#define MUSTER_AGENT_NETWORK_NETWORK_H

#include "agent/network/core/net_view.h"
#include "common/loop/loop.h"

struct network;
struct network_job;

struct network_settings {
	struct mu_loop *loop;
	struct host_id host;
	const char *records; /* directory of our records, made if missing; copied */
	bool modelled; /* nothing of this machine: a host out of `seed`, whose networks are records
			*/
	uint64_t seed;
	/* Networks and PIFs (OBJECT_NETWORK, OBJECT_PIF) as they come, change and go. */
	struct net_view_listener listener;
};

/* Reads the records; the first reading of the host follows. What a crash left half made is undone.
 * NULL: `err` says why. */
struct network *network_new(const struct network_settings *settings, struct mu_error *err);
/* Operations end with MU_E_CANCELLED, one that creates is undone first. Then `n` is freed and
 * `stopped` called, never inside this call; the listener is not called any more. */
void network_stop(struct network *n, mu_loop_cb stopped, void *ctx);

/* The agent's own address on its way to the aggregator ("" = not known: the default route's). */
void network_set_management(struct network *n, const char *ip);
/* Valid until the loop goes on; NULL = no such network or PIF. */
const struct model_object *network_find(const struct network *n, const struct mu_uuid *id);
/* The bridge of a network; false, ret untouched: no such network on this host. */
bool network_find_bridge(const struct network *n, const struct mu_uuid *id,
			 char ret[static MODEL_DEVICE_MAX + 1]);

/* Our record of the network that has, or that would get, this bridge (NULL: from the name); NULL =
 * there is none. Valid until the loop goes on. */
const struct net_record *network_find_record(const struct network *n, const char *bridge,
					     const char *name);

/* One creation or deletion. Embedded in its user, all zero before start. */
struct network_op {
	/* inputs; text is copied at start, NULL = not given */
	const char *name;          /* create: required */
	const char *description;   /* create */
	const char *bridge;        /* create: NULL = from the name; delete: required */
	const char *pif;           /* create: device or id, NULL = a network of this host alone */
	int64_t vlan;              /* create: 0 = untagged */
	int64_t mtu;               /* create: 0 = what the card has */
	const char *const *in_use; /* delete: bridges that running VMs have; read inside start */
	size_t n_in_use;
	void (*done)(struct network_op *op);
	void (*progress)(struct network_op *op, int percent); /* may be NULL */
	/* results */
	struct mu_uuid id;      /* of the network */
	enum net_system system; /* NET_SYSTEM_NONE: gone when the host reboots */
	struct mu_error err;    /* MU_E_NONE: done. net_check.h has the codes */
	/* private */
	struct network_job *job;
};

/* Operations wait for each other. A failed or cancelled creation leaves nothing behind. */
void network_create_start(struct network *n, struct network_op *op);
/* Cancelled only before it has begun to delete. */
void network_delete_start(struct network *n, struct network_op *op);
/* `done` still comes. After it: no effect. */
void network_cancel(struct network_op *op);

#endif
