/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network of a host that does not exist: cards and bridges out of a seed, and what is made and
 * removed. Takes the kernel's place (net_read.h, net_links.h) below everything else, so that a
 * simulated host checks, makes, keeps and undoes networks as a real one does. There is no
 * configuration system. Any thread.
 */
#ifndef MUSTER_AGENT_NETWORK_NET_MODEL_H
#define MUSTER_AGENT_NETWORK_NET_MODEL_H

#include "agent/network/core/net_record.h"

struct net_model;

struct net_model *net_model_new(uint64_t seed);
/* Takes NULL; returns NULL. */
struct net_model *net_model_free(struct net_model *m);
/* As net_read(). */
void net_model_read(struct net_model *m, struct net_facts *ret);
/* As net_links_make(). MU_E_EXISTS, MU_E_NOT_FOUND (the card). */
int net_model_make(struct net_model *m, const struct net_record *rec, struct mu_error *err);
/* As net_links_remove(). */
void net_model_remove(struct net_model *m, const struct net_record *rec);

#endif
