/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contents of this host's disks, in and out: one conversation per struct mu_pipe, in lines of
 * JSON and bytes (docs/formats/transfer.md), and what outlasts them: uploads that are not complete,
 * and images that were made for somebody to download. docs/design/transfer.md.
 *
 * Loop thread; the work is done by threads. Knows nothing of users' rights and tasks, and of VMs
 * only that somebody makes archives of them.
 */
#ifndef MUSTER_AGENT_TRANSFER_TRANSFER_H
#define MUSTER_AGENT_TRANSFER_TRANSFER_H

#include "agent/storage/storage.h"
#include "common/base/pipe.h"

struct transfer_hub;

/* A VM becomes an archive; whoever owns the VMs does that. Embedded in its user. */
struct transfer_vm {
	/* inputs */
	struct mu_uuid vm;
	const char *path; /* to be made */
	const char *user;
	void (*done)(struct transfer_vm *v); /* once, never inside make */
	/* results */
	int r;
	struct mu_error err;
	void *priv; /* the maker's */
};

struct transfer_vms {
	/* What its content is called as long as it stays the same; "" = it changes all the time.
	 * MU_E_NOT_FOUND. *ret_bytes: room that the archive takes. */
	int (*look)(void *ctx, const struct mu_uuid *vm, char ret_tag[static STORAGE_TAG_MAX + 1],
		    int64_t *ret_bytes, struct mu_error *err);
	void (*make)(void *ctx, struct transfer_vm *v);
	/* Asks; done() still comes. */
	void (*cancel)(void *ctx, struct transfer_vm *v);
	void *ctx;
};

struct transfer_hub_options {
	struct mu_loop *loop;
	struct storage *storage;
	const char *state_dir; /* these are copied */
	const char *dir;       /* for bytes of uploads and for images that are made; absolute */
	const char *boot_id;
	struct transfer_vms vms;
};

struct transfer_request {
	struct mu_uuid object; /* a VDI, an SR, an upload: the arguments' `op` says which */
	const char *arguments; /* a JSON object */
	const char *user;
	const char *from;
};

/* Reads what there is of uploads (blocking: at start). */
int transfer_hub_new(const struct transfer_hub_options *options, struct transfer_hub **ret_hub,
		     struct mu_error *err);
/* Ends all conversations, waits for their threads, then done(ctx). Uploads stay. */
void transfer_hub_free(struct transfer_hub *hub, mu_loop_cb done, void *ctx);

/* A conversation; `near` leads to whoever asked. Nothing is sent inside. */
int transfer_hub_open(struct transfer_hub *hub, const struct transfer_request *rq,
		      struct mu_pipe near, struct mu_pipe *ret_far, struct mu_error *err);

/* A complete upload is about to be read: nobody writes or removes it until transfer_upload_done().
 * `ret_path` is valid as long. MU_E_STATE: it is not complete, or is being read already. */
int transfer_upload_take(struct transfer_hub *hub, const struct mu_uuid *id, const char **ret_path,
			 enum image_format *ret_format, struct mu_error *err);
/* `keep`: it was not the upload's fault. */
void transfer_upload_done(struct transfer_hub *hub, const struct mu_uuid *id, bool keep);

#endif
