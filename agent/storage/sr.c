/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One mutex per SR makes drivers simple: they are never called twice at once. It is held for the
 * length of one small operation, never while data is copied. What a hung server blocks is bounded
 * above (storage.c lets few threads into one SR).
 */
#include "agent/storage/sr_priv.h"

#include "common/base/assert.h"
#include "common/base/str.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FULL_PERCENT = 85 };

int sr_check_text(const char *what, const char *text, size_t max, struct mu_error *err)
{
	size_t len = strlen(text);

	if (len > max)
		return mu_error_set(err, MU_E_INVALID, "%s: longer than %zu bytes", what, max);
	if (!mu_utf8_valid(text, len))
		return mu_error_set(err, MU_E_INVALID, "%s: not valid UTF-8", what);
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c < 0x20 || c == 0x7f)
			return mu_error_set(err, MU_E_INVALID, "%s: control character 0x%02x", what,
					    c);
	}
	return 0;
}

const char *sr_config_get(const struct sr_config *config, const char *name)
{
	for (size_t i = 0; i < config->n_params; i++) {
		if (strcmp(config->params[i].name, name) == 0)
			return config->params[i].value;
	}
	return NULL;
}

/* Every SR takes this one beside its driver's. */
static const struct sr_param_rule common_rules[] = {
    {"full_percent", false, "fill of a thin pool from which on nothing new is made"},
    {NULL},
};

static const struct sr_param_rule *find_rule(const struct sr_param_rule *rules, const char *name)
{
	for (; rules->name; rules++) {
		if (strcmp(rules->name, name) == 0)
			return rules;
	}
	return NULL;
}

static int check_config(const struct sr_ops *ops, const struct sr_config *c, struct mu_error *err)
{
	if (mu_uuid_is_nil(&c->id))
		return mu_error_set(err, MU_E_INVALID, "id: is missing");
	mu_assert(c->n_params <= SR_PARAMS_MAX);
	for (size_t i = 0; i < c->n_params; i++) {
		const struct sr_param *p = &c->params[i];

		if (!find_rule(ops->params, p->name) && !find_rule(common_rules, p->name))
			return mu_error_set(err, MU_E_INVALID,
					    "device_config: type %s has no \"%s\"", ops->type,
					    p->name);
		if (sr_check_text(p->name, p->value, MODEL_PATH_MAX, err) < 0)
			return mu_error_prefix(err, "device_config");
		for (size_t k = 0; k < i; k++) {
			if (strcmp(c->params[k].name, p->name) == 0)
				return mu_error_set(err, MU_E_INVALID,
						    "device_config: \"%s\" is given twice",
						    p->name);
		}
	}
	for (const struct sr_param_rule *rule = ops->params; rule->name; rule++) {
		const char *value = sr_config_get(c, rule->name);

		if (rule->required && (!value || !value[0]))
			return mu_error_set(err, MU_E_INVALID,
					    "device_config: \"%s\" is missing; hint: %s",
					    rule->name, rule->help);
	}
	return 0;
}

static int read_full_percent(const struct sr_config *c, int32_t *ret, struct mu_error *err)
{
	const char *text = sr_config_get(c, "full_percent");
	uint64_t n = FULL_PERCENT;

	if (text && (!mu_parse_u64(text, &n) || n < 1 || n > 100))
		return mu_error_set(err, MU_E_INVALID,
				    "device_config: full_percent: \"%s\" is not 1 to 100", text);
	*ret = (int32_t)n;
	return 0;
}

/* Until attach says it better: what has to be given, or else what was. */
static void guess_location(struct sr *sr)
{
	size_t len = 0;

	for (int required = 1; required >= 0 && len == 0; required--) {
		for (const struct sr_param_rule *rule = sr->ops->params; rule->name; rule++) {
			const char *value = sr_config_get(&sr->config, rule->name);

			if (value && rule->required == (required == 1) &&
			    len < sizeof sr->caps.location)
				len += (size_t)snprintf(sr->caps.location + len,
							sizeof sr->caps.location - len, "%s%s",
							len ? ":" : "", value);
		}
	}
}

