/* SPDX-License-Identifier: Apache-2.0 */
#include "common/rest/fields.h"

#include <stdio.h>

struct mu_value *rest_empty_list(struct rest_render *r, const void *object)
{
	(void)object;
	return mu_value_list(r->arena);
}

struct mu_value *rest_empty_object(struct rest_render *r, const void *object)
{
	(void)object;
	return mu_value_object(r->arena);
}

struct mu_value *rest_empty_string(struct rest_render *r, const void *object)
{
	(void)object;
	return mu_value_string(r->arena, "");
}

struct mu_value *rest_false(struct rest_render *r, const void *object)
{
	(void)object;
	return mu_value_bool(r->arena, false);
}

struct mu_value *rest_true(struct rest_render *r, const void *object)
{
	(void)object;
	return mu_value_bool(r->arena, true);
}

struct mu_value *rest_null(struct rest_render *r, const void *object)
{
	(void)object;
	return mu_value_null(r->arena);
}

struct mu_value *rest_pool_id(struct rest_render *r, const void *object)
{
	(void)object;
	return mu_value_string(r->arena, r->pool_id);
}

struct mu_value *rest_uuid(struct mu_arena *a, const struct mu_uuid *u)
{
	char text[MU_UUID_TEXT];

	return mu_value_string(a, mu_uuid_format(u, text));
}

struct mu_value *rest_ref(struct rest_render *r, const struct mu_uuid *u)
{
	char text[MU_UUID_TEXT];
	char ref[64];

	(void)snprintf(ref, sizeof ref, "muster:%s", mu_uuid_format(u, text));
	return mu_value_string(r->arena, ref);
}

struct mu_value *rest_seconds(struct mu_arena *a, mu_msec at)
{
	return at ? mu_value_int(a, at / 1000) : mu_value_null(a);
}
