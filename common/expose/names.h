/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How series are called outside: docs/design/metrics.md, "Prometheus". PURE.
 *
 * Three sets of names. The native ones are in base units and say each thing once; the others are
 * those that dashboards made for other exporters ask for, as far as there is something to say.
 */
#ifndef MUSTER_EXPOSE_NAMES_H
#define MUSTER_EXPOSE_NAMES_H

#include "common/expose/text.h"

enum expose_names {
	EXPOSE_NATIVE,       /* muster_... */
	EXPOSE_XEN_EXPORTER, /* xen_..., of MikeDombo/xen-exporter (Grafana dashboard 16588) */
	EXPOSE_XO,           /* xcp_..., of Xen Orchestra's openmetrics plug-in */
	_EXPOSE_NAMES_COUNT,
};

enum expose_kind {
	EXPOSE_HOST,
	EXPOSE_VM,
	EXPOSE_PAGE, /* of the page itself: without labels of an object */
	_EXPOSE_KIND_COUNT,
};

/* What is said of objects besides their series, by names that no series has. */
#define EXPOSE_INFO "@info"            /* 1, with more labels */
#define EXPOSE_UP "@up"                /* a host: its agent is connected; a VM: it runs */
#define EXPOSE_DISK_READ "@read_all"   /* a host: of all its VMs' disks, bytes/s */
#define EXPOSE_DISK_WRITE "@write_all" /* the same */
#define EXPOSE_DURATION "@duration"    /* of the page: seconds that gathering took */

/* A rule: series of this name are shown in this way. */
struct expose_rule {
	enum expose_kind kind;
	/* "vif_#_rx": # stands for a number, * for any name. It becomes the label's value. */
	const char *source;
	const char *label; /* NULL: none */
	float scale;       /* a power of two, so that nothing is lost; 0: 1 */
	bool more;         /* a later rule may show it as well */
	/* .name NULL: not shown. EXPOSE_COUNTER: of the series' counter, which is not scaled; in
	 * seconds it is told in nanoseconds. */
	struct expose_family family;
};

/* Rules in order: the first that matches counts. */
const struct expose_rule *expose_rules(enum expose_names names, size_t *ret_n);
/* How a series is shown: a rule, and what its label says ("" without one). */
struct expose_match {
	const struct expose_rule *rule;
	const char *value; /* in the name, `len` bytes, all of them printable and plain */
	size_t len;
};

enum { EXPOSE_MATCHES_MAX = 4 };

/* All ways in which its value, or its counter, is shown, in order; 0: it is not. */
size_t expose_match(enum expose_names names, enum expose_kind kind, enum expose_type type,
		    const char *name, struct expose_match ret[EXPOSE_MATCHES_MAX]);

/* "native", "xen-exporter", "xo". */
bool expose_names_parse(const char *text, enum expose_names *ret);
const char *expose_names_text(enum expose_names names);

#endif
