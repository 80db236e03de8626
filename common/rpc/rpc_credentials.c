/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gRPC asks for the server's certificate before every handshake and takes "unchanged" for an
 * answer. What was last given is remembered per credentials object, not per identity: a listener
 * that was made anew starts with none.
 */
#include "common/rpc/rpc_credentials.h"

#include "common/base/assert.h"
#include "common/base/str.h"
#include "common/rpc/rpc_loop.h"
#include "common/tls/tls.h"

#include <grpc/support/alloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct rpc_identity {
	struct rpc *rpc;
	pthread_mutex_t lock;
	char *ca;            /* lock */
	char *cert;          /* lock */
	char *key;           /* lock */
	unsigned generation; /* lock: of the three above, from 1 */
};

struct given {
	struct rpc_identity *identity;
	unsigned generation; /* identity->lock: what gRPC has, 0 = nothing */
};

int rpc_tls_check(const struct rpc_tls *tls, struct mu_error *err)
{
	struct tls_cert_info info;

	if (!tls->ca || tls_cert_read(tls->ca, &info, err) < 0)
		return tls->ca ? mu_error_prefix(err, "CA certificate")
			       : mu_error_set(err, MU_E_INVALID, "CA certificate: missing");
	if (!tls->cert || !tls->key)
		return mu_error_set(err, MU_E_INVALID, "%s: missing",
				    tls->cert ? "private key" : "certificate");
	return tls_key_matches(tls->cert, tls->key, err) < 0
		   ? mu_error_prefix(err, "certificate and key")
		   : 0;
}

static void identity_free(void *p)
{
	struct rpc_identity *identity = p;

	free(identity->ca);
	free(identity->cert);
	free(identity->key);
	(void)pthread_mutex_destroy(&identity->lock);
	free(identity);
}

struct rpc_identity *rpc_identity_new(struct rpc *rpc, const struct rpc_tls *tls)
{
	struct rpc_identity *identity = mu_xcalloc(1, sizeof *identity);

	identity->rpc = rpc;
	(void)pthread_mutex_init(&identity->lock, NULL);
	rpc_identity_set(identity, tls);
	rpc_keep(rpc, identity, identity_free);
	return identity;
}

static void replace(char **dst, const char *text)
{
	free(*dst);
	*dst = mu_xstrdup(text);
}

void rpc_identity_set(struct rpc_identity *identity, const struct rpc_tls *tls)
{
	(void)pthread_mutex_lock(&identity->lock);
	replace(&identity->ca, tls->ca);
	replace(&identity->cert, tls->cert);
	replace(&identity->key, tls->key);
	identity->generation++;
	(void)pthread_mutex_unlock(&identity->lock);
}

/* On one of gRPC's threads, at each handshake. */
static grpc_ssl_certificate_config_reload_status fetch(
    void *ctx, grpc_ssl_server_certificate_config **ret_config)
{
	struct given *given = ctx;
	struct rpc_identity *identity = given->identity;
	grpc_ssl_certificate_config_reload_status status =
	    GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;

	(void)pthread_mutex_lock(&identity->lock);
	if (given->generation != identity->generation) {
		grpc_ssl_pem_key_cert_pair pair = {identity->key, identity->cert};

		*ret_config = grpc_ssl_server_certificate_config_create(identity->ca, &pair, 1);
		given->generation = identity->generation;
		status = GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
	}
	(void)pthread_mutex_unlock(&identity->lock);
	return status;
}

grpc_server_credentials *rpc_identity_credentials(struct rpc_identity *identity)
{
	struct given *given = mu_xcalloc(1, sizeof *given);
	grpc_server_credentials *credentials;

	given->identity = identity;
	rpc_keep(identity->rpc, given, free);
	credentials = grpc_ssl_server_credentials_create_with_options(
	    grpc_ssl_server_credentials_create_options_using_config_fetcher(
		GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY, fetch, given));
	mu_assert(credentials);
	return credentials;
}

grpc_channel_credentials *rpc_client_credentials(const struct rpc_tls *tls)
{
	grpc_ssl_pem_key_cert_pair pair = {tls->key, tls->cert};

	return grpc_ssl_credentials_create_ex(tls->ca, &pair, NULL, NULL);
}

/* gRPC writes addresses as URIs: "ipv6:%5B::1%5D:8443". */
static void decode_percent(char *dst, size_t size, const char *src)
{
	size_t n = 0;

	while (*src && n + 1 < size) {
		char hex[3] = {src[1], src[1] ? src[2] : '\0', '\0'};
		unsigned char c;

		if (src[0] == '%' && mu_hex_decode(&c, 1, hex) && c >= 0x20 && c < 0x7f) {
			dst[n++] = (char)c;
			src += 3;
		} else {
			dst[n++] = *src++;
		}
	}
	dst[n] = '\0';
}

/* The certificate as PEM, heap; NULL if there is none. */
static char *peer_certificate(grpc_call *call)
{
	grpc_auth_context *auth = grpc_call_auth_context(call);
	grpc_auth_property_iterator it =
	    grpc_auth_context_find_properties_by_name(auth, GRPC_X509_PEM_CERT_PROPERTY_NAME);
	const grpc_auth_property *property = grpc_auth_property_iterator_next(&it);
	char *pem = property ? mu_xstrndup(property->value, property->value_length) : NULL;

	grpc_auth_context_release(auth);
	return pem;
}

int rpc_peer_read(grpc_call *call, struct rpc_peer *ret_peer, struct mu_error *err)
{
	MU_CLEANUP(mu_free) char *pem = peer_certificate(call);
	char *address = grpc_call_get_peer(call);
	struct tls_cert_info info;

	decode_percent(ret_peer->address, sizeof ret_peer->address, address);
	gpr_free(address);
	if (!pem)
		return mu_error_set(err, MU_E_UNAUTHENTICATED, "no client certificate");
	if (tls_cert_read(pem, &info, err) < 0)
		return mu_error_prefix(err, "client certificate");
	(void)snprintf(ret_peer->common_name, sizeof ret_peer->common_name, "%s", info.common_name);
	(void)snprintf(ret_peer->fingerprint, sizeof ret_peer->fingerprint, "%s", info.fingerprint);
	return 0;
}
