/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a step goes: 132 steps, say, are 11 minutes, so the 12 steps of a minute lie together:
 *
 *     position   0 ... 11 | 12 ... 23 | ... | 120 ... 131 |
 *     steps      1 ... 12 | 13 ... 24 |     | 121 ... 132 |   then 133 at 0 again
 *
 * Every row, of steps and of minutes, carries its number, and counts only under it. So a ring
 * needs no clearing when time jumps: what is not of now is not found. It is without a number while
 * it is being filled, so that rows in memory which outlives the process are whole.
 *
 * Of nearly all minutes nearly all columns know all 12 steps, and the others none: then the
 * averages say which, and there is nothing in `known[]`. It lies at the end of a shard's rows, in
 * pages that are not there before something is written to them.
 *
 * What has changed: `stale[]` are minutes with new steps, `hours[]` hours with new minutes. Both
 * are worked off in archive_next() once they are over; a late step simply puts them back.
 */
#include "common/archive/archive.h"

#include "common/archive/minute.h"
#include "common/archive/reduce.h"
#include "common/archive/tile.h"
#include "common/base/assert.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
	/* The steps in memory may begin within a minute, and end within one. */
	STALE_MAX = ARCHIVE_STEPS_MAX / REDUCE_STEPS + 1,
	HOURS_OPEN = 4,
	STEPS_OF_HOUR = 720,
	HOUR_SETTLES = 12, /* after the last minute that came late */
	HOUR_WAITS = 120,  /* at most, after the first of them */
	/* Rows do not begin at the same place of the processor's cache. */
	STRIDE = ARCHIVE_COLUMNS + 8,
	MINUTE_PAD = 16,
	PACKED = ARCHIVE_COLUMNS / 2,
};

struct minute {
	float value[_ARCHIVE_CF_COUNT][ARCHIVE_COLUMNS];
	float pad[MINUTE_PAD];
};

struct shard {
	/* the rows */
	uint32_t *step_row;
	uint32_t *minute_row;
	float (*step)[STRIDE];
	struct minute *minute;
	uint8_t *partial; /* of a minute: its numbers of known steps are in `known` */
	uint8_t (*known)[PACKED];
	/* and what is to be done with them */
	uint32_t stale[STALE_MAX];                    /* minutes to consolidate; 0 = none */
	uint64_t unwritten[ARCHIVE_MINUTES_MAX / 64]; /* minutes, a bit for each position */
	bool late[ARCHIVE_MINUTES_MAX];               /* of an unwritten one */
	uint32_t hours[HOURS_OPEN];                   /* to be made; 0 = none */
	uint32_t hours_at[HOURS_OPEN];                /* not before this step */
	uint32_t hours_since[HOURS_OPEN];             /* when it was first put off */
	void *heap;                                   /* the rows, if they are ours */
};

/* What a minute is computed into. */
struct work {
	float value[_ARCHIVE_CF_COUNT][ARCHIVE_COLUMNS];
	uint8_t known[ARCHIVE_COLUMNS];
	uint8_t old[ARCHIVE_COLUMNS];
	uint16_t hour[ARCHIVE_COLUMNS];
	double sum[ARCHIVE_COLUMNS];
	float nothing[ARCHIVE_COLUMNS]; /* NaN */
};

struct archive {
	struct archive_options options;
	struct shard **shards;
	uint32_t n_shards;
	uint32_t now; /* step */
	uint32_t top; /* newest step that was taken */
	uint32_t cursor;
	struct work work;
};

struct archive *archive_new(const struct archive_options *options)
{
	struct archive *a = mu_xcalloc(1, sizeof *a);

	if (options)
		a->options = *options;
	if (a->options.n_steps == 0)
		a->options.n_steps = ARCHIVE_STEPS_KEPT;
	if (a->options.n_minutes == 0)
		a->options.n_minutes = ARCHIVE_MINUTES_KEPT;
	mu_assert(a->options.n_steps % REDUCE_STEPS == 0 &&
		  a->options.n_steps <= ARCHIVE_STEPS_MAX &&
		  a->options.n_minutes <= ARCHIVE_MINUTES_MAX);
	reduce_clear(a->work.nothing);
	return a;
}

