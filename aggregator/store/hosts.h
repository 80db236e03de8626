/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hosts, their VMs, their other objects and their latest metric batches. Rows carry the wire's
 * message (HostState, VmState, ObjectState) as a blob and, as columns, what is searched for or
 * ordered by; the store does not look into blobs.
 */
#ifndef MUSTER_AGGREGATOR_STORE_HOSTS_H
#define MUSTER_AGGREGATOR_STORE_HOSTS_H

#include "aggregator/store/store.h"
#include "common/base/arena.h"
#include "common/base/id.h"
#include "common/base/time.h"

#include <stdint.h>

/* Metric batches kept of each host, a ring: 20 minutes at 5 s. */
enum { STORE_METRIC_SLOTS = 240 };

struct store_blob {
	const void *data;
	size_t len;
};

struct store_host {
	struct host_id id;
	const char *name;
	mu_msec enrolled_at;
	mu_msec last_seen;
	uint64_t state_epoch; /* 0 = no snapshot yet */
	uint64_t state_seq;
	uint64_t metric_epoch;
	uint64_t metric_seq;
	uint64_t metric_count; /* batches ever stored: the ring's position */
	struct store_blob state;
};

struct store_vm {
	struct host_id host;
	struct vm_id id;
	const char *name;
	const char *power; /* for people with sqlite3(1); the blob has the truth */
	struct store_blob state;
};

struct store_object {
	struct host_id host; /* whose report it is */
	struct mu_uuid id;
	const char *kind; /* for people, as `power` above; so is the name */
	const char *name;
	struct store_blob state;
};

/* Rows are valid during the call; a negative result from `each` stops and is returned. */
int store_hosts_list(struct store *s,
		     int (*each)(const struct store_host *h, void *arg, struct mu_error *err),
		     void *arg, struct mu_error *err);
int store_vms_list(struct store *s,
		   int (*each)(const struct store_vm *vm, void *arg, struct mu_error *err),
		   void *arg, struct mu_error *err);

int store_objects_list(struct store *s,
		       int (*each)(const struct store_object *o, void *arg, struct mu_error *err),
		       void *arg, struct mu_error *err);

/* A host's first row; for one that is there only enrolled_at changes. */
void store_hosts_enrol(struct store_tx *tx, const struct store_host *h);
/* name, last_seen, state and its numbers. */
void store_hosts_put_state(struct store_tx *tx, const struct store_host *h);
void store_hosts_seen(struct store_tx *tx, const struct host_id *id, mu_msec last_seen);
/* With its VMs, objects, certificates and metrics. */
void store_hosts_delete(struct store_tx *tx, const struct host_id *id);
void store_vms_put(struct store_tx *tx, const struct store_vm *vm);
void store_vms_delete(struct store_tx *tx, const struct host_id *host, const struct vm_id *id);
void store_vms_delete_all(struct store_tx *tx, const struct host_id *host);
void store_objects_put(struct store_tx *tx, const struct store_object *o);
void store_objects_delete(struct store_tx *tx, const struct host_id *host,
			  const struct mu_uuid *id);
void store_objects_delete_all(struct store_tx *tx, const struct host_id *host);

/* --- metrics --- */

struct store_batch {
	uint64_t epoch;
	uint64_t seq;
	uint32_t generation;
	mu_msec at;
	struct store_blob samples;
};

struct store_dictionary {
	uint64_t epoch;
	uint32_t generation;
	struct store_blob series;
};

/* Keep it, and drop those of the host that no stored batch needs. */
void store_metrics_put_dictionary(struct store_tx *tx, const struct host_id *host,
				  const struct store_dictionary *d);
/* Into slot h->metric_count % STORE_METRIC_SLOTS, with the host's metric numbers. */
void store_metrics_put_batch(struct store_tx *tx, const struct store_host *h,
			     const struct store_batch *b);

struct store_metrics {
	const struct store_dictionary *dictionaries;
	size_t n_dictionaries;
	const struct store_batch *batches; /* in order of time */
	size_t n_batches;
};

/* Batches of `host` at or after `since`, with their dictionaries. done() from the loop; `m` is
 * valid during the call, NULL with an error. */
void store_metrics_read(struct store *s, const struct host_id *host, mu_msec since,
			void (*done)(void *ctx, const struct store_metrics *m,
				     const struct mu_error *err),
			void *ctx);

#endif
