/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel says that something has changed; we read everything, a moment later, so that a
 * burst (a bridge with a VLAN in it is a dozen messages) costs one reading. A slow reading heals
 * what was missed, and notices what has no message (a card's speed, name servers, a configuration
 * system that was started).
 */
#include "agent/network/network.h"

#include "agent/network/net_read.h"
#include "agent/network/network_priv.h"
#include "common/base/assert.h"
#include "common/log/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum { SETTLE_MS = 50, AGAIN_MS = 1000, HEAL_MS = 60 * 1000 };

/* Apart from its owner, as libuv closes it later. */
struct network_poll {
	uv_poll_t uv;
	struct network *owner;
};

/* ---- readings ---- */

static void read_run(struct mu_work *w)
{
	struct network *n = MU_CONTAINER_OF(w, struct network, work);

	mu_error_clear(&n->fresh_err);
	if (n->model)
		net_model_read(n->model, &n->fresh);
	else
		(void)net_read(&n->fresh, &n->fresh_err);
}

static void read_begin(struct network *n)
{
	mu_timer_cancel(n->timer);
	n->reading = true;
	n->again = false;
	n->soon = false;
	n->n_begun++;
	net_facts_deinit(&n->fresh);
	mu_work_start(&n->work, n->loop);
}

/* Networks that no configuration system keeps are gone after a reboot. */
static void forget_lost(struct network *n)
{
	for (size_t i = 0; i < n->records.n; i++) {
		const struct net_record *rec = &n->records.items[i];

		if (rec->stage == NET_STAGE_MADE && rec->system == NET_SYSTEM_NONE &&
		    !net_link_find(&n->facts, rec->bridge))
			network_job_sweep(n, rec);
	}
}

static void take_reading(struct network *n)
{
	struct net_facts old = n->facts;

	n->facts = n->fresh;
	n->fresh = old;
	if (!n->seen)
		forget_lost(n);
	n->seen = true;
	network_publish(n);
}

static void read_done(struct mu_work *w)
{
	struct network *n = MU_CONTAINER_OF(w, struct network, work);
	bool failed = n->fresh_err.code != MU_E_NONE;

	n->reading = false;
	if (failed && n->facts_err.code == MU_E_NONE)
		mu_log_warning("networks cannot be read err=\"%s\"", n->fresh_err.text);
	n->facts_err = n->fresh_err;
	if (!failed)
		take_reading(n);
	/* Before the next one begins, as jobs ask for those that they need. */
	n->soon = n->again || failed;
	mu_timer_set(n->timer, failed ? AGAIN_MS : n->soon ? SETTLE_MS : HEAL_MS);
	network_jobs_facts(n, n->n_begun);
	network_job_gone(n);
}

static void on_timer(void *ctx)
{
	struct network *n = ctx;

	/* While stopping, for jobs that are being undone. */
	if (!n->reading && (!n->stopped || !mu_list_empty(&n->jobs)))
		read_begin(n);
}

uint64_t network_read(struct network *n)
{
	if (n->reading)
		n->again = true;
	else
		read_begin(n);
	return n->n_begun + n->again;
}

static void on_poll(uv_poll_t *uv, int status, int events)
{
	struct network_poll *p = uv->data;
	struct network *n = p->owner;

	(void)events;
	if (!net_monitor_drain(n->monitor) && status == 0)
		return;
	if (n->reading) {
		n->again = true;
	} else if (!n->soon) {
		/* From the first of them: a stream of changes must not put it off for ever. */
		n->soon = true;
		mu_timer_set(n->timer, SETTLE_MS);
	}
	/* libuv stops a handle that has an error, such as messages that were lost. */
	if (status < 0)
		(void)uv_poll_start(uv, UV_READABLE, on_poll);
}

/* ---- objects ---- */

struct net_check_input network_check_input(const struct network *n)
{
	return (struct net_check_input){.facts = &n->facts,
					.records = n->records.items,
					.n_records = n->records.n,
					.host = n->host,
					.management_ip = n->management_ip};
}

void network_publish(struct network *n)
{
	const struct net_view_input in = {.facts = &n->facts,
					  .records = n->records.items,
					  .n_records = n->records.n,
					  .host = n->host,
					  .management_ip = n->management_ip};
	struct net_view before = n->view;

	n->view = (struct net_view){NULL, 0};
	net_view_build(&in, &n->view);
	if (!n->stopped)
		net_view_diff(&before, &n->view, &n->listener);
	net_view_deinit(&before);
}

