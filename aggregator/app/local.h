/* SPDX-License-Identifier: Apache-2.0 */
/* A request to the aggregator that runs here, over its Unix socket. Blocking; for verbs. */
#ifndef MUSTER_AGGREGATOR_APP_LOCAL_H
#define MUSTER_AGGREGATOR_APP_LOCAL_H

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/value.h"

/* POST `body` to `path`. MU_E_UNAVAILABLE when nobody listens on `socket_path`; an error reply
 * becomes that error. The reply's JSON goes into `a`. */
int local_post(const char *socket_path, const char *path, const struct mu_value *body,
	       struct mu_arena *a, struct mu_value **ret_reply, struct mu_error *err);

#endif
