/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of a download (RFC 9110, 14) and the headers of uploads that can be resumed (tus 1.0.0).
 * Pure. */
#ifndef MUSTER_REST_RANGE_H
#define MUSTER_REST_RANGE_H

#include "common/base/arena.h"
#include "common/base/error.h"

#include <stdbool.h>
#include <stdint.h>

enum range_kind {
	RANGE_WHOLE, /* none, or one that is not understood: it may be ignored */
	RANGE_PART,
	RANGE_NONE, /* beyond the end: 416 */
};

/* `text` (may be NULL) is the header; *ret_offset and *ret_length are filled for WHOLE and PART.
 * Several parts are answered with the whole. */
enum range_kind range_parse(const char *text, uint64_t size, uint64_t *ret_offset,
			    uint64_t *ret_length);

/* Upload-Metadata: "key base64,key base64,key". The value of `key`, NULL when it is absent; ""
 * for one without. MU_E_PROTOCOL when the header is malformed, or the value no text. */
int upload_metadata(struct mu_arena *a, const char *header, const char *key, const char **ret,
		    struct mu_error *err);
/* "key base64" for the same header. */
const char *upload_metadata_item(struct mu_arena *a, const char *key, const char *value);

#endif
