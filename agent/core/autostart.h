/* SPDX-License-Identifier: Apache-2.0 */
/* In which order, and when, the VMs start that start with the host. Pure. */
#ifndef MUSTER_AGENT_CORE_AUTOSTART_H
#define MUSTER_AGENT_CORE_AUTOSTART_H

#include "common/base/id.h"
#include "common/base/time.h"

#include <stdbool.h>
#include <stddef.h>

struct autostart_vm {
	struct vm_id id;
	int32_t order;
	bool goes_on;  /* was suspended for a reboot: it is resumed, whether it starts by itself or
			  not */
	mu_msec delay; /* after the one before */
	mu_msec at;    /* result: after the plan's beginning */
};

/* Sort in place by order, then by id (so that every boot is alike), and fill `at`. */
void autostart_plan(struct autostart_vm *vms, size_t n);

#endif
