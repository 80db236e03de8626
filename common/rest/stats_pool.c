/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET /pools/{id}/stats: what /hosts/{id}/stats says of each host, by its id, as Xen Orchestra has
 * it. One host after the other, each written out before the next is asked: a thousand of them are
 * many values, and other requests come in between.
 */
#include "common/json/json.h"
#include "common/rest/export.h"
#include "common/rest/stats.h"

#include <stdlib.h>

struct pool_reading {
	struct export export;
	const struct rest_backend *backend;
	struct stats_query query;
	struct stats_names names;
	struct mu_uuid *hosts;
	size_t n;
	size_t next; /* that is asked */
};

static void reading_free(struct pool_reading *pr)
{
	export_deinit(&pr->export);
	stats_names_deinit(&pr->names);
	free(pr->hosts);
	free(pr);
}

static void finish(struct pool_reading *pr)
{
	mu_str_add_char(&pr->export.text, '}');
	export_finish(&pr->export, "application/json", NULL);
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
		v = rest_stats_value(a, STATS_HOST, &pr->query, &pr->names, r);
	else if (err->code == MU_E_NOT_FOUND)
		v = rest_stats_nothing(a, STATS_HOST, &pr->query, &pr->names);
	else
		v = failed(a, err);
	mu_str_printf(&pr->export.text, "%s\"%s\":", pr->next > 0 ? "," : "",
		      mu_uuid_format(&pr->hosts[pr->next], id));
	mu_json_write(&pr->export.text, v, false);
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

	if (!pr->export.request) {
		reading_free(pr);
		return;
	}
	write_host(pr, r, err);
	if (++pr->next < pr->n && pr->export.text.len <= EXPORT_BYTES_MAX)
		ask(pr);
	else
		finish(pr);
}

static bool add_host(const struct model_host *h, void *arg)
{
	struct pool_reading *pr = arg;

	pr->hosts = mu_xrealloc(pr->hosts, pr->n + 1, sizeof *pr->hosts);
	pr->hosts[pr->n++] = h->id.uuid;
	return true;
}

struct http_reply *rest_get_pool_stats(struct rest_call *c)
{
	const struct rest_backend *b = &c->rest->backend;
	struct stats_query query = {.level = ARCHIVE_STEPS};
	struct mu_error err = MU_ERROR_INIT;
	struct stats_names names;
	struct pool_reading *pr;
	struct http_reply *reply;

	if (!rest_pool_is_ours(c))
		return rest_not_found(c, "pool", c->id);
	if (!b->stats)
		return rest_unsupported(c, "statistics");
	if (rest_stats_query(c, &query, &names, &err) < 0)
		return rest_error(c, &err);
	pr = mu_xcalloc(1, sizeof *pr);
	*pr = (struct pool_reading){
	    .backend = b,
	    .query = query,
	    .names = names,
	};
	b->each_host(b->ctx, add_host, pr);
	if (pr->n == 0) {
		reading_free(pr);
		return http_reply_json(c->request, 200, mu_value_object(c->arena));
	}
	reply = export_begin(c, &pr->export);
	if (!pr->export.request) {
		reading_free(pr);
		return reply;
	}
	mu_str_add_char(&pr->export.text, '{');
	ask(pr);
	return reply;
}
