/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Thin volumes of one LVM pool, driven by LVM's own commands and JSON reports. Volume and
 * book-keeping (its tags) change in one commit of the volume group, so nearly every operation is
 * one command, which has happened or not.
 *
 * Replacing a disk's volume takes three (remove, rename, tags). The first writes a tag that says
 * what is to be done; whoever attaches the SR next finishes what he finds so tagged:
 *
 *   from: +replaces=X  |  remove X  |  rename from -> X  |  from's tags off, X's on
 *   ------ undone -----|------------- attach() goes on from here -----------------
 *
 * A clone is made in two steps, since LVM takes a second for what is a moment:
 *
 *   prepare   LVM makes an empty volume of that size, with its tags and a device of its own in the
 *             pool; the pool is told to delete that device, LVM's metadata keep the volume
 *   take      the pool is told to make a snapshot of the source under the same number
 *
 * The pool's transaction is the one that LVM knows all the time, so LVM sees nothing but a thin
 * volume (it does not call it a snapshot: our tags do). One that has no device in the pool, between
 * the steps, cannot be activated, and lvremove takes it like any other. A source that is active is
 * suspended meanwhile, by sr_clone.c's hold and release; attach resumes what a crash has left so.
 * The kernel takes a message while one of LVM's commands is at work as it takes it before or
 * behind.
 *
 * Volumes carry the "skip activation" flag (-ky), so that none is active but while somebody uses
 * it; -K activates it all the same.
 */
#include "agent/storage/lvmthin/lvmthin.h"

#include "agent/storage/copy.h"
#include "agent/storage/drivers.h"
#include "agent/storage/lvmthin/lvm_dm.h"
#include "common/base/str.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "muster-"
enum { GRANULARITY = 4 << 20 };

int lvmthin_report(struct lvmthin *l, const struct lvm_report **ret_report, struct mu_error *err)
{
	if (!l->report) {
		struct lvm_report *report = mu_arena_calloc(l->arena, 1, sizeof *report);

		if (lvm_list(l->arena, l->group, report, err) < 0)
			return MU_FAILED;
		l->report = report;
	}
	*ret_report = l->report;
	return 0;
}

int lvmthin_change(struct lvmthin *l, const struct lvm_command *c, struct mu_error *err)
{
	l->report = NULL;
	return lvm_run(c, err);
}

/* Names */

struct volume_name {
	char text[sizeof PREFIX + MU_UUID_TEXT];
};

static struct volume_name name_of(const struct mu_uuid *id)
{
	struct volume_name n;
	char text[MU_UUID_TEXT];

	(void)snprintf(n.text, sizeof n.text, PREFIX "%s", mu_uuid_format(id, text));
	return n;
}

static bool id_of(const char *name, struct mu_uuid *ret_id)
{
	return mu_str_has_prefix(name, PREFIX) && mu_uuid_parse(name + strlen(PREFIX), ret_id);
}

const char *lvmthin_in_group(struct lvmthin *l, const char *name)
{
	return mu_arena_printf(l->arena, "%s/%s", l->group, name);
}

static const char *disk(struct lvmthin *l, const struct mu_uuid *id)
{
	return lvmthin_in_group(l, name_of(id).text);
}

/* LVM's own rule: letters, digits, "+_.-", no hyphen first. So no name is an option or a path. */
static bool good_name(const char *s, size_t len)
{
	if (len == 0 || len > LVM_NAME_MAX || s[0] == '-' || s[0] == '.')
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!strchr("+_.-", s[i]) && !((s[i] | 32) >= 'a' && (s[i] | 32) <= 'z') &&
		    !(s[i] >= '0' && s[i] <= '9'))
			return false;
	}
	return true;
}

/* Life of the SR */

static int check_devices(const char *devices, struct mu_error *err)
{
	for (const char *at = devices; *at;) {
		size_t len = strcspn(at, ",");

		if (strncmp(at, "/dev/", 5) != 0 || memmem(at, len, "/..", 3))
			return mu_error_set(
			    err, MU_E_INVALID,
			    "device_config: devices: \"%.*s\" is no path below /dev", (int)len, at);
		at += len;
		at += *at == ',';
	}
	return 0;
}

static int lvm_open(const struct sr_config *config, const char *state_dir, void **ret_impl,
		    struct mu_error *err)
{
	const char *pool = sr_config_get(config, "pool");
	const char *devices = sr_config_get(config, "devices");
	const char *wipe = sr_config_get(config, "wipe");
	const char *slash = strchr(pool, '/');
	struct lvmthin *l;

