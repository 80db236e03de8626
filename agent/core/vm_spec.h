/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A VM's definition: what this host builds it from, and what it does when the guest stops. Text
 * form: docs/formats/vm-definition.md. Plain data, no ownership; pure.
 */
#ifndef MUSTER_AGENT_CORE_VM_SPEC_H
#define MUSTER_AGENT_CORE_VM_SPEC_H

#include "agent/hv/hv_types.h"
#include "common/base/error.h"
#include "common/base/value.h"

struct vm_spec {
	struct hv_vm_config config; /* config.id is the identity */
	enum vm_kind kind;
	char description[MODEL_TEXT_MAX + 1];
	/* VM_KIND_SNAPSHOT */
	struct vm_id snapshot_of; /* nil: the VM is gone */
	mu_msec snapshot_at;
	bool with_memory;
	struct vm_id parent;      /* what it was made of; nil = nothing that is remembered */
	int64_t memory_min_bytes; /* ballooning goes no lower; 0 = memory_bytes */
	bool autostart;
	int32_t start_order;
	mu_msec start_delay;
	size_t n_tags;
	char tags[MODEL_VM_TAGS_MAX][MODEL_TAG_MAX + 1];
};

/* A definition's JSON text is never longer than this. */
enum { VM_SPEC_TEXT_MAX = 256 * 1024 };

/* The documented defaults; no id, no name. */
void vm_spec_init(struct vm_spec *spec);
/* MU_E_INVALID with the path of the offending field. *ret_spec untouched on failure. */
int vm_spec_decode(const struct mu_value *v, struct vm_spec *ret_spec, struct mu_error *err);
struct mu_value *vm_spec_encode(struct mu_arena *a, const struct vm_spec *spec);
/* The rules that hold between fields; vm_spec_decode() has applied them. For configurations that
 * come from elsewhere (an adopted domain, an import). */
int vm_spec_check(const struct vm_spec *spec, struct mu_error *err);
/* What to do when the guest stopped by itself for `why`. */
enum hv_on_event vm_spec_on_stop(const struct vm_spec *spec, enum hv_shutdown why);

#endif
