/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agents' side of the aggregator: the gRPC port, one stream a host, and on it the session of
 * aggregator/core. What comes up is decoded and checked here and handed to `struct fleet_backend`,
 * which applies and stores it; receipts come back when it is on disk. Loop thread.
 */
#ifndef MUSTER_AGGREGATOR_FLEET_FLEET_H
#define MUSTER_AGGREGATOR_FLEET_FLEET_H

#include "aggregator/core/inventory.h"
#include "aggregator/core/session.h"
#include "aggregator/core/tasks.h"
#include "common/base/pipe.h"
#include "common/model/host.h"
#include "common/model/host_read.h"
#include "common/model/task.h"
#include "common/model/vm.h"
#include "common/rpc/rpc.h"

struct fleet;
struct fleet_receipt; /* a message that is being stored: fleet_stored() consumes it */

/* A checked Snapshot or Delta. Valid during the call. */
struct fleet_state {
	struct host_id id;
	bool snapshot;
	uint64_t epoch;
	uint64_t seq;
	struct inventory_report report;
};

struct fleet_batch {
	uint64_t seq;
	mu_msec at;
	const float *values;
	size_t n_values;
	/* Of the series that have a counter, all of them: what was added since the batch before, 0
	 * or more; or (base) how they stand, INT64_MIN = unknown. */
	bool base;
	size_t n_counted;
	const int64_t *counted;
};

/* Those of a message, checked. Valid during the call. */
struct fleet_batches {
	struct host_id id;
	uint64_t epoch;
	const void *dictionary; /* packed MetricDictionary, NULL: as for those before */
	size_t dictionary_len;
	size_t n; /* at most WIRE_BATCHES_MAX */
	const struct fleet_batch *batch;
};

/* A row that the host kept. All arrays have n_values; `min` and the next are of minutes only. */
struct fleet_row {
	struct host_id id;
	bool minute; /* else a step */
	mu_msec at;
	const void *dictionary; /* packed MetricDictionary, NULL: as for the row before */
	size_t dictionary_len;
	size_t n_values;
	const float *average;
	const float *min;
	const float *max;
	const uint8_t *known;
};

/* What there is of the host's own series; a byte a row, the oldest first. */
enum { FLEET_MINUTES = 120, FLEET_STEPS = 129 };
struct fleet_have {
	uint32_t last_minute;
	uint32_t last_step;
	uint8_t minutes[FLEET_MINUTES];
	uint8_t steps[FLEET_STEPS];
};

struct fleet_result {
	struct mu_uuid id;
	enum task_status status;
	struct mu_error err;
	const char *value; /* of a call: at most CALL_VALUE_MAX bytes, valid during the call */
};

struct fleet_backend {
	void *ctx;
	enum session_certificate (*certificate)(void *ctx, const struct host_id *id,
						const char *fingerprint);
	/* The host's stream is up (again: all commands are to be sent anew), or gone. */
	void (*connected)(void *ctx, const struct host_id *id, bool up);
	void (*seen)(void *ctx, const struct host_id *id);
	/* How many VMs and objects the host would have with this delta, its removals not counted.
	 */
	void (*count_with)(void *ctx, const struct fleet_state *st, size_t *ret_n_vms,
			   size_t *ret_n_objects);
	/* Apply and store; then fleet_stored(receipt). */
	void (*state)(void *ctx, const struct fleet_state *st, struct fleet_receipt *receipt);
	void (*batches)(void *ctx, const struct fleet_batches *b, struct fleet_receipt *receipt);
	/* They have come before, on another stream: what they count is needed for the next. */
	void (*count)(void *ctx, const struct fleet_batches *b);
	void (*row)(void *ctx, const struct fleet_row *row, struct fleet_receipt *receipt);
	void (*have)(void *ctx, const struct host_id *id, struct fleet_have *ret);
	bool (*next_command)(void *ctx, const struct host_id *id, struct tasks_command *ret);
	void (*command_sent)(void *ctx, const struct mu_uuid *id);
	void (*progress)(void *ctx, const struct host_id *id, const struct mu_uuid *task,
			 int percent);
	/* All that the host has said of a task so far; valid during the call. */
	void (*lines)(void *ctx, const struct host_id *id, const struct mu_uuid *task,
		      const struct task_line *lines, size_t n);
	/* Take it over; fleet_result_stored() when it is on disk (or unknown). */
	void (*result)(void *ctx, const struct host_id *id, const struct fleet_result *r);
	/* Sign a renewal; fleet_renewed() follows. */
	void (*renew)(void *ctx, const struct host_id *id, const char *csr);
};

