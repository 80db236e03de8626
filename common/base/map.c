/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries stand in a dense array in order of insertion; a power-of-two index table holds their
 * positions. Removal leaves a hole in the array (value NULL) which the next growth squeezes out.
 * Index cells: 0 = never used, otherwise position + 1; a hole's cell stays, so probing goes on.
 */
#include "common/base/map.h"

#include "common/base/assert.h"

#include <stdlib.h>
#include <string.h>

struct entry {
	uint64_t hash;
	void *value;
	size_t key_len;
	unsigned char *key;
};

struct mu_map {
	struct entry *entries;
	size_t n_entries; /* with holes */
	size_t cap_entries;
	size_t n_live;
	size_t *index;
	size_t n_index; /* power of two, at least twice cap_entries */
};

static uint64_t seed = 0x9e3779b97f4a7c15u;

void mu_map_seed(uint64_t s)
{
	seed = s | 1;
}

/* wyhash-like: 8 bytes a round, 64x64->128 multiply. */
static uint64_t mix(uint64_t a, uint64_t b)
{
	__extension__ unsigned __int128 m = (unsigned __int128)a * b;

	return (uint64_t)m ^ (uint64_t)(m >> 64);
}

static uint64_t hash_of(const void *key, size_t len)
{
	const unsigned char *p = key;
	uint64_t h = seed ^ len;

	for (; len >= 8; p += 8, len -= 8) {
		uint64_t word;

		memcpy(&word, p, 8);
		h = mix(h ^ word, 0xe7037ed1a0b428dbu ^ seed);
	}
	if (len) {
		uint64_t word = 0;

		memcpy(&word, p, len);
		h = mix(h ^ word, 0x8ebc6af09c88c6e3u ^ seed);
	}
	return mix(h, 0x589965cc75374cc3u);
}

struct mu_map *mu_map_new(void)
{
	return mu_xcalloc(1, sizeof(struct mu_map));
}

struct mu_map *mu_map_free(struct mu_map *m)
{
	if (m) {
		for (size_t i = 0; i < m->n_entries; i++)
			free(m->entries[i].key);
		free(m->entries);
		free(m->index);
		free(m);
	}
	return NULL;
}

size_t mu_map_size(const struct mu_map *m)
{
	return m->n_live;
}

static struct entry *lookup(const struct mu_map *m, const void *key, size_t len, uint64_t hash)
{
	if (m->n_index == 0)
		return NULL;
	for (size_t i = hash & (m->n_index - 1); m->index[i]; i = (i + 1) & (m->n_index - 1)) {
		struct entry *e = &m->entries[m->index[i] - 1];

		if (e->value && e->hash == hash && e->key_len == len &&
		    (len == 0 || memcmp(e->key, key, len) == 0))
			return e;
	}
	return NULL;
}

static void index_entry(struct mu_map *m, size_t pos)
{
	size_t i = m->entries[pos].hash & (m->n_index - 1);

	while (m->index[i])
		i = (i + 1) & (m->n_index - 1);
	m->index[i] = pos + 1;
}

/* Make room for one more entry: squeeze the holes out, double if it is really full. */
static void grow(struct mu_map *m)
{
	size_t live = 0;

	for (size_t i = 0; i < m->n_entries; i++)
		if (m->entries[i].value)
			m->entries[live++] = m->entries[i];
	m->n_entries = live;
	if (live * 2 >= m->cap_entries) {
		m->cap_entries = m->cap_entries ? m->cap_entries * 2 : 8;
		m->entries = mu_xrealloc(m->entries, m->cap_entries, sizeof *m->entries);
		m->n_index = m->cap_entries * 2;
		free(m->index);
		m->index = mu_xcalloc(m->n_index, sizeof *m->index);
	} else {
		memset(m->index, 0, m->n_index * sizeof *m->index);
	}
	for (size_t i = 0; i < live; i++)
		index_entry(m, i);
}

void *mu_map_find(const struct mu_map *m, const void *key, size_t key_len)
{
	struct entry *e = lookup(m, key, key_len, hash_of(key, key_len));

	return e ? e->value : NULL;
}

void *mu_map_put(struct mu_map *m, const void *key, size_t key_len, void *value)
{
	uint64_t hash = hash_of(key, key_len);
	struct entry *e = lookup(m, key, key_len, hash);
	void *old;

	mu_assert(value);
	if (e) {
		old = e->value;
		e->value = value;
		return old;
	}
	if (m->n_entries == m->cap_entries)
		grow(m);
	m->entries[m->n_entries] = (struct entry){
	    .hash = hash,
	    .value = value,
	    .key_len = key_len,
	    .key = mu_xmemdup(key, key_len),
	};
	index_entry(m, m->n_entries++);
	m->n_live++;
	return NULL;
}

void *mu_map_remove(struct mu_map *m, const void *key, size_t key_len)
{
	struct entry *e = lookup(m, key, key_len, hash_of(key, key_len));
	void *old;

	if (!e)
		return NULL;
	old = e->value;
	free(e->key);
	e->key = NULL;
	e->value = NULL;
	m->n_live--;
	return old;
}

void *mu_map_next(const struct mu_map *m, size_t *iter, const void **ret_key, size_t *ret_key_len)
{
	while (*iter < m->n_entries) {
		const struct entry *e = &m->entries[(*iter)++];

		if (!e->value)
			continue;
		if (ret_key)
			*ret_key = e->key;
		if (ret_key_len)
			*ret_key_len = e->key_len;
		return e->value;
	}
	return NULL;
}
