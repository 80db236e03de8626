/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked of the host itself on its own socket: maintenance, shutdown, reboot. */
#ifndef MUSTER_AGENT_ADMIN_HOST_ROUTES_H
#define MUSTER_AGENT_ADMIN_HOST_ROUTES_H

#include "agent/app/app.h"
#include "common/rest/rest.h"

void host_routes_add(struct rest *rest, struct app *app);

#endif
