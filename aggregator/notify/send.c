/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/notify/send.h"

#include "common/base/url.h"
#include "common/http/client.h"
#include "common/http/mail.h"
#include "common/tls/tls.h"

#include <stdio.h>

enum { TIMEOUT_MS = 10 * 1000, ANSWER_MAX = 65536, HEADERS_MAX = 3 };

static enum notify_outcome judge(int status)
{
	if (status >= 200 && status < 300)
		return NOTIFY_SENT;
	/* What a server says for now. */
	return status == 408 || status == 429 || status >= 500 ? NOTIFY_LATER : NOTIFY_NEVER;
}

static void send_webhook(struct send *s)
{
	MU_CLEANUP(http_client_response_deinit)
	struct http_client_response response = HTTP_CLIENT_RESPONSE_INIT;
	char hmac[TLS_FINGERPRINT_TEXT];
	char signature[sizeof hmac + sizeof "sha256="];
	char id[MU_UUID_TEXT];
	char origin[MU_URL_ORIGIN_TEXT];
	struct http_client_header headers[HEADERS_MAX] = {
	    {"Content-Type", "application/json"},
	    {"X-Muster-Delivery", mu_uuid_format(&s->delivery, id)},
	    {"X-Muster-Signature", signature},
	};
	const struct http_client_request request = {
	    .method = "POST",
	    .url = s->target.url,
	    .headers = headers,
	    .n_headers = s->target.secret[0] ? HEADERS_MAX : HEADERS_MAX - 1,
	    .body = s->text.data,
	    .body_len = s->text.len,
	    .ca_pem = s->target.ca[0] ? s->target.ca : NULL,
	    .timeout = TIMEOUT_MS,
	    .body_max = ANSWER_MAX,
	    .cancel = &s->job.cancel,
	};

	tls_hmac_sha256_hex(s->target.secret, s->text.data, s->text.len, hmac);
	(void)snprintf(signature, sizeof signature, "sha256=%s", hmac);
	s->outcome = NOTIFY_LATER;
	/* Whatever it says at length beside its status: nobody reads it. */
	if (http_client_call(&request, &response, &s->err) < 0 && s->err.code != MU_E_TOO_LARGE)
		return;
	s->outcome = judge(response.status);
	if (s->outcome != NOTIFY_SENT)
		mu_error_set(&s->err, MU_E_UNAVAILABLE, "%s answers %d",
			     mu_url_origin(s->target.url, origin), response.status);
}

static void send_mail(struct send *s)
{
	const char *to[NOTIFY_TO_MAX];
	const struct http_mail mail = {
	    .url = s->target.url,
	    .user = s->target.user[0] ? s->target.user : NULL,
	    .password = s->target.secret,
	    .ca_pem = s->target.ca[0] ? s->target.ca : NULL,
	    .from = s->target.from,
	    .to = to,
	    .n_to = s->target.n_to,
	    .text = s->text.data,
	    .len = s->text.len,
	    .timeout = TIMEOUT_MS,
	    .cancel = &s->job.cancel,
	};

	for (size_t i = 0; i < s->target.n_to; i++)
		to[i] = s->target.to[i];
	s->outcome = NOTIFY_SENT;
	if (http_mail_send(&mail, &s->err) == 0)
		return;
	s->outcome = s->err.code == MU_E_DENIED ? NOTIFY_NEVER : NOTIFY_LATER;
}

static void run(struct mu_job *j)
{
	struct send *s = MU_CONTAINER_OF(j, struct send, job);

	if (s->target.type == NOTIFY_MAIL)
		send_mail(s);
	else
		send_webhook(s);
	if (s->outcome != NOTIFY_SENT)
		s->err.code = MU_E_UNAVAILABLE; /* whoever asks for a test may do so */
}

static void done(struct mu_job *j)
{
	struct send *s = MU_CONTAINER_OF(j, struct send, job);

	s->done(s);
}

static void not_started(void *ctx)
{
	struct send *s = ctx;

	s->done(s);
}

void send_start(struct send *s, struct mu_loop *loop)
{
	s->job = (struct mu_job){.run = run, .done = done};
	s->outcome = NOTIFY_LATER;
	if (mu_job_start(&s->job, loop, &s->err) < 0)
		mu_loop_post(loop, not_started, s);
}

void send_cancel(struct send *s)
{
	mu_job_cancel(&s->job);
}

void send_deinit(struct send *s)
{
	mu_str_deinit(&s->text);
}
