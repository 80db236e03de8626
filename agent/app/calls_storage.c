/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls on SRs and VDIs: one operation of the storage each, with what has to happen to VMs'
 * definitions and running guests around it. A new object's id is the one that was asked for, or
 * else the task's: so after a crash it can be looked for.
 */
#include "agent/app/app_priv.h"
#include "agent/app/calls.h"
#include "agent/app/disks.h"
#include "agent/transfer/transfer.h"
#include "common/base/assert.h"
#include "common/log/log.h"

#include <stdio.h>
#include <string.h>

struct storage_call {
	struct app_call *c;
	struct storage_op op;
	struct mu_uuid upload; /* it reads; nil: none */
	/* vdi.edit: the guests that have the disk */
	struct vm_id guests[HV_DOMAINS_MAX];
	size_t n_guests;
	size_t next;
	struct hv_op resize;
	struct hv_device device;
};

static const struct {
	const char *method;
	enum storage_op_kind kind;
} kinds[] = {
    {"sr.create", STORAGE_SR_CREATE},     {"sr.edit", STORAGE_SR_EDIT},
    {"sr.scan", STORAGE_SR_SCAN},         {"sr.plug", STORAGE_SR_PLUG},
    {"sr.unplug", STORAGE_SR_UNPLUG},     {"sr.forget", STORAGE_SR_FORGET},
    {"sr.destroy", STORAGE_SR_DESTROY},   {"vdi.create", STORAGE_VDI_CREATE},
    {"vdi.import", STORAGE_VDI_IMPORT},   {"vdi.edit", STORAGE_VDI_EDIT},
    {"vdi.delete", STORAGE_VDI_DELETE},   {"vdi.snapshot", STORAGE_VDI_SNAPSHOT},
    {"vdi.clone", STORAGE_VDI_CLONE},     {"vdi.revert", STORAGE_VDI_REVERT},
    {"vdi.migrate", STORAGE_VDI_MIGRATE}, {"vdi.overwrite", STORAGE_VDI_OVERWRITE},
};

static enum storage_op_kind kind_of(const char *method)
{
	for (size_t i = 0; i < MU_ARRAY_SIZE(kinds); i++) {
		if (!strcmp(kinds[i].method, method))
			return kinds[i].kind;
	}
	mu_assert_unreachable();
}

static bool makes(enum storage_op_kind kind)
{
	return kind == STORAGE_SR_CREATE || kind == STORAGE_VDI_CREATE ||
	       kind == STORAGE_VDI_IMPORT || kind == STORAGE_VDI_SNAPSHOT ||
	       kind == STORAGE_VDI_CLONE || kind == STORAGE_VDI_MIGRATE;
}

/* ---- arguments, checked against the call table ---- */

static bool take_uuid(const struct mu_value *args, const char *name, struct mu_uuid *ret)
{
	const char *text = mu_value_as_string(mu_value_get(args, name));

	return text && mu_uuid_parse(text, ret);
}

static void take_size(const struct mu_value *args, const char *name, int64_t *ret)
{
	const struct mu_value *v = mu_value_get(args, name);

	if (v && v->kind == MU_VALUE_STRING)
		(void)mu_parse_size(v->string, ret);
	else if (v)
		*ret = v->integer;
}

static bool take_text(const struct mu_value *args, const char *name, char *ret, size_t size)
{
	const char *text = mu_value_as_string(mu_value_get(args, name));

	if (text)
		(void)snprintf(ret, size, "%s", text);
	return text != NULL;
}

/* More tags than there is room for are counted, and refused by the storage. */
static int take_tags(const struct mu_value *args, struct storage_text *t, struct mu_error *err)
{
	static const char *const names[] = {[STORAGE_TAGS_SET] = "tags",
					    [STORAGE_TAGS_ADD] = "addTags",
					    [STORAGE_TAGS_REMOVE] = "removeTags"};
	const struct mu_value *tags = NULL;

	for (size_t i = 0; i < MU_ARRAY_SIZE(names); i++) {
		const struct mu_value *v = mu_value_get(args, names[i]);

		if (v && tags)
			return mu_error_set(
			    err, MU_E_INVALID,
			    "arguments: tags, addTags, removeTags: each excludes the others");
		if (!v)
			continue;
		tags = v;
		t->tags_are = (enum storage_tags)i;
	}
	t->has_tags = tags != NULL;
	for (const struct mu_value *it = tags ? tags->first : NULL; it; it = it->next) {
		if (t->n_tags < MODEL_OBJECT_TAGS_MAX)
			(void)snprintf(t->tags[t->n_tags], sizeof *t->tags, "%s", it->string);
		t->n_tags++;
	}
	return 0;
}

