/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VMs' disks that are VDIs. Before a domain has one it is held in its SR, which says where it is;
 * it is let go when facts say that the VM has neither a domain nor a save file nor is being built,
 * whatever ended it. So a hold never outlives its use, and no end of a VM has to be known here.
 * Loop thread.
 */
#ifndef MUSTER_AGENT_APP_DISKS_H
#define MUSTER_AGENT_APP_DISKS_H

#include "agent/core/vm_view.h"
#include "agent/storage/storage.h"
#include "common/base/list.h"

struct app;

/* Embedded in its user: hold disks for a VM that is being built, or gets one more. */
struct disks_use {
	/* inputs */
	struct app *app;
	struct vm_id vm;
	struct hv_disk *disks; /* those with a vdi get path, format and backend */
	size_t n_disks;
	mu_msec deadline; /* for all, 0 = none; an SR that is not plugged is waited for anyway only
			   * DISKS_PATIENCE long */
	/* NULL: all are held. Else none that were not before stay held once disks_use_end() came.
	 * Never inside start. */
	void (*done)(struct disks_use *u, const struct mu_error *err);
	/* private: zero before the start */
	struct mu_link link;
	struct mu_timer *timer;
	struct storage_op op;
	mu_msec started_at;
	size_t next;
	bool holding;
	bool cancelled;
	bool finished;
	bool late;
	struct mu_error err;
};

#define DISKS_PATIENCE MU_SEC(90)

void disks_use_start(struct disks_use *u);
/* Ask; done() still comes. Harmless when all are held. */
void disks_use_cancel(struct disks_use *u);
/* The VM is built, or that failed: from now on facts decide. */
void disks_use_end(struct disks_use *u);

void disks_init(struct app *app);
void disks_deinit(struct app *app);
/* At start, when the domains are known: what is in use already. `clean`: what is not may be active
 * all the same, as VMs may have ended while there was no agent: let it go. */
void disks_claim(struct app *app, bool clean);
/* Domains, save files or SRs changed: let go of what is not in use any more. */
void disks_look(struct app *app);
void disks_look_soon(struct app *app);
/* The storage is about to close: end all uses that are not complete. */
void disks_stop(struct app *app);
/* The VM's domain does not have this disk any more, though it goes on. */
void disks_let_go(struct app *app, const struct vm_id *vm, const struct mu_uuid *vdi);

/* Where a definition names a VDI; NULL: nowhere. */
const struct hv_disk *disks_named_in(const struct vm_spec *spec, const struct mu_uuid *vdi);
/* MU_E_STATE: a VM that runs, or is suspended, names it. */
int disks_check_unused(const struct app *app, const struct mu_uuid *vdi, struct mu_error *err);
/* app->delete_disks: the VDIs that no other definition names, but for CDs. */
void disks_delete(struct app *app, const struct vm_spec *spec,
		  void (*done)(void *arg, const struct mu_error *err), void *arg);
/* In all definitions of VMs without a domain `other` takes the place of `vdi`; nil: the disk is
 * taken out, a CD drive emptied. done(arg, err) from the loop. */
void disks_replace(struct app *app, const struct mu_uuid *vdi, const struct mu_uuid *other,
		   void (*done)(void *arg, const struct mu_error *err), void *arg);

#endif
