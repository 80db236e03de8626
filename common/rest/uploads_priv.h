/* SPDX-License-Identifier: Apache-2.0 */
/* What uploads.c and uploads_whole.c share: a request's conversation with the host about an upload.
 * Loop thread. */
#ifndef MUSTER_REST_UPLOADS_PRIV_H
#define MUSTER_REST_UPLOADS_PRIV_H

#include "common/rest/talk.h"

struct upload_step {
	struct rest_talk talk;
	struct rest *rest;
	struct rest_user user;
	char from[64];
	struct host_id host;
	struct http_request *request; /* NULL: the client left */
	/* What comes for it, on its way to the host. */
	struct mu_str held;
	bool started; /* the host's part of the pipe is there */
	bool ended;
	bool end_sent;
	/* In one request: */
	bool whole;
	struct mu_uuid upload;
	const char *name;        /* of the new disk, NULL: as the upload says */
	const char *description; /* NULL: none */
	struct mu_value *vm;     /* it becomes one: arguments of vm.import_ova; NULL: a disk */
	/* What came of it */
	void (*replied)(struct upload_step *s, const struct mu_value *v);
};

extern const struct http_body_ops upload_body_ops;

struct upload_step *upload_step_new(struct rest_call *c, const struct host_id *host);
void upload_step_free(struct upload_step *s);
/* Begin to say `op`; s->replied follows, unless it fails. */
int upload_step_ask(struct upload_step *s, const char *op, const struct mu_uuid *object,
		    const char *arguments, struct mu_error *err);
void upload_reply_error(struct upload_step *s, const struct mu_error *err);
/* The client left, for http_reply_pending(). */
void upload_on_gone(void *ctx);
/* A member of the host's answer; "" when it is not there. */
const char *upload_text(const struct mu_value *v, const char *name);
int upload_read_format(struct rest_call *c, const char **ret, struct mu_error *err);

struct upload_creation {
	const char *format;
	const char *name; /* NULL: none */
	uint64_t size;
	bool replaces;
	bool whole;
	bool held;
};
/* The arguments of upload.create as JSON. */
const char *upload_create_arguments(struct rest_call *c, const struct upload_creation *what);
/* Bytes are on the host: when all are, what shall become of them? */
void upload_replied_written(struct upload_step *s, const struct mu_value *v);
/* uploads_whole.c: the upload goes, and nobody waits for that. */
void upload_step_remove(struct upload_step *s);

#endif
