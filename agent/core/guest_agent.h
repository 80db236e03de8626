/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QEMU's guest agent: which socket of a VM leads to it, and reading what it says. Everything that
 * it says is the guest's, and not believed. Pure.
 */
#ifndef MUSTER_AGENT_CORE_GUEST_AGENT_H
#define MUSTER_AGENT_CORE_GUEST_AGENT_H

#include "agent/hv/hv_types.h"
#include "common/base/error.h"
#include "common/base/str.h"

enum {
	GUEST_AGENT_PATH_MAX = 107,     /* what a socket's address holds */
	GUEST_AGENT_LINE_MAX = 4096,    /* a reply is shorter */
	GUEST_AGENT_NOISE_MAX = 1 << 20 /* what it may say before it answers us */
};

enum guest_agent_ask { GUEST_AGENT_FREEZE, GUEST_AGENT_THAW, _GUEST_AGENT_ASK_COUNT };

/* A conversation. Zero is its beginning. */
struct guest_agent {
	bool synced;    /* has answered us; before that it may say anything */
	bool delimited; /* the mark before its answer was seen */
	int64_t id;     /* of our greeting */
	size_t n_noise;
	struct mu_str line;
};

/* The socket of its channel, as the configuration has it. MU_E_UNSUPPORTED: there is none, and how
 * to give it one. */
int guest_agent_socket(const struct hv_vm_config *config, char ret[static GUEST_AGENT_PATH_MAX + 1],
		       struct mu_error *err);
/* What is to be sent to be understood, whatever was sent before us; `id` is any number. */
void guest_agent_greet(struct guest_agent *g, int64_t id, struct mu_str *out);
void guest_agent_ask(enum guest_agent_ask ask, struct mu_str *out);
/* Bytes that it said. 1: it has answered, and *ret_n is the number that it gave back (file systems;
 * the greeting's: the id); what is behind that is left out. 0: not yet. MU_E_IO: it refused, in its
 * own words; MU_E_PROTOCOL: it says what makes no sense. */
int guest_agent_hear(struct guest_agent *g, const char *data, size_t len, int64_t *ret_n,
		     struct mu_error *err);
void guest_agent_deinit(struct guest_agent *g);

#endif
