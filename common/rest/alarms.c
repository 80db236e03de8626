/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET /alarms, as Xen Orchestra has them. A backend that finds alarms out by rules says what they
 * are (each_alarm). Otherwise they are in the state already (common/model/alarm.h): nothing is
 * stored of them, and after a restart those that still hold are found again, with a new time. What
 * was there before the first change was told is looked at when somebody asks.
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

static void clear(struct rest_alarms *alarms, struct alarm *a)
{
	(void)mu_map_remove(alarms->map, &a->id, sizeof a->id);
	rest_alarm_changed(alarms->rest, REST_REMOVE, a);
	free(a);
}

static void raise_one(struct rest_alarms *alarms, const struct alarm *now)
{
	struct alarm *a = mu_xmemdup(now, sizeof *now);

	(void)mu_map_put(alarms->map, &a->id, sizeof a->id, a);
	rest_alarm_changed(alarms->rest, REST_ADD, a);
}

static void update(struct rest_alarms *alarms, struct alarm *a, const struct alarm *now)
{
	mu_msec since = a->since;

	if (a->level == now->level && (int32_t)a->value == (int32_t)now->value)
		return;
	*a = *now;
	a->since = since;
	rest_alarm_changed(alarms->rest, REST_UPDATE, a);
}

static void look_at_one(struct rest_alarms *alarms, const struct model_object *o,
			enum alarm_what what, bool gone)
{
	struct alarm now = {
	    .id = alarm_id(&o->id, alarm_what_name(what)),
	    .object = o->id,
	    .of = ALARM_OF_SR,
	    .measured = true,
	    .unit = "percent",
	    .since = mu_clock_wall(),
	};
	struct alarm *a = mu_map_find(alarms->map, &now.id, sizeof now.id);
	int32_t percent;

	(void)snprintf(now.name, sizeof now.name, "%s", alarm_what_title(what));
	if (!gone && alarm_measure(o, what, &percent)) {
		now.level = alarm_step(a ? a->level : ALARM_NONE, percent);
		now.value = percent;
	}
	if (a && now.level == ALARM_NONE)
		clear(alarms, a);
	else if (a)
		update(alarms, a, &now);
	else if (now.level != ALARM_NONE)
		raise_one(alarms, &now);
}

void rest_alarms_object_changed(struct rest_alarms *alarms, enum rest_change what,
				const struct model_object *o)
{
	if (o->kind != OBJECT_SR || alarms->rest->backend.each_alarm)
		return;
	for (unsigned i = 0; i < _ALARM_WHAT_COUNT; i++)
		look_at_one(alarms, o, (enum alarm_what)i, what == REST_REMOVE);
}

static bool look_at_sr(const struct model_object *o, void *arg)
{
	rest_alarms_object_changed(arg, REST_UPDATE, o);
	return true;
}

static void look_at_all(struct rest_alarms *alarms)
{
	const struct rest_backend *b = &alarms->rest->backend;

	b->each_object(b->ctx, OBJECT_SR, look_at_sr, alarms);
}

/* What is said of it: "SR disks: SR data usage 82 %". */
static const char *text_of(const struct rest *rest, const struct alarm *a, struct mu_arena *arena)
{
	const struct rest_backend *b = &rest->backend;
	const struct vm_id vm_id = {a->object};
	const struct host_id host_id = {a->object};
	const struct model_vm *vm = a->of == ALARM_OF_VM ? b->vm_find(b->ctx, &vm_id) : NULL;
	const struct model_host *host =
	    a->of == ALARM_OF_HOST ? b->host_find(b->ctx, &host_id) : NULL;
	const struct model_object *o =
	    a->of == ALARM_OF_SR ? b->object_find(b->ctx, &a->object) : NULL;
	const char *name = vm ? vm->name : host ? host->name : o ? o->name : "?";
	struct rest_pool pool = {0};
	char value[ALARM_VALUE_TEXT];

	if (a->of == ALARM_OF_POOL) {
		b->pool(b->ctx, &pool);
		name = pool.name;
	}
	alarm_value_text(a, value);
	return mu_arena_printf(arena, "%s %s: %s%s%s", alarm_of_name(a->of), name, a->name,
			       value[0] ? " " : "", value);
}

