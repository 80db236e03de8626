/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Xen Orchestra's dashboards: sums over what the user may see now, made when they are asked for.
 * What only backups or a distribution's updates would know is said to be empty or not permitted, in
 * the words that Xen Orchestra has for that.
 */
#include "common/rest/access.h"
#include "common/rest/fields.h"

#include <math.h>
#include <string.h>

enum { TOP = 5 };

struct top {
	const void *object;
	double percent;
};

/* The largest first. */
struct tops {
	struct top all[TOP];
	size_t n;
};

static void offer(struct tops *t, const void *object, double percent)
{
	size_t i = t->n;

	for (; i > 0 && percent > t->all[i - 1].percent; i--)
		if (i < TOP)
			t->all[i] = t->all[i - 1];
	if (i < TOP)
		t->all[i] = (struct top){object, percent};
	if (t->n < TOP)
		t->n++;
}

struct sums {
	const struct rest_backend *backend;
	struct rest_viewer viewer; /* of what is being walked */
	int64_t n_hosts, n_enabled, n_disabled, n_away;
	int64_t cpus, memory;
	struct tops ram, cpu, srs;
	int64_t n_vms, by_power[_VM_POWER_COUNT];
	int64_t vcpus; /* of VMs that are not halted */
	int64_t sr_size, sr_used;
	bool sr_known;
};

static void take_cpu(void *arg, const char *name, float value)
{
	if (strcmp(name, "cpu_avg") == 0)
		*(double *)arg = (double)value;
}

static bool add_host(const struct model_host *h, void *arg)
{
	struct sums *s = arg;
	int64_t used = h->memory_total_bytes - h->memory_free_bytes;
	double cpu = (double)NAN;

	if (!rest_viewer_sees(&s->viewer, h))
		return true;
	s->n_hosts++;
	s->cpus += h->cpus;
	s->memory += h->memory_total_bytes;
	if (!h->connected) {
		s->n_away++;
		return true;
	}
	s->n_disabled += h->maintenance;
	s->n_enabled += !h->maintenance;
	if (h->memory_total_bytes > 0)
		offer(&s->ram, h, 100.0 * (double)used / (double)h->memory_total_bytes);
	if (s->backend->newest)
		(void)s->backend->newest(s->backend->ctx, &h->id.uuid, take_cpu, &cpu);
	if (isfinite(cpu))
		offer(&s->cpu, h, 100.0 * cpu);
	return true;
}

static bool add_vm(const struct model_vm *vm, void *arg)
{
	struct sums *s = arg;
	const struct model_host *h;

	if (vm->kind != VM_KIND_VM || !rest_viewer_sees(&s->viewer, vm))
		return true;
	h = s->backend->host_find(s->backend->ctx, &vm->host);
	s->n_vms++;
	s->by_power[h && h->connected ? vm->power : VM_UNKNOWN]++;
	if (vm->power != VM_HALTED && vm->power != VM_SUSPENDED)
		s->vcpus += vm->vcpus_online ? vm->vcpus_online : vm->vcpus_max;
	return true;
}

/* What holds images for CD drives is no room for disks. */
static bool add_sr(const struct model_object *o, void *arg)
{
	struct sums *s = arg;

	if (o->sr.iso || o->sr.size_bytes <= 0 || o->sr.used_bytes < 0 ||
	    !rest_viewer_sees(&s->viewer, o))
		return true;
	s->sr_known = true;
	s->sr_size += o->sr.size_bytes;
	s->sr_used += o->sr.used_bytes;
	offer(&s->srs, o, 100.0 * (double)o->sr.used_bytes / (double)o->sr.size_bytes);
	return true;
}

static struct sums sum_up(struct rest_call *c)
{
	const struct rest_backend *b = &c->rest->backend;
	struct sums s = {.backend = b};

	rest_viewer_init(&s.viewer, c, &rest_type_host, "read");
	b->each_host(b->ctx, add_host, &s);
	rest_viewer_deinit(&s.viewer);
	rest_viewer_init(&s.viewer, c, &rest_type_vm, "read");
	b->each_vm(b->ctx, add_vm, &s);
	rest_viewer_deinit(&s.viewer);
	rest_viewer_init(&s.viewer, c, &rest_type_sr, "read");
	b->each_object(b->ctx, OBJECT_SR, add_sr, &s);
	rest_viewer_deinit(&s.viewer);
	return s;
}

static bool sees_pool(struct rest_call *c)
{
	const struct rest_backend *b = &c->rest->backend;
	struct rest_pool pool;

	b->pool(b->ctx, &pool);
	return rest_may(c->rest, &c->user, "pool:read", &pool.id);
}

/* Values */

struct count {
	const char *name;
	int64_t n;
};

static struct mu_value *counts(struct mu_arena *a, const struct count *all, size_t n)
{
	struct mu_value *v = mu_value_object(a);

