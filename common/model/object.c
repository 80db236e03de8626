/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/object.h"

#include "common/base/assert.h"

#include <stdio.h>
#include <string.h>

/* Parent of the ids that have to be the same everywhere (a random UUID, fixed for ever). */
static const struct mu_uuid fleet_wide = {{0x5e, 0x0a, 0x4b, 0x5c, 0x0f, 0x8f, 0x4c, 0x61, 0x9b,
					   0x8a, 0x36, 0x2d, 0x55, 0x7e, 0x1c, 0x03}};

static const char *const kind_names[_OBJECT_KIND_COUNT] = {
    [OBJECT_SR] = "sr",   [OBJECT_VDI] = "vdi", [OBJECT_NETWORK] = "network",
    [OBJECT_PIF] = "pif", [OBJECT_PCI] = "pci", [OBJECT_CONTROLLER] = "controller",
};

static const char *const vdi_type_names[_VDI_TYPE_COUNT] = {
    [VDI_USER] = "user",
    [VDI_ISO] = "iso",
    [VDI_MEMORY] = "memory",
};

const char *object_kind_name(enum object_kind kind)
{
	mu_assert(kind < _OBJECT_KIND_COUNT);
	return kind_names[kind];
}

const char *vdi_type_name(enum vdi_type t)
{
	mu_assert(t < _VDI_TYPE_COUNT);
	return vdi_type_names[t];
}

bool vdi_type_parse(const char *name, enum vdi_type *ret)
{
	for (size_t i = 0; i < _VDI_TYPE_COUNT; i++) {
		if (strcmp(name, vdi_type_names[i]) == 0) {
			*ret = (enum vdi_type)i;
			return true;
		}
	}
	return false;
}

static struct mu_uuid part_id(const struct mu_uuid *whole, const char *kind, const char *name)
{
	char text[MODEL_TEXT_MAX + 1];

	(void)snprintf(text, sizeof text, "%s:%s", kind, name);
	return mu_uuid_derive(whole, text);
}

struct mu_uuid object_network_id(const char *bridge)
{
	return part_id(&fleet_wide, "network", bridge);
}

struct mu_uuid object_pif_id(const struct host_id *host, const char *device)
{
	return part_id(&host->uuid, "pif", device);
}

struct mu_uuid object_pci_id(const struct host_id *host, const char *address)
{
	return part_id(&host->uuid, "pci", address);
}

struct mu_uuid object_controller_id(const struct host_id *host)
{
	return part_id(&host->uuid, "controller", "");
}

struct mu_uuid object_pbd_id(const struct host_id *host, const struct mu_uuid *sr)
{
	char text[MU_UUID_TEXT];

	return part_id(&host->uuid, "pbd", mu_uuid_format(sr, text));
}

struct mu_uuid object_vbd_id(const struct vm_id *vm, const char *vdev)
{
	return part_id(&vm->uuid, "vbd", vdev);
}

struct mu_uuid object_vif_id(const struct vm_id *vm, size_t device)
{
	char text[24];

	(void)snprintf(text, sizeof text, "%zu", device);
	return part_id(&vm->uuid, "vif", text);
}

void model_object_init(struct model_object *o, enum object_kind kind)
{
	memset(o, 0, sizeof *o);
	o->kind = kind;
	switch (kind) {
	case OBJECT_SR:
		o->sr.size_bytes = o->sr.used_bytes = o->sr.allocated_bytes = -1;
		o->sr.data_percent = o->sr.metadata_percent = -1;
		return;
	case OBJECT_VDI:
		o->vdi.used_bytes = -1;
		return;
	case OBJECT_PIF:
		o->pif.vlan = o->pif.speed_mbps = -1;
		return;
	case OBJECT_CONTROLLER:
		o->controller.memory_target_bytes = o->controller.memory_max_bytes = -1;
		return;
	case OBJECT_NETWORK:
	case OBJECT_PCI:
		return;
	case _OBJECT_KIND_COUNT:
		break;
	}
	mu_assert_unreachable();
}

static bool sr_equal(const struct model_sr *a, const struct model_sr *b)
{
	return strcmp(a->type, b->type) == 0 && a->iso == b->iso && a->shared == b->shared &&
	       a->thin == b->thin && a->attached == b->attached &&
	       strcmp(a->location, b->location) == 0 && strcmp(a->trouble, b->trouble) == 0 &&
	       a->size_bytes == b->size_bytes && a->used_bytes == b->used_bytes &&
	       a->allocated_bytes == b->allocated_bytes && a->data_percent == b->data_percent &&
	       a->metadata_percent == b->metadata_percent;
}

