/* SPDX-License-Identifier: Apache-2.0 */
#include "common/http/pair.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/os/file.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>

enum { PEM_MAX = 64 << 10, CHAIN_MAX = 16 };

/* TLS 1.2 as Mozilla's "intermediate" has it, without DHE; TLS 1.3 has no others. */
static const char ciphers[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

struct http_pair {
	X509 *cert;
	STACK_OF(X509) * chain;
	EVP_PKEY *key;
};

MU_DEFINE_CLEANUP(http_pair_free, struct http_pair *);
MU_DEFINE_CLEANUP(BIO_free_all, BIO *);

struct http_pair *http_pair_free(struct http_pair *pair)
{
	if (!pair)
		return NULL;
	X509_free(pair->cert);
	sk_X509_pop_free(pair->chain, X509_free);
	EVP_PKEY_free(pair->key);
	free(pair);
	return NULL;
}

static int fail(struct mu_error *err, const char *path, const char *what)
{
	ERR_clear_error();
	return mu_error_set(err, MU_E_INVALID, "%s: %s", path, what);
}

static int no_pass_phrase(char *buf, int size, int rwflag, void *ctx)
{
	(void)buf, (void)size, (void)rwflag, (void)ctx;
	return -1;
}

static BIO *open_pem(const char *path, const char *what, struct mu_str *text, struct mu_error *err)
{
	if (mu_file_read(path, PEM_MAX, text, err) < 0) {
		mu_error_prefix(err, "the %s %s", what, path);
		return NULL;
	}
	return BIO_new_mem_buf(text->data ? text->data : "", (int)text->len);
}

static int load_certs(struct http_pair *pair, const char *path, struct mu_error *err)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	MU_CLEANUP(BIO_free_all) BIO *bio = open_pem(path, "certificate", &text, err);
	X509 *more;

	if (!bio)
		return MU_FAILED;
	pair->cert = PEM_read_bio_X509(bio, NULL, no_pass_phrase, NULL);
	if (!pair->cert)
		return fail(err, path, "not a certificate in PEM form");
	pair->chain = sk_X509_new_null();
	while ((more = PEM_read_bio_X509(bio, NULL, no_pass_phrase, NULL))) {
		if (sk_X509_num(pair->chain) == CHAIN_MAX || !sk_X509_push(pair->chain, more)) {
			X509_free(more);
			return fail(err, path, "too many certificates");
		}
	}
	if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		return fail(err, path, "a certificate behind the first is damaged");
	ERR_clear_error();
	return 0;
}

static int load_key(struct http_pair *pair, const char *path, struct mu_error *err)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	MU_CLEANUP(BIO_free_all) BIO *bio = open_pem(path, "key", &text, err);

	if (!bio)
		return MU_FAILED;
	pair->key = PEM_read_bio_PrivateKey(bio, NULL, no_pass_phrase, NULL);
	if (!pair->key)
		return fail(err, path, "not a private key in PEM form without a pass phrase");
	return 0;
}

int http_pair_load(const char *cert_path, const char *key_path, struct http_pair **ret_pair,
		   struct mu_error *err)
{
	MU_CLEANUP(http_pair_free) struct http_pair *pair = mu_xcalloc(1, sizeof *pair);

	if (load_certs(pair, cert_path, err) < 0 || load_key(pair, key_path, err) < 0)
		return MU_FAILED;
	if (X509_check_private_key(pair->cert, pair->key) != 1) {
		ERR_clear_error();
		return mu_error_set(err, MU_E_INVALID,
				    "the key %s does not belong to the certificate %s", key_path,
				    cert_path);
	}
	*ret_pair = MU_TAKE(pair);
	return 0;
}

static int on_handshake(SSL *ssl, void *arg)
{
	struct http_pair **slot = arg;
	const struct http_pair *pair = *slot;

	SSL_certs_clear(ssl);
	return SSL_use_cert_and_key(ssl, pair->cert, pair->key, pair->chain, 1);
}

void http_pair_serve(SSL_CTX *ctx, struct http_pair **slot)
{
	(void)SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	(void)SSL_CTX_set_cipher_list(ctx, ciphers);
	SSL_CTX_set_cert_cb(ctx, on_handshake, slot);
}