static int unknown_type(const struct sr_ops *const *drivers, const char *type, struct mu_error *err)
{
	char known[64] = "";
	size_t len = 0;

	for (; *drivers && len < sizeof known; drivers++)
		len += (size_t)snprintf(known + len, sizeof known - len, "%s%s", len ? ", " : "",
					(*drivers)->type);
	return mu_error_set(err, MU_E_INVALID, "SR_type: there is no \"%s\"; hint: one of %s", type,
			    known);
}

int sr_new(const struct sr_ops *const *drivers, const struct sr_config *config,
	   const char *state_dir, struct sr **ret_sr, struct mu_error *err)
{
	const struct sr_ops *const *all = drivers;
	struct sr *sr;
	int32_t full_percent;
	void *impl;

	while (*drivers && strcmp((*drivers)->type, config->type) != 0)
		drivers++;
	if (!*drivers)
		return unknown_type(all, config->type, err);
	if (check_config(*drivers, config, err) < 0 ||
	    read_full_percent(config, &full_percent, err) < 0 ||
	    (*drivers)->open(config, state_dir, &impl, err) < 0)
		return MU_FAILED;
	sr = mu_xcalloc(1, sizeof *sr);
	*sr = (struct sr){
	    .ops = *drivers, .impl = impl, .config = *config, .full_percent = full_percent};
	guess_location(sr);
	(void)pthread_mutex_init(&sr->lock, NULL);
	*ret_sr = sr;
	return 0;
}

struct sr *sr_free(struct sr *sr)
{
	if (!sr)
		return NULL;
	sr->ops->close(sr->impl);
	(void)pthread_mutex_destroy(&sr->lock);
	free(sr);
	return NULL;
}

const struct sr_config *sr_config_of(const struct sr *sr)
{
	return &sr->config;
}

/* Life of an SR */

static int attach_locked(struct sr *sr, struct mu_error *err)
{
	struct sr_caps caps = {.thin = false};

	if (sr->ops->attach(sr->impl, &caps, err) < 0)
		return MU_FAILED;
	caps.holds_writers = sr->ops->hold != NULL;
	sr->caps = caps;
	sr->attached = true;
	return 0;
}

static int other_sr(const struct mu_uuid *found, struct mu_error *err)
{
	char text[MU_UUID_TEXT];

	return mu_error_set(
	    err, MU_E_EXISTS,
	    "storage repository %s is there already; hint: give that id to use it, or forget "
	    "and destroy it first",
	    mu_uuid_format(found, text));
}

/* Looking may have mounted something: what does not become ours is let go again. */
static int let_go(struct sr *sr)
{
	if (!sr->attached)
		(void)sr->ops->detach(sr->impl, NULL);
	return MU_FAILED;
}

static int create_locked(struct sr *sr, struct mu_error *err)
{
	struct mu_uuid found = {{0}};

	if (sr->ops->probe(sr->impl, &found, err) < 0)
		return MU_FAILED;
	if (mu_uuid_is_nil(&found)) {
		if (sr->ops->create(sr->impl, err) < 0)
			return MU_FAILED;
		return attach_locked(sr, err);
	}
	if (!mu_uuid_equal(&found, &sr->config.id))
		return other_sr(&found, err);
	return attach_locked(sr, err) < 0 ? MU_FAILED : SR_FOUND;
}

int sr_create(struct sr *sr, struct mu_error *err)
{
	LOCKED(sr);
	int r = create_locked(sr, err);

	return r < 0 ? let_go(sr) : r;
}

static int find_and_attach(struct sr *sr, struct mu_error *err)
{
	struct mu_uuid found = {{0}};
	char text[MU_UUID_TEXT];

	if (sr->ops->probe(sr->impl, &found, err) < 0)
		return MU_FAILED;
	if (mu_uuid_is_nil(&found))
		return mu_error_set(err, MU_E_NOT_FOUND,
				    "there is no storage repository any more; hint: is its file "
				    "system mounted?");
	if (!mu_uuid_equal(&found, &sr->config.id))
		return mu_error_set(err, MU_E_NOT_FOUND, "there is another storage repository: %s",
				    mu_uuid_format(&found, text));
	return attach_locked(sr, err);
}

