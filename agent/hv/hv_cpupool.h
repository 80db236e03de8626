/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes of the host's CPU pools. What can be refused by what is there is refused before the
 * driver is asked, by the same rules for all drivers.
 *
 * The hypervisor moves whole schedulers about for some of these, and has been seen not to come back
 * from it: so they are done on a thread of their own, one at a time, and one that hangs holds up
 * the next change of pools and nothing else.
 */
#ifndef MUSTER_AGENT_HV_CPUPOOL_H
#define MUSTER_AGENT_HV_CPUPOOL_H

#include "agent/hv/hv_host.h"
#include "common/base/error.h"
#include "common/loop/loop.h"

struct hv;
struct hv_ops;

enum hv_cpupool_what {
	HV_CPUPOOL_CREATE,      /* name, scheduler, cpus */
	HV_CPUPOOL_DESTROY,     /* name; no domain may be in it, its CPUs become free */
	HV_CPUPOOL_ADD_CPUS,    /* name, cpus: of no pool */
	HV_CPUPOOL_REMOVE_CPUS, /* name, cpus */
	HV_CPUPOOL_SET,         /* name, parameters of its scheduler */
	HV_CPUPOOL_MOVE,        /* name, domid */
	_HV_CPUPOOL_WHAT_COUNT,
};

struct hv_cpupool_change {
	enum hv_cpupool_what what;
	char name[MODEL_NAME_MAX + 1]; /* the pool's; Xen's own is "Pool-0" */
	char scheduler[16];            /* "credit", "credit2", ...; "" = Xen's default */
	char cpus[HV_PATH_MAX + 1];    /* a list (hv_cpus.h) */
	/* HV_AS_IT_IS, or a parameter that struct hv_cpupool shows for the pool */
	int32_t tslice_ms, ratelimit_us, migration_delay_us;
	struct hv_domid domid;
	uint32_t id; /* filled in for the driver: the pool's; not CREATE */
};

struct hv_cpupool_op {
	/* inputs */
	struct hv_cpupool_change change;
	mu_msec deadline; /* from start, 0 = 60 s */
	void (*done)(struct hv_cpupool_op *op);
	void *ctx;
	/* results */
	int r;
	struct mu_error err;
	/* private */
	bool active;
};

/* done() comes once, from the loop, never inside; at the deadline also when the driver hangs.
 * MU_E_NOT_FOUND, _EXISTS, _STATE, _INVALID by what is there; MU_E_STATE too while another change
 * is under way. */
void hv_cpupool_start(struct hv *hv, struct hv_cpupool_op *op);
/* Nobody waits for it any more: done() comes with MU_E_CANCELLED, and the hypervisor goes on with
 * it. Harmless when it is over. */
void hv_cpupool_cancel(struct hv *hv, struct hv_cpupool_op *op);

/* PURE, hv_cpupool_check.c. Is it possible with these pools, on a host of `n_cpus`? */
int hv_cpupool_check(const struct hv_cpupool *pools, size_t n, uint32_t n_cpus,
		     const struct hv_cpupool_change *change, struct mu_error *err);
/* Is it so? For what an interrupted change came to. */
bool hv_cpupool_is(const struct hv_cpupool *pools, size_t n,
		   const struct hv_cpupool_change *change);
/* NULL: there is none of that name. */
const struct hv_cpupool *hv_cpupool_find(const struct hv_cpupool *pools, size_t n,
					 const char *name);

/* For hv.c */
struct hv_changer;

struct hv_changer *hv_changer_new(struct mu_loop *loop, const struct hv_ops *ops, void *impl);
void hv_changer_start(struct hv_changer *c, struct hv_cpupool_op *op);
void hv_changer_cancel(struct hv_changer *c, const struct hv_cpupool_op *op);
/* Ends what is under way with MU_E_CANCELLED (posted); a thread that hangs is left behind. */
void hv_changer_close(struct hv_changer *c);
/* After that was delivered. Takes NULL; returns NULL. */
struct hv_changer *hv_changer_free(struct hv_changer *c);

#endif
