/* SPDX-License-Identifier: Apache-2.0 */
/* Hostile bytes: each kind is refused with where it is, and costs no more than it weighs. */
#include "common/base/str.h"
#include "common/wire/scan.h"
#include "common/wire/wire.h"

#include <criterion/criterion.h>
#include <string.h>

/* Protobuf by hand, to write what no encoder would. */
static void put_varint(struct mu_str *s, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		mu_str_add_char(s, (char)(v | 0x80));
	mu_str_add_char(s, (char)v);
}

static void put_bytes(struct mu_str *s, unsigned int field, const void *p, size_t len)
{
	put_varint(s, field << 3 | 2);
	put_varint(s, len);
	mu_str_add_bytes(s, p, len);
}

static void put_text(struct mu_str *s, unsigned int field, const char *text)
{
	put_bytes(s, field, text, strlen(text));
}

static void put_number(struct mu_str *s, unsigned int field, uint64_t v)
{
	put_varint(s, field << 3);
	put_varint(s, v);
}

/* A message of metrics: so often the same batch. */
static void put_batches(struct mu_str *s, const struct mu_str *batch, size_t n)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str body = MU_STR_INIT;

	for (size_t i = 0; i < n; i++)
		put_bytes(&body, 2, batch->data, batch->len);
	mu_str_reset(s);
	put_bytes(s, 5, body.data, body.len);
}

static void expect_refusal(const struct mu_str *s, const char *text)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	Muster__V1__AgentMessage *m = NULL;
	struct mu_error err = MU_ERROR_INIT;

	cr_expect_eq(wire_unpack_agent_message(a, s->data, s->len, &m, &err), MU_FAILED, "%s",
		     text);
	cr_expect_null(m);
	cr_expect(strstr(err.text, text), "\"%s\" is not in \"%s\"", text, err.text);
}

Test(unpack, nothing_is_an_empty_message)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	Muster__V1__AggregatorMessage *down;
	Muster__V1__AgentMessage *up;

	cr_assert_eq(wire_unpack_agent_message(a, NULL, 0, &up, NULL), 0);
	cr_assert_eq(up->kind_case, MUSTER__V1__AGENT_MESSAGE__KIND__NOT_SET);
	cr_assert_eq(wire_unpack_aggregator_message(a, NULL, 0, &down, NULL), 0);
	cr_assert_eq(down->kind_case, MUSTER__V1__AGGREGATOR_MESSAGE__KIND__NOT_SET);
}

Test(unpack, fields_of_a_newer_peer_are_stepped_over)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	MU_CLEANUP(mu_str_deinit) struct mu_str hello = MU_STR_INIT, s = MU_STR_INIT;
	Muster__V1__AgentMessage *m;
	struct mu_error err = MU_ERROR_INIT;

	put_number(&hello, 1, 1);
	put_text(&hello, 77, "\xff new");
	put_number(&hello, 78, UINT64_MAX);
	put_text(&hello, 4, "9.9");
	put_bytes(&s, 1, hello.data, hello.len);
	cr_assert_eq(wire_unpack_agent_message(a, s.data, s.len, &m, &err), 0, "%s", err.text);
	cr_assert_eq(m->kind_case, MUSTER__V1__AGENT_MESSAGE__KIND_HELLO);
	cr_assert_str_eq(m->hello->agent_version, "9.9");
}

Test(unpack, text_must_be_utf8_without_nul)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str hello = MU_STR_INIT, s = MU_STR_INIT;

	put_text(&hello, 2, "\xed\xa0\x80");
	put_bytes(&s, 1, hello.data, hello.len);
	expect_refusal(&s, "AgentMessage: hello: host_id: text that is not valid UTF-8 at byte 4");
	mu_str_reset(&hello);
	mu_str_reset(&s);
	put_bytes(&hello, 4, "a\0b", 3);
	put_bytes(&s, 1, hello.data, hello.len);
	expect_refusal(&s, "hello: agent_version: text");
}

Test(unpack, broken_framing)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *text;
	} cases[] = {
	    {"\xff", 1, "AgentMessage: unfinished number"},
	    {"\x0a", 1, "hello: unfinished number"},
	    {"\x0a\x05", 2, "hello: length beyond the end at byte 2"},
	    {"\x0a\xff\xff\xff\xff\x0f", 6, "hello: length beyond the end"},
	    {"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11, "hello: length beyond the end"},
	    {"\x00\x00", 2, "bad field number"},
	    {"\xff\xff\xff\xff\xff\x01", 6, "bad field number"},
	    {"\x08\x01", 2, "hello: wrong wire type"},
	    {"\x0a\x02\x0d\x01", 4, "hello: protocol: wrong wire type"},
	    {"\x7b\x7c", 2, "field 15: unknown wire type"},
	    {"\x79\x01", 2, "field 15: cut off"},
	    {"\x0a\x02\x08\xff", 4, "hello: protocol: unfinished number"},
	    {"\x0a\x00\x0a\x00", 4, "hello: given twice"},
	};

	for (size_t i = 0; i < MU_ARRAY_SIZE(cases); i++) {
		MU_CLEANUP(mu_str_deinit) struct mu_str s = MU_STR_INIT;

		mu_str_add_bytes(&s, cases[i].bytes, cases[i].len);
		expect_refusal(&s, cases[i].text);
	}
}

