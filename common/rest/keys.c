/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A key is stored before its request is carried out, and its answer when there is one: so a
 * request that a crash has cut off is known as one whose outcome is not, and is not made twice.
 * An answer of 500 and above says that it did not work: the key is forgotten, and asking again is
 * a new try.
 */
#include "common/rest/keys.h"

#include "common/base/assert.h"
#include "common/base/map.h"
#include "common/base/str.h"
#include "common/json/json.h"
#include "common/os/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct entry {
	struct mu_link link; /* oldest first */
	struct rest_keys *keys;
	struct rest_key key;
	char *body;
	bool under_way;
};

struct rest_keys {
	struct rest *rest;
	struct mu_map *map; /* "user\nkey" -> entry */
	struct mu_link list;
	size_t n_bytes;
};

/* A request that waits for its key to be stored. */
struct keyed {
	struct rest_call call;
	struct http_reply *(*carry_out)(struct rest_call *c, void *arg);
	void *arg;
	bool over; /* the server stopped */
};

struct rest_keys *rest_keys_new(struct rest *rest)
{
	struct rest_keys *keys = mu_xcalloc(1, sizeof *keys);

	keys->rest = rest;
	keys->map = mu_map_new();
	mu_link_init(&keys->list);
	return keys;
}

static void name_of(char name[static MODEL_NAME_MAX + REST_KEY_MAX + 2], const struct rest_key *key)
{
	(void)snprintf(name, MODEL_NAME_MAX + REST_KEY_MAX + 2, "%s\n%s", key->user, key->key);
}

static struct entry *find(const struct rest_keys *keys, const struct rest_key *key)
{
	char name[MODEL_NAME_MAX + REST_KEY_MAX + 2];

	name_of(name, key);
	return mu_map_find_str(keys->map, name);
}

static void forget(struct entry *e)
{
	char name[MODEL_NAME_MAX + REST_KEY_MAX + 2];

	name_of(name, &e->key);
	(void)mu_map_remove_str(e->keys->map, name);
	mu_list_remove(&e->link);
	e->keys->n_bytes -= e->key.body_len;
	free(e->body);
	free(e);
}

static void forget_for_good(struct entry *e)
{
	const struct rest_backend *b = &e->keys->rest->backend;

	if (b->key_drop)
		b->key_drop(b->ctx, &e->key);
	forget(e);
}

struct rest_keys *rest_keys_free(struct rest_keys *keys)
{
	if (!keys)
		return NULL;
	mu_list_each(it, &keys->list) forget(MU_CONTAINER_OF(it, struct entry, link));
	mu_map_free(keys->map);
	free(keys);
	return NULL;
}

static void set_body(struct entry *e, const void *body, size_t len)
{
	e->body = mu_xmalloc(len + 1);
	if (len)
		memcpy(e->body, body, len);
	e->key.body = e->body;
	e->key.body_len = len;
	e->keys->n_bytes += len;
}

static struct entry *add(struct rest_keys *keys, const struct rest_key *key)
{
	char name[MODEL_NAME_MAX + REST_KEY_MAX + 2];
	struct entry *e = mu_xcalloc(1, sizeof *e);

	e->keys = keys;
	e->key = *key;
	set_body(e, key->body, key->body_len);
	name_of(name, key);
	(void)mu_map_put_str(keys->map, name, e);
	mu_list_push_back(&keys->list, &e->link);
	return e;
}

/* Room for one more: what is too old goes, then the oldest that are answered. */
static bool make_room(struct rest_keys *keys)
{
	mu_msec now = mu_clock_wall();

	mu_list_each(it, &keys->list)
	{
		struct entry *e = MU_CONTAINER_OF(it, struct entry, link);
		bool full =
		    mu_map_size(keys->map) >= REST_KEYS_MAX || keys->n_bytes > REST_KEYS_BYTES_MAX;

		if (!full && e->key.at > now - REST_KEYS_LIFETIME)
			return true;
		if (!e->under_way)
			forget_for_good(e);
	}
	return mu_map_size(keys->map) < REST_KEYS_MAX;
}

void rest_keys_add(struct rest *rest, const struct rest_key *key)
{
	if (!find(rest->keys, key) && make_room(rest->keys))
		(void)add(rest->keys, key);
}

/* ---- the answer ---- */

static void on_told(void *ctx, struct http_request *r, const struct http_reply *reply)
{
	struct entry *e = ctx;
	const struct rest_backend *b = &e->keys->rest->backend;
	const char *type = http_reply_type(reply);
	const char *location = http_reply_header_of(reply, "location");
	const struct mu_str *body = http_reply_body(reply);

	(void)r;
	e->under_way = false;
	e->key.status = http_reply_status(reply);
	if (e->key.status >= 500) {
		forget_for_good(e);
		return;
	}
	(void)snprintf(e->key.type, sizeof e->key.type, "%s", type ? type : "");
	(void)snprintf(e->key.location, sizeof e->key.location, "%s", location ? location : "");
	free(e->body);
	set_body(e, body->data, body->len);
	if (b->key_put)
		b->key_put(b->ctx, &e->key, NULL, NULL);
}

