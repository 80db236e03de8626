/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table of patterns. In a series' name '#' stands for digits and '*' for a device other than the
 * sum of all ("aggr"); in the path it is where the device's key goes: "vif_3_rx" is vifs.rx["3"].
 * Disks are keyed by what makes them differ, as Xen Orchestra does it: "a" for xvda; cards by the
 * number of ethN. Other names are whole.
 */
#include "common/rest/stats_shape.h"

#include "common/base/map.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct shape {
	const char *name;
	const char *path;
	double factor;    /* to its unit there */
	const char *plus; /* and this series of the same device added */
};

static const struct shape vm_shapes[] = {
    {"cpu#", "cpus/", 100, NULL},
    {"cpu_usage", "cpuUsage", 100, NULL},
    {"memory", "memory", 1, NULL},
    {"memory_target", "memoryTarget", 1, NULL},
    {"memory_free", "memoryFree", 1, NULL},
    {"vif_#_rx", "vifs/rx/", 1, NULL},
    {"vif_#_tx", "vifs/tx/", 1, NULL},
    {"vif_#_rx_errors", "vifErrors/rx/", 1, NULL},
    {"vif_#_tx_errors", "vifErrors/tx/", 1, NULL},
    {"vbd_*_read", "xvds/r/", 1, NULL},
    {"vbd_*_write", "xvds/w/", 1, NULL},
    {"vbd_*_iops_read", "iops/r/", 1, NULL},
    {"vbd_*_iops_write", "iops/w/", 1, NULL},
    {"vbd_*_iops_total", "iops/total/", 1, NULL},
    {"vbd_*_read", "ioThroughput/r/", 1, NULL},
    {"vbd_*_write", "ioThroughput/w/", 1, NULL},
    {"vbd_*_read", "ioThroughput/total/", 1, "vbd_*_write"},
    {"vbd_*_read_latency", "vbdLatency/r/", 1000, NULL},
    {"vbd_*_write_latency", "vbdLatency/w/", 1000, NULL},
    {"vbd_*_latency", "vbdAvgLatency/", 1000, NULL},
    {"vbd_*_avgqu_sz", "vbdAvgquSz/", 1, NULL},
};

static const struct shape host_shapes[] = {
    {"cpu#", "cpus/", 100, NULL},
    {"loadavg", "load", 1, NULL},
    {"hostload", "hostload", 1, NULL},
    {"running_vcpus", "runningVcpus", 1, NULL},
    {"memory_total_kib", "memory", 1024, NULL},
    {"memory_free_kib", "memoryFree", 1024, NULL},
    {"memory_reclaimed", "memoryReclaimed", 1, NULL},
    {"memory_reclaimed_max", "memoryReclaimedMax", 1, NULL},
    {"iops_read_*", "iops/r/", 1, NULL},
    {"iops_write_*", "iops/w/", 1, NULL},
    {"read_*", "ioThroughput/r/", 1, NULL},
    {"write_*", "ioThroughput/w/", 1, NULL},
    {"pif_*_rx", "pifs/rx/", 1, NULL},
    {"pif_*_tx", "pifs/tx/", 1, NULL},
    {"pif_aggr_rx", "pifsAggr/rx", 1, NULL},
    {"pif_aggr_tx", "pifsAggr/tx", 1, NULL},
};

static const struct shape sr_shapes[] = {
    {"iops_read", "iops/r", 1, NULL},
    {"iops_write", "iops/w", 1, NULL},
    {"iops_total", "iops/total", 1, NULL},
    {"read", "ioThroughput/r", 1, NULL},
    {"write", "ioThroughput/w", 1, NULL},
    {"read", "ioThroughput/total", 1, "write"},
    {"size", "size", 1, NULL},
    {"physical_utilisation", "physicalUsage", 1, NULL},
    {"virtual_allocation", "usage", 1, NULL},
};

static const struct {
	const struct shape *shapes;
	size_t n;
} pictures[_STATS_OF_COUNT] = {
    [STATS_VM] = {vm_shapes, MU_ARRAY_SIZE(vm_shapes)},
    [STATS_HOST] = {host_shapes, MU_ARRAY_SIZE(host_shapes)},
    [STATS_SR] = {sr_shapes, MU_ARRAY_SIZE(sr_shapes)},
};

/* The device that makes `name` match, in *ret (with its length); for patterns without one it is
 * empty. */
static bool matches(const char *pattern, const char *name, const char **ret, size_t *ret_len)
{
	size_t before = strcspn(pattern, "#*"), len = strlen(name), after;
	const char *device = name + before;

	*ret = "";
	*ret_len = 0;
	if (pattern[before] == '\0')
		return strcmp(pattern, name) == 0;
	after = strlen(pattern + before + 1);
	if (len <= before + after || strncmp(name, pattern, before) != 0 ||
	    strcmp(name + len - after, pattern + before + 1) != 0)
		return false;
	len -= before + after;
	for (size_t i = 0; i < len; i++)
		if (device[i] == '_' ||
		    (pattern[before] == '#' && !isdigit((unsigned char)device[i])))
			return false;
	*ret = device;
	*ret_len = len;
	return !(len == 4 && strncmp(device, "aggr", 4) == 0);
}

