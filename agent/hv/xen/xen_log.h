/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What libxl and libxc say: passed on to the log, and the last complaints kept, so that a failed
 * operation can tell its reason instead of "rc -3". One per thread that calls libxl.
 */
#ifndef MUSTER_AGENT_HV_XEN_LOG_H
#define MUSTER_AGENT_HV_XEN_LOG_H

#include <stddef.h>
#include <stdint.h>
#include <xentoollog.h>

enum { XEN_LOG_REASON_MAX = 260 };

struct xen_log;

struct xen_log *xen_log_new(void);
/* Takes NULL; returns NULL. */
struct xen_log *xen_log_free(struct xen_log *l);
xentoollog_logger *xen_log_logger(struct xen_log *l);
/* Called for each progress report of the save helper. */
void xen_log_on_progress(struct xen_log *l, void (*progress)(void *ctx, int percent), void *ctx);

/* "What was said from now on": a mark for xen_log_reason(). */
uint64_t xen_log_mark(const struct xen_log *l);
/* The first errors since `mark` that name `domid` or no domain at all; "" if there are none.
 * libxl reports the cause first, and then what failed because of it. */
void xen_log_reason(const struct xen_log *l, uint64_t mark, uint32_t domid,
		    char buf[static XEN_LOG_REASON_MAX]);

/* Takes "file.c:12:function: Domain 5:text" apart; returns the text and the domain's number, or
 * UINT32_MAX. For tests. */
const char *xen_log_strip(const char *line, uint32_t *ret_domid);

#endif