Test(unpack, message_over_the_limit)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	static const char zeros[WIRE_MESSAGE_MAX + 1];
	Muster__V1__AgentMessage *m;
	struct mu_error err = MU_ERROR_INIT;

	cr_assert_eq(wire_unpack_agent_message(a, zeros, sizeof zeros, &m, &err), MU_FAILED);
	cr_assert_eq(err.code, MU_E_TOO_LARGE);
	cr_assert_eq(mu_arena_used(a), 0);
}

/* `n` empty submessages in field `inner` of field `outer`. */
static void put_swarm(struct mu_str *s, unsigned int outer, unsigned int inner, size_t n)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str body = MU_STR_INIT;

	for (size_t i = 0; i < n; i++)
		put_bytes(&body, inner, "", 0);
	put_bytes(s, outer, body.data, body.len);
}

Test(unpack, swarms_of_empty_submessages_are_refused_cheaply)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str s = MU_STR_INIT;
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	Muster__V1__AgentMessage *m;
	struct mu_error err = MU_ERROR_INIT;

	put_swarm(&s, 2, 4, 2000000);
	expect_refusal(&s, "snapshot: vms: too many submessages");
	mu_str_reset(&s);
	/* Few enough to be counted, still heavier than the bytes can be worth. */
	put_swarm(&s, 2, 4, 100000);
	cr_assert_eq(wire_unpack_agent_message(a, s.data, s.len, &m, &err), MU_FAILED);
	cr_assert(strstr(err.text, "within the limits"), "%s", err.text);
	cr_assert_lt(mu_arena_used(a), 40 * s.len);
}

Test(unpack, too_many_vms)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str body = MU_STR_INIT, s = MU_STR_INIT;

	for (size_t i = 0; i <= WIRE_VMS_MAX; i++)
		put_bytes(&body, 4,
			  "\x0a\x10"
			  "0123456789abcdef",
			  18);
	put_bytes(&s, 2, body.data, body.len);
	expect_refusal(&s, "snapshot: 4097 VMs");
	mu_str_reset(&body);
	mu_str_reset(&s);
	for (size_t i = 0; i <= WIRE_IDS_MAX; i++)
		put_bytes(&body, 4, "0123456789abcdef", 16);
	put_bytes(&s, 3, body.data, body.len);
	expect_refusal(&s, "delta: 20481 removed ones, the limit is 20480");
	mu_str_reset(&body);
	mu_str_reset(&s);
	for (size_t i = 0; i <= WIRE_VMS_MAX; i++)
		put_bytes(&body, 3,
			  "\x0a\x10"
			  "0123456789abcdef",
			  18);
	put_bytes(&s, 3, body.data, body.len);
	expect_refusal(&s, "delta: 4097 VMs");
}

Test(unpack, too_many_objects)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str body = MU_STR_INIT, s = MU_STR_INIT;

	for (size_t i = 0; i <= WIRE_OBJECTS_MAX; i++)
		put_bytes(&body, 5,
			  "\x0a\x10"
			  "0123456789abcdef",
			  18);
	put_bytes(&s, 2, body.data, body.len);
	expect_refusal(&s, "snapshot: 16385 objects, the limit is 16384");
	mu_str_reset(&s);
	put_bytes(&s, 3, body.data, body.len);
	expect_refusal(&s, "delta: 16385 objects");
	mu_str_reset(&body);
	mu_str_reset(&s);
	for (size_t i = 0; i <= WIRE_IDS_MAX; i++)
		put_bytes(&body, 6, "0123456789abcdef", 16);
	put_bytes(&s, 2, body.data, body.len);
	expect_refusal(&s, "snapshot: 20481 later ones");
}

Test(unpack, too_many_fields)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str body = MU_STR_INIT, s = MU_STR_INIT;

	for (size_t i = 0; i < 1100000; i++)
		put_number(&body, 15, 1);
	put_bytes(&s, 1, body.data, body.len);
	expect_refusal(&s, "too many fields");
}

