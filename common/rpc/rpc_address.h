/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where to listen; for this folder only. Numeric addresses, so that nothing waits for a name
 * server: "127.0.0.1:0", "[::]:8443".
 */
#ifndef MUSTER_RPC_ADDRESS_H
#define MUSTER_RPC_ADDRESS_H

#include "common/base/error.h"

#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>

struct rpc_address {
	char text[INET6_ADDRSTRLEN + 16]; /* as gRPC wants it */
	uint16_t port;
	struct sockaddr_storage bind;
	struct sockaddr_storage probe; /* where this machine reaches it */
};

int rpc_address_parse(const char *listen, struct rpc_address *ret, struct mu_error *err);
void rpc_address_set_port(struct rpc_address *a, uint16_t port);
/* Could a socket be bound to it now? gRPC says no more than "no"; this says why. */
int rpc_address_try(const struct rpc_address *a, struct mu_error *err);

#endif
