/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which column is whose: objects (VMs, hosts), their series, and the free columns. PURE.
 *
 * An object is its UUID, whichever host tells of it, so its history goes on when a VM moves or
 * starts again. A series keeps its column as long as its object is in the catalogue; a column that
 * has become free is given out again with a new `born`, and nothing older in it counts.
 */
#ifndef MUSTER_ARCHIVE_CATALOGUE_H
#define MUSTER_ARCHIVE_CATALOGUE_H

#include "common/archive/archive.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/id.h"

enum {
	CATALOGUE_NAME_MAX = 63,
	CATALOGUE_UNIT_MAX = 31,
	CATALOGUE_OBJECT_MAX = 2048, /* series of one object */
	/* Ten times the fleet that this is made for. Also what a row of the database may lead to
	 * that is wrong in spite of its checksum: 80 MiB for columns that nobody has. */
	CATALOGUE_COLUMNS_MAX = 1 << 23,
};

/* Shared by all series of its name, unit and kind. */
struct catalogue_metric {
	size_t n_users;
	uint32_t number;
	uint32_t next_free; /* of one without users */
	bool rate;
	char unit[CATALOGUE_UNIT_MAX + 1];
	char name[CATALOGUE_NAME_MAX + 1];
};

/* There are many: a number takes half the room of a pointer. */
struct catalogue_series {
	uint32_t metric; /* catalogue_metric() */
	uint32_t column;
	uint32_t born; /* step */
};

struct catalogue_object {
	struct mu_uuid id;
	struct mu_uuid host; /* that told of it last */
	uint32_t last;       /* newest step; 0 = none yet */
	size_t n_maps;       /* of whoever has it in use: it is not to be forgotten */
	bool changed;        /* since catalogue_next_changed() gave it */
	size_t n_series;
	struct catalogue_series *series;
	const void *counts; /* of whoever has it in use: how the counters of its series stand */
	const struct catalogue *of;
};

struct catalogue;

/* `quota`: how many series may be those of one host. */
struct catalogue *catalogue_new(size_t quota);
struct catalogue *catalogue_free(struct catalogue *c);
MU_DEFINE_CLEANUP(catalogue_free, struct catalogue *);

/* What a host's batches carry, slot by slot. */
struct catalogue_want {
	struct mu_uuid object;
	const char *name;
	const char *unit;
	bool rate;
	uint32_t since; /* it has a counter, of since then (seconds, 1970 UTC); 0: none */
};

#define CATALOGUE_NOWHERE UINT32_MAX

struct catalogue_map {
	struct archive_run *runs;
	size_t n_runs;
	struct catalogue_object **objects;
	size_t n_objects;
	size_t n_dropped; /* over the quota, or with a name that cannot be */
	/* Of each slot: its place among its object's series; CATALOGUE_NOWHERE: it was dropped. */
	uint32_t *places;
};

/* Columns for all slots; new objects and series get theirs, born at `step`; one that was born later
 * than that, by a clock that was wrong, now is. In the arena. */
void catalogue_map(struct catalogue *c, struct mu_arena *arena, const struct mu_uuid *host,
		   const struct catalogue_want *want, size_t n, uint32_t step,
		   struct catalogue_map *ret);

/* The same of what the host had before: an object that another host told of last stays that one's,
 * and gets no new series. */
void catalogue_map_before(struct catalogue *c, struct mu_arena *arena, const struct mu_uuid *host,
			  const struct catalogue_want *want, size_t n, uint32_t step,
			  struct catalogue_map *ret);

/* Columns 0 to n - 1 have been in use. */
uint32_t catalogue_n_columns(const struct catalogue *c);
size_t catalogue_n_series(const struct catalogue *c, const struct mu_uuid *host);
struct catalogue_object *catalogue_find(const struct catalogue *c, const struct mu_uuid *id);
/* What its series number `i` is. */
const struct catalogue_metric *catalogue_metric(const struct catalogue_object *o, size_t i);
/* *iter starts at 0; NULL at the end. */
struct catalogue_object *catalogue_next(const struct catalogue *c, size_t *iter);
/* One that has changed since it was given out here; NULL: none. */
struct catalogue_object *catalogue_next_changed(struct catalogue *c);
/* To be given out again: it could not be stored. */
void catalogue_changed(struct catalogue *c, struct catalogue_object *o);
/* Its columns become free. What maps hold of it must be gone. */
void catalogue_forget(struct catalogue *c, struct catalogue_object *o);

/* Its series as bytes, and back into an empty place; MU_E_IO: damaged, or a column is another's. */
void catalogue_encode(const struct catalogue_object *o, struct mu_arena *arena, const uint8_t **ret,
		      size_t *ret_len);
int catalogue_restore(struct catalogue *c, const struct mu_uuid *id, const struct mu_uuid *host,
		      uint32_t last, const uint8_t *bytes, size_t len, struct mu_error *err);
/* After the last catalogue_restore(): what nobody has becomes free. */
void catalogue_restored(struct catalogue *c);

#endif
