/* SPDX-License-Identifier: Apache-2.0 */
/* The CA's files: made once, kept, never replaced silently; server certificates renewed in time. */
#include "aggregator/fleet/ca.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/os/file.h"

#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* 2026-11-20 12:00 UTC */
#define NOW ((mu_msec)1795176000000)
#define DAY MU_SEC(86400)
#define NAMES "DNS:localhost,IP:127.0.0.1"

static char dir[] = "/tmp/muster-ca-XXXXXX";
static struct ca *ca;

static int remove_one(const char *name, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st, (void)kind, (void)ftw;
	return remove(name);
}

static void setup(void)
{
	struct mu_error err = MU_ERROR_INIT;

	cr_assert_not_null(mkdtemp(dir));
	cr_assert_eq(ca_open(dir, NOW, &ca, &err), 0, "%s", err.text);
}

static void teardown(void)
{
	ca_free(ca);
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

TestSuite(ca, .init = setup, .fini = teardown);

static char *file(const char *name)
{
	return mu_xasprintf("%s/%s", dir, name);
}

static void overwrite(const char *name, const char *text)
{
	MU_CLEANUP(mu_free) char *path = file(name);

	cr_assert_eq(mu_file_replace(path, text, strlen(text), 0600, NULL), 0);
}

static bool issued(const char *names, mu_msec now)
{
	MU_CLEANUP(mu_free) char *cert = NULL;
	MU_CLEANUP(mu_free) char *key = NULL;
	struct mu_error err = MU_ERROR_INIT;
	bool fresh;

	cr_assert_eq(ca_server_cert(ca, "server", names, now, &cert, &key, &fresh, &err), 0, "%s",
		     err.text);
	return fresh;
}

Test(ca, is_made_once_and_its_key_is_private)
{
	MU_CLEANUP(mu_free) char *key = file("ca.key");
	struct ca *again = NULL;
	struct stat st;

	cr_assert_eq(stat(key, &st), 0);
	cr_assert_eq(st.st_mode & 0777, 0600);
	cr_assert_eq(ca_open(dir, NOW + DAY, &again, NULL), 0);
	cr_assert_str_eq(ca_fingerprint(again), ca_fingerprint(ca));
	cr_assert_str_eq(ca_cert(again), ca_cert(ca));
	ca_free(again);
}

Test(ca, a_damaged_one_is_an_error_not_a_new_one)
{
	static const char *const damaged[] = {"ca.key", "ca.crt"};

	for (size_t i = 0; i < MU_ARRAY_SIZE(damaged); i++) {
		MU_CLEANUP(mu_free) char *path = file(damaged[i]);
		MU_CLEANUP(mu_str_deinit) struct mu_str kept = MU_STR_INIT;
		struct ca *again = NULL;
		struct mu_error err = MU_ERROR_INIT;

		cr_assert_eq(mu_file_read(path, 1 << 16, &kept, NULL), 0);
		overwrite(damaged[i], "rubbish");
		cr_assert_lt(ca_open(dir, NOW, &again, &err), 0);
		cr_assert(strstr(err.text, "backup"), "%s", err.text);
		cr_assert_null(again);
		unlink(path);
		if (i == 0)
			cr_assert_lt(ca_open(dir, NOW, &again, &err), 0, "the key alone is gone");
		overwrite(damaged[i], kept.data);
		cr_assert_eq(ca_open(dir, NOW, &again, &err), 0, "%s", err.text);
		ca_free(again);
	}
}

Test(ca, server_certificates_are_renewed_when_a_third_is_left)
{
	cr_assert(issued(NAMES, NOW));
	cr_assert_not(issued(NAMES, NOW + DAY));
	cr_assert_not(issued(NAMES, NOW + CA_SERVER_DAYS * DAY * 6 / 10));
	cr_assert(issued(NAMES, NOW + CA_SERVER_DAYS * DAY * 7 / 10));
}

Test(ca, server_certificates_are_renewed_for_a_new_name)
{
	cr_assert(issued(NAMES, NOW));
	cr_assert(issued(NAMES ",DNS:muster.example", NOW));
	cr_assert_not(issued(NAMES ",DNS:muster.example", NOW));
	cr_assert_not(issued(NAMES, NOW), "more names than needed do no harm");
}

Test(ca, server_certificates_that_cannot_be_used_are_replaced)
{
	cr_assert(issued(NAMES, NOW));
	overwrite("server.key", "rubbish");
	cr_assert(issued(NAMES, NOW));
	overwrite("server.crt", "rubbish");
	cr_assert(issued(NAMES, NOW));
	overwrite("server.crt", ca_cert(ca));
	cr_assert(issued(NAMES, NOW), "a certificate of another key");
	cr_assert(issued(NAMES, NOW - 100 * DAY), "one of the future: the clock was wrong");
}

Test(ca, hosts_get_what_they_are_allowed)
{
	MU_CLEANUP(mu_free) char *key = NULL;
	MU_CLEANUP(mu_free) char *csr = NULL;
	MU_CLEANUP(mu_free) char *cert = NULL;
	struct tls_cert_info info;
	struct mu_error err = MU_ERROR_INIT;

	cr_assert_eq(tls_key_new(&key, &err), 0);
	cr_assert_eq(tls_request_new(key, "root of all", &csr, &err), 0);
	cr_assert_eq(ca_sign_host(ca, csr, "some-host", NOW, &cert, &info, &err), 0, "%s",
		     err.text);
	cr_assert_str_eq(info.common_name, "some-host");
	cr_assert_eq(info.not_after, NOW + CA_HOST_DAYS * DAY);
	cr_assert_eq(tls_cert_issued_by(cert, ca_cert(ca), &err), 0);
	free(MU_TAKE(cert));
	cr_assert_lt(ca_sign_host(ca, "rubbish", "some-host", NOW, &cert, &info, &err), 0);
	cr_assert_eq(err.code, MU_E_INVALID);
}
