/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML text to struct mu_value, by libyaml: what JSON can say, in YAML's words. Plain words mean
 * what YAML 1.2 says (true, false, null, numbers); `yes`, `on` and their like, which YAML 1.1 takes
 * for something else, stay text. No other folder includes libyaml.
 */
#ifndef MUSTER_YAML_YAML_H
#define MUSTER_YAML_YAML_H

#include "common/base/error.h"
#include "common/base/value.h"

enum {
	MU_YAML_DEPTH_MAX = 32,
	MU_YAML_NODES_MAX = 20000, /* what aliases stand for is counted as often as it is used */
	MU_YAML_DOCUMENTS_MAX = 1000,
};

/* Parse `len` bytes into `a`: a list of the stream's documents. MU_E_INVALID with line and column
 * for what is malformed, beyond the bounds, or not sayable in JSON: keys that are no scalars or
 * come twice, tags other than !!str, NUL in a text. The caller bounds `len`. */
int mu_yaml_read(struct mu_arena *a, const char *text, size_t len, struct mu_value **ret_documents,
		 struct mu_error *err);

#endif
