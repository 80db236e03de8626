/* SPDX-License-Identifier: Apache-2.0 */
/* The links of a network, made and removed without a configuration system. Blocking: on a work
 * thread. */
#ifndef MUSTER_AGENT_NETWORK_NET_LINKS_H
#define MUSTER_AGENT_NETWORK_NET_LINKS_H

#include "agent/network/core/net_record.h"

int net_links_make(const struct net_record *rec, struct mu_error *err);
/* What is there of it (net_leftovers()). */
int net_links_remove(const struct net_record *rec, struct mu_error *err);

#endif