struct archive *archive_free(struct archive *a)
{
	if (!a)
		return NULL;
	for (uint32_t i = 0; i < a->n_shards; i++) {
		free(a->shards[i]->heap);
		free(a->shards[i]);
	}
	free(a->shards);
	free(a);
	return NULL;
}

static uint32_t minute_of(uint32_t step)
{
	return (step + REDUCE_STEPS - 1) / REDUCE_STEPS;
}

static void touch(struct shard *s, uint32_t minute)
{
	s->stale[minute % STALE_MAX] = minute;
}

static struct shard *shard_new(const struct archive *a, uint32_t number)
{
	const struct archive_options *o = &a->options;
	size_t rows = o->n_steps + o->n_minutes, steps = o->n_steps * sizeof(float[STRIDE]);
	size_t partial = (o->n_minutes + 3) & ~(size_t)3;
	size_t size = rows * sizeof(uint32_t) + steps + partial +
		      o->n_minutes * (sizeof(struct minute) + PACKED);
	struct shard *s = mu_xcalloc(1, sizeof *s);
	uint8_t *p = o->rows ? o->rows(o->ctx, number, size) : (s->heap = mu_xcalloc(1, size));

	s->step_row = (void *)p;
	s->minute_row = s->step_row + o->n_steps;
	s->partial = (void *)(s->step_row + rows);
	s->step = (void *)(s->partial + partial);
	s->minute = (void *)(s->step + o->n_steps);
	s->known = (void *)(s->minute + o->n_minutes);
	/* What came last before may not be in its minute. */
	for (uint32_t i = 0; i < o->n_steps; i++)
		if (s->step_row[i] != 0)
			touch(s, minute_of(s->step_row[i]));
	return s;
}

void archive_reserve(struct archive *a, uint32_t n_columns)
{
	while ((uint64_t)a->n_shards * ARCHIVE_COLUMNS < n_columns) {
		a->shards = mu_xrealloc(a->shards, a->n_shards + 1, sizeof(struct shard *));
		a->shards[a->n_shards] = shard_new(a, a->n_shards);
		a->n_shards++;
	}
}

uint32_t archive_n_shards(const struct archive *a)
{
	return a->n_shards;
}

static size_t step_at(const struct archive *a, uint32_t step)
{
	return (step - 1) % a->options.n_steps;
}

static size_t minute_at(const struct archive *a, uint32_t minute)
{
	return minute % a->options.n_minutes;
}

/* The compiler keeps to the order; that is enough, as nobody looks from another processor. */
static void row_begin(uint32_t *number)
{
	*number = 0;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

static void row_end(uint32_t *number, uint32_t row)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	*number = row;
}

void archive_tick(struct archive *a, int64_t now)
{
	a->now = archive_row_ended(ARCHIVE_STEPS, now);
	if (a->top > a->now + ARCHIVE_AHEAD)
		a->top = a->now + ARCHIVE_AHEAD;
}

/* --- taking steps --- */

static enum archive_verdict judge(const struct archive *a, uint32_t step)
{
	uint32_t top = a->top > a->now ? a->top : a->now;

	if (step == 0 || step > a->now + ARCHIVE_AHEAD)
		return ARCHIVE_TOO_NEW;
	if ((uint64_t)step + a->options.n_steps <= top)
		return ARCHIVE_TOO_OLD;
	return ARCHIVE_TAKEN;
}

static struct shard *shard_of(const struct archive *a, uint32_t column)
{
	mu_assert(column / ARCHIVE_COLUMNS < a->n_shards);
	return a->shards[column / ARCHIVE_COLUMNS];
}

/* The row of a step, empty if it is new. */
static float *open_step(const struct archive *a, struct shard *s, uint32_t step)
{
	size_t at = step_at(a, step);

	if (s->step_row[at] != step) {
		row_begin(&s->step_row[at]);
		reduce_clear(s->step[at]);
		row_end(&s->step_row[at], step);
	}
	touch(s, minute_of(step));
	return s->step[at];
}

