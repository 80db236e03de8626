/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/storage/lvmthin/lvm_dm_text.h"
#include "agent/storage/lvmthin/lvm_report.h"
#include "agent/storage/lvmthin/lvm_tags.h"
#include "common/base/str.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static const struct mu_uuid sr_id = {{1, 2, 3}}, other_id = {{9}};

static struct sr_vdi full_vdi(void)
{
	struct sr_vdi v = {.type = VDI_MEMORY,
			   .readonly = true,
			   .partial = true,
			   .snapshot_of = {{4}},
			   .parent = {{5}},
			   .snapshot_at = 1700000000123,
			   .n_tags = MODEL_OBJECT_TAGS_MAX};

	snprintf(v.name, sizeof v.name, "a, b=\"c\" %%s \xc3\xa9");
	memset(v.description, ',', sizeof v.description - 1);
	for (size_t i = 0; i < v.n_tags; i++)
		snprintf(v.tags[i], sizeof v.tags[i], "tag,%zu", i);
	return v;
}

/* As LVM reports them: sorted in its own way, with foreign ones. */
static char *joined(const struct lvm_tags *tags)
{
	struct mu_str s = MU_STR_INIT;

	mu_str_add(&s, "foreign,muster-like");
	for (size_t i = tags->n; i > 0; i--)
		mu_str_printf(&s, ",%s", tags->list[i - 1]);
	return mu_str_take(&s);
}

Test(lvm_tags, round_trip_in_any_order)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct sr_vdi v = full_vdi(), got;
	struct lvm_tags tags, ours;
	MU_CLEANUP(mu_free) char *text = NULL;

	lvm_tags_encode(a, &sr_id, &v, &tags);
	for (size_t i = 0; i < tags.n; i++) {
		cr_assert_leq(strlen(tags.list[i]), 1024);
		cr_assert_eq(
		    strspn(
			tags.list[i],
			"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-=+/!:&#"),
		    strlen(tags.list[i]), "%s", tags.list[i]);
	}
	text = joined(&tags);
	cr_assert(lvm_tags_decode(text, &sr_id, &got));
	cr_assert_str_eq(got.name, v.name);
	cr_assert_str_eq(got.description, v.description);
	cr_assert_eq(got.n_tags, v.n_tags);
	for (size_t i = 0; i < v.n_tags; i++)
		cr_assert_str_eq(got.tags[i], v.tags[i]);
	cr_assert(got.type == VDI_MEMORY && got.readonly && got.partial &&
		  got.snapshot_at == v.snapshot_at);
	cr_assert(mu_uuid_equal(&got.snapshot_of, &v.snapshot_of) &&
		  mu_uuid_equal(&got.parent, &v.parent));
	lvm_tags_ours(a, text, &ours);
	cr_assert_eq(ours.n, tags.n);
	cr_assert(lvm_tags_has(&ours, "muster.readonly") && !lvm_tags_has(&ours, "foreign"));
}

Test(lvm_tags, whose_it_is)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct sr_vdi v = {.type = VDI_USER}, got;
	MU_CLEANUP(mu_free) char *text = NULL;
	struct lvm_tags tags;
	struct mu_uuid id;

	lvm_tags_encode(a, &sr_id, &v, &tags);
	cr_assert_eq(tags.n, 2); /* whose, and its type */
	text = joined(&tags);
	cr_assert(lvm_tags_decode(text, &sr_id, &got));
	cr_assert(!got.readonly && got.name[0] == '\0' && got.n_tags == 0 && got.snapshot_at == 0);
	cr_assert(!lvm_tags_decode(text, &other_id, &got));
	cr_assert(!lvm_tags_decode("", &sr_id, &got));
	cr_assert(lvm_tags_find_id(text, LVM_TAG_SR, &id) && mu_uuid_equal(&id, &sr_id));
	cr_assert(!lvm_tags_find_id(text, LVM_TAG_POOL, &id));
	cr_assert(!lvm_tags_find_id("muster.pool=nonsense", LVM_TAG_POOL, &id));
}

