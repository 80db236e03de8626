/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory for agent/stats' history that outlives the agent: files in a folder of a tmpfs, mapped.
 * Where that cannot be it is memory like any other, with a line in the log. Loop thread: what is
 * in a tmpfs is not waited for.
 */
#ifndef MUSTER_AGENT_APP_HISTORY_FILE_H
#define MUSTER_AGENT_APP_HISTORY_FILE_H

#include "common/base/str.h"

struct history_file;

/* `dir` is made when it is missing; NULL: in memory only. */
struct history_file *history_file_open(const char *dir);
struct history_file *history_file_free(struct history_file *f);
/* For struct archive_options: never NULL, valid until history_file_free(). */
void *history_file_rows(void *file, uint32_t shard, size_t size);
/* What history_encode() gave last; empty when there is nothing. */
void history_file_load(struct history_file *f, struct mu_str *out);
void history_file_save(struct history_file *f, const void *bytes, size_t len);

#endif