int sr_attach(struct sr *sr, struct mu_error *err)
{
	LOCKED(sr);

	return find_and_attach(sr, err) < 0 ? let_go(sr) : 0;
}

int sr_detach(struct sr *sr, struct mu_error *err)
{
	LOCKED(sr);

	if (!sr->attached)
		return 0;
	if (sr->ops->detach(sr->impl, err) < 0)
		return MU_FAILED;
	sr->attached = false;
	return 0;
}

static int must_be_attached(const struct sr *sr, struct mu_error *err)
{
	if (!sr->attached)
		return mu_error_set(err, MU_E_STATE,
				    "the storage repository is not plugged; hint: plug it");
	return 0;
}

int sr_must_be_writable(const struct sr *sr, struct mu_error *err)
{
	if (must_be_attached(sr, err) < 0)
		return MU_FAILED;
	if (!sr->ops->vdi_create || sr->caps.read_only)
		return mu_error_set(err, MU_E_UNSUPPORTED,
				    "a storage repository of type %s is read-only", sr->ops->type);
	return 0;
}

int sr_destroy(struct sr *sr, struct mu_error *err)
{
	MU_CLEANUP(sr_vdis_deinit) struct sr_vdis vdis = {NULL, 0};
	LOCKED(sr);

	if (must_be_attached(sr, err) < 0)
		return MU_FAILED;
	if (sr->ops->vdi_create) { /* else its images are not ours, and stay */
		if (sr->ops->scan(sr->impl, &vdis, err) < 0)
			return MU_FAILED;
		if (vdis.n > 0)
			return mu_error_set(
			    err, MU_E_STATE,
			    "it has %zu disks; hint: delete them first, or forget the "
			    "storage repository",
			    vdis.n);
	}
	if (sr->ops->destroy(sr->impl, err) < 0)
		return MU_FAILED;
	sr->attached = false;
	return 0;
}

struct sr_caps sr_caps_of(struct sr *sr)
{
	LOCKED(sr);

	return sr->caps;
}

int sr_usage(struct sr *sr, struct sr_usage *ret_usage, struct mu_error *err)
{
	LOCKED(sr);

	if (must_be_attached(sr, err) < 0)
		return MU_FAILED;
	return sr->ops->usage(sr->impl, ret_usage, err);
}

/* Lists */

int sr_vdis_add(struct sr_vdis *v, const struct sr_vdi *vdi, struct mu_error *err)
{
	if (v->n >= SR_VDIS_MAX)
		return mu_error_set(err, MU_E_TOO_LARGE, "more than %d disks", SR_VDIS_MAX);
	if ((v->n & (v->n - 1)) == 0) /* a power of two: full */
		v->list = mu_xrealloc(v->list, v->n ? v->n * 2 : 1, sizeof *v->list);
	v->list[v->n++] = *vdi;
	return 0;
}

void sr_vdis_deinit(struct sr_vdis *v)
{
	free(v->list);
	*v = (struct sr_vdis){NULL, 0};
}

static int by_id(const void *a, const void *b)
{
	return memcmp(((const struct sr_vdi *)a)->id.bytes, ((const struct sr_vdi *)b)->id.bytes,
		      sizeof((const struct sr_vdi *)a)->id.bytes);
}

static int scan_locked(struct sr *sr, struct sr_vdis *ret_vdis, struct mu_error *err)
{
	MU_CLEANUP(sr_vdis_deinit) struct sr_vdis vdis = {NULL, 0};

	if (must_be_attached(sr, err) < 0 || sr->ops->scan(sr->impl, &vdis, err) < 0)
		return MU_FAILED;
	if (vdis.n > 0)
		qsort(vdis.list, vdis.n, sizeof *vdis.list, by_id);
	*ret_vdis = vdis;
	vdis = (struct sr_vdis){NULL, 0};
	return 0;
}