static int take_parameters(const struct mu_value *config, struct sr_config *ret,
			   struct mu_error *err)
{
	mu_value_each(it, config)
	{
		struct sr_param *p = &ret->params[ret->n_params];
		char shown[64];

		mu_utf8_sanitize(shown, sizeof shown - 1, it->name, strlen(it->name));
		if (ret->n_params == SR_PARAMS_MAX)
			return mu_error_set(err, MU_E_INVALID,
					    "arguments: device_config: more than %d parameters",
					    SR_PARAMS_MAX);
		if (strlen(it->name) >= sizeof p->name || strlen(it->string) >= sizeof p->value)
			return mu_error_set(
			    err, MU_E_INVALID,
			    "arguments: device_config.%s: too long; hint: a name has "
			    "at most %zu bytes, a value %zu",
			    shown, sizeof p->name - 1, sizeof p->value - 1);
		(void)snprintf(p->name, sizeof p->name, "%s", it->name);
		(void)snprintf(p->value, sizeof p->value, "%s", it->string);
		ret->n_params++;
	}
	return 0;
}

/* Names mean the same in all methods. */
static int take_arguments(const struct mu_value *args, struct storage_op *op, struct mu_error *err)
{
	const struct mu_value *readonly = mu_value_get(args, "read_only");
	const struct mu_value *config = mu_value_get(args, "device_config");
	const char *format = mu_value_as_string(mu_value_get(args, "format"));
	struct storage_text *t = &op->text;

	t->has_name = take_text(args, "name_label", t->name, sizeof t->name);
	t->has_description =
	    take_text(args, "name_description", t->description, sizeof t->description);
	if (take_tags(args, t, err) < 0)
		return MU_FAILED;
	(void)take_uuid(args, "id", &op->id);
	if (!take_uuid(args, "srId", &op->other))
		(void)take_uuid(args, "snapshotId", &op->other);
	take_size(args, "size", &op->size_bytes);
	take_size(args, "virtual_size", &op->size_bytes);
	op->readonly = readonly && readonly->boolean;
	(void)take_text(args, "SR_type", op->config.type, sizeof op->config.type);
	op->path = mu_value_as_string(mu_value_get(args, "path"));
	if (format && !image_format_parse(format, &op->format))
		return mu_error_set(err, MU_E_INVALID, "arguments: format: not known");
	return config ? take_parameters(config, &op->config, err) : 0;
}

/* ---- running ---- */

static struct mu_value *id_value(struct mu_arena *a, const struct mu_uuid *id)
{
	struct mu_value *v = mu_value_object(a);
	char text[MU_UUID_TEXT];

	mu_value_set_string(a, v, "id", mu_uuid_format(id, text));
	return v;
}

static void finish(struct storage_call *sc, const struct mu_error *err)
{
	struct app_call *c = sc->c;

	app_call_finish(c, err,
			!err && makes(sc->op.kind) ? id_value(c->arena, &sc->op.ret_id) : NULL);
}

static void resize_next(struct storage_call *sc);

static void on_definitions(void *arg, const struct mu_error *err)
{
	struct storage_call *sc = arg;
	struct mu_error why;

	if (!err) {
		finish(sc, NULL);
		return;
	}
	why = *err;
	(void)mu_error_prefix(&why, "it was done, but a definition that names the disk could not "
				    "be changed");
	finish(sc, &why);
}

static const struct hv_disk *disk_of_guest(const struct vm_entry *e, const struct mu_uuid *vdi)
{
	return e && e->present ? disks_named_in(vm_entry_built(e), vdi) : NULL;
}

