/* SPDX-License-Identifier: Apache-2.0 */
#include "common/tls/digest.h"

#include "common/base/assert.h"
#include "common/base/str.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <strings.h>

static const struct {
	const char *name;
	const EVP_MD *(*md)(void);
	size_t bytes;
} kinds[_TLS_DIGEST_COUNT] = {
    [TLS_SHA1] = {"SHA1", EVP_sha1, 20},
    [TLS_SHA256] = {"SHA256", EVP_sha256, 32},
    [TLS_SHA512] = {"SHA512", EVP_sha512, 64},
};

struct tls_digest {
	EVP_MD_CTX *ctx;
};

const char *tls_digest_name(enum tls_digest_kind kind)
{
	return kinds[kind].name;
}

bool tls_digest_parse(const char *name, enum tls_digest_kind *ret)
{
	for (size_t i = 0; i < MU_ARRAY_SIZE(kinds); i++) {
		if (strcasecmp(name, kinds[i].name) == 0) {
			*ret = (enum tls_digest_kind)i;
			return true;
		}
	}
	return false;
}

size_t tls_digest_chars(enum tls_digest_kind kind)
{
	return 2 * kinds[kind].bytes;
}

struct tls_digest *tls_digest_new(enum tls_digest_kind kind)
{
	struct tls_digest *d = mu_xcalloc(1, sizeof *d);

	d->ctx = EVP_MD_CTX_new();
	mu_assert(d->ctx && EVP_DigestInit_ex(d->ctx, kinds[kind].md(), NULL) == 1);
	return d;
}

struct tls_digest *tls_digest_free(struct tls_digest *d)
{
	if (d)
		EVP_MD_CTX_free(d->ctx);
	free(d);
	return NULL;
}

void tls_digest_add(struct tls_digest *d, const void *data, size_t len)
{
	mu_assert(EVP_DigestUpdate(d->ctx, data, len) == 1);
}

void tls_digest_text(struct tls_digest *d, char ret[static TLS_DIGEST_TEXT])
{
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	mu_assert(EVP_DigestFinal_ex(d->ctx, md, &len) == 1 && 2 * len < TLS_DIGEST_TEXT);
	mu_hex_encode(ret, md, len);
}
