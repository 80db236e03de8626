/* SPDX-License-Identifier: Apache-2.0 */
/* JSON-RPC 2.0: requests read and answers written, one message at a time. No batches. Any thread.
 */
#ifndef MUSTER_REST_JSONRPC_H
#define MUSTER_REST_JSONRPC_H

#include "common/base/error.h"
#include "common/base/str.h"
#include "common/base/value.h"

enum jsonrpc_code {
	JSONRPC_PARSE_ERROR = -32700,
	JSONRPC_INVALID_REQUEST = -32600,
	JSONRPC_METHOD_NOT_FOUND = -32601,
	JSONRPC_INTERNAL_ERROR = -32603,
};

struct jsonrpc_request {
	/* Null when the message does not say it as it should; NULL: none, so that there is to be
	 * no answer. */
	const struct mu_value *id;
	const char *method;
	const struct mu_value *params; /* an object, empty when there was none */
};

/* 0, or a code with *ret_request's id, to be answered with, and `err`. */
int jsonrpc_read(struct mu_arena *a, const char *text, size_t len,
		 struct jsonrpc_request *ret_request, struct mu_error *err);

/* Appends "{...,"result":"; the result's text and a "}" are to follow. */
void jsonrpc_add_head(struct mu_str *out, const struct mu_value *id);
void jsonrpc_add_result(struct mu_str *out, const struct mu_value *id,
			const struct mu_value *result);
void jsonrpc_add_error(struct mu_str *out, const struct mu_value *id, int code, const char *text);

#endif
