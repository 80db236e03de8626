/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults by script (the language is in fault_script.c) over another driver.
 *
 * An operation that nothing befalls goes to the driver below as it is. One that is delayed, hangs
 * or is to be denied is held: in `held` while it waits here, with an inner copy of its own when the
 * driver below works on it but the answer is to be changed.
 */
#include "agent/hv/drivers.h"
#include "agent/hv/fault/fault_script.h"
#include "common/base/assert.h"
#include "common/base/list.h"

#include <stdlib.h>
#include <string.h>

/* The domain that a create claims to have made when it lies. */
#define NO_SUCH_DOMID 0x7fefu

struct fault {
	struct hv_ops own; /* a layer is not seen: its name is the driver's below */
	struct mu_loop *loop;
	const struct hv_ops *ops; /* below */
	void *impl;
	struct fault_script script;
	struct mu_link held;
	mu_loop_cb free_done;
	void *free_ctx;
};

struct held {
	struct mu_link link;
	struct fault *f;
	struct hv_op *op;
	struct mu_timer *timer;
	struct fault_fate fate;
	bool waiting; /* for its delay */
	bool inside;  /* the driver below has `inner` */
	struct hv_op inner;
};

static void held_free(struct held *h)
{
	mu_list_remove(&h->link);
	mu_timer_free(h->timer);
	free(h);
}

static int fail(enum mu_error_code code, struct mu_error *err)
{
	return mu_error_set(err, code, "failed by the fault script");
}

static void complete(struct held *h, int r, const struct mu_error *err)
{
	struct hv_op *op = h->op;

	held_free(h);
	hv_op_complete(op, r, err);
}

static void complete_failed(struct held *h, enum mu_error_code code)
{
	struct mu_error err = MU_ERROR_INIT;

	complete(h, fail(code, &err), &err);
}

static void on_inner_complete(struct hv_op *op, int r, const struct mu_error *err)
{
	struct held *h = MU_CONTAINER_OF(op, struct held, inner);

	h->op->ret_domid = op->ret_domid;
	h->op->ret_number = op->ret_number;
	h->op->ret_stopped = op->ret_stopped;
	if (r == 0)
		complete_failed(h, h->fate.code);
	else
		complete(h, r, err);
}

static void on_inner_progress(struct hv_op *op, int percent)
{
	hv_op_progress(MU_CONTAINER_OF(op, struct held, inner)->op, percent);
}

static void start_inner(struct held *h)
{
	h->inner = *h->op;
	h->inner.priv = NULL;
	h->inner.complete = on_inner_complete;
	h->inner.progress = on_inner_progress;
	h->inside = true;
	h->f->ops->op_start(h->f->impl, &h->inner);
}

static void pass_on(struct held *h)
{
	struct fault *f = h->f;
	struct hv_op *op = h->op;

	held_free(h);
	f->ops->op_start(f->impl, op);
}

/* The delay is over. */
static void begin(void *ctx)
{
	struct held *h = ctx;

	h->waiting = false;
	switch (h->fate.action) {
	case FAULT_NONE:
	case FAULT_DELAY:
		pass_on(h);
		break;
	case FAULT_FAIL:
		complete_failed(h, h->fate.code);
		break;
	case FAULT_DENY:
		start_inner(h);
		break;
	case FAULT_LIE:
		if (h->op->kind == HV_CREATE || h->op->kind == HV_RESTORE)
			h->op->ret_domid.value = NO_SUCH_DOMID;
		complete(h, 0, NULL);
		break;
	case FAULT_HANG:
	case FAULT_HANG_HARD:
	case _FAULT_ACTION_COUNT:
		break;
	}
}

static void fault_op_start(void *impl, struct hv_op *op)
{
	struct fault *f = impl;
	struct fault_fate fate = fault_script_next(&f->script, op->kind, op->domid.value);
	struct held *h;

	if (fate.action == FAULT_NONE && fate.delay == 0) {
		f->ops->op_start(f->impl, op);
		return;
	}
	h = mu_xcalloc(1, sizeof *h);
	h->f = f;
	h->op = op;
	h->fate = fate;
	h->waiting = true;
	h->timer = mu_timer_new(f->loop, begin, h);
	mu_list_push_back(&f->held, &h->link);
	mu_timer_set(h->timer, fate.delay);
}

