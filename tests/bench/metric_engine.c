/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine of the metric archives alone: HOSTS x SERIES series, an hour of steps. Prints one line
 * per figure, "NAME VALUE". CPU time of this process, not wall time. tests/bench/bench_metrics.py
 * runs it.
 */
#include "common/archive/record.h"
#include "common/archive/tile.h"
#include "common/base/rand.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SERIES = 790, STEPS = 720, ROWS = 16, VM_SERIES = 25, READS = 2000 };
#define FIRST UINT32_C(357989761)

struct bench {
	struct archive *archive;
	uint32_t n_hosts;
	struct archive_run *runs; /* of host h from h * RUNS on */
	float rows[ROWS][SERIES];
	uint8_t *buffer;
	uint8_t *tiles;
};

enum { RUNS = 31 }; /* 30 VMs of 25 series, and the host with 40 */

static double cpu(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* VMs lie in random order, as after years of moving. */
static void place(struct bench *b, struct mu_rand *rand)
{
	uint32_t n = b->n_hosts * RUNS;
	uint32_t *order = mu_xcalloc(n, sizeof *order);
	uint32_t column = 0;

	b->runs = mu_xcalloc(2 * (size_t)n, sizeof *b->runs);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t k = (uint32_t)mu_rand_below(rand, i + 1);

		order[i] = order[k];
		order[k] = i;
	}
	for (uint32_t i = 0; i < n; i++) {
		uint32_t object = order[i] % RUNS;
		uint32_t width = object == 0 ? 40 : VM_SERIES;
		uint32_t left = ARCHIVE_COLUMNS - column % ARCHIVE_COLUMNS;

		if (left < width)
			column += left;
		b->runs[order[i]] = (struct archive_run){
		    object == 0 ? 0 : 40 + (object - 1) * VM_SERIES, column, width};
		column += width;
	}
	archive_reserve(b->archive, column);
	free(order);
}

static void values(struct bench *b, struct mu_rand *rand)
{
	for (size_t r = 0; r < ROWS; r++)
		for (size_t i = 0; i < SERIES; i++)
			b->rows[r][i] =
			    mu_rand_below(rand, 10) < 4 ? 0 : (float)(mu_rand_unit(rand) * 1e6);
}

static void step(struct bench *b, uint32_t step, bool journal)
{
	for (uint32_t h = 0; h < b->n_hosts; h++) {
		const float *row = b->rows[(h + step) % ROWS];
		struct record r = {
		    .epoch = 1,
		    .seq = step,
		    .row = step,
		    .n_runs = RUNS,
		    .n_values = SERIES,
		    .runs = &b->runs[(size_t)h * RUNS],
		    .values = row,
		};

		(void)archive_put(b->archive, step, r.runs, RUNS, row);
		if (journal)
			record_encode(&r, b->buffer);
	}
}

static void write_change(struct bench *b, const struct archive_change *c)
{
	static struct archive_cells cells[TILES];

	if (c->level == ARCHIVE_MINUTES) {
		archive_encode_minute(b->archive, c, b->buffer);
		return;
	}
	archive_make_hour(b->archive, c, cells);
	for (uint32_t tile = 0; tile < TILES; tile++)
		for (unsigned part = 0; part < _TILE_PART_COUNT; part++)
			tile_encode(&(struct tile_row){ARCHIVE_HOURS, (enum tile_part)part,
						       c->shard * TILES + tile, c->row},
				    &cells[tile], b->tiles);
}

static double ingest(struct bench *b, uint32_t first, bool journal, double *ret_minute)
{
	struct archive_change change;
	double begin = cpu(), minutes = 0;

	for (uint32_t i = 0; i < STEPS; i++) {
		archive_tick(b->archive, (int64_t)(first + i) * ARCHIVE_STEP_S);
		double at = cpu();

		while (archive_next(b->archive, &change))
			write_change(b, &change);
		minutes += cpu() - at;
		step(b, first + i, journal);
	}
	*ret_minute = minutes / (STEPS / 12);
	return cpu() - begin;
}

static void read_vm(const struct bench *b, struct mu_rand *rand, enum archive_level level,
		    uint32_t last)
{
	static float out[120];
	double begin = cpu();

	for (int i = 0; i < READS; i++) {
		uint32_t h = (uint32_t)mu_rand_below(rand, b->n_hosts);
		const struct archive_run *r =
		    &b->runs[(size_t)h * RUNS + 1 + mu_rand_below(rand, RUNS - 1)];

		for (uint32_t k = 0; k < r->n; k++)
			archive_read(b->archive, level, ARCHIVE_AVERAGE, r->column + k, last - 119,
				     120, out);
	}
	printf("read.%s %.3g\n", archive_levels[level].name, (cpu() - begin) / READS * 1e6);
}

int main(int argc, char **argv)
{
	struct mu_rand rand = {1};
	struct bench b = {
	    .archive = archive_new(NULL),
	    .n_hosts = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 1000,
	    .buffer = mu_xmalloc(ARCHIVE_MINUTE_BYTES),
	    .tiles = mu_xmalloc(TILE_BYTES_MAX),
	};
	double samples = (double)b.n_hosts * SERIES * STEPS, seconds, minute;

	place(&b, &rand);
	values(&b, &rand);
	seconds = ingest(&b, FIRST, false, &minute);
	printf("store %.4g\nminute %.3g\n", samples / seconds / 1e6, minute * 1e3);
	seconds = ingest(&b, FIRST + STEPS, true, &minute);
	printf("store.journal %.4g\n", samples / seconds / 1e6);
	read_vm(&b, &rand, ARCHIVE_STEPS, FIRST + 2 * STEPS - 1);
	read_vm(&b, &rand, ARCHIVE_MINUTES, (FIRST + 2 * STEPS - 2) / 12);
	archive_free(b.archive);
	free(b.runs);
	free(b.buffer);
	free(b.tiles);
	return 0;
}
