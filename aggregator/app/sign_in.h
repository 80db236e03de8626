/* SPDX-License-Identifier: Apache-2.0 */
/* Signing in by name and password, and one-time codes. Loop thread. */
#ifndef MUSTER_AGGREGATOR_APP_SIGN_IN_H
#define MUSTER_AGGREGATOR_APP_SIGN_IN_H

#include "common/rest/rest.h"

struct app;
struct sign_ins;

struct sign_ins *sign_ins_new(struct app *app);
/* When none is under way. */
struct sign_ins *sign_ins_free(struct sign_ins *s);

/* As struct rest_backend has them. */
void sign_in_start(struct sign_ins *s, const struct rest_sign_in *in, const char *from,
		   void (*done)(void *arg, const struct rest_user *user,
				const struct mu_error *err),
		   void *arg);
bool sign_in_known(struct sign_ins *s, const struct rest_sign_in *in, struct rest_user *ret_user);
int sign_in_refresh(struct app *app, struct rest_user *user, struct mu_error *err);

/* Is the code right for this secret (base32) now? */
bool sign_in_otp(const char *secret, const char *code, uint64_t used, uint64_t *ret_number);

#endif
