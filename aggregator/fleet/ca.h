/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The certificate authority and the aggregator's own certificates, as files in the state
 * directory (docs/design/certificates.md). Blocking: at start, and for the daily renewal short
 * enough for the loop (two signatures, four small files).
 */
#ifndef MUSTER_AGGREGATOR_FLEET_CA_H
#define MUSTER_AGGREGATOR_FLEET_CA_H

#include "common/base/error.h"
#include "common/base/mem.h"
#include "common/base/time.h"
#include "common/tls/tls.h"

#include <stdbool.h>

struct ca;

enum { CA_HOST_DAYS = 90, CA_SERVER_DAYS = 397, CA_DAYS = 3650 };

/* Read the CA from `dir`, or make it. A damaged one is an error. */
int ca_open(const char *dir, mu_msec now, struct ca **ret_ca, struct mu_error *err);
/* Takes NULL; returns NULL. */
struct ca *ca_free(struct ca *ca);
MU_DEFINE_CLEANUP(ca_free, struct ca *);

const char *ca_cert(const struct ca *ca);        /* PEM */
const char *ca_fingerprint(const struct ca *ca); /* hex SHA-256 of its DER */

/* A server certificate in `dir`/NAME.crt and .key, for `names` ("DNS:a,IP:1.2.3.4"): kept while
 * it is good for more than a third of its life and covers them all, else issued anew. Paths into
 * the heap; *ret_issued (may be NULL) tells whether it is new. */
int ca_server_cert(struct ca *ca, const char *name, const char *names, mu_msec now,
		   char **ret_cert_path, char **ret_key_path, bool *ret_issued,
		   struct mu_error *err);
/* A host's certificate from its request. */
int ca_sign_host(struct ca *ca, const char *csr, const char *host_id, mu_msec now, char **ret_cert,
		 struct tls_cert_info *ret_info, struct mu_error *err);

#endif
