/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hosts, their VMs and their other objects. Rows carry the wire's message (HostState, VmState,
 * ObjectState) as a blob and, as columns, what is searched for or ordered by; the store does not
 * look into blobs.
 */
#ifndef MUSTER_AGGREGATOR_STORE_HOSTS_H
#define MUSTER_AGGREGATOR_STORE_HOSTS_H

#include "aggregator/store/store.h"
#include "common/base/arena.h"
#include "common/base/id.h"
#include "common/base/time.h"

#include <stdint.h>

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
/* With its VMs, objects and certificates. */
void store_hosts_delete(struct store_tx *tx, const struct host_id *id);
void store_vms_put(struct store_tx *tx, const struct store_vm *vm);
void store_vms_delete(struct store_tx *tx, const struct host_id *host, const struct vm_id *id);
void store_vms_delete_all(struct store_tx *tx, const struct host_id *host);
void store_objects_put(struct store_tx *tx, const struct store_object *o);
void store_objects_delete(struct store_tx *tx, const struct host_id *host,
			  const struct mu_uuid *id);
void store_objects_delete_all(struct store_tx *tx, const struct host_id *host);

#endif
