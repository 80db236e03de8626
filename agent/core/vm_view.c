/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules:
 * - The UUID is the identity. A VM exists while there is a definition of it, a domain, or (with a
 *   definition) a save file; a domain without a definition is foreign: managed = false.
 * - A dying domain is not a VM any more. If two domains carry one UUID (one dying, or a second one
 *   started by hand under another name), the first that is not dying counts.
 * - Power: a domain that runs or is paused says so itself. One whose guest has stopped is still
 *   Running until it is torn down, as its memory is in use and it cannot be started; but where the
 *   definition says "preserve" it stays for a person to look at, and is shown as Paused.
 *   No domain, or one of a managed VM that is still being built: Suspended when a save file exists,
 *   else Halted. A foreign one that is being built is Paused, as xl shows it.
 * - A save file beside a running domain is old (the crash came between restore and removal): the
 *   domain wins.
 * - Guest facts belong to a domain, not to a VM: another domid clears them.
 * - Pending: there is a domain or a save file, and the definition would build another domain than
 *   the one that it was built from.
 * - Name, size and tags: the definition's for what it would be started with, the domain's for what
 *   it has now.
 */
#include "agent/core/vm_view.h"

#include "agent/core/vm_edit.h"
#include "common/base/assert.h"
#include "common/base/str.h"

#include <stdlib.h>
#include <string.h>

enum { BYTES_PER_KB = 1000 };

struct vm_view {
	struct host_id host;
	struct mu_map *entries; /* struct vm_entry by id */
};

struct vm_view *vm_view_new(const struct host_id *host)
{
	struct vm_view *view = mu_xcalloc(1, sizeof *view);

	view->host = *host;
	view->entries = mu_map_new();
	return view;
}

static void entry_free(struct vm_entry *e)
{
	free(e->spec);
	free(e->built);
	free(e);
}

struct vm_view *vm_view_free(struct vm_view *view)
{
	struct vm_entry *e;

	if (!view)
		return NULL;
	for (size_t i = 0; (e = mu_map_next(view->entries, &i, NULL, NULL));)
		entry_free(e);
	mu_map_free(view->entries);
	free(view);
	return NULL;
}

static void guest_clear(struct vm_guest *guest)
{
	memset(guest, 0, sizeof *guest);
	guest->memory_free_bytes = -1;
	guest->memory_total_bytes = -1;
}

static struct vm_entry *find(const struct vm_view *view, const struct vm_id *id)
{
	return mu_map_find(view->entries, id->uuid.bytes, sizeof id->uuid.bytes);
}

static struct vm_entry *need(struct vm_view *view, const struct vm_id *id)
{
	struct vm_entry *e = find(view, id);

	if (e)
		return e;
	e = mu_xcalloc(1, sizeof *e);
	e->id = *id;
	e->op = _VM_OP_COUNT;
	guest_clear(&e->guest);
	mu_map_put(view->entries, id->uuid.bytes, sizeof id->uuid.bytes, e);
	return e;
}

static void note_difference(struct vm_entry *e)
{
	e->differs = e->spec && e->built && vm_edit_differs(e->spec, e->built);
}

void vm_view_set_spec(struct vm_view *view, const struct vm_id *id, struct vm_spec *spec)
{
	struct vm_entry *e = need(view, id);

	free(e->spec);
	e->spec = spec;
	note_difference(e);
}

void vm_view_set_built(struct vm_view *view, const struct vm_id *id, struct vm_spec *built)
{
	struct vm_entry *e = need(view, id);

	free(e->built);
	e->built = built;
	note_difference(e);
}

static void set_domain(struct vm_view *view, const struct hv_domain *d)
{
	struct vm_entry *e = need(view, &d->id);

	if (e->listed)
		return; /* a second domain of this UUID: the first one counts */
	if (!e->present || e->domain.domid.value != d->domid.value)
		guest_clear(&e->guest);
	e->listed = true;
	e->present = true;
	e->domain = *d;
}

