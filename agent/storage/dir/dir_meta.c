/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/storage/dir/dir_meta.h"

#include "agent/storage/sr.h"
#include "common/json/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { VERSION = 1 };

static void set_id(struct mu_arena *a, struct mu_value *o, const char *name,
		   const struct mu_uuid *id)
{
	char text[MU_UUID_TEXT];

	if (!mu_uuid_is_nil(id))
		mu_value_set_string(a, o, name, mu_uuid_format(id, text));
}

void dir_meta_encode(const struct sr_vdi *vdi, struct mu_str *out)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct mu_value *o = mu_value_object(a);
	struct mu_value *tags;

	mu_value_set_int(a, o, "version", VERSION);
	set_id(a, o, "uuid", &vdi->id);
	mu_value_set_string(a, o, "name_label", vdi->name);
	mu_value_set_string(a, o, "name_description", vdi->description);
	tags = mu_value_set(a, o, "tags", mu_value_list(a));
	for (size_t i = 0; i < vdi->n_tags; i++)
		(void)mu_value_push(tags, mu_value_string(a, vdi->tags[i]));
	mu_value_set_string(a, o, "type", vdi_type_name(vdi->type));
	mu_value_set_bool(a, o, "read_only", vdi->readonly);
	mu_value_set_bool(a, o, "partial", vdi->partial);
	set_id(a, o, "snapshot_of", &vdi->snapshot_of);
	if (vdi->snapshot_at)
		mu_value_set_int(a, o, "snapshot_at", vdi->snapshot_at);
	set_id(a, o, "parent", &vdi->parent);
	mu_json_write(out, o, true);
}

static int check_version(const struct mu_value *v, struct mu_error *err)
{
	const struct mu_value *version = mu_value_get(v, "version");

	if (!version || version->kind != MU_VALUE_INT)
		return mu_error_set(err, MU_E_INVALID, "version: is missing");
	if (version->integer != VERSION)
		return mu_error_set(err, MU_E_UNSUPPORTED,
				    "version: %" PRId64 "; hint: a newer Muster wrote it",
				    version->integer);
	return 0;
}

static int get_id(const struct mu_value *v, const char *name, bool required, struct mu_uuid *ret,
		  struct mu_error *err)
{
	const struct mu_value *member = mu_value_get(v, name);
	const char *text = mu_value_as_string(member);

	if (!member && !required)
		return 0;
	if (!text || !mu_uuid_parse(text, ret))
		return mu_error_set(err, MU_E_INVALID, "%s: not a UUID", name);
	return 0;
}

static int get_text(const struct mu_value *v, const char *name, char *ret, size_t max,
		    struct mu_error *err)
{
	const char *text = mu_value_as_string(v);

	if (!text)
		return mu_error_set(err, MU_E_INVALID, "%s: not a string", name);
	if (sr_check_text(name, text, max, err) < 0)
		return MU_FAILED;
	memcpy(ret, text, strlen(text) + 1);
	return 0;
}

static int get_bool(const struct mu_value *v, const char *name, bool *ret, struct mu_error *err)
{
	const struct mu_value *member = mu_value_get(v, name);

	if (!member || member->kind != MU_VALUE_BOOL)
		return mu_error_set(err, MU_E_INVALID, "%s: not true or false", name);
	*ret = member->boolean;
	return 0;
}

static int get_tags(const struct mu_value *v, struct sr_vdi *vdi, struct mu_error *err)
{
	const struct mu_value *tags = mu_value_get(v, "tags");

	if (!tags || tags->kind != MU_VALUE_LIST || tags->n_children > MODEL_OBJECT_TAGS_MAX)
		return mu_error_set(err, MU_E_INVALID, "tags: not a list of up to %d",
				    MODEL_OBJECT_TAGS_MAX);
	mu_value_each(tag, tags)
	{
		if (get_text(tag, "tags", vdi->tags[vdi->n_tags++], MODEL_TAG_MAX, err) < 0)
			return MU_FAILED;
	}
	return 0;
}

static int get_rest(const struct mu_value *v, struct sr_vdi *vdi, struct mu_error *err)
{
	const char *type = mu_value_as_string(mu_value_get(v, "type"));
	const struct mu_value *at = mu_value_get(v, "snapshot_at");

	if (!type || !vdi_type_parse(type, &vdi->type))
		return mu_error_set(err, MU_E_INVALID, "type: not one of user, iso, memory");
	if (at && at->kind != MU_VALUE_INT)
		return mu_error_set(err, MU_E_INVALID, "snapshot_at: not a number");
	vdi->snapshot_at = at ? at->integer : 0;
	return 0;
}

int dir_meta_decode(const char *text, size_t len, struct sr_vdi *ret_vdi, struct mu_error *err)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct sr_vdi vdi = {.used_bytes = -1};
	struct mu_value *v;

	if (mu_json_read(a, text, len, &v, err) < 0 || check_version(v, err) < 0 ||
	    get_id(v, "uuid", true, &vdi.id, err) < 0 ||
	    get_text(mu_value_get(v, "name_label"), "name_label", vdi.name, MODEL_NAME_MAX, err) <
		0 ||
	    get_text(mu_value_get(v, "name_description"), "name_description", vdi.description,
		     MODEL_TEXT_MAX, err) < 0 ||
	    get_tags(v, &vdi, err) < 0 || get_bool(v, "read_only", &vdi.readonly, err) < 0 ||
	    get_bool(v, "partial", &vdi.partial, err) < 0 ||
	    get_id(v, "snapshot_of", false, &vdi.snapshot_of, err) < 0 ||
	    get_id(v, "parent", false, &vdi.parent, err) < 0 || get_rest(v, &vdi, err) < 0)
		return MU_FAILED;
	*ret_vdi = vdi;
	return 0;
}

void dir_marker_encode(const struct mu_uuid *id, struct mu_str *out)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct mu_value *o = mu_value_object(a);

	mu_value_set_int(a, o, "version", VERSION);
	set_id(a, o, "uuid", id);
	mu_json_write(out, o, true);
}

int dir_marker_decode(const char *text, size_t len, struct mu_uuid *ret_id, struct mu_error *err)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct mu_uuid id;
	struct mu_value *v;

	if (mu_json_read(a, text, len, &v, err) < 0 || check_version(v, err) < 0 ||
	    get_id(v, "uuid", true, &id, err) < 0)
		return MU_FAILED;
	*ret_id = id;
	return 0;
}
