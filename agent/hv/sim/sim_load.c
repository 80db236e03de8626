/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/hv/sim/sim_load.h"

#include "common/base/assert.h"
#include "common/base/mem.h"
#include "common/base/rand.h"

#include <math.h>
#include <string.h>

static const struct {
	const char *name;
	double cpu_low, cpu_high;   /* share of all vCPUs */
	double rx, tx, rd, wr;      /* bytes per second at full load */
	double free_low, free_high; /* share of memory */
	mu_msec wave;               /* of the load between low and high */
	bool square;                /* on and off instead of a wave */
	uint32_t packet_bytes, request_bytes;
} profiles[_SIM_PROFILE_COUNT] = {
    [SIM_IDLE] = {"idle", 0.004, 0.03, 3e3, 2e3, 1e4, 4e4, 0.6, 0.8, MU_SEC(1800), false, 180,
		  4096},
    [SIM_WEB] = {"web", 0.05, 0.60, 4e6, 3e7, 8e5, 1.5e6, 0.3, 0.5, MU_SEC(900), false, 900, 8192},
    [SIM_BATCH] = {"batch", 0.01, 0.97, 2e6, 5e5, 4e7, 2e7, 0.1, 0.7, MU_SEC(600), true, 1200,
		   131072},
    [SIM_DATABASE] = {"db", 0.15, 0.45, 2e6, 4e6, 2e7, 3e7, 0.05, 0.15, MU_SEC(3600), false, 600,
		      16384},
};

double sim_load_unit(uint64_t seed, uint64_t n)
{
	struct mu_rand r = {.state = seed ^ (n * 0xd1342543de82ef95u)};

	(void)mu_rand_next(&r);
	return mu_rand_unit(&r);
}

bool sim_profile_parse(const char *name, size_t len, enum sim_profile *ret)
{
	for (size_t i = 0; i < MU_ARRAY_SIZE(profiles); i++) {
		if (strlen(profiles[i].name) == len && memcmp(profiles[i].name, name, len) == 0) {
			*ret = (enum sim_profile)i;
			return true;
		}
	}
	return false;
}

static double between(double low, double high, double x)
{
	return low + (high - low) * x;
}

void sim_load_at(enum sim_profile profile, uint64_t seed, uint32_t vcpus, mu_msec at,
		 struct sim_load *ret)
{
	uint64_t slot = (uint64_t)(at / SIM_SLOT);
	double noise = sim_load_unit(seed, slot);
	double wave_ms, phase, level;

	mu_assert((unsigned)profile < _SIM_PROFILE_COUNT && at >= 0);
	wave_ms = (double)profiles[profile].wave;
	/* Each guest is at another point of its wave. */
	phase = fmod((double)(slot * (uint64_t)SIM_SLOT) + wave_ms * sim_load_unit(seed, ~0u),
		     wave_ms) /
		wave_ms;
	if (profiles[profile].square)
		level = phase < 0.4 ? 0.9 + 0.1 * noise : 0.1 * noise;
	else
		level = 0.75 * (0.5 - 0.5 * cos(phase * 6.283185307179586)) + 0.25 * noise;
	*ret = (struct sim_load){
	    .cpu = vcpus * between(profiles[profile].cpu_low, profiles[profile].cpu_high, level),
	    .rx = profiles[profile].rx * level,
	    .tx = profiles[profile].tx * level,
	    .rd = profiles[profile].rd * level * (0.5 + noise / 2),
	    .wr = profiles[profile].wr * level,
	    .memory_free = between(profiles[profile].free_high, profiles[profile].free_low, level),
	    .uneven = 0.6,
	    .packet_bytes = profiles[profile].packet_bytes,
	    .request_bytes = profiles[profile].request_bytes,
	};
}
