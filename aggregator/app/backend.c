/* SPDX-License-Identifier: Apache-2.0 */
/* common/rest's view of the fleet: a table of functions over the inventory and the tasks. */
#include "aggregator/app/app.h"
#include "aggregator/app/refusals.h"
#include "aggregator/app/sign_in.h"
#include "aggregator/app/users.h"
#include "common/base/mem.h"

static int authenticate(void *ctx, const char *token, const struct http_peer *peer,
			struct rest_user *ret_user, struct mu_error *err)
{
	return app_authenticate(ctx, token, peer, ret_user, err);
}

static void sign_in(void *ctx, const struct rest_sign_in *in, const char *from,
		    void (*done)(void *arg, const struct rest_user *user,
				 const struct mu_error *err),
		    void *arg)
{
	struct app *app = ctx;

	sign_in_start(app->sign_ins, in, from, done, arg);
}

static bool signed_in(void *ctx, const struct rest_sign_in *in, struct rest_user *ret_user)
{
	struct app *app = ctx;

	return sign_in_known(app->sign_ins, in, ret_user);
}

static int refresh(void *ctx, struct rest_user *user, struct mu_error *err)
{
	return sign_in_refresh(ctx, user, err);
}

static const struct rights *rights(void *ctx, const struct mu_uuid *account)
{
	struct app *app = ctx;

	return users_rights(app->users, account);
}

static void each_host(void *ctx, bool (*each)(const struct model_host *h, void *arg), void *arg)
{
	struct app *app = ctx;

	inventory_each_host(app->inventory, each, arg);
}

static void each_vm(void *ctx, bool (*each)(const struct model_vm *vm, void *arg), void *arg)
{
	struct app *app = ctx;

	inventory_each_vm(app->inventory, each, arg);
}

static void each_task(void *ctx, bool (*each)(const struct model_task *t, void *arg), void *arg)
{
	struct app *app = ctx;

	tasks_each(app->tasks, each, arg);
}

static const struct model_host *host_find(void *ctx, const struct host_id *id)
{
	struct app *app = ctx;

	return inventory_host_find(app->inventory, id);
}

static const struct model_vm *vm_find(void *ctx, const struct vm_id *id)
{
	struct app *app = ctx;

	return inventory_vm_find(app->inventory, id);
}

static enum vm_power vm_last_power(void *ctx, const struct model_vm *vm)
{
	struct app *app = ctx;

	/* A change that is told late may be of a VM that is gone by now. */
	if (!inventory_vm_find(app->inventory, &vm->id))
		return vm->power;
	return inventory_vm_last_power(app->inventory, &vm->id);
}

static void each_object(void *ctx, enum object_kind kind,
			bool (*each)(const struct model_object *o, void *arg), void *arg)
{
	struct app *app = ctx;

	inventory_each_object(app->inventory, kind, each, arg);
}

static const struct model_object *object_find(void *ctx, const struct mu_uuid *id)
{
	struct app *app = ctx;

	return inventory_object_find(app->inventory, id);
}

static void each_report(void *ctx, const struct mu_uuid *id,
			bool (*each)(const struct model_object *o, void *arg), void *arg)
{
	struct app *app = ctx;

	inventory_each_report(app->inventory, id, each, arg);
}

static const struct model_task *task_find(void *ctx, const struct mu_uuid *id)
{
	struct app *app = ctx;

	return tasks_find(app->tasks, id);
}

static void pool(void *ctx, struct rest_pool *ret_pool)
{
	struct app *app = ctx;

	*ret_pool = app->pool;
}

static void each_alarm(void *ctx, bool (*each)(const struct alarm *a, void *arg), void *arg)
{
	app_each_alarm(ctx, each, arg);
}

static const struct alarm *alarm_find(void *ctx, const struct mu_uuid *id)
{
	return app_alarm_find(ctx, id);
}

static void vm_op(void *ctx, const struct vm_id *vm, enum vm_op op, mu_msec deadline,
		  const struct rest_user *user, const char *from,
		  void (*done)(void *arg, const struct mu_uuid *task, const struct mu_error *err),
		  void *arg)
{
	struct admin_asker who = {.user = user->name, .from = from};

	app_vm_op(ctx, vm, op, deadline, &who, done, arg);
}

static void vm_define(void *ctx, const struct host_id *host, const struct mu_value *definition,
		      const struct rest_user *user, const char *from,
		      void (*done)(void *arg, const struct vm_id *vm, const struct mu_error *err),
		      void *arg)
{
	struct admin_asker who = {.user = user->name, .from = from};

	app_vm_define(ctx, host, definition, &who, done, arg);
}

static void call(void *ctx, const struct rest_ask *ask, const struct rest_user *user,
		 const char *from,
		 void (*done)(void *arg, const struct mu_uuid *task, const struct mu_error *err),
		 void *arg)
{
	struct admin_asker who = {.user = user->name, .from = from};

	app_call(ctx, ask, &who, done, arg);
}

static void host_read(void *ctx, struct host_read_op *op)
{
	struct app *app = ctx;

	fleet_host_read(app->fleet, op);
}

static void host_read_cancel(void *ctx, struct host_read_op *op)
{
	struct app *app = ctx;

	fleet_host_read_cancel(app->fleet, op);
}

