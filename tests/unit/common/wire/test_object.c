/* SPDX-License-Identifier: Apache-2.0 */
/* Objects to messages and back, as test_wire.c does it for VMs. */
#include "common/wire/wire.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static const struct host_id host = {{{7, 7, 7, 7, 7, 7, 0x47, 7, 0x87, 7, 7, 7, 7, 7, 7, 7}}};

#define SET(field, text) (void)snprintf(field, sizeof(field), "%s", text)

static struct mu_uuid id_of(uint8_t n)
{
	return (struct mu_uuid){{n}};
}

static void fill_sr(struct model_sr *sr)
{
	SET(sr->type, "lvmthin");
	SET(sr->location, "vg0/pool");
	SET(sr->trouble, "90 % full");
	sr->iso = sr->shared = sr->thin = sr->attached = true;
	sr->size_bytes = INT64_MAX;
	sr->used_bytes = 0;
	sr->allocated_bytes = -1;
	sr->data_percent = 90;
	sr->metadata_percent = 100;
}

static void fill_vdi(struct model_vdi *vdi)
{
	vdi->sr = id_of(1);
	vdi->type = VDI_MEMORY;
	SET(vdi->format, "qcow2");
	vdi->size_bytes = INT64_C(1) << 40;
	vdi->used_bytes = 4096;
	vdi->readonly = vdi->missing = true;
	vdi->snapshot_of = id_of(2);
	vdi->snapshot_at = INT64_C(1763000000123);
	vdi->parent = id_of(3);
}

static void fill_pif(struct model_pif *pif)
{
	SET(pif->device, "bond0.100");
	SET(pif->bridge, "xenbr0");
	SET(pif->mac, "00:16:3e:00:00:01");
	SET(pif->vlan_device, "bond0");
	SET(pif->mode, "Static");
	SET(pif->ip, "192.0.2.1");
	SET(pif->netmask, "255.255.255.0");
	SET(pif->gateway, "192.0.2.254");
	SET(pif->dns, "192.0.2.2,192.0.2.3");
	SET(pif->ipv6, "2001:db8::1");
	SET(pif->bond, "bond1");
	pif->mtu = 9000;
	pif->vlan = 100;
	pif->speed_mbps = 25000;
	pif->attached = pif->carrier = pif->physical = pif->management = pif->bond_master = true;
}

static void fill_pci(struct model_pci *pci)
{
	SET(pci->address, "0000:03:00.0");
	SET(pci->class_name, "VGA compatible controller");
	SET(pci->vendor_name, "ACME");
	SET(pci->device_name, "Rocket");
	SET(pci->driver, "pciback");
	pci->assignable = true;
	pci->vm = id_of(4);
}

static void fill_controller(struct model_controller *c)
{
	c->pvh = true;
	c->vcpus_online = 2;
	c->vcpus_max = 8192;
	c->memory_bytes = INT64_C(1) << 32;
	c->memory_target_bytes = INT64_C(1) << 33;
	c->memory_max_bytes = INT64_MAX;
}

/* One in which no field has its default. */
static struct model_object full(enum object_kind kind)
{
	struct model_object o;

	model_object_init(&o, kind);
	mu_uuid_parse("01234567-89ab-4def-8123-456789abcdef", &o.id);
	o.host = host;
	SET(o.name, "b\xc3\xbcro");
	SET(o.description, "third floor");
	o.n_tags = 2;
	SET(o.tags[0], "gold");
	SET(o.tags[1], "ssd");
	switch (kind) {
	case OBJECT_SR:
		fill_sr(&o.sr);
		break;
	case OBJECT_VDI:
		fill_vdi(&o.vdi);
		break;
	case OBJECT_NETWORK:
		SET(o.network.bridge, "xenbr0");
		o.network.mtu = 1500;
		o.network.managed = true;
		break;
	case OBJECT_PIF:
		fill_pif(&o.pif);
		break;
	case OBJECT_PCI:
		fill_pci(&o.pci);
		break;
	case OBJECT_CONTROLLER:
		fill_controller(&o.controller);
		break;
	case _OBJECT_KIND_COUNT:
		break;
	}
	return o;
}

