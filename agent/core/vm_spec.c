/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a definition means where it says nothing, and what it says about a guest that stopped.
 * Reading is vm_spec_read.c, writing vm_spec_write.c, the rules between fields vm_spec_check.c.
 */
#include "agent/core/vm_spec.h"

#include <string.h>

void vm_spec_init(struct vm_spec *spec)
{
	memset(spec, 0, sizeof *spec);
	spec->config.vcpus = 1;
	spec->config.on_poweroff = HV_ON_DESTROY;
	spec->config.on_reboot = HV_ON_RESTART;
	spec->config.on_crash = HV_ON_DESTROY;
	spec->config.on_watchdog = HV_ON_DESTROY;
}

enum hv_on_event vm_spec_on_stop(const struct vm_spec *spec, enum hv_shutdown why)
{
	switch (why) {
	case HV_SHUTDOWN_POWEROFF:
		return spec->config.on_poweroff;
	case HV_SHUTDOWN_REBOOT:
		return spec->config.on_reboot;
	case HV_SHUTDOWN_CRASH:
		return spec->config.on_crash;
	case HV_SHUTDOWN_WATCHDOG:
		return spec->config.on_watchdog;
	case HV_SHUTDOWN_NONE:
	case HV_SHUTDOWN_SUSPEND: /* in the middle of being saved: not a stop */
	case _HV_SHUTDOWN_COUNT:
		break;
	}
	return HV_ON_PRESERVE;
}
