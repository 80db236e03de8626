/* SPDX-License-Identifier: Apache-2.0 */
/* The hosts' network cards, VLANs and bonds. */
#include "common/rest/fields.h"
#include "common/rest/objects.h"

static const struct model_pif *pif(const void *object)
{
	return &((const struct model_object *)object)->pif;
}

static struct mu_value *pif_host(struct rest_render *r, const void *object)
{
	return rest_uuid(r->arena, &((const struct model_object *)object)->host.uuid);
}

static struct mu_value *pif_network(struct rest_render *r, const void *object)
{
	struct mu_uuid network = object_network_id(pif(object)->bridge);

	return pif(object)->bridge[0] ? rest_uuid(r->arena, &network) : NULL;
}

/* A VLAN's or bond slave's partner on the same host. */
static struct mu_value *other_pif(struct rest_render *r, const void *object, const char *device)
{
	struct mu_uuid id = object_pif_id(&((const struct model_object *)object)->host, device);

	return device[0] ? rest_uuid(r->arena, &id) : NULL;
}

static struct mu_value *pif_device(struct rest_render *r, const void *object)
{
	return mu_value_string(r->arena, pif(object)->device);
}

static struct mu_value *pif_mac(struct rest_render *r, const void *object)
{
	return mu_value_string(r->arena, pif(object)->mac);
}

static struct mu_value *pif_mtu(struct rest_render *r, const void *object)
{
	return mu_value_int(r->arena, pif(object)->mtu);
}

static struct mu_value *pif_vlan(struct rest_render *r, const void *object)
{
	return mu_value_int(r->arena, pif(object)->vlan);
}

static struct mu_value *pif_ip(struct rest_render *r, const void *object)
{
	return mu_value_string(r->arena, pif(object)->ip);
}

static struct mu_value *pif_netmask(struct rest_render *r, const void *object)
{
	return mu_value_string(r->arena, pif(object)->netmask);
}

static struct mu_value *pif_gateway(struct rest_render *r, const void *object)
{
	return mu_value_string(r->arena, pif(object)->gateway);
}

static struct mu_value *pif_dns(struct rest_render *r, const void *object)
{
	return mu_value_string(r->arena, pif(object)->dns);
}

static struct mu_value *pif_mode(struct rest_render *r, const void *object)
{
	return mu_value_string(r->arena, pif(object)->mode);
}

static struct mu_value *pif_ipv6(struct rest_render *r, const void *object)
{
	struct mu_value *v = mu_value_list(r->arena);

	if (pif(object)->ipv6[0])
		mu_value_push(v, mu_value_string(r->arena, pif(object)->ipv6));
	return v;
}

/* Where it has an address, the host does not say how it came by it. */
static struct mu_value *pif_ipv6_mode(struct rest_render *r, const void *object)
{
	return pif(object)->ipv6[0] ? NULL : mu_value_string(r->arena, "None");
}

static struct mu_value *pif_address_type(struct rest_render *r, const void *object)
{
	const struct model_pif *p = pif(object);

	return mu_value_string(r->arena, !p->ip[0] && p->ipv6[0] ? "IPv6" : "IPv4");
}

static struct mu_value *pif_attached(struct rest_render *r, const void *object)
{
	return mu_value_bool(r->arena, pif(object)->attached);
}

static struct mu_value *pif_carrier(struct rest_render *r, const void *object)
{
	return mu_value_bool(r->arena, pif(object)->carrier);
}

static struct mu_value *pif_speed(struct rest_render *r, const void *object)
{
	return pif(object)->speed_mbps >= 0 ? mu_value_int(r->arena, pif(object)->speed_mbps)
					    : NULL;
}

static struct mu_value *pif_physical(struct rest_render *r, const void *object)
{
	return mu_value_bool(r->arena, pif(object)->physical);
}

static struct mu_value *pif_management(struct rest_render *r, const void *object)
{
	return mu_value_bool(r->arena, pif(object)->management);
}

static struct mu_value *pif_is_master(struct rest_render *r, const void *object)
{
	return mu_value_bool(r->arena, pif(object)->bond_master);
}

static struct mu_value *pif_is_slave(struct rest_render *r, const void *object)
{
	return mu_value_bool(r->arena, pif(object)->bond[0] != '\0');
}

static struct mu_value *pif_master(struct rest_render *r, const void *object)
{
	return other_pif(r, object, pif(object)->bond);
}

static struct mu_value *pif_slaves(struct rest_render *r, const void *object)
{
	return pif(object)->bond_master ? rest_related(r, REST_PIF_SLAVES, rest_object_id(object))
					: NULL;
}

static struct mu_value *pif_vlan_of(struct rest_render *r, const void *object)
{
	return other_pif(r, object, pif(object)->vlan_device);
}

static const struct rest_field fields[] = {
    REST_COMMON_FIELDS,
    {"$host", pif_host},
    {"$network", pif_network},
    {"device", pif_device},
    {"mac", pif_mac},
    {"mtu", pif_mtu},
    {"vlan", pif_vlan},
    {"ip", pif_ip},
    {"netmask", pif_netmask},
    {"gateway", pif_gateway},
    {"dns", pif_dns},
    {"mode", pif_mode},
    {"ipv6", pif_ipv6},
    {"ipv6Mode", pif_ipv6_mode},
    {"primaryAddressType", pif_address_type},
    {"attached", pif_attached},
    {"carrier", pif_carrier},
    {"speed", pif_speed},
    {"physical", pif_physical},
    {"management", pif_management},
    {"disallowUnplug", pif_management},
    {"isBondMaster", pif_is_master},
    {"isBondSlave", pif_is_slave},
    {"bondMaster", pif_master},
    {"bondSlaves", pif_slaves},
    /* Ours */
    {"vlanOf", pif_vlan_of},
};

static void each_pif(const struct rest_backend *b, bool (*each)(const void *object, void *arg),
		     void *arg)
{
	rest_objects_each(b, OBJECT_PIF, NULL, each, arg);
}

static void find_pif(struct rest *rest, const struct mu_uuid *id,
		     void (*found)(const void *object, void *arg), void *arg)
{
	rest_objects_find(rest, id, OBJECT_PIF, NULL, found, arg);
}

const struct rest_type rest_type_pif = {
    .name = "PIF",
    .collection = "pifs",
    .fields = fields,
    .n_fields = MU_ARRAY_SIZE(fields),
    .id = rest_object_id,
    .each = each_pif,
    .find = find_pif,
};