enum archive_verdict archive_put(struct archive *a, uint32_t step, const struct archive_run *runs,
				 size_t n_runs, const float *values)
{
	enum archive_verdict verdict = judge(a, step);

	if (verdict != ARCHIVE_TAKEN)
		return verdict;
	if (step > a->top)
		a->top = step;
	for (size_t i = 0; i < n_runs; i++) {
		float *row = open_step(a, shard_of(a, runs[i].column), step);

		reduce_fill(row + runs[i].column % ARCHIVE_COLUMNS, values + runs[i].slot,
			    runs[i].n);
	}
	return ARCHIVE_TAKEN;
}

/* --- consolidating --- */

static void set_unwritten(struct shard *s, size_t at, bool unwritten)
{
	uint64_t bit = UINT64_C(1) << at % 64;

	s->unwritten[at / 64] =
	    unwritten ? s->unwritten[at / 64] | bit : s->unwritten[at / 64] & ~bit;
}

static bool is_unwritten(const struct shard *s, size_t at)
{
	return s->unwritten[at / 64] >> at % 64 & 1;
}

static void open_hour(struct shard *s, uint32_t minute, uint32_t not_before)
{
	uint32_t hour = (minute + 59) / 60;

	s->hours[hour % HOURS_OPEN] = hour;
	s->hours_at[hour % HOURS_OPEN] = not_before;
}

/* Late minutes come by the dozen: after the last of them. But one host after the other may send,
 * and the minutes do not stay for ever; and an hour that is due anyway is. */
static void put_off_hour(const struct archive *a, struct shard *s, uint32_t minute)
{
	uint32_t hour = (minute + 59) / 60, not_before = a->now + HOUR_SETTLES;
	size_t at = hour % HOURS_OPEN;

	if (s->hours[at] == hour && s->hours_at[at] == 0)
		return;
	if (s->hours[at] != hour)
		s->hours_since[at] = a->now;
	if (not_before > s->hours_since[at] + HOUR_WAITS)
		not_before = s->hours_since[at] + HOUR_WAITS;
	open_hour(s, minute, not_before);
}

static void set_known(struct shard *s, size_t at, const uint8_t *known)
{
	bool partial = !reduce_is_whole(known);

	if (partial)
		reduce_pack(known, s->known[at]);
	s->partial[at] = partial;
}

/* Of a minute; NULL: reduce_whole() of its averages. */
static const uint8_t *known_of(const struct shard *s, size_t at)
{
	return s->partial[at] ? s->known[at] : NULL;
}

static void pack_known(const struct shard *s, size_t at, uint8_t *ret)
{
	uint8_t known[ARCHIVE_COLUMNS];

	if (s->partial[at]) {
		memcpy(ret, s->known[at], PACKED);
		return;
	}
	reduce_whole(s->minute[at].value[ARCHIVE_AVERAGE], known);
	reduce_pack(known, ret);
}

/* What is in the ring for this minute may know more: after a restart with part of the steps. */
static void keep_minute(struct archive *a, struct shard *s, uint32_t minute)
{
	struct work *w = &a->work;
	size_t at = minute_at(a, minute);
	struct minute *m = &s->minute[at];
	float *const into[] = {m->value[0], m->value[1], m->value[2]};
	const float *const from[] = {w->value[0], w->value[1], w->value[2]};

	if (s->minute_row[at] != minute) {
		row_begin(&s->minute_row[at]);
		for (size_t cf = 0; cf < _ARCHIVE_CF_COUNT; cf++)
			memcpy(into[cf], from[cf], sizeof w->value[cf]);
		set_known(s, at, w->known);
		row_end(&s->minute_row[at], minute);
	} else {
		if (s->partial[at])
			reduce_unpack(s->known[at], w->old);
		else
			reduce_whole(m->value[ARCHIVE_AVERAGE], w->old);
		reduce_merge(into, w->old, from, w->known);
		set_known(s, at, w->old);
	}
	set_unwritten(s, at, true);
	open_hour(s, minute, 0);
}

