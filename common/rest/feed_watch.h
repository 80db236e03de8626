/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an account that may not see everything is told of each change: an object that comes into its
 * sight is added, one that leaves it removed. It is kept for the ring's length, also for some time
 * after the last of its clients left, so that one that comes back is told what it would have been.
 * Owned by the feed. Loop thread.
 */
#ifndef MUSTER_REST_FEED_WATCH_H
#define MUSTER_REST_FEED_WATCH_H

#include "common/rest/render.h"

enum {
	FEED_RING_MAX = 2048,
	FEED_TYPES_MAX = 20,
	FEED_IDLE_MAX = 64, /* accounts without a client */
};
#define FEED_IDLE_MS MU_SEC(600)

enum feed_told {
	FEED_TOLD_UNKNOWN, /* it was not listening then */
	FEED_TOLD_NOTHING,
	FEED_TOLD_ADD,
	FEED_TOLD_UPDATE,
	FEED_TOLD_REMOVE,
};

struct feed_watches;
struct feed_watch;

struct feed_watches *feed_watches_new(struct rest *rest);
/* When nobody holds one. Takes NULL; returns NULL. */
struct feed_watches *feed_watches_free(struct feed_watches *all);

/* The user's, until feed_watch_leave(). */
struct feed_watch *feed_watch_join(struct feed_watches *all, const struct rest_user *user);
void feed_watch_leave(struct feed_watch *w);
/* From now on, of the type's objects too: `index` is the feed's number of it. */
void feed_watch_type(struct feed_watch *w, size_t index, const struct rest_type *type);

/* A change on its way: what it is to everyone stands in the ring's `slot` from now on. */
void feed_watches_change(struct feed_watches *all, size_t slot, size_t index,
			 const struct rest_type *type, enum rest_change what, const void *object);
enum feed_told feed_watch_told(const struct feed_watch *w, size_t slot);

#endif
