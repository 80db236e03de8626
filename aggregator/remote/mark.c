/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/remote/mark.h"

#include "common/archive/crc32c.h"

#include <string.h>

#define MAGIC "MUSTREM1"

enum { MAGIC_BYTES = 8, CRC_AT = 8, HEAD_BYTES = 16, ENTRY_BYTES = 28 };

static void add_u32(struct mu_str *s, uint32_t v)
{
	mu_str_add_bytes(s, &v, sizeof v);
}

static uint32_t get_u32(const uint8_t *at)
{
	uint32_t v;

	memcpy(&v, at, sizeof v);
	return v;
}

void mark_begin(struct mu_str *s, uint32_t step)
{
	mu_str_reset(s);
	mu_str_add(s, MAGIC);
	add_u32(s, 0);
	add_u32(s, step);
}

void mark_add(struct mu_str *s, const struct mu_uuid *id, const struct cursor *c)
{
	mu_str_add_bytes(s, id->bytes, sizeof id->bytes);
	add_u32(s, c->sent);
	add_u32(s, c->present);
	add_u32(s, c->told);
}

void mark_end(struct mu_str *s)
{
	uint32_t crc = archive_crc32c(0, s->data + CRC_AT + 4, s->len - CRC_AT - 4);

	memcpy(s->data + CRC_AT, &crc, sizeof crc);
}

int mark_read(const void *bytes, size_t len, uint32_t *ret_step,
	      void (*each)(void *ctx, const struct mu_uuid *id, const struct cursor *c), void *ctx,
	      struct mu_error *err)
{
	const uint8_t *p = bytes, *end = p + len;

	if (len < HEAD_BYTES || (len - HEAD_BYTES) % ENTRY_BYTES != 0 ||
	    memcmp(p, MAGIC, MAGIC_BYTES) != 0)
		return mu_error_set(err, MU_E_IO, "not a file of marks");
	if (get_u32(p + CRC_AT) != archive_crc32c(0, p + CRC_AT + 4, len - CRC_AT - 4))
		return mu_error_set(err, MU_E_IO, "the file is damaged");
	*ret_step = get_u32(p + CRC_AT + 4);
	for (p += HEAD_BYTES; each && p < end; p += ENTRY_BYTES) {
		struct cursor c = {get_u32(p + 16), get_u32(p + 20), get_u32(p + 24)};
		struct mu_uuid id;

		memcpy(id.bytes, p, sizeof id.bytes);
		each(ctx, &id, &c);
	}
	return 0;
}
