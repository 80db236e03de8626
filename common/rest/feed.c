/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Server-sent events.
 *
 * As in Xen Orchestra: GET /events opens a stream whose first event, `init`, names the client;
 * POST /events/{id}/subscriptions adds a collection to it. Ours besides: GET
 * /events?collections=VM,task subscribes at once, every event has an id, and a client that comes
 * back with Last-Event-ID gets what it missed from a ring of the last RING_MAX events, or a
 * `resync` event when that is not enough: list again then.
 *
 * Ids grow across restarts (they begin at the clock), so an id of an earlier process is seen to be
 * too old. Nothing is rendered before the first client came.
 */
#include "common/base/assert.h"
#include "common/base/map.h"
#include "common/base/str.h"
#include "common/json/json.h"
#include "common/os/clock.h"
#include "common/os/random.h"
#include "common/rest/relations.h"
#include "common/rest/render.h"
#include "common/rest/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	VM_INDEX,
	VM_SNAPSHOT_INDEX,
	VM_TEMPLATE_INDEX,
	HOST_INDEX,
	POOL_INDEX,
	TASK_INDEX,
	SR_INDEX,
	VDI_INDEX,
	VDI_SNAPSHOT_INDEX,
	NETWORK_INDEX,
	PIF_INDEX,
	PCI_INDEX,
	PBD_INDEX,
	VBD_INDEX,
	VIF_INDEX,
	ALARM_INDEX,
	MESSAGE_INDEX,
	_INDEX_COUNT,
};

enum {
	RING_MAX = 2048,
	N_TYPES = _INDEX_COUNT,
};

static const struct rest_type *const types[N_TYPES] = {
    [VM_INDEX] = &rest_type_vm,
    [VM_SNAPSHOT_INDEX] = &rest_type_vm_snapshot,
    [VM_TEMPLATE_INDEX] = &rest_type_vm_template,
    [HOST_INDEX] = &rest_type_host,
    [POOL_INDEX] = &rest_type_pool,
    [TASK_INDEX] = &rest_type_task,
    [SR_INDEX] = &rest_type_sr,
    [VDI_INDEX] = &rest_type_vdi,
    [VDI_SNAPSHOT_INDEX] = &rest_type_vdi_snapshot,
    [NETWORK_INDEX] = &rest_type_network,
    [PIF_INDEX] = &rest_type_pif,
    [PCI_INDEX] = &rest_type_pci,
    [PBD_INDEX] = &rest_type_pbd,
    [VBD_INDEX] = &rest_type_vbd,
    [VIF_INDEX] = &rest_type_vif,
    [ALARM_INDEX] = &rest_type_alarm,
    [MESSAGE_INDEX] = &rest_type_message,
};

struct subscription {
	struct mu_arena *arena; /* NULL: not subscribed */
	struct query_fields *fields;
	/* Object id -> hash of what was last sent, for subscriptions to some fields only: an
	 * update that changes none of them is not sent. */
	struct mu_map *sent;
};

struct client {
	struct mu_link link;
	struct rest_session session;
	struct rest_feed *feed;
	struct http_events *events;
	char id[MU_UUID_TEXT];
	struct subscription subscriptions[N_TYPES];
};

struct record {
	uint64_t id;
	const struct rest_type *type;
	const char *event;
	char *data;
};

struct rest_feed {
	struct rest *rest;
	struct mu_link clients;
	struct mu_timer *ping;
	bool active; /* somebody listened once */
	uint64_t next_id;
	size_t n_records; /* ever; the ring's next slot is n_records % RING_MAX */
	struct record ring[RING_MAX];
};

static void on_ping(void *ctx);

struct rest_feed *rest_feed_new(struct rest *rest)
{
	struct rest_feed *feed = mu_xcalloc(1, sizeof *feed);

	feed->rest = rest;
	feed->next_id = (uint64_t)mu_clock_wall() * 1000;
	feed->ping = mu_timer_new(rest->loop, on_ping, feed);
	mu_link_init(&feed->clients);
	return feed;
}

