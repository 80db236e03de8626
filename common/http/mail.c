/* SPDX-License-Identifier: Apache-2.0 */
#include "common/http/mail.h"

#include "common/base/assert.h"
#include "common/base/mem.h"
#include "common/base/url.h"
#include "common/http/curl.h"

#include <curl/curl.h>
#include <stdint.h>
#include <string.h>

struct sending {
	const struct http_mail *mail;
	CURL *curl;
	struct curl_slist *to;
	size_t n_read;
	char why[CURL_ERROR_SIZE];
};

static size_t on_read(char *buf, size_t size, size_t n, void *arg)
{
	struct sending *s = arg;
	size_t left = s->mail->len - s->n_read;
	size_t len = size * n < left ? size * n : left;

	memcpy(buf, (const char *)s->mail->text + s->n_read, len);
	s->n_read += len;
	return len;
}

static int on_progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	const struct sending *s = arg;

	(void)a, (void)b, (void)c, (void)d;
	return mu_cancel_check(s->mail->cancel, NULL) < 0;
}

static void set_transport(struct sending *s)
{
	const struct http_mail *m = s->mail;
	struct curl_blob ca = {(void *)(uintptr_t)m->ca_pem, m->ca_pem ? strlen(m->ca_pem) : 0,
			       CURL_BLOB_COPY};

	(void)curl_easy_setopt(s->curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
	(void)curl_easy_setopt(s->curl, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(s->curl, CURLOPT_ERRORBUFFER, s->why);
	(void)curl_easy_setopt(s->curl, CURLOPT_URL, m->url);
	(void)curl_easy_setopt(s->curl, CURLOPT_TIMEOUT_MS, (long)m->timeout);
	/* Who gives a password or an authority wants them to mean something. */
	(void)curl_easy_setopt(s->curl, CURLOPT_USE_SSL,
			       m->user || m->ca_pem ? (long)CURLUSESSL_ALL : (long)CURLUSESSL_TRY);
	if (m->ca_pem) {
		(void)curl_easy_setopt(s->curl, CURLOPT_CAINFO_BLOB, &ca);
		(void)curl_easy_setopt(s->curl, CURLOPT_CAPATH, NULL);
	}
	(void)curl_easy_setopt(s->curl, CURLOPT_NOPROGRESS, 0L);
	(void)curl_easy_setopt(s->curl, CURLOPT_XFERINFOFUNCTION, on_progress);
	(void)curl_easy_setopt(s->curl, CURLOPT_XFERINFODATA, s);
}

static void add_to(struct sending *s, const char *address)
{
	s->to = curl_slist_append(s->to, address);
	mu_assert(s->to);
}

static void set_mail(struct sending *s)
{
	const struct http_mail *m = s->mail;

	for (size_t i = 0; i < m->n_to; i++)
		add_to(s, m->to[i]);
	(void)curl_easy_setopt(s->curl, CURLOPT_MAIL_FROM, m->from);
	(void)curl_easy_setopt(s->curl, CURLOPT_MAIL_RCPT, s->to);
	(void)curl_easy_setopt(s->curl, CURLOPT_MAIL_RCPT_ALLLOWFAILS, 1L); /* its spelling */
	if (m->user) {
		(void)curl_easy_setopt(s->curl, CURLOPT_USERNAME, m->user);
		(void)curl_easy_setopt(s->curl, CURLOPT_PASSWORD, m->password);
	}
	(void)curl_easy_setopt(s->curl, CURLOPT_UPLOAD, 1L);
	(void)curl_easy_setopt(s->curl, CURLOPT_READFUNCTION, on_read);
	(void)curl_easy_setopt(s->curl, CURLOPT_READDATA, s);
}

static int explain(const struct sending *s, CURLcode rc, struct mu_error *err)
{
	const char *why = s->why[0] ? s->why : curl_easy_strerror(rc);
	char origin[MU_URL_ORIGIN_TEXT];
	const char *url = mu_url_origin(s->mail->url, origin);
	long code = 0;

	if (mu_cancel_check(s->mail->cancel, err) < 0)
		return MU_FAILED;
	(void)curl_easy_getinfo(s->curl, CURLINFO_RESPONSE_CODE, &code);
	if (rc == CURLE_OPERATION_TIMEDOUT)
		return mu_error_set(err, MU_E_TIMEOUT, "no answer from %s in time", url);
	/* Not CURLE_LOGIN_DENIED: that is also a server that cannot say now (4xx). */
	if (code >= 500)
		return mu_error_set(err, MU_E_DENIED, "%s refused the mail: %s", url, why);
	return mu_error_set(err, MU_E_UNAVAILABLE, "%s: %s", url, why);
}

int http_mail_send(const struct http_mail *m, struct mu_error *err)
{
	struct sending s = {.mail = m};
	CURLcode rc;
	int r;

	http_curl_init();
	s.curl = curl_easy_init();
	mu_assert(s.curl);
	set_transport(&s);
	set_mail(&s);
	rc = curl_easy_perform(s.curl);
	r = rc == CURLE_OK ? 0 : explain(&s, rc, err);
	curl_easy_cleanup(s.curl);
	curl_slist_free_all(s.to);
	return r;
}
