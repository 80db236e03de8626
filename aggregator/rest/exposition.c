/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way of a page:
 *
 *     ids of what is on it --> a batch of values a turn --> its length --> at once, or as a stream
 *
 * The ids are taken first, so that a VM that moves meanwhile is on the page once. What fits in a
 * turn, as a host does, is answered at once. How many are under way is bounded: each holds 16 bytes
 * a sample until its peer has it all.
 */
#include "aggregator/rest/exposition.h"

#include "aggregator/rest/reply.h"
#include "common/base/assert.h"
#include "common/os/clock.h"

#include <stdlib.h>
#include <string.h>

enum {
	SCRAPES_MAX = 16,
	TURN_SERIES = 8192, /* looked at in one turn of the loop */
	PIECE_BYTES = 16 << 10,
};

struct exposition {
	struct mu_loop *loop;
	const struct exposition_ops *ops;
	size_t n_scrapes;
};

struct scrape {
	struct exposition *ex;
	struct http_request *request; /* NULL: the peer left, or the stream has begun */
	struct http_out *out;
	enum expose_names names;
	enum expose_format format;
	struct expose_page *page;
	struct exposition_id *ids;
	size_t n_ids;
	size_t cap;
	size_t next;
	mu_msec begin;
	size_t piece_len; /* waits for room */
	char piece[PIECE_BYTES];
};

struct exposition *exposition_new(struct mu_loop *loop, const struct exposition_ops *ops)
{
	struct exposition *ex = mu_xcalloc(1, sizeof *ex);

	*ex = (struct exposition){.loop = loop, .ops = ops};
	return ex;
}

struct exposition *exposition_free(struct exposition *ex)
{
	mu_assert(!ex || ex->n_scrapes == 0);
	free(ex);
	return NULL;
}

static enum expose_format format_of(struct http_request *r)
{
	return expose_negotiate(http_request_header(r, "accept"));
}

/* --- what is on it --- */

static struct scrape *scrape_new(struct exposition *ex, struct http_request *r,
				 enum expose_names names)
{
	struct scrape *s = mu_xcalloc(1, sizeof *s);

	s->ex = ex;
	s->request = r;
	s->names = names;
	s->format = format_of(r);
	s->page = expose_page_new(names, s->format);
	s->begin = mu_clock_monotonic();
	ex->n_scrapes++;
	return s;
}

static void scrape_free(struct scrape *s)
{
	s->ex->n_scrapes--;
	expose_page_free(s->page);
	free(s->ids);
	free(s);
}

static void add_id(struct scrape *s, bool host, const struct mu_uuid *id)
{
	if (s->n_ids == s->cap) {
		s->cap = s->cap ? 2 * s->cap : 64;
		s->ids = mu_xrealloc(s->ids, s->cap, sizeof *s->ids);
	}
	s->ids[s->n_ids++] = (struct exposition_id){host, *id};
}

static bool add_host(const struct model_host *h, void *arg)
{
	add_id(arg, true, &h->id.uuid);
	return true;
}

static bool add_vm(const struct model_vm *vm, void *arg)
{
	if (vm->kind == VM_KIND_VM)
		add_id(arg, false, &vm->id.uuid);
	return true;
}

/* --- gathering --- */

/* One turn; true: that was all. */
static bool gather(struct scrape *s)
{
	const struct exposition_ops *ops = s->ex->ops;
	const struct expose_object page = {.kind = EXPOSE_PAGE};
	size_t looked_at = 0;

	while (s->next < s->n_ids && looked_at < TURN_SERIES)
		looked_at += 1 + ops->put(ops->ctx, &s->ids[s->next++], s->names, s->page);
	if (s->next == s->n_ids) {
		expose_object(s->page, &page);
		expose_put(s->page, EXPOSE_DURATION,
			   (float)(mu_clock_monotonic() - s->begin) / 1000);
	}
	expose_batch_end(s->page);
	return s->next == s->n_ids;
}

/* --- sending --- */

