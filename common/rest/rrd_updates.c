/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET /rrd_updates, as xcp-rrdd has it: the newest rows of all VMs, and hosts, side by side. The
 * ids of what is in it are taken first; then each is asked for in a turn of its own, and the text
 * is written in turns.
 */
#include "common/os/clock.h"
#include "common/rest/access.h"
#include "common/rest/export.h"
#include "common/rest/stats.h"
#include "common/rrd/xport.h"

#include <stdlib.h>
#include <string.h>

enum {
	VALUES_MAX = 2 << 20,  /* some 40 MB of text */
	TURN_VALUES = 1 << 15, /* about a millisecond of writing */
};

struct item {
	bool host;
	struct mu_uuid id;
};

struct updating {
	struct export export;
	const struct rest_backend *backend;
	struct rrd_xport *xport;
	struct stats_query query;
	bool json;
	struct host_id of; /* nil: of all hosts */
	struct item *items;
	size_t n;
	size_t cap;
	size_t next; /* that is asked */
};

static void updating_free(struct updating *u)
{
	export_deinit(&u->export);
	rrd_xport_free(u->xport);
	free(u->items);
	free(u);
}

static void finish(struct updating *u, const struct mu_error *err)
{
	export_finish(&u->export, u->json ? "application/json" : "text/xml", err);
	updating_free(u);
}

/* --- what is in it --- */

static void add_item(struct updating *u, bool host, const struct mu_uuid *id)
{
	if (u->n == u->cap) {
		u->cap = u->cap ? 2 * u->cap : 64;
		u->items = mu_xrealloc(u->items, u->cap, sizeof *u->items);
	}
	u->items[u->n++] = (struct item){host, *id};
}

static bool is_of(const struct updating *u, const struct host_id *host)
{
	return mu_uuid_is_nil(&u->of.uuid) || mu_uuid_equal(&u->of.uuid, &host->uuid);
}

struct adding {
	struct updating *updating;
	struct rest_viewer viewer;
};

static bool add_host(const struct model_host *h, void *arg)
{
	struct adding *ad = arg;

	if (is_of(ad->updating, &h->id) && rest_viewer_sees(&ad->viewer, h))
		add_item(ad->updating, true, &h->id.uuid);
	return true;
}

static bool add_vm(const struct model_vm *vm, void *arg)
{
	struct adding *ad = arg;

	if (vm->kind == VM_KIND_VM && vm->power != VM_HALTED && is_of(ad->updating, &vm->host) &&
	    rest_viewer_sees(&ad->viewer, vm))
		add_item(ad->updating, false, &vm->id.uuid);
	return true;
}

static void add_hosts(struct rest_call *c, struct updating *u)
{
	struct adding ad = {.updating = u};

	rest_viewer_init(&ad.viewer, c, &rest_type_host, "read");
	c->rest->backend.each_host(c->rest->backend.ctx, add_host, &ad);
	rest_viewer_deinit(&ad.viewer);
}

static void add_vms(struct rest_call *c, struct updating *u)
{
	struct adding ad = {.updating = u};

	rest_viewer_init(&ad.viewer, c, &rest_type_vm, "read");
	c->rest->backend.each_vm(c->rest->backend.ctx, add_vm, &ad);
	rest_viewer_deinit(&ad.viewer);
}

/* NULL, or the refusal. */
static struct http_reply *choose(struct rest_call *c, struct updating *u)
{
	const struct rest_backend *b = &c->rest->backend;
	const char *host = http_request_query(c->request, "host");
	const char *vm = http_request_query(c->request, "vm_uuid");
	bool hosts = host && strcmp(host, "true") == 0;
	struct mu_uuid id;

	if (host && *host && !hosts && strcmp(host, "false") != 0) {
		if (!mu_uuid_parse(host, &u->of.uuid) || !b->host_find(b->ctx, &u->of))
			return rest_not_found(c, "host", host);
		hosts = true;
	}
	if (vm && *vm && !mu_uuid_parse(vm, &id))
		return rest_not_found(c, "VM", vm);
	if (vm && *vm && !rest_may(c->rest, &c->user, "vm:read", &id))
		return rest_denied(c, "vm", "read", vm);
	if (hosts)
		add_hosts(c, u);
	if (vm && *vm)
		add_item(u, false, &id);
	else
		add_vms(c, u);
	return NULL;
}

