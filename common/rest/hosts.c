/* SPDX-License-Identifier: Apache-2.0 */
/* The host as Xen Orchestra shows it, with `connected` and `lastSeen` of our own: a host whose
 * agent is away stays in the list and says so. */
#include "common/base/str.h"
#include "common/model/object.h"
#include "common/rest/fields.h"
#include "common/rest/render.h"

#include <stdio.h>

static const struct model_host *host(const void *object)
{
	return object;
}

static struct mu_value *host_id(struct rest_render *r, const void *object)
{
	return rest_uuid(r->arena, &host(object)->id.uuid);
}

static struct mu_value *host_type(struct rest_render *r, const void *object)
{
	(void)object;
	return mu_value_string(r->arena, "host");
}

static struct mu_value *host_ref(struct rest_render *r, const void *object)
{
	return rest_ref(r, &host(object)->id.uuid);
}

static struct mu_value *host_name(struct rest_render *r, const void *object)
{
	return mu_value_string(r->arena, host(object)->name);
}

static struct mu_value *host_description(struct rest_render *r, const void *object)
{
	return mu_value_string(r->arena, host(object)->description);
}

static struct mu_value *host_address(struct rest_render *r, const void *object)
{
	return mu_value_string(r->arena, host(object)->address);
}

static struct mu_value *host_power(struct rest_render *r, const void *object)
{
	return mu_value_string(r->arena, host(object)->connected ? "Running" : "Unknown");
}

static struct mu_value *host_connected(struct rest_render *r, const void *object)
{
	return mu_value_bool(r->arena, host(object)->connected);
}

static struct mu_value *host_last_seen(struct rest_render *r, const void *object)
{
	return host(object)->last_seen ? mu_value_int(r->arena, host(object)->last_seen)
				       : mu_value_null(r->arena);
}

static struct mu_value *host_memory(struct rest_render *r, const void *object)
{
	const struct model_host *h = object;
	struct mu_value *v = mu_value_object(r->arena);

	mu_value_set_int(r->arena, v, "size", h->memory_total_bytes);
	mu_value_set_int(r->arena, v, "usage", h->memory_total_bytes - h->memory_free_bytes);
	mu_value_set_int(r->arena, v, "total", h->memory_total_bytes);
	return v;
}

static struct mu_value *host_cpus(struct rest_render *r, const void *object)
{
	struct mu_value *v = mu_value_object(r->arena);

	mu_value_set_int(r->arena, v, "cores", host(object)->cpus);
	mu_value_set_int(r->arena, v, "sockets", host(object)->sockets);
	return v;
}

/* Takes new VMs: it is there, and nobody has put it into maintenance. */
static struct mu_value *host_enabled(struct rest_render *r, const void *object)
{
	return mu_value_bool(r->arena, host(object)->connected && !host(object)->maintenance);
}

static void set_number(struct mu_arena *a, struct mu_value *v, const char *name, uint32_t n)
{
	char text[16];

	(void)snprintf(text, sizeof text, "%u", n);
	mu_value_set_string(a, v, name, text);
}

/* All strings: clients decode it as a map of strings. */
static struct mu_value *host_cpu_info(struct rest_render *r, const void *object)
{
	const struct model_host *h = object;
	struct mu_value *v = mu_value_object(r->arena);

	set_number(r->arena, v, "cpu_count", h->cpus);
	set_number(r->arena, v, "socket_count", h->sockets);
	set_number(r->arena, v, "threads_per_core", h->threads_per_core);
	mu_value_set_string(r->arena, v, "vendor", h->cpu_vendor);
	set_number(r->arena, v, "speed", h->cpu_mhz);
	mu_value_set_string(r->arena, v, "modelname", h->cpu_model);
	set_number(r->arena, v, "family", h->cpu_family);
	set_number(r->arena, v, "model", h->cpu_model_number);
	set_number(r->arena, v, "stepping", h->cpu_stepping);
	return v;
}

