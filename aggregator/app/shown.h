/* SPDX-License-Identifier: Apache-2.0 */
/* Hosts and VMs as Prometheus sees them, on pages and in requests alike. Private to
 * aggregator/app. */
#ifndef MUSTER_AGGREGATOR_APP_SHOWN_H
#define MUSTER_AGGREGATOR_APP_SHOWN_H

#include "aggregator/app/app.h"
#include "common/expose/page.h"

enum { SHOWN_LABELS_MAX = 8 };

struct shown_labels {
	struct expose_label items[SHOWN_LABELS_MAX];
	size_t n;
};

/* `object` points into the rest; names are the model's. */
struct shown {
	struct expose_object object;
	struct shown_labels labels;
	struct shown_labels info;
	char id[MU_UUID_TEXT];
	char other[MU_UUID_TEXT]; /* of the host, or the pool */
};

void shown_host(const struct app *app, const struct model_host *h, enum expose_names names,
		struct shown *ret);
void shown_vm(const struct app *app, const struct model_vm *vm, enum expose_names names,
	      struct shown *ret);
/* Does it run? NaN: nobody knows. */
float shown_running(const struct model_vm *vm);

/* Of all VMs' disks on a host, at a step or (0) as it is now: unknown when one of them is. */
struct shown_disks {
	float read;
	float written;
	size_t n_series; /* that were looked at */
};

void shown_disks(const struct app *app, const struct model_host *h, uint32_t step,
		 struct shown_disks *ret);

#endif
