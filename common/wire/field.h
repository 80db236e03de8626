/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables of fields, for this folder only: a text or a count that stands in a protobuf message and
 * in a model struct is described once and then copied both ways, with its limit. What is not of
 * these two kinds (enums, ids, lists) is written out in the file of its message.
 */
#ifndef MUSTER_WIRE_FIELD_H
#define MUSTER_WIRE_FIELD_H

#include "common/base/arena.h"
#include "common/base/error.h"

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

#define WIRE_TEXT(message, model, field)                                                           \
	{                                                                                          \
#field, offsetof(message, field), offsetof(model, field),                          \
		    sizeof(((model *)0)->field)                                                    \
	}
#define WIRE_COUNT(message, field, model, model_field, max)                                        \
	{                                                                                          \
#field, offsetof(message, field), offsetof(model, model_field), max                \
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

void wire_texts_encode(struct mu_arena *a, const struct wire_text *table, size_t n,
		       const void *model, void *message);
int wire_texts_decode(const struct wire_text *table, size_t n, const void *message, void *model,
		      struct mu_error *err);
void wire_counts_encode(const struct wire_count *table, size_t n, const void *model, void *message);
int wire_counts_decode(const struct wire_count *table, size_t n, const void *message, void *model,
		       struct mu_error *err);

#endif
