/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known: slots (SRs), entries (VDIs), holds (who uses a VDI). All of it is the loop
 * thread's. It is never edited by hand: every operation ends with a scan of its SR, and what the
 * scan shows is taken over and told to the listener.
 */
#include "agent/storage/storage_priv.h"
#include "common/base/assert.h"
#include "common/base/str.h"
#include "common/log/log.h"
#include "common/os/random.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILL_WARNING = 80, FILL_ALARM = 90 };
#define DEFAULT_INTERVAL MU_SEC(60)
#define ANSWER_PATIENCE MU_SEC(60)

/* VDIs */

struct entry *entry_find(const struct storage *s, const struct mu_uuid *id)
{
	return mu_map_find(s->entries, id->bytes, sizeof id->bytes);
}

int entry_get(const struct storage *s, const struct mu_uuid *id, struct entry **ret,
	      struct mu_error *err)
{
	struct entry *e = entry_find(s, id);
	char text[MU_UUID_TEXT];

	if (!e)
		return mu_error_set(err, MU_E_NOT_FOUND, "there is no VDI %s",
				    mu_uuid_format(id, text));
	if (!e->slot->attached)
		return mu_error_set(err, MU_E_STATE, "storage repository %s is not plugged",
				    e->slot->file.name);
	if (e->vdi.missing)
		return mu_error_set(err, MU_E_STATE, "the data of VDI %s is missing", e->vdi.name);
	*ret = e;
	return 0;
}

static void describe_vdi(const struct entry *e, struct model_object *o)
{
	const struct sr_vdi *v = &e->vdi;

	model_object_init(o, OBJECT_VDI);
	o->id = v->id;
	o->host = e->slot->s->host;
	memcpy(o->name, v->name, sizeof o->name);
	memcpy(o->description, v->description, sizeof o->description);
	o->n_tags = v->n_tags;
	memcpy(o->tags, v->tags, sizeof o->tags);
	o->vdi.sr = e->slot->file.config.id;
	o->vdi.type = v->type;
	memcpy(o->vdi.format, "raw", sizeof "raw");
	o->vdi.size_bytes = v->size_bytes;
	o->vdi.used_bytes = v->used_bytes;
	o->vdi.readonly = v->readonly;
	o->vdi.missing = v->missing;
	o->vdi.snapshot_of = v->snapshot_of;
	o->vdi.snapshot_at = v->snapshot_at;
	o->vdi.parent = v->parent;
}

static void show_vdi(struct entry *e)
{
	const struct storage_listener *l = &e->slot->s->listener;
	struct model_object now;

	describe_vdi(e, &now);
	if (model_object_equal(&now, &e->shown))
		return;
	e->shown = now;
	l->changed(&e->shown, l->ctx);
}

static void entry_free(struct entry *e)
{
	struct storage *s = e->slot->s;
	struct mu_uuid id = e->vdi.id;

	(void)mu_map_remove(s->entries, id.bytes, sizeof id.bytes);
	free(e);
	s->listener.removed(&id, s->listener.ctx);
}

static void take_over_vdi(struct slot *slot, const struct sr_vdi *vdi)
{
	struct storage *s = slot->s;
	struct entry *e = entry_find(s, &vdi->id);
	char text[MU_UUID_TEXT];

	if (e && e->slot != slot) {
		mu_log_warning(
		    "one VDI in two storage repositories, the second is not shown vdi=%s sr=\"%s\"",
		    mu_uuid_format(&vdi->id, text), slot->file.name);
		return;
	}
	if (!e) {
		e = mu_xcalloc(1, sizeof *e);
		e->slot = slot;
		(void)mu_map_put(s->entries, vdi->id.bytes, sizeof vdi->id.bytes, e);
	}
	e->vdi = *vdi;
	e->seen = true;
	show_vdi(e);
}

/* SRs */

struct slot *slot_find(const struct storage *s, const struct mu_uuid *id)
{
	mu_list_each(it, &s->slots)
	{
		struct slot *slot = MU_CONTAINER_OF(it, struct slot, link);

		if (!slot->leaving && mu_uuid_equal(&slot->file.config.id, id))
			return slot;
	}
	return NULL;
}

