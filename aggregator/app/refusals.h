/* SPDX-License-Identifier: Apache-2.0 */
/* Refusals in the audit log, and how many more of a kind there were (core/refusals.h). Loop thread.
 */
#ifndef MUSTER_AGGREGATOR_APP_REFUSALS_H
#define MUSTER_AGGREGATOR_APP_REFUSALS_H

#include "common/rest/rest.h"

struct app;
struct refused;

struct refused *refused_new(struct app *app);
struct refused *refused_free(struct refused *rf);
/* Nothing is stored any more. */
void refused_stop(struct refused *rf);
void refused_request(struct refused *rf, const struct rest_refusal *r);
void refused_sign_in(struct refused *rf, const char *name, const char *from);

#endif
