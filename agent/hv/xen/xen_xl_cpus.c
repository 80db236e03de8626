/* SPDX-License-Identifier: Apache-2.0 */
/* CPUs, memory, the CPUID policy and virtual NUMA nodes of xl.cfg: keys that depend on each other.
 */
#include "agent/hv/dconf/dconf.h"
#include "agent/hv/xen/xen_xl.h"
#include "agent/hv/xen/xen_xl_value.h"
#include "common/base/str.h"

#include <stdlib.h>
#include <string.h>

enum { MIB_IN_KIB = 1024, MEMORY_MIB_MAX = 16 * 1024 * 1024 };

/* CPU lists */

static bool take_range(const char *text, int64_t *first, int64_t *last)
{
	const char *dash = strchr(text, '-');
	char head[16];

	if (!dash) {
		if (!xl_number(text, 10, HV_CPUS_MAX - 1, first))
			return false;
		*last = *first;
		return true;
	}
	if ((size_t)(dash - text) >= sizeof head)
		return false;
	memcpy(head, text, (size_t)(dash - text));
	head[dash - text] = '\0';
	return xl_number(head, 10, HV_CPUS_MAX - 1, first) &&
	       xl_number(dash + 1, 10, HV_CPUS_MAX - 1, last) && *last >= *first;
}

static int mark(bool *cpus, const char *item, struct mu_error *err)
{
	bool value = *item != '^';
	int64_t first, last;

	if (mu_str_has_prefix(item + !value, "node"))
		return mu_error_set(err, MU_E_INVALID,
				    "\"%.40s\" means other CPUs on each host; hint: write the CPUs",
				    item);
	if (!strcmp(item, "all")) {
		memset(cpus, true, HV_CPUS_MAX);
		return 0;
	}
	if (!take_range(item + !value, &first, &last))
		return mu_error_set(err, MU_E_INVALID, "\"%.40s\" is not a range of CPUs", item);
	for (int64_t i = first; i <= last; i++)
		cpus[i] = value;
	return 0;
}

/* "0-3,^2" as libxl's list of numbers. */
static int cpu_map(struct xl *x, const char *text, struct mu_value **ret, struct mu_error *err)
{
	bool *cpus = mu_arena_calloc(x->arena, HV_CPUS_MAX, sizeof *cpus);
	char *rest = mu_arena_strdup(x->arena, text);

	*ret = mu_value_list(x->arena);
	for (char *item; (item = strsep(&rest, ","));) {
		if (*item && mark(cpus, item, err) < 0)
			return MU_FAILED;
	}
	for (int i = 0; i < HV_CPUS_MAX; i++) {
		if (cpus[i])
			mu_value_push(*ret, mu_value_int(x->arena, i));
	}
	return 0;
}

static int add_map(struct xl *x, const char *text, size_t at, struct mu_error *err)
{
	struct mu_value *map;

	if (cpu_map(x, text, &map, err) < 0)
		return MU_FAILED;
	if (at < x->vcpus_max) /* xl passes over those of vCPUs that there are not */
		mu_value_push(xl_list_at(x, x->list), map);
	return 0;
}

static int read_affinity(struct xl *x, const char *key, const char *path, struct mu_error *err)
{
	const char *text = xl_string(x, key);
	struct mu_value *map;

	x->list = path;
	if (!text) {
		if (xl_has(x, key))
			xl_put(x, "b_info/numa_placement", mu_value_string(x->arena, "False"));
		return xl_list(x, key, add_map, err);
	}
	if (cpu_map(x, text, &map, err) < 0)
		return mu_error_prefix(err, "%s", key);
	if (!strcmp(text, "all"))
		return 0; /* no affinity at all */
	for (uint32_t i = 0; i < x->vcpus_max; i++)
		mu_value_push(xl_list_at(x, path), mu_value_copy(x->arena, map));
	return 0;
}

/* Virtual NUMA nodes */

static int read_distances(struct xl *x, const char *text, struct mu_value *node,
			  struct mu_error *err)
{
	char *rest = mu_arena_strdup(x->arena, text);
	struct mu_value *list = mu_value_list(x->arena);
	int64_t n;

