/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Serial consoles of simulated guests: a pty each, as xenconsoled makes them on a real host, with
 * sim_shell.h behind it. Made when somebody first asks where it is. Loop thread.
 */
#ifndef MUSTER_AGENT_HV_SIM_CONSOLE_H
#define MUSTER_AGENT_HV_SIM_CONSOLE_H

#include "agent/hv/hv_device.h"
#include "agent/hv/sim/sim_model.h"
#include "common/loop/loop.h"

struct sim_consoles;

struct sim_consoles *sim_consoles_new(struct mu_loop *loop, const struct sim_model *model);
/* Takes NULL; returns NULL. Whoever has a console open reads its end. */
struct sim_consoles *sim_consoles_free(struct sim_consoles *all);
int sim_consoles_find(struct sim_consoles *all, struct hv_domid domid, enum hv_console_kind kind,
		      struct hv_console *ret, struct mu_error *err);
/* The set of domains, or how they run, has changed. */
void sim_consoles_look(struct sim_consoles *all);

#endif
