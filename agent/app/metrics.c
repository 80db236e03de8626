/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/app/metrics.h"

#include "agent/app/agent.h"
#include "agent/app/app_priv.h"
#include "agent/app/history_file.h"
#include "agent/app/sensors.h"
#include "agent/host/counters.h"
#include "agent/hv/hv.h"
#include "agent/stats/history.h"
#include "agent/stats/sample.h"
#include "common/log/log.h"
#include "common/os/clock.h"

#include <stdlib.h>
#include <string.h>

struct metrics {
	struct mu_loop *loop;
	struct app *app;
	mu_msec interval;
	mu_loop_cb added;
	void *ctx;
	struct mu_timer *timer;
	struct mu_timer *prepare; /* a little before it */
	struct sampler *sampler;
	struct window *window;
	struct history *history;
	struct history_file *file;
	struct metric_list list;
	struct hv_host_stats host;
	struct hv_domain_stats *stats; /* HV_DOMAINS_MAX */
	struct sample_domain *domains; /* HV_DOMAINS_MAX */
	struct sensors *sensors;       /* NULL: the host is a model */
	size_t n_srs;
	struct sample_sr srs[SAMPLE_SRS_MAX];
	bool failing;
	bool too_many; /* series, and said so */
};

static void on_time(void *ctx);
static void on_prepare(void *ctx);

static void open_history(struct metrics *m, const char *dir)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str objects = MU_STR_INIT;

	m->file = history_file_open(dir);
	m->history = history_new(app_host_id(m->app), history_file_rows, m->file);
	history_file_load(m->file, &objects);
	if (objects.len > 0 &&
	    !history_restore(m->history, objects.data, objects.len, mu_clock_wall()))
		mu_log_warning("statistics of before are damaged, they begin anew dir=%s", dir);
}

static void sample_in(struct metrics *m, mu_msec delay)
{
	mu_timer_set(m->prepare, delay > HV_STATS_AHEAD ? delay - HV_STATS_AHEAD : 0);
	mu_timer_set(m->timer, delay);
}

struct metrics *metrics_new(struct mu_loop *loop, struct app *app, mu_msec interval,
			    const char *dir, mu_loop_cb added, void *ctx)
{
	const struct window_limits defaults = {.max_batches = 0};
	struct metrics *m = mu_xcalloc(1, sizeof *m);

	m->loop = loop;
	m->app = app;
	m->interval = interval;
	m->added = added;
	m->ctx = ctx;
	m->sampler = sampler_new(app_host_id(app));
	m->window = window_new(&defaults);
	open_history(m, dir);
	m->list = (struct metric_list)METRIC_LIST_INIT;
	/* Only what is used is ever touched. */
	m->stats = mu_xcalloc(HV_DOMAINS_MAX, sizeof *m->stats);
	m->domains = mu_xcalloc(HV_DOMAINS_MAX, sizeof *m->domains);
	m->sensors = app->sysfs ? sensors_new(loop, app->sysfs) : NULL;
	m->timer = mu_timer_new(loop, on_time, m);
	m->prepare = mu_timer_new(loop, on_prepare, m);
	sample_in(m, sample_delay(mu_clock_wall()));
	app->metrics = m;
	return m;
}

void metrics_stop(struct metrics *m, mu_loop_cb done, void *ctx)
{
	mu_timer_cancel(m->timer);
	mu_timer_cancel(m->prepare);
	if (m->sensors)
		sensors_stop(m->sensors, done, ctx);
	else
		mu_loop_post(m->loop, done, ctx);
}

struct metrics *metrics_free(struct metrics *m)
{
	if (!m)
		return NULL;
	m->app->metrics = NULL;
	mu_timer_free(m->timer);
	mu_timer_free(m->prepare);
	sensors_free(m->sensors);
	history_free(m->history);
	history_file_free(m->file);
	sampler_free(m->sampler);
	window_free(m->window);
	metric_list_deinit(&m->list);
	free(m->stats);
	free(m->domains);
	free(m);
	return NULL;
}

