/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From what a person types to one object of a list. Tried in this order: the whole UUID, the
 * whole name, the start of a UUID (at least 4 characters), the start of a name. "host:name" narrows
 * to one host. Two candidates are an error that lists them, never a guess. Pure.
 */
#ifndef MUSTER_AGGREGATOR_CLI_RESOLVE_H
#define MUSTER_AGGREGATOR_CLI_RESOLVE_H

#include "common/base/error.h"
#include "common/base/value.h"

enum { CLI_RESOLVE_PREFIX_MIN = 4, CLI_RESOLVE_SURE_MIN = 8 };

/* How well a thing has to be named. What destroys takes the whole name, or CLI_RESOLVE_SURE_MIN
 * characters of the id: `vm delete web` must not mean "web-old" on the day when "web" is gone. */
enum cli_resolve_care { CLI_RESOLVE_EASY, CLI_RESOLVE_SURE };

/* Objects with "id" and "name_label"; `noun` ("host") opens the error. MU_E_NOT_FOUND, or
 * MU_E_INVALID when `ref` is ambiguous, or too short to be sure; then the candidate is named. */
int cli_resolve(const struct mu_value *objects, const char *noun, const char *ref,
		enum cli_resolve_care care, const struct mu_value **ret_object,
		struct mu_error *err);
/* The same among VMs, which are on hosts by "$container". */
int cli_resolve_vm(const struct mu_value *vms, const struct mu_value *hosts, const char *ref,
		   enum cli_resolve_care care, const struct mu_value **ret_vm,
		   struct mu_error *err);

#endif
