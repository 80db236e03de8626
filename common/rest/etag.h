/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ETag of single objects, If-None-Match and If-Match. An object's tag is a hash of its JSON: it
 * changes whenever anything that GET shows does, and is the same after a restart.
 */
#ifndef MUSTER_REST_ETAG_H
#define MUSTER_REST_ETAG_H

#include "common/rest/call.h"

enum { REST_ETAG_TEXT = 19 }; /* "\"0123456789abcdef\"" and the NUL */

/* NULL, or the refusal: the request has an If-Match, and {id} of its path is an object that is not
 * (any more) what the client has seen. */
struct http_reply *rest_etag_check(struct rest_call *c, const char *id);

#endif
