/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET /srs/{id}/stats. What is done on an SR is known host by host, as series of the host with the
 * first eight digits of the SR's id behind their names. So every host that reports it is asked, one
 * after the other, and what they say of the same time is put together: rates are added, sizes are
 * the same seen from everywhere. A host that says nothing of a time does not hide what the others
 * say.
 */
#include "common/rest/stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SR8 = 8 };

static const struct figure {
	const char *name;
	const char *unit;
	bool add;
} figures[] = {
    {"size", "bytes", false},
    {"physical_utilisation", "bytes", false},
    {"virtual_allocation", "bytes", false},
    {"read", "bytes/s", true},
    {"write", "bytes/s", true},
    {"iops_read", "requests/s", true},
    {"iops_write", "requests/s", true},
    {"iops_total", "requests/s", true},
};

struct sr_reading {
	const struct rest_backend *backend;
	struct http_request *request; /* NULL: the peer left */
	struct stats_query query;
	struct stats_names names;
	char suffix[1 + SR8 + 1];
	struct mu_uuid *hosts;
	size_t n;
	size_t next;         /* that is asked */
	struct mu_error err; /* what one said that has nothing to show */
	/* the sum; its rows are those of the first that answered */
	int64_t end;
	uint32_t n_rows;                       /* 0 = nobody has */
	float *values[MU_ARRAY_SIZE(figures)]; /* NULL: nobody has that */
};

static void reading_free(struct sr_reading *sr)
{
	for (size_t i = 0; i < MU_ARRAY_SIZE(figures); i++)
		free(sr->values[i]);
	stats_names_deinit(&sr->names);
	free(sr->hosts);
	free(sr);
}

static struct mu_value *value_of(const struct sr_reading *sr, struct mu_arena *a)
{
	struct stats_series series[MU_ARRAY_SIZE(figures)];
	struct stats_result r = {.end = sr->end, .n_rows = sr->n_rows, .series = series};

	if (sr->n_rows == 0)
		return rest_stats_nothing(a, STATS_SR, &sr->query, &sr->names);
	for (size_t i = 0; i < MU_ARRAY_SIZE(figures); i++)
		if (sr->values[i])
			series[r.n_series++] =
			    (struct stats_series){figures[i].name, figures[i].unit, sr->values[i]};
	return rest_stats_value(a, STATS_SR, &sr->query, &sr->names, &r);
}

static void finish(struct sr_reading *sr)
{
	bool failed = sr->n_rows == 0 && sr->err.code != MU_E_NONE;
	struct http_reply *reply =
	    failed ? http_reply_error(sr->request, &sr->err, NULL)
		   : http_reply_json(sr->request, 200, value_of(sr, sr->request->arena));

	http_request_finish(sr->request, reply);
	reading_free(sr);
}

/* Which of the figures a series of a host is, of this SR; their number: none. */
static size_t figure_of(const struct sr_reading *sr, const char *name)
{
	size_t len = strlen(name), i = 0;

	if (len <= SR8 + 1 || strcmp(name + len - SR8 - 1, sr->suffix) != 0)
		return MU_ARRAY_SIZE(figures);
	len -= SR8 + 1;
	while (i < MU_ARRAY_SIZE(figures) &&
	       (strlen(figures[i].name) != len || strncmp(figures[i].name, name, len) != 0))
		i++;
	return i;
}

static float together(const struct figure *f, float a, float b)
{
	if (isnan(a) || isnan(b))
		return isnan(a) ? b : a;
	return f->add ? a + b : fmaxf(a, b);
}

static void take(struct sr_reading *sr, size_t figure, const struct stats_result *r,
		 const float *values)
{
	int64_t interval = archive_levels[sr->query.level].seconds;
	/* of a row of theirs to the row of ours of the same time */
	int64_t shift = (r->end - sr->end) / interval + sr->n_rows - r->n_rows;
	float *sum = sr->values[figure];

	if (!sum) {
		sum = sr->values[figure] = mu_xcalloc(sr->n_rows, sizeof *sum);
		for (uint32_t i = 0; i < sr->n_rows; i++)
			sum[i] = NAN;
	}
	for (uint32_t i = 0; i < r->n_rows; i++) {
		int64_t row = i + shift;

		if (row >= 0 && row < sr->n_rows)
			sum[row] = together(&figures[figure], sum[row], values[i]);
	}
}

static void take_all(struct sr_reading *sr, const struct stats_result *r)
{
	if (sr->n_rows == 0) {
		sr->end = r->end;
		sr->n_rows = r->n_rows;
	}
	for (size_t i = 0; i < r->n_series; i++) {
		size_t figure = figure_of(sr, r->series[i].name);

		if (figure < MU_ARRAY_SIZE(figures))
			take(sr, figure, r, r->series[i].values);
	}
}

static void on_host(void *arg, const struct stats_result *r, const struct mu_error *err);

static void ask(struct sr_reading *sr)
{
	sr->query.object = sr->hosts[sr->next];
	sr->backend->stats(sr->backend->ctx, &sr->query, on_host, sr);
}

static void on_host(void *arg, const struct stats_result *r, const struct mu_error *err)
{
	struct sr_reading *sr = arg;

	if (!sr->request) {
		reading_free(sr);
		return;
	}
	if (r)
		take_all(sr, r);
	else if (err->code != MU_E_NOT_FOUND)
		sr->err = *err;
	if (++sr->next < sr->n)
		ask(sr);
	else
		finish(sr);
}

static void on_gone(void *ctx)
{
	struct sr_reading *sr = ctx;

	sr->request = NULL;
}

static bool add_host(const struct model_object *o, void *arg)
{
	struct sr_reading *sr = arg;

	sr->hosts = mu_xrealloc(sr->hosts, sr->n + 1, sizeof *sr->hosts);
	sr->hosts[sr->n++] = o->host.uuid;
	return true;
}

static struct sr_reading *reading_new(struct rest_call *c, const struct mu_uuid *id,
				      const struct stats_query *query,
				      const struct stats_names *names)
{
	struct sr_reading *sr = mu_xcalloc(1, sizeof *sr);
	char text[MU_UUID_TEXT];

	*sr = (struct sr_reading){
	    .backend = &c->rest->backend,
	    .request = c->request,
	    .query = *query,
	    .names = *names,
	    .suffix = "_",
	    .err = MU_ERROR_INIT,
	};
	memcpy(sr->suffix + 1, mu_uuid_format(id, text), SR8);
	c->rest->backend.each_report(c->rest->backend.ctx, id, add_host, sr);
	return sr;
}

struct http_reply *rest_get_sr_stats(struct rest_call *c)
{
	struct stats_query query = {.level = ARCHIVE_STEPS};
	struct mu_error err = MU_ERROR_INIT;
	const struct model_object *o;
	struct http_reply *refusal = rest_object_need(c, OBJECT_SR, c->id, &o);
	struct stats_names names;
	struct http_reply *reply;
	struct sr_reading *sr;

	if (refusal)
		return refusal;
	if (!c->rest->backend.stats)
		return rest_unsupported(c, "statistics");
	if (rest_stats_query(c, &query, &names, &err) < 0)
		return rest_error(c, &err);
	sr = reading_new(c, &o->id, &query, &names);
	if (sr->n == 0) {
		reply = http_reply_json(c->request, 200, value_of(sr, c->arena));
		reading_free(sr);
		return reply;
	}
	reply = http_reply_pending(c->request, on_gone, sr);
	ask(sr);
	return reply;
}
