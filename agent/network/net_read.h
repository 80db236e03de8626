/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One reading of everything: kernel, sysfs, configuration systems. Blocking: on a work thread.
 */
#ifndef MUSTER_AGENT_NETWORK_NET_READ_H
#define MUSTER_AGENT_NETWORK_NET_READ_H

#include "agent/network/core/net_facts.h"

/* `ret` must have been initialised; on failure it holds what could be read. */
int net_read(struct net_facts *ret, struct mu_error *err);

#endif
