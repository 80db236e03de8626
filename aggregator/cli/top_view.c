/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two tables, hosts and VMs, in one order. A host's disks are those of its VMs together. What is
 * not known is "-", and stands behind what is.
 */
#include "aggregator/cli/top_view.h"

#include "aggregator/cli/format.h"
#include "aggregator/cli/spark.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { COLUMNS = 9, NAME_MAX_WIDTH = 32, HOSTS_PART = 3, HEAD_LINES = 5 };

/* A host or a VM; NaN is not known. */
struct row {
	const char *name;
	const char *where; /* a VM's host; a host's number of VMs */
	const char *state;
	double cpu;    /* ratio */
	double size;   /* a VM's vCPUs, a host's load */
	double memory; /* bytes, in use */
	double rx;
	double tx;
	double read;
	double written;
	double key; /* of the order */
	const char *id;
	size_t n_vms;
};

struct table {
	const char *const *headers;
	struct row *rows;
	size_t n;
};

static const char *const host_headers[COLUMNS] = {"HOST",   "VMS", "STATE", "CPU", "LOAD",
						  "MEMORY", "RX",  "TX",    "DISK"};
static const char *const vm_headers[COLUMNS] = {"VM",     "HOST", "STATE", "CPU", "VCPUS",
						"MEMORY", "RX",   "TX",    "DISK"};

bool top_sort_parse(const char *name, enum top_sort *ret)
{
	static const char *const names[_TOP_SORT_COUNT] = {
	    [TOP_CPU] = "cpu",   [TOP_MEMORY] = "memory", [TOP_NET] = "net",
	    [TOP_DISK] = "disk", [TOP_NAME] = "name",
	};

	for (unsigned i = 0; i < _TOP_SORT_COUNT; i++)
		if (strcmp(names[i], name) == 0) {
			*ret = (enum top_sort)i;
			return true;
		}
	return false;
}

/* --- out of the answer --- */

static const char *text_of(const struct mu_value *v, const char *name)
{
	const char *text = mu_value_as_string(mu_value_get(v, name));

	return text ? text : "";
}

static double number(const struct mu_value *object, const char *name)
{
	const struct mu_value *v = mu_value_get(mu_value_get(object, "values"), name);

	if (v && v->kind == MU_VALUE_INT)
		return (double)v->integer;
	return v && v->kind == MU_VALUE_REAL ? v->real : NAN;
}

static bool chosen(const struct top_view *v, const char *host, const char *name)
{
	return (!v->host || strcmp(v->host, host) == 0) &&
	       (!v->text || strcasestr(name, v->text) != NULL);
}

static double known(double v)
{
	return isnan(v) ? 0 : v;
}

/* NaN only when both are. */
static double both(double a, double b)
{
	return isnan(a) && isnan(b) ? NAN : known(a) + known(b);
}

static struct row host_row(const struct mu_value *host)
{
	const struct mu_value *connected = mu_value_get(host, "connected");

	return (struct row){
	    .id = text_of(host, "id"),
	    .name = text_of(host, "name_label"),
	    .state =
		connected && connected->kind == MU_VALUE_BOOL && connected->boolean ? "up" : "away",
	    .cpu = number(host, "cpu_avg"),
	    .size = number(host, "loadavg"),
	    .memory = (number(host, "memory_total_kib") - number(host, "memory_free_kib")) * 1024,
	    .rx = number(host, "pif_aggr_rx"),
	    .tx = number(host, "pif_aggr_tx"),
	    .read = NAN,
	    .written = NAN,
	};
}

static struct row vm_row(const struct mu_value *vm)
{
	return (struct row){
	    .id = text_of(vm, "id"),
	    .name = text_of(vm, "name_label"),
	    .where = text_of(vm, "$container"),
	    .state = text_of(vm, "power_state"),
	    .cpu = number(vm, "cpu_usage"),
	    .size = number(vm, "vcpus_online"),
	    .memory = number(vm, "memory"),
	    .rx = number(vm, "vif_aggr_rx"),
	    .tx = number(vm, "vif_aggr_tx"),
	    .read = number(vm, "vbd_aggr_read"),
	    .written = number(vm, "vbd_aggr_write"),
	};
}

