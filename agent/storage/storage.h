/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The storage repositories of this host: which there are, what is in them, who uses it, and
 * operations on them. On the loop thread; nothing here blocks: the work is done by threads of its
 * own, a few per SR, so one whose server is away holds up no other. Knows nothing of VMs but their
 * ids.
 *
 * SRs are files of the state directory. They are plugged in the background at start; one that
 * cannot be is shown all the same, with its trouble, and tried again and again.
 * docs/design/storage.md.
 */
#ifndef MUSTER_AGENT_STORAGE_STORAGE_H
#define MUSTER_AGENT_STORAGE_STORAGE_H

#include "agent/storage/image.h"
#include "agent/storage/sr.h"
#include "common/loop/loop.h"

struct storage;
struct storage_task;

struct storage_listener {
	/* An SR or VDI is new, or other than it was told last. */
	void (*changed)(const struct model_object *o, void *ctx);
	void (*removed)(const struct mu_uuid *id, void *ctx);
	void *ctx;
};

struct storage_options {
	struct mu_loop *loop;
	const char *state_dir; /* copied */
	struct host_id host;
	const struct sr_ops *const *drivers; /* ends with NULL; stays valid */
	struct storage_listener listener;
	mu_msec interval; /* between two looks at fill and content, 0 = 60 s */
};

enum storage_op_kind {
	STORAGE_SR_CREATE,
	STORAGE_SR_EDIT,
	STORAGE_SR_SCAN,
	STORAGE_SR_PLUG,
	STORAGE_SR_UNPLUG,
	STORAGE_SR_FORGET,
	STORAGE_SR_DESTROY,
	STORAGE_VDI_CREATE,
	STORAGE_VDI_EDIT, /* text, and size (grow) */
	STORAGE_VDI_DELETE,
	STORAGE_VDI_SNAPSHOT,
	STORAGE_VDI_CLONE,
	STORAGE_VDI_REVERT,
	STORAGE_VDI_MIGRATE, /* of a disk that nobody uses; its id changes */
	STORAGE_VDI_IMPORT,
	STORAGE_VDI_EXPORT,
	STORAGE_VDI_GIVE,      /* its bytes through the socket `fd`, as stream.h says */
	STORAGE_VDI_OVERWRITE, /* by an image; of a disk that nobody uses */
	STORAGE_HOLD,          /* a VM is about to use the VDI: activate it */
	STORAGE_RELEASE,       /* it does not any more */
	_STORAGE_OP_COUNT,
};

enum storage_tags { STORAGE_TAGS_SET, STORAGE_TAGS_ADD, STORAGE_TAGS_REMOVE };

/* Text to set; what has no flag stays. */
struct storage_text {
	bool has_name, has_description, has_tags;
	char name[MODEL_NAME_MAX + 1];
	char description[MODEL_TEXT_MAX + 1];
	enum storage_tags tags_are; /* ADD, REMOVE: EDIT only */
	size_t n_tags;
	char tags[MODEL_OBJECT_TAGS_MAX][MODEL_TAG_MAX + 1];
};

struct storage_op {
	/* inputs; copied when it starts */
	enum storage_op_kind kind;
	struct mu_uuid
	    object;        /* the SR (SR_*, VDI_CREATE, VDI_IMPORT) or VDI; unused by SR_CREATE */
	struct mu_uuid id; /* of what is made; nil = a random one */
	struct mu_uuid
	    other; /* REVERT: the snapshot; MIGRATE: the SR; CLONE: the SR or nil (the same) */
	struct storage_text text;
	struct sr_config config; /* SR_CREATE: type and parameters */
	int64_t size_bytes; /* VDI_CREATE, IMPORT (at least; 0 = as the image), EDIT (0 = stays) */
	enum vdi_type type; /* VDI_CREATE, IMPORT */
	bool readonly;      /* VDI_CREATE, HOLD */
	struct mu_uuid holder; /* HOLD, RELEASE: the VM */
	const char *path; /* IMPORT, OVERWRITE, EXPORT: an absolute path; EXPORT makes the file */
	struct image_part part; /* IMPORT: of that file; zero = all of it */
	enum image_format format;
	bool use_fd; /* GIVE; IMPORT: raw bytes from `fd` instead, size_bytes of them at most;
			duplicated */
	int fd;
	mu_msec deadline;                    /* from start; 0 = two minutes, none for what copies */
	void (*done)(struct storage_op *op); /* may start it again, or free it */
	void (*progress)(struct storage_op *op, int percent); /* may be NULL */
	void *ctx;
	/* results */
	int r;
	struct mu_error err;
	struct mu_uuid ret_id;
	struct sr_path ret_path; /* HOLD */
	/* private: zero before the first start */
	struct storage_task *priv;
};

