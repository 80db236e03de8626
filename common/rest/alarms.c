/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET /alarms, as Xen Orchestra has them. Alarms are in the state already (common/model/alarm.h):
 * nothing is stored of them, and after a restart those that still hold are found again, with a
 * new time. What was there before the first change was told is looked at when somebody asks.
 */
#include "common/rest/alarms.h"

#include "common/base/map.h"
#include "common/log/log.h"
#include "common/model/alarm.h"
#include "common/os/clock.h"
#include "common/rest/fields.h"
#include "common/rest/render.h"

#include <stdio.h>
#include <stdlib.h>

struct rest_alarms {
	struct rest *rest;
	struct mu_map *map; /* struct alarm by id */
};

struct rest_alarms *rest_alarms_new(struct rest *rest)
{
	struct rest_alarms *alarms = mu_xcalloc(1, sizeof *alarms);

	alarms->rest = rest;
	alarms->map = mu_map_new();
	return alarms;
}

struct rest_alarms *rest_alarms_free(struct rest_alarms *alarms)
{
	struct alarm *a;

	if (!alarms)
		return NULL;
	for (size_t i = 0; (a = mu_map_next(alarms->map, &i, NULL, NULL));)
		free(a);
	mu_map_free(alarms->map);
	free(alarms);
	return NULL;
}

static void clear(struct rest_alarms *alarms, struct alarm *a, const char *name)
{
	(void)mu_map_remove(alarms->map, &a->id, sizeof a->id);
	mu_log_info("alarm over object=\"%s\" what=%s", name, alarm_what_name(a->what));
	rest_feed_alarm_changed(alarms->rest->feed, REST_REMOVE, a);
	free(a);
}

static void raise_one(struct rest_alarms *alarms, const struct model_object *o,
		      const struct alarm *now)
{
	struct alarm *a = mu_xmemdup(now, sizeof *now);

	(void)mu_map_put(alarms->map, &a->id, sizeof a->id, a);
	mu_log_warning("alarm object=\"%s\" what=%s level=%s percent=%d", o->name,
		       alarm_what_name(a->what), alarm_level_name(a->level), (int)a->percent);
	rest_feed_alarm_changed(alarms->rest->feed, REST_ADD, a);
}

static void update(struct rest_alarms *alarms, struct alarm *a, const struct alarm *now)
{
	mu_msec since = a->level == now->level ? a->since : now->since;

	if (a->level == now->level && a->percent == now->percent)
		return;
	*a = *now;
	a->since = since;
	rest_feed_alarm_changed(alarms->rest->feed, REST_UPDATE, a);
}

static void look_at(struct rest_alarms *alarms, const struct model_object *o, bool gone)
{
	for (unsigned what = 0; what < _ALARM_WHAT_COUNT; what++) {
		struct alarm now = {.id = alarm_id(&o->id, (enum alarm_what)what),
				    .object = o->id,
				    .what = (enum alarm_what)what};
		struct alarm *a = mu_map_find(alarms->map, &now.id, sizeof now.id);

		if (!gone && alarm_measure(o, now.what, &now.percent))
			now.level = alarm_step(a ? a->level : ALARM_NONE, now.percent);
		now.since = mu_clock_wall();
		if (a && now.level == ALARM_NONE)
			clear(alarms, a, o->name);
		else if (a)
			update(alarms, a, &now);
		else if (now.level != ALARM_NONE)
			raise_one(alarms, o, &now);
	}
}

void rest_alarms_object_changed(struct rest_alarms *alarms, enum rest_change what,
				const struct model_object *o)
{
	if (o->kind == OBJECT_SR)
		look_at(alarms, o, what == REST_REMOVE);
}

static bool look_at_sr(const struct model_object *o, void *arg)
{
	look_at(arg, o, false);
	return true;
}

static void look_at_all(struct rest_alarms *alarms)
{
	const struct rest_backend *b = &alarms->rest->backend;

	b->each_object(b->ctx, OBJECT_SR, look_at_sr, alarms);
}

/* Fields */

static const struct alarm *alarm(const void *object)
{
	return object;
}

static const struct model_object *object_of(struct rest_render *r, const void *object)
{
	const struct rest_backend *b = &r->rest->backend;

	return b->object_find(b->ctx, &alarm(object)->object);
}

