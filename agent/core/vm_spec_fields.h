/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables that definitions are read and written by: a row is a field's name, kind, place and
 * range. Shared by vm_spec_read.c and vm_spec_write.c alone.
 */
#ifndef MUSTER_AGENT_CORE_VM_SPEC_FIELDS_H
#define MUSTER_AGENT_CORE_VM_SPEC_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum vm_field_kind {
	FIELD_UUID, /* not required: nil is left out */
	FIELD_TEXT, /* char[max + 1] */
	FIELD_BOOL,
	FIELD_FLAG, /* enum hv_flag: true, false, or left out */
	FIELD_U32,
	FIELD_PLACE, /* uint32_t, and a bool at `has` that says whether it is said */
	FIELD_I32,
	FIELD_I64,
	FIELD_SIZE,  /* int64_t of bytes, or a string with a unit */
	FIELD_NAME,  /* an enum by `names` */
	FIELD_WORD,  /* char[max + 1], one of `names` */
	FIELD_ARCH,  /* no place: there is one that we can run */
	FIELD_LINES, /* list of strings; char[max + 1], each ended by '\n' */
	FIELD_CPUS,  /* CPU list, or a list of them; char[max + 1], then each ended by ';' */
	FIELD_PAIRS, /* object of strings: config.xenstore */
	FIELD_JSON,  /* object of anything; its text in char[max + 1] */
	FIELD_LIST,  /* `list` */
};

struct vm_field {
	const char *name;
	enum vm_field_kind kind;
	bool required;
	size_t offset;
	size_t has;
	int64_t min;
	int64_t max; /* texts: bytes */
	const char *const *names;
	size_t n_names;
	const struct vm_list *list;
};

/* An array in the struct and its count; offsets from the struct's start. */
struct vm_list {
	size_t count;
	size_t items;
	size_t item_size;
	size_t max;
	const struct vm_field *fields; /* NULL: the items are texts */
	size_t n_fields;
	/* An item of which nothing was said yet, but for what follows from the rest of `of`. */
	void (*defaults)(void *item, const void *of);
	void (*read)(void *item); /* what follows from what was said; may be NULL */
};

extern const struct vm_field vm_spec_fields[];
extern const size_t vm_spec_n_fields;

#endif
