/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every member (a VM, an object, a report) has its edges in one array; each edge is also in the
 * list of the node that it comes from, {relation, id}. A member that changes mostly keeps its
 * edges: they are compared first, so that lists keep their order and a busy VM costs no more than
 * that.
 *
 *     member "VDI x" --> edges [ (SR_VDIS, sr) -> x | (VDI_SNAPSHOTS, y) -> x ]
 *                                    |
 *     node (SR_VDIS, sr) <-----------'  list: x, ...
 *
 * Nothing is indexed before somebody asks: an aggregator that only stores pays nothing.
 */
#include "common/rest/relations.h"

#include "common/base/assert.h"
#include "common/base/list.h"
#include "common/base/map.h"

#include <stdlib.h>
#include <string.h>

enum {
	EDGES_MAX = 2 + 2 * MODEL_VM_DISKS_MAX + 2 * MODEL_VM_NICS_MAX,
};

struct node_key {
	struct mu_uuid id;
	uint32_t relation;
};

struct node {
	struct node_key key;
	struct mu_link edges;
};

struct edge {
	struct mu_link of_node;
	struct node *node;
	struct mu_uuid id; /* what the node leads to */
};

/* An edge that is to be. */
struct want {
	enum rest_relation relation;
	struct mu_uuid of;
	struct mu_uuid id;
};

struct wants {
	size_t n;
	struct want items[EDGES_MAX];
};

/* A hostile host may give one id to things of different classes. */
enum class { CLASS_VM, CLASS_OBJECT, CLASS_REPORT };

struct member_key {
	struct mu_uuid id;
	uint32_t class;
};

struct member {
	struct member_key key;
	size_t n_edges;
	struct edge *edges;
	/* As they were told: */
	bool known;
	enum vm_kind kind; /* a VM's */
	bool snapshot;     /* a VDI's */
	size_t n_disks;
	struct model_disk *disks;
	size_t n_nics;
	struct model_nic *nics;
};

struct rest_relations {
	struct rest_backend backend;
	struct rest_tell tell;
	bool ready;
	struct mu_map *nodes;   /* struct node by node_key */
	struct mu_map *members; /* struct member by member_key */
};

struct rest_vbd rest_vbd_of(const struct model_vm *vm, size_t i)
{
	return (struct rest_vbd){
	    .id = object_vbd_id(&vm->id, vm->disks[i].vdev), .vm = vm, .disk = &vm->disks[i]};
}

struct rest_vif rest_vif_of(const struct model_vm *vm, size_t i)
{
	return (struct rest_vif){
	    .id = object_vif_id(&vm->id, vm->nics[i].device), .vm = vm, .nic = &vm->nics[i]};
}

struct rest_pbd rest_pbd_of(const struct model_object *sr)
{
	return (struct rest_pbd){.id = object_pbd_id(&sr->host, &sr->id), .sr = sr};
}

bool rest_vdi_is_snapshot(const struct model_object *vdi)
{
	return !mu_uuid_is_nil(&vdi->vdi.snapshot_of) || vdi->vdi.snapshot_at != 0;
}

bool rest_vm_runs(const struct model_vm *vm)
{
	return vm->power == VM_RUNNING || vm->power == VM_PAUSED;
}

struct rest_relations *rest_relations_new(const struct rest_backend *backend,
					  const struct rest_tell *tell)
{
	struct rest_relations *rel = mu_xcalloc(1, sizeof *rel);

	rel->backend = *backend;
	rel->tell = *tell;
	rel->nodes = mu_map_new();
	rel->members = mu_map_new();
	return rel;
}

static void member_free(struct member *m)
{
	free(m->edges);
	free(m->disks);
	free(m->nics);
	free(m);
}

struct rest_relations *rest_relations_free(struct rest_relations *rel)
{
	struct member *m;
	struct node *n;