static int by_id(const void *a, const void *b)
{
	return strcmp(((const struct row *)a)->id, ((const struct row *)b)->id);
}

static struct row *find(const struct table *t, const char *id)
{
	const struct row key = {.id = id};

	return t->n > 0 ? bsearch(&key, t->rows, t->n, sizeof key, by_id) : NULL;
}

/* All rows, none of NULL; a VM counts for its host, and has its host's name. */
static void read_rows(struct mu_arena *a, const struct mu_value *stats, struct table *hosts,
		      struct table *vms)
{
	const struct mu_value *host_list = mu_value_get(stats, "hosts");
	const struct mu_value *vm_list = mu_value_get(stats, "vms");

	hosts->rows =
	    mu_arena_calloc(a, (host_list ? host_list->n_children : 0) + 1, sizeof *hosts->rows);
	vms->rows = mu_arena_calloc(a, (vm_list ? vm_list->n_children : 0) + 1, sizeof *vms->rows);
	if (host_list)
		mu_value_each(v, host_list) hosts->rows[hosts->n++] = host_row(v);
	qsort(hosts->rows, hosts->n, sizeof *hosts->rows, by_id);
	if (vm_list)
		mu_value_each(v, vm_list) vms->rows[vms->n++] = vm_row(v);
	for (size_t i = 0; i < vms->n; i++) {
		struct row *vm = &vms->rows[i], *host = find(hosts, vm->where);

		vm->id = vm->where;
		vm->where = host ? host->name : "";
		if (!host)
			continue;
		host->n_vms++;
		host->read = both(host->read, vm->read);
		host->written = both(host->written, vm->written);
	}
	for (size_t i = 0; i < hosts->n; i++)
		hosts->rows[i].where = mu_arena_printf(a, "%zu", hosts->rows[i].n_vms);
}

/* --- order --- */

static double key_of(const struct row *r, enum top_sort sort)
{
	switch (sort) {
	case TOP_CPU:
		return r->cpu;
	case TOP_MEMORY:
		return r->memory;
	case TOP_NET:
		return both(r->rx, r->tx);
	case TOP_DISK:
		return both(r->read, r->written);
	case TOP_NAME:
	case _TOP_SORT_COUNT:
		break;
	}
	return 0;
}

/* By name what is otherwise the same. */
static int compare(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (isnan(x->key) != isnan(y->key))
		return isnan(x->key) ? 1 : -1;
	if (x->key > y->key || x->key < y->key)
		return x->key > y->key ? -1 : 1;
	return strcasecmp(x->name, y->name);
}

/* `hosts`: a row is its own host. */
static void choose(struct table *t, const struct top_view *v)
{
	size_t n = 0;

	for (size_t i = 0; i < t->n; i++)
		if (chosen(v, t->rows[i].id, t->rows[i].name))
			t->rows[n++] = t->rows[i];
	t->n = n;
	for (size_t i = 0; i < n; i++)
		t->rows[i].key = key_of(&t->rows[i], v->sort);
	qsort(t->rows, n, sizeof *t->rows, compare);
	for (size_t i = 0; v->reverse && i < n / 2; i++) {
		struct row other = t->rows[i];

		t->rows[i] = t->rows[n - 1 - i];
		t->rows[n - 1 - i] = other;
	}
}

/* --- text --- */

/* The first `width` columns of it. */
static const char *cut(struct mu_arena *a, const char *text, size_t width)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str s = MU_STR_INIT;
	char *copy;
	size_t len;

	cli_format_text(&s, text);
	copy = mu_arena_strdup(a, s.data ? s.data : "");
	len = strlen(copy);
	while (cli_format_width(copy) > width) {
		do
			len--;
		while (((unsigned char)copy[len] & 0xc0) == 0x80);
		copy[len] = '\0';
	}
	return copy;
}