	(void)state_dir;
	if (!slash || !good_name(pool, (size_t)(slash - pool)) ||
	    !good_name(slash + 1, strlen(slash + 1)))
		return mu_error_set(err, MU_E_INVALID,
				    "device_config: pool: \"%s\" is not \"group/pool\"", pool);
	if (devices && check_devices(devices, err) < 0)
		return MU_FAILED;
	if (wipe && strcmp(wipe, "true") != 0 && strcmp(wipe, "false") != 0)
		return mu_error_set(err, MU_E_INVALID,
				    "device_config: wipe: \"%s\" is not true or false", wipe);
	l = mu_xcalloc(1, sizeof *l);
	l->arena = mu_arena_new();
	l->id = config->id;
	l->control = -1;
	l->wipe = wipe && strcmp(wipe, "true") == 0;
	(void)snprintf(l->group, sizeof l->group, "%.*s", (int)(slash - pool), pool);
	(void)snprintf(l->pool, sizeof l->pool, "%s", slash + 1);
	(void)snprintf(l->devices, sizeof l->devices, "%s", devices ? devices : "");
	*ret_impl = l;
	return 0;
}

static void lvm_close(void *impl)
{
	struct lvmthin *l = impl;

	copy_close(&l->control);
	mu_arena_free(l->arena);
	free(l);
}

static void lvm_idle(void *impl)
{
	struct lvmthin *l = impl;

	l->report = NULL;
	mu_arena_reset(l->arena);
}

/* Disks, one command each */

static int change_activation(struct lvmthin *l, const char *volume, bool on, struct mu_error *err)
{
	struct lvm_command c = {.n = 0};

	/* -K: thin snapshots carry the "skip activation" flag. */
	LVM_ADD(&c, "lvchange", on ? "-ay" : "-an", "-K", lvmthin_in_group(l, volume));
	return lvmthin_change(l, &c, err);
}

static int remove_volume(struct lvmthin *l, const char *volume, struct mu_error *err)
{
	struct lvm_command c = {.n = 0};

	LVM_ADD(&c, "lvremove", "--yes", lvmthin_in_group(l, volume));
	return lvmthin_change(l, &c, err);
}

/* From the tags that it has to those that it should have, and one more (or NULL): one commit. */
static int set_tags(struct lvmthin *l, const struct lvm_volume *v, const struct sr_vdi *vdi,
		    const char *more, struct mu_error *err)
{
	struct lvm_tags want, have, add = {.n = 0}, del = {.n = 0};
	struct lvm_command c = {.n = 0};

	lvm_tags_encode(l->arena, &l->id, vdi, &want);
	lvm_tags_ours(l->arena, v->tags, &have);
	for (size_t i = 0; i < want.n; i++) {
		if (!lvm_tags_has(&have, want.list[i]))
			add.list[add.n++] = want.list[i];
	}
	for (size_t i = 0; i < have.n; i++) {
		if (!lvm_tags_has(&want, have.list[i]))
			del.list[del.n++] = have.list[i];
	}
	if (add.n + del.n == 0 && !more)
		return 0;
	lvm_add(&c, "lvchange");
	lvm_add_tags(&c, "--addtag", &add);
	lvm_add_tags(&c, "--deltag", &del);
	if (more)
		LVM_ADD(&c, "--addtag", more);
	lvm_add(&c, lvmthin_in_group(l, v->name));
	return lvmthin_change(l, &c, err);
}

/* `from` carries the tags of the disk that it replaces, and the one that says so. */
static int finish_replace(struct lvmthin *l, const struct lvm_report *report,
			  const struct lvm_volume *from, const struct mu_uuid *to,
			  struct mu_error *err)
{
	struct volume_name name = name_of(to);
	const struct lvm_volume *old = lvm_report_find(report, name.text);
	struct lvm_command move = {.n = 0};
	struct lvm_command clear = {.n = 0};
	char text[MU_UUID_TEXT];

	if (old && old != from && remove_volume(l, name.text, err) < 0)
		return MU_FAILED;
	LVM_ADD(&move, "lvrename", l->group, from->name, name.text);
	if (old != from && lvmthin_change(l, &move, err) < 0)
		return MU_FAILED;
	LVM_ADD(&clear, "lvchange", "--deltag",
		mu_arena_printf(l->arena, LVM_TAG_REPLACES "%s", mu_uuid_format(to, text)),
		lvmthin_in_group(l, name.text));
	return lvmthin_change(l, &clear, err);
}

