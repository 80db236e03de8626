/* SPDX-License-Identifier: Apache-2.0 */
#include "common/archive/catalogue.h"
#include "common/archive/crc32c.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static const struct mu_uuid host_a = {{1}}, host_b = {{2}}, vm_a = {{3}}, vm_b = {{4}};
static struct mu_arena *arena;
static struct catalogue *c;

static void init(void)
{
	arena = mu_arena_new();
	c = catalogue_new(10);
}

static void deinit(void)
{
	catalogue_free(c);
	mu_arena_free(arena);
}

TestSuite(catalogue, .init = init, .fini = deinit);

static struct catalogue_want want(const struct mu_uuid *object, const char *name)
{
	return (struct catalogue_want){*object, name, "bytes", false};
}

static struct catalogue_map map(const struct mu_uuid *host, const struct catalogue_want *w,
				size_t n, uint32_t step)
{
	struct catalogue_map m;

	catalogue_map(c, arena, host, w, n, step, &m);
	return m;
}

/* "slot:column+n ..." */
static const char *runs(const struct catalogue_map *m)
{
	static char text[200];
	int len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < m->n_runs; i++)
		len += snprintf(text + len, sizeof text - (size_t)len, "%s%u:%u+%u", i ? " " : "",
				m->runs[i].slot, m->runs[i].column, m->runs[i].n);
	return text;
}

static void forget(const struct mu_uuid *id)
{
	catalogue_forget(c, catalogue_find(c, id));
}

Test(catalogue, a_series_keeps_its_column)
{
	const struct catalogue_want first[] = {want(&host_a, "x"), want(&vm_a, "x"),
					       want(&vm_a, "y")};
	const struct catalogue_want later[] = {want(&vm_a, "y"), want(&vm_a, "z"),
					       want(&host_a, "x"), want(&vm_a, "x")};
	struct catalogue_map m = map(&host_a, first, 3, 100);

	cr_assert_null(catalogue_free(NULL));
	cr_assert_str_eq(runs(&m), "0:0+3");
	cr_assert_eq(m.n_objects, 2);
	m = map(&host_a, later, 4, 200);
	cr_assert_str_eq(runs(&m), "0:2+2 2:0+2");
	cr_assert(m.places[0] == 1 && m.places[1] == 2 && m.places[2] == 0 && m.places[3] == 0);
	cr_assert_eq(catalogue_find(c, &vm_a)->series[2].born, 200);
	cr_assert_eq(catalogue_n_columns(c), 4);
	cr_assert_eq(catalogue_n_series(c, &host_a), 4);
	cr_assert_eq(catalogue_n_series(c, &host_b), 0);
}

Test(catalogue, born_by_a_clock_that_was_ahead)
{
	const struct catalogue_want w[] = {want(&vm_a, "x"), want(&vm_a, "y")};

	(void)map(&host_a, w, 1, 5000);
	while (catalogue_next_changed(c))
		;
	(void)map(&host_a, w, 2, 100);
	cr_assert_eq(catalogue_find(c, &vm_a)->series[0].born, 100);
	cr_assert(catalogue_find(c, &vm_a)->changed);
	(void)map(&host_a, w, 2, 200);
	cr_assert_eq(catalogue_find(c, &vm_a)->series[0].born, 100);
}

Test(catalogue, another_unit_or_kind_is_another_series)
{
	struct catalogue_want w[] = {want(&vm_a, "x"), want(&vm_a, "x"), want(&vm_a, "x")};
	struct catalogue_map m;

	w[1].unit = "KiB";
	w[2].rate = true;
	m = map(&host_a, w, 3, 1);
	cr_assert_str_eq(runs(&m), "0:0+3");
}

