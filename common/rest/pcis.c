/* SPDX-License-Identifier: Apache-2.0 */
/* The hosts' PCI devices. */
#include "common/rest/fields.h"
#include "common/rest/objects.h"

static const struct model_pci *pci(const void *object)
{
	return &((const struct model_object *)object)->pci;
}

static struct mu_value *pci_host(struct rest_render *r, const void *object)
{
	return rest_uuid(r->arena, &((const struct model_object *)object)->host.uuid);
}

static struct mu_value *pci_address(struct rest_render *r, const void *object)
{
	return mu_value_string(r->arena, pci(object)->address);
}

static struct mu_value *pci_class(struct rest_render *r, const void *object)
{
	return mu_value_string(r->arena, pci(object)->class_name);
}

static struct mu_value *pci_device(struct rest_render *r, const void *object)
{
	return mu_value_string(r->arena, pci(object)->device_name);
}

static struct mu_value *pci_vendor(struct rest_render *r, const void *object)
{
	return mu_value_string(r->arena, pci(object)->vendor_name);
}

static struct mu_value *pci_driver(struct rest_render *r, const void *object)
{
	return mu_value_string(r->arena, pci(object)->driver);
}

static struct mu_value *pci_assignable(struct rest_render *r, const void *object)
{
	return mu_value_bool(r->arena, pci(object)->assignable);
}

static struct mu_value *pci_vm(struct rest_render *r, const void *object)
{
	return rest_uuid_if(r->arena, &pci(object)->vm);
}

static const struct rest_field fields[] = {
    REST_COMMON_FIELDS,
    {"$host", pci_host},
    {"class_name", pci_class},
    {"device_name", pci_device},
    {"pci_id", pci_address},
    /* Ours */
    {"vendor_name", pci_vendor},
    {"driver", pci_driver},
    {"assignable", pci_assignable},
    {"$VM", pci_vm},
};

static void each_pci(const struct rest_backend *b, bool (*each)(const void *object, void *arg),
		     void *arg)
{
	rest_objects_each(b, OBJECT_PCI, NULL, each, arg);
}

static void find_pci(struct rest *rest, const struct mu_uuid *id,
		     void (*found)(const void *object, void *arg), void *arg)
{
	rest_objects_find(rest, id, OBJECT_PCI, NULL, found, arg);
}

const struct rest_type rest_type_pci = {
    .name = "PCI",
    .collection = "pcis",
    .fields = fields,
    .n_fields = MU_ARRAY_SIZE(fields),
    .id = rest_object_id,
    .each = each_pci,
    .find = find_pci,
};