/* Edited by hand, or by a newer version: what cannot be read counts as not given. */
Test(lvm_tags, damaged_values)
{
	char text[512], id[MU_UUID_TEXT];
	struct sr_vdi got;

	snprintf(text, sizeof text,
		 "muster.sr=%s,muster.name=a=4,muster.description=a=00b,muster.type=floppy,muster."
		 "snapshot_at=x,"
		 "muster.snapshot_of=1,muster.parent=,muster.tag0==FF,muster.tag1=ok,muster.new=1,"
		 "muster.tag2=",
		 mu_uuid_format(&sr_id, id));
	cr_assert(lvm_tags_decode(text, &sr_id, &got));
	cr_assert(got.name[0] == '\0' && got.description[0] == '\0' && got.type == VDI_USER &&
		  got.snapshot_at == 0);
	cr_assert(mu_uuid_is_nil(&got.snapshot_of) && mu_uuid_is_nil(&got.parent));
	cr_assert_eq(got.n_tags, 1);
	cr_assert_str_eq(got.tags[0], "ok");
}

Test(lvm_tags, more_tags_than_are_kept)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	MU_CLEANUP(mu_str_deinit) struct mu_str s = MU_STR_INIT;
	struct lvm_tags tags;

	for (int i = 0; i < 100; i++)
		mu_str_printf(&s, "muster.x%d,", i);
	lvm_tags_ours(a, s.data, &tags);
	cr_assert_eq(tags.n, LVM_TAGS_MAX);
}

#define ROW(fields) "{\"report\":[{\"lv\":[" fields "]}]}"

static int read_report(struct mu_arena *a, const char *text, struct lvm_report *ret,
		       struct mu_error *err)
{
	return lvm_report_read(a, text, strlen(text), ret, err);
}

Test(lvm_report, pool_and_volume)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct mu_error err = MU_ERROR_INIT;
	const struct lvm_volume *v;
	struct lvm_report r;

	cr_assert_eq(
	    read_report(a,
			ROW("{\"lv_name\":\"pool\",\"lv_size\":\"1000\",\"segtype\":\"thin-pool\","
			    "\"pool_lv\":\"\","
			    "\"lv_active\":\"active\",\"zero\":\"zero\",\"data_percent\":\"12.01\","
			    "\"metadata_percent\":\"100.00\",\"lv_tags\":\"x\",\"vg_tags\":\"y\"},"
			    "{\"lv_name\":\"v\",\"lv_size\":\"512\",\"segtype\":\"thin\",\"pool_"
			    "lv\":\"pool\",\"thin_id\":\"7\",\"lv_suspended\":\"suspended\","
			    "\"lv_active\":\"\",\"zero\":\"unknown\",\"data_percent\":\"\"}"),
			&r, &err),
	    0, "%s", err.text);
	cr_assert_eq(r.n, 2);
	v = lvm_report_find(&r, "pool");
	cr_assert(v && v->is_pool && v->active && v->zero && v->size_bytes == 1000);
	cr_assert(v->data_percent == 13 && v->metadata_percent == 100 && v->used_bytes == 120);
	cr_assert_str_eq(v->tags, "x");
	cr_assert_str_eq(v->group_tags, "y");
	cr_assert(v->thin_id == -1 && !v->suspended);
	v = lvm_report_find(&r, "v");
	cr_assert(v && !v->is_pool && !v->active && !v->zero && v->data_percent == -1 &&
		  v->used_bytes == -1);
	cr_assert_str_eq(v->pool, "pool");
	cr_assert(v->thin_id == 7 && v->suspended);
	cr_assert_null(lvm_report_find(&r, "none"));
}

