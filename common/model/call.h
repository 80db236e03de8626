/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a host can be asked for besides the operations of a VM's life: a method, the object it is
 * about, and arguments. The table (docs/design/objects.md) is the contract that REST, aggregator
 * and agent share; a row here is all that the way between them has to know. Pure; static data.
 */
#ifndef MUSTER_MODEL_CALL_H
#define MUSTER_MODEL_CALL_H

#include "common/base/error.h"
#include "common/base/value.h"
#include "common/model/vm.h"

enum {
	CALL_METHOD_MAX = 31,
	CALL_ARGUMENTS_MAX = 256 * 1024, /* bytes of JSON text */
	CALL_VALUE_MAX = 1023,           /* the same, of what comes back */
};

/* What the object's id is the id of. */
enum call_target {
	CALL_ON_VM, /* or VM snapshot, or template: `kinds` */
	CALL_ON_SR,
	CALL_ON_VDI,
	CALL_ON_HOST,
	_CALL_TARGET_COUNT,
};

enum call_arg_kind {
	CALL_TEXT,    /* `min` to `max` bytes, no control characters */
	CALL_LONG,    /* the content of a file: line breaks and tabs too */
	CALL_BOOL,    /* */
	CALL_INT,     /* `min` to `max` */
	CALL_SIZE,    /* bytes, `min` to `max`; a number or "10GiB" */
	CALL_UUID,    /* */
	CALL_NAME,    /* one of `names` */
	CALL_TEXTS,   /* at most CALL_LIST_MAX texts of 1 to `max` bytes */
	CALL_MAP,     /* an object of texts of at most `max` bytes */
	CALL_OBJECT,  /* the handler looks into it */
	CALL_OBJECTS, /* a list of them, at most CALL_LIST_MAX */
};

enum { CALL_LIST_MAX = 64 };

enum call_need {
	CALL_OPTIONAL,
	CALL_REQUIRED,
	CALL_ONE_OF, /* one at least of all that are marked so */
};

struct call_arg {
	const char *name;
	enum call_arg_kind kind;
	enum call_need need;
	bool nullable; /* null: take it away */
	int64_t min, max;
	const char *const *names; /* ended by NULL */
};

struct call_method {
	const char *name;
	enum call_target target;
	unsigned kinds;    /* CALL_ON_VM: 1 << enum vm_kind */
	unsigned powers;   /* CALL_ON_VM: 1 << enum vm_power, in which it can be done */
	bool takes_id;     /* of what it makes, as argument `id`: chosen before it leaves */
	const char *makes; /* the REST collection of what it makes, NULL = nothing */
	const struct call_arg *args;
	size_t n_args;
};

/* NULL: no such method. */
const struct call_method *call_find(const char *name);
/* All of them, in the order of the document; NULL at the end; *iter starts at 0. */
const struct call_method *call_next(size_t *iter);
/* "VM", "SR", "VDI", "host". */
const char *call_target_name(enum call_target t);
/* Are these its arguments? MU_E_INVALID with the path: "arguments: size: expected ...". */
int call_check(const struct call_method *m, const struct mu_value *args, struct mu_error *err);
/* May a VM in this power state be its object? */
bool call_allowed(const struct call_method *m, enum vm_power p);
/* "Halted or Running", for the error; `buf` is returned. */
const char *call_expected(const struct call_method *m, char *buf, size_t size);

#endif