struct slot *slot_new(struct storage *s, const struct sr_file *file, struct sr *sr)
{
	struct slot *slot = mu_xcalloc(1, sizeof *slot);

	slot->s = s;
	slot->sr = sr;
	slot->file = *file;
	slot->caps = sr_caps_of(sr);
	slot->usage = (struct sr_usage){-1, -1, -1, -1};
	atomic_init(&slot->scan_seq, 0);
	mu_link_init(&slot->waiting);
	mu_list_push_back(&s->slots, &slot->link);
	return slot;
}

static void drop_entries(struct slot *slot, bool only_unseen)
{
	struct entry *e;

	for (size_t i = 0; (e = mu_map_next(slot->s->entries, &i, NULL, NULL));) {
		if (e->slot == slot && !(only_unseen && e->seen))
			entry_free(e);
	}
}

void slot_leave(struct slot *slot)
{
	const struct storage_listener *l = &slot->s->listener;
	struct mu_error err = MU_ERROR_INIT;

	slot->leaving = true;
	mu_error_set(&err, MU_E_NOT_FOUND, "storage repository %s is no more", slot->file.name);
	queue_refuse_all(slot, &err);
	drop_entries(slot, false);
	if (slot->visible)
		l->removed(&slot->file.config.id, l->ctx);
	slot->visible = false;
}

/* Without a word: the listener was told, or everything ends. */
void slot_free(struct slot *slot)
{
	struct storage *s = slot->s;
	struct entry *e;

	mu_assert(slot->n_tasks == 0);
	for (size_t i = 0; (e = mu_map_next(s->entries, &i, NULL, NULL));) {
		if (e->slot == slot) {
			(void)mu_map_remove(s->entries, e->vdi.id.bytes, sizeof e->vdi.id.bytes);
			free(e);
		}
	}
	mu_list_remove(&slot->link);
	sr_free(slot->sr);
	free(slot);
}

static int64_t allocated(const struct slot *slot)
{
	const struct entry *e;
	int64_t sum = 0;

	for (size_t i = 0; (e = mu_map_next(slot->s->entries, &i, NULL, NULL));)
		sum += e->slot == slot ? e->vdi.size_bytes : 0;
	return sum;
}

static void describe_sr(const struct slot *slot, struct model_object *o)
{
	const struct sr_file *f = &slot->file;

	model_object_init(o, OBJECT_SR);
	o->id = f->config.id;
	o->host = slot->s->host;
	memcpy(o->name, f->name, sizeof o->name);
	memcpy(o->description, f->description, sizeof o->description);
	o->n_tags = f->n_tags;
	memcpy(o->tags, f->tags, sizeof o->tags);
	memcpy(o->sr.type, f->config.type, sizeof o->sr.type);
	o->sr.iso = slot->caps.iso;
	o->sr.shared = slot->caps.shared;
	o->sr.thin = slot->caps.thin;
	o->sr.attached = slot->attached;
	memcpy(o->sr.location, slot->caps.location, sizeof o->sr.location);
	memcpy(o->sr.trouble, slot->trouble, sizeof o->sr.trouble);
	o->sr.size_bytes = slot->usage.size_bytes;
	o->sr.used_bytes = slot->usage.used_bytes;
	o->sr.allocated_bytes = slot->attached ? allocated(slot) : -1;
	o->sr.data_percent = slot->usage.data_percent;
	o->sr.metadata_percent = slot->usage.metadata_percent;
}

void slot_show(struct slot *slot)
{
	const struct storage_listener *l = &slot->s->listener;
	struct model_object now;

	if (!slot->visible)
		return;
	describe_sr(slot, &now);
	if (model_object_equal(&now, &slot->shown))
		return;
	slot->shown = now;
	l->changed(&slot->shown, l->ctx);
}

static void set_trouble(struct slot *slot, const char *text)
{
	char before[MODEL_TEXT_MAX + 1];

	memcpy(before, slot->trouble, sizeof before);
	mu_utf8_sanitize(slot->trouble, MODEL_TEXT_MAX, text, strlen(text));
	if (strcmp(before, slot->trouble) == 0)
		return;
	if (text[0])
		mu_log_warning("storage repository in trouble sr=\"%s\" why=\"%s\"",
			       slot->file.name, slot->trouble);
	else
		mu_log_info("storage repository is well again sr=\"%s\"", slot->file.name);
}