	if (!rel)
		return NULL;
	for (size_t i = 0; (m = mu_map_next(rel->members, &i, NULL, NULL));)
		member_free(m);
	for (size_t i = 0; (n = mu_map_next(rel->nodes, &i, NULL, NULL));)
		free(n);
	mu_map_free(rel->members);
	mu_map_free(rel->nodes);
	free(rel);
	return NULL;
}

/* --- edges --- */

static struct node_key node_key(enum rest_relation relation, const struct mu_uuid *of)
{
	return (struct node_key){.id = *of, .relation = relation};
}

static struct node *node_need(struct rest_relations *rel, const struct want *w)
{
	struct node_key key = node_key(w->relation, &w->of);
	struct node *n = mu_map_find(rel->nodes, &key, sizeof key);

	if (n)
		return n;
	n = mu_xcalloc(1, sizeof *n);
	n->key = key;
	mu_link_init(&n->edges);
	mu_map_put(rel->nodes, &key, sizeof key, n);
	return n;
}

static void edges_clear(struct rest_relations *rel, struct member *m)
{
	for (size_t i = 0; i < m->n_edges; i++) {
		struct node *n = m->edges[i].node;

		mu_list_remove(&m->edges[i].of_node);
		if (!mu_list_empty(&n->edges))
			continue;
		mu_map_remove(rel->nodes, &n->key, sizeof n->key);
		free(n);
	}
	free(m->edges);
	m->edges = NULL;
	m->n_edges = 0;
}

static bool edges_are(const struct member *m, const struct wants *wants)
{
	if (m->n_edges != wants->n)
		return false;
	for (size_t i = 0; i < wants->n; i++) {
		const struct want *w = &wants->items[i];
		struct node_key key = node_key(w->relation, &w->of);

		if (memcmp(&m->edges[i].node->key, &key, sizeof key) != 0 ||
		    !mu_uuid_equal(&m->edges[i].id, &w->id))
			return false;
	}
	return true;
}

static void edges_set(struct rest_relations *rel, struct member *m, const struct wants *wants)
{
	if (edges_are(m, wants))
		return;
	edges_clear(rel, m);
	m->edges = mu_xcalloc(wants->n, sizeof *m->edges);
	m->n_edges = wants->n;
	for (size_t i = 0; i < wants->n; i++) {
		struct edge *e = &m->edges[i];

		e->node = node_need(rel, &wants->items[i]);
		e->id = wants->items[i].id;
		mu_list_push_back(&e->node->edges, &e->of_node);
	}
}

static struct member *member_find(const struct rest_relations *rel, enum class class,
				  const struct mu_uuid *id)
{
	struct member_key key = {.id = *id, .class = class};

	return mu_map_find(rel->members, &key, sizeof key);
}

static struct member *member_need(struct rest_relations *rel, enum class class,
				  const struct mu_uuid *id)
{
	struct member *m = member_find(rel, class, id);

	if (m)
		return m;
	m = mu_xcalloc(1, sizeof *m);
	m->key = (struct member_key){.id = *id, .class = class};
	mu_map_put(rel->members, &m->key, sizeof m->key, m);
	return m;
}

static void member_drop(struct rest_relations *rel, enum class class, const struct mu_uuid *id)
{
	struct member *m = member_find(rel, class, id);

	if (!m)
		return;
	edges_clear(rel, m);
	mu_map_remove(rel->members, &m->key, sizeof m->key);
	member_free(m);
}

/* --- what points where --- */

static void want(struct wants *wants, enum rest_relation relation, const struct mu_uuid *of,
		 const struct mu_uuid *id)
{
	mu_assert(wants->n < EDGES_MAX);
	if (!mu_uuid_is_nil(of))
		wants->items[wants->n++] = (struct want){relation, *of, *id};
}

static void want_bridge(struct wants *wants, enum rest_relation relation, const char *bridge,
			const struct mu_uuid *id)
{
	struct mu_uuid network = object_network_id(bridge);

	if (*bridge)
		want(wants, relation, &network, id);
}

