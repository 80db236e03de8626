/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a network is made in each configuration system: which files with which text, and which
 * programs make the system act on them. The same plan undoes it. Pure; any thread.
 *
 *	make:	files, `up`, then what came of it is looked at
 *	undo:	`down`, remove `files`, `reload`, then what is left of the links
 *
 * Both may be begun anew after a crash anywhere: every step is harmless when it is done already.
 */
#ifndef MUSTER_AGENT_NETWORK_CORE_NET_PLAN_H
#define MUSTER_AGENT_NETWORK_CORE_NET_PLAN_H

#include "agent/network/core/net_record.h"
#include "common/base/str.h"

enum {
	NET_PLAN_FILES_MAX = 6,
	NET_PLAN_COMMANDS_MAX = 4,
	NET_PLAN_WORDS_MAX = 10,
};

struct net_file {
	const char *path;
	const char *text;
	bool secret; /* mode 0600, as NetworkManager demands; else 0644 */
	bool shared; /* other networks need it too: made if missing, not removed */
};

struct net_command {
	const char *argv[NET_PLAN_WORDS_MAX]; /* NULL-terminated */
};

struct net_commands {
	struct net_command items[NET_PLAN_COMMANDS_MAX];
	size_t n;
};

struct net_plan {
	struct net_file files[NET_PLAN_FILES_MAX];
	size_t n_files;
	struct net_commands up;
	struct net_commands down;
	struct net_commands reload;
	bool by_hand; /* the links are made through netlink, after the files */
};

/* Strings live in `a`. `others`: the networks of this host that were made by us. */
void net_plan_make(struct mu_arena *a, const struct net_record *rec,
		   const struct net_record *others, size_t n_others, struct net_plan *ret);

#endif
