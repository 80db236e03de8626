/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the reader of xl.cfg (agent/hv/xl_config.h); for the files xen_xl*.c alone. */
#ifndef MUSTER_AGENT_HV_XEN_XL_H
#define MUSTER_AGENT_HV_XEN_XL_H

#include "common/base/error.h"
#include "common/base/value.h"
#include "common/model/vm.h"

#include <libxlutil.h>
#include <stdio.h>

struct xl {
	struct mu_arena *arena;
	XLU_Config *cfg;
	enum vm_type type;
	struct mu_value *root; /* what comes out */
	const char *list;      /* where the list goes that is being read */
	uint32_t vcpus_max;
	uint32_t vnuma_vcpus;
	int64_t vnuma_kib;
	libxl_cpuid_policy_list cpuid;
	FILE *report; /* where libxlu says what is wrong */
	char *said;   /* as of the last flush */
	size_t n_said;
	long n_heard; /* so much of it was passed on */
};

/* MU_E_INVALID in libxlu's words: what it said since the last time. */
int xl_failed(struct xl *x, struct mu_error *err);

/* Keys and options by a word of their own. */
enum { XL_PV = 1 << VM_TYPE_PV, XL_PVH = 1 << VM_TYPE_PVH, XL_HVM = 1 << VM_TYPE_HVM };

/* Nothing but well-formed settings of known keys. */
int xl_scan(const char *text, size_t len, bool (*known)(const char *key), struct mu_error *err);

bool xl_rows_know(const char *key);
/* All keys that are a value of their own. */
int xl_rows_read(struct xl *x, struct mu_error *err);
/* CPUs, memory and virtual NUMA nodes. */
int xl_cpus_read(struct xl *x, struct mu_error *err);
int xl_devices_read(struct xl *x, struct mu_error *err);
int xl_vsnd_read(struct xl *x, struct mu_error *err);

/* Values of keys. False: the key is not set. */
bool xl_has(const struct xl *x, const char *key);
const char *xl_string(const struct xl *x, const char *key); /* NULL: not set, or a list */
int xl_long(const struct xl *x, const char *key, int64_t min, int64_t max, bool *ret_set,
	    int64_t *ret, struct mu_error *err);
/* Calls `each` for every string of a list; a key that is not set has none. */
int xl_list(struct xl *x, const char *key,
	    int (*each)(struct xl *x, const char *text, size_t at, struct mu_error *err),
	    struct mu_error *err);

/* The object "a/b" within the result, made where there is none. */
struct mu_value *xl_at(struct xl *x, const char *path);
/* The list of that name, likewise. */
struct mu_value *xl_list_at(struct xl *x, const char *path);
/* Sets the member that ends `path`. */
void xl_put(struct xl *x, const char *path, struct mu_value *v);

/* "key=value,..." within a device. */
enum xl_option_kind {
	XL_OPT_TEXT,
	XL_OPT_INT,
	XL_OPT_BOOL,    /* true when not 0 */
	XL_OPT_DEFBOOL, /* "True", "False" */
	XL_OPT_WORD,    /* one of `words`: pairs of xl's and libxl's, ends with NULL */
};

struct xl_option {
	const char *name;
	enum xl_option_kind kind;
	const char *path; /* within the device */
	const char *const *words;
	int64_t max; /* XL_OPT_INT; 0 = INT32_MAX */
};

/* One option into `object`. MU_E_INVALID when it is unknown or its value is wrong. */
int xl_option_read(struct xl *x, const char *text, const struct xl_option *options, size_t n,
		   struct mu_value *object, struct mu_error *err);
/* All options of `text`, divided by commas; `other` gets those that the table does not have, and
 * says 0 (taken), negative (failed) or 1 (not known). May be NULL. */
int xl_options_read(struct xl *x, const char *text, const struct xl_option *options, size_t n,
		    int (*other)(struct xl *x, const char *option, struct mu_value *object,
				 struct mu_error *err),
		    struct mu_value *object, struct mu_error *err);
/* A whole number, decimal or 0x..., and nothing else. */
bool xl_number(const char *text, int base, int64_t max, int64_t *ret);

#endif
