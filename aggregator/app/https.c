/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whoever renews a certificate writes two files, one after the other: between the two they do not
 * belong together. That is told, and looked at again when either changes.
 */
#include "aggregator/app/https.h"

#include "aggregator/app/app.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/log/log.h"
#include "common/os/clock.h"
#include "common/os/file.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { LOOK_EVERY_MS = 10 * 1000 };

/* A file as it was looked at; all zero when it was not there. */
struct seen {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec changed;
};

struct https {
	struct app *app;
	struct mu_timer *timer;
	struct seen cert;
	struct seen key;
};

void https_files_deinit(struct https_files *f)
{
	free(f->cert_path);
	free(f->key_path);
	free(f->cert);
	free(f->key);
}

static int read_pem(const char *path, char **ret, struct mu_error *err)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str s = MU_STR_INIT;

	if (mu_file_read(path, TLS_PEM_MAX, &s, err) < 0)
		return mu_error_prefix(err, "%s", path);
	*ret = mu_str_take(&s);
	return 0;
}

static int read_both(struct https_files *f, struct mu_error *err)
{
	return read_pem(f->cert_path, &f->cert, err) < 0 ? MU_FAILED
							 : read_pem(f->key_path, &f->key, err);
}

int https_own_files(struct app *app, const char *name, struct https_files *ret, bool *ret_issued,
		    struct mu_error *err)
{
	MU_CLEANUP(mu_free) char *names = options_alt_names(app->options);

	if (ca_server_cert(app->ca, name, names, mu_clock_wall(), &ret->cert_path, &ret->key_path,
			   ret_issued, err) < 0)
		return MU_FAILED;
	return read_both(ret, err);
}

static int given_files(const struct app_options *o, struct https_files *ret, struct mu_error *err)
{
	ret->cert_path = mu_xstrdup(o->cert);
	ret->key_path = mu_xstrdup(o->key);
	if (read_both(ret, err) < 0)
		return MU_FAILED;
	if (tls_key_matches(ret->cert, ret->key, err) < 0)
		return mu_error_prefix(err, "%s and %s", o->cert, o->key);
	return 0;
}

static int check_dates(const struct https_files *f, struct mu_error *err)
{
	mu_msec now = mu_clock_wall();
	struct tls_cert_info info;

	if (tls_cert_read(f->cert, &info, err) < 0)
		return mu_error_prefix(err, "%s", f->cert_path);
	if (info.not_after <= now)
		return mu_error_set(err, MU_E_INVALID,
				    "%s: the certificate has expired; hint: renew it",
				    f->cert_path);
	if (info.not_before > now)
		return mu_error_set(err, MU_E_INVALID,
				    "%s: the certificate is not valid yet; hint: look at the clock "
				    "of this machine",
				    f->cert_path);
	return 0;
}

int https_files(struct app *app, struct https_files *ret, bool *ret_issued, struct mu_error *err)
{
	struct mu_error date = MU_ERROR_INIT;

	if (!app->options->cert)
		return https_own_files(app, "server", ret, ret_issued, err);
	if (given_files(app->options, ret, err) < 0)
		return MU_FAILED;
	if (ret_issued) {
		*ret_issued = true;
		return check_dates(ret, err);
	}
	/* Better served with this one than not at all: agents do not depend on it. */
	if (check_dates(ret, &date) < 0)
		mu_log_error("HTTPS begins with a certificate that nobody trusts err=\"%s\"",
			     date.text);
	return 0;
}

/* --- while serving --- */

void https_renew(struct app *app, struct mu_error *err)
{
	MU_CLEANUP(https_files_deinit) struct https_files files = {0};
	bool issued;

	if (https_files(app, &files, &issued, err) < 0 || !issued ||
	    http_tls_renewed(app->http, files.cert_path, files.key_path, err) < 0)
		return;
	mu_log_info("certificate renewed name=server file=%s", files.cert_path);
}

static struct seen look(const char *path)
{
	struct seen seen = {0};
	struct stat st;

	if (stat(path, &st) == 0)
		seen = (struct seen){st.st_dev, st.st_ino, st.st_size, st.st_mtim};
	return seen;
}

static bool same(const struct seen *a, const struct seen *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	       a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

static void on_look(void *ctx)
{
	struct https *h = ctx;
	const struct app_options *o = h->app->options;
	struct seen cert = look(o->cert);
	struct seen key = look(o->key);
	struct mu_error err = MU_ERROR_INIT;

	mu_timer_set(h->timer, LOOK_EVERY_MS);
	if (same(&cert, &h->cert) && same(&key, &h->key))
		return;
	h->cert = cert;
	h->key = key;
	https_renew(h->app, &err);
	if (err.code != MU_E_NONE)
		mu_log_error("the new certificate is not taken over, the old one goes on "
			     "err=\"%s\"",
			     err.text);
}

void https_watch(struct app *app)
{
	const struct app_options *o = app->options;
	struct https *h;

	if (!o->cert)
		return;
	h = app->https = mu_xcalloc(1, sizeof *h);
	h->app = app;
	h->cert = look(o->cert);
	h->key = look(o->key);
	h->timer = mu_timer_new(app->loop, on_look, h);
	mu_timer_set(h->timer, LOOK_EVERY_MS);
}

struct https *https_free(struct https *h)
{
	if (!h)
		return NULL;
	mu_timer_free(h->timer);
	free(h);
	return NULL;
}