static int32_t fill_of(const struct sr_usage *u, const char **ret_what)
{
	int32_t whole =
	    u->size_bytes > 0 ? (int32_t)((double)u->used_bytes * 100 / (double)u->size_bytes) : 0;

	*ret_what = "";
	if (u->data_percent < 0)
		return whole;
	*ret_what = u->metadata_percent > u->data_percent ? "metadata " : "data ";
	return u->metadata_percent > u->data_percent ? u->metadata_percent : u->data_percent;
}

/* A full pool stops every guest that writes: say so early, and again when it is urgent. Read-only
 * images fill nothing. */
static void judge_fill(struct slot *slot)
{
	const char *what;
	int32_t fill = fill_of(&slot->usage, &what);
	char text[MODEL_TEXT_MAX + 1] = "";

	if (fill >= FILL_WARNING && !slot->caps.read_only)
		(void)snprintf(text, sizeof text, "%s%" PRId32 " %% full%s", what, fill,
			       fill >= FILL_ALARM ? ": guests will stop when it is full" : "");
	set_trouble(slot, text);
}

static void slot_not_well(struct slot *slot, const char *trouble)
{
	set_trouble(slot, trouble);
	slot_show(slot);
}

void slot_take_over(struct slot *slot, struct scan_result *scan)
{
	struct entry *e;

	if (!scan->valid && slot->attached)
		slot_not_well(slot, scan->err.text);
	if (!scan->valid || scan->seq <= slot->scan_taken)
		return;
	slot->scan_taken = scan->seq;
	slot->usage = scan->usage;
	slot->caps = scan->caps;
	for (size_t i = 0; (e = mu_map_next(slot->s->entries, &i, NULL, NULL));)
		e->seen = e->seen && e->slot != slot;
	for (size_t i = 0; i < scan->vdis.n; i++) {
		if (!scan->vdis.list[i].partial)
			take_over_vdi(slot, &scan->vdis.list[i]);
	}
	drop_entries(slot, true);
	judge_fill(slot);
	slot_show(slot);
}

void slot_detached(struct slot *slot, const char *trouble)
{
	slot->attached = false;
	set_trouble(slot, trouble);
	slot_show(slot);
}

/* Holds */

struct hold *hold_find(const struct storage *s, const struct mu_uuid *vdi,
		       const struct mu_uuid *holder)
{
	mu_list_each(it, &s->holds)
	{
		struct hold *h = MU_CONTAINER_OF(it, struct hold, link);

		if (mu_uuid_equal(&h->vdi, vdi) && mu_uuid_equal(&h->holder, holder))
			return h;
	}
	return NULL;
}

bool storage_is_held(const struct storage *s, const struct mu_uuid *vdi, bool *ret_written)
{
	bool held = false;

	*ret_written = false;
	mu_list_each(it, &s->holds)
	{
		const struct hold *h = MU_CONTAINER_OF(it, struct hold, link);

		if (mu_uuid_equal(&h->vdi, vdi)) {
			held = true;
			*ret_written = *ret_written || !h->readonly;
		}
	}
	return held;
}

int hold_check(const struct storage *s, const struct mu_uuid *vdi, const struct mu_uuid *holder,
	       bool readonly, struct mu_error *err)
{
	char text[MU_UUID_TEXT];

	mu_list_each(it, &s->holds)
	{
		const struct hold *h = MU_CONTAINER_OF(it, struct hold, link);

		if (!mu_uuid_equal(&h->vdi, vdi) || mu_uuid_equal(&h->holder, holder) ||
		    (h->readonly && readonly))
			continue;
		return mu_error_set(err, MU_E_STATE, "the disk is in use by VM %s",
				    mu_uuid_format(&h->holder, text));
	}
	return 0;
}

