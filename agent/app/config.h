/* SPDX-License-Identifier: Apache-2.0 */
/* muster-agent's options: one table, one struct, built before anything starts. */
#ifndef MUSTER_AGENT_APP_CONFIG_H
#define MUSTER_AGENT_APP_CONFIG_H

#include "common/base/time.h"
#include "common/config/config.h"

#include <stdbool.h>

struct agent_config {
	const char *state;
	const char *socket; /* "" = none */
	const char *hypervisor;
	const char *fault;
	const char *name; /* NULL = the system's host name */
	const char *aggregator;
	const char *transfer_dir;
	mu_msec sample_interval;
	const char *log_level;
	const char *file;
	bool version;
	bool help;
	/* sim */
	int64_t sim_seed;
	int64_t sim_cpus;
	int64_t sim_memory_mib;
	int64_t sim_foreign;
	const char *sim_sysfs;
	const char *sim_power;
	mu_msec sim_create;
	mu_msec sim_shutdown;
	mu_msec sim_save;
	mu_msec sim_restore;
	/* enrol */
	const char *server;
	const char *token;
	const char *server_ca;
	/* import */
	const char *format;
	const char *input; /* the argument behind the options */
};

extern const struct mu_option agent_options[];
extern const struct mu_option agent_enrol_options[];
extern const struct mu_option agent_import_options[];

#endif
