/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/core/resume_list.h"

#include "common/base/arena.h"
#include "common/base/mem.h"
#include "common/json/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VERSION = 1 };

void resume_list_init(struct resume_list *l)
{
	memset(l, 0, sizeof *l);
}

void resume_list_deinit(struct resume_list *l)
{
	free(l->vms);
	resume_list_init(l);
}

static size_t place(const struct resume_list *l, const struct vm_id *id)
{
	size_t i = 0;

	while (i < l->n_vms && !mu_uuid_equal(&l->vms[i].uuid, &id->uuid))
		i++;
	return i;
}

bool resume_list_has(const struct resume_list *l, const struct vm_id *id)
{
	return place(l, id) < l->n_vms;
}

void resume_list_add(struct resume_list *l, const struct vm_id *id)
{
	if (l->n_vms == RESUME_LIST_MAX || resume_list_has(l, id))
		return;
	l->vms = mu_xrealloc(l->vms, l->n_vms + 1, sizeof *l->vms);
	l->vms[l->n_vms++] = *id;
}

bool resume_list_drop(struct resume_list *l, const struct vm_id *id)
{
	size_t i = place(l, id);

	if (i == l->n_vms)
		return false;
	memmove(&l->vms[i], &l->vms[i + 1], (l->n_vms - i - 1) * sizeof *l->vms);
	l->n_vms--;
	return true;
}

bool resume_list_due(const struct resume_list *l, const char *boot_id)
{
	return l->n_vms > 0 && (!l->sealed || strcmp(l->boot_id, boot_id) != 0);
}

void resume_list_encode(const struct resume_list *l, struct mu_str *out)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct mu_value *v = mu_value_object(a);
	struct mu_value *vms;
	char id[MU_UUID_TEXT];

	mu_value_set_int(a, v, "version", VERSION);
	mu_value_set_string(a, v, "bootId", l->boot_id);
	mu_value_set_bool(a, v, "sealed", l->sealed);
	mu_value_set_string(a, v, "by", l->user);
	vms = mu_value_set(a, v, "vms", mu_value_list(a));
	for (size_t i = 0; i < l->n_vms; i++)
		mu_value_push(vms, mu_value_string(a, mu_uuid_format(&l->vms[i].uuid, id)));
	mu_json_write(out, v, true);
}

static int wrong(const char *member, struct mu_error *err)
{
	return mu_error_set(err, MU_E_INVALID, "%s: missing, or not as it was written", member);
}

static int decode_text(const struct mu_value *v, const char *member, char *ret, size_t size,
		       struct mu_error *err)
{
	const char *text = mu_value_as_string(mu_value_get(v, member));

	if (!text || strlen(text) >= size)
		return wrong(member, err);
	memcpy(ret, text, strlen(text) + 1);
	return 0;
}

static int decode_vms(const struct mu_value *v, struct resume_list *l, struct mu_error *err)
{
	const struct mu_value *vms = mu_value_get(v, "vms");
	struct vm_id id;

	if (!vms || vms->kind != MU_VALUE_LIST)
		return wrong("vms", err);
	mu_value_each(item, vms)
	{
		const char *text = mu_value_as_string(item);

		if (!text || !mu_uuid_parse(text, &id.uuid))
			return wrong("vms", err);
		resume_list_add(l, &id);
	}
	return 0;
}

int resume_list_decode(const char *text, size_t len, struct resume_list *ret_list,
		       struct mu_error *err)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	const struct mu_value *version, *sealed;
	struct resume_list l;
	struct mu_value *v;

	if (mu_json_read(a, text, len, &v, err) < 0)
		return MU_FAILED;
	version = mu_value_get(v, "version");
	sealed = mu_value_get(v, "sealed");
	if (!version || version->kind != MU_VALUE_INT || version->integer != VERSION)
		return wrong("version", err);
	if (!sealed || sealed->kind != MU_VALUE_BOOL)
		return wrong("sealed", err);
	resume_list_init(&l);
	l.sealed = sealed->boolean;
	if (decode_text(v, "bootId", l.boot_id, sizeof l.boot_id, err) < 0 ||
	    decode_text(v, "by", l.user, sizeof l.user, err) < 0 || decode_vms(v, &l, err) < 0) {
		resume_list_deinit(&l);
		return MU_FAILED;
	}
	*ret_list = l;
	return 0;
}
