/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contract of storage repositories: struct sr_ops, and sr.c which checks, serialises and bounds
 * in front of every driver. Drivers: lvmthin, dir, nfs, iso, fake (drivers.h).
 *
 * Everything here blocks (tools, fsync, a server that is away): it is called on threads that may
 * block, never on the loop. Any thread; sr.c gives a driver one call at a time per SR. Data is not
 * copied by drivers but through the path that sr_activate() gives (transfer.h), outside that lock,
 * so a long copy holds up nothing. docs/design/storage.md is the description.
 */
#ifndef MUSTER_AGENT_STORAGE_SR_H
#define MUSTER_AGENT_STORAGE_SR_H

#include "agent/storage/sr_types.h"
#include "common/base/error.h"
#include "common/base/mem.h"

struct sr;

struct sr_param_rule {
	const char *name;
	bool required;
	const char *help;
};

/*
 * Drivers implement this; required members first. They may count on sr.c for: one call at a time,
 * an SR that is attached (all below `attach`), parameters that are in their table, metadata without
 * control characters, sizes in range and multiples of granularity_bytes.
 *
 * A VDI is there or not, as a scan shows: no call leaves half of one behind when it fails, and none
 * shows half of one when the process is killed inside it. Left data that no scan shows is removed
 * by vdi_remove(), which takes any id.
 */
struct sr_ops {
	const char *type;
	const struct sr_param_rule *params; /* ends with a NULL name */
	int64_t granularity_bytes;
	/* Read the parameters; touches nothing. */
	int (*open)(const struct sr_config *config, const char *state_dir, void **ret_impl,
		    struct mu_error *err);
	void (*close)(void *impl);
	/* Whose SR is there? 0 and its id in *ret_id, nil when there is none. */
	int (*probe)(void *impl, struct mu_uuid *ret_id, struct mu_error *err);
	/* Make it; probe() said that there is none. */
	int (*create)(void *impl, struct mu_error *err);
	/* Remove it; a scan said that it is empty. Attached before and detached after. */
	int (*destroy)(void *impl, struct mu_error *err);
	/* Make it usable, again and again without harm; finishes what a crash has left of
	 * vdi_replace and of hold. */
	int (*attach)(void *impl, struct sr_caps *ret_caps, struct mu_error *err);
	int (*detach)(void *impl, struct mu_error *err);
	int (*usage)(void *impl, struct sr_usage *ret_usage, struct mu_error *err);
	int (*scan)(void *impl, struct sr_vdis *ret_vdis, struct mu_error *err);
	/* Again and again without harm. */
	int (*activate)(void *impl, const struct sr_vdi *vdi, bool readonly,
			struct sr_path *ret_path, struct mu_error *err);
	int (*deactivate)(void *impl, const struct mu_uuid *id, struct mu_error *err);
	/* optional: an operation of sr.c is over; what was read for it is no longer needed */
	void (*idle)(void *impl);
	/* optional, all NULL together: an SR whose VDIs are made by others */
	int (*vdi_create)(void *impl, const struct sr_vdi *vdi, struct mu_error *err);
	int (*vdi_remove)(void *impl, const struct mu_uuid *id, struct mu_error *err);
	/* New metadata, all at once; never the size. From partial to whole: its data is durable
	 * first. */
	int (*vdi_set)(void *impl, const struct sr_vdi *vdi, struct mu_error *err);
	/* Grow, also while it is active. */
	int (*vdi_resize)(void *impl, const struct mu_uuid *id, int64_t size_bytes,
			  struct mu_error *err);
	/* Share the blocks of the source with a new VDI: all that takes time, then the short part,
	 * for which a VM may stand still. Only with caps.instant_clone. */
	int (*clone_prepare)(void *impl, struct sr_clone *c, struct mu_error *err);
	int (*clone_take)(void *impl, const struct sr_clone *c, struct mu_error *err);
	/* optional, both or none, and then caps.holds_writers: from hold to release no write to
	 * the source of what was prepared ends, and those that have ended are in what is taken.
	 * *ret_held false: nobody writes it, no release follows. What a crash leaves held, attach
	 * releases. */
	int (*hold)(void *impl, const struct sr_clone *c, bool *ret_held, struct mu_error *err);
	int (*release)(void *impl, const struct sr_clone *c, struct mu_error *err);
	/* The data of `from` becomes the data of `vdi` and `from` is gone; neither is active. */
	int (*vdi_replace)(void *impl, const struct sr_vdi *vdi, const struct mu_uuid *from,
			   struct mu_error *err);
};

