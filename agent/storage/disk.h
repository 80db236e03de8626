/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole operations on disks, in one or two SRs: what a user asks for. Each ends with the old or the
 * new state, also when the process is killed in it (intent.h), and leaves nothing behind when it
 * fails or is cancelled. Who may do what at the same time is the caller's business (storage.h): a
 * source is not written meanwhile, except by snapshots. Blocking.
 */
#ifndef MUSTER_AGENT_STORAGE_DISK_H
#define MUSTER_AGENT_STORAGE_DISK_H

#include "agent/storage/image.h"
#include "agent/storage/intent.h"
#include "agent/storage/sr.h"

enum { DISK_SNAPSHOTS_MAX = SR_CLONES_MAX };

struct disk_env {
	const char *state_dir;
	struct copy_watch watch;
};

/* In all of these `vdi` is the new disk's metadata; its size is filled in. */
int disk_create(const struct disk_env *e, struct sr *sr, struct sr_vdi *vdi, struct mu_error *err);
int disk_delete(const struct disk_env *e, struct sr *sr, const struct mu_uuid *id,
		struct mu_error *err);
/* Shares blocks where the SR can, else copies. */
int disk_clone(const struct disk_env *e, struct sr *sr, const struct sr_vdi *source,
	       struct sr_vdi *vdi, struct mu_error *err);
/* To another SR (or a full copy in the same one). Leaves the source active. */
int disk_copy(const struct disk_env *e, struct sr *from, const struct sr_vdi *source, struct sr *to,
	      struct sr_vdi *vdi, struct mu_error *err);
/* `vdi` gets the data and size of `snapshot`; it is not active. */
int disk_revert(const struct disk_env *e, struct sr *sr, const struct sr_vdi *vdi,
		const struct sr_vdi *snapshot, struct mu_error *err);
/* size_bytes of `vdi`: at least this large; 0 = as the image says. */
int disk_import(const struct disk_env *e, struct sr *sr, struct sr_vdi *vdi, const char *path,
		const struct image_part *part, enum image_format format, struct mu_error *err);
/* From a stream of raw bytes that ends; size_bytes of `vdi` says how many there may be. */
int disk_receive(const struct disk_env *e, struct sr *sr, struct sr_vdi *vdi, int fd,
		 struct mu_error *err);
/* Into a new file. Leaves the source active. */
int disk_export(const struct disk_env *e, struct sr *sr, const struct sr_vdi *source,
		const char *path, enum image_format format, struct mu_error *err);

/* Give out a part of its bytes through a socket (stream.h); `tag` is what a content that does not
 * change is called, where its file does not say that better. Leaves the source active. */
int disk_give(const struct disk_env *e, struct sr *sr, const struct sr_vdi *source, int sock,
	      const char *tag, struct mu_error *err);
/* `vdi`, which is not active, gets the data of an image, all of it or none. What the image does not
 * reach reads as zeroes; MU_E_TOO_LARGE when the disk is smaller. */
int disk_overwrite(const struct disk_env *e, struct sr *sr, const struct sr_vdi *vdi,
		   const char *path, enum image_format format, struct mu_error *err);

/*
 * Snapshots of several disks at the same moment: all is prepared, then taken in one short step (for
 * which the caller has paused the VM, if it writes to a disk whose SR does not hold its writers),
 * then finished. After prepare, exactly one of finish and abort follows, with take in between or
 * not.
 */
struct disk_snapshot {
	struct sr_clone clone; /* of its vdi, the snapshot, id and name are given */
	bool may_copy; /* nobody writes the source: prepare copies it if the SR cannot share */
	/* private */
	bool copied;
};

struct disk_snapshots {
	size_t n;
	struct disk_snapshot list[DISK_SNAPSHOTS_MAX];
	/* private */
	struct intent intent;
};

/* MU_E_UNSUPPORTED when an SR would have to copy a disk that is being written. */
int disk_snapshots_prepare(const struct disk_env *e, struct disk_snapshots *s,
			   struct mu_error *err);
int disk_snapshots_take(struct disk_snapshots *s, struct mu_error *err);
int disk_snapshots_finish(const struct disk_env *e, struct disk_snapshots *s, struct mu_error *err);
int disk_snapshots_abort(const struct disk_env *e, struct disk_snapshots *s, struct mu_error *err);

#endif