	for (char *item; (item = strsep(&rest, ","));) {
		item += strspn(item, " ");
		if (!xl_number(item, 10, INT32_MAX, &n))
			return mu_error_set(err, MU_E_INVALID, "vdistances: \"%.40s\" is no number",
					    item);
		mu_value_push(list, mu_value_int(x->arena, n));
	}
	mu_value_set(x->arena, node, "distances", list);
	return 0;
}

static int read_node_option(struct xl *x, const char *text, struct mu_value *node,
			    struct mu_error *err)
{
	char *name = mu_arena_strdup(x->arena, text);
	char *value = strchr(name, '=');
	struct mu_value *map;
	int64_t n;

	if (!value)
		return mu_error_set(err, MU_E_INVALID, "\"%.40s\" is not NAME=VALUE", text);
	*value++ = '\0';
	if (!strcmp(name, "vdistances"))
		return read_distances(x, value, node, err);
	if (!strcmp(name, "vcpus")) {
		if (cpu_map(x, value, &map, err) < 0)
			return MU_FAILED;
		x->vnuma_vcpus += (uint32_t)map->n_children;
		mu_value_set(x->arena, node, "vcpus", map);
		return 0;
	}
	if (!xl_number(value, 10, MEMORY_MIB_MAX, &n))
		return mu_error_set(err, MU_E_INVALID, "%s: \"%.40s\" is no number", name, value);
	if (!strcmp(name, "pnode")) {
		if (n) /* 0 is where libxl begins */
			mu_value_set_int(x->arena, node, "pnode", n);
		xl_put(x, "b_info/numa_placement", mu_value_string(x->arena, "False"));
	} else if (!strcmp(name, "size")) {
		mu_value_set_int(x->arena, node, "memkb", n * MIB_IN_KIB);
		x->vnuma_kib += n * MIB_IN_KIB;
	} else {
		return mu_error_set(err, MU_E_INVALID, "option \"%.40s\" is not known", name);
	}
	return 0;
}

static int read_node(struct xl *x, XLU_ConfigValue *entry, struct mu_error *err)
{
	struct mu_value *node = mu_value_object(x->arena);
	XLU_ConfigList *options;
	const char *text;

	if (xlu_cfg_value_get_list(x->cfg, entry, &options, 1) != 0)
		return mu_error_set(err, MU_E_INVALID, "not a list of options");
	for (int i = 0; (text = xlu_cfg_get_listitem(options, i)); i++) {
		if (read_node_option(x, text, node, err) < 0)
			return MU_FAILED;
	}
	mu_value_push(xl_list_at(x, "b_info/vnuma_nodes"), node);
	return 0;
}

static int read_vnuma(struct xl *x, struct mu_error *err)
{
	XLU_ConfigList *nodes;
	int n;

	if (!xl_has(x, "vnuma"))
		return 0;
	if (xlu_cfg_get_list(x->cfg, "vnuma", &nodes, &n, 1) != 0)
		return mu_error_set(err, MU_E_INVALID, "vnuma: not a list");
	for (int i = 0; i < n; i++) {
		if (read_node(x, xlu_cfg_get_listitem2(nodes, i), err) < 0)
			return mu_error_prefix(err, "vnuma: node %d", i);
	}
	return 0;
}

/* Numbers of vCPUs, sizes of memory */

static int read_vcpus(struct xl *x, struct mu_error *err)
{
	int64_t vcpus = 0, max = 0;
	bool set, max_set;

	if (xl_long(x, "vcpus", 1, HV_VCPUS_MAX, &set, &vcpus, err) < 0 ||
	    xl_long(x, "maxvcpus", 1, HV_VCPUS_MAX, &max_set, &max, err) < 0)
		return MU_FAILED;
	if (x->vnuma_vcpus) {
		if (max_set && max != x->vnuma_vcpus)
			return mu_error_set(err, MU_E_INVALID,
					    "vnuma: its vCPUs are not as many as maxvcpus");
		max = x->vnuma_vcpus;
	}
	if (!max)
		max = vcpus;
	if (vcpus > max)
		return mu_error_set(err, MU_E_INVALID, "maxvcpus: less than vcpus");
	for (int64_t i = 0; i < vcpus; i++)
		mu_value_push(xl_list_at(x, "b_info/avail_vcpus"), mu_value_int(x->arena, i));
	if (max)
		xl_put(x, "b_info/max_vcpus", mu_value_int(x->arena, max));
	x->vcpus_max = (uint32_t)max;
	return 0;
}

