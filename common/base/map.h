/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hash map from byte strings to pointers: chained by open addressing, keys copied, values the
 * caller's. Iteration is in order of insertion, so what is printed from a map is deterministic.
 * Keys may come from outside: the hash is seeded per process (mu_map_seed), collisions cannot be
 * arranged. Not thread-safe.
 */
#ifndef MUSTER_BASE_MAP_H
#define MUSTER_BASE_MAP_H

#include "common/base/mem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mu_map;

struct mu_map *mu_map_new(void);
/* Frees the map, not the values. Takes NULL; returns NULL. */
struct mu_map *mu_map_free(struct mu_map *m);
MU_DEFINE_CLEANUP(mu_map_free, struct mu_map *);

/* Set the process's hash seed; before the first map is made, from random bytes. */
void mu_map_seed(uint64_t seed);

size_t mu_map_size(const struct mu_map *m);
void *mu_map_find(const struct mu_map *m, const void *key, size_t key_len);
/* Returns the value that was there before, or NULL. `value` must not be NULL. */
void *mu_map_put(struct mu_map *m, const void *key, size_t key_len, void *value);
/* Returns the removed value, or NULL. */
void *mu_map_remove(struct mu_map *m, const void *key, size_t key_len);

static inline void *mu_map_find_str(const struct mu_map *m, const char *key)
{
	return mu_map_find(m, key, __builtin_strlen(key));
}

static inline void *mu_map_put_str(struct mu_map *m, const char *key, void *value)
{
	return mu_map_put(m, key, __builtin_strlen(key), value);
}

static inline void *mu_map_remove_str(struct mu_map *m, const char *key)
{
	return mu_map_remove(m, key, __builtin_strlen(key));
}

/*
 * for (size_t i = 0; (v = mu_map_next(m, &i, NULL, NULL));) ...
 * Next value in order of insertion; NULL at the end. Removing the current element is allowed,
 * putting new ones is not.
 */
void *mu_map_next(const struct mu_map *m, size_t *iter, const void **ret_key, size_t *ret_key_len);

#endif
