/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/app/shown.h"

#include <math.h>
#include <string.h>

/* --- labels --- */

static void add(struct shown_labels *l, const char *key, const char *value)
{
	l->items[l->n++] = (struct expose_label){key, value};
}

static void finish(struct shown *s, enum expose_kind kind)
{
	s->object =
	    (struct expose_object){kind, s->labels.items, s->labels.n, s->info.items, s->info.n};
}

/* What every sample of Xen Orchestra's has. */
static void label_xo(const struct app *app, struct shown *s, const char *type)
{
	add(&s->labels, "pool_id", mu_uuid_format(&app->pool.id, s->other));
	add(&s->labels, "pool_name", app->pool.name);
	add(&s->labels, "uuid", s->id);
	add(&s->labels, "type", type);
}

void shown_host(const struct app *app, const struct model_host *h, enum expose_names names,
		struct shown *ret)
{
	ret->labels.n = ret->info.n = 0;
	mu_uuid_format(&h->id.uuid, ret->id);
	switch (names) {
	case EXPOSE_NATIVE:
		add(&ret->labels, "host_uuid", ret->id);
		add(&ret->info, "host", h->name);
		add(&ret->info, "xen_version", h->xen_version);
		add(&ret->info, "agent_version", h->agent_version);
		break;
	case EXPOSE_XEN_EXPORTER:
		add(&ret->labels, "host", h->name);
		add(&ret->labels, "host_uuid", ret->id);
		break;
	case EXPOSE_XO:
		label_xo(app, ret, "host");
		add(&ret->labels, "host_name", h->name);
		break;
	case _EXPOSE_NAMES_COUNT:
		break;
	}
	finish(ret, EXPOSE_HOST);
}

void shown_vm(const struct app *app, const struct model_vm *vm, enum expose_names names,
	      struct shown *ret)
{
	const struct model_host *h = inventory_host_find(app->inventory, &vm->host);

	ret->labels.n = ret->info.n = 0;
	mu_uuid_format(&vm->id.uuid, ret->id);
	mu_uuid_format(&vm->host.uuid, ret->other);
	switch (names) {
	case EXPOSE_NATIVE:
		add(&ret->labels, "vm_uuid", ret->id);
		add(&ret->info, "vm", vm->name);
		add(&ret->info, "host_uuid", ret->other);
		add(&ret->info, "host", h ? h->name : "");
		break;
	case EXPOSE_XEN_EXPORTER:
		add(&ret->labels, "host", h ? h->name : "");
		add(&ret->labels, "host_uuid", ret->other);
		add(&ret->labels, "vm", vm->name);
		add(&ret->labels, "vm_uuid", ret->id);
		break;
	case EXPOSE_XO:
		label_xo(app, ret, "vm");
		add(&ret->labels, "vm_name", vm->name);
		break;
	case _EXPOSE_NAMES_COUNT:
		break;
	}
	finish(ret, EXPOSE_VM);
}

float shown_running(const struct model_vm *vm)
{
	return vm->power == VM_UNKNOWN ? NAN : (float)(vm->power == VM_RUNNING);
}

/* --- disks --- */

struct adding {
	const struct app *app;
	uint32_t step;
	struct shown_disks *sum;
};

static const struct catalogue_object *values_of(const struct adding *a, const struct mu_uuid *id,
						float *ret)
{
	const struct catalogue_object *o;

	if (a->step == 0)
		return metrics_newest(a->app->metrics, id, ret);
	o = catalogue_find(metrics_catalogue(a->app->metrics), id);
	/* One that came later, or has ended, is no part of it. */
	if (!o || o->last < a->step)
		return NULL;
	metrics_at(a->app->metrics, o, a->step, ret);
	return o;
}

static bool add_disks(const struct model_vm *vm, void *arg)
{
	const struct adding *a = arg;
	float values[CATALOGUE_OBJECT_MAX];
	const struct catalogue_object *o = values_of(a, &vm->id.uuid, values);

	for (size_t i = 0; o && i < o->n_series; i++) {
		const char *name = catalogue_metric(o, i)->name;

		if (!strcmp(name, "vbd_aggr_read"))
			a->sum->read += values[i];
		else if (!strcmp(name, "vbd_aggr_write"))
			a->sum->written += values[i];
	}
	a->sum->n_series += o ? o->n_series : 0;
	return true;
}

void shown_disks(const struct app *app, const struct model_host *h, uint32_t step,
		 struct shown_disks *ret)
{
	struct adding a = {app, step, ret};

	*ret = (struct shown_disks){.n_series = 0};
	inventory_host_each_vm(app->inventory, &h->id, add_disks, &a);
	if (step == 0 && !h->connected)
		ret->read = ret->written = NAN;
}
