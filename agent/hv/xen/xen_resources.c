/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vCPUs, memory, scheduling of a domain that runs. A guest brings vCPUs up and down, and fills its
 * balloon, itself: libxl asks it to, and what it has done is in the list of domains.
 */
#include "agent/hv/hv_cpus.h"
#include "agent/hv/xen/xen_change.h"

#include <inttypes.h>
#include <libxl_utils.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE_BYTES = 4096, KIB = 1024 };

static void record_after(struct job *job, int rc)
{
	if (rc == 0)
		job_record(job);
	else
		job_finish_by_rc(job, rc);
}

/* For libxl's calls that are done when they return. */
static void called(struct job *job, int rc)
{
	job->in_libxl = false;
	record_after(job, rc);
}

/* ---- vCPUs ---- */

void job_set_vcpus(struct job *job, const struct hv_domain *d)
{
	uint32_t n = job->resources->vcpus;

	if (n > d->vcpus_max) {
		job_fail(job, MU_E_INVALID,
			 "vcpus is %" PRIu32 "; this domain was started with at most %" PRIu32, n,
			 d->vcpus_max);
		return;
	}
	if (libxl_cpu_bitmap_alloc(job_ctx(job), &job->cpus, (int)d->vcpus_max) != 0) {
		job_fail(job, MU_E_EXHAUSTED, "no room for a map of vCPUs");
		return;
	}
	for (uint32_t i = 0; i < n; i++)
		libxl_bitmap_set(&job->cpus, (int)i);
	job_begun(job, libxl_set_vcpuonline(job_ctx(job), job->domid.value, &job->cpus,
					    job_expect(job, "libxl_set_vcpuonline", record_after)));
}

/* ---- memory ---- */

/* libxl lets a target be beyond what the host has; the guest would be left to try. */
static int check_target(struct job *job, const struct hv_domain *d, struct mu_error *err)
{
	int64_t more = job->resources->memory_bytes - d->memory_bytes;
	xc_physinfo_t info = {0};
	uint64_t free_bytes;

	if (job->memory_static_bytes > 0 && job->resources->memory_bytes > job->memory_static_bytes)
		return mu_error_set(err, MU_E_INVALID,
				    "memory is %" PRId64 " bytes, more than its maximum %" PRId64,
				    job->resources->memory_bytes, job->memory_static_bytes);
	if (more <= 0 || xc_physinfo(job_xch(job), &info) < 0)
		return 0;
	free_bytes = (info.free_pages + info.scrub_pages) * PAGE_BYTES;
	if ((uint64_t)more <= free_bytes)
		return 0;
	return mu_error_set(err, MU_E_EXHAUSTED,
			    "it would take %" PRId64 " MiB more and the host has %" PRIu64
			    " MiB free; hint: stop another VM, or give it less memory",
			    more >> 20, free_bytes >> 20);
}

void job_set_memory(struct job *job, const struct hv_domain *d)
{
	if (check_target(job, d, &job->err) < 0) {
		job_finish(job, MU_FAILED);
		return;
	}
	(void)job_expect(job, "libxl_set_memory_target", record_after);
	called(job, libxl_set_memory_target(job_ctx(job), job->domid.value,
					    job->resources->memory_bytes / KIB, 0, 1));
}

/* ---- scheduler ---- */

void job_set_sched(struct job *job, const struct hv_domain *d)
{
	const struct hv_resources *r = job->resources;
	libxl_domain_sched_params params;
	int rc;

	if (r->cap > 100 * (int32_t)d->vcpus_max) {
		job_fail(job, MU_E_INVALID,
			 "cap is %" PRId32 " %%; this domain has %" PRIu32 " vCPUs", r->cap,
			 d->vcpus_max);
		return;
	}

	libxl_domain_sched_params_init(&params); /* all as they are, the pool's scheduler */
	if (r->weight != 0)
		params.weight = (int)r->weight;
	if (r->cap != HV_AS_IT_IS)
		params.cap = r->cap;
	(void)job_expect(job, "libxl_domain_sched_params_set", record_after);
	rc = libxl_domain_sched_params_set(job_ctx(job), job->domid.value, &params);
	libxl_domain_sched_params_dispose(&params);
	called(job, rc);
}

/* ---- affinity ---- */

static bool fill_map(libxl_ctx *ctx, const char *text, uint32_t vcpu, int n_cpus, libxl_bitmap *map)
{
	struct hv_cpus *cpus = mu_xmalloc(sizeof *cpus);
	bool any = false;

	hv_cpus_of(text, vcpu, cpus);
	if (libxl_cpu_bitmap_alloc(ctx, map, n_cpus) == 0) {
		for (int i = 0; i < n_cpus && i < HV_CPUS_MAX; i++) {
			if (!cpus->has[i])
				continue;
			libxl_bitmap_set(map, i);
			any = true;
		}
	}
	free(cpus);
	return any;
}

