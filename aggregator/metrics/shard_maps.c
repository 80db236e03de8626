/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/metrics/shard_maps.h"

#include "common/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct shard_maps {
	pthread_mutex_t lock; /* of all that follows; not held while tiles are read */
	struct shard_map **maps;
	uint32_t n;
};

struct shard_maps *shard_maps_new(void)
{
	struct shard_maps *m = mu_xcalloc(1, sizeof *m);

	(void)pthread_mutex_init(&m->lock, NULL);
	return m;
}

static void free_map(struct shard_map *map)
{
	mu_mapped_deinit(&map->mapped);
	free(map);
}

struct shard_maps *shard_maps_free(struct shard_maps *m)
{
	if (!m)
		return NULL;
	for (uint32_t i = 0; i < m->n; i++)
		if (m->maps[i])
			free_map(m->maps[i]);
	(void)pthread_mutex_destroy(&m->lock);
	free(m->maps);
	free(m);
	return NULL;
}

static int map_file(const char *path, struct shard_map **ret, struct mu_error *err)
{
	MU_CLEANUP(mu_free) struct shard_map *map = mu_xcalloc(1, sizeof *map);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	int r;

	if (fd < 0)
		return errno == ENOENT ? 0 : mu_error_errno(err, errno, "%s", path);
	if (fstat(fd, &st) < 0)
		r = mu_error_errno(err, errno, "%s", path);
	else if (mu_mapped_init(&map->mapped, fd, TILE_FILE_HOURS_AT,
				TILE_FILE_BYTES - TILE_FILE_HOURS_AT, err) < 0)
		r = mu_error_prefix(err, "%s", path);
	else
		r = 1;
	(void)close(fd);
	if (r != 1)
		return r;
	map->dev = st.st_dev;
	map->ino = st.st_ino;
	*ret = MU_TAKE(map);
	return 1;
}

static void make_room(struct shard_maps *m, uint32_t shard)
{
	if (shard < m->n)
		return;
	m->maps = mu_xrealloc(m->maps, (size_t)shard + 1, sizeof *m->maps);
	for (; m->n <= shard; m->n++)
		m->maps[m->n] = NULL;
}

int shard_maps_get(struct shard_maps *m, uint32_t shard, const char *path, struct shard_map **ret,
		   struct mu_error *err)
{
	int r = 1;

	(void)pthread_mutex_lock(&m->lock);
	make_room(m, shard);
	if (!m->maps[shard])
		r = map_file(path, &m->maps[shard], err);
	if (r == 1) {
		*ret = m->maps[shard];
		(*ret)->n_users++;
	}
	(void)pthread_mutex_unlock(&m->lock);
	return r;
}

void shard_maps_put(struct shard_maps *m, struct shard_map *map)
{
	bool last;

	(void)pthread_mutex_lock(&m->lock);
	last = --map->n_users == 0 && map->dropped;
	(void)pthread_mutex_unlock(&m->lock);
	if (last)
		free_map(map);
}

void shard_maps_is(struct shard_maps *m, uint32_t shard, int fd)
{
	struct shard_map *map;
	struct stat st;
	bool last = false;

	if (fstat(fd, &st) < 0)
		return;
	(void)pthread_mutex_lock(&m->lock);
	map = shard < m->n ? m->maps[shard] : NULL;
	if (map && (map->dev != st.st_dev || map->ino != st.st_ino)) {
		m->maps[shard] = NULL;
		map->dropped = true;
		last = map->n_users == 0;
	}
	(void)pthread_mutex_unlock(&m->lock);
	if (last)
		free_map(map);
}