static void fault_op_cancel(void *impl, struct hv_op *op)
{
	struct fault *f = impl;

	mu_list_each(it, &f->held)
	{
		struct held *h = MU_CONTAINER_OF(it, struct held, link);

		if (h->op != op)
			continue;
		if (h->inside)
			f->ops->op_cancel(f->impl, &h->inner);
		else if (h->fate.action != FAULT_HANG_HARD || h->waiting)
			complete_failed(h, MU_E_CANCELLED);
		return;
	}
	f->ops->op_cancel(f->impl, op);
}

static void on_under_freed(void *ctx)
{
	struct fault *f = ctx;
	mu_loop_cb done = f->free_done;
	void *done_ctx = f->free_ctx;

	mu_list_each(it, &f->held)
	{
		held_free(MU_CONTAINER_OF(it, struct held, link));
	}
	free(f);
	done(done_ctx);
}

static void fault_free(void *impl, mu_loop_cb done, void *ctx)
{
	struct fault *f = impl;

	f->free_done = done;
	f->free_ctx = ctx;
	f->ops->free(f->impl, on_under_freed, f);
}

/* ---- calls: 0 pass on, 1 answer with nothing, negative failed ---- */

static int call_fate(struct fault *f, enum fault_target target, uint32_t domid,
		     struct mu_error *err)
{
	struct fault_fate fate = fault_script_next(&f->script, target, domid);

	if (fate.action == FAULT_FAIL)
		return fail(fate.code, err);
	return fate.action == FAULT_LIE;
}

static int fault_host_info(void *impl, struct model_host *ret_host, struct mu_error *err)
{
	struct fault *f = impl;
	int r = call_fate(f, FAULT_CALL_HOST, 0, err);

	if (r < 0)
		return MU_FAILED;
	if (r == 0)
		return f->ops->host_info(f->impl, ret_host, err);
	model_host_init(ret_host);
	return 0;
}

static int fault_list(void *impl, struct hv_domain *ret_domains, size_t max, size_t *ret_n,
		      struct mu_error *err)
{
	struct fault *f = impl;
	int r = call_fate(f, FAULT_CALL_LIST, 0, err);

	if (r < 0)
		return MU_FAILED;
	if (r == 0)
		return f->ops->list(f->impl, ret_domains, max, ret_n, err);
	*ret_n = 0;
	return 0;
}

static int fault_guest(void *impl, struct hv_domid domid, struct vm_guest *ret_guest,
		       struct mu_error *err)
{
	struct fault *f = impl;
	int r = call_fate(f, FAULT_CALL_GUEST, domid.value, err);

	if (r < 0)
		return MU_FAILED;
	if (r == 0)
		return f->ops->guest(f->impl, domid, ret_guest, err);
	*ret_guest = (struct vm_guest){.memory_free_bytes = -1, .memory_total_bytes = -1};
	return 0;
}

static void fault_stats_prepare(void *impl)
{
	struct fault *f = impl;

	f->ops->stats_prepare(f->impl);
}

static int fault_stats(void *impl, struct hv_host_stats *ret_host,
		       struct hv_domain_stats *ret_domains, size_t max, size_t *ret_n,
		       struct mu_error *err)
{
	struct fault *f = impl;
	int r = call_fate(f, FAULT_CALL_STATS, 0, err);

	if (r < 0)
		return MU_FAILED;
	if (r == 0)
		return f->ops->stats(f->impl, ret_host, ret_domains, max, ret_n, err);
	*ret_host = (struct hv_host_stats){
	    .at = mu_loop_now(f->loop), .memory_dom0_bytes = -1, .memory_xen_bytes = -1};
	*ret_n = 0;
	return 0;
}

static int fault_config(void *impl, struct hv_domid domid, struct hv_vm_config *ret_config,
			struct mu_error *err)
{
	struct fault *f = impl;
	int r = call_fate(f, FAULT_CALL_CONFIG, domid.value, err);

	if (r < 0)
		return MU_FAILED;
	if (r == 0)
		return f->ops->config(f->impl, domid, ret_config, err);
	*ret_config = (struct hv_vm_config){.vcpus = 0};
	return 0;
}

static int fault_console(void *impl, struct hv_domid domid, enum hv_console_kind kind,
			 struct hv_console *ret, struct mu_error *err)
{
	struct fault *f = impl;
	int r = call_fate(f, FAULT_CALL_CONSOLE, domid.value, err);