static int set_one(struct job *job, uint32_t vcpu, int n_cpus, struct mu_error *err)
{
	const struct hv_resources *r = job->resources;
	libxl_bitmap hard, soft;
	int rc = 0;
	bool ok;

	libxl_bitmap_init(&hard);
	libxl_bitmap_init(&soft);
	ok = fill_map(job_ctx(job), r->cpus_hard, vcpu, n_cpus, &hard) &&
	     fill_map(job_ctx(job), r->cpus_soft, vcpu, n_cpus, &soft);
	if (ok)
		rc = libxl_set_vcpuaffinity(job_ctx(job), job->domid.value, vcpu, &hard, &soft);
	libxl_bitmap_dispose(&hard);
	libxl_bitmap_dispose(&soft);
	if (!ok)
		return mu_error_set(err, MU_E_INVALID,
				    "vCPU %" PRIu32 " would have no CPU; the host has 0 to %d",
				    vcpu, n_cpus - 1);
	if (rc == 0)
		return 0;
	job_note_error(job, rc);
	return MU_FAILED;
}

/* All vCPUs or none. */
static void put_back(struct job *job, const libxl_vcpuinfo *before, int n)
{
	for (int i = 0; i < n; i++)
		(void)libxl_set_vcpuaffinity(job_ctx(job), job->domid.value, before[i].vcpuid,
					     &before[i].cpumap, &before[i].cpumap_soft);
}

void job_set_affinity(struct job *job, const struct hv_domain *d)
{
	int n_cpus = libxl_get_max_cpus(job_ctx(job));
	int n = 0, n_host = 0, r = 0;
	libxl_vcpuinfo *before;

	(void)job_expect(job, "libxl_set_vcpuaffinity", record_after);
	job->in_libxl = false;
	before = libxl_list_vcpu(job_ctx(job), job->domid.value, &n, &n_host);
	if (!before || n_cpus <= 0) {
		job_fail(job, MU_E_IO, "libxl does not list the domain's vCPUs");
		return;
	}
	for (uint32_t i = 0; r == 0 && i < d->vcpus_max; i++)
		r = set_one(job, i, n_cpus, &job->err);
	if (r < 0)
		put_back(job, before, n);
	libxl_vcpuinfo_list_free(before, n);
	if (r < 0)
		job_finish(job, MU_FAILED);
	else
		job_record(job);
}

/* ---- name ---- */

/* It stands in xenstore, twice; libxl looks for another domain of that name first. */
void job_set_name(struct job *job, const struct hv_domain *d)
{
	const char *name = job->resources->name;
	uint32_t other;

	if (libxl_name_to_domid(job_ctx(job), name, &other) == 0) {
		if (other == d->domid.value)
			job_finish(job, 0);
		else
			job_fail(job, MU_E_EXISTS, "domain %" PRIu32 " has the name \"%s\" already",
				 other, name);
		return;
	}
	(void)job_expect(job, "libxl_domain_rename", record_after);
	called(job, libxl_domain_rename(job_ctx(job), d->domid.value, NULL, name));
}

static void free_maps(libxl_bitmap **maps, int *n)
{
	for (int i = 0; i < *n; i++)
		libxl_bitmap_dispose(&(*maps)[i]);
	free(*maps);
	*maps = NULL;
	*n = 0;
}

/* A record without lists means: anywhere. */
static void record_maps(struct job *job, const char *text, uint32_t n_vcpus,
			libxl_bitmap **ret_maps, int *ret_n)
{
	int n_cpus = libxl_get_max_cpus(job_ctx(job));

	free_maps(ret_maps, ret_n);
	if (text[0] == '\0' || n_cpus <= 0)
		return;
	*ret_maps = mu_xcalloc(n_vcpus, sizeof **ret_maps);
	*ret_n = (int)n_vcpus;
	for (uint32_t i = 0; i < n_vcpus; i++) {
		libxl_bitmap_init(&(*ret_maps)[i]);
		(void)fill_map(job_ctx(job), text, i, n_cpus, &(*ret_maps)[i]);
	}
}

void job_record_affinity(struct job *job, libxl_domain_config *record)
{
	libxl_domain_build_info *b = &record->b_info;
	uint32_t n = b->max_vcpus > 0 ? (uint32_t)b->max_vcpus : 1;

	record_maps(job, job->resources->cpus_hard, n, &b->vcpu_hard_affinity,
		    &b->num_vcpu_hard_affinity);
	record_maps(job, job->resources->cpus_soft, n, &b->vcpu_soft_affinity,
		    &b->num_vcpu_soft_affinity);
	/* libxl refuses its own placement beside lists. */
	if (b->num_vcpu_hard_affinity || b->num_vcpu_soft_affinity)
		libxl_defbool_set(&b->numa_placement, false);
}
