/* SPDX-License-Identifier: Apache-2.0 */
/* The document of details: what is not known is left out, not made up. */
#include "agent/host/details.h"
#include "common/json/json.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static void expect(const struct mu_value *v, const char *json)
{
	struct mu_str out = MU_STR_INIT;

	mu_json_write(&out, v, false);
	cr_expect_str_eq(out.data, json);
	mu_str_deinit(&out);
}

Test(host_details, nothing_known)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	MU_CLEANUP(mu_free) struct hv_host_details *d = mu_xcalloc(1, sizeof *d);
	struct mu_value *doc = mu_value_object(a);

	d->dom0_memory_max_bytes = -1;
	host_details_add(a, doc, d);
	expect(mu_value_get(doc, "xen"), "{\"hvm\":false,\"hap\":false,\"iommu\":false}");
	expect(mu_value_get(doc, "dom0"), "{\"vcpus\":0,\"memoryBytes\":0}");
	expect(mu_value_get(doc, "numa"), "[]");
	expect(mu_value_get(doc, "memoryMap"), "[]");
}

Test(host_details, nodes_have_their_cpus)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	MU_CLEANUP(mu_free) struct hv_host_details *d = mu_xcalloc(1, sizeof *d);
	struct mu_value *doc = mu_value_object(a);

	d->n_cpus = 2;
	d->cpus[0] = (struct hv_cpu){.id = 0, .node = 3};
	d->cpus[1] = (struct hv_cpu){.id = 5, .node = 1};
	d->n_nodes = 1;
	d->nodes[0] = (struct hv_node){.id = 1, .memory_bytes = 7, .free_bytes = 2};
	d->nodes[0].n_distances = 2;
	d->nodes[0].distances[1] = 10;
	d->n_ranges = 1;
	d->ranges[0] = (struct hv_memory_range){UINT64_C(1) << 60, UINT64_MAX, "ram"};
	host_details_add(a, doc, d);
	expect(mu_value_get(doc, "numa"), "[{\"node\":1,\"memoryBytes\":7,\"freeBytes\":2,"
					  "\"distances\":[0,10],\"cpus\":[5]}]");
	expect(mu_value_get(doc, "memoryMap"),
	       "[{\"start\":\"0x1000000000000000\",\"kind\":\"ram\"}]");
}

Test(host_details, pools)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	MU_CLEANUP(mu_free) struct hv_cpupool *p = mu_xcalloc(1, sizeof *p);

	p->id = 2;
	p->n_cpus = 1;
	p->cpus[0] = 4;
	p->n_domains = HV_POOL_DOMAINS_MAX + 1;
	p->tslice_ms = 30;
	p->ratelimit_us = 0;
	p->migration_delay_us = -1;
	(void)snprintf(p->scheduler, sizeof p->scheduler, "credit");
	for (size_t i = 0; i < HV_POOL_DOMAINS_MAX; i++)
		p->domains[i].value = 0;
	{
		const struct mu_value *v = host_details_pools(a, p, 1)->first;

		expect(mu_value_get(v, "cpus"), "[4]");
		expect(mu_value_get(v, "domainCount"), "257");
		cr_expect_eq(mu_value_get(v, "domains")->n_children, (size_t)HV_POOL_DOMAINS_MAX);
		expect(mu_value_get(v, "parameters"), "{\"tsliceMs\":30,\"ratelimitUs\":0}");
		cr_expect_null(mu_value_get(v, "name"));
	}
}

Test(host_details, bios)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	const struct model_bios bios = {.vendor = "SeaBIOS", .board_product = "X"};

	expect(host_details_bios(a, &bios), "{\"vendor\":\"SeaBIOS\",\"boardProduct\":\"X\"}");
}