static void consolidate(struct archive *a, struct shard *s, uint32_t minute)
{
	uint32_t first = (minute - 1) * REDUCE_STEPS + 1;
	const float *steps[REDUCE_STEPS];

	for (uint32_t i = 0; i < REDUCE_STEPS; i++) {
		size_t at = step_at(a, first + i);

		steps[i] = s->step_row[at] == first + i ? s->step[at] : a->work.nothing;
	}
	reduce_minute(steps, a->work.value[ARCHIVE_AVERAGE], a->work.value[ARCHIVE_MIN],
		      a->work.value[ARCHIVE_MAX], a->work.known);
	keep_minute(a, s, minute);
}

static bool next_minute(struct archive *a, uint32_t shard, struct archive_change *ret)
{
	struct shard *s = a->shards[shard];

	for (size_t i = 0; i < STALE_MAX; i++) {
		uint32_t minute = s->stale[i];

		if (minute != 0 && minute * REDUCE_STEPS < a->now) {
			s->stale[i] = 0;
			consolidate(a, s, minute);
		}
	}
	for (size_t word = 0; word < MU_ARRAY_SIZE(s->unwritten); word++) {
		size_t at;

		if (s->unwritten[word] == 0)
			continue;
		at = word * 64 + (size_t)__builtin_ctzll(s->unwritten[word]);
		set_unwritten(s, at, false);
		*ret =
		    (struct archive_change){shard, ARCHIVE_MINUTES, s->minute_row[at], s->late[at]};
		s->late[at] = false;
		return true;
	}
	return false;
}

/* The oldest first: a day is made when its last hour is. */
static bool next_hour(struct archive *a, uint32_t shard, struct archive_change *ret)
{
	uint32_t *oldest = NULL;

	for (size_t i = 0; i < HOURS_OPEN; i++) {
		uint32_t *hour = &a->shards[shard]->hours[i];

		if (*hour != 0 && (uint64_t)*hour * STEPS_OF_HOUR < a->now &&
		    a->shards[shard]->hours_at[i] <= a->now && (!oldest || *hour < *oldest))
			oldest = hour;
	}
	if (!oldest)
		return false;
	*ret = (struct archive_change){shard, ARCHIVE_HOURS, *oldest, false};
	*oldest = 0;
	return true;
}

bool archive_next(struct archive *a, struct archive_change *ret)
{
	for (uint32_t n = 0; n < a->n_shards; n++) {
		uint32_t shard = a->cursor % a->n_shards;

		if (next_minute(a, shard, ret) || next_hour(a, shard, ret))
			return true;
		a->cursor = shard + 1;
	}
	return false;
}

void archive_again(struct archive *a, const struct archive_change *change)
{
	struct shard *s = a->shards[change->shard];
	size_t at = minute_at(a, change->row);

	if (change->level == ARCHIVE_HOURS) {
		s->hours[change->row % HOURS_OPEN] = change->row;
	} else if (s->minute_row[at] == change->row) {
		set_unwritten(s, at, true);
		s->late[at] |= change->late;
	}
}

void archive_again_all(struct archive *a, uint32_t shard)
{
	struct shard *s = a->shards[shard];

	for (size_t at = 0; at < a->options.n_minutes; at++) {
		if (s->minute_row[at] == 0)
			continue;
		set_unwritten(s, at, true);
		open_hour(s, s->minute_row[at], 0);
	}
}

/* --- minutes that were made elsewhere --- */

static enum archive_verdict judge_minute(const struct archive *a, uint32_t minute)
{
	uint32_t newest = minute_of(a->top > a->now ? a->top : a->now);

	if (minute == 0 || (uint64_t)minute * REDUCE_STEPS >= a->now)
		return ARCHIVE_TOO_NEW;
	return (uint64_t)minute + a->options.n_minutes > newest ? ARCHIVE_TAKEN : ARCHIVE_TOO_OLD;
}

