/* SPDX-License-Identifier: Apache-2.0 */
/* The journal's files: what is longer than what is read at a time, and what cannot be read. */
#include "aggregator/metrics/journal_file.h"

#include "common/os/file.h"

#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { VALUES = 200000, RECORDS = 45 }; /* 36 MB */

static const struct mu_uuid pool = {{9}};
static char dir[] = "/tmp/muster-journal-XXXXXX";
static struct journal_files files;
static struct mu_error err;

static void setup(void)
{
	cr_assert_not_null(mkdtemp(dir));
}

static int remove_one(const char *name, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st, (void)kind, (void)ftw;
	return remove(name);
}

static void teardown(void)
{
	journal_files_deinit(&files);
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

TestSuite(journal, .init = setup, .fini = teardown);

static uint64_t n_seen;

/* They come in order, whole. */
static void each(void *ctx, const struct record *r)
{
	(void)ctx;
	cr_assert_eq(r->seq, ++n_seen);
	cr_assert_eq(r->values[0], (float)r->seq);
	cr_assert_eq(r->values[r->n_values - 1], (float)r->seq);
}

static struct journal_found load(void)
{
	struct journal_found found;

	n_seen = 0;
	cr_assert_eq(journal_files_load(&files, dir, &pool, 0, each, NULL, &found, &err), 0, "%s",
		     err.text);
	return found;
}

static void append(uint64_t seq, uint32_t n)
{
	MU_CLEANUP(mu_free) float *values = mu_xcalloc(n, sizeof *values);
	struct record r = {.seq = seq, .n_values = n, .values = values};
	MU_CLEANUP(mu_free) uint8_t *bytes = mu_xmalloc(record_bytes(&r));

	for (uint32_t i = 0; i < n; i++)
		values[i] = (float)seq;
	record_encode(&r, bytes);
	cr_assert_eq(journal_files_append(&files, bytes, record_bytes(&r), 0, &err), 0, "%s",
		     err.text);
}

Test(journal, longer_than_what_is_read_at_a_time)
{
	(void)load();
	for (uint64_t seq = 1; seq <= RECORDS; seq++)
		append(seq, seq % 3 ? VALUES : 1);
	journal_files_deinit(&files);
	cr_assert_eq(load().n_records, RECORDS);
	cr_assert_eq(files.last_number, 1);
}

Test(journal, what_cannot_be_read_is_left_out)
{
	struct journal_found found;
	char path[96];

	(void)load();
	append(1, 1);
	journal_files_deinit(&files);
	(void)snprintf(path, sizeof path, "%s/journal-0000000007.log", dir);
	cr_assert_eq(mkdir(path, 0700), 0);
	(void)snprintf(path, sizeof path, "%s/journal-3.log", dir);
	cr_assert_eq(mu_file_replace(path, "mine", 4, 0600, &err), 0);
	found = load();
	cr_assert_eq(found.n_records, 1);
	cr_assert_eq(files.last_number, 7, "its name is not given out again");
	append(2, 1);
	cr_assert_eq(load().n_records, 2);
	cr_assert_eq(files.last_number, 8);
}
