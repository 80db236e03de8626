/* SPDX-License-Identifier: Apache-2.0 */
/*
 * API tokens and join tokens. Both live in memory by the hash of their secret, which is all that
 * is ever kept: looking one up by hash leaks nothing about the others through its timing.
 */
#include "aggregator/app/app.h"
#include "aggregator/app/sign_in.h"
#include "aggregator/app/users.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/os/clock.h"
#include "common/os/random.h"
#include "common/tls/tls.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TOKEN_BYTES = 32, JOIN_BYTES = 16, TOKENS_MAX = 10000 };
#define JOIN_LIFETIME_DEFAULT MU_SEC(3600)
#define TOKEN_PREFIX "mt1."

/* --- signing in --- */

static void copy_text(char *dst, size_t size, const char *src)
{
	mu_utf8_sanitize(dst, size - 1, src, strlen(src));
}

/* To the minute. */
static void mark_used(struct app *app, struct store_token *t, const struct http_peer *peer)
{
	mu_msec now = mu_clock_wall();
	struct store_tx *tx;

	if (now - t->used_at < MU_SEC(60) && strcmp(t->used_from, peer->address) == 0)
		return;
	t->used_at = now;
	copy_text(t->used_from, sizeof t->used_from, peer->address);
	tx = store_begin(app->store);
	store_tokens_used(tx, &t->id, now, t->used_from);
	store_commit(tx, STORE_KEEP_LAZY, NULL, NULL);
}

int app_authenticate(struct app *app, const char *token, const struct http_peer *peer,
		     struct rest_user *ret_user, struct mu_error *err)
{
	struct rest_user user = {.admin = true};
	const struct access_user *u;
	struct store_token *t;
	char hash[TLS_FINGERPRINT_TEXT];

	if (!token && peer->local && (peer->uid == 0 || peer->uid == geteuid())) {
		copy_text(user.name, sizeof user.name,
			  peer->uid == 0 ? "root (local)" : "owner (local)");
		*ret_user = user;
		return 0;
	}
	if (!token)
		return mu_error_set(err, MU_E_UNAUTHENTICATED,
				    "a token is needed; hint: send 'Authorization: Bearer TOKEN', "
				    "make one with 'muster-aggregator token create'");
	tls_sha256_hex(token, strlen(token), hash);
	t = mu_map_find_str(app->tokens, hash);
	u = t ? access_user_find(users_access(app->users), &t->user_id) : NULL;
	if (!u || (t->expires_at && t->expires_at <= mu_clock_wall()))
		return mu_error_set(err, MU_E_UNAUTHENTICATED,
				    "this token is not known, or it has expired; hint: make "
				    "another one");
	mark_used(app, t, peer);
	user = (struct rest_user){.admin = u->admin, .account = u->id, .token = t->id};
	copy_text(user.name, sizeof user.name, u->name);
	*ret_user = user;
	return 0;
}

/* --- memory --- */

void app_access_add_join(struct app *app, const struct store_join *j)
{
	free(mu_map_put_str(app->joins, j->secret_hash, mu_xmemdup(j, sizeof *j)));
}

void app_access_add_token(struct app *app, const struct store_token *t)
{
	free(mu_map_put_str(app->tokens, t->secret_hash, mu_xmemdup(t, sizeof *t)));
}

void app_access_add_cert(struct app *app, const struct store_cert *c)
{
	free(mu_map_put_str(app->certs, c->fingerprint, mu_xmemdup(c, sizeof *c)));
}

void app_tokens_forget(struct app *app, const struct mu_uuid *user)
{
	const struct store_token *t;

	/* Taking one out may move the others. */
	for (size_t i = 0; (t = mu_map_next(app->tokens, &i, NULL, NULL));) {
		if (!mu_uuid_equal(&t->user_id, user))
			continue;
		free(mu_map_remove_str(app->tokens, t->secret_hash));
		i = 0;
	}
}

static void map_free_all(struct mu_map *m)
{
	void *v;

	for (size_t i = 0; m && (v = mu_map_next(m, &i, NULL, NULL));)
		free(v);
	mu_map_free(m);
}

