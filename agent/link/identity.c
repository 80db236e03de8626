/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/link/identity.h"

#include "common/base/str.h"
#include "common/os/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_SIZE = 1024, FILE_SIZE_MAX = 64 * 1024 };

static const char *at(const char *dir, const char *name, char path[static PATH_SIZE])
{
	(void)snprintf(path, PATH_SIZE, "%s/%s", dir, name);
	return path;
}

void identity_deinit(struct identity *id)
{
	free(id->key);
	free(id->cert);
	free(id->ca);
	free(id->address);
	memset(id, 0, sizeof *id);
}

static int read_text(const char *dir, const char *name, char **ret, struct mu_error *err)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	char path[PATH_SIZE];

	if (mu_file_read(at(dir, name, path), FILE_SIZE_MAX, &text, err) < 0)
		return MU_FAILED;
	*ret = mu_str_take(&text);
	return 0;
}

static int split_pem(const char *both, struct identity *id, struct mu_error *err)
{
	const char *cert = strstr(both, "-----BEGIN CERTIFICATE-----");

	if (!cert || cert == both)
		return mu_error_set(err, MU_E_IO,
				    "identity.pem does not hold a key and a certificate");
	id->key = mu_xstrndup(both, (size_t)(cert - both));
	id->cert = mu_xstrdup(cert);
	return 0;
}

int identity_load(const char *dir, struct identity *ret_id, struct mu_error *err)
{
	MU_CLEANUP(identity_deinit) struct identity id = {.key = NULL};
	MU_CLEANUP(mu_free) char *both = NULL;
	size_t len;

	if (read_text(dir, "identity.pem", &both, err) < 0 ||
	    read_text(dir, "ca.crt", &id.ca, err) < 0 ||
	    read_text(dir, "fleet-address", &id.address, err) < 0)
		return MU_FAILED;
	for (len = strlen(id.address); len && (unsigned char)id.address[len - 1] <= ' ';)
		id.address[--len] = '\0';
	if (split_pem(both, &id, err) < 0 || tls_cert_read(id.cert, &id.info, err) < 0 ||
	    tls_key_matches(id.cert, id.key, err) < 0)
		return mu_error_prefix(err, "%s; hint: enrol this host anew", dir);
	*ret_id = id;
	memset(&id, 0, sizeof id);
	return 0;
}

static int write_text(const char *dir, const char *name, const char *text, struct mu_error *err)
{
	char path[PATH_SIZE];

	return mu_file_replace(at(dir, name, path), text, strlen(text), 0600, err);
}

int identity_save_cert(const char *dir, const char *key, const char *cert, struct mu_error *err)
{
	MU_CLEANUP(mu_free) char *both = mu_xasprintf("%s%s", key, cert);

	return write_text(dir, "identity.pem", both, err);
}

int identity_save(const char *dir, const struct identity *id, struct mu_error *err)
{
	if (write_text(dir, "ca.crt", id->ca, err) < 0 ||
	    write_text(dir, "fleet-address", id->address, err) < 0)
		return MU_FAILED;
	return identity_save_cert(dir, id->key, id->cert, err);
}
