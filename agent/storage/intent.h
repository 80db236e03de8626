/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The intent log: what must not outlive a crash. An intent is a file that names disks; it is
 * durable before the first of them is touched and removed after the operation has ended. One that
 * is found at start is of an operation that a crash cut off: the disks that it names are removed.
 *
 * That one rule serves every operation. What makes a disk names the new one (undo), what deletes
 * one names the old one (finish), a revert names its temporary one. docs/formats/storage.md.
 * Blocking.
 */
#ifndef MUSTER_AGENT_STORAGE_INTENT_H
#define MUSTER_AGENT_STORAGE_INTENT_H

#include "agent/storage/sr.h"

enum { INTENT_ITEMS_MAX = 32 };

struct intent {
	struct mu_uuid id;
	const char *why; /* "import", for a person who looks */
	size_t n;
	struct {
		struct mu_uuid sr;
		struct mu_uuid vdi;
	} items[INTENT_ITEMS_MAX];
};

/* `why` stays the caller's. */
void intent_init(struct intent *in, const char *why);
void intent_add(struct intent *in, const struct mu_uuid *sr, const struct mu_uuid *vdi);
/* At start, before any begins: what a crash kept from being written goes. */
int intent_sweep(const char *state_dir, struct mu_error *err);
int intent_begin(const char *state_dir, const struct intent *in, struct mu_error *err);
/* A failure leaves it for the next start: what it names would be removed, so it is an error. */
int intent_end(const char *state_dir, const struct intent *in, struct mu_error *err);
/* After attaching `sr` and before anything runs on it. *ret_n: disks that were named. */
int intent_recover(const char *state_dir, struct sr *sr, size_t *ret_n, struct mu_error *err);

#endif
