/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The request that asks for a method. One with a route of its own is asked for there, since that
 * takes no more than the privilege that the route states; POST /calls, which knows all methods, is
 * the administrators'. Pure; everything lives in the arena.
 */
#ifndef MUSTER_AGGREGATOR_CLI_METHOD_H
#define MUSTER_AGGREGATOR_CLI_METHOD_H

#include "common/base/value.h"

struct cli_method_call {
	const char *method;     /* "vdi.delete" */
	const char *collection; /* that the object is of: "vdis"; NULL: POST /calls */
	const char *object;     /* its id; of a device's method the VBD's or VIF's */
	const char *host;       /* of several that have the object; NULL: any */
	const struct mu_value *arguments;
};

struct cli_method_request {
	const char *verb; /* "POST" */
	const char *path; /* "/rest/v0/vdis/<id>?sync=false": what is answered is the task */
	const struct mu_value *body;
};

void cli_method_request(struct mu_arena *a, const struct cli_method_call *call,
			struct cli_method_request *ret);

#endif
