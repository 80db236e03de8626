/* SPDX-License-Identifier: Apache-2.0 */
/* common/tls: what is signed can be read back, and what is wrong is refused with a reason. */
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/tls/tls.h"

#include <criterion/criterion.h>
#include <string.h>

/* 2026-11-20 12:00 UTC */
#define NOW ((mu_msec)1795176000000)
#define DAY MU_SEC(86400)

struct fixture {
	char *ca_key;
	char *ca;
	char *key;
	char *csr;
};

static struct fixture fx;

static void setup(void)
{
	struct mu_error err = MU_ERROR_INIT;

	cr_assert_eq(tls_key_new(&fx.ca_key, &err), 0, "%s", err.text);
	cr_assert_eq(tls_ca_new(fx.ca_key, "Muster CA", NOW, 3650 * DAY, &fx.ca, &err), 0, "%s",
		     err.text);
	cr_assert_eq(tls_key_new(&fx.key, &err), 0, "%s", err.text);
	cr_assert_eq(tls_request_new(fx.key, "asked-for", &fx.csr, &err), 0, "%s", err.text);
}

static void teardown(void)
{
	free(fx.ca_key);
	free(fx.ca);
	free(fx.key);
	free(fx.csr);
}

TestSuite(tls, .init = setup, .fini = teardown);

Test(tls, ca_can_be_read_back)
{
	struct tls_cert_info info;
	struct mu_error err = MU_ERROR_INIT;

	cr_assert_eq(tls_cert_read(fx.ca, &info, &err), 0, "%s", err.text);
	cr_assert_str_eq(info.common_name, "Muster CA");
	cr_assert(info.ca);
	cr_assert_eq(strlen(info.fingerprint), 64);
	cr_assert_eq(strlen(info.serial), 32);
	cr_assert_leq(info.not_before, NOW);
	cr_assert_eq(info.not_after, NOW + 3650 * DAY);
	cr_assert_eq(tls_cert_issued_by(fx.ca, fx.ca, &err), 0, "%s", err.text);
}

Test(tls, signed_name_is_the_signers_not_the_requests)
{
	MU_CLEANUP(mu_free) char *cert = NULL;
	struct tls_cert_info info;
	struct mu_error err = MU_ERROR_INIT;

	cr_assert_eq(
	    tls_sign(fx.ca, fx.ca_key, fx.csr, "granted", NULL, 0, NOW, 30 * DAY, &cert, &err), 0,
	    "%s", err.text);
	cr_assert_eq(tls_cert_read(cert, &info, &err), 0, "%s", err.text);
	cr_assert_str_eq(info.common_name, "granted");
	cr_assert_not(info.ca);
	cr_assert_eq(info.not_after, NOW + 30 * DAY);
	cr_assert_eq(tls_key_matches(cert, fx.key, &err), 0, "%s", err.text);
	cr_assert_eq(tls_cert_issued_by(cert, fx.ca, &err), 0, "%s", err.text);
}

Test(tls, alternative_names_are_covered_and_others_not)
{
	MU_CLEANUP(mu_free) char *cert = NULL;
	struct mu_error err = MU_ERROR_INIT;

	cr_assert_eq(tls_sign(fx.ca, fx.ca_key, fx.csr, "server",
			      "DNS:muster.example,DNS:localhost,IP:127.0.0.1,IP:::1", 1, NOW, DAY,
			      &cert, &err),
		     0, "%s", err.text);
	cr_assert(tls_cert_covers(cert, "muster.example"));
	cr_assert(tls_cert_covers(cert, "localhost"));
	cr_assert(tls_cert_covers(cert, "127.0.0.1"));
	cr_assert(tls_cert_covers(cert, "::1"));
	cr_assert_not(tls_cert_covers(cert, "127.0.0.2"));
	cr_assert_not(tls_cert_covers(cert, "other.example"));
	cr_assert_not(tls_cert_covers(cert, "server"), "the CN is no alternative name");
	cr_assert_not(tls_cert_covers("junk", "localhost"));
}

Test(tls, bad_alternative_names_are_named)
{
	static const char *const bad[] = {
	    "",
	    "muster.example",
	    "DNS:",
	    "DNS:a b",
	    "IP:1.2.3",
	    "IP:nonsense",
	    "DNS:a,,DNS:b",
	    "email:a@b.c",
	    "DNS:a,dirName:sect",
	};

	for (size_t i = 0; i < MU_ARRAY_SIZE(bad); i++) {
		MU_CLEANUP(mu_free) char *cert = NULL;
		struct mu_error err = MU_ERROR_INIT;

		cr_assert_lt(
		    tls_sign(fx.ca, fx.ca_key, fx.csr, "x", bad[i], 1, NOW, DAY, &cert, &err), 0,
		    "accepted '%s'", bad[i]);
		cr_assert_eq(err.code, MU_E_INVALID);
		cr_assert(strstr(err.text, "alternative name"), "%s", err.text);
		cr_assert_null(cert);
	}
}

Test(tls, certificate_ends_with_its_ca)
{
	MU_CLEANUP(mu_free) char *cert = NULL;
	struct tls_cert_info info;
	struct mu_error err = MU_ERROR_INIT;

	cr_assert_eq(tls_sign(fx.ca, fx.ca_key, fx.csr, "x", NULL, 0, NOW + 3600 * DAY, 365 * DAY,
			      &cert, &err),
		     0, "%s", err.text);
	cr_assert_eq(tls_cert_read(cert, &info, &err), 0);
	cr_assert_eq(info.not_after, NOW + 3650 * DAY);
	free(MU_TAKE(cert));

	cr_assert_lt(
	    tls_sign(fx.ca, fx.ca_key, fx.csr, "x", NULL, 0, NOW + 3651 * DAY, DAY, &cert, &err),
	    0);
	cr_assert_eq(err.code, MU_E_STATE);
	cr_assert(strstr(err.text, "expired"));
}

