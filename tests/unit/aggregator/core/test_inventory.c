/* SPDX-License-Identifier: Apache-2.0 */
/* The inventory: each case is a script of what hosts say, and the trace of what spectators hear. */
#include "aggregator/core/inventory.h"
#include "common/base/mem.h"
#include "common/base/rand.h"
#include "common/base/str.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct inventory *inv;
static struct inventory_changes changes;

static void setup(void)
{
	inv = inventory_new();
	inventory_changes_init(&changes);
}

static void teardown(void)
{
	inventory_free(inv);
	inventory_changes_deinit(&changes);
}

TestSuite(inventory, .init = setup, .fini = teardown);

static struct host_id host(int n)
{
	struct host_id id = {{{0}}};

	id.uuid.bytes[0] = (uint8_t)n;
	return id;
}

static struct vm_id vm_id(int n)
{
	struct vm_id id = {{{0}}};

	id.uuid.bytes[0] = (uint8_t)n;
	id.uuid.bytes[15] = 1;
	return id;
}

static struct model_vm vm(int n, enum vm_power power)
{
	struct model_vm v;

	model_vm_init(&v);
	v.id = vm_id(n);
	v.power = power;
	return v;
}

static struct model_host model(int n, const char *name)
{
	struct model_host h;

	model_host_init(&h);
	h.id = host(n);
	(void)snprintf(h.name, sizeof h.name, "%s", name);
	return h;
}

static void add_host(int n)
{
	struct model_host h = model(n, "h");

	inventory_host_add(inv, &h, &changes);
}

static void connect_host(int n, bool up, mu_msec now)
{
	struct host_id id = host(n);

	inventory_host_connected(inv, &id, up, now, &changes);
}

static void snapshot(int n, const struct model_vm *vms, size_t n_vms)
{
	struct model_host h = model(n, "h");
	struct host_id id = host(n);

	inventory_snapshot(
	    inv, &id, &(struct inventory_report){.host = &h, .vms = vms, .n_vms = n_vms}, &changes);
}

static void delta(int n, const struct model_vm *vms, size_t n_vms, const struct vm_id *removed,
		  size_t n_removed)
{
	struct host_id id = host(n);
	struct mu_uuid ids[8];

	cr_assert_leq(n_removed, MU_ARRAY_SIZE(ids));
	for (size_t i = 0; i < n_removed; i++)
		ids[i] = removed[i].uuid;
	inventory_delta(inv, &id,
			&(struct inventory_report){
			    .vms = vms, .n_vms = n_vms, .removed = ids, .n_removed = n_removed},
			&changes);
}

/* "+h1 ~v2@1=Running -v3 !v2/1": since the last call. */
static const char *heard(void)
{
	static char text[2048];
	struct mu_str s = MU_STR_INIT;

	for (size_t i = 0; i < changes.n_items; i++) {
		const struct inventory_change *c = &changes.items[i];
		char what = "+~-"[c->what];

		mu_str_add(&s, i ? " " : "");
		if (c->kind == INVENTORY_HOST)
			mu_str_printf(&s, "%ch%d%s", what, c->host->id.uuid.bytes[0],
				      c->host->connected ? "*" : "");
		else if (c->kind == INVENTORY_VM)
			mu_str_printf(&s, "%cv%d@%d=%s", what, c->vm->id.uuid.bytes[0],
				      c->vm->host.uuid.bytes[0], vm_power_name(c->vm->power));
		else
			mu_str_printf(&s, "%c!v%d@%d/%d", what, c->vm->id.uuid.bytes[0],
				      c->vm->host.uuid.bytes[0], c->other.uuid.bytes[0]);
	}
	memset(text, 0, sizeof text);
	memcpy(text, s.data ? s.data : "", s.len);
	mu_str_deinit(&s);
	inventory_changes_reset(&changes);
	return text;
}

