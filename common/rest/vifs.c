/* SPDX-License-Identifier: Apache-2.0 */
/* VIFs: a VM's network cards, rendered from the VM. */
#include "common/rest/fields.h"
#include "common/rest/render.h"

#include <stdio.h>

static const struct rest_vif *vif(const void *object)
{
	return object;
}

static struct mu_value *vif_vm(struct rest_render *r, const void *object)
{
	return rest_uuid(r->arena, &vif(object)->vm->id.uuid);
}

static struct mu_value *vif_network(struct rest_render *r, const void *object)
{
	struct mu_uuid network = object_network_id(vif(object)->nic->bridge);

	return vif(object)->nic->bridge[0] ? rest_uuid(r->arena, &network) : NULL;
}

static struct mu_value *vif_device(struct rest_render *r, const void *object)
{
	char text[16];

	(void)snprintf(text, sizeof text, "%u", vif(object)->nic->device);
	return mu_value_string(r->arena, text);
}

static struct mu_value *vif_mac(struct rest_render *r, const void *object)
{
	return mu_value_string(r->arena, vif(object)->nic->mac);
}

/* Its own, or its network's; left out when neither is known. */
static struct mu_value *vif_mtu(struct rest_render *r, const void *object)
{
	const struct rest_backend *b = &r->rest->backend;
	struct mu_uuid network = object_network_id(vif(object)->nic->bridge);
	const struct model_object *o;

	if (vif(object)->nic->mtu)
		return mu_value_int(r->arena, vif(object)->nic->mtu);
	o = b->object_find(b->ctx, &network);
	return o && o->kind == OBJECT_NETWORK ? mu_value_int(r->arena, o->network.mtu) : NULL;
}

static struct mu_value *vif_attached(struct rest_render *r, const void *object)
{
	return mu_value_bool(r->arena, vif(object)->nic->attached && rest_vm_runs(vif(object)->vm));
}

/* Nothing here keeps a guest to its addresses. */
static struct mu_value *vif_locking(struct rest_render *r, const void *object)
{
	(void)object;
	return mu_value_string(r->arena, "unlocked");
}

static struct mu_value *vif_rate(struct rest_render *r, const void *object)
{
	return vif(object)->nic->rate_kbps ? mu_value_int(r->arena, vif(object)->nic->rate_kbps)
					   : NULL;
}

static const struct rest_field fields[] = {
    REST_COMMON_FIELDS,
    {"$VM", vif_vm, REST_IDS},
    {"$network", vif_network, REST_IDS},
    {"device", vif_device},
    {"MAC", vif_mac},
    {"MTU", vif_mtu, REST_NUMBERS},
    {"attached", vif_attached, REST_NOTHING},
    {"lockingMode", vif_locking},
    {"allowedIpv4Addresses", rest_empty_list, REST_NOTHING},
    {"allowedIpv6Addresses", rest_empty_list, REST_NOTHING},
    {"rateLimit", vif_rate},
    {"txChecksumming", rest_true, REST_NOTHING},
    {"other_config", rest_empty_object, REST_NOTHING},
};

static const struct mu_uuid *vif_id(const void *object)
{
	return &vif(object)->id;
}

struct walk {
	bool (*each)(const void *object, void *arg);
	void *arg;
};

static bool walk_vm(const struct model_vm *vm, void *arg)
{
	const struct walk *w = arg;

	for (size_t i = 0; i < vm->n_nics; i++) {
		const struct rest_vif one = rest_vif_of(vm, i);

		if (!w->each(&one, w->arg))
			return false;
	}
	return true;
}

static void each_vif(const struct rest_backend *b, bool (*each)(const void *object, void *arg),
		     void *arg)
{
	struct walk w = {each, arg};

	b->each_vm(b->ctx, walk_vm, &w);
}

static void find_vif(struct rest *rest, const struct mu_uuid *id,
		     void (*found)(const void *object, void *arg), void *arg)
{
	const struct rest_backend *b = &rest->backend;
	const struct mu_uuid *of = rest_relations_first(rest->relations, REST_VIF_VM, id);
	const struct vm_id vm_id = {of ? *of : (struct mu_uuid){{0}}};
	const struct model_vm *vm = of ? b->vm_find(b->ctx, &vm_id) : NULL;

	for (size_t i = 0; vm && i < vm->n_nics; i++) {
		const struct rest_vif one = rest_vif_of(vm, i);

		if (mu_uuid_equal(&one.id, id)) {
			found(&one, arg);
			return;
		}
	}
}

const struct rest_type rest_type_vif = {
    .name = "VIF",
    .collection = "vifs",
    .fields = fields,
    .n_fields = MU_ARRAY_SIZE(fields),
    .id = vif_id,
    .each = each_vif,
    .find = find_vif,
};
