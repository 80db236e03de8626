/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stream's messages. First byte: which way (odd = from the agent); the rest: one message.
 * Beyond "does not crash": what was accepted can be encoded again, and is then accepted again and
 * means the same.
 */
#include "common/base/assert.h"
#include "common/wire/wire.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static const struct host_id host = {
    {{1, 2, 3, 4, 5, 6, 0x47, 8, 0x89, 10, 11, 12, 13, 14, 15, 16}}};

static void check_vm(struct mu_arena *a, const Muster__V1__VmState *m)
{
	struct mu_error err = MU_ERROR_INIT;
	struct model_vm vm, again;

	if (wire_vm_decode(m, &host, &vm, &err) < 0) {
		mu_assert(err.code == MU_E_PROTOCOL && err.text[0]);
		return;
	}
	mu_assert(wire_vm_decode(wire_vm_encode(a, &vm), &host, &again, &err) == 0);
	mu_assert(model_vm_equal(&vm, &again));
}

static void check_object(struct mu_arena *a, const Muster__V1__ObjectState *m)
{
	struct mu_error err = MU_ERROR_INIT;
	struct model_object o, again;
	int r = wire_object_decode(m, &host, &o, &err);

	if (r != 0) {
		mu_assert(r == WIRE_UNKNOWN_KIND || (err.code == MU_E_PROTOCOL && err.text[0]));
		return;
	}
	mu_assert(wire_object_decode(wire_object_encode(a, &o), &host, &again, &err) == 0);
	mu_assert(model_object_equal(&o, &again));
}

static void check_host(struct mu_arena *a, const Muster__V1__HostState *m)
{
	struct mu_error err = MU_ERROR_INIT;
	struct model_host h, again;

	if (!m || wire_host_decode(m, &host, &h, &err) < 0)
		return;
	mu_assert(wire_host_decode(wire_host_encode(a, &h), &host, &again, &err) == 0);
	mu_assert(model_host_equal(&h, &again));
}

static void check_batches(const Muster__V1__MetricBatches *m)
{
	size_t n_numbers = 0;

	mu_assert(m->n_batch > 0 && m->n_batch <= WIRE_BATCHES_MAX);
	for (size_t i = 0; i < m->n_batch; i++)
		n_numbers += m->batch[i]->n_value + m->batch[i]->n_counted;
	mu_assert(m->n_batch == 1 || n_numbers <= WIRE_NUMBERS_MAX);
}

static void from_agent(struct mu_arena *a, const uint8_t *data, size_t size)
{
	Muster__V1__AgentMessage *m, *again;
	struct mu_error err = MU_ERROR_INIT;
	const void *packed;
	size_t len;

	if (wire_unpack_agent_message(a, data, size, &m, &err) < 0) {
		mu_assert(err.text[0]);
		return;
	}
	if (m->kind_case == MUSTER__V1__AGENT_MESSAGE__KIND_SNAPSHOT) {
		check_host(a, m->snapshot->host);
		for (size_t i = 0; i < m->snapshot->n_vms; i++)
			check_vm(a, m->snapshot->vms[i]);
		for (size_t i = 0; i < m->snapshot->n_objects; i++)
			check_object(a, m->snapshot->objects[i]);
	} else if (m->kind_case == MUSTER__V1__AGENT_MESSAGE__KIND_DELTA) {
		struct mu_uuid id;

		check_host(a, m->delta->host);
		for (size_t i = 0; i < m->delta->n_objects; i++)
			check_object(a, m->delta->objects[i]);
		for (size_t i = 0; i < m->delta->n_removed; i++)
			(void)wire_uuid_decode(&m->delta->removed[i], "removed", &id, NULL);
	} else if (m->kind_case == MUSTER__V1__AGENT_MESSAGE__KIND_METRIC_BATCHES) {
		check_batches(m->metric_batches);
	}
	wire_pack(a, &m->base, &packed, &len);
	mu_assert(wire_unpack_agent_message(a, packed, len, &again, &err) == 0);
}

