/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings that are the same on both sides but for their names, as tables: a row is a member of a
 * libxl object and its place in a struct. Shared by the files of this folder alone.
 */
#ifndef MUSTER_AGENT_HV_DCONF_ROWS_H
#define MUSTER_AGENT_HV_DCONF_ROWS_H

#include "agent/hv/dconf/dconf.h"
#include "common/base/value.h"

#include <stdbool.h>
#include <stdint.h>

enum dconf_kind {
	DCONF_TEXT,  /* char[size] <-> string; "" = not there */
	DCONF_WORD,  /* the same, one of `words` */
	DCONF_FLAG,  /* enum hv_flag <-> "True", "False" */
	DCONF_TRUE,  /* bool <-> "True" */
	DCONF_BOOL,  /* bool <-> true */
	DCONF_U32,   /* up to `max`; 0 = not there */
	DCONF_KIB,   /* int64_t of bytes <-> KiB, 1024 to `max`; 0 = not there */
	DCONF_LINES, /* char[size], each ended by '\n' <-> list of strings */
};

struct dconf_row {
	const char *path; /* "b_info/sched_params/weight" */
	enum dconf_kind kind;
	size_t offset;
	size_t size;
	int64_t max;
	const char *const *words; /* ends with NULL */
};

struct dconf_table {
	const struct dconf_row *rows;
	size_t n;
};

extern const struct dconf_table dconf_domain;
extern const struct dconf_table dconf_boot; /* PV and PVH with a bootloader */
extern const struct dconf_table dconf_kernel;
extern const struct dconf_table dconf_hap; /* PVH and HVM */
extern const struct dconf_table dconf_hvm;
extern const struct dconf_table dconf_vnc; /* within a libxl_vnc_info */
extern const struct dconf_table dconf_spice;
extern const struct dconf_table dconf_disk;
extern const struct dconf_table dconf_nic;
extern const struct dconf_table dconf_pci;
extern const struct dconf_table dconf_usb_controller;

/* Moves into `base` what fits there; the rest stays in `object` as it is. */
void dconf_rows_read(struct mu_value *object, const struct dconf_table *table, void *base);
/* Puts what `base` says over what `object` has. */
void dconf_rows_write(struct mu_arena *a, struct mu_value *object, const struct dconf_table *table,
		      const void *base);

/* Takes a whole number out of `object`; false, and nothing happens, when it has none in range. */
bool dconf_take_int(struct mu_value *object, const char *name, int64_t min, int64_t max,
		    int64_t *ret);
/* The event that a libxl action comes to; NULL is libxl's default. *ret_finer: it is not all that
 * the action says ("coredump_restart"), or is none that we know. */
enum hv_on_event dconf_action(const char *action, bool *ret_finer);
/* A text that a definition can hold: `size` bytes with its end, UTF-8, no control characters. */
bool dconf_text_fits(const char *text, size_t size);

#endif
