/* SPDX-License-Identifier: Apache-2.0 */
/* Definitions: the file first, durably, then the view. */
#include "agent/app/app_priv.h"

#include "common/json/json.h"
#include "common/log/log.h"
#include "common/os/random.h"

#include <stdlib.h>
#include <string.h>

struct change {
	struct app *app;
	struct vm_id id;
	struct vm_spec *spec; /* NULL: removal */
	struct mu_error err;  /* refused */
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

static void on_written(void *arg, const struct mu_error *err)
{
	MU_CLEANUP(mu_free) struct change *c = arg;
	char uuid[MU_UUID_TEXT];

	if (err) {
		free(c->spec);
		c->done(c->arg, NULL, err);
		return;
	}
	mu_log_info("%s vm=%s", c->spec ? "defined" : "undefined",
		    mu_uuid_format(&c->id.uuid, uuid));
	vm_view_set_spec(c->app->view, &c->id, c->spec);
	facts_publish(c->app);
	c->done(c->arg, &c->id, NULL);
}

/* Storing */

/* libxl wants names unique among domains; two definitions of one name could never both run. */
static int check_name(struct app *app, const struct vm_spec *spec, struct mu_error *err)
{
	const struct model_vm *vm;
	char uuid[MU_UUID_TEXT];

	for (size_t i = 0; (vm = app_vm_next(app, &i));) {
		if (mu_uuid_equal(&vm->id.uuid, &spec->config.id.uuid) ||
		    strcmp(vm->name, spec->config.name))
			continue;
		return mu_error_set(err, MU_E_EXISTS,
				    "name: \"%s\" is the name of VM %s on this host already",
				    vm->name, mu_uuid_format(&vm->id.uuid, uuid));
	}
	return 0;
}

int define_decode(struct app *app, const struct mu_value *definition, struct vm_spec *ret_spec,
		  struct mu_error *err)
{
	if (vm_spec_decode(definition, ret_spec, err) < 0)
		return MU_FAILED;
	return check_name(app, ret_spec, err);
}

void define_store(struct app *app, const struct vm_spec *spec, app_defined done, void *arg)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	struct change *c = change_new(app, &spec->config.id, done, arg);
	char path[STATE_PATH_MAX + 1];

	c->spec = mu_xmemdup(spec, sizeof *spec);
	state_dir_vm_text(spec, &text);
	writer_replace(app->writer, state_dir_vm(&app->dir, &c->id, path), &text, 0600, on_written,
		       c);
}

void app_define(struct app *app, const struct mu_value *definition, app_defined done, void *arg)
{
	MU_CLEANUP(mu_free) struct vm_spec *spec = mu_xmalloc(sizeof *spec);
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct mu_error err = MU_ERROR_INIT;
	struct mu_uuid uuid = mu_random_uuid();
	char text[MU_UUID_TEXT];
	struct mu_value *v = mu_value_copy(a, definition);

	/* Who defines by hand need not make up an id. */
	if (v->kind == MU_VALUE_OBJECT && !mu_value_get(v, "uuid"))
		mu_value_set_string(a, v, "uuid", mu_uuid_format(&uuid, text));
	if (define_decode(app, v, spec, &err) < 0)
		refuse(app, &err, done, arg);
	else
		define_store(app, spec, done, arg);
}

/* Adopting */

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
	return check_name(app, spec, err);
}

void define_adopt(struct app *app, const struct vm_id *id, app_defined done, void *arg)
{
	MU_CLEANUP(mu_free) struct vm_spec *spec = mu_xmalloc(sizeof *spec);
	struct mu_error err = MU_ERROR_INIT;

	if (adopted_spec(app, id, spec, &err) < 0)
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

void app_undefine(struct app *app, const struct vm_id *vm, app_defined done, void *arg)
{
	struct mu_error err = MU_ERROR_INIT;

	if (define_removable(app, vm, &err) < 0)
		refuse(app, &err, done, arg);
	else
		define_remove(app, vm, done, arg);
}
