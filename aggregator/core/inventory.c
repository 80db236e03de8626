/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two indexes over the same reports.
 *
 *     host --> its reports (list)          vm id --> entry --> reports of that id (list)
 *                  |                                    |            |
 *                  '----------- struct report ----------+------------'
 *                                                       '--> shown: the best of them
 *
 * Nearly always an entry has one report. With more, the best is picked by a total order, so that
 * what is shown does not depend on which host reported first. A report holds the VM as it is
 * shown (power VM_UNKNOWN while its host is away) and the power that was said.
 */
#include "aggregator/core/inventory.h"

#include "aggregator/core/objects.h"
#include "common/base/assert.h"
#include "common/base/list.h"
#include "common/base/map.h"

#include <stdlib.h>
#include <string.h>

struct host {
	struct model_host host;
	struct mu_link reports;
	size_t n_reports;
	uint64_t round; /* of the latest snapshot: marks what was in it */
	struct objects_host objects;
};

struct entry;

struct report {
	struct mu_link of_host;
	struct mu_link of_entry;
	struct host *host;
	struct entry *entry;
	struct model_vm vm;  /* as shown */
	enum vm_power power; /* as said */
	uint64_t round;
};

struct entry {
	struct mu_link reports;
	struct report *shown;
	size_t n_reports;
};

struct inventory {
	struct mu_map *hosts;   /* host id -> struct host */
	struct mu_map *entries; /* vm id -> struct entry */
	struct objects *objects;
};

/* --- changes --- */

void inventory_changes_init(struct inventory_changes *c)
{
	*c = (struct inventory_changes){.arena = mu_arena_new()};
}

void inventory_changes_deinit(struct inventory_changes *c)
{
	mu_arena_free(c->arena);
	free(c->items);
	*c = (struct inventory_changes){0};
}

void inventory_changes_reset(struct inventory_changes *c)
{
	mu_arena_reset(c->arena);
	c->n_items = 0;
}

struct inventory_change *inventory_changes_add(struct inventory_changes *c,
					       enum inventory_kind kind, enum inventory_what what)
{
	if (c->n_items == c->cap) {
		c->cap = c->cap ? c->cap * 2 : 16;
		c->items = mu_xrealloc(c->items, c->cap, sizeof *c->items);
	}
	c->items[c->n_items] = (struct inventory_change){.kind = kind, .what = what};
	return &c->items[c->n_items++];
}

static void host_changed(struct inventory_changes *out, enum inventory_what what,
			 const struct model_host *h)
{
	inventory_changes_add(out, INVENTORY_HOST, what)->host = h;
}

static void vm_changed(struct inventory_changes *out, enum inventory_what what,
		       const struct model_vm *vm)
{
	inventory_changes_add(out, INVENTORY_VM, what)->vm = vm;
}

/* --- reports --- */

struct inventory *inventory_new(void)
{
	struct inventory *inv = mu_xcalloc(1, sizeof *inv);

	inv->hosts = mu_map_new();
	inv->entries = mu_map_new();
	inv->objects = objects_new();
	return inv;
}

struct inventory *inventory_free(struct inventory *inv)
{
	struct host *host;
	struct entry *entry;

	if (!inv)
		return NULL;
	for (size_t i = 0; (host = mu_map_next(inv->hosts, &i, NULL, NULL));) {
		mu_list_each(it, &host->reports) free(MU_CONTAINER_OF(it, struct report, of_host));
		free(host);
	}
	for (size_t i = 0; (entry = mu_map_next(inv->entries, &i, NULL, NULL));)
		free(entry);
	mu_map_free(inv->hosts);
	mu_map_free(inv->entries);
	objects_free(inv->objects);
	free(inv);
	return NULL;
}

static struct host *host_get(const struct inventory *inv, const struct host_id *id)
{
	return mu_map_find(inv->hosts, id, sizeof *id);
}

static struct entry *entry_get(const struct inventory *inv, const struct vm_id *id)
{
	return mu_map_find(inv->entries, id, sizeof *id);
}

/* How much a report has to say about where the VM is. */
static int power_rank(enum vm_power p)
{
	switch (p) {
	case VM_RUNNING:
	case VM_PAUSED:
		return 3;
	case VM_SUSPENDED:
		return 2;
	case VM_HALTED:
		return 1;
	case VM_UNKNOWN:
	case _VM_POWER_COUNT:
		break;
	}
	return 0;
}