static void find_guests(struct storage_call *sc)
{
	const struct vm_entry *e;

	for (size_t i = 0;
	     (e = vm_view_next(sc->c->app->view, &i)) && sc->n_guests < HV_DOMAINS_MAX;) {
		if (disk_of_guest(e, &sc->op.object))
			sc->guests[sc->n_guests++] = e->id;
	}
}

/* What was uploaded, and not what lies on the host. */
static int take_upload(struct storage_call *sc, struct mu_error *err)
{
	struct app_call *c = sc->c;
	struct mu_uuid id;

	if (!take_uuid(c->arguments, "upload", &id))
		return 0;
	if (sc->op.path || mu_value_get(c->arguments, "format"))
		return mu_error_set(err, MU_E_INVALID,
				    "arguments: upload: knows its path and format itself");
	if (transfer_upload_take(c->app->transfers, &id, &sc->op.path, &sc->op.format, err) < 0)
		return MU_FAILED;
	sc->upload = id;
	return 0;
}

/* What is good for nothing goes: what has become a disk, is no such image, or was called off. What
 * failed for another reason (a full repository) can be tried again. */
static void release_upload(struct storage_call *sc)
{
	enum mu_error_code code = sc->op.r < 0 ? sc->op.err.code : MU_E_NONE;
	bool over = code == MU_E_NONE || code == MU_E_INVALID ||
		    (code == MU_E_CANCELLED && !sc->c->app->stopping);

	if (!mu_uuid_is_nil(&sc->upload))
		transfer_upload_done(sc->c->app->transfers, &sc->upload, !over);
}

static void on_done(struct storage_op *op)
{
	static const struct mu_uuid nothing;
	struct storage_call *sc = op->ctx;
	struct app *app = sc->c->app;

	release_upload(sc);
	if (op->r < 0) {
		finish(sc, &op->err);
	} else if (op->kind == STORAGE_VDI_DELETE) {
		disks_replace(app, &op->object, &nothing, on_definitions, sc);
	} else if (op->kind == STORAGE_VDI_MIGRATE) {
		disks_replace(app, &op->object, &op->ret_id, on_definitions, sc);
	} else if (op->kind == STORAGE_VDI_EDIT && op->size_bytes) {
		find_guests(sc);
		resize_next(sc);
	} else {
		finish(sc, NULL);
	}
}

static void on_progress(struct storage_op *op, int percent)
{
	struct storage_call *sc = op->ctx;

	app_call_progress(sc->c, percent);
}

static int prepare(struct storage_call *sc, struct mu_error *err)
{
	struct app_call *c = sc->c;

	sc->op.kind = kind_of(c->method->name);
	sc->op.object = c->object;
	sc->op.id = c->task;
	sc->op.done = on_done;
	sc->op.progress = on_progress;
	sc->op.ctx = sc;
	if (!c->app->storage)
		return mu_error_set(err, MU_E_UNAVAILABLE, "the agent is stopping");
	if (sc->op.kind == STORAGE_VDI_DELETE || sc->op.kind == STORAGE_VDI_MIGRATE ||
	    sc->op.kind == STORAGE_VDI_REVERT || sc->op.kind == STORAGE_VDI_OVERWRITE) {
		if (disks_check_unused(c->app, &c->object, err) < 0)
			return MU_FAILED;
	}
	if (take_arguments(c->arguments, &sc->op, err) < 0)
		return MU_FAILED;
	return take_upload(sc, err);
}

static void start(struct app_call *c)
{
	struct storage_call *sc = mu_arena_calloc(c->arena, 1, sizeof *sc);
	struct mu_error err = MU_ERROR_INIT;

	c->state = sc;
	sc->c = c;
	if (prepare(sc, &err) < 0)
		app_call_finish(c, &err, NULL);
	else
		storage_op_start(c->app->storage, &sc->op);
}

static void cancel(struct app_call *c)
{
	struct storage_call *sc = c->state;

	storage_op_cancel(&sc->op);
	if (sc->resize.done)
		hv_op_cancel(&sc->resize);
}

/* ---- a disk that has grown under a guest ---- */

