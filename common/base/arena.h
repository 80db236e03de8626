/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An arena: many small allocations, freed together.
 *
 * One per request, job or event; its user is its owner. Nothing in it is freed on its own, so
 * handlers have no free(). Memory is aligned for any type. Not thread-safe: one thread at a time.
 */
#ifndef MUSTER_BASE_ARENA_H
#define MUSTER_BASE_ARENA_H

#include "common/base/mem.h"

#include <stddef.h>

struct mu_arena;

struct mu_arena *mu_arena_new(void);
/* Takes NULL; returns NULL. */
struct mu_arena *mu_arena_free(struct mu_arena *a);
MU_DEFINE_CLEANUP(mu_arena_free, struct mu_arena *);
/* Forget everything in it but keep the memory for the next round. */
void mu_arena_reset(struct mu_arena *a);

void *mu_arena_alloc(struct mu_arena *a, size_t size);
/* Zeroed, n * size; overflow aborts. */
void *mu_arena_calloc(struct mu_arena *a, size_t n, size_t size);
char *mu_arena_strdup(struct mu_arena *a, const char *s);
char *mu_arena_strndup(struct mu_arena *a, const char *s, size_t max);
void *mu_arena_memdup(struct mu_arena *a, const void *p, size_t size);
char *mu_arena_printf(struct mu_arena *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Bytes handed out so far (for limits and for tests). */
size_t mu_arena_used(const struct mu_arena *a);

#endif
