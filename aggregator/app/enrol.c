/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hosts' certificates: enrolment, renewal, revocation (docs/design/certificates.md).
 *
 * A token is taken in memory before its use is stored, so that two requests at once cannot both
 * have it; when storing fails it is given back.
 */
#include "aggregator/app/app.h"
#include "aggregator/store/hosts.h"
#include "aggregator/store/tags.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/log/log.h"
#include "common/os/clock.h"
#include "common/tls/tls.h"

#include <stdlib.h>
#include <string.h>

enum { SECRET_HEX = 32, FINGERPRINT_HEX = 64 };

enum session_certificate app_certificate(struct app *app, const struct host_id *id,
					 const char *fingerprint)
{
	const struct store_cert *c = mu_map_find_str(app->certs, fingerprint);

	if (!c || !mu_uuid_equal(&c->host.uuid, &id->uuid))
		return SESSION_CERT_UNKNOWN;
	return c->revoked_at ? SESSION_CERT_REVOKED : SESSION_CERT_GOOD;
}

static void certs_revoke(struct app *app, const struct host_id *id, mu_msec now)
{
	struct store_cert *c;

	for (size_t i = 0; (c = mu_map_next(app->certs, &i, NULL, NULL));) {
		if (mu_uuid_equal(&c->host.uuid, &id->uuid) && !c->revoked_at)
			c->revoked_at = now;
	}
}

static struct store_cert cert_row(const struct tls_cert_info *info, const struct host_id *host,
				  mu_msec now)
{
	struct store_cert c = {.host = *host, .issued_at = now, .not_after = info->not_after};

	memcpy(c.fingerprint, info->fingerprint, sizeof c.fingerprint);
	memcpy(c.serial, info->serial, sizeof c.serial);
	return c;
}

/* --- enrolment --- */

struct enrolment {
	struct app *app;
	struct store_join *join; /* in app->joins, marked as used */
	char hash[STORE_HASH_TEXT];
	struct host_id host;
	struct model_host model;
	bool replaces;
	struct store_cert cert;
	char *pem;
	struct mu_error err;
	void (*done)(void *arg, const struct admin_enrolled *out, const struct mu_error *err);
	void *arg;
};

static bool is_hex(const char *s, size_t len)
{
	return strspn(s, "0123456789abcdef") >= len;
}

/* "mj1.<secret>.<fingerprint>" -> the token's row. */
static int join_find(struct app *app, const char *text, mu_msec now, struct store_join **ret,
		     struct mu_error *err)
{
	const char *secret = text + 4;
	const char *fingerprint = secret + SECRET_HEX + 1;
	char hash[TLS_FINGERPRINT_TEXT];
	struct store_join *j;

	if (strlen(text) != 4 + SECRET_HEX + 1 + FINGERPRINT_HEX ||
	    !mu_str_has_prefix(text, "mj1.") || !is_hex(secret, SECRET_HEX) ||
	    secret[SECRET_HEX] != '.' || !is_hex(fingerprint, FINGERPRINT_HEX))
		return mu_error_set(err, MU_E_INVALID,
				    "token: not of the form mj1.<secret>.<fingerprint>; hint: was "
				    "it copied whole?");
	if (strcmp(fingerprint, ca_fingerprint(app->ca)) != 0)
		return mu_error_set(err, MU_E_UNAUTHENTICATED,
				    "token: it was made by another aggregator; hint: make one with "
				    "'muster-aggregator join-token create' here");
	tls_sha256_hex(secret, SECRET_HEX, hash);
	j = mu_map_find_str(app->joins, hash);
	if (!j)
		return mu_error_set(err, MU_E_UNAUTHENTICATED,
				    "token: not known here (never made, deleted, or long over); "
				    "hint: make a new one");
	if (j->used_at)
		return mu_error_set(err, MU_E_UNAUTHENTICATED,
				    "token: it was used already, each works once; hint: make a new "
				    "one");
	if (j->expires_at <= now)
		return mu_error_set(err, MU_E_UNAUTHENTICATED,
				    "token: it has expired; hint: make a new one");
	*ret = j;
	return 0;
}

static int check_host(struct app *app, const struct store_join *j, const char *text,
		      struct enrolment *en, struct mu_error *err)
{
	if (!mu_uuid_parse(text, &en->host.uuid) || mu_uuid_is_nil(&en->host.uuid))
		return mu_error_set(err, MU_E_INVALID, "hostId: '%.60s' is not a UUID", text);
	if (mu_map_find(app->enrolling, &en->host, sizeof en->host))
		return mu_error_set(err, MU_E_STATE, "hostId: this host is being enrolled now");
	en->replaces = mu_uuid_equal(&j->replaces.uuid, &en->host.uuid);
	if (!mu_uuid_is_nil(&j->replaces.uuid) && !en->replaces)
		return mu_error_set(err, MU_E_DENIED,
				    "token: it was made to replace another host's certificate; "
				    "hint: make one without \"replace\"");
	if (inventory_host_find(app->inventory, &en->host) && !en->replaces)
		return mu_error_set(err, MU_E_EXISTS,
				    "host %s is enrolled already; hint: if it is to get a new "
				    "certificate, make a join token with {\"replace\": \"%s\"}; if "
				    "this is another host, give it an id of its own",
				    text, text);
	return 0;
}

