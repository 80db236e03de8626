/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/link/message.h"

#include "agent/core/object_view.h"
#include "common/base/assert.h"
#include "common/wire/wire.h"

/* Of a snapshot's VMs and objects together. The rest of the message (the ids that are for later, at
 * 18 bytes each, and the host) fits into what is left of WIRE_MESSAGE_MAX. */
enum { SNAPSHOT_STATES_MAX = 3 << 20 };

_Static_assert((int)OBJECT_VIEW_MAX <= (int)WIRE_OBJECTS_MAX, "what is shown here can be said");
_Static_assert((int)WINDOW_BATCHES_MAX <= (int)WIRE_BATCHES_MAX &&
		   (int)WINDOW_NUMBERS_MAX <= (int)WIRE_NUMBERS_MAX,
	       "what the window gives at once is taken at once");

typedef Muster__V1__AgentMessage agent_message;

static struct message pack(struct mu_arena *a, const agent_message *m)
{
	struct message out;

	wire_pack(a, &m->base, &out.data, &out.len);
	return out;
}

static agent_message *message_new(struct mu_arena *a, Muster__V1__AgentMessage__KindCase kind)
{
	agent_message *m = mu_arena_alloc(a, sizeof *m);

	muster__v1__agent_message__init(m);
	m->kind_case = kind;
	return m;
}

static char *uuid_text(struct mu_arena *a, const struct mu_uuid *u)
{
	char text[MU_UUID_TEXT];

	return mu_arena_strdup(a, mu_uuid_format(u, text));
}

struct message message_hello(struct mu_arena *a, const struct message_hello *h)
{
	agent_message *m = message_new(a, MUSTER__V1__AGENT_MESSAGE__KIND_HELLO);
	Muster__V1__Hello *hello = mu_arena_alloc(a, sizeof *hello);

	muster__v1__hello__init(hello);
	hello->protocol = 1;
	hello->host_id = uuid_text(a, &h->host->uuid);
	hello->boot_id = mu_arena_strdup(a, h->boot_id);
	hello->agent_version = mu_arena_strdup(a, MUSTER_VERSION);
	hello->state_epoch = h->state_epoch;
	hello->last_acked_seq = h->acked_seq;
	hello->metric_epoch = h->metric_epoch;
	m->hello = hello;
	return pack(a, m);
}

/* A snapshot under way. */
struct snapshot {
	struct mu_arena *arena;
	Muster__V1__Snapshot m;
	size_t n_bytes;
	struct mu_uuid *later;
	size_t n_later;
};

/* Is there room for this one? If not, it is noted for later. */
static bool fits(struct snapshot *s, const ProtobufCMessage *state, const struct mu_uuid *id)
{
	enum { OVERHEAD = 8 }; /* tag and length */
	size_t n = protobuf_c_message_get_packed_size(state) + OVERHEAD;

	if (s->n_bytes + n <= SNAPSHOT_STATES_MAX) {
		s->n_bytes += n;
		return true;
	}
	s->later[s->n_later++] = *id;
	return false;
}

static void add_vms(struct snapshot *s, const struct app *app)
{
	const struct model_vm *vm;

	for (size_t i = 0; (vm = app_vm_next(app, &i));) {
		Muster__V1__VmState *state = wire_vm_encode(s->arena, vm);

		if (fits(s, &state->base, &vm->id.uuid))
			s->m.vms[s->m.n_vms++] = state;
	}
}

static void add_objects(struct snapshot *s, const struct app *app)
{
	const struct model_object *o;

	for (size_t i = 0; (o = app_object_next(app, _OBJECT_KIND_COUNT, &i));) {
		Muster__V1__ObjectState *state = wire_object_encode(s->arena, o);

		if (fits(s, &state->base, &o->id))
			s->m.objects[s->m.n_objects++] = state;
	}
}

static void add_later(struct snapshot *s)
{
	s->m.later = mu_arena_calloc(s->arena, s->n_later + 1, sizeof *s->m.later);
	for (size_t i = 0; i < s->n_later; i++)
		s->m.later[s->m.n_later++] = wire_uuid_encode(s->arena, &s->later[i]);
}