static int read_memory(struct xl *x, struct mu_error *err)
{
	int64_t memory, max;
	bool set, max_set;

	if (xl_long(x, "memory", 1, MEMORY_MIB_MAX, &set, &memory, err) < 0 ||
	    xl_long(x, "maxmem", 1, MEMORY_MIB_MAX, &max_set, &max, err) < 0)
		return MU_FAILED;
	if (!set && !max_set && !x->vnuma_kib)
		return mu_error_set(err, MU_E_INVALID, "memory: required, but missing");
	if (x->vnuma_kib && max_set && max * MIB_IN_KIB != x->vnuma_kib)
		return mu_error_set(err, MU_E_INVALID,
				    "vnuma: its memory is not as much as maxmem");
	if (set)
		xl_put(x, "b_info/target_memkb", mu_value_int(x->arena, memory * MIB_IN_KIB));
	if (x->vnuma_kib)
		max = x->vnuma_kib;
	else
		max = (max_set ? max : memory) * MIB_IN_KIB;
	xl_put(x, "b_info/max_memkb", mu_value_int(x->arena, max));
	return 0;
}

/* CPUID: libxl's own parsers, and its own form of what they made of it. */

static int add_cpuid(struct xl *x, const char *text, size_t at, struct mu_error *err)
{
	static const char *const reasons[] = {
	    "an unknown error", "an illegal leaf",         "an illegal subleaf",
	    "no colon",         "no register such as eax", "not 32 characters for a register"};
	int rc = libxl_cpuid_parse_config_xend(&x->cpuid, text);

	(void)at;
	if (rc == 0)
		return 0;
	return mu_error_set(err, MU_E_INVALID, "\"%.60s\": %s", text,
			    reasons[rc > 0 && rc < (int)MU_ARRAY_SIZE(reasons) ? rc : 0]);
}

static int add_flag(struct xl *x, const char *text, struct mu_error *err)
{
	if (libxl_cpuid_parse_config(&x->cpuid, text) != 0)
		return mu_error_set(err, MU_E_INVALID, "cpuid: libxl does not know \"%.60s\"",
				    text);
	return 0;
}

static int read_flags(struct xl *x, const char *text, struct mu_error *err)
{
	char *rest = mu_arena_strdup(x->arena, text);

	if (strcmp(strsep(&rest, ","), "host") != 0)
		return mu_error_set(err, MU_E_INVALID, "cpuid: must begin with \"host\"");
	for (char *item; (item = strsep(&rest, ","));) {
		if (*item && add_flag(x, item, err) < 0)
			return MU_FAILED;
	}
	return 0;
}

static int read_cpuid(struct xl *x, struct mu_error *err)
{
	const char *text = xl_string(x, "cpuid");

	if ((text ? read_flags(x, text, err) : xl_list(x, "cpuid", add_cpuid, err)) < 0)
		return MU_FAILED;
	if (x->cpuid)
		xl_put(x, "b_info/cpuid", XL_VALUE(x, libxl_cpuid_policy_list_gen_json, &x->cpuid));
	return 0;
}

int xl_cpus_read(struct xl *x, struct mu_error *err)
{
	int r;

	if (read_vnuma(x, err) < 0 || read_vcpus(x, err) < 0 || read_memory(x, err) < 0)
		return MU_FAILED;
	if (read_affinity(x, "cpus", "b_info/vcpu_hard_affinity", err) < 0 ||
	    read_affinity(x, "cpus_soft", "b_info/vcpu_soft_affinity", err) < 0)
		return MU_FAILED;
	r = read_cpuid(x, err);
	libxl_cpuid_dispose(&x->cpuid);
	return r;
}
