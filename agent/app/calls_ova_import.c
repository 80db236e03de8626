/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vm.import_ova: an archive that was uploaded, or lies on the host, becomes a VM.
 *
 *     read (a thread: table, descriptor, digests) - plan - disks, out of the archive - definition
 *
 * Until the definition is stored there is no VM. The ids of its disks follow from the task's, which
 * nobody else's do: what a crash leaves of them is deleted by the verdict.
 */
#include "agent/app/app_priv.h"
#include "agent/app/calls.h"
#include "agent/app/disk_set.h"
#include "agent/import/ovf.h"
#include "agent/ova/archive.h"
#include "agent/transfer/transfer.h"
#include "common/base/cut.h"
#include "common/log/log.h"
#include "common/loop/job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of the progress, for reading; and of a task's value, for what was left out. */
enum { READ_PERCENT = 20, NOTES_BYTES = 700 };

struct importing {
	struct app_call *call;
	const char *path;
	struct mu_uuid upload; /* nil: it lies on the host */
	struct vm_id id;
	enum ovf_trust trust;
	struct mu_uuid vdis[HV_DISKS_MAX];
	/* the thread's, while it runs */
	struct mu_job job;
	struct mu_arena *arena;
	struct ova ova;
	struct ovf ovf;
	int r;
	struct mu_error err;
	bool reading;
	/* then */
	bool read;
	bool bad; /* the archive is good for nothing */
	struct ovf_plan plan;
	struct disk_set disks;
};

static const char *text_of(const struct app_call *c, const char *name)
{
	return mu_value_as_string(mu_value_get(c->arguments, name));
}

static struct vm_id id_of(const struct mu_value *arguments, const struct mu_uuid *task)
{
	const char *text = mu_value_as_string(mu_value_get(arguments, "id"));
	struct vm_id id = {mu_uuid_derive(task, "vm")};

	if (text)
		(void)mu_uuid_parse(text, &id.uuid);
	return id;
}

static struct mu_uuid vdi_of(const struct mu_uuid *task, size_t i)
{
	char part[32];

	(void)snprintf(part, sizeof part, "vdi:%zu", i);
	return mu_uuid_derive(task, part);
}

/* As many as there is room for: the rest is counted. */
static struct mu_value *value_of(struct mu_arena *a, const struct vm_id *id,
				 const struct ovf_notes *notes)
{
	struct mu_value *v = mu_value_object(a);
	struct mu_value *list = mu_value_list(a);
	char text[MU_UUID_TEXT];
	size_t bytes = 0, i;

	mu_value_set_string(a, v, "id", mu_uuid_format(&id->uuid, text));
	for (i = 0; i < notes->n && i < OVF_NOTES_MAX; i++) {
		/* Quotes and slashes take two. */
		bytes += 2 * strlen(notes->texts[i]);
		if (bytes > NOTES_BYTES)
			break;
		mu_value_push(list, mu_value_string(a, notes->texts[i]));
	}
	if (i < notes->n)
		mu_value_push(list,
			      mu_value_string(a, mu_arena_printf(a, "and %zu more", notes->n - i)));
	if (notes->n > 0)
		mu_value_set(a, v, "warnings", list);
	return v;
}

/* What is good for nothing goes, and what has become a VM; with anything else the call can be made
 * again. */
static void release_upload(struct importing *k, const struct mu_error *err)
{
	const struct app *app = k->call->app;
	bool over = !err || k->bad || (err->code == MU_E_CANCELLED && !app->stopping);

	if (!mu_uuid_is_nil(&k->upload))
		transfer_upload_done(app->transfers, &k->upload, !over);
}

static void end(struct importing *k, const struct mu_error *err)
{
	struct app_call *c = k->call;

	release_upload(k, err);
	app_call_finish(c, err, err ? NULL : value_of(c->arena, &k->id, &k->ovf.notes));
	if (k->read)
		ova_deinit(&k->ova);
	mu_arena_free(k->arena);
}

/* ---- definition ---- */

static void on_undone(struct disk_set *set, const struct mu_error *err)
{
	struct importing *k = set->ctx;

	(void)err;
	end(k, &k->err);
}