static void unsubscribe(struct subscription *s)
{
	s->arena = mu_arena_free(s->arena);
	s->sent = mu_map_free(s->sent);
	s->fields = NULL;
}

struct rest_feed *rest_feed_free(struct rest_feed *feed)
{
	if (!feed)
		return NULL;
	mu_assert(mu_list_empty(&feed->clients));
	for (size_t i = 0; i < RING_MAX; i++)
		free(feed->ring[i].data);
	feed->ping = mu_timer_free(feed->ping);
	free(feed);
	return NULL;
}

static void on_client_gone(void *ctx)
{
	struct client *cl = ctx;

	rest_session_end(&cl->session);
	for (size_t i = 0; i < N_TYPES; i++)
		unsubscribe(&cl->subscriptions[i]);
	mu_list_remove(&cl->link);
	if (mu_list_empty(&cl->feed->clients))
		mu_timer_cancel(cl->feed->ping);
	free(cl);
}

/* Whoever listens may not any more: on_client_gone() follows. */
static void on_session_over(struct rest_session *s, const struct mu_error *why)
{
	struct client *cl = MU_CONTAINER_OF(s, struct client, session);

	(void)why; /* a client that comes back is told */
	for (size_t i = 0; i < N_TYPES; i++)
		unsubscribe(&cl->subscriptions[i]);
	http_events_close(cl->events);
}

static void on_ping(void *ctx)
{
	struct rest_feed *feed = ctx;
	char data[48];

	(void)snprintf(data, sizeof data, "{\"ping\":%lld}", (long long)mu_clock_wall());
	mu_list_each(it, &feed->clients)
	{
		struct client *cl = MU_CONTAINER_OF(it, struct client, link);

		(void)http_events_send(cl->events, "ping", 0, data);
	}
	mu_timer_set(feed->ping, feed->rest->ping_every);
}

/* Changes */

static uint64_t hash(const char *data, size_t len)
{
	uint64_t h = mu_fnv1a(MU_FNV1A, data, len);

	return h ? h : 1;
}

/* One change on its way to the clients: rendered at most once for all that want everything. */
struct change {
	struct rest_feed *feed;
	const struct rest_type *type;
	const void *object;
	enum rest_change what;
	uint64_t id;
	struct mu_arena *arena;
	struct mu_str whole;
};

static const char *event_name(enum rest_change what)
{
	switch (what) {
	case REST_ADD:
		return "add";
	case REST_UPDATE:
		return "update";
	case REST_REMOVE:
		break;
	}
	return "remove";
}

static struct mu_value *removed_object(struct change *ch)
{
	struct mu_value *v = mu_value_object(ch->arena);
	char id[MU_UUID_TEXT];

	mu_value_set_string(ch->arena, v, "id", mu_uuid_format(ch->type->id(ch->object), id));
	mu_value_set_string(ch->arena, v, "type", ch->type->name);
	return v;
}

static void write_object(struct change *ch, const struct query_fields *fields, struct mu_str *out)
{
	struct rest_render r;
	struct mu_value *v;

	rest_render_init(&r, ch->feed->rest, ch->arena);
	v = ch->what == REST_REMOVE ? removed_object(ch)
				    : rest_render_object(&r, ch->type, ch->object, fields);
	mu_value_set_string(ch->arena, v, "$subscription", ch->type->name);
	mu_json_write(out, v, false);
}

static const char *whole(struct change *ch)
{
	if (!ch->whole.len)
		write_object(ch, NULL, &ch->whole);
	return ch->whole.data;
}

/* The text of the chosen fields, or NULL when none of them changed. */
static bool write_chosen(struct change *ch, struct subscription *s, struct mu_str *out)
{
	const struct mu_uuid *id = ch->type->id(ch->object);
	uintptr_t before = (uintptr_t)mu_map_find(s->sent, id, sizeof *id);
	uintptr_t now;

	write_object(ch, s->fields, out);
	if (ch->what == REST_REMOVE) {
		(void)mu_map_remove(s->sent, id, sizeof *id);
		return true;
	}
	now = (uintptr_t)hash(out->data, out->len);
	(void)mu_map_put(s->sent, id, sizeof *id, (void *)now);
	return ch->what == REST_ADD || before != now;
}

