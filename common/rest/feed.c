/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Server-sent events.
 *
 * As in Xen Orchestra: GET /events opens a stream whose first event, `init`, names the client;
 * POST /events/{id}/subscriptions adds a collection to it. Ours besides: GET
 * /events?collections=VM,task subscribes at once, every event has an id, and a client that comes
 * back with Last-Event-ID gets what it missed from a ring of the last FEED_RING_MAX events, or a
 * `resync` event when that is not enough: list again then.
 *
 * Ids grow across restarts (they begin at the clock), so an id of an earlier process is seen to be
 * too old. Nothing is rendered before the first client came.
 *
 * A client gets what its user may see: feed_watch.h. What it missed is what it would have been told
 * then, out of the same ring.
 */
#include "common/base/assert.h"
#include "common/base/map.h"
#include "common/base/str.h"
#include "common/json/json.h"
#include "common/os/clock.h"
#include "common/rest/feed_priv.h"
#include "common/rest/relations.h"

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
	VM_CONTROLLER_INDEX,
	PBD_INDEX,
	VBD_INDEX,
	VIF_INDEX,
	ALARM_INDEX,
	MESSAGE_INDEX,
	_INDEX_COUNT,
};

_Static_assert((int)_INDEX_COUNT < (int)FEED_TYPES_MAX, "the last is NULL");

const struct rest_type *const feed_types[FEED_TYPES_MAX] = {
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
    [VM_CONTROLLER_INDEX] = &rest_type_vm_controller,
    [PBD_INDEX] = &rest_type_pbd,
    [VBD_INDEX] = &rest_type_vbd,
    [VIF_INDEX] = &rest_type_vif,
    [ALARM_INDEX] = &rest_type_alarm,
    [MESSAGE_INDEX] = &rest_type_message,
};

struct rest_feed *rest_feed_new(struct rest *rest)
{
	struct rest_feed *feed = mu_xcalloc(1, sizeof *feed);

	feed->rest = rest;
	feed->next_id = (uint64_t)mu_clock_wall() * 1000;
	feed->ping = mu_timer_new(rest->loop, feed_on_ping, feed);
	mu_link_init(&feed->clients);
	feed->watches = feed_watches_new(rest);
	return feed;
}

struct rest_feed *rest_feed_free(struct rest_feed *feed)
{
	if (!feed)
		return NULL;
	mu_assert(mu_list_empty(&feed->clients));
	for (size_t i = 0; i < FEED_RING_MAX; i++)
		free(feed->ring[i].data);
	feed->ping = mu_timer_free(feed->ping);
	feed->watches = feed_watches_free(feed->watches);
	free(feed);
	return NULL;
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
	struct mu_str whole;   /* as it is now */
	struct mu_str removed; /* that it is gone, from somebody's sight at least */
};

const char *feed_event_name(enum rest_change what)
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

struct mu_value *feed_removed(struct mu_arena *a, const struct rest_type *type,
			      const struct mu_uuid *object)
{
	struct mu_value *v = mu_value_object(a);
	char id[MU_UUID_TEXT];

	mu_value_set_string(a, v, "id", mu_uuid_format(object, id));
	mu_value_set_string(a, v, "type", type->name);
	mu_value_set_string(a, v, "$subscription", type->name);
	return v;
}

static void write_object(struct change *ch, enum rest_change what,
			 const struct query_fields *fields, struct mu_str *out)
{
	struct rest_render r;
	struct mu_value *v;

	if (what == REST_REMOVE) {
		v = feed_removed(ch->arena, ch->type, ch->type->id(ch->object));
	} else {
		rest_render_init(&r, ch->feed->rest, ch->arena);
		v = rest_render_object(&r, ch->type, ch->object, fields);
		mu_value_set_string(ch->arena, v, "$subscription", ch->type->name);
	}
	mu_json_write(out, v, false);
}

