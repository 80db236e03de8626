/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records of our networks, and the configuration files of a plan, on the disk. Blocking: at start,
 * or on a work thread.
 */
#ifndef MUSTER_AGENT_NETWORK_NET_STORE_H
#define MUSTER_AGENT_NETWORK_NET_STORE_H

#include "agent/network/core/net_plan.h"

struct net_records {
	struct net_record *items;
	size_t n;
};

/* Damaged ones are set aside, and named in the log. */
int net_store_load(const char *dir, struct net_records *ret, struct mu_error *err);
int net_store_save(const char *dir, const struct net_record *rec, struct mu_error *err);
int net_store_forget(const char *dir, const char *bridge, struct mu_error *err);

int net_store_write_files(const struct net_plan *plan, struct mu_error *err);
/* Those that are not shared. */
int net_store_remove_files(const struct net_plan *plan, struct mu_error *err);

#endif
