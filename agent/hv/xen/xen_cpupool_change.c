/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes of CPU pools, on a thread of their own (hv_cpupool.h): with a libxl context of its own as
 * well, so that a call that does not come back has nothing that others need.
 */
#include "agent/hv/hv_cpus.h"
#include "agent/hv/hv_device.h"
#include "agent/hv/xen/xen_convert.h"
#include "agent/hv/xen/xen_cpupool.h"
#include "agent/hv/xen/xen_log.h"

#include <libxl.h>
#include <libxl_utils.h>
#include <stdlib.h>

struct changing {
	libxl_ctx *ctx;
	const struct hv_cpupool_change *change;
	const char *what; /* the function that failed */
};

static int fill_map(struct changing *k, libxl_bitmap *map)
{
	MU_CLEANUP(mu_free) struct hv_cpus *cpus = mu_xcalloc(1, sizeof *cpus);
	int n_cpus = libxl_get_max_cpus(k->ctx);
	int rc = libxl_cpu_bitmap_alloc(k->ctx, map, n_cpus > 0 ? n_cpus : 0);

	hv_cpus_of(k->change->cpus, 0, cpus);
	for (int i = 0; rc == 0 && i < n_cpus && i < HV_CPUS_MAX; i++) {
		if (cpus->has[i])
			libxl_bitmap_set(map, i);
	}
	return rc;
}

static int create(struct changing *k, const libxl_bitmap *map)
{
	libxl_scheduler scheduler = LIBXL_SCHEDULER_UNKNOWN; /* Xen's default */
	uint32_t id = LIBXL_CPUPOOL_POOLID_ANY;
	libxl_uuid uuid;
	int rc = 0;

	k->what = "libxl_cpupool_create";
	if (k->change->scheduler[0])
		rc = libxl_scheduler_from_string(k->change->scheduler, &scheduler);
	else
		scheduler = (libxl_scheduler)libxl_get_scheduler(k->ctx);
	libxl_uuid_generate(&uuid);
	return rc != 0 ? rc
		       : libxl_cpupool_create(k->ctx, k->change->name, scheduler, *map, &uuid, &id);
}

static int change_cpus(struct changing *k)
{
	libxl_bitmap map;
	int rc;

	libxl_bitmap_init(&map);
	k->what = "libxl_cpu_bitmap_alloc";
	rc = fill_map(k, &map);
	if (rc == 0 && k->change->what == HV_CPUPOOL_CREATE) {
		rc = create(k, &map);
	} else if (rc == 0 && k->change->what == HV_CPUPOOL_ADD_CPUS) {
		k->what = "libxl_cpupool_cpuadd_cpumap";
		rc = libxl_cpupool_cpuadd_cpumap(k->ctx, k->change->id, &map);
	} else if (rc == 0) {
		k->what = "libxl_cpupool_cpuremove_cpumap";
		rc = libxl_cpupool_cpuremove_cpumap(k->ctx, k->change->id, &map);
	}
	libxl_bitmap_dispose(&map);
	return rc;
}

static void set_parameter(int *now, int32_t wanted)
{
	if (wanted != HV_AS_IT_IS)
		*now = wanted;
}

static int set_credit(struct changing *k)
{
	const struct hv_cpupool_change *c = k->change;
	libxl_sched_credit_params params;
	int rc;

	libxl_sched_credit_params_init(&params);
	k->what = "libxl_sched_credit_params_set";
	rc = libxl_sched_credit_params_get(k->ctx, c->id, &params);
	if (rc != 0)
		return rc;
	set_parameter(&params.tslice_ms, c->tslice_ms);
	set_parameter(&params.ratelimit_us, c->ratelimit_us);
	set_parameter(&params.vcpu_migr_delay_us, c->migration_delay_us);
	return libxl_sched_credit_params_set(k->ctx, c->id, &params);
}

static int set_credit2(struct changing *k)
{
	libxl_sched_credit2_params params;
	int rc;

	libxl_sched_credit2_params_init(&params);
	k->what = "libxl_sched_credit2_params_set";
	rc = libxl_sched_credit2_params_get(k->ctx, k->change->id, &params);
	if (rc != 0)
		return rc;
	set_parameter(&params.ratelimit_us, k->change->ratelimit_us);
	return libxl_sched_credit2_params_set(k->ctx, k->change->id, &params);
}

/* Only credit and credit2 have parameters (hv_cpupool_check.c). */
static int set_parameters(struct changing *k)
{
	libxl_cpupoolinfo info;
	int rc;

	libxl_cpupoolinfo_init(&info);
	k->what = "libxl_cpupool_info";
	rc = libxl_cpupool_info(k->ctx, &info, k->change->id);
	if (rc == 0)
		rc = info.sched == LIBXL_SCHEDULER_CREDIT ? set_credit(k) : set_credit2(k);
	libxl_cpupoolinfo_dispose(&info);
	return rc;
}

static int apply(struct changing *k)
{
	switch (k->change->what) {
	case HV_CPUPOOL_CREATE:
	case HV_CPUPOOL_ADD_CPUS:
	case HV_CPUPOOL_REMOVE_CPUS:
		return change_cpus(k);
	case HV_CPUPOOL_DESTROY:
		k->what = "libxl_cpupool_destroy";
		return libxl_cpupool_destroy(k->ctx, k->change->id);
	case HV_CPUPOOL_SET:
		return set_parameters(k);
	case HV_CPUPOOL_MOVE:
		k->what = "libxl_cpupool_movedomain";
		return libxl_cpupool_movedomain(k->ctx, k->change->id, k->change->domid.value);
	case _HV_CPUPOOL_WHAT_COUNT:
		break;
	}
	return ERROR_INVAL;
}

int xen_cpupool_change(void *impl, const struct hv_cpupool_change *change, struct mu_error *err)
{
	struct xen_log *log = xen_log_new();
	struct changing k = {.change = change, .what = "libxl_ctx_alloc"};
	uint64_t mark = xen_log_mark(log);
	char reason[XEN_LOG_REASON_MAX];
	int rc = libxl_ctx_alloc(&k.ctx, LIBXL_VERSION, 0, xen_log_logger(log));

	(void)impl;
	if (rc == 0)
		rc = apply(&k);
	if (rc != 0) {
		xen_log_reason(log, mark, change->domid.value, reason);
		(void)mu_error_set(err, xen_error_code(rc), "%s failed (rc %d, %s)%s%s", k.what, rc,
				   xen_error_name(rc), reason[0] ? ": " : "", reason);
	}
	if (k.ctx)
		(void)libxl_ctx_free(k.ctx);
	(void)xen_log_free(log);
	return rc == 0 ? 0 : MU_FAILED;
}