static struct mu_value *host_chipset(struct rest_render *r, const void *object)
{
	struct mu_value *v = mu_value_object(r->arena);

	mu_value_set_bool(r->arena, v, "iommu", host(object)->iommu);
	return v;
}

/* XAPI's names; what the machine does not say is left out. */
static struct mu_value *host_bios(struct rest_render *r, const void *object)
{
	const struct model_bios *b = &host(object)->bios;
	const struct {
		const char *name, *text;
	} strings[] = {
	    {"bios-vendor", b->vendor},
	    {"bios-version", b->version},
	    {"bios-date", b->date},
	    {"system-manufacturer", b->manufacturer},
	    {"system-product-name", b->product},
	    {"system-version", b->product_version},
	    {"system-serial-number", b->serial},
	    {"baseboard-manufacturer", b->board_manufacturer},
	    {"baseboard-product-name", b->board_product},
	};
	struct mu_value *v = mu_value_object(r->arena);

	for (size_t i = 0; i < MU_ARRAY_SIZE(strings); i++)
		if (strings[i].text[0])
			mu_value_set_string(r->arena, v, strings[i].name, strings[i].text);
	return v;
}

static struct mu_value *host_version(struct rest_render *r, const void *object)
{
	return mu_value_string(r->arena, host(object)->xen_version);
}

static struct mu_value *host_brand(struct rest_render *r, const void *object)
{
	(void)object;
	return mu_value_string(r->arena, "Xen");
}

static struct mu_value *host_start_time(struct rest_render *r, const void *object)
{
	return rest_seconds(r->arena, host(object)->booted_at);
}

static struct mu_value *host_agent_start_time(struct rest_render *r, const void *object)
{
	return rest_seconds(r->arena, host(object)->agent_started_at);
}

static struct mu_value *host_residents(struct rest_render *r, const void *object)
{
	return rest_related(r, REST_HOST_RESIDENTS, &host(object)->id.uuid);
}

static struct mu_value *host_pifs(struct rest_render *r, const void *object)
{
	return rest_related(r, REST_HOST_PIFS, &host(object)->id.uuid);
}

static struct mu_value *host_pcis(struct rest_render *r, const void *object)
{
	return rest_related(r, REST_HOST_PCIS, &host(object)->id.uuid);
}

static struct mu_value *host_pbds(struct rest_render *r, const void *object)
{
	return rest_related(r, REST_HOST_PBDS, &host(object)->id.uuid);
}

static struct mu_value *host_hvm(struct rest_render *r, const void *object)
{
	return mu_value_bool(r->arena, host(object)->hvm_capable);
}

static struct mu_value *host_agent_version(struct rest_render *r, const void *object)
{
	return mu_value_string(r->arena, host(object)->agent_version);
}

static struct mu_value *host_kernel(struct rest_render *r, const void *object)
{
	return mu_value_string(r->arena, host(object)->kernel);
}

static struct mu_value *host_driver(struct rest_render *r, const void *object)
{
	return mu_value_string(r->arena, host(object)->driver);
}

static struct mu_value *host_boot_id(struct rest_render *r, const void *object)
{
	return mu_value_string(r->arena, host(object)->boot_id);
}

static struct mu_value *host_tags(struct rest_render *r, const void *object)
{
	return rest_kept_tags(r, &((const struct model_host *)object)->id.uuid);
}

/* An agent of before domain 0 was an object does not tell of it. */
static struct mu_value *host_controller(struct rest_render *r, const void *object)
{
	const struct rest_backend *b = &r->rest->backend;
	const struct mu_uuid id = object_controller_id(&host(object)->id);

	return b->object_find(b->ctx, &id) ? rest_uuid(r->arena, &id) : NULL;
}

