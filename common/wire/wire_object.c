/* SPDX-License-Identifier: Apache-2.0 */
/*
 * struct model_object <-> ObjectState: per kind a table of its texts, one of its flags, and the few
 * fields that are neither.
 */
#include "common/wire/wire.h"

#include "common/base/assert.h"
#include "common/wire/field.h"

enum {
	MTU_MAX = 65536,
	VLAN_MAX = 4094,
	PERCENT_MAX = 100,
	VCPUS_MAX = 8192, /* Xen's MAX_VIRT_CPUS */
};

static const struct wire_text head_texts[] = {
    WIRE_TEXT(Muster__V1__ObjectState, struct model_object, name),
    WIRE_TEXT(Muster__V1__ObjectState, struct model_object, description),
};

/* SR */

static const struct wire_text sr_texts[] = {
    WIRE_TEXT(Muster__V1__SrState, struct model_sr, type),
    WIRE_TEXT(Muster__V1__SrState, struct model_sr, location),
    WIRE_TEXT(Muster__V1__SrState, struct model_sr, trouble),
};

static const struct wire_flag sr_flags[] = {
    WIRE_FLAG(Muster__V1__SrState, struct model_sr, iso),
    WIRE_FLAG(Muster__V1__SrState, struct model_sr, shared),
    WIRE_FLAG(Muster__V1__SrState, struct model_sr, thin),
    WIRE_FLAG(Muster__V1__SrState, struct model_sr, attached),
};

static const struct wire_size sr_sizes[] = {
    WIRE_SIZE(Muster__V1__SrState, struct model_sr, size_bytes),
    WIRE_SIZE(Muster__V1__SrState, struct model_sr, used_bytes),
    WIRE_SIZE(Muster__V1__SrState, struct model_sr, allocated_bytes),
};

static Muster__V1__SrState *encode_sr(struct mu_arena *a, const struct model_sr *sr)
{
	Muster__V1__SrState *m = mu_arena_alloc(a, sizeof *m);

	muster__v1__sr_state__init(m);
	wire_texts_encode(a, sr_texts, MU_ARRAY_SIZE(sr_texts), sr, m);
	wire_flags_encode(sr_flags, MU_ARRAY_SIZE(sr_flags), sr, m);
	wire_sizes_encode(sr_sizes, MU_ARRAY_SIZE(sr_sizes), sr, m);
	m->data_percent = (int32_t)wire_clamp(sr->data_percent, -1, PERCENT_MAX);
	m->metadata_percent = (int32_t)wire_clamp(sr->metadata_percent, -1, PERCENT_MAX);
	return m;
}

static int decode_sr(const Muster__V1__SrState *m, struct model_sr *sr, struct mu_error *err)
{
	int r;

	wire_flags_decode(sr_flags, MU_ARRAY_SIZE(sr_flags), m, sr);
	if ((r = wire_texts_decode(sr_texts, MU_ARRAY_SIZE(sr_texts), m, sr, err)) < 0 ||
	    (r = wire_sizes_decode(sr_sizes, MU_ARRAY_SIZE(sr_sizes), m, sr, err)) < 0 ||
	    (r = wire_signed_range(m->data_percent, -1, PERCENT_MAX, "data_percent", err)) < 0 ||
	    (r = wire_signed_range(m->metadata_percent, -1, PERCENT_MAX, "metadata_percent", err)) <
		0)
		return r;
	sr->data_percent = m->data_percent;
	sr->metadata_percent = m->metadata_percent;
	return 0;
}

/* VDI */

static const Muster__V1__VdiType vdi_types[_VDI_TYPE_COUNT] = {
    [VDI_USER] = MUSTER__V1__VDI_TYPE__VDI_TYPE_USER,
    [VDI_ISO] = MUSTER__V1__VDI_TYPE__VDI_TYPE_ISO,
    [VDI_MEMORY] = MUSTER__V1__VDI_TYPE__VDI_TYPE_MEMORY,
};

