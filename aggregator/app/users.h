/* SPDX-License-Identifier: Apache-2.0 */
/* Users, groups and roles of the process, and their changes. Loop thread. */
#ifndef MUSTER_AGGREGATOR_APP_USERS_H
#define MUSTER_AGGREGATOR_APP_USERS_H

#include "aggregator/core/access.h"
#include "aggregator/rest/admin.h"

struct app;
struct users;

struct users *users_new(struct app *app);
/* When it is idle. */
struct users *users_free(struct users *u);
int users_load(struct users *u, struct mu_error *err);

const struct access *users_access(const struct users *u);
/* Another number after each change. */
unsigned users_generation(const struct users *u);
/* Valid until the next turn of the loop. */
const struct rights *users_rights(struct users *u, const struct mu_uuid *account);

/* `action` and `detail` are for the audit log, `action` static. A user that is replaced has to be
 * what he was when this was called: MU_E_STATE. `done` may be NULL. */
void users_change(struct users *u, const struct access_change *c, const struct admin_asker *who,
		  const char *action, const char *detail, admin_done done, void *arg);
/* The same of ACCESS_USER_PUT, with a new password. */
void users_change_password(struct users *u, const struct access_change *c, const char *password,
			   const struct admin_asker *who, const char *action, const char *detail,
			   admin_done done, void *arg);

/* Something that may yet lead to a change is under way, or is over. */
void users_busy(struct users *u);
void users_idle(struct users *u);
/* Call it when nothing is under way; nothing may begin any more. */
void users_stop(struct users *u, mu_loop_cb stopped, void *ctx);

#endif
