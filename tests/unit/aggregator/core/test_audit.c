/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The chain of the audit log. The form that is hashed as docs/formats/audit.md has it; then that
 * whatever is done to one record of a chain is found, at every place of it.
 */
#include "aggregator/core/audit.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

enum { N = 12, TEXT = 80 };

/* Any function that tells texts apart will do: FNV-1a, four times with other beginnings. */
static void digest(const void *data, size_t len, char ret_hex[static AUDIT_HASH_TEXT])
{
	const unsigned char *p = data;

	for (size_t part = 0; part < 4; part++) {
		uint64_t h = 14695981039346656037u + part;

		for (size_t i = 0; i < len; i++)
			h = (h ^ p[i]) * 1099511628211u;
		snprintf(ret_hex + 16 * part, 17, "%016llx", (unsigned long long)h);
	}
}

static char hashed[1024];

static void keep_text(const void *data, size_t len, char ret_hex[static AUDIT_HASH_TEXT])
{
	cr_assert_lt(len, sizeof hashed);
	memcpy(hashed, data, len);
	hashed[len] = '\0';
	memcpy(ret_hex, AUDIT_NO_HASH, AUDIT_HASH_TEXT);
}

Test(audit, what_is_hashed)
{
	const struct audit_record r = {
	    .id = 17,
	    .at = 1700000000123,
	    .who = "admin",
	    .source = "",
	    .action = "vm.start",
	    .object = "0a",
	    .result = "requested",
	    .detail = "gr\xc3\xb6\xc3\x9f\x65r, 5:x,",
	    .before = "{}",
	    .after = "{\"a\":1}",
	};
	char hash[AUDIT_HASH_TEXT];

	audit_hash(AUDIT_NO_HASH, &r, keep_text, hash);
	cr_assert_str_eq(hash, AUDIT_NO_HASH);
	cr_assert_str_eq(hashed,
			 "1:1,64:" AUDIT_NO_HASH ",2:17,13:1700000000123,5:admin,0:,8:vm.start,"
			 "2:0a,9:requested,14:gr\xc3\xb6\xc3\x9f\x65r, 5:x,,2:{},7:{\"a\":1},");
}

Test(audit, points_are_read_strictly)
{
	static const char upper[] =
	    "7:ABCDEF0000000000000000000000000000000000000000000000000000000000";
	static const char *const bad[] = {
	    "",
	    "7",
	    "7 ",
	    " " AUDIT_NO_HASH,
	    "0 " AUDIT_NO_HASH,
	    "-1 " AUDIT_NO_HASH,
	    "x " AUDIT_NO_HASH,
	    "7 " AUDIT_NO_HASH "0",
	    "7 zz00000000000000000000000000000000000000000000000000000000000000",
	    "99999999999999999999999999 " AUDIT_NO_HASH,
	    "99999999999999999999 " AUDIT_NO_HASH,
	};
	struct audit_point p = {.id = 3};

	for (size_t i = 0; i < MU_ARRAY_SIZE(bad); i++)
		cr_assert_not(audit_point_parse(bad[i], &p), "%s", bad[i]);
	cr_assert_eq(p.id, 3);
	cr_assert(audit_point_parse("9 " AUDIT_NO_HASH, &p));
	cr_assert_eq(p.id, 9);
	cr_assert(audit_point_parse(upper, &p));
	cr_assert_eq(p.id, 7);
	cr_assert_eq(strncmp(p.hash, "abcdef00", 8), 0);
}

/* --- chains --- */

struct row {
	struct audit_record r;
	char text[8][TEXT];
	char hash[AUDIT_HASH_TEXT];
};

static const char **field(struct row *row, size_t i)
{
	const char **const fields[] = {&row->r.who,    &row->r.source, &row->r.action,
				       &row->r.object, &row->r.result, &row->r.detail,
				       &row->r.before, &row->r.after};

	return fields[i];
}

static void row_init(struct row *row, int64_t id)
{
	*row = (struct row){.r = {.id = id, .at = 1000 + id}};
	for (size_t i = 0; i < 8; i++) {
		snprintf(row->text[i], TEXT, "%zu of %lld", i, (long long)id);
		*field(row, i) = row->text[i];
	}
	row->r.hash = row->hash;
}

/* A copy points to its own texts. */
static struct row row_copy(const struct row *from, struct row *to)
{
	*to = *from;
	for (size_t i = 0; i < 8; i++)
		*field(to, i) = to->text[i];
	to->r.hash = to->hash;
	return *to;
}

static void chain_from(struct row *rows, size_t n, const char *previous)
{
	for (size_t i = 0; i < n; i++) {
		audit_hash(i ? rows[i - 1].hash : previous, &rows[i].r, digest, rows[i].hash);
	}
}

static void chain_new(struct row *rows, size_t n, int64_t first)
{
	for (size_t i = 0; i < n; i++)
		row_init(&rows[i], first + (int64_t)i);
	chain_from(rows, n, AUDIT_NO_HASH);
}

