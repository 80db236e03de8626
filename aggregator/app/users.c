/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes to users, groups, roles and privileges: one at a time, checked when it is its turn,
 * stored, then applied. So no two of them can together do what neither may, like removing the last
 * administrator.
 */
#include "aggregator/app/users.h"

#include "aggregator/app/app.h"
#include "aggregator/secret/password.h"
#include "aggregator/store/users.h"
#include "common/base/assert.h"
#include "common/base/str.h"
#include "common/log/log.h"
#include "common/os/random.h"

#include <stdlib.h>
#include <string.h>

enum { WAITING_MAX = 256 };

struct users {
	struct app *app;
	struct access *access;
	struct mu_map *rights; /* account -> struct rights, until something changes */
	struct mu_link queue;  /* struct request; the first is being stored or about to be */
	size_t n_queue;
	bool running;
	unsigned generation; /* counts changes */
	size_t n_busy;
	mu_loop_cb stopped; /* NULL: not stopping */
	void *stopped_ctx;
};

struct request {
	struct mu_link link;
	struct users *users;
	struct access_change change;
	void *before;       /* of what is put: as it has to be still; NULL: a new one */
	const char *action; /* static */
	char who[MODEL_NAME_MAX + 1];
	char from[64];
	char *detail;
	struct mu_error err;
	struct password_op password;
	admin_done done;
	void *arg;
};

struct users *users_new(struct app *app)
{
	struct users *u = mu_xcalloc(1, sizeof *u);

	u->app = app;
	u->access = access_new();
	u->rights = mu_map_new();
	mu_link_init(&u->queue);
	return u;
}

static void rights_forget(struct users *u)
{
	void *r;

	for (size_t i = 0; (r = mu_map_next(u->rights, &i, NULL, NULL));)
		rights_free(r);
	mu_map_free(u->rights);
	u->rights = mu_map_new();
}

struct users *users_free(struct users *u)
{
	if (!u)
		return NULL;
	mu_assert(mu_list_empty(&u->queue));
	rights_forget(u);
	mu_map_free(u->rights);
	access_free(u->access);
	free(u);
	return NULL;
}

int users_load(struct users *u, struct mu_error *err)
{
	return store_users_load(u->app->store, u->access, err);
}

const struct access *users_access(const struct users *u)
{
	return u->access;
}

unsigned users_generation(const struct users *u)
{
	return u->generation;
}

const struct rights *users_rights(struct users *u, const struct mu_uuid *account)
{
	struct rights *r = mu_map_find(u->rights, account, sizeof *account);
	struct mu_error err = MU_ERROR_INIT;

	if (r)
		return r;
	if (!access_user_find(u->access, account))
		return rights_nothing();
	if (access_rights(u->access, account, &r, &err) < 0) {
		mu_log_warning("a user has no rights because his roles cannot be read: %s",
			       err.text);
		return rights_nothing();
	}
	(void)mu_map_put(u->rights, account, sizeof *account, r);
	return r;
}

/* --- the end --- */

void users_busy(struct users *u)
{
	u->n_busy++;
}

void users_idle(struct users *u)
{
	mu_assert(u->n_busy > 0);
	if (--u->n_busy == 0 && u->stopped)
		mu_loop_post(u->app->loop, u->stopped, u->stopped_ctx);
}

void users_stop(struct users *u, mu_loop_cb stopped, void *ctx)
{
	u->stopped = stopped;
	u->stopped_ctx = ctx;
	users_busy(u);
	users_idle(u);
}

/* --- changes --- */

static void run_next(void *ctx);

static void finish(struct request *rq, const struct mu_error *err)
{
	struct users *u = rq->users;

	mu_list_remove(&rq->link);
	u->n_queue--;
	u->running = false;
	if (!mu_list_empty(&u->queue)) {
		u->running = true;
		mu_loop_post(u->app->loop, run_next, u);
	}
	if (rq->done)
		rq->done(rq->arg, err);
	explicit_bzero(&rq->change, sizeof rq->change);
	free(rq->before);
	free(rq->detail);
	free(rq);
	users_idle(u);
}

static void on_stored(void *ctx, const struct mu_error *err)
{
	struct request *rq = ctx;
	struct users *u = rq->users;

	if (!err) {
		access_apply(u->access, &rq->change);
		u->generation++;
		rights_forget(u);
		if (rq->change.verb == ACCESS_USER_DELETE)
			app_tokens_forget(u->app, &rq->change.id);
	}
	finish(rq, err);
}

