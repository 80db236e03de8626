/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copying a disk's bytes. Holes of a sparse file and blocks of zeroes are not written where the
 * target is known to read as zeroes, so that a thin disk stays thin. Blocking; any thread.
 */
#ifndef MUSTER_AGENT_STORAGE_COPY_H
#define MUSTER_AGENT_STORAGE_COPY_H

#include "common/base/error.h"
#include "common/base/mem.h"
#include "common/os/cancel.h"

#include <stdint.h>

/* How one that waits follows and ends long work. */
struct copy_watch {
	const struct mu_cancel *cancel;           /* NULL: nobody ends it */
	void (*progress)(void *ctx, int percent); /* or NULL */
	void *ctx;
};

/* 0, or MU_E_CANCELLED. Tells the percentage when it is a new one. `last` begins at 0. */
int copy_step(const struct copy_watch *w, int64_t done, int64_t total, int *last,
	      struct mu_error *err);
/* From a file or device of at least `size_bytes` to another, from offset 0 on, and fsync. Errors
 * name the side that failed. */
int copy_raw(const struct copy_watch *w, int from, int to, int64_t size_bytes, bool to_is_zero,
	     struct mu_error *err);
/* The same from a stream (a pipe, a socket) of unknown length. MU_E_TOO_LARGE when more than
 * `size_max` bytes come. */
int copy_stream(const struct copy_watch *w, int from, int to, int64_t size_max, bool to_is_zero,
		struct mu_error *err);
/* close() for descriptors in locals: __attribute__((cleanup(copy_close))) int fd = -1; */
void copy_close(int *fd);

#endif
