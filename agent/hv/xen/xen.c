/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The driver for a real Xen host. Three threads, each with its own handles:
 *
 *     loop thread     hypercalls: list, statistics, emergency destroy         (xc)
 *                     and what QEMUs count                 xen_qmp.c
 *     libxl thread    operations                        xen_ops.c             (libxl, xc)
 *     store thread    watches and facts                 xen_store.c           (xenstore, xc)
 *
 * docs/design/xen-driver.md tells why, and what is left behind when the agent dies.
 */
#include "agent/hv/drivers.h"
#include "agent/hv/xen/xen_able.h"
#include "agent/hv/xen/xen_cpupool.h"
#include "agent/hv/xen/xen_details.h"
#include "agent/hv/xen/xen_domains.h"
#include "agent/hv/xen/xen_host.h"
#include "agent/hv/xen/xen_log.h"
#include "agent/hv/xen/xen_ops.h"
#include "agent/hv/xen/xen_pause.h"
#include "agent/hv/xen/xen_pci.h"
#include "agent/hv/xen/xen_qmp.h"
#include "agent/hv/xen/xen_readback.h"
#include "agent/hv/xen/xen_stats.h"
#include "agent/hv/xen/xen_store.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct xen {
	struct mu_loop *loop;
	struct xen_log *log;
	xc_interface *xch;
	struct xen_domains *domains;
	struct xen_readback *readback;
	struct xen_qmp *qmp;
	struct xen_ops *ops;
	struct xen_store *store;
	struct xen_cpupool_names pools;
	struct xen_pci_owners *pci_owners;
	const struct hv_watch *watch;
	uint8_t paused_here[DOMID_FIRST_RESERVED]; /* by xen_pause_now() */
	bool freeing;
	mu_loop_cb freed;
	void *freed_ctx;
};

/* ---- news ---- */

static uint8_t *pause_mark(struct xen *x, struct hv_domid domid)
{
	static uint8_t none;

	return domid.value < MU_ARRAY_SIZE(x->paused_here) ? &x->paused_here[domid.value] : &none;
}

static void tell_domains(struct xen *x)
{
	if (x->watch && x->watch->domains_changed)
		x->watch->domains_changed(x->watch->ctx);
}

static void on_facts(void *ctx, const struct xen_facts *facts, bool domain_news, bool guest_news)
{
	struct xen *x = ctx;

	xen_domains_learn(x->domains, facts);
	if (facts->domid.value == 0)
		return; /* of dom0 nobody asks as of a guest: xen_dom0() is to know it */
	if (facts->gone)
		*pause_mark(x, facts->domid) = 0;
	if (domain_news)
		tell_domains(x);
	if (guest_news && x->watch && x->watch->guest_changed)
		x->watch->guest_changed(facts->domid, x->watch->ctx);
}

static void on_domains(void *ctx)
{
	struct xen *x = ctx;

	xen_ops_domains_changed(x->ops);
	tell_domains(x);
}

static void on_pools(void *ctx, const struct xen_cpupool_names *names)
{
	struct xen *x = ctx;

	x->pools = *names;
}

static void on_pci_owners(void *ctx, struct xen_pci_owners *owners)
{
	struct xen *x = ctx;

	xen_pci_owners_free(x->pci_owners);
	x->pci_owners = owners;
}

/* What was built or renamed is in listings before its operation ends. */
static void settle(void *hooks_ctx, struct hv_domid domid, mu_loop_cb cb, void *ctx)
{
	struct xen *x = hooks_ctx;

	if (x->freeing)
		mu_loop_post(x->loop, cb, ctx);
	else
		xen_store_sync(x->store, domid, cb, ctx);
}

static void withdraw(void *hooks_ctx, struct hv_domid domid)
{
	struct xen *x = hooks_ctx;

	if (!x->freeing)
		xen_store_withdraw(x->store, domid);
}

static void xen_watch(void *impl, const struct hv_watch *watch)
{
	struct xen *x = impl;

	x->watch = watch;
}

/* ---- reading ---- */

static int xen_host(void *impl, struct model_host *ret, struct mu_error *err)
{
	struct xen *x = impl;

	return xen_host_info(x->xch, ret, err);
}

static int xen_list(void *impl, struct hv_domain *ret_domains, size_t max, size_t *ret_n,
		    struct mu_error *err)
{
	struct xen *x = impl;

	return xen_domains_read(x->domains, x->xch, ret_domains, max, ret_n, err);
}