Test(inventory, snapshot_replaces_what_was_known)
{
	struct model_vm first[] = {vm(1, VM_RUNNING), vm(2, VM_HALTED)};
	struct model_vm second[] = {vm(2, VM_HALTED), vm(3, VM_PAUSED)};

	add_host(1);
	connect_host(1, true, 10);
	cr_assert_str_eq(heard(), "+h1* ~h1*", "both point at the host as it is now");
	snapshot(1, first, 2);
	cr_assert_str_eq(heard(), "+v1@1=Running +v2@1=Halted");
	snapshot(1, second, 2);
	cr_assert_str_eq(heard(), "+v3@1=Paused -v1@1=Running");
	cr_assert_eq(inventory_n_vms(inv), 2);
	snapshot(1, second, 2);
	cr_assert_str_eq(heard(), "", "nothing changed, nothing is told");
}

Test(inventory, delta_changes_only_what_it_names)
{
	struct model_vm first[] = {vm(1, VM_RUNNING), vm(2, VM_HALTED)};
	struct model_vm change = vm(2, VM_RUNNING);
	struct vm_id gone = vm_id(1);
	struct vm_id unknown = vm_id(9);

	add_host(1);
	connect_host(1, true, 10);
	snapshot(1, first, 2);
	heard();
	delta(1, &change, 1, &gone, 1);
	cr_assert_str_eq(heard(), "-v1@1=Running ~v2@1=Running");
	delta(1, &change, 1, &unknown, 1);
	cr_assert_str_eq(heard(), "", "the same again, and an unknown id");
	gone = vm_id(2);
	delta(1, &change, 1, &gone, 1);
	cr_assert_str_eq(heard(), "-v2@1=Running +v2@1=Running", "removed and put: it stays");
	cr_assert_not_null(inventory_vm_find(inv, &gone));
}

Test(inventory, host_away_hides_power_and_keeps_it)
{
	struct model_vm v[] = {vm(1, VM_RUNNING), vm(2, VM_HALTED)};
	struct vm_id id = vm_id(1);
	struct host_id h = host(1);

	add_host(1);
	connect_host(1, true, 10);
	snapshot(1, v, 2);
	heard();
	connect_host(1, false, 77);
	cr_assert_str_eq(heard(), "~h1 ~v1@1=Unknown ~v2@1=Unknown");
	cr_assert_eq(inventory_host_find(inv, &h)->last_seen, 77);
	cr_assert_eq(inventory_vm_last_power(inv, &id), VM_RUNNING);
	connect_host(1, true, 99);
	cr_assert_str_eq(heard(), "~h1* ~v1@1=Running ~v2@1=Halted");
	connect_host(1, true, 100);
	cr_assert_str_eq(heard(), "");
	inventory_host_seen(inv, &h, 123);
	cr_assert_eq(inventory_host_find(inv, &h)->last_seen, 123);
	cr_assert_null(inventory_free(NULL));
}

Test(inventory, state_of_a_host_that_is_away_is_unknown_from_the_start)
{
	struct model_vm v = vm(1, VM_RUNNING);

	add_host(1);
	delta(1, &v, 1, NULL, 0);
	cr_assert_str_eq(heard(), "+h1 +v1@1=Unknown");
}

Test(inventory, unknown_hosts_change_nothing)
{
	struct model_vm v = vm(1, VM_RUNNING);
	struct host_id id = host(5);

	snapshot(5, &v, 1);
	delta(5, &v, 1, NULL, 0);
	connect_host(5, true, 1);
	inventory_host_seen(inv, &id, 1);
	inventory_host_remove(inv, &id, &changes);
	cr_assert_str_eq(heard(), "");
	cr_assert_eq(inventory_host_n_vms(inv, &id), 0);
	cr_assert_null(inventory_host_vm(inv, &id, &v.id));
}

Test(inventory, what_a_snapshot_has_no_room_for_is_not_gone)
{
	struct model_vm v[] = {vm(1, VM_RUNNING), vm(2, VM_HALTED), vm(3, VM_HALTED)};
	const struct mu_uuid later[] = {v[1].id.uuid, vm_id(9).uuid};
	struct model_host h = model(1, "h");
	struct host_id id = host(1);

	add_host(1);
	connect_host(1, true, 1);
	snapshot(1, v, 3);
	heard();
	inventory_snapshot(inv, &id,
			   &(struct inventory_report){
			       .host = &h, .vms = v, .n_vms = 1, .later = later, .n_later = 2},
			   &changes);
	cr_assert_str_eq(heard(), "-v3@1=Halted");
	cr_assert_not_null(inventory_host_vm(inv, &id, &v[1].id));
	cr_assert_null(inventory_vm_find(inv, &(struct vm_id){later[1]}));
}

