/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/hv/xen/xen_readback.h"

#include "agent/hv/dconf/dconf.h"
#include "agent/hv/xen/xen_convert.h"
#include "agent/hv/xen/xen_log.h"
#include "common/base/mem.h"
#include "common/json/json.h"

#include <inttypes.h>
#include <libxl.h>
#include <stdlib.h>
#include <string.h>

enum { RECORD_MAX = 1 << 20 };

struct xen_readback {
	struct xen_log *log;
	libxl_ctx *ctx; /* only to read records with: never runs an operation */
};

int xen_readback_new(struct xen_readback **ret, struct mu_error *err)
{
	struct xen_readback *b = mu_xcalloc(1, sizeof *b);
	int rc;

	b->log = xen_log_new();
	rc = libxl_ctx_alloc(&b->ctx, LIBXL_VERSION, 0, xen_log_logger(b->log));
	if (rc != 0) {
		b->ctx = NULL;
		xen_readback_free(b);
		return mu_error_set(err, MU_E_UNAVAILABLE, "libxl does not start (rc %d, %s)", rc,
				    xen_error_name(rc));
	}
	*ret = b;
	return 0;
}

struct xen_readback *xen_readback_free(struct xen_readback *b)
{
	if (!b)
		return NULL;
	(void)libxl_ctx_free(b->ctx);
	xen_log_free(b->log);
	free(b);
	return NULL;
}

static int read_record(struct xen_readback *b, uint32_t domid, char **ret_json,
		       struct mu_error *err)
{
	MU_CLEANUP(mu_free) uint8_t *data = NULL;
	int len = 0;
	int rc = libxl_userdata_retrieve(b->ctx, domid, "libxl-json", &data, &len);

	if (rc != 0)
		return mu_error_set(err, xen_error_code(rc),
				    "libxl's record cannot be read (rc %d, %s)", rc,
				    xen_error_name(rc));
	if (len == 0)
		return mu_error_set(err, MU_E_NOT_FOUND,
				    "libxl has no record of its configuration; hint: it was made "
				    "by a tool that does not use libxl, or is still being built");
	if (len > RECORD_MAX)
		return mu_error_set(err, MU_E_TOO_LARGE, "libxl's record has %d bytes", len);
	*ret_json = mu_xstrndup((const char *)data, (size_t)len);
	return 0;
}

int xen_readback_config(struct xen_readback *b, const struct hv_domain *domain,
			struct hv_vm_config *ret, struct mu_error *err)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	MU_CLEANUP(mu_free) char *json = NULL;
	struct mu_value *v;

	if (read_record(b, domain->domid.value, &json, err) < 0)
		return MU_FAILED;
	if (mu_json_read(a, json, strlen(json), &v, err) < 0 || dconf_read(v, ret, err) < 0)
		return mu_error_prefix(err, "libxl's record");
	ret->id = domain->id;
	if (domain->name[0] != '\0') /* it may have been renamed */
		memcpy(ret->name, domain->name, sizeof ret->name);
	return 0;
}
