/* SPDX-License-Identifier: Apache-2.0 */
/* Networks: bridges of one name, on however many hosts. */
#include "common/rest/fields.h"
#include "common/rest/objects.h"

static const struct model_network *network(const void *object)
{
	return &((const struct model_object *)object)->network;
}

static struct mu_value *network_mtu(struct rest_render *r, const void *object)
{
	return mu_value_int(r->arena, network(object)->mtu);
}

static struct mu_value *network_bridge(struct rest_render *r, const void *object)
{
	return mu_value_string(r->arena, network(object)->bridge);
}

static struct mu_value *network_pifs(struct rest_render *r, const void *object)
{
	return rest_related(r, REST_NETWORK_PIFS, rest_object_id(object));
}

static struct mu_value *network_vifs(struct rest_render *r, const void *object)
{
	return rest_related(r, REST_NETWORK_VIFS, rest_object_id(object));
}

struct bond {
	const struct rest_backend *backend;
	bool found;
};

static bool look_for_bond(const struct mu_uuid *id, void *arg)
{
	struct bond *bond = arg;
	const struct model_object *o = bond->backend->object_find(bond->backend->ctx, id);

	bond->found = o && o->kind == OBJECT_PIF && o->pif.bond_master;
	return !bond->found;
}

static struct mu_value *network_bonded(struct rest_render *r, const void *object)
{
	struct bond bond = {.backend = &r->rest->backend};

	rest_relations_each(r->rest->relations, REST_NETWORK_PIFS, rest_object_id(object),
			    look_for_bond, &bond);
	return mu_value_bool(r->arena, bond.found);
}

static struct mu_value *network_managed(struct rest_render *r, const void *object)
{
	return mu_value_bool(r->arena, network(object)->managed);
}

static struct mu_value *network_tags(struct rest_render *r, const void *object)
{
	return rest_kept_tags(r, rest_object_id(object));
}

static const struct rest_field fields[] = {
    REST_COMMON_FIELDS,
    {"name_label", rest_object_name},
    {"name_description", rest_object_description},
    {"tags", network_tags},
    {"MTU", network_mtu},
    {"bridge", network_bridge},
    {"PIFs", network_pifs},
    {"VIFs", network_vifs},
    {"automatic", rest_false},
    {"defaultIsLocked", rest_false},
    {"isBonded", network_bonded},
    {"other_config", rest_empty_object},
    {"current_operations", rest_empty_object},
    /* Ours */
    {"managed", network_managed},
};

static void each_network(const struct rest_backend *b, bool (*each)(const void *object, void *arg),
			 void *arg)
{
	rest_objects_each(b, OBJECT_NETWORK, NULL, each, arg);
}

static void find_network(struct rest *rest, const struct mu_uuid *id,
			 void (*found)(const void *object, void *arg), void *arg)
{
	rest_objects_find(rest, id, OBJECT_NETWORK, NULL, found, arg);
}

const struct rest_type rest_type_network = {
    .name = "network",
    .collection = "networks",
    .fields = fields,
    .n_fields = MU_ARRAY_SIZE(fields),
    .id = rest_object_id,
    .each = each_network,
    .find = find_network,
};