static void on_resized(struct hv_op *op)
{
	struct storage_call *sc = op->ctx;
	const struct vm_entry *e = vm_view_find(sc->c->app->view, &sc->guests[sc->next]);
	struct mu_error err;

	/* One that has stopped meanwhile sees the size when it starts. */
	if (op->r < 0 && disk_of_guest(e, &sc->op.object)) {
		err = op->err;
		(void)mu_error_prefix(&err,
				      "the disk has grown, but VM \"%s\" does not see it before it "
				      "is started anew",
				      e->spec->config.name);
		finish(sc, &err);
		return;
	}
	sc->next++;
	resize_next(sc);
}

static void resize_next(struct storage_call *sc)
{
	struct app *app = sc->c->app;
	const struct hv_disk *disk = NULL;
	const struct vm_entry *e = NULL;
	struct model_object vdi;

	while (sc->next < sc->n_guests) {
		e = vm_view_find(app->view, &sc->guests[sc->next]);
		disk = disk_of_guest(e, &sc->op.object);
		if (disk)
			break;
		sc->next++;
	}
	if (!disk || !app->storage || !storage_find(app->storage, &sc->op.object, &vdi)) {
		finish(sc, NULL);
		return;
	}
	sc->device = (struct hv_device){.size_bytes = vdi.vdi.size_bytes, .disk = *disk};
	sc->resize = (struct hv_op){.kind = HV_DISK_RESIZE,
				    .domid = e->domain.domid,
				    .device = &sc->device,
				    .done = on_resized,
				    .ctx = sc};
	hv_op_start(app->hv, &sc->resize);
}

/* ---- after a crash ---- */

static void succeed(struct journal_verdict *v)
{
	v->status = TASK_SUCCESS;
	mu_error_clear(&v->err);
}

static void fail(struct journal_verdict *v, const char *what)
{
	v->status = TASK_FAILURE;
	(void)mu_error_set(&v->err, MU_E_UNAVAILABLE, "interrupted by a restart of the agent: %s",
			   what);
}

static void judge_made(const struct storage_op *op, bool found, const struct model_object *o,
		       struct journal_verdict *v)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();

	if (!found) {
		fail(v, "it was not made, and nothing is left of it; hint: ask again");
		return;
	}
	if (op->kind == STORAGE_SR_CREATE && !o->sr.attached) {
		fail(v, "the storage repository is known but not plugged; hint: see its trouble, "
			"then plug or forget it");
		return;
	}
	succeed(v);
	calls_value_text(id_value(a, &op->id), v->value);
}

static bool is_tagged(const struct model_object *o, const char *tag)
{
	for (size_t i = 0; i < o->n_tags; i++) {
		if (strcmp(o->tags[i], tag) == 0)
			return true;
	}
	return false;
}

static bool has_tags(const struct model_object *o, const struct storage_text *t)
{
	if (t->n_tags > MODEL_OBJECT_TAGS_MAX) /* refused */
		return false;
	if (t->tags_are == STORAGE_TAGS_SET && t->n_tags != o->n_tags)
		return false;
	for (size_t i = 0; i < t->n_tags; i++) {
		bool it_is = t->tags_are == STORAGE_TAGS_SET ? !strcmp(t->tags[i], o->tags[i])
							     : is_tagged(o, t->tags[i]);

		if (it_is != (t->tags_are != STORAGE_TAGS_REMOVE))
			return false;
	}
	return true;
}

static bool has_text(const struct model_object *o, const struct storage_text *t)
{
	return (!t->has_name || strcmp(t->name, o->name) == 0) &&
	       (!t->has_description || strcmp(t->description, o->description) == 0) &&
	       (!t->has_tags || has_tags(o, t));
}

static void judge_if(bool done, struct journal_verdict *v)
{
	if (done)
		succeed(v);
	else
		fail(v, "it was not done, or not wholly; hint: ask again");
}

static void on_followed(void *arg, const struct mu_error *err)
{
	(void)arg;
	if (err)
		mu_log_error("a definition keeps naming a disk that is not there any more "
			     "err=\"%s\"",
			     err->text);
}