/* Checks the configuration. MU_E_INVALID names the parameter. `drivers` ends with NULL. */
int sr_new(const struct sr_ops *const *drivers, const struct sr_config *config,
	   const char *state_dir, struct sr **ret_sr, struct mu_error *err);
/* Takes NULL; returns NULL. Leaves it attached if it is. */
struct sr *sr_free(struct sr *sr);
MU_DEFINE_CLEANUP(sr_free, struct sr *);
const struct sr_config *sr_config_of(const struct sr *sr);

/* Make it, or find it when one of this id is there already (a shared SR, a second try): that is
 * SR_FOUND. MU_E_EXISTS: another SR is there. Leaves it attached. */
enum { SR_FOUND = 1 };
int sr_create(struct sr *sr, struct mu_error *err);
/* MU_E_NOT_FOUND: no SR, or another, is there. */
int sr_attach(struct sr *sr, struct mu_error *err);
int sr_detach(struct sr *sr, struct mu_error *err);
/* MU_E_STATE: it has VDIs. Detached afterwards. */
int sr_destroy(struct sr *sr, struct mu_error *err);
/* Before it is attached only the location. */
struct sr_caps sr_caps_of(struct sr *sr);
int sr_usage(struct sr *sr, struct sr_usage *ret_usage, struct mu_error *err);
/* Sorted by id. */
int sr_scan(struct sr *sr, struct sr_vdis *ret_vdis, struct mu_error *err);
void sr_vdis_deinit(struct sr_vdis *v);
static inline void sr_vdis_deinit_cleanup(struct sr_vdis *v)
{
	sr_vdis_deinit(v);
}
/* Appends; for drivers. MU_E_TOO_LARGE over SR_VDIS_MAX. */
int sr_vdis_add(struct sr_vdis *v, const struct sr_vdi *vdi, struct mu_error *err);
/* One of a scan, or MU_E_NOT_FOUND; partial ones are found too. */
int sr_find(struct sr *sr, const struct mu_uuid *id, struct sr_vdi *ret_vdi, struct mu_error *err);

/* Would sr_vdi_create() be refused for its size, with this usage? Any thread, at once. */
int sr_check_new(const struct sr *sr, const struct sr_usage *usage, int64_t size_bytes,
		 struct mu_error *err);

/* As the members of sr_ops, with everything checked. `size_bytes` is rounded up. MU_E_EXHAUSTED:
 * too large for the SR, or its pool is full (parameter "full_percent"). */
int sr_vdi_create(struct sr *sr, struct sr_vdi *vdi, struct mu_error *err);
int sr_vdi_remove(struct sr *sr, const struct mu_uuid *id, struct mu_error *err);
int sr_vdi_set(struct sr *sr, const struct sr_vdi *vdi, struct mu_error *err);
/* MU_E_INVALID: smaller than it is. */
int sr_vdi_resize(struct sr *sr, const struct sr_vdi *vdi, int64_t size_bytes,
		  struct mu_error *err);
int sr_clone_prepare(struct sr_clone *c, struct mu_error *err);
/* All that were prepared, in whatever SRs, at one moment: all writers are held that can be, all is
 * taken, all are let go. After a failure what was prepared is still to be removed. */
int sr_clones_take(struct sr_clone *const *list, size_t n, struct mu_error *err);
int sr_vdi_replace(struct sr *sr, const struct sr_vdi *vdi, const struct mu_uuid *from,
		   struct mu_error *err);
int sr_activate(struct sr *sr, const struct sr_vdi *vdi, bool readonly, struct sr_path *ret_path,
		struct mu_error *err);
int sr_deactivate(struct sr *sr, const struct mu_uuid *id, struct mu_error *err);
/* Name, description and tags: MU_E_INVALID for what is not UTF-8, has control characters or is too
 * long for its field (`what` names it). */
int sr_check_text(const char *what, const char *text, size_t max, struct mu_error *err);
/* A parameter's value, or NULL. */
const char *sr_config_get(const struct sr_config *config, const char *name);

#endif
