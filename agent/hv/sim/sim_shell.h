/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a simulated guest says on its serial console: a login, then a shell with a handful of
 * commands. PURE: bytes go in, bytes come out.
 */
#ifndef MUSTER_AGENT_HV_SIM_SHELL_H
#define MUSTER_AGENT_HV_SIM_SHELL_H

#include "common/base/str.h"
#include "common/base/time.h"
#include "common/model/vm.h"

enum sim_shell_state {
	SIM_SHELL_LOGIN, /* waits for a name; any will do */
	SIM_SHELL_PROMPT,
	SIM_SHELL_YES, /* says the line again and again until a key is pressed */
	_SIM_SHELL_STATE_COUNT,
};

enum { SIM_SHELL_LINE_MAX = 200, SIM_SHELL_USER_MAX = 32 };

struct sim_shell {
	enum sim_shell_state state;
	char host[MODEL_NAME_MAX + 1];
	char user[SIM_SHELL_USER_MAX + 1];
	char line[SIM_SHELL_LINE_MAX + 1];
	size_t len;
};

/* The guest has booted. */
void sim_shell_init(struct sim_shell *s, const char *host, struct mu_str *out);
/* Somebody types. `up`: for how long the guest has run. */
void sim_shell_input(struct sim_shell *s, const char *data, size_t len, mu_msec up,
		     struct mu_str *out);
/* What it says of its own accord; false when it is silent. */
bool sim_shell_more(const struct sim_shell *s, struct mu_str *out);

#endif
