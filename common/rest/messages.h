/* SPDX-License-Identifier: Apache-2.0 */
/* The messages that tasks leave behind, told as events. Nothing is kept. */
#ifndef MUSTER_REST_MESSAGES_H
#define MUSTER_REST_MESSAGES_H

#include "common/rest/rest.h"

struct rest_message {
	struct mu_uuid id;
	const struct model_task *task;
};

/* Is it about the thing with this id (struct mu_uuid)? */
bool rest_message_is_about(const void *object, const void *id);
void rest_messages_task_changed(struct rest *rest, enum rest_change what,
				const struct model_task *t);

#endif
