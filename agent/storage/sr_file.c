/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/storage/sr_file.h"

#include "agent/storage/sr.h"
#include "common/json/json.h"
#include "common/log/log.h"
#include "common/os/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VERSION = 1, TEXT_MAX = 65536 };

static const char *const phase_names[_SR_PHASE_COUNT] = {
    [SR_READY] = "ready",
    [SR_MAKING] = "making",
    [SR_DESTROYING] = "destroying",
};

static char *path_of(const char *state_dir, const struct mu_uuid *id)
{
	char text[MU_UUID_TEXT];

	return mu_xasprintf("%s/srs/%s.json", state_dir, mu_uuid_format(id, text));
}

int sr_file_write(const char *state_dir, const struct sr_file *f, struct mu_error *err)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	MU_CLEANUP(mu_free) char *dir = mu_xasprintf("%s/srs", state_dir);
	MU_CLEANUP(mu_free) char *path = path_of(state_dir, &f->config.id);
	struct mu_value *o = mu_value_object(a);
	struct mu_value *tags, *params;
	char id[MU_UUID_TEXT];

	mu_value_set_int(a, o, "version", VERSION);
	mu_value_set_string(a, o, "uuid", mu_uuid_format(&f->config.id, id));
	mu_value_set_string(a, o, "type", f->config.type);
	mu_value_set_string(a, o, "name_label", f->name);
	mu_value_set_string(a, o, "name_description", f->description);
	tags = mu_value_set(a, o, "tags", mu_value_list(a));
	for (size_t i = 0; i < f->n_tags; i++)
		(void)mu_value_push(tags, mu_value_string(a, f->tags[i]));
	params = mu_value_set(a, o, "device_config", mu_value_object(a));
	for (size_t i = 0; i < f->config.n_params; i++)
		mu_value_set_string(a, params, f->config.params[i].name, f->config.params[i].value);
	mu_value_set_bool(a, o, "plugged", f->plugged);
	mu_value_set_string(a, o, "phase", phase_names[f->phase]);
	mu_json_write(&text, o, true);
	if (mu_file_mkdirs(dir, 0700, err) < 0)
		return MU_FAILED;
	return mu_file_replace(path, text.data, text.len, 0600, err);
}

int sr_file_remove(const char *state_dir, const struct mu_uuid *id, struct mu_error *err)
{
	MU_CLEANUP(mu_free) char *path = path_of(state_dir, id);

	return mu_file_remove(path, err);
}

/* Reading */

static int get_text(const struct mu_value *v, const char *what, char *ret, size_t max,
		    struct mu_error *err)
{
	const char *text = mu_value_as_string(v);

	if (!text)
		return mu_error_set(err, MU_E_INVALID, "%s: not a string", what);
	if (sr_check_text(what, text, max, err) < 0)
		return MU_FAILED;
	memcpy(ret, text, strlen(text) + 1);
	return 0;
}

static int get_params(const struct mu_value *params, struct sr_config *c, struct mu_error *err)
{
	if (!params || params->kind != MU_VALUE_OBJECT || params->n_children > SR_PARAMS_MAX)
		return mu_error_set(err, MU_E_INVALID, "device_config: not an object of up to %d",
				    SR_PARAMS_MAX);
	mu_value_each(v, params)
	{
		struct sr_param *p = &c->params[c->n_params++];

		if (sr_check_text("device_config", v->name, sizeof p->name - 1, err) < 0 ||
		    get_text(v, v->name, p->value, MODEL_PATH_MAX, err) < 0)
			return MU_FAILED;
		memcpy(p->name, v->name, strlen(v->name) + 1);
	}
	return 0;
}

static int get_tags(const struct mu_value *tags, struct sr_file *f, struct mu_error *err)
{
	if (!tags || tags->kind != MU_VALUE_LIST || tags->n_children > MODEL_OBJECT_TAGS_MAX)
		return mu_error_set(err, MU_E_INVALID, "tags: not a list of up to %d",
				    MODEL_OBJECT_TAGS_MAX);
	mu_value_each(v, tags)
	{
		if (get_text(v, "tags", f->tags[f->n_tags++], MODEL_TAG_MAX, err) < 0)
			return MU_FAILED;
	}
	return 0;
}

