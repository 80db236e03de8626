/* SPDX-License-Identifier: Apache-2.0 */
/* The inventory's objects: scripts of what hosts say, and the trace of what spectators hear. */
#include "aggregator/core/objects.h"
#include "common/base/mem.h"
#include "common/base/rand.h"
#include "common/base/str.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

enum { N_HOSTS = 3 };

static struct inventory *inv;
static struct inventory_changes changes;

static struct host_id host(int n)
{
	return (struct host_id){{{(uint8_t)n}}};
}

static void connect_host(int n, bool up)
{
	struct host_id id = host(n);

	inventory_host_connected(inv, &id, up, 1, &changes);
}

static void setup(void)
{
	struct model_host h;

	inv = inventory_new();
	inventory_changes_init(&changes);
	model_host_init(&h);
	for (int n = 1; n <= N_HOSTS; n++) {
		h.id = host(n);
		inventory_host_add(inv, &h, &changes);
		connect_host(n, true);
	}
	inventory_changes_reset(&changes);
}

static void teardown(void)
{
	inventory_free(inv);
	inventory_changes_deinit(&changes);
}

TestSuite(objects, .init = setup, .fini = teardown);

static struct mu_uuid id_of(int n)
{
	return (struct mu_uuid){{(uint8_t)n, 5}};
}

static struct model_object object(enum object_kind kind, int n)
{
	struct model_object o;

	model_object_init(&o, kind);
	o.id = id_of(n);
	return o;
}

static struct model_object sr(int n, bool attached)
{
	struct model_object o = object(OBJECT_SR, n);

	o.sr.attached = attached;
	return o;
}

static void put(int n, const struct model_object *objects, size_t n_objects)
{
	struct host_id id = host(n);

	inventory_delta(inv, &id,
			&(struct inventory_report){.objects = objects, .n_objects = n_objects},
			&changes);
}

static void snapshot(int n, const struct model_object *objects, size_t n_objects,
		     const struct mu_uuid *later, size_t n_later)
{
	struct host_id id = host(n);
	struct model_host h = *inventory_host_find(inv, &id);

	inventory_snapshot(inv, &id,
			   &(struct inventory_report){.host = &h,
						      .objects = objects,
						      .n_objects = n_objects,
						      .later = later,
						      .n_later = n_later},
			   &changes);
}

static void take(int n, int object)
{
	struct host_id id = host(n);
	struct mu_uuid removed = id_of(object);

	inventory_delta(inv, &id, &(struct inventory_report){.removed = &removed, .n_removed = 1},
			&changes);
}

/* "+sr1@2* r~sr1@3": objects as shown, then (r) single reports; * = attached. Since the last call;
 * hosts are left out. */
static const char *heard(void)
{
	static char text[2048];
	struct mu_str s = MU_STR_INIT;

	for (size_t i = 0; i < changes.n_items; i++) {
		const struct inventory_change *c = &changes.items[i];
		const struct model_object *o = c->object;

		if (c->kind != INVENTORY_OBJECT && c->kind != INVENTORY_REPORT)
			continue;
		mu_str_printf(&s, "%s%s%c%s%d@%d%s", s.len ? " " : "",
			      c->kind == INVENTORY_REPORT ? "r" : "", "+~-"[c->what],
			      object_kind_name(o->kind), o -> id.bytes[0], o->host.uuid.bytes[0],
			      o->kind == OBJECT_SR && o->sr.attached ? "*" : "");
	}
	memset(text, 0, sizeof text);
	memcpy(text, s.data ? s.data : "", s.len);
	mu_str_deinit(&s);
	inventory_changes_reset(&changes);
	return text;
}

static bool note(const struct model_object *o, void *arg)
{
	mu_str_printf(arg, "%d@%d ", o->id.bytes[0], o->host.uuid.bytes[0]);
	return true;
}

static bool stop(const struct model_object *o, void *arg)
{
	(void)note(o, arg);
	return false;
}

static const char *kept(struct mu_str *s)
{
	static char text[256];

	memset(text, 0, sizeof text);
	memcpy(text, s->data ? s->data : "", s->len);
	mu_str_deinit(s);
	return text;
}

static const char *listed(enum object_kind kind)
{
	struct mu_str s = MU_STR_INIT;

	inventory_each_object(inv, kind, note, &s);
	return kept(&s);
}

static const char *reports(int n)
{
	struct mu_str s = MU_STR_INIT;
	struct mu_uuid id = id_of(n);

	inventory_each_report(inv, &id, note, &s);
	return kept(&s);
}