struct fleet_options {
	const char *listen; /* "ADDR:PORT" */
	struct rpc_tls tls;
	const struct fleet_backend *backend;
	mu_msec hello_timeout;
};

int fleet_new(struct mu_loop *loop, struct rpc *rpc, const struct fleet_options *options,
	      struct fleet **ret_fleet, struct mu_error *err);
int fleet_port(const struct fleet *f);
void fleet_set_tls(struct fleet *f, const struct rpc_tls *tls);
/* End every stream and the listener, then done(ctx); freed by then. */
void fleet_stop(struct fleet *f, mu_loop_cb done, void *ctx);

/*
 * All below take a NULL fleet, and do nothing: what is stored last comes back when the fleet has
 * stopped already.
 */

/* Enrolled hosts. `mark` is what the store has of its numbers. */
void fleet_host_add(struct fleet *f, const struct host_id *id, const struct session_mark *mark);
/* Its stream, if any, ends with this status. */
void fleet_host_remove(struct fleet *f, const struct host_id *id, enum mu_error_code code,
		       const char *text);
void fleet_disconnect(struct fleet *f, const struct host_id *id, enum mu_error_code code,
		      const char *text);
bool fleet_is_connected(const struct fleet *f, const struct host_id *id);

/* err NULL: on disk. */
void fleet_stored(struct fleet *f, struct fleet_receipt *receipt, const struct mu_error *err);
void fleet_result_stored(struct fleet *f, const struct host_id *id, const struct mu_uuid *task);
/* `cert` NULL: refused, `text` says why. */
void fleet_renewed(struct fleet *f, const struct host_id *id, const char *cert, const char *ca,
		   const char *text);

/* There may be commands for this host. */
void fleet_pump(struct fleet *f, const struct host_id *id);
void fleet_cancel(struct fleet *f, const struct host_id *id, const struct mu_uuid *task);

/* Definitions: requests that live as long as the stream. done() exactly once, never inside. */
typedef void (*fleet_defined)(void *arg, const struct vm_id *vm, const struct mu_error *err);
void fleet_define(struct fleet *f, const struct host_id *id, const char *definition,
		  fleet_defined done, void *arg);

/* Read what a host does not report by itself; as long-lived as the stream, and one minute. */
void fleet_host_read(struct fleet *f, struct host_read_op *op);
/* Ask; op->done still comes. Harmless for one that is not under way. */
void fleet_host_read_cancel(struct fleet *f, struct host_read_op *op);

/*
 * Tunnels: bytes both ways between here and something on the host (common/tunnel). `near` leads to
 * whoever uses it, *ret_far to the host; it takes nothing before the host has answered, and is
 * closed with MU_E_TIMEOUT when that does not come within 30 s. MU_E_UNAVAILABLE, MU_E_EXHAUSTED.
 */
enum fleet_tunnel_kind {
	FLEET_TUNNEL_CONSOLE_SERIAL,
	FLEET_TUNNEL_CONSOLE_VNC,
	FLEET_TUNNEL_TRANSFER, /* the contents of disks */
	_FLEET_TUNNEL_KIND_COUNT,
};

struct fleet_tunnel_request {
	struct host_id host;
	enum fleet_tunnel_kind kind;
	struct mu_uuid object;
	const char *user; /* for the host's log */
	const char *from;
	bool write; /* consoles: may type, even if another does */
	bool take;
	const char *arguments; /* transfers: a JSON object; NULL: none */
};

int fleet_tunnel_open(struct fleet *f, const struct fleet_tunnel_request *rq, struct mu_pipe near,
		      struct mu_pipe *ret_far, struct mu_error *err);

#endif
