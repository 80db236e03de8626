/* SPDX-License-Identifier: Apache-2.0 */
/* Field values that several resources share: constants, ids, times. See render.h. */
#ifndef MUSTER_REST_FIELDS_H
#define MUSTER_REST_FIELDS_H

#include "common/rest/render.h"

/* As struct rest_field wants them; the object does not matter. */
struct mu_value *rest_empty_list(struct rest_render *r, const void *object);
struct mu_value *rest_empty_object(struct rest_render *r, const void *object);
struct mu_value *rest_empty_string(struct rest_render *r, const void *object);
struct mu_value *rest_false(struct rest_render *r, const void *object);
struct mu_value *rest_true(struct rest_render *r, const void *object);
struct mu_value *rest_null(struct rest_render *r, const void *object);
struct mu_value *rest_pool_id(struct rest_render *r, const void *object);

struct mu_value *rest_uuid(struct mu_arena *a, const struct mu_uuid *u);
/* XAPI's opaque reference; clients want one, ours is stable. */
struct mu_value *rest_ref(struct rest_render *r, const struct mu_uuid *u);
/* Seconds since 1970, null for 0. */
struct mu_value *rest_seconds(struct mu_arena *a, mu_msec at);

#endif
