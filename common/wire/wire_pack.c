/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes <-> messages, everything in the arena.
 *
 * What comes in is bounded three times: the bytes (WIRE_MESSAGE_MAX), what they may contain
 * (scan.c), and the memory that the unpacked message takes, in proportion to the bytes, through
 * protobuf-c's allocator: so a message can neither cost more than it weighs nor, with an arena
 * that is dropped as a whole, leak.
 */
#include "common/wire/wire.h"

#include "common/base/assert.h"
#include "common/wire/scan.h"

enum {
	MEMORY_BASE = 64 << 10,
	MEMORY_FACTOR = 32, /* the worst honest message, many one-letter tags, takes 25 */
	MEMORY_MAX = 64 << 20,
};

struct budget {
	struct mu_arena *arena;
	size_t left;
};

/* NULL makes protobuf-c give the message up. */
static void *budget_alloc(void *data, size_t size)
{
	struct budget *b = data;

	if (size > b->left)
		return NULL;
	b->left -= size;
	return mu_arena_alloc(b->arena, size);
}

/* The arena frees. */
static void budget_free(void *data, void *p)
{
	(void)data;
	(void)p;
}

void wire_pack(struct mu_arena *a, const ProtobufCMessage *m, const void **ret_data,
	       size_t *ret_len)
{
	size_t len = protobuf_c_message_get_packed_size(m);
	uint8_t *data = mu_arena_alloc(a, len);
	size_t n = protobuf_c_message_pack(m, data);

	mu_assert(n == len);
	*ret_data = data;
	*ret_len = len;
}

static int unpack(struct mu_arena *a, const ProtobufCMessageDescriptor *d, const void *data,
		  size_t len, ProtobufCMessage **ret, struct mu_error *err)
{
	struct budget budget = {.arena = a};
	ProtobufCAllocator allocator = {
	    .alloc = budget_alloc, .free = budget_free, .allocator_data = &budget};
	ProtobufCMessage *m;

	if (len > WIRE_MESSAGE_MAX)
		return mu_error_set(err, MU_E_TOO_LARGE, "%s: %zu bytes, the limit is %d",
				    d->short_name, len, WIRE_MESSAGE_MAX);
	if (wire_scan(d, data, len, err) < 0)
		return mu_error_prefix(err, "%s", d->short_name);
	budget.left = MEMORY_BASE + MEMORY_FACTOR * len;
	if (budget.left > MEMORY_MAX)
		budget.left = MEMORY_MAX;
	m = protobuf_c_message_unpack(d, &allocator, len, data);
	if (!m)
		return mu_error_set(err, MU_E_PROTOCOL,
				    "%s: %zu bytes that cannot be unpacked within the limits",
				    d->short_name, len);
	*ret = m;
	return 0;
}

static int check_count(size_t n, size_t max, const char *what, struct mu_error *err)
{
	if (n > max)
		return mu_error_set(err, MU_E_PROTOCOL, "%zu %s, the limit is %zu", n, what, max);
	return 0;
}

static int check_snapshot(const Muster__V1__Snapshot *s, struct mu_error *err)
{
	if (check_count(s->n_vms, WIRE_VMS_MAX, "VMs", err) < 0 ||
	    check_count(s->n_objects, WIRE_OBJECTS_MAX, "objects", err) < 0 ||
	    check_count(s->n_later, WIRE_IDS_MAX, "later ones", err) < 0)
		return mu_error_prefix(err, "snapshot");
	return 0;
}

static int check_delta(const Muster__V1__Delta *d, struct mu_error *err)
{
	if (check_count(d->n_vms, WIRE_VMS_MAX, "VMs", err) < 0 ||
	    check_count(d->n_objects, WIRE_OBJECTS_MAX, "objects", err) < 0 ||
	    check_count(d->n_removed, WIRE_IDS_MAX, "removed ones", err) < 0)
		return mu_error_prefix(err, "delta");
	return 0;
}

/* A batch alone may be as large as its dictionary; together they cost no more than what one of a
 * large host does. */
static int check_batches(const Muster__V1__MetricBatches *m, struct mu_error *err)
{
	size_t n_numbers = 0;

	if (m->n_batch == 0 || m->n_batch > WIRE_BATCHES_MAX)
		return mu_error_set(err, MU_E_PROTOCOL, "metric_batches: %zu batches, 1 to %d",
				    m->n_batch, WIRE_BATCHES_MAX);
	for (size_t i = 0; i < m->n_batch; i++)
		n_numbers += m->batch[i]->n_value + m->batch[i]->n_counted;
	if (m->n_batch > 1 &&
	    check_count(n_numbers, WIRE_NUMBERS_MAX, "values and counters", err) < 0)
		return mu_error_prefix(err, "metric_batches: %zu batches", m->n_batch);
	return 0;
}

static int check_agent_message(const Muster__V1__AgentMessage *m, struct mu_error *err)
{
	if (m->kind_case == MUSTER__V1__AGENT_MESSAGE__KIND_SNAPSHOT)
		return check_snapshot(m->snapshot, err);
	if (m->kind_case == MUSTER__V1__AGENT_MESSAGE__KIND_DELTA)
		return check_delta(m->delta, err);
	if (m->kind_case == MUSTER__V1__AGENT_MESSAGE__KIND_METRIC_BATCHES)
		return check_batches(m->metric_batches, err);
	return 0;
}

int wire_unpack_agent_message(struct mu_arena *a, const void *data, size_t len,
			      Muster__V1__AgentMessage **ret, struct mu_error *err)
{
	ProtobufCMessage *m;
	int r = unpack(a, &muster__v1__agent_message__descriptor, data, len, &m, err);

	if (r < 0 || (r = check_agent_message((Muster__V1__AgentMessage *)m, err)) < 0)
		return r;
	*ret = (Muster__V1__AgentMessage *)m;
	return 0;
}

int wire_unpack_aggregator_message(struct mu_arena *a, const void *data, size_t len,
				   Muster__V1__AggregatorMessage **ret, struct mu_error *err)
{
	ProtobufCMessage *m;
	int r = unpack(a, &muster__v1__aggregator_message__descriptor, data, len, &m, err);

	if (r < 0)
		return r;
	*ret = (Muster__V1__AggregatorMessage *)m;
	return 0;
}

int wire_unpack_tunnel_up(struct mu_arena *a, const void *data, size_t len,
			  Muster__V1__TunnelUp **ret, struct mu_error *err)
{
	ProtobufCMessage *m;
	int r = unpack(a, &muster__v1__tunnel_up__descriptor, data, len, &m, err);

	if (r < 0)
		return r;
	*ret = (Muster__V1__TunnelUp *)m;
	return 0;
}

int wire_unpack_tunnel_down(struct mu_arena *a, const void *data, size_t len,
			    Muster__V1__TunnelDown **ret, struct mu_error *err)
{
	ProtobufCMessage *m;
	int r = unpack(a, &muster__v1__tunnel_down__descriptor, data, len, &m, err);

	if (r < 0)
		return r;
	*ret = (Muster__V1__TunnelDown *)m;
	return 0;
}