static int get_rest(const struct mu_value *v, struct sr_file *f, struct mu_error *err)
{
	const struct mu_value *version = mu_value_get(v, "version");
	const struct mu_value *plugged = mu_value_get(v, "plugged");
	const char *uuid = mu_value_as_string(mu_value_get(v, "uuid"));
	const char *phase = mu_value_as_string(mu_value_get(v, "phase"));

	if (!version || version->kind != MU_VALUE_INT || version->integer != VERSION)
		return mu_error_set(err, MU_E_UNSUPPORTED, "version: not %d", VERSION);
	if (!uuid || !mu_uuid_parse(uuid, &f->config.id))
		return mu_error_set(err, MU_E_INVALID, "uuid: not a UUID");
	if (!plugged || plugged->kind != MU_VALUE_BOOL)
		return mu_error_set(err, MU_E_INVALID, "plugged: not true or false");
	f->plugged = plugged->boolean;
	for (size_t i = 0; phase && i < _SR_PHASE_COUNT; i++) {
		if (strcmp(phase, phase_names[i]) == 0) {
			f->phase = (enum sr_phase)i;
			return 0;
		}
	}
	return mu_error_set(err, MU_E_INVALID, "phase: not known");
}

static int read_file(const char *path, const char *name, struct sr_file *ret, struct mu_error *err)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	struct sr_file f = {.n_tags = 0};
	char id[MU_UUID_TEXT];
	struct mu_value *v;

	if (mu_file_read(path, TEXT_MAX, &text, err) < 0 ||
	    mu_json_read(a, text.data ? text.data : "", text.len, &v, err) < 0 ||
	    get_rest(v, &f, err) < 0 ||
	    get_text(mu_value_get(v, "type"), "type", f.config.type, sizeof f.config.type - 1,
		     err) < 0 ||
	    get_text(mu_value_get(v, "name_label"), "name_label", f.name, MODEL_NAME_MAX, err) <
		0 ||
	    get_text(mu_value_get(v, "name_description"), "name_description", f.description,
		     MODEL_TEXT_MAX, err) < 0 ||
	    get_tags(mu_value_get(v, "tags"), &f, err) < 0 ||
	    get_params(mu_value_get(v, "device_config"), &f.config, err) < 0)
		return MU_FAILED;
	mu_uuid_format(&f.config.id, id);
	if (strncmp(id, name, MU_UUID_TEXT - 1) != 0 ||
	    strcmp(name + MU_UUID_TEXT - 1, ".json") != 0)
		return mu_error_set(err, MU_E_INVALID, "uuid: %s is not the file's name", id);
	*ret = f;
	return 0;
}

struct loader {
	void (*each)(const struct sr_file *f, void *ctx);
	void *ctx;
};

static int load_one(const char *path, const char *name, void *ctx, struct mu_error *err)
{
	MU_CLEANUP(mu_free) char *aside = NULL;
	struct mu_error why = MU_ERROR_INIT;
	const struct loader *l = ctx;
	struct sr_file f;

	if (read_file(path, name, &f, &why) == 0) {
		l->each(&f, l->ctx);
		return 0;
	}
	if (why.code == MU_E_IO || why.code == MU_E_DENIED) {
		/* The disk, not the file: leave it where it is. */
		mu_log_warning("storage repository not readable file=%s err=\"%s\"", path,
			       why.text);
		return 0;
	}
	if (mu_file_set_aside(path, &aside, err) < 0)
		return mu_error_prefix(err, "setting aside a damaged file");
	mu_log_warning("storage repository damaged, set aside file=%s as=%s err=\"%s\"", path,
		       aside, why.text);
	return 0;
}

int sr_file_load(const char *state_dir, void (*each)(const struct sr_file *f, void *ctx), void *ctx,
		 struct mu_error *err)
{
	MU_CLEANUP(mu_free) char *dir = mu_xasprintf("%s/srs", state_dir);
	struct loader l = {.each = each, .ctx = ctx};

	if (mu_file_mkdirs(dir, 0700, err) < 0 || mu_file_sweep(dir, ".json", err) < 0)
		return MU_FAILED;
	return mu_file_list(dir, ".json", load_one, &l, err);
}
