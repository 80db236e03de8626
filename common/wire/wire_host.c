/* SPDX-License-Identifier: Apache-2.0 */
/* struct model_host <-> HostState: what the host says of itself. Whether it is connected, and when
 * it was last seen, is the receiver's own knowledge and not on the wire. */
#include "common/wire/wire.h"

#include "common/wire/field.h"

enum { CPUS_MAX = 65536 };

static const struct wire_text texts[] = {
    WIRE_TEXT(Muster__V1__HostState, struct model_host, name),
    WIRE_TEXT(Muster__V1__HostState, struct model_host, description),
    WIRE_TEXT(Muster__V1__HostState, struct model_host, address),
    WIRE_TEXT(Muster__V1__HostState, struct model_host, agent_version),
    WIRE_TEXT(Muster__V1__HostState, struct model_host, xen_version),
    WIRE_TEXT(Muster__V1__HostState, struct model_host, kernel),
    WIRE_TEXT(Muster__V1__HostState, struct model_host, cpu_model),
    WIRE_TEXT(Muster__V1__HostState, struct model_host, driver),
    WIRE_TEXT(Muster__V1__HostState, struct model_host, boot_id),
    WIRE_TEXT(Muster__V1__HostState, struct model_host, cpu_vendor),
};

static const struct wire_text bios_texts[] = {
    WIRE_TEXT(Muster__V1__BiosState, struct model_bios, vendor),
    WIRE_TEXT(Muster__V1__BiosState, struct model_bios, version),
    WIRE_TEXT(Muster__V1__BiosState, struct model_bios, date),
    WIRE_TEXT(Muster__V1__BiosState, struct model_bios, manufacturer),
    WIRE_TEXT(Muster__V1__BiosState, struct model_bios, product),
    WIRE_TEXT(Muster__V1__BiosState, struct model_bios, product_version),
    WIRE_TEXT(Muster__V1__BiosState, struct model_bios, serial),
    WIRE_TEXT(Muster__V1__BiosState, struct model_bios, board_manufacturer),
    WIRE_TEXT(Muster__V1__BiosState, struct model_bios, board_product),
};

static const struct wire_count counts[] = {
    WIRE_COUNT(Muster__V1__HostState, memory_total_bytes, struct model_host, memory_total_bytes,
	       INT64_MAX),
    WIRE_COUNT(Muster__V1__HostState, memory_free_bytes, struct model_host, memory_free_bytes,
	       INT64_MAX),
    WIRE_COUNT(Muster__V1__HostState, booted_at_ms, struct model_host, booted_at, WIRE_TIME_MAX),
    WIRE_COUNT(Muster__V1__HostState, agent_started_at_ms, struct model_host, agent_started_at,
	       WIRE_TIME_MAX),
};

static Muster__V1__BiosState *bios_encode(struct mu_arena *a, const struct model_bios *bios)
{
	Muster__V1__BiosState *m = mu_arena_alloc(a, sizeof *m);

	muster__v1__bios_state__init(m);
	wire_texts_encode(a, bios_texts, MU_ARRAY_SIZE(bios_texts), bios, m);
	return m;
}

Muster__V1__HostState *wire_host_encode(struct mu_arena *a, const struct model_host *h)
{
	Muster__V1__HostState *m = mu_arena_alloc(a, sizeof *m);

	muster__v1__host_state__init(m);
	wire_texts_encode(a, texts, MU_ARRAY_SIZE(texts), h, m);
	wire_counts_encode(counts, MU_ARRAY_SIZE(counts), h, m);
	m->cpus = h->cpus;
	m->sockets = h->sockets;
	m->cpu_mhz = h->cpu_mhz;
	m->hvm_capable = h->hvm_capable;
	m->cpu_family = h->cpu_family;
	m->cpu_model_number = h->cpu_model_number;
	m->cpu_stepping = h->cpu_stepping;
	m->threads_per_core = h->threads_per_core;
	m->iommu = h->iommu;
	m->bios = bios_encode(a, &h->bios);
	m->maintenance = h->maintenance;
	return m;
}

static int decode(const Muster__V1__HostState *m, struct model_host *h, struct mu_error *err)
{
	struct mu_uuid boot;
	int r;

	if ((r = wire_texts_decode(texts, MU_ARRAY_SIZE(texts), m, h, err)) < 0 ||
	    (r = wire_counts_decode(counts, MU_ARRAY_SIZE(counts), m, h, err)) < 0 ||
	    (r = wire_range(m->cpus, CPUS_MAX, "cpus", err)) < 0 ||
	    (r = wire_range(m->sockets, CPUS_MAX, "sockets", err)) < 0)
		return r;
	if (m->bios &&
	    wire_texts_decode(bios_texts, MU_ARRAY_SIZE(bios_texts), m->bios, &h->bios, err) < 0)
		return mu_error_prefix(err, "bios");
	if (h->boot_id[0] && !mu_uuid_parse(h->boot_id, &boot))
		return mu_error_set(err, MU_E_PROTOCOL, "boot_id: not a UUID");
	h->cpus = m->cpus;
	h->sockets = m->sockets;
	h->cpu_mhz = m->cpu_mhz;
	h->hvm_capable = m->hvm_capable;
	h->cpu_family = m->cpu_family;
	h->cpu_model_number = m->cpu_model_number;
	h->cpu_stepping = m->cpu_stepping;
	h->threads_per_core = m->threads_per_core;
	h->iommu = m->iommu;
	h->maintenance = m->maintenance;
	return 0;
}

int wire_host_decode(const Muster__V1__HostState *m, const struct host_id *id,
		     struct model_host *ret_host, struct mu_error *err)
{
	struct model_host h;

	model_host_init(&h);
	h.id = *id;
	if (decode(m, &h, err) < 0)
		return mu_error_prefix(err, "host");
	*ret_host = h;
	return 0;
}
