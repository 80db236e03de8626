/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of this folder share. transfer.c: conversations and their life; uploads.c and
 * exports.c: what they are about.
 */
#ifndef MUSTER_AGENT_TRANSFER_PRIV_H
#define MUSTER_AGENT_TRANSFER_PRIV_H

#include "agent/transfer/bridge.h"
#include "agent/transfer/transfer.h"
#include "agent/transfer/upload.h"
#include "common/base/list.h"
#include "common/base/value.h"
#include "common/loop/job.h"

enum {
	TRANSFERS_MAX = 16,        /* conversations at a time */
	TRANSFER_UPLOADS_MAX = 64, /* on this host */
	TRANSFER_EXPORTS_MAX = 8,  /* images that were made for downloads */
	TRANSFER_ARGUMENTS_MAX = 2048,
};

/* An upload as the loop knows it. */
struct upload_entry {
	struct mu_link link;
	struct upload upload;
	struct transfer *writer; /* writes it, or removes it */
	struct transfer *next;   /* waits for the writer's end */
	bool making;             /* its record is being written for the first time */
	bool taken;              /* is being read */
	bool doomed;             /* to be removed when nobody uses it any more */
};

/* An image that was made of a disk. */
struct export_entry {
	struct mu_link link;
	struct mu_uuid id;
	struct mu_uuid object; /* a VDI; of OVA, a VM */
	enum image_format format;
	char tag[STORAGE_TAG_MAX + 1]; /* the object's, when it was made */
	char *path;
	bool ready;
	unsigned n_users;
	mu_msec unused_since; /* loop's time */
};

/* A conversation, and the thread on its other side. */
struct transfer {
	struct mu_link link;
	struct transfer_hub *hub;
	struct bridge bridge;
	bool open;      /* the pipe */
	bool running;   /* a thread, an operation of the storage, or `vm` */
	bool cancelled; /* asked to stop */
	int fd;         /* the thread's end of the bridge */
	struct mu_job job;
	struct storage_op op;
	struct transfer_vm vm; /* vm.done NULL: none */
	/* for the thread */
	int (*run)(struct transfer *t, struct mu_error *err);
	struct upload upload; /* a copy */
	int64_t length;
	int64_t taken_bytes;
	struct mu_str reply; /* a line, or "" */
	const char *path;    /* of an export */
	char tag[MU_UUID_TEXT];
	/* results */
	int r;
	struct mu_error err;
	/* Loop, when it is over, however; may set t->r. NULL: nothing. */
	void (*over)(struct transfer *t);
	struct upload_entry *entry;
	struct export_entry *export;
};

struct transfer_hub {
	struct mu_loop *loop;
	struct storage *storage;
	char *state_dir;
	char *dir;
	char boot_id[MU_UUID_TEXT];
	struct transfer_vms vms;
	struct mu_timer *tick;
	struct mu_link transfers;
	unsigned n_transfers;
	struct mu_link uploads;
	unsigned n_uploads;
	struct mu_link exports;
	unsigned n_exports;
	bool stopping;
	mu_loop_cb stopped;
	void *stopped_ctx;
};

/* transfer.c */
struct upload_place transfer_place(const struct transfer_hub *hub);
/* A conversation with nobody, for work that is the hub's own. */
struct transfer *transfer_new(struct transfer_hub *hub);
/* Start t->run on a thread; t->over follows. */
void transfer_start(struct transfer *t);
/* The same with an operation of the storage: t->op, but for its callback. */
void transfer_start_op(struct transfer *t);
/* The same with an archive of a VM. */
void transfer_start_vm(struct transfer *t);
/* It failed before anything ran. */
void transfer_fail(struct transfer *t, const struct mu_error *err);
/* For run: write t->reply. */
int transfer_run_reply(struct transfer *t, struct mu_error *err);
void transfer_reply(struct transfer *t, const struct mu_value *v);
struct copy_watch transfer_watch(struct transfer *t);
/* Arguments. */
int transfer_number(const struct mu_value *args, const char *name, int64_t min, int64_t max,
		    int64_t *ret, struct mu_error *err);
int transfer_format(const struct mu_value *args, enum image_format *ret, struct mu_error *err);

/* uploads.c: begin a conversation; failing is transfer_fail(). */
int uploads_init(struct transfer_hub *hub, struct mu_error *err);
void uploads_deinit(struct transfer_hub *hub);
void uploads_sweep(struct transfer_hub *hub);
void uploads_create(struct transfer *t, const struct transfer_request *rq,
		    const struct mu_value *args);
void uploads_list(struct transfer *t, const struct transfer_request *rq,
		  const struct mu_value *args);
void uploads_status(struct transfer *t, const struct transfer_request *rq,
		    const struct mu_value *args);
void uploads_write(struct transfer *t, const struct transfer_request *rq,
		   const struct mu_value *args);
void uploads_remove(struct transfer *t, const struct transfer_request *rq,
		    const struct mu_value *args);

/* exports.c */
void exports_deinit(struct transfer_hub *hub);
void exports_sweep(struct transfer_hub *hub);
void exports_download(struct transfer *t, const struct transfer_request *rq,
		      const struct mu_value *args);
void exports_download_vm(struct transfer *t, const struct transfer_request *rq,
			 const struct mu_value *args);

#endif