/* It may have ended before the definitions were told. */
static void judge_migrate(struct app *app, const struct storage_op *op, bool found,
			  struct journal_verdict *v)
{
	struct model_object o;
	bool made = storage_find(app->storage, &op->id, &o);

	if (made && found) {
		fail(v, "both the copy and the original are there; hint: delete one of them");
		return;
	}
	judge_made(op, made, &o, v);
	if (made)
		disks_replace(app, &op->object, &op->id, on_followed, NULL);
}

/* `found`: what the call was about is there, as `o`. */
static void judge_rest(struct app *app, const struct storage_op *op, bool found,
		       const struct model_object *o, struct journal_verdict *v)
{
	static const struct mu_uuid nothing;

	if (op->kind == STORAGE_SR_FORGET || op->kind == STORAGE_SR_DESTROY) {
		judge_if(!found, v);
	} else if (op->kind == STORAGE_VDI_DELETE) {
		judge_if(!found, v);
		if (!found)
			disks_replace(app, &op->object, &nothing, on_followed, NULL);
	} else if (op->kind == STORAGE_SR_PLUG || op->kind == STORAGE_SR_UNPLUG) {
		judge_if(found && o->sr.attached == (op->kind == STORAGE_SR_PLUG), v);
	} else if (op->kind == STORAGE_SR_EDIT || op->kind == STORAGE_VDI_EDIT) {
		judge_if(found && has_text(o, &op->text) &&
			     (o->kind != OBJECT_VDI || o->vdi.size_bytes >= op->size_bytes),
			 v);
	} else if (op->kind == STORAGE_SR_SCAN) {
		succeed(v); /* a start looks at everything */
	}
	/* vdi.revert: the data does not say whose it is */
}

/* What has become a disk is not needed any more. */
static void drop_upload(struct app *app, const struct mu_value *arguments,
			const struct journal_verdict *v)
{
	struct mu_uuid id;

	if (v->status == TASK_SUCCESS && app->transfers && take_uuid(arguments, "upload", &id))
		transfer_upload_done(app->transfers, &id, false);
}

static void verdict(struct app *app, const struct journal_entry *e,
		    const struct mu_value *arguments, struct journal_verdict *v)
{
	MU_CLEANUP(mu_free) struct storage_op *op = mu_xcalloc(1, sizeof *op);
	struct model_object o;
	bool found;

	if (!arguments || !app->storage)
		return;
	op->kind = kind_of(e->method);
	op->object = e->object;
	op->id = e->task;
	if (take_arguments(arguments, op, NULL) < 0) {
		fail(v, "its arguments are not good; nothing was done");
		return;
	}
	if (op->kind == STORAGE_VDI_MIGRATE) {
		judge_migrate(app, op, storage_find(app->storage, &op->object, &o), v);
		return;
	}
	found = storage_find(app->storage, makes(op->kind) ? &op->id : &op->object, &o);
	if (makes(op->kind)) {
		judge_made(op, found, &o, v);
		drop_upload(app, arguments, v);
	} else
		judge_rest(app, op, found, &o, v);
}

#define STORAGE_CALL(name)                                                                         \
	{                                                                                          \
		.method = name, .start = start, .cancel = cancel, .verdict = verdict,              \
		.of_storage = true                                                                 \
	}

const struct app_call_handler calls_storage[] = {
    STORAGE_CALL("sr.create"),     STORAGE_CALL("sr.edit"),    STORAGE_CALL("sr.scan"),
    STORAGE_CALL("sr.plug"),       STORAGE_CALL("sr.unplug"),  STORAGE_CALL("sr.forget"),
    STORAGE_CALL("sr.destroy"),    STORAGE_CALL("vdi.create"), STORAGE_CALL("vdi.import"),
    STORAGE_CALL("vdi.edit"),      STORAGE_CALL("vdi.delete"), STORAGE_CALL("vdi.snapshot"),
    STORAGE_CALL("vdi.overwrite"), STORAGE_CALL("vdi.clone"),  STORAGE_CALL("vdi.revert"),
    STORAGE_CALL("vdi.migrate"),
};
const size_t n_calls_storage = MU_ARRAY_SIZE(calls_storage);