Test(inventory, removed_host_takes_its_vms_along)
{
	struct model_vm v[] = {vm(1, VM_RUNNING), vm(2, VM_HALTED)};
	struct host_id id = host(1);

	add_host(1);
	add_host(1);
	snapshot(1, v, 2);
	cr_assert_str_eq(heard(), "+h1 +v1@1=Unknown +v2@1=Unknown", "added twice is added once");
	cr_assert_eq(inventory_host_n_vms(inv, &id), 2);
	inventory_host_remove(inv, &id, &changes);
	cr_assert_str_eq(heard(), "-v1@1=Unknown -v2@1=Unknown -h1");
	cr_assert_eq(inventory_n_hosts(inv), 0);
}

Test(inventory, host_facts_change_with_a_delta)
{
	struct model_host h = model(1, "renamed");
	struct host_id id = host(1);

	add_host(1);
	connect_host(1, true, 5);
	heard();
	inventory_delta(inv, &id, &(struct inventory_report){.host = &h}, &changes);
	cr_assert_str_eq(heard(), "~h1*", "connected is ours, not the agent's");
	cr_assert_str_eq(inventory_host_find(inv, &id)->name, "renamed");
	inventory_delta(inv, &id, &(struct inventory_report){.host = &h}, &changes);
	cr_assert_str_eq(heard(), "");
}

Test(inventory, the_same_vm_on_two_hosts)
{
	struct model_vm halted = vm(1, VM_HALTED);
	struct model_vm running = vm(1, VM_RUNNING);
	struct model_vm suspended = vm(1, VM_SUSPENDED);
	struct vm_id id = vm_id(1);

	add_host(1);
	add_host(2);
	connect_host(1, true, 1);
	connect_host(2, true, 1);
	heard();
	delta(1, &halted, 1, NULL, 0);
	delta(2, &running, 1, NULL, 0);
	cr_assert_str_eq(heard(), "+v1@1=Halted ~v1@2=Running +!v1@2/1");
	cr_assert_eq(inventory_n_vms(inv), 1);
	/* Away, but last seen running: a halted copy elsewhere must not look startable. */
	connect_host(2, false, 2);
	cr_assert_str_eq(heard(), "~h2 ~v1@2=Unknown");
	delta(1, &suspended, 1, NULL, 0);
	cr_assert_str_eq(heard(), "", "what is not shown is not told");
	/* Seen running on a connected host: that one is believed. */
	delta(1, &running, 1, NULL, 0);
	cr_assert_str_eq(heard(), "~v1@1=Running");
	delta(1, NULL, 0, &id, 1);
	cr_assert_str_eq(heard(), "~v1@2=Unknown -!v1@2/1");
}

Test(inventory, equal_claims_go_to_the_lower_id)
{
	struct model_vm v = vm(1, VM_RUNNING);
	struct host_id first = host(1);

	add_host(2);
	add_host(1);
	connect_host(2, true, 1);
	connect_host(1, true, 1);
	delta(2, &v, 1, NULL, 0);
	delta(1, &v, 1, NULL, 0);
	cr_assert_eq(inventory_vm_find(inv, &v.id)->host.uuid.bytes[0], 1);
	inventory_host_remove(inv, &first, &changes);
	cr_assert_eq(inventory_vm_find(inv, &v.id)->host.uuid.bytes[0], 2);
}

struct counting {
	int n;
	int stop_at;
};

static bool count_vm(const struct model_vm *v, void *arg)
{
	struct counting *c = arg;

	cr_assert_not_null(v);
	return ++c->n != c->stop_at;
}

