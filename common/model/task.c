/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/task.h"

#include "common/base/assert.h"

#include <string.h>

static const char *const names[_TASK_STATUS_COUNT] = {
    [TASK_PENDING] = "pending",
    [TASK_SUCCESS] = "success",
    [TASK_FAILURE] = "failure",
    [TASK_INTERRUPTED] = "interrupted",
};

const char *task_what(const struct model_task *t)
{
	return t->method[0] ? t->method : vm_op_name(t->op);
}

const struct mu_uuid *task_object(const struct model_task *t)
{
	return t->method[0] || t->n_parts ? &t->object : &t->vm.uuid;
}

const char *task_status_name(enum task_status s)
{
	mu_assert(s < _TASK_STATUS_COUNT);
	return names[s];
}

bool task_status_parse(const char *name, enum task_status *ret)
{
	for (size_t i = 0; i < _TASK_STATUS_COUNT; i++)
		if (strcmp(names[i], name) == 0) {
			*ret = (enum task_status)i;
			return true;
		}
	return false;
}
