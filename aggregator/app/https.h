/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The certificates that the aggregator proves itself with: of its own authority, or for HTTPS one
 * that it was given. A given one is looked at every ten seconds and taken over when it has changed
 * and is good; what is not good is refused, and the old one goes on. Loop thread.
 */
#ifndef MUSTER_AGGREGATOR_APP_HTTPS_H
#define MUSTER_AGGREGATOR_APP_HTTPS_H

#include "common/base/error.h"

#include <stdbool.h>

struct app;
struct https;

struct https_files {
	char *cert_path;
	char *key_path;
	char *cert; /* PEM */
	char *key;
};

void https_files_deinit(struct https_files *f);
static inline void https_files_deinit_cleanup(struct https_files *f)
{
	https_files_deinit(f);
}

/* Of the own authority, by name; *ret_issued (may be NULL): it is new. */
int https_own_files(struct app *app, const char *name, struct https_files *ret, bool *ret_issued,
		    struct mu_error *err);
/* Of HTTPS, checked; at start (ret_issued NULL) an expired one is taken, and told. */
int https_files(struct app *app, struct https_files *ret, bool *ret_issued, struct mu_error *err);

/* Before they are read: begin to look at what was given. Makes app->https. */
void https_watch(struct app *app);
/* Takes NULL; returns NULL. */
struct https *https_free(struct https *h);
/* Daily, and when told to: what is given is taken over, what is own is issued anew if it has to. */
void https_renew(struct app *app, struct mu_error *err);

#endif