/* What is there now of what a change puts; NULL: nothing, or it puts nothing over another. */
static const void *put_over(const struct access *a, const struct access_change *c, size_t *ret_size)
{
	switch (c->verb) {
	case ACCESS_USER_PUT:
		*ret_size = sizeof c->user;
		return access_user_find(a, &c->user.id);
	case ACCESS_GROUP_PUT:
		*ret_size = sizeof c->group;
		return access_group_find(a, &c->group.id);
	case ACCESS_ROLE_PUT:
		*ret_size = sizeof c->role;
		return access_role_find(a, &c->role.id);
	case ACCESS_PRIVILEGE_PUT:
		*ret_size = sizeof c->privilege;
		return access_privilege_find(a, &c->privilege.id);
	case ACCESS_USER_DELETE:
	case ACCESS_GROUP_DELETE:
	case ACCESS_ROLE_DELETE:
	case ACCESS_ROLE_COPY:
	case ACCESS_PRIVILEGE_DELETE:
	case ACCESS_LINK:
	case ACCESS_UNLINK:
		return NULL;
	}
	mu_assert_unreachable();
}

static int check(const struct request *rq, struct mu_error *err)
{
	const struct access_change *c = &rq->change;
	size_t size = 0;
	const void *now = put_over(rq->users->access, c, &size);

	if (rq->before && !now)
		return mu_error_set(err, MU_E_NOT_FOUND, "it was deleted meanwhile");
	if (rq->before && memcmp(now, rq->before, size) != 0)
		return mu_error_set(err, MU_E_STATE, "it was changed meanwhile; hint: try again");
	return access_check(rq->users->access, c, err);
}

static const struct mu_uuid *object_of(const struct access_change *c)
{
	switch (c->verb) {
	case ACCESS_USER_PUT:
		return &c->user.id;
	case ACCESS_GROUP_PUT:
		return &c->group.id;
	case ACCESS_ROLE_PUT:
	case ACCESS_ROLE_COPY:
		return &c->role.id;
	case ACCESS_PRIVILEGE_PUT:
		return &c->privilege.id;
	case ACCESS_LINK:
	case ACCESS_UNLINK:
		return &c->link.of;
	case ACCESS_USER_DELETE:
	case ACCESS_GROUP_DELETE:
	case ACCESS_ROLE_DELETE:
	case ACCESS_PRIVILEGE_DELETE:
		return &c->id;
	}
	mu_assert_unreachable();
}

static void run_next(void *ctx)
{
	struct users *u = ctx;
	struct request *rq = MU_CONTAINER_OF(u->queue.next, struct request, link);
	const struct admin_asker who = {rq->who, rq->from};
	struct store_tx *tx;

	if (rq->err.code == MU_E_NONE)
		(void)check(rq, &rq->err);
	if (rq->err.code != MU_E_NONE) {
		finish(rq, &rq->err);
		return;
	}
	tx = store_begin(u->app->store);
	store_users_change(tx, u->access, &rq->change);
	app_audit(u->app, tx, &who, rq->action, object_of(&rq->change), "success", rq->detail);
	store_commit(tx, STORE_OR_FAIL, on_stored, rq);
}

static void enqueue(struct request *rq)
{
	struct users *u = rq->users;

	if (++u->n_queue > WAITING_MAX && rq->err.code == MU_E_NONE)
		(void)mu_error_set(&rq->err, MU_E_EXHAUSTED,
				   "more than %d changes of users wait; hint: later again",
				   WAITING_MAX);
	mu_list_push_back(&u->queue, &rq->link);
	if (u->running)
		return;
	u->running = true;
	mu_loop_post(u->app->loop, run_next, u);
}

static struct request *request_new(struct users *u, const struct access_change *c,
				   const struct admin_asker *who, const char *action,
				   const char *detail, admin_done done, void *arg)
{
	struct request *rq = mu_xcalloc(1, sizeof *rq);
	size_t size = 0;
	const void *now = put_over(u->access, c, &size);

	users_busy(u);
	rq->users = u;
	rq->change = *c;
	rq->before = now ? mu_xmemdup(now, size) : NULL;
	rq->action = action;
	mu_utf8_sanitize(rq->who, sizeof rq->who - 1, who->user, strlen(who->user));
	mu_utf8_sanitize(rq->from, sizeof rq->from - 1, who->from, strlen(who->from));
	rq->detail = mu_xstrdup(detail ? detail : "");
	rq->done = done;
	rq->arg = arg;
	return rq;
}

void users_change(struct users *u, const struct access_change *c, const struct admin_asker *who,
		  const char *action, const char *detail, admin_done done, void *arg)
{
	enqueue(request_new(u, c, who, action, detail, done, arg));
}

static void on_hashed(struct password_op *op)
{
	struct request *rq = MU_CONTAINER_OF(op, struct request, password);

	if (op->ok)
		memcpy(rq->change.user.password, op->hash, sizeof op->hash);
	else
		(void)mu_error_set(&rq->err, MU_E_EXHAUSTED, "no memory to hash a password");
	enqueue(rq);
}

void users_change_password(struct users *u, const struct access_change *c, const char *password,
			   const struct admin_asker *who, const char *action, const char *detail,
			   admin_done done, void *arg)
{
	struct request *rq = request_new(u, c, who, action, detail, done, arg);

	mu_assert(c->verb == ACCESS_USER_PUT);
	rq->password.done = on_hashed;
	password_hash_start(&rq->password, u->app->loop, password);
}
