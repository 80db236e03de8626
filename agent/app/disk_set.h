/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disks that are made together for a VM: all of them, or none. One after another, so that progress
 * means something; what was made is deleted again when one fails or it is cancelled, or when the
 * user says so later (disk_set_undo). Embedded in its user. Loop thread.
 */
#ifndef MUSTER_AGENT_APP_DISK_SET_H
#define MUSTER_AGENT_APP_DISK_SET_H

#include "agent/storage/storage.h"

struct app;
struct app_call;

enum { DISK_SET_MAX = 32 };

struct disk_set {
	/* inputs */
	struct app *app;
	size_t n;
	struct disk_set_item {
		enum storage_op_kind kind; /* STORAGE_VDI_CLONE, _CREATE, _IMPORT, _DELETE */
		struct mu_uuid object;     /* the VDI; CREATE, IMPORT: the SR */
		struct mu_uuid id;         /* of the new one */
		struct mu_uuid sr;         /* CLONE: where to, nil = the same */
		int64_t size_bytes;        /* CREATE; IMPORT: at least */
		const char *path;          /* IMPORT, with what follows */
		struct image_part part;
		enum image_format format;
		enum vdi_type type; /* CREATE, IMPORT */
		char name[MODEL_NAME_MAX + 1];
	} items[DISK_SET_MAX];
	struct app_call *call; /* its task says what becomes of each; NULL: none does */
	/* Once, from the loop; `err` NULL: all are there (disk_set_undo: none is). */
	void (*done)(struct disk_set *set, const struct mu_error *err);
	void (*progress)(struct disk_set *set, int percent); /* may be NULL */
	void *ctx;
	/* private */
	struct storage_op op;
	size_t at;
	bool running;
	bool undoing;
	bool cancelled;
	struct mu_error err;
};

/* No item: done() comes all the same. */
void disk_set_start(struct disk_set *set);
/* Asks; done() still comes. */
void disk_set_cancel(struct disk_set *set);
/* After a start that succeeded. What cannot be deleted is logged. */
void disk_set_undo(struct disk_set *set);

#endif
