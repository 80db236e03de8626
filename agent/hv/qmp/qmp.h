/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QEMU's monitor (QMP), as much of it as it takes to hear what the disks it serves have done: what
 * to say next, and reading what it says, which is bounded and not believed. PURE.
 *
 *     its greeting -> our qmp_capabilities -> its answer -> our query-blockstats -> its answer
 *
 * One object a line in both directions. Events come at any time and are passed over.
 */
#ifndef MUSTER_AGENT_HV_QMP_H
#define MUSTER_AGENT_HV_QMP_H

#include "agent/hv/hv_stats.h"
#include "common/base/error.h"
#include "common/base/str.h"

enum {
	QMP_LINE_MAX = 128 << 10,  /* what it says of a disk takes 1.5 KiB */
	QMP_HEARD_MAX = 256 << 10, /* with all events before the answer */
};

/* What it was asked last. */
enum qmp_asked { QMP_NOTHING, QMP_CAPABILITIES, QMP_BLOCKSTATS, _QMP_ASKED_COUNT };

/* A conversation. Zero is its beginning. */
struct qmp {
	enum qmp_asked asked;
	size_t n_heard;
	struct mu_str line;
};

/* The disks of a domain's QEMU, by vdev; `at` is left 0. */
struct qmp_disks {
	uint32_t n;
	struct hv_vbd_stats vbds[HV_DISKS_MAX];
};

void qmp_deinit(struct qmp *q);
/* Bytes that it said; what is to be said next is appended to `out`. 1: that was the answer, and
 * *ret is filled. 0: not yet. MU_E_IO: it refuses, in its own words; MU_E_PROTOCOL: what it says
 * makes no sense, or is too long. */
int qmp_hear(struct qmp *q, const char *data, size_t len, struct mu_str *out, struct qmp_disks *ret,
	     struct mu_error *err);

#endif
