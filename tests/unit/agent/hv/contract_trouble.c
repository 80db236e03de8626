/* SPDX-License-Identifier: Apache-2.0 */
/* What hangs, is cancelled, comes too late or many at once; and the end of the driver. */
#include "common/base/str.h"
#include "tests/unit/agent/hv/contract_env.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A domain that hears no request. */
static int create_deaf(struct env *e, struct hv_domid *ret_domid, struct mu_error *err)
{
	struct hv_vm_config config = env_guest(e);
	struct wait *w =
	    env_op(e, (struct hv_op){.kind = HV_CREATE, .config = &config, .paused = true});

	if (env_run(e, w, err) < 0)
		return MU_FAILED;
	*ret_domid = w->op.ret_domid;
	return 0;
}

static int cancel_leaves_it(struct env *e, struct mu_error *err)
{
	struct wait *w = env_op(e, (struct hv_op){.kind = HV_SHUTDOWN});
	struct hv_domain d;
	bool found;

	if (create_deaf(e, &w->op.domid, err) < 0)
		return MU_FAILED;
	wait_start(e, w);
	env_pause(e, 100);
	EXPECT(w->n_done == 0, "a paused guest has stopped: %s", w->op.err.text);
	hv_op_cancel(&w->op);
	hv_op_cancel(&w->op);
	EXPECT(w->n_done == 0, "callback inside cancel");
	if (wait_end(w, err) < 0 || env_find(e, w->op.domid, &found, &d, err) < 0)
		return MU_FAILED;
	EXPECT(w->op.r < 0 && w->op.err.code == MU_E_CANCELLED, "%s", w->op.err.text);
	EXPECT(found && !d.dying, "the domain is gone");
	hv_op_cancel(&w->op);
	return 0;
}

static int deadline_ends_it(struct env *e, struct mu_error *err)
{
	struct wait *w = mu_xcalloc(1, sizeof *w);
	struct hv_domid domid = {0};
	int r = create_deaf(e, &domid, err);

	w->op = (struct hv_op){.kind = HV_SHUTDOWN, .domid = domid, .deadline = 300};
	if (r == 0)
		r = env_refused(e, w, MU_E_TIMEOUT, err);
	/* Its memory is ours again, whatever the driver still does. */
	memset(w, 0xa5, sizeof *w);
	free(w);
	if (r < 0)
		return MU_FAILED;
	env_pause(e, 200);
	return env_on(e, HV_DESTROY, domid, err);
}

static int many_at_once(struct env *e, struct mu_error *err)
{
	enum { MANY_MAX = 16 };
	struct wait *w[MANY_MAX];
	size_t n = e->c->n_concurrent < MANY_MAX ? e->c->n_concurrent : MANY_MAX;
	struct hv_vm_config *configs = mu_xcalloc(n, sizeof *configs);
	struct hv_domid domid = {0};
	int r = 0;

	for (size_t i = 0; i < n; i++) {
		configs[i] = env_guest(e);
		w[i] = env_op(e, (struct hv_op){.kind = HV_CREATE, .config = &configs[i]});
		wait_start(e, w[i]);
	}
	for (size_t i = 0; i < n; i++) {
		if (wait_end(w[i], err) < 0)
			r = MU_FAILED;
	}
	free(configs);
	for (size_t i = 0; r == 0 && i < n; i++) {
		EXPECT(w[i]->op.r == 0, "create %zu: %s", i, w[i]->op.err.text);
		EXPECT(w[i]->op.ret_domid.value != domid.value, "a domain id twice");
		domid = w[i]->op.ret_domid;
		w[i] = env_op(e, (struct hv_op){.kind = HV_DESTROY, .domid = domid});
		wait_start(e, w[i]);
	}
	for (size_t i = 0; r == 0 && i < n; i++) {
		if (wait_end(w[i], err) < 0)
			return MU_FAILED;
		EXPECT(w[i]->op.r == 0, "destroy %zu: %s", i, w[i]->op.err.text);
	}
	return r;
}

static int stats_of(struct env *e, struct hv_domid domid, struct hv_domain_stats *ret,
		    struct hv_host_stats *ret_host, struct mu_error *err)
{
	enum { STATS_MAX = 64 };
	struct hv_domain_stats *stats = mu_xcalloc(STATS_MAX, sizeof *stats);
	bool found = false;
	size_t n = 0;
	int r = hv_stats(e->hv, ret_host, stats, STATS_MAX, &n, err);

	for (size_t i = 0; r == 0 && i < n; i++) {
		if (stats[i].domid.value == domid.value) {
			*ret = stats[i];
			found = true;
		}
	}
	free(stats);
	if (r == 0 && !found)
		return mu_error_set(err, MU_E_INTERNAL, "no statistics of domain %" PRIu32,
				    domid.value);
	return r;
}

