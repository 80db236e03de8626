/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can be read of a host on demand, beside the state that it reports by itself: documents that
 * are made when somebody asks, and kept nowhere. One operation struct for the whole way from REST
 * to the agent, on the loop thread of either program.
 */
#ifndef MUSTER_MODEL_HOST_READ_H
#define MUSTER_MODEL_HOST_READ_H

#include "common/base/error.h"
#include "common/base/id.h"
#include "common/base/list.h"
#include "common/base/str.h"
#include "common/base/time.h"

enum host_read_kind {
	HOST_READ_DETAILS,    /* JSON: hardware, hypervisor, devices */
	HOST_READ_DMESG,      /* text: the hypervisor's messages */
	HOST_READ_JOURNAL,    /* JSON: entries of the system's journal, oldest first */
	HOST_READ_BOOTS,      /* JSON: boots that the journal knows */
	HOST_READ_DEFINITION, /* JSON: of a VM (docs/formats/vm-definition.md) */
	_HOST_READ_KIND_COUNT,
};

enum {
	HOST_READ_UNIT_MAX = 127,
	HOST_READ_CURSOR_MAX = 255,
	HOST_READ_BOOT_LEN = 32,
	HOST_READ_LINES = 200, /* when it is not said */
	HOST_READ_LINES_MAX = 2000,
	HOST_READ_TEXT_MAX = 8 << 20, /* of the answer */
};

struct host_read {
	enum host_read_kind kind;
	/* of the journal; empty or 0 = all */
	char unit[HOST_READ_UNIT_MAX + 1];     /* "muster-agent.service" */
	char cursor[HOST_READ_CURSOR_MAX + 1]; /* an entry's: what comes after it */
	char boot[HOST_READ_BOOT_LEN + 1];     /* a boot's id, 32 hex digits */
	mu_msec since;                         /* ms since 1970 UTC */
	uint32_t lines;                        /* at most so many, 0 = HOST_READ_LINES */
	struct vm_id vm;                       /* of the definition */
};

/* "details", "dmesg", "journal", "boots", "definition". */
const char *host_read_name(enum host_read_kind kind);
/* MU_E_INVALID names the argument. What passes can be given to journalctl as it is. */
int host_read_check(const struct host_read *what, struct mu_error *err);

struct host_read_op {
	/* inputs */
	struct host_id host;
	struct host_read what;
	void (*done)(struct host_read_op *op); /* once, from the loop, never inside start */
	void *ctx;
	/* results */
	struct mu_str text; /* the reader's to free, when err.code is MU_E_NONE */
	struct mu_error err;
	/* private to who reads */
	struct mu_link link;
	void *priv;
};

#endif