static struct audit_check seen;

static bool check(const struct row *rows, size_t n, const struct audit_point *trimmed,
		  const struct audit_point *kept)
{
	audit_check_init(&seen, digest, trimmed, kept);
	for (size_t i = 0; i < n; i++)
		if (!audit_check_step(&seen, &rows[i].r))
			return false;
	return audit_check_end(&seen);
}

static struct audit_point point_of(const struct row *row)
{
	struct audit_point p = {.id = row->r.id};

	memcpy(p.hash, row->hash, sizeof p.hash);
	return p;
}

static void found_at(int64_t id, const char *what)
{
	cr_assert(seen.wrong, "%s", what);
	cr_assert_eq(seen.wrong_id, id, "%s: %lld instead of %lld, %s", what,
		     (long long)seen.wrong_id, (long long)id, seen.why);
	cr_assert(strlen(seen.why) > 10);
}

Test(audit, an_untouched_chain_is_right)
{
	struct row rows[N];
	struct audit_point p;

	chain_new(rows, N, 5);
	for (size_t n = 0; n <= N; n++)
		cr_assert(check(rows, n, NULL, NULL), "%zu", n);
	cr_assert_eq(seen.n_records, N);
	cr_assert_eq(seen.first, 5);
	cr_assert_eq(seen.last.id, 4 + N);
	cr_assert_str_eq(seen.last.hash, rows[N - 1].hash);
	for (size_t i = 0; i < N; i++) {
		p = point_of(&rows[i]);
		cr_assert(check(rows, N, NULL, &p), "%zu", i);
	}
}

Test(audit, every_change_of_every_field_is_found)
{
	struct row rows[N], old;

	chain_new(rows, N, 1);
	for (size_t i = 0; i < N; i++) {
		row_copy(&rows[i], &old);
		for (size_t f = 0; f < 8; f++) {
			for (size_t at = 0; at <= strlen(old.text[f]); at++) {
				row_copy(&old, &rows[i]);
				rows[i].text[f][at] ^= 1; /* also its end: one longer */
				cr_assert_not(check(rows, N, NULL, NULL));
				found_at(old.r.id, "a changed text");
			}
			row_copy(&old, &rows[i]);
			rows[i].text[f][0] = '\0';
			cr_assert_not(check(rows, N, NULL, NULL));
			found_at(old.r.id, "an emptied text");
		}
		row_copy(&old, &rows[i]);
		rows[i].r.at++;
		cr_assert_not(check(rows, N, NULL, NULL));
		found_at(old.r.id, "a changed time");
		row_copy(&old, &rows[i]);
		rows[i].hash[17] ^= 1;
		cr_assert_not(check(rows, N, NULL, NULL));
		found_at(old.r.id, "a changed hash");
		row_copy(&old, &rows[i]);
		rows[i].r.id += 100;
		cr_assert_not(check(rows, N, NULL, NULL));
		found_at(old.r.id + 100, "a changed id");
		row_copy(&old, &rows[i]);
	}
	cr_assert(check(rows, N, NULL, NULL));
}

/* What one field loses, the next gets. */
Test(audit, a_text_that_moves_between_fields_is_found)
{
	struct row rows[2];

	chain_new(rows, 2, 1);
	snprintf(rows[0].text[0], TEXT, "ab");
	snprintf(rows[0].text[1], TEXT, "c");
	chain_from(rows, 2, AUDIT_NO_HASH);
	cr_assert(check(rows, 2, NULL, NULL));
	snprintf(rows[0].text[0], TEXT, "a");
	snprintf(rows[0].text[1], TEXT, "bc");
	cr_assert_not(check(rows, 2, NULL, NULL));
}

Test(audit, every_removal_is_found)
{
	struct row rows[N], left[N];
	struct audit_point newest;

	chain_new(rows, N, 1);
	newest = point_of(&rows[N - 1]);
	for (size_t gone = 0; gone < N; gone++) {
		size_t n = 0;

		for (size_t i = 0; i < N; i++)
			if (i != gone)
				row_copy(&rows[i], &left[n++]);
		cr_assert_not(check(left, n, NULL, &newest));
		found_at(gone + 1 < N ? rows[gone + 1].r.id : rows[gone].r.id, "a removed record");
		/* The newest one is missed only by who kept its hash. */
		cr_assert_eq(check(left, n, NULL, NULL), gone == N - 1);
	}
}