static void task_group(
    void *ctx, const struct rest_task_group *group, const struct rest_user *user, const char *from,
    void (*done)(void *arg, const struct mu_uuid *task, const struct mu_error *err), void *arg)
{
	struct admin_asker who = {.user = user->name, .from = from};

	app_task_group(ctx, group, &who, done, arg);
}

static void each_part(void *ctx, const struct mu_uuid *group,
		      bool (*each)(const struct model_task *t, void *arg), void *arg)
{
	struct app *app = ctx;

	tasks_each_part(app->tasks, group, each, arg);
}

static void delete_tasks(void *ctx, const struct mu_uuid *ids, size_t n,
			 const struct rest_user *user, const char *from,
			 void (*done)(void *arg, const struct mu_error *err), void *arg)
{
	struct admin_asker who = {.user = user->name, .from = from};

	app_tasks_delete(ctx, ids, n, &who, done, arg);
}

static int task_check_delete(void *ctx, const struct mu_uuid *id, struct mu_error *err)
{
	struct app *app = ctx;

	return tasks_check_delete(app->tasks, id, err);
}

static const struct task_lines *task_lines(void *ctx, const struct mu_uuid *id)
{
	struct app *app = ctx;

	return tasks_lines(app->tasks, id);
}

static int task_abort(void *ctx, const struct mu_uuid *id, const struct rest_user *user,
		      const char *from, struct mu_error *err)
{
	struct admin_asker who = {.user = user->name, .from = from};

	return app_task_abort(ctx, id, &who, err);
}

static void stats(void *ctx, const struct stats_query *q,
		  void (*done)(void *arg, const struct stats_result *r, const struct mu_error *err),
		  void *arg)
{
	struct app *app = ctx;

	metrics_query(app->metrics, q, done, arg);
}

static size_t newest(void *ctx, const struct mu_uuid *id,
		     void (*each)(void *arg, const char *name, float value), void *arg)
{
	struct app *app = ctx;
	float values[CATALOGUE_OBJECT_MAX];
	const struct catalogue_object *o = metrics_newest(app->metrics, id, values);

	for (size_t i = 0; o && i < o->n_series; i++)
		each(arg, catalogue_metric(o, i)->name, values[i]);
	return o ? o->n_series : 0;
}

static int console_open(void *ctx, const struct rest_console *rq, const struct rest_user *user,
			const char *from, struct mu_pipe near, struct mu_pipe *ret_far,
			struct mu_error *err)
{
	struct admin_asker who = {.user = user->name, .from = from};

	return app_console_open(ctx, rq, &who, near, ret_far, err);
}

static int transfer_open(void *ctx, const struct rest_transfer *rq, const struct rest_user *user,
			 const char *from, struct mu_pipe near, struct mu_pipe *ret_far,
			 struct mu_error *err)
{
	struct admin_asker who = {.user = user->name, .from = from};

	return app_transfer_open(ctx, rq, &who, near, ret_far, err);
}

static void key_put(void *ctx, const struct rest_key *key,
		    void (*done)(void *arg, const struct mu_error *err), void *arg)
{
	app_key_put(ctx, key, done, arg);
}

static void key_drop(void *ctx, const struct rest_key *key)
{
	app_key_drop(ctx, key);
}

static size_t tags_of_object(void *ctx, const struct mu_uuid *id, char *const **ret_tags)
{
	const struct app *app = ctx;

	return tags_of(app->tags, id, ret_tags);
}

static void tag(void *ctx, const struct rest_tagging *what, const struct rest_user *user,
		const char *from, void (*done)(void *arg, const struct mu_error *err), void *arg)
{
	const struct admin_asker who = {.user = user->name, .from = from};

	app_tag(ctx, what, &who, done, arg);
}

static void refused(void *ctx, const struct rest_refusal *refusal)
{
	const struct app *app = ctx;

	refused_request(app->refused, refusal);
}

void app_rest_backend(struct app *app, struct rest_backend *ret)
{
	*ret = (struct rest_backend){
	    .ctx = app,
	    .authenticate = authenticate,
	    .sign_in = sign_in,
	    .signed_in = signed_in,
	    .refresh = refresh,
	    .rights = rights,
	    .each_host = each_host,
	    .each_vm = each_vm,
	    .each_object = each_object,
	    .each_report = each_report,
	    .each_task = each_task,
	    .host_find = host_find,
	    .vm_find = vm_find,
	    .vm_last_power = vm_last_power,
	    .object_find = object_find,
	    .task_find = task_find,
	    .pool = pool,
	    .each_alarm = each_alarm,
	    .alarm_find = alarm_find,
	    .vm_op = vm_op,
	    .vm_define = vm_define,
	    .call = call,
	    .host_read = host_read,
	    .host_read_cancel = host_read_cancel,
	    .task_group = task_group,
	    .each_part = each_part,
	    .tasks_delete = delete_tasks,
	    .task_check_delete = task_check_delete,
	    .task_lines = task_lines,
	    .task_abort = task_abort,
	    .key_put = key_put,
	    .key_drop = key_drop,
	    .stats = stats,
	    .newest = newest,
	    .console_open = console_open,
	    .transfer_open = transfer_open,
	    .refused = refused,
	    .tags_of = tags_of_object,
	    .tag = tag,
	};
}
