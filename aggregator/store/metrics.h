/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The catalogue of the metric archives: an object a row, its series as common/archive/catalogue.h
 * writes them.
 */
#ifndef MUSTER_AGGREGATOR_STORE_METRICS_H
#define MUSTER_AGGREGATOR_STORE_METRICS_H

#include "aggregator/store/hosts.h"

struct store_metric_object {
	struct mu_uuid id;
	struct mu_uuid host; /* that told of it last */
	uint32_t last;       /* newest step */
	struct store_blob series;
};

/* As store_hosts_list(). */
int store_metrics_list(struct store *s,
		       int (*each)(const struct store_metric_object *o, void *arg,
				   struct mu_error *err),
		       void *arg, struct mu_error *err);
void store_metrics_put(struct store_tx *tx, const struct store_metric_object *o);
void store_metrics_delete(struct store_tx *tx, const struct mu_uuid *id);

#endif
