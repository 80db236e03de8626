/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the keeper of metrics reads at start: journals, minutes, tiles, rows of the catalogue. The
 * checksum is made right first, as it would keep the fuzzer out of all that lies behind it.
 */
#include "common/archive/catalogue.h"
#include "common/archive/crc32c.h"
#include "common/archive/record.h"
#include "common/archive/tile.h"
#include "common/base/assert.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

/* Every run lies within the values and within a shard. */
static void check_record(const struct record *r)
{
	float sum = 0;

	for (uint32_t i = 0; i < r->n_runs; i++) {
		const struct archive_run *run = &r->runs[i];

		mu_assert(run->column / ARCHIVE_COLUMNS ==
			  (run->column + run->n - 1) / ARCHIVE_COLUMNS);
		for (uint32_t k = 0; k < run->n; k++)
			sum += r->values[run->slot + k];
	}
	(void)sum;
}

static void check_journal(uint8_t *bytes, size_t len)
{
	enum record_found found = RECORD_FOUND;
	struct record r;

	for (size_t pos = 0; found == RECORD_FOUND || found == RECORD_DAMAGED;) {
		uint32_t length = 0, crc;
		size_t before = pos;

		if (len - pos >= 8)
			memcpy(&length, bytes + pos, 4);
		if (length >= 8 && length <= len - pos) {
			crc = archive_crc32c(0, bytes + pos + 8, length - 8);
			memcpy(bytes + pos + 4, &crc, 4);
		}
		found = record_next(bytes, len, &pos, &r);
		mu_assert(pos >= before && pos <= len);
		if (found == RECORD_FOUND) {
			mu_assert(record_bytes(&r) == pos - before);
			check_record(&r);
		}
	}
}

static const struct mu_uuid object = {{1}};

/* Few columns: a place for each up to the highest is looked at, which takes its time. */
static void fewer_columns(uint8_t *bytes, size_t len)
{
	uint32_t crc = archive_crc32c(0, object.bytes, sizeof object.bytes);

	for (size_t at = 5; at + 11 <= len; at += 11u + bytes[at + 9] + bytes[at + 10]) {
		bytes[at + 1] &= 7; /* two shards */
		memset(bytes + at + 2, 0, 2);
	}
	if (len < 5)
		return;
	crc = archive_crc32c(crc, bytes + 5, len - 5);
	memcpy(bytes + 1, &crc, sizeof crc);
}

/* What can be restored is written as something that gives the same again. */
static void check_catalogue(struct mu_arena *a, const uint8_t *bytes, size_t len)
{
	static const struct mu_uuid host = {{2}};
	MU_CLEANUP(catalogue_free) struct catalogue *c = catalogue_new(1000);
	struct catalogue *again;
	struct mu_error err = MU_ERROR_INIT;
	const uint8_t *first, *second;
	size_t first_len, second_len;

	if (catalogue_restore(c, &object, &host, 7, bytes, len, &err) < 0) {
		mu_assert(err.code == MU_E_IO);
		return;
	}
	catalogue_restored(c);
	catalogue_encode(catalogue_find(c, &object), a, &first, &first_len);
	again = catalogue_new(1000);
	mu_assert(catalogue_restore(again, &object, &host, 7, first, first_len, &err) == 0);
	catalogue_restored(again);
	catalogue_encode(catalogue_find(again, &object), a, &second, &second_len);
	mu_assert(first_len == second_len && memcmp(first, second, first_len) == 0);
	catalogue_free(again);
}

static void check_rows(uint8_t *bytes, size_t len)
{
	static struct archive *archive; /* 2 MiB: not for every input */
	struct archive_cells cells;
	struct tile_row t = {ARCHIVE_HOURS, TILE_REST, 0, 497208};
	uint32_t crc;

	if (tile_decode(&t, bytes, &cells))
		mu_assert(cells.row == t.row);
	if (len < ARCHIVE_MINUTE_BYTES)
		return;
	if (!archive) {
		archive = archive_new(NULL);
		archive_reserve(archive, 1);
	}
	crc = archive_crc32c(0, bytes, 12);
	crc = archive_crc32c(crc, bytes + 16, ARCHIVE_MINUTE_BYTES - 16);
	memcpy(bytes + 12, &crc, sizeof crc);
	(void)archive_merge_minute(archive, bytes);
	if (archive_restore_minute(archive, 0, bytes)) {
		struct archive_change change;

		archive_tick(archive, INT64_C(4000000000));
		while (archive_next(archive, &change)) {
			struct archive_cells tiles[TILES];

			if (change.level == ARCHIVE_HOURS)
				archive_make_hour(archive, &change, tiles);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	uint8_t *copy;

	if (size > FUZZ_INPUT_MAX)
		return 0;
	copy = mu_arena_alloc(a, size + 1);
	memcpy(copy, data, size);
	check_journal(copy, size);
	if (size >= TILE_BYTES_MAX)
		check_rows(copy, size);
	fewer_columns(copy, size);
	check_catalogue(a, copy, size);
	return 0;
}

static size_t seed_records(uint8_t *buf)
{
	const struct archive_run runs[] = {{0, 5, 2}, {2, 1023, 1}, {3, 1024, 1}};
	const float values[] = {1, 2, 3, 4};
	struct record r = {.seq = 1, .row = 357989761, .values = values, .n_values = 4};
	size_t len = record_bytes(&r);

	record_encode(&r, buf);
	r.runs = runs;
	r.n_runs = 3;
	record_encode(&r, buf + len);
	return len + record_bytes(&r);
}

static size_t seed_catalogue(uint8_t *buf)
{
	static const struct mu_uuid host = {{2}};
	const struct catalogue_want want[] = {{host, "cpu0", "ratio", true},
					      {host, "loadavg", "", false}};
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	MU_CLEANUP(catalogue_free) struct catalogue *c = catalogue_new(10);
	struct catalogue_map map;
	const uint8_t *bytes;
	size_t len;

	catalogue_map(c, a, &host, want, 2, 1, &map);
	catalogue_encode(map.objects[0], a, &bytes, &len);
	memcpy(buf, bytes, len);
	return len;
}

static void make_minute(uint8_t *buf)
{
	MU_CLEANUP(archive_free) struct archive *archive = archive_new(NULL);
	const struct archive_run run = {0, 5, 1};
	const float value = 3;
	struct archive_change change;

	archive_reserve(archive, 1);
	archive_tick(archive, INT64_C(357989761) * ARCHIVE_STEP_S);
	(void)archive_put(archive, 357989761, &run, 1, &value);
	archive_tick(archive, INT64_C(357989774) * ARCHIVE_STEP_S);
	mu_assert(archive_next(archive, &change));
	archive_encode_minute(archive, &change, buf);
}

static size_t seed_minute(uint8_t *buf)
{
	static uint8_t minute[ARCHIVE_MINUTE_BYTES]; /* made once: a shard is 2 MiB */

	if (minute[0] == 0)
		make_minute(minute);
	memcpy(buf, minute, sizeof minute);
	return sizeof minute;
}

size_t fuzz_seed(size_t i, uint8_t buf[static FUZZ_INPUT_MAX])
{
	const struct archive_cells cells = {.row = 497208, .known = {720}};

	switch (i) {
	case 0:
		return seed_records(buf);
	case 1:
		return seed_catalogue(buf);
	case 2:
		tile_encode(&(struct tile_row){ARCHIVE_HOURS, TILE_REST, 0, cells.row}, &cells,
			    buf);
		return TILE_BYTES_MAX;
	case 3:
		return seed_minute(buf);
	default:
		return 0;
	}
}
