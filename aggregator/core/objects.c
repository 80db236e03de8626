/* SPDX-License-Identifier: Apache-2.0 */
/*
 * As the inventory's VMs: an entry per id with the reports of its hosts, one of which is shown. But
 * several reports are no conflict: a shared SR, its VDIs and a network are seen by many hosts.
 * Shown is that of a connected host, of those that of a host to which it is attached, of those that
 * of the lowest host id: a total order, so that it does not matter who reported first.
 *
 * An SR reads `attached` = false while its host is away; what the host said is kept beside it.
 * Entries are also in a list per kind. A host that says that an id is something else now has
 * removed the old object and made a new one; entries whose hosts do not agree on the kind are of
 * the kind that is shown.
 */
#include "aggregator/core/objects.h"

#include "common/base/assert.h"
#include "common/base/map.h"

#include <stdlib.h>
#include <string.h>

struct entry;

struct report {
	struct mu_link of_host;
	struct mu_link of_entry;
	struct objects_host *host;
	struct entry *entry;
	struct model_object o; /* as shown */
	bool attached;         /* of an SR: as said */
	uint64_t round;
};

struct entry {
	struct mu_link of_kind; /* that of `shown` */
	struct mu_link reports;
	struct report *shown;
};

struct objects {
	struct mu_map *entries; /* struct entry by id */
	struct mu_link kinds[_OBJECT_KIND_COUNT];
};

void objects_host_init(struct objects_host *h, const struct model_host *host)
{
	*h = (struct objects_host){.host = host};
	mu_link_init(&h->reports);
}

struct objects *objects_new(void)
{
	struct objects *objects = mu_xcalloc(1, sizeof *objects);

	objects->entries = mu_map_new();
	for (size_t i = 0; i < _OBJECT_KIND_COUNT; i++)
		mu_link_init(&objects->kinds[i]);
	return objects;
}

struct objects *objects_free(struct objects *objects)
{
	struct entry *entry;

	if (!objects)
		return NULL;
	for (size_t i = 0; (entry = mu_map_next(objects->entries, &i, NULL, NULL));) {
		mu_list_each(it, &entry->reports)
		    free(MU_CONTAINER_OF(it, struct report, of_entry));
		free(entry);
	}
	mu_map_free(objects->entries);
	free(objects);
	return NULL;
}

static struct entry *entry_get(const struct objects *objects, const struct mu_uuid *id)
{
	return mu_map_find(objects->entries, id, sizeof *id);
}