int sr_scan(struct sr *sr, struct sr_vdis *ret_vdis, struct mu_error *err)
{
	LOCKED(sr);

	return scan_locked(sr, ret_vdis, err);
}

static int find_locked(struct sr *sr, const struct mu_uuid *id, struct sr_vdi *ret_vdi,
		       struct mu_error *err)
{
	MU_CLEANUP(sr_vdis_deinit) struct sr_vdis vdis = {NULL, 0};
	const struct sr_vdi key = {.id = *id};
	const struct sr_vdi *found;
	char text[MU_UUID_TEXT];

	if (scan_locked(sr, &vdis, err) < 0)
		return MU_FAILED;
	found = vdis.n ? bsearch(&key, vdis.list, vdis.n, sizeof *vdis.list, by_id) : NULL;
	if (!found)
		return mu_error_set(err, MU_E_NOT_FOUND, "there is no disk %s",
				    mu_uuid_format(id, text));
	*ret_vdi = *found;
	return 0;
}

int sr_find(struct sr *sr, const struct mu_uuid *id, struct sr_vdi *ret_vdi, struct mu_error *err)
{
	LOCKED(sr);

	return find_locked(sr, id, ret_vdi, err);
}

/* Disks */

int sr_check_vdi(const struct sr_vdi *vdi, struct mu_error *err)
{
	mu_assert(!mu_uuid_is_nil(&vdi->id) && vdi->n_tags <= MODEL_OBJECT_TAGS_MAX);
	if (sr_check_text("name_label", vdi->name, MODEL_NAME_MAX, err) < 0 ||
	    sr_check_text("name_description", vdi->description, MODEL_TEXT_MAX, err) < 0)
		return MU_FAILED;
	for (size_t i = 0; i < vdi->n_tags; i++) {
		if (sr_check_text("tags", vdi->tags[i], MODEL_TAG_MAX, err) < 0)
			return MU_FAILED;
	}
	return 0;
}

static int check_size(const struct sr *sr, int64_t size, const struct sr_usage *usage,
		      int64_t *ret_rounded, struct mu_error *err)
{
	int64_t unit = sr->ops->granularity_bytes;

	if (size <= 0 || size > SR_VDI_SIZE_MAX)
		return mu_error_set(err, MU_E_INVALID,
				    "virtual_size: %" PRId64 " is not 1 to %" PRId64 " bytes", size,
				    SR_VDI_SIZE_MAX);
	if (size > usage->size_bytes)
		return mu_error_set(err, MU_E_EXHAUSTED,
				    "virtual_size: %" PRId64
				    " bytes are more than the storage repository has "
				    "(%" PRId64 ")",
				    size, usage->size_bytes);
	*ret_rounded = (size + unit - 1) / unit * unit;
	return 0;
}

static int check_fill(const struct sr *sr, const struct sr_usage *usage, struct mu_error *err)
{
	if (usage->data_percent >= sr->full_percent || usage->metadata_percent >= sr->full_percent)
		return mu_error_set(err, MU_E_EXHAUSTED,
				    "%s is nearly full: data %" PRId32 " %%, metadata %" PRId32
				    " %%, the limit is %" PRId32
				    " %%; hint: extend it, or delete snapshots",
				    sr->caps.location, usage->data_percent, usage->metadata_percent,
				    sr->full_percent);
	return 0;
}

int sr_check_new(const struct sr *sr, const struct sr_usage *usage, int64_t size_bytes,
		 struct mu_error *err)
{
	int64_t rounded;

	if (check_fill(sr, usage, err) < 0)
		return MU_FAILED;
	return check_size(sr, size_bytes, usage, &rounded, err);
}

int sr_room_for_more(struct sr *sr, struct sr_usage *ret_usage, struct mu_error *err)
{
	if (sr->ops->usage(sr->impl, ret_usage, err) < 0)
		return MU_FAILED;
	return check_fill(sr, ret_usage, err);
}