static bool is_ours(struct lvmthin *l, const struct lvm_volume *v, struct sr_vdi *ret_vdi)
{
	struct mu_uuid id;

	if (!id_of(v->name, &id) || strcmp(v->pool, l->pool) != 0 ||
	    !lvm_tags_decode(v->tags, &l->id, ret_vdi))
		return false;
	ret_vdi->id = id;
	ret_vdi->size_bytes = v->size_bytes;
	ret_vdi->used_bytes = v->used_bytes;
	return true;
}

static int release_volume(struct lvmthin *l, const char *volume, struct mu_error *err)
{
	char device[LVM_DM_NAME_MAX + 1];

	if (lvm_dm_name(l->group, volume, NULL, device, err) < 0)
		return MU_FAILED;
	return lvm_dm_resume(l->control, device, err);
}

/* `lvs` waits for other commands of LVM's to end, so it was one of our snapshots that left it so.
 */
static int release_all(struct lvmthin *l, const struct lvm_report *report, struct mu_error *err)
{
	struct sr_vdi vdi;

	for (size_t i = 0; i < report->n; i++) {
		if (report->list[i].suspended && is_ours(l, &report->list[i], &vdi) &&
		    release_volume(l, report->list[i].name, err) < 0)
			return MU_FAILED;
	}
	return 0;
}

static int lvm_attach(void *impl, struct sr_caps *ret_caps, struct mu_error *err)
{
	struct lvmthin *l = impl;
	const struct lvm_volume *pool;
	const struct lvm_report *report;
	struct mu_uuid to;

	*ret_caps = (struct sr_caps){.thin = true, .instant_clone = true};
	(void)snprintf(ret_caps->location, sizeof ret_caps->location, "%.*s/%.*s", LVM_NAME_MAX - 1,
		       l->group, LVM_NAME_MAX - 1, l->pool);
	if (lvmthin_report(l, &report, err) < 0)
		return MU_FAILED;
	pool = lvm_report_find(report, l->pool);
	if (!pool)
		return mu_error_set(err, MU_E_NOT_FOUND, "there is no thin pool %s/%s", l->group,
				    l->pool);
	if (!pool->active && change_activation(l, l->pool, true, err) < 0)
		return MU_FAILED;
	l->zero = pool->zero;
	if ((l->control < 0 && lvm_dm_open(&l->control, err) < 0) ||
	    release_all(l, report, err) < 0)
		return MU_FAILED;
	for (size_t i = 0; i < report->n; i++) {
		if (lvm_tags_find_id(report->list[i].tags, LVM_TAG_REPLACES, &to) &&
		    finish_replace(l, report, &report->list[i], &to, err) < 0)
			return MU_FAILED;
	}
	return 0;
}

/* The pool stays active: others may have volumes in it. */
static int lvm_detach(void *impl, struct mu_error *err)
{
	struct lvmthin *l = impl;
	const struct lvm_report *report;
	struct sr_vdi vdi;

	if (lvmthin_report(l, &report, err) < 0)
		return MU_FAILED;
	for (size_t i = 0; i < report->n; i++) {
		if (report->list[i].active && is_ours(l, &report->list[i], &vdi) &&
		    change_activation(l, report->list[i].name, false, err) < 0)
			return MU_FAILED;
	}
	return 0;
}

static int lvm_usage(void *impl, struct sr_usage *ret_usage, struct mu_error *err)
{
	struct lvmthin *l = impl;
	const struct lvm_volume *pool;
	const struct lvm_report *report;

	if (lvmthin_report(l, &report, err) < 0)
		return MU_FAILED;
	pool = lvm_report_find(report, l->pool);
	if (!pool)
		return mu_error_set(err, MU_E_NOT_FOUND, "there is no thin pool %s/%s", l->group,
				    l->pool);
	*ret_usage = (struct sr_usage){.size_bytes = pool->size_bytes,
				       .used_bytes = pool->used_bytes,
				       .data_percent = pool->data_percent,
				       .metadata_percent = pool->metadata_percent};
	return 0;
}