/* A minute that is new is empty. */
static void open_minute(const struct archive *a, struct shard *s, uint32_t minute)
{
	size_t at = minute_at(a, minute);

	if (s->minute_row[at] == minute)
		return;
	row_begin(&s->minute_row[at]);
	for (size_t cf = 0; cf < _ARCHIVE_CF_COUNT; cf++)
		reduce_clear(s->minute[at].value[cf]);
	s->partial[at] = false;
	row_end(&s->minute_row[at], minute);
}

static uint8_t cell_known(const struct shard *s, size_t at, size_t i)
{
	if (!s->partial[at])
		return isnan(s->minute[at].value[ARCHIVE_AVERAGE][i]) ? 0 : REDUCE_STEPS;
	return i % 2 ? s->known[at][i / 2] >> 4 : s->known[at][i / 2] & 15;
}

static void set_cell_known(struct shard *s, size_t at, size_t i, uint8_t known)
{
	uint8_t *pair = &s->known[at][i / 2];

	if (!s->partial[at] && known == REDUCE_STEPS)
		return;
	if (!s->partial[at])
		pack_known(s, at, s->known[at]);
	s->partial[at] = true;
	*pair = (uint8_t)(i % 2 ? (*pair & 15) | known << 4 : (*pair & 0xf0) | known);
}

/* `v`: the slot's average; the rest of it stands n_slots further on each. False: what is there
 * knows as much, or this makes no sense. */
static bool put_cell(struct shard *s, size_t at, size_t i, const float *v, size_t n_slots)
{
	float known = v[3 * n_slots];

	if (!(known > cell_known(s, at, i) && known <= REDUCE_STEPS))
		return false;
	for (size_t cf = 0; cf < _ARCHIVE_CF_COUNT; cf++)
		if (!isfinite(v[cf * n_slots]))
			return false;
	set_cell_known(s, at, i, (uint8_t)known);
	for (size_t cf = 0; cf < _ARCHIVE_CF_COUNT; cf++)
		s->minute[at].value[cf][i] = v[cf * n_slots];
	return true;
}

enum archive_verdict archive_put_minute(struct archive *a, uint32_t minute,
					const struct archive_run *runs, size_t n_runs,
					const float *values, size_t n_slots, bool *ret_changed)
{
	enum archive_verdict verdict = judge_minute(a, minute);
	size_t at = minute_at(a, minute);

	*ret_changed = false;
	for (size_t i = 0; verdict == ARCHIVE_TAKEN && i < n_runs; i++) {
		struct shard *s = shard_of(a, runs[i].column);
		bool written = s->minute_row[at] == minute && !is_unwritten(s, at);
		bool changed = false;

		open_minute(a, s, minute);
		for (uint32_t k = 0; k < runs[i].n; k++)
			changed |= put_cell(s, at, runs[i].column % ARCHIVE_COLUMNS + k,
					    values + runs[i].slot + k, n_slots);
		if (!changed)
			continue;
		*ret_changed = true;
		s->late[at] |= written;
		set_unwritten(s, at, true);
		put_off_hour(a, s, minute);
	}
	return verdict;
}

/* --- reading --- */

static float step_value(const struct archive *a, const struct shard *s, uint32_t step, size_t i)
{
	size_t at = step_at(a, step);

	return s->step_row[at] == step ? s->step[at][i] : NAN;
}

static float minute_value(const struct archive *a, const struct shard *s, enum archive_cf cf,
			  uint32_t minute, size_t i)
{
	size_t at = minute_at(a, minute);

	return s->minute_row[at] == minute ? s->minute[at].value[cf][i] : NAN;
}

void archive_read(const struct archive *a, enum archive_level level, enum archive_cf cf,
		  uint32_t column, uint32_t first, uint32_t n, float *ret)
{
	const struct shard *s = shard_of(a, column);
	size_t i = column % ARCHIVE_COLUMNS;

	mu_assert(level == ARCHIVE_STEPS || level == ARCHIVE_MINUTES);
	for (uint32_t k = 0; k < n; k++)
		ret[k] = first + k == 0           ? NAN
			 : level == ARCHIVE_STEPS ? step_value(a, s, first + k, i)
						  : minute_value(a, s, cf, first + k, i);
}

