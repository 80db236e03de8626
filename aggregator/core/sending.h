/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is to be sent of a series of steps to a store elsewhere, and what to make of its answers:
 * docs/design/metrics.md, "remote_write". PURE.
 */
#ifndef MUSTER_AGGREGATOR_CORE_SENDING_H
#define MUSTER_AGGREGATOR_CORE_SENDING_H

#include "common/base/rand.h"
#include "common/base/time.h"

#include <stdbool.h>
#include <stdint.h>

/* An object's samples are numbered steps; 0: none. */
struct sending_object {
	uint32_t sent;      /* all up to this one have been */
	uint32_t last;      /* the newest there is */
	uint32_t host_last; /* of the host that told of it last */
};

struct sending_window {
	uint32_t oldest; /* what is before is not kept any more */
	uint32_t synced; /* all that there was up to this step has been sent, of every object */
	uint32_t n_max;  /* to be sent at once */
	uint32_t end;    /* steps without a sample until an object is over */
};

struct sending_due {
	uint32_t first;
	uint32_t n;    /* 0: nothing */
	bool more;     /* there is more than n_max */
	bool over;     /* nothing comes any more: its series are to be ended, at `first` */
	uint32_t lost; /* steps at most that were not sent in time, and cannot be any more */
};

void sending_next(const struct sending_object *o, const struct sending_window *w,
		  struct sending_due *ret);

enum sending_verdict {
	SENDING_TAKEN,
	SENDING_AGAIN,   /* the same, later */
	SENDING_REFUSED, /* for good: the next */
};

/* Of an HTTP status; 0: there was no answer. */
enum sending_verdict sending_judge(int status);

enum { SENDING_WAIT_MAX_MS = 30 * 1000, SENDING_ASKED_MAX_MS = 60 * 1000 };

/* How long to wait after `n_failures` (at least one) in a row; `asked`: what the other side wants,
 * or 0. */
mu_msec sending_wait(unsigned n_failures, mu_msec asked, struct mu_rand *rand);

#endif
