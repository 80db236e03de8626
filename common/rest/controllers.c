/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Domain 0 of every host, with the properties of a VM that Xen Orchestra sends of one. What it uses
 * is in its host's statistics.
 */
#include "common/rest/fields.h"
#include "common/rest/objects.h"

static const struct model_controller *controller(const void *object)
{
	return &((const struct model_object *)object)->controller;
}

/* NULL: not there, or not to be asked. */
static const struct model_host *host_of(struct rest_render *r, const void *object)
{
	const struct rest_backend *b = &r->rest->backend;
	const struct model_host *h =
	    b->host_find(b->ctx, &((const struct model_object *)object)->host);

	return h && h->connected ? h : NULL;
}

static struct mu_value *controller_host(struct rest_render *r, const void *object)
{
	return rest_uuid(r->arena, &((const struct model_object *)object)->host.uuid);
}

static struct mu_value *controller_power(struct rest_render *r, const void *object)
{
	return mu_value_string(r->arena,
			       vm_power_name(host_of(r, object) ? VM_RUNNING : VM_UNKNOWN));
}

static struct mu_value *controller_start_time(struct rest_render *r, const void *object)
{
	const struct model_host *h = host_of(r, object);

	return rest_seconds(r->arena, h ? h->booted_at : 0);
}

static struct mu_value *controller_mode(struct rest_render *r, const void *object)
{
	return mu_value_string(r->arena,
			       vm_type_name(controller(object)->pvh ? VM_TYPE_PVH : VM_TYPE_PV));
}

static struct mu_value *controller_cpus(struct rest_render *r, const void *object)
{
	struct mu_value *v = mu_value_object(r->arena);

	mu_value_set_int(r->arena, v, "number", controller(object)->vcpus_online);
	mu_value_set_int(r->arena, v, "max", controller(object)->vcpus_max);
	return v;
}

/* Whom nobody has told a target keeps what it has; what has no limit has that of the machine. */
static struct mu_value *controller_memory(struct rest_render *r, const void *object)
{
	const struct rest_backend *b = &r->rest->backend;
	const struct model_controller *c = controller(object);
	const struct model_host *h =
	    b->host_find(b->ctx, &((const struct model_object *)object)->host);
	int64_t target = c->memory_target_bytes < 0 ? c->memory_bytes : c->memory_target_bytes;
	int64_t most = c->memory_max_bytes;
	struct mu_value *v = mu_value_object(r->arena);

	if (most < 0)
		most = h && h->memory_total_bytes > 0 ? h->memory_total_bytes : target;
	mu_value_set_int(r->arena, v, "size", c->memory_bytes);
	mu_value_set(r->arena, v, "dynamic", rest_range(r->arena, target, target));
	mu_value_set(r->arena, v, "static", rest_range(r->arena, 0, most));
	return v;
}

static struct mu_value *controller_tags(struct rest_render *r, const void *object)
{
	return rest_kept_tags(r, rest_object_id(object));
}

static struct mu_value *controller_delay(struct rest_render *r, const void *object)
{
	(void)object;
	return mu_value_int(r->arena, 0);
}

static const struct rest_field fields[] = {
    REST_COMMON_FIELDS,
    {"name_label", rest_object_name},
    {"name_description", rest_object_description},
    {"power_state", controller_power},
    {"$container", controller_host, REST_IDS},
    {"CPUs", controller_cpus, REST_NUMBERS},
    {"memory", controller_memory, REST_NUMBERS},
    {"virtualizationMode", controller_mode},
    {"startTime", controller_start_time, REST_NUMBERS},
    {"tags", controller_tags},
    {"VIFs", rest_empty_list, REST_NOTHING},
    {"$VBDs", rest_empty_list, REST_NOTHING},
    {"VGPUs", rest_empty_list, REST_NOTHING},
    {"$VGPUs", rest_empty_list, REST_NOTHING},
    {"VTPMs", rest_empty_list, REST_NOTHING},
    {"attachedPcis", rest_empty_list, REST_NOTHING},
    {"snapshots", rest_empty_list, REST_NOTHING},
    {"addresses", rest_empty_object, REST_NOTHING},
    {"os_version", rest_null, REST_NOTHING},
    {"boot", rest_empty_object, REST_NOTHING},
    {"secureBoot", rest_false, REST_NOTHING},
    {"viridian", rest_false, REST_NOTHING},
    {"needsVtpm", rest_false, REST_NOTHING},
    {"hasVendorDevice", rest_false, REST_NOTHING},
    {"expNestedHvm", rest_false, REST_NOTHING},
    {"isNestedVirtEnabled", rest_false, REST_NOTHING},
    {"isFirmwareSupported", rest_true, REST_NOTHING},
    {"auto_poweron", rest_false, REST_NOTHING},
    {"high_availability", rest_empty_string},
    {"startDelay", controller_delay, REST_NUMBERS},
    {"installTime", rest_null, REST_NOTHING},
    {"blockedOperations", rest_empty_object, REST_NOTHING},
    {"current_operations", rest_empty_object, REST_NOTHING},
    {"creation", rest_empty_object, REST_NOTHING},
    {"bios_strings", rest_empty_object, REST_NOTHING},
    {"other", rest_empty_object, REST_NOTHING},
    {"xenStoreData", rest_empty_object, REST_NOTHING},
};

static void each_controller(const struct rest_backend *b,
			    bool (*each)(const void *object, void *arg), void *arg)
{
	rest_objects_each(b, OBJECT_CONTROLLER, NULL, each, arg);
}

static void find_controller(struct rest *rest, const struct mu_uuid *id,
			    void (*found)(const void *object, void *arg), void *arg)
{
	rest_objects_find(rest, id, OBJECT_CONTROLLER, NULL, found, arg);
}

const struct rest_type rest_type_vm_controller = {
    .name = "VM-controller",
    .collection = "vm-controllers",
    .fields = fields,
    .n_fields = MU_ARRAY_SIZE(fields),
    .id = rest_object_id,
    .each = each_controller,
    .find = find_controller,
};