static const char *whole(struct change *ch, enum rest_change what)
{
	struct mu_str *text = what == REST_REMOVE ? &ch->removed : &ch->whole;

	if (!text->len)
		write_object(ch, what, NULL, text);
	return text->data;
}

/* The text of the chosen fields, or NULL when none of them changed. */
static bool write_chosen(struct change *ch, enum rest_change what, struct feed_subscription *s,
			 struct mu_str *out)
{
	const struct mu_uuid *id = ch->type->id(ch->object);
	uintptr_t before = (uintptr_t)mu_map_find(s->sent, id, sizeof *id);
	uintptr_t now;

	write_object(ch, what, s->fields, out);
	if (what == REST_REMOVE) {
		(void)mu_map_remove(s->sent, id, sizeof *id);
		return true;
	}
	now = (uintptr_t)hash(out->data, out->len);
	(void)mu_map_put(s->sent, id, sizeof *id, (void *)now);
	return what == REST_ADD || before != now;
}

static void send_change(struct change *ch, enum rest_change what, struct feed_client *cl,
			struct feed_subscription *s)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str chosen = MU_STR_INIT;

	if (!s->fields)
		(void)http_events_send(cl->events, feed_event_name(what), ch->id, whole(ch, what));
	else if (write_chosen(ch, what, s, &chosen))
		(void)http_events_send(cl->events, feed_event_name(what), ch->id, chosen.data);
}

bool feed_told(const struct feed_client *cl, size_t slot, enum rest_change *ret)
{
	switch (feed_watch_told(cl->watch, slot)) {
	case FEED_TOLD_UNKNOWN:
	case FEED_TOLD_NOTHING:
		return false;
	case FEED_TOLD_ADD:
		*ret = REST_ADD;
		return true;
	case FEED_TOLD_UPDATE:
		*ret = REST_UPDATE;
		return true;
	case FEED_TOLD_REMOVE:
		break;
	}
	*ret = REST_REMOVE;
	return true;
}

static void tell_client(struct change *ch, struct feed_client *cl, size_t type_index, size_t slot)
{
	struct feed_subscription *s = &cl->subscriptions[type_index];
	enum rest_change what = ch->what;

	if (s->arena && (!cl->watch || feed_told(cl, slot, &what)))
		send_change(ch, what, cl, s);
}

static void record(struct rest_feed *feed, struct change *ch, size_t type_index)
{
	struct feed_record *slot = &feed->ring[feed->n_records++ % FEED_RING_MAX];

	free(slot->data);
	*slot = (struct feed_record){
	    .id = ch->id,
	    .type = type_index,
	    .object = *ch->type->id(ch->object),
	    .event = feed_event_name(ch->what),
	    .data = mu_xstrdup(whole(ch, ch->what)),
	};
}

static void changed(struct rest_feed *feed, size_t type_index, enum rest_change what,
		    const void *object)
{
	size_t slot = feed->n_records % FEED_RING_MAX;
	struct change ch = {
	    .feed = feed, .type = feed_types[type_index], .object = object, .what = what};

	if (!feed->active)
		return;
	ch.id = feed->next_id++;
	ch.arena = mu_arena_new();
	feed_watches_change(feed->watches, slot, type_index, ch.type, what, object);
	mu_list_each(it, &feed->clients)
	    tell_client(&ch, MU_CONTAINER_OF(it, struct feed_client, link), type_index, slot);
	record(feed, &ch, type_index);
	mu_str_deinit(&ch.whole);
	mu_str_deinit(&ch.removed);
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
	    [OBJECT_SR] = SR_INDEX,           [OBJECT_VDI] = VDI_INDEX,
	    [OBJECT_NETWORK] = NETWORK_INDEX, [OBJECT_PIF] = PIF_INDEX,
	    [OBJECT_PCI] = PCI_INDEX,         [OBJECT_CONTROLLER] = VM_CONTROLLER_INDEX,
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