void vm_view_set_domains(struct vm_view *view, const struct hv_domain *domains, size_t n)
{
	struct vm_entry *e;

	for (size_t i = 0; (e = mu_map_next(view->entries, &i, NULL, NULL));)
		e->listed = false;
	for (size_t i = 0; i < n; i++) {
		if (!domains[i].dying)
			set_domain(view, &domains[i]);
	}
	for (size_t i = 0; (e = mu_map_next(view->entries, &i, NULL, NULL));) {
		if (e->present && !e->listed) {
			e->present = false;
			guest_clear(&e->guest);
		}
	}
}

void vm_view_set_guest(struct vm_view *view, struct hv_domid domid, const struct vm_guest *guest)
{
	struct vm_entry *e;

	for (size_t i = 0; (e = mu_map_next(view->entries, &i, NULL, NULL));) {
		if (e->present && e->domain.domid.value == domid.value)
			e->guest = *guest;
	}
}

void vm_view_set_saved(struct vm_view *view, const struct vm_id *id, bool saved)
{
	need(view, id)->saved = saved;
}

void vm_view_set_memory(struct vm_view *view, const struct vm_id *id, int64_t bytes)
{
	need(view, id)->memory_file_bytes = bytes;
}

void vm_view_set_op(struct vm_view *view, const struct vm_id *id, enum vm_op op,
		    const struct mu_uuid *task)
{
	struct vm_entry *e = need(view, id);

	e->op = op;
	e->task[0] = '\0';
	if (task)
		mu_uuid_format(task, e->task);
}

static bool is_busy(const struct vm_entry *e)
{
	return e->op != _VM_OP_COUNT || e->task[0];
}

const struct vm_spec *vm_entry_built(const struct vm_entry *e)
{
	if (!e->present && !e->saved)
		return NULL;
	return e->built ? e->built : e->spec;
}

static enum vm_power entry_power(const struct vm_entry *e)
{
	if (!e->present || (e->domain.incomplete && e->spec))
		return e->saved && e->spec ? VM_SUSPENDED : VM_HALTED;
	if (e->domain.paused || e->domain.incomplete)
		return VM_PAUSED;
	if (e->domain.shutdown != HV_SHUTDOWN_NONE && e->domain.shutdown != HV_SHUTDOWN_SUSPEND &&
	    e->spec && vm_spec_on_stop(e->spec, e->domain.shutdown) == HV_ON_PRESERVE)
		return VM_PAUSED;
	return VM_RUNNING;
}

struct vm_facts vm_entry_facts(const struct vm_entry *e)
{
	struct vm_facts f = {.power = VM_HALTED, .stopped = HV_SHUTDOWN_NONE};

	if (!e)
		return f;
	f.power = entry_power(e);
	f.kind = e->spec ? e->spec->kind : VM_KIND_VM;
	f.defined = e->spec != NULL;
	f.saved = e->saved;
	f.present = e->present;
	if (e->present) {
		f.incomplete = e->domain.incomplete;
		f.ours = e->domain.ours;
		f.nameless = e->domain.name[0] == '\0';
		f.domid = e->domain.domid;
		f.stopped = e->domain.shutdown;
	}
	f.on_stop = e->spec ? vm_spec_on_stop(e->spec, f.stopped) : HV_ON_PRESERVE;
	return f;
}

/* Does the domain, as it was built and changed since, have this very disk? */
static bool has_disk(const struct hv_vm_config *built, const struct hv_disk *d)
{
	for (size_t i = 0; i < built->n_disks; i++) {
		const struct hv_disk *b = &built->disks[i];

		if (!strcmp(b->vdev, d->vdev))
			return mu_uuid_equal(&b->vdi, &d->vdi) && !strcmp(b->path, d->path);
	}
	return false;
}

