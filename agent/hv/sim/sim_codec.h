/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of the simulator's JSON, shared by sim_config.c and sim_state.c. PURE. */
#ifndef MUSTER_AGENT_HV_SIM_CODEC_H
#define MUSTER_AGENT_HV_SIM_CODEC_H

#include "agent/hv/hv_types.h"
#include "common/base/error.h"
#include "common/base/value.h"

struct mu_value *sim_config_encode(struct mu_arena *a, const struct hv_vm_config *c);
int sim_config_decode(const struct mu_value *v, struct hv_vm_config *ret, struct mu_error *err);
/* `def` when it is missing, no integer or out of range. */
int64_t sim_get_int(const struct mu_value *v, const char *name, int64_t min, int64_t max,
		    int64_t def);
bool sim_get_flag(const struct mu_value *v, const char *name);

#endif
