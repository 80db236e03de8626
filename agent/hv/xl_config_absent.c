/* SPDX-License-Identifier: Apache-2.0 */
/* In place of the reader in xen/, when libxl was not there to build with. */
#include "agent/hv/xl_config.h"

int xl_config_read(struct mu_arena *a, const char *text, size_t len, struct mu_value **ret_libxl,
		   struct mu_error *err)
{
	(void)a, (void)text, (void)len, (void)ret_libxl;
	return mu_error_set(
	    err, MU_E_UNSUPPORTED,
	    "this build cannot read xl's files; hint: install libxen-dev and build again "
	    "with -Dxen=enabled");
}
