/* SPDX-License-Identifier: Apache-2.0 */
/* Disks and their snapshots, two collections of one kind of object; and the disks of a VM. */
#include "common/rest/fields.h"
#include "common/rest/objects.h"

static const struct model_vdi *vdi(const void *object)
{
	return &((const struct model_object *)object)->vdi;
}

static struct mu_value *vdi_size(struct rest_render *r, const void *object)
{
	return rest_bytes(r->arena, vdi(object)->size_bytes);
}

static struct mu_value *vdi_usage(struct rest_render *r, const void *object)
{
	return rest_bytes(r->arena, vdi(object)->used_bytes);
}

/* Of one that shares blocks with another, nobody knows what the chain takes. */
static struct mu_value *vdi_chain_usage(struct rest_render *r, const void *object)
{
	return mu_uuid_is_nil(&vdi(object)->parent) ? vdi_usage(r, object) : NULL;
}

static struct mu_value *vdi_sr(struct rest_render *r, const void *object)
{
	return rest_uuid_if(r->arena, &vdi(object)->sr);
}

static struct mu_value *vdi_vbds(struct rest_render *r, const void *object)
{
	return rest_related(r, REST_VDI_VBDS, rest_object_id(object));
}

static struct mu_value *vdi_type(struct rest_render *r, const void *object)
{
	return mu_value_string(r->arena, vdi(object)->type == VDI_MEMORY ? "suspend" : "user");
}

static struct mu_value *vdi_snapshots(struct rest_render *r, const void *object)
{
	return rest_related(r, REST_VDI_SNAPSHOTS, rest_object_id(object));
}

static struct mu_value *vdi_parent(struct rest_render *r, const void *object)
{
	return rest_uuid_if(r->arena, &vdi(object)->parent);
}

static struct mu_value *vdi_format(struct rest_render *r, const void *object)
{
	const char *format = vdi(object)->format;

	return format[0] ? mu_value_string(r->arena, format) : NULL;
}

static struct mu_value *vdi_missing(struct rest_render *r, const void *object)
{
	return mu_value_bool(r->arena, vdi(object)->missing);
}

static struct mu_value *vdi_readonly(struct rest_render *r, const void *object)
{
	return mu_value_bool(r->arena, vdi(object)->readonly);
}

static struct mu_value *vdi_snapshot_time(struct rest_render *r, const void *object)
{
	return rest_seconds(r->arena, vdi(object)->snapshot_at);
}

static struct mu_value *vdi_snapshot_of(struct rest_render *r, const void *object)
{
	return rest_uuid_if(r->arena, &vdi(object)->snapshot_of);
}

/* First what only a VDI has, last what only a snapshot has. */
enum { ONLY_VDI = 1, ONLY_SNAPSHOT = 2 };

static const struct rest_field fields[] = {
    {"chainPhysicalUsage", vdi_chain_usage, REST_NUMBERS},
    REST_COMMON_FIELDS,
    {"name_label", rest_object_name},
    {"name_description", rest_object_description},
    {"tags", rest_object_tags},
    {"size", vdi_size, REST_NUMBERS},
    {"usage", vdi_usage, REST_NUMBERS},
    {"$SR", vdi_sr, REST_IDS},
    {"$VBDs", vdi_vbds, REST_IDS},
    {"VDI_type", vdi_type},
    {"snapshots", vdi_snapshots, REST_IDS},
    {"parent", vdi_parent, REST_IDS},
    {"image_format", vdi_format},
    {"missing", vdi_missing, REST_NOTHING},
    {"other_config", rest_empty_object, REST_NOTHING},
    {"current_operations", rest_empty_object, REST_NOTHING},
    /* Ours */
    {"read_only", vdi_readonly, REST_NOTHING},
    /* Snapshots */
    {"snapshot_time", vdi_snapshot_time, REST_NUMBERS},
    {"$snapshot_of", vdi_snapshot_of, REST_IDS},
};

static bool is_plain(const struct model_object *o)
{
	return !rest_vdi_is_snapshot(o);
}

static void each_vdi(const struct rest_backend *b, bool (*each)(const void *object, void *arg),
		     void *arg)
{
	rest_objects_each(b, OBJECT_VDI, is_plain, each, arg);
}

static void find_vdi(struct rest *rest, const struct mu_uuid *id,
		     void (*found)(const void *object, void *arg), void *arg)
{
	rest_objects_find(rest, id, OBJECT_VDI, is_plain, found, arg);
}

static void each_snapshot(const struct rest_backend *b, bool (*each)(const void *object, void *arg),
			  void *arg)
{
	rest_objects_each(b, OBJECT_VDI, rest_vdi_is_snapshot, each, arg);
}

static void find_snapshot(struct rest *rest, const struct mu_uuid *id,
			  void (*found)(const void *object, void *arg), void *arg)
{
	rest_objects_find(rest, id, OBJECT_VDI, rest_vdi_is_snapshot, found, arg);
}

const struct rest_type rest_type_vdi = {
    .name = "VDI",
    .collection = "vdis",
    .fields = fields,
    .n_fields = MU_ARRAY_SIZE(fields) - ONLY_SNAPSHOT,
    .id = rest_object_id,
    .each = each_vdi,
    .find = find_vdi,
};

const struct rest_type rest_type_vdi_snapshot = {
    .name = "VDI-snapshot",
    .collection = "vdi-snapshots",
    .fields = fields + ONLY_VDI,
    .n_fields = MU_ARRAY_SIZE(fields) - ONLY_VDI,
    .id = rest_object_id,
    .each = each_snapshot,
    .find = find_snapshot,
};

/* Of a VM */

static bool vm_has_vdi(const void *object, const void *arg)
{
	const struct model_vm *vm = arg;

	for (size_t i = 0; i < vm->n_disks; i++)
		if (mu_uuid_equal(&vm->disks[i].vdi, rest_object_id(object)))
			return true;
	return false;
}

struct vm_vdis {
	struct rest_call *call;
	struct http_reply *reply;
};

static void list_vdis(const void *vm, void *arg)
{
	static const struct rest_type *const types[] = {&rest_type_vdi, &rest_type_vdi_snapshot};
	struct vm_vdis *v = arg;

	v->reply = rest_list_all(v->call, types, MU_ARRAY_SIZE(types), vm_has_vdi, vm);
}

struct http_reply *rest_get_vm_vdis(struct rest_call *c)
{
	struct vm_vdis v = {.call = c};
	struct mu_uuid id;

	if (mu_uuid_parse(c->id, &id))
		c->type->find(c->rest, &id, list_vdis, &v);
	return v.reply ? v.reply : rest_not_found(c, c->type->name, c->id);
}