static bool wants_json(struct http_request *r)
{
	const char *json = http_request_query(r, "json");
	const char *accept = http_request_header(r, "accept");

	if (json)
		return strcmp(json, "true") == 0;
	return accept && strncmp(accept, "application/json", 16) == 0;
}

static int read_query(struct rest_call *c, struct updating *u, struct mu_error *err)
{
	const char *start = http_request_query(c->request, "start");
	const char *cf = http_request_query(c->request, "cf");
	const char *interval = http_request_query(c->request, "interval");
	int64_t seconds = 0;

	if (!start)
		return mu_error_set(err, MU_E_PROTOCOL,
				    "start is missing; hint: seconds since 1970, or (negative) "
				    "before now");
	if (rest_stats_time("start", start, &u->query.start, err) < 0)
		return MU_FAILED;
	if (cf && *cf && !archive_cf_parse(cf, &u->query.cf))
		return mu_error_set(err, MU_E_INVALID, "cf: \"%.40s\" is none of AVERAGE, MIN, MAX",
				    cf);
	if (interval && *interval && (!mu_parse_i64(interval, &seconds) || seconds < 0))
		return mu_error_set(err, MU_E_INVALID,
				    "interval: \"%.40s\" is no number of seconds", interval);
	if (u->query.start == 0)
		u->query.start = 1; /* the first second there can be a row of */
	u->query.level = rrd_xport_level(u->query.start, seconds, mu_clock_wall() / 1000);
	u->json = wants_json(c->request);
	return 0;
}

/* --- gathering --- */

static void on_object(void *arg, const struct stats_result *r, const struct mu_error *err);
static void write_on(void *ctx);

static void ask(struct updating *u)
{
	u->query.object = u->items[u->next].id;
	u->backend->stats(u->backend->ctx, &u->query, on_object, u);
}

static bool too_many(struct updating *u, struct mu_error *err)
{
	if (rrd_xport_n_values(u->xport) <= VALUES_MAX)
		return false;
	(void)mu_error_set(
	    err, MU_E_TOO_LARGE,
	    "these are more than %d values; hint: host=UUID or vm_uuid=UUID, a later "
	    "start, or a longer interval",
	    VALUES_MAX);
	return true;
}

/* Of what there are no rows of that time, there are none. */
static void on_object(void *arg, const struct stats_result *r, const struct mu_error *err)
{
	struct updating *u = arg;
	struct mu_error large = MU_ERROR_INIT;

	if (!u->export.request) {
		updating_free(u);
		return;
	}
	if (err && err->code != MU_E_INVALID && err->code != MU_E_NOT_FOUND) {
		finish(u, err);
		return;
	}
	if (!err)
		rrd_xport_add(u->xport, u->items[u->next].host, &u->items[u->next].id, r);
	if (too_many(u, &large))
		finish(u, &large);
	else if (++u->next < u->n)
		ask(u);
	else
		write_on(u);
}

/* --- writing --- */

static void write_on(void *ctx)
{
	struct updating *u = ctx;

	if (!u->export.request)
		updating_free(u);
	else if (rrd_xport_write(u->xport, TURN_VALUES, &u->export.text))
		finish(u, NULL);
	else
		mu_loop_post(u->export.rest->loop, write_on, u);
}

struct http_reply *rest_get_rrd_updates(struct rest_call *c)
{
	const struct rest_backend *b = &c->rest->backend;
	struct updating *u = mu_xcalloc(1, sizeof *u);
	struct mu_error err = MU_ERROR_INIT;
	struct http_reply *reply;

	u->backend = b;
	if (!b->stats)
		reply = rest_unsupported(c, "statistics");
	else if (read_query(c, u, &err) < 0)
		reply = err.code == MU_E_PROTOCOL ? rest_bad_request(c, &err) : rest_error(c, &err);
	else
		reply = choose(c, u);
	if (!reply)
		reply = export_begin(c, &u->export);
	if (!u->export.request) {
		updating_free(u);
		return reply;
	}
	u->xport = rrd_xport_new(
	    &(struct rrd_xport_query){u->query.level, u->query.cf, u->query.start, u->json});
	if (u->n > 0)
		ask(u);
	else
		mu_loop_post(c->rest->loop, write_on, u);
	return reply;
}
