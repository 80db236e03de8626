/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a request out of the library, which has parsed its headers. */
#include "common/base/str.h"
#include "common/http/stream.h"

#include <ctype.h>
#include <string.h>

static char *copy_token(struct http_stream *s, enum lws_token_indexes token)
{
	int len = lws_hdr_total_length(s->wsi, token);
	char *text;

	if (len <= 0)
		return NULL;
	text = mu_arena_alloc(s->x->request.arena, (size_t)len + 1);
	return lws_hdr_copy(s->wsi, text, len + 1, token) < 0 ? NULL : text;
}

/* A header that the library has no number for, or that has one on HTTP/1.1 only. */
static void copy_custom(struct http_stream *s, const char *name, size_t max)
{
	char key[32];
	MU_CLEANUP(mu_free) char *value = mu_xmalloc(max);

	(void)snprintf(key, sizeof key, "%s:", name);
	if (lws_hdr_custom_copy(s->wsi, value, (int)max, key, (int)strlen(key)) > 0)
		http_exchange_header(s->x, name, value);
}

static void copy_headers(struct http_stream *s)
{
	static const struct {
		enum lws_token_indexes token;
		const char *name;
	} known[] = {
	    {WSI_TOKEN_HTTP_AUTHORIZATION, "authorization"},
	    {WSI_TOKEN_HTTP_COOKIE, "cookie"},
	    {WSI_TOKEN_HTTP_ACCEPT, "accept"},
	    {WSI_TOKEN_HTTP_CONTENT_TYPE, "content-type"},
	    {WSI_TOKEN_HTTP_IF_MATCH, "if-match"},
	    {WSI_TOKEN_HTTP_IF_NONE_MATCH, "if-none-match"},
	    {WSI_TOKEN_HTTP_USER_AGENT, "user-agent"},
	    {WSI_TOKEN_HTTP_RANGE, "range"},
	    {WSI_TOKEN_HTTP_IF_RANGE, "if-range"},
	    {WSI_TOKEN_ORIGIN, "origin"},
	    {WSI_TOKEN_HOST, "host"},
	};
	static const struct {
		const char *name;
		size_t max;
	} others[] = {
	    {"last-event-id", 64}, {"tus-resumable", 32},     {"upload-length", 32},
	    {"upload-offset", 32}, {"upload-metadata", 4096}, {"idempotency-key", 256},
	};
	const char *authority;

	for (size_t i = 0; i < MU_ARRAY_SIZE(known); i++) {
		const char *text = copy_token(s, known[i].token);

		if (text)
			http_exchange_header(s->x, known[i].name, text);
	}
	/* HTTP/2 says it in another place. */
	authority = copy_token(s, WSI_TOKEN_HTTP_COLON_AUTHORITY);
	if (authority && !http_request_header(&s->x->request, "host"))
		http_exchange_header(s->x, "host", authority);
	for (size_t i = 0; i < MU_ARRAY_SIZE(others); i++)
		copy_custom(s, others[i].name, others[i].max);
}

static void encode(struct mu_str *out, const char *text, size_t len, const char *keep)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c && (isalnum(c) || strchr(keep, c)))
			mu_str_add_char(out, (char)c);
		else
			mu_str_printf(out, "%%%02X", c);
	}
}

/* The library hands out the path and each "name=value" decoded; put them together again so that
 * one decoder, ours, is in charge of what is acceptable. */
static int copy_target(struct http_stream *s, const char *path, size_t path_len,
		       struct mu_error *err)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str target = MU_STR_INIT;
	char pair[HTTP_HEADERS_MAX];

	encode(&target, path, path_len, "/-._~");
	for (int i = 0; lws_hdr_fragment_length(s->wsi, WSI_TOKEN_HTTP_URI_ARGS, i) > 0; i++) {
		int n =
		    lws_hdr_copy_fragment(s->wsi, pair, sizeof pair, WSI_TOKEN_HTTP_URI_ARGS, i);
		size_t name_len;

		if (n < 0)
			break;
		name_len = strcspn(pair, "=");
		mu_str_add_char(&target, i == 0 ? '?' : '&');
		encode(&target, pair, name_len, "-._~");
		if (pair[name_len] == '=') {
			mu_str_add_char(&target, '=');
			encode(&target, pair + name_len + 1, (size_t)n - name_len - 1, "-._~");
		}
	}
	return http_exchange_target(s->x, target.data ? target.data : "", err);
}

