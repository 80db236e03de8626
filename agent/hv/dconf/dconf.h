/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libxl's JSON form of a domain's configuration (what `xl list -l` shows, what libxl records of a
 * domain, what libxl_domain_config_from_json() takes), and ours. Pure: values in, values out, no
 * libxl. What a struct hv_vm_config has no member for is kept in its `extra` texts as it is.
 * docs/design/passthrough.md.
 */
#ifndef MUSTER_AGENT_HV_DCONF_H
#define MUSTER_AGENT_HV_DCONF_H

#include "agent/hv/hv_config.h"
#include "common/base/error.h"
#include "common/base/value.h"

/* Marks in xenstore below this belong to the agent, not to the configuration. */
#define DCONF_OWN_KEYS "muster/"

/* MU_E_UNSUPPORTED when it has more of something than a configuration has room for, MU_E_INVALID
 * when it is no configuration. *ret is untouched on failure. */
int dconf_read(const struct mu_value *libxl, struct hv_vm_config *ret, struct mu_error *err);
/* MU_E_UNSUPPORTED for what libxl has no setting for. The result is in `a`. */
int dconf_write(struct mu_arena *a, const struct hv_vm_config *config, struct mu_value **ret_libxl,
		struct mu_error *err);

/* For who builds libxl's form. A path is "b_info/type.hvm/vnc". */

/* The object there, made where there is none. NULL: something else is in its place. */
struct mu_value *dconf_object(struct mu_arena *a, struct mu_value *root, const char *path);
/* The list there, likewise; something else in its place is replaced. */
struct mu_value *dconf_list(struct mu_arena *a, struct mu_value *root, const char *path);
/* A member in place of the one of that name. */
void dconf_put(struct mu_arena *a, struct mu_value *object, const char *name,
	       struct mu_value *child);
/* The same at the end of a path, whose objects are made; nothing where one of them is none. */
void dconf_set(struct mu_arena *a, struct mu_value *root, const char *path, struct mu_value *v);

#endif
