/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The step machine.
 *
 *                 create, restore           stops by itself
 *      (nothing) ------> BUILDING --> LIVE ---or asked to---> STOPPED
 *                            |         |                         |
 *                     cancel, destroy  | destroy, saved          | destroy, or by whoever waits
 *                            |         v                         | for it; xl for its own
 *                            +-----> DYING <---------------------+
 *                                      | destroy_ms
 *                                      v
 *                                  (nothing)
 *
 * A step brings the host to the event's time, running what fell due in between in its order, then
 * takes the event. Operations mostly wait for their domain to reach a phase: sim_op_look()
 * compares, after every change. Whatever changes the set of domains or how they run is stored
 * before anybody is told (SIM_STORE comes first in the list), so that a killed agent finds what it
 * was told.
 */
#include "agent/hv/sim/sim_model.h"

#include "agent/hv/sim/sim_priv.h"
#include "agent/hv/sim/sim_state.h"
#include "common/base/assert.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Xen's domain ids end here and begin again with the lowest that is free. */
#define DOMID_END 0x7ff0u
#define REPORT_INTERVAL MU_SEC(60)
#define XL_REACTION MU_SEC(1)
/* Things that may fall due between two events; beyond, they happen late. */
#define DUE_MAX 10000

struct sim_action *sim_act(struct sim_step *s, enum sim_action_kind kind, uint64_t op)
{
	struct sim_action *a = mu_arena_calloc(s->arena, 1, sizeof *a);

	a->kind = kind;
	a->op = op;
	*s->last = a;
	s->last = &a->next;
	return a;
}

void sim_changed(struct sim_step *s)
{
	s->store = true;
	s->domains_changed = true;
}

mu_msec sim_jitter(struct sim_model *m, mu_msec ms)
{
	return ms + (mu_msec)((double)ms * 0.4 * (mu_rand_unit(&m->rand) - 0.5));
}

/* ---- domains ---- */

struct hv_domid sim_new_domid(struct sim_model *m)
{
	struct hv_domid domid;

	mu_assert(m->n_domains < HV_DOMAINS_MAX);
	do {
		if (m->next_domid >= DOMID_END)
			m->next_domid = 1;
		domid.value = m->next_domid++;
	} while (sim_find(m, domid));
	return domid;
}

void sim_remove(struct sim_step *s, struct sim_domain *d)
{
	struct sim_model *m = s->m;
	size_t at = 0;

	while (m->domains[at] != d)
		at++;
	memmove(&m->domains[at], &m->domains[at + 1],
		(m->n_domains - at - 1) * sizeof(struct sim_domain *));
	m->n_domains--;
	sim_devices_drop(&m->devices, d->domid);
	free(d);
	sim_changed(s);
}

void sim_begin_dying(struct sim_step *s, struct sim_domain *d)
{
	if (d->phase == SIM_DYING)
		return;
	d->phase = SIM_DYING;
	d->phase_until = s->m->now + sim_jitter(s->m, s->m->params.destroy_ms);
	sim_changed(s);
}

static void stop_domain(struct sim_step *s, struct sim_domain *d)
{
	d->phase = SIM_STOPPED;
	d->shutdown = d->stop_reason;
	d->stop_at = 0;
	d->phase_until = s->m->now + XL_REACTION;
	sim_changed(s);
}

void sim_go_live(struct sim_model *m, struct sim_domain *d, bool paused)
{
	d->phase = SIM_LIVE;
	d->paused = paused;
	d->stop_at = d->traits.stop_after;
	d->stop_reason = d->traits.stop_reason;
	d->report_at = sim_jitter(m, m->params.guest_ms);
}

static void run_foreign(struct sim_step *s, const struct hv_vm_config *config)
{
	struct sim_domain *d = sim_add(s->m, sim_new_domid(s->m), config);

	d->foreign = true;
	sim_go_live(s->m, d, false);
	sim_changed(s);
}