void archive_read_known(const struct archive *a, uint32_t column, uint32_t first, uint32_t n,
			uint8_t *ret)
{
	const struct shard *s = shard_of(a, column);

	for (uint32_t k = 0; k < n; k++) {
		size_t at = minute_at(a, first + k);

		ret[k] = s->minute_row[at] == first + k
			     ? cell_known(s, at, column % ARCHIVE_COLUMNS)
			     : 0;
	}
}

/* --- bytes --- */

void archive_encode_minute(const struct archive *a, const struct archive_change *change,
			   uint8_t *ret)
{
	const struct shard *s = a->shards[change->shard];
	size_t at = minute_at(a, change->row);
	uint8_t *p = ret + MINUTE_HEADER;

	mu_assert(change->level == ARCHIVE_MINUTES && s->minute_row[at] == change->row);
	for (size_t cf = 0; cf < _ARCHIVE_CF_COUNT; cf++, p += ARCHIVE_COLUMNS * sizeof(float))
		memcpy(p, s->minute[at].value[cf], ARCHIVE_COLUMNS * sizeof(float));
	pack_known(s, at, p);
	minute_seal(ret, change->row, change->shard);
}

bool archive_restore_minute(struct archive *a, uint32_t shard, const uint8_t *bytes)
{
	struct shard *s = a->shards[shard];
	const uint8_t *p = bytes + MINUTE_HEADER;
	uint32_t of, minute = minute_sealed(bytes, &of);
	size_t at = minute_at(a, minute);

	if (minute == 0 || of != shard)
		return false;
	for (size_t cf = 0; cf < _ARCHIVE_CF_COUNT; cf++, p += ARCHIVE_COLUMNS * sizeof(float))
		memcpy(s->minute[at].value[cf], p, ARCHIVE_COLUMNS * sizeof(float));
	reduce_unpack(p, a->work.known);
	set_known(s, at, a->work.known);
	s->minute_row[at] = minute;
	open_hour(s, minute, 0);
	return true;
}

bool archive_merge_minute(struct archive *a, const uint8_t *bytes)
{
	const uint8_t *p = bytes + MINUTE_HEADER;
	struct work *w = &a->work;
	uint32_t shard, minute = minute_sealed(bytes, &shard);

	if (minute == 0 || shard >= a->n_shards)
		return false;
	for (size_t cf = 0; cf < _ARCHIVE_CF_COUNT; cf++, p += sizeof w->value[cf])
		memcpy(w->value[cf], p, sizeof w->value[cf]);
	reduce_unpack(p, w->known);
	keep_minute(a, a->shards[shard], minute);
	return true;
}

void archive_make_hour(struct archive *a, const struct archive_change *change,
		       struct archive_cells *ret_tiles)
{
	const struct shard *s = a->shards[change->shard];
	struct work *w = &a->work;
	struct reduce_row minutes[60];
	uint32_t first = (change->row - 1) * 60 + 1;
	size_t n = 0;

	mu_assert(change->level == ARCHIVE_HOURS);
	for (uint32_t m = first; m < first + 60; m++) {
		size_t at = minute_at(a, m);

		if (s->minute_row[at] == m)
			minutes[n++] = (struct reduce_row){
			    s->minute[at].value[ARCHIVE_AVERAGE], s->minute[at].value[ARCHIVE_MIN],
			    s->minute[at].value[ARCHIVE_MAX], known_of(s, at)};
	}
	reduce_hour(minutes, n, w->value[ARCHIVE_AVERAGE], w->value[ARCHIVE_MIN],
		    w->value[ARCHIVE_MAX], w->hour, w->sum);
	for (size_t tile = 0; tile < TILES; tile++) {
		struct archive_cells *c = &ret_tiles[tile];
		size_t from = tile * TILE_COLUMNS;

		c->row = change->row;
		for (size_t cf = 0; cf < _ARCHIVE_CF_COUNT; cf++)
			memcpy(c->value[cf], &w->value[cf][from], sizeof c->value[cf]);
		memcpy(c->known, &w->hour[from], sizeof c->known);
	}
}
