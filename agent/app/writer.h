/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Durable writes off the loop, in order: journal lines, files replaced, removed and kept. One
 * batch is on the pool thread at a time; journal lines that wait meanwhile share one fsync.
 * `done(arg, NULL or error)` comes from the loop, in order, when it is on the disk.
 */
#ifndef MUSTER_AGENT_APP_WRITER_H
#define MUSTER_AGENT_APP_WRITER_H

#include "common/base/str.h"
#include "common/loop/loop.h"

#include <sys/types.h>

struct writer;

typedef void (*writer_done)(void *arg, const struct mu_error *err);

/* Opens (makes) the journal file. */
int writer_new(struct mu_loop *loop, const char *journal_path, struct writer **ret_writer,
	       struct mu_error *err);
/* Nothing may be waiting (writer_drain). Takes NULL; returns NULL. */
struct writer *writer_free(struct writer *w);
MU_DEFINE_CLEANUP(writer_free, struct writer *);

/* `done` may be NULL in all of them. Bytes are taken over and `*text` left empty. */
void writer_append(struct writer *w, struct mu_str *text, writer_done done, void *arg);
/* The journal's whole new text. */
void writer_rewrite(struct writer *w, struct mu_str *text, writer_done done, void *arg);
void writer_replace(struct writer *w, const char *path, struct mu_str *text, mode_t mode,
		    writer_done done, void *arg);
void writer_remove(struct writer *w, const char *path, writer_done done, void *arg);
/* fsync `from` and rename it to `to`. */
void writer_keep(struct writer *w, const char *from, const char *to, writer_done done, void *arg);
/* `to` becomes another name of the file `from`, which is durable and not written any more. */
void writer_link(struct writer *w, const char *from, const char *to, writer_done done, void *arg);
/* writer_keep() at once, blocking: at start only. */
int writer_keep_now(const char *from, const char *to, struct mu_error *err);
/* done(arg) from the loop when all that was asked for so far has been called back. */
void writer_drain(struct writer *w, mu_loop_cb done, void *arg);

#endif
