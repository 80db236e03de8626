/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scripts of faults: parsing, and what befalls the next call. PURE; chance comes from the script's
 * own seed. The language is in fault_script.c.
 */
#ifndef MUSTER_AGENT_HV_FAULT_SCRIPT_H
#define MUSTER_AGENT_HV_FAULT_SCRIPT_H

#include "agent/hv/hv_types.h"
#include "common/base/error.h"
#include "common/base/mem.h"
#include "common/base/rand.h"
#include "common/base/time.h"

/* Operations by their kind, then the calls that answer at once. */
enum fault_target {
	FAULT_OP_FIRST = 0,
	FAULT_CALL_LIST = _HV_OP_KIND_COUNT,
	FAULT_CALL_STATS,
	FAULT_CALL_GUEST,
	FAULT_CALL_CONFIG,
	FAULT_CALL_HOST,
	FAULT_CALL_CONSOLE,
	FAULT_CALL_PCI,
	_FAULT_TARGET_COUNT,
};

enum fault_action {
	FAULT_NONE,
	FAULT_DELAY,
	FAULT_FAIL,      /* not done, reported as failed */
	FAULT_DENY,      /* done, reported as failed */
	FAULT_LIE,       /* not done, reported as done */
	FAULT_HANG,      /* until cancelled */
	FAULT_HANG_HARD, /* for ever */
	_FAULT_ACTION_COUNT,
};

struct fault_rule {
	unsigned target; /* enum fault_target or a kind */
	uint32_t domid;  /* 0 = any */
	enum fault_action action;
	enum mu_error_code code; /* fail, deny */
	mu_msec delay;
	uint64_t skip;  /* calls to let pass first */
	uint64_t times; /* how often it strikes; UINT64_MAX = always */
	double chance;
};

enum { FAULT_RULES_MAX = 64 };

struct fault_script {
	struct mu_rand rand;
	size_t n_rules;
	struct fault_rule rules[FAULT_RULES_MAX];
};

/* What happens to one call: first the delay, then the action. */
struct fault_fate {
	mu_msec delay;
	enum fault_action action;
	enum mu_error_code code;
};

/* MU_E_INVALID with the rule's number, what is wrong and what is allowed. */
int fault_script_parse(const char *text, struct fault_script *ret, struct mu_error *err);
struct fault_fate fault_script_next(struct fault_script *s, unsigned target, uint32_t domid);

#endif