	if (r < 0)
		return MU_FAILED;
	if (r == 0)
		return f->ops->console(f->impl, domid, kind, ret, err);
	*ret = (struct hv_console){.port = 0};
	return 0;
}

static int fault_pci_list(void *impl, struct hv_host_pci *ret_devices, size_t max, size_t *ret_n,
			  struct mu_error *err)
{
	struct fault *f = impl;
	int r = call_fate(f, FAULT_CALL_PCI, 0, err);

	if (r < 0)
		return MU_FAILED;
	if (r == 0)
		return f->ops->pci_list(f->impl, ret_devices, max, ret_n, err);
	*ret_n = 0;
	return 0;
}

static int fault_can_build(void *impl, const struct hv_vm_config *config, struct mu_error *err)
{
	struct fault *f = impl;

	return f->ops->can_build(f->impl, config, err);
}

static void fault_watch(void *impl, const struct hv_watch *watch)
{
	struct fault *f = impl;

	f->ops->watch(f->impl, watch);
}

/* The emergency path is what everything else falls back on: it has no faults here. */
static int fault_emergency_destroy(void *impl, struct hv_domid domid, struct mu_error *err)
{
	struct fault *f = impl;

	return f->ops->emergency_destroy(f->impl, domid, err);
}

/* Nobody's life hangs on what is told of the host: no faults here either. */
static int fault_host_details(void *impl, struct hv_host_details *ret, struct mu_error *err)
{
	struct fault *f = impl;

	return f->ops->host_details(f->impl, ret, err);
}

static int fault_dom0(void *impl, struct model_controller *ret, struct mu_error *err)
{
	struct fault *f = impl;

	return f->ops->dom0(f->impl, ret, err);
}

static int fault_cpupools(void *impl, struct hv_cpupool *ret_pools, size_t max, size_t *ret_n,
			  struct mu_error *err)
{
	struct fault *f = impl;

	return f->ops->cpupools(f->impl, ret_pools, max, ret_n, err);
}

/* One that blocks is not passed through here: it would outlive this layer. */
static int fault_cpupool_change(void *impl, const struct hv_cpupool_change *change,
				struct mu_error *err)
{
	struct fault *f = impl;

	return f->ops->cpupool_change(f->impl, change, err);
}

static int fault_dmesg(void *impl, struct mu_str *out, struct mu_error *err)
{
	struct fault *f = impl;

	return f->ops->dmesg(f->impl, out, err);
}

int hv_fault_new(struct mu_loop *loop, const char *script, const struct hv_ops *under_ops,
		 void *under_impl, const struct hv_ops **ret_ops, void **ret_impl,
		 struct mu_error *err)
{
	const struct hv_ops own = {
	    .name = under_ops->name,
	    .free = fault_free,
	    .host_info = fault_host_info,
	    .list = fault_list,
	    .guest = fault_guest,
	    .stats = fault_stats,
	    .watch = fault_watch,
	    .op_start = fault_op_start,
	    .op_cancel = fault_op_cancel,
	    .config = fault_config,
	    .stats_prepare = under_ops->stats_prepare ? fault_stats_prepare : NULL,
	    .emergency_destroy = under_ops->emergency_destroy ? fault_emergency_destroy : NULL,
	    .host_details = under_ops->host_details ? fault_host_details : NULL,
	    .dom0 = under_ops->dom0 ? fault_dom0 : NULL,
	    .cpupools = under_ops->cpupools ? fault_cpupools : NULL,
	    .cpupool_change = under_ops->cpupool_change_blocks ? under_ops->cpupool_change
			      : under_ops->cpupool_change      ? fault_cpupool_change
							       : NULL,
	    .cpupool_change_blocks = under_ops->cpupool_change_blocks,
	    .dmesg = under_ops->dmesg ? fault_dmesg : NULL,
	    .console = under_ops->console ? fault_console : NULL,
	    .pci_list = under_ops->pci_list ? fault_pci_list : NULL,
	    .can_build = under_ops->can_build ? fault_can_build : NULL,
	};
	struct fault *f = mu_xcalloc(1, sizeof *f);

	if (fault_script_parse(script, &f->script, err) < 0) {
		free(f);
		return MU_FAILED;
	}
	f->own = own;
	f->loop = loop;
	f->ops = under_ops;
	f->impl = under_impl;
	mu_link_init(&f->held);
	*ret_ops = &f->own;
	*ret_impl = f;
	return 0;
}
