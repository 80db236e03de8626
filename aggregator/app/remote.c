/* SPDX-License-Identifier: Apache-2.0 */
/* The fleet, as aggregator/remote sends it on. */
#include "aggregator/remote/remote.h"
#include "aggregator/app/app.h"
#include "aggregator/app/shown.h"
#include "common/log/log.h"

struct every {
	void (*each)(void *arg, const struct mu_uuid *id);
	void *arg;
};

static bool host_id(const struct model_host *h, void *arg)
{
	const struct every *e = arg;

	e->each(e->arg, &h->id.uuid);
	return true;
}

static bool vm_id(const struct model_vm *vm, void *arg)
{
	const struct every *e = arg;

	e->each(e->arg, &vm->id.uuid);
	return true;
}

static void each_object(void *ctx, void (*each)(void *arg, const struct mu_uuid *id), void *arg)
{
	const struct app *app = ctx;
	struct every e = {each, arg};

	inventory_each_host(app->inventory, host_id, &e);
	inventory_each_vm(app->inventory, vm_id, &e);
}

static const struct model_host *find_host(const struct app *app, const struct mu_uuid *id)
{
	return inventory_host_find(app->inventory, &(struct host_id){*id});
}

static const struct model_vm *find_vm(const struct app *app, const struct mu_uuid *id)
{
	return inventory_vm_find(app->inventory, &(struct vm_id){*id});
}

static bool put_object(void *ctx, const struct mu_uuid *id, enum expose_names names,
		       struct expose_remote *request)
{
	const struct app *app = ctx;
	const struct model_host *h = find_host(app, id);
	const struct model_vm *vm = h ? NULL : find_vm(app, id);
	struct shown shown;

	if (h)
		shown_host(app, h, names, &shown);
	else if (vm)
		shown_vm(app, vm, names, &shown);
	else
		return false;
	expose_remote_object(request, &shown.object);
	return true;
}

static size_t own_of_host(const struct app *app, const struct model_host *h,
			  enum expose_names names, uint32_t step, struct remote_own *ret)
{
	struct shown_disks disks;
	size_t n = 0;

	ret[n++] = (struct remote_own){EXPOSE_INFO, 1};
	ret[n++] = (struct remote_own){EXPOSE_UP, h->connected};
	if (names != EXPOSE_XEN_EXPORTER)
		return n;
	shown_disks(app, h, step, &disks);
	ret[n++] = (struct remote_own){EXPOSE_DISK_READ, disks.read};
	ret[n++] = (struct remote_own){EXPOSE_DISK_WRITE, disks.written};
	return n;
}

static size_t own(void *ctx, const struct mu_uuid *id, enum expose_names names, uint32_t step,
		  struct remote_own ret[REMOTE_OWN_MAX])
{
	const struct app *app = ctx;
	const struct model_host *h = find_host(app, id);
	const struct model_vm *vm = h ? NULL : find_vm(app, id);

	if (h)
		return own_of_host(app, h, names, step, ret);
	if (!vm)
		return 0;
	ret[0] = (struct remote_own){EXPOSE_INFO, 1};
	ret[1] = (struct remote_own){EXPOSE_UP, shown_running(vm)};
	return 2;
}

void app_remote_open(struct app *app)
{
	const struct app_options *o = app->options;
	MU_CLEANUP(mu_free) char *mark = mu_xasprintf("%s/metrics/remote-write", o->state);
	struct remote_options options = {
	    .loop = app->loop,
	    .metrics = app->metrics,
	    .mark = mark,
	    .target = {.url = o->remote_write,
		       .ca_file = o->remote_write_ca,
		       .token_file = o->remote_write_token,
		       .user = o->remote_write_user,
		       .password_file = o->remote_write_password,
		       .timeout = o->remote_write_timeout},
	    .each = each_object,
	    .object = put_object,
	    .own = own,
	    .ctx = app,
	};

	if (!o->remote_write)
		return;
	expose_names_parse(o->remote_write_names, &options.target.names);
	app->remote = remote_new(&options);
	mu_log_info("samples go on by remote_write url=%s", o->remote_write);
}