static void vm_wants(const struct model_vm *vm, struct wants *wants)
{
	if (rest_vm_runs(vm))
		want(wants, REST_HOST_RESIDENTS, &vm->host.uuid, &vm->id.uuid);
	if (vm->kind == VM_KIND_SNAPSHOT)
		want(wants, REST_VM_SNAPSHOTS, &vm->snapshot_of.uuid, &vm->id.uuid);
	for (size_t i = 0; i < vm->n_disks; i++) {
		struct rest_vbd vbd = rest_vbd_of(vm, i);

		want(wants, REST_VBD_VM, &vbd.id, &vm->id.uuid);
		want(wants, REST_VDI_VBDS, &vbd.disk->vdi, &vbd.id);
	}
	for (size_t i = 0; i < vm->n_nics; i++) {
		struct rest_vif vif = rest_vif_of(vm, i);

		want(wants, REST_VIF_VM, &vif.id, &vm->id.uuid);
		want_bridge(wants, REST_NETWORK_VIFS, vif.nic->bridge, &vif.id);
	}
}

static void pif_wants(const struct model_object *o, struct wants *wants)
{
	struct mu_uuid master = object_pif_id(&o->host, o->pif.bond);

	want(wants, REST_HOST_PIFS, &o->host.uuid, &o->id);
	want_bridge(wants, REST_NETWORK_PIFS, o->pif.bridge, &o->id);
	if (*o->pif.bond)
		want(wants, REST_PIF_SLAVES, &master, &o->id);
}

static void object_wants(const struct model_object *o, struct wants *wants)
{
	switch (o->kind) {
	case OBJECT_VDI:
		want(wants, REST_SR_VDIS, &o->vdi.sr, &o->id);
		want(wants, REST_VDI_SNAPSHOTS, &o->vdi.snapshot_of, &o->id);
		return;
	case OBJECT_PIF:
		pif_wants(o, wants);
		return;
	case OBJECT_PCI:
		want(wants, REST_HOST_PCIS, &o->host.uuid, &o->id);
		want(wants, REST_VM_PCIS, &o->pci.vm, &o->id);
		return;
	case OBJECT_SR:
	case OBJECT_NETWORK:
	case OBJECT_CONTROLLER:
	case _OBJECT_KIND_COUNT:
		return;
	}
}

/* --- parts --- */

/* As it is told: see rest_vm_runs(). */
static bool attached(const struct model_vm *vm, bool said)
{
	return said && rest_vm_runs(vm);
}

static bool disk_equal(const struct model_disk *a, const struct model_disk *b)
{
	return mu_uuid_equal(&a->vdi, &b->vdi) && a->attached == b->attached &&
	       a->readonly == b->readonly && a->cdrom == b->cdrom && a->bootable == b->bootable;
}

static bool nic_equal(const struct model_nic *a, const struct model_nic *b)
{
	return strcmp(a->mac, b->mac) == 0 && strcmp(a->bridge, b->bridge) == 0 &&
	       a->attached == b->attached && a->mtu == b->mtu && a->rate_kbps == b->rate_kbps;
}

static const struct model_disk *disk_find(const struct model_disk *disks, size_t n,
					  const char *vdev)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(disks[i].vdev, vdev) == 0)
			return &disks[i];
	return NULL;
}

static const struct model_nic *nic_find(const struct model_nic *nics, size_t n, uint32_t device)
{
	for (size_t i = 0; i < n; i++)
		if (nics[i].device == device)
			return &nics[i];
	return NULL;
}

static void tell_vbds(const struct rest_tell *tell, const struct member *before,
		      const struct member *now, const struct model_vm *vm)
{
	for (size_t i = 0; i < before->n_disks; i++) {
		const struct model_disk *d = &before->disks[i];
		struct rest_vbd vbd = {object_vbd_id(&vm->id, d->vdev), vm, d};

		if (!disk_find(now->disks, now->n_disks, d->vdev))
			tell->vbd(tell->ctx, REST_REMOVE, &vbd);
	}
	for (size_t i = 0; i < now->n_disks; i++) {
		struct rest_vbd vbd = rest_vbd_of(vm, i);
		const struct model_disk *old =
		    disk_find(before->disks, before->n_disks, vbd.disk->vdev);

		if (!old)
			tell->vbd(tell->ctx, REST_ADD, &vbd);
		else if (!disk_equal(old, &now->disks[i]))
			tell->vbd(tell->ctx, REST_UPDATE, &vbd);
	}
}