Test(lvm_report, none_and_nonsense)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	static const char *const bad[] = {
	    "",
	    "{}",
	    "{\"report\":1}",
	    "{\"report\":[]}",
	    "{\"report\":[{\"lv\":1}]}",
	    ROW("{\"lv_name\":\"v\",\"lv_size\":\"big\"}"),
	    ROW("{\"lv_name\":\"\",\"lv_size\":\"1\"}"),
	    ROW("{\"lv_name\":\"v\",\"lv_size\":\"9223372036854775808\"}")};
	struct mu_error err = MU_ERROR_INIT;
	struct lvm_report r;

	cr_assert_eq(read_report(a, ROW(""), &r, &err), 0);
	cr_assert_eq(r.n, 0);
	for (size_t i = 0; i < MU_ARRAY_SIZE(bad); i++) {
		mu_error_clear(&err);
		cr_assert_lt(read_report(a, bad[i], &r, &err), 0, "%s", bad[i]);
		cr_assert_eq(err.code, MU_E_PROTOCOL, "%s", bad[i]);
	}
	cr_assert_eq(read_report(a,
				 ROW("{\"lv_name\":\"v\",\"lv_size\":\"1\",\"data_percent\":"
				     "\"101\",\"metadata_percent\":\"x\",\"thin_id\":"
				     "\"16777216\",\"lv_suspended\":\"unknown\"}"),
				 &r, &err),
		     0);
	cr_assert(r.list[0].data_percent == -1 && r.list[0].metadata_percent == -1);
	cr_assert(r.list[0].thin_id == -1 && !r.list[0].suspended);
}

Test(lvm_dm_text, names_of_devices)
{
	char name[LVM_DM_NAME_MAX + 1] = "before", longest[LVM_DM_NAME_MAX + 1];
	struct mu_error err = MU_ERROR_INIT;

	cr_assert_eq(lvm_dm_name("vg", "pool", "tpool", name, &err), 0);
	cr_assert_str_eq(name, "vg-pool-tpool");
	cr_assert_eq(lvm_dm_name("my-vg", "muster-a-b", NULL, name, &err), 0);
	cr_assert_str_eq(name, "my--vg-muster--a--b");
	memset(longest, 'x', LVM_DM_NAME_MAX);
	for (size_t len = LVM_DM_NAME_MAX; len >= LVM_DM_NAME_MAX - 7; len--) {
		longest[len] = '\0';
		mu_error_clear(&err);
		cr_assert_lt(lvm_dm_name(longest, "v", "tpool", name, &err), 0, "%zu", len);
		cr_assert_eq(err.code, MU_E_TOO_LARGE);
	}
	cr_assert_str_eq(name, "my--vg-muster--a--b");
	longest[LVM_DM_NAME_MAX - 8] = '\0';
	cr_assert_eq(lvm_dm_name(longest, "v", "tpool", name, &err), 0);
	cr_assert_eq(strlen(name), LVM_DM_NAME_MAX);
	cr_assert_lt(lvm_dm_name("v", "---", longest, name, &err), 0);
	cr_assert_lt(lvm_dm_name(longest, "--------", NULL, name, &err), 0);
}

Test(lvm_dm_text, state_of_a_pool)
{
	static const struct {
		const char *status, *state;
	} cases[] = {
	    {"4 117/1024 256/65536 - rw discard_passdown queue_if_no_space - 256", NULL},
	    {"4 117/1024 256/65536 - ro discard_passdown queue_if_no_space - 256",
	     "it is read-only"},
	    {"4 9/10 1/2 7 ro no_discard_passdown error_if_no_space needs_check 1",
	     "its metadata need a check"},
	    {"4 9/10 2/2 - out_of_data_space no_discard_passdown error_if_no_space - 1",
	     "it has no room left"},
	    {"Fail", "it has failed"},
	    {"Error", "it has failed"},
	    {"Failure", NULL},
	    {"", NULL},
	    {"    ", NULL},
	    {"1 2 3 4", NULL},
	    {"  1  2 3 4   ro", "it is read-only"},
	};

	for (size_t i = 0; i < MU_ARRAY_SIZE(cases); i++) {
		const char *state = lvm_dm_pool_state(cases[i].status, strlen(cases[i].status) + 1);

		cr_assert(cases[i].state ? state && strcmp(state, cases[i].state) == 0 : !state,
			  "%s: %s", cases[i].status, state);
	}
	/* Cut off, with no end. */
	cr_assert_str_eq(lvm_dm_pool_state("Failure", 4), "it has failed");
	cr_assert_null(lvm_dm_pool_state("4 1/2 1/2 - rota", 13));
	cr_assert_null(lvm_dm_pool_state("", 0));
}
