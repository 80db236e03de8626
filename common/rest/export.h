/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers made of many objects' values, piece by piece in turns of the loop, and sent when they are
 * whole. How many are made at a time is bounded, how large they may get, and how much of them waits
 * for who reads slowly. Embedded by its user.
 */
#ifndef MUSTER_REST_EXPORT_H
#define MUSTER_REST_EXPORT_H

#include "common/rest/call.h"

enum {
	EXPORTS_MAX = 8,
	EXPORT_BYTES_MAX = 128 << 20,
	EXPORTS_HELD_MAX = 512 << 20, /* more of them waiting: no further one begins */
};

struct export
{
	struct rest *rest;
	struct http_request *request; /* NULL: the peer left */
	struct mu_str text;
};

/* May another one begin? MU_E_UNAVAILABLE. */
int export_check_room(const struct rest *rest, struct mu_error *err);
/* The handler's reply: pending, and the export begins; or the refusal, with e->request NULL. */
struct http_reply *export_begin(struct rest_call *c, struct export *e);
/* Answer with what the text is, or with the error. The peer is still there. */
void export_finish(struct export *e, const char *type, const struct mu_error *err);
void export_deinit(struct export *e);

#endif
