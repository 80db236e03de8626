/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenSSL 3 behind tls.h.
 *
 * What is written is fixed, not configurable: P-256 keys, SHA-256 signatures, 127-bit random
 * serials, the extensions of RFC 5280. What is read comes from outside (requests, files), so PEM
 * is bounded, never asks for a pass phrase, and OpenSSL's error queue is emptied after every
 * failure: a stale entry would be blamed on the next connection.
 */
#include "common/tls/tls.h"

#include "common/base/assert.h"

#include "common/base/mem.h"
#include "common/base/str.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

MU_DEFINE_CLEANUP(EVP_PKEY_free, EVP_PKEY *);
MU_DEFINE_CLEANUP(X509_free, X509 *);
MU_DEFINE_CLEANUP(X509_REQ_free, X509_REQ *);
MU_DEFINE_CLEANUP(X509_EXTENSION_free, X509_EXTENSION *);
MU_DEFINE_CLEANUP(BIO_free_all, BIO *);
MU_DEFINE_CLEANUP(BN_free, BIGNUM *);
MU_DEFINE_CLEANUP(GENERAL_NAMES_free, GENERAL_NAMES *);
MU_DEFINE_CLEANUP(GENERAL_NAME_free, GENERAL_NAME *);

/* Certificates are valid from a little before they were made: hosts' clocks differ. */
enum { BACKDATE_MS = 5 * 60 * 1000, ALT_NAMES_MAX = 64, SECURITY_BITS_MIN = 112 };

/* The reason OpenSSL gives, and an empty error queue. */
static int fail(struct mu_error *err, enum mu_error_code code, const char *what)
{
	unsigned long e = ERR_peek_last_error();
	const char *reason = e ? ERR_reason_error_string(e) : NULL;

	ERR_clear_error();
	if (reason)
		return mu_error_set(err, code, "%s: %s", what, reason);
	return mu_error_set(err, code, "%s", what);
}

static int no_pass_phrase(char *buf, int size, int rwflag, void *ctx)
{
	(void)buf, (void)size, (void)rwflag, (void)ctx;
	return -1;
}

static BIO *pem_open(const char *pem, const char *what, struct mu_error *err)
{
	size_t len = strnlen(pem, TLS_PEM_MAX + 1);

	if (len > TLS_PEM_MAX) {
		mu_error_set(err, MU_E_TOO_LARGE, "%s: longer than %d bytes", what, TLS_PEM_MAX);
		return NULL;
	}
	return BIO_new_mem_buf(pem, (int)len);
}

static X509 *read_cert(const char *pem, const char *what, struct mu_error *err)
{
	MU_CLEANUP(BIO_free_all) BIO *bio = pem_open(pem, what, err);
	X509 *cert;

	if (!bio)
		return NULL;
	cert = PEM_read_bio_X509(bio, NULL, no_pass_phrase, NULL);
	if (!cert) {
		fail(err, MU_E_INVALID, "not a certificate in PEM form");
		mu_error_prefix(err, "%s", what);
	}
	return cert;
}

static EVP_PKEY *read_key(const char *pem, struct mu_error *err)
{
	MU_CLEANUP(BIO_free_all) BIO *bio = pem_open(pem, "private key", err);
	EVP_PKEY *key;

	if (!bio)
		return NULL;
	key = PEM_read_bio_PrivateKey(bio, NULL, no_pass_phrase, NULL);
	if (!key)
		fail(err, MU_E_INVALID, "private key: not an unencrypted key in PEM form");
	return key;
}

static char *bio_take_text(BIO *bio)
{
	char *data;
	long len = BIO_get_mem_data(bio, &data);

	return mu_xstrndup(data, len > 0 ? (size_t)len : 0);
}

