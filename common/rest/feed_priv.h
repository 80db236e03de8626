/* SPDX-License-Identifier: Apache-2.0 */
/* What feed.c (changes, the ring) and feed_clients.c (who listens) share. Loop thread. */
#ifndef MUSTER_REST_FEED_PRIV_H
#define MUSTER_REST_FEED_PRIV_H

#include "common/rest/feed_watch.h"
#include "common/rest/session.h"

struct feed_subscription {
	struct mu_arena *arena; /* NULL: not subscribed */
	struct query_fields *fields;
	/* Object id -> hash of what was last sent, for subscriptions to some fields only: an
	 * update that changes none of them is not sent. */
	struct mu_map *sent;
};

struct feed_client {
	struct mu_link link;
	struct rest_session session;
	struct rest_feed *feed;
	struct http_events *events;
	struct feed_watch *watch; /* NULL: its user is an administrator */
	char id[MU_UUID_TEXT];
	struct feed_subscription subscriptions[FEED_TYPES_MAX];
};

struct feed_record {
	uint64_t id;
	size_t type; /* its index */
	struct mu_uuid object;
	const char *event;
	char *data;
};

struct rest_feed {
	struct rest *rest;
	struct mu_link clients;
	struct feed_watches *watches;
	struct mu_timer *ping;
	bool active; /* somebody listened once */
	uint64_t next_id;
	size_t n_records; /* ever; the ring's next slot is n_records % FEED_RING_MAX */
	struct feed_record ring[FEED_RING_MAX];
};

/* By their number in a subscription and a record; NULL at the end. */
extern const struct rest_type *const feed_types[FEED_TYPES_MAX];

const char *feed_event_name(enum rest_change what);
/* As an event says that an object is gone. */
struct mu_value *feed_removed(struct mu_arena *a, const struct rest_type *type,
			      const struct mu_uuid *object);
/* What the ring's change was to the client's user, who may not see everything; false: nothing. */
bool feed_told(const struct feed_client *cl, size_t slot, enum rest_change *ret);
/* The timer's: to all clients. */
void feed_on_ping(void *feed);

#endif