/* The largest honest things: a full dictionary and a host full of VMs in all their glory. */
Test(unpack, honest_giants_pass)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str body = MU_STR_INIT, s = MU_STR_INIT;
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	MU_CLEANUP(mu_str_deinit) struct mu_str vm = MU_STR_INIT;
	Muster__V1__AgentMessage *m;
	struct mu_error err = MU_ERROR_INIT;

	put_bytes(&vm, 1, "0123456789abcdef", 16);
	for (size_t i = 0; i < MODEL_VM_TAGS_MAX; i++)
		put_text(&vm, 19, "t");
	put_swarm(&vm, 18, 11, MODEL_VM_ADDRS_MAX);
	for (size_t i = 0; i < WIRE_VMS_MAX; i++)
		put_bytes(&body, 4, vm.data, vm.len);
	put_bytes(&s, 2, body.data, body.len);
	cr_assert_eq(wire_unpack_agent_message(a, s.data, s.len, &m, &err), 0, "%s", err.text);
	cr_assert_eq(m->snapshot->n_vms, WIRE_VMS_MAX);
	cr_assert_eq(m->snapshot->vms[WIRE_VMS_MAX - 1]->n_tags, MODEL_VM_TAGS_MAX);

	mu_str_reset(&body);
	mu_str_reset(&s);
	mu_str_reset(&vm);
	put_bytes(&vm, 1, "0123456789abcdef", 16);
	put_text(&vm, 2, "vif_0_rx");
	put_number(&vm, 3, 1);
	put_text(&vm, 4, "bytes/s");
	for (size_t i = 0; i < 100000; i++)
		put_bytes(&body, 2, vm.data, vm.len);
	put_bytes(&s, 4, body.data, body.len);
	cr_assert_leq(s.len, WIRE_MESSAGE_MAX);
	cr_assert_eq(wire_unpack_agent_message(a, s.data, s.len, &m, &err), 0, "%s", err.text);
	cr_assert_eq(m->metric_dictionary->n_series, 100000);
}

Test(unpack, packed_and_loose_floats)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str body = MU_STR_INIT, s = MU_STR_INIT;
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	Muster__V1__AgentMessage *m;
	struct mu_error err = MU_ERROR_INIT;

	put_bytes(&body, 3, "\0\0\x80\x3f\0\0\0\x40", 8);
	put_varint(&body, 3 << 3 | 5);
	mu_str_add_bytes(&body, "\0\0\x40\x40", 4);
	put_batches(&s, &body, 1);
	cr_assert_eq(wire_unpack_agent_message(a, s.data, s.len, &m, &err), 0, "%s", err.text);
	cr_assert_eq(m->metric_batches->batch[0]->n_value, 3);
	cr_assert_float_eq(m->metric_batches->batch[0]->value[2], 3.0f, 0.0f);
	/* Half a float. */
	mu_str_reset(&body);
	put_bytes(&body, 3, "\0\0\x80", 3);
	put_batches(&s, &body, 1);
	expect_refusal(&s, "cannot be unpacked");
}

Test(unpack, batches_within_their_bounds)
{
	static const char numbers[4 * WIRE_NUMBERS_MAX];
	MU_CLEANUP(mu_str_deinit) struct mu_str body = MU_STR_INIT, s = MU_STR_INIT;
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	Muster__V1__AgentMessage *m;
	struct mu_error err = MU_ERROR_INIT;

	put_number(&body, 1, 7);
	put_batches(&s, &body, 0);
	expect_refusal(&s, "metric_batches: 0 batches, 1 to 32");
	put_batches(&s, &body, WIRE_BATCHES_MAX + 1);
	expect_refusal(&s, "metric_batches: 33 batches, 1 to 32");
	put_batches(&s, &body, WIRE_BATCHES_MAX);
	cr_assert_eq(wire_unpack_agent_message(a, s.data, s.len, &m, &err), 0, "%s", err.text);
	cr_assert_eq(m->metric_batches->n_batch, WIRE_BATCHES_MAX);
	/* Values, and counters of a byte each. */
	put_bytes(&body, 3, numbers, 4 * (WIRE_NUMBERS_MAX / 2 - 1));
	put_bytes(&body, 4, numbers, 1);
	put_batches(&s, &body, 2);
	cr_assert_eq(wire_unpack_agent_message(a, s.data, s.len, &m, &err), 0, "%s", err.text);
	put_bytes(&body, 4, numbers, 1);
	put_batches(&s, &body, 2);
	expect_refusal(&s,
		       "metric_batches: 2 batches: 16386 values and counters, the limit is 16384");
	/* A large host's are one by one. */
	put_bytes(&body, 3, numbers, sizeof numbers);
	put_batches(&s, &body, 1);
	cr_assert_eq(wire_unpack_agent_message(a, s.data, s.len, &m, &err), 0, "%s", err.text);
}

