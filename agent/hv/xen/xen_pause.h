/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pausing on the loop thread, by hypercall: it never waits for the libxl thread, which may be busy
 * for seconds with building another domain. So a pause can bracket a snapshot of disks.
 */
#ifndef MUSTER_AGENT_HV_XEN_PAUSE_H
#define MUSTER_AGENT_HV_XEN_PAUSE_H

#include "agent/hv/hv.h"

#include <xenctrl.h>

/* True: the operation is complete. False: it is libxl's to do. `mark` belongs to the domain and is
 * set while it is paused from here. */
bool xen_pause_now(xc_interface *xch, struct hv_op *op, uint8_t *mark);
/* An HVM domain's QEMU may have been stopped too, unless it was paused from here: libxl wakes it.
 */
bool xen_unpause_now(xc_interface *xch, struct hv_op *op, bool hvm, uint8_t *mark);

#endif