/* A VM moves: what it had stays, and counts for the host where it is. */
Test(catalogue, history_goes_with_the_vm)
{
	const struct catalogue_want w = want(&vm_a, "x");
	struct catalogue_map m = map(&host_a, &w, 1, 1);
	size_t i = 0;

	cr_assert_eq(catalogue_next_changed(c), catalogue_find(c, &vm_a));
	cr_assert_null(catalogue_next_changed(c));
	m = map(&host_b, &w, 1, 2);
	cr_assert_str_eq(runs(&m), "0:0+1");
	cr_assert_eq(catalogue_find(c, &vm_a)->series[0].born, 1);
	cr_assert_eq(catalogue_n_series(c, &host_a), 0);
	cr_assert_eq(catalogue_n_series(c, &host_b), 1);
	cr_assert_not_null(catalogue_next_changed(c));
	m = map(&host_b, &w, 1, 3);
	cr_assert_null(catalogue_next_changed(c), "nothing is new");
	cr_assert_eq(catalogue_next(c, &i), catalogue_find(c, &vm_a));
	cr_assert_null(catalogue_next(c, &i));
}

Test(catalogue, a_quota_for_each_host)
{
	struct catalogue_want w[12];
	char names[12][8];
	struct catalogue_map m;

	for (size_t i = 0; i < 12; i++) {
		(void)snprintf(names[i], sizeof names[i], "s%zu", i);
		w[i] = want(&vm_a, names[i]);
	}
	m = map(&host_a, w, 6, 1);
	cr_assert_eq(m.n_dropped, 0);
	for (size_t i = 0; i < 12; i++)
		w[i].object = vm_b;
	m = map(&host_a, w, 12, 1);
	cr_assert_eq(m.n_dropped, 8, "2 are not looked at, 6 are too many");
	cr_assert_str_eq(runs(&m), "0:6+4");
	m = map(&host_a, w, 4, 1);
	cr_assert_eq(m.n_dropped, 0, "what it has it keeps");
	m = map(&host_b, w + 4, 8, 1);
	cr_assert_eq(m.n_dropped, 2, "the other host now has vm_b with its 4, and 6 more");
}

/* Who tells of before is not whose it is now; nor do another's objects hold more than one's own. */
Test(catalogue, what_a_host_had_before)
{
	const struct catalogue_want w[] = {want(&vm_a, "x"), want(&vm_a, "y"), want(&vm_b, "x")};
	struct catalogue_map m = map(&host_a, w, 1, 100);
	struct catalogue_object *o;

	while ((o = catalogue_next_changed(c)))
		;
	catalogue_map_before(c, arena, &host_b, w, 3, 90, &m);
	cr_assert_str_eq(runs(&m), "0:0+1 2:1+1");
	cr_assert_eq(m.n_dropped, 1);
	cr_assert_eq(m.n_objects, 2);
	o = catalogue_find(c, &vm_a);
	cr_assert(mu_uuid_equal(&o->host, &host_a));
	cr_assert_eq(o->n_series, 1);
	cr_assert_eq(catalogue_n_series(c, &host_a), 1);
	cr_assert_eq(catalogue_n_series(c, &host_b), 1);
	cr_assert(mu_uuid_equal(&catalogue_find(c, &vm_b)->host, &host_b));
}

Test(catalogue, a_limit_for_each_object)
{
	struct catalogue_want *w = mu_arena_calloc(arena, CATALOGUE_OBJECT_MAX + 1, sizeof *w);
	struct catalogue_map m;

	catalogue_free(c);
	c = catalogue_new(100000);
	for (size_t i = 0; i <= CATALOGUE_OBJECT_MAX; i++)
		w[i] = want(&vm_a, mu_arena_printf(arena, "s%zu", i));
	m = map(&host_a, w, CATALOGUE_OBJECT_MAX + 1, 1);
	cr_assert_eq(m.n_dropped, 1);
	cr_assert_eq(m.n_runs, 2, "each within a shard");
	cr_assert_eq(m.runs[1].column, ARCHIVE_COLUMNS);
}

Test(catalogue, names_that_cannot_be)
{
	char long_name[CATALOGUE_NAME_MAX + 2];
	struct catalogue_want w[] = {
	    want(&vm_a, ""),     want(&vm_a, "a\nb"), want(&vm_a, "\x7f"), want(&vm_a, long_name),
	    want(&vm_a, "good"), want(&vm_a, "x"),    want(&vm_a, "y")};
	struct catalogue_map m;

	memset(long_name, 'x', sizeof long_name - 1);
	long_name[sizeof long_name - 1] = '\0';
	w[5].unit = "a unit with far too many characters";
	w[6].unit = "";
	m = map(&host_a, w, MU_ARRAY_SIZE(w), 1);
	cr_assert_eq(m.n_dropped, 5);
	cr_assert_str_eq(runs(&m), "4:0+1 6:1+1");
}

