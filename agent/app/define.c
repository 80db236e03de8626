/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Definitions: the file first, durably, then the view.
 *
 * A definition can change while its domain, or its save file, goes on as it was built. Then that
 * older definition is kept in built/: it says what differs, and is what a save file is restored
 * with. It is written before the new definition and removed after, so that a crash in between
 * claims nothing wrong: a kept one that equals the definition means nothing.
 */
#include "agent/app/app_priv.h"
#include "agent/core/vif_rules.h"
#include "agent/core/vm_edit.h"

#include "common/json/json.h"
#include "common/log/log.h"

#include <stdlib.h>
#include <string.h>

struct change {
	struct app *app;
	struct vm_id id;
	struct vm_spec *spec;  /* NULL: removal */
	struct vm_spec *built; /* to be kept beside it, or NULL */
	struct mu_error err;   /* refused */
	app_defined done;
	void *arg;
};

static struct change *change_new(struct app *app, const struct vm_id *id, app_defined done,
				 void *arg)
{
	struct change *c = mu_xcalloc(1, sizeof *c);

	c->app = app;
	c->id = *id;
	c->done = done;
	c->arg = arg;
	return c;
}

static void on_refused(void *ctx)
{
	MU_CLEANUP(mu_free) struct change *c = ctx;

	c->done(c->arg, NULL, &c->err);
}

static void refuse(struct app *app, const struct mu_error *err, app_defined done, void *arg)
{
	static const struct vm_id nobody;
	struct change *c = change_new(app, &nobody, done, arg);

	c->err = *err;
	mu_loop_post(app->loop, on_refused, c);
}

static void change_free(struct change *c)
{
	free(c->spec);
	free(c->built);
	free(c);
}

static void remove_built(struct app *app, const struct vm_id *id, writer_done done, void *arg)
{
	char path[STATE_PATH_MAX + 1];

	writer_remove(app->writer, state_dir_built(&app->dir, id, path), done, arg);
}

static void on_written(void *arg, const struct mu_error *err)
{
	struct change *c = arg;
	const struct vm_entry *e = vm_view_find(c->app->view, &c->id);
	char path[STATE_PATH_MAX + 1];
	char uuid[MU_UUID_TEXT];

	if (err) {
		c->done(c->arg, NULL, err);
		change_free(c);
		return;
	}
	mu_log_info("%s vm=%s", c->spec ? "defined" : "undefined",
		    mu_uuid_format(&c->id.uuid, uuid));
	if (e && e->built && !c->built)
		remove_built(c->app, &c->id, NULL, NULL);
	if (!c->spec && e && e->spec && e->spec->with_memory)
		writer_remove(c->app->writer, state_dir_memory(&c->app->dir, &c->id, path), NULL,
			      NULL);
	vm_view_set_spec(c->app->view, &c->id, MU_TAKE(c->spec));
	vm_view_set_built(c->app->view, &c->id, MU_TAKE(c->built));
	facts_publish(c->app);
	c->done(c->arg, &c->id, NULL);
	change_free(c);
}

/* Storing */

/* libxl wants names unique among domains; two definitions of one name could never both run.
 * Snapshots and templates never do. */
int define_check_name(const struct app *app, const struct vm_spec *spec, struct mu_error *err)
{
	const struct model_vm *vm;
	char uuid[MU_UUID_TEXT];

	if (spec->kind != VM_KIND_VM)
		return 0;
	for (size_t i = 0; (vm = app_vm_next(app, &i));) {
		if (mu_uuid_equal(&vm->id.uuid, &spec->config.id.uuid) || vm->kind != VM_KIND_VM ||
		    strcmp(vm->name, spec->config.name))
			continue;
		return mu_error_set(err, MU_E_EXISTS,
				    "name: \"%s\" is the name of VM %s on this host already",
				    vm->name, mu_uuid_format(&vm->id.uuid, uuid));
	}
	return 0;
}

int define_check_macs(const struct app *app, const struct vm_spec *spec, struct mu_error *err)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	size_t n_max = vm_view_size(app->view), n = 0;
	const struct model_vm **vms = mu_arena_calloc(a, n_max + 1, sizeof *vms);
	const struct model_vm *vm;

	if (spec->kind != VM_KIND_VM)
		return 0;
	for (size_t i = 0; n < n_max && (vm = app_vm_next(app, &i));) {
		if (!mu_uuid_equal(&vm->id.uuid, &spec->config.id.uuid))
			vms[n++] = vm;
	}
	for (size_t i = 0; i < spec->config.n_nics; i++) {
		const struct hv_nic *nic = &spec->config.nics[i];

		if (nic->mac[0] && vif_mac_check(vms, n, &spec->config.id, 0, nic->mac, err) < 0)
			return mu_error_prefix(err, "nics[%zu]", i);
	}
	return 0;
}

int define_decode(struct app *app, const struct mu_value *definition, struct vm_spec *ret_spec,
		  struct mu_error *err)
{
	if (vm_spec_decode(definition, ret_spec, err) < 0)
		return MU_FAILED;
	return define_check_name(app, ret_spec, err) < 0 ? MU_FAILED
							 : define_check_macs(app, ret_spec, err);
}

static void write_spec(struct change *c)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	char path[STATE_PATH_MAX + 1];

	state_dir_vm_text(c->spec, &text);
	writer_replace(c->app->writer, state_dir_vm(&c->app->dir, &c->id, path), &text, 0600,
		       on_written, c);
}

static void on_built_kept(void *arg, const struct mu_error *err)
{
	struct change *c = arg;

	if (err)
		on_written(c, err);
	else
		write_spec(c);
}

