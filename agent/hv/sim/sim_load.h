/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a simulated guest does with its time: a pure function of its seed and the moment, so that
 * counters are the same whoever computes them and however often. PURE.
 */
#ifndef MUSTER_AGENT_HV_SIM_LOAD_H
#define MUSTER_AGENT_HV_SIM_LOAD_H

#include "common/base/time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sim_profile {
	SIM_IDLE,     /* a few percent */
	SIM_WEB,      /* waves of requests: CPU and network together */
	SIM_BATCH,    /* nothing, then everything it can get */
	SIM_DATABASE, /* steady, with much disk */
	_SIM_PROFILE_COUNT,
};

/* The load is constant within a slot of time. */
#define SIM_SLOT MU_SEC(10)

struct sim_load {
	double cpu;            /* vCPUs wanted, 0..vcpus */
	double rx, tx;         /* bytes per second */
	double rd, wr;         /* bytes per second */
	double memory_free;    /* of the guest's memory, 0..1 */
	double uneven;         /* how unequally its vCPUs share the work, 0..1 */
	uint32_t packet_bytes; /* mean sizes */
	uint32_t request_bytes;
};

void sim_load_at(enum sim_profile profile, uint64_t seed, uint32_t vcpus, mu_msec at,
		 struct sim_load *ret);
bool sim_profile_parse(const char *name, size_t len, enum sim_profile *ret);
/* A number that depends on nothing but its arguments, 0 <= result < 1. */
double sim_load_unit(uint64_t seed, uint64_t n);

#endif
