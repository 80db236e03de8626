/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From model structs to REST objects. A resource is a table of fields; only the fields that a
 * request asks for, or that its filter reads, are built, one object at a time in an arena that is
 * reused for the next, so that a list costs no memory but its text.
 */
#ifndef MUSTER_REST_RENDER_H
#define MUSTER_REST_RENDER_H

#include "common/base/map.h"
#include "common/query/query.h"
#include "common/rest/call.h"

struct rest_render {
	struct mu_arena *arena; /* values are built here */
	struct rest *rest;
	struct rest_pool pool;
	char pool_id[MU_UUID_TEXT];
	/* Host id -> struct rest_residents, made when a field first asks for it. */
	struct mu_map *residents;
	struct mu_arena *residents_arena;
};

/* VMs of one host, in a list. */
struct rest_residents {
	struct rest_residents *next;
	struct vm_id vm;
};

struct rest_field {
	const char *name;
	/* NULL: the object has no such property now. */
	struct mu_value *(*value)(struct rest_render *r, const void *object);
};

struct rest_type {
	const char *name;       /* "VM" */
	const char *collection; /* "vms" */
	const struct rest_field *fields;
	size_t n_fields;
	const struct mu_uuid *(*id)(const void *object);
	void (*each)(const struct rest_backend *backend,
		     bool (*each)(const void *object, void *arg), void *arg);
};

extern const struct rest_type rest_type_vm;
extern const struct rest_type rest_type_host;
extern const struct rest_type rest_type_pool;
extern const struct rest_type rest_type_task;

/* What a call gave back, NULL if nothing. */
struct mu_value *rest_task_value(struct mu_arena *a, const struct model_task *t);

void rest_render_init(struct rest_render *r, struct rest *rest, struct mu_arena *a);
void rest_render_deinit(struct rest_render *r);
static inline void rest_render_deinit_cleanup(struct rest_render *r)
{
	rest_render_deinit(r);
}

/* All fields when `fields` is NULL. */
struct mu_value *rest_render_object(struct rest_render *r, const struct rest_type *type,
				    const void *object, const struct query_fields *fields);
/* First of the VMs on a host, NULL when there are none. */
const struct rest_residents *rest_render_residents(struct rest_render *r,
						   const struct host_id *host);

/* GET of a collection: hrefs, or objects as `fields`, `filter`, `limit` and `ndjson` say. `keep`
 * (NULL: all) narrows it to a sub-collection. */
struct http_reply *rest_list(struct rest_call *c, const struct rest_type *type,
			     bool (*keep)(const void *object, const void *arg), const void *arg);
/* GET of one. */
struct http_reply *rest_single(struct rest_call *c, const struct rest_type *type,
			       const void *object);

#endif