/* `built` NULL: there is no domain. */
static void fill_disks(struct model_vm *m, const struct hv_vm_config *c,
		       const struct hv_vm_config *built)
{
	_Static_assert((int)HV_DISKS_MAX <= (int)MODEL_VM_DISKS_MAX, "all disks are shown");
	m->n_disks = c->n_disks;
	for (size_t i = 0; i < c->n_disks; i++) {
		struct model_disk *d = &m->disks[i];

		memcpy(d->vdev, c->disks[i].vdev, sizeof d->vdev);
		d->vdi = c->disks[i].vdi;
		d->readonly = c->disks[i].readonly;
		d->cdrom = c->disks[i].cdrom;
		d->bootable = c->disks[i].bootable;
		d->attached = built && has_disk(built, &c->disks[i]);
	}
}

static const struct hv_nic *nic_of(const struct hv_vm_config *c, uint32_t device)
{
	for (size_t i = 0; i < c->n_nics; i++) {
		if ((c->nics[i].has_device ? c->nics[i].device : i) == device)
			return &c->nics[i];
	}
	return NULL;
}

static void fill_nics(struct model_vm *m, const struct hv_vm_config *c,
		      const struct hv_vm_config *built)
{
	_Static_assert((int)HV_NICS_MAX <= (int)MODEL_VM_NICS_MAX, "all cards are shown");
	m->n_nics = c->n_nics;
	for (size_t i = 0; i < c->n_nics; i++) {
		const struct hv_nic *from = &c->nics[i];
		struct model_nic *n = &m->nics[i];
		int64_t kbps =
		    from->rate_bytes / BYTES_PER_KB + !!(from->rate_bytes % BYTES_PER_KB);

		n->device = from->has_device ? from->device : (uint32_t)i;
		memcpy(n->mac, from->mac, sizeof n->mac);
		if (!n->mac[0])
			vm_default_mac(&c->id, n->device, n->mac);
		memcpy(n->bridge, from->bridge, sizeof n->bridge);
		n->mtu = from->mtu;
		n->rate_kbps = kbps < UINT32_MAX ? (uint32_t)kbps : UINT32_MAX;
		n->attached = built && nic_of(built, n->device);
	}
}

/* How it is built: the definition's, also while it runs. */
static void fill_build(struct model_vm *m, const struct hv_vm_config *c,
		       const struct hv_vm_config *built)
{
	memcpy(m->firmware, c->firmware, sizeof m->firmware);
	memcpy(m->boot_order, c->boot_order, sizeof m->boot_order);
	mu_utf8_sanitize(m->cmdline, sizeof m->cmdline - 1, c->cmdline, strlen(c->cmdline));
	fill_disks(m, c, built);
	fill_nics(m, c, built);
}

/* One list for all vCPUs; a mask per vCPU has no such form, and one that is longer would be another
 * mask when cut. */
static void fill_mask(char *ret, size_t size, const char *cpus)
{
	size_t len = strlen(cpus);

	if (!strchr(cpus, ';') && len < size)
		memcpy(ret, cpus, len + 1);
}

static void fill_from_spec(struct model_vm *m, const struct vm_spec *spec)
{
	memcpy(m->name, spec->config.name, sizeof m->name);
	memcpy(m->description, spec->description, sizeof m->description);
	m->kind = spec->kind;
	m->snapshot_of = spec->snapshot_of;
	m->snapshot_at = spec->snapshot_at;
	m->with_memory = spec->with_memory;
	m->parent = spec->parent;
	m->managed = true;
	m->autostart = spec->autostart;
	m->start_order = spec->start_order;
	m->start_delay_ms = spec->start_delay;
	m->vcpus_online = spec->config.vcpus;
	m->vcpus_max = spec->config.vcpus_max;
	m->memory_bytes = spec->config.memory_bytes;
	m->memory_static_max_bytes = spec->config.memory_max_bytes;
	m->memory_min_bytes = spec->memory_min_bytes;
	m->cpu_weight = spec->config.cpu_weight;
	m->cpu_cap = spec->config.cpu_cap;
	m->cores_per_socket = spec->config.cores_per_socket;
	fill_mask(m->cpu_mask, sizeof m->cpu_mask, spec->config.cpus_hard);
	fill_mask(m->cpu_mask_soft, sizeof m->cpu_mask_soft, spec->config.cpus_soft);
	m->snapshot_of = spec->snapshot_of;
	m->snapshot_at = spec->snapshot_at;
	m->with_memory = spec->with_memory;
	m->parent = spec->parent;
	m->n_tags = spec->n_tags;
	memcpy(m->tags, spec->tags, sizeof m->tags);
}

