/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The counters of disks that QEMU serves, asked of each domain's QEMU over the socket that libxl
 * makes for such questions beside its own. Loop thread; nothing here waits: what a QEMU has not
 * answered by the time it is needed is unknown, and costs nobody else anything.
 */
#ifndef MUSTER_AGENT_HV_XEN_QMP_H
#define MUSTER_AGENT_HV_XEN_QMP_H

#include "agent/hv/hv_stats.h"
#include "common/loop/loop.h"

struct xen_qmp;

/* `dir` is libxl's ("/run/xen"). */
struct xen_qmp *xen_qmp_new(struct mu_loop *loop, const char *dir);
/* Takes NULL; returns NULL. Lets go of what is being asked. */
struct xen_qmp *xen_qmp_free(struct xen_qmp *q);
/* Asks the QEMUs of the domains that were there at the last xen_qmp_take(). */
void xen_qmp_ask(struct xen_qmp *q);
/* Adds what was answered since to the domains (in order of ids; so stay their disks), and ends the
 * asking. The disks of a QEMU that has answered before and now does not are there, with counters
 * that are unknown; of one that never has, or was not asked yet, nobody knows them. What dom0's
 * kernel counts is left as it is. */
void xen_qmp_take(struct xen_qmp *q, struct hv_domain_stats *domains, size_t n);

#endif
