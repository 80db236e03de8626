/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration files of `xl`, xl.cfg(5), read with libxl's own library for them. Asks nothing of
 * the hypervisor: works on any machine that has the library.
 */
#ifndef MUSTER_AGENT_HV_XL_CONFIG_H
#define MUSTER_AGENT_HV_XL_CONFIG_H

#include "common/base/error.h"
#include "common/base/value.h"

enum { XL_CONFIG_MAX = 256 * 1024 };

/* Into libxl's JSON form (agent/hv/dconf), in `a`. MU_E_INVALID with the line or the key of what is
 * wrong, or that `xl` does not know; MU_E_UNSUPPORTED when built without libxl. */
int xl_config_read(struct mu_arena *a, const char *text, size_t len, struct mu_value **ret_libxl,
		   struct mu_error *err);

#endif