int sim_admit(const struct sim_model *m, const struct hv_vm_config *c, struct mu_error *err)
{
	int64_t wanted = c->memory_max_bytes + ((int64_t)1 << 20);

	for (size_t i = 0; i < m->n_domains; i++) {
		const struct sim_domain *d = m->domains[i];

		if (mu_uuid_equal(&d->config.id.uuid, &c->id.uuid))
			return mu_error_set(err, MU_E_EXISTS,
					    "domain %" PRIu32 " (\"%s\") has that id already",
					    d->domid.value, d->config.name);
		if (strcmp(d->config.name, c->name) == 0)
			return mu_error_set(err, MU_E_EXISTS,
					    "domain %" PRIu32 " has the name \"%s\" already; hint: "
					    "rename one of them",
					    d->domid.value, c->name);
	}
	if (m->n_domains >= HV_DOMAINS_MAX)
		return mu_error_set(err, MU_E_EXHAUSTED, "%zu domains run already, the most",
				    m->n_domains);
	if (wanted > sim_free_bytes(m))
		return mu_error_set(err, MU_E_EXHAUSTED,
				    "not enough memory: %" PRId64 " MiB wanted, %" PRId64
				    " MiB free; hint: stop a VM or give this one less",
				    wanted >> 20, sim_free_bytes(m) >> 20);
	return 0;
}

/* ---- time ---- */

static void domain_due(struct sim_step *s, struct sim_domain *d)
{
	struct hv_vm_config config;
	bool again;

	if (sim_runs(d) && d->stop_at && d->run_ms >= d->stop_at)
		stop_domain(s, d);
	if (d->phase == SIM_STOPPED && d->foreign && s->m->now >= d->phase_until) {
		d->again = d->shutdown == HV_SHUTDOWN_REBOOT;
		sim_begin_dying(s, d);
	}
	if (d->phase != SIM_DYING || s->m->now < d->phase_until)
		return;
	config = d->config;
	again = d->again;
	sim_remove(s, d);
	if (again)
		run_foreign(s, &config);
}

/* Everything that is due now, until nothing is. */
static void settle(struct sim_step *s)
{
	struct sim_model *m = s->m;

	/* Backwards, as domains may go; one made anew is not due at once. */
	for (size_t i = m->n_domains; i > 0; i--) {
		if (i <= m->n_domains)
			domain_due(s, m->domains[i - 1]);
	}
	mu_list_each(it, &m->ops)
	{
		struct sim_op *op = MU_CONTAINER_OF(it, struct sim_op, link);

		if (!sim_op_look(s, op) && op->next_at <= m->now)
			sim_op_due(s, op);
	}
}

static mu_msec domain_next(const struct sim_model *m, const struct sim_domain *d)
{
	switch (d->phase) {
	case SIM_LIVE:
		if (sim_runs(d) && d->stop_at)
			return m->now + (d->stop_at > d->run_ms ? d->stop_at - d->run_ms : 0);
		return MU_MSEC_NEVER;
	case SIM_STOPPED:
		return d->foreign ? d->phase_until : MU_MSEC_NEVER;
	case SIM_DYING:
		return d->phase_until;
	case SIM_BUILDING:
	case _SIM_PHASE_COUNT:
		break;
	}
	return MU_MSEC_NEVER;
}

/* Guests' reports are left out: they change nothing and may be late. */
static mu_msec next_due(const struct sim_model *m)
{
	mu_msec at = MU_MSEC_NEVER;

	for (size_t i = 0; i < m->n_domains; i++) {
		mu_msec next = domain_next(m, m->domains[i]);

		at = next < at ? next : at;
	}
	mu_list_each(it, &m->ops)
	{
		const struct sim_op *op = MU_CONTAINER_OF(it, struct sim_op, link);

		at = op->next_at < at ? op->next_at : at;
	}
	return at;
}

mu_msec sim_model_wake_at(const struct sim_model *m)
{
	mu_msec at = next_due(m);

	for (size_t i = 0; i < m->n_domains; i++) {
		const struct sim_domain *d = m->domains[i];
		mu_msec next = m->now + d->report_at - d->run_ms;

		if (sim_runs(d) && !d->traits.no_agent && next < at)
			at = next;
	}
	return at;
}

static void report_guests(struct sim_step *s)
{
	for (size_t i = 0; i < s->m->n_domains; i++) {
		struct sim_domain *d = s->m->domains[i];

		if (d->phase != SIM_LIVE || d->traits.no_agent || d->run_ms < d->report_at)
			continue;
		d->reported = true;
		d->report_at = d->run_ms + REPORT_INTERVAL;
		sim_act(s, SIM_GUEST_CHANGED, 0)->domid = d->domid;
	}
}

