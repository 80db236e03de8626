/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A simulated host as text: its state file, and the save files of its guests. PURE. Formats:
 * docs/formats/sim-state.md.
 */
#ifndef MUSTER_AGENT_HV_SIM_STATE_H
#define MUSTER_AGENT_HV_SIM_STATE_H

#include "agent/hv/sim/sim_model.h"

/* 4,096 domains with all their devices. */
enum { SIM_STATE_MAX = 64 << 20 };

void sim_state_encode(const struct sim_model *m, struct mu_str *out);
/* The host as it would be at `now`: its guests ran on meanwhile, the operations of the process
 * that wrote it are gone. Sizes and speeds come from `params`. MU_E_PROTOCOL when damaged. */
int sim_state_decode(const char *text, size_t len, const struct sim_params *params, mu_msec now,
		     struct sim_model **ret_model, struct mu_error *err);

/* A guest's save file. */
void sim_save_encode(const struct hv_vm_config *config, struct mu_str *out);
/* MU_E_IO when it is not one or is damaged, MU_E_INVALID when it is another VM's. */
int sim_save_check(const char *text, size_t len, const struct vm_id *id, struct mu_error *err);

#endif
