/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET /vms|hosts/{id}/stats: Xen Orchestra's picture of the last minutes, hours, week or year, and
 * with `series` the series as they are. A VM that is gone has its statistics as long as they are
 * kept.
 */
#include "common/rest/stats.h"
#include "common/base/str.h"
#include "common/os/clock.h"

#include <stdlib.h>
#include <string.h>

struct reading {
	struct http_request *request; /* NULL: the peer left */
	struct stats_query query;
	enum stats_of of;
	bool known; /* the object is in the inventory */
	struct stats_names names;
	char *id;
};

int rest_stats_time(const char *name, const char *text, int64_t *ret, struct mu_error *err)
{
	int64_t now = mu_clock_wall() / 1000;

	if (!mu_parse_i64(text, ret) || *ret > INT64_C(4000000000) || *ret < -now)
		return mu_error_set(err, MU_E_INVALID,
				    "%s: \"%.40s\" is not a time in seconds since 1970, nor "
				    "(negative) before now",
				    name, text);
	if (*ret < 0)
		*ret += now;
	return 0;
}

/* 0 when it is not said; "0" is now. */
static int query_time(struct rest_call *c, const char *name, int64_t *ret, struct mu_error *err)
{
	const char *text = http_request_query(c->request, name);

	*ret = 0;
	if (!text)
		return 0;
	if (rest_stats_time(name, text, ret, err) < 0)
		return MU_FAILED;
	if (*ret == 0)
		*ret = mu_clock_wall() / 1000;
	return 0;
}

int rest_stats_query(struct rest_call *c, struct stats_query *ret, struct stats_names *ret_names,
		     struct mu_error *err)
{
	const char *level = http_request_query(c->request, "granularity");
	const char *cf = http_request_query(c->request, "cf");

	ret->level = ARCHIVE_STEPS;
	ret->cf = ARCHIVE_AVERAGE;
	if (level && !archive_level_parse(level, &ret->level))
		return mu_error_set(err, MU_E_INVALID,
				    "granularity: \"%.40s\" is none of seconds, minutes, hours, "
				    "days",
				    level);
	if (cf && !archive_cf_parse(cf, &ret->cf))
		return mu_error_set(err, MU_E_INVALID, "cf: \"%.40s\" is none of AVERAGE, MIN, MAX",
				    cf);
	if (query_time(c, "start", &ret->start, err) < 0 ||
	    query_time(c, "end", &ret->end, err) < 0)
		return MU_FAILED;
	return stats_names_init(ret_names, http_request_query(c->request, "series"), err);
}

static void on_gone(void *ctx)
{
	struct reading *rd = ctx;

	rd->request = NULL;
}

struct mu_value *rest_stats_value(struct mu_arena *a, enum stats_of of, const struct stats_query *q,
				  const struct stats_names *names, const struct stats_result *r)
{
	struct mu_value *v = mu_value_object(a);

	mu_value_set_int(a, v, "endTimestamp", r->end);
	mu_value_set_int(a, v, "interval", archive_levels[q->level].seconds);
	mu_value_set(a, v, "stats", stats_shape(a, of, r));
	if (names->text)
		mu_value_set(a, v, "series", stats_shape_series(a, names, r));
	return v;
}

struct mu_value *rest_stats_nothing(struct mu_arena *a, enum stats_of of,
				    const struct stats_query *q, const struct stats_names *names)
{
	const struct stats_result none = {.end = mu_clock_wall() / 1000};

	return rest_stats_value(a, of, q, names, &none);
}

/* Nothing was ever sampled of it, or nothing of what was is kept. */
static struct http_reply *nothing(struct reading *rd, const struct mu_error *err)
{
	struct mu_arena *a = rd->request->arena;
	struct rest_call c = {.request = rd->request, .arena = a};

	if (err->code != MU_E_NOT_FOUND)
		return http_reply_error(rd->request, err, NULL);
	if (!rd->known)
		return rest_not_found(&c, rd->of == STATS_HOST ? "host" : "VM", rd->id);
	return http_reply_json(rd->request, 200,
			       rest_stats_nothing(a, rd->of, &rd->query, &rd->names));
}

static struct http_reply *reply_of(const struct reading *rd, const struct stats_result *r)
{
	return http_reply_json(
	    rd->request, 200,
	    rest_stats_value(rd->request->arena, rd->of, &rd->query, &rd->names, r));
}

static void on_done(void *arg, const struct stats_result *r, const struct mu_error *err)
{
	struct reading *rd = arg;

	if (rd->request)
		http_request_finish(rd->request, err ? nothing(rd, err) : reply_of(rd, r));
	stats_names_deinit(&rd->names);
	free(rd->id);
	free(rd);
}

static struct http_reply *start(struct rest_call *c, const struct mu_uuid *object, enum stats_of of,
				bool known)
{
	const struct rest_backend *b = &c->rest->backend;
	struct stats_query query = {.object = *object};
	struct stats_names names;
	struct mu_error err = MU_ERROR_INIT;
	struct http_reply *reply;
	struct reading *rd;

	if (!b->stats)
		return rest_unsupported(c, "statistics");
	if (rest_stats_query(c, &query, &names, &err) < 0)
		return rest_error(c, &err);
	rd = mu_xcalloc(1, sizeof *rd);
	*rd = (struct reading){
	    .request = c->request,
	    .query = query,
	    .of = of,
	    .known = known,
	    .names = names,
	    .id = mu_xstrdup(c->id),
	};
	reply = http_reply_pending(c->request, on_gone, rd);
	b->stats(b->ctx, &query, on_done, rd);
	return reply;
}

/* As Xen Orchestra does: a VM that is off has none, unless a time is asked for. */
static struct http_reply *check_power(struct rest_call *c, const struct model_vm *vm)
{
	struct mu_error err = MU_ERROR_INIT;

	if (vm->power != VM_HALTED || http_request_query(c->request, "start") ||
	    http_request_query(c->request, "end"))
		return NULL;
	(void)mu_error_set(&err, MU_E_INVALID,
			   "the VM is halted; hint: give `start` (muster vm stats: --since) to see "
			   "what was before");
	return rest_error(c, &err);
}

bool rest_stats_of_other(struct rest_call *c, enum stats_of of, const struct mu_uuid *id)
{
	const struct rest_backend *b = &c->rest->backend;
	const struct host_id host_id = {*id};
	const struct vm_id vm_id = {*id};

	return of == STATS_HOST ? b->vm_find(b->ctx, &vm_id) != NULL
				: b->host_find(b->ctx, &host_id) != NULL;
}

struct http_reply *rest_get_vm_stats(struct rest_call *c)
{
	struct http_reply *refusal;
	const struct model_vm *vm;
	struct vm_id id;

	vm = rest_vm_find(c, &id);
	refusal = vm ? check_power(c, vm) : NULL;
	if (refusal)
		return refusal;
	if (!vm && (!mu_uuid_parse(c->id, &id.uuid) || rest_stats_of_other(c, STATS_VM, &id.uuid)))
		return rest_not_found(c, "VM", c->id);
	return start(c, &id.uuid, STATS_VM, vm != NULL);
}

struct http_reply *rest_get_host_stats(struct rest_call *c)
{
	const struct rest_backend *b = &c->rest->backend;
	struct host_id id;
	bool known;

	if (!mu_uuid_parse(c->id, &id.uuid))
		return rest_not_found(c, "host", c->id);
	known = b->host_find(b->ctx, &id) != NULL;
	if (!known && rest_stats_of_other(c, STATS_HOST, &id.uuid))
		return rest_not_found(c, "host", c->id);
	return start(c, &id.uuid, STATS_HOST, known);
}
