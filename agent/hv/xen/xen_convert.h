/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only place that turns libxl's and libxc's structs into ours and back; a configuration goes
 * through libxl's own JSON form (agent/hv/dconf). Data in, data out, no call into Xen; any thread.
 * Tested in tests/unit/agent/hv/xen.
 */
#ifndef MUSTER_AGENT_HV_XEN_CONVERT_H
#define MUSTER_AGENT_HV_XEN_CONVERT_H

#include "agent/hv/hv_types.h"
#include "common/base/error.h"

#include <libxl.h>
#include <xenctrl.h>

/* In a domain's xenstore directory: says that it was built by us. */
#define XEN_OWNER_KEY "muster/owner"
#define XEN_OWNER_VALUE "muster-agent"

/* `ret` is initialised here and must be disposed by the caller, also on failure. It is marked as
 * ours. `ctx` is for libxl's parser, which asks nothing of the hypervisor. */
int xen_config_to_libxl(libxl_ctx *ctx, const struct hv_vm_config *config, libxl_domain_config *ret,
			struct mu_error *err);
/* Puts the name and the mark that it is ours into a config that was read from a save file. */
void xen_config_claim(libxl_domain_config *config, const char *name);
/* Adds "host,tm=0", as xl.cfg has it, to a policy; the first word is taken for granted. */
int xen_cpuid_parse(libxl_cpuid_policy_list *policy, const char *text, struct mu_error *err);

/* All that the hypervisor itself knows; the rest stays zero. */
void xen_domain_from_info(const xc_domaininfo_t *info, struct hv_domain *ret);

/* "xvda" from 51712, "hdc" from 5632; "" for what is none of ours. */
void xen_vdev_name(uint32_t number, char buf[static 16]);

/* What a libxl return code means for whoever asked. */
enum mu_error_code xen_error_code(int rc);
/* "FAIL", "NOMEM", ... */
const char *xen_error_name(int rc);

#endif