struct message message_snapshot(struct mu_arena *a, const struct app *app, uint64_t epoch,
				uint64_t seq, struct message_later *ret_later)
{
	agent_message *m = message_new(a, MUSTER__V1__AGENT_MESSAGE__KIND_SNAPSHOT);
	struct snapshot s = {.arena = a};
	size_t n_vms = 0;
	size_t n_objects = 0;

	muster__v1__snapshot__init(&s.m);
	s.m.epoch = epoch;
	s.m.seq = seq;
	s.m.host = wire_host_encode(a, app_host(app));
	for (size_t i = 0; app_vm_next(app, &i);)
		n_vms++;
	for (size_t i = 0; app_object_next(app, _OBJECT_KIND_COUNT, &i);)
		n_objects++;
	s.m.vms = mu_arena_calloc(a, n_vms + 1, sizeof *s.m.vms);
	s.m.objects = mu_arena_calloc(a, n_objects + 1, sizeof *s.m.objects);
	s.later = mu_arena_calloc(a, n_vms + n_objects + 1, sizeof *s.later);
	add_vms(&s, app);
	add_objects(&s, app);
	add_later(&s);
	m->snapshot = &s.m;
	ret_later->ids = s.later;
	ret_later->n = s.n_later;
	return pack(a, m);
}

/* VMs and objects: the id says which. */
static void add_changed(struct mu_arena *a, const struct app *app, const struct mu_uuid *id,
			Muster__V1__Delta *d)
{
	const struct vm_id vm_id = {*id};
	const struct model_vm *vm = app_vm_find(app, &vm_id);
	const struct model_object *o = vm ? NULL : app_object_find(app, id);

	if (vm)
		d->vms[d->n_vms++] = wire_vm_encode(a, vm);
	else if (o)
		d->objects[d->n_objects++] = wire_object_encode(a, o);
}

struct message message_delta(struct mu_arena *a, const struct app *app,
			     const struct sync_delta *delta)
{
	agent_message *m = message_new(a, MUSTER__V1__AGENT_MESSAGE__KIND_DELTA);
	Muster__V1__Delta *d = mu_arena_alloc(a, sizeof *d);

	muster__v1__delta__init(d);
	d->seq = delta->seq;
	if (delta->host)
		d->host = wire_host_encode(a, app_host(app));
	d->vms = mu_arena_calloc(a, delta->n_changed + 1, sizeof *d->vms);
	d->objects = mu_arena_calloc(a, delta->n_changed + 1, sizeof *d->objects);
	for (size_t i = 0; i < delta->n_changed; i++)
		add_changed(a, app, &delta->changed[i], d);
	d->removed = mu_arena_calloc(a, delta->n_removed + 1, sizeof *d->removed);
	for (size_t i = 0; i < delta->n_removed; i++)
		d->removed[d->n_removed++] = wire_uuid_encode(a, &delta->removed[i]);
	m->delta = d;
	return pack(a, m);
}

/* Room for n series, none of them there yet. */
static Muster__V1__MetricDictionary *dictionary_new(struct mu_arena *a, uint32_t generation,
						    size_t n)
{
	Muster__V1__MetricDictionary *out = mu_arena_alloc(a, sizeof *out);

	muster__v1__metric_dictionary__init(out);
	out->generation = generation;
	out->series = mu_arena_calloc(a, n + 1, sizeof *out->series);
	return out;
}

static void dictionary_add(struct mu_arena *a, Muster__V1__MetricDictionary *d,
			   const struct mu_uuid *object, const char *name, const char *unit,
			   bool rate, mu_msec counted_since)
{
	Muster__V1__MetricSeries *s = mu_arena_alloc(a, sizeof *s);

	muster__v1__metric_series__init(s);
	s->object_id = wire_uuid_encode(a, object);
	s->name = mu_arena_strdup(a, name);
	s->kind = rate ? MUSTER__V1__METRIC_KIND__METRIC_KIND_RATE
		       : MUSTER__V1__METRIC_KIND__METRIC_KIND_GAUGE;
	s->unit = mu_arena_strdup(a, unit);
	s->counted_since_ms = (uint64_t)counted_since;
	d->series[d->n_series++] = s;
}

