/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/storage/intent.h"

#include "common/base/assert.h"
#include "common/base/str.h"
#include "common/json/json.h"
#include "common/log/log.h"
#include "common/os/file.h"
#include "common/os/random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VERSION = 1, TEXT_MAX = 16384 };

static char *directory(const char *state_dir)
{
	return mu_xasprintf("%s/storage/intents", state_dir);
}

static char *path_of(const char *state_dir, const struct intent *in)
{
	char text[MU_UUID_TEXT];

	return mu_xasprintf("%s/storage/intents/%s.json", state_dir, mu_uuid_format(&in->id, text));
}

void intent_init(struct intent *in, const char *why)
{
	*in = (struct intent){.id = mu_random_uuid(), .why = why};
}

void intent_add(struct intent *in, const struct mu_uuid *sr, const struct mu_uuid *vdi)
{
	mu_assert(in->n < INTENT_ITEMS_MAX);
	in->items[in->n].sr = *sr;
	in->items[in->n++].vdi = *vdi;
}

static int write_intent(const char *path, const struct intent *in, struct mu_error *err)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	struct mu_value *o = mu_value_object(a);
	struct mu_value *list;
	char id[MU_UUID_TEXT];

	mu_value_set_int(a, o, "version", VERSION);
	mu_value_set_string(a, o, "why", in->why);
	list = mu_value_set(a, o, "remove", mu_value_list(a));
	for (size_t i = 0; i < in->n; i++) {
		struct mu_value *item = mu_value_push(list, mu_value_object(a));

		mu_value_set_string(a, item, "sr", mu_uuid_format(&in->items[i].sr, id));
		mu_value_set_string(a, item, "vdi", mu_uuid_format(&in->items[i].vdi, id));
	}
	mu_json_write(&text, o, true);
	return mu_file_replace(path, text.data, text.len, 0600, err);
}

int intent_sweep(const char *state_dir, struct mu_error *err)
{
	MU_CLEANUP(mu_free) char *dir = directory(state_dir);

	return mu_file_sweep(dir, ".json", err);
}

int intent_begin(const char *state_dir, const struct intent *in, struct mu_error *err)
{
	MU_CLEANUP(mu_free) char *dir = directory(state_dir);
	MU_CLEANUP(mu_free) char *path = path_of(state_dir, in);

	if (mu_file_mkdirs(dir, 0700, err) < 0)
		return MU_FAILED;
	return write_intent(path, in, err);
}

int intent_end(const char *state_dir, const struct intent *in, struct mu_error *err)
{
	MU_CLEANUP(mu_free) char *path = path_of(state_dir, in);

	return mu_file_remove(path, err);
}

/* Recovery */

static int read_item(const struct mu_value *item, struct intent *in, struct mu_error *err)
{
	const char *sr = mu_value_as_string(mu_value_get(item, "sr"));
	const char *vdi = mu_value_as_string(mu_value_get(item, "vdi"));
	struct mu_uuid sr_id, vdi_id;

	if (!sr || !vdi || !mu_uuid_parse(sr, &sr_id) || !mu_uuid_parse(vdi, &vdi_id))
		return mu_error_set(err, MU_E_INVALID, "remove: an item without sr and vdi");
	intent_add(in, &sr_id, &vdi_id);
	return 0;
}

/* `why` is in the arena. */
static int read_intent(struct mu_arena *a, const char *path, struct intent *ret,
		       struct mu_error *err)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	struct intent in = {.why = "unknown"};
	const struct mu_value *version, *list;
	struct mu_value *v;

	if (mu_file_read(path, TEXT_MAX, &text, err) < 0 ||
	    mu_json_read(a, text.data ? text.data : "", text.len, &v, err) < 0)
		return MU_FAILED;
	version = mu_value_get(v, "version");
	list = mu_value_get(v, "remove");
	if (!version || version->kind != MU_VALUE_INT || version->integer != VERSION)
		return mu_error_set(err, MU_E_UNSUPPORTED, "version: not %d", VERSION);
	if (!list || list->kind != MU_VALUE_LIST || list->n_children > INTENT_ITEMS_MAX)
		return mu_error_set(err, MU_E_INVALID, "remove: not a list of up to %d",
				    INTENT_ITEMS_MAX);
	mu_value_each(item, list)
	{
		if (read_item(item, &in, err) < 0)
			return MU_FAILED;
	}
	if (mu_value_as_string(mu_value_get(v, "why")))
		in.why = mu_value_as_string(mu_value_get(v, "why"));
	*ret = in;
	return 0;
}

struct recovery {
	struct sr *sr;
	size_t n;
};

/* Remove what is on this SR; what is on others waits for them. */
static int recover_one(const char *path, struct recovery *r, struct intent *in,
		       struct mu_error *err)
{
	const struct mu_uuid *sr = &sr_config_of(r->sr)->id;
	struct intent rest = {.why = in->why};
	char id[MU_UUID_TEXT];

	for (size_t i = 0; i < in->n; i++) {
		if (!mu_uuid_equal(&in->items[i].sr, sr)) {
			intent_add(&rest, &in->items[i].sr, &in->items[i].vdi);
			continue;
		}
		if (sr_vdi_remove(r->sr, &in->items[i].vdi, err) < 0)
			return mu_error_prefix(err, "disk %s of an interrupted %s",
					       mu_uuid_format(&in->items[i].vdi, id), in->why);
		mu_log_info("interrupted operation swept what=%s vdi=%s", in->why,
			    mu_uuid_format(&in->items[i].vdi, id));
		r->n++;
	}
	if (rest.n == in->n)
		return 0;
	return rest.n ? write_intent(path, &rest, err) : mu_file_remove(path, err);
}

static int recover_file(const char *path, const char *name, void *ctx, struct mu_error *err)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	MU_CLEANUP(mu_free) char *aside = NULL;
	struct mu_error why = MU_ERROR_INIT;
	struct intent in;

	(void)name;
	if (read_intent(a, path, &in, &why) == 0)
		return recover_one(path, ctx, &in, err);
	if (mu_file_set_aside(path, &aside, err) < 0)
		return mu_error_prefix(err, "setting aside a damaged intent");
	mu_log_warning("intent damaged, set aside file=%s err=\"%s\"", path, why.text);
	return 0;
}

int intent_recover(const char *state_dir, struct sr *sr, size_t *ret_n, struct mu_error *err)
{
	MU_CLEANUP(mu_free) char *dir = directory(state_dir);
	struct recovery r = {.sr = sr};
	struct mu_error why = MU_ERROR_INIT;

	if (mu_file_list(dir, ".json", recover_file, &r, &why) < 0 && why.code != MU_E_NOT_FOUND) {
		*err = why;
		return MU_FAILED;
	}
	*ret_n = r.n;
	return 0;
}