static struct http_reply *reply_whole(struct scrape *s, uint64_t length)
{
	struct mu_str text = {.data = mu_xmalloc(length + EXPOSE_PIECE_MIN + 1),
			      .cap = length + EXPOSE_PIECE_MIN + 1};
	size_t n;

	while ((n = expose_page_write(s->page, text.data + text.len, text.cap - 1 - text.len)) > 0)
		text.len += n;
	text.data[text.len] = '\0';
	mu_assert(text.len == length);
	return http_reply_take(s->request, 200, expose_content_type(s->format), &text);
}

static void on_stream_gone(void *ctx)
{
	scrape_free(ctx);
}

static void pump(void *ctx)
{
	struct scrape *s = ctx;

	for (;;) {
		if (s->piece_len == 0)
			s->piece_len = expose_page_write(s->page, s->piece, sizeof s->piece);
		if (s->piece_len == 0)
			break;
		if (http_out_send(s->out, s->piece, s->piece_len) == HTTP_OUT_FULL)
			return;
		s->piece_len = 0;
	}
	http_out_end(s->out);
	scrape_free(s);
}

static void stream(struct scrape *s, uint64_t length)
{
	struct http_request *r = s->request;
	struct http_reply *reply = http_reply_stream(r, 200, expose_content_type(s->format), length,
						     pump, on_stream_gone, s, &s->out);
	bool head = r->head;

	s->request = NULL;
	http_request_finish(r, reply);
	if (!head) {
		pump(s);
		return;
	}
	http_out_end(s->out);
	scrape_free(s);
}

static void on_gone(void *ctx)
{
	struct scrape *s = ctx;

	s->request = NULL;
}

/* Its next turn. */
static void go_on(void *ctx)
{
	struct scrape *s = ctx;

	if (!s->request)
		scrape_free(s);
	else if (gather(s))
		stream(s, expose_page_end(s->page));
	else
		mu_loop_post(s->ex->loop, go_on, s);
}

static struct http_reply *begin(struct scrape *s)
{
	struct http_reply *reply;
	uint64_t length;

	if (!gather(s)) {
		reply = http_reply_pending(s->request, on_gone, s);
		mu_loop_post(s->ex->loop, go_on, s);
		return reply;
	}
	length = expose_page_end(s->page);
	reply = reply_whole(s, length);
	scrape_free(s);
	return reply;
}

/* --- routes --- */

static int names_of(struct http_request *r, enum expose_names def, enum expose_names *ret,
		    struct mu_error *err)
{
	const char *text = http_request_query(r, "compat");

	*ret = def;
	if (!text || expose_names_parse(text, ret))
		return 0;
	return mu_error_set(err, MU_E_INVALID,
			    "compat: \"%.40s\" is none of native, xen-exporter, xo", text);
}

static struct http_reply *page(struct http_request *r, struct exposition *ex,
			       const struct host_id *host, enum expose_names def)
{
	const struct exposition_ops *ops = ex->ops;
	struct mu_error err = MU_ERROR_INIT;
	enum expose_names names;
	struct scrape *s;

	if (names_of(r, def, &names, &err) < 0)
		return http_reply_error(r, &err, NULL);
	if (ex->n_scrapes >= SCRAPES_MAX) {
		(void)mu_error_set(
		    &err, MU_E_UNAVAILABLE,
		    "%d pages of metrics are on their way already; hint: scrape less "
		    "often, or hosts one by one (/metrics/http_sd)",
		    SCRAPES_MAX);
		return http_reply_error(r, &err, NULL);
	}
	s = scrape_new(ex, r, names);
	if (host)
		add_id(s, true, &host->uuid);
	else
		ops->each_host(ops->ctx, add_host, s);
	ops->each_vm(ops->ctx, host, add_vm, s);
	return begin(s);
}

static struct http_reply *get_fleet(struct http_request *r, const struct rest_user *user,
				    const char *id, void *ctx)
{
	(void)user, (void)id;
	return page(r, ctx, NULL, EXPOSE_NATIVE);
}

/* Xen Orchestra's path, so its names. */
static struct http_reply *get_openmetrics(struct http_request *r, const struct rest_user *user,
					  const char *id, void *ctx)
{
	(void)user, (void)id;
	return page(r, ctx, NULL, EXPOSE_XO);
}