void network_set_management(struct network *n, const char *ip)
{
	(void)snprintf(n->management_ip, sizeof n->management_ip, "%s", ip);
	network_publish(n);
}

const struct model_object *network_find(const struct network *n, const struct mu_uuid *id)
{
	return net_view_find(&n->view, id);
}

bool network_find_bridge(const struct network *n, const struct mu_uuid *id,
			 char ret[static MODEL_DEVICE_MAX + 1])
{
	const struct model_object *o = network_find(n, id);

	if (!o || o->kind != OBJECT_NETWORK)
		return false;
	memcpy(ret, o->network.bridge, sizeof o->network.bridge);
	return true;
}

const struct net_record *network_find_record(const struct network *n, const char *bridge,
					     const char *name)
{
	char from_name[MODEL_DEVICE_MAX + 1];

	if (!bridge) {
		net_bridge_name(name, from_name);
		bridge = from_name;
	}
	for (size_t i = 0; i < n->records.n; i++) {
		if (!strcmp(n->records.items[i].bridge, bridge))
			return &n->records.items[i];
	}
	return NULL;
}

/* ---- life ---- */

static void poll_closed(uv_handle_t *h)
{
	free(h->data);
}

static void release(struct network *n)
{
	if (n->poll)
		uv_close((uv_handle_t *)&n->poll->uv, poll_closed);
	n->monitor = net_monitor_free(n->monitor);
	n->model = net_model_free(n->model);
	n->timer = mu_timer_free(n->timer);
	net_facts_deinit(&n->facts);
	net_facts_deinit(&n->fresh);
	net_view_deinit(&n->view);
	free(n->records.items);
	free(n->dir);
	free(n);
}

static int watch(struct network *n, struct mu_error *err)
{
	n->monitor = net_monitor_new(err);
	if (!n->monitor)
		return MU_FAILED;
	n->poll = mu_xcalloc(1, sizeof *n->poll);
	n->poll->owner = n;
	mu_assert(uv_poll_init(mu_loop_uv(n->loop), &n->poll->uv, net_monitor_fd(n->monitor)) == 0);
	n->poll->uv.data = n->poll;
	mu_assert(uv_poll_start(&n->poll->uv, UV_READABLE, on_poll) == 0);
	return 0;
}

/* A modelled host was never off: what was made is there. */
static void restore_model(struct network *n)
{
	struct mu_error err = MU_ERROR_INIT;

	for (size_t i = 0; n->model && i < n->records.n; i++) {
		if (net_model_make(n->model, &n->records.items[i], &err) < 0)
			mu_log_warning("modelled network is lost bridge=%s err=\"%s\"",
				       n->records.items[i].bridge, err.text);
	}
}

struct network *network_new(const struct network_settings *settings, struct mu_error *err)
{
	struct network *n = mu_xcalloc(1, sizeof *n);

	n->loop = settings->loop;
	n->host = settings->host;
	n->dir = mu_xstrdup(settings->records);
	n->listener = settings->listener;
	n->work = (struct mu_work){.run = read_run, .done = read_done};
	mu_link_init(&n->jobs);
	n->timer = mu_timer_new(n->loop, on_timer, n);
	if (settings->modelled)
		n->model = net_model_new(settings->seed);
	/* Listening first: what changes while we read is heard. */
	if ((!n->model && watch(n, err) < 0) || net_store_load(n->dir, &n->records, err) < 0) {
		(void)mu_error_prefix(err, "networks");
		release(n);
		return NULL;
	}
	restore_model(n);
	for (size_t i = 0; i < n->records.n; i++) {
		if (n->records.items[i].stage != NET_STAGE_MADE)
			network_job_sweep(n, &n->records.items[i]);
	}
	read_begin(n);
	return n;
}

static void stop_finish(void *ctx)
{
	struct network *n = ctx;
	mu_loop_cb stopped = n->stopped;
	void *stopped_ctx = n->stopped_ctx;

	release(n);
	stopped(stopped_ctx);
}

void network_job_gone(struct network *n)
{
	if (!n->stopped || n->finishing || n->reading || !mu_list_empty(&n->jobs))
		return;
	n->finishing = true;
	mu_timer_cancel(n->timer);
	mu_loop_post(n->loop, stop_finish, n);
}

void network_stop(struct network *n, mu_loop_cb stopped, void *ctx)
{
	n->stopped = stopped;
	n->stopped_ctx = ctx;
	network_jobs_cancel_all(n);
	network_job_gone(n);
}
