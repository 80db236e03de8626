/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TCP relay on the loop that can go silent: once cut it reads nothing, writes nothing and closes
 * nothing. One connection.
 */
#ifndef MUSTER_TESTS_RPC_WIRE_CUTTER_H
#define MUSTER_TESTS_RPC_WIRE_CUTTER_H

#include "common/loop/loop.h"

struct wire_cutter;

/* Relays to 127.0.0.1:`to_port`. */
struct wire_cutter *wire_cutter_new(struct mu_loop *loop, int to_port);
int wire_cutter_port(const struct wire_cutter *w);
void wire_cutter_cut(struct wire_cutter *w);
/* Closes everything. */
struct wire_cutter *wire_cutter_free(struct wire_cutter *w);

#endif
