/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gRPC's channel arguments, all in one place; for this folder only. Why each is what it is stands
 * in rpc_settings.c.
 */
#ifndef MUSTER_RPC_SETTINGS_H
#define MUSTER_RPC_SETTINGS_H

#include "common/base/time.h"

#include <grpc/grpc.h>
#include <stddef.h>

/* 0 takes the default of each. */
struct rpc_settings {
	size_t message_max;
	mu_msec keepalive;
	mu_msec keepalive_timeout;
};

enum { RPC_CLIENT_ARGS_MAX = 24, RPC_SERVER_ARGS_MAX = 24 };

/* Fill `args` and return how many there are. They point to the inputs and to constants. */
size_t rpc_settings_client(const struct rpc_settings *s, const char *server_name,
			   grpc_arg args[static RPC_CLIENT_ARGS_MAX]);
size_t rpc_settings_server(const struct rpc_settings *s, grpc_resource_quota *quota,
			   grpc_arg args[static RPC_SERVER_ARGS_MAX]);
/* To be released by the caller when the server is made. */
grpc_resource_quota *rpc_settings_quota(void);

#endif
