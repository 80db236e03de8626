/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/agent/hv/contract_env.h"

#include "common/base/str.h"
#include "common/os/random.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE MU_SEC(120)
#define BOOT_LOOK 100 /* ms */
#define NAME_PREFIX "contract-"

static void on_guard(void *ctx)
{
	struct env *e = ctx;

	e->gave_up = true;
	mu_loop_stop(e->loop);
}

int env_wait(struct env *e, const bool *flag, struct mu_error *err)
{
	e->gave_up = false;
	mu_timer_set(e->guard, PATIENCE);
	while (!*flag && !e->gave_up)
		mu_loop_run(e->loop);
	mu_timer_cancel(e->guard);
	if (e->gave_up)
		return mu_error_set(err, MU_E_INTERNAL, "nothing happened for %" PRId64 " s",
				    PATIENCE / 1000);
	return 0;
}

struct pause {
	struct env *env;
	bool over;
};

static void on_pause_over(void *ctx)
{
	struct pause *p = ctx;

	p->over = true;
	mu_loop_stop(p->env->loop);
}

void env_pause(struct env *e, mu_msec ms)
{
	struct pause p = {.env = e};
	struct mu_timer *t = mu_timer_new(e->loop, on_pause_over, &p);

	mu_timer_set(t, ms);
	while (!p.over)
		mu_loop_run(e->loop);
	mu_timer_free(t);
}

static void on_domains_changed(void *ctx)
{
	struct env *e = ctx;

	e->n_domains_changed++;
	mu_loop_stop(e->loop);
}

static void on_guest_changed(struct hv_domid domid, void *ctx)
{
	(void)domid;
	(void)ctx;
}

int env_open_driver(struct env *e, struct mu_error *err)
{
	const struct hv_watch watch = {on_domains_changed, on_guest_changed, e};

	if (e->c->open(e->c, e->loop, &e->hv, err) < 0)
		return mu_error_prefix(err, "open driver");
	hv_watch(e->hv, &watch);
	return 0;
}

static void on_freed(void *ctx)
{
	*(bool *)ctx = true;
}

struct closing {
	struct env *env;
	bool freed;
};

static void on_closed(void *ctx)
{
	struct closing *c = ctx;

	on_freed(&c->freed);
	mu_loop_stop(c->env->loop);
}

int env_close_driver(struct env *e, struct mu_error *err)
{
	struct closing c = {.env = e};

	hv_free(MU_TAKE(e->hv), on_closed, &c);
	if (env_wait(e, &c.freed, err) < 0)
		return mu_error_prefix(err, "close driver");
	return 0;
}

int env_open(struct env *e, const struct hv_contract *c, struct mu_error *err)
{
	*e = (struct env){.c = c, .loop = mu_loop_new()};
	mu_link_init(&e->waits);
	e->guard = mu_timer_new(e->loop, on_guard, e);
	return env_open_driver(e, err);
}

static int destroy_left(struct env *e, struct mu_error *err)
{
	struct hv_domain *domains = mu_xcalloc(HV_DOMAINS_MAX, sizeof *domains);
	size_t n = 0;
	int r = hv_list(e->hv, domains, HV_DOMAINS_MAX, &n, err);

	for (size_t i = 0; r == 0 && i < n; i++) {
		if (mu_str_has_prefix(domains[i].name, NAME_PREFIX))
			r = env_on(e, HV_DESTROY, domains[i].domid, err);
	}
	free(domains);
	return r;
}

int env_close(struct env *e, struct mu_error *err)
{
	int r = 0;

	if (e->hv)
		r = destroy_left(e, err);
	if (e->hv && env_close_driver(e, r < 0 ? NULL : err) < 0)
		r = MU_FAILED;
	mu_timer_free(e->guard);
	mu_list_each(it, &e->waits)
	{
		struct wait *w = MU_CONTAINER_OF(it, struct wait, link);

		mu_list_remove(&w->link);
		free(w);
	}
	if (r == 0) /* else something is still open in it */
		mu_loop_free(e->loop);
	return r;
}

struct hv_vm_config env_guest(struct env *e)
{
	struct hv_vm_config c = e->c->guest;

	c.id.uuid = mu_random_uuid();
	snprintf(c.name, sizeof c.name, NAME_PREFIX "%d-%u", (int)getpid(), ++e->n_guests);
	return c;
}

static void on_done(struct hv_op *op)
{
	struct wait *w = MU_CONTAINER_OF(op, struct wait, op);

	w->n_done++;
	w->done_in_start = w->done_in_start || w->in_start;
	mu_loop_stop(w->env->loop);
}

static void on_progress(struct hv_op *op, int percent)
{
	MU_CONTAINER_OF(op, struct wait, op)->last_percent = percent;
}

struct wait *env_op(struct env *e, struct hv_op op)
{
	struct wait *w = mu_xcalloc(1, sizeof *w);

	w->op = op;
	mu_list_push_back(&e->waits, &w->link);
	return w;
}

