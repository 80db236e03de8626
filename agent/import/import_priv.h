/* SPDX-License-Identifier: Apache-2.0 */
/* What a reader of a format gives; for the files of this folder alone. */
#ifndef MUSTER_AGENT_IMPORT_PRIV_H
#define MUSTER_AGENT_IMPORT_PRIV_H

#include "common/base/error.h"
#include "common/base/value.h"

struct imported {
	struct mu_value *libxl;  /* libxl's form of it */
	const char *description; /* NULL: none */
	const char *cpuid;       /* as xl.cfg has it; NULL: none */
};

int import_libvirt(struct mu_arena *a, const char *text, size_t len, struct imported *ret,
		   struct mu_error *err);

#endif
