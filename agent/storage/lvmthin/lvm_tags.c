/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tag is letters, digits and a few signs, 1,024 characters at most. Text is written with every
 * other byte as "=XX", so that it has no "," and survives whatever it holds.
 */
#include "agent/storage/lvmthin/lvm_tags.h"

#include "common/base/assert.h"
#include "common/base/str.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OURS "muster."

static bool is_plain(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       c == '-' || c == '_' || c == '.';
}

static void add(struct lvm_tags *tags, const char *tag)
{
	mu_assert(tags->n < LVM_TAGS_MAX);
	tags->list[tags->n++] = tag;
}

static void add_text(struct mu_arena *a, struct lvm_tags *tags, const char *key, const char *text)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str s = MU_STR_INIT;

	if (!text[0])
		return;
	mu_str_add(&s, key);
	for (; *text; text++) {
		if (is_plain(*text))
			mu_str_add_char(&s, *text);
		else
			mu_str_printf(&s, "=%02X", (unsigned char)*text);
	}
	add(tags, mu_arena_strdup(a, s.data));
}

static void add_id(struct mu_arena *a, struct lvm_tags *tags, const char *key,
		   const struct mu_uuid *id)
{
	char text[MU_UUID_TEXT];

	if (!mu_uuid_is_nil(id))
		add(tags, mu_arena_printf(a, "%s%s", key, mu_uuid_format(id, text)));
}

void lvm_tags_encode(struct mu_arena *a, const struct mu_uuid *sr, const struct sr_vdi *vdi,
		     struct lvm_tags *ret_tags)
{
	char key[32];

	*ret_tags = (struct lvm_tags){.n = 0};
	add_id(a, ret_tags, LVM_TAG_SR, sr);
	add_text(a, ret_tags, "muster.name=", vdi->name);
	add_text(a, ret_tags, "muster.description=", vdi->description);
	for (size_t i = 0; i < vdi->n_tags; i++) {
		(void)snprintf(key, sizeof key, "muster.tag%zu=", i);
		add_text(a, ret_tags, key, vdi->tags[i]);
	}
	add(ret_tags, mu_arena_printf(a, "muster.type=%s", vdi_type_name(vdi->type)));
	if (vdi->readonly)
		add(ret_tags, "muster.readonly");
	if (vdi->partial)
		add(ret_tags, "muster.partial");
	add_id(a, ret_tags, "muster.snapshot_of=", &vdi->snapshot_of);
	if (vdi->snapshot_at)
		add(ret_tags, mu_arena_printf(a, "muster.snapshot_at=%" PRId64, vdi->snapshot_at));
	add_id(a, ret_tags, "muster.parent=", &vdi->parent);
}

/* Undo the "=XX". False when it is none of ours, or too long. */
static bool decode_text(const char *text, char *ret, size_t max)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str s = MU_STR_INIT;
	unsigned char byte;

	for (; *text; text++) {
		if (is_plain(*text)) {
			mu_str_add_char(&s, *text);
			continue;
		}
		if (*text != '=' ||
		    !mu_hex_decode(&byte, 1, (char[3]){text[1], text[1] ? text[2] : '\0', '\0'}) ||
		    byte == 0)
			return false;
		mu_str_add_char(&s, (char)byte);
		text += 2;
	}
	if (s.len == 0 || s.len > max || !mu_utf8_valid(s.data, s.len))
		return false;
	memcpy(ret, s.data, s.len + 1);
	return true;
}

static const char *behind(const char *tag, const char *key)
{
	return mu_str_has_prefix(tag, key) ? tag + strlen(key) : NULL;
}

static void decode_one(const char *tag, struct sr_vdi *vdi)
{
	const char *value;
	int64_t number;

	if ((value = behind(tag, "muster.name=")))
		(void)decode_text(value, vdi->name, MODEL_NAME_MAX);
	else if ((value = behind(tag, "muster.description=")))
		(void)decode_text(value, vdi->description, MODEL_TEXT_MAX);
	else if ((value = behind(tag, "muster.type=")))
		(void)vdi_type_parse(value, &vdi->type);
	else if ((value = behind(tag, "muster.snapshot_of=")))
		(void)mu_uuid_parse(value, &vdi->snapshot_of);
	else if ((value = behind(tag, "muster.parent=")))
		(void)mu_uuid_parse(value, &vdi->parent);
	else if ((value = behind(tag, "muster.snapshot_at=")) && mu_parse_i64(value, &number))
		vdi->snapshot_at = number;
	else if (strcmp(tag, "muster.readonly") == 0)
		vdi->readonly = true;
	else if (strcmp(tag, "muster.partial") == 0)
		vdi->partial = true;
}

/* "muster.tag3=...": LVM reports tags in an order of its own, so they carry theirs. */
static void decode_tags(const struct lvm_tags *tags, struct sr_vdi *vdi)
{
	char key[32];
	const char *value;

	for (size_t i = 0; i < MODEL_OBJECT_TAGS_MAX; i++) {
		(void)snprintf(key, sizeof key, "muster.tag%zu=", i);
		for (size_t k = 0; k < tags->n; k++) {
			value = behind(tags->list[k], key);
			if (value && decode_text(value, vdi->tags[vdi->n_tags], MODEL_TAG_MAX)) {
				vdi->n_tags++;
				break;
			}
		}
	}
}

void lvm_tags_ours(struct mu_arena *a, const char *text, struct lvm_tags *ret_tags)
{
	*ret_tags = (struct lvm_tags){.n = 0};
	while (*text && ret_tags->n < LVM_TAGS_MAX) {
		size_t len = strcspn(text, ",");

		if (mu_str_has_prefix(text, OURS))
			add(ret_tags, mu_arena_strndup(a, text, len));
		text += len;
		text += *text == ',';
	}
}

bool lvm_tags_decode(const char *text, const struct mu_uuid *sr, struct sr_vdi *ret_vdi)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct sr_vdi vdi = {.used_bytes = -1};
	struct lvm_tags tags;
	struct mu_uuid owner;

	if (!lvm_tags_find_id(text, LVM_TAG_SR, &owner) || !mu_uuid_equal(&owner, sr))
		return false;
	lvm_tags_ours(a, text, &tags);
	for (size_t i = 0; i < tags.n; i++)
		decode_one(tags.list[i], &vdi);
	decode_tags(&tags, &vdi);
	*ret_vdi = vdi;
	return true;
}

bool lvm_tags_find_id(const char *text, const char *key, struct mu_uuid *ret_id)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct lvm_tags tags;
	const char *value;

	lvm_tags_ours(a, text, &tags);
	for (size_t i = 0; i < tags.n; i++) {
		value = behind(tags.list[i], key);
		if (value && mu_uuid_parse(value, ret_id))
			return true;
	}
	return false;
}

bool lvm_tags_has(const struct lvm_tags *tags, const char *tag)
{
	for (size_t i = 0; i < tags->n; i++) {
		if (strcmp(tags->list[i], tag) == 0)
			return true;
	}
	return false;
}
