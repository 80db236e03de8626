/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/id.h"

#include "common/base/str.h"

#include <string.h>

bool mu_uuid_parse(const char *text, struct mu_uuid *ret)
{
	static const uint8_t dashes[] = {8, 13, 18, 23};
	char hex[33];
	size_t n = 0;
	struct mu_uuid u;

	if (strnlen(text, MU_UUID_TEXT) != MU_UUID_TEXT - 1)
		return false;
	for (size_t i = 0; i < sizeof dashes; i++)
		if (text[dashes[i]] != '-')
			return false;
	for (size_t i = 0; i < MU_UUID_TEXT - 1; i++)
		if (i != 8 && i != 13 && i != 18 && i != 23)
			hex[n++] = text[i];
	hex[n] = '\0';
	if (!mu_hex_decode(u.bytes, sizeof u.bytes, hex))
		return false;
	*ret = u;
	return true;
}

const char *mu_uuid_format(const struct mu_uuid *u, char buf[static MU_UUID_TEXT])
{
	static const uint8_t parts[] = {4, 2, 2, 2, 6};
	const uint8_t *bytes = u->bytes;
	char *p = buf;

	for (size_t i = 0; i < sizeof parts; i++) {
		mu_hex_encode(p, bytes, parts[i]);
		bytes += parts[i];
		p += 2 * parts[i];
		*p++ = '-';
	}
	p[-1] = '\0';
	return buf;
}

bool mu_uuid_equal(const struct mu_uuid *a, const struct mu_uuid *b)
{
	return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

bool mu_uuid_is_nil(const struct mu_uuid *u)
{
	static const struct mu_uuid nil;

	return mu_uuid_equal(u, &nil);
}

struct mu_uuid mu_uuid_from_random(const uint8_t bytes[static 16])
{
	struct mu_uuid u;

	memcpy(u.bytes, bytes, sizeof u.bytes);
	u.bytes[6] = (uint8_t)((u.bytes[6] & 0x0f) | 0x40);
	u.bytes[8] = (uint8_t)((u.bytes[8] & 0x3f) | 0x80);
	return u;
}

/* A hash twice, with different offsets: enough to keep the parts of one object apart. */
struct mu_uuid mu_uuid_derive(const struct mu_uuid *parent, const char *name)
{
	static const uint64_t offsets[2] = {MU_FNV1A, 0x6c62272e07bb0142u};
	struct mu_uuid u;

	for (size_t i = 0; i < 2; i++) {
		uint64_t h = mu_fnv1a(offsets[i], parent->bytes, sizeof parent->bytes);

		h = mu_fnv1a(h, name, strlen(name));
		for (size_t b = 0; b < 8; b++)
			u.bytes[i * 8 + b] = (uint8_t)(h >> (56 - 8 * b));
	}
	u.bytes[6] = (uint8_t)((u.bytes[6] & 0x0f) | 0x80);
	u.bytes[8] = (uint8_t)((u.bytes[8] & 0x3f) | 0x80);
	return u;
}

/* Of the first six bytes, which say nothing about the form of the rest. */
struct mu_uuid mu_uuid_twin(const struct mu_uuid *of, uint8_t mark)
{
	struct mu_uuid u = *of;

	for (size_t i = 0; i < 6; i++)
		u.bytes[i] ^= mark;
	return u;
}