void app_access_free(struct app *app)
{
	map_free_all(app->certs);
	map_free_all(app->joins);
	map_free_all(app->tokens);
	mu_map_free(app->enrolling);
}

void app_access_trim(struct app *app)
{
	mu_msec now = mu_clock_wall();
	struct store_tx *tx = store_begin(app->store);
	struct store_join *j;
	struct store_cert *c;
	struct store_token *t;

	/* A day later than needed: who looks finds why a token did not work. */
	store_joins_trim(tx, now - MU_SEC(86400));
	store_certs_trim(tx, now - MU_SEC(86400));
	store_tokens_trim(tx, now - MU_SEC(86400));
	store_commit(tx, STORE_KEEP_LAZY, NULL, NULL);
	for (size_t i = 0; (j = mu_map_next(app->joins, &i, NULL, NULL));) {
		if (j->expires_at < now - MU_SEC(86400))
			free(mu_map_remove_str(app->joins, j->secret_hash));
	}
	for (size_t i = 0; (c = mu_map_next(app->certs, &i, NULL, NULL));) {
		if (c->not_after < now - MU_SEC(86400))
			free(mu_map_remove_str(app->certs, c->fingerprint));
	}
	for (size_t i = 0; (t = mu_map_next(app->tokens, &i, NULL, NULL));) {
		if (t->expires_at && t->expires_at < now - MU_SEC(86400))
			free(mu_map_remove_str(app->tokens, t->secret_hash));
	}
}

/* --- join tokens --- */

struct join_request {
	struct app *app;
	struct store_join join;
	char *text;
	struct mu_error err;
	void (*done)(void *arg, const struct admin_join *j, const char *text,
		     const struct mu_error *err);
	void *arg;
};

static struct admin_join join_view(const struct store_join *j)
{
	return (struct admin_join){
	    .id = j->id,
	    .name = j->name,
	    .created_at = j->created_at,
	    .created_by = j->created_by,
	    .expires_at = j->expires_at,
	    .used_at = j->used_at,
	    .used_by = j->used_by,
	    .replaces = j->replaces,
	};
}

static void join_answer(struct join_request *req, const struct mu_error *err)
{
	struct admin_join view = join_view(&req->join);

	req->done(req->arg, err ? NULL : &view, err ? NULL : req->text, err);
	free(req->text);
	free(req);
}

static void join_refused(void *ctx)
{
	struct join_request *req = ctx;

	join_answer(req, &req->err);
}

static void join_stored(void *ctx, const struct mu_error *err)
{
	struct join_request *req = ctx;

	if (!err)
		app_access_add_join(req->app, &req->join);
	join_answer(req, err);
}

static void join_create(void *ctx, const struct admin_join *in, mu_msec lifetime,
			const struct admin_asker *who,
			void (*done)(void *arg, const struct admin_join *j, const char *text,
				     const struct mu_error *err),
			void *arg)
{
	struct app *app = ctx;
	struct join_request *req = mu_xcalloc(1, sizeof *req);
	unsigned char secret[JOIN_BYTES];
	char hex[2 * JOIN_BYTES + 1];
	struct store_tx *tx;

	*req = (struct join_request){.app = app, .done = done, .arg = arg};
	if (mu_map_size(app->joins) >= TOKENS_MAX) {
		mu_error_set(&req->err, MU_E_EXHAUSTED,
			     "there are %d join tokens; hint: delete some", TOKENS_MAX);
		mu_loop_post(app->loop, join_refused, req);
		return;
	}
	mu_random_bytes(secret, sizeof secret);
	mu_hex_encode(hex, secret, sizeof secret);
	req->text = mu_xasprintf("mj1.%s.%s", hex, ca_fingerprint(app->ca));
	tls_sha256_hex(hex, strlen(hex), req->join.secret_hash);
	req->join.id = mu_random_uuid();
	req->join.created_at = mu_clock_wall();
	req->join.expires_at = req->join.created_at + (lifetime ? lifetime : JOIN_LIFETIME_DEFAULT);
	req->join.replaces = in->replaces;
	copy_text(req->join.name, sizeof req->join.name, in->name ? in->name : "");
	copy_text(req->join.created_by, sizeof req->join.created_by, who->user);
	tx = store_begin(app->store);
	store_joins_add(tx, &req->join);
	app_audit(app, tx, who, "join-token.create", &req->join.id, "success", req->join.name);
	store_commit(tx, STORE_OR_FAIL, join_stored, req);
}

