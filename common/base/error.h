/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one error type, from driver to REST.
 *
 * A value on the caller's stack: a code out of a closed list and a sentence. It is filled once,
 * where the failure happens, and prefixed with the object on the way up. Functions return 0 when
 * done, negative when `err` says why (the value is MU_FAILED), positive only for outcomes that
 * their header lists. Text: lower case, no full stop; what to do about it goes behind "; hint: ".
 */
#ifndef MUSTER_BASE_ERROR_H
#define MUSTER_BASE_ERROR_H

enum mu_error_code {
	MU_E_NONE,
	MU_E_INTERNAL,        /* a bug, or the machine's state is not what it can be */
	MU_E_INVALID,         /* the request is malformed: syntax, type, range */
	MU_E_UNAUTHENTICATED, /* who are you? */
	MU_E_DENIED,          /* known, but not allowed */
	MU_E_NOT_FOUND,       /* no such object */
	MU_E_EXISTS,          /* there is one of that name or id already */
	MU_E_STATE,           /* not possible in the object's present state */
	MU_E_UNSUPPORTED,     /* this host, driver or version cannot do that */
	MU_E_UNAVAILABLE,     /* the other side is away; trying again can help */
	MU_E_TIMEOUT,         /* the deadline has passed; the outcome may be unknown */
	MU_E_CANCELLED,       /* somebody asked for it to stop */
	MU_E_TOO_LARGE,       /* over a documented limit */
	MU_E_EXHAUSTED,       /* no memory, space, descriptors or quota left */
	MU_E_IO,              /* a file, device or tool failed */
	MU_E_PROTOCOL,        /* the peer broke the protocol */
	_MU_E_COUNT,
};

#define MU_FAILED (-1)

enum { MU_ERROR_TEXT_MAX = 384 }; /* a longer one is cut, at a character; it is UTF-8 */

struct mu_error {
	enum mu_error_code code;
	char text[MU_ERROR_TEXT_MAX];
};

#define MU_ERROR_INIT                                                                              \
	{                                                                                          \
		.code = MU_E_NONE, .text = ""                                                      \
	}

/* Fill `err` (may be NULL: the caller does not care) and return MU_FAILED, for `return`. */
int mu_error_set(struct mu_error *err, enum mu_error_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* As mu_error_set, with ": strerror(errno_value)" appended and the code chosen from it. */
int mu_error_errno(struct mu_error *err, int errno_value, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Put "what: " in front of the text, e.g. the object's name. Returns MU_FAILED. */
int mu_error_prefix(struct mu_error *err, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

void mu_error_clear(struct mu_error *err);

/* Stable upper-case name ("NOT_FOUND"), used on the wire, in REST errors and in logs. */
const char *mu_error_name(enum mu_error_code code);
/* The inverse; MU_E_INTERNAL for an unknown name. */
enum mu_error_code mu_error_from_name(const char *name);
/* The one table: code -> HTTP status (reference: Xen Orchestra's REST) and gRPC status. */
int mu_error_http_status(enum mu_error_code code);
int mu_error_grpc_status(enum mu_error_code code);

#endif
