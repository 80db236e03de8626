/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET /stats: the newest values of some series of all hosts and of all VMs that are not halted, for
 * whoever looks at all of them every few seconds. The ids are taken first; then so many series are
 * looked at in a turn of the loop.
 */
#include "common/base/assert.h"
#include "common/base/map.h"
#include "common/json/json.h"
#include "common/os/clock.h"
#include "common/rest/access.h"
#include "common/rest/export.h"
#include "common/rest/render.h"
#include "common/rest/stats_shape.h"

#include <math.h>
#include <stdlib.h>

enum {
	TURN_SERIES = 8192,
	OBJECT_COST = 16,    /* an object without series, in series */
	NAMES_A_SERIES = 16, /* so many names are compared for what a series costs */
};

static const char host_fields[] = "id,name_label,connected";
static const char vm_fields[] = "id,name_label,$container,power_state";

struct newest {
	struct export export;
	struct stats_names names;
	struct query_fields host_fields;
	struct query_fields vm_fields;
	struct mu_arena *arena; /* of the fields */
	struct mu_uuid *ids;    /* hosts first */
	size_t n_ids;
	size_t cap;
	size_t n_hosts;
	size_t next;
	size_t n_written; /* of the list at hand */
};

static void newest_free(struct newest *n)
{
	export_deinit(&n->export);
	mu_arena_free(n->arena);
	stats_names_deinit(&n->names);
	free(n->ids);
	free(n);
}

static void add_id(struct newest *n, const struct mu_uuid *id)
{
	if (n->n_ids == n->cap) {
		n->cap = n->cap ? 2 * n->cap : 64;
		n->ids = mu_xrealloc(n->ids, n->cap, sizeof *n->ids);
	}
	n->ids[n->n_ids++] = *id;
}

struct adding {
	struct newest *newest;
	struct rest_viewer viewer;
};

static bool add_host(const struct model_host *h, void *arg)
{
	struct adding *ad = arg;

	if (rest_viewer_sees(&ad->viewer, h))
		add_id(ad->newest, &h->id.uuid);
	return true;
}

static bool add_vm(const struct model_vm *vm, void *arg)
{
	struct adding *ad = arg;

	if (vm->kind == VM_KIND_VM && vm->power != VM_HALTED && rest_viewer_sees(&ad->viewer, vm))
		add_id(ad->newest, &vm->id.uuid);
	return true;
}

/* What the user may see. */
static void add_ids(struct newest *n, struct rest_call *c)
{
	const struct rest_backend *b = &c->rest->backend;
	struct adding ad = {.newest = n};

	rest_viewer_init(&ad.viewer, c, &rest_type_host, "read");
	b->each_host(b->ctx, add_host, &ad);
	rest_viewer_deinit(&ad.viewer);
	n->n_hosts = n->n_ids;
	rest_viewer_init(&ad.viewer, c, &rest_type_vm, "read");
	b->each_vm(b->ctx, add_vm, &ad);
	rest_viewer_deinit(&ad.viewer);
}

/* --- an object --- */

struct values {
	struct mu_arena *arena;
	const struct stats_names *names;
	struct mu_map *seen;
	struct mu_value *object;
};

/* What is not known is left out. There may be two of a name, of different units: the first that is
 * known is meant. */
static void add_value(void *arg, const char *name, float value)
{
	struct values *v = arg;

	if (isfinite(value) && stats_names_have(v->names, name) &&
	    !mu_map_put_str(v->seen, name, v->object))
		mu_value_set_real(v->arena, v->object, name, stats_shape_number((double)value));
}

/* How much it has cost is returned. */
static size_t write_object(struct newest *n, struct rest_render *r, const struct mu_uuid *id,
			   bool host)
{
	const struct rest_backend *b = &n->export.rest->backend;
	const struct host_id host_id = {*id};
	const struct vm_id vm_id = {*id};
	const void *object = host ? (const void *)b->host_find(b->ctx, &host_id)
				  : (const void *)b->vm_find(b->ctx, &vm_id);
	MU_CLEANUP(mu_map_free) struct mu_map *seen = mu_map_new();
	struct values values = {.arena = r->arena, .names = &n->names, .seen = seen};
	struct mu_value *v;
	size_t n_series;

	if (!object) /* gone meanwhile */
		return OBJECT_COST;
	mu_arena_reset(r->arena);
	v = rest_render_object(r, host ? &rest_type_host : &rest_type_vm, object,
			       host ? &n->host_fields : &n->vm_fields);
	values.object = mu_value_set(r->arena, v, "values", mu_value_object(r->arena));
	n_series = b->newest(b->ctx, id, add_value, &values);
	if (n->n_written++ > 0)
		mu_str_add_char(&n->export.text, ',');
	mu_json_write(&n->export.text, v, false);
	return OBJECT_COST + n_series + n_series * n->names.n / NAMES_A_SERIES;
}

/* --- all of them --- */

static void go_on(void *ctx);

static void turn(struct newest *n)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct rest_render r;
	size_t cost = 0;

	rest_render_init(&r, n->export.rest, a);
	while (n->next < n->n_ids && cost < TURN_SERIES) {
		if (n->next == n->n_hosts) {
			mu_str_add(&n->export.text, "],\"vms\":[");
			n->n_written = 0;
		}
		cost += write_object(n, &r, &n->ids[n->next], n->next < n->n_hosts);
		n->next++;
	}
}

static void go_on(void *ctx)
{
	struct newest *n = ctx;

	if (!n->export.request) {
		newest_free(n);
		return;
	}
	turn(n);
	if (n->next < n->n_ids && n->export.text.len <= EXPORT_BYTES_MAX) {
		mu_loop_post(n->export.rest->loop, go_on, n);
		return;
	}
	mu_str_add(&n->export.text, n->n_hosts == n->n_ids ? "],\"vms\":[]}" : "]}");
	export_finish(&n->export, "application/json", NULL);
	newest_free(n);
}

static struct newest *newest_new(const struct stats_names *names)
{
	struct newest *n = mu_xcalloc(1, sizeof *n);
	struct mu_error err = MU_ERROR_INIT;

	n->arena = mu_arena_new();
	n->names = *names;
	if (query_fields_parse(n->arena, host_fields, &n->host_fields, &err) < 0 ||
	    query_fields_parse(n->arena, vm_fields, &n->vm_fields, &err) < 0)
		mu_assert_unreachable();
	return n;
}

struct http_reply *rest_get_newest_stats(struct rest_call *c)
{
	const struct rest_backend *b = &c->rest->backend;
	const char *series = http_request_query(c->request, "series");
	struct mu_error err = MU_ERROR_INIT;
	struct stats_names names;
	struct http_reply *reply;
	struct newest *n;

	if (!b->newest)
		return rest_unsupported(c, "statistics");
	if (!series) {
		(void)mu_error_set(&err, MU_E_PROTOCOL,
				   "series is missing; hint: names separated by commas, or *");
		return rest_bad_request(c, &err);
	}
	if (stats_names_init(&names, series, &err) < 0)
		return rest_error(c, &err);
	n = newest_new(&names);
	reply = export_begin(c, &n->export);
	if (!n->export.request) {
		newest_free(n);
		return reply;
	}
	add_ids(n, c);
	mu_str_printf(&n->export.text, "{\"time\":%lld,\"hosts\":[", (long long)mu_clock_wall());
	mu_loop_post(c->rest->loop, go_on, n);
	return reply;
}
