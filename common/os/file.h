/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small files, whole: read with a limit, replaced atomically and durably. Blocking: from the loop
 * thread only at start; afterwards on a work thread (common/loop/work.h), except where a header
 * says why a short write on the loop is right. Any thread.
 */
#ifndef MUSTER_OS_FILE_H
#define MUSTER_OS_FILE_H

#include "common/base/error.h"
#include "common/base/str.h"

#include <stdbool.h>
#include <sys/types.h>

/* Append the file's bytes to `out`. MU_E_NOT_FOUND, MU_E_TOO_LARGE (over `max`), MU_E_IO. */
int mu_file_read(const char *path, size_t max, struct mu_str *out, struct mu_error *err);
/* Write to a temporary file beside it, fsync, rename over `path`, fsync the directory: after a
 * crash either the old or the new content is there. */
int mu_file_replace(const char *path, const void *data, size_t len, mode_t mode,
		    struct mu_error *err);
/* All of it at that place of an open file; not synchronised. */
int mu_file_write_at(int fd, const void *data, size_t len, int64_t at, struct mu_error *err);
/* All of it, from that place of an open file; what is behind its end reads as zeros. */
int mu_file_read_at(int fd, void *ret, size_t len, int64_t at, struct mu_error *err);
/* fsync the directory that `path` is in, so that its name in there lasts. */
int mu_file_sync_parent(const char *path, struct mu_error *err);
/* mkdir -p; existing is fine. */
int mu_file_mkdirs(const char *path, mode_t mode, struct mu_error *err);
/* Remove and fsync the directory; a missing file is fine. */
int mu_file_remove(const char *path, struct mu_error *err);
/* Rename to "<path>.damaged-<n>", for a file that cannot be used: kept for a person to look at.
 * The new name goes into `ret_name` (heap). */
int mu_file_set_aside(const char *path, char **ret_name, struct mu_error *err);
/* Call `each` for every entry whose name ends in `suffix`, in order of name. A negative result
 * from `each` stops and is returned. */
int mu_file_list(const char *dir, const char *suffix,
		 int (*each)(const char *path, const char *name, void *ctx, struct mu_error *err),
		 void *ctx, struct mu_error *err);
/* Remove what a crash has left of a mu_file_replace() of files that end in `suffix`: at start,
 * before anything writes there. A directory that is missing is fine. */
int mu_file_sweep(const char *dir, const char *suffix, struct mu_error *err);
/* Take an exclusive lock on `path` (made if missing), held until the process ends: two daemons on
 * one state directory would destroy it. MU_E_STATE when another holds it. */
int mu_file_lock(const char *path, struct mu_error *err);

#endif
