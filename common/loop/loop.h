/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop thread and what libuv lacks: calling it from another thread, deferring, timers that
 * are safe to free, signals, blocking work, child processes.
 *
 * One loop per process; its thread owns all state. Everything here is called from that thread,
 * except mu_loop_post_from_thread(). Folders that may include libuv reach it with mu_loop_uv().
 */
#ifndef MUSTER_LOOP_LOOP_H
#define MUSTER_LOOP_LOOP_H

#include "common/base/error.h"
#include "common/base/mem.h"
#include "common/base/time.h"

#include <stdbool.h>

struct mu_loop;
struct mu_timer;
struct mu_signals;
struct uv_loop_s;

typedef void (*mu_loop_cb)(void *ctx);

struct mu_loop *mu_loop_new(void);
/* Takes NULL; returns NULL. Asserts that no handle is left open: a leak is a bug. */
struct mu_loop *mu_loop_free(struct mu_loop *loop);
MU_DEFINE_CLEANUP(mu_loop_free, struct mu_loop *);
/* Runs until mu_loop_stop(), or until nothing is left to wait for. */
void mu_loop_run(struct mu_loop *loop);
void mu_loop_stop(struct mu_loop *loop);
struct uv_loop_s *mu_loop_uv(struct mu_loop *loop);
/* Monotonic time, read once per iteration (cheap). */
mu_msec mu_loop_now(const struct mu_loop *loop);

/* Run cb(ctx) from the loop, soon, never inside this call; in order of posting. */
void mu_loop_post(struct mu_loop *loop, mu_loop_cb cb, void *ctx);
/* The same from any thread. Posts made before mu_loop_free() are all run. */
void mu_loop_post_from_thread(struct mu_loop *loop, mu_loop_cb cb, void *ctx);

/* Work goes on elsewhere (another thread) that will post: mu_loop_run() does not return before the
 * matching unref. */
void mu_loop_ref(struct mu_loop *loop);
void mu_loop_unref(struct mu_loop *loop);

/* A timer: cb(ctx) once, `delay` after mu_timer_set(). Setting it again moves it. */
struct mu_timer *mu_timer_new(struct mu_loop *loop, mu_loop_cb cb, void *ctx);
/* Takes NULL; returns NULL. Allowed inside its own callback. */
struct mu_timer *mu_timer_free(struct mu_timer *t);
void mu_timer_set(struct mu_timer *t, mu_msec delay);
void mu_timer_cancel(struct mu_timer *t);
bool mu_timer_is_set(const struct mu_timer *t);

/* cb for SIGINT, SIGTERM (stop) and, when `on_hup` is given, SIGHUP. Also ignores SIGPIPE. */
struct mu_signals *mu_signals_new(struct mu_loop *loop, mu_loop_cb on_stop, mu_loop_cb on_hup,
				  void *ctx);
struct mu_signals *mu_signals_free(struct mu_signals *s);

#endif