static int no_domain(struct mu_error *err)
{
	return mu_error_set(err, MU_E_NOT_FOUND, "there is no such domain (any more)");
}

static int xen_guest(void *impl, struct hv_domid domid, struct vm_guest *ret, struct mu_error *err)
{
	struct xen *x = impl;
	const struct xen_facts *facts = xen_domains_find(x->domains, domid);

	if (!facts)
		return no_domain(err);
	*ret = facts->guest;
	return 0;
}

static int xen_stats(void *impl, struct hv_host_stats *ret_host,
		     struct hv_domain_stats *ret_domains, size_t max, size_t *ret_n,
		     struct mu_error *err)
{
	struct xen *x = impl;

	if (xen_stats_read(x->domains, x->xch, ret_host, ret_domains, max, ret_n, err) < 0)
		return MU_FAILED;
	xen_qmp_take(x->qmp, ret_domains, *ret_n);
	return 0;
}

static void xen_stats_prepare(void *impl)
{
	struct xen *x = impl;

	xen_qmp_ask(x->qmp);
}

static int xen_console(void *impl, struct hv_domid domid, enum hv_console_kind kind,
		       struct hv_console *ret, struct mu_error *err)
{
	struct xen *x = impl;
	const struct xen_facts *facts = xen_domains_find(x->domains, domid);

	if (!facts)
		return no_domain(err);
	if (kind == HV_CONSOLE_SERIAL && facts->console.tty[0] == '\0')
		return mu_error_set(
		    err, MU_E_NOT_FOUND,
		    "it has no serial console; hint: an HVM VM needs serial=\"pty\"");
	if (kind == HV_CONSOLE_VNC && facts->console.port == 0)
		return mu_error_set(err, MU_E_NOT_FOUND, "it has no VNC console");
	*ret = facts->console;
	return 0;
}

static int xen_pcis(void *impl, struct hv_host_pci *ret_devices, size_t max, size_t *ret_n,
		    struct mu_error *err)
{
	struct xen *x = impl;

	if (xen_pci_list(ret_devices, max, ret_n, err) < 0)
		return MU_FAILED;
	xen_pci_join(x->pci_owners, ret_devices, *ret_n);
	for (size_t i = 0; i < *ret_n; i++) {
		struct hv_domain d;

		/* A domain that others destroyed may have left its mark. */
		if (ret_devices[i].domid.value &&
		    !xen_domains_probe(x->xch, ret_devices[i].domid, &d))
			ret_devices[i].domid.value = 0;
	}
	return 0;
}

static int xen_config(void *impl, struct hv_domid domid, struct hv_vm_config *ret,
		      struct mu_error *err)
{
	struct xen *x = impl;
	const struct xen_facts *facts = xen_domains_find(x->domains, domid);
	struct hv_domain d;

	if (!xen_domains_probe(x->xch, domid, &d) || d.dying)
		return no_domain(err);
	if (facts && mu_uuid_equal(&facts->id.uuid, &d.id.uuid))
		memcpy(d.name, facts->name, sizeof d.name);
	return xen_readback_config(x->readback, &d, ret, err);
}

static int xen_host_details(void *impl, struct hv_host_details *ret, struct mu_error *err)
{
	struct xen *x = impl;

	return xen_details_read(x->xch, ret, err);
}

static int xen_dom0(void *impl, struct model_controller *ret, struct mu_error *err)
{
	struct xen *x = impl;

	return xen_domains_dom0(x->domains, x->xch, ret, err);
}

static int xen_cpupools(void *impl, struct hv_cpupool *ret_pools, size_t max, size_t *ret_n,
			struct mu_error *err)
{
	struct xen *x = impl;

	return xen_cpupool_read(x->xch, &x->pools, ret_pools, max, ret_n, err);
}

static int xen_dmesg(void *impl, struct mu_str *out, struct mu_error *err)
{
	struct xen *x = impl;

	return xen_details_dmesg(x->xch, out, err);
}

/* ---- operations ---- */

static void xen_op_start(void *impl, struct hv_op *op)
{
	struct xen *x = impl;
	const struct xen_facts *facts = xen_domains_find(x->domains, op->domid);
	bool hvm = !facts || !facts->type_known || facts->type == VM_TYPE_HVM;

	if (op->kind == HV_PAUSE && xen_pause_now(x->xch, op, pause_mark(x, op->domid)))
		return;
	if (op->kind == HV_UNPAUSE && xen_unpause_now(x->xch, op, hvm, pause_mark(x, op->domid)))
		return;
	xen_ops_start(x->ops, op, facts);
}

