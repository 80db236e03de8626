/* SPDX-License-Identifier: Apache-2.0 */
/* The handlers of collections that are only looked at: the route says of which type. */
#include "common/rest/alarms.h"
#include "common/rest/messages.h"
#include "common/rest/render.h"

struct http_reply *rest_get_list(struct rest_call *c)
{
	return rest_list(c, c->type, NULL, NULL);
}

struct finding {
	struct rest_call *call;
	const struct mu_uuid *id;
	struct http_reply *reply; /* NULL: it was not found */
	struct http_reply *(*answer)(struct finding *f, const void *object);
};

static void found(const void *object, void *arg)
{
	struct finding *f = arg;

	f->reply = f->answer(f, object);
}

static struct http_reply *find(struct rest_call *c,
			       struct http_reply *(*answer)(struct finding *f, const void *object))
{
	struct mu_uuid id;
	struct finding f = {.call = c, .id = &id, .answer = answer};

	if (mu_uuid_parse(c->id, &id))
		c->type->find(c->rest, &id, found, &f);
	return f.reply ? f.reply : rest_not_found(c, c->type->name, c->id);
}

static struct http_reply *answer_object(struct finding *f, const void *object)
{
	return rest_single(f->call, f->call->type, object);
}

struct http_reply *rest_get_one(struct rest_call *c)
{
	return find(c, answer_object);
}

/* Ids are unique over all types. */
static bool task_is_about(const void *object, const void *arg)
{
	const struct model_task *t = object;

	return mu_uuid_equal(&t->vm.uuid, arg) || mu_uuid_equal(&t->object, arg);
}

static struct http_reply *answer_tasks(struct finding *f, const void *object)
{
	(void)object;
	return rest_list(f->call, &rest_type_task, task_is_about, f->id);
}

struct http_reply *rest_get_tasks_of(struct rest_call *c)
{
	return find(c, answer_tasks);
}

static struct http_reply *answer_messages(struct finding *f, const void *object)
{
	(void)object;
	return rest_list(f->call, &rest_type_message, rest_message_is_about, f->id);
}

struct http_reply *rest_get_messages_of(struct rest_call *c)
{
	return find(c, answer_messages);
}

static struct http_reply *answer_alarms(struct finding *f, const void *object)
{
	(void)object;
	return rest_list(f->call, &rest_type_alarm, rest_alarm_is_about, f->id);
}

struct http_reply *rest_get_alarms_of(struct rest_call *c)
{
	return find(c, answer_alarms);
}

static struct http_reply *answer_backup_jobs(struct finding *f, const void *object)
{
	(void)object;
	return rest_list(f->call, &rest_type_backup_job, NULL, NULL);
}

static bool none(const void *object, const void *arg)
{
	(void)object;
	(void)arg;
	return false;
}

static struct http_reply *answer_no_vdis(struct finding *f, const void *object)
{
	(void)object;
	return rest_list(f->call, &rest_type_vdi, none, NULL);
}

/* Domain 0 has the machine's disks, none out of an SR. */
struct http_reply *rest_get_controller_vdis(struct rest_call *c)
{
	return find(c, answer_no_vdis);
}

struct http_reply *rest_get_backup_jobs_of(struct rest_call *c)
{
	return find(c, answer_backup_jobs);
}