Test(unpack, the_other_way)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	Muster__V1__AggregatorMessage *m = NULL;
	struct mu_error err = MU_ERROR_INIT;

	cr_assert_eq(wire_unpack_aggregator_message(a, "\x22\x02\x0a\x07", 4, &m, &err), MU_FAILED);
	cr_assert_null(m);
	cr_assert(mu_str_has_prefix(err.text, "AggregatorMessage: command: id: length beyond"),
		  "%s", err.text);
	cr_assert_eq(wire_unpack_aggregator_message(a, "\x12\x02\x08\x07", 4, &m, &err), 0);
	cr_assert_eq(m->state_ack->seq, 7);
}

/* What our schema does not have yet: fixed-size numbers, and a message that contains itself. */
static const ProtobufCMessageDescriptor nested;
static const ProtobufCFieldDescriptor nested_fields[] = {
    {.name = "f64", .id = 1, .label = PROTOBUF_C_LABEL_NONE, .type = PROTOBUF_C_TYPE_DOUBLE},
    {.name = "f32", .id = 2, .label = PROTOBUF_C_LABEL_NONE, .type = PROTOBUF_C_TYPE_SFIXED32},
    {.name = "self",
     .id = 3,
     .label = PROTOBUF_C_LABEL_NONE,
     .type = PROTOBUF_C_TYPE_MESSAGE,
     .descriptor = &nested},
};
static const ProtobufCIntRange nested_ranges[] = {{1, 0}, {0, 3}};
static const ProtobufCMessageDescriptor nested = {
    .magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,
    .short_name = "Nested",
    .n_fields = MU_ARRAY_SIZE(nested_fields),
    .fields = nested_fields,
    .n_field_ranges = 1,
    .field_ranges = nested_ranges,
};

Test(unpack, both_ends_of_a_tunnel)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str s = MU_STR_INIT;
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct mu_error err = MU_ERROR_INIT;
	Muster__V1__TunnelDown *down = NULL;
	Muster__V1__TunnelUp *up = NULL;

	put_text(&s, 1, "bytes");
	cr_assert_eq(wire_unpack_tunnel_down(a, s.data, s.len, &down, &err), 0, "%s", err.text);
	cr_assert_eq(down->kind_case, MUSTER__V1__TUNNEL_DOWN__KIND_DATA);
	cr_expect_eq(down->data.len, 5u);
	cr_assert_eq(wire_unpack_tunnel_up(a, NULL, 0, &up, &err), 0);
	cr_assert_eq(up->kind_case, MUSTER__V1__TUNNEL_UP__KIND__NOT_SET);
	/* Cut short. */
	cr_expect_eq(wire_unpack_tunnel_down(a, s.data, s.len - 1, &down, &err), MU_FAILED);
	cr_expect_eq(wire_unpack_tunnel_up(a, s.data, s.len - 1, &up, &err), MU_FAILED);
	cr_expect_eq(err.code, MU_E_PROTOCOL);
}

Test(unpack, fixed_size_numbers)
{
	struct mu_error err = MU_ERROR_INIT;

	cr_assert_eq(wire_scan(&nested,
			       "\x09"
			       "12345678"
			       "\x15"
			       "1234",
			       14, &err),
		     0, "%s", err.text);
	cr_assert_eq(wire_scan(&nested,
			       "\x0d"
			       "1234",
			       5, &err),
		     MU_FAILED);
	cr_assert(strstr(err.text, "f64: wrong wire type"), "%s", err.text);
	cr_assert_eq(wire_scan(&nested,
			       "\x15"
			       "123",
			       4, &err),
		     MU_FAILED);
	cr_assert(strstr(err.text, "f32: cut off"), "%s", err.text);
}

Test(unpack, depth_is_bounded)
{
	struct mu_str levels[2] = {MU_STR_INIT, MU_STR_INIT};
	struct mu_error err = MU_ERROR_INIT;
	int depth = 0, r = 0;

	while (r == 0 && depth < 100) {
		struct mu_str *outer = &levels[++depth % 2], *inner = &levels[(depth + 1) % 2];

		mu_str_reset(outer);
		put_bytes(outer, 3, inner->data ? inner->data : "", inner->len);
		r = wire_scan(&nested, outer->data, outer->len, &err);
	}
	cr_assert_eq(depth, 17);
	cr_assert(strstr(err.text, "too deep"), "%s", err.text);
	mu_str_deinit(&levels[0]);
	mu_str_deinit(&levels[1]);
}
