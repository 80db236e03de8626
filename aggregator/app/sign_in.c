/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever is wrong, a name that is not known included, is answered in the same words and after as
 * much work. What was right is remembered for a few minutes (as a keyed hash), so that a client
 * that sends its password with every request is served at once; one-time codes are not.
 */
#include "aggregator/app/sign_in.h"

#include "aggregator/app/app.h"
#include "aggregator/app/refusals.h"
#include "aggregator/app/users.h"
#include "aggregator/core/throttle.h"
#include "aggregator/core/totp.h"
#include "aggregator/secret/password.h"
#include "common/base/assert.h"
#include "common/base/str.h"
#include "common/log/log.h"
#include "common/os/clock.h"
#include "common/os/random.h"
#include "common/tls/tls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Several people may come from one address. */
enum { SOURCE_FREE = 10 };
enum { RUNNING_MAX = 2, WAITING_MAX = 64, KNOWN_MAX = 256, CODE_MAX = 31 };
#define KNOWN_FOR MU_SEC(300)

struct known {
	char hash[TLS_FINGERPRINT_TEXT]; /* "": free */
	struct mu_uuid account;
	mu_msec until;
};

struct sign_ins {
	struct app *app;
	struct throttle *throttle;
	struct mu_link waiting; /* struct attempt */
	size_t n_waiting;
	unsigned n_running;
	char key[2 * 32 + 1]; /* of the hashes below; of this process */
	unsigned generation;  /* of the users when these were right */
	size_t next;
	struct known known[KNOWN_MAX];
};

struct attempt {
	struct mu_link link;
	struct sign_ins *all;
	struct password_op op;
	char name[MODEL_NAME_MAX + 1];
	char *password;
	char code[CODE_MAX + 1]; /* "": none was given */
	char from[64];
	struct mu_uuid account; /* nil: there is none of that name */
	struct mu_error err;
	void (*done)(void *arg, const struct rest_user *user, const struct mu_error *err);
	void *arg;
};

struct sign_ins *sign_ins_new(struct app *app)
{
	struct sign_ins *s = mu_xcalloc(1, sizeof *s);
	unsigned char key[32];

	s->app = app;
	s->throttle = throttle_new();
	mu_link_init(&s->waiting);
	mu_random_bytes(key, sizeof key);
	mu_hex_encode(s->key, key, sizeof key);
	return s;
}

struct sign_ins *sign_ins_free(struct sign_ins *s)
{
	if (!s)
		return NULL;
	mu_assert(mu_list_empty(&s->waiting) && s->n_running == 0);
	throttle_free(s->throttle);
	free(s);
	return NULL;
}

/* --- what is known to be right --- */

static void known_hash(const struct sign_ins *s, const char *name, const char *password,
		       char ret[TLS_FINGERPRINT_TEXT])
{
	MU_CLEANUP(mu_free)
	char *text = mu_xasprintf("%s:%s", name, password); /* no ':' in names */

	tls_hmac_sha256_hex(s->key, text, strlen(text), ret);
	explicit_bzero(text, strlen(text));
}

static void user_of(const struct access_user *u, struct rest_user *ret)
{
	*ret = (struct rest_user){.admin = u->admin, .account = u->id};
	mu_utf8_sanitize(ret->name, sizeof ret->name - 1, u->name, strlen(u->name));
}

bool sign_in_known(struct sign_ins *s, const struct rest_sign_in *in, struct rest_user *ret_user)
{
	const struct access *access = users_access(s->app->users);
	char hash[TLS_FINGERPRINT_TEXT];
	const struct access_user *u;

	if (in->otp || s->generation != users_generation(s->app->users))
		return false;
	known_hash(s, in->name, in->password, hash);
	for (size_t i = 0; i < KNOWN_MAX; i++) {
		const struct known *k = &s->known[i];

		if (strcmp(k->hash, hash) != 0 || k->until <= mu_clock_monotonic())
			continue;
		u = access_user_find(access, &k->account);
		if (!u)
			return false;
		user_of(u, ret_user);
		return true;
	}
	return false;
}

