/* SPDX-License-Identifier: Apache-2.0 */
/* Idempotency keys between REST, which decides about them, and the store. */
#include "aggregator/store/keys.h"
#include "aggregator/app/app.h"

#include <stdio.h>

void app_key_put(struct app *app, const struct rest_key *key,
		 void (*done)(void *arg, const struct mu_error *err), void *arg)
{
	struct store_tx *tx = store_begin(app->store);
	const struct store_key row = {
	    .user = key->user,
	    .key = key->key,
	    .request = key->request,
	    .at = key->at,
	    .status = key->status,
	    .type = key->type,
	    .location = key->location,
	    .body = key->body,
	    .body_len = key->body_len,
	};

	store_keys_put(tx, &row);
	store_commit(tx, done ? STORE_OR_FAIL : STORE_KEEP, done, arg);
}

void app_key_drop(struct app *app, const struct rest_key *key)
{
	struct store_tx *tx = store_begin(app->store);

	store_keys_delete(tx, key->user, key->key);
	store_commit(tx, STORE_KEEP_LAZY, NULL, NULL);
}

static void load_key(const struct store_key *row, void *arg)
{
	struct app *app = arg;
	struct rest_key key = {
	    .request = row->request,
	    .at = row->at,
	    .status = row->status,
	    .body = row->body,
	    .body_len = row->body_len,
	};

	(void)snprintf(key.user, sizeof key.user, "%s", row->user);
	(void)snprintf(key.key, sizeof key.key, "%s", row->key);
	(void)snprintf(key.type, sizeof key.type, "%s", row->type);
	(void)snprintf(key.location, sizeof key.location, "%s", row->location);
	rest_keys_add(app->rest, &key);
}

int app_keys_load(struct app *app, struct mu_error *err)
{
	return store_keys_list(app->store, load_key, app, err);
}