static struct mu_value *alarm_type(struct rest_render *r, const void *object)
{
	(void)object;
	return mu_value_string(r->arena, "message");
}

static struct mu_value *alarm_name(struct rest_render *r, const void *object)
{
	(void)object;
	return mu_value_string(r->arena, "ALARM");
}

static struct mu_value *alarm_time(struct rest_render *r, const void *object)
{
	return mu_value_int(r->arena, alarm(object)->since);
}

static struct mu_value *alarm_body(struct rest_render *r, const void *object)
{
	const struct alarm *a = object;
	struct mu_value *v = mu_value_object(r->arena);

	mu_value_set_string(r->arena, v, "name",
			    a->what == ALARM_SR_DATA ? "SR data usage" : "SR metadata usage");
	mu_value_set_string(r->arena, v, "value",
			    mu_arena_printf(r->arena, "%d.0", (int)a->percent));
	return v;
}

static struct mu_value *alarm_object(struct rest_render *r, const void *object)
{
	struct mu_value *v = mu_value_object(r->arena);
	char id[MU_UUID_TEXT];

	(void)mu_uuid_format(&alarm(object)->object, id);
	mu_value_set_string(r->arena, v, "type", "SR");
	mu_value_set_string(r->arena, v, "uuid", id);
	mu_value_set_string(r->arena, v, "href", mu_arena_printf(r->arena, "/rest/v0/srs/%s", id));
	return v;
}

static struct mu_value *alarm_level(struct rest_render *r, const void *object)
{
	return mu_value_string(r->arena, alarm_level_name(alarm(object)->level));
}

static struct mu_value *alarm_text(struct rest_render *r, const void *object)
{
	const struct model_object *o = object_of(r, object);
	const struct alarm *a = object;

	return mu_value_string(r->arena,
			       mu_arena_printf(r->arena, "SR %s: %s %d %% full", o ? o->name : "?",
					       alarm_what_name(a->what), (int)a->percent));
}

static const struct rest_field alarm_fields[] = {
    {"id", rest_own_id},
    {"uuid", rest_own_id},
    {"$pool", rest_pool_id},
    {"$poolId", rest_pool_id},
    {"_xapiRef", rest_own_ref},
    {"type", alarm_type},
    {"name", alarm_name},
    {"time", alarm_time},
    {"body", alarm_body},
    {"object", alarm_object},
    /* Ours */
    {"level", alarm_level},
    {"text", alarm_text},
};

static const struct mu_uuid *alarm_own_id(const void *object)
{
	return &alarm(object)->id;
}

static void each_alarm(const struct rest_backend *b, bool (*each)(const void *object, void *arg),
		       void *arg)
{
	/* The backend is the one in struct rest. */
	const void *rest = (const char *)b - offsetof(struct rest, backend);
	struct rest_alarms *alarms = ((const struct rest *)rest)->alarms;
	const struct alarm *a;

	look_at_all(alarms);
	for (size_t i = 0; (a = mu_map_next(alarms->map, &i, NULL, NULL));) {
		if (!each(a, arg))
			return;
	}
}

static void find_alarm(struct rest *rest, const struct mu_uuid *id,
		       void (*found)(const void *object, void *arg), void *arg)
{
	const struct alarm *a;

	look_at_all(rest->alarms);
	a = mu_map_find(rest->alarms->map, id, sizeof *id);
	if (a)
		found(a, arg);
}

const struct rest_type rest_type_alarm = {
    .name = "alarm",
    .collection = "alarms",
    .fields = alarm_fields,
    .n_fields = MU_ARRAY_SIZE(alarm_fields),
    .id = alarm_own_id,
    .each = each_alarm,
    .find = find_alarm,
};

static bool is_about(const void *object, const void *arg)
{
	return mu_uuid_equal(&alarm(object)->object, arg);
}

/* GET /srs/{id}/alarms */
struct http_reply *rest_get_sr_alarms(struct rest_call *c)
{
	const struct model_object *o;
	struct http_reply *refusal = rest_object_need(c, OBJECT_SR, c->id, &o);

	return refusal ? refusal : rest_list(c, &rest_type_alarm, is_about, &o->id);
}
