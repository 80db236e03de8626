/* SPDX-License-Identifier: Apache-2.0 */
/* vCPUs, memory and scheduling of a domain that runs; the guest obeys in its own time. */
#include "common/base/str.h"
#include "tests/unit/agent/hv/contract_env.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MIB = 1 << 20 };

static struct wait *resource_op(struct env *e, enum hv_op_kind kind, struct hv_domid domid,
				const struct hv_resources *r)
{
	return env_op(e, (struct hv_op){.kind = kind, .domid = domid, .resources = r});
}

static int run(struct env *e, enum hv_op_kind kind, struct hv_domid domid,
	       const struct hv_resources *r, struct mu_error *err)
{
	return env_run(e, resource_op(e, kind, domid, r), err);
}

static int refused(struct env *e, enum hv_op_kind kind, struct hv_domid domid,
		   const struct hv_resources *r, struct mu_error *err)
{
	return env_refused(e, resource_op(e, kind, domid, r), MU_E_INVALID, err);
}

/* A guest with room above what it starts with. */
static int create_with_room(struct env *e, struct hv_vm_config *config, struct hv_domid *ret_domid,
			    struct mu_error *err)
{
	*config = env_guest(e);
	config->vcpus = config->vcpus_max = 2;
	config->memory_max_bytes = config->memory_bytes + 32 * (int64_t)MIB;
	if (env_create(e, config, ret_domid, err) < 0)
		return MU_FAILED;
	return env_wait_booted(e, *ret_domid, err);
}

static int wait_vcpus(struct env *e, struct hv_domid domid, uint32_t n, struct mu_error *err)
{
	struct hv_domain d = {.vcpus_online = 0};
	bool found = true;

	for (int i = 0; i < 600 && found && d.vcpus_online != n; i++) {
		if (env_find(e, domid, &found, &d, err) < 0)
			return MU_FAILED;
		env_pause(e, 50);
	}
	EXPECT(found && d.vcpus_online == n, "%" PRIu32 " vCPUs are online", d.vcpus_online);
	return 0;
}

static int expect_vcpus(struct env *e, struct hv_domid domid, uint32_t n, struct mu_error *err)
{
	MU_CLEANUP(mu_free) struct hv_vm_config *back = mu_xcalloc(1, sizeof *back);

	if (hv_config(e->hv, domid, back, err) < 0)
		return MU_FAILED;
	EXPECT(back->vcpus == n && back->vcpus_max == 2, "%" PRIu32 " of %" PRIu32, back->vcpus,
	       back->vcpus_max);
	return 0;
}

/* A Linux takes vCPUs down itself; bringing one up is left to its userland, which the lab's guest
 * does not have, so that is asked for only. */
static int vcpus_change(struct env *e, struct mu_error *err)
{
	struct hv_resources r = {.vcpus = 1};
	struct hv_vm_config config;
	struct hv_domid domid;

	if (create_with_room(e, &config, &domid, err) < 0 || wait_vcpus(e, domid, 2, err) < 0 ||
	    run(e, HV_SET_VCPUS, domid, &r, err) < 0 || wait_vcpus(e, domid, 1, err) < 0 ||
	    expect_vcpus(e, domid, 1, err) < 0)
		return MU_FAILED;
	r.vcpus = 2;
	if (run(e, HV_SET_VCPUS, domid, &r, err) < 0 || expect_vcpus(e, domid, 2, err) < 0)
		return MU_FAILED;
	r.vcpus = 3;
	if (refused(e, HV_SET_VCPUS, domid, &r, err) < 0)
		return MU_FAILED;
	r.vcpus = 0;
	return refused(e, HV_SET_VCPUS, domid, &r, err);
}

/* Within a few MiB of it: the hypervisor has pages of its own in it. */
static int wait_memory(struct env *e, struct hv_domid domid, int64_t bytes, struct mu_error *err)
{
	struct hv_domain d = {.memory_bytes = 0};
	bool found = true;

	for (int i = 0; i < 600 && found && llabs(d.memory_bytes - bytes) > 4 * MIB; i++) {
		if (env_find(e, domid, &found, &d, err) < 0)
			return MU_FAILED;
		env_pause(e, 50);
	}
	EXPECT(found && llabs(d.memory_bytes - bytes) <= 4 * MIB,
	       "it has %" PRId64 " MiB instead of %" PRId64, d.memory_bytes / MIB, bytes / MIB);
	return 0;
}

static int memory_changes(struct env *e, struct mu_error *err)
{
	MU_CLEANUP(mu_free) struct hv_vm_config *back = mu_xcalloc(1, sizeof *back);
	struct hv_vm_config config;
	struct hv_resources r = {.vcpus = 0};
	struct hv_domid domid;

	if (create_with_room(e, &config, &domid, err) < 0)
		return MU_FAILED;
	r.memory_bytes = config.memory_bytes + 16 * MIB;
	if (run(e, HV_SET_MEMORY, domid, &r, err) < 0 ||
	    wait_memory(e, domid, r.memory_bytes, err) < 0 ||
	    hv_config(e->hv, domid, back, err) < 0)
		return MU_FAILED;
	EXPECT(back->memory_bytes == r.memory_bytes &&
		   back->memory_max_bytes == config.memory_max_bytes,
	       "%" PRId64 " of %" PRId64 " bytes", back->memory_bytes, back->memory_max_bytes);
	r.memory_bytes = config.memory_bytes;
	if (run(e, HV_SET_MEMORY, domid, &r, err) < 0 ||
	    wait_memory(e, domid, r.memory_bytes, err) < 0)
		return MU_FAILED;
	r.memory_bytes = config.memory_max_bytes + MIB;
	if (refused(e, HV_SET_MEMORY, domid, &r, err) < 0)
		return MU_FAILED;
	r.memory_bytes = 0;
	return refused(e, HV_SET_MEMORY, domid, &r, err);
}

