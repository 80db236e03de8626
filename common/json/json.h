/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON text to and from struct mu_value. Reading is jansson (strict: bad UTF-8, duplicate keys,
 * NUL and integers beyond 64 bits are refused), writing is yajl. No other folder includes either.
 */
#ifndef MUSTER_JSON_JSON_H
#define MUSTER_JSON_JSON_H

#include "common/base/error.h"
#include "common/base/str.h"
#include "common/base/value.h"

enum { MU_JSON_DEPTH_MAX = 64 };

/* Parse `len` bytes into `a`. MU_E_PROTOCOL with line and column when malformed. The caller bounds
 * `len`. */
int mu_json_read(struct mu_arena *a, const char *text, size_t len, struct mu_value **ret_value,
		 struct mu_error *err);

/* Append the text of `v`; `pretty` indents by two blanks and ends with a newline. */
void mu_json_write(struct mu_str *out, const struct mu_value *v, bool pretty);

#endif
