/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A piece of a file in memory, for who reads little of it often: pread() without the kernel. Where
 * it cannot be read any more, as the disk fails or the file was shortened, a process that looks
 * there is killed (SIGBUS); mu_mapped_copy() says so instead, and nobody else may look.
 *
 * One handler of SIGBUS for the process, set up by the first mapping; a SIGBUS of anybody else goes
 * to whom it went before. Any thread.
 */
#ifndef MUSTER_OS_MAPPED_H
#define MUSTER_OS_MAPPED_H

#include "common/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mu_mapped {
	const uint8_t *bytes; /* not to be looked at: whole pages */
	size_t n_bytes;
	int64_t at; /* in the file */
};

/* What is written to the file is in it; behind the file's end is nothing that can be read. The file
 * may be closed afterwards. */
int mu_mapped_init(struct mu_mapped *m, int fd, int64_t at, size_t n_bytes, struct mu_error *err);
void mu_mapped_deinit(struct mu_mapped *m);
/* From that place of the file; all of it in the piece. False: it cannot be read, and what is in
 * `ret` does not count; pread() knows why. May wait for the disk. */
bool mu_mapped_copy(const struct mu_mapped *m, int64_t at, void *ret, size_t n_bytes);
/* A copy of this piece will come soon: begin to read it from the disk, all at once, if that has to
 * be; a system call. */
void mu_mapped_read_ahead(const struct mu_mapped *m, int64_t at, size_t n_bytes);
/* The next copy will be of this: the processor fetches it meanwhile. What is not in the piece is
 * left out. */
void mu_mapped_prefetch(const struct mu_mapped *m, int64_t at, size_t n_bytes);

#endif