static const char *key_of(struct mu_arena *a, const char *device, size_t len)
{
	char *key = mu_arena_strndup(a, device, len);

	if (strncmp(key, "xvd", 3) == 0 && key[3])
		return key + 3;
	if (strncmp(key, "eth", 3) == 0 && key[3] && strspn(key + 3, "0123456789") == len - 3)
		return key + 3;
	return key;
}

/* The member of that name, made if it is missing. */
static struct mu_value *descend(struct mu_arena *a, struct mu_value *v, const char *name)
{
	struct mu_value *found = mu_value_find(v, name);

	return found ? found : mu_value_set(a, v, name, mu_value_object(a));
}

static void place(struct mu_arena *a, struct mu_value *root, const char *path, const char *key,
		  struct mu_value *child)
{
	const char *slash;

	while ((slash = strchr(path, '/'))) {
		root = descend(a, root, mu_arena_strndup(a, path, (size_t)(slash - path)));
		path = slash + 1;
	}
	mu_value_set(a, root, *path ? path : key, child);
}

double stats_shape_number(double v)
{
	static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
					1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
					1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
	enum { DIGITS = 9, POWERS = MU_ARRAY_SIZE(powers) };
	int behind;

	if (!isfinite(v) || v == trunc(v))
		return v;
	behind = DIGITS - 1 - (int)floor(log10(fabs(v)));
	/* A power of ten of that size is exact, so the quotient is the double nearest to the
	 * decimal. */
	if (behind < 0 || behind >= POWERS)
		return v;
	return round(v * powers[behind]) / powers[behind];
}

static struct mu_value *values_of(struct mu_arena *a, const struct stats_result *r,
				  const float *values, const float *plus, double factor)
{
	struct mu_value *list = mu_value_list(a);

	for (uint32_t i = 0; i < r->n_rows; i++) {
		double v = (double)values[i] + (plus ? (double)plus[i] : 0);

		/* Not finite: null. */
		mu_value_push(list, mu_value_real(a, stats_shape_number(v * factor)));
	}
	return list;
}

/* The series of another pattern for the same device, NULL when there is none. */
static const float *other_of(const struct stats_result *r, const char *pattern, const char *device,
			     size_t len)
{
	const char *found;
	size_t found_len;

	for (size_t i = 0; i < r->n_series; i++)
		if (matches(pattern, r->series[i].name, &found, &found_len) && found_len == len &&
		    strncmp(found, device, len) == 0)
			return r->series[i].values;
	return NULL;
}

struct mu_value *stats_shape(struct mu_arena *a, enum stats_of of, const struct stats_result *r)
{
	struct mu_value *root = mu_value_object(a);

	for (size_t i = 0; i < pictures[of].n; i++) {
		const struct shape *s = &pictures[of].shapes[i];

		for (size_t k = 0; k < r->n_series; k++) {
			const struct stats_series *series = &r->series[k];
			const float *plus = NULL;
			const char *device;
			size_t len;

			if (!matches(s->name, series->name, &device, &len))
				continue;
			if (s->plus && !(plus = other_of(r, s->plus, device, len)))
				continue;
			place(a, root, s->path, key_of(a, device, len),
			      values_of(a, r, series->values, plus, s->factor));
		}
	}
	return root;
}

int stats_names_init(struct stats_names *names, const char *text, struct mu_error *err)
{
	char *next;

	*names = (struct stats_names){.all = text && strcmp(text, "*") == 0};
	if (!text)
		return 0;
	next = names->text = mu_xstrdup(text);
	for (char *name; !names->all && (name = strsep(&next, ","));) {
		if (!*name)
			continue;
		if (names->n == STATS_NAMES_MAX) {
			stats_names_deinit(names);
			return mu_error_set(err, MU_E_PROTOCOL,
					    "series: these are more than %d names; hint: ask for "
					    "fewer at a time, or for all with *",
					    STATS_NAMES_MAX);
		}
		names->names[names->n++] = name;
	}
	return 0;
}

void stats_names_deinit(struct stats_names *names)
{
	free(names->text);
	names->text = NULL;
}

bool stats_names_have(const struct stats_names *names, const char *name)
{
	for (size_t i = 0; i < names->n; i++)
		if (strcmp(names->names[i], name) == 0)
			return true;
	return names->all;
}

/* There may be two of a name, of different units: the first is meant. */
struct mu_value *stats_shape_series(struct mu_arena *a, const struct stats_names *names,
				    const struct stats_result *r)
{
	MU_CLEANUP(mu_map_free) struct mu_map *seen = mu_map_new();
	struct mu_value *root = mu_value_object(a);

	for (size_t i = 0; i < r->n_series; i++) {
		const struct stats_series *s = &r->series[i];
		struct mu_value *v;

		if (!stats_names_have(names, s->name) || mu_map_put_str(seen, s->name, root))
			continue;
		v = mu_value_set(a, root, s->name, mu_value_object(a));
		mu_value_set_string(a, v, "unit", s->unit);
		mu_value_set(a, v, "values", values_of(a, r, s->values, NULL, 1));
	}
	return root;
}