/* Through packed bytes, as on the stream. */
static struct model_object round_trip(const struct model_object *o)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	Muster__V1__AgentMessage message = MUSTER__V1__AGENT_MESSAGE__INIT, *back;
	Muster__V1__Delta delta = MUSTER__V1__DELTA__INIT;
	Muster__V1__ObjectState *state = wire_object_encode(a, o);
	struct mu_error err = MU_ERROR_INIT;
	struct model_object ret;
	const void *data;
	size_t len;

	delta.objects = &state;
	delta.n_objects = 1;
	message.kind_case = MUSTER__V1__AGENT_MESSAGE__KIND_DELTA;
	message.delta = &delta;
	wire_pack(a, &message.base, &data, &len);
	cr_assert_eq(wire_unpack_agent_message(a, data, len, &back, &err), 0, "%s", err.text);
	cr_assert_eq(wire_object_decode(back->delta->objects[0], &host, &ret, &err), 0, "%s",
		     err.text);
	return ret;
}

Test(object, every_kind_round_trips)
{
	for (size_t i = 0; i < _OBJECT_KIND_COUNT; i++) {
		struct model_object o = full((enum object_kind)i), empty, back = round_trip(&o);

		cr_expect(model_object_equal(&o, &back), "%s", object_kind_name(o.kind));
		model_object_init(&empty, o.kind);
		empty.id = o.id;
		empty.host = host;
		if (o.kind == OBJECT_VDI)
			empty.vdi.sr = o.vdi.sr;
		back = round_trip(&empty);
		cr_expect(model_object_equal(&empty, &back), "%s", object_kind_name(o.kind));
	}
}

Test(object, what_is_out_of_range_here_does_not_stop_the_rest)
{
	struct model_object sr = full(OBJECT_SR), pif = full(OBJECT_PIF),
			    network = full(OBJECT_NETWORK);

	sr.sr.data_percent = 101;
	sr.sr.metadata_percent = -5;
	sr.sr.size_bytes = INT64_MIN;
	sr = round_trip(&sr);
	cr_assert(sr.sr.data_percent == 100 && sr.sr.metadata_percent == -1);
	cr_assert_eq(sr.sr.size_bytes, -1);
	pif.pif.vlan = 4095;
	pif.pif.mtu = -1;
	pif.pif.speed_mbps = -2;
	pif = round_trip(&pif);
	cr_assert(pif.pif.vlan == 4094 && pif.pif.mtu == 0 && pif.pif.speed_mbps == -1);
	network.network.mtu = 100000;
	cr_assert_eq(round_trip(&network).network.mtu, 65536);
}

Test(object, a_kind_of_a_newer_peer_is_left_out)
{
	Muster__V1__ObjectState m = MUSTER__V1__OBJECT_STATE__INIT;
	struct mu_uuid id = id_of(1);
	struct model_object o = full(OBJECT_PCI), untouched = o;

	m.id = (ProtobufCBinaryData){.len = sizeof id.bytes, .data = id.bytes};
	cr_assert_eq(wire_object_decode(&m, &host, &o, NULL), WIRE_UNKNOWN_KIND);
	cr_assert(model_object_equal(&o, &untouched));
}

static char long_text[MODEL_TEXT_MAX + 2];
static uint8_t nil_id[16];

#define SPOIL(name, statement)                                                                     \
	static void name(Muster__V1__ObjectState *m)                                               \
	{                                                                                          \
		statement;                                                                         \
	}
SPOIL(short_id, m->id.len = 15)
SPOIL(nil, m->id.data = nil_id)
SPOIL(long_name, m->name = long_text)
SPOIL(long_description, m->description = long_text)
SPOIL(many_tags, m->n_tags = MODEL_OBJECT_TAGS_MAX + 1)
SPOIL(long_tag, m->tags[1] = long_text)
SPOIL(sr_type, m->sr->type = long_text)
SPOIL(sr_size, m->sr->size_bytes = -2)
SPOIL(sr_used, m->sr->used_bytes = INT64_MIN)
SPOIL(sr_data, m->sr->data_percent = 101)
SPOIL(sr_metadata, m->sr->metadata_percent = -2)
SPOIL(vdi_no_sr, m->vdi->sr.len = 0)
SPOIL(vdi_type, m->vdi->type = MUSTER__V1__VDI_TYPE__VDI_TYPE_UNSPECIFIED)
SPOIL(vdi_format, m->vdi->format = long_text)
SPOIL(vdi_size, m->vdi->size_bytes = -2)
SPOIL(vdi_time, m->vdi->snapshot_at_ms = UINT64_MAX)
SPOIL(vdi_of, m->vdi->snapshot_of.len = 4)
SPOIL(vdi_parent, m->vdi->parent.data = nil_id)
SPOIL(network_bridge, m->network->bridge = long_text)
SPOIL(network_mtu, m->network->mtu = 65537)
SPOIL(pif_device, m->pif->device = long_text)
SPOIL(pif_mtu, m->pif->mtu = UINT32_MAX)
SPOIL(pif_vlan, m->pif->vlan = 4095)
SPOIL(pif_speed, m->pif->speed_mbps = -2)
SPOIL(pci_address, m->pci->address = long_text)
SPOIL(pci_vm, m->pci->vm.len = 20)
SPOIL(dom0_online, m->controller->vcpus_online = 8193)
SPOIL(dom0_max, m->controller->vcpus_max = UINT32_MAX)
SPOIL(dom0_target, m->controller->memory_target_bytes = -2)