static void tell_client(struct change *ch, struct client *cl, size_t type_index)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str chosen = MU_STR_INIT;
	struct subscription *s = &cl->subscriptions[type_index];

	if (!s->arena)
		return;
	if (!s->fields)
		(void)http_events_send(cl->events, event_name(ch->what), ch->id, whole(ch));
	else if (write_chosen(ch, s, &chosen))
		(void)http_events_send(cl->events, event_name(ch->what), ch->id, chosen.data);
}

static void record(struct rest_feed *feed, struct change *ch)
{
	struct record *slot = &feed->ring[feed->n_records++ % RING_MAX];

	free(slot->data);
	*slot = (struct record){
	    .id = ch->id,
	    .type = ch->type,
	    .event = event_name(ch->what),
	    .data = mu_xstrdup(whole(ch)),
	};
}

static void changed(struct rest_feed *feed, size_t type_index, enum rest_change what,
		    const void *object)
{
	struct change ch = {
	    .feed = feed, .type = types[type_index], .object = object, .what = what};

	if (!feed->active)
		return;
	ch.id = feed->next_id++;
	ch.arena = mu_arena_new();
	mu_list_each(it, &feed->clients)
	    tell_client(&ch, MU_CONTAINER_OF(it, struct client, link), type_index);
	record(feed, &ch);
	mu_str_deinit(&ch.whole);
	mu_arena_free(ch.arena);
}

static void vm_changed(void *ctx, enum rest_change what, enum vm_kind as, const struct model_vm *vm)
{
	static const size_t indexes[_VM_KIND_COUNT] = {
	    [VM_KIND_VM] = VM_INDEX,
	    [VM_KIND_SNAPSHOT] = VM_SNAPSHOT_INDEX,
	    [VM_KIND_TEMPLATE] = VM_TEMPLATE_INDEX,
	};

	changed(ctx, indexes[as], what, vm);
}

static void object_changed(void *ctx, enum rest_change what, bool as_snapshot,
			   const struct model_object *o)
{
	static const size_t indexes[_OBJECT_KIND_COUNT] = {
	    [OBJECT_SR] = SR_INDEX,   [OBJECT_VDI] = VDI_INDEX, [OBJECT_NETWORK] = NETWORK_INDEX,
	    [OBJECT_PIF] = PIF_INDEX, [OBJECT_PCI] = PCI_INDEX,
	};

	changed(ctx, as_snapshot ? VDI_SNAPSHOT_INDEX : indexes[o->kind], what, o);
}

static void vbd_changed(void *ctx, enum rest_change what, const struct rest_vbd *vbd)
{
	changed(ctx, VBD_INDEX, what, vbd);
}

static void vif_changed(void *ctx, enum rest_change what, const struct rest_vif *vif)
{
	changed(ctx, VIF_INDEX, what, vif);
}

static void pbd_changed(void *ctx, enum rest_change what, const struct rest_pbd *pbd)
{
	changed(ctx, PBD_INDEX, what, pbd);
}

struct rest_relations *rest_feed_relations_new(struct rest_feed *feed,
					       const struct rest_backend *backend)
{
	const struct rest_tell tell = {
	    .ctx = feed,
	    .vm = vm_changed,
	    .object = object_changed,
	    .vbd = vbd_changed,
	    .vif = vif_changed,
	    .pbd = pbd_changed,
	};

	return rest_relations_new(backend, &tell);
}

void rest_feed_task_changed(struct rest_feed *feed, enum rest_change what,
			    const struct model_task *t)
{
	changed(feed, TASK_INDEX, what, t);
}

void rest_feed_alarm_changed(struct rest_feed *feed, enum rest_change what, const struct alarm *a)
{
	changed(feed, ALARM_INDEX, what, a);
}