struct message message_dictionary(struct mu_arena *a, const struct window_dictionary *d)
{
	agent_message *m = message_new(a, MUSTER__V1__AGENT_MESSAGE__KIND_METRIC_DICTIONARY);

	m->metric_dictionary = dictionary_new(a, d->generation, d->n);
	for (size_t i = 0; i < d->n; i++) {
		const struct metric_series *s = &d->series[i];

		dictionary_add(a, m->metric_dictionary, &s->object, s->name,
			       metric_unit_name(s->unit), s->kind == METRIC_RATE, s->since);
	}
	return pack(a, m);
}

struct message message_row_dictionary(struct mu_arena *a, const struct backfill_dictionary *d)
{
	agent_message *m = message_new(a, MUSTER__V1__AGENT_MESSAGE__KIND_ROW_DICTIONARY);

	m->row_dictionary = dictionary_new(a, d->generation, d->n);
	for (size_t i = 0; i < d->n; i++) {
		const struct catalogue_want *s = &d->series[i];

		dictionary_add(a, m->row_dictionary, &s->object, s->name, s->unit, s->rate, 0);
	}
	return pack(a, m);
}

struct message message_row(struct mu_arena *a, const struct backfill_row *row)
{
	agent_message *m = message_new(a, MUSTER__V1__AGENT_MESSAGE__KIND_METRIC_ROW);
	Muster__V1__MetricRow *out = mu_arena_alloc(a, sizeof *out);
	size_t bytes = row->n * sizeof(float);

	muster__v1__metric_row__init(out);
	out->seq = row->seq;
	out->generation = row->generation;
	out->seconds = archive_levels[row->level].seconds;
	out->time_ms = (uint64_t)archive_row_end(row->level, row->row) * 1000;
	out->n_average = row->n;
	out->average = mu_arena_memdup(a, row->average, bytes);
	if (row->level == ARCHIVE_MINUTES) {
		out->n_min = out->n_max = out->known.len = row->n;
		out->min = mu_arena_memdup(a, row->min, bytes);
		out->max = mu_arena_memdup(a, row->max, bytes);
		out->known.data = mu_arena_memdup(a, row->known, row->n);
	}
	m->metric_row = out;
	return pack(a, m);
}

static Muster__V1__MetricBatch *batch_encode(struct mu_arena *a, const struct window_batch *b)
{
	Muster__V1__MetricBatch *out = mu_arena_alloc(a, sizeof *out);

	muster__v1__metric_batch__init(out);
	out->seq = b->seq;
	out->time_ms = (uint64_t)b->time;
	out->n_value = b->n;
	out->value = mu_arena_memdup(a, b->value, b->n * sizeof *b->value);
	out->counted_base = b->base;
	out->n_counted = b->n_counted;
	out->counted = mu_arena_memdup(a, b->counted, b->n_counted * sizeof *b->counted);
	return out;
}

struct message message_batches(struct mu_arena *a, const struct window_batches *b)
{
	agent_message *m = message_new(a, MUSTER__V1__AGENT_MESSAGE__KIND_METRIC_BATCHES);
	Muster__V1__MetricBatches *out = mu_arena_alloc(a, sizeof *out);

	muster__v1__metric_batches__init(out);
	out->generation = b->generation;
	out->ack_later = b->ack_later;
	out->batch = mu_arena_calloc(a, b->n, sizeof *out->batch);
	for (size_t i = 0; i < b->n; i++)
		out->batch[out->n_batch++] = batch_encode(a, &b->batch[i]);
	m->metric_batches = out;
	return pack(a, m);
}

struct message message_progress(struct mu_arena *a, const struct mu_uuid *task, int percent)
{
	agent_message *m = message_new(a, MUSTER__V1__AGENT_MESSAGE__KIND_PROGRESS);
	Muster__V1__CommandProgress *p = mu_arena_alloc(a, sizeof *p);

	muster__v1__command_progress__init(p);
	p->id = wire_uuid_encode(a, task);
	p->percent = (uint32_t)percent;
	m->progress = p;
	return pack(a, m);
}

