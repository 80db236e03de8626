/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this host has, as one list of struct model_vm: definitions + domains + guest facts + save
 * files + running operations, told one by one, merged here. vm_view_refresh() says what differs
 * from the last time. Rules in vm_view.c. Pure: no clock, no driver.
 */
#ifndef MUSTER_AGENT_CORE_VM_VIEW_H
#define MUSTER_AGENT_CORE_VM_VIEW_H

#include "agent/core/vm_queue.h"
#include "agent/core/vm_spec.h"
#include "agent/hv/hv_types.h"
#include "common/base/map.h"

struct vm_entry {
	struct vm_id id;
	struct vm_spec *spec; /* ours; NULL: not managed */
	/* What its domain or save file was built from, where that is another definition than `spec`
	 * would build now; NULL: `spec` itself. */
	struct vm_spec *built;
	bool present; /* there is a domain, and it is not dying */
	struct hv_domain domain;
	struct vm_guest guest;
	bool saved;                /* there is a save file */
	int64_t memory_file_bytes; /* a snapshot's; 0 = there is none */
	enum vm_op op; /* that runs now; _VM_OP_COUNT = none, or a call: then `task` is set */
	char task[MU_UUID_TEXT];
	/* private */
	bool differs; /* `built` from `spec`, for the domain */
	bool listed;
	bool published;
	struct model_vm model; /* as of the last refresh; valid when published */
	struct vm_facts facts; /* likewise */
};

struct vm_view;

struct vm_view_change {
	enum {
		VM_VIEW_ADDED,
		VM_VIEW_CHANGED,
		VM_VIEW_REMOVED,
		VM_VIEW_FACTS, /* it looks as before, but its queue has to know: its guest stopped
				*/
	} what;
	const struct model_vm *vm; /* valid during the call; REMOVED: as it was */
};

struct vm_view *vm_view_new(const struct host_id *host);
/* Takes NULL; returns NULL. */
struct vm_view *vm_view_free(struct vm_view *view);
MU_DEFINE_CLEANUP(vm_view_free, struct vm_view *);

/* Takes over `spec` (heap); NULL: no definition (any more). */
void vm_view_set_spec(struct vm_view *view, const struct vm_id *id, struct vm_spec *spec);
/* Takes over `built` (heap); NULL: built from the definition as it is. */
void vm_view_set_built(struct vm_view *view, const struct vm_id *id, struct vm_spec *built);
/* The driver's complete list. A domain that is not in it is gone. */
void vm_view_set_domains(struct vm_view *view, const struct hv_domain *domains, size_t n);
/* Facts of a domain; ignored when no VM of the list has this domid now. */
void vm_view_set_guest(struct vm_view *view, struct hv_domid domid, const struct vm_guest *guest);
void vm_view_set_saved(struct vm_view *view, const struct vm_id *id, bool saved);
/* A snapshot's memory is there, and as large as that. */
void vm_view_set_memory(struct vm_view *view, const struct vm_id *id, int64_t bytes);
/* `task` may be NULL (not asked for by anybody). A call is _VM_OP_COUNT with a task. */
void vm_view_set_op(struct vm_view *view, const struct vm_id *id, enum vm_op op,
		    const struct mu_uuid *task);

/* Call `each` for every difference since the last refresh; VMs of which nothing is left (no
 * definition, no domain) are dropped. `each` must not change the view. */
void vm_view_refresh(struct vm_view *view, void (*each)(const struct vm_view_change *c, void *arg),
		     void *arg);

/* NULL when unknown. Valid until the next change of the view. */
const struct vm_entry *vm_view_find(const struct vm_view *view, const struct vm_id *id);
const struct vm_entry *vm_view_find_domid(const struct vm_view *view, struct hv_domid domid);
/* Next in a stable order, NULL at the end; *iter starts at 0. */
const struct vm_entry *vm_view_next(const struct vm_view *view, size_t *iter);
size_t vm_view_size(const struct vm_view *view);
/* What the domain or save file was built from, as far as there is one; else NULL. */
const struct vm_spec *vm_entry_built(const struct vm_entry *e);
/* What the VM's queue is told; `e` may be NULL (nothing known of that id). */
struct vm_facts vm_entry_facts(const struct vm_entry *e);

#endif
