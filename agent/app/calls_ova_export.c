/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vm.export_ova: a VM, or a snapshot of one, into an archive on the host.
 *
 *     [snapshot of its disks, if it is in use] - for each disk: image - into the archive -
 *     descriptor, manifest - rename - [the snapshot's disks deleted]
 *
 * Under way the archive is PATH.partial, and one image at a time PATH.image: a crash leaves these
 * two, and the disks in between, whose ids follow from the task's; the verdict removes them.
 */
#include "agent/app/app_priv.h"
#include "agent/app/calls.h"
#include "agent/app/copying.h"
#include "agent/import/ovf.h"
#include "agent/ova/archive.h"
#include "common/log/log.h"
#include "common/loop/job.h"
#include "common/os/clock.h"
#include "common/os/file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What sizes that are not known yet may add to the descriptor. */
enum { ROOM_PER_DISK = 32 };

struct exporting {
	struct app_call *call;
	const char *path;
	const char *partial;
	const char *image;
	struct vm_spec spec; /* as it is written down */
	size_t n_disks;
	struct ovf_disk disks[HV_DISKS_MAX];
	struct mu_uuid from[HV_DISKS_MAX]; /* what is read */
	const char *networks[HV_NICS_MAX];
	/* of a VM that is in use */
	struct vm_copy between;
	struct snapshot snapshot;
	bool has_between;
	/* steps */
	size_t at;
	struct storage_op op;
	struct mu_job job;
	void (*then)(struct exporting *k);
	int (*step)(struct exporting *k, const struct copy_watch *w, struct mu_error *err);
	struct ova_writer writer;
	bool working;
	struct mu_error err;
};

/* ---- the end ---- */

/* Files of ours: as quick as any metadata. */
static void remove_file(const char *path)
{
	if (unlink(path) < 0 && errno != ENOENT)
		mu_log_warning("a part of an export stays path=%s err=\"%s\"", path,
			       strerror(errno));
}

static void end(struct exporting *k, const struct mu_error *err)
{
	ova_writer_deinit(&k->writer);
	if (k->has_between)
		copying_remove_between(k->call->app, &k->between);
	if (err && k->working) {
		remove_file(k->partial);
		remove_file(k->image);
	}
	app_call_finish(k->call, err, NULL);
}

/* ---- steps that block ---- */

static void report(void *ctx, int percent)
{
	mu_job_report(ctx, percent);
}

static void run(struct mu_job *job)
{
	struct exporting *k = MU_CONTAINER_OF(job, struct exporting, job);
	const struct copy_watch w = {.cancel = &job->cancel, .progress = report, .ctx = job};

	(void)k->step(k, &w, &k->err);
}

static void on_all(struct exporting *k)
{
	end(k, NULL);
}

static void on_step(struct mu_job *job)
{
	struct exporting *k = MU_CONTAINER_OF(job, struct exporting, job);

	/* What is there is there. */
	if (k->err.code == MU_E_NONE && k->call->cancelled && k->then != on_all)
		(void)mu_error_set(&k->err, MU_E_CANCELLED, "cancelled");
	if (k->err.code == MU_E_NONE)
		k->then(k);
	else
		end(k, &k->err);
}

static void block(struct exporting *k,
		  int (*step)(struct exporting *k, const struct copy_watch *w,
			      struct mu_error *err),
		  void (*then)(struct exporting *k))
{
	struct mu_error err = MU_ERROR_INIT;

	k->step = step;
	k->then = then;
	k->job = (struct mu_job){.run = run, .done = on_step};
	if (mu_job_start(&k->job, k->call->app->loop, &err) < 0)
		end(k, &err);
}

/* ---- the archive ---- */

static void write_descriptor(const struct exporting *k, struct mu_str *out)
{
	ovf_write(out, &k->spec, k->disks, k->n_disks, k->networks);
}

/* A name for files: what any system takes. */
static void file_name(const char *name, char ret[static 64])
{
	size_t n = 0;

	for (; *name && n < 60; name++) {
		bool plain = (*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z') ||
			     (*name >= '0' && *name <= '9') || *name == '-' || *name == '_';

		ret[n++] = (char)(plain ? *name : '_');
	}
	ret[n] = '\0';
}

static int step_begin(struct exporting *k, const struct copy_watch *w, struct mu_error *err)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	char name[64];

	(void)w;
	file_name(k->spec.config.name, name);
	write_descriptor(k, &text);
	if (ova_writer_begin(&k->writer, k->partial, name, text.len + k->n_disks * ROOM_PER_DISK,
			     err) < 0)
		return MU_FAILED;
	k->working = true; /* the file is ours, to be removed again */
	return 0;
}

static int step_add(struct exporting *k, const struct copy_watch *w, struct mu_error *err)
{
	struct ovf_disk *d = &k->disks[k->at];

	if (ova_writer_add(&k->writer, d->href, k->image, w, &d->file_bytes, err) < 0)
		return MU_FAILED;
	if (unlink(k->image) < 0)
		return mu_error_errno(err, errno, "%s", k->image);
	return 0;
}

static int step_end(struct exporting *k, const struct copy_watch *w, struct mu_error *err)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;

	(void)w;
	write_descriptor(k, &text);
	if (ova_writer_end(&k->writer, &text, err) < 0)
		return MU_FAILED;
	/* Not over what somebody has put there meanwhile. */
	if (link(k->partial, k->path) < 0 || unlink(k->partial) < 0)
		return mu_error_errno(err, errno, "%s", k->path);
	return mu_file_sync_parent(k->path, err);
}