static int write_cert(X509 *cert, char **ret_cert, struct mu_error *err)
{
	MU_CLEANUP(BIO_free_all) BIO *bio = BIO_new(BIO_s_mem());

	if (!bio || !PEM_write_bio_X509(bio, cert))
		return fail(err, MU_E_INTERNAL, "writing a certificate");
	*ret_cert = bio_take_text(bio);
	return 0;
}

void tls_init(void)
{
	(void)OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL);
}

int tls_key_new(char **ret_key, struct mu_error *err)
{
	MU_CLEANUP(EVP_PKEY_free) EVP_PKEY *key = EVP_EC_gen("P-256");
	MU_CLEANUP(BIO_free_all) BIO *bio = BIO_new(BIO_s_mem());

	if (!key || !bio || !PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL))
		return fail(err, MU_E_INTERNAL, "making a private key");
	*ret_key = bio_take_text(bio);
	return 0;
}

static int name_set(X509_NAME *name, const char *common_name, struct mu_error *err)
{
	size_t len = strlen(common_name);

	if (len == 0 || len > ub_common_name || !mu_utf8_valid(common_name, len))
		return mu_error_set(err, MU_E_INVALID,
				    "common name: must be 1 to %d bytes of UTF-8", ub_common_name);
	if (!X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
					(const unsigned char *)common_name, -1, -1, 0))
		return fail(err, MU_E_INVALID, "common name");
	return 0;
}

int tls_request_new(const char *key, const char *common_name, char **ret_csr, struct mu_error *err)
{
	MU_CLEANUP(EVP_PKEY_free) EVP_PKEY *pkey = read_key(key, err);
	MU_CLEANUP(X509_REQ_free) X509_REQ *req = X509_REQ_new();
	MU_CLEANUP(BIO_free_all) BIO *bio = BIO_new(BIO_s_mem());

	if (!pkey)
		return MU_FAILED;
	if (!req || !bio || !X509_REQ_set_version(req, X509_REQ_VERSION_1) ||
	    !X509_REQ_set_pubkey(req, pkey))
		return fail(err, MU_E_INTERNAL, "making a certificate request");
	if (name_set(X509_REQ_get_subject_name(req), common_name, err) < 0)
		return MU_FAILED;
	if (!X509_REQ_sign(req, pkey, EVP_sha256()) || !PEM_write_bio_X509_REQ(bio, req))
		return fail(err, MU_E_INTERNAL, "signing a certificate request");
	*ret_csr = bio_take_text(bio);
	return 0;
}

/* --- making certificates --- */

static int set_serial(X509 *cert)
{
	MU_CLEANUP(BN_free) BIGNUM *bn = NULL;
	unsigned char bytes[16];

	if (RAND_bytes(bytes, sizeof bytes) != 1)
		return 0;
	bytes[0] = (bytes[0] & 0x7f) | 0x40; /* positive, and always the same length */
	bn = BN_bin2bn(bytes, sizeof bytes, NULL);
	return bn && BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(cert));
}

static int set_validity(X509 *cert, mu_msec from, mu_msec to)
{
	return ASN1_TIME_set(X509_getm_notBefore(cert), (time_t)(from / 1000)) &&
	       ASN1_TIME_set(X509_getm_notAfter(cert), (time_t)(to / 1000));
}

static int add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
	MU_CLEANUP(X509_EXTENSION_free) X509_EXTENSION *ext = NULL;
	X509V3_CTX ctx;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	return ext && X509_add_ext(cert, ext, -1);
}

static bool dns_name_valid(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && len <= 253 &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._*") ==
		   len;
}