static void run_until(struct sim_step *s, mu_msec now)
{
	for (size_t n = 0; n < DUE_MAX; n++) {
		mu_msec at = next_due(s->m);

		if (at > now)
			break;
		sim_advance(s->m, at);
		settle(s);
	}
	sim_advance(s->m, now);
	settle(s);
	report_guests(s);
}

static void take_event(struct sim_step *s, const struct sim_event *e)
{
	struct sim_domain *d;

	switch (e->kind) {
	case SIM_TICK:
		break;
	case SIM_OP_START:
		sim_op_start(s, e);
		break;
	case SIM_OP_CANCEL:
		sim_op_cancel(s, e->op);
		break;
	case SIM_FILE_DONE:
		sim_op_file_done(s, e);
		break;
	case SIM_XL_CREATE:
		if (sim_admit(s->m, e->config, NULL) == 0)
			run_foreign(s, e->config);
		break;
	case SIM_KILL:
		d = sim_find(s->m, e->domid);
		if (d)
			sim_remove(s, d);
		break;
	}
}

struct sim_action *sim_model_step(struct sim_model *m, const struct sim_event *event,
				  struct mu_arena *arena)
{
	struct sim_step s = {.m = m, .arena = arena, .last = &s.first};
	struct sim_action *store;

	run_until(&s, event->now);
	take_event(&s, event);
	run_until(&s, event->now);
	if (s.domains_changed)
		sim_act(&s, SIM_DOMAINS_CHANGED, 0);
	if (!s.store)
		return s.first;
	store = mu_arena_calloc(arena, 1, sizeof *store);
	store->kind = SIM_STORE;
	store->next = s.first;
	return store;
}

/* ---- making a host ---- */

static void add_foreign(struct sim_model *m, unsigned n)
{
	struct hv_vm_config c = {.type = VM_TYPE_PV, .vcpus = 1, .vcpus_max = 1};
	struct mu_uuid root = {{0}};
	struct sim_domain *d;
	char part[64];

	snprintf(part, sizeof part, "%016" PRIx64 "/foreign/%u", m->params.seed, n);
	c.id.uuid = mu_uuid_derive(&root, part);
	snprintf(c.name, sizeof c.name, "foreign-%u", n);
	snprintf(c.kernel, sizeof c.kernel, "%s", SIM_FILES "boot/vmlinuz");
	c.memory_bytes = c.memory_max_bytes = (int64_t)256 << 20;
	c.n_disks = 1;
	snprintf(c.disks[0].vdev, sizeof c.disks[0].vdev, "xvda");
	snprintf(c.disks[0].path, sizeof c.disks[0].path, SIM_FILES "disks/foreign-%u", n);
	snprintf(c.disks[0].format, sizeof c.disks[0].format, "raw");
	c.n_nics = 1;
	snprintf(c.nics[0].bridge, sizeof c.nics[0].bridge, "xenbr0");
	if (sim_admit(m, &c, NULL) < 0)
		return;
	d = sim_add(m, sim_new_domid(m), &c);
	d->foreign = true;
	sim_go_live(m, d, false);
}

struct sim_model *sim_model_new(const struct sim_params *params, mu_msec now)
{
	struct sim_model *m = mu_xcalloc(1, sizeof *m);
	struct mu_uuid root = {{0}};
	struct mu_uuid boot;
	char part[64];

	mu_assert(params->cpus >= 1 && params->cpus <= HV_VCPUS_MAX && now >= 0);
	m->params = *params;
	m->rand.state = params->seed;
	m->now = m->booted_at = now;
	m->next_domid = 1;
	mu_link_init(&m->ops);
	snprintf(part, sizeof part, "%016" PRIx64 "/boot/%" PRId64, params->seed, now);
	boot = mu_uuid_derive(&root, part);
	(void)mu_uuid_format(&boot, m->boot_id);
	sim_cpupools_init(m);
	for (unsigned i = 1; i <= params->n_foreign; i++)
		add_foreign(m, i);
	return m;
}

struct sim_model *sim_model_free(struct sim_model *m)
{
	if (!m)
		return NULL;
	mu_list_each(it, &m->ops)
	{
		sim_op_free(MU_CONTAINER_OF(it, struct sim_op, link));
	}
	for (size_t i = 0; i < m->n_domains; i++)
		free(m->domains[i]);
	free(m->domains);
	free(m);
	return NULL;
}
