/* SPDX-License-Identifier: Apache-2.0 */
/* Who listens to events: streams and their subscriptions, and those that come back. */
#include "common/base/assert.h"
#include "common/base/map.h"
#include "common/base/str.h"
#include "common/json/json.h"
#include "common/os/clock.h"
#include "common/os/random.h"
#include "common/rest/feed_priv.h"
#include "common/rest/relations.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void unsubscribe(struct feed_subscription *s)
{
	s->arena = mu_arena_free(s->arena);
	s->sent = mu_map_free(s->sent);
	s->fields = NULL;
}

static void on_client_gone(void *ctx)
{
	struct feed_client *cl = ctx;

	rest_session_end(&cl->session);
	for (size_t i = 0; i < FEED_TYPES_MAX; i++)
		unsubscribe(&cl->subscriptions[i]);
	if (cl->watch)
		feed_watch_leave(cl->watch);
	mu_list_remove(&cl->link);
	if (mu_list_empty(&cl->feed->clients))
		mu_timer_cancel(cl->feed->ping);
	free(cl);
}

/* Whoever listens may not any more: on_client_gone() follows. */
static void on_session_over(struct rest_session *s, const struct mu_error *why)
{
	struct feed_client *cl = MU_CONTAINER_OF(s, struct feed_client, session);

	(void)why; /* a client that comes back is told */
	for (size_t i = 0; i < FEED_TYPES_MAX; i++)
		unsubscribe(&cl->subscriptions[i]);
	http_events_close(cl->events);
}

void feed_on_ping(void *ctx)
{
	struct rest_feed *feed = ctx;
	char data[48];

	(void)snprintf(data, sizeof data, "{\"ping\":%lld}", (long long)mu_clock_wall());
	mu_list_each(it, &feed->clients)
	{
		struct feed_client *cl = MU_CONTAINER_OF(it, struct feed_client, link);

		(void)http_events_send(cl->events, "ping", 0, data);
	}
	mu_timer_set(feed->ping, feed->rest->ping_every);
}

static int find_type(const char *name)
{
	for (int i = 0; feed_types[i]; i++)
		if (strcmp(feed_types[i]->name, name) == 0)
			return i;
	return -1;
}

static int unknown_collection(const char *name, struct mu_error *err)
{
	return mu_error_set(err, MU_E_INVALID,
			    "no collection \"%s\" has events; hint: VM, VM-snapshot, VM-template, "
			    "VBD, VIF, SR, PBD, VDI, VDI-snapshot, network, PIF, PCI, host, pool, "
			    "alarm, message or task",
			    name);
}

/* `fields` NULL: everything. */
static void subscribe(struct feed_client *cl, int type_index, const struct query_fields *fields)
{
	struct feed_subscription *s = &cl->subscriptions[type_index];
	struct mu_arena *a = mu_arena_new();

	unsubscribe(s);
	s->arena = a;
	if (cl->watch)
		feed_watch_type(cl->watch, (size_t)type_index, feed_types[type_index]);
	if (!fields)
		return;
	s->fields = mu_arena_memdup(a, fields, sizeof *fields);
	for (size_t i = 0; i < fields->n_names; i++)
		s->fields->names[i] = mu_arena_strdup(a, fields->names[i]);
	s->sent = mu_map_new();
}

/* A record as the client is to have it; false: not at all. */
static bool is_missed(const struct feed_client *cl, size_t slot, uint64_t last_id,
		      const char **ret_event, bool *ret_gone)
{
	const struct feed_record *rec = &cl->feed->ring[slot];
	enum rest_change what;

	if (rec->id <= last_id || !cl->subscriptions[rec->type].arena)
		return false;
	*ret_event = rec->event;
	*ret_gone = false;
	if (!cl->watch)
		return true;
	if (!feed_told(cl, slot, &what))
		return false;
	*ret_event = feed_event_name(what);
	*ret_gone = what == REST_REMOVE;
	return true;
}

static void send_missed(struct feed_client *cl, const struct feed_record *rec, const char *event,
			bool gone)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = NULL;
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;

	if (gone) {
		a = mu_arena_new();
		mu_json_write(&text, feed_removed(a, feed_types[rec->type], &rec->object), false);
	}
	(void)http_events_send(cl->events, event, rec->id, gone ? text.data : rec->data);
}

