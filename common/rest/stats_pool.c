/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET /pools/{id}/stats: what /hosts/{id}/stats says of each host, by its id, as Xen Orchestra has
 * it. One host after the other, each written out before the next is asked: a thousand of them are
 * many values, and other requests come in between.
 */
#include "common/json/json.h"
#include "common/rest/access.h"
#include "common/rest/stats.h"

#include <stdlib.h>

enum { REPLY_MAX = 128 << 20 };

struct pool_reading {
	const struct rest_backend *backend;
	struct http_request *request; /* NULL: the peer left */
	struct stats_query query;
	char *series; /* NULL: not asked for */
	struct mu_uuid *hosts;
	size_t n;
	size_t next; /* that is asked */
	struct mu_str text;
};

static void reading_free(struct pool_reading *pr)
{
	mu_str_deinit(&pr->text);
	free(pr->series);
	free(pr->hosts);
	free(pr);
}

static void finish(struct pool_reading *pr)
{
	struct mu_error err = MU_ERROR_INIT;
	struct http_reply *reply;

	mu_str_add_char(&pr->text, '}');
	if (pr->text.len > REPLY_MAX) {
		(void)mu_error_set(
		    &err, MU_E_TOO_LARGE,
		    "the statistics of %zu hosts are more than %d MiB; hint: ask for "
		    "less of the time, or host by host",
		    pr->n, REPLY_MAX >> 20);
		reply = http_reply_error(pr->request, &err, NULL);
	} else {
		reply = http_reply_take(pr->request, 200, "application/json", &pr->text);
	}
	http_request_finish(pr->request, reply);
	reading_free(pr);
}

static struct mu_value *failed(struct mu_arena *a, const struct mu_error *err)
{
	struct mu_value *v = mu_value_object(a);
	struct mu_value *error = mu_value_set(a, v, "error", mu_value_object(a));

	mu_value_set_string(a, error, "code", mu_error_name(err->code));
	mu_value_set_string(a, error, "message", err->text);
	return v;
}

static void write_host(struct pool_reading *pr, const struct stats_result *r,
		       const struct mu_error *err)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	char id[MU_UUID_TEXT];
	struct mu_value *v;

	if (!err)
		v = rest_stats_value(a, STATS_HOST, &pr->query, pr->series, r);
	else if (err->code == MU_E_NOT_FOUND)
		v = rest_stats_nothing(a, STATS_HOST, &pr->query, pr->series);
	else
		v = failed(a, err);
	mu_str_printf(&pr->text, "%s\"%s\":", pr->next > 0 ? "," : "",
		      mu_uuid_format(&pr->hosts[pr->next], id));
	mu_json_write(&pr->text, v, false);
}

static void on_host(void *arg, const struct stats_result *r, const struct mu_error *err);

static void ask(struct pool_reading *pr)
{
	pr->query.object = pr->hosts[pr->next];
	pr->backend->stats(pr->backend->ctx, &pr->query, on_host, pr);
}

static void on_host(void *arg, const struct stats_result *r, const struct mu_error *err)
{
	struct pool_reading *pr = arg;

	if (!pr->request) {
		reading_free(pr);
		return;
	}
	write_host(pr, r, err);
	if (++pr->next < pr->n && pr->text.len <= REPLY_MAX)
		ask(pr);
	else
		finish(pr);
}

static void on_gone(void *ctx)
{
	struct pool_reading *pr = ctx;

	pr->request = NULL;
}

struct adding {
	struct pool_reading *pr;
	struct rest_viewer viewer;
};

static bool add_host(const struct model_host *h, void *arg)
{
	struct adding *ad = arg;
	struct pool_reading *pr = ad->pr;

	if (!rest_viewer_sees(&ad->viewer, h))
		return true;
	pr->hosts = mu_xrealloc(pr->hosts, pr->n + 1, sizeof *pr->hosts);
	pr->hosts[pr->n++] = h->id.uuid;
	return true;
}

struct http_reply *rest_get_pool_stats(struct rest_call *c)
{
	const struct rest_backend *b = &c->rest->backend;
	const char *series = http_request_query(c->request, "series");
	struct stats_query query = {.level = ARCHIVE_STEPS};
	struct mu_error err = MU_ERROR_INIT;
	struct http_reply *reply;
	struct pool_reading *pr;
	struct adding ad;

	if (!rest_pool_is_ours(c))
		return rest_not_found(c, "pool", c->id);
	if (!b->stats)
		return rest_unsupported(c, "statistics");
	if (rest_stats_query(c, &query, &err) < 0)
		return rest_error(c, &err);
	pr = mu_xcalloc(1, sizeof *pr);
	*pr = (struct pool_reading){
	    .backend = b,
	    .request = c->request,
	    .query = query,
	    .series = series ? mu_xstrdup(series) : NULL,
	};
	ad.pr = pr;
	rest_viewer_init(&ad.viewer, c, &rest_type_host, "read");
	b->each_host(b->ctx, add_host, &ad);
	rest_viewer_deinit(&ad.viewer);
	if (pr->n == 0) {
		reading_free(pr);
		return http_reply_json(c->request, 200, mu_value_object(c->arena));
	}
	mu_str_add_char(&pr->text, '{');
	reply = http_reply_pending(c->request, on_gone, pr);
	ask(pr);
	return reply;
}