struct window *metrics_window(struct metrics *m)
{
	return m->window;
}

const struct history *metrics_history(const struct metrics *m)
{
	return m->history;
}

/* ---- what the driver does not count ---- */

static void add_sr(const struct model_object *o, void *ctx)
{
	struct metrics *m = ctx;

	if (o->kind != OBJECT_SR || m->n_srs == SAMPLE_SRS_MAX)
		return;
	m->srs[m->n_srs++] = (struct sample_sr){
	    .id = o->id,
	    .size_bytes = o->sr.attached ? o->sr.size_bytes : -1,
	    .used_bytes = o->sr.attached ? o->sr.used_bytes : -1,
	    .allocated_bytes = o->sr.attached ? o->sr.allocated_bytes : -1,
	};
}

/* Series have the first eight digits of an SR's id in their names: of those whose digits are the
 * same nothing is said, as it would be read as the other's. */
static void drop_ambiguous(struct metrics *m)
{
	struct sample_sr all[SAMPLE_SRS_MAX];
	size_t n = m->n_srs;

	memcpy(all, m->srs, n * sizeof *all);
	m->n_srs = 0;
	for (size_t i = 0; i < n; i++) {
		size_t n_same = 0;

		for (size_t k = 0; k < n; k++)
			n_same += memcmp(all[i].id.bytes, all[k].id.bytes, 4) == 0;
		if (n_same == 1)
			m->srs[m->n_srs++] = all[i];
	}
}

static void read_host(struct metrics *m)
{
	const struct app *app = m->app;

	if (app->sysfs && !app->simulated)
		host_counters_nics(app->sysfs, &m->host);
	if (app->sysfs)
		host_counters_disks(app->sysfs, &m->host);
	if (m->sensors)
		sensors_take(m->sensors, &m->host);
	m->n_srs = 0;
	if (app->storage)
		storage_each(app->storage, add_sr, m);
	drop_ambiguous(m);
}

static size_t find_sr(const struct metrics *m, const struct mu_uuid *vdi)
{
	struct model_object o;
	size_t i = m->n_srs;

	if (!mu_uuid_is_nil(vdi) && m->app->storage && storage_find(m->app->storage, vdi, &o))
		for (i = 0; i < m->n_srs && !mu_uuid_equal(&m->srs[i].id, &o.vdi.sr); i++)
			continue;
	return i;
}

/* Which of the domain's disks lie on which SR. One that nobody counts (QEMU serves it) counts too:
 * what is done there is not known. */
static void describe_disks(const struct metrics *m, const struct model_vm *vm,
			   struct sample_domain *d)
{
	for (size_t i = 0; i < vm->n_disks; i++) {
		size_t sr = vm->disks[i].attached ? find_sr(m, &vm->disks[i].vdi) : m->n_srs;
		uint16_t vbd = 0;

		if (sr == m->n_srs)
			continue;
		while (vbd < d->stats->n_vbds &&
		       !mu_str_equal(d->stats->vbds[vbd].vdev, vm->disks[i].vdev))
			vbd++;
		d->disks[d->n_disks++] = (struct sample_disk){
		    (uint16_t)sr, vbd < d->stats->n_vbds ? vbd : SAMPLE_NO_VBD};
	}
}

static void describe(const struct metrics *m, const struct hv_domain_stats *stats, mu_msec wall,
		     struct sample_domain *d)
{
	const struct vm_entry *e = vm_view_find(m->app->view, &stats->id);
	const struct model_vm *vm = app_vm_find(m->app, &stats->id);

	*d = (struct sample_domain){.stats = stats, .uptime = -1};
	if (!vm || vm->domid != (int32_t)stats->domid.value)
		return;
	d->guest = &vm->guest;
	d->paused = vm->power == VM_PAUSED;
	if (vm->started_at)
		d->uptime = wall - vm->started_at;
	if (e && e->spec && e->spec->memory_min_bytes > 0) {
		d->memory_min_bytes = e->spec->memory_min_bytes;
		d->memory_max_bytes = e->spec->config.memory_bytes;
	}
	describe_disks(m, vm, d);
}

