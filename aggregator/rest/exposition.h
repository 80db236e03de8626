/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages for Prometheus (docs/design/metrics.md): the aggregator itself, the fleet, a host, and the
 * list of hosts' pages. A page of the fleet is gathered in turns of the loop of less than a
 * millisecond or so, and written as the peer takes it.
 */
#ifndef MUSTER_AGGREGATOR_REST_EXPOSITION_H
#define MUSTER_AGGREGATOR_REST_EXPOSITION_H

#include "common/expose/page.h"
#include "common/rest/rest.h"

struct exposition;

/* What pages are about; it may be gone when its turn comes. */
struct exposition_id {
	bool host; /* else a VM */
	struct mu_uuid id;
};

struct exposition_ops {
	void *ctx;
	void (*self)(void *ctx, enum expose_format format, struct mu_str *out);
	const struct model_host *(*host_find)(void *ctx, const struct host_id *id);
	void (*each_host)(void *ctx, bool (*each)(const struct model_host *h, void *arg),
			  void *arg);
	/* Of a host, or (NULL) all. */
	void (*each_vm)(void *ctx, const struct host_id *host,
			bool (*each)(const struct model_vm *vm, void *arg), void *arg);
	/* Put what is known of it now; how many series were looked at is returned. */
	size_t (*put)(void *ctx, const struct exposition_id *id, enum expose_names names,
		      struct expose_page *page);
};

/* `ops` must live as long. */
struct exposition *exposition_new(struct mu_loop *loop, const struct exposition_ops *ops);
/* After http_server_stop() is done. Takes NULL; returns NULL. */
struct exposition *exposition_free(struct exposition *ex);
void exposition_routes_add(struct rest *rest, struct exposition *ex);

#endif