static void from_aggregator(struct mu_arena *a, const uint8_t *data, size_t size)
{
	Muster__V1__AggregatorMessage *m, *again;
	struct mu_error err = MU_ERROR_INIT;
	const void *packed;
	size_t len;

	if (wire_unpack_aggregator_message(a, data, size, &m, &err) < 0) {
		mu_assert(err.text[0]);
		return;
	}
	wire_pack(a, &m->base, &packed, &len);
	mu_assert(wire_unpack_aggregator_message(a, packed, len, &again, &err) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();

	if (size == 0)
		return 0;
	if (data[0] & 1)
		from_agent(a, data + 1, size - 1);
	else
		from_aggregator(a, data + 1, size - 1);
	return 0;
}

/* Seeds */

static struct model_vm seed_vm(void)
{
	struct model_vm vm;

	model_vm_init(&vm);
	vm.id.uuid = host.uuid;
	memcpy(vm.name, "b\xc3\xbcro", 6);
	vm.type = VM_TYPE_PVH;
	vm.power = VM_RUNNING;
	vm.domid = 3;
	vm.memory_bytes = 1 << 30;
	vm.started_at = 1763000000000;
	vm.current_op = VM_OP_PAUSE;
	memcpy(vm.current_task, "01234567-89ab-4def-8123-456789abcdef", MU_UUID_TEXT);
	memcpy(vm.guest.os_name, "Debian", 7);
	vm.guest.n_addrs = 1;
	memcpy(vm.guest.addrs[0].addr, "192.0.2.1", 10);
	vm.n_tags = 2;
	memcpy(vm.tags[0], "tag", 4);
	vm.n_disks = vm.n_nics = 1;
	memcpy(vm.disks[0].vdev, "xvda", 5);
	vm.disks[0].vdi = host.uuid;
	memcpy(vm.nics[0].bridge, "xenbr0", 7);
	return vm;
}

static struct model_object seed_object(enum object_kind kind)
{
	struct model_object o;

	model_object_init(&o, kind);
	o.id = host.uuid;
	memcpy(o.name, "name", 5);
	o.n_tags = 1;
	if (kind == OBJECT_VDI)
		o.vdi.sr = o.vdi.parent = host.uuid;
	return o;
}

static size_t packed(uint8_t *buf, struct mu_arena *a, uint8_t way, const ProtobufCMessage *m)
{
	const void *data;
	size_t len;

	wire_pack(a, m, &data, &len);
	mu_assert(len < FUZZ_INPUT_MAX);
	buf[0] = way;
	memcpy(buf + 1, data, len);
	return len + 1;
}

static size_t seed_state(struct mu_arena *a, uint8_t *buf, bool delta)
{
	Muster__V1__AgentMessage m = MUSTER__V1__AGENT_MESSAGE__INIT;
	Muster__V1__Snapshot snapshot = MUSTER__V1__SNAPSHOT__INIT;
	Muster__V1__Delta d = MUSTER__V1__DELTA__INIT;
	struct model_vm vm = seed_vm();
	struct model_host h;
	Muster__V1__VmState *vms[2] = {wire_vm_encode(a, &vm), wire_vm_encode(a, &vm)};
	Muster__V1__ObjectState *objects[_OBJECT_KIND_COUNT];
	ProtobufCBinaryData removed = wire_uuid_encode(a, &host.uuid);

	model_host_init(&h);
	memcpy(h.name, "xen1", 5);
	memcpy(h.driver, "sim", 4);
	snapshot.epoch = 77;
	d.seq = snapshot.seq = 1;
	d.host = snapshot.host = wire_host_encode(a, &h);
	d.vms = snapshot.vms = vms;
	d.n_vms = snapshot.n_vms = 2;
	for (size_t i = 0; i < _OBJECT_KIND_COUNT; i++) {
		struct model_object o = seed_object((enum object_kind)i);

		objects[i] = wire_object_encode(a, &o);
	}
	d.objects = snapshot.objects = objects;
	d.n_objects = snapshot.n_objects = _OBJECT_KIND_COUNT;
	snapshot.later = &removed;
	snapshot.n_later = 1;
	d.removed = &removed;
	d.n_removed = 1;
	if (delta) {
		m.kind_case = MUSTER__V1__AGENT_MESSAGE__KIND_DELTA;
		m.delta = &d;
	} else {
		m.kind_case = MUSTER__V1__AGENT_MESSAGE__KIND_SNAPSHOT;
		m.snapshot = &snapshot;
	}
	return packed(buf, a, 1, &m.base);
}

static size_t seed_metrics(struct mu_arena *a, uint8_t *buf, size_t n_batches)
{
	Muster__V1__AgentMessage m = MUSTER__V1__AGENT_MESSAGE__INIT;
	Muster__V1__MetricDictionary dictionary = MUSTER__V1__METRIC_DICTIONARY__INIT;
	Muster__V1__MetricSeries series, *one = &series;
	Muster__V1__MetricBatches batches = MUSTER__V1__METRIC_BATCHES__INIT;
	Muster__V1__MetricBatch b = MUSTER__V1__METRIC_BATCH__INIT;
	Muster__V1__MetricBatch *same[WIRE_BATCHES_MAX];
	float values[3] = {0.5f, 1e9f, 0.0f};
	int64_t counted[3] = {INT64_MIN, 0, INT64_MAX};
	char name[] = "cpu_usage", unit[] = "ratio";

	muster__v1__metric_series__init(&series);
	series.object_id = wire_uuid_encode(a, &host.uuid);
	series.name = name;
	series.unit = unit;
	series.counted_since_ms = 1790000000000;
	dictionary.generation = batches.generation = 5;
	dictionary.series = &one;
	dictionary.n_series = 1;
	b.value = values;
	b.n_value = 3;
	b.counted = counted;
	b.n_counted = 3;
	b.counted_base = 1;
	mu_assert(n_batches <= WIRE_BATCHES_MAX);
	batches.batch = same;
	while (batches.n_batch < n_batches)
		same[batches.n_batch++] = &b;
	if (n_batches > 0) {
		m.kind_case = MUSTER__V1__AGENT_MESSAGE__KIND_METRIC_BATCHES;
		m.metric_batches = &batches;
	} else {
		m.kind_case = MUSTER__V1__AGENT_MESSAGE__KIND_METRIC_DICTIONARY;
		m.metric_dictionary = &dictionary;
	}
	return packed(buf, a, 1, &m.base);
}

static size_t seed_hello(struct mu_arena *a, uint8_t *buf)
{
	Muster__V1__AgentMessage m = MUSTER__V1__AGENT_MESSAGE__INIT;
	Muster__V1__Hello hello;
	char id[] = "01234567-89ab-4def-8123-456789abcdef", version[] = "0.1.0";

	muster__v1__hello__init(&hello);
	hello.protocol = 1;
	hello.host_id = id;
	hello.boot_id = id;
	hello.agent_version = version;
	hello.state_epoch = UINT64_MAX;
	m.kind_case = MUSTER__V1__AGENT_MESSAGE__KIND_HELLO;
	m.hello = &hello;
	return packed(buf, a, 1, &m.base);
}

static size_t seed_command(struct mu_arena *a, uint8_t *buf, bool define)
{
	Muster__V1__AggregatorMessage m = MUSTER__V1__AGGREGATOR_MESSAGE__INIT;
	Muster__V1__Command command = MUSTER__V1__COMMAND__INIT;
	Muster__V1__VmAction action = MUSTER__V1__VM_ACTION__INIT;
	Muster__V1__VmDefine vm_define;
	char definition[] = "{\"name\": \"web\"}";

	muster__v1__vm_define__init(&vm_define);
	command.id = action.vm_id = wire_uuid_encode(a, &host.uuid);
	command.deadline_ms = 60000;
	action.op = MUSTER__V1__VM_OP__VM_OP_START;
	vm_define.definition = definition;
	if (define) {
		command.kind_case = MUSTER__V1__COMMAND__KIND_VM_DEFINE;
		command.vm_define = &vm_define;
	} else {
		command.kind_case = MUSTER__V1__COMMAND__KIND_VM_ACTION;
		command.vm_action = &action;
	}
	m.kind_case = MUSTER__V1__AGGREGATOR_MESSAGE__KIND_COMMAND;
	m.command = &command;
	return packed(buf, a, 0, &m.base);
}

size_t fuzz_seed(size_t i, uint8_t buf[static FUZZ_INPUT_MAX])
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();

	switch (i) {
	case 0:
	case 1:
		return seed_state(a, buf, i == 1);
	case 2:
	case 3:
		return seed_metrics(a, buf, i == 3);
	case 4:
		return seed_metrics(a, buf, WIRE_BATCHES_MAX);
	case 5:
		return seed_hello(a, buf);
	case 6:
	case 7:
		return seed_command(a, buf, i == 7);
	default:
		return 0;
	}
}