static int hang_holds_up_nothing(struct env *e, struct mu_error *err)
{
	struct wait *w = env_op(e, (struct hv_op){.kind = HV_SHUTDOWN});
	struct hv_vm_config config = env_guest(e);
	struct hv_domain_stats a, b;
	struct hv_host_stats host_a, host_b;
	struct hv_domid domid;

	if (create_deaf(e, &w->op.domid, err) < 0)
		return MU_FAILED;
	wait_start(e, w);
	if (env_create(e, &config, &domid, err) < 0 || stats_of(e, domid, &a, &host_a, err) < 0)
		return MU_FAILED;
	env_pause(e, 1500);
	if (stats_of(e, domid, &b, &host_b, err) < 0 || env_on(e, HV_DESTROY, domid, err) < 0)
		return MU_FAILED;
	EXPECT(w->n_done == 0, "the shutdown of a paused guest ended: %s", w->op.err.text);
	EXPECT(b.cpu_time_ns > a.cpu_time_ns, "a running guest used no CPU time");
	EXPECT(host_b.at > host_a.at && host_b.n_cpus == host_a.n_cpus, "host time stands still");
	EXPECT(b.n_vcpus >= 1 && b.memory_bytes > 0, "%u vCPUs", b.n_vcpus);
	EXPECT(b.vcpus_online >= 1 && b.vcpus_online <= b.n_vcpus, "%u online of %u",
	       b.vcpus_online, b.n_vcpus);
	EXPECT(b.vcpus_running + b.vcpus_blocked <= b.vcpus_online, "%u running, %u blocked of %u",
	       b.vcpus_running, b.vcpus_blocked, b.vcpus_online);
	EXPECT(host_b.memory_dom0_bytes > 0 && host_b.memory_xen_bytes > 0,
	       "nobody knows what dom0 and Xen have of the memory");
	hv_op_cancel(&w->op);
	return wait_end(w, err);
}

/* Beside an operation that hangs, as that is what it is for. */
static int emergency_destroy(struct env *e, struct mu_error *err)
{
	struct wait *w = env_op(e, (struct hv_op){.kind = HV_SHUTDOWN});
	struct mu_error why = MU_ERROR_INIT;
	struct hv_domain d;
	bool found = true;

	EXPECT(hv_emergency_destroy(e->hv, (struct hv_domid){0}, &why) < 0, "domain 0");
	EXPECT(why.code == MU_E_INVALID, "%s", why.text);
	if (create_deaf(e, &w->op.domid, err) < 0)
		return MU_FAILED;
	wait_start(e, w);
	if (hv_emergency_destroy(e->hv, w->op.domid, &why) < 0) {
		EXPECT(why.code == MU_E_UNSUPPORTED, "%s", why.text);
		hv_op_cancel(&w->op);
		return wait_end(w, err);
	}
	for (int i = 0; i < 200 && found; i++) {
		if (env_find(e, w->op.domid, &found, &d, err) < 0)
			return MU_FAILED;
		found = found && !d.dying;
		env_pause(e, 50);
	}
	EXPECT(!found, "the domain is still there");
	hv_op_cancel(&w->op);
	return wait_end(w, err);
}

struct chain {
	struct hv_op op;
	struct env *env;
	struct hv_domid domid;
	int n;
	bool over;
};

static void chain_done(struct hv_op *op)
{
	struct chain *c = MU_CONTAINER_OF(op, struct chain, op);

	if (op->r < 0 || ++c->n == 6) {
		c->over = true;
		mu_loop_stop(c->env->loop);
		return;
	}
	*op = (struct hv_op){.kind = c->n % 2 ? HV_UNPAUSE : HV_PAUSE, .domid = c->domid};
	op->done = chain_done;
	hv_op_start(c->env->hv, op);
}

static int started_again_in_done(struct env *e, struct mu_error *err)
{
	struct hv_vm_config config = env_guest(e);
	struct chain c = {.env = e};

	if (env_create(e, &config, &c.domid, err) < 0)
		return MU_FAILED;
	c.op = (struct hv_op){.kind = HV_PAUSE, .domid = c.domid, .done = chain_done};
	hv_op_start(e->hv, &c.op);
	if (env_wait(e, &c.over, err) < 0)
		return MU_FAILED;
	EXPECT(c.op.r == 0 && c.n == 6, "%d: %s", c.n, c.op.err.text);
	return 0;
}

static int free_ends_operations(struct env *e, struct mu_error *err)
{
	struct wait *w = env_op(e, (struct hv_op){.kind = HV_SHUTDOWN});
	struct hv_domain d;
	bool found;

	if (create_deaf(e, &w->op.domid, err) < 0)
		return MU_FAILED;
	wait_start(e, w);
	if (env_close_driver(e, err) < 0)
		return MU_FAILED;
	EXPECT(w->n_done == 1 && w->op.r < 0 && w->op.err.code == MU_E_CANCELLED, "%d: %s",
	       w->n_done, w->op.err.text);
	/* The domain outlives its driver. */
	if (env_open_driver(e, err) < 0 || env_find(e, w->op.domid, &found, &d, err) < 0)
		return MU_FAILED;
	EXPECT(found && d.paused, "domain %" PRIu32 " is gone", w->op.domid.value);
	return 0;
}

const struct env_case contract_trouble[] = {
    {"cancel ends the operation, not the domain", cancel_leaves_it},
    {"deadline ends an operation that hangs", deadline_ends_it},
    {"operations on many domains at once", many_at_once},
    {"one that hangs holds up nothing", hang_holds_up_nothing},
    {"emergency path, beside one that hangs", emergency_destroy},
    {"operation started again in its callback", started_again_in_done},
    {"free ends operations, domains live on", free_ends_operations},
    {NULL, NULL},
};