	for (size_t i = 0; i < n; i++)
		mu_value_set_int(a, v, all[i].name, all[i].n);
	return v;
}
#define COUNTS(a, ...)                                                                             \
	counts(a, (const struct count[]){__VA_ARGS__},                                             \
	       sizeof((const struct count[]){__VA_ARGS__}) / sizeof(struct count))

static struct mu_value *one_flag(struct mu_arena *a, const char *name, bool value)
{
	struct mu_value *v = mu_value_object(a);

	mu_value_set_bool(a, v, name, value);
	return v;
}

static struct mu_value *vms_status(struct mu_arena *a, const struct sums *s)
{
	const int64_t *n = s->by_power;

	return COUNTS(a, {"running", n[VM_RUNNING]}, {"paused", n[VM_PAUSED]},
		      {"suspended", n[VM_SUSPENDED]}, {"halted", n[VM_HALTED]},
		      {"active", n[VM_RUNNING] + n[VM_PAUSED]},
		      {"inactive", n[VM_HALTED] + n[VM_SUSPENDED]}, {"unknown", n[VM_UNKNOWN]},
		      {"total", s->n_vms});
}

static struct mu_value *sr_sizes(struct mu_arena *a, const struct sums *s)
{
	struct mu_value *v = mu_value_object(a);

	if (!s->sr_known)
		return one_flag(a, "isEmpty", true);
	mu_value_set(a, v, "size",
		     COUNTS(a, {"total", s->sr_size}, {"used", s->sr_used},
			    {"available", s->sr_size - s->sr_used}, {"replicated", 0},
			    {"other", s->sr_used}));
	return v;
}

/* GET /dashboard */
struct http_reply *rest_get_dashboard(struct rest_call *c)
{
	const struct sums s = sum_up(c);
	struct mu_arena *a = c->arena;
	struct mu_value *v = mu_value_object(a);
	bool pool = sees_pool(c);
	bool connected = pool && s.n_away < s.n_hosts;

	mu_value_set_int(a, v, "nPools", pool);
	mu_value_set_int(a, v, "nHosts", s.n_hosts);
	mu_value_set(a, v, "hostsStatus",
		     COUNTS(a, {"running", s.n_enabled}, {"disabled", s.n_disabled}, {"halted", 0},
			    {"unknown", s.n_away}, {"total", s.n_hosts}));
	mu_value_set(a, v, "vmsStatus", vms_status(a, &s));
	mu_value_set(a, v, "poolsStatus",
		     COUNTS(a, {"connected", connected}, {"disconnected", pool && !connected},
			    {"unreachable", 0}, {"unknown", 0}, {"total", pool}));
	mu_value_set(a, v, "missingPatches", one_flag(a, "hasAuthorization", false));
	mu_value_set(a, v, "resourcesOverview",
		     s.n_hosts ? COUNTS(a, {"nCpus", s.cpus}, {"memorySize", s.memory},
					{"srSize", s.sr_size})
			       : one_flag(a, "isEmpty", true));
	mu_value_set(a, v, "storageRepositories", sr_sizes(a, &s));
	mu_value_set(a, v, "backupRepositories", one_flag(a, "isEmpty", true));
	mu_value_set(a, v, "backups", one_flag(a, "isEmpty", true));
	return http_reply_json(c->request, 200, v);
}

/* The five largest, with how much of what. */
static struct mu_value *top_list(struct rest_render *r, const struct rest_type *type,
				 const struct tops *t, const char *size, const char *used)
{
	struct mu_value *list = mu_value_list(r->arena);

	for (size_t i = 0; i < t->n; i++) {
		const struct model_host *h = t->all[i].object;
		const struct model_object *o = t->all[i].object;
		bool sr = type == &rest_type_sr;
		struct mu_value *v = mu_value_push(list, mu_value_object(r->arena));

		mu_value_set(r->arena, v, "id", rest_uuid(r->arena, type->id(t->all[i].object)));
		mu_value_set_string(r->arena, v, "name_label", sr ? o->name : h->name);
		mu_value_set_real(r->arena, v, "percent", t->all[i].percent);
		if (!size)
			continue;
		mu_value_set_int(r->arena, v, size, sr ? o->sr.size_bytes : h->memory_total_bytes);
		mu_value_set_int(r->arena, v, used,
				 sr ? o->sr.used_bytes
				    : h->memory_total_bytes - h->memory_free_bytes);
	}
	return list;
}

struct alarms {
	struct mu_arena *arena;
	struct rest_viewer viewer;
	struct mu_value *list;
	const struct mu_uuid *of; /* NULL: all */
};

static bool add_alarm(const void *object, void *arg)
{
	struct alarms *all = arg;
	const struct alarm *a = object;

	if ((!all->of || mu_uuid_equal(&a->object, all->of)) && rest_viewer_sees(&all->viewer, a))
		mu_value_push(all->list, rest_uuid(all->arena, &a->id));
	return true;
}