/* Whose columns these are is kept before there is something in them. */
static void keep(struct metrics *m, mu_msec time)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str objects = MU_STR_INIT;

	if (history_map(m->history, time, &m->list)) {
		history_encode(m->history, &objects);
		history_file_save(m->file, objects.data, objects.len);
	}
	history_add(m->history, time, &m->list);
}

static void say_if_too_many(struct metrics *m)
{
	bool too_many = m->list.n_left_out > 0;

	if (too_many && !m->too_many)
		mu_log_warning("metrics of this host are too many, the last are left out kept=%zu "
			       "left_out=%zu",
			       m->list.n, m->list.n_left_out);
	m->too_many = too_many;
}

static void sample(struct metrics *m)
{
	struct mu_error err = MU_ERROR_INIT;
	mu_msec wall = mu_clock_wall();
	struct sample_host host;
	size_t n;

	if (hv_stats(app_hv(m->app), &m->host, m->stats, HV_DOMAINS_MAX, &n, &err) < 0) {
		if (!m->failing)
			mu_log_warning("statistics not available err=\"%s\"", err.text);
		m->failing = true;
		return;
	}
	m->failing = false;
	read_host(m);
	for (size_t i = 0; i < n; i++)
		describe(m, &m->stats[i], wall, &m->domains[i]);
	host =
	    (struct sample_host){.wall = wall, .stats = &m->host, .n_srs = m->n_srs, .srs = m->srs};
	sampler_step(m->sampler, &host, m->domains, n, &m->list);
	say_if_too_many(m);
	keep(m, sample_grid(wall));
	if (window_add(m->window, sample_grid(wall), &m->list) && m->added)
		m->added(m->ctx);
}

static void on_time(void *ctx)
{
	struct metrics *m = ctx;

	sample(m);
	sample_in(m, sample_delay(mu_clock_wall()) + m->interval - SAMPLE_INTERVAL);
}

static void on_prepare(void *ctx)
{
	const struct metrics *m = ctx;

	hv_stats_prepare(app_hv(m->app));
}

/* --- asking --- */

struct asking {
	struct app *app;
	struct stats_query q;
	void (*done)(void *arg, const struct stats_result *r, const struct mu_error *err);
	void *arg;
};

static void answer(void *ctx)
{
	struct asking *ask = ctx;
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	const struct metrics *m = ask->app->metrics;
	struct mu_error err = MU_ERROR_INIT;
	struct stats_result result;
	int r = m ? history_read(m->history, &ask->q, mu_clock_wall(), a, &result, &err)
		  : mu_error_set(&err, MU_E_UNAVAILABLE, "the agent stops");

	ask->done(ask->arg, r < 0 ? NULL : &result, r < 0 ? &err : NULL);
	free(ask);
}

void app_stats(struct app *app, const struct stats_query *q,
	       void (*done)(void *arg, const struct stats_result *r, const struct mu_error *err),
	       void *arg)
{
	struct asking *ask = mu_xcalloc(1, sizeof *ask);

	*ask = (struct asking){app, *q, done, arg};
	mu_loop_post(app->loop, answer, ask);
}

size_t app_stats_newest(struct app *app, const struct mu_uuid *id,
			void (*each)(void *arg, const char *name, float value), void *arg)
{
	const struct metrics *m = app->metrics;
	float values[CATALOGUE_OBJECT_MAX];
	const struct catalogue_object *o =
	    m ? history_newest(m->history, id, mu_clock_wall(), values) : NULL;

	for (size_t i = 0; o && i < o->n_series; i++)
		each(arg, catalogue_metric(o, i)->name, values[i]);
	return o ? o->n_series : 0;
}