Test(catalogue, columns_are_given_out_again)
{
	const struct catalogue_want w[] = {want(&vm_a, "x"), want(&vm_a, "y"), want(&vm_b, "x"),
					   want(&host_a, "x")};
	struct catalogue_map m = map(&host_a, w, 4, 1);

	while (catalogue_next_changed(c))
		;
	forget(&vm_a);
	cr_assert_null(catalogue_find(c, &vm_a));
	cr_assert_eq(catalogue_n_series(c, &host_a), 2);
	m = map(&host_b, w, 2, 50);
	cr_assert_str_eq(runs(&m), "0:0+2", "together and in order");
	cr_assert_eq(catalogue_find(c, &vm_a)->series[0].born, 50);
	cr_assert_eq(catalogue_n_columns(c), 4);
}

Test(catalogue, forgotten_while_it_waits_to_be_stored)
{
	const struct catalogue_want w[] = {want(&vm_a, "x"), want(&vm_b, "x"), want(&host_a, "x")};

	(void)map(&host_a, w, 3, 1);
	forget(&vm_b);
	forget(&host_a);
	(void)map(&host_a, w + 1, 1, 2);
	cr_assert_eq(catalogue_next_changed(c), catalogue_find(c, &vm_a));
	cr_assert_eq(catalogue_next_changed(c), catalogue_find(c, &vm_b));
	cr_assert_null(catalogue_next_changed(c));
	catalogue_changed(c, catalogue_find(c, &vm_a));
	catalogue_changed(c, catalogue_find(c, &vm_a));
	cr_assert(catalogue_find(c, &vm_a)->changed);
	cr_assert_eq(catalogue_next_changed(c), catalogue_find(c, &vm_a));
	cr_assert_not(catalogue_find(c, &vm_a)->changed);
}

/* --- bytes --- */

struct row {
	struct mu_uuid id;
	const uint8_t *bytes;
	size_t len;
};

static struct row row_of(const struct mu_uuid *id)
{
	struct row r = {.id = *id};

	catalogue_encode(catalogue_find(c, id), arena, &r.bytes, &r.len);
	return r;
}

static int restore(const struct row *r)
{
	struct mu_error err = MU_ERROR_INIT;

	return catalogue_restore(c, &r->id, &host_a, 77, r->bytes, r->len, &err);
}

static void start_anew(void)
{
	catalogue_free(c);
	c = catalogue_new(10);
}

Test(catalogue, restored_as_it_was)
{
	struct catalogue_want w[] = {want(&vm_a, "x"), want(&vm_b, "x"), want(&host_a, "x")};
	struct catalogue_map m;
	struct row a, h;

	w[0].rate = true;
	(void)map(&host_a, w, 3, 5);
	a = row_of(&vm_a);
	h = row_of(&host_a);
	start_anew();
	cr_assert_eq(restore(&h), 0);
	cr_assert_eq(restore(&a), 0);
	catalogue_restored(c);
	cr_assert_eq(catalogue_find(c, &vm_a)->last, 77);
	cr_assert_eq(catalogue_find(c, &vm_a)->series[0].born, 5);
	cr_assert_eq(catalogue_n_series(c, &host_a), 2);
	cr_assert_null(catalogue_next_changed(c));
	m = map(&host_a, w, 3, 9);
	cr_assert_str_eq(runs(&m), "0:0+3", "vm_b was not there any more, its column was free");
	cr_assert_eq(catalogue_find(c, &vm_b)->series[0].born, 9);
}

/* With a checksum that is right again. */
static struct row sealed(const struct mu_uuid *id, uint8_t *bytes, size_t len)
{
	uint32_t crc = archive_crc32c(0, id->bytes, sizeof id->bytes);

	crc = archive_crc32c(crc, bytes + 5, len - 5);
	memcpy(bytes + 1, &crc, sizeof crc);
	return (struct row){*id, bytes, len};
}

