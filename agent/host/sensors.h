/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Temperatures that dom0's kernel knows (hwmon). Some are asked of the device at that moment, which
 * may take its time: blocking, for a work thread. A dom0 often has none: Xen keeps the processors'
 * registers to itself.
 */
#ifndef MUSTER_AGENT_HOST_SENSORS_H
#define MUSTER_AGENT_HOST_SENSORS_H

#include "agent/hv/hv_stats.h"

#include <stddef.h>

/* At most `max`; how many there are is returned. What does not answer is left out, or NaN.
 * `sysfs` is "/sys". */
size_t host_sensors_read(const char *sysfs, struct hv_sensor *ret, size_t max);

#endif
