/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arguments of `vm.create` turned into a definition, and the disks that have to be made before
 * it may be stored. All checked, nothing done. The disks' ids follow from the VM's. Pure; no
 * ownership.
 */
#ifndef MUSTER_AGENT_CORE_VM_NEW_H
#define MUSTER_AGENT_CORE_VM_NEW_H

#include "agent/core/vm_builtin.h"

struct vm_new_disk {
	char vdev[16];
	char name[MODEL_NAME_MAX + 1];
	struct mu_uuid from; /* clone it; nil: a new one of size_bytes */
	struct mu_uuid to;
	struct mu_uuid sr;  /* nil: where `from` is */
	int64_t size_bytes; /* of a clone: grow it to that; 0 = as it is */
	bool at_least;      /* a clone that is larger already is as good */
};

struct vm_new {
	struct vm_spec spec; /* names the disks */
	size_t n_disks;
	struct vm_new_disk disks[HV_DISKS_MAX];
	/* A NoCloud seed, the last disk of the definition. */
	bool seed;
	struct mu_uuid seed_vdi;
	struct mu_uuid seed_sr;
	bool start; /* when it is there */
};

struct vm_new_request {
	const struct vm_spec *template; /* NULL: args has `definition`, or: */
	const struct builtin_template *builtin;
	const struct mu_value *args; /* have passed call_check() */
	struct vm_id id;
	struct mu_uuid sr; /* for disks that name none; nil: they have to */
	/* The bridge of a network, NULL: there is no such network here. */
	const char *(*bridge)(const struct mu_uuid *network, void *ctx);
	void *ctx;
};

/* MU_E_INVALID with the argument's path; MU_E_UNSUPPORTED for what plain Xen has not. */
int vm_new_plan(const struct vm_new_request *request, struct vm_new *ret_new, struct mu_error *err);

#endif
