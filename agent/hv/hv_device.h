/* SPDX-License-Identifier: Apache-2.0 */
/* What is told about a domain's devices and consoles. Plain data. */
#ifndef MUSTER_AGENT_HV_DEVICE_H
#define MUSTER_AGENT_HV_DEVICE_H

#include "agent/hv/hv_types.h"

enum hv_console_kind {
	HV_CONSOLE_SERIAL, /* a terminal: PV and PVH guests' console, HVM guests' serial port */
	HV_CONSOLE_VNC,
	_HV_CONSOLE_KIND_COUNT,
};

/* Where a domain's console is. */
struct hv_console {
	char tty[64];      /* SERIAL: "/dev/pts/3" */
	char host[64];     /* VNC: where it listens, "127.0.0.1" */
	uint16_t port;     /* VNC */
	char password[64]; /* VNC; "" = none */
};

#endif
