/* SPDX-License-Identifier: Apache-2.0 */
#include "common/wire/field.h"

#include "common/base/str.h"
#include "common/wire/wire.h"

#include <inttypes.h>
#include <string.h>

char *wire_text_encode(struct mu_arena *a, const char *text)
{
	size_t len = strlen(text);
	char *copy;

	if (mu_utf8_valid(text, len))
		return mu_arena_memdup(a, text, len + 1);
	copy = mu_arena_alloc(a, len + 1);
	mu_utf8_sanitize(copy, len, text, len);
	return copy;
}

int wire_text_decode(const char *text, const char *field, char *dst, size_t dst_size,
		     struct mu_error *err)
{
	size_t len = strlen(text);

	if (len >= dst_size)
		return mu_error_set(err, MU_E_PROTOCOL, "%s: %zu bytes long, the limit is %zu",
				    field, len, dst_size - 1);
	/* Messages from wire_unpack_*() were checked already; this one may be from elsewhere. */
	if (!mu_utf8_valid(text, len))
		return mu_error_set(err, MU_E_PROTOCOL, "%s: not valid UTF-8", field);
	memcpy(dst, text, len + 1);
	return 0;
}

int wire_range(uint64_t v, uint64_t max, const char *field, struct mu_error *err)
{
	if (v > max)
		return mu_error_set(err, MU_E_PROTOCOL,
				    "%s: %" PRIu64 " is over the limit %" PRIu64, field, v, max);
	return 0;
}

int wire_signed_range(int64_t v, int64_t min, int64_t max, const char *field, struct mu_error *err)
{
	if (v < min || v > max)
		return mu_error_set(err, MU_E_PROTOCOL,
				    "%s: %" PRId64 " is not from %" PRId64 " to %" PRId64, field, v,
				    min, max);
	return 0;
}

int64_t wire_clamp(int64_t v, int64_t min, int64_t max)
{
	if (v < min)
		return min;
	return v > max ? max : v;
}

ProtobufCBinaryData wire_optional_uuid_encode(struct mu_arena *a, const struct mu_uuid *u)
{
	return mu_uuid_is_nil(u) ? (ProtobufCBinaryData){0} : wire_uuid_encode(a, u);
}

int wire_optional_uuid_decode(const ProtobufCBinaryData *b, const char *field, struct mu_uuid *ret,
			      struct mu_error *err)
{
	if (b->len > 0)
		return wire_uuid_decode(b, field, ret, err);
	*ret = (struct mu_uuid){{0}};
	return 0;
}

void wire_texts_encode(struct mu_arena *a, const struct wire_text *table, size_t n,
		       const void *model, void *message)
{
	for (size_t i = 0; i < n; i++) {
		char *text = wire_text_encode(a, (const char *)model + table[i].model_offset);

		memcpy((char *)message + table[i].message_offset, &text, sizeof text);
	}
}

int wire_texts_decode(const struct wire_text *table, size_t n, const void *message, void *model,
		      struct mu_error *err)
{
	for (size_t i = 0; i < n; i++) {
		const char *text;
		int r;

		memcpy(&text, (const char *)message + table[i].message_offset, sizeof text);
		r = wire_text_decode(text, table[i].name, (char *)model + table[i].model_offset,
				     table[i].model_size, err);
		if (r < 0)
			return r;
	}
	return 0;
}

void wire_counts_encode(const struct wire_count *table, size_t n, const void *model, void *message)
{
	for (size_t i = 0; i < n; i++) {
		int64_t v;
		uint64_t u;

		memcpy(&v, (const char *)model + table[i].model_offset, sizeof v);
		/* "Unknown" (-1) and clocks gone mad must not make the peer refuse the rest. */
		u = v < 0 ? 0 : (uint64_t)(v > table[i].max ? table[i].max : v);
		memcpy((char *)message + table[i].message_offset, &u, sizeof u);
	}
}

int wire_counts_decode(const struct wire_count *table, size_t n, const void *message, void *model,
		       struct mu_error *err)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t u;
		int64_t v;
		int r;

		memcpy(&u, (const char *)message + table[i].message_offset, sizeof u);
		r = wire_range(u, (uint64_t)table[i].max, table[i].name, err);
		if (r < 0)
			return r;
		v = (int64_t)u;
		memcpy((char *)model + table[i].model_offset, &v, sizeof v);
	}
	return 0;
}

void wire_sizes_encode(const struct wire_size *table, size_t n, const void *model, void *message)
{
	for (size_t i = 0; i < n; i++) {
		int64_t v;

		memcpy(&v, (const char *)model + table[i].model_offset, sizeof v);
		v = wire_clamp(v, -1, INT64_MAX);
		memcpy((char *)message + table[i].message_offset, &v, sizeof v);
	}
}

int wire_sizes_decode(const struct wire_size *table, size_t n, const void *message, void *model,
		      struct mu_error *err)
{
	for (size_t i = 0; i < n; i++) {
		int64_t v;
		int r;

		memcpy(&v, (const char *)message + table[i].message_offset, sizeof v);
		r = wire_signed_range(v, -1, INT64_MAX, table[i].name, err);
		if (r < 0)
			return r;
		memcpy((char *)model + table[i].model_offset, &v, sizeof v);
	}
	return 0;
}

void wire_flags_encode(const struct wire_flag *table, size_t n, const void *model, void *message)
{
	for (size_t i = 0; i < n; i++) {
		const bool *from = (const void *)((const char *)model + table[i].model_offset);
		protobuf_c_boolean v = *from;

		memcpy((char *)message + table[i].message_offset, &v, sizeof v);
	}
}

void wire_flags_decode(const struct wire_flag *table, size_t n, const void *message, void *model)
{
	for (size_t i = 0; i < n; i++) {
		bool *to = (void *)((char *)model + table[i].model_offset);
		protobuf_c_boolean v;

		memcpy(&v, (const char *)message + table[i].message_offset, sizeof v);
		*to = v != 0;
	}
}
