/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A network that was made by us: what was asked for, by which configuration system it was made,
 * and how far that has got. The record is written before anything else is touched, so that a crash
 * leaves something to go by. Format: docs/formats/network-record.md. Plain data; any thread.
 */
#ifndef MUSTER_AGENT_NETWORK_CORE_NET_RECORD_H
#define MUSTER_AGENT_NETWORK_CORE_NET_RECORD_H

#include "agent/network/core/net_facts.h"
#include "common/base/value.h"

/* Anything but MADE is undone at the next start. */
enum net_stage { NET_STAGE_CREATING, NET_STAGE_MADE, NET_STAGE_DELETING, _NET_STAGE_COUNT };

struct net_record {
	char bridge[MODEL_DEVICE_MAX + 1];
	char name[MODEL_NAME_MAX + 1];
	char description[MODEL_TEXT_MAX + 1];
	char pif[MODEL_DEVICE_MAX + 1];         /* "" = a network of this host alone */
	int32_t vlan;                           /* -1 = the card's untagged traffic */
	char vlan_device[MODEL_DEVICE_MAX + 1]; /* "eth0.100", "" without a VLAN */
	int32_t mtu;                            /* 0 = what the card has */
	enum net_system system;
	enum net_stage stage;
	/* networkd: name of the .network file of the card, to which ours adds; "" = one of our own
	 */
	char pif_file[MODEL_NAME_MAX + 1];
};

/* The bridge's port: the VLAN's device, the card, or NULL. */
const char *net_record_port(const struct net_record *rec);
struct mu_value *net_record_encode(struct mu_arena *a, const struct net_record *rec);
/* MU_E_INVALID, naming the member. */
int net_record_decode(const struct mu_value *v, struct net_record *ret, struct mu_error *err);

#endif