static const struct {
	enum object_kind kind;
	void (*spoil)(Muster__V1__ObjectState *m);
	const char *text; /* must be in the error */
} refusals[] = {
    {OBJECT_SR, short_id, "object: id: 15 bytes"},
    {OBJECT_SR, nil, "object: id: all zero"},
    {OBJECT_SR, long_name, "object 01234567-89ab-4def-8123-456789abcdef: name: 256 bytes"},
    {OBJECT_SR, long_description, "description: 256 bytes"},
    {OBJECT_SR, many_tags, "number of tags: 9"},
    {OBJECT_SR, long_tag, "tags: 256 bytes"},
    {OBJECT_SR, sr_type, "type: 256 bytes long, the limit is 15"},
    {OBJECT_SR, sr_size, "size_bytes: -2"},
    {OBJECT_SR, sr_used, "used_bytes: "},
    {OBJECT_SR, sr_data, "data_percent: 101 is not from -1 to 100"},
    {OBJECT_SR, sr_metadata, "metadata_percent: -2"},
    {OBJECT_VDI, vdi_no_sr, "sr: 0 bytes"},
    {OBJECT_VDI, vdi_type, "type: 0"},
    {OBJECT_VDI, vdi_format, "format: 256 bytes"},
    {OBJECT_VDI, vdi_size, "size_bytes: -2"},
    {OBJECT_VDI, vdi_time, "snapshot_at_ms: "},
    {OBJECT_VDI, vdi_of, "snapshot_of: 4 bytes"},
    {OBJECT_VDI, vdi_parent, "parent: all zero"},
    {OBJECT_NETWORK, network_bridge, "bridge: 256 bytes"},
    {OBJECT_NETWORK, network_mtu, "mtu: 65537"},
    {OBJECT_PIF, pif_device, "device: 256 bytes"},
    {OBJECT_PIF, pif_mtu, "mtu: 4294967295"},
    {OBJECT_PIF, pif_vlan, "vlan: 4095 is not from -1 to 4094"},
    {OBJECT_PIF, pif_speed, "speed_mbps: -2"},
    {OBJECT_PCI, pci_address, "address: 256 bytes"},
    {OBJECT_PCI, pci_vm, "vm: 20 bytes"},
    {OBJECT_CONTROLLER, dom0_online, "vcpus_online: 8193"},
    {OBJECT_CONTROLLER, dom0_max, "vcpus_max: 4294967295"},
    {OBJECT_CONTROLLER, dom0_target, "memory_target_bytes: -2"},
};

Test(object, each_refusal_names_its_field)
{
	memset(long_text, 'x', sizeof long_text - 1);
	for (size_t i = 0; i < MU_ARRAY_SIZE(refusals); i++) {
		MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
		struct model_object o = full(refusals[i].kind), untouched = o;
		struct mu_error err = MU_ERROR_INIT;
		Muster__V1__ObjectState *m = wire_object_encode(a, &o);

		refusals[i].spoil(m);
		cr_expect_eq(wire_object_decode(m, &host, &untouched, &err), MU_FAILED, "%s",
			     refusals[i].text);
		cr_expect_eq(err.code, MU_E_PROTOCOL);
		cr_expect(strstr(err.text, refusals[i].text), "\"%s\" is not in \"%s\"",
			  refusals[i].text, err.text);
		cr_expect(model_object_equal(&o, &untouched), "a failed decode writes nothing");
	}
}
