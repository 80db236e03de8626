/* SPDX-License-Identifier: Apache-2.0 */
/* What pages for Prometheus say: hosts and VMs, and the aggregator itself. */
#include "aggregator/app/app.h"
#include "aggregator/app/shown.h"
#include "common/os/self.h"

/* --- values --- */

static size_t put_series(struct app *app, const struct mu_uuid *id, struct expose_page *page)
{
	float values[CATALOGUE_OBJECT_MAX];
	struct metrics_count counts[CATALOGUE_OBJECT_MAX];
	const struct catalogue_object *o = metrics_newest(app->metrics, id, values);

	if (!o)
		return 0;
	metrics_counts(o, counts);
	for (size_t i = 0; i < o->n_series; i++) {
		expose_put(page, catalogue_metric(o, i)->name, values[i]);
		if (counts[i].value != METRICS_COUNT_UNKNOWN)
			expose_put_count(page, catalogue_metric(o, i)->name, counts[i].value,
					 counts[i].since);
	}
	return o->n_series;
}

static size_t put_disks(struct app *app, const struct model_host *h, struct expose_page *page)
{
	struct shown_disks disks;

	shown_disks(app, h, 0, &disks);
	expose_put(page, EXPOSE_DISK_READ, disks.read);
	expose_put(page, EXPOSE_DISK_WRITE, disks.written);
	return disks.n_series;
}

/* --- objects --- */

static size_t put_host(struct app *app, const struct model_host *h, enum expose_names names,
		       struct expose_page *page)
{
	struct shown shown;

	shown_host(app, h, names, &shown);
	expose_object(page, &shown.object);
	expose_put(page, EXPOSE_INFO, 1);
	expose_put(page, EXPOSE_UP, h->connected);
	return put_series(app, &h->id.uuid, page) +
	       (names == EXPOSE_XEN_EXPORTER ? put_disks(app, h, page) : 0);
}

static size_t put_vm(struct app *app, const struct model_vm *vm, enum expose_names names,
		     struct expose_page *page)
{
	struct shown shown;

	shown_vm(app, vm, names, &shown);
	expose_object(page, &shown.object);
	expose_put(page, EXPOSE_INFO, 1);
	expose_put(page, EXPOSE_UP, shown_running(vm));
	return put_series(app, &vm->id.uuid, page);
}

static size_t put(void *ctx, const struct exposition_id *id, enum expose_names names,
		  struct expose_page *page)
{
	struct app *app = ctx;
	const struct host_id host_id = {id->id};
	const struct vm_id vm_id = {id->id};
	const struct model_host *h =
	    id->host ? inventory_host_find(app->inventory, &host_id) : NULL;
	const struct model_vm *vm = id->host ? NULL : inventory_vm_find(app->inventory, &vm_id);

	if (h)
		return put_host(app, h, names, page);
	return vm ? put_vm(app, vm, names, page) : 0;
}

/* --- the aggregator itself --- */

struct sheet {
	struct mu_str *out;
	enum expose_format format;
	const struct expose_family *family;
};

static void begin_family(struct sheet *s, const struct expose_family *f)
{
	s->family = f;
	expose_family_add(s->out, s->format, f);
}

/* One label, or none (NULL). */
static void sample(struct sheet *s, const char *key, const char *value, double v)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str label = MU_STR_INIT;

	if (key)
		expose_label_add(&label, key, value);
	expose_sample_add(s->out, s->family, key ? label.data : "", v);
}

static void single(struct sheet *s, const struct expose_family *f, double v)
{
	begin_family(s, f);
	sample(s, NULL, NULL, v);
}

static void process_sheet(struct app *app, struct sheet *s)
{
	static const struct expose_family families[] = {
	    {"process_cpu_seconds", "seconds", "CPU time of all threads.", EXPOSE_COUNTER},
	    {"process_resident_memory_bytes", "bytes", "Memory in use.", EXPOSE_GAUGE},
	    {"process_virtual_memory_bytes", "bytes", "Address space.", EXPOSE_GAUGE},
	    {"process_open_fds", NULL, "Open file descriptors.", EXPOSE_GAUGE},
	    {"process_max_fds", NULL, "File descriptors that may be open.", EXPOSE_GAUGE},
	    {"process_start_time_seconds", "seconds", "Start, since 1970 UTC.", EXPOSE_GAUGE},
	};
	struct mu_self self;
	double values[MU_ARRAY_SIZE(families)];

	mu_self_read(&self);
	values[0] = self.cpu_seconds;
	values[1] = (double)self.resident_bytes;
	values[2] = (double)self.virtual_bytes;
	values[3] = (double)self.n_fds;
	values[4] = (double)self.fds_max;
	values[5] = (double)app->started_at / 1000;
	for (size_t i = 0; i < MU_ARRAY_SIZE(families); i++)
		single(s, &families[i], values[i]);
}

static bool count_connected(const struct model_host *h, void *arg)
{
	size_t *n = arg;

	*n += h->connected;
	return true;
}

