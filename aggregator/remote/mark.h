/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far objects were sent, as a file (docs/formats/metrics.md), so that the next start goes on
 * there. Private to aggregator/remote.
 */
#ifndef MUSTER_AGGREGATOR_REMOTE_MARK_H
#define MUSTER_AGGREGATOR_REMOTE_MARK_H

#include "common/base/error.h"
#include "common/base/id.h"
#include "common/base/str.h"

struct cursor {
	uint32_t sent;    /* up to this step */
	uint32_t present; /* the last of these that had a value; 0: none, or it was ended */
	uint32_t told;    /* newest step of what is said besides its series */
};

/* It is `step` now; then of each object. */
void mark_begin(struct mu_str *s, uint32_t step);
void mark_add(struct mu_str *s, const struct mu_uuid *id, const struct cursor *c);
void mark_end(struct mu_str *s);

/* MU_E_IO: these are no bytes of ours, or they are damaged; `each` has not been called then. It may
 * be NULL. */
int mark_read(const void *bytes, size_t len, uint32_t *ret_step,
	      void (*each)(void *ctx, const struct mu_uuid *id, const struct cursor *c), void *ctx,
	      struct mu_error *err);

#endif