static void on_stored(void *arg, const struct vm_id *vm, const struct mu_error *err)
{
	struct importing *k = arg;

	(void)vm;
	if (!err) {
		end(k, NULL);
		return;
	}
	k->err = *err;
	k->disks.done = on_undone;
	disk_set_undo(&k->disks);
}

/* ---- disks ---- */

static void on_disks(struct disk_set *set, const struct mu_error *err)
{
	struct importing *k = set->ctx;

	if (err) {
		k->bad = err->code == MU_E_INVALID;
		end(k, err);
		return;
	}
	define_store(k->call->app, &k->plan.spec, on_stored, k);
}

static void on_disks_progress(struct disk_set *set, int percent)
{
	const struct importing *k = set->ctx;

	app_call_progress(k->call, READ_PERCENT + percent * (100 - READ_PERCENT) / 100);
}

static enum image_format image_format_of(enum ovf_format f)
{
	return f == OVF_VMDK ? IMAGE_VMDK : f == OVF_VHD ? IMAGE_VHD : IMAGE_QCOW2;
}

static int add_disk(struct importing *k, size_t i, struct mu_error *err)
{
	const struct ovf_disk *d = &k->ovf.disks[i];
	struct disk_set_item *item = &k->disks.items[k->disks.n++];
	const struct ova_member *m = *d->href ? ova_find(&k->ova, d->href) : NULL;

	*item = (struct disk_set_item){.kind = STORAGE_VDI_CREATE,
				       .object = k->call->object,
				       .id = k->vdis[i],
				       .size_bytes = d->capacity_bytes};
	(void)snprintf(
	    item->name, sizeof item->name, "%.*s %s",
	    (int)mu_cut_fit(k->plan.spec.config.name, MODEL_NAME_MAX - sizeof k->plan.vdevs[i]),
	    k->plan.spec.config.name, k->plan.vdevs[i]);
	if (!*d->href)
		return 0;
	if (!m || m->length == 0)
		return mu_error_set(err, MU_E_INVALID,
				    "the archive does not hold \"%.100s\", which its descriptor "
				    "names",
				    d->href);
	item->kind = STORAGE_VDI_IMPORT;
	item->path = k->path;
	item->part = (struct image_part){.offset = m->offset, .length = m->length};
	item->format = image_format_of(d->format);
	return 0;
}

static int make_disks(struct importing *k, struct mu_error *err)
{
	struct disk_set *set = &k->disks;

	set->app = k->call->app;
	set->call = k->call;
	set->done = on_disks;
	set->progress = on_disks_progress;
	set->ctx = k;
	for (size_t i = 0; i < k->ovf.n_disks; i++) {
		if (add_disk(k, i, err) < 0) {
			k->bad = true;
			return MU_FAILED;
		}
		/* A descriptor that lies is found out before hours of copying. */
		if (storage_check_new(set->app->storage, &k->call->object,
				      k->ovf.disks[i].capacity_bytes, err) < 0)
			return mu_error_prefix(err, "disk %s", k->plan.vdevs[i]);
	}
	disk_set_start(set);
	return 0;
}

/* ---- planning ---- */

/* A network of this host by id, name or bridge; NULL: there is none. */
static const char *bridge_named(struct app *app, const char *text)
{
	const struct model_object *o;
	char id[MU_UUID_TEXT];

	for (size_t i = 0; *text && (o = app_object_next(app, OBJECT_NETWORK, &i));) {
		if (!strcmp(o->name, text) || !strcmp(o->network.bridge, text) ||
		    !strcmp(mu_uuid_format(&o->id, id), text))
			return o->network.bridge;
	}
	return NULL;
}