static bool count_pending(const struct model_task *t, void *arg)
{
	size_t *n = arg;

	*n += t->status == TASK_PENDING && !t->n_parts; /* a group's parts are counted */
	return true;
}

static void fleet_sheet(struct app *app, struct sheet *s)
{
	static const struct expose_family build = {"muster_build_info", NULL, "Version; always 1.",
						   EXPOSE_GAUGE};
	static const struct expose_family hosts = {"muster_hosts", NULL, "Enrolled hosts.",
						   EXPOSE_GAUGE};
	static const struct expose_family vms = {"muster_vms", NULL, "Known VMs.", EXPOSE_GAUGE};
	static const struct expose_family tasks = {"muster_tasks_pending", NULL,
						   "Tasks that are not over.", EXPOSE_GAUGE};
	static const struct expose_family failing = {"muster_store_failing", NULL,
						     "Does storing fail?", EXPOSE_GAUGE};
	struct mu_error err = MU_ERROR_INIT;
	size_t n_connected = 0, n_pending = 0;

	inventory_each_host(app->inventory, count_connected, &n_connected);
	tasks_each(app->tasks, count_pending, &n_pending);
	begin_family(s, &build);
	sample(s, "version", MUSTER_VERSION, 1);
	begin_family(s, &hosts);
	sample(s, "state", "connected", (double)n_connected);
	sample(s, "state", "away", (double)(inventory_n_hosts(app->inventory) - n_connected));
	single(s, &vms, (double)inventory_n_vms(app->inventory));
	single(s, &tasks, (double)n_pending);
	single(s, &failing, store_failing(app->store, &err));
}

/* SRs are the fleet's: one that is shared would be on many hosts' pages. */
enum sr_figure { SR_INFO, SR_SIZE, SR_USED, SR_ALLOCATED, _SR_FIGURE_COUNT };

struct storage {
	struct sheet *sheet;
	enum sr_figure figure;
};

static int64_t sr_figure(const struct model_sr *sr, enum sr_figure figure)
{
	switch (figure) {
	case SR_SIZE:
		return sr->size_bytes;
	case SR_USED:
		return sr->used_bytes;
	case SR_ALLOCATED:
		return sr->allocated_bytes;
	case SR_INFO:
	case _SR_FIGURE_COUNT:
		break;
	}
	return 1;
}

static bool sr_sample(const struct model_object *o, void *arg)
{
	const struct storage *st = arg;
	MU_CLEANUP(mu_str_deinit) struct mu_str labels = MU_STR_INIT;
	int64_t v = sr_figure(&o->sr, st->figure);
	char id[MU_UUID_TEXT];

	if (v < 0) /* not known */
		return true;
	expose_label_add(&labels, "sr_uuid", mu_uuid_format(&o->id, id));
	if (st->figure == SR_INFO) {
		expose_label_add(&labels, "sr", o->name);
		expose_label_add(&labels, "type", o->sr.type);
	}
	expose_sample_add(st->sheet->out, st->sheet->family, labels.data, (double)v);
	return true;
}

static void storage_sheet(struct app *app, struct sheet *s)
{
	static const struct expose_family families[_SR_FIGURE_COUNT] = {
	    [SR_INFO] = {"muster_sr_info", NULL, "What the SR is; always 1.", EXPOSE_GAUGE},
	    [SR_SIZE] = {"muster_sr_size_bytes", "bytes", "Size of the SR.", EXPOSE_GAUGE},
	    [SR_USED] = {"muster_sr_used_bytes", "bytes", "Of these: in use.", EXPOSE_GAUGE},
	    [SR_ALLOCATED] = {"muster_sr_allocated_bytes", "bytes",
			      "Promised to its disks; may be more than the size.", EXPOSE_GAUGE},
	};

	for (unsigned i = 0; i < _SR_FIGURE_COUNT; i++) {
		struct storage st = {s, (enum sr_figure)i};

		begin_family(s, &families[i]);
		inventory_each_object(app->inventory, OBJECT_SR, sr_sample, &st);
	}
}

static void metrics_sheet(struct app *app, struct sheet *s)
{
	static const struct expose_family series = {"muster_metric_series", NULL,
						    "Series that are kept.", EXPOSE_GAUGE};
	static const struct expose_family batches = {
	    "muster_metric_batches", NULL, "Batches of samples from hosts.", EXPOSE_COUNTER};
	static const struct expose_family waiting = {"muster_metric_journal_waiting_bytes", "bytes",
						     "Samples that are not on the disk yet.",
						     EXPOSE_GAUGE};
	static const struct expose_family failing = {"muster_metric_store_failing", NULL,
						     "Does storing metrics fail?", EXPOSE_GAUGE};
	struct metrics_totals t;

	metrics_totals(app->metrics, &t);
	single(s, &series, (double)t.n_series);
	begin_family(s, &batches);
	sample(s, "result", "taken", (double)t.n_taken);
	sample(s, "result", "too_old", (double)t.n_too_old);
	sample(s, "result", "too_new", (double)t.n_too_new);
	single(s, &waiting, (double)t.waiting_bytes);
	single(s, &failing, t.failing);
}

