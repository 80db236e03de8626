/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listening sockets on the loop, and the bookkeeping that keeps them alive: running out of file
 * descriptors pauses a listener for a while instead of spinning or dying, and the owner pauses it
 * when it has enough connections. Loop thread.
 */
#ifndef MUSTER_HTTP_LISTEN_H
#define MUSTER_HTTP_LISTEN_H

#include "common/http/http.h"

struct http_listener;

/* `fd` (non-blocking, close-on-exec) belongs to the callee. */
typedef void (*http_accept_cb)(int fd, const struct http_peer *peer, void *ctx);

/* "ADDR:PORT", "[ADDR]:PORT"; port 0 picks one. */
int http_listener_tcp(struct mu_loop *loop, const char *address, http_accept_cb on_accept,
		      void *ctx, struct http_listener **ret_listener, int *ret_port,
		      struct mu_error *err);
int http_listener_unix(struct mu_loop *loop, const char *path, mode_t mode,
		       http_accept_cb on_accept, void *ctx, struct http_listener **ret_listener,
		       struct mu_error *err);
/* Stop accepting (connections wait in the kernel's queue), and go on. Idempotent. */
void http_listener_pause(struct http_listener *l);
void http_listener_resume(struct http_listener *l);
/* Closes the socket and removes a Unix socket's file. Takes NULL; returns NULL. */
struct http_listener *http_listener_free(struct http_listener *l);

#endif