static const char *bridge_of(const char *network, const char *had, void *ctx, struct mu_error *err)
{
	const struct importing *k = ctx;
	struct app *app = k->call->app;
	const struct mu_value *map = mu_value_get(k->call->arguments, "networks");
	const char *wanted = mu_value_as_string(mu_value_get(map, network));
	const char *found;
	size_t first = 0;

	if (!wanted)
		wanted = text_of(k->call, "network");
	if (wanted) {
		if (!(found = bridge_named(app, wanted)))
			(void)mu_error_set(err, MU_E_NOT_FOUND,
					   "there is no network \"%s\" on this host", wanted);
		return found;
	}
	/* A host of which no networks are known is not the judge of them. */
	if (!app_object_next(app, OBJECT_NETWORK, &first))
		return had;
	found = bridge_named(app, had);
	found = found ? found : bridge_named(app, network);
	return found ? found : "";
}

static int plan(struct importing *k, struct mu_error *err)
{
	struct app_call *c = k->call;
	const char *mac = text_of(c, "mac");
	const struct ovf_request rq = {.id = k->id,
				       .name = text_of(c, "name_label"),
				       .description = text_of(c, "name_description"),
				       .trust = k->trust,
				       .keep_macs = mac && !strcmp(mac, "keep"),
				       .vdis = k->vdis,
				       .bridge = bridge_of,
				       .ctx = k};

	if (k->ova.is_signed)
		ovf_note(&k->ovf.notes, "its signature is not looked at");
	if (!k->ova.has_manifest)
		ovf_note(&k->ovf.notes, "it has no manifest: whether it is whole is not known");
	return ovf_plan(&k->ovf, &rq, &k->plan, err);
}

static int check_plan(struct importing *k, struct mu_error *err)
{
	struct app *app = k->call->app;

	if (!app->storage)
		return mu_error_set(err, MU_E_UNAVAILABLE, "the agent is stopping");
	if (hv_can_build(app->hv, &k->plan.spec.config, err) < 0 ||
	    define_check_name(app, &k->plan.spec, err) < 0 ||
	    define_check_macs(app, &k->plan.spec, err) < 0)
		return MU_FAILED;
	return make_disks(k, err);
}

/* ---- reading ---- */

static void report(void *ctx, int percent)
{
	mu_job_report(ctx, percent);
}

static void run(struct mu_job *job)
{
	struct importing *k = MU_CONTAINER_OF(job, struct importing, job);
	const struct copy_watch w = {.cancel = &job->cancel, .progress = report, .ctx = job};

	k->r = ova_open(k->path, &w, &k->ova, &k->err);
	if (k->r < 0)
		return;
	k->read = true;
	k->r = ovf_read(k->arena, k->ova.descriptor.data ? k->ova.descriptor.data : "",
			k->ova.descriptor.len, &k->ovf, &k->err);
}

static void on_read_progress(struct mu_job *job, int percent)
{
	struct importing *k = MU_CONTAINER_OF(job, struct importing, job);

	app_call_progress(k->call, percent * READ_PERCENT / 100);
}

static void on_read(struct mu_job *job)
{
	struct importing *k = MU_CONTAINER_OF(job, struct importing, job);
	struct mu_error err = MU_ERROR_INIT;

	k->reading = false;
	if (k->r == 0 && k->call->cancelled)
		k->r = mu_error_set(&k->err, MU_E_CANCELLED, "cancelled");
	if (k->r < 0) {
		k->bad = k->err.code == MU_E_INVALID;
		end(k, &k->err);
		return;
	}
	if (plan(k, &err) < 0) {
		k->bad = err.code == MU_E_INVALID && !text_of(k->call, "name_label") &&
			 !text_of(k->call, "name_description");
		end(k, &err);
	} else if (check_plan(k, &err) < 0) {
		end(k, &err);
	}
}

/* ---- the call ---- */

static int take_archive(struct importing *k, struct mu_error *err)
{
	struct app_call *c = k->call;
	const char *upload = text_of(c, "upload");
	enum image_format format;
	struct mu_uuid id;

	k->path = text_of(c, "path");
	if (!upload)
		return 0;
	if (k->path)
		return mu_error_set(err, MU_E_INVALID, "arguments: path: not with an upload");
	(void)mu_uuid_parse(upload, &id);
	if (transfer_upload_take(c->app->transfers, &id, &k->path, &format, err) < 0)
		return MU_FAILED;
	k->upload = id;
	if (format == IMAGE_OVA)
		return 0;
	return mu_error_set(err, MU_E_INVALID, "the upload is said to be %s, not ova",
			    image_format_name(format));
}