static int lvm_scan(void *impl, struct sr_vdis *ret_vdis, struct mu_error *err)
{
	struct lvmthin *l = impl;
	const struct lvm_report *report;
	struct sr_vdi vdi;

	if (lvmthin_report(l, &report, err) < 0)
		return MU_FAILED;
	for (size_t i = 0; i < report->n; i++) {
		if (is_ours(l, &report->list[i], &vdi) && sr_vdis_add(ret_vdis, &vdi, err) < 0)
			return MU_FAILED;
	}
	return 0;
}

/* The volume of a disk of ours; valid until the operation ends. */
static int get_volume(struct lvmthin *l, const struct mu_uuid *id,
		      const struct lvm_volume **ret_volume, struct mu_error *err)
{
	const struct lvm_report *report;
	const struct lvm_volume *v;
	char text[MU_UUID_TEXT];
	struct sr_vdi vdi;

	if (lvmthin_report(l, &report, err) < 0)
		return MU_FAILED;
	v = lvm_report_find(report, name_of(id).text);
	if (!v || !is_ours(l, v, &vdi))
		return mu_error_set(err, MU_E_NOT_FOUND, "there is no disk %s",
				    mu_uuid_format(id, text));
	*ret_volume = v;
	return 0;
}

static int lvm_activate(void *impl, const struct sr_vdi *vdi, bool readonly,
			struct sr_path *ret_path, struct mu_error *err)
{
	struct lvmthin *l = impl;
	const struct lvm_volume *v;

	(void)readonly;
	if (get_volume(l, &vdi->id, &v, err) < 0 ||
	    (!v->active && change_activation(l, v->name, true, err) < 0))
		return MU_FAILED;
	*ret_path = (struct sr_path){.format = "raw", .backend = SR_BACKEND_PHY, .zero = l->zero};
	(void)snprintf(ret_path->path, sizeof ret_path->path, "/dev/%s/%s", l->group, v->name);
	return 0;
}

static int lvm_deactivate(void *impl, const struct mu_uuid *id, struct mu_error *err)
{
	struct lvmthin *l = impl;
	const struct lvm_volume *v;

	if (get_volume(l, id, &v, err) < 0)
		return MU_FAILED;
	return v->active ? change_activation(l, v->name, false, err) : 0;
}

static int make_volume(struct lvmthin *l, const struct sr_vdi *vdi, const char *permission,
		       struct mu_error *err)
{
	struct lvm_command c = {.n = 0};
	struct lvm_tags tags;

	lvm_tags_encode(l->arena, &l->id, vdi, &tags);
	LVM_ADD(&c, "lvcreate", "--yes", "--type", "thin", permission, "-an", "-ky", "-V",
		mu_arena_printf(l->arena, "%" PRId64 "b", vdi->size_bytes), "--thinpool",
		lvmthin_in_group(l, l->pool), "-n",
		mu_arena_strdup(l->arena, name_of(&vdi->id).text));
	lvm_add_tags(&c, "--addtag", &tags);
	return lvmthin_change(l, &c, err);
}

static int lvm_vdi_create(void *impl, const struct sr_vdi *vdi, struct mu_error *err)
{
	return make_volume(impl, vdi, "-prw", err);
}

static int lvm_vdi_remove(void *impl, const struct mu_uuid *id, struct mu_error *err)
{
	struct lvmthin *l = impl;
	struct mu_error why = MU_ERROR_INIT;
	const struct lvm_volume *v;

	if (get_volume(l, id, &v, &why) == 0)
		return remove_volume(l, v->name, err);
	if (why.code == MU_E_NOT_FOUND)
		return 0;
	*err = why;
	return MU_FAILED;
}

static int lvm_vdi_set(void *impl, const struct sr_vdi *vdi, struct mu_error *err)
{
	struct lvmthin *l = impl;
	const struct lvm_volume *v;

	if (get_volume(l, &vdi->id, &v, err) < 0)
		return MU_FAILED;
	return set_tags(l, v, vdi, NULL, err);
}

static int lvm_vdi_resize(void *impl, const struct mu_uuid *id, int64_t size_bytes,
			  struct mu_error *err)
{
	struct lvm_command c = {.n = 0};
	struct lvmthin *l = impl;

	LVM_ADD(&c, "lvextend", "-L", mu_arena_printf(l->arena, "%" PRId64 "b", size_bytes),
		disk(l, id));
	return lvmthin_change(l, &c, err);
}

/* A clone: what its steps keep in sr_clone.handle. */
enum { SOURCE, TARGET };