static void join_each(void *ctx, void (*each)(const struct admin_join *j, void *arg), void *arg)
{
	struct app *app = ctx;
	const struct store_join *j;

	for (size_t i = 0; (j = mu_map_next(app->joins, &i, NULL, NULL));) {
		struct admin_join view = join_view(j);

		each(&view, arg);
	}
}

/* --- deleting either --- */

struct delete_request {
	struct app *app;
	struct mu_map *map;
	char hash[STORE_HASH_TEXT];
	struct mu_error err;
	admin_done done;
	void *arg;
};

static void delete_refused(void *ctx)
{
	struct delete_request *req = ctx;

	req->done(req->arg, &req->err);
	free(req);
}

static void delete_stored(void *ctx, const struct mu_error *err)
{
	struct delete_request *req = ctx;

	if (!err)
		free(mu_map_remove_str(req->map, req->hash));
	req->done(req->arg, err);
	free(req);
}

static struct delete_request *delete_new(struct app *app, struct mu_map *map, const char *hash,
					 admin_done done, void *arg)
{
	struct delete_request *req = mu_xcalloc(1, sizeof *req);

	*req = (struct delete_request){.app = app, .map = map, .done = done, .arg = arg};
	if (hash) {
		memcpy(req->hash, hash, sizeof req->hash);
		return req;
	}
	mu_error_set(&req->err, MU_E_NOT_FOUND, "no such token");
	mu_loop_post(app->loop, delete_refused, req);
	return NULL;
}

static void join_delete(void *ctx, const struct mu_uuid *id, const struct admin_asker *who,
			admin_done done, void *arg)
{
	struct app *app = ctx;
	const struct store_join *j;
	const char *hash = NULL;
	struct delete_request *req;
	struct store_tx *tx;

	for (size_t i = 0; (j = mu_map_next(app->joins, &i, NULL, NULL));) {
		if (mu_uuid_equal(&j->id, id))
			hash = j->secret_hash;
	}
	req = delete_new(app, app->joins, hash, done, arg);
	if (!req)
		return;
	tx = store_begin(app->store);
	store_joins_delete(tx, id);
	app_audit(app, tx, who, "join-token.delete", id, "success", "");
	store_commit(tx, STORE_OR_FAIL, delete_stored, req);
}

/* --- API tokens --- */

struct token_request {
	struct app *app;
	struct store_token token;
	char *text;
	struct mu_error err;
	void (*done)(void *arg, const struct admin_token *t, const char *text,
		     const struct mu_error *err);
	void *arg;
};

static struct admin_token token_view(const struct store_token *t)
{
	return (struct admin_token){
	    .id = t->id,
	    .user_id = t->user_id,
	    .client = t->client,
	    .used_at = t->used_at,
	    .used_from = t->used_from,
	    .description = t->description,
	    .created_at = t->created_at,
	    .expires_at = t->expires_at,
	};
}

static void token_answer(struct token_request *req, const struct mu_error *err)
{
	struct admin_token view = token_view(&req->token);

	req->done(req->arg, err ? NULL : &view, err ? NULL : req->text, err);
	free(req->text);
	free(req);
}

static void token_refused(void *ctx)
{
	struct token_request *req = ctx;

	token_answer(req, &req->err);
}

/* The one that this client of the user has already, NULL if none. */
static const struct store_token *token_of_client(struct app *app, const struct store_token *like)
{
	const struct store_token *t;

	for (size_t i = 0; like->client[0] && (t = mu_map_next(app->tokens, &i, NULL, NULL));)
		if (mu_uuid_equal(&t->user_id, &like->user_id) &&
		    strcmp(t->client, like->client) == 0 && !mu_uuid_equal(&t->id, &like->id))
			return t;
	return NULL;
}

