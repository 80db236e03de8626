/* SPDX-License-Identifier: Apache-2.0 */
/* Firmware and maker of the machine (DMI), out of sysfs: a few small files of the kernel's. */
#ifndef MUSTER_AGENT_HOST_BIOS_H
#define MUSTER_AGENT_HOST_BIOS_H

#include "common/model/host.h"

/* What is not there stays empty. `sysfs` is "/sys". */
void host_bios_read(const char *sysfs, struct model_bios *ret);

#endif