Test(audit, every_swap_and_repetition_is_found)
{
	struct row rows[N], left[N + 1];

	chain_new(rows, N, 1);
	for (size_t a = 0; a < N; a++) {
		for (size_t b = a + 1; b < N; b++) {
			for (size_t i = 0; i < N; i++)
				row_copy(&rows[i == a ? b : i == b ? a : i], &left[i]);
			cr_assert_not(check(left, N, NULL, NULL));
			found_at(rows[b].r.id, "swapped records");
			/* The contents alone: the ids stay where they are. */
			left[a].r.id = rows[a].r.id;
			left[b].r.id = rows[b].r.id;
			cr_assert_not(check(left, N, NULL, NULL));
			found_at(rows[a].r.id, "swapped contents");
		}
		for (size_t i = 0; i <= N; i++)
			row_copy(&rows[i <= a ? i : i - 1], &left[i]);
		cr_assert_not(check(left, N + 1, NULL, NULL));
		found_at(rows[a].r.id, "a repeated record");
	}
}

/* All hashes made anew: right in itself, but not what somebody kept. */
Test(audit, a_forged_chain_is_not_the_kept_one)
{
	struct row rows[N];
	struct audit_point newest, before;

	chain_new(rows, N, 1);
	newest = point_of(&rows[N - 1]);
	before = point_of(&rows[2]);
	snprintf(rows[3].text[0], TEXT, "somebody else");
	chain_from(rows, N, AUDIT_NO_HASH);
	cr_assert(check(rows, N, NULL, NULL));
	cr_assert(check(rows, N, NULL, &before), "what was before the forged one is as it was");
	cr_assert_not(check(rows, N, NULL, &newest));
	found_at(N, "a forged chain");
	/* The kept one left out, with a gap. */
	chain_new(rows, N, 1);
	for (size_t i = 5; i < N; i++)
		rows[i].r.id++;
	before = (struct audit_point){.id = 6, .hash = "x"};
	chain_from(rows, N, AUDIT_NO_HASH);
	cr_assert(check(rows, N, NULL, NULL));
	cr_assert_not(check(rows, N, NULL, &before));
	found_at(6, "a gap where a hash was kept");
}

/* --- trimming --- */

/* rows[0..6) are dropped, rows[8] says so. */
static struct audit_point trimmed_chain(struct row *rows)
{
	struct audit_point p;

	chain_new(rows, 8, 1);
	for (size_t i = 8; i < N; i++)
		row_init(&rows[i], 1 + (int64_t)i);
	p = point_of(&rows[5]);
	snprintf(rows[8].text[2], TEXT, AUDIT_TRIM);
	snprintf(rows[8].text[5], TEXT, "%d %s", (int)p.id, p.hash);
	chain_from(rows, N, AUDIT_NO_HASH);
	return p;
}

Test(audit, a_trimmed_chain_is_right)
{
	struct row rows[N];
	struct audit_point p = trimmed_chain(rows);
	struct audit_point kept = p;

	cr_assert(check(rows + 6, N - 6, &p, NULL), "%s", seen.why);
	cr_assert_eq(seen.first, 7);
	cr_assert_eq(seen.n_records, N - 6);
	cr_assert(check(rows + 6, N - 6, &p, &kept), "the last dropped one is known by its hash");
	kept.hash[0] ^= 1;
	cr_assert_not(check(rows + 6, N - 6, &p, &kept));
	found_at(6, "the last dropped one was another");
	kept = point_of(&rows[1]);
	cr_assert_not(check(rows + 6, N - 6, &p, &kept));
	found_at(2, "a hash of long ago");
	cr_assert(strstr(seen.why, "newer"), "%s", seen.why);
}

Test(audit, more_than_was_trimmed_is_found)
{
	struct row rows[N];
	struct audit_point p = trimmed_chain(rows), q;

	cr_assert_not(check(rows + 7, N - 7, &p, NULL));
	found_at(8, "one more is gone");
	q = point_of(&rows[6]);
	cr_assert_not(check(rows + 7, N - 7, &q, NULL));
	found_at(9, "one more is gone, and the mark was moved");
	q = point_of(&rows[8]);
	cr_assert_not(check(rows + 9, N - 9, &q, NULL));
	found_at(0, "the record of trimming is gone too");
	cr_assert_not(check(rows + 6, N - 6, NULL, NULL));
	found_at(7, "the mark is gone");
	cr_assert_not(check(rows, N, NULL, NULL));
	found_at(9, "nothing was dropped, but a record says so");
	snprintf(rows[8].text[5], TEXT, "many");
	chain_from(rows, N, AUDIT_NO_HASH);
	cr_assert_not(check(rows + 6, N - 6, &p, NULL));
	found_at(9, "a record of trimming that says nothing");
}

/* An older program has dropped the mark and the hashes: all is chained again, as it is. */
Test(audit, what_was_said_before_a_new_beginning_is_not_asked_for)
{
	struct row rows[N];

	trimmed_chain(rows);
	snprintf(rows[10].text[2], TEXT, AUDIT_CHAIN);
	chain_from(rows + 6, N - 6, AUDIT_NO_HASH);
	cr_assert(check(rows + 6, N - 6, NULL, NULL), "%s", seen.why);
}
