/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A list of blocks that double in size up to 1 MiB; an allocation too large for a block gets one
 * of its own. reset() keeps the newest (largest) block, so a steady request load stops calling
 * malloc after the first few.
 */
#include "common/base/arena.h"

#include "common/base/assert.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_MIN = 4096, BLOCK_MAX = 1 << 20 };

struct block {
	struct block *next;
	size_t size;
	size_t used;
	alignas(max_align_t) unsigned char data[];
};

struct mu_arena {
	struct block *top;
	size_t used;
};

static struct block *block_new(size_t size, struct block *next)
{
	struct block *b = mu_xmalloc(sizeof *b + size);

	b->next = next;
	b->size = size;
	b->used = 0;
	return b;
}

static void free_blocks(struct block *b)
{
	while (b) {
		struct block *next = b->next;

		free(b);
		b = next;
	}
}

struct mu_arena *mu_arena_new(void)
{
	return mu_xcalloc(1, sizeof(struct mu_arena));
}

struct mu_arena *mu_arena_free(struct mu_arena *a)
{
	if (a) {
		free_blocks(a->top);
		free(a);
	}
	return NULL;
}

void mu_arena_reset(struct mu_arena *a)
{
	if (a->top) {
		free_blocks(a->top->next);
		a->top->next = NULL;
		a->top->used = 0;
	}
	a->used = 0;
}

void *mu_arena_alloc(struct mu_arena *a, size_t size)
{
	const size_t align = alignof(max_align_t);
	size_t rounded, block;
	void *p;

	mu_assert(size <= SIZE_MAX / 4);
	rounded = (size ? size + align - 1 : align) / align * align;
	if (!a->top || a->top->size - a->top->used < rounded) {
		block = a->top ? a->top->size * 2 : BLOCK_MIN;
		if (block > BLOCK_MAX)
			block = BLOCK_MAX;
		a->top = block_new(block < rounded ? rounded : block, a->top);
	}
	p = a->top->data + a->top->used;
	a->top->used += rounded;
	a->used += rounded;
	return p;
}

void *mu_arena_calloc(struct mu_arena *a, size_t n, size_t size)
{
	size_t total;
	void *p;

	mu_assert(!__builtin_mul_overflow(n, size, &total));
	p = mu_arena_alloc(a, total);
	memset(p, 0, total);
	return p;
}

void *mu_arena_memdup(struct mu_arena *a, const void *p, size_t size)
{
	void *copy = mu_arena_alloc(a, size);

	if (size)
		memcpy(copy, p, size);
	return copy;
}

char *mu_arena_strdup(struct mu_arena *a, const char *s)
{
	return mu_arena_memdup(a, s, strlen(s) + 1);
}

char *mu_arena_strndup(struct mu_arena *a, const char *s, size_t max)
{
	size_t len = strnlen(s, max);
	char *copy = mu_arena_alloc(a, len + 1);

	memcpy(copy, s, len);
	copy[len] = '\0';
	return copy;
}

char *mu_arena_printf(struct mu_arena *a, const char *fmt, ...)
{
	va_list ap, again;
	char *s;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	mu_assert(n >= 0);
	s = mu_arena_alloc(a, (size_t)n + 1);
	(void)vsnprintf(s, (size_t)n + 1, fmt, again);
	va_end(again);
	return s;
}

size_t mu_arena_used(const struct mu_arena *a)
{
	return a->used;
}