static int scheduling_changes(struct env *e, struct mu_error *err)
{
	struct hv_vm_config config = env_guest(e);
	struct hv_resources r = {.weight = 512, .cap = 50};
	struct hv_domid domid;

	if (env_create(e, &config, &domid, err) < 0 || run(e, HV_SET_SCHED, domid, &r, err) < 0 ||
	    hv_config(e->hv, domid, &config, err) < 0)
		return MU_FAILED;
	EXPECT(config.cpu_weight == 512 && config.cpu_cap == 50, "weight %" PRIu32 " cap %" PRIu32,
	       config.cpu_weight, config.cpu_cap);
	r = (struct hv_resources){.weight = 0, .cap = 0};
	if (run(e, HV_SET_SCHED, domid, &r, err) < 0)
		return MU_FAILED;
	r = (struct hv_resources){.weight = HV_WEIGHT_MAX + 1, .cap = HV_AS_IT_IS};
	if (refused(e, HV_SET_SCHED, domid, &r, err) < 0)
		return MU_FAILED;
	r = (struct hv_resources){.weight = 0, .cap = 100 * (int32_t)config.vcpus_max + 1};
	if (refused(e, HV_SET_SCHED, domid, &r, err) < 0)
		return MU_FAILED;
	r = (struct hv_resources){.weight = 0, .cap = HV_AS_IT_IS};
	return refused(e, HV_SET_SCHED, domid, &r, err);
}

static int affinity_changes(struct env *e, struct mu_error *err)
{
	struct hv_vm_config config = env_guest(e);
	struct hv_resources r = {.cpus_hard = "0", .cpus_soft = "all"};
	struct hv_domid domid;

	if (env_create(e, &config, &domid, err) < 0 ||
	    run(e, HV_SET_AFFINITY, domid, &r, err) < 0 ||
	    hv_config(e->hv, domid, &config, err) < 0)
		return MU_FAILED;
	EXPECT(!strcmp(config.cpus_hard, "0"), "cpus_hard \"%s\"", config.cpus_hard);
	r = (struct hv_resources){.cpus_hard = "", .cpus_soft = "0;"};
	if (run(e, HV_SET_AFFINITY, domid, &r, err) < 0 ||
	    hv_config(e->hv, domid, &config, err) < 0)
		return MU_FAILED;
	/* Of a single vCPU both say the same. */
	EXPECT(!strcmp(config.cpus_soft, "0") || !strcmp(config.cpus_soft, "0;"),
	       "cpus_soft \"%s\"", config.cpus_soft);
	r = (struct hv_resources){.cpus_hard = "4000"};
	if (refused(e, HV_SET_AFFINITY, domid, &r, err) < 0)
		return MU_FAILED;
	r = (struct hv_resources){.cpus_hard = "0-"};
	return refused(e, HV_SET_AFFINITY, domid, &r, err);
}

static int name_changes(struct env *e, struct mu_error *err)
{
	struct hv_vm_config first = env_guest(e), second = env_guest(e);
	struct hv_resources r = {.vcpus = 0};
	struct hv_domid domid, other;
	struct hv_domain d;
	bool found;

	(void)snprintf(r.name, sizeof r.name, "%.100s-renamed", first.name);
	if (env_create(e, &first, &domid, err) < 0 || env_create(e, &second, &other, err) < 0 ||
	    run(e, HV_SET_NAME, domid, &r, err) < 0 || hv_config(e->hv, domid, &first, err) < 0 ||
	    env_find(e, domid, &found, &d, err) < 0)
		return MU_FAILED;
	EXPECT(found && !strcmp(d.name, r.name), "the list says \"%s\"", d.name);
	EXPECT(!strcmp(first.name, r.name), "its configuration says \"%s\"", first.name);
	if (run(e, HV_SET_NAME, domid, &r, err) < 0) /* it has it already */
		return MU_FAILED;
	memcpy(r.name, second.name, sizeof r.name);
	if (env_refused(e, resource_op(e, HV_SET_NAME, domid, &r), MU_E_EXISTS, err) < 0)
		return MU_FAILED;
	(void)snprintf(r.name, sizeof r.name, "a/b");
	return refused(e, HV_SET_NAME, domid, &r, err);
}

const struct env_case contract_resources[] = {
    {"vCPUs come and go", vcpus_change},
    {"memory follows its target", memory_changes},
    {"weight and cap change", scheduling_changes},
    {"affinity changes", affinity_changes},
    {"name changes", name_changes},
    {NULL, NULL},
};