int sr_must_be_new(struct sr *sr, const struct mu_uuid *id, struct mu_error *err)
{
	struct mu_error why = MU_ERROR_INIT;
	char text[MU_UUID_TEXT];
	struct sr_vdi found;

	if (find_locked(sr, id, &found, &why) == 0)
		return mu_error_set(err, MU_E_EXISTS, "there is a disk %s already",
				    mu_uuid_format(id, text));
	if (why.code != MU_E_NOT_FOUND) {
		*err = why;
		return MU_FAILED;
	}
	return 0;
}

int sr_vdi_create(struct sr *sr, struct sr_vdi *vdi, struct mu_error *err)
{
	struct sr_usage usage;
	LOCKED(sr);

	if (sr_must_be_writable(sr, err) < 0 || sr_check_vdi(vdi, err) < 0 ||
	    sr_room_for_more(sr, &usage, err) < 0 ||
	    check_size(sr, vdi->size_bytes, &usage, &vdi->size_bytes, err) < 0 ||
	    sr_must_be_new(sr, &vdi->id, err) < 0)
		return MU_FAILED;
	return sr->ops->vdi_create(sr->impl, vdi, err);
}

int sr_vdi_remove(struct sr *sr, const struct mu_uuid *id, struct mu_error *err)
{
	LOCKED(sr);

	if (sr_must_be_writable(sr, err) < 0)
		return MU_FAILED;
	return sr->ops->vdi_remove(sr->impl, id, err);
}

int sr_vdi_set(struct sr *sr, const struct sr_vdi *vdi, struct mu_error *err)
{
	struct sr_vdi now;
	LOCKED(sr);

	if (sr_must_be_writable(sr, err) < 0 || sr_check_vdi(vdi, err) < 0 ||
	    find_locked(sr, &vdi->id, &now, err) < 0)
		return MU_FAILED;
	return sr->ops->vdi_set(sr->impl, vdi, err);
}

int sr_vdi_resize(struct sr *sr, const struct sr_vdi *vdi, int64_t size_bytes, struct mu_error *err)
{
	struct sr_usage usage;
	struct sr_vdi now;
	int64_t rounded;
	LOCKED(sr);

	if (sr_must_be_writable(sr, err) < 0 || sr_room_for_more(sr, &usage, err) < 0 ||
	    check_size(sr, size_bytes, &usage, &rounded, err) < 0 ||
	    find_locked(sr, &vdi->id, &now, err) < 0)
		return MU_FAILED;
	if (now.readonly)
		return mu_error_set(err, MU_E_STATE, "a read-only disk keeps its size");
	if (rounded < now.size_bytes)
		return mu_error_set(err, MU_E_INVALID,
				    "size: %" PRId64 " bytes are less than the disk has (%" PRId64
				    "); hint: shrinking would cut off data",
				    size_bytes, now.size_bytes);
	if (rounded == now.size_bytes)
		return 0;
	return sr->ops->vdi_resize(sr->impl, &vdi->id, rounded, err);
}

int sr_vdi_replace(struct sr *sr, const struct sr_vdi *vdi, const struct mu_uuid *from,
		   struct mu_error *err)
{
	LOCKED(sr);

	if (sr_must_be_writable(sr, err) < 0)
		return MU_FAILED;
	return sr->ops->vdi_replace(sr->impl, vdi, from, err);
}

int sr_activate(struct sr *sr, const struct sr_vdi *vdi, bool readonly, struct sr_path *ret_path,
		struct mu_error *err)
{
	LOCKED(sr);

	if (must_be_attached(sr, err) < 0)
		return MU_FAILED;
	if (!readonly && vdi->readonly)
		return mu_error_set(err, MU_E_STATE,
				    "the disk is read-only; hint: use it so, or clone it");
	return sr->ops->activate(sr->impl, vdi, readonly, ret_path, err);
}

int sr_deactivate(struct sr *sr, const struct mu_uuid *id, struct mu_error *err)
{
	LOCKED(sr);

	if (must_be_attached(sr, err) < 0)
		return MU_FAILED;
	return sr->ops->deactivate(sr->impl, id, err);
}