static void next_disk(struct exporting *k);

static void on_added(struct exporting *k)
{
	k->at++;
	next_disk(k);
}

static void on_image(struct storage_op *op)
{
	struct exporting *k = op->ctx;

	if (op->r < 0)
		end(k, &op->err);
	else
		block(k, step_add, on_added);
}

static void on_image_progress(struct storage_op *op, int percent)
{
	const struct exporting *k = op->ctx;

	app_call_progress(k->call, (int)((k->at * 100 + (size_t)percent) / k->n_disks));
}

static void next_disk(struct exporting *k)
{
	struct mu_error err = MU_ERROR_INIT;

	if (!k->call->app->storage) {
		(void)mu_error_set(&err, MU_E_CANCELLED, "the agent is stopping");
		end(k, &err);
		return;
	}
	if (k->at == k->n_disks) {
		block(k, step_end, on_all);
		return;
	}
	k->op = (struct storage_op){.kind = STORAGE_VDI_EXPORT,
				    .object = k->from[k->at],
				    .path = k->image,
				    .format = IMAGE_VMDK,
				    .done = on_image,
				    .progress = on_image_progress,
				    .ctx = k};
	storage_op_start(k->call->app->storage, &k->op);
}

static void begin(struct exporting *k)
{
	block(k, step_begin, next_disk);
}

/* ---- of a VM that is in use ---- */

static void on_snapshot(struct snapshot *s, const struct mu_error *err)
{
	struct exporting *k = s->ctx;

	if (err) {
		end(k, err);
		return;
	}
	k->has_between = true;
	for (size_t i = 0; i < k->n_disks; i++)
		k->from[i] = k->between.disks[i].to;
	begin(k);
}

static void on_snapshot_progress(struct snapshot *s, int percent)
{
	(void)s;
	(void)percent; /* only memory takes time */
}

static void take_between(struct exporting *k)
{
	struct snapshot *s = &k->snapshot;

	s->app = k->call->app;
	s->vm = k->call->vm;
	s->copy = &k->between;
	s->progress = on_snapshot_progress;
	s->done = on_snapshot;
	s->ctx = k;
	snapshot_start(s);
}

static int plan_between(const struct vm_spec *from, const struct mu_uuid *task,
			struct vm_copy *ret_copy, struct mu_error *err)
{
	struct vm_id id = {mu_uuid_derive(task, "between")};

	return vm_copy_snapshot(from, &id, NULL, mu_clock_wall(), ret_copy, err);
}

/* ---- planning ---- */

static const char *network_of(struct app *app, const char *bridge)
{
	const struct model_object *o;

	for (size_t i = 0; (o = app_object_next(app, OBJECT_NETWORK, &i));) {
		if (!strcmp(o->network.bridge, bridge))
			return *o->name ? o->name : bridge;
	}
	return *bridge ? bridge : "default";
}

static int plan_disk(struct exporting *k, size_t i, int64_t *largest, struct mu_error *err)
{
	struct ovf_disk *d = &k->disks[i];
	const struct mu_uuid *vdi = &k->between.disks[i].from;
	struct model_object o;

	if (!storage_find(k->call->app->storage, vdi, &o) || o.kind != OBJECT_VDI)
		return mu_error_set(err, MU_E_NOT_FOUND, "disk %s: its VDI is not on this host",
				    k->between.disks[i].vdev);
	k->from[i] = *vdi;
	(void)mu_uuid_format(vdi, d->id);
	d->capacity_bytes = o.vdi.size_bytes;
	if (o.vdi.size_bytes > *largest)
		*largest = o.vdi.size_bytes;
	return 0;
}

