/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/core/autostart.h"

#include <stdlib.h>
#include <string.h>

static int compare(const void *pa, const void *pb)
{
	const struct autostart_vm *a = pa;
	const struct autostart_vm *b = pb;

	if (a->order != b->order)
		return a->order < b->order ? -1 : 1;
	return memcmp(&a->id, &b->id, sizeof a->id);
}

void autostart_plan(struct autostart_vm *vms, size_t n)
{
	mu_msec at = 0;

	if (n)
		qsort(vms, n, sizeof *vms, compare);
	for (size_t i = 0; i < n; i++) {
		at += vms[i].delay;
		vms[i].at = at;
	}
}
