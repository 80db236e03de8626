/* SPDX-License-Identifier: Apache-2.0 */
/* Everything from the store into memory, once, before anything is served. */
#include "aggregator/app/app.h"
#include "aggregator/app/users.h"
#include "aggregator/store/audit.h"
#include "aggregator/store/hosts.h"
#include "aggregator/store/tasks.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/log/log.h"
#include "common/os/clock.h"
#include "common/os/random.h"
#include "common/wire/wire.h"

#include <stdlib.h>
#include <string.h>

/* The VMs, then the objects of one host, gathered while the rows (ordered by host) come by. */
struct loading {
	struct app *app;
	struct host_id host;
	struct model_vm *vms;
	size_t n_vms;
	size_t cap;
	struct model_object *objects;
	size_t n_objects;
	size_t objects_cap;
};

/* What cannot be read any more is not worth refusing to start for: its host has the truth and is
 * asked for all of it. */
static void distrust(struct app *app, const struct host_id *host, const char *what,
		     const struct mu_uuid *id, const struct mu_error *err)
{
	char text[MU_UUID_TEXT];

	mu_log_warning("stored %s cannot be read, its host will be asked id=%s err=\"%s\"", what,
		       mu_uuid_format(id, text), err->text);
	mu_map_put(app->resync, host, sizeof *host, app);
}

static int host_decode(const struct store_host *row, struct model_host *ret, struct mu_error *err)
{
	Muster__V1__HostState *m =
	    muster__v1__host_state__unpack(NULL, row->state.len, row->state.data);
	int r;

	if (!m)
		return mu_error_set(err, MU_E_IO, "not a HostState");
	r = wire_host_decode(m, &row->id, ret, err);
	muster__v1__host_state__free_unpacked(m, NULL);
	return r;
}

static int load_host(const struct store_host *row, void *arg, struct mu_error *err)
{
	struct app *app = arg;
	struct model_host h;
	struct mu_error local = MU_ERROR_INIT;

	(void)err;
	model_host_init(&h);
	if (row->state.len && host_decode(row, &h, &local) < 0) {
		distrust(app, &row->id, "host", &row->id.uuid, &local);
		model_host_init(&h);
	}
	h.id = row->id;
	h.last_seen = row->last_seen;
	if (!h.name[0])
		mu_utf8_sanitize(h.name, sizeof h.name - 1, row->name, strlen(row->name));
	inventory_host_add(app->inventory, &h, &app->changes);
	return 0;
}

static int load_mark(const struct store_host *row, void *arg, struct mu_error *err)
{
	struct app *app = arg;
	struct session_mark mark;
	uint64_t epoch;
	uint64_t seq;

	(void)err;
	app_metrics_mark(app, &row->id, &epoch, &seq);
	session_mark_init(&mark, row->state_epoch, row->state_seq, epoch, seq);
	if (mu_map_find(app->resync, &row->id, sizeof row->id))
		session_mark_distrust(&mark);
	fleet_host_add(app->fleet, &row->id, &mark);
	return 0;
}

static void flush(struct loading *l)
{
	const struct inventory_report report = {
	    .vms = l->vms,
	    .n_vms = l->n_vms,
	    .objects = l->objects,
	    .n_objects = l->n_objects,
	};

	inventory_delta(l->app->inventory, &l->host, &report, &l->app->changes);
	l->n_vms = l->n_objects = 0;
}

/* The rows of another host begin. */
static void go_on_with(struct loading *l, const struct host_id *host)
{
	if (mu_uuid_equal(&host->uuid, &l->host.uuid))
		return;
	flush(l);
	l->host = *host;
}

static int vm_decode(const struct store_vm *row, struct model_vm *ret, struct mu_error *err)
{
	Muster__V1__VmState *m =
	    muster__v1__vm_state__unpack(NULL, row->state.len, row->state.data);
	int r;

	if (!m)
		return mu_error_set(err, MU_E_IO, "not a VmState");
	r = wire_vm_decode(m, &row->host, ret, err);
	muster__v1__vm_state__free_unpacked(m, NULL);
	return r;
}

static int load_vm(const struct store_vm *row, void *arg, struct mu_error *err)
{
	struct loading *l = arg;
	struct mu_error local = MU_ERROR_INIT;

	(void)err;
	go_on_with(l, &row->host);
	if (l->n_vms == l->cap) {
		l->cap = l->cap ? l->cap * 2 : 64;
		l->vms = mu_xrealloc(l->vms, l->cap, sizeof *l->vms);
	}
	if (vm_decode(row, &l->vms[l->n_vms], &local) < 0)
		distrust(l->app, &row->host, "VM", &row->id.uuid, &local);
	else
		l->n_vms++;
	return 0;
}

