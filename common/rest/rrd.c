/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All that is kept of a VM or host as a file for RRDtool, or as xcp-rrdd has it: ten archives, each
 * asked for and written in a turn of its own.
 *
 *     GET /vms|hosts/{id}/stats.xml?flavour=rrdtool|xapi, /vm_rrd?uuid=, /host_rrd[?uuid=]
 */
#include "common/rest/access.h"
#include "common/rest/export.h"
#include "common/rest/stats.h"
#include "common/rrd/dump.h"

#include <stdlib.h>
#include <string.h>

struct filing {
	struct export export;
	const struct rest_backend *backend;
	enum rrd_flavour flavour;
	struct stats_query query;
	struct rrd_dump *dump; /* NULL: the first is asked for */
	size_t next;           /* of rrd_archives */
};

static void filing_free(struct filing *f)
{
	export_deinit(&f->export);
	rrd_dump_free(f->dump);
	free(f);
}

static void finish(struct filing *f, const struct mu_error *err)
{
	if (!err)
		rrd_dump_end(&f->export.text);
	export_finish(&f->export, "text/xml", err);
	filing_free(f);
}

static void on_archive(void *arg, const struct stats_result *r, const struct mu_error *err);

static void ask(struct filing *f)
{
	const struct rrd_archive *a = &rrd_archives[f->next];

	f->query.level = a->level;
	f->query.cf = a->cf;
	if (f->dump)
		rrd_dump_span(f->dump, a->level, &f->query.start, &f->query.end);
	f->backend->stats(f->backend->ctx, &f->query, on_archive, f);
}

/* A host has no hours and days: they are left out. What has no rows of that time is unknown. */
static void on_archive(void *arg, const struct stats_result *r, const struct mu_error *err)
{
	struct filing *f = arg;

	if (!f->export.request) {
		filing_free(f);
		return;
	}
	if (err && (!f->dump || (err->code != MU_E_INVALID && err->code != MU_E_UNSUPPORTED))) {
		finish(f, err);
		return;
	}
	if (!f->dump) {
		f->dump = rrd_dump_new(f->flavour, r);
		rrd_dump_begin(f->dump, &f->export.text);
	}
	if (!err || err->code == MU_E_INVALID)
		rrd_dump_archive(f->dump, &rrd_archives[f->next], r, &f->export.text);
	if (++f->next < RRD_ARCHIVES)
		ask(f);
	else
		finish(f, NULL);
}

static struct http_reply *start(struct rest_call *c, const struct mu_uuid *id, enum rrd_flavour def)
{
	const struct rest_backend *b = &c->rest->backend;
	const char *flavour = http_request_query(c->request, "flavour");
	struct mu_error err = MU_ERROR_INIT;
	struct http_reply *reply;
	struct filing *f;

	if (!b->stats)
		return rest_unsupported(c, "statistics");
	if (flavour && !rrd_flavour_parse(flavour, &def)) {
		(void)mu_error_set(&err, MU_E_INVALID,
				   "flavour: \"%.40s\" is none of rrdtool, xapi", flavour);
		return rest_error(c, &err);
	}
	f = mu_xcalloc(1, sizeof *f);
	f->backend = b;
	f->flavour = def;
	f->query.object = *id;
	reply = export_begin(c, &f->export);
	if (f->export.request)
		ask(f);
	else
		filing_free(f);
	return reply;
}

static struct http_reply *start_text(struct rest_call *c, const char *kind, const char *id,
				     enum rrd_flavour flavour)
{
	const char *resource = strcmp(kind, "VM") == 0 ? "vm" : "host";
	struct mu_uuid uuid;

	if (!mu_uuid_parse(id, &uuid) ||
	    rest_stats_of_other(c, *resource == 'v' ? STATS_VM : STATS_HOST, &uuid))
		return rest_not_found(c, kind, id);
	if (!rest_may(c->rest, &c->user, *resource == 'v' ? "vm:read" : "host:read", &uuid))
		return rest_denied(c, resource, "read", id);
	return start(c, &uuid, flavour);
}

struct http_reply *rest_get_vm_rrd(struct rest_call *c)
{
	return start_text(c, "VM", c->id, RRD_RRDTOOL);
}

struct http_reply *rest_get_host_rrd(struct rest_call *c)
{
	return start_text(c, "host", c->id, RRD_RRDTOOL);
}

/* --- xcp-rrdd's paths --- */

static struct http_reply *who(struct rest_call *c, const char *hint)
{
	struct mu_error err = MU_ERROR_INIT;

	(void)mu_error_set(&err, MU_E_INVALID, "uuid: of which one? hint: %s", hint);
	return rest_bad_request(c, &err);
}

struct http_reply *rest_get_vm_rrd_query(struct rest_call *c)
{
	const char *id = http_request_query(c->request, "uuid");

	return id ? start_text(c, "VM", id, RRD_XAPI) : who(c, "uuid=UUID");
}

struct only {
	struct mu_uuid id;
	size_t n;
};

static bool add_host(const struct model_host *h, void *arg)
{
	struct only *only = arg;

	only->id = h->id.uuid;
	return ++only->n < 2;
}

/* There the host is the one that is asked: here it has to be said, unless there is one. */
struct http_reply *rest_get_host_rrd_query(struct rest_call *c)
{
	const struct rest_backend *b = &c->rest->backend;
	const char *id = http_request_query(c->request, "uuid");
	struct only only = {.n = 0};

	if (id)
		return start_text(c, "host", id, RRD_XAPI);
	b->each_host(b->ctx, add_host, &only);
	if (only.n != 1)
		return who(c, "there is more than one host, or none: uuid=UUID");
	return start(c, &only.id, RRD_XAPI);
}
