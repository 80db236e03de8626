/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration of a running domain, from what libxl has recorded of it. libxl keeps that file
 * up to date when devices are plugged. Its own call for this (libxl_retrieve_domain_configuration)
 * takes QEMU's lock and forks; reading the record is short and never waits for an operation.
 */
#ifndef MUSTER_AGENT_HV_XEN_READBACK_H
#define MUSTER_AGENT_HV_XEN_READBACK_H

#include "agent/hv/hv_types.h"
#include "common/base/error.h"

struct xen_readback;

int xen_readback_new(struct xen_readback **ret, struct mu_error *err);
/* Takes NULL; returns NULL. */
struct xen_readback *xen_readback_free(struct xen_readback *b);
int xen_readback_config(struct xen_readback *b, const struct hv_domain *domain,
			struct hv_vm_config *ret, struct mu_error *err);

#endif