static int object_decode(const struct store_object *row, struct model_object *ret,
			 struct mu_error *err)
{
	Muster__V1__ObjectState *m =
	    muster__v1__object_state__unpack(NULL, row->state.len, row->state.data);
	int r;

	if (!m)
		return mu_error_set(err, MU_E_IO, "not an ObjectState");
	r = wire_object_decode(m, &row->host, ret, err);
	muster__v1__object_state__free_unpacked(m, NULL);
	/* Only what is known was stored. */
	return r == WIRE_UNKNOWN_KIND ? mu_error_set(err, MU_E_IO, "of no kind known here") : r;
}

static int load_object(const struct store_object *row, void *arg, struct mu_error *err)
{
	struct loading *l = arg;
	struct mu_error local = MU_ERROR_INIT;

	(void)err;
	go_on_with(l, &row->host);
	if (l->n_objects == l->objects_cap) {
		l->objects_cap = l->objects_cap ? l->objects_cap * 2 : 64;
		l->objects = mu_xrealloc(l->objects, l->objects_cap, sizeof *l->objects);
	}
	if (object_decode(row, &l->objects[l->n_objects], &local) < 0)
		distrust(l->app, &row->host, "object", &row->id, &local);
	else
		l->n_objects++;
	return 0;
}

/* What hosts reported. */
static int load_reports(struct app *app, struct mu_error *err)
{
	struct loading l = {.app = app};
	int r = store_vms_list(app->store, load_vm, &l, err);

	flush(&l);
	if (r == 0)
		r = store_objects_list(app->store, load_object, &l, err);
	flush(&l);
	free(l.vms);
	free(l.objects);
	return r;
}

static int load_task(const struct model_task *t, const char *arguments, void *arg,
		     struct mu_error *err)
{
	struct app *app = arg;

	(void)err;
	tasks_load(app->tasks, t, arguments);
	return 0;
}

static void load_line(const struct mu_uuid *task, const struct task_line *line, void *arg)
{
	struct app *app = arg;

	(void)tasks_say(app->tasks, task, line);
}

static void load_cert(const struct store_cert *c, void *arg)
{
	app_access_add_cert(arg, c);
}

static void load_join(const struct store_join *j, void *arg)
{
	app_access_add_join(arg, j);
}

static void load_token(const struct store_token *t, void *arg)
{
	app_access_add_token(arg, t);
}

/* The pool every host is in: made with the database. */
static int load_pool(struct app *app, struct mu_error *err)
{
	MU_CLEANUP(mu_free) char *id = NULL;
	MU_CLEANUP(mu_free) char *name = NULL;
	char text[MU_UUID_TEXT];
	struct store_tx *tx;

	if (store_setting_get(app->store, "pool.id", &id, err) < 0 ||
	    store_setting_get(app->store, "pool.name", &name, err) < 0)
		return MU_FAILED;
	if (!id || !mu_uuid_parse(id, &app->pool.id)) {
		app->pool.id = mu_random_uuid();
		tx = store_begin(app->store);
		store_setting_put(tx, "pool.id", mu_uuid_format(&app->pool.id, text));
		store_commit(tx, STORE_KEEP, NULL, NULL);
	}
	mu_utf8_sanitize(app->pool.name, sizeof app->pool.name - 1, name ? name : "Muster",
			 strlen(name ? name : "Muster"));
	return 0;
}

int app_load(struct app *app, struct mu_error *err)
{
	mu_msec begin = mu_clock_monotonic();

	if (load_pool(app, err) < 0 || store_hosts_list(app->store, load_host, app, err) < 0)
		return MU_FAILED;
	if (load_reports(app, err) < 0 || store_tasks_list(app->store, load_task, app, err) < 0 ||
	    store_task_lines_list(app->store, load_line, app, err) < 0 ||
	    store_certs_list(app->store, load_cert, app, err) < 0 ||
	    store_joins_list(app->store, load_join, app, err) < 0 ||
	    users_load(app->users, err) < 0 || app_tags_load(app, err) < 0 ||
	    store_tokens_list(app->store, load_token, app, err) < 0)
		return mu_error_prefix(err, "reading the database");
	app_publish(app); /* conflicts; nobody listens for the rest yet */
	mu_log_info("state read hosts=%zu vms=%zu objects=%zu tasks_pending=%zu ms=%lld",
		    inventory_n_hosts(app->inventory), inventory_n_vms(app->inventory),
		    inventory_n_objects(app->inventory), tasks_n_pending(app->tasks),
		    (long long)(mu_clock_monotonic() - begin));
	return 0;
}

int app_load_marks(struct app *app, struct mu_error *err)
{
	return store_hosts_list(app->store, load_mark, app, err);
}