static void tell_vifs(const struct rest_tell *tell, const struct member *before,
		      const struct member *now, const struct model_vm *vm)
{
	for (size_t i = 0; i < before->n_nics; i++) {
		const struct model_nic *n = &before->nics[i];
		struct rest_vif vif = {object_vif_id(&vm->id, n->device), vm, n};

		if (!nic_find(now->nics, now->n_nics, n->device))
			tell->vif(tell->ctx, REST_REMOVE, &vif);
	}
	for (size_t i = 0; i < now->n_nics; i++) {
		struct rest_vif vif = rest_vif_of(vm, i);
		const struct model_nic *old =
		    nic_find(before->nics, before->n_nics, vif.nic->device);

		if (!old)
			tell->vif(tell->ctx, REST_ADD, &vif);
		else if (!nic_equal(old, &now->nics[i]))
			tell->vif(tell->ctx, REST_UPDATE, &vif);
	}
}

static void parts_set(struct member *m, const struct model_vm *vm)
{
	m->n_disks = vm->n_disks;
	m->disks = mu_xmemdup(vm->disks, vm->n_disks * sizeof *vm->disks);
	for (size_t i = 0; i < m->n_disks; i++)
		m->disks[i].attached = attached(vm, vm->disks[i].attached);
	m->n_nics = vm->n_nics;
	m->nics = mu_xmemdup(vm->nics, vm->n_nics * sizeof *vm->nics);
	for (size_t i = 0; i < m->n_nics; i++)
		m->nics[i].attached = attached(vm, vm->nics[i].attached);
}

/* --- changes --- */

static void put_vm(struct rest_relations *rel, struct member *m, const struct model_vm *vm)
{
	struct wants wants = {0};

	vm_wants(vm, &wants);
	edges_set(rel, m, &wants);
	parts_set(m, vm);
	m->known = true;
	m->kind = vm->kind;
}

static void put_object(struct rest_relations *rel, struct member *m, const struct model_object *o)
{
	struct wants wants = {0};

	object_wants(o, &wants);
	edges_set(rel, m, &wants);
	m->known = true;
	m->snapshot = o->kind == OBJECT_VDI && rest_vdi_is_snapshot(o);
}

static void put_report(struct rest_relations *rel, const struct rest_pbd *pbd)
{
	struct wants wants = {0};

	want(&wants, REST_PBD_SR, &pbd->id, &pbd->sr->id);
	want(&wants, REST_HOST_PBDS, &pbd->sr->host.uuid, &pbd->id);
	edges_set(rel, member_need(rel, CLASS_REPORT, &pbd->id), &wants);
}

static bool seed_vm(const struct model_vm *vm, void *arg)
{
	put_vm(arg, member_need(arg, CLASS_VM, &vm->id.uuid), vm);
	return true;
}

static bool seed_report(const struct model_object *sr, void *arg)
{
	struct rest_pbd pbd = rest_pbd_of(sr);

	put_report(arg, &pbd);
	return true;
}

static bool seed_object(const struct model_object *o, void *arg)
{
	struct rest_relations *rel = arg;

	put_object(rel, member_need(rel, CLASS_OBJECT, &o->id), o);
	if (o->kind == OBJECT_SR)
		rel->backend.each_report(rel->backend.ctx, &o->id, seed_report, rel);
	return true;
}

void rest_relations_need(struct rest_relations *rel)
{
	if (rel->ready)
		return;
	rel->ready = true;
	rel->backend.each_vm(rel->backend.ctx, seed_vm, rel);
	for (size_t kind = 0; kind < _OBJECT_KIND_COUNT; kind++)
		rel->backend.each_object(rel->backend.ctx, (enum object_kind)kind, seed_object,
					 rel);
}

