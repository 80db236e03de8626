/* SPDX-License-Identifier: Apache-2.0 */
/* Under which address this host is known: for people, nothing dials it. */
#ifndef MUSTER_AGENT_APP_ADDRESS_H
#define MUSTER_AGENT_APP_ADDRESS_H

#include "common/model/vm.h"

/* That of the interface with the default route; else the first global one; else "". Does not block
 * (procfs and a netlink request). */
void address_find(char ret[static MODEL_ADDR_MAX + 1]);

#endif
