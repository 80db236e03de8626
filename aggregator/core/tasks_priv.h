/* SPDX-License-Identifier: Apache-2.0 */
/* What tasks.c (one task's life) and tasks_groups.c (groups) share. */
#ifndef MUSTER_AGGREGATOR_CORE_TASKS_PRIV_H
#define MUSTER_AGGREGATOR_CORE_TASKS_PRIV_H

#include "aggregator/core/tasks.h"
#include "common/base/list.h"
#include "common/base/map.h"

struct task_item {
	struct mu_link link;
	struct mu_link pending; /* in no list once finished */
	struct model_task task;
	char *arguments; /* of a pending call */
	struct task_lines lines;
	bool visible;
	bool sent;
	bool maybe_sent;
	bool ending; /* its end is being stored */
	/* Groups */
	struct mu_link parts; /* a group's, by `part` */
	struct mu_link part;
	struct mu_link changed;  /* a group that something has become of */
	struct task_item *group; /* that it is a part of; NULL = none, or gone */
};

struct tasks {
	struct mu_map *by_id;
	struct mu_link all;
	struct mu_link pending;
	struct mu_link changed; /* groups */
	size_t history;
	size_t n_pending;
	size_t n_finished;
	size_t n_argument_bytes;
	size_t n_lines; /* of all */
};

struct task_item *task_item_find(const struct tasks *t, const struct mu_uuid *id);
const struct model_task *task_item_finish(struct tasks *t, struct task_item *item,
					  enum task_status status, mu_msec now);

/* tasks_groups.c */
/* Something has become of one of its parts. Takes NULL. */
void task_group_touch(struct tasks *t, struct task_item *group);
/* A task from the store takes its place. */
void task_group_load(struct tasks *t, struct task_item *item);
/* It goes: as a part, and as a group. */
void task_group_forget(struct task_item *item);

#endif