Test(objects, come_change_and_go)
{
	struct model_object o = sr(1, true);
	struct host_id h = host(1);

	put(1, &o, 1);
	cr_assert_str_eq(heard(), "r+sr1@1* +sr1@1*");
	put(1, &o, 1);
	cr_assert_str_eq(heard(), "", "nothing new");
	o.sr.used_bytes = 7;
	put(1, &o, 1);
	cr_assert_str_eq(heard(), "r~sr1@1* ~sr1@1*");
	cr_assert_eq(inventory_object_find(inv, &o.id)->sr.used_bytes, 7);
	cr_assert_eq(inventory_n_objects(inv), 1);
	cr_assert_eq(inventory_host_n_objects(inv, &h), 1);
	take(1, 1);
	cr_assert_str_eq(heard(), "r-sr1@1* -sr1@1*");
	take(1, 1);
	cr_assert_str_eq(heard(), "");
	cr_assert_null(inventory_object_find(inv, &o.id));
	cr_assert_eq(inventory_host_n_objects(inv, &h), 0);
}

Test(objects, snapshot_replaces_what_was_known)
{
	struct model_object first[] = {sr(1, true), object(OBJECT_VDI, 2), object(OBJECT_VDI, 3)};
	const struct mu_uuid later[] = {id_of(3), id_of(9)};

	snapshot(1, first, 3, NULL, 0);
	cr_assert_str_eq(heard(), "r+sr1@1* +sr1@1* r+vdi2@1 +vdi2@1 r+vdi3@1 +vdi3@1");
	/* What there was no room for is not gone. */
	snapshot(1, first, 1, later, 2);
	cr_assert_str_eq(heard(), "r-vdi2@1 -vdi2@1");
	cr_assert_str_eq(listed(OBJECT_VDI), "3@1 ");
	snapshot(1, NULL, 0, NULL, 0);
	cr_assert_str_eq(heard(), "r-sr1@1* -sr1@1* r-vdi3@1 -vdi3@1");
}

Test(objects, several_hosts_are_no_conflict_and_the_best_is_shown)
{
	struct model_object away = sr(1, false), here = sr(1, true);
	struct host_id h2 = host(2);

	put(2, &away, 1);
	cr_assert_str_eq(heard(), "r+sr1@2 +sr1@2");
	put(3, &here, 1);
	cr_assert_str_eq(heard(), "r+sr1@3* ~sr1@3*", "attached beats not attached");
	put(1, &away, 1);
	cr_assert_str_eq(heard(), "r+sr1@1", "what is not shown is told as a report only");
	put(2, &here, 1);
	cr_assert_str_eq(heard(), "r~sr1@2* ~sr1@2*", "of two alike, the lowest id");
	cr_assert_str_eq(reports(1), "1@2 1@3 1@1 ");
	cr_assert_eq(inventory_n_objects(inv), 1);
	cr_assert(inventory_host_object(inv, &h2, &here.id)->sr.attached);
	connect_host(2, false);
	cr_assert_str_eq(heard(), "r~sr1@2 ~sr1@3*", "a connected host beats one that is away");
	cr_assert_not(inventory_host_object(inv, &h2, &here.id)->sr.attached);
	put(3, &away, 1);
	cr_assert_str_eq(heard(), "r~sr1@3 ~sr1@1");
	connect_host(2, true);
	cr_assert_str_eq(heard(), "r~sr1@2* ~sr1@2*", "what it said is kept while it is away");
	take(2, 1);
	cr_assert_str_eq(heard(), "r-sr1@2* ~sr1@1");
	take(1, 1);
	cr_assert_str_eq(heard(), "r-sr1@1 ~sr1@3");
	take(3, 1);
	cr_assert_str_eq(heard(), "r-sr1@3 -sr1@3");
}

Test(objects, of_a_host_that_is_away)
{
	struct model_object o[] = {sr(1, true), sr(2, false), object(OBJECT_VDI, 3),
				   object(OBJECT_CONTROLLER, 4)};

	put(1, o, 4);
	heard();
	connect_host(1, false);
	cr_assert_str_eq(heard(), "r~sr1@1 ~sr1@1 r~controller4@1 ~controller4@1",
			 "nothing else reads otherwise");
	put(1, o, 4);
	cr_assert_str_eq(heard(), "", "loaded again while it is away");
	o[0].sr.attached = false;
	put(1, o, 1);
	cr_assert_str_eq(heard(), "r~sr1@1 ~sr1@1");
	connect_host(1, true);
	cr_assert_str_eq(heard(), "r~controller4@1 ~controller4@1");
}

