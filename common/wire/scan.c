/* SPDX-License-Identifier: Apache-2.0 */
/*
 * protobuf-c is content with less than we ask of a peer: it takes any bytes for a string (and cuts
 * them at a NUL), allocates a struct for every two bytes that say "empty submessage", merges
 * messages that are given twice, and reports all its failures as NULL. So the bytes are walked
 * once along the message's descriptor before it sees them:
 *
 *   - tags, lengths and wire types are well formed, and fit the field;
 *   - strings are UTF-8 without NUL;
 *   - a message that is not repeated comes once;
 *   - the numbers of fields and of submessages in the whole tree, which memory use follows, are
 *     bounded.
 *
 * Fields that the descriptor does not know are stepped over: a newer peer may send them. The depth
 * of the recursion is that of the schema, which does not contain itself.
 */
#include "common/wire/scan.h"

#include "common/base/str.h"

#include <inttypes.h>

enum {
	FIELDS_MAX = 1 << 20, /* a dictionary of 100,000 series has 500,000 */
	MESSAGES_MAX =
	    1 << 18, /* 4,096 VMs with all that is in them, and 16,384 objects: 205,000 */
	DEPTH_MAX = 16,
	SEEN_BITS = 64,
};

struct scan {
	const uint8_t *start;
	const uint8_t *p;
	size_t n_fields;
	size_t n_messages;
	struct mu_error *err;
};

static int malformed(const struct scan *s, const char *what)
{
	return mu_error_set(s->err, MU_E_PROTOCOL, "%s at byte %td", what, s->p - s->start);
}

static int read_varint(struct scan *s, const uint8_t *end, uint64_t *ret)
{
	uint64_t v = 0;

	for (unsigned int shift = 0; shift < 70 && s->p < end; shift += 7) {
		uint8_t b = *s->p++;

		if (shift < 64)
			v |= (uint64_t)(b & 0x7f) << shift;
		if (!(b & 0x80)) {
			*ret = v;
			return 0;
		}
	}
	return malformed(s, "unfinished number");
}

/* The field's number and wire type; protobuf-c reads tags of at most 5 bytes. */
static int read_tag(struct scan *s, const uint8_t *end, uint32_t *ret_number,
		    ProtobufCWireType *ret_type)
{
	const uint8_t *at = s->p;
	uint64_t tag;
	int r = read_varint(s, end, &tag);

	if (r < 0)
		return r;
	if (tag > UINT32_MAX || tag >> 3 == 0 || s->p - at > 5)
		return malformed(s, "bad field number");
	*ret_number = (uint32_t)(tag >> 3);
	*ret_type = (ProtobufCWireType)(tag & 7);
	return 0;
}

static int read_length(struct scan *s, const uint8_t *end, size_t *ret)
{
	const uint8_t *at = s->p;
	uint64_t len;
	int r = read_varint(s, end, &len);

	if (r < 0)
		return r;
	if (s->p - at > 5 || len > (uint64_t)(end - s->p))
		return malformed(s, "length beyond the end");
	*ret = (size_t)len;
	return 0;
}

static int skip(struct scan *s, const uint8_t *end, size_t len)
{
	if ((size_t)(end - s->p) < len)
		return malformed(s, "cut off");
	s->p += len;
	return 0;
}

static ProtobufCWireType wire_type_of(ProtobufCType type)
{
	switch (type) {
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_BOOL:
	case PROTOBUF_C_TYPE_ENUM:
		return PROTOBUF_C_WIRE_TYPE_VARINT;
	case PROTOBUF_C_TYPE_SFIXED32:
	case PROTOBUF_C_TYPE_FIXED32:
	case PROTOBUF_C_TYPE_FLOAT:
		return PROTOBUF_C_WIRE_TYPE_32BIT;
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_FIXED64:
	case PROTOBUF_C_TYPE_DOUBLE:
		return PROTOBUF_C_WIRE_TYPE_64BIT;
	case PROTOBUF_C_TYPE_STRING:
	case PROTOBUF_C_TYPE_BYTES:
	case PROTOBUF_C_TYPE_MESSAGE:
		break;
	}
	return PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
}

