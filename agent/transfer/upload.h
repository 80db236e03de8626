/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An upload on the disk: a record in the state directory (docs/formats/transfer.md) and the bytes
 * that have come, in a file of the transfer directory. Its offset is the length of that file while
 * this boot lasts, as the kernel keeps what a process that was killed has written; after another
 * boot it is what the record says was on the disk. Blocking.
 */
#ifndef MUSTER_AGENT_TRANSFER_UPLOAD_H
#define MUSTER_AGENT_TRANSFER_UPLOAD_H

#include "agent/storage/image.h"
#include "common/base/id.h"
#include "common/model/object.h"

enum { UPLOAD_PATH_MAX = 1023 };

struct upload {
	struct mu_uuid id;
	struct mu_uuid object; /* the SR that it is for, or the VDI that it `replaces` */
	bool replaces;
	bool once; /* came in one request: nobody would try again with it */
	bool held; /* becomes nothing by itself: a call will read it */
	enum image_format format;
	int64_t size_bytes;
	int64_t offset; /* these are here */
	char name[MODEL_NAME_MAX + 1];
	char user[MODEL_NAME_MAX + 1];
	mu_msec created_at; /* ms since 1970 UTC, as all here */
	mu_msec touched_at; /* began, or got bytes */
	mu_msec lifetime;
	char path[UPLOAD_PATH_MAX + 1]; /* of the bytes */
};

struct upload_place {
	const char *state_dir;
	const char *dir;     /* of the bytes; absolute */
	const char *boot_id; /* of now */
};

/* Its record and an empty file; `taken` bytes are promised to others already. MU_E_EXHAUSTED: no
 * room. */
int upload_create(const struct upload_place *p, struct upload *u, int64_t taken,
		  struct mu_error *err);
int upload_remove(const struct upload_place *p, const struct upload *u, struct mu_error *err);
/* Append what comes out of `sock` until its end, at most `length` bytes. u->offset says what is
 * here, however it ends; durable when it is 0. MU_E_TOO_LARGE: more came. */
int upload_write(const struct upload_place *p, struct upload *u, int sock, int64_t length,
		 const struct copy_watch *w, struct mu_error *err);
/* All that are recorded; what is recorded nowhere is removed from `dir`. A damaged record is set
 * aside. */
int uploads_load(const struct upload_place *p, void (*each)(const struct upload *u, void *ctx),
		 void *ctx, struct mu_error *err);

/* Is there room for `size_bytes` more in a directory, and some left for others? */
int upload_check_room(const char *dir, int64_t size_bytes, struct mu_error *err);

#endif
