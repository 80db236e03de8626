/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/fleet/decode.h"

#include <string.h>

static int decode_vms(struct mu_arena *a, Muster__V1__VmState **states, size_t n_states,
		      struct fleet_state *st, struct mu_error *err)
{
	struct model_vm *vms = mu_arena_calloc(a, n_states, sizeof *vms);

	for (size_t i = 0; i < n_states; i++) {
		if (wire_vm_decode(states[i], &st->id, &vms[i], err) < 0)
			return mu_error_prefix(err, "vms[%zu]", i);
	}
	st->report.vms = vms;
	st->report.n_vms = n_states;
	return 0;
}

static int decode_objects(struct mu_arena *a, Muster__V1__ObjectState **states, size_t n_states,
			  struct fleet_state *st, struct mu_error *err)
{
	struct model_object *objects = mu_arena_calloc(a, n_states, sizeof *objects);
	size_t n = 0;

	for (size_t i = 0; i < n_states; i++) {
		int r = wire_object_decode(states[i], &st->id, &objects[n], err);

		if (r < 0)
			return mu_error_prefix(err, "objects[%zu]", i);
		if (r != WIRE_UNKNOWN_KIND)
			n++;
	}
	st->report.objects = objects;
	st->report.n_objects = n;
	return 0;
}

static int decode_host(struct mu_arena *a, const Muster__V1__HostState *m, struct fleet_state *st,
		       struct mu_error *err)
{
	struct model_host *h = mu_arena_calloc(a, 1, sizeof *h);

	if (wire_host_decode(m, &st->id, h, err) < 0)
		return mu_error_prefix(err, "host");
	st->report.host = h;
	return 0;
}

static int decode_ids(struct mu_arena *a, const ProtobufCBinaryData *in, size_t n,
		      const char *field, const struct mu_uuid **ret_ids, struct mu_error *err)
{
	struct mu_uuid *ids = mu_arena_calloc(a, n, sizeof *ids);

	for (size_t i = 0; i < n; i++) {
		if (wire_uuid_decode(&in[i], field, &ids[i], err) < 0)
			return MU_FAILED;
	}
	*ret_ids = ids;
	return 0;
}

int decode_snapshot(struct mu_arena *a, const Muster__V1__Snapshot *m, struct fleet_state *st,
		    struct mu_error *err)
{
	st->snapshot = true;
	if (!m->host)
		return mu_error_set(err, MU_E_PROTOCOL, "snapshot: host is missing");
	if (decode_host(a, m->host, st, err) < 0 || decode_vms(a, m->vms, m->n_vms, st, err) < 0 ||
	    decode_objects(a, m->objects, m->n_objects, st, err) < 0 ||
	    decode_ids(a, m->later, m->n_later, "later", &st->report.later, err) < 0)
		return mu_error_prefix(err, "snapshot");
	st->report.n_later = m->n_later;
	return 0;
}

int decode_delta(struct mu_arena *a, const Muster__V1__Delta *m, struct fleet_state *st,
		 struct mu_error *err)
{
	if ((m->host && decode_host(a, m->host, st, err) < 0) ||
	    decode_vms(a, m->vms, m->n_vms, st, err) < 0 ||
	    decode_objects(a, m->objects, m->n_objects, st, err) < 0 ||
	    decode_ids(a, m->removed, m->n_removed, "removed", &st->report.removed, err) < 0)
		return mu_error_prefix(err, "delta %llu", (unsigned long long)m->seq);
	st->report.n_removed = m->n_removed;
	return 0;
}

static int check_counted(const Muster__V1__MetricBatch *m, struct mu_error *err)
{
	for (size_t i = 0; i < m->n_counted; i++)
		if (m->counted[i] < 0 && !(m->counted_base && m->counted[i] == INT64_MIN))
			return mu_error_set(err, MU_E_PROTOCOL,
					    "metric_batch %llu: counted[%zu] is %lld; 0 or more",
					    (unsigned long long)m->seq, i,
					    (long long)m->counted[i]);
	return 0;
}

int decode_batches(struct mu_arena *a, const Muster__V1__MetricBatches *m,
		   const struct session_batch **ret_batches, struct mu_error *err)
{
	struct session_batch *out = mu_arena_calloc(a, m->n_batch, sizeof *out);

	for (size_t i = 0; i < m->n_batch; i++) {
		const Muster__V1__MetricBatch *b = m->batch[i];

		if (check_counted(b, err) < 0)
			return MU_FAILED;
		out[i] = (struct session_batch){
		    .seq = b->seq,
		    .n_values = b->n_value,
		    .n_counted = b->n_counted,
		    .base = b->counted_base,
		};
	}
	*ret_batches = out;
	return 0;
}

size_t decode_n_counted(const Muster__V1__MetricDictionary *m)
{
	size_t n = 0;

	for (size_t i = 0; i < m->n_series; i++)
		n += m->series[i]->counted_since_ms != 0;
	return n;
}

/* Any number can come over the wire. */
static int status_decode(Muster__V1__CommandStatus status, enum task_status *ret)
{
	switch (status) {
	case MUSTER__V1__COMMAND_STATUS__COMMAND_STATUS_SUCCESS:
		*ret = TASK_SUCCESS;
		return 0;
	case MUSTER__V1__COMMAND_STATUS__COMMAND_STATUS_FAILURE:
		*ret = TASK_FAILURE;
		return 0;
	case MUSTER__V1__COMMAND_STATUS__COMMAND_STATUS_INTERRUPTED:
		*ret = TASK_INTERRUPTED;
		return 0;
	case MUSTER__V1__COMMAND_STATUS__COMMAND_STATUS_UNSPECIFIED:
	case _MUSTER__V1__COMMAND_STATUS_IS_INT_SIZE:
		break;
	}
	return MU_FAILED;
}

int decode_result(const Muster__V1__CommandResult *m, struct fleet_result *ret,
		  struct mu_error *err)
{
	struct fleet_result r = {.err = MU_ERROR_INIT};

	if (wire_uuid_decode(&m->id, "result.id", &r.id, err) < 0)
		return MU_FAILED;
	if (status_decode(m->status, &r.status) < 0)
		return mu_error_set(err, MU_E_PROTOCOL, "result.status: %d is none of 1 to 3",
				    (int)m->status);
	if (strlen(m->value) > CALL_VALUE_MAX)
		return mu_error_set(err, MU_E_PROTOCOL, "result.value: %zu bytes, at most %d",
				    strlen(m->value), CALL_VALUE_MAX);
	r.value = m->value;
	if (r.status != TASK_SUCCESS) {
		enum mu_error_code code = mu_error_from_name(m->error_code);

		mu_error_set(&r.err, code == MU_E_NONE ? MU_E_INTERNAL : code, "%s",
			     m->error_text[0] ? m->error_text : "the agent gave no reason");
	}
	*ret = r;
	return 0;
}