static void xen_op_cancel(void *impl, struct hv_op *op)
{
	struct xen *x = impl;

	xen_ops_cancel(x->ops, op);
}

static int xen_emergency_destroy(void *impl, struct hv_domid domid, struct mu_error *err)
{
	struct xen *x = impl;

	if (xc_domain_destroy(x->xch, domid.value) < 0 && errno != ESRCH)
		return mu_error_errno(err, errno, "destroy domain %" PRIu32 " by hypercall",
				      domid.value);
	return 0;
}

/* ---- life ---- */

static void discard(struct xen *x)
{
	xen_readback_free(x->readback);
	xen_qmp_free(x->qmp);
	xen_domains_free(x->domains);
	xen_pci_owners_free(x->pci_owners);
	if (x->xch)
		(void)xc_interface_close(x->xch);
	xen_log_free(x->log);
	free(x);
}

static void on_ops_freed(void *ctx)
{
	struct xen *x = ctx;
	mu_loop_cb freed = x->freed;
	void *freed_ctx = x->freed_ctx;

	discard(x);
	if (freed)
		freed(freed_ctx);
}

/* The store goes first: it is where the news for the operations comes from. */
static void on_store_freed(void *ctx)
{
	struct xen *x = ctx;

	if (x->ops)
		xen_ops_free(x->ops, on_ops_freed, x);
	else
		on_ops_freed(x);
}

static int xen_can_build(void *impl, const struct hv_vm_config *config, struct mu_error *err)
{
	const struct xen *x = impl;
	struct xen_able able;

	xen_able_read(x->xch, &able);
	return xen_able_check(&able, config, err);
}

static void xen_free(void *impl, mu_loop_cb done, void *ctx)
{
	struct xen *x = impl;

	x->watch = NULL;
	x->freeing = true;
	x->freed = done;
	x->freed_ctx = ctx;
	if (x->store)
		xen_store_free(x->store, on_store_freed, x);
	else
		on_store_freed(x);
}

static const struct hv_ops ops = {
    .name = "xen",
    .free = xen_free,
    .host_info = xen_host,
    .list = xen_list,
    .guest = xen_guest,
    .stats = xen_stats,
    .stats_prepare = xen_stats_prepare,
    .watch = xen_watch,
    .op_start = xen_op_start,
    .op_cancel = xen_op_cancel,
    .config = xen_config,
    .emergency_destroy = xen_emergency_destroy,
    .host_details = xen_host_details,
    .dom0 = xen_dom0,
    .cpupools = xen_cpupools,
    .cpupool_change = xen_cpupool_change,
    .cpupool_change_blocks = true,
    .dmesg = xen_dmesg,
    .console = xen_console,
    .pci_list = xen_pcis,
    .can_build = xen_can_build,
};

static int open_all(struct xen *x, struct mu_error *err)
{
	const struct xen_store_listener listener = {
	    .facts = on_facts,
	    .domains = on_domains,
	    .pools = on_pools,
	    .pci_owners = on_pci_owners,
	    .ctx = x,
	};
	const struct xen_ops_hooks hooks = {.settle = settle, .withdraw = withdraw, .ctx = x};

	x->xch = xc_interface_open(xen_log_logger(x->log), xen_log_logger(x->log), 0);
	if (!x->xch)
		return mu_error_set(err, MU_E_UNSUPPORTED,
				    "the hypervisor's interface does not open: %s; hint: the agent "
				    "must run as root in a Xen dom0",
				    strerror(errno));
	if (xen_store_new(x->loop, &listener, &x->store, err) < 0 ||
	    xen_readback_new(&x->readback, err) < 0 ||
	    xen_ops_new(x->loop, &hooks, &x->ops, err) < 0)
		return MU_FAILED;
	return xen_store_start(x->store, err);
}

int hv_xen_new(struct mu_loop *loop, const struct hv_ops **ret_ops, void **ret_impl,
	       struct mu_error *err)
{
	struct xen *x;

	if (xen_host_check_dom0(err) < 0)
		return MU_FAILED;
	x = mu_xcalloc(1, sizeof *x);
	x->loop = loop;
	x->log = xen_log_new();
	x->domains = xen_domains_new();
	x->qmp = xen_qmp_new(loop, XEN_RUN_DIR);
	if (open_all(x, err) < 0) {
		xen_free(x, NULL, NULL);
		return MU_FAILED;
	}
	*ret_ops = &ops;
	*ret_impl = x;
	return 0;
}