struct message message_lines(struct mu_arena *a, const struct mu_uuid *task,
			     const struct task_lines *lines)
{
	agent_message *m = message_new(a, MUSTER__V1__AGENT_MESSAGE__KIND_TASK_LINES);
	Muster__V1__TaskLines *out = mu_arena_alloc(a, sizeof *out);

	muster__v1__task_lines__init(out);
	out->id = wire_uuid_encode(a, task);
	out->n_line = lines->n;
	out->line = mu_arena_calloc(a, lines->n, sizeof(Muster__V1__TaskLine *));
	for (size_t i = 0; i < lines->n; i++) {
		out->line[i] = mu_arena_alloc(a, sizeof *out->line[i]);
		muster__v1__task_line__init(out->line[i]);
		out->line[i]->at_ms = (uint64_t)lines->lines[i].at;
		out->line[i]->warning = lines->lines[i].warning;
		out->line[i]->text = mu_arena_strdup(a, lines->lines[i].text);
	}
	m->task_lines = out;
	return pack(a, m);
}

static Muster__V1__CommandStatus status_of(enum task_status s)
{
	switch (s) {
	case TASK_SUCCESS:
		return MUSTER__V1__COMMAND_STATUS__COMMAND_STATUS_SUCCESS;
	case TASK_FAILURE:
		return MUSTER__V1__COMMAND_STATUS__COMMAND_STATUS_FAILURE;
	case TASK_INTERRUPTED:
		return MUSTER__V1__COMMAND_STATUS__COMMAND_STATUS_INTERRUPTED;
	case TASK_PENDING:
	case _TASK_STATUS_COUNT:
		break;
	}
	mu_assert_unreachable();
}

static struct message result(struct mu_arena *a, const struct mu_uuid *task,
			     enum task_status status, const struct mu_error *err,
			     const struct vm_id *vm, const char *value, mu_msec finished_at)
{
	agent_message *m = message_new(a, MUSTER__V1__AGENT_MESSAGE__KIND_RESULT);
	Muster__V1__CommandResult *r = mu_arena_alloc(a, sizeof *r);

	muster__v1__command_result__init(r);
	r->id = wire_uuid_encode(a, task);
	r->status = status_of(status);
	if (err->code != MU_E_NONE) {
		r->error_code = mu_arena_strdup(a, mu_error_name(err->code));
		r->error_text = mu_arena_strdup(a, err->text);
	}
	if (vm && !mu_uuid_is_nil(&vm->uuid))
		r->vm_id = wire_uuid_encode(a, &vm->uuid);
	r->value = mu_arena_strdup(a, value);
	r->finished_at_ms = (uint64_t)finished_at;
	m->result = r;
	return pack(a, m);
}

struct message message_result(struct mu_arena *a, const struct journal_entry *e)
{
	const struct vm_id *vm = e->kind == JOURNAL_DEFINE ? &e->vm : NULL;

	return result(a, &e->task, e->status, &e->err, vm, e->value, e->finished_at);
}

struct message message_refusal(struct mu_arena *a, const struct mu_uuid *task,
			       const struct mu_error *err, mu_msec now)
{
	return result(a, task, TASK_FAILURE, err, NULL, "", now);
}

struct message message_host_read(struct mu_arena *a, const struct message_piece *p)
{
	agent_message *m = message_new(a, MUSTER__V1__AGENT_MESSAGE__KIND_HOST_READ_RESULT);
	Muster__V1__HostReadResult *r = mu_arena_alloc(a, sizeof *r);

	muster__v1__host_read_result__init(r);
	r->id = wire_uuid_encode(a, p->id);
	r->last = p->last;
	if (p->err->code == MU_E_NONE) {
		r->data.data = mu_arena_memdup(a, p->data, p->len);
		r->data.len = p->len;
	} else {
		r->error_code = mu_arena_strdup(a, mu_error_name(p->err->code));
		r->error_text = mu_arena_strdup(a, p->err->text);
	}
	m->host_read_result = r;
	return pack(a, m);
}

struct message message_certificate_request(struct mu_arena *a, const char *csr)
{
	agent_message *m = message_new(a, MUSTER__V1__AGENT_MESSAGE__KIND_CERTIFICATE_REQUEST);
	Muster__V1__CertificateRequest *r = mu_arena_alloc(a, sizeof *r);

	muster__v1__certificate_request__init(r);
	r->csr = mu_arena_strdup(a, csr);
	m->certificate_request = r;
	return pack(a, m);
}
