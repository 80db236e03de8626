/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET /messages: what has been, in Xen Orchestra's shape and XAPI's words, as far as XAPI has a
 * word for it. Tasks are what is remembered here, so a message is a task that succeeded, for as
 * long as the task is kept. Alarms are in /alarms, as there; what failed is a task's business.
 */
#include "common/rest/messages.h"

#include "common/rest/fields.h"
#include "common/rest/render.h"

#include <string.h>

struct word {
	const char *name; /* XAPI's */
	const char *done; /* "VM 'web' started on host ..." */
};

static const struct word *word_of(const struct model_task *t)
{
	static const struct word started = {"VM_STARTED", "started"};
	static const struct word shut_down = {"VM_SHUTDOWN", "shut down"};
	static const struct word rebooted = {"VM_REBOOTED", "rebooted"};
	static const struct word suspended = {"VM_SUSPENDED", "suspended"};
	static const struct word resumed = {"VM_RESUMED", "resumed"};
	static const struct word cloned = {"VM_CLONED", "cloned"};
	static const struct word *const of_op[_VM_OP_COUNT] = {
	    [VM_OP_START] = &started,           [VM_OP_CLEAN_SHUTDOWN] = &shut_down,
	    [VM_OP_HARD_SHUTDOWN] = &shut_down, [VM_OP_CLEAN_REBOOT] = &rebooted,
	    [VM_OP_HARD_REBOOT] = &rebooted,    [VM_OP_SUSPEND] = &suspended,
	    [VM_OP_RESUME] = &resumed,
	};

	if (t->status != TASK_SUCCESS || t->n_parts) /* of a group each part is one */
		return NULL;
	if (strcmp(t->method, "vm.clone") == 0)
		return &cloned;
	return t->method[0] || t->op >= _VM_OP_COUNT ? NULL : of_op[t->op];
}

enum { MESSAGE_MARK = 'm' };

static struct rest_message message_of(const struct model_task *t)
{
	return (struct rest_message){.id = mu_uuid_twin(&t->id, MESSAGE_MARK), .task = t};
}

static const struct rest_message *message(const void *object)
{
	return object;
}

/* Fields */

static struct mu_value *message_object(struct rest_render *r, const void *object)
{
	return rest_uuid(r->arena, task_object(message(object)->task));
}

static struct mu_value *message_name(struct rest_render *r, const void *object)
{
	return mu_value_string(r->arena, word_of(message(object)->task)->name);
}

static struct mu_value *message_time(struct rest_render *r, const void *object)
{
	return rest_seconds(r->arena, message(object)->task->end);
}

/* By the names that both have now. */
static struct mu_value *message_body(struct rest_render *r, const void *object)
{
	const struct rest_backend *b = &r->rest->backend;
	const struct model_task *t = message(object)->task;
	const struct vm_id id = {*task_object(t)};
	const struct model_vm *vm = b->vm_find(b->ctx, &id);
	const struct model_host *host = b->host_find(b->ctx, &t->host);
	char text[MU_UUID_TEXT];

	return mu_value_string(r->arena,
			       mu_arena_printf(r->arena, "VM '%s' %s on host: %s (uuid: %s)",
					       vm ? vm->name : "?", word_of(t)->done,
					       host ? host->name : "?",
					       mu_uuid_format(&t->host.uuid, text)));
}

static struct mu_value *message_task(struct rest_render *r, const void *object)
{
	return rest_uuid(r->arena, &message(object)->task->id);
}

static const struct rest_field fields[] = {
    REST_COMMON_FIELDS,
    {"$object", message_object},
    {"name", message_name},
    {"body", message_body},
    {"time", message_time},
    /* Ours */
    {"taskId", message_task},
};

static const struct mu_uuid *message_id(const void *object)
{
	return &message(object)->id;
}

struct walk {
	bool (*each)(const void *object, void *arg);
	void *arg;
};

static bool walk_task(const struct model_task *t, void *arg)
{
	const struct rest_message m = message_of(t);
	const struct walk *w = arg;

	return !word_of(t) || w->each(&m, w->arg);
}

static void each_message(const struct rest_backend *b, bool (*each)(const void *object, void *arg),
			 void *arg)
{
	struct walk w = {each, arg};

	b->each_task(b->ctx, walk_task, &w);
}

static void find_message(struct rest *rest, const struct mu_uuid *id,
			 void (*found)(const void *object, void *arg), void *arg)
{
	const struct rest_backend *b = &rest->backend;
	const struct mu_uuid task_id = mu_uuid_twin(id, MESSAGE_MARK);
	const struct model_task *t = b->task_find(b->ctx, &task_id);
	const struct rest_message m = {.id = *id, .task = t};

	if (t && word_of(t))
		found(&m, arg);
}

const struct rest_type rest_type_message = {
    .name = "message",
    .collection = "messages",
    .fields = fields,
    .n_fields = MU_ARRAY_SIZE(fields),
    .id = message_id,
    .each = each_message,
    .find = find_message,
};

void rest_messages_task_changed(struct rest *rest, enum rest_change what,
				const struct model_task *t)
{
	const struct rest_message m = message_of(t);

	if (word_of(t))
		rest_feed_message_changed(rest->feed, what == REST_REMOVE ? what : REST_ADD, &m);
}

bool rest_message_is_about(const void *object, const void *arg)
{
	return mu_uuid_equal(task_object(message(object)->task), arg);
}
