/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arguments of `vm.edit` applied to a definition: a new definition that was checked as a whole,
 * and when each change comes into force. All of it or nothing. Pure; no ownership.
 */
#ifndef MUSTER_AGENT_CORE_VM_EDIT_H
#define MUSTER_AGENT_CORE_VM_EDIT_H

#include "agent/core/vm_spec.h"

enum vm_edit_when {
	VM_EDIT_AT_ONCE,  /* concerns the definition alone */
	VM_EDIT_LIVE,     /* a running domain can be changed */
	VM_EDIT_AT_START, /* only a new domain has it */
};

struct vm_edit_change {
	const char *argument; /* "cpus" */
	const char *field;    /* of the definition: "vcpus" */
	enum vm_edit_when when;
	bool in_force; /* with the definition alone: there is no domain, or it has it already */
};

enum { VM_EDIT_CHANGES_MAX = 48 };

struct vm_edit {
	struct vm_spec spec;
	size_t n_changes; /* one per argument */
	struct vm_edit_change changes[VM_EDIT_CHANGES_MAX];
};

/* `built`: what the domain or save file was built from, NULL when there is none. `args` have passed
 * call_check(). MU_E_INVALID; MU_E_UNSUPPORTED for what this host cannot change. */
int vm_edit_plan(const struct vm_spec *now, const struct vm_spec *built,
		 const struct mu_value *args, struct vm_edit *ret_edit, struct mu_error *err);
/* What a domain that was built from `built` is to be asked for, so that it becomes what the edit
 * says as far as it can without a new start: HV_SET_*, in the order that they are to be given. */
enum { VM_EDIT_ORDERS_MAX = 5 };
size_t vm_edit_orders(const struct vm_edit *edit, const struct vm_spec *built,
		      enum hv_op_kind ret_orders[static VM_EDIT_ORDERS_MAX]);
/* The domain has obeyed: `built` has what it was asked for. */
void vm_edit_obeyed(const struct vm_edit *edit, enum hv_op_kind order, struct vm_spec *built);
/* After that: what is in force by now. */
void vm_edit_note(struct vm_edit *edit, const struct vm_spec *built);
/* Would the two build different domains? */
bool vm_edit_differs(const struct vm_spec *a, const struct vm_spec *b);

#endif
