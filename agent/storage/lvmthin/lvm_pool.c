/* SPDX-License-Identifier: Apache-2.0 */
/* Where an lvmthin SR is: a pool that is there, or group and pool made on given devices. What we
 * made carries a tag that says so, and goes with the SR; a making that was cut off is found by it.
 */
#include "agent/storage/lvmthin/lvmthin.h"
#include "common/base/str.h"
#include "common/os/tool.h"

#include <string.h>

int lvm_pool_probe(void *impl, struct mu_uuid *ret_id, struct mu_error *err)
{
	struct lvmthin *l = impl;
	const struct lvm_volume *pool;
	struct mu_uuid id = {{0}};
	const struct lvm_report *report;

	if (lvmthin_report(l, &report, err) < 0)
		return MU_FAILED;
	pool = lvm_report_find(report, l->pool);
	if (!pool && !l->devices[0])
		return mu_error_set(
		    err, MU_E_NOT_FOUND,
		    "there is no thin pool %s/%s; hint: give \"devices\" to make one", l->group,
		    l->pool);
	if (pool && !pool->is_pool)
		return mu_error_set(err, MU_E_STATE, "%s/%s is no thin pool", l->group, l->pool);
	if (pool)
		(void)lvm_tags_find_id(pool->tags, LVM_TAG_POOL, &id);
	*ret_id = id;
	return 0;
}

static void add_devices(struct lvmthin *l, struct lvm_command *c)
{
	for (const char *at = l->devices; *at;) {
		size_t len = strcspn(at, ",");

		lvm_add(c, mu_arena_strndup(l->arena, at, len));
		at += len;
		at += *at == ',';
	}
}

static const char *owner_tag(struct lvmthin *l, const char *key)
{
	char text[MU_UUID_TEXT];

	return mu_arena_printf(l->arena, "%s%s", key, mu_uuid_format(&l->id, text));
}

static int remove_group(struct lvmthin *l, struct mu_error *err)
{
	struct lvm_command remove = {.n = 0}, labels = {.n = 0};

	LVM_ADD(&remove, "vgremove", "--yes", l->group);
	LVM_ADD(&labels, "pvremove", "--yes");
	add_devices(l, &labels);
	if (lvmthin_change(l, &remove, err) < 0)
		return MU_FAILED;
	return lvmthin_change(l, &labels, err);
}

/* Is there a group that we have made? One without volumes is in no listing of volumes. */
static int made_group(struct lvmthin *l, bool *ret_made, struct mu_error *err)
{
	const char *select = mu_arena_printf(l->arena, "vg_name=\"%s\" && tags=\"%s\"", l->group,
					     owner_tag(l, LVM_TAG_GROUP));
	MU_CLEANUP(mu_tool_deinit)
	struct mu_tool t = {
	    .argv =
		(const char *const[]){"vgs", "--noheadings", "-o", "vg_name", "-S", select, NULL},
	    .deadline = MU_SEC(120),
	    .output_max = 1024,
	};

	if (mu_tool_run(&t, err) < 0)
		return MU_FAILED;
	*ret_made = t.out.len > 0;
	return 0;
}

static int make_group(struct lvmthin *l, struct mu_error *err)
{
	struct lvm_command c = {.n = 0};
	bool made;

	if (made_group(l, &made, err) < 0)
		return MU_FAILED;
	if (made) /* by a try that was cut off */
		return 0;
	LVM_ADD(&c, "vgcreate", "--metadatasize", "16m", "--addtag", owner_tag(l, LVM_TAG_GROUP));
	if (l->wipe)
		lvm_add(&c, "--yes");
	lvm_add(&c, l->group);
	add_devices(l, &c);
	if (lvmthin_change(l, &c, err) < 0)
		return mu_error_prefix(err, "volume group %s", l->group);
	return 0;
}

/* A group and a pool that fills it. Without "wipe", LVM refuses devices that have anything on them.
 */
static int make_pool(struct lvmthin *l, struct mu_error *err)
{
	struct lvm_command pool = {.n = 0};

	if (make_group(l, err) < 0)
		return MU_FAILED;
	LVM_ADD(&pool, "lvcreate", "--yes", "--type", "thin-pool", "-l", "100%FREE", "-Zy",
		"--addtag", owner_tag(l, LVM_TAG_POOL), "-n", l->pool, l->group);
	if (lvmthin_change(l, &pool, err) < 0) {
		(void)remove_group(l, NULL);
		return mu_error_prefix(err, "thin pool %s/%s", l->group, l->pool);
	}
	return 0;
}

int lvm_pool_create(void *impl, struct mu_error *err)
{
	struct lvm_command tag = {.n = 0};
	struct lvmthin *l = impl;
	const struct lvm_report *report;

	if (lvmthin_report(l, &report, err) < 0)
		return MU_FAILED;
	if (!lvm_report_find(report, l->pool))
		return make_pool(l, err);
	LVM_ADD(&tag, "lvchange", "--addtag", owner_tag(l, LVM_TAG_POOL),
		lvmthin_in_group(l, l->pool));
	return lvmthin_change(l, &tag, err);
}

/* What we made goes, what we were given stays. */
int lvm_pool_destroy(void *impl, struct mu_error *err)
{
	struct lvm_command tag = {.n = 0};
	struct lvmthin *l = impl;
	const struct lvm_volume *pool;
	const struct lvm_report *report;
	struct mu_uuid maker;

	if (lvmthin_report(l, &report, err) < 0)
		return MU_FAILED;
	pool = lvm_report_find(report, l->pool);
	if (!pool)
		return 0;
	if (report->n == 1 && l->devices[0] &&
	    lvm_tags_find_id(pool->group_tags, LVM_TAG_GROUP, &maker) &&
	    mu_uuid_equal(&maker, &l->id))
		return remove_group(l, err);
	LVM_ADD(&tag, "lvchange", "--deltag", owner_tag(l, LVM_TAG_POOL),
		lvmthin_in_group(l, l->pool));
	return lvmthin_change(l, &tag, err);
}
