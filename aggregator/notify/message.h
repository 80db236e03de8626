/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a notice says: the JSON of a webhook, the text of a mail. Made on the loop thread, of values
 * alone.
 */
#ifndef MUSTER_AGGREGATOR_NOTIFY_MESSAGE_H
#define MUSTER_AGGREGATOR_NOTIFY_MESSAGE_H

#include "aggregator/core/notify.h"
#include "common/base/str.h"

struct message {
	const char *event; /* "raised", "changed", "cleared", "test" */
	struct mu_uuid delivery;
	mu_msec at; /* wall */
	size_t n_dropped;
	const struct mu_value *alarm; /* as REST shows it; NULL of a test */
};

void message_json(struct mu_str *out, struct mu_arena *a, const struct message *m);
/* RFC 5322, lines ending in CR LF. */
void message_mail(struct mu_str *out, const struct notify_target *t, const struct message *m);

#endif