/* Packed arrays of numbers come length-prefixed although their elements are not. */
static bool type_fits(const ProtobufCFieldDescriptor *f, ProtobufCWireType type)
{
	return wire_type_of(f->type) == type || (f->label == PROTOBUF_C_LABEL_REPEATED &&
						 type == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED);
}

static int scan_message(struct scan *s, const ProtobufCMessageDescriptor *d, const uint8_t *end,
			unsigned int depth);

static int scan_submessage(struct scan *s, const ProtobufCFieldDescriptor *f,
			   const ProtobufCMessageDescriptor *d, uint64_t *seen, const uint8_t *end,
			   unsigned int depth)
{
	size_t i = (size_t)(f - d->fields);

	if (f->label != PROTOBUF_C_LABEL_REPEATED && i < SEEN_BITS) {
		if (*seen & UINT64_C(1) << i)
			return malformed(s, "given twice");
		*seen |= UINT64_C(1) << i;
	}
	if (++s->n_messages > MESSAGES_MAX)
		return malformed(s, "too many submessages");
	return scan_message(s, f->descriptor, end, depth + 1);
}

static int scan_prefixed(struct scan *s, const ProtobufCFieldDescriptor *f,
			 const ProtobufCMessageDescriptor *d, uint64_t *seen, const uint8_t *end,
			 unsigned int depth)
{
	size_t len;
	int r = read_length(s, end, &len);

	if (r < 0)
		return r;
	if (f && f->type == PROTOBUF_C_TYPE_MESSAGE)
		return scan_submessage(s, f, d, seen, s->p + len, depth);
	if (f && f->type == PROTOBUF_C_TYPE_STRING && !mu_utf8_valid((const char *)s->p, len))
		return malformed(s, "text that is not valid UTF-8");
	return skip(s, end, len);
}

static int scan_value(struct scan *s, const ProtobufCFieldDescriptor *f, ProtobufCWireType type,
		      const ProtobufCMessageDescriptor *d, uint64_t *seen, const uint8_t *end,
		      unsigned int depth)
{
	uint64_t number;

	if (f && !type_fits(f, type))
		return malformed(s, "wrong wire type");
	switch (type) {
	case PROTOBUF_C_WIRE_TYPE_VARINT:
		return read_varint(s, end, &number);
	case PROTOBUF_C_WIRE_TYPE_64BIT:
		return skip(s, end, 8);
	case PROTOBUF_C_WIRE_TYPE_32BIT:
		return skip(s, end, 4);
	case PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED:
		return scan_prefixed(s, f, d, seen, end, depth);
	}
	return malformed(s, "unknown wire type");
}

static int scan_message(struct scan *s, const ProtobufCMessageDescriptor *d, const uint8_t *end,
			unsigned int depth)
{
	uint64_t seen = 0;

	if (depth > DEPTH_MAX)
		return malformed(s, "too deep");
	while (s->p < end) {
		const ProtobufCFieldDescriptor *f;
		ProtobufCWireType type;
		uint32_t number;
		int r;

		if (++s->n_fields > FIELDS_MAX)
			return malformed(s, "too many fields");
		if ((r = read_tag(s, end, &number, &type)) < 0)
			return r;
		f = protobuf_c_message_descriptor_get_field(d, number);
		if ((r = scan_value(s, f, type, d, &seen, end, depth)) < 0)
			return f ? mu_error_prefix(s->err, "%s", f->name)
				 : mu_error_prefix(s->err, "field %" PRIu32, number);
	}
	return 0;
}

int wire_scan(const ProtobufCMessageDescriptor *d, const void *data, size_t len,
	      struct mu_error *err)
{
	struct scan s = {.start = data, .p = data, .err = err};

	return len ? scan_message(&s, d, s.p + len, 0) : 0;
}
