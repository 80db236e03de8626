/* SPDX-License-Identifier: Apache-2.0 */
/* Requests with an Idempotency-Key, and what they were answered (common/rest/keys.h). */
#ifndef MUSTER_AGGREGATOR_STORE_KEYS_H
#define MUSTER_AGGREGATOR_STORE_KEYS_H

#include "aggregator/store/store.h"

#include <stdint.h>

struct store_key {
	const char *user;
	const char *key;
	uint64_t request;
	mu_msec at;
	int status;
	const char *type;
	const char *location;
	const void *body;
	size_t body_len;
};

/* At start, oldest first; valid during the call. */
int store_keys_list(struct store *s, void (*each)(const struct store_key *key, void *arg),
		    void *arg, struct mu_error *err);
void store_keys_put(struct store_tx *tx, const struct store_key *key);
void store_keys_delete(struct store_tx *tx, const char *user, const char *key);

#endif