static void token_stored(void *ctx, const struct mu_error *err)
{
	struct token_request *req = ctx;

	const struct store_token *old = err ? NULL : token_of_client(req->app, &req->token);

	if (old)
		free(mu_map_remove_str(req->app->tokens, old->secret_hash));
	if (!err)
		app_access_add_token(req->app, &req->token);
	token_answer(req, err);
}

/* Local users act for an administrator: the first. */
static const struct access_user *token_user(struct app *app, const struct mu_uuid *id)
{
	const struct access *access = users_access(app->users);
	const struct access_user *u;

	if (!mu_uuid_is_nil(id))
		return access_user_find(access, id);
	for (size_t i = 0; (u = access_user_next(access, &i));)
		if (u->admin)
			return u;
	return NULL;
}

static void token_create(void *ctx, const struct admin_token *in, mu_msec lifetime,
			 const struct admin_asker *who,
			 void (*done)(void *arg, const struct admin_token *t, const char *text,
				      const struct mu_error *err),
			 void *arg)
{
	struct app *app = ctx;
	const struct access_user *u = token_user(app, &in->user_id);
	struct token_request *req = mu_xcalloc(1, sizeof *req);
	unsigned char secret[TOKEN_BYTES];
	char hex[2 * TOKEN_BYTES + 1];
	const struct store_token *old;
	struct store_tx *tx;

	*req = (struct token_request){.app = app, .done = done, .arg = arg};
	if (mu_map_size(app->tokens) >= TOKENS_MAX) {
		mu_error_set(&req->err, MU_E_EXHAUSTED,
			     "there are %d API tokens; hint: delete some", TOKENS_MAX);
		mu_loop_post(app->loop, token_refused, req);
		return;
	}
	if (!u) {
		mu_error_set(&req->err, MU_E_NOT_FOUND, "no such user");
		mu_loop_post(app->loop, token_refused, req);
		return;
	}
	mu_random_bytes(secret, sizeof secret);
	mu_hex_encode(hex, secret, sizeof secret);
	req->text = mu_xasprintf(TOKEN_PREFIX "%s", hex);
	tls_sha256_hex(req->text, strlen(req->text), req->token.secret_hash);
	req->token.id = mu_random_uuid();
	req->token.created_at = mu_clock_wall();
	req->token.expires_at = lifetime ? req->token.created_at + lifetime : 0;
	req->token.user_id = u->id;
	copy_text(req->token.user, sizeof req->token.user, u->name);
	copy_text(req->token.client, sizeof req->token.client, in->client ? in->client : "");
	copy_text(req->token.description, sizeof req->token.description, in->description);
	tx = store_begin(app->store);
	old = token_of_client(app, &req->token);
	if (old)
		store_tokens_delete(tx, &old->id);
	store_tokens_add(tx, &req->token);
	app_audit(app, tx, who, "token.create", &req->token.id, "success", req->token.description);
	store_commit(tx, STORE_OR_FAIL, token_stored, req);
}

static void token_each(void *ctx, void (*each)(const struct admin_token *t, void *arg), void *arg)
{
	struct app *app = ctx;
	const struct store_token *t;

	for (size_t i = 0; (t = mu_map_next(app->tokens, &i, NULL, NULL));) {
		struct admin_token view = token_view(t);

		each(&view, arg);
	}
}

static void token_delete(void *ctx, const struct mu_uuid *id, const struct admin_asker *who,
			 admin_done done, void *arg)
{
	struct app *app = ctx;
	const struct store_token *t;
	const char *hash = NULL;
	struct delete_request *req;
	struct store_tx *tx;

	for (size_t i = 0; (t = mu_map_next(app->tokens, &i, NULL, NULL));) {
		if (mu_uuid_equal(&t->id, id))
			hash = t->secret_hash;
	}
	req = delete_new(app, app->tokens, hash, done, arg);
	if (!req)
		return;
	tx = store_begin(app->store);
	store_tokens_delete(tx, id);
	app_audit(app, tx, who, "token.delete", id, "success", "");
	store_commit(tx, STORE_OR_FAIL, delete_stored, req);
}