void hold_add(struct storage *s, const struct mu_uuid *vdi, const struct mu_uuid *holder,
	      bool readonly)
{
	struct hold *h = hold_find(s, vdi, holder);

	if (!h) {
		h = mu_xcalloc(1, sizeof *h);
		h->vdi = *vdi;
		h->holder = *holder;
		mu_list_push_back(&s->holds, &h->link);
	}
	h->readonly = readonly;
}

void hold_remove(struct hold *h)
{
	mu_list_remove(&h->link);
	free(h);
}

int storage_claim(struct storage *s, const struct mu_uuid *vdi, const struct mu_uuid *holder,
		  bool readonly, struct mu_error *err)
{
	if (hold_check(s, vdi, holder, readonly, err) < 0)
		return MU_FAILED;
	hold_add(s, vdi, holder, readonly);
	return 0;
}

/* Life */

bool storage_find(const struct storage *s, const struct mu_uuid *id, struct model_object *ret)
{
	const struct entry *e = entry_find(s, id);
	const struct slot *slot = e ? NULL : slot_find(s, id);

	if (e)
		*ret = e->shown;
	else if (slot && slot->visible)
		*ret = slot->shown;
	else
		return false;
	return true;
}

int storage_check_new(const struct storage *s, const struct mu_uuid *sr, int64_t size_bytes,
		      struct mu_error *err)
{
	const struct slot *slot = slot_find(s, sr);
	char text[MU_UUID_TEXT];

	if (!slot)
		return mu_error_set(err, MU_E_NOT_FOUND, "there is no storage repository %s",
				    mu_uuid_format(sr, text));
	if (!slot->attached)
		return mu_error_set(err, MU_E_STATE, "storage repository %s is not plugged",
				    slot->file.name);
	if (slot->caps.read_only)
		return mu_error_set(err, MU_E_UNSUPPORTED, "storage repository %s is read-only",
				    slot->file.name);
	return sr_check_new(slot->sr, &slot->usage, size_bytes, err);
}

int storage_check_overwrite(const struct storage *s, const struct mu_uuid *vdi, int64_t size_bytes,
			    struct mu_error *err)
{
	struct entry *e;
	bool written;

	if (entry_get(s, vdi, &e, err) < 0)
		return MU_FAILED;
	if (storage_is_held(s, vdi, &written))
		return mu_error_set(err, MU_E_STATE,
				    "VDI %s is in use by a VM; hint: shut the VM down, or take the "
				    "disk out of it",
				    e->vdi.name);
	if (!mu_uuid_is_nil(&e->vdi.snapshot_of) || e->vdi.readonly)
		return mu_error_set(err, MU_E_STATE,
				    "VDI %s is a snapshot, or read-only; hint: clone it first",
				    e->vdi.name);
	if (size_bytes > e->vdi.size_bytes)
		return mu_error_set(err, MU_E_TOO_LARGE,
				    "%" PRId64 " bytes are more than the VDI has (%" PRId64
				    "); hint: grow it first",
				    size_bytes, e->vdi.size_bytes);
	return storage_check_new(s, &e->slot->file.config.id, e->vdi.size_bytes, err);
}

bool storage_tag(const struct storage *s, const struct mu_uuid *vdi,
		 char ret[static STORAGE_TAG_MAX + 1])
{
	const struct entry *e = entry_find(s, vdi);
	char text[MU_UUID_TEXT];

	if (!e)
		return false;
	if (e->vdi.readonly && !mu_uuid_is_nil(&e->vdi.snapshot_of))
		(void)snprintf(ret, STORAGE_TAG_MAX + 1, "%s-%" PRId64,
			       mu_uuid_format(&e->vdi.id, text), e->vdi.snapshot_at);
	else
		(void)snprintf(ret, STORAGE_TAG_MAX + 1, "%s-%llx", mu_uuid_format(&s->run, text),
			       e->n_writers);
	return true;
}

bool storage_settled(const struct storage *s)
{
	mu_list_each(it, &s->slots)
	{
		const struct slot *slot = MU_CONTAINER_OF(it, struct slot, link);

		if (slot->file.plugged && !slot->attached && !slot->leaving && !slot->trouble[0])
			return false;
	}
	return true;
}

