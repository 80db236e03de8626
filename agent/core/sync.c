/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every object remembers the number of the delta that last carried it (0: of none yet) and
 * whether it has changed since. That is enough for everything:
 * - coalescing: a change only sets `dirty`;
 * - resume after number R: whatever was carried by a later delta is dirty again, and numbering
 *   goes on at R + 1; no sent message is kept;
 * - removal: the object stays as a tombstone until a delta that carried it is acknowledged.
 */
#include "agent/core/sync.h"

#include "common/base/assert.h"
#include "common/base/map.h"

#include <stdlib.h>
#include <string.h>

struct object {
	struct mu_uuid id;
	uint64_t seq;
	bool dirty;
	bool removed;
};

struct sync {
	uint64_t epoch;
	uint64_t last; /* number of the last delta or snapshot made */
	uint64_t acked;
	uint64_t snapshot; /* number of the last snapshot: older tombstones were dropped with it */
	struct mu_map *objects; /* struct object by id */
	size_t n_dirty;
	size_t n_removed;
	bool overflow; /* removals were forgotten: only a snapshot tells the truth */
	struct object host;
};

struct sync *sync_new(uint64_t epoch)
{
	struct sync *s = mu_xcalloc(1, sizeof *s);

	s->epoch = epoch;
	s->objects = mu_map_new();
	return s;
}

struct sync *sync_free(struct sync *s)
{
	struct object *o;

	if (!s)
		return NULL;
	for (size_t i = 0; (o = mu_map_next(s->objects, &i, NULL, NULL));)
		free(o);
	mu_map_free(s->objects);
	free(s);
	return NULL;
}

uint64_t sync_epoch(const struct sync *s)
{
	return s->epoch;
}

uint64_t sync_acked(const struct sync *s)
{
	return s->acked;
}

static void set_dirty(struct sync *s, struct object *o, bool dirty)
{
	if (dirty && !o->dirty)
		s->n_dirty++;
	if (!dirty && o->dirty)
		s->n_dirty--;
	o->dirty = dirty;
}

static struct object *need(struct sync *s, const struct mu_uuid *id)
{
	struct object *o = mu_map_find(s->objects, id->bytes, sizeof id->bytes);

	if (o)
		return o;
	o = mu_xcalloc(1, sizeof *o);
	o->id = *id;
	mu_map_put(s->objects, id->bytes, sizeof id->bytes, o);
	return o;
}

static void forget(struct sync *s, struct object *o)
{
	set_dirty(s, o, false);
	if (o->removed)
		s->n_removed--;
	mu_map_remove(s->objects, o->id.bytes, sizeof o->id.bytes);
	free(o);
}

void sync_host_changed(struct sync *s)
{
	set_dirty(s, &s->host, true);
}

void sync_changed(struct sync *s, const struct mu_uuid *id)
{
	struct object *o = need(s, id);

	if (o->removed)
		s->n_removed--;
	o->removed = false;
	set_dirty(s, o, true);
}

void sync_removed(struct sync *s, const struct mu_uuid *id)
{
	struct object *o = need(s, id);

	if (!o->removed)
		s->n_removed++;
	o->removed = true;
	set_dirty(s, o, true);
	if (s->n_removed > SYNC_REMOVED_MAX) {
		forget(s, o);
		s->overflow = true;
	}
}

static void start_over(struct sync *s)
{
	struct object *o;

	s->snapshot = ++s->last;
	s->overflow = false;
	for (size_t i = 0; (o = mu_map_next(s->objects, &i, NULL, NULL));) {
		if (o->removed) {
			forget(s, o);
			continue;
		}
		set_dirty(s, o, false);
		o->seq = s->last;
	}
	set_dirty(s, &s->host, false);
	s->host.seq = s->last;
}

enum sync_start sync_welcome(struct sync *s, bool resume, uint64_t resume_seq, uint64_t *ret_seq)
{
	struct object *o;

	/* A number we never gave, or one from before tombstones were dropped (acknowledged, or left
	 * out of a snapshot): resuming there would leave removed ones in the other side's list. */
	if (!resume || s->overflow || resume_seq > s->last || resume_seq < s->acked ||
	    resume_seq < s->snapshot || !s->last) {
		start_over(s);
		*ret_seq = s->last;
		return SYNC_SNAPSHOT;
	}
	for (size_t i = 0; (o = mu_map_next(s->objects, &i, NULL, NULL));) {
		if (o->seq > resume_seq)
			set_dirty(s, o, true);
	}
	if (s->host.seq > resume_seq)
		set_dirty(s, &s->host, true);
	s->last = resume_seq;
	(void)sync_ack(s, resume_seq);
	return SYNC_RESUME;
}

bool sync_next(struct sync *s, struct sync_delta *ret_delta)
{
	struct sync_delta *d = ret_delta;
	struct object *o;

	if (!s->n_dirty || s->last - s->acked >= SYNC_WINDOW_MAX)
		return false;
	d->seq = ++s->last;
	d->host = s->host.dirty;
	d->n_changed = d->n_removed = 0;
	if (d->host) {
		set_dirty(s, &s->host, false);
		s->host.seq = d->seq;
	}
	for (size_t i = 0; d->n_changed < SYNC_DELTA_MAX && d->n_removed < SYNC_DELTA_MAX &&
			   (o = mu_map_next(s->objects, &i, NULL, NULL));) {
		if (!o->dirty)
			continue;
		if (o->removed)
			d->removed[d->n_removed++] = o->id;
		else
			d->changed[d->n_changed++] = o->id;
		set_dirty(s, o, false);
		o->seq = d->seq;
	}
	return true;
}

bool sync_ack(struct sync *s, uint64_t seq)
{
	struct object *o;

	if (seq > s->last)
		return false;
	if (seq <= s->acked)
		return true; /* late, or again */
	s->acked = seq;
	for (size_t i = 0; s->n_removed && (o = mu_map_next(s->objects, &i, NULL, NULL));) {
		if (o->removed && !o->dirty && o->seq <= seq)
			forget(s, o);
	}
	return true;
}