static void known_add(struct sign_ins *s, const struct attempt *at)
{
	struct known *k;

	if (s->generation != users_generation(s->app->users)) {
		memset(s->known, 0, sizeof s->known);
		s->generation = users_generation(s->app->users);
	}
	k = &s->known[s->next++ % KNOWN_MAX];
	known_hash(s, at->name, at->password, k->hash);
	k->account = at->account;
	k->until = mu_clock_monotonic() + KNOWN_FOR;
}

int sign_in_refresh(struct app *app, struct rest_user *user, struct mu_error *err)
{
	const struct access_user *u = access_user_find(users_access(app->users), &user->account);

	if (!u)
		return mu_error_set(err, MU_E_UNAUTHENTICATED, "this user is not known any more");
	user_of(u, user);
	return 0;
}

/* --- one-time codes --- */

static void mac(const uint8_t *secret, size_t secret_len, const uint8_t message[TOTP_MESSAGE_BYTES],
		uint8_t ret[TOTP_MAC_BYTES])
{
	tls_hmac_sha1(secret, secret_len, message, TOTP_MESSAGE_BYTES, ret);
}

bool sign_in_otp(const char *secret, const char *code, uint64_t used, uint64_t *ret_number)
{
	uint8_t bytes[TOTP_SECRET_BYTES];

	return totp_base32_parse(secret, bytes) &&
	       totp_accept(bytes, sizeof bytes, code, mu_clock_wall(), used, mac, ret_number);
}

/* A recovery code, which is gone then. */
static bool take_recovery(struct access_user *u, const char *code)
{
	char hash[TLS_FINGERPRINT_TEXT];
	char *at;

	if (!*code)
		return false;
	tls_sha256_hex(code, strlen(code), hash);
	at = strstr(u->recovery, hash);
	if (!at)
		return false;
	memmove(at, at + strlen(hash), strlen(at + strlen(hash)) + 1);
	if (*at == ' ')
		memmove(at, at + 1, strlen(at));
	return true;
}

/* --- an attempt --- */

static void run_waiting(struct sign_ins *s);

static void attempt_free(struct attempt *at)
{
	explicit_bzero(at->password, strlen(at->password));
	free(at->password);
	free(at);
}

static int wrong(struct mu_error *err)
{
	return mu_error_set(err, MU_E_UNAUTHENTICATED,
			    "wrong name or password, or no valid one-time code; hint: ?otp=CODE if "
			    "the user has these");
}

static void throttle_keys(const struct attempt *at, char by_name[THROTTLE_KEY_MAX + 1],
			  char by_source[THROTTLE_KEY_MAX + 1])
{
	(void)snprintf(by_name, THROTTLE_KEY_MAX + 1, "name %s", at->name);
	(void)snprintf(by_source, THROTTLE_KEY_MAX + 1, "from %s", at->from);
}

static void end(struct attempt *at, const struct mu_error *err)
{
	struct sign_ins *s = at->all;
	const struct access_user *u = access_user_find(users_access(s->app->users), &at->account);
	char by_name[THROTTLE_KEY_MAX + 1], by_source[THROTTLE_KEY_MAX + 1];
	struct rest_user user;
	struct mu_error gone = MU_ERROR_INIT;

	throttle_keys(at, by_name, by_source);
	if (!err && !u) {
		(void)wrong(&gone);
		err = &gone;
	}
	if (err && err->code == MU_E_UNAUTHENTICATED) {
		mu_log_warning("signing in failed user=%s from=%s", at->name, at->from);
		refused_sign_in(s->app->refused, at->name, at->from);
		throttle_failed(s->throttle, by_name, mu_clock_monotonic());
		throttle_failed(s->throttle, by_source, mu_clock_monotonic());
	} else if (!err) {
		throttle_passed(s->throttle, by_name);
		user_of(u, &user);
		if (!u->otp[0])
			known_add(s, at);
	}
	at->done(at->arg, err ? NULL : &user, err);
	attempt_free(at);
	users_idle(s->app->users);
}