/* `built`: what the domain or save file is built from by now, NULL when there is none. */
static void store(struct app *app, const struct vm_spec *spec, const struct vm_spec *built,
		  bool built_is_kept, struct change *c)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	char path[STATE_PATH_MAX + 1];

	c->spec = mu_xmemdup(spec, sizeof *spec);
	if (built && vm_edit_differs(spec, built))
		c->built = mu_xmemdup(built, sizeof *built);
	if (!c->built || built_is_kept) {
		write_spec(c);
		return;
	}
	state_dir_vm_text(c->built, &text);
	writer_replace(app->writer, state_dir_built(&app->dir, &c->id, path), &text, 0600,
		       on_built_kept, c);
}

void define_store(struct app *app, const struct vm_spec *spec, app_defined done, void *arg)
{
	const struct vm_entry *e = vm_view_find(app->view, &spec->config.id);

	store(app, spec, e ? vm_entry_built(e) : NULL, e && e->built,
	      change_new(app, &spec->config.id, done, arg));
}

void define_store_changed(struct app *app, const struct vm_spec *spec, const struct vm_spec *built,
			  app_defined done, void *arg)
{
	store(app, spec, built, false, change_new(app, &spec->config.id, done, arg));
}

bool define_is(const struct app *app, const struct vm_spec *spec)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	MU_CLEANUP(mu_str_deinit) struct mu_str other = MU_STR_INIT;
	const struct vm_entry *e = vm_view_find(app->view, &spec->config.id);

	if (!e || !e->spec)
		return false;
	state_dir_vm_text(e->spec, &text);
	state_dir_vm_text(spec, &other);
	return mu_str_equal(text.data, other.data);
}

void define_note(struct app *app, const struct vm_id *id, const struct vm_spec *built,
		 app_defined done, void *arg)
{
	const struct vm_entry *e = vm_view_find(app->view, id);
	struct mu_error err = MU_ERROR_INIT;

	if (e && e->spec) {
		define_store_changed(app, e->spec, built, done, arg);
		return;
	}
	(void)mu_error_set(&err, MU_E_NOT_FOUND, "the VM has no definition here any more");
	refuse(app, &err, done, arg);
}

static void on_built_forgotten(void *arg, const struct mu_error *err)
{
	struct change *c = arg;

	if (!err)
		vm_view_set_built(c->app->view, &c->id, NULL);
	c->done(c->arg, err ? NULL : &c->id, err);
	change_free(c);
}

bool define_build(struct app *app, const struct vm_id *id, app_defined done, void *arg)
{
	const struct vm_entry *e = vm_view_find(app->view, id);

	if (!e || !e->built)
		return false;
	remove_built(app, id, on_built_forgotten, change_new(app, id, done, arg));
	return true;
}

void app_define(struct app *app, const struct mu_value *definition, app_defined done, void *arg)
{
	MU_CLEANUP(mu_free) struct vm_spec *spec = mu_xmalloc(sizeof *spec);
	struct mu_error err = MU_ERROR_INIT;

	if (define_decode(app, definition, spec, &err) < 0)
		refuse(app, &err, done, arg);
	else
		define_store(app, spec, done, arg);
}

/* Adopting */

/* What the domain's configuration comes to. */
static int adopted_spec(struct app *app, const struct vm_id *id, struct vm_spec *spec,
			struct mu_error *err)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	const struct vm_entry *e = vm_view_find(app->view, id);

	if (!e || !e->present)
		return mu_error_set(err, MU_E_STATE, "the VM has no domain any more");
	vm_spec_init(spec);
	if (hv_config(app->hv, e->domain.domid, &spec->config, err) < 0)
		return MU_FAILED;
	spec->config.id = *id;
	/* By way of its text, which has to be good for being read when the agent starts again. */
	if (vm_spec_decode(vm_spec_encode(a, spec), spec, err) < 0)
		return mu_error_prefix(err, "the domain's configuration cannot be a definition");
	return 0;
}

int define_text(struct app *app, const struct vm_id *id, struct mu_str *out, struct mu_error *err)
{
	MU_CLEANUP(mu_free) struct vm_spec *spec = mu_xmalloc(sizeof *spec);
	const struct vm_entry *e = vm_view_find(app->view, id);

	if (e && e->spec) {
		state_dir_vm_text(e->spec, out);
		return 0;
	}
	if (adopted_spec(app, id, spec, err) < 0)
		return MU_FAILED;
	state_dir_vm_text(spec, out);
	return 0;
}

void define_adopt(struct app *app, const struct vm_id *id, app_defined done, void *arg)
{
	MU_CLEANUP(mu_free) struct vm_spec *spec = mu_xmalloc(sizeof *spec);
	struct mu_error err = MU_ERROR_INIT;

	if (adopted_spec(app, id, spec, &err) < 0 || define_check_name(app, spec, &err) < 0)
		refuse(app, &err, done, arg);
	else
		define_store(app, spec, done, arg);
}

/* Removing */

int define_removable(struct app *app, const struct vm_id *id, struct mu_error *err)
{
	const struct model_vm *vm = app_vm_find(app, id);

	if (!vm)
		return mu_error_set(err, MU_E_NOT_FOUND, "no such VM on this host");
	if (!vm->managed)
		return mu_error_set(err, MU_E_STATE, "the VM has no definition here");
	if (vm->power != VM_HALTED)
		return mu_error_set(err, MU_E_STATE, "the VM is %s; hint: shut it down first",
				    vm_power_name(vm->power));
	if (!ops_idle(app, id))
		return mu_error_set(err, MU_E_STATE,
				    "an operation of the VM has not ended; hint: wait for it");
	return 0;
}

void define_remove(struct app *app, const struct vm_id *id, app_defined done, void *arg)
{
	char path[STATE_PATH_MAX + 1];

	writer_remove(app->writer, state_dir_vm(&app->dir, id, path), on_written,
		      change_new(app, id, done, arg));
}