/* One "DNS:name" or "IP:address". */
static GENERAL_NAME *alt_name_parse(const char *text, struct mu_error *err)
{
	MU_CLEANUP(GENERAL_NAME_free) GENERAL_NAME *gn = GENERAL_NAME_new();
	ASN1_STRING *value = NULL;
	int type;

	if (mu_str_has_prefix(text, "DNS:") && dns_name_valid(text + 4)) {
		type = GEN_DNS;
		value = ASN1_IA5STRING_new();
		if (value && !ASN1_STRING_set(value, text + 4, -1)) {
			ASN1_STRING_free(value);
			value = NULL;
		}
	} else if (mu_str_has_prefix(text, "IP:")) {
		type = GEN_IPADD;
		value = a2i_IPADDRESS(text + 3);
	} else {
		type = -1;
	}
	if (!gn || !value) {
		ERR_clear_error();
		mu_error_set(err, MU_E_INVALID,
			     "alternative name '%.80s': neither DNS:name nor IP:address", text);
		return NULL;
	}
	GENERAL_NAME_set0_value(gn, type, value);
	return MU_TAKE(gn);
}

static int add_alt_names(X509 *cert, const char *alt_names, struct mu_error *err)
{
	MU_CLEANUP(GENERAL_NAMES_free) GENERAL_NAMES *names = GENERAL_NAMES_new();
	MU_CLEANUP(mu_free) char *copy = mu_xstrdup(alt_names);
	char *rest = copy;
	char *item;

	while (names && (item = strsep(&rest, ","))) {
		GENERAL_NAME *gn = alt_name_parse(item, err);

		if (!gn)
			return MU_FAILED;
		if (sk_GENERAL_NAME_num(names) >= ALT_NAMES_MAX ||
		    !sk_GENERAL_NAME_push(names, gn)) {
			GENERAL_NAME_free(gn);
			return mu_error_set(err, MU_E_TOO_LARGE, "more than %d alternative names",
					    ALT_NAMES_MAX);
		}
	}
	if (!names || X509_add1_ext_i2d(cert, NID_subject_alt_name, names, 0, 0) != 1)
		return fail(err, MU_E_INTERNAL, "adding alternative names");
	return 0;
}

