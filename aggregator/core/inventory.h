/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of all hosts, their VMs and their other objects: a copy of what the agents said
 * last, in memory.
 *
 * PURE: no clock, no I/O. Every call that changes something appends to `out` what a spectator has
 * to know, in order. While a host is away its VMs are shown with VM_UNKNOWN; the power they had is
 * kept beside it. The same VM id reported by two hosts is a conflict: both reports are kept, one
 * is shown (docs/design/fleet-protocol.md, decisions). Other objects are reported by any number of
 * hosts without conflict (docs/design/objects.md).
 */
#ifndef MUSTER_AGGREGATOR_CORE_INVENTORY_H
#define MUSTER_AGGREGATOR_CORE_INVENTORY_H

#include "common/base/arena.h"
#include "common/model/host.h"
#include "common/model/object.h"
#include "common/model/vm.h"

struct inventory;

enum inventory_kind {
	INVENTORY_HOST,
	INVENTORY_VM,
	INVENTORY_CONFLICT,
	INVENTORY_OBJECT, /* what is shown of an id */
	INVENTORY_REPORT, /* one host's view of it, shown or not */
	_INVENTORY_KIND_COUNT,
};
enum inventory_what { INVENTORY_ADD, INVENTORY_UPDATE, INVENTORY_REMOVE, _INVENTORY_WHAT_COUNT };

struct inventory_change {
	enum inventory_kind kind;
	enum inventory_what what;
	const struct model_host *host;     /* INVENTORY_HOST */
	const struct model_vm *vm;         /* INVENTORY_VM, and INVENTORY_CONFLICT: the one shown */
	const struct model_object *object; /* INVENTORY_OBJECT, INVENTORY_REPORT */
	struct host_id other; /* INVENTORY_CONFLICT: a host whose report is not shown */
};

/* Pointers are valid until the next call that changes the inventory, or until reset. */
struct inventory_changes {
	struct mu_arena *arena; /* removed objects */
	struct inventory_change *items;
	size_t n_items;
	size_t cap;
};

void inventory_changes_init(struct inventory_changes *c);
void inventory_changes_deinit(struct inventory_changes *c);
void inventory_changes_reset(struct inventory_changes *c);
/* For the files of this folder. */
struct inventory_change *inventory_changes_add(struct inventory_changes *c,
					       enum inventory_kind kind, enum inventory_what what);

/* What one message says of a host. */
struct inventory_report {
	const struct model_host *host; /* NULL: unchanged; never in a snapshot. `connected` and
					* `last_seen` do not count */
	const struct model_vm *vms;    /* whole, here and below */
	size_t n_vms;
	const struct model_object *objects;
	size_t n_objects;
	const struct mu_uuid *removed; /* only in a delta; one that is said as well stays */
	size_t n_removed;
	const struct mu_uuid *later; /* only in a snapshot: neither said nor gone */
	size_t n_later;
};

struct inventory *inventory_new(void);
/* Takes NULL; returns NULL. */
struct inventory *inventory_free(struct inventory *inv);

/* A host that was enrolled, or is read from the store: away until inventory_host_connected(). */
void inventory_host_add(struct inventory *inv, const struct model_host *h,
			struct inventory_changes *out);
/* Forget it and what it reported. */
void inventory_host_remove(struct inventory *inv, const struct host_id *id,
			   struct inventory_changes *out);
/* The stream is up, or gone: `now` is wall time, kept as last_seen. */
void inventory_host_connected(struct inventory *inv, const struct host_id *id, bool connected,
			      mu_msec now, struct inventory_changes *out);
/* It gave a sign of life: not a change that anybody is told of. */
void inventory_host_seen(struct inventory *inv, const struct host_id *id, mu_msec now);

/* Everything at once: what is not in it is gone. Unknown hosts are ignored, here and below. */
void inventory_snapshot(struct inventory *inv, const struct host_id *id,
			const struct inventory_report *report, struct inventory_changes *out);
void inventory_delta(struct inventory *inv, const struct host_id *id,
		     const struct inventory_report *report, struct inventory_changes *out);

size_t inventory_n_hosts(const struct inventory *inv);
size_t inventory_n_vms(const struct inventory *inv); /* ids, not reports */
size_t inventory_host_n_vms(const struct inventory *inv, const struct host_id *id);
size_t inventory_n_objects(const struct inventory *inv); /* ids, not reports */
size_t inventory_host_n_objects(const struct inventory *inv, const struct host_id *id);
/* This host's view of it, NULL when it reports none. */
const struct model_vm *inventory_host_vm(const struct inventory *inv, const struct host_id *id,
					 const struct vm_id *vm);
const struct model_object *inventory_host_object(const struct inventory *inv,
						 const struct host_id *id,
						 const struct mu_uuid *object);
/* May be NULL. Valid until the next change. */
const struct model_host *inventory_host_find(const struct inventory *inv, const struct host_id *id);
const struct model_object *inventory_object_find(const struct inventory *inv,
						 const struct mu_uuid *id);
const struct model_vm *inventory_vm_find(const struct inventory *inv, const struct vm_id *id);
/* The power that was reported last, also while the host is away. `id` must be known. */
enum vm_power inventory_vm_last_power(const struct inventory *inv, const struct vm_id *id);
/* In order of arrival; stop when `each` returns false. */
void inventory_each_host(const struct inventory *inv,
			 bool (*each)(const struct model_host *h, void *arg), void *arg);
void inventory_each_vm(const struct inventory *inv,
		       bool (*each)(const struct model_vm *vm, void *arg), void *arg);
/* Those that are shown on this host. */
void inventory_host_each_vm(const struct inventory *inv, const struct host_id *id,
			    bool (*each)(const struct model_vm *vm, void *arg), void *arg);
void inventory_each_object(const struct inventory *inv, enum object_kind kind,
			   bool (*each)(const struct model_object *o, void *arg), void *arg);
/* Every host's view of an object. */
void inventory_each_report(const struct inventory *inv, const struct mu_uuid *id,
			   bool (*each)(const struct model_object *o, void *arg), void *arg);

#endif
