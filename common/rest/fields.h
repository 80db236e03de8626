/* SPDX-License-Identifier: Apache-2.0 */
/* Field values that several resources share: constants, ids, times. See render.h. */
#ifndef MUSTER_REST_FIELDS_H
#define MUSTER_REST_FIELDS_H

#include "common/rest/relations.h"
#include "common/rest/render.h"

/* As struct rest_field wants them. The first three are of any object of a type. */
struct mu_value *rest_own_id(struct rest_render *r, const void *object);
struct mu_value *rest_own_type(struct rest_render *r, const void *object);
struct mu_value *rest_own_ref(struct rest_render *r, const void *object);
/* The object does not matter. */
struct mu_value *rest_empty_list(struct rest_render *r, const void *object);
struct mu_value *rest_empty_object(struct rest_render *r, const void *object);
struct mu_value *rest_empty_string(struct rest_render *r, const void *object);
struct mu_value *rest_false(struct rest_render *r, const void *object);
struct mu_value *rest_true(struct rest_render *r, const void *object);
struct mu_value *rest_null(struct rest_render *r, const void *object);
struct mu_value *rest_pool_id(struct rest_render *r, const void *object);
/* Of a struct model_object. */
struct mu_value *rest_object_name(struct rest_render *r, const void *object);
struct mu_value *rest_object_description(struct rest_render *r, const void *object);
struct mu_value *rest_object_tags(struct rest_render *r, const void *object);
/* tags.c: of what has them with whoever serves this. */
struct mu_value *rest_kept_tags(struct rest_render *r, const struct mu_uuid *id);

/* What every object of XO's begins with. */
#define REST_COMMON_FIELDS                                                                         \
	{"id", rest_own_id, REST_IDS}, {"uuid", rest_own_id, REST_AGAIN}, {"type", rest_own_type}, \
	    {"$pool", rest_pool_id, REST_IDS}, {"$poolId", rest_pool_id, REST_AGAIN},              \
	{                                                                                          \
		"_xapiRef", rest_own_ref, REST_REFS                                                \
	}

struct mu_value *rest_uuid(struct mu_arena *a, const struct mu_uuid *u);
/* XAPI's opaque reference; clients want one, ours is stable. */
struct mu_value *rest_ref(struct rest_render *r, const struct mu_uuid *u);
/* NULL (no such property) when it is nil. */
struct mu_value *rest_uuid_if(struct mu_arena *a, const struct mu_uuid *u);
/* A number of bytes, null when it is not known (-1). */
struct mu_value *rest_bytes(struct mu_arena *a, int64_t n);
/* Ids that the index has for `of`. */
struct mu_value *rest_related(struct rest_render *r, enum rest_relation what,
			      const struct mu_uuid *of);
/* Seconds since 1970, null for 0. */
struct mu_value *rest_seconds(struct mu_arena *a, mu_msec at);
/* [low, high] */
struct mu_value *rest_range(struct mu_arena *a, int64_t low, int64_t high);

#endif
