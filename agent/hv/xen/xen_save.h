/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The save file: the same format that `xl save` writes, so that `xl restore FILE` brings a VM back
 * without us. A header, the domain's configuration as libxl's JSON, then libxl's stream.
 */
#ifndef MUSTER_AGENT_HV_XEN_SAVE_H
#define MUSTER_AGENT_HV_XEN_SAVE_H

#include "common/base/error.h"
#include "common/base/str.h"

/* Writes header and JSON. MU_E_IO. */
int xen_save_write_head(int fd, const char *json, struct mu_error *err);
/* Reads them and leaves `fd` at the stream; `json` is "" when there is none. MU_E_INVALID for what
 * is no save file, or one of an unknown kind. */
int xen_save_read_head(int fd, struct mu_str *json, struct mu_error *err);

#endif
