/* SPDX-License-Identifier: Apache-2.0 */
/* Storage managers: which kinds of storage repositories there are, and what they can. */
#include "common/rest/fields.h"

struct sm {
	const char *type;
	const char *name;
	const char *description;
	bool writes; /* makes disks and snapshots of them */
};

static const struct sm sms[] = {
    {"lvmthin", "LVM thin pool", "Thin volumes of a volume group on the host", true},
    {"dir", "Directory", "Image files in a directory of the host", true},
    {"nfs", "NFS", "Image files in an NFS export, on all hosts that have it", true},
    {"iso", "ISO images", "A directory of images for CD drives; read only", false},
};

static const struct sm *sm(const void *object)
{
	return ((const struct rest_sm *)object)->sm;
}

static struct mu_value *sm_type(struct rest_render *r, const void *object)
{
	return mu_value_string(r->arena, sm(object)->type);
}

static struct mu_value *sm_vendor(struct rest_render *r, const void *object)
{
	(void)object;
	return mu_value_string(r->arena, "Muster");
}

static struct mu_value *sm_name(struct rest_render *r, const void *object)
{
	return mu_value_string(r->arena, sm(object)->name);
}

static struct mu_value *sm_description(struct rest_render *r, const void *object)
{
	return mu_value_string(r->arena, sm(object)->description);
}

/* XAPI's names, with 1 for "it can". */
static struct mu_value *sm_features(struct rest_render *r, const void *object)
{
	static const char *const names[] = {"VDI_CREATE", "VDI_DELETE", "VDI_UPDATE",
					    "VDI_RESIZE", "VDI_CLONE",  "VDI_SNAPSHOT"};
	struct mu_value *v = mu_value_object(r->arena);

	mu_value_set_int(r->arena, v, "VDI_ATTACH", 1);
	mu_value_set_int(r->arena, v, "SR_SCAN", 1);
	for (size_t i = 0; sm(object)->writes && i < MU_ARRAY_SIZE(names); i++)
		mu_value_set_int(r->arena, v, names[i], 1);
	return v;
}

/* Of its disks; uploads may be in others. */
static struct mu_value *sm_formats(struct rest_render *r, const void *object)
{
	struct mu_value *v = mu_value_list(r->arena);

	(void)object;
	mu_value_push(v, mu_value_string(r->arena, "raw"));
	return v;
}

static const struct rest_field fields[] = {
    REST_COMMON_FIELDS,
    {"SM_type", sm_type},
    {"vendor", sm_vendor},
    {"name_label", sm_name},
    {"name_description", sm_description},
    {"driver_filename", rest_empty_string},
    {"configuration", rest_empty_object},
    {"features", sm_features},
    {"required_cluster_stack", rest_empty_list},
    {"supported_image_formats", sm_formats},
};

static const struct mu_uuid *sm_id(const void *object)
{
	return &((const struct rest_sm *)object)->id;
}

/* The same everywhere. */
static struct rest_sm sm_of(const struct sm *sm)
{
	static const struct mu_uuid none;

	return (struct rest_sm){.id = mu_uuid_derive(&none, sm->type), .sm = sm};
}

static void each_sm(const struct rest_backend *b, bool (*each)(const void *object, void *arg),
		    void *arg)
{
	(void)b;
	for (size_t i = 0; i < MU_ARRAY_SIZE(sms); i++) {
		const struct rest_sm one = sm_of(&sms[i]);

		if (!each(&one, arg))
			return;
	}
}

static void find_sm(struct rest *rest, const struct mu_uuid *id,
		    void (*found)(const void *object, void *arg), void *arg)
{
	(void)rest;
	for (size_t i = 0; i < MU_ARRAY_SIZE(sms); i++) {
		const struct rest_sm one = sm_of(&sms[i]);

		if (mu_uuid_equal(&one.id, id))
			found(&one, arg);
	}
}

const struct rest_type rest_type_sm = {
    .name = "SM",
    .collection = "sms",
    .fields = fields,
    .n_fields = MU_ARRAY_SIZE(fields),
    .id = sm_id,
    .each = each_sm,
    .find = find_sm,
};
