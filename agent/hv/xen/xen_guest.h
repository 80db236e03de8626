/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest facts: the rules that turn what a guest's agent wrote into xenstore into struct vm_guest
 * (docs/design/guest-facts.md). Everything read is the guest's word: bounded, sanitised, never
 * trusted. Knows no xenstore; it asks a source, so that its rules are tested with plain data.
 */
#ifndef MUSTER_AGENT_HV_XEN_GUEST_H
#define MUSTER_AGENT_HV_XEN_GUEST_H

#include "common/model/vm.h"

/* Paths are relative to the domain's directory. */
struct xen_guest_source {
	/* Text of a node on the heap, NULL when there is none. */
	char *(*read)(void *ctx, const char *path);
	/* Names of a node's children as one heap block to be freed, NULL when there is none. */
	char **(*list)(void *ctx, const char *path, unsigned *ret_n);
	void *ctx;
};

void xen_guest_collect(const struct xen_guest_source *source, struct vm_guest *ret);

#endif