void storage_each(const struct storage *s, void (*each)(const struct model_object *o, void *ctx),
		  void *ctx)
{
	const struct entry *e;

	mu_list_each(it, &s->slots)
	{
		const struct slot *slot = MU_CONTAINER_OF(it, struct slot, link);

		if (slot->visible)
			each(&slot->shown, ctx);
	}
	for (size_t i = 0; (e = mu_map_next(s->entries, &i, NULL, NULL));)
		each(&e->shown, ctx);
}

static void load_one(const struct sr_file *f, void *ctx)
{
	struct storage *s = ctx;
	struct mu_error err = MU_ERROR_INIT;
	struct slot *slot;
	struct sr *sr;

	/* Of a newer version, or edited by hand: it stays where it is, and is not ours to use. */
	if (sr_new(s->drivers, &f->config, s->state_dir, &sr, &err) < 0) {
		mu_log_warning("storage repository not usable sr=\"%s\" err=\"%s\"", f->name,
			       err.text);
		return;
	}
	slot = slot_new(s, f, sr);
	slot->visible = true;
	slot_show(slot);
}

static void on_tick(void *ctx);

int storage_new(const struct storage_options *options, struct storage **ret_storage,
		struct mu_error *err)
{
	struct storage *s = mu_xcalloc(1, sizeof *s);

	s->loop = options->loop;
	s->state_dir = mu_xstrdup(options->state_dir);
	s->host = options->host;
	s->run = mu_random_uuid();
	s->drivers = options->drivers;
	s->listener = options->listener;
	s->interval = options->interval ? options->interval : DEFAULT_INTERVAL;
	s->tick = mu_timer_new(s->loop, on_tick, s);
	s->entries = mu_map_new();
	mu_link_init(&s->slots);
	mu_link_init(&s->holds);
	mu_link_init(&s->running);
	if (intent_sweep(s->state_dir, err) == 0 &&
	    sr_file_load(s->state_dir, load_one, s, err) == 0) {
		*ret_storage = s;
		return 0;
	}
	s->closing = true;
	storage_close_if_idle(s);
	return MU_FAILED;
}

static void free_now(void *ctx)
{
	struct storage *s = ctx;
	mu_loop_cb closed = s->closed;
	void *closed_ctx = s->closed_ctx;

	mu_list_each(it, &s->slots) slot_free(MU_CONTAINER_OF(it, struct slot, link));
	mu_list_each(it, &s->holds) hold_remove(MU_CONTAINER_OF(it, struct hold, link));
	mu_timer_free(s->tick);
	mu_map_free(s->entries);
	free(s->state_dir);
	free(s);
	if (closed)
		closed(closed_ctx);
}

void storage_close_if_idle(struct storage *s)
{
	if (!s->closing || s->ending || s->n_snapshot_runs || !mu_list_empty(&s->running))
		return;
	s->ending = true;
	mu_loop_post(s->loop, free_now, s);
}

static void try_to_plug(struct slot *slot)
{
	struct storage_task *t;

	if (slot->attached || !slot->file.plugged || slot->leaving || slot->n_running ||
	    !mu_list_empty(&slot->waiting))
		return;
	t = task_new(slot->s, &storage_sr_rules[STORAGE_SR_PLUG]);
	t->slot = slot;
	task_submit(t);
}

static void look_at(struct slot *slot)
{
	mu_msec now = mu_loop_now(slot->s->loop);
	struct storage_task *t;

	if (slot->look_since) {
		if (now - slot->look_since >= ANSWER_PATIENCE)
			slot_not_well(slot, "it does not answer");
		return;
	}
	slot->look_since = now;
	t = task_new(slot->s, &storage_look_rule);
	t->slot = slot;
	task_submit(t);
}

static void on_tick(void *ctx)
{
	struct storage *s = ctx;

	mu_list_each(it, &s->slots)
	{
		struct slot *slot = MU_CONTAINER_OF(it, struct slot, link);

		if (slot->attached)
			look_at(slot);
		else
			try_to_plug(slot);
	}
	mu_timer_set(s->tick, s->interval);
}

void storage_start(struct storage *s)
{
	on_tick(s);
}
