/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two methods of Xen Orchestra's JSON-RPC that programs in the field need where REST would do
 * as well: session.signIn and xo.getAllObjects, over a WebSocket at /api/ (docs/design/rest.md).
 * Loop thread.
 */
#ifndef MUSTER_REST_XO_SOCKET_H
#define MUSTER_REST_XO_SOCKET_H

#include "common/rest/rest.h"

/* Of a backend that has sign_in(). */
void xo_socket_routes_add(struct rest *rest);

#endif
