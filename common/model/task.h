/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A task: something asked for that takes time. Life: pending -> success | failure | interrupted.
 * It is an operation of a VM (`op`) or a call (`method`), or a group: the same asked of many, whose
 * parts are tasks of their own. Plain data, so what a call gives back is bounded and stands inline;
 * its arguments, which can be long, are with who runs or sends it. Times in ms since 1970 UTC.
 */
#ifndef MUSTER_MODEL_TASK_H
#define MUSTER_MODEL_TASK_H

#include "common/base/error.h"
#include "common/base/id.h"
#include "common/base/time.h"
#include "common/model/call.h"
#include "common/model/vm.h"

enum task_status {
	TASK_PENDING,
	TASK_SUCCESS,
	TASK_FAILURE,
	TASK_INTERRUPTED, /* the outcome is not known and will not be */
	_TASK_STATUS_COUNT,
};

struct model_task {
	struct mu_uuid id;
	enum task_status status;
	enum vm_op op;                    /* _VM_OP_COUNT: a call, or a definition */
	char method[CALL_METHOD_MAX + 1]; /* of a call, else "" */
	struct mu_uuid object; /* of a call: whatever its method is about; of a group: the pool */
	struct mu_uuid parent; /* the group that it is a part of; nil: none */
	uint32_t n_parts;      /* of a group, with those that were refused at once; else 0 */
	struct vm_id vm;       /* that it is about; nil: another object */
	struct host_id host;
	char user[MODEL_NAME_MAX + 1]; /* who asked */
	mu_msec start;
	mu_msec updated;
	mu_msec end;             /* 0 while pending */
	mu_msec abort_requested; /* 0 = no */
	mu_msec deadline;        /* 0 = none */
	int32_t progress;        /* 0..100 */
	struct mu_error err;     /* TASK_FAILURE, TASK_INTERRUPTED */
	/* TASK_SUCCESS of a call: what it gives back, a JSON object; "" = nothing */
	char value[CALL_VALUE_MAX + 1];
};

/* "vm.edit" of a call, else "start", ...: what it does, for people. */
const char *task_what(const struct model_task *t);
/* That it is about: a VM, or whatever a call's method is for. */
const struct mu_uuid *task_object(const struct model_task *t);
const char *task_status_name(enum task_status s);
bool task_status_parse(const char *name, enum task_status *ret);

#endif
