/* SPDX-License-Identifier: Apache-2.0 */
#include "common/http/client.h"

#include "common/base/assert.h"
#include "common/base/url.h"
#include "common/http/curl.h"
#include "common/os/clock.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum {
	TIMEOUT_DEFAULT_MS = 60000,
	BODY_MAX_DEFAULT = 64 * 1024 * 1024,
	LINE_MAX_BYTES = 4 * 1024 * 1024,
	HEADER_MAX_BYTES = 8192,
	HEADERS_MAX_BYTES = 65536,
};

struct transfer {
	const struct http_client_request *request;
	struct http_client_response *response;
	CURL *curl;
	struct curl_slist *headers;
	bool (*on_line)(const char *line, void *ctx); /* NULL: no stream */
	void *ctx;
	const struct http_client_bytes *bytes; /* NULL: none */
	int64_t read;                          /* of the body's file */
	curl_off_t moved;                      /* both ways, as seen last */
	struct mu_str line;
	mu_msec last_byte_at;
	bool stopped;
	bool too_large;
	bool idle;
	char why[CURL_ERROR_SIZE];
};

void http_client_response_deinit(struct http_client_response *r)
{
	free(r->location);
	free(r->content_type);
	mu_str_deinit(&r->headers);
	mu_str_deinit(&r->body);
	*r = (struct http_client_response)HTTP_CLIENT_RESPONSE_INIT;
}

static void init_curl(void)
{
	mu_assert(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
}

void http_curl_init(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	(void)pthread_once(&once, init_curl);
}

/* What comes back */

static void keep_header(const char *line, size_t len, const char *name, char **ret)
{
	size_t name_len = strlen(name);

	if (len <= name_len || strncasecmp(line, name, name_len) != 0)
		return;
	line += name_len;
	len -= name_len;
	while (len > 0 && (*line == ' ' || *line == '\t')) {
		line++;
		len--;
	}
	while (len > 0 && (line[len - 1] == '\r' || line[len - 1] == '\n'))
		len--;
	free(*ret);
	*ret = mu_xstrndup(line, len);
}

static size_t on_header(char *data, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	size_t len = size * n;

	if (len >= 5 && memcmp(data, "HTTP/", 5) == 0)
		mu_str_reset(&t->response->headers);
	if (t->response->headers.len + len <= HEADERS_MAX_BYTES)
		mu_str_add_bytes(&t->response->headers, data, len);
	if (len <= HEADER_MAX_BYTES) {
		keep_header(data, len, "location:", &t->response->location);
		keep_header(data, len, "content-type:", &t->response->content_type);
	}
	return len;
}

static bool is_stream(struct transfer *t)
{
	long status = 0;

	(void)curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
	return t->on_line && status >= 200 && status < 300;
}

/* false: enough. */
static bool take_lines(struct transfer *t, const char *data, size_t len)
{
	while (len > 0) {
		const char *end = memchr(data, '\n', len);
		size_t n = end ? (size_t)(end - data) : len;

		if (t->line.len + n > LINE_MAX_BYTES) {
			t->too_large = true;
			return false;
		}
		mu_str_add_bytes(&t->line, data, n);
		if (!end)
			return true;
		if (t->line.len > 0 && t->line.data[t->line.len - 1] == '\r')
			t->line.data[--t->line.len] = '\0';
		if (!t->on_line(t->line.data, t->ctx)) {
			t->stopped = true;
			return false;
		}
		mu_str_reset(&t->line);
		data += n + 1;
		len -= n + 1;
	}
	return true;
}

/* Is it what somebody takes in pieces? */
static bool is_wanted(struct transfer *t)
{
	long status = 0;

	(void)curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
	t->response->status = (int)status;
	return t->bytes && t->bytes->on_bytes && (status == 200 || status == 206);
}

static size_t on_data(char *data, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	size_t len = size * n;
	size_t max = t->request->body_max ? t->request->body_max : BODY_MAX_DEFAULT;

	t->last_byte_at = mu_clock_monotonic();
	if (is_wanted(t)) {
		t->stopped = !t->bytes->on_bytes(t->response, data, len, t->bytes->ctx);
		return t->stopped ? 0 : len;
	}
	if (is_stream(t))
		return take_lines(t, data, len) ? len : 0;
	if (t->response->body.len + len > max) {
		t->too_large = true;
		return 0;
	}
	mu_str_add_bytes(&t->response->body, data, len);
	return len;
}

/* About once a second: does somebody still want it; and the limits of a stream, which has none of
 * its own in libcurl. */
static int on_progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	struct transfer *t = arg;
	bool lasts = is_stream(t) || t->bytes;
	mu_msec limit = lasts ? t->request->idle_timeout : t->request->timeout;

	(void)a;
	(void)c;
	if (mu_cancel_check(t->request->cancel, NULL) < 0)
		return 1;
	if (!t->on_line && !t->bytes)
		return 0;
	if (b + d != t->moved) {
		t->moved = b + d;
		t->last_byte_at = mu_clock_monotonic();
		if (t->bytes && t->bytes->on_sent)
			t->bytes->on_sent(d, t->bytes->ctx);
	}
	if (limit <= 0)
		limit = lasts ? MU_MSEC_NEVER : TIMEOUT_DEFAULT_MS;
	t->idle = mu_clock_monotonic() - t->last_byte_at > limit;
	return t->idle ? 1 : 0;
}