/* Was the user listening all the time, to all that he wants now? */
static bool is_known(const struct feed_client *cl, uint64_t last_id)
{
	const struct rest_feed *feed = cl->feed;
	size_t n = feed->n_records < FEED_RING_MAX ? feed->n_records : FEED_RING_MAX;

	for (size_t i = feed->n_records - n; cl->watch && i < feed->n_records; i++) {
		const struct feed_record *rec = &feed->ring[i % FEED_RING_MAX];

		if (rec->id > last_id && cl->subscriptions[rec->type].arena &&
		    feed_watch_told(cl->watch, i % FEED_RING_MAX) == FEED_TOLD_UNKNOWN)
			return false;
	}
	return true;
}

/* What a returning client missed; false when the ring does not reach back so far, or when it is
 * more than the client may have waiting. */
static bool replay(struct feed_client *cl, uint64_t last_id)
{
	enum { OVERHEAD = 64 }; /* "id: ", "event: ", ... */
	struct rest_feed *feed = cl->feed;
	size_t n = feed->n_records < FEED_RING_MAX ? feed->n_records : FEED_RING_MAX;
	size_t n_bytes = 0;
	const char *event;
	bool gone;

	if (last_id + 1 < feed->next_id - n || last_id >= feed->next_id || !is_known(cl, last_id))
		return false;
	for (size_t i = feed->n_records - n; i < feed->n_records; i++)
		if (is_missed(cl, i % FEED_RING_MAX, last_id, &event, &gone))
			n_bytes += strlen(feed->ring[i % FEED_RING_MAX].data) + OVERHEAD;
	if (n_bytes > http_events_room(cl->events))
		return false;
	for (size_t i = feed->n_records - n; i < feed->n_records; i++)
		if (is_missed(cl, i % FEED_RING_MAX, last_id, &event, &gone))
			send_missed(cl, &feed->ring[i % FEED_RING_MAX], event, gone);
	return true;
}

/* "VM,task": subscribe the client that is about to be, or (cl NULL) only check. */
static int each_collection(struct rest_call *c, const char *list, struct feed_client *cl,
			   struct mu_error *err)
{
	while (*list) {
		size_t len = strcspn(list, ",");
		const char *name = mu_arena_strndup(c->arena, list, len);
		int type = find_type(name);

		if (type < 0)
			return unknown_collection(name, err);
		if (cl)
			subscribe(cl, type, NULL);
		list += len;
		if (*list == ',')
			list++;
	}
	return 0;
}

static int last_event_id(struct rest_call *c, const char *since, bool *ret_given, uint64_t *ret_id,
			 struct mu_error *err)
{
	const char *text = http_request_header(c->request, "last-event-id");

	/* What a browser saw last on this very stream is newer than what its page was made with. */
	if (since && !text) {
		*ret_given = true;
		if (mu_parse_u64(since, ret_id))
			return 0;
		return mu_error_set(err, MU_E_PROTOCOL,
				    "since: \"%s\" is not an id of ours; hint: that of an event",
				    since);
	}

	if (!text)
		text = http_request_query(c->request, "lastEventId");
	*ret_given = text && text[0];
	if (*ret_given && !mu_parse_u64(text, ret_id))
		return mu_error_set(err, MU_E_PROTOCOL,
				    "Last-Event-ID: \"%s\" is not an id of ours", text);
	return 0;
}

/* What is missing, in so many words. */
static void send_gap(struct feed_client *cl, uint64_t since)
{
	const struct rest_feed *feed = cl->feed;
	uint64_t n = feed->n_records < FEED_RING_MAX ? feed->n_records : FEED_RING_MAX;
	char data[160];

	(void)snprintf(data, sizeof data,
		       "{\"since\":%llu,\"oldest\":%llu,\"newest\":%llu,\"reason\":\"events were "
		       "missed: list again\"}",
		       (unsigned long long)since, (unsigned long long)(feed->next_id - n),
		       (unsigned long long)(feed->next_id - 1));
	(void)http_events_send(cl->events, "gap", 0, data);
}

static void subscribe_to_all(struct feed_client *cl)
{
	for (int i = 0; feed_types[i]; i++)
		subscribe(cl, i, NULL);
}

static void send_init(struct feed_client *cl)
{
	char data[64];

	(void)snprintf(data, sizeof data, "{\"id\":\"%s\"}", cl->id);
	(void)http_events_send(cl->events, "init", cl->feed->next_id - 1, data);
}

struct http_reply *rest_get_events(struct rest_call *c)
{
	const char *collections = http_request_query(c->request, "collections");
	const char *since = http_request_query(c->request, "since");
	struct rest_feed *feed = c->rest->feed;
	struct mu_error err = MU_ERROR_INIT;
	struct http_reply *reply;
	struct mu_uuid id = mu_random_uuid();
	uint64_t last_id = 0;
	bool resumes = false;
	struct feed_client *cl;

