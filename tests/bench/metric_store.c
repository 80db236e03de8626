/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The aggregator's keeper of metrics with its files, under a clock of its own: HOSTS hosts of 31
 * objects and 790 series, steps over the end of an hour, then a start from what
 * is on the disk. Prints one line per figure, "NAME VALUE". CPU time of this process, all threads.
 *
 *   metric-store DIRECTORY HOSTS STEPS
 */
#include "aggregator/metrics/metrics.h"
#include "aggregator/metrics/shard_read.h"
#include "common/archive/tile.h"
#include "common/base/rand.h"
#include "common/os/clock.h"
#include "common/os/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	OBJECTS = 31,
	SERIES = 790,
	ROWS = 16,
	VM_SERIES = 25,
	COUNTED = 9,
	READS = 3000,
	COLD_READS = 300
};
/* 100 steps before the end of an hour. */
#define FIRST (UINT32_C(358007041) - 100)

static mu_msec wall;
static mu_msec monotonic = 1000000;
static struct mu_loop *loop;
static struct metrics *metrics;
static size_t n_hosts;
static size_t n_waiting;
static uint32_t n_steps;

mu_msec __wrap_mu_clock_wall(void);
mu_msec __wrap_mu_clock_wall(void)
{
	return wall;
}

mu_msec __wrap_mu_clock_monotonic(void);
mu_msec __wrap_mu_clock_monotonic(void)
{
	return monotonic;
}

/* The pause in which a flush waits for more is not waited for: it would be most of the run. */
void __real_mu_timer_set(struct mu_timer *t, mu_msec delay);
void __wrap_mu_timer_set(struct mu_timer *t, mu_msec delay);
void __wrap_mu_timer_set(struct mu_timer *t, mu_msec delay)
{
	__real_mu_timer_set(t, delay < MU_SEC(1) ? 0 : delay);
}

static double seconds(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* A number out of a file of /proc. */
static double proc(const char *path, const char *name)
{
	FILE *f = fopen(path, "re");
	char line[256];
	double v = 0;

	while (f && fgets(line, sizeof line, f))
		if (strncmp(line, name, strlen(name)) == 0)
			v = strtod(line + strlen(name), NULL);
	if (f)
		(void)fclose(f);
	return v;
}

/* --- what stands for the database --- */

struct row {
	struct mu_uuid id, host;
	size_t len;
	uint8_t bytes[1200];
};

static struct row *rows;
static size_t n_rows;

struct storing {
	metrics_done done;
	void *arg;
};

static void stored(void *ctx)
{
	struct storing *s = ctx;

	s->done(s->arg, NULL);
	free(s);
}

static void store(void *ctx, struct catalogue *c, metrics_done done, void *arg)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct storing *s = mu_xcalloc(1, sizeof *s);
	const struct catalogue_object *o;
	const uint8_t *bytes;

	(void)ctx;
	while ((o = catalogue_next_changed(c)) && n_rows < n_hosts * OBJECTS) {
		struct row *r = &rows[n_rows++];

		catalogue_encode(o, a, &bytes, &r->len);
		r->id = o->id;
		r->host = o->host;
		memcpy(r->bytes, bytes, r->len);
		mu_arena_reset(a);
	}
	*s = (struct storing){done, arg};
	mu_loop_post(loop, stored, s);
}

/* --- the fleet --- */

static struct mu_uuid id_of(size_t host, size_t object)
{
	struct mu_uuid id = {{0}};

	memcpy(id.bytes, &host, sizeof host);
	memcpy(id.bytes + 8, &object, sizeof object);
	return id;
}

static void on_mark(void *ctx, const struct mu_uuid *host, uint64_t epoch, uint64_t seq, mu_msec at)
{
	(void)ctx, (void)host, (void)epoch, (void)seq, (void)at;
}

static void open_metrics(const char *dir)
{
	const struct metrics_options options = {
	    .loop = loop, .dir = dir, .pool = {{9}}, .store = store};
	struct mu_error err = MU_ERROR_INIT;

	metrics = metrics_new(&options);
	for (size_t i = 0; i < n_rows; i++)
		if (catalogue_restore(metrics_catalogue(metrics), &rows[i].id, &rows[i].host, 0,
				      rows[i].bytes, rows[i].len, &err) < 0)
			exit(1);
	catalogue_restored(metrics_catalogue(metrics));
	if (metrics_load(metrics, on_mark, NULL, &err) < 0)
		exit(1);
}

/* As many as a VM with a card and a disk has (14 of 38), in as many pieces. */
static bool is_counted(size_t i)
{
	return i < 2 || (i >= 10 && i < 14) || (i >= 17 && i < 20);
}

