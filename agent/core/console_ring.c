/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/core/console_ring.h"

#include <string.h>

void console_ring_add(struct console_ring *r, const void *data, size_t len)
{
	const char *p = data;

	while (len > 0) {
		size_t at = (size_t)(r->end % CONSOLE_RING_BYTES);
		size_t n = CONSOLE_RING_BYTES - at < len ? CONSOLE_RING_BYTES - at : len;

		memcpy(r->data + at, p, n);
		r->end += n;
		p += n;
		len -= n;
	}
}

uint64_t console_ring_begin(const struct console_ring *r)
{
	return r->end > CONSOLE_RING_BYTES ? r->end - CONSOLE_RING_BYTES : 0;
}

const char *console_ring_at(const struct console_ring *r, uint64_t *pos, size_t max,
			    size_t *ret_len, uint64_t *ret_lost)
{
	uint64_t begin = console_ring_begin(r);
	size_t at;
	size_t n;

	*ret_lost = *pos < begin ? begin - *pos : 0;
	*pos += *ret_lost;
	if (*pos >= r->end)
		return NULL;
	at = (size_t)(*pos % CONSOLE_RING_BYTES);
	n = (size_t)(r->end - *pos);
	if (n > CONSOLE_RING_BYTES - at)
		n = CONSOLE_RING_BYTES - at;
	*ret_len = n < max ? n : max;
	return r->data + at;
}