void wait_start(struct env *e, struct wait *w)
{
	w->env = e;
	w->n_done = 0;
	w->op.done = on_done;
	w->op.progress = on_progress;
	w->in_start = true;
	hv_op_start(e->hv, &w->op);
	w->in_start = false;
}

int wait_end(struct wait *w, struct mu_error *err)
{
	struct env *e = w->env;

	e->gave_up = false;
	mu_timer_set(e->guard, PATIENCE);
	while (w->n_done == 0 && !e->gave_up)
		mu_loop_run(e->loop);
	mu_timer_cancel(e->guard);
	EXPECT(w->n_done == 1, "%s: %d callbacks", hv_op_kind_name(w->op.kind), w->n_done);
	EXPECT(!w->done_in_start, "%s: callback inside start", hv_op_kind_name(w->op.kind));
	EXPECT(w->op.r == 0 || (w->op.err.code != MU_E_NONE && w->op.err.text[0] != '\0'),
	       "%s failed without a reason", hv_op_kind_name(w->op.kind));
	EXPECT(w->last_percent >= 0 && w->last_percent <= 100, "progress %d", w->last_percent);
	return 0;
}

int env_run(struct env *e, struct wait *w, struct mu_error *err)
{
	wait_start(e, w);
	if (wait_end(w, err) < 0)
		return MU_FAILED;
	if (w->op.r < 0) {
		*err = w->op.err;
		return mu_error_prefix(err, "%s", hv_op_kind_name(w->op.kind));
	}
	return 0;
}

int env_on(struct env *e, enum hv_op_kind kind, struct hv_domid domid, struct mu_error *err)
{
	struct wait *w = env_op(e, (struct hv_op){.kind = kind, .domid = domid});

	return env_run(e, w, err);
}

int env_refused(struct env *e, struct wait *w, enum mu_error_code code, struct mu_error *err)
{
	const char *name = hv_op_kind_name(w->op.kind);

	wait_start(e, w);
	if (wait_end(w, err) < 0)
		return MU_FAILED;
	EXPECT(w->op.r < 0, "%s should have failed with %s", name, mu_error_name(code));
	EXPECT(w->op.err.code == code, "%s: %s instead of %s: %s", name,
	       mu_error_name(w->op.err.code), mu_error_name(code), w->op.err.text);
	return 0;
}

int env_create(struct env *e, const struct hv_vm_config *config, struct hv_domid *ret_domid,
	       struct mu_error *err)
{
	struct wait *w = env_op(e, (struct hv_op){.kind = HV_CREATE, .config = config});

	if (env_run(e, w, err) < 0)
		return MU_FAILED;
	*ret_domid = w->op.ret_domid;
	return 0;
}

int env_wait_booted(struct env *e, struct hv_domid domid, struct mu_error *err)
{
	struct vm_guest guest;

	for (mu_msec ms = 0; ms < e->c->boot_ms; ms += BOOT_LOOK) {
		if (hv_guest(e->hv, domid, &guest, err) < 0)
			return MU_FAILED;
		if (guest.agent_detected)
			break;
		env_pause(e, BOOT_LOOK);
	}
	return 0;
}

int env_create_booted(struct env *e, struct hv_vm_config *config, struct hv_domid *ret_domid,
		      struct mu_error *err)
{
	*config = env_guest(e);
	if (env_create(e, config, ret_domid, err) < 0)
		return MU_FAILED;
	return env_wait_booted(e, *ret_domid, err);
}

int env_find(struct env *e, struct hv_domid domid, bool *ret_found, struct hv_domain *ret,
	     struct mu_error *err)
{
	struct hv_domain *domains = mu_xcalloc(HV_DOMAINS_MAX, sizeof *domains);
	size_t n = 0;
	int r = hv_list(e->hv, domains, HV_DOMAINS_MAX, &n, err);

	*ret_found = false;
	for (size_t i = 0; r == 0 && i < n; i++) {
		if (domains[i].domid.value != domid.value)
			continue;
		*ret_found = true;
		*ret = domains[i];
	}
	free(domains);
	return r;
}

int env_expect_gone(struct env *e, struct hv_domid domid, struct mu_error *err)
{
	struct hv_domain d;
	bool found;

	if (env_find(e, domid, &found, &d, err) < 0)
		return MU_FAILED;
	EXPECT(!found || d.dying, "domain %" PRIu32 " is still there", domid.value);
	return 0;
}

int env_count_named(struct env *e, const char *name, size_t *ret_n, struct mu_error *err)
{
	struct hv_domain *domains = mu_xcalloc(HV_DOMAINS_MAX, sizeof *domains);
	size_t n = 0;
	int r = hv_list(e->hv, domains, HV_DOMAINS_MAX, &n, err);

	*ret_n = 0;
	for (size_t i = 0; r == 0 && i < n; i++)
		*ret_n += strcmp(domains[i].name, name) == 0;
	free(domains);
	return r;
}
