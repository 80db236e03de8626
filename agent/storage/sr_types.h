/* SPDX-License-Identifier: Apache-2.0 */
/* What the storage contract (sr.h) speaks of. Plain data, copied by assignment; no ownership but
 * where it is said. Sizes in bytes, times in ms since 1970 UTC. */
#ifndef MUSTER_AGENT_STORAGE_SR_TYPES_H
#define MUSTER_AGENT_STORAGE_SR_TYPES_H

#include "common/model/object.h"

enum {
	SR_PARAMS_MAX = 8,
	SR_VDIS_MAX = 4096,
	SR_DISK_PATH_MAX = 511,
};
#define SR_VDI_SIZE_MAX ((int64_t)1 << 46) /* 64 TiB */

/* device_config: what an SR of a type needs to be found. */
struct sr_param {
	char name[32];
	char value[MODEL_PATH_MAX + 1];
};

struct sr_config {
	struct mu_uuid id;
	char type[16];
	size_t n_params;
	struct sr_param params[SR_PARAMS_MAX];
};

struct sr_usage {
	int64_t size_bytes;
	int64_t used_bytes;
	int32_t data_percent; /* -1: has no such thing */
	int32_t metadata_percent;
};

/* A disk. Its book-keeping is the SR's own, so it travels with the SR. */
struct sr_vdi {
	struct mu_uuid id;
	char name[MODEL_NAME_MAX + 1];
	char description[MODEL_TEXT_MAX + 1];
	size_t n_tags;
	char tags[MODEL_OBJECT_TAGS_MAX][MODEL_TAG_MAX + 1];
	enum vdi_type type;
	bool readonly;
	bool partial;               /* being made: nobody is shown it, see disk.h */
	struct mu_uuid snapshot_of; /* nil = none */
	mu_msec snapshot_at;
	struct mu_uuid parent;
	int64_t size_bytes;
	/* set by scan only */
	int64_t used_bytes; /* -1 = unknown */
	bool missing;       /* its data is not there */
};

/* Owned by the receiver: sr_vdis_deinit(). */
struct sr_vdis {
	struct sr_vdi *list;
	size_t n;
};

/* How Xen opens it. */
enum sr_backend { SR_BACKEND_PHY, SR_BACKEND_QDISK, _SR_BACKEND_COUNT };

struct sr_path {
	char path[SR_DISK_PATH_MAX + 1];
	char format[8]; /* "raw" */
	enum sr_backend backend;
	bool zero; /* a disk that was just created reads as zeroes */
};

/* A new VDI that shares its blocks with another. */
struct sr;
enum { SR_CLONES_MAX = 16 };
struct sr_clone {
	struct sr *sr;
	struct sr_vdi source;
	struct sr_vdi vdi;
	/* of sr.h and its drivers, between prepare and take */
	uint32_t handle[2];
	bool held;
};

/* What it can do where it lies; known once attached. */
struct sr_caps {
	bool shared;
	bool thin;
	bool iso;
	bool read_only;     /* no VDI can be made or changed */
	bool instant_clone; /* without copying, also of a disk that is being written */
	bool holds_writers; /* while it clones: that is one moment, though no VM is paused */
	char location[MODEL_PATH_MAX + 1];
};

#endif