static const struct wire_text vdi_texts[] = {
    WIRE_TEXT(Muster__V1__VdiState, struct model_vdi, format),
};

static const struct wire_flag vdi_flags[] = {
    WIRE_FLAG(Muster__V1__VdiState, struct model_vdi, readonly),
    WIRE_FLAG(Muster__V1__VdiState, struct model_vdi, missing),
};

static const struct wire_size vdi_sizes[] = {
    WIRE_SIZE(Muster__V1__VdiState, struct model_vdi, size_bytes),
    WIRE_SIZE(Muster__V1__VdiState, struct model_vdi, used_bytes),
};

static const struct wire_count vdi_counts[] = {
    WIRE_COUNT(Muster__V1__VdiState, snapshot_at_ms, struct model_vdi, snapshot_at, WIRE_TIME_MAX),
};

static Muster__V1__VdiState *encode_vdi(struct mu_arena *a, const struct model_vdi *vdi)
{
	Muster__V1__VdiState *m = mu_arena_alloc(a, sizeof *m);

	muster__v1__vdi_state__init(m);
	wire_texts_encode(a, vdi_texts, MU_ARRAY_SIZE(vdi_texts), vdi, m);
	wire_flags_encode(vdi_flags, MU_ARRAY_SIZE(vdi_flags), vdi, m);
	wire_sizes_encode(vdi_sizes, MU_ARRAY_SIZE(vdi_sizes), vdi, m);
	wire_counts_encode(vdi_counts, MU_ARRAY_SIZE(vdi_counts), vdi, m);
	m->type = vdi->type < _VDI_TYPE_COUNT ? vdi_types[vdi->type] : vdi_types[VDI_USER];
	m->sr = wire_optional_uuid_encode(a, &vdi->sr);
	m->snapshot_of = wire_optional_uuid_encode(a, &vdi->snapshot_of);
	m->parent = wire_optional_uuid_encode(a, &vdi->parent);
	return m;
}

static int decode_vdi_type(Muster__V1__VdiType type, enum vdi_type *ret, struct mu_error *err)
{
	for (size_t i = 0; i < _VDI_TYPE_COUNT; i++)
		if (vdi_types[i] == type) {
			*ret = (enum vdi_type)i;
			return 0;
		}
	return mu_error_set(err, MU_E_PROTOCOL, "type: %d is no type of VDI", (int)type);
}

static int decode_vdi(const Muster__V1__VdiState *m, struct model_vdi *vdi, struct mu_error *err)
{
	int r;

	wire_flags_decode(vdi_flags, MU_ARRAY_SIZE(vdi_flags), m, vdi);
	if ((r = wire_uuid_decode(&m->sr, "sr", &vdi->sr, err)) < 0 ||
	    (r = decode_vdi_type(m->type, &vdi->type, err)) < 0 ||
	    (r = wire_texts_decode(vdi_texts, MU_ARRAY_SIZE(vdi_texts), m, vdi, err)) < 0 ||
	    (r = wire_sizes_decode(vdi_sizes, MU_ARRAY_SIZE(vdi_sizes), m, vdi, err)) < 0 ||
	    (r = wire_counts_decode(vdi_counts, MU_ARRAY_SIZE(vdi_counts), m, vdi, err)) < 0 ||
	    (r = wire_optional_uuid_decode(&m->snapshot_of, "snapshot_of", &vdi->snapshot_of,
					   err)) < 0)
		return r;
	return wire_optional_uuid_decode(&m->parent, "parent", &vdi->parent, err);
}

/* Network */

static const struct wire_text network_texts[] = {
    WIRE_TEXT(Muster__V1__NetworkState, struct model_network, bridge),
};

static Muster__V1__NetworkState *encode_network(struct mu_arena *a, const struct model_network *n)
{
	Muster__V1__NetworkState *m = mu_arena_alloc(a, sizeof *m);

	muster__v1__network_state__init(m);
	wire_texts_encode(a, network_texts, MU_ARRAY_SIZE(network_texts), n, m);
	m->mtu = (uint32_t)wire_clamp(n->mtu, 0, MTU_MAX);
	m->managed = n->managed;
	return m;
}

