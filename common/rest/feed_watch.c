/* SPDX-License-Identifier: Apache-2.0 */
#include "common/rest/feed_watch.h"

#include "common/base/assert.h"
#include "common/base/map.h"
#include "common/os/clock.h"
#include "common/rest/access.h"

#include <stdlib.h>
#include <string.h>

struct feed_watches {
	struct rest *rest;
	struct mu_link list; /* who left last is last */
};

struct feed_watch {
	struct mu_link link;
	struct feed_watches *all;
	struct rest_user user;
	size_t n_clients;
	mu_msec left_at;
	struct mu_map *seen[FEED_TYPES_MAX]; /* ids; NULL: of no interest */
	uint8_t told[FEED_RING_MAX];         /* enum feed_told */
};

struct feed_watches *feed_watches_new(struct rest *rest)
{
	struct feed_watches *all = mu_xcalloc(1, sizeof *all);

	all->rest = rest;
	mu_link_init(&all->list);
	return all;
}

static void watch_free(struct feed_watch *w)
{
	mu_list_remove(&w->link);
	for (size_t i = 0; i < FEED_TYPES_MAX; i++)
		mu_map_free(w->seen[i]);
	free(w);
}

/* Those that left too long ago, and the first to have left of too many. */
static void trim(struct feed_watches *all)
{
	mu_msec now = mu_clock_monotonic();
	size_t n_idle = 0;

	mu_list_each(it, &all->list) n_idle +=
	    MU_CONTAINER_OF(it, struct feed_watch, link)->n_clients == 0;
	mu_list_each(it, &all->list)
	{
		struct feed_watch *w = MU_CONTAINER_OF(it, struct feed_watch, link);

		if (w->n_clients > 0 ||
		    (n_idle <= FEED_IDLE_MAX && now - w->left_at < FEED_IDLE_MS))
			continue;
		watch_free(w);
		n_idle--;
	}
}

struct feed_watches *feed_watches_free(struct feed_watches *all)
{
	if (!all)
		return NULL;
	mu_list_each(it, &all->list)
	{
		struct feed_watch *w = MU_CONTAINER_OF(it, struct feed_watch, link);

		mu_assert(w->n_clients == 0);
		watch_free(w);
	}
	free(all);
	return NULL;
}

struct feed_watch *feed_watch_join(struct feed_watches *all, const struct rest_user *user)
{
	struct feed_watch *w;

	trim(all);
	mu_list_each(it, &all->list)
	{
		w = MU_CONTAINER_OF(it, struct feed_watch, link);
		if (!mu_uuid_equal(&w->user.account, &user->account) ||
		    strcmp(w->user.name, user->name) != 0)
			continue;
		w->n_clients++;
		return w;
	}
	w = mu_xcalloc(1, sizeof *w);
	w->all = all;
	w->user = *user;
	w->n_clients = 1;
	mu_list_push_back(&all->list, &w->link);
	return w;
}

void feed_watch_leave(struct feed_watch *w)
{
	mu_assert(w->n_clients > 0);
	if (--w->n_clients > 0)
		return;
	w->left_at = mu_clock_monotonic();
	mu_list_remove(&w->link);
	mu_list_push_back(&w->all->list, &w->link);
}

struct seeing {
	struct mu_map *seen;
	const struct rest_sight *sight;
	struct rest_render render;
};

static bool see(const void *object, void *arg)
{
	struct seeing *se = arg;
	const struct mu_uuid *id = se->sight->type->id(object);

	mu_arena_reset(se->render.arena);
	if (rest_sight_sees(se->sight, &se->render, object))
		(void)mu_map_put(se->seen, id, sizeof *id, se->seen);
	return true;
}

/* What a client finds when it lists. */
void feed_watch_type(struct feed_watch *w, size_t index, const struct rest_type *type)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = NULL;
	MU_CLEANUP(mu_arena_free) struct mu_arena *scratch = NULL;
	struct rest *rest = w->all->rest;
	struct rest_sight sight;
	struct seeing se = {.sight = &sight};

	mu_assert(index < FEED_TYPES_MAX);
	if (w->seen[index])
		return;
	a = mu_arena_new();
	scratch = mu_arena_new();
	w->seen[index] = se.seen = mu_map_new();
	rest_sight_init(&sight, rest, &w->user, type, "read", a);
	rest_render_init(&se.render, rest, scratch);
	type->each(&rest->backend, see, &se);
}

static enum feed_told tell(struct feed_watch *w, size_t index, const struct rest_type *type,
			   enum rest_change what, const void *object, struct mu_arena *a)
{
	const struct mu_uuid *id = type->id(object);
	struct mu_map *seen = w->seen[index];
	struct rest_sight sight;
	struct rest_render r;
	bool was, sees;

	if (!seen)
		return FEED_TOLD_UNKNOWN;
	rest_sight_init(&sight, w->all->rest, &w->user, type, "read", a);
	rest_render_init(&r, w->all->rest, a);
	was = mu_map_find(seen, id, sizeof *id) != NULL;
	sees = what != REST_REMOVE && rest_sight_sees(&sight, &r, object);
	if (sees)
		(void)mu_map_put(seen, id, sizeof *id, seen);
	else if (was)
		(void)mu_map_remove(seen, id, sizeof *id);
	if (!sees)
		return was ? FEED_TOLD_REMOVE : FEED_TOLD_NOTHING;
	return was && what == REST_UPDATE ? FEED_TOLD_UPDATE : FEED_TOLD_ADD;
}

void feed_watches_change(struct feed_watches *all, size_t slot, size_t index,
			 const struct rest_type *type, enum rest_change what, const void *object)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = NULL;

	if (mu_list_empty(&all->list))
		return;
	trim(all);
	a = mu_arena_new();
	mu_list_each(it, &all->list)
	{
		struct feed_watch *w = MU_CONTAINER_OF(it, struct feed_watch, link);

		mu_arena_reset(a);
		w->told[slot] = (uint8_t)tell(w, index, type, what, object, a);
	}
}

enum feed_told feed_watch_told(const struct feed_watch *w, size_t slot)
{
	return (enum feed_told)w->told[slot];
}
