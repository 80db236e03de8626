/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the aggregator's REST has beyond the common dialect (common/rest): enrolment, tokens,
 * revocation, audit, the intake of metrics. docs/design/aggregator.md lists the routes.
 *
 * A handler parses a request, calls one use case of `struct admin_ops`, and renders. `done`
 * comes exactly once, never inside the call; pointers given to it are valid during the call.
 */
#ifndef MUSTER_AGGREGATOR_REST_ADMIN_H
#define MUSTER_AGGREGATOR_REST_ADMIN_H

#include "aggregator/core/access.h"
#include "aggregator/core/audit.h"
#include "common/rest/rest.h"

struct admin_enrol {
	const char *token;
	const char *host_id;
	const char *name;
	const char *csr;
};

struct admin_enrolled {
	const char *certificate;
	const char *ca;
	const char *fleet_address;
};

struct admin_join {
	struct mu_uuid id;
	const char *name;
	mu_msec created_at;
	const char *created_by;
	mu_msec expires_at;
	mu_msec used_at;         /* 0 = not used */
	struct host_id used_by;  /* nil = none */
	struct host_id replaces; /* nil = none */
};

struct admin_token {
	struct mu_uuid id;
	struct mu_uuid user_id; /* to make one: nil = the first administrator's */
	const char *description;
	const char *client; /* "": none */
	mu_msec created_at;
	mu_msec expires_at; /* 0 = never */
	mu_msec used_at;    /* 0 = not yet */
	const char *used_from;
};

/* How a host's metrics fare. */
struct admin_metrics {
	size_t n_series;
	size_t n_dropped;
	uint64_t n_taken;
	uint64_t n_too_old;
	uint64_t n_too_new;
	uint64_t n_rows_taken;
	uint64_t n_rows_refused;
	mu_msec last; /* 0 = none yet */
};

/* Who asks for a change, for the audit log. */
struct admin_asker {
	const char *user;
	const char *from;
};

typedef void (*admin_done)(void *arg, const struct mu_error *err);
/* Newest first. */
typedef void (*admin_audit_rows)(void *arg, const struct audit_record *rows, size_t n_rows,
				 const struct mu_error *err);
typedef void (*admin_audit_verdict)(void *arg, const struct audit_check *c,
				    const struct mu_error *err);

struct admin_ops {
	void *ctx;
	const char *(*ca)(void *ctx); /* PEM */
	void (*enrol)(void *ctx, const struct admin_enrol *in, const char *from,
		      void (*done)(void *arg, const struct admin_enrolled *out,
				   const struct mu_error *err),
		      void *arg);
	/* `in`: name, replaces; `lifetime` 0 = default. `text` is the token, shown this once. */
	void (*join_create)(void *ctx, const struct admin_join *in, mu_msec lifetime,
			    const struct admin_asker *who,
			    void (*done)(void *arg, const struct admin_join *j, const char *text,
					 const struct mu_error *err),
			    void *arg);
	void (*join_each)(void *ctx, void (*each)(const struct admin_join *j, void *arg),
			  void *arg);
	void (*join_delete)(void *ctx, const struct mu_uuid *id, const struct admin_asker *who,
			    admin_done done, void *arg);
	/* `in`: description, user_id, client; `lifetime` 0 = for ever. A client's older token goes.
	 */
	void (*token_create)(void *ctx, const struct admin_token *in, mu_msec lifetime,
			     const struct admin_asker *who,
			     void (*done)(void *arg, const struct admin_token *t, const char *text,
					  const struct mu_error *err),
			     void *arg);
	void (*token_each)(void *ctx, void (*each)(const struct admin_token *t, void *arg),
			   void *arg);
	void (*token_delete)(void *ctx, const struct mu_uuid *id, const struct admin_asker *who,
			     admin_done done, void *arg);
	/* Users, groups, roles: to be read, until the next turn of the loop. */
	const struct access *(*access)(void *ctx);
	/* May the user do this with all there is? */
	bool (*may)(void *ctx, const struct rest_user *user, const char *resource,
		    const char *action);
	/* `action` and `detail` are for the audit log, `action` static. `password` NULL: stays, or
	 * of ACCESS_USER_PUT the new one. */
	void (*access_change)(void *ctx, const struct access_change *c, const char *password,
			      const struct admin_asker *who, const char *action, const char *detail,
			      admin_done done, void *arg);
	void (*sign_in)(void *ctx, const struct rest_sign_in *in, const char *from,
			void (*done)(void *arg, const struct rest_user *user,
				     const struct mu_error *err),
			void *arg);
	/* SHA-256 in hex. */
	void (*hash)(const char *text, char ret[static 65]);
	/* Is it the secret's code now? */
	bool (*otp_check)(void *ctx, const char *secret, const char *code, uint64_t *ret_number);
	/* Revoke all certificates of the host; `forget`: it and its VMs leave the inventory too. */
	void (*host_revoke)(void *ctx, const struct host_id *id, bool forget,
			    const struct admin_asker *who, admin_done done, void *arg);
	/* Ids below `before`; 0: all. */
	void (*audit_list)(void *ctx, size_t limit, int64_t before, admin_audit_rows done,
			   void *arg);
	/* `kept` may be NULL. */
	void (*audit_verify)(void *ctx, const struct audit_point *kept, admin_audit_verdict done,
			     void *arg);
	void (*metrics)(void *ctx, const struct host_id *id, struct admin_metrics *ret);
	bool (*host_exists)(void *ctx, const struct host_id *id);
};

/* `ops` must live as long as `rest`. */
void admin_routes_add(struct rest *rest, const struct admin_ops *ops);

#endif