static int decode_network(const Muster__V1__NetworkState *m, struct model_network *n,
			  struct mu_error *err)
{
	if (wire_range(m->mtu, MTU_MAX, "mtu", err) < 0)
		return MU_FAILED;
	n->mtu = (int32_t)m->mtu;
	n->managed = m->managed;
	return wire_texts_decode(network_texts, MU_ARRAY_SIZE(network_texts), m, n, err);
}

/* PIF */

static const struct wire_text pif_texts[] = {
    WIRE_TEXT(Muster__V1__PifState, struct model_pif, device),
    WIRE_TEXT(Muster__V1__PifState, struct model_pif, bridge),
    WIRE_TEXT(Muster__V1__PifState, struct model_pif, mac),
    WIRE_TEXT(Muster__V1__PifState, struct model_pif, vlan_device),
    WIRE_TEXT(Muster__V1__PifState, struct model_pif, mode),
    WIRE_TEXT(Muster__V1__PifState, struct model_pif, ip),
    WIRE_TEXT(Muster__V1__PifState, struct model_pif, netmask),
    WIRE_TEXT(Muster__V1__PifState, struct model_pif, gateway),
    WIRE_TEXT(Muster__V1__PifState, struct model_pif, dns),
    WIRE_TEXT(Muster__V1__PifState, struct model_pif, ipv6),
    WIRE_TEXT(Muster__V1__PifState, struct model_pif, bond),
};

static const struct wire_flag pif_flags[] = {
    WIRE_FLAG(Muster__V1__PifState, struct model_pif, attached),
    WIRE_FLAG(Muster__V1__PifState, struct model_pif, carrier),
    WIRE_FLAG(Muster__V1__PifState, struct model_pif, physical),
    WIRE_FLAG(Muster__V1__PifState, struct model_pif, management),
    WIRE_FLAG(Muster__V1__PifState, struct model_pif, bond_master),
};

static Muster__V1__PifState *encode_pif(struct mu_arena *a, const struct model_pif *pif)
{
	Muster__V1__PifState *m = mu_arena_alloc(a, sizeof *m);

	muster__v1__pif_state__init(m);
	wire_texts_encode(a, pif_texts, MU_ARRAY_SIZE(pif_texts), pif, m);
	wire_flags_encode(pif_flags, MU_ARRAY_SIZE(pif_flags), pif, m);
	m->mtu = (uint32_t)wire_clamp(pif->mtu, 0, MTU_MAX);
	m->vlan = (int32_t)wire_clamp(pif->vlan, -1, VLAN_MAX);
	m->speed_mbps = (int32_t)wire_clamp(pif->speed_mbps, -1, INT32_MAX);
	return m;
}

static int decode_pif(const Muster__V1__PifState *m, struct model_pif *pif, struct mu_error *err)
{
	int r;

	wire_flags_decode(pif_flags, MU_ARRAY_SIZE(pif_flags), m, pif);
	if ((r = wire_texts_decode(pif_texts, MU_ARRAY_SIZE(pif_texts), m, pif, err)) < 0 ||
	    (r = wire_range(m->mtu, MTU_MAX, "mtu", err)) < 0 ||
	    (r = wire_signed_range(m->vlan, -1, VLAN_MAX, "vlan", err)) < 0 ||
	    (r = wire_signed_range(m->speed_mbps, -1, INT32_MAX, "speed_mbps", err)) < 0)
		return r;
	pif->mtu = (int32_t)m->mtu;
	pif->vlan = m->vlan;
	pif->speed_mbps = m->speed_mbps;
	return 0;
}

/* PCI */

