/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of one directory, confined to it: a name never leads out through "..", a symbolic link or a
 * mount, and what is opened is a regular file. Changes are durable when a call returns. Blocking.
 */
#ifndef MUSTER_AGENT_STORAGE_DIR_FILES_H
#define MUSTER_AGENT_STORAGE_DIR_FILES_H

#include "common/base/error.h"
#include "common/base/str.h"

#include <stdbool.h>
#include <sys/types.h>

/* The directory itself. MU_E_INVALID: the path is relative or leads through a symbolic link. */
int dir_files_open_root(const char *path, int *ret_fd, struct mu_error *err);
/* openat(), confined; MU_E_NOT_FOUND, MU_E_EXISTS (O_EXCL), MU_E_DENIED (a link, no regular file).
 */
int dir_files_open(int root, const char *name, int flags, mode_t mode, int *ret_fd,
		   struct mu_error *err);
int dir_files_read(int root, const char *name, size_t max, struct mu_str *out,
		   struct mu_error *err);
/* Old or new content, whatever happens. */
int dir_files_replace(int root, const char *name, const char *data, size_t len,
		      struct mu_error *err);
/* A missing one is fine. */
int dir_files_remove(int root, const char *name, struct mu_error *err);
/* Over what is there. */
int dir_files_rename(int root, const char *from, const char *to, struct mu_error *err);
/* Can two files in it share blocks? */
int dir_files_reflinks(int root, bool *ret_can, struct mu_error *err);
/* Share all blocks of `from` with `to`. */
int dir_files_reflink(int from, int to, struct mu_error *err);

#endif
