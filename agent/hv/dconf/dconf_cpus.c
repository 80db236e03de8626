/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vCPUs and where they run. libxl has bitmaps as lists of numbers; a definition has CPU lists as
 * text. A bitmap that the text cannot say (none can be empty) stays with libxl's form.
 */
#include "agent/hv/dconf/dconf_lists.h"
#include "agent/hv/dconf/dconf_rows.h"
#include "common/base/str.h"

#include <stdlib.h>
#include <string.h>

/* vCPUs */

/* 0, 1, ... n - 1, as everybody but a tester has them. */
static bool is_prefix(const struct mu_value *list)
{
	int64_t n = 0;

	mu_value_each(it, list)
	{
		if (it->kind != MU_VALUE_INT || it->integer != n++)
			return false;
	}
	return true;
}

int dconf_vcpus_read(struct mu_value *root, struct hv_vm_config *c, struct mu_error *err)
{
	struct mu_value *b_info = mu_value_find(root, "b_info");
	const struct mu_value *online = mu_value_get(b_info, "avail_vcpus");
	int64_t max = 1; /* libxl's default */

	if (mu_value_get(b_info, "max_vcpus") &&
	    !dconf_take_int(b_info, "max_vcpus", 0, HV_VCPUS_MAX, &max))
		return mu_error_set(err, MU_E_UNSUPPORTED,
				    "its number of vCPUs is no number up to %d", HV_VCPUS_MAX);
	c->vcpus_max = max ? (uint32_t)max : 1;
	c->vcpus = 1; /* again libxl's default: vCPU 0 */
	if (!online || online->kind != MU_VALUE_LIST || !online->n_children)
		return 0;
	if (online->n_children > c->vcpus_max)
		return mu_error_set(err, MU_E_UNSUPPORTED, "more vCPUs are online than it has");
	c->vcpus = (uint32_t)online->n_children;
	if (is_prefix(online))
		mu_value_remove(b_info, "avail_vcpus");
	return 0;
}

void dconf_vcpus_write(struct mu_arena *a, struct mu_value *root, const struct hv_vm_config *c)
{
	struct mu_value *b_info = mu_value_find(root, "b_info");
	const struct mu_value *chosen = mu_value_get(b_info, "avail_vcpus");
	struct mu_value *online = mu_value_list(a);

	dconf_put(a, b_info, "max_vcpus", mu_value_int(a, c->vcpus_max));
	if (chosen && chosen->n_children == c->vcpus)
		return; /* as many, but which ones was said, too */
	for (uint32_t i = 0; i < c->vcpus; i++)
		mu_value_push(online, mu_value_int(a, i));
	dconf_put(a, b_info, "avail_vcpus", online);
}

/* A list of numbers as "0-3,8"; false when it is none, or empty, or out of order. */
static bool bitmap_to_text(const struct mu_value *list, struct mu_str *text)
{
	const struct mu_value *first, *last;

	if (list->kind != MU_VALUE_LIST || !list->n_children)
		return false;
	for (first = list->first; first; first = last->next) {
		if (first->kind != MU_VALUE_INT || first->integer < 0 ||
		    first->integer >= HV_CPUS_MAX)
			return false;
		for (last = first; last->next && last->next->kind == MU_VALUE_INT &&
				   last->next->integer == last->integer + 1;)
			last = last->next;
		if (last->next && last->next->kind == MU_VALUE_INT &&
		    last->next->integer <= last->integer)
			return false;
		mu_str_printf(text, "%s%d", first == list->first ? "" : ",", (int)first->integer);
		if (last != first)
			mu_str_printf(text, "-%d", (int)last->integer);
		if (last->integer >= HV_CPUS_MAX)
			return false;
	}
	return true;
}

static bool all_equal(const struct mu_value *maps)
{
	mu_value_each(it, maps)
	{
		if (!mu_value_equal(it, maps->first))
			return false;
	}
	return true;
}

/* One text for all when every vCPU has the same, else one per vCPU. */
static bool maps_to_text(const struct mu_value *maps, uint32_t vcpus_max, char *dst, size_t size)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	bool one = maps->n_children == vcpus_max && all_equal(maps);

	if (!maps->n_children || maps->n_children > vcpus_max)
		return false;
	mu_value_each(it, maps)
	{
		if (!bitmap_to_text(it, &text))
			return false;
		if (one)
			break;
		mu_str_add_char(&text, ';');
	}
	if (text.len >= size)
		return false;
	memcpy(dst, text.data, text.len + 1);
	return true;
}

void dconf_affinity_read(struct mu_value *root, struct hv_vm_config *c)
{
	struct mu_value *b_info = mu_value_find(root, "b_info");
	const struct mu_value *hard = mu_value_get(b_info, "vcpu_hard_affinity");
	const struct mu_value *soft = mu_value_get(b_info, "vcpu_soft_affinity");

	if (hard && hard->kind == MU_VALUE_LIST &&
	    maps_to_text(hard, c->vcpus_max, c->cpus_hard, sizeof c->cpus_hard))
		mu_value_remove(b_info, "vcpu_hard_affinity");
	if (soft && soft->kind == MU_VALUE_LIST &&
	    maps_to_text(soft, c->vcpus_max, c->cpus_soft, sizeof c->cpus_soft))
		mu_value_remove(b_info, "vcpu_soft_affinity");
}

/* Marks "0-3,^2"; the text was checked (agent/core/vm_spec_check.c), what is odd is skipped. */
static void mark(bool *cpus, const char *text, const char *end)
{
	while (text < end) {
		bool value = *text != '^';
		unsigned long first, last;
		char *next;

		first = last = strtoul(value ? text : text + 1, &next, 10);
		if (*next == '-')
			last = strtoul(next + 1, &next, 10);
		for (unsigned long i = first; i <= last && i < HV_CPUS_MAX; i++)
			cpus[i] = value;
		text = next + 1;
	}
}

static struct mu_value *bitmap_of(struct mu_arena *a, const char *text, const char *end)
{
	bool *cpus = mu_arena_calloc(a, HV_CPUS_MAX, sizeof *cpus);
	struct mu_value *list = mu_value_list(a);

	if (end - text == 3 && !strncmp(text, "all", 3))
		memset(cpus, true, HV_CPUS_MAX);
	else
		mark(cpus, text, end);
	for (int i = 0; i < HV_CPUS_MAX; i++) {
		if (cpus[i])
			mu_value_push(list, mu_value_int(a, i));
	}
	return list;
}

static void write_maps(struct mu_arena *a, struct mu_value *b_info, const char *name,
		       const char *text, uint32_t vcpus_max)
{
	struct mu_value *maps = mu_value_list(a);

	if (!*text || !strcmp(text, "all"))
		return;
	if (!strchr(text, ';')) {
		struct mu_value *map = bitmap_of(a, text, text + strlen(text));

		for (uint32_t i = 0; i < vcpus_max; i++)
			mu_value_push(maps, mu_value_copy(a, map));
	}
	for (const char *end; (end = strchr(text, ';')); text = end + 1)
		mu_value_push(maps, bitmap_of(a, text, end));
	dconf_put(a, b_info, name, maps);
}

void dconf_affinity_write(struct mu_arena *a, struct mu_value *root, const struct hv_vm_config *c)
{
	struct mu_value *b_info = mu_value_find(root, "b_info");

	write_maps(a, b_info, "vcpu_hard_affinity", c->cpus_hard, c->vcpus_max);
	write_maps(a, b_info, "vcpu_soft_affinity", c->cpus_soft, c->vcpus_max);
}