static struct http_reply *get_host(struct http_request *r, const struct rest_user *user,
				   const char *id, void *ctx)
{
	struct exposition *ex = ctx;
	struct mu_error err = MU_ERROR_INIT;
	struct host_id host;

	(void)user;
	if (id_read(id, "host", &host.uuid, &err) < 0)
		return http_reply_error(r, &err, NULL);
	if (!ex->ops->host_find(ex->ops->ctx, &host)) {
		(void)mu_error_set(&err, MU_E_NOT_FOUND, "no such host");
		return http_reply_error(r, &err, NULL);
	}
	return page(r, ex, &host, EXPOSE_NATIVE);
}

static struct http_reply *get_self(struct http_request *r, const struct rest_user *user,
				   const char *id, void *ctx)
{
	struct exposition *ex = ctx;
	struct mu_str text = MU_STR_INIT;
	enum expose_format format = format_of(r);

	(void)user, (void)id;
	ex->ops->self(ex->ops->ctx, format, &text);
	mu_str_add(&text, expose_end(format));
	return http_reply_take(r, 200, expose_content_type(format), &text);
}

/* --- where hosts' pages are --- */

struct discovery {
	struct mu_arena *arena;
	struct mu_value *list;
	const char *target;
	const char *compat; /* NULL: native names */
};

static bool add_target(const struct model_host *h, void *arg)
{
	struct discovery *d = arg;
	struct mu_arena *a = d->arena;
	struct mu_value *v = mu_value_object(a), *labels = mu_value_object(a);
	struct mu_value *targets = mu_value_list(a);
	char id[MU_UUID_TEXT];

	mu_uuid_format(&h->id.uuid, id);
	mu_value_push(targets, mu_value_string(a, d->target));
	mu_value_set_string(a, labels, "__scheme__", "https");
	mu_value_set_string(a, labels, "__metrics_path__",
			    mu_arena_printf(a, "/metrics/hosts/%s", id));
	/* All are one address: this tells them apart. */
	mu_value_set_string(a, labels, "instance", id);
	mu_value_set_string(a, labels, "__meta_muster_host", h->name);
	if (d->compat)
		mu_value_set_string(a, labels, "__param_compat", d->compat);
	mu_value_set(a, v, "targets", targets);
	mu_value_set(a, v, "labels", labels);
	mu_value_push(d->list, v);
	return true;
}

static struct http_reply *get_http_sd(struct http_request *r, const struct rest_user *user,
				      const char *id, void *ctx)
{
	const struct exposition_ops *ops = ((struct exposition *)ctx)->ops;
	struct discovery d = {.arena = r->arena, .list = mu_value_list(r->arena)};
	struct mu_error err = MU_ERROR_INIT;
	enum expose_names names;

	(void)user, (void)id;
	/* The way that led here leads there. */
	d.target = http_request_header(r, "host");
	if (!d.target)
		(void)mu_error_set(&err, MU_E_INVALID, "the header Host is missing");
	else if (names_of(r, EXPOSE_NATIVE, &names, &err) == 0)
		d.compat = names == EXPOSE_NATIVE ? NULL : expose_names_text(names);
	if (err.code != MU_E_NONE)
		return http_reply_error(r, &err, NULL);
	ops->each_host(ops->ctx, add_target, &d);
	return http_reply_json(r, 200, d.list);
}

static const struct rest_route routes[] = {
    {HTTP_GET, "/metrics", "metrics:read", get_self},
    {HTTP_GET, "/metrics/fleet", "metrics:read", get_fleet},
    {HTTP_GET, "/metrics/hosts/{id}", "metrics:read", get_host},
    {HTTP_GET, "/metrics/http_sd", "metrics:read", get_http_sd},
    {HTTP_GET, "/openmetrics/metrics", "metrics:read", get_openmetrics},
};

void exposition_routes_add(struct rest *rest, struct exposition *ex)
{
	rest_add_routes(rest, routes, MU_ARRAY_SIZE(routes), ex);
}