/* The code counts once it is stored that it was used. */
static void on_code_used(void *arg, const struct mu_error *err)
{
	struct attempt *at = arg;
	struct mu_error other = MU_ERROR_INIT;

	if (err && err->code == MU_E_STATE) { /* another request was quicker */
		(void)wrong(&other);
		err = &other;
	}
	end(at, err);
}

static void check_code(struct attempt *at, const struct access_user *u)
{
	struct access_change c = {.verb = ACCESS_USER_PUT, .user = *u};
	const struct admin_asker who = {u->name, at->from};
	struct mu_error err = MU_ERROR_INIT;

	if (!sign_in_otp(u->otp, at->code, u->otp_used, &c.user.otp_used) &&
	    !take_recovery(&c.user, at->code)) {
		(void)wrong(&err);
		end(at, &err);
		return;
	}
	users_change(at->all->app->users, &c, &who, "user.one-time-code", "", on_code_used, at);
}

static void on_verified(struct password_op *op)
{
	struct attempt *at = MU_CONTAINER_OF(op, struct attempt, op);
	struct sign_ins *s = at->all;
	const struct access_user *u = access_user_find(users_access(s->app->users), &at->account);
	struct mu_error err = MU_ERROR_INIT;

	s->n_running--;
	if (!op->ok || !u || strcmp(u->password, op->hash) != 0) {
		(void)wrong(&err);
		end(at, &err);
	} else if (u->otp[0]) {
		check_code(at, u);
	} else {
		end(at, NULL);
	}
	run_waiting(s);
}

static void run_waiting(struct sign_ins *s)
{
	while (s->n_running < RUNNING_MAX && !mu_list_empty(&s->waiting)) {
		struct attempt *at = MU_CONTAINER_OF(s->waiting.next, struct attempt, link);
		const struct access_user *u =
		    access_user_named(users_access(s->app->users), at->name);

		mu_list_remove(&at->link);
		s->n_waiting--;
		s->n_running++;
		if (u) {
			at->account = u->id;
			memcpy(at->op.hash, u->password, sizeof at->op.hash);
		}
		at->op.done = on_verified;
		password_verify_start(&at->op, s->app->loop, at->password);
	}
}

static void on_refused(void *ctx)
{
	struct attempt *at = ctx;

	end(at, &at->err);
}

static int may_try(const struct sign_ins *s, const struct attempt *at, struct mu_error *err)
{
	char by_name[THROTTLE_KEY_MAX + 1], by_source[THROTTLE_KEY_MAX + 1];
	mu_msec now = mu_clock_monotonic();
	mu_msec wait, other;

	throttle_keys(at, by_name, by_source);
	wait = throttle_wait(s->throttle, by_name, 0, now);
	other = throttle_wait(s->throttle, by_source, SOURCE_FREE, now);
	wait = wait > other ? wait : other;
	if (wait > 0)
		return mu_error_set(err, MU_E_EXHAUSTED,
				    "too many wrong passwords; hint: again in %lld s",
				    (long long)(wait + 999) / 1000);
	if (s->n_waiting >= WAITING_MAX)
		return mu_error_set(err, MU_E_EXHAUSTED,
				    "too many sign in at once; hint: again in a few seconds");
	return 0;
}

void sign_in_start(struct sign_ins *s, const struct rest_sign_in *in, const char *from,
		   void (*done)(void *arg, const struct rest_user *user,
				const struct mu_error *err),
		   void *arg)
{
	struct attempt *at = mu_xcalloc(1, sizeof *at);

	users_busy(s->app->users);
	at->all = s;
	mu_utf8_sanitize(at->name, sizeof at->name - 1, in->name, strlen(in->name));
	at->password = mu_xstrdup(in->password);
	mu_utf8_sanitize(at->code, CODE_MAX, in->otp ? in->otp : "", in->otp ? strlen(in->otp) : 0);
	mu_utf8_sanitize(at->from, sizeof at->from - 1, from, strlen(from));
	at->done = done;
	at->arg = arg;
	if (may_try(s, at, &at->err) < 0) {
		mu_loop_post(s->app->loop, on_refused, at);
		return;
	}
	mu_list_push_back(&s->waiting, &at->link);
	s->n_waiting++;
	run_waiting(s);
}
