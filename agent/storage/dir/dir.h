/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What other drivers take from `dir`: an SR of raw files in a directory that they provide (nfs
 * mounts it). Their impl begins with a struct dir_sr, and the functions below stand in their
 * tables.
 */
#ifndef MUSTER_AGENT_STORAGE_DIR_H
#define MUSTER_AGENT_STORAGE_DIR_H

#include "agent/storage/sr.h"

enum { DIR_GRANULARITY = 512 };

struct dir_sr {
	struct mu_uuid id;
	char path[MODEL_PATH_MAX + 1];     /* of the directory, absolute */
	char location[MODEL_PATH_MAX + 1]; /* as it is shown */
	bool shared;
	int root; /* the open directory; -1 while detached */
};

int dir_probe(void *impl, struct mu_uuid *ret_id, struct mu_error *err);
int dir_create(void *impl, struct mu_error *err);
int dir_destroy(void *impl, struct mu_error *err);
int dir_attach(void *impl, struct sr_caps *ret_caps, struct mu_error *err);
int dir_detach(void *impl, struct mu_error *err);
int dir_usage(void *impl, struct sr_usage *ret_usage, struct mu_error *err);
int dir_scan(void *impl, struct sr_vdis *ret_vdis, struct mu_error *err);
int dir_activate(void *impl, const struct sr_vdi *vdi, bool readonly, struct sr_path *ret_path,
		 struct mu_error *err);
int dir_deactivate(void *impl, const struct mu_uuid *id, struct mu_error *err);
int dir_vdi_create(void *impl, const struct sr_vdi *vdi, struct mu_error *err);
int dir_vdi_remove(void *impl, const struct mu_uuid *id, struct mu_error *err);
int dir_vdi_set(void *impl, const struct sr_vdi *vdi, struct mu_error *err);
int dir_vdi_resize(void *impl, const struct mu_uuid *id, int64_t size_bytes, struct mu_error *err);
int dir_clone_prepare(void *impl, struct sr_clone *c, struct mu_error *err);
int dir_clone_take(void *impl, const struct sr_clone *c, struct mu_error *err);
int dir_vdi_replace(void *impl, const struct sr_vdi *vdi, const struct mu_uuid *from,
		    struct mu_error *err);

#endif