/* CDs stay where they are. */
static void leave_cds(struct hv_vm_config *c)
{
	for (size_t i = 0; i < c->n_disks; i++) {
		struct hv_disk *d = &c->disks[i];

		if (!d->cdrom)
			continue;
		d->vdi = (struct mu_uuid){{0}};
		d->path[0] = '\0';
	}
}

static int plan_all(struct exporting *k, const struct vm_spec *spec, struct mu_error *err)
{
	struct app *app = k->call->app;
	int64_t largest = 0;
	char name[64];

	if (plan_between(spec, &k->call->task, &k->between, err) < 0)
		return MU_FAILED;
	k->spec = *spec;
	k->n_disks = k->between.n_disks;
	leave_cds(&k->spec.config);
	file_name(spec->config.name, name);
	for (size_t i = 0; i < k->n_disks; i++) {
		if (plan_disk(k, i, &largest, err) < 0)
			return MU_FAILED;
		(void)snprintf(k->disks[i].href, sizeof k->disks[i].href, "%s-disk%zu.vmdk", name,
			       i);
	}
	for (size_t i = 0; i < k->spec.config.n_nics; i++)
		k->networks[i] = network_of(app, k->spec.config.nics[i].bridge);
	return 0;
}

static int prepare(struct exporting *k, struct mu_error *err)
{
	struct app_call *c = k->call;
	const struct vm_entry *e = vm_view_find(c->app->view, &c->vm);
	struct stat st;

	if (!c->app->storage)
		return mu_error_set(err, MU_E_UNAVAILABLE, "the agent is stopping");
	if (!e || !e->spec)
		return mu_error_set(err, MU_E_NOT_FOUND, "there is no such VM on this host");
	if (k->path[0] != '/')
		return mu_error_set(err, MU_E_INVALID, "arguments: path: not an absolute path");
	if (lstat(k->path, &st) == 0)
		return mu_error_set(err, MU_E_EXISTS, "%s exists already", k->path);
	return plan_all(k, e->spec, err);
}

/* ---- the call ---- */

static void set_paths(struct exporting *k, struct mu_arena *a, const struct mu_value *arguments)
{
	k->path = mu_value_as_string(mu_value_get(arguments, "path"));
	k->partial = mu_arena_printf(a, "%s.partial", k->path);
	k->image = mu_arena_printf(a, "%s.image", k->path);
}

static void start(struct app_call *c)
{
	struct exporting *k = mu_arena_calloc(c->arena, 1, sizeof *k);
	const struct vm_entry *e = vm_view_find(c->app->view, &c->vm);
	struct mu_error err = MU_ERROR_INIT;

	k->call = c;
	c->state = k;
	k->writer.fd = -1;
	set_paths(k, c->arena, c->arguments);
	if (prepare(k, &err) < 0)
		end(k, &err);
	else if (vm_entry_facts(e).power != VM_HALTED && k->n_disks > 0)
		take_between(k);
	else
		begin(k);
}

static void cancel(struct app_call *c)
{
	struct exporting *k = c->state;

	snapshot_cancel(&k->snapshot);
	storage_op_cancel(&k->op);
	mu_job_cancel(&k->job);
}

static void verdict(struct app *app, const struct journal_entry *e,
		    const struct mu_value *arguments, struct journal_verdict *v)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct exporting *k = mu_arena_calloc(a, 1, sizeof *k);
	const struct vm_entry *entry = vm_view_find(app->view, &e->vm);
	struct stat st;

	if (!arguments)
		return;
	set_paths(k, a, arguments);
	remove_file(k->partial);
	remove_file(k->image);
	if (entry && entry->spec && e->power_before != VM_HALTED &&
	    plan_between(entry->spec, &e->task, &k->between, NULL) == 0)
		copying_remove_between(app, &k->between);
	if (lstat(k->path, &st) == 0) { /* it is renamed when it is whole */
		v->status = TASK_SUCCESS;
		mu_error_clear(&v->err);
		return;
	}
	v->status = TASK_FAILURE;
	(void)mu_error_set(&v->err, MU_E_UNAVAILABLE,
			   "interrupted by a restart of the agent: nothing is left of it; hint: "
			   "ask again");
}

const struct app_call_handler calls_ova_export[] = {
    {.method = "vm.export_ova",
     .start = start,
     .cancel = cancel,
     .urgent = copying_go_on,
     .verdict = verdict,
     .of_storage = true},
};
const size_t n_calls_ova_export = MU_ARRAY_SIZE(calls_ova_export);