static void remote_sheet(struct app *app, struct sheet *s)
{
	static const struct expose_family samples = {
	    "muster_remote_write_samples", NULL,
	    "Samples by what became of them: dropped are those that got too old meanwhile.",
	    EXPOSE_COUNTER};
	static const struct expose_family requests = {"muster_remote_write_requests", NULL,
						      "Requests; failed ones are tried again.",
						      EXPOSE_COUNTER};
	static const struct expose_family lag = {"muster_remote_write_lag_seconds", "seconds",
						 "Since all that was there had been sent.",
						 EXPOSE_GAUGE};
	static const struct expose_family failing = {"muster_remote_write_failing", NULL,
						     "Does sending fail?", EXPOSE_GAUGE};
	struct remote_counts c;

	if (!app->remote)
		return;
	remote_counts(app->remote, &c);
	begin_family(s, &samples);
	sample(s, "result", "sent", (double)c.n_sent);
	sample(s, "result", "refused", (double)c.n_refused);
	sample(s, "result", "dropped", (double)c.n_lost);
	begin_family(s, &requests);
	sample(s, "result", "answered", (double)c.n_requests);
	sample(s, "result", "failed", (double)c.n_failures);
	single(s, &lag, (double)c.lag / 1000);
	single(s, &failing, c.failing);
}

static void http_sheet(struct app *app, struct sheet *s)
{
	static const char *const classes[] = {"", "1xx", "2xx", "3xx", "4xx", "5xx"};
	static const struct expose_family replies = {"muster_http_replies", NULL,
						     "Replies by status.", EXPOSE_COUNTER};
	static const struct expose_family connections = {"muster_http_connections", NULL,
							 "Open connections.", EXPOSE_GAUGE};
	static const struct expose_family websockets = {"muster_http_websockets", NULL,
							"Of these: WebSockets.", EXPOSE_GAUGE};
	struct http_counts counts;

	http_server_counts(app->http, &counts);
	begin_family(s, &replies);
	for (size_t i = 2; i < MU_ARRAY_SIZE(classes); i++)
		sample(s, "status", classes[i], (double)counts.n_replies[i]);
	single(s, &connections, counts.n_connections);
	single(s, &websockets, counts.n_websockets);
}

static void rest_sheet(struct app *app, struct sheet *s)
{
	static const char *const methods[_HTTP_METHOD_COUNT] = {
	    [HTTP_GET] = "GET",     [HTTP_POST] = "POST",     [HTTP_PUT] = "PUT",
	    [HTTP_PATCH] = "PATCH", [HTTP_DELETE] = "DELETE", [HTTP_OTHER] = "other",
	};
	static const struct expose_family requests = {"muster_rest_requests", NULL,
						      "Requests by method.", EXPOSE_COUNTER};
	static const struct expose_family refused = {"muster_rest_unauthenticated", NULL,
						     "Requests of which nobody knew who asked.",
						     EXPOSE_COUNTER};
	struct rest_counts counts;

	rest_counts(app->rest, &counts);
	begin_family(s, &requests);
	for (size_t i = 0; i < _HTTP_METHOD_COUNT; i++)
		sample(s, "method", methods[i], (double)counts.n_requests[i]);
	single(s, &refused, (double)counts.n_refused);
}

static void self(void *ctx, enum expose_format format, struct mu_str *out)
{
	struct sheet s = {.out = out, .format = format};

	process_sheet(ctx, &s);
	fleet_sheet(ctx, &s);
	storage_sheet(ctx, &s);
	metrics_sheet(ctx, &s);
	remote_sheet(ctx, &s);
	http_sheet(ctx, &s);
	rest_sheet(ctx, &s);
}

/* --- the table --- */

static const struct model_host *host_find(void *ctx, const struct host_id *id)
{
	struct app *app = ctx;

	return inventory_host_find(app->inventory, id);
}

static void each_host(void *ctx, bool (*each)(const struct model_host *h, void *arg), void *arg)
{
	struct app *app = ctx;

	inventory_each_host(app->inventory, each, arg);
}

static void each_vm(void *ctx, const struct host_id *host,
		    bool (*each)(const struct model_vm *vm, void *arg), void *arg)
{
	struct app *app = ctx;

	if (host)
		inventory_host_each_vm(app->inventory, host, each, arg);
	else
		inventory_each_vm(app->inventory, each, arg);
}

void app_exposition_ops(struct app *app, struct exposition_ops *ret)
{
	*ret = (struct exposition_ops){
	    .ctx = app,
	    .self = self,
	    .host_find = host_find,
	    .each_host = each_host,
	    .each_vm = each_vm,
	    .put = put,
	};
}
