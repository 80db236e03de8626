/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The built-in templates: what a VM of a common guest is made like. A table, the same in every
 * program: nothing is stored, no host reports them. REST shows them beside the users' own
 * (common/rest/vms.c), an agent makes a VM of one (agent/core/vm_new.c). docs/design/templates.md.
 */
#ifndef MUSTER_MODEL_BUILTIN_H
#define MUSTER_MODEL_BUILTIN_H

#include "common/model/vm.h"

struct builtin_template {
	const char *key; /* what its id is made of: never changed, never used again */
	const char *name;
	const char *description;
	enum vm_type type;
	const char *firmware;   /* HVM: "bios", "uefi"; else "" */
	const char *bootloader; /* PV, PVH: "pygrub"; else "" */
	uint32_t vcpus;
	int64_t memory_bytes;
	int64_t memory_min_bytes; /* with less its installer, or its system, does not come up */
	int64_t disk_bytes;
	const char *nic_model; /* HVM: the emulated card; else "" */
	const char *vga;       /* HVM; else "" */
	bool viridian;
	bool localtime; /* the guest takes the machine's clock for local time */
	bool vtpm;
	/* An installer can be started: of a CD, of the network. Else the disk has to come with a
	 * system on it. */
	bool installs;
};

/* In the order they are shown; NULL at the end; *iter starts at 0. */
const struct builtin_template *builtin_next(size_t *iter);
/* NULL: no built-in template has this id. */
const struct builtin_template *builtin_find(const struct mu_uuid *id);
struct mu_uuid builtin_id(const struct builtin_template *t);
/* As a template is shown; on no host. */
void builtin_model(const struct builtin_template *t, struct model_vm *ret_vm);

#endif
