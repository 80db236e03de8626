/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Contents of disks, in and out: the use case for both doors, and the uploads that calls read. It
 * ends after the calls and before the storage, which it uses.
 */
#include "agent/app/app_priv.h"

#include "agent/transfer/transfer.h"
#include "common/json/json.h"
#include "common/os/file.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The given directory, or one of the state directory's, as an absolute path. */
static int find_dir(struct app *app, const char *given, char ret[static PATH_MAX],
		    struct mu_error *err)
{
	char ours[STATE_PATH_MAX + 1];
	const char *dir = given ? given : state_dir_file(&app->dir, "transfer", ours);

	if (mu_file_mkdirs(dir, 0700, err) < 0)
		return mu_error_prefix(err, "--transfer-dir");
	if (!realpath(dir, ret))
		return mu_error_errno(err, errno, "--transfer-dir: %s", dir);
	return 0;
}

/* ---- archives of VMs: each is a task, vm.export_ova ---- */

struct archive {
	struct mu_link link;
	struct app *app;
	struct transfer_vm *v; /* NULL: it was told */
	struct mu_uuid task;   /* nil: not accepted yet */
	bool cancelled;
};

static void tell(struct archive *m, const struct mu_error *err)
{
	struct transfer_vm *v = m->v;

	mu_list_remove(&m->link);
	m->v = NULL;
	v->priv = NULL;
	v->r = err ? MU_FAILED : 0;
	if (err)
		v->err = *err;
	v->done(v);
}

static void on_asked(void *arg, const struct mu_uuid *task, const struct mu_error *err)
{
	struct archive *m = arg;

	if (!m->v) { /* the agent is stopping */
		free(m);
	} else if (err) {
		tell(m, err);
		free(m);
	} else {
		m->task = *task;
		if (m->cancelled)
			(void)app_task_abort(m->app, task, NULL);
	}
}

static void on_task(void *ctx, enum app_change what, const struct model_task *t)
{
	struct app *app = ctx;

	if (what == APP_REMOVED || t->status == TASK_PENDING)
		return;
	mu_list_each(it, &app->archives)
	{
		struct archive *m = MU_CONTAINER_OF(it, struct archive, link);

		if (!mu_uuid_equal(&m->task, &t->id))
			continue;
		tell(m, t->status == TASK_SUCCESS ? NULL : &t->err);
		free(m);
		return;
	}
}

static void make(void *ctx, struct transfer_vm *v)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct mu_value *arguments = mu_value_object(a);
	struct archive *m = mu_xcalloc(1, sizeof *m);
	struct app *app = ctx;

	m->app = app;
	m->v = v;
	v->priv = m;
	mu_list_push_back(&app->archives, &m->link);
	mu_value_set_string(a, arguments, "path", v->path);
	app_call_ask(app, "vm.export_ova", &v->vm, arguments, 0, v->user, on_asked, m);
}

static void cancel(void *ctx, struct transfer_vm *v)
{
	struct archive *m = v->priv;

	if (!m || m->cancelled)
		return;
	m->cancelled = true;
	if (!mu_uuid_is_nil(&m->task))
		(void)app_task_abort(ctx, &m->task, NULL);
}

/* All that an archive says of it, as one name. */
static void add_tag(struct mu_uuid *sum, const char *text)
{
	*sum = mu_uuid_derive(sum, text);
}

static int look(void *ctx, const struct mu_uuid *vm, char ret_tag[static STORAGE_TAG_MAX + 1],
		int64_t *ret_bytes, struct mu_error *err)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	const struct app *app = ctx;
	const struct vm_id id = {*vm};
	const struct vm_entry *e = vm_view_find(app->view, &id);
	char tag[STORAGE_TAG_MAX + 1], sum_text[MU_UUID_TEXT];
	struct mu_uuid sum = *vm;
	int64_t largest = 0;
	struct model_object o;

	if (!e || !e->spec)
		return mu_error_set(
		    err, MU_E_NOT_FOUND,
		    "there is no definition of this VM on this host; hint: adopt it");
	*ret_bytes = 0;
	mu_json_write(&text, vm_spec_encode(a, e->spec), false);
	add_tag(&sum, text.data);
	for (size_t i = 0; i < e->spec->config.n_disks; i++) {
		const struct hv_disk *d = &e->spec->config.disks[i];
		int64_t bytes;

		if (d->cdrom || !storage_tag(app->storage, &d->vdi, tag) ||
		    !storage_find(app->storage, &d->vdi, &o))
			continue;
		add_tag(&sum, tag);
		bytes = o.vdi.used_bytes >= 0 ? o.vdi.used_bytes : o.vdi.size_bytes;
		*ret_bytes += bytes;
		largest = bytes > largest ? bytes : largest;
	}
	*ret_bytes += largest; /* an image, and the archive that it goes into */
	ret_tag[0] = '\0';
	if (vm_entry_facts(e).power == VM_HALTED)
		(void)snprintf(ret_tag, STORAGE_TAG_MAX + 1, "%s", mu_uuid_format(&sum, sum_text));
	return 0;
}

/* The calls are over; what was not told of them yet is. */
static void stop_archives(struct app *app)
{
	struct mu_error err = MU_ERROR_INIT;

	(void)mu_error_set(&err, MU_E_CANCELLED, "the host's agent is stopping");
	while (!mu_list_empty(&app->archives)) {
		struct archive *m = mu_list_first(&app->archives, struct archive, link);
		bool asked = !mu_uuid_is_nil(&m->task);

		tell(m, &err);
		if (asked)
			free(m);
	}
}

int transfers_open(struct app *app, const char *dir, struct mu_error *err)
{
	char path[PATH_MAX];
	const struct transfer_hub_options options = {
	    .loop = app->loop,
	    .storage = app->storage,
	    .state_dir = app->dir.path,
	    .dir = path,
	    .boot_id = app->boot_id,
	    .vms = {.look = look, .make = make, .cancel = cancel, .ctx = app},
	};

	if (find_dir(app, dir, path, err) < 0)
		return MU_FAILED;
	if (transfer_hub_new(&options, &app->transfers, err) < 0)
		return MU_FAILED;
	mu_link_init(&app->archives);
	app->archive_listener = (struct app_listener){.task = on_task, .ctx = app};
	app_listen(app, &app->archive_listener);
	return 0;
}

void transfers_close(struct app *app, mu_loop_cb done, void *arg)
{
	struct transfer_hub *hub = app->transfers;

	app->transfers = NULL;
	app_unlisten(&app->archive_listener);
	stop_archives(app);
	transfer_hub_free(hub, done, arg);
}

int app_transfer_open(struct app *app, const struct transfer_request *rq, struct mu_pipe near,
		      struct mu_pipe *ret_far, struct mu_error *err)
{
	if (app->stopping || !app->transfers)
		return mu_error_set(err, MU_E_UNAVAILABLE, "the host's agent is stopping");
	return transfer_hub_open(app->transfers, rq, near, ret_far, err);
}
