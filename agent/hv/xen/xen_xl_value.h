/* SPDX-License-Identifier: Apache-2.0 */
/* libxl's JSON of one of its structs, as a value. libxl writes through yajl. */
#ifndef MUSTER_AGENT_HV_XEN_XL_VALUE_H
#define MUSTER_AGENT_HV_XEN_XL_VALUE_H

#include "agent/hv/xen/xen_xl.h"
#include "common/base/assert.h"
#include "common/json/json.h"

/* libxl's header takes yajl for version 1 otherwise. */
#define HAVE_YAJL_YAJL_VERSION_H 1
#include <libxl_json.h>
#include <yajl/yajl_gen.h>

static inline struct mu_value *xl_value_of(struct xl *x, yajl_gen g, yajl_gen_status written)
{
	const unsigned char *text;
	struct mu_value *v;
	size_t len;

	mu_assert(written == yajl_gen_status_ok);
	mu_assert(yajl_gen_get_buf(g, &text, &len) == yajl_gen_status_ok);
	mu_assert(mu_json_read(x->arena, (const char *)text, len, &v, NULL) == 0);
	yajl_gen_free(g);
	return v;
}

/* XL_VALUE(x, libxl_device_disk_gen_json, &disk) */
#define XL_VALUE(x, gen_json, p)                                                                   \
	__extension__({                                                                            \
		yajl_gen g_ = yajl_gen_alloc(NULL);                                                \
                                                                                                   \
		mu_assert(g_);                                                                     \
		xl_value_of((x), g_, gen_json(g_, (p)));                                           \
	})

#endif
