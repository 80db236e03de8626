/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables of fields, for this folder only: a text, a number or a flag that stands in a protobuf
 * message and in a model struct is described once and then copied both ways, with its limit. What
 * is not of these kinds (enums, ids, lists) is written out in the file of its message.
 */
#ifndef MUSTER_WIRE_FIELD_H
#define MUSTER_WIRE_FIELD_H

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/id.h"

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

/* char * in the message, char[] in the model. */
struct wire_text {
	const char *name;
	size_t message_offset;
	size_t model_offset;
	size_t model_size;
};

/* uint64_t in the message, int64_t in the model (never negative there), at most `max`. */
struct wire_count {
	const char *name;
	size_t message_offset;
	size_t model_offset;
	int64_t max;
};

/* int64_t in both, at least -1, which is "unknown". */
struct wire_size {
	const char *name;
	size_t message_offset;
	size_t model_offset;
};

/* protobuf_c_boolean in the message, bool in the model. */
struct wire_flag {
	size_t message_offset;
	size_t model_offset;
};

#define WIRE_TEXT(message, model, field)                                                           \
	{                                                                                          \
#field, offsetof(message, field), offsetof(model, field),                          \
		    sizeof(((model *)0)->field)                                                    \
	}
#define WIRE_COUNT(message, field, model, model_field, max)                                        \
	{                                                                                          \
#field, offsetof(message, field), offsetof(model, model_field), max                \
	}

#define WIRE_SIZE(message, model, field)                                                           \
	{                                                                                          \
#field, offsetof(message, field), offsetof(model, field)                           \
	}
#define WIRE_FLAG(message, model, field)                                                           \
	{                                                                                          \
		offsetof(message, field), offsetof(model, field)                                   \
	}

/* Later wall-clock times (after the year 9999) have no text form. */
#define WIRE_TIME_MAX INT64_C(253402300799999)

/* Text that is not UTF-8 (a bug of the driver's) goes out with '?' for the bad bytes: one odd
 * name must not make the peer refuse all that this host has to say. */
char *wire_text_encode(struct mu_arena *a, const char *text);
int wire_text_decode(const char *text, const char *field, char *dst, size_t dst_size,
		     struct mu_error *err);
/* v <= max, or MU_E_PROTOCOL. */
int wire_range(uint64_t v, uint64_t max, const char *field, struct mu_error *err);
/* min <= v <= max, or MU_E_PROTOCOL. */
int wire_signed_range(int64_t v, int64_t min, int64_t max, const char *field, struct mu_error *err);
/* Into the range: what is out of it on this side must not make the peer refuse the rest. */
int64_t wire_clamp(int64_t v, int64_t min, int64_t max);
/* An id that may be missing: empty in the message, nil in the model. */
ProtobufCBinaryData wire_optional_uuid_encode(struct mu_arena *a, const struct mu_uuid *u);
int wire_optional_uuid_decode(const ProtobufCBinaryData *b, const char *field, struct mu_uuid *ret,
			      struct mu_error *err);

void wire_texts_encode(struct mu_arena *a, const struct wire_text *table, size_t n,
		       const void *model, void *message);
int wire_texts_decode(const struct wire_text *table, size_t n, const void *message, void *model,
		      struct mu_error *err);
void wire_counts_encode(const struct wire_count *table, size_t n, const void *model, void *message);
int wire_counts_decode(const struct wire_count *table, size_t n, const void *message, void *model,
		       struct mu_error *err);
void wire_sizes_encode(const struct wire_size *table, size_t n, const void *model, void *message);
int wire_sizes_decode(const struct wire_size *table, size_t n, const void *message, void *model,
		      struct mu_error *err);
void wire_flags_encode(const struct wire_flag *table, size_t n, const void *model, void *message);
void wire_flags_decode(const struct wire_flag *table, size_t n, const void *message, void *model);

#endif
