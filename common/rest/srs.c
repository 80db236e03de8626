/* SPDX-License-Identifier: Apache-2.0 */
/* Storage repositories, and their PBDs: what connects one to a host is that host's report of it. */
#include "common/rest/fields.h"
#include "common/rest/objects.h"

#include <string.h>

static const struct model_sr *sr(const void *object)
{
	return &((const struct model_object *)object)->sr;
}

static struct mu_value *sr_type(struct rest_render *r, const void *object)
{
	return mu_value_string(r->arena, sr(object)->type);
}

static struct mu_value *sr_content(struct rest_render *r, const void *object)
{
	return mu_value_string(r->arena, sr(object)->iso ? "iso" : "user");
}

static struct mu_value *sr_size(struct rest_render *r, const void *object)
{
	return rest_bytes(r->arena, sr(object)->size_bytes);
}

static struct mu_value *sr_used(struct rest_render *r, const void *object)
{
	return rest_bytes(r->arena, sr(object)->used_bytes);
}

static struct mu_value *sr_allocated(struct rest_render *r, const void *object)
{
	return rest_bytes(r->arena, sr(object)->allocated_bytes);
}

static struct mu_value *sr_shared(struct rest_render *r, const void *object)
{
	return mu_value_bool(r->arena, sr(object)->shared);
}

static struct mu_value *sr_allocation(struct rest_render *r, const void *object)
{
	return mu_value_string(r->arena, sr(object)->thin ? "thin" : "thick");
}

static struct mu_value *sr_container(struct rest_render *r, const void *object)
{
	const struct model_object *o = object;

	return rest_uuid(r->arena, o->sr.shared ? &r->pool.id : &o->host.uuid);
}

static struct mu_value *sr_vdis(struct rest_render *r, const void *object)
{
	return rest_related(r, REST_SR_VDIS, rest_object_id(object));
}

struct pbds {
	struct mu_arena *arena;
	struct mu_value *list;
};

static bool add_pbd(const struct model_object *o, void *arg)
{
	const struct pbds *all = arg;
	const struct rest_pbd pbd = rest_pbd_of(o);

	mu_value_push(all->list, rest_uuid(all->arena, &pbd.id));
	return true;
}

static struct mu_value *sr_pbds(struct rest_render *r, const void *object)
{
	const struct rest_backend *b = &r->rest->backend;
	struct pbds all = {.arena = r->arena, .list = mu_value_list(r->arena)};

	b->each_report(b->ctx, rest_object_id(object), add_pbd, &all);
	return all.list;
}

static struct mu_value *sr_location(struct rest_render *r, const void *object)
{
	return mu_value_string(r->arena, sr(object)->location);
}

static struct mu_value *sr_trouble(struct rest_render *r, const void *object)
{
	return mu_value_string(r->arena, sr(object)->trouble);
}

static struct mu_value *sr_attached(struct rest_render *r, const void *object)
{
	return mu_value_bool(r->arena, sr(object)->attached);
}

static struct mu_value *sr_data(struct rest_render *r, const void *object)
{
	return rest_bytes(r->arena, sr(object)->data_percent);
}

static struct mu_value *sr_metadata(struct rest_render *r, const void *object)
{
	return rest_bytes(r->arena, sr(object)->metadata_percent);
}

static const struct rest_field sr_fields[] = {
    REST_COMMON_FIELDS,
    {"name_label", rest_object_name},
    {"name_description", rest_object_description},
    {"tags", rest_object_tags},
    {"SR_type", sr_type},
    {"content_type", sr_content},
    {"size", sr_size},
    {"physical_usage", sr_used},
    {"usage", sr_allocated},
    {"shared", sr_shared},
    {"allocationStrategy", sr_allocation},
    {"$container", sr_container},
    {"VDIs", sr_vdis},
    {"$PBDs", sr_pbds},
    {"inMaintenanceMode", rest_false},
    {"other_config", rest_empty_object},
    {"sm_config", rest_empty_object},
    {"current_operations", rest_empty_object},
    /* Ours */
    {"location", sr_location},
    {"attached", sr_attached},
    {"trouble", sr_trouble},
    {"dataPercent", sr_data},
    {"metadataPercent", sr_metadata},
};