int tls_ca_new(const char *key, const char *common_name, mu_msec now, mu_msec lifetime,
	       char **ret_cert, struct mu_error *err)
{
	MU_CLEANUP(EVP_PKEY_free) EVP_PKEY *pkey = read_key(key, err);
	MU_CLEANUP(X509_free) X509 *cert = X509_new();

	if (!pkey)
		return MU_FAILED;
	if (!cert || !X509_set_version(cert, X509_VERSION_3) || !set_serial(cert) ||
	    !set_validity(cert, now - BACKDATE_MS, now + lifetime) || !X509_set_pubkey(cert, pkey))
		return fail(err, MU_E_INTERNAL, "making a CA certificate");
	if (name_set(X509_get_subject_name(cert), common_name, err) < 0)
		return MU_FAILED;
	if (!X509_set_issuer_name(cert, X509_get_subject_name(cert)) ||
	    !add_extension(cert, cert, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
	    !add_extension(cert, cert, NID_key_usage, "critical,keyCertSign,cRLSign") ||
	    !add_extension(cert, cert, NID_subject_key_identifier, "hash") ||
	    !X509_sign(cert, pkey, EVP_sha256()))
		return fail(err, MU_E_INTERNAL, "signing the CA certificate");
	return write_cert(cert, ret_cert, err);
}

/* The request's key, once its signature proved that the sender holds it. */
static EVP_PKEY *request_key(const char *csr, struct mu_error *err)
{
	MU_CLEANUP(BIO_free_all) BIO *bio = pem_open(csr, "certificate request", err);
	MU_CLEANUP(X509_REQ_free) X509_REQ *req = NULL;
	MU_CLEANUP(EVP_PKEY_free) EVP_PKEY *key = NULL;

	if (!bio)
		return NULL;
	req = PEM_read_bio_X509_REQ(bio, NULL, no_pass_phrase, NULL);
	key = req ? X509_REQ_get_pubkey(req) : NULL;
	if (!key) {
		fail(err, MU_E_INVALID, "certificate request: not a PKCS#10 request in PEM form");
		return NULL;
	}
	if (X509_REQ_verify(req, key) != 1) {
		fail(err, MU_E_INVALID, "certificate request: its signature is wrong");
		return NULL;
	}
	if (EVP_PKEY_get_security_bits(key) < SECURITY_BITS_MIN) {
		mu_error_set(err, MU_E_INVALID,
			     "certificate request: the key is too weak; hint: use ECDSA P-256 or "
			     "RSA with 2048 bits or more");
		return NULL;
	}
	return MU_TAKE(key);
}

static mu_msec time_from_asn1(const ASN1_TIME *t)
{
	struct tm tm;

	if (!ASN1_TIME_to_tm(t, &tm))
		return 0;
	return (mu_msec)timegm(&tm) * 1000;
}

static int fill_leaf(X509 *cert, X509 *ca, EVP_PKEY *key, int server, mu_msec from, mu_msec to)
{
	return X509_set_version(cert, X509_VERSION_3) && set_serial(cert) &&
	       set_validity(cert, from, to) && X509_set_pubkey(cert, key) &&
	       X509_set_issuer_name(cert, X509_get_subject_name(ca)) &&
	       add_extension(cert, ca, NID_basic_constraints, "critical,CA:FALSE") &&
	       add_extension(cert, ca, NID_key_usage, "critical,digitalSignature") &&
	       add_extension(cert, ca, NID_ext_key_usage, server ? "serverAuth" : "clientAuth") &&
	       add_extension(cert, ca, NID_subject_key_identifier, "hash") &&
	       add_extension(cert, ca, NID_authority_key_identifier, "keyid:always");
}

int tls_sign(const char *ca_cert, const char *ca_key, const char *csr, const char *common_name,
	     const char *alt_names, int server, mu_msec now, mu_msec lifetime, char **ret_cert,
	     struct mu_error *err)
{
	MU_CLEANUP(EVP_PKEY_free) EVP_PKEY *key = request_key(csr, err);
	MU_CLEANUP(X509_free) X509 *ca = key ? read_cert(ca_cert, "CA certificate", err) : NULL;
	MU_CLEANUP(EVP_PKEY_free) EVP_PKEY *signer = ca ? read_key(ca_key, err) : NULL;
	MU_CLEANUP(X509_free) X509 *cert = X509_new();
	mu_msec end = now + lifetime;

	if (!signer)
		return MU_FAILED;
	if (X509_check_private_key(ca, signer) != 1)
		return fail(err, MU_E_INVALID, "the CA's key does not belong to its certificate");
	if (end > time_from_asn1(X509_get0_notAfter(ca)))
		end = time_from_asn1(X509_get0_notAfter(ca));
	if (end <= now)
		return mu_error_set(err, MU_E_STATE,
				    "the CA certificate has expired; hint: make a new CA and "
				    "enrol the hosts again");
	if (!cert || !fill_leaf(cert, ca, key, server, now - BACKDATE_MS, end))
		return fail(err, MU_E_INTERNAL, "making a certificate");
	if (name_set(X509_get_subject_name(cert), common_name, err) < 0 ||
	    (alt_names && add_alt_names(cert, alt_names, err) < 0))
		return MU_FAILED;
	if (!X509_sign(cert, signer, EVP_sha256()))
		return fail(err, MU_E_INTERNAL, "signing a certificate");
	return write_cert(cert, ret_cert, err);
}

/* --- looking at certificates --- */

static int fingerprint(const X509 *cert, char ret_hex[static TLS_FINGERPRINT_TEXT])
{
	unsigned char md[SHA256_DIGEST_LENGTH];
	unsigned int len = sizeof md;

	if (!X509_digest(cert, EVP_sha256(), md, &len))
		return 0;
	mu_hex_encode(ret_hex, md, sizeof md);
	return 1;
}

static void serial_text(X509 *cert, char *buf, size_t size)
{
	MU_CLEANUP(BN_free) BIGNUM *bn = ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert), NULL);
	unsigned char bytes[20] = {0};
	int len = bn ? BN_num_bytes(bn) : 0;

	buf[0] = '\0';
	if (len <= 0 || len > (int)sizeof bytes || (size_t)len * 2 + 1 > size)
		return;
	len = BN_bn2bin(bn, bytes);
	mu_hex_encode(buf, bytes, (size_t)len);
}

