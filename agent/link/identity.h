/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What enrolment leaves in STATE/tls: the key and certificate (one file, so that they are replaced
 * together), the CA, where to dial. Blocking: at start, in `enrol`, or on a work thread.
 */
#ifndef MUSTER_AGENT_LINK_IDENTITY_H
#define MUSTER_AGENT_LINK_IDENTITY_H

#include "common/base/error.h"
#include "common/tls/tls.h"

struct identity {
	char *key; /* PEM texts */
	char *cert;
	char *ca;
	char *address; /* "host:port" */
	struct tls_cert_info info;
};

/* Takes a struct of zeros too. */
void identity_deinit(struct identity *id);
static inline void identity_deinit_cleanup(struct identity *id)
{
	identity_deinit(id);
}
/* MU_E_NOT_FOUND: not enrolled. Key and certificate are checked to belong together. */
int identity_load(const char *dir, struct identity *ret_id, struct mu_error *err);
/* Durably, the certificate last: with it the host is enrolled. */
int identity_save(const char *dir, const struct identity *id, struct mu_error *err);
/* Just the new key and certificate. */
int identity_save_cert(const char *dir, const char *key, const char *cert, struct mu_error *err);

#endif
