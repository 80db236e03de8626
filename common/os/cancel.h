/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asking blocking code on another thread to stop: a flag to look at between steps, and a descriptor
 * that becomes readable, for poll(). Once set it stays so. The embedder owns it; set and look from
 * any thread between init and deinit.
 */
#ifndef MUSTER_OS_CANCEL_H
#define MUSTER_OS_CANCEL_H

#include "common/base/error.h"

#include <stdatomic.h>
#include <stdbool.h>

struct mu_cancel {
	atomic_bool set;
	int fd;
};

void mu_cancel_init(struct mu_cancel *c);
void mu_cancel_deinit(struct mu_cancel *c);
void mu_cancel_set(struct mu_cancel *c);
/* 0, or MU_E_CANCELLED in `err`. NULL: nobody can cancel, 0. */
int mu_cancel_check(const struct mu_cancel *c, struct mu_error *err);

#endif
