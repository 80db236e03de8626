/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last bytes that a console has said, for readers that come late or fall behind. Each reader
 * has a position of its own, counted from the first byte ever; the ring knows none of them.
 */
#ifndef MUSTER_AGENT_CORE_CONSOLE_RING_H
#define MUSTER_AGENT_CORE_CONSOLE_RING_H

#include <stddef.h>
#include <stdint.h>

enum { CONSOLE_RING_BYTES = 65536 };

struct console_ring {
	uint64_t end; /* position behind the last byte */
	char data[CONSOLE_RING_BYTES];
};

void console_ring_add(struct console_ring *r, const void *data, size_t len);
/* The oldest byte that is still there. */
uint64_t console_ring_begin(const struct console_ring *r);
/* Bytes from *pos on, at most `max` and as many as lie side by side; NULL when there are none. A
 * position that was overwritten moves to the oldest byte, *ret_lost says by how much. */
const char *console_ring_at(const struct console_ring *r, uint64_t *pos, size_t max,
			    size_t *ret_len, uint64_t *ret_lost);

#endif