static int enrol_prepare(struct enrolment *en, const struct admin_enrol *in, struct mu_error *err)
{
	struct app *app = en->app;
	mu_msec now = mu_clock_wall();
	char id[MU_UUID_TEXT];
	struct tls_cert_info info;
	struct store_join *join;

	if (join_find(app, in->token, now, &join, err) < 0 ||
	    check_host(app, join, in->host_id, en, err) < 0)
		return MU_FAILED;
	mu_uuid_format(&en->host.uuid, id);
	if (ca_sign_host(app->ca, in->csr, id, now, &en->pem, &info, err) < 0)
		return mu_error_prefix(err, "csr");
	en->cert = cert_row(&info, &en->host, now);
	model_host_init(&en->model);
	en->model.id = en->host;
	mu_utf8_sanitize(en->model.name, sizeof en->model.name - 1, in->name, strlen(in->name));
	if (!en->model.name[0])
		memcpy(en->model.name, id, sizeof id);
	en->join = join;
	memcpy(en->hash, join->secret_hash, sizeof en->hash);
	join->used_at = now;
	join->used_by = en->host;
	return 0;
}

static void enrol_answer(struct enrolment *en, const struct mu_error *err)
{
	struct admin_enrolled out = {
	    .certificate = en->pem,
	    .ca = ca_cert(en->app->ca),
	    .fleet_address = en->app->fleet_address,
	};

	en->done(en->arg, err ? NULL : &out, err);
	free(en->pem);
	free(en);
}

static void enrol_refused(void *ctx)
{
	struct enrolment *en = ctx;

	mu_log_warning("enrolment refused err=\"%s\"", en->err.text);
	enrol_answer(en, &en->err);
}

static void enrol_take_effect(struct enrolment *en)
{
	struct app *app = en->app;
	struct session_mark mark;
	char id[MU_UUID_TEXT];

	if (en->replaces) {
		certs_revoke(app, &en->host, en->cert.issued_at);
		fleet_disconnect(app->fleet, &en->host, MU_E_DENIED,
				 "the certificate of this host was replaced by a new enrolment");
	}
	app_access_add_cert(app, &en->cert);
	session_mark_init(&mark, 0, 0, 0, 0);
	fleet_host_add(app->fleet, &en->host, &mark);
	inventory_host_add(app->inventory, &en->model, &app->changes);
	app_publish(app);
	mu_log_info("host enrolled host=%s name=\"%s\"%s", mu_uuid_format(&en->host.uuid, id),
		    en->model.name, en->replaces ? " replaces=true" : "");
}

static void enrol_stored(void *ctx, const struct mu_error *err)
{
	struct enrolment *en = ctx;
	struct app *app = en->app;
	struct store_join *join = mu_map_find_str(app->joins, en->hash);

	mu_map_remove(app->enrolling, &en->host, sizeof en->host);
	if (!err) {
		enrol_take_effect(en);
	} else if (join) {
		join->used_at = 0;
		join->used_by = (struct host_id){{{0}}};
	}
	enrol_answer(en, err);
}

static void enrol_store(struct enrolment *en, const char *from)
{
	struct app *app = en->app;
	struct store_tx *tx = store_begin(app->store);
	struct admin_asker who = {.user = "join token", .from = from};
	struct store_host row = {
	    .id = en->host,
	    .name = en->model.name,
	    .enrolled_at = en->cert.issued_at,
	    .state = {"", 0},
	};
	char token[MU_UUID_TEXT];
	MU_CLEANUP(mu_free)
	char *detail = mu_xasprintf("token %s, certificate %.16s",
				    mu_uuid_format(&en->join->id, token), en->cert.fingerprint);

	store_hosts_enrol(tx, &row);
	if (en->replaces)
		store_certs_revoke_all(tx, &en->host, en->cert.issued_at);
	store_certs_add(tx, &en->cert);
	store_joins_use(tx, &en->join->id, en->cert.issued_at, &en->host);
	app_audit(app, tx, &who, "host.enrol", &en->host.uuid, "success", detail);
	mu_map_put(app->enrolling, &en->host, sizeof en->host, app);
	store_commit(tx, STORE_OR_FAIL, enrol_stored, en);
}

void app_enrol(struct app *app, const struct admin_enrol *in, const char *from,
	       void (*done)(void *arg, const struct admin_enrolled *out,
			    const struct mu_error *err),
	       void *arg)
{
	struct enrolment *en = mu_xcalloc(1, sizeof *en);

	en->app = app;
	en->done = done;
	en->arg = arg;
	if (enrol_prepare(en, in, &en->err) < 0)
		mu_loop_post(app->loop, enrol_refused, en);
	else
		enrol_store(en, from);
}