static bool report_better(const struct report *a, const struct report *b)
{
	bool attached_a = a->o.kind == OBJECT_SR && a->attached;
	bool attached_b = b->o.kind == OBJECT_SR && b->attached;

	if (a->host->host->connected != b->host->host->connected)
		return a->host->host->connected;
	if (attached_a != attached_b)
		return attached_a;
	return memcmp(&a->host->host->id, &b->host->host->id, sizeof(struct host_id)) < 0;
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

static struct report *entry_report_of(const struct entry *entry, const struct objects_host *h)
{
	mu_list_each(it, &entry->reports)
	{
		struct report *r = MU_CONTAINER_OF(it, struct report, of_entry);

		if (r->host == h)
			return r;
	}
	return NULL;
}

static void tell(struct inventory_changes *out, enum inventory_kind kind, enum inventory_what what,
		 const struct model_object *o)
{
	if (what == INVENTORY_REMOVE)
		o = mu_arena_memdup(out->arena, o, sizeof *o);
	inventory_changes_add(out, kind, what)->object = o;
}

/* Pick again; tell if what is shown became another report, or `touched` is shown and changed. */
static void entry_settle(struct objects *objects, struct entry *entry, const struct report *touched,
			 struct inventory_changes *out)
{
	struct report *before = entry->shown;
	struct report *now = entry_pick(entry);
	bool same_kind = before && before->o.kind == now->o.kind;

	entry->shown = now;
	if (!same_kind) {
		mu_list_remove(&entry->of_kind);
		mu_list_push_back(&objects->kinds[now->o.kind], &entry->of_kind);
		if (before)
			tell(out, INVENTORY_OBJECT, INVENTORY_REMOVE, &before->o);
		tell(out, INVENTORY_OBJECT, INVENTORY_ADD, &now->o);
	} else if (now != before || now == touched) {
		tell(out, INVENTORY_OBJECT, INVENTORY_UPDATE, &now->o);
	}
}

static struct report *report_new(struct objects *objects, struct objects_host *h,
				 const struct mu_uuid *id)
{
	struct entry *entry = entry_get(objects, id);
	struct report *r = mu_xcalloc(1, sizeof *r);

	if (!entry) {
		entry = mu_xcalloc(1, sizeof *entry);
		mu_link_init(&entry->of_kind);
		mu_link_init(&entry->reports);
		mu_map_put(objects->entries, id, sizeof *id, entry);
	}
	r->host = h;
	r->entry = entry;
	mu_list_push_back(&entry->reports, &r->of_entry);
	mu_list_push_back(&h->reports, &r->of_host);
	h->n_reports++;
	return r;
}

static void report_remove(struct objects *objects, struct report *r, struct inventory_changes *out)
{
	struct entry *entry = r->entry;

	mu_list_remove(&r->of_entry);
	mu_list_remove(&r->of_host);
	r->host->n_reports--;
	tell(out, INVENTORY_REPORT, INVENTORY_REMOVE, &r->o);
	if (mu_list_empty(&entry->reports)) {
		tell(out, INVENTORY_OBJECT, INVENTORY_REMOVE, &r->o);
		mu_list_remove(&entry->of_kind);
		mu_map_remove(objects->entries, &r->o.id, sizeof r->o.id);
		free(entry);
	} else {
		entry_settle(objects, entry, NULL, out);
	}
	free(r);
}

/* `o` as it is shown of this host. */
static struct model_object shown(const struct objects_host *h, const struct model_object *o)
{
	struct model_object as_shown = *o;

	as_shown.host = h->host->id;
	if (o->kind == OBJECT_SR && !h->host->connected)
		as_shown.sr.attached = false;
	return as_shown;
}

/* It is of another kind now. The report stays where it is: changes that were told point to it. */
static void report_retire(struct report *r, struct inventory_changes *out)
{
	struct entry *entry = r->entry;

	tell(out, INVENTORY_REPORT, INVENTORY_REMOVE, &r->o);
	if (entry->shown != r)
		return;
	tell(out, INVENTORY_OBJECT, INVENTORY_REMOVE, &r->o);
	mu_list_remove(&entry->of_kind);
	entry->shown = NULL;
}

void objects_put(struct objects *objects, struct objects_host *h, const struct model_object *o,
		 struct inventory_changes *out)
{
	struct entry *entry = entry_get(objects, &o->id);
	struct report *r = entry ? entry_report_of(entry, h) : NULL;
	struct model_object next = shown(h, o);
	bool attached = o->kind == OBJECT_SR && o->sr.attached;
	bool fresh = !r || r->o.kind != o->kind;

	if (!r)
		r = report_new(objects, h, &o->id);
	else if (fresh)
		report_retire(r, out);
	r->round = h->round;
	if (!fresh && r->attached == attached && model_object_equal(&r->o, &next))
		return;
	r->o = next;
	r->attached = attached;
	tell(out, INVENTORY_REPORT, fresh ? INVENTORY_ADD : INVENTORY_UPDATE, &r->o);
	entry_settle(objects, r->entry, r, out);
}

void objects_remove(struct objects *objects, struct objects_host *h, const struct mu_uuid *id,
		    struct inventory_changes *out)
{
	struct entry *entry = entry_get(objects, id);
	struct report *r = entry ? entry_report_of(entry, h) : NULL;

	if (r)
		report_remove(objects, r, out);
}

void objects_keep(struct objects *objects, struct objects_host *h, const struct mu_uuid *id)
{
	struct entry *entry = entry_get(objects, id);
	struct report *r = entry ? entry_report_of(entry, h) : NULL;

	if (r)
		r->round = h->round;
}

void objects_sweep(struct objects *objects, struct objects_host *h, struct inventory_changes *out)
{
	mu_list_each(it, &h->reports)
	{
		struct report *r = MU_CONTAINER_OF(it, struct report, of_host);

		if (r->round != h->round)
			report_remove(objects, r, out);
	}
}

void objects_remove_all(struct objects *objects, struct objects_host *h,
			struct inventory_changes *out)
{
	mu_list_each(it, &h->reports)
	    report_remove(objects, MU_CONTAINER_OF(it, struct report, of_host), out);
}

void objects_host_connected(struct objects *objects, struct objects_host *h,
			    struct inventory_changes *out)
{
	mu_list_each(it, &h->reports)
	{
		struct report *r = MU_CONTAINER_OF(it, struct report, of_host);
		/* Domain 0 shows whether its host is there. */
		bool changed = r->attached || r->o.kind == OBJECT_CONTROLLER;

		if (changed) {
			if (r->attached)
				r->o.sr.attached = h->host->connected;
			tell(out, INVENTORY_REPORT, INVENTORY_UPDATE, &r->o);
		}
		entry_settle(objects, r->entry, changed ? r : NULL, out);
	}
}

/* --- looking --- */

size_t objects_n(const struct objects *objects)
{
	return mu_map_size(objects->entries);
}

const struct model_object *objects_find(const struct objects *objects, const struct mu_uuid *id)
{
	const struct entry *entry = entry_get(objects, id);

	return entry ? &entry->shown->o : NULL;
}

const struct model_object *objects_find_of(const struct objects *objects,
					   const struct objects_host *h, const struct mu_uuid *id)
{
	const struct entry *entry = entry_get(objects, id);
	const struct report *r = entry ? entry_report_of(entry, h) : NULL;

	return r ? &r->o : NULL;
}

void objects_each(const struct objects *objects, enum object_kind kind,
		  bool (*each)(const struct model_object *o, void *arg), void *arg)
{
	mu_assert(kind < _OBJECT_KIND_COUNT);
	mu_list_each(it, &objects->kinds[kind])
	{
		if (!each(&MU_CONTAINER_OF(it, struct entry, of_kind)->shown->o, arg))
			return;
	}
}

void objects_each_report(const struct objects *objects, const struct mu_uuid *id,
			 bool (*each)(const struct model_object *o, void *arg), void *arg)
{
	const struct entry *entry = entry_get(objects, id);

	if (!entry)
		return;
	mu_list_each(it, &entry->reports)
	{
		if (!each(&MU_CONTAINER_OF(it, struct report, of_entry)->o, arg))
			return;
	}
}
