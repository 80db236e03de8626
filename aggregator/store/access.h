/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may come in: hosts' certificates, join tokens, API tokens. Of secrets only the SHA-256 is
 * kept.
 */
#ifndef MUSTER_AGGREGATOR_STORE_ACCESS_H
#define MUSTER_AGGREGATOR_STORE_ACCESS_H

#include "aggregator/store/store.h"
#include "common/base/id.h"
#include "common/base/time.h"
#include "common/model/vm.h"

enum { STORE_HASH_TEXT = 65 };

struct store_cert {
	char fingerprint[STORE_HASH_TEXT];
	struct host_id host;
	char serial[41];
	mu_msec issued_at;
	mu_msec not_after;
	mu_msec revoked_at; /* 0 = good */
};

struct store_join {
	struct mu_uuid id;
	char secret_hash[STORE_HASH_TEXT];
	char name[MODEL_NAME_MAX + 1];
	mu_msec created_at;
	char created_by[MODEL_NAME_MAX + 1];
	mu_msec expires_at;
	mu_msec used_at; /* 0 = not used */
	struct host_id used_by;
	struct host_id replaces; /* nil = none */
};

struct store_token {
	struct mu_uuid id;
	char secret_hash[STORE_HASH_TEXT];
	char user[MODEL_NAME_MAX + 1];
	char description[MODEL_TEXT_MAX + 1];
	mu_msec created_at;
	mu_msec expires_at; /* 0 = never */
	struct mu_uuid user_id;
	char client[MODEL_NAME_MAX + 1]; /* "": none; a client has one token */
	mu_msec used_at;                 /* to the minute; 0 = not yet */
	char used_from[64];
};

/* At start, in order of time. */
int store_certs_list(struct store *s, void (*each)(const struct store_cert *c, void *arg),
		     void *arg, struct mu_error *err);
int store_joins_list(struct store *s, void (*each)(const struct store_join *j, void *arg),
		     void *arg, struct mu_error *err);
int store_tokens_list(struct store *s, void (*each)(const struct store_token *t, void *arg),
		      void *arg, struct mu_error *err);

void store_certs_add(struct store_tx *tx, const struct store_cert *c);
void store_certs_revoke_all(struct store_tx *tx, const struct host_id *host, mu_msec now);
/* Drop those that ended before `before`. */
void store_certs_trim(struct store_tx *tx, mu_msec before);

void store_joins_add(struct store_tx *tx, const struct store_join *j);
/* The transaction is refused when the token was used already or is gone. */
void store_joins_use(struct store_tx *tx, const struct mu_uuid *id, mu_msec now,
		     const struct host_id *host);
void store_joins_delete(struct store_tx *tx, const struct mu_uuid *id);
void store_joins_trim(struct store_tx *tx, mu_msec before);

void store_tokens_add(struct store_tx *tx, const struct store_token *t);
void store_tokens_used(struct store_tx *tx, const struct mu_uuid *id, mu_msec at, const char *from);
/* Drop those that ended before `before`. */
void store_tokens_trim(struct store_tx *tx, mu_msec before);
void store_tokens_delete(struct store_tx *tx, const struct mu_uuid *id);

#endif