static void map_host(size_t host)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct catalogue_want *want = mu_arena_calloc(a, SERIES, sizeof *want);
	struct mu_uuid id = id_of(host, 0);
	size_t n = 0;

	for (size_t o = 0; o < OBJECTS; o++)
		for (size_t i = 0; i < (o == 0 ? 40 : VM_SERIES); i++)
			want[n++] = (struct catalogue_want){
			    .object = id_of(host, o),
			    .name = mu_arena_printf(a, "metric_%zu", i),
			    .unit = "bytes/s",
			    .rate = true,
			    .since = is_counted(i) ? 1790000000 : 0,
			};
	metrics_map(metrics, &id, want, n);
}

static void acked(void *ctx, const struct mu_error *err)
{
	(void)ctx;
	if (err)
		exit(1);
	if (--n_waiting == 0)
		mu_loop_stop(loop);
}

static void take_step(uint32_t step, float (*values)[SERIES])
{
	static int64_t counted[SERIES];

	for (size_t i = 0; i < SERIES; i++)
		counted[i] = (int64_t)values[0][i];
	for (size_t h = 0; h < n_hosts; h++) {
		const struct metrics_batch b = {.host = id_of(h, 0),
						.epoch = 1,
						.seq = step,
						.at = (mu_msec)step * 5000,
						.values = values[(h + step) % ROWS],
						.n_values = SERIES,
						.base = step == FIRST,
						.n_counted = OBJECTS * COUNTED,
						.counted = counted};

		n_waiting++;
		metrics_put(metrics, &b, 1, acked, NULL);
	}
	mu_loop_run(loop);
}

static void ingest(void)
{
	float(*values)[SERIES] = mu_xcalloc(ROWS, sizeof *values);
	struct mu_rand rand = {1};
	double cpu = 0, written = 0, dirtied = 0,
	       samples = (double)n_hosts * SERIES * (n_steps - 1);

	for (size_t r = 0; r < ROWS; r++)
		for (size_t i = 0; i < SERIES; i++)
			values[r][i] =
			    mu_rand_below(&rand, 10) < 4 ? 0 : (float)(mu_rand_unit(&rand) * 1e6);
	for (uint32_t i = 0; i < n_steps; i++) {
		if (i == 1) { /* everything has been made */
			cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
			written = proc("/proc/self/io", "wchar: ");
			dirtied = proc("/proc/self/io", "write_bytes: ");
		}
		wall += 5000;
		monotonic += 5000;
		take_step(FIRST + i, values);
	}
	cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	written = proc("/proc/self/io", "wchar: ") - written;
	dirtied = proc("/proc/self/io", "write_bytes: ") - dirtied;
	printf("ingest.cpu %.4g\n", cpu / (n_steps - 1) / 5 * 100);
	printf("ingest.rate %.4g\n", samples / cpu / 1e6);
	printf("ingest.written %.4g\n", written / samples);
	printf("ingest.dirtied %.4g\n", dirtied / samples);
	free(values);
}

static void stop_loop(void *ctx)
{
	(void)ctx;
	mu_loop_stop(loop);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static int drop_file(const char *path, const char *name, void *ctx, struct mu_error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	(void)name, (void)ctx, (void)err;
	(void)fdatasync(fd);
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	(void)close(fd);
	return 0;
}

static void drop_cache(const char *dir, uint32_t shard)
{
	MU_CLEANUP(mu_free) char *path = mu_xasprintf("%s/shard-%04u.arc", dir, shard);

	(void)drop_file(path, NULL, NULL, NULL);
}

/* --- starting --- */

static int find_oldest(const char *path, const char *name, void *ctx, struct mu_error *err)
{
	char **oldest = ctx;

	(void)name, (void)err;
	if (!*oldest)
		*oldest = mu_xstrdup(path);
	return 0;
}

/* Of the journals' 21 minutes the first ten. */
static void drop_oldest(const char *dir)
{
	MU_CLEANUP(mu_free) char *oldest = NULL;

	if (mu_file_list(dir, ".log", find_oldest, &oldest, NULL) < 0 || !oldest ||
	    unlink(oldest) < 0)
		exit(1);
}

static void restart(const char *dir, const char *name)
{
	double begin = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);

	open_metrics(dir);
	printf("%s %.4g\n", name, seconds(CLOCK_MONOTONIC) - begin);
	printf("%s.cpu %.4g\n", name, seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu);
	metrics_close(metrics, stop_loop, NULL);
	mu_loop_run(loop);
}

static void restarts(const char *dir)
{
	restart(dir, "restart.all");
	drop_oldest(dir);
	restart(dir, "restart");
	if (mu_file_list(dir, ".log", drop_file, NULL, NULL) < 0 ||
	    mu_file_list(dir, ".arc", drop_file, NULL, NULL) < 0)
		exit(1);
	restart(dir, "restart.cold");
}

