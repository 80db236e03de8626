/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/host/details.h"

#include <inttypes.h>
#include <stdio.h>

static void set_text(struct mu_arena *a, struct mu_value *v, const char *name, const char *text)
{
	if (text[0])
		mu_value_set_string(a, v, name, text);
}

static void push_int(struct mu_arena *a, struct mu_value *list, int64_t n)
{
	mu_value_push(list, mu_value_int(a, n));
}

static struct mu_value *cpu_value(struct mu_arena *a, const struct hv_host_details *d)
{
	struct mu_value *v = mu_value_object(a);
	struct mu_value *list;

	set_text(a, v, "vendor", d->cpu_vendor);
	set_text(a, v, "modelName", d->cpu_model_name);
	mu_value_set_int(a, v, "family", d->cpu_family);
	mu_value_set_int(a, v, "model", d->cpu_model);
	mu_value_set_int(a, v, "stepping", d->cpu_stepping);
	set_text(a, v, "microcode", d->microcode);
	mu_value_set_int(a, v, "mhz", d->cpu_mhz);
	mu_value_set_int(a, v, "count", (int64_t)d->n_cpus);
	mu_value_set_int(a, v, "sockets", d->sockets);
	mu_value_set_int(a, v, "coresPerSocket", d->cores_per_socket);
	mu_value_set_int(a, v, "threadsPerCore", d->threads_per_core);
	set_text(a, v, "features", d->cpu_features);
	set_text(a, v, "hwCaps", d->hw_caps);
	list = mu_value_set(a, v, "topology", mu_value_list(a));
	for (size_t i = 0; i < d->n_cpus; i++) {
		struct mu_value *cpu = mu_value_push(list, mu_value_object(a));

		mu_value_set_int(a, cpu, "cpu", d->cpus[i].id);
		mu_value_set_int(a, cpu, "core", d->cpus[i].core);
		mu_value_set_int(a, cpu, "socket", d->cpus[i].socket);
		mu_value_set_int(a, cpu, "node", d->cpus[i].node);
	}
	return v;
}

static struct mu_value *numa_value(struct mu_arena *a, const struct hv_host_details *d)
{
	struct mu_value *nodes = mu_value_list(a);

	for (size_t i = 0; i < d->n_nodes; i++) {
		const struct hv_node *node = &d->nodes[i];
		struct mu_value *v = mu_value_push(nodes, mu_value_object(a));
		struct mu_value *list;

		mu_value_set_int(a, v, "node", node->id);
		mu_value_set_int(a, v, "memoryBytes", node->memory_bytes);
		mu_value_set_int(a, v, "freeBytes", node->free_bytes);
		list = mu_value_set(a, v, "distances", mu_value_list(a));
		for (size_t k = 0; k < node->n_distances; k++)
			push_int(a, list, node->distances[k]);
		list = mu_value_set(a, v, "cpus", mu_value_list(a));
		for (size_t k = 0; k < d->n_cpus; k++)
			if (d->cpus[k].node == node->id)
				push_int(a, list, d->cpus[k].id);
	}
	return nodes;
}

static struct mu_value *memory_value(struct mu_arena *a, const struct hv_host_details *d)
{
	struct mu_value *v = mu_value_object(a);

	mu_value_set_int(a, v, "totalBytes", d->memory_total_bytes);
	mu_value_set_int(a, v, "freeBytes", d->memory_free_bytes);
	mu_value_set_int(a, v, "claimedBytes", d->memory_claimed_bytes);
	return v;
}

/* Addresses as hex texts: they need more than the 53 bits that some readers of JSON have. */
static struct mu_value *map_value(struct mu_arena *a, const struct hv_host_details *d)
{
	struct mu_value *list = mu_value_list(a);