static void each_sr(const struct rest_backend *b, bool (*each)(const void *object, void *arg),
		    void *arg)
{
	rest_objects_each(b, OBJECT_SR, NULL, each, arg);
}

static void find_sr(struct rest *rest, const struct mu_uuid *id,
		    void (*found)(const void *object, void *arg), void *arg)
{
	rest_objects_find(rest, id, OBJECT_SR, NULL, found, arg);
}

const struct rest_type rest_type_sr = {
    .name = "SR",
    .collection = "srs",
    .fields = sr_fields,
    .n_fields = MU_ARRAY_SIZE(sr_fields),
    .id = rest_object_id,
    .each = each_sr,
    .find = find_sr,
};

/* PBDs */

static const struct model_object *report(const void *object)
{
	return ((const struct rest_pbd *)object)->sr;
}

static struct mu_value *pbd_host(struct rest_render *r, const void *object)
{
	return rest_uuid(r->arena, &report(object)->host.uuid);
}

static struct mu_value *pbd_sr(struct rest_render *r, const void *object)
{
	return rest_uuid(r->arena, &report(object)->id);
}

static struct mu_value *pbd_attached(struct rest_render *r, const void *object)
{
	return mu_value_bool(r->arena, report(object)->sr.attached);
}

static struct mu_value *pbd_config(struct rest_render *r, const void *object)
{
	struct mu_value *v = mu_value_object(r->arena);

	mu_value_set_string(r->arena, v, "location", report(object)->sr.location);
	return v;
}

static struct mu_value *pbd_trouble(struct rest_render *r, const void *object)
{
	return mu_value_string(r->arena, report(object)->sr.trouble);
}

static const struct rest_field pbd_fields[] = {
    REST_COMMON_FIELDS,
    {"host", pbd_host},
    {"SR", pbd_sr},
    {"attached", pbd_attached},
    {"device_config", pbd_config},
    {"otherConfig", rest_empty_object},
    /* Ours */
    {"trouble", pbd_trouble},
};

static const struct mu_uuid *pbd_id(const void *object)
{
	return &((const struct rest_pbd *)object)->id;
}

struct pbd_walk {
	const struct rest_backend *backend;
	bool (*each)(const void *object, void *arg);
	void *arg;
	bool stopped;
};

static bool walk_report(const struct model_object *o, void *arg)
{
	struct pbd_walk *w = arg;
	const struct rest_pbd pbd = rest_pbd_of(o);

	w->stopped = o->kind == OBJECT_SR && !w->each(&pbd, w->arg);
	return !w->stopped;
}

static bool walk_sr(const struct model_object *o, void *arg)
{
	struct pbd_walk *w = arg;

	w->backend->each_report(w->backend->ctx, &o->id, walk_report, w);
	return !w->stopped;
}

static void each_pbd(const struct rest_backend *b, bool (*each)(const void *object, void *arg),
		     void *arg)
{
	struct pbd_walk w = {.backend = b, .each = each, .arg = arg};

	b->each_object(b->ctx, OBJECT_SR, walk_sr, &w);
}

struct pbd_search {
	const struct mu_uuid *id;
	void (*found)(const void *object, void *arg);
	void *arg;
};

static bool search_report(const void *object, void *arg)
{
	const struct pbd_search *s = arg;

	if (!mu_uuid_equal(pbd_id(object), s->id))
		return true;
	s->found(object, s->arg);
	return false;
}

static void find_pbd(struct rest *rest, const struct mu_uuid *id,
		     void (*found)(const void *object, void *arg), void *arg)
{
	const struct rest_backend *b = &rest->backend;
	const struct mu_uuid *of = rest_relations_first(rest->relations, REST_PBD_SR, id);
	struct pbd_search s = {.id = id, .found = found, .arg = arg};
	struct pbd_walk w = {.backend = b, .each = search_report, .arg = &s};

	if (of)
		b->each_report(b->ctx, of, walk_report, &w);
}

const struct rest_type rest_type_pbd = {
    .name = "PBD",
    .collection = "pbds",
    .fields = pbd_fields,
    .n_fields = MU_ARRAY_SIZE(pbd_fields),
    .id = pbd_id,
    .each = each_pbd,
    .find = find_pbd,
};