static bool vdi_equal(const struct model_vdi *a, const struct model_vdi *b)
{
	return mu_uuid_equal(&a->sr, &b->sr) && a->type == b->type &&
	       strcmp(a->format, b->format) == 0 && a->size_bytes == b->size_bytes &&
	       a->used_bytes == b->used_bytes && a->readonly == b->readonly &&
	       a->missing == b->missing && mu_uuid_equal(&a->snapshot_of, &b->snapshot_of) &&
	       a->snapshot_at == b->snapshot_at && mu_uuid_equal(&a->parent, &b->parent);
}

static bool network_equal(const struct model_network *a, const struct model_network *b)
{
	return strcmp(a->bridge, b->bridge) == 0 && a->mtu == b->mtu && a->managed == b->managed;
}

static bool pif_equal(const struct model_pif *a, const struct model_pif *b)
{
	return strcmp(a->device, b->device) == 0 && strcmp(a->bridge, b->bridge) == 0 &&
	       strcmp(a->mac, b->mac) == 0 && a->mtu == b->mtu && a->vlan == b->vlan &&
	       strcmp(a->vlan_device, b->vlan_device) == 0 && strcmp(a->mode, b->mode) == 0 &&
	       strcmp(a->ip, b->ip) == 0 && strcmp(a->netmask, b->netmask) == 0 &&
	       strcmp(a->gateway, b->gateway) == 0 && strcmp(a->dns, b->dns) == 0 &&
	       strcmp(a->ipv6, b->ipv6) == 0 && a->attached == b->attached &&
	       a->carrier == b->carrier && a->physical == b->physical &&
	       a->management == b->management && a->speed_mbps == b->speed_mbps &&
	       a->bond_master == b->bond_master && strcmp(a->bond, b->bond) == 0;
}

static bool pci_equal(const struct model_pci *a, const struct model_pci *b)
{
	return strcmp(a->address, b->address) == 0 && strcmp(a->class_name, b->class_name) == 0 &&
	       strcmp(a->vendor_name, b->vendor_name) == 0 &&
	       strcmp(a->device_name, b->device_name) == 0 && strcmp(a->driver, b->driver) == 0 &&
	       a->assignable == b->assignable && mu_uuid_equal(&a->vm, &b->vm);
}

static bool controller_equal(const struct model_controller *a, const struct model_controller *b)
{
	return a->pvh == b->pvh && a->vcpus_online == b->vcpus_online &&
	       a->vcpus_max == b->vcpus_max && a->memory_bytes == b->memory_bytes &&
	       a->memory_target_bytes == b->memory_target_bytes &&
	       a->memory_max_bytes == b->memory_max_bytes;
}

static bool head_equal(const struct model_object *a, const struct model_object *b)
{
	if (a->kind != b->kind || !mu_uuid_equal(&a->id, &b->id) ||
	    !mu_uuid_equal(&a->host.uuid, &b->host.uuid) || strcmp(a->name, b->name) != 0 ||
	    strcmp(a->description, b->description) != 0 || a->n_tags != b->n_tags)
		return false;
	for (size_t i = 0; i < a->n_tags; i++) {
		if (strcmp(a->tags[i], b->tags[i]) != 0)
			return false;
	}
	return true;
}

bool model_object_equal(const struct model_object *a, const struct model_object *b)
{
	if (!head_equal(a, b))
		return false;
	switch (a->kind) {
	case OBJECT_SR:
		return sr_equal(&a->sr, &b->sr);
	case OBJECT_VDI:
		return vdi_equal(&a->vdi, &b->vdi);
	case OBJECT_NETWORK:
		return network_equal(&a->network, &b->network);
	case OBJECT_PIF:
		return pif_equal(&a->pif, &b->pif);
	case OBJECT_PCI:
		return pci_equal(&a->pci, &b->pci);
	case OBJECT_CONTROLLER:
		return controller_equal(&a->controller, &b->controller);
	case _OBJECT_KIND_COUNT:
		break;
	}
	mu_assert_unreachable();
}