	for (size_t i = 0; i < d->n_ranges; i++) {
		const struct hv_memory_range *r = &d->ranges[i];
		struct mu_value *v = mu_value_push(list, mu_value_object(a));

		mu_value_set_string(a, v, "start",
				    mu_arena_printf(a, "0x%llx", (unsigned long long)r->start));
		if (r->size <= INT64_MAX)
			mu_value_set_int(a, v, "sizeBytes", (int64_t)r->size);
		mu_value_set_string(a, v, "kind", r->kind);
	}
	return list;
}

static struct mu_value *xen_value(struct mu_arena *a, const struct hv_host_details *d)
{
	struct mu_value *v = mu_value_object(a);

	set_text(a, v, "version", d->xen_version);
	set_text(a, v, "extra", d->xen_extra);
	set_text(a, v, "changeset", d->xen_changeset);
	set_text(a, v, "buildId", d->xen_build_id);
	set_text(a, v, "compiler", d->compiler);
	set_text(a, v, "compiledBy", d->compiled_by);
	set_text(a, v, "compileDomain", d->compile_domain);
	set_text(a, v, "compileDate", d->compile_date);
	set_text(a, v, "commandLine", d->xen_command_line);
	set_text(a, v, "capabilities", d->xen_caps);
	set_text(a, v, "virtCaps", d->virt_caps);
	set_text(a, v, "scheduler", d->scheduler);
	mu_value_set_bool(a, v, "hvm", d->hvm);
	mu_value_set_bool(a, v, "hap", d->hap);
	mu_value_set_bool(a, v, "iommu", d->iommu);
	return v;
}

static struct mu_value *dom0_value(struct mu_arena *a, const struct hv_host_details *d)
{
	struct mu_value *v = mu_value_object(a);

	set_text(a, v, "kernel", d->dom0_kernel);
	set_text(a, v, "commandLine", d->dom0_command_line);
	mu_value_set_int(a, v, "vcpus", d->dom0_vcpus);
	mu_value_set_int(a, v, "memoryBytes", d->dom0_memory_bytes);
	if (d->dom0_memory_max_bytes >= 0)
		mu_value_set_int(a, v, "memoryMaxBytes", d->dom0_memory_max_bytes);
	return v;
}

void host_details_add(struct mu_arena *a, struct mu_value *doc, const struct hv_host_details *d)
{
	mu_value_set(a, doc, "cpu", cpu_value(a, d));
	mu_value_set(a, doc, "numa", numa_value(a, d));
	mu_value_set(a, doc, "memory", memory_value(a, d));
	mu_value_set(a, doc, "memoryMap", map_value(a, d));
	mu_value_set(a, doc, "xen", xen_value(a, d));
	mu_value_set(a, doc, "dom0", dom0_value(a, d));
}

static void set_parameter(struct mu_arena *a, struct mu_value *v, const char *name, int32_t n)
{
	if (n >= 0)
		mu_value_set_int(a, v, name, n);
}

struct mu_value *host_details_pools(struct mu_arena *a, const struct hv_cpupool *pools, size_t n)
{
	struct mu_value *list = mu_value_list(a);

	for (size_t i = 0; i < n; i++) {
		const struct hv_cpupool *p = &pools[i];
		struct mu_value *v = mu_value_push(list, mu_value_object(a));
		struct mu_value *cpus, *domains, *parameters;

		mu_value_set_int(a, v, "id", p->id);
		set_text(a, v, "name", p->name);
		set_text(a, v, "scheduler", p->scheduler);
		cpus = mu_value_set(a, v, "cpus", mu_value_list(a));
		for (size_t k = 0; k < p->n_cpus; k++)
			push_int(a, cpus, p->cpus[k]);
		mu_value_set_int(a, v, "domainCount", (int64_t)p->n_domains);
		domains = mu_value_set(a, v, "domains", mu_value_list(a));
		for (size_t k = 0; k < p->n_domains && k < HV_POOL_DOMAINS_MAX; k++)
			push_int(a, domains, p->domains[k].value);
		parameters = mu_value_set(a, v, "parameters", mu_value_object(a));
		set_parameter(a, parameters, "tsliceMs", p->tslice_ms);
		set_parameter(a, parameters, "ratelimitUs", p->ratelimit_us);
		set_parameter(a, parameters, "migrationDelayUs", p->migration_delay_us);
	}
	return list;
}