static int prepare(struct importing *k, struct mu_error *err)
{
	struct app_call *c = k->call;
	const char *trust = text_of(c, "definition");
	const struct vm_entry *e = vm_view_find(c->app->view, &k->id);

	if (!c->app->storage)
		return mu_error_set(err, MU_E_UNAVAILABLE, "the agent is stopping");
	if (trust)
		(void)ovf_trust_parse(trust, &k->trust);
	if (e && (e->spec || e->present))
		return mu_error_set(err, MU_E_EXISTS,
				    "arguments: id: there is a VM of this id already");
	if (storage_check_new(c->app->storage, &c->object, 1, err) < 0 || take_archive(k, err) < 0)
		return MU_FAILED;
	k->job = (struct mu_job){.run = run, .done = on_read, .progress = on_read_progress};
	if (mu_job_start(&k->job, c->app->loop, err) < 0)
		return MU_FAILED;
	k->reading = true;
	return 0;
}

static void start(struct app_call *c)
{
	struct importing *k = mu_arena_calloc(c->arena, 1, sizeof *k);
	struct mu_error err = MU_ERROR_INIT;

	k->call = c;
	c->state = k;
	k->id = id_of(c->arguments, &c->task);
	for (size_t i = 0; i < HV_DISKS_MAX; i++)
		k->vdis[i] = vdi_of(&c->task, i);
	k->arena = mu_arena_new();
	if (prepare(k, &err) < 0)
		end(k, &err);
}

static void cancel(struct app_call *c)
{
	struct importing *k = c->state;

	if (k->reading)
		mu_job_cancel(&k->job);
	disk_set_cancel(&k->disks);
}

/* ---- after a crash ---- */

static void on_removed(struct storage_op *op)
{
	char id[MU_UUID_TEXT];

	if (op->r < 0 && op->err.code != MU_E_NOT_FOUND)
		mu_log_warning("a disk of an import is left behind vdi=%s err=\"%s\"",
			       mu_uuid_format(&op->object, id), op->err.text);
	free(op);
}

static void remove_disks(struct app *app, const struct mu_uuid *task)
{
	for (size_t i = 0; i < HV_DISKS_MAX; i++) {
		struct mu_uuid vdi = vdi_of(task, i);
		struct model_object o;
		struct storage_op *op;

		if (!storage_find(app->storage, &vdi, &o))
			continue;
		op = mu_xcalloc(1, sizeof *op);
		op->kind = STORAGE_VDI_DELETE;
		op->object = vdi;
		op->done = on_removed;
		storage_op_start(app->storage, op);
	}
}

static void verdict(struct app *app, const struct journal_entry *e,
		    const struct mu_value *arguments, struct journal_verdict *v)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	static const struct ovf_notes none;
	const struct vm_entry *entry;
	const char *upload;
	struct mu_uuid id;
	struct vm_id vm;

	if (!arguments || !app->storage)
		return;
	vm = id_of(arguments, &e->task);
	entry = vm_view_find(app->view, &vm);
	if (entry && entry->spec) {
		v->status = TASK_SUCCESS;
		mu_error_clear(&v->err);
		calls_value_text(value_of(a, &vm, &none), v->value);
		upload = mu_value_as_string(mu_value_get(arguments, "upload"));
		if (upload && app->transfers && mu_uuid_parse(upload, &id))
			transfer_upload_done(app->transfers, &id, false);
		return;
	}
	remove_disks(app, &e->task);
	v->status = TASK_FAILURE;
	(void)mu_error_set(&v->err, MU_E_UNAVAILABLE,
			   "interrupted by a restart of the agent: there is no such VM, and its "
			   "disks are removed; hint: ask again");
}

const struct app_call_handler calls_ova_import[] = {
    {.method = "vm.import_ova",
     .start = start,
     .cancel = cancel,
     .verdict = verdict,
     .of_storage = true},
};
const size_t n_calls_ova_import = MU_ARRAY_SIZE(calls_ova_import);
