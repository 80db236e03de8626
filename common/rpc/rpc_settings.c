/* SPDX-License-Identifier: Apache-2.0 */
#include "common/rpc/rpc_settings.h"

#include "common/base/assert.h"
#include "common/base/mem.h"

#include <grpc/compression.h>
#include <grpc/grpc_security_constants.h>

struct setting {
	const char *key;
	int value;
};

enum {
	MESSAGE_MAX_DEFAULT = 4 << 20,
	KEEPALIVE_DEFAULT = 20000,
	KEEPALIVE_TIMEOUT_DEFAULT = 10000,
	PING_INTERVAL_MAX =
	    5000, /* a server allows pings this often, or twice as often as its own */
};

static const struct setting both[] = {
    /* The window estimator lets a peer push 4 MiB into every stream that we do not read. Without
     * it, and with this window, it is 80 KB: 5,000 stalled streams cost 400 MB, not 20 GB. */
    {GRPC_ARG_HTTP2_BDP_PROBE, 0},
    {GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 65536},
    /* Pings go on when nothing is sent: a stopped peer and a cut cable must be noticed. */
    {GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0},
    /* No decompression: a small message must not become a large one. */
    {GRPC_COMPRESSION_CHANNEL_ENABLED_ALGORITHMS_BITSET, 1 << GRPC_COMPRESS_NONE},
    {GRPC_ARG_ENABLE_CHANNELZ, 0},
};

static const struct setting client[] = {
    /* https_proxy in the environment must not send the fleet's streams to a web proxy. */
    {GRPC_ARG_ENABLE_HTTP_PROXY, 0},
    /* Whoever opened the stream retries; a stream of state cannot be replayed by a library. */
    {GRPC_ARG_ENABLE_RETRIES, 0},
    /* Channels of one process do not share a connection. */
    {GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1},
    {GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 1000},
    {GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 15000},
    /* In truth the limit of one attempt. 20 s was too short for a third of 4,000 agents that came
     * back at once, and their wasted handshakes fed the storm. */
    {GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 60000},
};

static const struct setting server[] = {
    /* Otherwise a second server on the port starts silently and takes half of the connections. */
    {GRPC_ARG_ALLOW_REUSEPORT, 0},
    /* The default, 120 s, lets silent strangers hold descriptors. */
    {GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, 10000},
    /* An agent has one stream of state on one connection, and its tunnels on another. */
    {GRPC_ARG_MAX_CONCURRENT_STREAMS, 40},
    {GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1},
};

/* All connections of one server together; 4,000 busy streams were measured at 850 MB. */
static const size_t quota_bytes = (size_t)2 << 30;

static void add_int(grpc_arg *args, size_t *n, const char *key, mu_msec value)
{
	args[*n] = (grpc_arg){.type = GRPC_ARG_INTEGER};
	/* gRPC's struct is older than const; it copies what it is given. */
	__builtin_memcpy(&args[*n].key, &key, sizeof key);
	args[*n].value.integer = value > INT32_MAX ? INT32_MAX : (int)value;
	(*n)++;
}

static void add_table(grpc_arg *args, size_t *n, const struct setting *table, size_t n_table)
{
	for (size_t i = 0; i < n_table; i++)
		add_int(args, n, table[i].key, table[i].value);
}

static mu_msec keepalive_of(const struct rpc_settings *s)
{
	return s->keepalive > 0 ? s->keepalive : KEEPALIVE_DEFAULT;
}

static void add_common(grpc_arg *args, size_t *n, const struct rpc_settings *s)
{
	add_table(args, n, both, MU_ARRAY_SIZE(both));
	add_int(args, n, GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH,
		s->message_max > 0 ? (mu_msec)s->message_max : MESSAGE_MAX_DEFAULT);
	add_int(args, n, GRPC_ARG_KEEPALIVE_TIME_MS, keepalive_of(s));
	add_int(args, n, GRPC_ARG_KEEPALIVE_TIMEOUT_MS,
		s->keepalive_timeout > 0 ? s->keepalive_timeout : KEEPALIVE_TIMEOUT_DEFAULT);
}

size_t rpc_settings_client(const struct rpc_settings *s, const char *server_name,
			   grpc_arg args[static RPC_CLIENT_ARGS_MAX])
{
	const char *key = GRPC_SSL_TARGET_NAME_OVERRIDE_ARG;
	size_t n = 0;

	add_common(args, &n, s);
	add_table(args, &n, client, MU_ARRAY_SIZE(client));
	if (server_name) {
		args[n] = (grpc_arg){.type = GRPC_ARG_STRING};
		__builtin_memcpy(&args[n].key, &key, sizeof key);
		__builtin_memcpy(&args[n].value.string, &server_name, sizeof server_name);
		n++;
	}
	mu_assert(n <= RPC_CLIENT_ARGS_MAX);
	return n;
}

size_t rpc_settings_server(const struct rpc_settings *s, grpc_resource_quota *quota,
			   grpc_arg args[static RPC_SERVER_ARGS_MAX])
{
	const char *key = GRPC_ARG_RESOURCE_QUOTA;
	mu_msec ping = keepalive_of(s) / 2;
	size_t n = 0;

	add_common(args, &n, s);
	add_table(args, &n, server, MU_ARRAY_SIZE(server));
	/* A client that pings more often than this is thrown out ("too many pings"). */
	add_int(args, &n, GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
		ping < PING_INTERVAL_MAX ? ping : PING_INTERVAL_MAX);
	args[n] = (grpc_arg){.type = GRPC_ARG_POINTER};
	__builtin_memcpy(&args[n].key, &key, sizeof key);
	args[n].value.pointer.p = quota;
	args[n].value.pointer.vtable = grpc_resource_quota_arg_vtable();
	n++;
	mu_assert(n <= RPC_SERVER_ARGS_MAX);
	return n;
}

grpc_resource_quota *rpc_settings_quota(void)
{
	grpc_resource_quota *quota = grpc_resource_quota_create("muster");

	grpc_resource_quota_resize(quota, quota_bytes);
	return quota;
}