/* Reads what is declared (blocking: at start). */
int storage_new(const struct storage_options *options, struct storage **ret_storage,
		struct mu_error *err);
/* Plug what is to be plugged, in the background. */
void storage_start(struct storage *s);
/* Cancels all, waits (also for the end of snapshots that are prepared), then done(ctx). Every
 * callback has come by then; SRs stay as they are. */
void storage_free(struct storage *s, mu_loop_cb done, void *ctx);

void storage_op_start(struct storage *s, struct storage_op *op);
/* Ask; the callback still comes. Harmless when it does not run. */
void storage_op_cancel(struct storage_op *op);
/* "vdi.create", ... */
const char *storage_op_name(enum storage_op_kind kind);

/* Could a disk of this size be made there, as far as is known now? Asked before somebody sends one;
 * what counts is what VDI_IMPORT finds. */
int storage_check_new(const struct storage *s, const struct mu_uuid *sr, int64_t size_bytes,
		      struct mu_error *err);
/* Could it be overwritten by one of this size? */
int storage_check_overwrite(const struct storage *s, const struct mu_uuid *vdi, int64_t size_bytes,
			    struct mu_error *err);
/* What the VDI's content is called as long as nobody writes it: of a snapshot always the same, of a
 * disk as long as the agent runs. False when there is no such VDI. */
enum { STORAGE_TAG_MAX = 95 };
bool storage_tag(const struct storage *s, const struct mu_uuid *vdi,
		 char ret[static STORAGE_TAG_MAX + 1]);

/* What is known now, for lists and verdicts; false when there is no such object. */
bool storage_find(const struct storage *s, const struct mu_uuid *id, struct model_object *ret);
/* Has every SR that is to be plugged been, or been found in trouble? Until then a VDI that is not
 * known may only not have been seen yet. */
bool storage_settled(const struct storage *s);
void storage_each(const struct storage *s, void (*each)(const struct model_object *o, void *ctx),
		  void *ctx);

/* A VM that runs already uses the VDI (found at start): as HOLD, but nothing is activated, and the
 * SR need not be there yet. MU_E_STATE: somebody else uses it. */
int storage_claim(struct storage *s, const struct mu_uuid *vdi, const struct mu_uuid *holder,
		  bool readonly, struct mu_error *err);

/*
 * Snapshots of a VM's disks at one moment. prepare -> (caller pauses the VM, if `ret_pause`) ->
 * take -> (resumes it) -> end. Each call is answered by `done`, from the loop. After a prepare that
 * succeeded, end must follow; `keep` false, or a take that failed, leaves no snapshot.
 */
enum { STORAGE_SNAPSHOTS_MAX = 16 };

struct storage_snapshots {
	/* inputs */
	size_t n;
	struct {
		struct mu_uuid vdi;
		struct mu_uuid id; /* of the snapshot; nil = a random one, filled in */
		char name[MODEL_NAME_MAX + 1];
	} list[STORAGE_SNAPSHOTS_MAX];
	void (*done)(struct storage_snapshots *ss);
	void *ctx;
	/* results of the last step */
	int r;
	struct mu_error err;
	bool ret_pause;      /* of prepare: an SR cannot hold the writer of its disk */
	int64_t ret_take_us; /* how long the step lasted for which the VM stood still */
	/* private: zero before prepare */
	struct storage_snapshot_run *priv;
};

void storage_snapshots_prepare(struct storage *s, struct storage_snapshots *ss);
void storage_snapshots_take(struct storage_snapshots *ss);
void storage_snapshots_end(struct storage_snapshots *ss, bool keep);

#endif