/* A 412 says in its body, too, which tag the object had. */
static const char *etag_of(struct mu_arena *a, const struct rest_key *key)
{
	struct mu_value *v;

	if (key->status != 412 || mu_json_read(a, key->body, key->body_len, &v, NULL) < 0)
		return NULL;
	return mu_value_as_string(mu_value_get(mu_value_get(v, "data"), "etag"));
}

static struct http_reply *say_again(struct rest_call *c, const struct rest_key *key)
{
	struct http_request *r = c->request;
	struct http_reply *reply =
	    key->type[0] ? http_reply_text(r, key->status, key->type, key->body, key->body_len)
			 : http_reply_empty(r, key->status);
	const char *etag = etag_of(c->arena, key);

	if (key->location[0])
		http_reply_header(reply, "location", key->location);
	if (etag)
		http_reply_header(reply, "etag", etag);
	http_reply_header(reply, "idempotent-replayed", "true");
	return reply;
}

static struct http_reply *asked_before(struct rest_call *c, const struct entry *e, uint64_t request)
{
	struct mu_error err = MU_ERROR_INIT;

	if (e->key.request != request)
		(void)mu_error_set(&err, MU_E_INVALID,
				   "Idempotency-Key %s was used for another request; hint: a new "
				   "key for each change, the same one only to repeat it",
				   e->key.key);
	else if (e->under_way)
		(void)mu_error_set(&err, MU_E_STATE,
				   "the first request with Idempotency-Key %s is under way; hint: "
				   "ask again in a moment",
				   e->key.key);
	else if (!e->key.status)
		(void)mu_error_set(
		    &err, MU_E_STATE,
		    "the process ended while the request with Idempotency-Key %s was "
		    "under way, what became of it is not known here; hint: look at "
		    "/rest/v0/tasks, and use a new key if it is to be made again",
		    e->key.key);
	else
		return say_again(c, &e->key);
	return rest_error(c, &err);
}

/* ---- the first time ---- */

static void on_stopped(void *ctx)
{
	((struct keyed *)ctx)->over = true;
}

static void on_stored(void *arg, const struct mu_error *err)
{
	struct keyed *k = arg;
	struct http_request *r = k->call.request;
	struct http_reply *reply;

	if (!k->over) {
		http_request_release(r);
		reply = err ? rest_error(&k->call, err) : k->carry_out(&k->call, k->arg);
		if (http_reply_status(reply))
			http_request_finish(r, reply);
	}
	free(k);
}

/* Who forges it fools himself only. */
static uint64_t request_hash(const struct http_request *r)
{
	const char *seen = http_request_header(r, "if-match");
	uint64_t h = mu_fnv1a(MU_FNV1A, &r->method, sizeof r->method);

	h = mu_fnv1a(h, r->path, strlen(r->path) + 1);
	h = mu_fnv1a(h, r->query, strlen(r->query) + 1);
	if (seen)
		h = mu_fnv1a(h, seen, strlen(seen) + 1);
	return mu_fnv1a(h, r->body, r->body_len);
}

static int check_key(const char *text, struct mu_error *err)
{
	size_t len = strlen(text);
	bool good = len > 0 && len <= REST_KEY_MAX;

	for (const char *p = text; *p && good; p++)
		good = *p > ' ' && *p <= '~';
	return good ? 0
		    : mu_error_set(
			  err, MU_E_PROTOCOL,
			  "Idempotency-Key: 1 to %d letters, digits and signs are expected, "
			  "no blanks; hint: a UUID",
			  REST_KEY_MAX);
}

struct http_reply *rest_keyed(struct rest_call *c, const char *text,
			      struct http_reply *(*carry_out)(struct rest_call *c, void *arg),
			      void *arg)
{
	const struct rest_backend *b = &c->rest->backend;
	struct rest_key key = {.request = request_hash(c->request), .at = mu_clock_wall()};
	struct mu_error err = MU_ERROR_INIT;
	struct keyed *k;
	struct entry *e;

	if (check_key(text, &err) < 0)
		return rest_error(c, &err);
	(void)snprintf(key.user, sizeof key.user, "%s", c->user.name);
	(void)snprintf(key.key, sizeof key.key, "%s", text);
	e = find(c->rest->keys, &key);
	if (e && (e->under_way || e->key.at > key.at - REST_KEYS_LIFETIME))
		return asked_before(c, e, key.request);
	if (!make_room(c->rest->keys)) {
		(void)mu_error_set(
		    &err, MU_E_UNAVAILABLE,
		    "%d requests with keys are under way; hint: ask again in a moment",
		    REST_KEYS_MAX);
		return rest_error(c, &err);
	}
	e = add(c->rest->keys, &key);
	e->under_way = true;
	http_request_outlive(c->request, on_told, e);
	if (!b->key_put)
		return carry_out(c, arg);
	k = mu_xcalloc(1, sizeof *k);
	*k = (struct keyed){.call = *c, .carry_out = carry_out, .arg = arg};
	b->key_put(b->ctx, &e->key, on_stored, k);
	return http_reply_pending(c->request, on_stopped, k);
}