void rest_alarm_changed(struct rest *rest, enum rest_change what, const struct alarm *a)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *arena = mu_arena_new();
	const char *text = text_of(rest, a, arena);

	if (what == REST_REMOVE)
		mu_log_info("alarm over alarm=\"%s\"", text);
	else if (what == REST_ADD)
		mu_log_warning("alarm alarm=\"%s\" level=%s", text, alarm_level_name(a->level));
	rest_feed_alarm_changed(rest->feed, what, a);
}

/* Fields */

static const struct alarm *alarm(const void *object)
{
	return object;
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
	char value[ALARM_VALUE_TEXT];

	mu_value_set_string(r->arena, v, "name", a->name);
	if (a->measured)
		mu_value_set_string(r->arena, v, "value", alarm_value(a, value));
	return v;
}

static struct mu_value *alarm_object(struct rest_render *r, const void *object)
{
	const struct alarm *a = object;
	struct mu_value *v = mu_value_object(r->arena);
	char id[MU_UUID_TEXT];

	(void)mu_uuid_format(&a->object, id);
	mu_value_set_string(r->arena, v, "type", alarm_of_name(a->of));
	mu_value_set_string(r->arena, v, "uuid", id);
	mu_value_set_string(
	    r->arena, v, "href",
	    mu_arena_printf(r->arena, "/rest/v0/%s/%s", alarm_of_collection(a->of), id));
	return v;
}

static struct mu_value *alarm_level(struct rest_render *r, const void *object)
{
	return mu_value_string(r->arena, alarm_level_name(alarm(object)->level));
}

static struct mu_value *alarm_text(struct rest_render *r, const void *object)
{
	return mu_value_string(r->arena, text_of(r->rest, object, r->arena));
}

static struct mu_value *alarm_rule(struct rest_render *r, const void *object)
{
	return rest_uuid_if(r->arena, &alarm(object)->rule);
}

static struct mu_value *alarm_acknowledged_at(struct rest_render *r, const void *object)
{
	mu_msec at = alarm(object)->acknowledged_at;

	return at ? mu_value_int(r->arena, at) : NULL;
}

static struct mu_value *alarm_acknowledged_by(struct rest_render *r, const void *object)
{
	const struct alarm *a = object;

	return a->acknowledged_at ? mu_value_string(r->arena, a->acknowledged_by) : NULL;
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
    {"rule", alarm_rule},
    {"acknowledgedAt", alarm_acknowledged_at},
    {"acknowledgedBy", alarm_acknowledged_by},
};

static const struct mu_uuid *alarm_own_id(const void *object)
{
	return &alarm(object)->id;
}

struct walk {
	bool (*each)(const void *object, void *arg);
	void *arg;
};

static bool walk_alarm(const struct alarm *a, void *arg)
{
	const struct walk *w = arg;

	return w->each(a, w->arg);
}

static void each_alarm(const struct rest_backend *b, bool (*each)(const void *object, void *arg),
		       void *arg)
{
	/* The backend is the one in struct rest. */
	const void *rest = (const char *)b - offsetof(struct rest, backend);
	struct rest_alarms *alarms = ((const struct rest *)rest)->alarms;
	struct walk w = {each, arg};
	const struct alarm *a;

	if (b->each_alarm) {
		b->each_alarm(b->ctx, walk_alarm, &w);
		return;
	}
	look_at_all(alarms);
	for (size_t i = 0; (a = mu_map_next(alarms->map, &i, NULL, NULL));) {
		if (!each(a, arg))
			return;
	}
}

static void find_alarm(struct rest *rest, const struct mu_uuid *id,
		       void (*found)(const void *object, void *arg), void *arg)
{
	const struct rest_backend *b = &rest->backend;
	const struct alarm *a;

	if (!b->each_alarm)
		look_at_all(rest->alarms);
	a = b->each_alarm ? b->alarm_find(b->ctx, id)
			  : mu_map_find(rest->alarms->map, id, sizeof *id);
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

struct mu_value *rest_alarm_value(struct rest *rest, struct mu_arena *a, const struct alarm *alarm)
{
	struct rest_render r;

	rest_render_init(&r, rest, a);
	return rest_render_object(&r, &rest_type_alarm, alarm, NULL);
}

bool rest_alarm_is_about(const void *object, const void *arg)
{
	return mu_uuid_equal(&alarm(object)->object, arg);
}