/* --- renewal --- */

struct renewal {
	struct app *app;
	struct host_id host;
	struct store_cert cert;
	char *pem;
};

static void renewal_stored(void *ctx, const struct mu_error *err)
{
	struct renewal *rn = ctx;
	struct app *app = rn->app;

	/* A host that was removed meanwhile has no stream to answer on. */
	if (!err)
		app_access_add_cert(app, &rn->cert);
	fleet_renewed(app->fleet, &rn->host, err ? NULL : rn->pem, ca_cert(app->ca),
		      err ? err->text : NULL);
	free(rn->pem);
	free(rn);
}

void app_renew(struct app *app, const struct host_id *id, const char *csr)
{
	struct renewal *rn = mu_xcalloc(1, sizeof *rn);
	mu_msec now = mu_clock_wall();
	struct mu_error err = MU_ERROR_INIT;
	struct tls_cert_info info;
	char text[MU_UUID_TEXT];
	char who_text[64];
	struct admin_asker who = {.user = who_text, .from = ""};
	struct store_tx *tx;

	rn->app = app;
	rn->host = *id;
	mu_uuid_format(&id->uuid, text);
	snprintf(who_text, sizeof who_text, "host %s", text);
	if (ca_sign_host(app->ca, csr, text, now, &rn->pem, &info, &err) < 0) {
		fleet_renewed(app->fleet, id, NULL, NULL, err.text);
		free(rn);
		return;
	}
	rn->cert = cert_row(&info, id, now);
	tx = store_begin(app->store);
	store_certs_add(tx, &rn->cert);
	app_audit(app, tx, &who, "host.renew", &id->uuid, "success", rn->cert.fingerprint);
	store_commit(tx, STORE_OR_FAIL, renewal_stored, rn);
}

/* --- revocation --- */

struct revocation {
	struct app *app;
	struct host_id host;
	bool forget;
	struct mu_error err;
	admin_done done;
	void *arg;
};

static void revocation_refused(void *ctx)
{
	struct revocation *rv = ctx;

	rv->done(rv->arg, &rv->err);
	free(rv);
}

static void forget_host(struct app *app, const struct host_id *id)
{
	const struct mu_uuid controller = object_controller_id(id);
	struct store_cert *c;

	fleet_host_remove(app->fleet, id, MU_E_DENIED,
			  "this host was removed; hint: enrol it with a join token");
	app_tasks_forget_host(app, id);
	tags_forget(app->tags, &id->uuid);
	tags_forget(app->tags, &controller);
	inventory_host_remove(app->inventory, id, &app->changes);
	app_publish(app);
	for (size_t i = 0; (c = mu_map_next(app->certs, &i, NULL, NULL));) {
		if (mu_uuid_equal(&c->host.uuid, &id->uuid))
			free(mu_map_remove_str(app->certs, c->fingerprint));
	}
}

static void revocation_stored(void *ctx, const struct mu_error *err)
{
	struct revocation *rv = ctx;
	struct app *app = rv->app;
	char id[MU_UUID_TEXT];

	if (!err) {
		mu_log_info("host %s host=%s", rv->forget ? "removed" : "revoked",
			    mu_uuid_format(&rv->host.uuid, id));
		certs_revoke(app, &rv->host, mu_clock_wall());
		if (rv->forget)
			forget_host(app, &rv->host);
		else
			fleet_disconnect(app->fleet, &rv->host, MU_E_DENIED,
					 "the certificate of this host was revoked; hint: enrol it "
					 "with a join token made to replace this host");
	}
	rv->done(rv->arg, err);
	free(rv);
}

void app_host_revoke(struct app *app, const struct host_id *id, bool forget,
		     const struct admin_asker *who, admin_done done, void *arg)
{
	const struct mu_uuid controller = object_controller_id(id);
	struct revocation *rv = mu_xcalloc(1, sizeof *rv);
	struct store_tx *tx;

	*rv = (struct revocation){
	    .app = app, .host = *id, .forget = forget, .done = done, .arg = arg};
	if (!inventory_host_find(app->inventory, id)) {
		mu_error_set(&rv->err, MU_E_NOT_FOUND, "no such host");
		mu_loop_post(app->loop, revocation_refused, rv);
		return;
	}
	tx = store_begin(app->store);
	store_certs_revoke_all(tx, id, mu_clock_wall());
	if (forget) {
		store_hosts_delete(tx, id);
		store_tags_forget(tx, &id->uuid);
		store_tags_forget(tx, &controller);
	}
	app_audit(app, tx, who, forget ? "host.remove" : "host.revoke", &id->uuid, "success", "");
	store_commit(tx, STORE_OR_FAIL, revocation_stored, rv);
}