struct mu_value *host_details_pcis(struct mu_arena *a, const struct host_id *host,
				   const struct host_pci *pcis, size_t n)
{
	struct mu_value *list = mu_value_list(a);

	for (size_t i = 0; i < n; i++) {
		const struct host_pci *p = &pcis[i];
		struct mu_value *v = mu_value_push(list, mu_value_object(a));
		struct mu_uuid id = object_pci_id(host, p->pci.address);
		char text[MU_UUID_TEXT];

		mu_value_set_string(a, v, "id", mu_uuid_format(&id, text));
		mu_value_set_string(a, v, "address", p->pci.address);
		mu_value_set_string(a, v, "class", mu_arena_printf(a, "%06x", p->class_code));
		mu_value_set_string(a, v, "vendor", mu_arena_printf(a, "%04x", p->vendor));
		mu_value_set_string(a, v, "device", mu_arena_printf(a, "%04x", p->device));
		mu_value_set_string(a, v, "className", p->pci.class_name);
		mu_value_set_string(a, v, "vendorName", p->pci.vendor_name);
		mu_value_set_string(a, v, "deviceName", p->pci.device_name);
		set_text(a, v, "driver", p->pci.driver);
		mu_value_set_bool(a, v, "assignable", p->pci.assignable);
		if (p->iommu_group >= 0)
			mu_value_set_int(a, v, "iommuGroup", p->iommu_group);
		if (p->node >= 0)
			mu_value_set_int(a, v, "node", p->node);
	}
	return list;
}

struct mu_value *host_details_usbs(struct mu_arena *a, const struct host_usb *usbs, size_t n)
{
	struct mu_value *list = mu_value_list(a);

	for (size_t i = 0; i < n; i++) {
		const struct host_usb *u = &usbs[i];
		struct mu_value *v = mu_value_push(list, mu_value_object(a));
		char text[MU_UUID_TEXT];

		mu_value_set_string(a, v, "device",
				    mu_arena_printf(a, "%" PRIu32 ".%" PRIu32, u->bus, u->address));
		mu_value_set_string(a, v, "port", u->port);
		mu_value_set_string(a, v, "vendor", mu_arena_printf(a, "%04x", u->vendor));
		mu_value_set_string(a, v, "product", mu_arena_printf(a, "%04x", u->product));
		mu_value_set_string(a, v, "vendorName", u->vendor_name);
		mu_value_set_string(a, v, "deviceName", u->device_name);
		set_text(a, v, "serial", u->serial);
		mu_value_set_string(a, v, "class", mu_arena_printf(a, "%02x", u->class_code));
		mu_value_set_string(a, v, "className", u->class_name);
		mu_value_set_bool(a, v, "hub", u->hub);
		if (u->speed_kbps)
			mu_value_set_int(a, v, "speedKbps", u->speed_kbps);
		set_text(a, v, "controller", u->controller);
		if (!mu_uuid_is_nil(&u->vm.uuid))
			mu_value_set_string(a, v, "vm", mu_uuid_format(&u->vm.uuid, text));
	}
	return list;
}

struct mu_value *host_details_bios(struct mu_arena *a, const struct model_bios *bios)
{
	struct mu_value *v = mu_value_object(a);

	set_text(a, v, "vendor", bios->vendor);
	set_text(a, v, "version", bios->version);
	set_text(a, v, "date", bios->date);
	set_text(a, v, "manufacturer", bios->manufacturer);
	set_text(a, v, "product", bios->product);
	set_text(a, v, "productVersion", bios->product_version);
	set_text(a, v, "serial", bios->serial);
	set_text(a, v, "boardManufacturer", bios->board_manufacturer);
	set_text(a, v, "boardProduct", bios->board_product);
	return v;
}
