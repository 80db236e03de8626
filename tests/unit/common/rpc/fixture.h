/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A CA, a server and a client on one loop, for the tests of common/rpc. Plain programs that write
 * TAP, not Criterion: ThreadSanitizer cannot start under it, and a leak must fail the run.
 */
#ifndef MUSTER_TESTS_RPC_FIXTURE_H
#define MUSTER_TESTS_RPC_FIXTURE_H

#include "common/base/str.h"
#include "common/rpc/rpc.h"

#include <stdio.h>
#include <stdlib.h>

#define CHECK(cond, ...)                                                                           \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			printf("# %s:%d: %s:", __FILE__, __LINE__, #cond);                         \
			printf(" " __VA_ARGS__);                                                   \
			printf("\nnot ok - %s\n", fixture_test);                                   \
			exit(1);                                                                   \
		}                                                                                  \
	} while (0)

struct fixture_case {
	const char *name;
	void (*run)(void);
};

extern const char *fixture_test; /* the running one's name */

/* Runs the cases whose name contains `filter` (NULL: all), each on a fresh library. */
int fixture_main(const struct fixture_case *cases, size_t n, const char *filter);

/* Certificates: two CAs; everything lives until the program ends. */
struct fixture_tls {
	char *ca;
	char *cert;
	char *key;
};
enum fixture_ca { OUR_CA, OTHER_CA };
/* A server's certificate for 127.0.0.1 and `name`, a client's with the CN `name`. */
struct rpc_tls fixture_server_tls(enum fixture_ca ca, const char *name);
struct rpc_tls fixture_client_tls(enum fixture_ca ca, const char *name);
void fixture_fingerprint(const char *cert, char ret[65]);

/* One end of a stream, and what happened to it. */
struct end {
	struct rpc_stream *stream;
	struct mu_str received; /* "<len> " of each message */
	struct mu_str last;     /* the last message */
	unsigned int n_messages;
	size_t n_bytes;
	unsigned int n_writable;
	bool half_closed;
	bool ended;
	int status;
	char text[MU_ERROR_TEXT_MAX];
	bool echo;      /* send back what comes */
	bool keep_open; /* server: do not finish at half-close */
	void (*on_message)(struct end *e);
	void (*on_ended)(struct end *e);
};
extern const struct rpc_stream_ops end_ops;

extern struct mu_loop *loop;
extern struct rpc *rpc;
extern struct rpc_server *server;
extern int server_port;

/* What the server's on_stream does next; reset by each case. */
extern struct fixture_policy {
	struct mu_error refuse; /* code NONE: accept */
	bool echo;
	bool keep_open;
	bool pause;
	void (*on_message)(struct end *e);
	unsigned int n_streams; /* came so far */
	struct end *first;      /* of them; all are freed at the end of the case */
	struct end *last;
	char path[64];
	struct rpc_peer peer;
} policy;

enum { MESSAGE_MAX = 1 << 20, SEND_MAX = 256 << 10 };

struct rpc_server_options fixture_server_options(void);
void fixture_start_server(void);
void fixture_stop_server(void);
struct rpc_channel_options fixture_channel_options(void);
struct rpc_channel *fixture_channel(void);
/* Open a stream; nothing may have been called back yet. */
struct end *fixture_open(struct rpc_channel *c);
/* Everything that touches a stream from outside goes through these: they check that no callback
 * comes inside. */
int fixture_send(struct end *e, const void *data, size_t len);
#define QUIETLY(call)                                                                              \
	do {                                                                                       \
		fixture_enter();                                                                   \
		call;                                                                              \
		fixture_leave();                                                                   \
	} while (0)
void fixture_enter(void);
void fixture_leave(void);

/* Run the loop until `cond(ctx)`; 60 s and it is a failure that tells `what`. */
void run_until(bool (*cond)(void *ctx), void *ctx, const char *what);
bool has_ended(void *end);
/* Give the other threads a chance to do what they should not: run the loop for so long. */
void run_for(mu_msec span);

#endif