static const struct wire_text pci_texts[] = {
    WIRE_TEXT(Muster__V1__PciState, struct model_pci, address),
    WIRE_TEXT(Muster__V1__PciState, struct model_pci, class_name),
    WIRE_TEXT(Muster__V1__PciState, struct model_pci, vendor_name),
    WIRE_TEXT(Muster__V1__PciState, struct model_pci, device_name),
    WIRE_TEXT(Muster__V1__PciState, struct model_pci, driver),
};

static Muster__V1__PciState *encode_pci(struct mu_arena *a, const struct model_pci *pci)
{
	Muster__V1__PciState *m = mu_arena_alloc(a, sizeof *m);

	muster__v1__pci_state__init(m);
	wire_texts_encode(a, pci_texts, MU_ARRAY_SIZE(pci_texts), pci, m);
	m->assignable = pci->assignable;
	m->vm = wire_optional_uuid_encode(a, &pci->vm);
	return m;
}

static int decode_pci(const Muster__V1__PciState *m, struct model_pci *pci, struct mu_error *err)
{
	pci->assignable = m->assignable;
	if (wire_texts_decode(pci_texts, MU_ARRAY_SIZE(pci_texts), m, pci, err) < 0)
		return MU_FAILED;
	return wire_optional_uuid_decode(&m->vm, "vm", &pci->vm, err);
}

/* Domain 0 */

static const struct wire_size controller_sizes[] = {
    WIRE_SIZE(Muster__V1__ControllerState, struct model_controller, memory_bytes),
    WIRE_SIZE(Muster__V1__ControllerState, struct model_controller, memory_target_bytes),
    WIRE_SIZE(Muster__V1__ControllerState, struct model_controller, memory_max_bytes),
};

static Muster__V1__ControllerState *encode_controller(struct mu_arena *a,
						      const struct model_controller *c)
{
	Muster__V1__ControllerState *m = mu_arena_alloc(a, sizeof *m);

	muster__v1__controller_state__init(m);
	wire_sizes_encode(controller_sizes, MU_ARRAY_SIZE(controller_sizes), c, m);
	m->pvh = c->pvh;
	m->vcpus_online = (uint32_t)wire_clamp(c->vcpus_online, 0, VCPUS_MAX);
	m->vcpus_max = (uint32_t)wire_clamp(c->vcpus_max, 0, VCPUS_MAX);
	return m;
}

static int decode_controller(const Muster__V1__ControllerState *m, struct model_controller *c,
			     struct mu_error *err)
{
	int r;

	if ((r = wire_range(m->vcpus_online, VCPUS_MAX, "vcpus_online", err)) < 0 ||
	    (r = wire_range(m->vcpus_max, VCPUS_MAX, "vcpus_max", err)) < 0)
		return r;
	c->pvh = m->pvh;
	c->vcpus_online = m->vcpus_online;
	c->vcpus_max = m->vcpus_max;
	return wire_sizes_decode(controller_sizes, MU_ARRAY_SIZE(controller_sizes), m, c, err);
}

/* All */

static void encode_kind(struct mu_arena *a, const struct model_object *o,
			Muster__V1__ObjectState *m)
{
	switch (o->kind) {
	case OBJECT_SR:
		m->kind_case = MUSTER__V1__OBJECT_STATE__KIND_SR;
		m->sr = encode_sr(a, &o->sr);
		return;
	case OBJECT_VDI:
		m->kind_case = MUSTER__V1__OBJECT_STATE__KIND_VDI;
		m->vdi = encode_vdi(a, &o->vdi);
		return;
	case OBJECT_NETWORK:
		m->kind_case = MUSTER__V1__OBJECT_STATE__KIND_NETWORK;
		m->network = encode_network(a, &o->network);
		return;
	case OBJECT_PIF:
		m->kind_case = MUSTER__V1__OBJECT_STATE__KIND_PIF;
		m->pif = encode_pif(a, &o->pif);
		return;
	case OBJECT_PCI:
		m->kind_case = MUSTER__V1__OBJECT_STATE__KIND_PCI;
		m->pci = encode_pci(a, &o->pci);
		return;
	case OBJECT_CONTROLLER:
		m->kind_case = MUSTER__V1__OBJECT_STATE__KIND_CONTROLLER;
		m->controller = encode_controller(a, &o->controller);
		return;
	case _OBJECT_KIND_COUNT:
		mu_assert_unreachable();
	}
}

