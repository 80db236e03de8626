/* SPDX-License-Identifier: Apache-2.0 */
/* What the headers of a request say about who asks. They come from whoever likes to send some, so
 * this is a decoder of its own, without the request. Any thread. */
#ifndef MUSTER_REST_CREDENTIALS_H
#define MUSTER_REST_CREDENTIALS_H

#include "common/base/arena.h"
#include "common/base/error.h"

/* All NULL: nothing. A token of "" is one that nobody has. */
struct rest_credentials {
	const char *token; /* or a password */
	const char *name;  /* of Basic authentication */
};

/* "Bearer TOKEN", or "Basic base64(NAME:PASSWORD)", which may be a token too; the cookies
 * `authenticationToken` and `token`. Both texts may be NULL. MU_E_PROTOCOL: it is not clear who is
 * meant. What makes no sense otherwise is a token that nobody has. */
int rest_credentials_read(struct mu_arena *a, const char *authorization, const char *cookies,
			  struct rest_credentials *ret, struct mu_error *err);

#endif
