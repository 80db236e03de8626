/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys, requests and certificates (ECDSA P-256, X.509), on OpenSSL, which no other folder includes
 * but common/http's library. Texts are PEM, heap strings owned by the caller. Blocking only for
 * CPU (about 1 ms a signature). Any thread.
 */
#ifndef MUSTER_TLS_TLS_H
#define MUSTER_TLS_TLS_H

#include "common/base/error.h"
#include "common/base/time.h"

#include <stdbool.h>
#include <stddef.h>

enum {
	TLS_FINGERPRINT_TEXT = 65, /* lower-case hex SHA-256 of the DER, with the NUL */
	TLS_PEM_MAX = 64 * 1024,   /* longer texts are refused */
};

struct tls_cert_info {
	char common_name[128];
	char fingerprint[TLS_FINGERPRINT_TEXT];
	char serial[41];    /* hex */
	mu_msec not_before; /* ms since 1970 UTC */
	mu_msec not_after;
	bool ca; /* may sign others */
};

/* First of all in a program with gRPC. OpenSSL then leaves what threads have of it to these: its
 * own cleanup at exit() takes that away from threads of gRPC's that end a moment later, and it
 * leaks. */
void tls_init(void);
/* A new private key. */
int tls_key_new(char **ret_key, struct mu_error *err);
/* A request for `common_name`. */
int tls_request_new(const char *key, const char *common_name, char **ret_csr, struct mu_error *err);
/* A self-signed CA certificate. */
int tls_ca_new(const char *key, const char *common_name, mu_msec now, mu_msec lifetime,
	       char **ret_cert, struct mu_error *err);
/* Sign a request with the CA after checking its own signature. The CN comes from `common_name`,
 * never from the request. `alt_names`: "DNS:a,IP:1.2.3.4" or NULL. `server`: serverAuth, else
 * clientAuth. The certificate never outlives the CA's. */
int tls_sign(const char *ca_cert, const char *ca_key, const char *csr, const char *common_name,
	     const char *alt_names, int server, mu_msec now, mu_msec lifetime, char **ret_cert,
	     struct mu_error *err);
int tls_cert_read(const char *cert, struct tls_cert_info *ret_info, struct mu_error *err);
/* Does the key belong to the certificate? MU_E_INVALID when not. */
int tls_key_matches(const char *cert, const char *key, struct mu_error *err);
/* Was `cert` signed by `ca_cert`? MU_E_INVALID when not. Dates are the caller's business. */
int tls_cert_issued_by(const char *cert, const char *ca_cert, struct mu_error *err);
/* Is `name` (DNS name or IP address) among the certificate's alternative names? False also for a
 * certificate that cannot be read. */
bool tls_cert_covers(const char *cert, const char *name);
/* Lower-case hex SHA-256. */
void tls_sha256_hex(const void *data, size_t len, char ret_hex[static TLS_FINGERPRINT_TEXT]);
/* The same of HMAC-SHA256. */
void tls_hmac_sha256_hex(const char *key, const void *data, size_t len,
			 char ret_hex[static TLS_FINGERPRINT_TEXT]);

/* HMAC-SHA1, which one-time codes are made of. */
void tls_hmac_sha1(const void *key, size_t key_len, const void *data, size_t len,
		   unsigned char ret[static 20]);

#endif