Test(objects, are_walked_by_kind)
{
	struct model_object o[] = {object(OBJECT_VDI, 1), object(OBJECT_PIF, 2),
				   object(OBJECT_VDI, 3), object(OBJECT_NETWORK, 4)};
	struct mu_str s = MU_STR_INIT;

	put(1, o, 4);
	put(2, &o[3], 1);
	cr_assert_str_eq(listed(OBJECT_VDI), "1@1 3@1 ");
	cr_assert_str_eq(listed(OBJECT_NETWORK), "4@1 ");
	cr_assert_str_eq(listed(OBJECT_SR), "");
	cr_assert_str_eq(reports(4), "4@1 4@2 ");
	cr_assert_str_eq(reports(9), "");
	inventory_each_object(inv, OBJECT_VDI, stop, &s);
	cr_assert_str_eq(kept(&s), "1@1 ");
	inventory_each_report(inv, &o[3].id, stop, &s);
	cr_assert_str_eq(kept(&s), "4@1 ");
}

/* Ids are unique over all kinds; a host that does not keep to it harms only itself. */
Test(objects, an_id_that_becomes_something_else)
{
	struct model_object as_sr = sr(1, true), as_vdi = object(OBJECT_VDI, 1);
	struct model_object both[] = {as_sr, as_vdi};

	put(1, &as_sr, 1);
	heard();
	put(1, &as_vdi, 1);
	cr_assert_str_eq(heard(), "r-sr1@1* -sr1@1* r+vdi1@1 +vdi1@1");
	cr_assert_str_eq(listed(OBJECT_SR), "");
	cr_assert_str_eq(listed(OBJECT_VDI), "1@1 ");
	/* Another host says otherwise, with less to say than the first. */
	put(2, &as_sr, 1);
	cr_assert_str_eq(heard(), "r+sr1@2* -vdi1@1 +sr1@2*", "an attached SR is shown first");
	put(1, &as_sr, 1);
	cr_assert_str_eq(heard(), "r-vdi1@1 r+sr1@1* ~sr1@1*");
	put(2, &as_vdi, 1);
	cr_assert_str_eq(heard(), "r-sr1@2* r+vdi1@2");
	/* In one message: what was told of the first stays readable. */
	put(3, both, 2);
	heard();
	cr_assert_str_eq(reports(1), "1@1 1@2 1@3 ");
}

Test(objects, go_with_their_host)
{
	struct model_object o[] = {sr(1, true), object(OBJECT_VDI, 2)};
	struct host_id h = host(1);

	put(1, o, 2);
	put(2, o, 1);
	heard();
	inventory_host_remove(inv, &h, &changes);
	cr_assert_str_eq(heard(), "r-sr1@1* ~sr1@2* r-vdi2@1 -vdi2@1");
	put(1, o, 2);
	cr_assert_str_eq(heard(), "", "a host that is not known");
	cr_assert_null(inventory_host_object(inv, &h, &o[0].id));
	cr_assert_eq(inventory_host_n_objects(inv, &h), 0);
}

Test(objects, nothing_is_freed_too)
{
	cr_assert_null(objects_free(NULL));
}

/* Random hosts, said in random order: every host's view is what it said last, and what is shown
 * does not depend on the order. */
Test(objects, any_order_gives_the_same)
{
	for (uint64_t seed = 0; seed < 200; seed++) {
		struct mu_rand rand = {seed};
		bool known[N_HOSTS + 1][4] = {{false}};

		for (int step = 0; step < 60; step++) {
			int h = 1 + (int)(mu_rand_next(&rand) % N_HOSTS);
			int n = (int)(mu_rand_next(&rand) % 4);
			struct model_object o = sr(n, mu_rand_next(&rand) % 2);

			switch (mu_rand_next(&rand) % 4) {
			case 0:
				take(h, n);
				known[h][n] = false;
				break;
			case 1:
				connect_host(h, mu_rand_next(&rand) % 2);
				break;
			default:
				put(h, &o, 1);
				known[h][n] = true;
				break;
			}
			inventory_changes_reset(&changes);
		}
		for (int h = 1; h <= N_HOSTS; h++)
			for (int n = 0; n < 4; n++) {
				struct host_id host_id = host(h);
				struct mu_uuid id = id_of(n);
				const struct model_object *o =
				    inventory_host_object(inv, &host_id, &id);
				const struct model_object *best = inventory_object_find(inv, &id);

				cr_assert_eq(o != NULL, known[h][n]);
				cr_assert(!o || !o->sr.attached || best->sr.attached,
					  "seed %d: an attached one is not shown", (int)seed);
				if (known[h][n])
					take(h, n);
			}
		cr_assert_eq(inventory_n_objects(inv), 0);
		inventory_changes_reset(&changes);
	}
}