static bool count_host(const struct model_host *h, void *arg)
{
	struct counting *c = arg;

	cr_assert_not_null(h);
	return ++c->n != c->stop_at;
}

Test(inventory, walks_stop_when_told)
{
	struct model_vm v[] = {vm(1, VM_RUNNING), vm(2, VM_HALTED), vm(3, VM_HALTED)};
	struct counting c = {.stop_at = 2};

	add_host(1);
	add_host(2);
	add_host(3);
	snapshot(1, v, 3);
	inventory_each_vm(inv, count_vm, &c);
	cr_assert_eq(c.n, 2);
	c.n = 0;
	inventory_each_host(inv, count_host, &c);
	cr_assert_eq(c.n, 2);
	c = (struct counting){0, -1};
	inventory_each_vm(inv, count_vm, &c);
	inventory_each_host(inv, count_host, &c);
	cr_assert_eq(c.n, 6);
}

static bool add_name(const struct model_vm *v, void *arg)
{
	char *text = arg;

	(void)snprintf(text + strlen(text), 16, " v%d", v->id.uuid.bytes[0]);
	return v->id.uuid.bytes[0] != 9;
}

static const char *shown_on(int h)
{
	static char text[64];
	struct host_id id = host(h);

	text[0] = '\0';
	inventory_host_each_vm(inv, &id, add_name, text);
	return text;
}

Test(inventory, vms_that_are_shown_on_a_host)
{
	struct model_vm a[] = {vm(1, VM_RUNNING), vm(2, VM_RUNNING)};
	struct model_vm b[] = {vm(2, VM_HALTED), vm(9, VM_HALTED), vm(3, VM_HALTED)};

	add_host(1);
	add_host(2);
	snapshot(1, a, 2);
	snapshot(2, b, 3);
	connect_host(1, true, 1);
	connect_host(2, true, 1);
	cr_assert_str_eq(shown_on(1), " v1 v2");
	cr_assert_str_eq(shown_on(2), " v9", "the first runs v2; told to stop at v9");
	cr_assert_str_eq(shown_on(3), "");
}

/* --- what is shown depends on what was said last by each host, never on the order --- */

enum { HOSTS = 3, VMS = 6 };

struct truth {
	bool connected;
	int power[VMS]; /* -1 = not there */
};

static void say(const struct truth *t, int h)
{
	struct model_vm vms[VMS];
	size_t n = 0;

	for (int v = 0; v < VMS; v++) {
		if (t->power[v] >= 0)
			vms[n++] = vm(v + 1, (enum vm_power)t->power[v]);
	}
	snapshot(h + 1, vms, n);
	connect_host(h + 1, t->connected, 1);
}

static void compare_with_fresh(struct inventory *other)
{
	for (int v = 0; v < VMS; v++) {
		struct vm_id id = vm_id(v + 1);
		const struct model_vm *a = inventory_vm_find(inv, &id);
		const struct model_vm *b = inventory_vm_find(other, &id);

		cr_assert_eq(a == NULL, b == NULL);
		cr_assert(!a || model_vm_equal(a, b));
	}
}

Test(inventory, what_is_shown_does_not_depend_on_history)
{
	struct mu_rand rand = {.state = 20261120};
	struct truth truth[HOSTS];

	memset(truth, 0xff, sizeof truth);
	for (int h = 0; h < HOSTS; h++) {
		truth[h].connected = false;
		add_host(h + 1);
	}
	for (int round = 0; round < 2000; round++) {
		int h = (int)mu_rand_below(&rand, HOSTS);
		struct inventory *mine = inv;

		truth[h].connected = mu_rand_below(&rand, 3) > 0;
		truth[h].power[mu_rand_below(&rand, VMS)] = (int)mu_rand_below(&rand, 6) - 1;
		say(&truth[h], h);
		inventory_changes_reset(&changes);
		inv = inventory_new();
		for (int i = HOSTS - 1; i >= 0; i--) {
			add_host(i + 1);
			say(&truth[i], i);
		}
		inventory_changes_reset(&changes);
		compare_with_fresh(mine);
		inventory_free(inv);
		inv = mine;
	}
}
