/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection to one target, and the calls on it.
 *
 * Opening a stream is one fresh attempt: a gRPC channel whose last attempt failed would answer
 * from memory until its back-off has passed (up to minutes, and nothing the caller can see), so it
 * is replaced. How often to try is the caller's own, jittered decision.
 */
#include "common/base/assert.h"
#include "common/rpc/rpc_credentials.h"
#include "common/rpc/rpc_loop.h"
#include "common/rpc/rpc_settings.h"
#include "common/rpc/rpc_stream.h"

#include <grpc/support/time.h>
#include <stdlib.h>

struct rpc_channel {
	struct rpc *rpc;
	char *target;
	char *server_name; /* NULL: the target's host */
	char *ca;
	char *cert;
	char *key;
	struct rpc_settings settings;
	size_t send_max;
	grpc_channel *grpc;
	unsigned int n_streams;
};

static grpc_channel *dial(const struct rpc_channel *c)
{
	struct rpc_tls tls = {.ca = c->ca, .cert = c->cert, .key = c->key};
	grpc_channel_credentials *credentials = rpc_client_credentials(&tls);
	grpc_arg args[RPC_CLIENT_ARGS_MAX];
	grpc_channel_args list = {
	    .num_args = rpc_settings_client(&c->settings, c->server_name, args), .args = args};
	grpc_channel *channel = grpc_channel_create(c->target, credentials, &list);

	grpc_channel_credentials_release(credentials);
	mu_assert(channel);
	return channel;
}

int rpc_channel_new(struct rpc *rpc, const struct rpc_channel_options *options,
		    struct rpc_channel **ret_channel, struct mu_error *err)
{
	struct rpc_channel *c;

	if (!options->target || !options->target[0])
		return mu_error_set(err, MU_E_INVALID, "no target to connect to");
	if (rpc_tls_check(&options->tls, err) < 0)
		return mu_error_prefix(err, "connection to %s", options->target);
	c = mu_xcalloc(1, sizeof *c);
	c->rpc = rpc;
	c->target = mu_xstrdup(options->target);
	c->server_name = options->server_name ? mu_xstrdup(options->server_name) : NULL;
	c->ca = mu_xstrdup(options->tls.ca);
	c->cert = mu_xstrdup(options->tls.cert);
	c->key = mu_xstrdup(options->tls.key);
	c->settings = (struct rpc_settings){
	    .message_max = options->message_max,
	    .keepalive = options->keepalive,
	    .keepalive_timeout = options->keepalive_timeout,
	};
	c->send_max = options->send_max;
	c->grpc = dial(c);
	rpc_use(rpc);
	*ret_channel = c;
	return 0;
}

struct rpc_channel *rpc_channel_free(struct rpc_channel *c)
{
	if (!c)
		return NULL;
	mu_assert(c->n_streams == 0);
	grpc_channel_destroy(c->grpc);
	rpc_unuse(c->rpc);
	free(c->target);
	free(c->server_name);
	free(c->ca);
	free(c->cert);
	free(c->key);
	free(c);
	return NULL;
}

static void on_gone(struct rpc_stream *s, void *owner)
{
	struct rpc_channel *c = owner;

	(void)s;
	c->n_streams--;
}

static void refresh(struct rpc_channel *c)
{
	if (grpc_channel_check_connectivity_state(c->grpc, 0) != GRPC_CHANNEL_TRANSIENT_FAILURE)
		return;
	grpc_channel_destroy(c->grpc); /* calls that still end on it keep what they need */
	c->grpc = dial(c);
}

struct rpc_stream *rpc_channel_open(struct rpc_channel *c, const char *path,
				    const struct rpc_stream_ops *ops, void *ctx)
{
	grpc_slice method = grpc_slice_from_copied_string(path);
	struct rpc_stream_init init = {
	    .rpc = c->rpc, .send_max = c->send_max, .on_gone = on_gone, .owner = c};

	refresh(c);
	init.call =
	    grpc_channel_create_call(c->grpc, NULL, GRPC_PROPAGATE_DEFAULTS, rpc_queue(c->rpc),
				     method, NULL, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
	grpc_slice_unref(method);
	c->n_streams++;
	return rpc_stream_new_client(&init, ops, ctx);
}
