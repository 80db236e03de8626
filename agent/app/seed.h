/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A NoCloud seed: the small read-only volume from which cloud-init (and images like it) sets a new
 * VM up (https://cloudinit.readthedocs.io, NoCloud: user-data, meta-data and network-config on a
 * volume labelled "cidata"). Made by genisoimage in a folder of the state directory. Embedded in
 * its user. Loop thread; files are written on a pool thread.
 */
#ifndef MUSTER_AGENT_APP_SEED_H
#define MUSTER_AGENT_APP_SEED_H

#include "agent/app/state_dir.h"
#include "common/loop/process.h"
#include "common/loop/work.h"

struct app;

struct seed {
	/* inputs, valid until seed_drop() */
	struct app *app;
	struct vm_id vm; /* its instance-id */
	const char *hostname;
	const char *user_data;                                       /* NULL: an empty one */
	const char *network_config;                                  /* NULL: none */
	void (*done)(struct seed *seed, const struct mu_error *err); /* once, from the loop */
	void *ctx;
	/* result: the image, until seed_drop() */
	char path[STATE_PATH_MAX + 8];
	/* private */
	char folder[STATE_PATH_MAX + 1];
	struct mu_work work;
	struct mu_process process;
	const char *argv[10];
	struct mu_error err;
};

void seed_start(struct seed *seed);
/* After done(): removes the image and what it was made of. Takes one that was never started. */
void seed_drop(struct seed *seed);

#endif
