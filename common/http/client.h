/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An HTTP client for programs that may wait: the command line, and enrolment (on a work thread).
 * libcurl is hidden in client.c. Blocking; any thread but the loop's; every call is independent.
 */
#ifndef MUSTER_HTTP_CLIENT_H
#define MUSTER_HTTP_CLIENT_H

#include "common/base/error.h"
#include "common/base/str.h"
#include "common/base/time.h"
#include "common/os/cancel.h"

struct http_client_header {
	const char *name;
	const char *value;
};

struct http_client_request {
	const char *method;    /* NULL: GET */
	const char *url;       /* "https://host:port/path?query" */
	const char *unix_path; /* a Unix socket; the URL's host is then only a name */
	const struct http_client_header *headers;
	size_t n_headers;
	const char *user; /* Basic authentication; NULL: none */
	const char *password;
	const void *body; /* NULL: none; its type is a header of the caller's */
	size_t body_len;
	/* Whom to trust: a PEM file, PEM text, or (both NULL) the system's authorities. */
	const char *ca_file;
	const char *ca_pem;
	bool insecure;        /* trust anybody: only to fetch what is checked by other means */
	mu_msec timeout;      /* of the whole call; of a stream: until it begins. 0: 60 s */
	mu_msec idle_timeout; /* of a stream: no byte for so long ends it. 0: none */
	size_t body_max;      /* of the response; 0: 64 MiB */
	/* Looked at about once a second: MU_E_CANCELLED. NULL: nobody can cancel. */
	const struct mu_cancel *cancel;
};

struct http_client_response {
	int status;
	bool broken;           /* failed when the connection stood: the request may have arrived */
	char *location;        /* NULL when absent */
	char *content_type;    /* NULL when absent */
	struct mu_str headers; /* of the last response, a line each; http_client_header() */
	struct mu_str body;
};

#define HTTP_CLIENT_RESPONSE_INIT                                                                  \
	{                                                                                          \
		.status = 0, .broken = false, .location = NULL, .content_type = NULL,              \
		.headers = MU_STR_INIT, .body = MU_STR_INIT                                        \
	}

void http_client_response_deinit(struct http_client_response *response);
static inline void http_client_response_deinit_cleanup(struct http_client_response *response)
{
	http_client_response_deinit(response);
}

/* 0 when there was a response, whatever its status. MU_E_UNAVAILABLE: nobody answers there;
 * MU_E_TIMEOUT; MU_E_DENIED: the server's certificate is not trusted; MU_E_TOO_LARGE; MU_E_INVALID:
 * the URL; MU_E_CANCELLED. The text has the URL's scheme and host only. *ret_response is to be
 * deinitialised in any case. */
int http_client_call(const struct http_client_request *request,
		     struct http_client_response *ret_response, struct mu_error *err);

/* As http_client_call(), but each line of a 2xx response goes to on_line() as it comes, without its
 * line end; false from it ends the call with 0. Other responses are collected as above. 0 also when
 * the server ends the stream. */
int http_client_stream(const struct http_client_request *request,
		       bool (*on_line)(const char *line, void *ctx), void *ctx,
		       struct http_client_response *ret_response, struct mu_error *err);

/* The value of a response's header, cut to `size`; "" when it is absent. */
void http_client_header(const struct http_client_response *response, const char *name, char *ret,
			size_t size);

/* As http_client_call(), for what is too large to be held. `timeout` is until the connection
 * stands, `idle_timeout` the longest silence. */
struct http_client_bytes {
	/* The request's body: `length` bytes of a file from `offset` on; -1: none. */
	int fd;
	int64_t offset;
	int64_t length;
	/* Pieces of the body of a 200 or 206; others are collected. False ends it, with 0. NULL:
	 * all are collected. */
	bool (*on_bytes)(const struct http_client_response *so_far, const void *data, size_t len,
			 void *ctx);
	/* Now and then: how many bytes went. NULL: nobody asks. */
	void (*on_sent)(int64_t n, void *ctx);
	void *ctx;
};
int http_client_move(const struct http_client_request *request,
		     const struct http_client_bytes *bytes,
		     struct http_client_response *ret_response, struct mu_error *err);

#endif