static bool report_better(const struct report *a, const struct report *b)
{
	int rank_a = power_rank(a->power);
	int rank_b = power_rank(b->power);

	if (rank_a != rank_b)
		return rank_a > rank_b;
	if (a->host->host.connected != b->host->host.connected)
		return a->host->host.connected;
	return memcmp(&a->host->host.id, &b->host->host.id, sizeof(struct host_id)) < 0;
}

static struct report *entry_pick(const struct entry *entry)
{
	struct report *best = NULL;

	mu_list_each(it, &entry->reports)
	{
		struct report *r = MU_CONTAINER_OF(it, struct report, of_entry);

		if (!best || report_better(r, best))
			best = r;
	}
	return best;
}

static struct report *entry_report_of(const struct entry *entry, const struct host *host)
{
	mu_list_each(it, &entry->reports)
	{
		struct report *r = MU_CONTAINER_OF(it, struct report, of_entry);

		if (r->host == host)
			return r;
	}
	return NULL;
}

/* A host whose report of this VM is not the one shown; n_reports >= 2. */
static struct host_id entry_other_host(const struct entry *entry)
{
	mu_list_each(it, &entry->reports)
	{
		const struct report *r = MU_CONTAINER_OF(it, struct report, of_entry);

		if (r != entry->shown)
			return r->host->host.id;
	}
	mu_assert_unreachable();
}

static void conflict_begins(const struct entry *entry, struct inventory_changes *out)
{
	struct inventory_change *c = inventory_changes_add(out, INVENTORY_CONFLICT, INVENTORY_ADD);

	c->vm = &entry->shown->vm;
	c->other = entry_other_host(entry);
}

static void conflict_ends(const struct entry *entry, const struct host *other,
			  struct inventory_changes *out)
{
	struct inventory_change *c =
	    inventory_changes_add(out, INVENTORY_CONFLICT, INVENTORY_REMOVE);

	c->vm = &entry->shown->vm;
	c->other = other->host.id;
}

/* Pick again; tell if what is shown became another report, or `touched` is shown and changed. */
static void entry_settle(struct entry *entry, const struct report *touched,
			 struct inventory_changes *out)
{
	struct report *before = entry->shown;

	entry->shown = entry_pick(entry);
	if (!before)
		vm_changed(out, INVENTORY_ADD, &entry->shown->vm);
	else if (entry->shown != before || entry->shown == touched)
		vm_changed(out, INVENTORY_UPDATE, &entry->shown->vm);
}

static struct report *report_new(struct inventory *inv, struct host *host, const struct vm_id *id)
{
	struct entry *entry = entry_get(inv, id);
	struct report *r = mu_xcalloc(1, sizeof *r);

	if (!entry) {
		entry = mu_xcalloc(1, sizeof *entry);
		mu_link_init(&entry->reports);
		mu_map_put(inv->entries, id, sizeof *id, entry);
	}
	r->host = host;
	r->entry = entry;
	mu_list_push_back(&entry->reports, &r->of_entry);
	mu_list_push_back(&host->reports, &r->of_host);
	entry->n_reports++;
	host->n_reports++;
	return r;
}

static void report_show(struct report *r)
{
	r->vm.power = r->host->host.connected ? r->power : VM_UNKNOWN;
}

static void report_put(struct inventory *inv, struct host *host, const struct model_vm *vm,
		       struct inventory_changes *out)
{
	struct entry *entry = entry_get(inv, &vm->id);
	struct report *r = entry ? entry_report_of(entry, host) : NULL;
	struct model_vm next = *vm;
	bool fresh = !r;

	if (fresh)
		r = report_new(inv, host, &vm->id);
	entry = r->entry;
	next.host = host->host.id;
	next.power = host->host.connected ? vm->power : VM_UNKNOWN;
	r->round = host->round;
	if (!fresh && r->power == vm->power && model_vm_equal(&r->vm, &next))
		return;
	r->vm = next;
	r->power = vm->power;
	entry_settle(entry, r, out);
	if (fresh && entry->n_reports == 2)
		conflict_begins(entry, out);
}