/* --- the rest of the table --- */

static const char *admin_ca_pem(void *ctx)
{
	struct app *app = ctx;

	return ca_cert(app->ca);
}

static void admin_enrol_host(void *ctx, const struct admin_enrol *in, const char *from,
			     void (*done)(void *arg, const struct admin_enrolled *out,
					  const struct mu_error *err),
			     void *arg)
{
	app_enrol(ctx, in, from, done, arg);
}

static void admin_host_revoke(void *ctx, const struct host_id *id, bool forget,
			      const struct admin_asker *who, admin_done done, void *arg)
{
	app_host_revoke(ctx, id, forget, who, done, arg);
}

static bool admin_host_exists(void *ctx, const struct host_id *id)
{
	struct app *app = ctx;

	return inventory_host_find(app->inventory, id) != NULL;
}

static void admin_metrics_of(void *ctx, const struct host_id *id, struct admin_metrics *ret)
{
	struct app *app = ctx;
	struct metrics_intake in;

	metrics_intake(app->metrics, &id->uuid, &in);
	*ret = (struct admin_metrics){
	    .n_series = in.n_series,
	    .n_dropped = in.n_dropped,
	    .n_taken = in.n_taken,
	    .n_too_old = in.n_too_old,
	    .n_too_new = in.n_too_new,
	    .n_rows_taken = in.n_rows_taken,
	    .n_rows_refused = in.n_rows_refused,
	    .last = in.last,
	};
}

static const struct access *admin_access(void *ctx)
{
	struct app *app = ctx;

	return users_access(app->users);
}

static bool admin_may(void *ctx, const struct rest_user *user, const char *resource,
		      const char *action)
{
	struct app *app = ctx;

	return user->admin || rights_look(users_rights(app->users, &user->account), resource,
					  action) == RIGHTS_ALL;
}

static void admin_access_change(void *ctx, const struct access_change *c, const char *password,
				const struct admin_asker *who, const char *action,
				const char *detail, admin_done done, void *arg)
{
	struct app *app = ctx;

	if (password)
		users_change_password(app->users, c, password, who, action, detail, done, arg);
	else
		users_change(app->users, c, who, action, detail, done, arg);
}

static void admin_sign_in(void *ctx, const struct rest_sign_in *in, const char *from,
			  void (*done)(void *arg, const struct rest_user *user,
				       const struct mu_error *err),
			  void *arg)
{
	struct app *app = ctx;

	sign_in_start(app->sign_ins, in, from, done, arg);
}

static void admin_hash(const char *text, char ret[static TLS_FINGERPRINT_TEXT])
{
	tls_sha256_hex(text, strlen(text), ret);
}

static bool admin_otp_check(void *ctx, const char *secret, const char *code, uint64_t *ret_number)
{
	(void)ctx;
	return sign_in_otp(secret, code, 0, ret_number);
}

void app_admin_ops(struct app *app, struct admin_ops *ret)
{
	*ret = (struct admin_ops){
	    .ctx = app,
	    .ca = admin_ca_pem,
	    .enrol = admin_enrol_host,
	    .join_create = join_create,
	    .join_each = join_each,
	    .join_delete = join_delete,
	    .token_create = token_create,
	    .token_each = token_each,
	    .token_delete = token_delete,
	    .access = admin_access,
	    .may = admin_may,
	    .access_change = admin_access_change,
	    .sign_in = admin_sign_in,
	    .otp_check = admin_otp_check,
	    .hash = admin_hash,
	    .host_revoke = admin_host_revoke,
	    .audit_list = app_audit_list,
	    .audit_verify = app_audit_verify,
	    .metrics = admin_metrics_of,
	    .host_exists = admin_host_exists,
	};
}