static void vm_gone(struct rest_relations *rel, const struct model_vm *vm)
{
	const struct member *m = member_need(rel, CLASS_VM, &vm->id.uuid);
	const struct member nothing = {.n_edges = 0};

	tell_vbds(&rel->tell, m, &nothing, vm);
	tell_vifs(&rel->tell, m, &nothing, vm);
	rel->tell.vm(rel->tell.ctx, REST_REMOVE, m->known ? m->kind : vm->kind, vm);
	member_drop(rel, CLASS_VM, &vm->id.uuid);
}

void rest_relations_vm_changed(struct rest_relations *rel, enum rest_change what,
			       const struct model_vm *vm)
{
	const struct rest_tell *tell = &rel->tell;
	struct member *m;
	struct member before;

	if (!rel->ready)
		return;
	if (what == REST_REMOVE) {
		vm_gone(rel, vm);
		return;
	}
	m = member_need(rel, CLASS_VM, &vm->id.uuid);
	before = *m;
	put_vm(rel, m, vm);
	if (before.known && before.kind != vm->kind) {
		tell->vm(tell->ctx, REST_REMOVE, before.kind, vm);
		what = REST_ADD;
	}
	tell->vm(tell->ctx, what, vm->kind, vm);
	tell_vbds(tell, &before, m, vm);
	tell_vifs(tell, &before, m, vm);
	free(before.disks);
	free(before.nics);
}

void rest_relations_object_changed(struct rest_relations *rel, enum rest_change what,
				   const struct model_object *o)
{
	const struct rest_tell *tell = &rel->tell;
	struct member *m;
	bool was_known;
	bool was_snapshot;

	if (!rel->ready)
		return;
	m = member_need(rel, CLASS_OBJECT, &o->id);
	was_known = m->known;
	was_snapshot = m->snapshot;
	put_object(rel, m, o);
	if (what == REST_REMOVE) {
		tell->object(tell->ctx, REST_REMOVE, was_known ? was_snapshot : m->snapshot, o);
		member_drop(rel, CLASS_OBJECT, &o->id);
		return;
	}
	if (was_known && was_snapshot != m->snapshot) {
		tell->object(tell->ctx, REST_REMOVE, was_snapshot, o);
		what = REST_ADD;
	}
	tell->object(tell->ctx, what, m->snapshot, o);
}

void rest_relations_report_changed(struct rest_relations *rel, enum rest_change what,
				   const struct model_object *o)
{
	struct rest_pbd pbd = rest_pbd_of(o);

	if (!rel->ready || o->kind != OBJECT_SR)
		return;
	if (what == REST_REMOVE)
		member_drop(rel, CLASS_REPORT, &pbd.id);
	else
		put_report(rel, &pbd);
	rel->tell.pbd(rel->tell.ctx, what, &pbd);
}

/* --- looking --- */

void rest_relations_each(struct rest_relations *rel, enum rest_relation what,
			 const struct mu_uuid *of,
			 bool (*each)(const struct mu_uuid *id, void *arg), void *arg)
{
	struct node_key key = node_key(what, of);
	struct node *n;

	rest_relations_need(rel);
	n = mu_map_find(rel->nodes, &key, sizeof key);
	if (!n)
		return;
	mu_list_each(it, &n->edges)
	{
		if (!each(&MU_CONTAINER_OF(it, struct edge, of_node)->id, arg))
			return;
	}
}

static bool take_first(const struct mu_uuid *id, void *arg)
{
	const struct mu_uuid **first = arg;

	*first = id;
	return false;
}

const struct mu_uuid *rest_relations_first(struct rest_relations *rel, enum rest_relation what,
					   const struct mu_uuid *of)
{
	const struct mu_uuid *first = NULL;

	rest_relations_each(rel, what, of, take_first, &first);
	return first;
}
