/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The service's state, for network.c (readings, objects, life) and network_job.c (operations).
 */
#ifndef MUSTER_AGENT_NETWORK_NETWORK_PRIV_H
#define MUSTER_AGENT_NETWORK_NETWORK_PRIV_H

#include "agent/network/core/net_check.h"
#include "agent/network/net_model.h"
#include "agent/network/net_netlink.h"
#include "agent/network/net_store.h"
#include "agent/network/network.h"
#include "common/base/list.h"
#include "common/loop/work.h"

struct network_poll;

struct network {
	struct mu_loop *loop;
	struct host_id host;
	char *dir;
	struct net_view_listener listener;
	char management_ip[MODEL_ADDR_MAX + 1];
	struct net_model *model; /* NULL: this machine */
	struct net_monitor *monitor;
	struct network_poll *poll;
	/* readings */
	struct mu_timer *timer; /* to the next reading */
	struct mu_work work;
	bool reading;
	bool soon;              /* the timer stands for a change, not for healing */
	bool again;             /* something changed since the reading began */
	uint64_t n_begun;       /* readings */
	struct net_facts fresh; /* the work thread's while it reads */
	struct mu_error fresh_err;
	/* what is */
	bool seen; /* there was a reading */
	struct net_facts facts;
	struct mu_error facts_err; /* of the last reading */
	struct net_records records;
	struct net_view view;
	/* operations, the first one runs */
	struct mu_link jobs;
	mu_loop_cb stopped; /* not NULL: stopping */
	void *stopped_ctx;
	bool finishing; /* nothing is left to wait for */
};

/* network.c */
/* A reading that begins from now on, as soon as can be; its number. */
uint64_t network_read(struct network *n);
/* The facts or records changed: tell the listener what is different. */
void network_publish(struct network *n);
struct net_check_input network_check_input(const struct network *n);
/* A job is gone: if we are stopping, go on with that. */
void network_job_gone(struct network *n);

/* network_job.c */
/* Undo what a crash left, or what is there no more. */
void network_job_sweep(struct network *n, const struct net_record *rec);
/* A reading has ended; `number` of it. */
void network_jobs_facts(struct network *n, uint64_t number);
void network_jobs_cancel_all(struct network *n);

#endif