static const char *value(struct mu_arena *a, double v, const char *unit)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str s = MU_STR_INIT;

	cli_spark_value(&s, v, unit);
	return mu_arena_strdup(a, s.data);
}

static void cells_of(struct mu_arena *a, const struct row *r, const char *cells[COLUMNS])
{
	cells[0] = cut(a, r->name, NAME_MAX_WIDTH);
	cells[1] = cut(a, r->where, NAME_MAX_WIDTH);
	cells[2] = cut(a, r->state, NAME_MAX_WIDTH);
	cells[3] = value(a, r->cpu, "ratio");
	cells[4] = value(a, r->size, "count");
	cells[5] = value(a, r->memory, "bytes");
	cells[6] = value(a, r->rx, "bytes/s");
	cells[7] = value(a, r->tx, "bytes/s");
	cells[8] = value(a, both(r->read, r->written), "bytes/s");
}

static void add_line(struct mu_str *out, struct mu_arena *a, const struct top_view *v,
		     const char *line)
{
	mu_str_add(out, v->width ? cut(a, line, v->width) : line);
	mu_str_add_char(out, '\n');
}

static void add_cells(struct mu_str *out, struct mu_arena *a, const struct top_view *v,
		      const char *const cells[COLUMNS], const size_t *widths)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str line = MU_STR_INIT;

	for (size_t i = 0; i < COLUMNS; i++) {
		size_t pad = widths[i] - cli_format_width(cells[i]);
		bool number = i >= 3;

		mu_str_printf(&line, "%s%*s%s", i > 0 ? "  " : "", number ? (int)pad : 0, "",
			      cells[i]);
		if (!number)
			mu_str_printf(&line, "%*s", (int)pad, "");
	}
	add_line(out, a, v, line.data);
}

/* At most `lines` of them, 0: all. */
static void add_table(struct mu_str *out, struct mu_arena *a, const struct top_view *v,
		      const struct table *t, size_t lines)
{
	size_t n = lines && t->n > lines ? lines - 1 : t->n;
	const char *(*cells)[COLUMNS] = mu_arena_calloc(a, n + 1, sizeof *cells);
	size_t widths[COLUMNS];

	for (size_t k = 0; k < COLUMNS; k++)
		widths[k] = strlen(t->headers[k]);
	for (size_t i = 0; i < n; i++) {
		cells_of(a, &t->rows[i], cells[i]);
		for (size_t k = 0; k < COLUMNS; k++)
			if (cli_format_width(cells[i][k]) > widths[k])
				widths[k] = cli_format_width(cells[i][k]);
	}
	add_cells(out, a, v, t->headers, widths);
	for (size_t i = 0; i < n; i++)
		add_cells(out, a, v, cells[i], widths);
	if (n < t->n)
		add_line(out, a, v, mu_arena_printf(a, "... and %zu more", t->n - n));
}

void top_draw(struct mu_str *out, struct mu_arena *a, const struct top_view *v,
	      const struct mu_value *stats)
{
	struct table hosts = {.headers = host_headers}, vms = {.headers = vm_headers};
	size_t room = v->height > HEAD_LINES + 2 ? v->height - HEAD_LINES : 2, n_hosts;

	read_rows(a, stats, &hosts, &vms);
	choose(&hosts, v);
	choose(&vms, v);
	n_hosts = hosts.n;
	if (n_hosts > room / HOSTS_PART && n_hosts + vms.n > room)
		n_hosts = room / HOSTS_PART > 0 ? room / HOSTS_PART : 1;
	add_line(out, a, v,
		 mu_arena_printf(a, "muster top: %zu host%s, %zu VM%s%s%s", hosts.n,
				 hosts.n == 1 ? "" : "s", vms.n, vms.n == 1 ? "" : "s",
				 v->status ? "; " : "", v->status ? v->status : ""));
	mu_str_add_char(out, '\n');
	add_table(out, a, v, &hosts, v->height ? n_hosts : 0);
	mu_str_add_char(out, '\n');
	add_table(out, a, v, &vms, v->height ? room - n_hosts : 0);
}
