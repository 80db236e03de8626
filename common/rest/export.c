/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is being made is counted as long as there is a request, which does not outlive `rest`. What
 * is made and long is sent in pieces, and its bytes are counted until the last of them is.
 */
#include "common/rest/export.h"

#include "common/base/str.h"

#include <stdlib.h>

enum { PIECE_MAX = 64 << 10 };

/* A long answer, and who reads it. */
struct sending {
	struct rest *rest;
	struct mu_str text;
	size_t sent;
	struct http_out *out;
};

static void on_gone(void *ctx)
{
	struct export *e = ctx;

	e->request = NULL;
	e->rest->n_exports--;
}

int export_check_room(const struct rest *rest, struct mu_error *err)
{
	if (rest->n_exports >= EXPORTS_MAX)
		return mu_error_set(err, MU_E_UNAVAILABLE,
				    "%d answers of this kind are on their way already; hint: ask "
				    "again in a moment",
				    EXPORTS_MAX);
	if (rest->n_export_bytes > EXPORTS_HELD_MAX)
		return mu_error_set(err, MU_E_UNAVAILABLE,
				    "more than %d MiB of answers of this kind wait for those who "
				    "read them; hint: ask again in a moment",
				    EXPORTS_HELD_MAX >> 20);
	return 0;
}

struct http_reply *export_begin(struct rest_call *c, struct export *e)
{
	struct mu_error err = MU_ERROR_INIT;

	*e = (struct export){.rest = c->rest};
	if (export_check_room(c->rest, &err) < 0)
		return rest_error(c, &err);
	c->rest->n_exports++;
	e->request = c->request;
	return http_reply_pending(c->request, on_gone, e);
}

static void sending_free(struct sending *s)
{
	s->rest->n_export_bytes -= s->text.len;
	mu_str_deinit(&s->text);
	free(s);
}

static void on_reader_gone(void *ctx)
{
	sending_free(ctx);
}

static void on_writable(void *ctx)
{
	struct sending *s = ctx;

	while (s->sent < s->text.len) {
		size_t left = s->text.len - s->sent;
		size_t n = left < PIECE_MAX ? left : PIECE_MAX;

		if (http_out_send(s->out, s->text.data + s->sent, n) == HTTP_OUT_FULL)
			return;
		s->sent += n;
	}
	http_out_end(s->out);
	sending_free(s);
}

static struct http_reply *reply_in_pieces(struct export *e, struct http_request *r,
					  const char *type)
{
	struct sending *s = mu_xcalloc(1, sizeof *s);
	struct http_reply *reply;

	*s = (struct sending){.rest = e->rest, .text = e->text};
	e->text = (struct mu_str)MU_STR_INIT;
	s->rest->n_export_bytes += s->text.len;
	reply =
	    http_reply_stream(r, 200, type, s->text.len, on_writable, on_reader_gone, s, &s->out);
	on_writable(s);
	return reply;
}

static struct http_reply *reply_of(struct export *e, struct http_request *r, const char *type)
{
	/* So much may wait of any answer. */
	if (e->text.len <= HTTP_OUT_MAX)
		return http_reply_take(r, 200, type, &e->text);
	return reply_in_pieces(e, r, type);
}

void export_finish(struct export *e, const char *type, const struct mu_error *err)
{
	struct http_request *r = e->request;
	struct mu_error large = MU_ERROR_INIT;

	e->request = NULL;
	e->rest->n_exports--;
	if (!err && e->text.len > EXPORT_BYTES_MAX) {
		(void)mu_error_set(&large, MU_E_TOO_LARGE,
				   "the answer is more than %d MiB; hint: ask for less of it",
				   EXPORT_BYTES_MAX >> 20);
		err = &large;
	}
	http_request_finish(r, err ? http_reply_error(r, err, NULL) : reply_of(e, r, type));
}

void export_deinit(struct export *e)
{
	mu_str_deinit(&e->text);
}