static void fill_from_domain(struct model_vm *m, const struct hv_domain *d)
{
	m->domid = (int32_t)d->domid.value;
	m->vcpus_online = d->vcpus_online;
	m->vcpus_max = d->vcpus_max;
	m->memory_bytes = d->memory_bytes;
	m->memory_static_max_bytes = d->memory_max_bytes;
	m->started_at = d->created_at;
}

static void build(const struct vm_view *view, const struct vm_entry *e, struct model_vm *m)
{
	bool built = e->present && !(e->domain.incomplete && e->spec);

	model_vm_init(m);
	m->id = e->id;
	m->host = view->host;
	if (e->spec) {
		fill_from_spec(m, e->spec);
		fill_build(m, &e->spec->config, built ? &vm_entry_built(e)->config : NULL);
	} else if (e->present) {
		memcpy(m->name, e->domain.name, sizeof m->name);
	} else { /* its last operation is ending */
		memcpy(m->name, e->model.name, sizeof m->name);
	}
	m->memory_file_bytes = e->spec && e->spec->with_memory ? e->memory_file_bytes : 0;
	m->pending = e->differs && (e->present || e->saved);
	m->type = e->spec ? e->spec->config.type : e->domain.type;
	if (built)
		fill_from_domain(m, &e->domain);
	m->power = entry_power(e);
	m->guest = e->guest;
	m->current_op = e->op;
	memcpy(m->current_task, e->task, sizeof m->current_task);
}

/* A foreign VM whose domain is gone stays until the operation that ended it is over. */
static bool alive(const struct vm_entry *e)
{
	return e->spec || e->present || (e->published && is_busy(e));
}

void vm_view_refresh(struct vm_view *view, void (*each)(const struct vm_view_change *c, void *arg),
		     void *arg)
{
	struct vm_view_change c;
	struct vm_facts facts;
	struct model_vm now;
	struct vm_entry *e;

	for (size_t i = 0; (e = mu_map_next(view->entries, &i, NULL, NULL));) {
		if (!alive(e)) {
			c.what = VM_VIEW_REMOVED;
			c.vm = &e->model;
			if (e->published)
				each(&c, arg);
			e->published = false;
			/* A save file or an operation keeps the entry: neither may be forgotten,
			 * as the definition can come back. */
			if (!e->saved && !is_busy(e)) {
				mu_map_remove(view->entries, e->id.uuid.bytes,
					      sizeof e->id.uuid.bytes);
				entry_free(e);
			}
			continue;
		}
		build(view, e, &now);
		facts = vm_entry_facts(e);
		if (!e->published)
			c.what = VM_VIEW_ADDED;
		else if (!model_vm_equal(&now, &e->model))
			c.what = VM_VIEW_CHANGED;
		else if (!vm_facts_equal(&facts, &e->facts))
			c.what = VM_VIEW_FACTS;
		else
			continue;
		e->model = now;
		e->facts = facts;
		e->published = true;
		c.vm = &e->model;
		each(&c, arg);
	}
}

const struct vm_entry *vm_view_find(const struct vm_view *view, const struct vm_id *id)
{
	return find(view, id);
}

const struct vm_entry *vm_view_find_domid(const struct vm_view *view, struct hv_domid domid)
{
	const struct vm_entry *e;

	for (size_t i = 0; (e = mu_map_next(view->entries, &i, NULL, NULL));) {
		if (e->present && e->domain.domid.value == domid.value)
			return e;
	}
	return NULL;
}

const struct vm_entry *vm_view_next(const struct vm_view *view, size_t *iter)
{
	return mu_map_next(view->entries, iter, NULL, NULL);
}

size_t vm_view_size(const struct vm_view *view)
{
	return mu_map_size(view->entries);
}
