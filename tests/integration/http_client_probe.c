/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One call of common/http/client.h for test_http_client.py. Prints the status, the content type,
 * the location and the body (or, of a stream, "line: " and each line), or "error CODE: text".
 *
 * usage: http_client_probe METHOD URL [option=value...]
 *	unix= ca= ca-pem-file= insecure= timeout= idle= max= body= header=Name:Value stream=LINES
 */
#include "common/base/assert.h"
#include "common/http/client.h"
#include "common/os/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct run {
	struct http_client_request request;
	struct http_client_header header;
	struct mu_str pem;
	long lines_max; /* 0: no stream */
	long n_lines;
};

static bool on_line(const char *line, void *ctx)
{
	struct run *run = ctx;

	printf("line: %s\n", line);
	return ++run->n_lines < run->lines_max;
}

static void set_header(struct run *run, char *value)
{
	char *colon = strchr(value, ':');

	mu_assert(colon);
	*colon = '\0';
	run->header = (struct http_client_header){value, colon + 1};
	run->request.headers = &run->header;
	run->request.n_headers = 1;
}

static void set_option(struct run *run, const char *name, char *value)
{
	struct http_client_request *rq = &run->request;

	if (strcmp(name, "unix") == 0)
		rq->unix_path = value;
	else if (strcmp(name, "ca") == 0)
		rq->ca_file = value;
	else if (strcmp(name, "ca-pem-file") == 0)
		mu_assert(mu_file_read(value, 65536, &run->pem, NULL) == 0);
	else if (strcmp(name, "insecure") == 0)
		rq->insecure = true;
	else if (strcmp(name, "timeout") == 0)
		rq->timeout = strtol(value, NULL, 10);
	else if (strcmp(name, "idle") == 0)
		rq->idle_timeout = strtol(value, NULL, 10);
	else if (strcmp(name, "max") == 0)
		rq->body_max = (size_t)strtol(value, NULL, 10);
	else if (strcmp(name, "header") == 0)
		set_header(run, value);
	else if (strcmp(name, "stream") == 0)
		run->lines_max = strtol(value, NULL, 10);
	else if (strcmp(name, "body") == 0) {
		rq->body = value;
		rq->body_len = strlen(value);
	} else
		mu_assert_unreachable();
	if (run->pem.len)
		rq->ca_pem = run->pem.data;
}

int main(int argc, char **argv)
{
	MU_CLEANUP(http_client_response_deinit)
	struct http_client_response response = HTTP_CLIENT_RESPONSE_INIT;
	struct mu_error err = MU_ERROR_INIT;
	struct run run = {0};
	int r;

	mu_assert(argc >= 3);
	run.request.method = argv[1];
	run.request.url = argv[2];
	for (int i = 3; i < argc; i++) {
		char *equals = strchr(argv[i], '=');

		mu_assert(equals);
		*equals = '\0';
		set_option(&run, argv[i], equals + 1);
	}
	r = run.lines_max ? http_client_stream(&run.request, on_line, &run, &response, &err)
			  : http_client_call(&run.request, &response, &err);
	mu_str_deinit(&run.pem);
	if (r < 0) {
		printf("error %s: %s\n", mu_error_name(err.code), err.text);
		return 1;
	}
	printf("status %d\ntype %s\nlocation %s\n%s", response.status,
	       response.content_type ? response.content_type : "-",
	       response.location ? response.location : "-",
	       response.body.data ? response.body.data : "");
	return 0;
}
