/* SPDX-License-Identifier: Apache-2.0 */
/* Refusals in the audit log: the first of a kind by somebody at once, then how many more there
 * were. Loop thread. */
#ifndef MUSTER_AGGREGATOR_APP_REFUSALS_H
#define MUSTER_AGGREGATOR_APP_REFUSALS_H

#include "common/base/id.h"

struct app;
struct refused;

struct refused *refused_new(struct app *app);
struct refused *refused_free(struct refused *rf);
/* Nothing is stored any more. */
void refused_stop(struct refused *rf);
/* `what` is the kind; `object` NULL: none. */
void refused_note(struct refused *rf, const char *user, const char *from, const char *what,
		  const char *path, const struct mu_uuid *object);

#endif
