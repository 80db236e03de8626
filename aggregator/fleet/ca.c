/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/fleet/ca.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/os/file.h"

#include <stdlib.h>
#include <string.h>

#define DAY MU_SEC(86400)

struct ca {
	char *dir;
	char *cert;
	char *key;
	struct tls_cert_info info;
};

static int read_text(const char *path, char **ret, struct mu_error *err)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str s = MU_STR_INIT;

	if (mu_file_read(path, TLS_PEM_MAX, &s, err) < 0)
		return MU_FAILED;
	*ret = mu_str_take(&s);
	return 0;
}

/* The key first: a certificate without its key would look like a CA that lost it. */
static int write_pair(const char *cert_path, const char *cert, const char *key_path,
		      const char *key, struct mu_error *err)
{
	if (mu_file_replace(key_path, key, strlen(key), 0600, err) < 0)
		return MU_FAILED;
	return mu_file_replace(cert_path, cert, strlen(cert), 0644, err);
}

static int ca_make(struct ca *ca, const char *cert_path, const char *key_path, mu_msec now,
		   struct mu_error *err)
{
	if (tls_key_new(&ca->key, err) < 0 ||
	    tls_ca_new(ca->key, "Muster CA", now, CA_DAYS * DAY, &ca->cert, err) < 0)
		return MU_FAILED;
	return write_pair(cert_path, ca->cert, key_path, ca->key, err);
}

static int ca_load(struct ca *ca, const char *cert_path, const char *key_path, struct mu_error *err)
{
	if (read_text(key_path, &ca->key, err) == 0 && tls_key_matches(ca->cert, ca->key, err) == 0)
		return 0;
	return mu_error_prefix(err,
			       "the CA in %s cannot be used; hint: restore ca.key and ca.crt from "
			       "a backup, a new CA would lock out every host",
			       cert_path);
}

static int ca_open_files(struct ca *ca, mu_msec now, struct mu_error *err)
{
	MU_CLEANUP(mu_free) char *cert_path = mu_xasprintf("%s/ca.crt", ca->dir);
	MU_CLEANUP(mu_free) char *key_path = mu_xasprintf("%s/ca.key", ca->dir);
	int r = read_text(cert_path, &ca->cert, err);

	if (r < 0 && err->code != MU_E_NOT_FOUND)
		return MU_FAILED;
	if (r < 0)
		r = ca_make(ca, cert_path, key_path, now, err);
	else
		r = ca_load(ca, cert_path, key_path, err);
	if (r < 0)
		return MU_FAILED;
	return tls_cert_read(ca->cert, &ca->info, err);
}

int ca_open(const char *dir, mu_msec now, struct ca **ret_ca, struct mu_error *err)
{
	MU_CLEANUP(ca_free) struct ca *ca = mu_xcalloc(1, sizeof *ca);
	struct mu_error local = MU_ERROR_INIT;

	ca->dir = mu_xstrdup(dir);
	if (ca_open_files(ca, now, &local) < 0) {
		if (err)
			*err = local;
		return MU_FAILED;
	}
	*ret_ca = MU_TAKE(ca);
	return 0;
}

struct ca *ca_free(struct ca *ca)
{
	if (ca) {
		free(ca->dir);
		free(ca->cert);
		free(ca->key);
		free(ca);
	}
	return NULL;
}

const char *ca_cert(const struct ca *ca)
{
	return ca->cert;
}

const char *ca_fingerprint(const struct ca *ca)
{
	return ca->info.fingerprint;
}

/* --- server certificates --- */

static bool covers_all(const char *cert, const char *names)
{
	MU_CLEANUP(mu_free) char *copy = mu_xstrdup(names);
	char *rest = copy;
	char *item;

	while ((item = strsep(&rest, ","))) {
		const char *name = strchr(item, ':');

		if (!name || !tls_cert_covers(cert, name + 1))
			return false;
	}
	return true;
}

/* What makes a certificate useless is no error: a new one takes its place. */
static bool server_cert_good(const struct ca *ca, const char *cert_path, const char *key_path,
			     const char *names, mu_msec now)
{
	MU_CLEANUP(mu_free) char *cert = NULL;
	MU_CLEANUP(mu_free) char *key = NULL;
	struct tls_cert_info info;

	return read_text(cert_path, &cert, NULL) == 0 && read_text(key_path, &key, NULL) == 0 &&
	       tls_cert_read(cert, &info, NULL) == 0 && tls_key_matches(cert, key, NULL) == 0 &&
	       tls_cert_issued_by(cert, ca->cert, NULL) == 0 && info.not_before <= now &&
	       info.not_after - now > (info.not_after - info.not_before) / 3 &&
	       covers_all(cert, names);
}

static int server_cert_make(struct ca *ca, const char *name, const char *names, mu_msec now,
			    const char *cert_path, const char *key_path, struct mu_error *err)
{
	MU_CLEANUP(mu_free) char *key = NULL;
	MU_CLEANUP(mu_free) char *csr = NULL;
	MU_CLEANUP(mu_free) char *cert = NULL;

	if (tls_key_new(&key, err) < 0 || tls_request_new(key, name, &csr, err) < 0 ||
	    tls_sign(ca->cert, ca->key, csr, name, names, 1, now, CA_SERVER_DAYS * DAY, &cert,
		     err) < 0)
		return MU_FAILED;
	return write_pair(cert_path, cert, key_path, key, err);
}

int ca_server_cert(struct ca *ca, const char *name, const char *names, mu_msec now,
		   char **ret_cert_path, char **ret_key_path, bool *ret_issued,
		   struct mu_error *err)
{
	MU_CLEANUP(mu_free) char *cert_path = mu_xasprintf("%s/%s.crt", ca->dir, name);
	MU_CLEANUP(mu_free) char *key_path = mu_xasprintf("%s/%s.key", ca->dir, name);
	bool good = server_cert_good(ca, cert_path, key_path, names, now);

	if (!good && server_cert_make(ca, name, names, now, cert_path, key_path, err) < 0)
		return mu_error_prefix(err, "certificate '%s'", name);
	if (ret_issued)
		*ret_issued = !good;
	*ret_cert_path = MU_TAKE(cert_path);
	*ret_key_path = MU_TAKE(key_path);
	return 0;
}

int ca_sign_host(struct ca *ca, const char *csr, const char *host_id, mu_msec now, char **ret_cert,
		 struct tls_cert_info *ret_info, struct mu_error *err)
{
	MU_CLEANUP(mu_free) char *cert = NULL;

	if (tls_sign(ca->cert, ca->key, csr, host_id, NULL, 0, now, CA_HOST_DAYS * DAY, &cert,
		     err) < 0 ||
	    tls_cert_read(cert, ret_info, err) < 0)
		return MU_FAILED;
	*ret_cert = MU_TAKE(cert);
	return 0;
}
