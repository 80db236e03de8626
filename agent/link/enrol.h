/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Enrolment: a join token becomes this host's certificate (docs/design/certificates.md). Blocking,
 * without a loop: `muster-agent enrol`.
 */
#ifndef MUSTER_AGENT_LINK_ENROL_H
#define MUSTER_AGENT_LINK_ENROL_H

#include "common/base/error.h"
#include "common/base/id.h"

struct enrol_options {
	const char *server; /* "https://HOST:PORT" */
	const char *token;  /* "mj1.<secret>.<fingerprint>" */
	const char *name;   /* of the host */
	struct host_id host;
	const char *tls_dir;
	const char *server_ca; /* PEM file: whom to trust over HTTPS; NULL: the fleet's authority */
};

/* MU_E_EXISTS: enrolled already. */
int enrol(const struct enrol_options *options, struct mu_error *err);
/* The token's form only. `ret_fingerprint` has room for 65 bytes. */
int enrol_token_check(const char *token, char *ret_fingerprint, struct mu_error *err);

#endif