/* Change one character deep inside the base64 text. */
static char *damaged(const char *pem)
{
	char *copy = mu_xstrdup(pem);
	char *p = strstr(copy, "-----END");

	for (p -= 12; *p == '\n' || *p == '='; p--)
		;
	*p = *p == 'A' ? 'B' : 'A';
	return copy;
}

Test(tls, request_with_wrong_signature_is_refused)
{
	MU_CLEANUP(mu_free) char *csr = damaged(fx.csr);
	MU_CLEANUP(mu_free) char *cert = NULL;
	struct mu_error err = MU_ERROR_INIT;

	cr_assert_lt(tls_sign(fx.ca, fx.ca_key, csr, "x", NULL, 0, NOW, DAY, &cert, &err), 0);
	cr_assert_eq(err.code, MU_E_INVALID);
	cr_assert(strstr(err.text, "signature") || strstr(err.text, "PKCS#10"), "%s", err.text);
}

Test(tls, texts_that_are_no_pem_are_refused)
{
	MU_CLEANUP(mu_free) char *huge = mu_xmalloc(TLS_PEM_MAX + 10);
	MU_CLEANUP(mu_free) char *out = NULL;
	struct tls_cert_info info;
	struct mu_error err = MU_ERROR_INIT;

	memset(huge, 'A', TLS_PEM_MAX + 9);
	huge[TLS_PEM_MAX + 9] = '\0';
	cr_assert_lt(tls_cert_read("", &info, &err), 0);
	cr_assert_eq(err.code, MU_E_INVALID);
	cr_assert_lt(tls_cert_read(fx.key, &info, &err), 0, "a key is no certificate");
	cr_assert_lt(tls_cert_read(huge, &info, &err), 0);
	cr_assert_eq(err.code, MU_E_TOO_LARGE);
	cr_assert_lt(tls_request_new(fx.ca, "x", &out, &err), 0, "a certificate is no key");
	cr_assert(strstr(err.text, "private key"), "%s", err.text);
	cr_assert_lt(tls_sign(fx.ca, fx.ca_key, "rubbish", "x", NULL, 0, NOW, DAY, &out, &err), 0);
	cr_assert_eq(err.code, MU_E_INVALID);
	cr_assert_null(out);
}

Test(tls, encrypted_key_is_refused_without_asking)
{
	/* A pass phrase prompt would hang a daemon: no prompt, an error. */
	static const char key[] = "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
				  "MIIBvTBXBgkqhkiG9w0BBQ0wSjApBgkqhkiG9w0BBQwwHAQI\n"
				  "-----END ENCRYPTED PRIVATE KEY-----\n";
	MU_CLEANUP(mu_free) char *csr = NULL;
	struct mu_error err = MU_ERROR_INIT;

	cr_assert_lt(tls_request_new(key, "x", &csr, &err), 0);
	cr_assert_eq(err.code, MU_E_INVALID);
}

Test(tls, wrong_key_is_told_apart)
{
	MU_CLEANUP(mu_free) char *other = NULL;
	MU_CLEANUP(mu_free) char *cert = NULL;
	struct mu_error err = MU_ERROR_INIT;

	cr_assert_eq(tls_key_new(&other, &err), 0);
	cr_assert_lt(tls_key_matches(fx.ca, other, &err), 0);
	cr_assert_eq(err.code, MU_E_INVALID);
	cr_assert(strstr(err.text, "does not belong"), "%s", err.text);
	cr_assert_lt(tls_sign(fx.ca, other, fx.csr, "x", NULL, 0, NOW, DAY, &cert, &err), 0);
	cr_assert(strstr(err.text, "CA's key"), "%s", err.text);
}

Test(tls, certificate_of_another_ca_is_refused)
{
	MU_CLEANUP(mu_free) char *key = NULL;
	MU_CLEANUP(mu_free) char *ca = NULL;
	MU_CLEANUP(mu_free) char *cert = NULL;
	struct mu_error err = MU_ERROR_INIT;

	/* The same name: only the signature tells them apart. */
	cr_assert_eq(tls_key_new(&key, &err), 0);
	cr_assert_eq(tls_ca_new(key, "Muster CA", NOW, DAY, &ca, &err), 0);
	cr_assert_eq(tls_sign(ca, key, fx.csr, "x", NULL, 0, NOW, DAY, &cert, &err), 0);
	cr_assert_lt(tls_cert_issued_by(cert, fx.ca, &err), 0);
	cr_assert_eq(err.code, MU_E_INVALID);
}

Test(tls, common_name_is_bounded)
{
	MU_CLEANUP(mu_free) char *csr = NULL;
	char name[80];
	struct mu_error err = MU_ERROR_INIT;

	memset(name, 'n', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	cr_assert_lt(tls_request_new(fx.key, name, &csr, &err), 0);
	cr_assert_lt(tls_request_new(fx.key, "", &csr, &err), 0);
	cr_assert_lt(tls_request_new(fx.key, "bad\xff", &csr, &err), 0);
	cr_assert_eq(err.code, MU_E_INVALID);
	cr_assert_null(csr);
}

Test(tls, sha256_of_a_known_text)
{
	char hex[TLS_FINGERPRINT_TEXT];

	tls_sha256_hex("abc", 3, hex);
	cr_assert_str_eq(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

/* RFC 4231, test case 2. */
Test(tls, hmac)
{
	char hex[TLS_FINGERPRINT_TEXT];

	tls_hmac_sha256_hex("Jefe", "what do ya want for nothing?", 28, hex);
	cr_expect_str_eq(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}