static int thin_id_of(struct lvmthin *l, const struct mu_uuid *id, uint32_t *ret_thin_id,
		      struct mu_error *err)
{
	const struct lvm_volume *v;

	if (get_volume(l, id, &v, err) < 0)
		return MU_FAILED;
	if (v->thin_id < 0)
		return mu_error_set(err, MU_E_PROTOCOL, "lvs: %s has no thin_id", v->name);
	*ret_thin_id = (uint32_t)v->thin_id;
	return 0;
}

static int tell_pool(struct lvmthin *l, const char *message, struct mu_error *err)
{
	char pool[LVM_DM_NAME_MAX + 1];

	if (lvm_dm_name(l->group, l->pool, "tpool", pool, err) < 0)
		return MU_FAILED;
	return lvm_dm_message(l->control, pool, message, err);
}

static int lvm_clone_prepare(void *impl, struct sr_clone *c, struct mu_error *err)
{
	struct lvmthin *l = impl;

	if (thin_id_of(l, &c->source.id, &c->handle[SOURCE], err) < 0 ||
	    make_volume(l, &c->vdi, c->vdi.readonly ? "-pr" : "-prw", err) < 0 ||
	    thin_id_of(l, &c->vdi.id, &c->handle[TARGET], err) < 0)
		return MU_FAILED;
	return tell_pool(l, mu_arena_printf(l->arena, "delete %" PRIu32, c->handle[TARGET]), err);
}

static int lvm_clone_take(void *impl, const struct sr_clone *c, struct mu_error *err)
{
	struct lvmthin *l = impl;

	return tell_pool(l,
			 mu_arena_printf(l->arena, "create_snap %" PRIu32 " %" PRIu32,
					 c->handle[TARGET], c->handle[SOURCE]),
			 err);
}

static int lvm_hold(void *impl, const struct sr_clone *c, bool *ret_held, struct mu_error *err)
{
	struct lvmthin *l = impl;
	char device[LVM_DM_NAME_MAX + 1];

	if (lvm_dm_name(l->group, name_of(&c->source.id).text, NULL, device, err) < 0)
		return MU_FAILED;
	return lvm_dm_suspend(l->control, device, ret_held, err);
}

static int lvm_release(void *impl, const struct sr_clone *c, struct mu_error *err)
{
	return release_volume(impl, name_of(&c->source.id).text, err);
}

static int lvm_vdi_replace(void *impl, const struct sr_vdi *vdi, const struct mu_uuid *from_id,
			   struct mu_error *err)
{
	struct lvmthin *l = impl;
	const struct lvm_report *report;
	const struct lvm_volume *from;
	char text[MU_UUID_TEXT];
	const char *mark =
	    mu_arena_printf(l->arena, LVM_TAG_REPLACES "%s", mu_uuid_format(&vdi->id, text));

	if (lvmthin_report(l, &report, err) < 0 || get_volume(l, from_id, &from, err) < 0 ||
	    (from->active && change_activation(l, from->name, false, err) < 0) ||
	    set_tags(l, from, vdi, mark, err) < 0)
		return MU_FAILED;
	return finish_replace(l, report, from, &vdi->id, err);
}

static const struct sr_param_rule params[] = {
    {"pool", true, "the thin pool, as \"group/pool\""},
    {"devices", false, "to make group and pool on: paths below /dev, with \",\" between"},
    {"wipe", false, "true: whatever is on the devices is lost"},
    {NULL},
};

const struct sr_ops sr_lvmthin_ops = {
    .type = "lvmthin",
    .params = params,
    .granularity_bytes = GRANULARITY,
    .open = lvm_open,
    .close = lvm_close,
    .idle = lvm_idle,
    .probe = lvm_pool_probe,
    .create = lvm_pool_create,
    .destroy = lvm_pool_destroy,
    .attach = lvm_attach,
    .detach = lvm_detach,
    .usage = lvm_usage,
    .scan = lvm_scan,
    .activate = lvm_activate,
    .deactivate = lvm_deactivate,
    .vdi_create = lvm_vdi_create,
    .vdi_remove = lvm_vdi_remove,
    .vdi_set = lvm_vdi_set,
    .vdi_resize = lvm_vdi_resize,
    .clone_prepare = lvm_clone_prepare,
    .clone_take = lvm_clone_take,
    .hold = lvm_hold,
    .release = lvm_release,
    .vdi_replace = lvm_vdi_replace,
};