	if ((collections && each_collection(c, collections, NULL, &err) < 0) ||
	    last_event_id(c, since, &resumes, &last_id, &err) < 0)
		return rest_error(c, &err);
	feed->active = true;
	rest_relations_need(c->rest->relations);
	cl = mu_xcalloc(1, sizeof *cl);
	cl->feed = feed;
	(void)mu_uuid_format(&id, cl->id);
	if (mu_list_empty(&feed->clients))
		mu_timer_set(feed->ping, feed->rest->ping_every);
	mu_list_push_back(&feed->clients, &cl->link);
	cl->session.over = on_session_over;
	rest_session_begin(&cl->session, c);
	if (!c->user.admin)
		cl->watch = feed_watch_join(feed->watches, &c->user);
	reply = http_reply_events(c->request, &cl->events, on_client_gone, cl);
	if (collections)
		(void)each_collection(c, collections, cl, &err);
	else if (since)
		subscribe_to_all(cl);
	/* A returning client's first id is that of what it missed, not that of now. */
	if (!resumes) {
		send_init(cl);
	} else if (replay(cl, last_id)) {
		;
	} else if (since) {
		send_gap(cl, last_id);
		send_init(cl);
	} else {
		send_init(cl);
		(void)http_events_send(cl->events, "resync", 0,
				       "{\"reason\":\"events were missed: list again\"}");
	}
	return reply;
}

static struct feed_client *find_client(struct rest_call *c)
{
	mu_list_each(it, &c->rest->feed->clients)
	{
		struct feed_client *cl = MU_CONTAINER_OF(it, struct feed_client, link);

		if (strcmp(cl->id, c->id) == 0 && strcmp(cl->session.user.name, c->user.name) == 0)
			return cl;
	}
	return NULL;
}

/* "*", or a list of names. */
static int parse_fields(const struct mu_value *v, struct query_fields *ret, struct mu_error *err)
{
	struct query_fields f = {0};

	if (!v || mu_str_equal(mu_value_as_string(v), "*")) {
		ret->all = true;
		return 0;
	}
	if (v->kind != MU_VALUE_LIST)
		return mu_error_set(err, MU_E_INVALID,
				    "body: fields: \"*\" or a list of names is expected");
	mu_value_each(item, v)
	{
		if (item->kind != MU_VALUE_STRING || f.n_names == QUERY_FIELDS_MAX)
			return mu_error_set(err, MU_E_INVALID,
					    "body: fields: at most %d names are expected, no %s",
					    QUERY_FIELDS_MAX, mu_value_kind_name(item->kind));
		f.names[f.n_names++] = item->string;
	}
	*ret = f;
	return 0;
}

struct http_reply *rest_post_subscription(struct rest_call *c)
{
	static const char *const known[] = {"collection", "fields", NULL};
	struct feed_client *cl = find_client(c);
	struct mu_error err = MU_ERROR_INIT;
	const struct mu_value *body = NULL;
	struct query_fields fields = {0};
	const char *collection = NULL;
	struct mu_value *v;

	if (!cl)
		return rest_not_found(c, "event client", c->id);
	if (rest_body(c, known, &body, &err) < 0 ||
	    rest_body_string(body, "collection", &collection, &err) < 0 ||
	    parse_fields(mu_value_get(body, "fields"), &fields, &err) < 0)
		return rest_error(c, &err);
	if (!collection)
		(void)mu_error_set(&err, MU_E_INVALID, "body: collection is missing");
	else if (find_type(collection) < 0)
		(void)unknown_collection(collection, &err);
	if (err.code != MU_E_NONE)
		return rest_error(c, &err);
	subscribe(cl, find_type(collection), fields.all ? NULL : &fields);
	v = mu_value_object(c->arena);
	mu_value_set_string(c->arena, v, "id", collection);
	return http_reply_json(c->request, 201, v);
}

struct http_reply *rest_delete_subscription(struct rest_call *c)
{
	struct feed_client *cl = find_client(c);
	int type = find_type(c->name);

	if (!cl)
		return rest_not_found(c, "event client", c->id);
	if (type < 0 || !cl->subscriptions[type].arena)
		return rest_not_found(c, "subscription", c->name);
	unsubscribe(&cl->subscriptions[type]);
	return http_reply_empty(c->request, 204);
}