static struct mu_value *alarm_ids(struct rest_call *c, const struct mu_uuid *of)
{
	struct alarms all = {.arena = c->arena, .list = mu_value_list(c->arena), .of = of};

	rest_viewer_init(&all.viewer, c, &rest_type_alarm, "read");
	rest_type_alarm.each(&c->rest->backend, add_alarm, &all);
	rest_viewer_deinit(&all.viewer);
	return all.list;
}

static struct mu_value *pool_hosts(struct rest_render *r, const struct sums *s)
{
	struct mu_value *v = mu_value_object(r->arena);
	struct mu_value *top;

	mu_value_set(r->arena, v, "status",
		     COUNTS(r->arena, {"running", s->n_enabled}, {"disabled", s->n_disabled},
			    {"halted", s->n_away}, {"total", s->n_hosts}));
	mu_value_set(r->arena, v, "missingPatches", one_flag(r->arena, "hasAuthorization", false));
	top = mu_value_set(r->arena, v, "topFiveUsage", mu_value_object(r->arena));
	mu_value_set(r->arena, top, "ram", top_list(r, &rest_type_host, &s->ram, "size", "usage"));
	mu_value_set(r->arena, top, "cpu", top_list(r, &rest_type_host, &s->cpu, NULL, NULL));
	return v;
}

/* GET /pools/{id}/dashboard */
struct http_reply *rest_get_pool_dashboard(struct rest_call *c)
{
	struct mu_arena *a = c->arena;
	struct mu_value *v, *part;
	struct rest_render r;
	struct sums s;

	if (!rest_pool_is_ours(c))
		return rest_not_found(c, "pool", c->id);
	s = sum_up(c);
	rest_render_init(&r, c->rest, a);
	v = mu_value_object(a);
	mu_value_set(a, v, "hosts", pool_hosts(&r, &s));
	part = mu_value_set(a, v, "vms", mu_value_object(a));
	mu_value_set(a, part, "status", vms_status(a, &s));
	part = mu_value_set(a, v, "srs", mu_value_object(a));
	mu_value_set(a, part, "topFiveUsage",
		     top_list(&r, &rest_type_sr, &s.srs, "size", "physical_usage"));
	mu_value_set(a, v, "alarms", alarm_ids(c, NULL));
	part = mu_value_set(a, v, "cpuProvisioning", mu_value_object(a));
	mu_value_set_int(a, part, "total", s.cpus);
	mu_value_set_int(a, part, "assigned", s.vcpus);
	mu_value_set_real(a, part, "percent",
			  s.cpus ? 100.0 * (double)s.vcpus / (double)s.cpus : 0.0);
	return http_reply_json(c->request, 200, v);
}

/* What is always there in it, also of a VM that is not known to run. */
static struct mu_value *quick_info(struct rest_render *r, const struct model_vm *vm)
{
	static const char fields[] =
	    "id,uuid,$pool,name_label,name_description,power_state,CPUs,mainIpAddress,os_version,"
	    "memory,creation,virtualizationMode,tags,pvDriversDetected,pvDriversVersion,startTime";
	struct query_fields wanted;
	struct mu_value *v;

	(void)query_fields_parse(r->arena, fields, &wanted, NULL);
	v = rest_render_object(r, &rest_type_vm, vm, &wanted);
	if (mu_value_find(v, "os_version")->kind == MU_VALUE_NULL) {
		mu_value_remove(v, "os_version");
		mu_value_set(r->arena, v, "os_version", mu_value_object(r->arena));
	}
	if (!mu_value_find(v, "pvDriversDetected"))
		mu_value_set_bool(r->arena, v, "pvDriversDetected", false);
	if (rest_vm_runs(vm))
		mu_value_set(r->arena, v, "host", rest_uuid(r->arena, &vm->host.uuid));
	return v;
}

/* GET /vms/{id}/dashboard */
struct http_reply *rest_get_vm_dashboard(struct rest_call *c)
{
	struct mu_arena *a = c->arena;
	struct mu_value *v, *backups;
	const struct model_vm *vm;
	struct rest_render r;
	struct vm_id id;

	vm = rest_vm_find(c, &id);
	if (!vm)
		return rest_not_found(c, "VM", c->id);
	rest_render_init(&r, c->rest, a);
	v = mu_value_object(a);
	mu_value_set(a, v, "quickInfo", quick_info(&r, vm));
	mu_value_set(a, v, "alarms", alarm_ids(c, &id.uuid));
	backups = mu_value_set(a, v, "backupsInfo", mu_value_object(a));
	mu_value_set(a, backups, "lastRuns", mu_value_list(a));
	mu_value_set_string(a, backups, "vmProtection", "not-in-active-job");
	mu_value_set(a, backups, "replication", mu_value_object(a));
	mu_value_set(a, backups, "backupArchives", mu_value_list(a));
	return http_reply_json(c->request, 200, v);
}
