/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/cli/check.h"

#include "aggregator/cli/format.h"
#include "aggregator/cli/render.h"
#include "common/base/map.h"
#include "common/base/str.h"

#include <string.h>

enum { FULL_PERCENT = 90 };

enum level { ERROR, WARNING, NOTE, _LEVEL_COUNT };

struct check {
	struct mu_arena *arena;
	const struct cli_fleet *fleet;
	struct mu_map *hosts; /* id -> the host */
	struct mu_map *vms;   /* id -> the VM */
	struct mu_value *found[_LEVEL_COUNT];
};

static const char *text_of(const struct mu_value *object, const char *member)
{
	const char *text = mu_value_as_string(mu_value_get(object, member));

	return text ? text : "";
}

static bool is_so(const struct mu_value *object, const char *member, bool so)
{
	const struct mu_value *v = mu_value_get(object, member);

	return v && v->kind == MU_VALUE_BOOL && v->boolean == so;
}

static int64_t number_of(const struct mu_value *object, const char *path)
{
	const struct mu_value *v = cli_render_at(object, path);

	return v && v->kind == MU_VALUE_INT ? v->integer : 0;
}

/* `host` NULL: of nothing that has a host. */
static void add_on(struct check *c, enum level level, const char *kind, const char *object,
		   const char *host, const char *finding)
{
	static const char *const names[_LEVEL_COUNT] = {
	    [ERROR] = "error", [WARNING] = "warning", [NOTE] = "note"};
	struct mu_value *one = mu_value_push(c->found[level], mu_value_object(c->arena));

	mu_value_set_string(c->arena, one, "level", names[level]);
	mu_value_set_string(c->arena, one, "kind", kind);
	mu_value_set_string(c->arena, one, "object", object);
	if (host)
		mu_value_set_string(c->arena, one, "host", host);
	mu_value_set_string(c->arena, one, "finding", finding);
}

static void add(struct check *c, enum level level, const char *kind, const char *object,
		const char *finding)
{
	add_on(c, level, kind, object, NULL, finding);
}

static struct mu_map *by_id(const struct mu_value *list)
{
	struct mu_map *map = mu_map_new();

	mu_value_each(o, list)(void) mu_map_put_str(map, text_of(o, "id"), (void *)(uintptr_t)o);
	return map;
}

/* The host's name, or its id when it is not known. */
static const char *host_of(const struct check *c, const struct mu_value *vm)
{
	const char *id = mu_value_as_string(mu_value_get(vm, "$container"));
	const struct mu_value *host = id ? mu_map_find_str(c->hosts, id) : NULL;

	return host ? text_of(host, "name_label") : id;
}

static void add_vm(struct check *c, enum level level, const struct mu_value *vm,
		   const char *finding)
{
	add_on(c, level, "vm", text_of(vm, "name_label"), host_of(c, vm), finding);
}

/* "web on xen7" */
static const char *vm_in_words(const struct check *c, const struct mu_value *vm)
{
	const char *host = host_of(c, vm);

	return mu_arena_printf(c->arena, "%s%s%s", text_of(vm, "name_label"), host ? " on " : "",
			       host ? host : "");
}

/* --- hosts --- */

static int64_t room_of(const struct mu_value *host)
{
	return is_so(host, "connected", true)
		   ? number_of(host, "memory.size") - number_of(host, "memory.usage")
		   : 0;
}

/* By host's id: what its VMs that run have of memory. */
static struct mu_map *needs_of(struct check *c)
{
	struct mu_map *needs = mu_map_new();

	mu_value_each(vm, c->fleet->vms)
	{
		const char *host = text_of(vm, "$container");
		int64_t *sum = mu_map_find_str(needs, host);

		if (!mu_str_equal(text_of(vm, "power_state"), "Running"))
			continue;
		if (!sum) {
			sum = mu_arena_calloc(c->arena, 1, sizeof *sum);
			(void)mu_map_put_str(needs, host, sum);
		}
		*sum += number_of(vm, "memory.dynamic.1");
	}
	return needs;
}

/* Could the others take what runs there? By the sums: a plan has to look closer. */
static void check_loss(struct check *c, const struct mu_value *lost, const struct mu_map *needs,
		       int64_t room)
{
	const int64_t *needed = mu_map_find_str(needs, text_of(lost, "id"));
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;

	room -= room_of(lost);
	if (!needed || *needed <= room)
		return;
	mu_str_add(&text, "its VMs have ");
	cli_format_bytes(&text, *needed);
	mu_str_add(&text, ", the other hosts have only ");
	cli_format_bytes(&text, room);
	mu_str_add(&text, " free: they could not take them");
	add(c, WARNING, "host", text_of(lost, "name_label"), text.data);
}

static void check_hosts(struct check *c)
{
	MU_CLEANUP(mu_map_free) struct mu_map *needs = needs_of(c);
	int64_t room = 0;

	mu_value_each(host, c->fleet->hosts) room += room_of(host);
	mu_value_each(host, c->fleet->hosts)
	{
		const char *name = text_of(host, "name_label");

		if (is_so(host, "connected", false))
			add(c, WARNING, "host", name, "its agent is not connected");
		else if (is_so(host, "enabled", false))
			add(c, NOTE, "host", name, "disabled: it starts no VMs");
		if (is_so(host, "rebootRequired", true))
			add(c, WARNING, "host", name, "it has to be booted anew");
		if (c->fleet->hosts->n_children > 1)
			check_loss(c, host, needs, room);
	}
}

