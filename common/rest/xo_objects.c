/* SPDX-License-Identifier: Apache-2.0 */
/*
 * First the ids of all that may come into question, then a turn's worth of objects at a time: each
 * is looked up again, so that it is what it is when it is written, and left out when it has gone.
 */
#include "common/rest/xo_objects.h"

#include "common/json/json.h"
#include "common/query/pattern.h"
#include "common/rest/access.h"
#include "common/rest/export.h"

#include <stdlib.h>
#include <string.h>

enum { TURN_BYTES = 256 << 10, TURN_OBJECTS = 256 };

struct xo_object_row {
	const struct rest_type *type;
	struct mu_uuid id;
};

/* What Xen Orchestra takes out of XAPI's database. */
static const struct rest_type *const types[] = {
    &rest_type_pool,          &rest_type_host,    &rest_type_vm,  &rest_type_vm_snapshot,
    &rest_type_vm_template,   &rest_type_vdi,     &rest_type_vbd, &rest_type_vdi_snapshot,
    &rest_type_vif,           &rest_type_network, &rest_type_pif, &rest_type_sr,
    &rest_type_pbd,           &rest_type_pci,     &rest_type_sm,  &rest_type_message,
    &rest_type_vm_controller,
};

static bool note(const void *object, void *arg)
{
	struct xo_objects *o = arg;

	if (o->n_rows == o->rows_cap) {
		o->rows_cap = o->rows_cap ? 2 * o->rows_cap : 64;
		o->rows = mu_xrealloc(o->rows, o->rows_cap, sizeof *o->rows);
	}
	o->rows[o->n_rows++] = (struct xo_object_row){o->walked, *o->walked->id(object)};
	return true;
}

/* A pattern that names a type is about no other. */
static void note_all(struct xo_objects *o)
{
	const char *type = mu_value_as_string(mu_value_get(o->pattern, "type"));

	for (size_t i = 0; i < MU_ARRAY_SIZE(types); i++) {
		o->walked = types[i];
		if (!type || strcmp(type, types[i]->name) == 0)
			types[i]->each(&o->rest->backend, note, o);
	}
}

static int read_params(struct xo_objects *o, const struct mu_value *params, struct mu_error *err)
{
	mu_value_each(v, params)
	{
		if (strcmp(v->name, "filter") == 0 && v->kind == MU_VALUE_OBJECT)
			o->pattern = v;
		else if (strcmp(v->name, "limit") == 0 && v->kind == MU_VALUE_INT && v->integer > 0)
			o->limit = (size_t)v->integer;
		else
			return mu_error_set(err, MU_E_INVALID,
					    "%.100s: filter, an object, and limit, a number above "
					    "0, are known here",
					    v->name);
	}
	return o->pattern ? query_pattern_check(o->pattern, err) : 0;
}

int xo_objects_begin(struct xo_objects *o, struct rest *rest, const struct mu_value *params,
		     struct mu_error *err)
{
	*o = (struct xo_objects){.limit = SIZE_MAX};
	if (read_params(o, params, err) < 0)
		return MU_FAILED;
	o->rest = rest;
	rest_render_init(&o->render, rest, mu_arena_new());
	note_all(o);
	return 0;
}

struct visit {
	struct xo_objects *objects;
	const struct rest_sight *sight;
	const struct rest_type *type;
	struct mu_str *text;
};

/* Its host is away. Clients of JSON-RPC know four states and fall over a fifth; in Xen Orchestra,
 * too, what is out of reach has gone. */
static bool is_out_of_reach(const struct rest_type *type, const struct mu_value *value)
{
	return type == &rest_type_vm &&
	       mu_str_equal(mu_value_as_string(mu_value_get(value, "power_state")), "Unknown");
}

static void on_found(const void *object, void *arg)
{
	const struct visit *v = arg;
	struct xo_objects *o = v->objects;
	const struct mu_value *value;
	char id[MU_UUID_TEXT];

	if (!rest_sight_sees(v->sight, &o->render, object))
		return;
	value = rest_render_object(&o->render, v->type, object, NULL);
	if (is_out_of_reach(v->type, value) ||
	    (o->pattern && !query_pattern_match(o->pattern, value)))
		return;
	mu_str_printf(v->text, "%s\"%s\":", o->n_written++ ? "," : "{",
		      mu_uuid_format(v->type->id(object), id));
	mu_json_write(v->text, value, false);
}

/* As many as are of one type, for which one look at the user's rights does. */
static void write_some(struct xo_objects *o, const struct rest_user *user, struct mu_str *text,
		       size_t end, size_t end_len)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct rest_sight sight;
	struct visit v = {o, &sight, o->rows[o->next].type, text};

	rest_sight_init(&sight, o->rest, user, v.type, "read", a);
	while (o->next < end && o->rows[o->next].type == v.type && o->n_written < o->limit &&
	       text->len < end_len) {
		mu_arena_reset(o->render.arena);
		v.type->find(o->rest, &o->rows[o->next++].id, on_found, &v);
	}
}

int xo_objects_turn(struct xo_objects *o, const struct rest_user *user, struct mu_str *text,
		    struct mu_error *err)
{
	size_t end_len = text->len + TURN_BYTES;
	size_t end = o->next + TURN_OBJECTS;

	end = end < o->n_rows ? end : o->n_rows;
	while (o->next < end && o->n_written < o->limit && text->len < end_len)
		write_some(o, user, text, end, end_len);
	if (text->len > EXPORT_BYTES_MAX)
		return mu_error_set(err, MU_E_TOO_LARGE,
				    "the answer is more than %d MiB; hint: filter or limit it",
				    EXPORT_BYTES_MAX >> 20);
	if (o->next < o->n_rows && o->n_written < o->limit)
		return XO_OBJECTS_MORE;
	mu_str_add(text, o->n_written ? "}" : "{}");
	return 0;
}

void xo_objects_end(struct xo_objects *o)
{
	if (!o->rest)
		return;
	o->rest = NULL;
	o->render.arena = mu_arena_free(o->render.arena);
	free(o->rows);
	o->rows = NULL;
}
