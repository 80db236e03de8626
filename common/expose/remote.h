/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests of Prometheus' remote_write 1.0: the series of a page, with their times, as the protobuf
 * message WriteRequest. PURE.
 *
 * Written as it is put, without a tree of messages in between: the labels of an object are encoded
 * once, and copied to each of its series. Names, labels and scales are those of the page
 * (common/expose/names.h), so that whoever scrapes and whoever is written to has the same series.
 */
#ifndef MUSTER_EXPOSE_REMOTE_H
#define MUSTER_EXPOSE_REMOTE_H

#include "common/base/time.h"
#include "common/expose/page.h"

struct expose_remote;

/* The bits of the value that ends a series: what a scraper writes when it is not on a page any
 * more. */
#define EXPOSE_STALE UINT64_C(0x7ff0000000000002)

struct expose_remote *expose_remote_new(enum expose_names names);
/* Takes NULL; returns NULL. */
struct expose_remote *expose_remote_free(struct expose_remote *w);
MU_DEFINE_CLEANUP(expose_remote_free, struct expose_remote *);

/* Forget what was put, for the next request. */
void expose_remote_reset(struct expose_remote *w);
/* Of whom the following series are; labels without a value are left out, as Prometheus does. */
void expose_remote_object(struct expose_remote *w, const struct expose_object *o);

struct expose_values {
	size_t n;
	const mu_msec *at; /* since 1970 UTC, in order */
	const float *values;
	bool known; /* was there a value before the first? */
};

/* One series. What is not finite is left out; behind a value that is, it is the series' end. What
 * has no rule is not sent. */
void expose_remote_put(struct expose_remote *w, const char *name, const struct expose_values *v);

size_t expose_remote_n_samples(const struct expose_remote *w);
/* The request so far: valid until the next call. */
const struct mu_str *expose_remote_bytes(const struct expose_remote *w);

#endif