static void report_remove(struct inventory *inv, struct report *r, struct inventory_changes *out)
{
	struct entry *entry = r->entry;

	mu_list_remove(&r->of_entry);
	mu_list_remove(&r->of_host);
	entry->n_reports--;
	r->host->n_reports--;
	if (entry->n_reports == 0) {
		vm_changed(out, INVENTORY_REMOVE,
			   mu_arena_memdup(out->arena, &r->vm, sizeof r->vm));
		mu_map_remove(inv->entries, &r->vm.id, sizeof r->vm.id);
		free(entry);
	} else {
		entry_settle(entry, NULL, out);
		if (entry->n_reports == 1)
			conflict_ends(entry, r->host, out);
	}
	free(r);
}

/* --- hosts --- */

void inventory_host_add(struct inventory *inv, const struct model_host *h,
			struct inventory_changes *out)
{
	struct host *host = host_get(inv, &h->id);

	if (host)
		return;
	host = mu_xcalloc(1, sizeof *host);
	host->host = *h;
	host->host.connected = false;
	mu_link_init(&host->reports);
	objects_host_init(&host->objects, &host->host);
	mu_map_put(inv->hosts, &h->id, sizeof h->id, host);
	host_changed(out, INVENTORY_ADD, &host->host);
}

void inventory_host_remove(struct inventory *inv, const struct host_id *id,
			   struct inventory_changes *out)
{
	struct host *host = host_get(inv, id);

	if (!host)
		return;
	mu_list_each(it, &host->reports)
	    report_remove(inv, MU_CONTAINER_OF(it, struct report, of_host), out);
	objects_remove_all(inv->objects, &host->objects, out);
	mu_map_remove(inv->hosts, id, sizeof *id);
	host_changed(out, INVENTORY_REMOVE,
		     mu_arena_memdup(out->arena, &host->host, sizeof host->host));
	free(host);
}

void inventory_host_connected(struct inventory *inv, const struct host_id *id, bool connected,
			      mu_msec now, struct inventory_changes *out)
{
	struct host *host = host_get(inv, id);

	if (!host)
		return;
	host->host.last_seen = now;
	if (host->host.connected == connected)
		return;
	host->host.connected = connected;
	host_changed(out, INVENTORY_UPDATE, &host->host);
	mu_list_each(it, &host->reports)
	{
		struct report *r = MU_CONTAINER_OF(it, struct report, of_host);

		report_show(r);
		entry_settle(r->entry, r, out);
	}
	objects_host_connected(inv->objects, &host->objects, out);
}

void inventory_host_seen(struct inventory *inv, const struct host_id *id, mu_msec now)
{
	struct host *host = host_get(inv, id);

	if (host)
		host->host.last_seen = now;
}

static void host_put(struct host *host, const struct model_host *h, struct inventory_changes *out)
{
	struct model_host next = *h;

	next.id = host->host.id;
	next.connected = host->host.connected;
	next.last_seen = host->host.last_seen;
	if (model_host_equal(&host->host, &next))
		return;
	host->host = next;
	host_changed(out, INVENTORY_UPDATE, &host->host);
}

static struct report *report_find(const struct inventory *inv, const struct host *host,
				  const struct mu_uuid *id)
{
	const struct vm_id vm = {*id};
	const struct entry *entry = entry_get(inv, &vm);

	return entry ? entry_report_of(entry, host) : NULL;
}

/* Of what the message is silent about, only what is for later is not gone. */
static void sweep(struct inventory *inv, struct host *host, const struct inventory_report *report,
		  struct inventory_changes *out)
{
	for (size_t i = 0; i < report->n_later; i++) {
		struct report *r = report_find(inv, host, &report->later[i]);

		if (r)
			r->round = host->round;
		objects_keep(inv->objects, &host->objects, &report->later[i]);
	}
	mu_list_each(it, &host->reports)
	{
		struct report *r = MU_CONTAINER_OF(it, struct report, of_host);

		if (r->round != host->round)
			report_remove(inv, r, out);
	}
	objects_sweep(inv->objects, &host->objects, out);
}

static void put_all(struct inventory *inv, struct host *host, const struct inventory_report *report,
		    struct inventory_changes *out)
{
	for (size_t i = 0; i < report->n_vms; i++)
		report_put(inv, host, &report->vms[i], out);
	for (size_t i = 0; i < report->n_objects; i++)
		objects_put(inv->objects, &host->objects, &report->objects[i], out);
}

void inventory_snapshot(struct inventory *inv, const struct host_id *id,
			const struct inventory_report *report, struct inventory_changes *out)
{
	struct host *host = host_get(inv, id);

	mu_assert(report->host && !report->n_removed);
	if (!host)
		return;
	host_put(host, report->host, out);
	host->round++;
	host->objects.round++;
	put_all(inv, host, report, out);
	sweep(inv, host, report, out);
}

