/* SPDX-License-Identifier: Apache-2.0 */
/* struct host_read <-> HostRead. */
#include "common/wire/wire.h"

#include "common/wire/field.h"

static const Muster__V1__HostReadKind kinds[_HOST_READ_KIND_COUNT] = {
    [HOST_READ_DETAILS] = MUSTER__V1__HOST_READ_KIND__HOST_READ_KIND_DETAILS,
    [HOST_READ_DMESG] = MUSTER__V1__HOST_READ_KIND__HOST_READ_KIND_DMESG,
    [HOST_READ_JOURNAL] = MUSTER__V1__HOST_READ_KIND__HOST_READ_KIND_JOURNAL,
    [HOST_READ_BOOTS] = MUSTER__V1__HOST_READ_KIND__HOST_READ_KIND_BOOTS,
    [HOST_READ_DEFINITION] = MUSTER__V1__HOST_READ_KIND__HOST_READ_KIND_DEFINITION,
};

static const struct wire_text texts[] = {
    WIRE_TEXT(Muster__V1__HostRead, struct host_read, unit),
    WIRE_TEXT(Muster__V1__HostRead, struct host_read, cursor),
    WIRE_TEXT(Muster__V1__HostRead, struct host_read, boot),
};

static const struct wire_count counts[] = {
    WIRE_COUNT(Muster__V1__HostRead, since_ms, struct host_read, since, WIRE_TIME_MAX),
};

Muster__V1__HostRead *wire_host_read_encode(struct mu_arena *a, const struct mu_uuid *id,
					    const struct host_read *what)
{
	Muster__V1__HostRead *m = mu_arena_alloc(a, sizeof *m);

	muster__v1__host_read__init(m);
	m->id = wire_uuid_encode(a, id);
	m->kind = kinds[what->kind];
	m->lines = what->lines;
	if (what->kind == HOST_READ_DEFINITION)
		m->vm_id = wire_uuid_encode(a, &what->vm.uuid);
	wire_texts_encode(a, texts, MU_ARRAY_SIZE(texts), what, m);
	wire_counts_encode(counts, MU_ARRAY_SIZE(counts), what, m);
	return m;
}

static int decode_kind(Muster__V1__HostReadKind kind, enum host_read_kind *ret,
		       struct mu_error *err)
{
	for (unsigned i = 0; i < _HOST_READ_KIND_COUNT; i++) {
		if (kinds[i] == kind) {
			*ret = (enum host_read_kind)i;
			return 0;
		}
	}
	return mu_error_set(err, MU_E_UNSUPPORTED,
			    "this kind of reading (%d) is not known here; hint: upgrade the agent",
			    (int)kind);
}

int wire_host_read_decode(const Muster__V1__HostRead *m, struct host_read *ret,
			  struct mu_error *err)
{
	struct host_read what = {.lines = m->lines};

	if (decode_kind(m->kind, &what.kind, err) < 0 ||
	    (m->vm_id.len > 0 && wire_uuid_decode(&m->vm_id, "vm_id", &what.vm.uuid, err) < 0) ||
	    wire_texts_decode(texts, MU_ARRAY_SIZE(texts), m, &what, err) < 0 ||
	    wire_counts_decode(counts, MU_ARRAY_SIZE(counts), m, &what, err) < 0 ||
	    host_read_check(&what, err) < 0)
		return mu_error_prefix(err, "host_read");
	*ret = what;
	return 0;
}
