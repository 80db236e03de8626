/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes through a socket whose other end the loop holds (agent/transfer), by a thread that may
 * block: it waits for the peer as long as that takes, and for nothing once it is cancelled.
 */
#ifndef MUSTER_AGENT_STORAGE_STREAM_H
#define MUSTER_AGENT_STORAGE_STREAM_H

#include "common/base/error.h"
#include "common/os/cancel.h"

#include <stddef.h>
#include <stdint.h>

/* Longest line of a conversation, its end included. */
enum { STREAM_LINE_MAX = 512, STREAM_TAG_MAX = 127 };

/* All of it. MU_E_CANCELLED also when the other end is closed: nobody is there to be told more. */
int stream_write(const struct mu_cancel *cancel, int sock, const void *data, size_t len,
		 struct mu_error *err);
/* At least a byte and at most `len`; 0 in *ret_n is the end. */
int stream_read(const struct mu_cancel *cancel, int sock, void *buf, size_t len, size_t *ret_n,
		struct mu_error *err);

/*
 * Give out a part of `fd`, which has `size_bytes` bytes that do not change and are called `tag`:
 *
 *   we    {"size": 4194304, "etag": "..."}
 *   they  {"offset": 0, "length": 4194304}
 *   we    the bytes
 *
 * MU_E_INVALID: there is no such part.
 */
int stream_give(const struct mu_cancel *cancel, int sock, int fd, int64_t size_bytes,
		const char *tag, struct mu_error *err);

#endif