void inventory_delta(struct inventory *inv, const struct host_id *id,
		     const struct inventory_report *report, struct inventory_changes *out)
{
	struct host *host = host_get(inv, id);

	mu_assert(!report->n_later);
	if (!host)
		return;
	if (report->host)
		host_put(host, report->host, out);
	/* Removals first: `out` may then point into what was put. */
	for (size_t i = 0; i < report->n_removed; i++) {
		struct report *r = report_find(inv, host, &report->removed[i]);

		if (r)
			report_remove(inv, r, out);
		objects_remove(inv->objects, &host->objects, &report->removed[i], out);
	}
	put_all(inv, host, report, out);
}

/* --- looking --- */

size_t inventory_n_hosts(const struct inventory *inv)
{
	return mu_map_size(inv->hosts);
}

size_t inventory_n_vms(const struct inventory *inv)
{
	return mu_map_size(inv->entries);
}

size_t inventory_host_n_vms(const struct inventory *inv, const struct host_id *id)
{
	const struct host *host = host_get(inv, id);

	return host ? host->n_reports : 0;
}

size_t inventory_n_objects(const struct inventory *inv)
{
	return objects_n(inv->objects);
}

size_t inventory_host_n_objects(const struct inventory *inv, const struct host_id *id)
{
	const struct host *host = host_get(inv, id);

	return host ? host->objects.n_reports : 0;
}

const struct model_vm *inventory_host_vm(const struct inventory *inv, const struct host_id *id,
					 const struct vm_id *vm)
{
	const struct host *host = host_get(inv, id);
	const struct report *r = host ? report_find(inv, host, &vm->uuid) : NULL;

	return r ? &r->vm : NULL;
}

const struct model_object *inventory_host_object(const struct inventory *inv,
						 const struct host_id *id,
						 const struct mu_uuid *object)
{
	const struct host *host = host_get(inv, id);

	return host ? objects_find_of(inv->objects, &host->objects, object) : NULL;
}

const struct model_host *inventory_host_find(const struct inventory *inv, const struct host_id *id)
{
	const struct host *host = host_get(inv, id);

	return host ? &host->host : NULL;
}

const struct model_vm *inventory_vm_find(const struct inventory *inv, const struct vm_id *id)
{
	const struct entry *entry = entry_get(inv, id);

	return entry ? &entry->shown->vm : NULL;
}

const struct model_object *inventory_object_find(const struct inventory *inv,
						 const struct mu_uuid *id)
{
	return objects_find(inv->objects, id);
}

enum vm_power inventory_vm_last_power(const struct inventory *inv, const struct vm_id *id)
{
	const struct entry *entry = entry_get(inv, id);

	mu_assert(entry);
	return entry->shown->power;
}

void inventory_each_host(const struct inventory *inv,
			 bool (*each)(const struct model_host *h, void *arg), void *arg)
{
	const struct host *host;

	for (size_t i = 0; (host = mu_map_next(inv->hosts, &i, NULL, NULL));) {
		if (!each(&host->host, arg))
			return;
	}
}

void inventory_each_vm(const struct inventory *inv,
		       bool (*each)(const struct model_vm *vm, void *arg), void *arg)
{
	const struct entry *entry;

	for (size_t i = 0; (entry = mu_map_next(inv->entries, &i, NULL, NULL));) {
		if (!each(&entry->shown->vm, arg))
			return;
	}
}

void inventory_host_each_vm(const struct inventory *inv, const struct host_id *id,
			    bool (*each)(const struct model_vm *vm, void *arg), void *arg)
{
	const struct host *host = host_get(inv, id);

	if (!host)
		return;
	mu_list_each(it, &host->reports)
	{
		const struct report *r = MU_CONTAINER_OF(it, struct report, of_host);

		if (r->entry->shown == r && !each(&r->vm, arg))
			return;
	}
}

void inventory_each_object(const struct inventory *inv, enum object_kind kind,
			   bool (*each)(const struct model_object *o, void *arg), void *arg)
{
	objects_each(inv->objects, kind, each, arg);
}

void inventory_each_report(const struct inventory *inv, const struct mu_uuid *id,
			   bool (*each)(const struct model_object *o, void *arg), void *arg)
{
	objects_each_report(inv->objects, id, each, arg);
}