/* What goes out */

static size_t on_read(char *buf, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	int64_t left = t->bytes->length - t->read;
	size_t want = size * n;
	ssize_t got;

	if (left < (int64_t)want)
		want = (size_t)left;
	got = pread(t->bytes->fd, buf, want, t->bytes->offset + t->read);
	/* A file that is shorter than it was: the server would wait for the rest. */
	if (got < 0 || (got == 0 && want > 0))
		return CURL_READFUNC_ABORT;
	t->read += got;
	return (size_t)got;
}

static void set_trust(struct transfer *t)
{
	const struct http_client_request *rq = t->request;
	struct curl_blob blob;

	if (rq->insecure) {
		(void)curl_easy_setopt(t->curl, CURLOPT_SSL_VERIFYPEER, 0L);
		(void)curl_easy_setopt(t->curl, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	if (rq->ca_file)
		(void)curl_easy_setopt(t->curl, CURLOPT_CAINFO, rq->ca_file);
	if (rq->ca_pem) {
		blob.data = (void *)(uintptr_t)rq->ca_pem;
		blob.len = strlen(rq->ca_pem);
		blob.flags = CURL_BLOB_COPY;
		(void)curl_easy_setopt(t->curl, CURLOPT_CAINFO_BLOB, &blob);
	}
	/* A private authority stands alone: not beside the system's. */
	if (rq->ca_file || rq->ca_pem)
		(void)curl_easy_setopt(t->curl, CURLOPT_CAPATH, NULL);
}

static void set_request(struct transfer *t)
{
	const struct http_client_request *rq = t->request;

	for (size_t i = 0; i < rq->n_headers; i++) {
		char *line = mu_xasprintf("%s: %s", rq->headers[i].name, rq->headers[i].value);

		t->headers = curl_slist_append(t->headers, line);
		mu_assert(t->headers);
		free(line);
	}
	(void)curl_easy_setopt(t->curl, CURLOPT_HTTPHEADER, t->headers);
	if (rq->user) {
		(void)curl_easy_setopt(t->curl, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
		(void)curl_easy_setopt(t->curl, CURLOPT_USERNAME, rq->user);
		(void)curl_easy_setopt(t->curl, CURLOPT_PASSWORD, rq->password);
	}
	(void)curl_easy_setopt(t->curl, CURLOPT_URL, rq->url);
	if (t->bytes && t->bytes->fd >= 0) {
		(void)curl_easy_setopt(t->curl, CURLOPT_UPLOAD, 1L);
		(void)curl_easy_setopt(t->curl, CURLOPT_INFILESIZE_LARGE,
				       (curl_off_t)t->bytes->length);
		(void)curl_easy_setopt(t->curl, CURLOPT_READFUNCTION, on_read);
		(void)curl_easy_setopt(t->curl, CURLOPT_READDATA, t);
	} else if (rq->body) {
		(void)curl_easy_setopt(t->curl, CURLOPT_POSTFIELDSIZE_LARGE,
				       (curl_off_t)rq->body_len);
		(void)curl_easy_setopt(t->curl, CURLOPT_POSTFIELDS, rq->body);
	} else if (rq->method && strcmp(rq->method, "POST") == 0) {
		(void)curl_easy_setopt(t->curl, CURLOPT_POSTFIELDSIZE, 0L);
		(void)curl_easy_setopt(t->curl, CURLOPT_POSTFIELDS, "");
	}
	if (rq->method && strcmp(rq->method, "HEAD") == 0)
		(void)curl_easy_setopt(t->curl, CURLOPT_NOBODY, 1L);
	else if (rq->method)
		(void)curl_easy_setopt(t->curl, CURLOPT_CUSTOMREQUEST, rq->method);
}

static void set_transport(struct transfer *t)
{
	const struct http_client_request *rq = t->request;

	(void)curl_easy_setopt(t->curl, CURLOPT_PROTOCOLS_STR, "http,https");
	(void)curl_easy_setopt(t->curl, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(t->curl, CURLOPT_ERRORBUFFER, t->why);
	(void)curl_easy_setopt(t->curl, CURLOPT_USERAGENT, "muster/" MUSTER_VERSION);
	if (rq->unix_path) {
		(void)curl_easy_setopt(t->curl, CURLOPT_UNIX_SOCKET_PATH, rq->unix_path);
		(void)curl_easy_setopt(t->curl, CURLOPT_NOPROXY, "*");
	}
	(void)curl_easy_setopt(t->curl, CURLOPT_CONNECTTIMEOUT_MS,
			       (long)(rq->timeout > 0 ? rq->timeout : TIMEOUT_DEFAULT_MS));
	if (!t->on_line && !t->bytes)
		(void)curl_easy_setopt(t->curl, CURLOPT_TIMEOUT_MS,
				       (long)(rq->timeout > 0 ? rq->timeout : TIMEOUT_DEFAULT_MS));
	(void)curl_easy_setopt(t->curl, CURLOPT_HEADERFUNCTION, on_header);
	(void)curl_easy_setopt(t->curl, CURLOPT_HEADERDATA, t);
	(void)curl_easy_setopt(t->curl, CURLOPT_WRITEFUNCTION, on_data);
	(void)curl_easy_setopt(t->curl, CURLOPT_WRITEDATA, t);
	if (t->bytes) /* uploads are taken over nothing newer */
		(void)curl_easy_setopt(t->curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	if (t->on_line || t->bytes || rq->cancel) {
		(void)curl_easy_setopt(t->curl, CURLOPT_NOPROGRESS, 0L);
		(void)curl_easy_setopt(t->curl, CURLOPT_XFERINFOFUNCTION, on_progress);
		(void)curl_easy_setopt(t->curl, CURLOPT_XFERINFODATA, t);
	}
}

static int cannot_connect(struct transfer *t, struct mu_error *err)
{
	const struct http_client_request *rq = t->request;
	char origin[MU_URL_ORIGIN_TEXT];
	long os_errno = 0;

	(void)curl_easy_getinfo(t->curl, CURLINFO_OS_ERRNO, &os_errno);
	if (!rq->unix_path)
		return mu_error_set(err, MU_E_UNAVAILABLE, "cannot connect to %s: %s",
				    mu_url_origin(rq->url, origin), t->why);
	return mu_error_set(err, MU_E_UNAVAILABLE,
			    "cannot connect to the socket %s: %s; hint: is the daemon running, and "
			    "may you use its socket",
			    rq->unix_path, os_errno ? strerror((int)os_errno) : t->why);
}

static int explain(struct transfer *t, CURLcode rc, struct mu_error *err)
{
	char origin[MU_URL_ORIGIN_TEXT];
	const char *url = mu_url_origin(t->request->url, origin);

	if (!t->why[0])
		(void)snprintf(t->why, sizeof t->why, "%s", curl_easy_strerror(rc));
	if (mu_cancel_check(t->request->cancel, err) < 0)
		return MU_FAILED;
	if (t->too_large)
		return mu_error_set(err, MU_E_TOO_LARGE, "the response of %s is too large", url);
	if (t->idle || rc == CURLE_OPERATION_TIMEDOUT)
		return mu_error_set(err, MU_E_TIMEOUT, "no answer from %s in time", url);
	if (rc == CURLE_COULDNT_CONNECT || rc == CURLE_COULDNT_RESOLVE_HOST ||
	    rc == CURLE_COULDNT_RESOLVE_PROXY)
		return cannot_connect(t, err);
	if (rc == CURLE_PEER_FAILED_VERIFICATION)
		return mu_error_set(err, MU_E_DENIED,
				    "the certificate of %s is not trusted: %s; hint: give the file "
				    "of the authority that signed it",
				    url, t->why);
	if (rc == CURLE_SSL_CACERT_BADFILE)
		return mu_error_set(err, MU_E_INVALID, "cannot use the authority's file: %s",
				    t->why);
	if (rc == CURLE_URL_MALFORMAT || rc == CURLE_UNSUPPORTED_PROTOCOL)
		return mu_error_set(err, MU_E_INVALID, "\"%s\" is not a URL that can be used", url);
	t->response->broken = true;
	return mu_error_set(err, MU_E_UNAVAILABLE, "%s: %s", url, t->why);
}

static int run(struct transfer *t, struct mu_error *err)
{
	long status = 0;
	CURLcode rc;

	http_curl_init();
	*t->response = (struct http_client_response)HTTP_CLIENT_RESPONSE_INIT;
	t->curl = curl_easy_init();
	mu_assert(t->curl);
	t->last_byte_at = mu_clock_monotonic();
	set_transport(t);
	set_trust(t);
	set_request(t);
	rc = curl_easy_perform(t->curl);
	(void)curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
	t->response->status = (int)status;
	if (rc != CURLE_OK && !t->stopped)
		(void)explain(t, rc, err);
	curl_easy_cleanup(t->curl);
	curl_slist_free_all(t->headers);
	mu_str_deinit(&t->line);
	return rc == CURLE_OK || t->stopped ? 0 : MU_FAILED;
}

int http_client_call(const struct http_client_request *request,
		     struct http_client_response *ret_response, struct mu_error *err)
{
	struct transfer t = {.request = request, .response = ret_response};

	return run(&t, err);
}

int http_client_stream(const struct http_client_request *request,
		       bool (*on_line)(const char *line, void *ctx), void *ctx,
		       struct http_client_response *ret_response, struct mu_error *err)
{
	struct transfer t = {
	    .request = request,
	    .response = ret_response,
	    .on_line = on_line,
	    .ctx = ctx,
	};

	return run(&t, err);
}

int http_client_move(const struct http_client_request *request,
		     const struct http_client_bytes *bytes,
		     struct http_client_response *ret_response, struct mu_error *err)
{
	struct transfer t = {.request = request, .response = ret_response, .bytes = bytes};

	return run(&t, err);
}

void http_client_header(const struct http_client_response *response, const char *name, char *ret,
			size_t size)
{
	size_t len = strlen(name);
	const char *p = response->headers.data ? response->headers.data : "";

	ret[0] = '\0';
	for (; *p; p += strcspn(p, "\n"), p += *p == '\n') {
		const char *value = p + len + 1;

		if (strncasecmp(p, name, len) != 0 || p[len] != ':')
			continue;
		value += strspn(value, " \t");
		(void)snprintf(ret, size, "%.*s", (int)strcspn(value, "\r\n"), value);
	}
}
