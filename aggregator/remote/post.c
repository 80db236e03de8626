/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/remote/post.h"

#include "common/compress/compress.h"
#include "common/http/client.h"
#include "common/os/file.h"

#include <stdio.h>
#include <string.h>

enum { SECRET_MAX = 4096, ANSWER_MAX = 64 << 10 };

/* The first line of a file. */
static int read_secret(const char *path, struct mu_str *ret, struct mu_error *err)
{
	if (mu_file_read(path, SECRET_MAX, ret, err) < 0)
		return MU_FAILED;
	ret->len = ret->len > 0 ? strcspn(ret->data, "\r\n") : 0;
	if (ret->len == 0)
		return mu_error_set(err, MU_E_INVALID, "%s is empty", path);
	ret->data[ret->len] = '\0';
	return 0;
}

static void take_answer(struct post *p, const struct http_client_response *r)
{
	char text[32];
	uint64_t seconds;

	p->status = r->status;
	http_client_header(r, "Retry-After", text, sizeof text);
	if (mu_parse_u64(text, &seconds) && seconds < 86400)
		p->asked = MU_SEC(seconds);
	mu_utf8_sanitize(p->answer, sizeof p->answer - 1, r->body.data ? r->body.data : "",
			 r->body.len);
}

static int call(struct post *p, const char *secret, struct mu_error *err)
{
	const struct remote_target *t = p->target;
	MU_CLEANUP(mu_free) char *bearer = t->token_file ? mu_xasprintf("Bearer %s", secret) : NULL;
	MU_CLEANUP(http_client_response_deinit)
	struct http_client_response answer = HTTP_CLIENT_RESPONSE_INIT;
	const struct http_client_header headers[] = {
	    {"Content-Type", "application/x-protobuf"},
	    {"Content-Encoding", "snappy"},
	    {"X-Prometheus-Remote-Write-Version", "0.1.0"},
	    {"Expect", ""}, /* no "100-continue" to wait for */
	    {"Authorization", bearer},
	};
	const struct http_client_request request = {
	    .method = "POST",
	    .url = t->url,
	    .headers = headers,
	    .n_headers = MU_ARRAY_SIZE(headers) - (bearer ? 0 : 1),
	    .user = t->user,
	    .password = t->user ? secret : NULL,
	    .body = p->block.data,
	    .body_len = p->block.len,
	    .ca_file = t->ca_file,
	    .timeout = t->timeout,
	    .body_max = ANSWER_MAX,
	    .cancel = &p->job.cancel,
	};

	if (http_client_call(&request, &answer, err) < 0)
		return MU_FAILED;
	take_answer(p, &answer);
	return 0;
}

static void run(struct mu_job *job)
{
	struct post *p = MU_CONTAINER_OF(job, struct post, job);
	const char *file = p->target->user ? p->target->password_file : p->target->token_file;
	MU_CLEANUP(mu_str_deinit) struct mu_str secret = MU_STR_INIT;

	if (p->block.len == 0)
		compress_snappy(p->bytes->data, p->bytes->len, &p->block);
	if (!file || read_secret(file, &secret, &p->err) == 0)
		(void)call(p, secret.data, &p->err);
}

static void ran(struct mu_job *job)
{
	struct post *p = MU_CONTAINER_OF(job, struct post, job);

	p->done(p);
}

void post_renew(struct post *p)
{
	mu_str_reset(&p->block);
}

int post_start(struct post *p, struct mu_loop *loop, struct mu_error *err)
{
	p->status = 0;
	p->asked = 0;
	p->answer[0] = '\0';
	mu_error_clear(&p->err);
	p->job = (struct mu_job){.run = run, .done = ran};
	return mu_job_start(&p->job, loop, err);
}

void post_cancel(struct post *p)
{
	mu_job_cancel(&p->job);
}

void post_deinit(struct post *p)
{
	mu_str_deinit(&p->block);
}