int tls_cert_read(const char *cert, struct tls_cert_info *ret_info, struct mu_error *err)
{
	MU_CLEANUP(X509_free) X509 *x = read_cert(cert, "certificate", err);
	struct tls_cert_info info = {0};
	char name[sizeof info.common_name];

	if (!x)
		return MU_FAILED;
	if (X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, name, sizeof name) <
	    0)
		name[0] = '\0';
	mu_utf8_sanitize(info.common_name, sizeof info.common_name - 1, name, strlen(name));
	if (!fingerprint(x, info.fingerprint))
		return fail(err, MU_E_INTERNAL, "certificate: no fingerprint");
	serial_text(x, info.serial, sizeof info.serial);
	info.not_before = time_from_asn1(X509_get0_notBefore(x));
	info.not_after = time_from_asn1(X509_get0_notAfter(x));
	info.ca = X509_check_ca(x) == 1;
	ERR_clear_error();
	*ret_info = info;
	return 0;
}

int tls_key_matches(const char *cert, const char *key, struct mu_error *err)
{
	MU_CLEANUP(X509_free) X509 *x = read_cert(cert, "certificate", err);
	MU_CLEANUP(EVP_PKEY_free) EVP_PKEY *pkey = x ? read_key(key, err) : NULL;

	if (!pkey)
		return MU_FAILED;
	if (X509_check_private_key(x, pkey) != 1)
		return fail(err, MU_E_INVALID, "the key does not belong to the certificate");
	return 0;
}

int tls_cert_issued_by(const char *cert, const char *ca_cert, struct mu_error *err)
{
	MU_CLEANUP(X509_free) X509 *x = read_cert(cert, "certificate", err);
	MU_CLEANUP(X509_free) X509 *ca = x ? read_cert(ca_cert, "CA certificate", err) : NULL;

	if (!ca)
		return MU_FAILED;
	if (X509_check_issued(ca, x) != X509_V_OK || X509_verify(x, X509_get0_pubkey(ca)) != 1)
		return fail(err, MU_E_INVALID, "the certificate was not signed by this CA");
	return 0;
}

bool tls_cert_covers(const char *cert, const char *name)
{
	MU_CLEANUP(X509_free) X509 *x = read_cert(cert, "certificate", NULL);
	unsigned char address[16];
	bool covers;

	if (!x)
		return false;
	if (inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1)
		covers = X509_check_ip_asc(x, name, 0) == 1;
	else
		covers =
		    X509_check_host(x, name, 0, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL) == 1;
	ERR_clear_error();
	return covers;
}

void tls_sha256_hex(const void *data, size_t len, char ret_hex[static TLS_FINGERPRINT_TEXT])
{
	unsigned char md[SHA256_DIGEST_LENGTH];

	SHA256(data, len, md);
	mu_hex_encode(ret_hex, md, sizeof md);
}

void tls_hmac_sha256_hex(const char *key, const void *data, size_t len,
			 char ret_hex[static TLS_FINGERPRINT_TEXT])
{
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned int md_len = 0;

	mu_assert(HMAC(EVP_sha256(), key, (int)strlen(key), data, len, md, &md_len));
	mu_hex_encode(ret_hex, md, md_len);
}

void tls_hmac_sha1(const void *key, size_t key_len, const void *data, size_t len,
		   unsigned char ret[static 20])
{
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned int md_len = 0;

	mu_assert(HMAC(EVP_sha1(), key, (int)key_len, data, len, md, &md_len) && md_len == 20);
	memcpy(ret, md, 20);
}