void rest_feed_message_changed(struct rest_feed *feed, enum rest_change what,
			       const struct rest_message *m)
{
	changed(feed, MESSAGE_INDEX, what, m);
}

void rest_feed_host_changed(struct rest_feed *feed, enum rest_change what,
			    const struct model_host *h)
{
	changed(feed, HOST_INDEX, what, h);
}

/* Clients */

static int find_type(const char *name)
{
	for (int i = 0; i < N_TYPES; i++)
		if (strcmp(types[i]->name, name) == 0)
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
static void subscribe(struct client *cl, int type_index, const struct query_fields *fields)
{
	struct subscription *s = &cl->subscriptions[type_index];
	struct mu_arena *a = mu_arena_new();

	unsubscribe(s);
	s->arena = a;
	if (!fields)
		return;
	s->fields = mu_arena_memdup(a, fields, sizeof *fields);
	for (size_t i = 0; i < fields->n_names; i++)
		s->fields->names[i] = mu_arena_strdup(a, fields->names[i]);
	s->sent = mu_map_new();
}

/* Is it a record that the client is to have? */
static bool is_missed(const struct client *cl, const struct record *rec, uint64_t last_id)
{
	return rec->id > last_id && cl->subscriptions[find_type(rec->type->name)].arena;
}

/* What a returning client missed; false when the ring does not reach back so far, or when it is
 * more than the client may have waiting. */
static bool replay(struct client *cl, uint64_t last_id)
{
	enum { OVERHEAD = 64 }; /* "id: ", "event: ", ... */
	struct rest_feed *feed = cl->feed;
	size_t n = feed->n_records < RING_MAX ? feed->n_records : RING_MAX;
	size_t n_bytes = 0;

	if (last_id + 1 < feed->next_id - n || last_id >= feed->next_id)
		return false;
	for (size_t i = feed->n_records - n; i < feed->n_records; i++)
		if (is_missed(cl, &feed->ring[i % RING_MAX], last_id))
			n_bytes += strlen(feed->ring[i % RING_MAX].data) + OVERHEAD;
	if (n_bytes > http_events_room(cl->events))
		return false;
	for (size_t i = feed->n_records - n; i < feed->n_records; i++) {
		const struct record *rec = &feed->ring[i % RING_MAX];

		if (is_missed(cl, rec, last_id))
			(void)http_events_send(cl->events, rec->event, rec->id, rec->data);
	}
	return true;
}

/* "VM,task": subscribe the client that is about to be, or (cl NULL) only check. */
static int each_collection(struct rest_call *c, const char *list, struct client *cl,
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
static void send_gap(struct client *cl, uint64_t since)
{
	const struct rest_feed *feed = cl->feed;
	uint64_t n = feed->n_records < RING_MAX ? feed->n_records : RING_MAX;
	char data[160];

	(void)snprintf(data, sizeof data,
		       "{\"since\":%llu,\"oldest\":%llu,\"newest\":%llu,\"reason\":\"events were "
		       "missed: list again\"}",
		       (unsigned long long)since, (unsigned long long)(feed->next_id - n),
		       (unsigned long long)(feed->next_id - 1));
	(void)http_events_send(cl->events, "gap", 0, data);
}

static void subscribe_to_all(struct client *cl)
{
	for (int i = 0; i < N_TYPES; i++)
		subscribe(cl, i, NULL);
}

static void send_init(struct client *cl)
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
	struct client *cl;

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

static struct client *find_client(struct rest_call *c)
{
	mu_list_each(it, &c->rest->feed->clients)
	{
		struct client *cl = MU_CONTAINER_OF(it, struct client, link);

		if (strcmp(cl->id, c->id) == 0)
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
	struct client *cl = find_client(c);
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
	struct client *cl = find_client(c);
	int type = find_type(c->name);

	if (!cl)
		return rest_not_found(c, "event client", c->id);
	if (type < 0 || !cl->subscriptions[type].arena)
		return rest_not_found(c, "subscription", c->name);
	unsubscribe(&cl->subscriptions[type]);
	return http_reply_empty(c->request, 204);
}
