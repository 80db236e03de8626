/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The domains as the loop thread knows them: the hypervisor's list, asked anew each time, joined
 * with the facts that the store thread has told. A listing never waits for xenstore.
 */
#ifndef MUSTER_AGENT_HV_XEN_DOMAINS_H
#define MUSTER_AGENT_HV_XEN_DOMAINS_H

#include "agent/hv/xen/xen_facts.h"
#include "common/base/error.h"

#include <xenctrl.h>

struct xen_domains;

struct xen_domains *xen_domains_new(void);
/* Takes NULL; returns NULL. */
struct xen_domains *xen_domains_free(struct xen_domains *l);
/* Remember (or forget, when `gone`). */
void xen_domains_learn(struct xen_domains *l, const struct xen_facts *facts);
/* NULL when nothing is known of it (yet). */
const struct xen_facts *xen_domains_find(const struct xen_domains *l, struct hv_domid domid);
/* As hv_ops.list. */
int xen_domains_read(const struct xen_domains *l, xc_interface *xch, struct hv_domain *ret_domains,
		     size_t max, size_t *ret_n, struct mu_error *err);
/* As hv_ops.dom0. */
int xen_domains_dom0(const struct xen_domains *l, xc_interface *xch, struct model_controller *ret,
		     struct mu_error *err);
/* One domain, straight from the hypervisor. Returns 1 and fills *ret, 0 when there is none. */
int xen_domains_probe(xc_interface *xch, struct hv_domid domid, struct hv_domain *ret);

#endif
