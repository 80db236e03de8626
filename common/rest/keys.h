/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Idempotency-Key: a change that is asked for again with the same key, because nobody knows what
 * became of it, is not made again: the answer of the first is given. A request with a key is
 * carried through whether its peer stays or not. Keys are each user's own.
 */
#ifndef MUSTER_REST_KEYS_H
#define MUSTER_REST_KEYS_H

#include "common/rest/call.h"

enum {
	REST_KEYS_MAX = 10000, /* the oldest goes first */
	REST_KEYS_BYTES_MAX = 32 << 20,
};
#define REST_KEYS_LIFETIME MU_SEC(24 * 3600)

struct rest_keys *rest_keys_new(struct rest *rest);
/* Takes NULL; returns NULL. */
struct rest_keys *rest_keys_free(struct rest_keys *keys);
/* The handler's reply: what `carry_out` says, now or when the key is stored, or what it said
 * before. `c` and `arg` are copied (`arg` in the request's arena is enough). */
struct http_reply *rest_keyed(struct rest_call *c, const char *key,
			      struct http_reply *(*carry_out)(struct rest_call *c, void *arg),
			      void *arg);

#endif
