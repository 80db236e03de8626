/* SPDX-License-Identifier: Apache-2.0 */
/* In place of xen/, when libxl was not there to build with. */
#include "agent/hv/drivers.h"

int hv_xen_new(struct mu_loop *loop, const struct hv_ops **ret_ops, void **ret_impl,
	       struct mu_error *err)
{
	(void)loop, (void)ret_ops, (void)ret_impl;
	return mu_error_set(
	    err, MU_E_UNSUPPORTED,
	    "this build has no Xen driver; hint: install libxen-dev and build again "
	    "with -Dxen=enabled");
}
