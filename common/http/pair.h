/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a listener proves itself with: a certificate, those that lead to its authority, and the key.
 * It is put into each connection when its handshake begins, so that it can be changed under way,
 * also for one of another kind of key (of which OpenSSL would else keep one each). Loop thread.
 */
#ifndef MUSTER_HTTP_PAIR_H
#define MUSTER_HTTP_PAIR_H

#include "common/base/error.h"

#include <openssl/ssl.h>

struct http_pair;

/* PEM files; the key without a pass phrase. MU_E_INVALID when they do not belong together. */
int http_pair_load(const char *cert_path, const char *key_path, struct http_pair **ret_pair,
		   struct mu_error *err);
/* Takes NULL; returns NULL. Connections that there are keep what they have. */
struct http_pair *http_pair_free(struct http_pair *pair);
/* Handshakes of `ctx` use what *slot points to then. Also sets which versions and ciphers. */
void http_pair_serve(SSL_CTX *ctx, struct http_pair **slot);

#endif