/* --- VMs --- */

static void check_vms(struct check *c)
{
	MU_CLEANUP(mu_map_free) struct mu_map *names = mu_map_new();

	mu_value_each(vm, c->fleet->vms)
	{
		bool managed = !is_so(vm, "managed", false);
		const struct mu_value *other;

		if (!managed)
			add_vm(c, NOTE, vm,
			       "somebody else made it; hint: muster vm adopt, and it is looked "
			       "after");
		if (is_so(vm, "pending", true))
			add_vm(c, NOTE, vm, "changes wait until it is started anew");
		if (managed && is_so(vm, "auto_poweron", true) &&
		    mu_str_equal(text_of(vm, "power_state"), "Halted"))
			add_vm(c, NOTE, vm, "it starts with its host, but is halted now");
		other = managed ? mu_map_put_str(names, text_of(vm, "name_label"),
						 (void *)(uintptr_t)vm)
				: NULL;
		if (other)
			add_vm(c, NOTE, vm,
			       mu_arena_printf(c->arena, "another VM has the same name: %s, id %s",
					       vm_in_words(c, other), text_of(other, "id")));
	}
}

/* The VM that a card is of; one that only its card tells of has no name. */
static const struct mu_value *vm_of(struct check *c, const struct mu_value *vif)
{
	const char *id = text_of(vif, "$VM");
	const struct mu_value *vm = mu_map_find_str(c->vms, id);
	struct mu_value *unknown;

	if (vm)
		return vm;
	unknown = mu_value_object(c->arena);
	mu_value_set_string(c->arena, unknown, "name_label", id);
	return unknown;
}

/* Two of one network; elsewhere it does no harm. */
static void check_addresses(struct check *c)
{
	MU_CLEANUP(mu_map_free) struct mu_map *seen = mu_map_new();

	mu_value_each(vif, c->fleet->vifs)
	{
		const char *key = mu_arena_printf(c->arena, "%s %s", text_of(vif, "$network"),
						  text_of(vif, "MAC"));
		const struct mu_value *other = mu_map_put_str(seen, key, (void *)(uintptr_t)vif);

		if (other)
			add_vm(c, ERROR, vm_of(c, vif),
			       mu_arena_printf(c->arena, "card %s has the address %s, as %s has",
					       text_of(vif, "device"), text_of(vif, "MAC"),
					       vm_in_words(c, vm_of(c, other))));
	}
}

/* --- storage --- */

static void check_storage(struct check *c)
{
	mu_value_each(sr, c->fleet->srs)
	{
		const char *name = text_of(sr, "name_label"), *trouble = text_of(sr, "trouble");
		int64_t size = number_of(sr, "size"), used = number_of(sr, "physical_usage");
		bool writable = !mu_str_equal(text_of(sr, "content_type"), "iso");

		if (*trouble)
			add(c, ERROR, "sr", name, trouble);
		else if (is_so(sr, "attached", false))
			add(c, WARNING, "sr", name, "no host can use it; hint: muster sr plug");
		if (writable && size > 0 && used / (size / 100 + 1) >= FULL_PERCENT)
			add(c, WARNING, "sr", name,
			    mu_arena_printf(c->arena, "%lld %% full",
					    (long long)(used / (size / 100 + 1))));
	}
	mu_value_each(vdi, c->fleet->vdis)
	{
		if (is_so(vdi, "missing", true))
			add(c, ERROR, "vdi", text_of(vdi, "name_label"), "its data are not there");
	}
}

/* --- what others have found --- */

static void check_rest(struct check *c)
{
	mu_value_each(alarm, c->fleet->alarms)
	{
		bool critical = mu_str_equal(text_of(alarm, "level"), "critical");

		add(c, critical ? ERROR : WARNING, "alarm", text_of(alarm, "id"),
		    text_of(alarm, "text"));
	}
	if (is_so(c->fleet->audit, "valid", false))
		add(c, ERROR, "audit", "log",
		    "it is not what was written; hint: muster audit verify");
}

struct mu_value *cli_check(struct mu_arena *a, const struct cli_fleet *fleet)
{
	struct mu_value *all = mu_value_list(a);
	struct check c = {.arena = a, .fleet = fleet};

	c.hosts = by_id(fleet->hosts);
	c.vms = by_id(fleet->vms);
	for (int i = 0; i < _LEVEL_COUNT; i++)
		c.found[i] = mu_value_list(a);
	check_hosts(&c);
	check_vms(&c);
	check_addresses(&c);
	check_storage(&c);
	check_rest(&c);
	for (int i = 0; i < _LEVEL_COUNT; i++)
		mu_value_each(one, c.found[i]) mu_value_push(all, mu_value_copy(a, one));
	mu_map_free(c.hosts);
	mu_map_free(c.vms);
	return all;
}
