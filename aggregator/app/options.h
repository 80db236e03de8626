/* SPDX-License-Identifier: Apache-2.0 */
/* Options of muster-aggregator: one table, one struct, built before anything starts. */
#ifndef MUSTER_AGGREGATOR_APP_OPTIONS_H
#define MUSTER_AGGREGATOR_APP_OPTIONS_H

#include "common/base/time.h"
#include "common/config/config.h"

#include <stdbool.h>

struct app_options {
	const char *config;
	const char *state;
	const char *listen;
	const char *fleet_listen;
	const char *fleet_name; /* NULL: the host name and the port of fleet_listen */
	const char *socket;     /* NULL: see options_socket() */
	const char *cert;       /* of HTTPS; NULL: of the own authority */
	const char *key;
	const char *names; /* further names for the certificates, separated by commas */
	const char *log_level;
	const char *remote_write; /* URL; NULL: none */
	const char *remote_write_names;
	const char *remote_write_ca;
	const char *remote_write_token;
	const char *remote_write_user;
	const char *remote_write_password;
	mu_msec remote_write_timeout;
	/* of verbs */
	bool print_token;
	const char *replace;
	const char *head;
	int64_t to;
};

extern const struct mu_option options_table[];

/* What is true of several options at once. */
int options_check(const struct app_options *o, struct mu_error *err);
/* The Unix socket's path, to be freed. */
char *options_socket(const struct app_options *o);
/* "DNS:..,IP:.." of everything the servers may be called, to be freed. */
char *options_alt_names(const struct app_options *o);
/* What agents are told to dial ("host:port"), to be freed. */
char *options_fleet_address(const struct app_options *o, int port);

#endif
