/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Order: records first, because hosts wait for them; rows can be made again. A row that no record
 * can make again, as a late minute came into it, goes into the journal as well before it is written
 * over what is there. Old journals go only after the rows made of them have been synchronised.
 */
#include "aggregator/metrics/writer.h"

#include "common/os/clock.h"

#include <stdlib.h>
#include <string.h>

static void run(struct mu_work *work);

void writer_init(struct writer *w, const char *dir, const struct mu_uuid *pool)
{
	*w = (struct writer){
	    .work = {.run = run},
	    .place = {dir, *pool, shard_maps_new()},
	    .journal = {.dir = dir, .pool = *pool, .fd = -1},
	};
}

void writer_clear_rows(struct writer *w)
{
	for (size_t i = 0; i < w->n_rows; i++) {
		free(w->rows[i].minute);
		free(w->rows[i].tiles);
		free(w->rows[i].born);
	}
	w->n_rows = 0;
}

void writer_deinit(struct writer *w)
{
	writer_clear_rows(w);
	shard_maps_free(w->place.maps);
	journal_files_deinit(&w->journal);
	mu_str_deinit(&w->records);
	free(w->unsynced);
}

struct writer_row *writer_add(struct writer *w, const struct archive_change *change)
{
	struct writer_row *row;

	if (w->n_rows == WRITER_ROWS_MAX)
		return NULL;
	row = &w->rows[w->n_rows++];
	*row = (struct writer_row){.change = *change};
	if (change->level == ARCHIVE_MINUTES) {
		row->minute = mu_xmalloc(ARCHIVE_MINUTE_BYTES);
	} else {
		row->tiles = mu_xcalloc(TILES, sizeof *row->tiles);
		row->born = mu_xcalloc(ARCHIVE_COLUMNS, sizeof *row->born);
	}
	return row;
}

void writer_add_record(struct mu_str *to, const struct record *r)
{
	static const uint8_t zeros[4096];
	size_t n = record_bytes(r), at = to->len;

	for (size_t left = n; left > 0;) {
		size_t piece = left < sizeof zeros ? left : sizeof zeros;

		mu_str_add_bytes(to, zeros, piece);
		left -= piece;
	}
	record_encode(r, (uint8_t *)to->data + at);
}

/* Torn, a row is unknown of all hosts of the shard, not only of the one that was late. */
static int keep_images(struct writer *w, mu_msec now, struct mu_error *err)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str images = MU_STR_INIT;
	struct record r = {.kind = RECORD_IMAGE, .now = w->now, .n_values = RECORD_IMAGE_VALUES};

	for (size_t i = 0; i < w->n_rows; i++) {
		if (!w->rows[i].change.late)
			continue;
		r.row = w->rows[i].change.row;
		r.values = (const void *)w->rows[i].minute;
		writer_add_record(&images, &r);
	}
	if (images.len == 0)
		return 0;
	return journal_files_append(&w->journal, images.data, images.len, now, err);
}

static void remember(struct writer *w, uint32_t shard)
{
	if (shard >= w->n_unsynced) {
		w->unsynced = mu_xrealloc(w->unsynced, shard + 1, 1);
		memset(w->unsynced + w->n_unsynced, 0, shard + 1 - w->n_unsynced);
		w->n_unsynced = shard + 1;
	}
	w->unsynced[shard] = 1;
}

static int write_row(struct writer *w, struct writer_row *row, struct mu_error *err)
{
	const struct archive_change *c = &row->change;

	remember(w, c->shard);
	return row->minute ? shard_file_write_minute(&w->place, c->shard, c->row, row->minute, err)
			   : shard_file_write_hour(&w->place, c->shard, row->tiles, row->born, err);
}

static int synchronise(struct writer *w, struct mu_error *err)
{
	for (uint32_t shard = 0; shard < w->n_unsynced; shard++) {
		if (!w->unsynced[shard])
			continue;
		if (shard_file_sync(&w->place, shard, err) < 0) {
			/* The kernel tells it once, and then takes the pages for written. */
			w->lost = true;
			w->lost_shard = shard;
			return MU_FAILED;
		}
		w->unsynced[shard] = 0;
	}
	return 0;
}

static int write_all(struct writer *w, struct mu_error *err)
{
	mu_msec now = mu_clock_monotonic();

	if (w->records.len > 0 &&
	    journal_files_append(&w->journal, w->records.data, w->records.len, now, err) < 0)
		return MU_FAILED;
	w->journalled = true;
	if (keep_images(w, now, err) < 0)
		return MU_FAILED;
	for (size_t i = 0; i < w->n_rows; i++) {
		if (write_row(w, &w->rows[i], err) < 0)
			return MU_FAILED;
		w->rows[i].written = true;
	}
	/* Rows that still wait may be of steps that only an old journal has. */
	if (w->n_rows == WRITER_ROWS_MAX || !journal_files_due(&w->journal, now))
		return 0;
	return synchronise(w, err) < 0 ? MU_FAILED : journal_files_rotate(&w->journal, now, err);
}

static void run(struct mu_work *work)
{
	struct writer *w = MU_CONTAINER_OF(work, struct writer, work);

	w->journalled = false;
	w->lost = false;
	mu_error_clear(&w->err);
	(void)write_all(w, &w->err);
}
