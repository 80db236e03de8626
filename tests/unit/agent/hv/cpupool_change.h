/* SPDX-License-Identifier: Apache-2.0 */
/* A change of CPU pools that sets no parameter, for tests. */
#ifndef MUSTER_TESTS_HV_CPUPOOL_CHANGE_H
#define MUSTER_TESTS_HV_CPUPOOL_CHANGE_H

#include "agent/hv/hv_cpupool.h"
#include "agent/hv/hv_device.h"

#include <stdio.h>

static inline struct hv_cpupool_change cpupool_change(enum hv_cpupool_what what, const char *name,
						      const char *cpus)
{
	struct hv_cpupool_change c = {.what = what,
				      .tslice_ms = HV_AS_IT_IS,
				      .ratelimit_us = HV_AS_IT_IS,
				      .migration_delay_us = HV_AS_IT_IS};

	(void)snprintf(c.name, sizeof c.name, "%s", name);
	(void)snprintf(c.cpus, sizeof c.cpus, "%s", cpus);
	return c;
}

#endif
