/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All that is kept of one object, as the XML of a round-robin database: with the names as they are
 * (xcp-rrdd's files), or with such as `rrdtool restore` takes. One archive after the other, each
 * from an answer of its own. PURE.
 */
#ifndef MUSTER_RRD_DUMP_H
#define MUSTER_RRD_DUMP_H

#include "common/archive/stats.h"
#include "common/base/str.h"

enum rrd_flavour {
	RRD_RRDTOOL,
	RRD_XAPI,
	_RRD_FLAVOUR_COUNT,
};

bool rrd_flavour_parse(const char *text, enum rrd_flavour *ret); /* "rrdtool", "xapi" */

/* The archives, in the order they have in a file. */
struct rrd_archive {
	enum archive_level level;
	enum archive_cf cf;
};

enum { RRD_ARCHIVES = 10 };
extern const struct rrd_archive rrd_archives[RRD_ARCHIVES];

struct rrd_dump;

/* Of the series that `steps` has, up to its end. It is not looked at any more. */
struct rrd_dump *rrd_dump_new(enum rrd_flavour flavour, const struct stats_result *steps);
/* Takes NULL; returns NULL. */
struct rrd_dump *rrd_dump_free(struct rrd_dump *d);
MU_DEFINE_CLEANUP(rrd_dump_free, struct rrd_dump *);

/* The times that an archive of the file has rows of: what to ask for. */
void rrd_dump_span(const struct rrd_dump *d, enum archive_level level, int64_t *ret_start,
		   int64_t *ret_end);
/* What a file begins with, an archive, and its end. Rows that `r` (NULL: nothing is known) does not
 * have are unknown, and so is a series that it does not have. */
void rrd_dump_begin(const struct rrd_dump *d, struct mu_str *out);
void rrd_dump_archive(const struct rrd_dump *d, const struct rrd_archive *archive,
		      const struct stats_result *r, struct mu_str *out);
void rrd_dump_end(struct mu_str *out);

#endif
