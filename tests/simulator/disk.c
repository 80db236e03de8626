/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulator/disk.h"

#include "tests/simulator/sim.h"

#include <stdlib.h>

void disk_init(struct disk *d, size_t n_hosts)
{
	d->hosts = mu_xcalloc(n_hosts, sizeof *d->hosts);
	d->tasks = mu_map_new();
	for (size_t i = 0; i < n_hosts; i++) {
		model_host_init(&d->hosts[i].model);
		d->hosts[i].model.id = agent_host_id(i);
	}
}

void disk_deinit(struct disk *d)
{
	struct model_task *t;

	for (size_t i = 0; (t = mu_map_next(d->tasks, &i, NULL, NULL));)
		free(t);
	mu_map_free(d->tasks);
	free(d->hosts);
}

struct disk_tx *disk_tx_new(enum disk_kind kind, size_t host, size_t n_vms)
{
	struct disk_tx *tx = mu_xcalloc(1, sizeof *tx + n_vms * sizeof tx->vms[0]);

	tx->kind = kind;
	tx->host = host;
	tx->n_vms = n_vms;
	return tx;
}

static void put_state(struct disk_host *h, const struct disk_tx *tx)
{
	for (size_t i = 0; tx->snapshot && i < SIM_SLOTS; i++)
		h->has[i] = false;
	h->epoch = tx->epoch;
	h->seq = tx->seq;
	h->model = tx->model;
	for (size_t i = 0; i < tx->n_removed; i++) {
		const struct vm_id id = {tx->removed[i]};

		h->has[agent_slot_of(&id)] = false;
	}
	for (size_t i = 0; i < tx->n_vms; i++) {
		h->has[agent_slot_of(&tx->vms[i].id)] = true;
		h->vms[agent_slot_of(&tx->vms[i].id)] = tx->vms[i];
	}
}

/* An end is for ever. */
static void put_task(struct sim *s, const struct model_task *task)
{
	struct disk *d = &s->aggregator.disk;
	struct model_task *t = mu_map_find(d->tasks, &task->id, sizeof task->id);
	char id[MU_UUID_TEXT];

	if (t && t->status != TASK_PENDING)
		sim_violation(s, "task %s ended as %s and is stored as %s now",
			      mu_uuid_format(&task->id, id), task_status_name(t->status),
			      task_status_name(task->status));
	if (!t) {
		t = mu_xcalloc(1, sizeof *t);
		mu_map_put(d->tasks, &task->id, sizeof task->id, t);
	}
	*t = *task;
}

static void on_told(struct sim *s, void *arg)
{
	aggregator_stored(s, arg);
}

static void on_durable(struct sim *s, void *arg)
{
	const struct disk_tx *tx = arg;
	static const char *const names[] = {[DISK_STATE] = "state",
					    [DISK_TASK_BEGIN] = "begin",
					    [DISK_TASK_PUT] = "task",
					    [DISK_RESULT] = "result"};
	size_t size = sizeof *tx + tx->n_vms * sizeof tx->vms[0];

	switch (tx->kind) {
	case DISK_STATE:
		put_state(&s->aggregator.disk.hosts[tx->host], tx);
		break;
	case DISK_RESULT:
		if (tx->ends)
			put_task(s, &tx->task);
		break;
	case DISK_TASK_BEGIN:
	case DISK_TASK_PUT:
		put_task(s, &tx->task);
		break;
	}
	sim_trace(s, "disk: %s host %zu seq %llu task %02x", names[tx->kind], tx->host,
		  (unsigned long long)tx->seq, tx->task.id.bytes[0]);
	sim_after(s, 1 + s->disk_latency / 8, &s->aggregator.life, on_told, mu_xmemdup(tx, size));
}

void disk_commit(struct sim *s, struct disk_tx *tx)
{
	mu_msec at = s->now + 1 + (mu_msec)sim_below(s, (uint64_t)s->disk_latency);

	if (at < s->aggregator.disk.last)
		at = s->aggregator.disk.last;
	s->aggregator.disk.last = at;
	sim_after(s, at - s->now, &s->aggregator.life, on_durable, tx);
}
