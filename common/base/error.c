/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/error.h"

#include "common/base/assert.h"
#include "common/base/cut.h"
#include "common/base/mem.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* gRPC status numbers: https://grpc.io/docs/guides/status-codes/ */
static const struct {
	const char *name;
	int http;
	int grpc;
} codes[_MU_E_COUNT] = {
    [MU_E_NONE] = {"NONE", 200, 0},
    [MU_E_INTERNAL] = {"INTERNAL", 500, 13},
    [MU_E_INVALID] = {"INVALID", 422, 3},
    [MU_E_UNAUTHENTICATED] = {"UNAUTHENTICATED", 401, 16},
    [MU_E_DENIED] = {"DENIED", 403, 7},
    [MU_E_NOT_FOUND] = {"NOT_FOUND", 404, 5},
    [MU_E_EXISTS] = {"EXISTS", 409, 6},
    [MU_E_STATE] = {"STATE", 409, 9},
    [MU_E_UNSUPPORTED] = {"UNSUPPORTED", 501, 12},
    [MU_E_UNAVAILABLE] = {"UNAVAILABLE", 503, 14},
    [MU_E_TIMEOUT] = {"TIMEOUT", 504, 4},
    [MU_E_CANCELLED] = {"CANCELLED", 409, 1},
    [MU_E_TOO_LARGE] = {"TOO_LARGE", 413, 8},
    [MU_E_EXHAUSTED] = {"EXHAUSTED", 507, 8},
    [MU_E_IO] = {"IO", 500, 13},
    [MU_E_PROTOCOL] = {"PROTOCOL", 400, 3},
};

static void set_va(struct mu_error *err, enum mu_error_code code, const char *fmt, va_list ap)
{
	err->code = code;
	/* A text that does not fit is cut: better short than lost. */
	(void)vsnprintf(err->text, sizeof err->text, fmt, ap);
	mu_cut_mend(err->text);
}

/* ": text", as far as there is room. */
static void add(struct mu_error *err, const char *text)
{
	size_t len = strlen(err->text);

	(void)snprintf(err->text + len, sizeof err->text - len, ": %s", text);
	mu_cut_mend(err->text);
}

int mu_error_set(struct mu_error *err, enum mu_error_code code, const char *fmt, ...)
{
	va_list ap;

	mu_assert(code > MU_E_NONE && code < _MU_E_COUNT);
	if (err) {
		va_start(ap, fmt);
		set_va(err, code, fmt, ap);
		va_end(ap);
	}
	return MU_FAILED;
}

static enum mu_error_code code_of_errno(int e)
{
	switch (e) {
	case ENOENT:
	case ENODEV:
	case ENXIO:
		return MU_E_NOT_FOUND;
	case EEXIST:
		return MU_E_EXISTS;
	case EACCES:
	case EPERM:
		return MU_E_DENIED;
	case EINVAL:
		return MU_E_INVALID;
	case EMFILE:
	case ENFILE:
	case ENOMEM:
	case ENOSPC:
	case EDQUOT:
		return MU_E_EXHAUSTED;
	case ECONNREFUSED:
	case ECONNRESET:
	case EPIPE:
	case EAGAIN:
	case EBUSY:
		return MU_E_UNAVAILABLE;
	case ETIMEDOUT:
		return MU_E_TIMEOUT;
	case ENOSYS:
	case EOPNOTSUPP:
		return MU_E_UNSUPPORTED;
	default:
		return MU_E_IO;
	}
}

int mu_error_errno(struct mu_error *err, int errno_value, const char *fmt, ...)
{
	char reason[128];
	va_list ap;

	if (!err)
		return MU_FAILED;
	va_start(ap, fmt);
	set_va(err, code_of_errno(errno_value), fmt, ap);
	va_end(ap);
	add(err, strerror_r(errno_value, reason, sizeof reason));
	return MU_FAILED;
}

int mu_error_prefix(struct mu_error *err, const char *fmt, ...)
{
	char text[MU_ERROR_TEXT_MAX];
	va_list ap;

	if (!err)
		return MU_FAILED;
	memcpy(text, err->text, sizeof text);
	va_start(ap, fmt);
	set_va(err, err->code, fmt, ap);
	va_end(ap);
	add(err, text);
	return MU_FAILED;
}

void mu_error_clear(struct mu_error *err)
{
	err->code = MU_E_NONE;
	err->text[0] = '\0';
}

const char *mu_error_name(enum mu_error_code code)
{
	mu_assert(code < _MU_E_COUNT);
	return codes[code].name;
}

enum mu_error_code mu_error_from_name(const char *name)
{
	for (size_t i = 0; i < _MU_E_COUNT; i++)
		if (strcmp(codes[i].name, name) == 0)
			return (enum mu_error_code)i;
	return MU_E_INTERNAL;
}

int mu_error_http_status(enum mu_error_code code)
{
	mu_assert(code < _MU_E_COUNT);
	return codes[code].http;
}

int mu_error_grpc_status(enum mu_error_code code)
{
	mu_assert(code < _MU_E_COUNT);
	return codes[code].grpc;
}
