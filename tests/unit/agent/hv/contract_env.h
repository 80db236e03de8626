/* SPDX-License-Identifier: Apache-2.0 */
/* What the cases stand on: a loop, a driver, and operations that are waited for. */
#ifndef MUSTER_TESTS_HV_CONTRACT_ENV_H
#define MUSTER_TESTS_HV_CONTRACT_ENV_H

#include "common/base/list.h"
#include "tests/unit/agent/hv/contract.h"

struct env {
	const struct hv_contract *c;
	struct mu_loop *loop;
	struct hv *hv;
	struct mu_timer *guard;
	bool gave_up;
	unsigned n_guests; /* names given out */
	unsigned n_domains_changed;
	struct mu_link waits;
};

/* An operation whose end is waited for. */
struct wait {
	struct mu_link link;
	struct hv_op op;
	struct env *env;
	int n_done;
	bool in_start;
	bool done_in_start;
	int last_percent;
};

#define EXPECT(cond, ...)                                                                          \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			mu_error_set(err, MU_E_INTERNAL, __VA_ARGS__);                             \
			return mu_error_prefix(err, "line %d: %s", __LINE__, #cond);               \
		}                                                                                  \
	} while (0)

struct env_case {
	const char *name;
	int (*run)(struct env *e, struct mu_error *err);
};

/* Lists of cases, ended by one without a name: contract_trouble.c, contract_devices.c,
 * contract_resources.c, contract_cpupools.c */
extern const struct env_case contract_trouble[];
extern const struct env_case contract_devices[];
extern const struct env_case contract_resources[];
extern const struct env_case contract_cpupools[];

int env_open(struct env *e, const struct hv_contract *c, struct mu_error *err);
/* Destroys what the case left, frees the driver. */
int env_close(struct env *e, struct mu_error *err);
int env_open_driver(struct env *e, struct mu_error *err);
int env_close_driver(struct env *e, struct mu_error *err);
/* Runs the loop until *flag or for a minute. */
int env_wait(struct env *e, const bool *flag, struct mu_error *err);
/* Lets `ms` pass on the loop. */
void env_pause(struct env *e, mu_msec ms);

/* A configuration of its own name and id. */
struct hv_vm_config env_guest(struct env *e);
/* An operation to start; lives as long as the driver, so that a failing case may leave it running.
 */
struct wait *env_op(struct env *e, struct hv_op op);
void wait_start(struct env *e, struct wait *w);
/* Until w's callback came; checks that it came once and not inside start. */
int wait_end(struct wait *w, struct mu_error *err);
/* Start, wait; fails when the operation does. */
int env_run(struct env *e, struct wait *w, struct mu_error *err);
int env_on(struct env *e, enum hv_op_kind kind, struct hv_domid domid, struct mu_error *err);
/* Start, wait; fails unless it fails with `code` and says something. */
int env_refused(struct env *e, struct wait *w, enum mu_error_code code, struct mu_error *err);
int env_create(struct env *e, const struct hv_vm_config *config, struct hv_domid *ret_domid,
	       struct mu_error *err);
/* Until its agent reports, or for boot_ms: a guest without an agent has booted by then. */
int env_wait_booted(struct env *e, struct hv_domid domid, struct mu_error *err);
/* A guest that has booted far enough to be asked. */
int env_create_booted(struct env *e, struct hv_vm_config *config, struct hv_domid *ret_domid,
		      struct mu_error *err);
/* *ret_found is false when there is none. */
int env_find(struct env *e, struct hv_domid domid, bool *ret_found, struct hv_domain *ret,
	     struct mu_error *err);
int env_expect_gone(struct env *e, struct hv_domid domid, struct mu_error *err);
/* Domains of that name, dying ones too. */
int env_count_named(struct env *e, const char *name, size_t *ret_n, struct mu_error *err);

#endif