static const struct rest_field fields[] = {
    {"id", host_id},
    {"uuid", host_id},
    {"type", host_type},
    {"$pool", rest_pool_id},
    {"$poolId", rest_pool_id},
    {"_xapiRef", host_ref},
    {"name_label", host_name},
    {"name_description", host_description},
    {"hostname", host_name},
    {"address", host_address},
    {"power_state", host_power},
    {"enabled", host_enabled},
    {"memory", host_memory},
    {"cpus", host_cpus},
    {"CPUs", host_cpu_info},
    {"version", host_version},
    {"build", host_kernel},
    {"productBrand", host_brand},
    {"startTime", host_start_time},
    {"agentStartTime", host_agent_start_time},
    {"residentVms", host_residents},
    {"controlDomain", host_controller},
    {"rebootRequired", rest_false},
    {"PIFs", host_pifs},
    {"$PIFs", host_pifs},
    {"PCIs", host_pcis},
    {"$PCIs", host_pcis},
    {"PGPUs", rest_empty_list},
    {"$PGPUs", rest_empty_list},
    {"$PBDs", host_pbds},
    {"patches", rest_empty_list},
    {"supplementalPacks", rest_empty_list},
    {"chipset_info", host_chipset},
    {"bios_strings", host_bios},
    {"otherConfig", rest_empty_object},
    {"logging", rest_empty_object},
    {"license_params", rest_empty_object},
    {"license_server", rest_empty_object},
    {"license_expiry", rest_null},
    {"iscsiIqn", rest_empty_string},
    {"powerOnMode", rest_empty_string},
    {"multipathing", rest_false},
    {"hvmCapable", host_hvm},
    {"zstdSupported", rest_false},
    {"current_operations", rest_empty_object},
    {"tags", host_tags},
    /* Ours */
    {"connected", host_connected},
    {"lastSeen", host_last_seen},
    {"agentVersion", host_agent_version},
    {"kernel", host_kernel},
    {"driver", host_driver},
    {"bootId", host_boot_id},
};

static const struct mu_uuid *host_uuid(const void *object)
{
	return &host(object)->id.uuid;
}

struct each {
	bool (*each)(const void *object, void *arg);
	void *arg;
};

static bool each_host(const struct model_host *h, void *arg)
{
	struct each *e = arg;

	return e->each(h, e->arg);
}

static void walk(const struct rest_backend *b, bool (*each)(const void *object, void *arg),
		 void *arg)
{
	struct each e = {each, arg};

	b->each_host(b->ctx, each_host, &e);
}

static void find_host(struct rest *rest, const struct mu_uuid *id,
		      void (*found)(const void *object, void *arg), void *arg)
{
	const struct host_id host_id = {*id};
	const struct model_host *h = rest->backend.host_find(rest->backend.ctx, &host_id);

	if (h)
		found(h, arg);
}

const struct rest_type rest_type_host = {
    .name = "host",
    .collection = "hosts",
    .fields = fields,
    .n_fields = MU_ARRAY_SIZE(fields),
    .id = host_uuid,
    .each = walk,
    .find = find_host,
};

struct http_reply *rest_get_hosts(struct rest_call *c)
{
	return rest_list(c, &rest_type_host, NULL, NULL);
}

static const struct model_host *find(struct rest_call *c, struct host_id *id)
{
	const struct rest_backend *b = &c->rest->backend;

	return mu_uuid_parse(c->id, &id->uuid) ? b->host_find(b->ctx, id) : NULL;
}

struct http_reply *rest_get_host(struct rest_call *c)
{
	struct host_id id;
	const struct model_host *h = find(c, &id);

	return h ? rest_single(c, &rest_type_host, h) : rest_not_found(c, "host", c->id);
}

static bool task_is_on_host(const void *object, const void *arg)
{
	const struct model_task *t = object;
	const struct host_id *id = arg;

	return mu_uuid_equal(&t->host.uuid, &id->uuid);
}

struct http_reply *rest_get_host_tasks(struct rest_call *c)
{
	struct host_id id;

	if (!find(c, &id))
		return rest_not_found(c, "host", c->id);
	return rest_list(c, &rest_type_task, task_is_on_host, &id);
}