/* --- reading --- */

enum { READ_SHARDS = 8 };

/* A week of hours and a year of days, as they are after a year: holes would be read for nothing. */
static void fill_tiles(const char *dir, enum archive_level level)
{
	const struct archive_cells cells = {.value = {{1}}};
	uint32_t newest = archive_row_ended(level, wall / 1000), n = archive_levels[level].n_rows;
	uint8_t bytes[TILE_BYTES_MAX];

	for (uint32_t tile = 0; tile < READ_SHARDS * TILES; tile++) {
		MU_CLEANUP(mu_free)
		char *path = mu_xasprintf("%s/shard-%04u.arc", dir, tile / TILES);
		int fd = open(path, O_RDWR | O_CLOEXEC);

		for (struct tile_row t = {level, TILE_AVERAGES, tile, newest}; t.row > newest - n;
		     t.row--) {
			size_t size = tile_row_bytes(level, t.part);

			tile_encode(&t, &cells, bytes);
			if (pwrite(fd, bytes, size, tile_file_row_at(&t)) != (ssize_t)size)
				exit(1);
		}
		(void)close(fd);
	}
}

static float values[VM_SERIES * 366];

/* Every tile once. */
static void warm_up(const struct shard_place *place, struct shard_read rd)
{
	rd.n_columns = 1;
	for (uint32_t column = 0; column < READ_SHARDS * ARCHIVE_COLUMNS; column += TILE_COLUMNS) {
		rd.columns = &column;
		if (shard_read(place, &rd, NULL) < 0)
			exit(1);
	}
}

/* A VM's 25 series over a whole archive in a file. */
static void read_files(const char *dir, enum archive_level level, bool cold)
{
	struct shard_place place = {dir, {{9}}, shard_maps_new()};
	uint32_t columns[VM_SERIES];
	struct mu_rand rand = {2};
	const size_t n = cold ? COLD_READS : READS;
	double times[READS];
	struct mu_error err = MU_ERROR_INIT;

	const struct shard_read rd = {
	    .level = level,
	    .first = archive_row_ended(level, wall / 1000) - archive_levels[level].n_rows + 1,
	    .n_rows = archive_levels[level].n_rows,
	    .n_columns = VM_SERIES,
	    .columns = columns,
	    .values = values,
	};

	if (!cold)
		warm_up(&place, rd);
	for (size_t i = 0; i < n; i++) {
		uint32_t first =
		    (uint32_t)mu_rand_below(&rand, READ_SHARDS * ARCHIVE_COLUMNS - VM_SERIES);

		for (uint32_t k = 0; k < VM_SERIES; k++)
			columns[k] = first + k;
		if (cold) { /* as after a start */
			shard_maps_free(place.maps);
			place.maps = shard_maps_new();
			drop_cache(dir, first / ARCHIVE_COLUMNS);
			drop_cache(dir, (first + VM_SERIES - 1) / ARCHIVE_COLUMNS);
		}
		times[i] = seconds(CLOCK_MONOTONIC);
		if (shard_read(&place, &rd, &err) < 0)
			exit(1);
		times[i] = seconds(CLOCK_MONOTONIC) - times[i];
	}
	shard_maps_free(place.maps);
	qsort(times, n, sizeof times[0], by_value);
	printf("read.%s.%s %.4g\n", archive_levels[level].name, cold ? "cold" : "warm",
	       times[n / 2] * 1e6);
}

int main(int argc, char **argv)
{
	if (argc != 4)
		return 2;
	n_hosts = strtoul(argv[2], NULL, 10);
	n_steps = (uint32_t)strtoul(argv[3], NULL, 10);
	rows = mu_xcalloc(n_hosts * OBJECTS, sizeof *rows);
	wall = (mu_msec)(FIRST - 1) * 5000;
	loop = mu_loop_new();
	open_metrics(argv[1]);
	for (size_t h = 0; h < n_hosts; h++)
		map_host(h);
	ingest();
	/* Without what stands for the database. */
	printf("memory %.4g\n", (proc("/proc/self/status", "RssAnon:") * 1024 -
				 (double)(n_hosts * OBJECTS * sizeof *rows)) /
				    ((double)n_hosts * SERIES));
	metrics_close(metrics, stop_loop, NULL);
	mu_loop_run(loop);
	restarts(argv[1]);
	fill_tiles(argv[1], ARCHIVE_HOURS);
	fill_tiles(argv[1], ARCHIVE_DAYS);
	for (int cold = 0; cold < 2; cold++) {
		read_files(argv[1], ARCHIVE_HOURS, cold);
		read_files(argv[1], ARCHIVE_DAYS, cold);
	}
	mu_loop_free(loop);
	free(rows);
	return 0;
}