static const char *method_name(struct lws *wsi)
{
	static const struct {
		enum lws_token_indexes token;
		const char *name;
	} table[] = {
	    {WSI_TOKEN_GET_URI, "GET"},         {WSI_TOKEN_HEAD_URI, "HEAD"},
	    {WSI_TOKEN_POST_URI, "POST"},       {WSI_TOKEN_PUT_URI, "PUT"},
	    {WSI_TOKEN_PATCH_URI, "PATCH"},     {WSI_TOKEN_DELETE_URI, "DELETE"},
	    {WSI_TOKEN_OPTIONS_URI, "OPTIONS"},
	};

	for (size_t i = 0; i < MU_ARRAY_SIZE(table); i++)
		if (lws_hdr_total_length(wsi, table[i].token) > 0)
			return table[i].name;
	return "";
}

/* Decide about the body: 0, or an HTTP status to refuse with. */
static int plan_body(struct http_stream *s, const char *method, struct mu_error *err)
{
	const char *length = copy_token(s, WSI_TOKEN_HTTP_CONTENT_LENGTH);
	bool may_have = strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 ||
			strcmp(method, "PATCH") == 0;
	uint64_t n = 0;
	bool is_number = !length || mu_parse_u64(length, &n);

	s->body_follows = length ? n > 0 : may_have;
	if (lws_hdr_total_length(s->wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING) > 0 ||
	    (s->h2 && may_have && !length && http_request_header(&s->x->request, "content-type"))) {
		(void)mu_error_set(err, MU_E_INVALID,
				   "a body without Content-Length is not accepted; hint: send its "
				   "length");
		return 411;
	}
	if (!is_number) {
		(void)mu_error_set(err, MU_E_INVALID, "the Content-Length is not a number");
		return 400;
	}
	s->body_len = n;
	s->x->request.body_total = n;
	s->close_after = may_have && !length && !s->h2;
	return 0;
}

/* The library decodes %0A in the request line and takes it for its end: what follows would be a
 * header that whoever made the URL chose. Such a line has lost its version. */
static int check_version(struct http_stream *s, struct mu_error *err)
{
	const char *version = s->h2 ? NULL : copy_token(s, WSI_TOKEN_HTTP);

	s->x->chunked = version && strcmp(version, "HTTP/1.1") == 0;
	if (s->h2 || (version && mu_str_has_prefix(version, "HTTP/1.")))
		return 0;
	return mu_error_set(err, MU_E_INVALID, "the request line is malformed");
}

/* Now that all else is known: is it held here, or does somebody take it piece by piece? */
static int plan_pieces(struct http_stream *s, struct mu_error *err)
{
	const struct http_server_options *o = &s->server->options;

	s->in_pieces = s->body_len > 0 && o->streams && o->streams(&s->x->request, o->ctx);
	if (!s->in_pieces && s->body_len > o->body_max) {
		(void)mu_error_set(err, MU_E_TOO_LARGE,
				   "the body has %llu bytes, more than the %zu that are accepted",
				   (unsigned long long)s->body_len, o->body_max);
		return 413;
	}
	/* The library does not let us hold back one stream of a connection. */
	if (s->in_pieces && s->h2) {
		(void)mu_error_set(err, MU_E_UNSUPPORTED,
				   "uploads are taken over HTTP/1.1 only; hint: curl --http1.1");
		return 505;
	}
	return 0;
}

int http_intake(struct http_stream *s, const char *path, size_t path_len, struct mu_error *err)
{
	const char *method = method_name(s->wsi);
	int status;

	s->x->request.method = http_method_parse(method, &s->x->request.head);
	copy_headers(s);
	status = plan_body(s, method, err);
	if (status == 0 && (check_version(s, err) < 0 || copy_target(s, path, path_len, err) < 0))
		status = 400;
	return status ? status : plan_pieces(s, err);
}
