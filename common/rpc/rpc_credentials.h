/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates in, gRPC credentials out; and who the peer is. For this folder only.
 */
#ifndef MUSTER_RPC_CREDENTIALS_H
#define MUSTER_RPC_CREDENTIALS_H

#include "common/rpc/rpc.h"

#include <grpc/grpc_security.h>

/* A server's certificate, which can be replaced while handshakes run on gRPC's threads. It lives
 * as long as `rpc`. */
struct rpc_identity;

/* Can these texts be used? Names the text that cannot. */
int rpc_tls_check(const struct rpc_tls *tls, struct mu_error *err);

struct rpc_identity *rpc_identity_new(struct rpc *rpc, const struct rpc_tls *tls);
void rpc_identity_set(struct rpc_identity *identity, const struct rpc_tls *tls);
/* Credentials that ask the identity at each handshake. Verified client certificates only. */
grpc_server_credentials *rpc_identity_credentials(struct rpc_identity *identity);

grpc_channel_credentials *rpc_client_credentials(const struct rpc_tls *tls);

/* The other end of a server's call; fails when its certificate cannot be read. */
int rpc_peer_read(grpc_call *call, struct rpc_peer *ret_peer, struct mu_error *err);

#endif