Muster__V1__ObjectState *wire_object_encode(struct mu_arena *a, const struct model_object *o)
{
	Muster__V1__ObjectState *m = mu_arena_alloc(a, sizeof *m);

	muster__v1__object_state__init(m);
	m->id = wire_uuid_encode(a, &o->id);
	wire_texts_encode(a, head_texts, MU_ARRAY_SIZE(head_texts), o, m);
	m->n_tags = o->n_tags;
	m->tags = mu_arena_calloc(a, o->n_tags, sizeof *m->tags);
	for (size_t i = 0; i < o->n_tags; i++)
		m->tags[i] = wire_text_encode(a, o->tags[i]);
	encode_kind(a, o, m);
	return m;
}

static int decode_head(const Muster__V1__ObjectState *m, struct model_object *o,
		       struct mu_error *err)
{
	int r;

	if ((r = wire_texts_decode(head_texts, MU_ARRAY_SIZE(head_texts), m, o, err)) < 0 ||
	    (r = wire_range(m->n_tags, MODEL_OBJECT_TAGS_MAX, "number of tags", err)) < 0)
		return r;
	for (size_t i = 0; i < m->n_tags; i++)
		if ((r = wire_text_decode(m->tags[i], "tags", o->tags[i], sizeof o->tags[i], err)) <
		    0)
			return r;
	o->n_tags = m->n_tags;
	return 0;
}

/* The object's kind and what is particular to it. */
static int decode_kind(const Muster__V1__ObjectState *m, struct model_object *o,
		       struct mu_error *err)
{
	switch (m->kind_case) {
	case MUSTER__V1__OBJECT_STATE__KIND_SR:
		model_object_init(o, OBJECT_SR);
		return decode_sr(m->sr, &o->sr, err);
	case MUSTER__V1__OBJECT_STATE__KIND_VDI:
		model_object_init(o, OBJECT_VDI);
		return decode_vdi(m->vdi, &o->vdi, err);
	case MUSTER__V1__OBJECT_STATE__KIND_NETWORK:
		model_object_init(o, OBJECT_NETWORK);
		return decode_network(m->network, &o->network, err);
	case MUSTER__V1__OBJECT_STATE__KIND_PIF:
		model_object_init(o, OBJECT_PIF);
		return decode_pif(m->pif, &o->pif, err);
	case MUSTER__V1__OBJECT_STATE__KIND_PCI:
		model_object_init(o, OBJECT_PCI);
		return decode_pci(m->pci, &o->pci, err);
	case MUSTER__V1__OBJECT_STATE__KIND_CONTROLLER:
		model_object_init(o, OBJECT_CONTROLLER);
		return decode_controller(m->controller, &o->controller, err);
	case MUSTER__V1__OBJECT_STATE__KIND__NOT_SET:
	case _MUSTER__V1__OBJECT_STATE__KIND__CASE_IS_INT_SIZE:
		break;
	}
	return WIRE_UNKNOWN_KIND;
}

int wire_object_decode(const Muster__V1__ObjectState *m, const struct host_id *host,
		       struct model_object *ret_object, struct mu_error *err)
{
	char text[MU_UUID_TEXT];
	struct model_object o;
	struct mu_uuid id;
	int r;

	if (wire_uuid_decode(&m->id, "id", &id, err) < 0)
		return mu_error_prefix(err, "object");
	r = decode_kind(m, &o, err);
	if (r > 0)
		return r;
	if (r < 0 || decode_head(m, &o, err) < 0)
		return mu_error_prefix(err, "object %s", mu_uuid_format(&id, text));
	o.id = id;
	o.host = *host;
	*ret_object = o;
	return 0;
}