Test(catalogue, damaged_rows)
{
	const struct catalogue_want w[] = {want(&vm_a, "x"), want(&vm_a, "y")};
	uint8_t *bytes;
	struct row a, b;

	(void)map(&host_a, w, 2, 5);
	a = row_of(&vm_a);
	start_anew();
	cr_assert_eq(restore(&a), 0);
	cr_assert_lt(restore(&a), 0, "twice");
	b = a;
	b.id = vm_b;
	cr_assert_lt(restore(&b), 0, "another's row");
	bytes = mu_arena_memdup(arena, a.bytes, a.len);
	b = sealed(&vm_b, bytes, a.len);
	cr_assert_lt(restore(&b), 0, "another's columns");
	for (size_t cut = 0; cut < a.len; cut++) {
		start_anew();
		b = (struct row){vm_a, a.bytes, cut};
		cr_assert_lt(restore(&b), 0, "%zu", cut);
		if (cut < 5)
			continue;
		memcpy(bytes, a.bytes, a.len);
		b = sealed(&vm_a, bytes, cut);
		/* Without a series, and behind the first, it is whole. */
		cr_assert_eq(restore(&b) == 0, cut == 5 || cut == 5 + (a.len - 5) / 2, "%zu", cut);
	}
}

/* What a row says is made room for only when it is believed. */
Test(catalogue, a_damaged_row_costs_no_memory)
{
	const struct catalogue_want w = want(&vm_a, "x");
	struct mu_error err = MU_ERROR_INIT;
	uint8_t *bytes;
	uint32_t column;
	struct row a, b;

	(void)map(&host_a, &w, 1, 5);
	a = row_of(&vm_a);
	bytes = mu_arena_memdup(arena, a.bytes, a.len);
	b = (struct row){vm_a, bytes, a.len};
	start_anew();
	for (size_t bit = 0; bit < a.len * 8; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		cr_assert_lt(restore(&b), 0, "bit %zu", bit);
		cr_assert_null(catalogue_find(c, &vm_a));
		cr_assert_eq(catalogue_n_columns(c), 0);
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	column = CATALOGUE_COLUMNS_MAX;
	memcpy(bytes + 5, &column, sizeof column);
	b = sealed(&vm_a, bytes, a.len);
	cr_assert_lt(restore(&b), 0, "more columns than there can be");
	cr_assert_eq(catalogue_n_columns(c), 0);
	bytes[0] = 1;
	cr_assert_lt(catalogue_restore(c, &vm_b, &host_a, 0, bytes, a.len, &err), 0);
	cr_assert_str_eq(err.text, "the row has format 1, this version has 2");
	catalogue_restored(c);
}

Test(catalogue, places_of_what_is_dropped)
{
	struct catalogue_want w[12];
	struct catalogue_map m;

	for (size_t i = 0; i < MU_ARRAY_SIZE(w); i++)
		w[i] = want(&vm_a, i == 1 ? "" : i % 2 ? "x" : "y");
	m = map(&host_a, w, MU_ARRAY_SIZE(w), 100);
	cr_assert_eq(m.n_dropped, 3, "no name, and two over the quota");
	cr_assert_eq(m.places[0], 0);
	cr_assert_eq(m.places[1], CATALOGUE_NOWHERE);
	cr_assert_eq(m.places[3], 1);
	cr_assert_eq(m.places[8], 0);
	cr_assert_eq(m.places[10], CATALOGUE_NOWHERE);
	cr_assert_eq(m.places[11], CATALOGUE_NOWHERE);
}

Test(catalogue, numbers_of_metrics_are_given_out_again)
{
	const struct catalogue_want a[] = {want(&vm_a, "x"), want(&vm_a, "y")};
	const struct catalogue_want b[] = {want(&vm_b, "z"), want(&vm_b, "x"), want(&vm_b, "w")};
	const struct catalogue_object *o;

	map(&host_a, a, 2, 100);
	forget(&vm_a);
	map(&host_a, b, 3, 100);
	o = catalogue_find(c, &vm_b);
	for (size_t i = 0; i < 3; i++) {
		cr_assert_str_eq(catalogue_metric(o, i)->name, b[i].name);
		cr_assert_str_eq(catalogue_metric(o, i)->unit, "bytes");
	}
	cr_assert_lt(o->series[0].metric, 2);
	cr_assert_lt(o->series[1].metric, 2);
	cr_assert_eq(o->series[2].metric, 2);
}
