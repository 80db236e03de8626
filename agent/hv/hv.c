/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands between every user and every driver.
 *
 * A user's operation and the driver's are two structs. hv_op_start() copies the user's into a
 * `struct running` and gives the driver the copy, because they end at different times:
 *
 *     user's op     start ............ done (deadline, cancelled while closing, or result)
 *     driver's op   start ............................... complete
 *
 * Normally `complete` comes first and `done` follows in the next turn of the loop (so it is never
 * inside start, however quick the driver is). When the deadline comes first, the user gets
 * MU_E_TIMEOUT then, and may forget its op; the driver is asked to cancel and keeps its own until
 * it lets go. A running is freed when both have ended.
 */
#include "agent/hv/hv.h"

#include "agent/hv/hv_check.h"
#include "agent/hv/hv_watch.h"
#include "common/base/assert.h"
#include "common/base/list.h"
#include "common/log/log.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* How long hv_free() waits for cancelled operations. */
#define FREE_GRACE MU_SEC(10)

struct hv {
	struct mu_loop *loop;
	const struct hv_ops *ops;
	void *impl;
	struct mu_link running;
	struct hv_watcher *watcher;
	struct hv_changer *changer;
	/* while closing */
	bool closing;
	bool driver_free_called;
	struct mu_timer *grace;
	mu_loop_cb free_done;
	void *free_ctx;
};

struct running {
	struct hv_op op; /* the driver's */
	struct hv *hv;
	struct mu_link link;
	struct hv_op *user; /* NULL once its callback came */
	struct mu_timer *timer;
	struct hv_vm_config *config;
	char *path;
	struct hv_device *device;
	struct hv_resources *resources;
	bool driver_done;
	bool cancelled;
	bool abandoned; /* the driver hangs and is being freed */
	bool settled;   /* result is set and its delivery is posted */
	int r;
	struct mu_error err;
	struct hv_domid ret_domid;
	uint32_t ret_number;
	mu_msec ret_stopped;
};

/* An operation's inputs. */
enum {
	DOMID = 1 << 0,
	CONFIG = 1 << 1,
	PATH = 1 << 2,
	DEVICE = 1 << 3,
	RESOURCES = 1 << 4,
};

static const struct {
	const char *name;
	mu_msec deadline;
	unsigned inputs;
} op_kinds[_HV_OP_KIND_COUNT] = {
    [HV_CREATE] = {"create", MU_SEC(180), CONFIG},
    [HV_RESTORE] = {"restore", MU_SEC(600), CONFIG | PATH},
    [HV_SHUTDOWN] = {"shutdown", MU_SEC(180), DOMID},
    [HV_REBOOT] = {"reboot", MU_SEC(180), DOMID},
    [HV_DESTROY] = {"destroy", MU_SEC(120), DOMID},
    [HV_PAUSE] = {"pause", MU_SEC(30), DOMID},
    [HV_UNPAUSE] = {"unpause", MU_SEC(30), DOMID},
    [HV_SAVE] = {"save", MU_SEC(600), DOMID | PATH},
    [HV_CHECKPOINT] = {"checkpoint", MU_SEC(600), DOMID | PATH},
    [HV_DISK_ATTACH] = {"disk-attach", MU_SEC(90), DOMID | DEVICE},
    [HV_DISK_DETACH] = {"disk-detach", MU_SEC(90), DOMID | DEVICE},
    [HV_DISK_RESIZE] = {"disk-resize", MU_SEC(90), DOMID | DEVICE},
    [HV_CD_INSERT] = {"cd-insert", MU_SEC(90), DOMID | DEVICE},
    [HV_CD_EJECT] = {"cd-eject", MU_SEC(90), DOMID | DEVICE},
    [HV_NIC_ATTACH] = {"nic-attach", MU_SEC(90), DOMID | DEVICE},
    [HV_NIC_DETACH] = {"nic-detach", MU_SEC(90), DOMID | DEVICE},
    [HV_NIC_RATE] = {"nic-rate", MU_SEC(90), DOMID | DEVICE},
    [HV_PCI_ATTACH] = {"pci-attach", MU_SEC(90), DOMID | DEVICE},
    [HV_PCI_DETACH] = {"pci-detach", MU_SEC(90), DOMID | DEVICE},
    [HV_USB_ATTACH] = {"usb-attach", MU_SEC(90), DOMID | DEVICE},
    [HV_USB_DETACH] = {"usb-detach", MU_SEC(90), DOMID | DEVICE},
    [HV_PCI_ASSIGN] = {"pci-assign", MU_SEC(90), DEVICE},
    [HV_PCI_RELEASE] = {"pci-release", MU_SEC(90), DEVICE},
    [HV_SET_VCPUS] = {"set-vcpus", MU_SEC(30), DOMID | RESOURCES},
    [HV_SET_MEMORY] = {"set-memory", MU_SEC(30), DOMID | RESOURCES},
    [HV_SET_SCHED] = {"set-sched", MU_SEC(30), DOMID | RESOURCES},
    [HV_SET_AFFINITY] = {"set-affinity", MU_SEC(30), DOMID | RESOURCES},
    [HV_SET_NAME] = {"set-name", MU_SEC(30), DOMID | RESOURCES},
};

static bool takes(const struct hv_op *op, unsigned input)
{
	return (op_kinds[op->kind].inputs & input) != 0;
}

const char *hv_op_kind_name(enum hv_op_kind kind)
{
	mu_assert((unsigned)kind < _HV_OP_KIND_COUNT);
	return op_kinds[kind].name;
}

mu_msec hv_op_default_deadline(enum hv_op_kind kind)
{
	mu_assert((unsigned)kind < _HV_OP_KIND_COUNT);
	return op_kinds[kind].deadline;
}

struct hv *hv_new(struct mu_loop *loop, const struct hv_ops *ops, void *impl)
{
	struct hv *hv = mu_xcalloc(1, sizeof *hv);

	mu_assert(ops->name && ops->free && ops->host_info && ops->list && ops->guest &&
		  ops->stats && ops->watch && ops->op_start && ops->op_cancel && ops->config);
	hv->loop = loop;
	hv->ops = ops;
	hv->impl = impl;
	mu_link_init(&hv->running);
	hv->watcher = hv_watcher_new(loop);
	hv->changer = hv_changer_new(loop, ops, impl);
	return hv;
}

const char *hv_driver_name(const struct hv *hv)
{
	return hv->ops->name;
}

/* ---- reading ---- */

int hv_host_info(struct hv *hv, struct model_host *ret_host, struct mu_error *err)
{
	return hv->ops->host_info(hv->impl, ret_host, err);
}

int hv_list(struct hv *hv, struct hv_domain *ret_domains, size_t max, size_t *ret_n,
	    struct mu_error *err)
{
	size_t n = 0;

	if (hv->ops->list(hv->impl, ret_domains, max, &n, err) < 0)
		return mu_error_prefix(err, "list domains");
	mu_assert(n <= max);
	*ret_n = n;
	return 0;
}

int hv_stats(struct hv *hv, struct hv_host_stats *ret_host, struct hv_domain_stats *ret_domains,
	     size_t max, size_t *ret_n, struct mu_error *err)
{
	size_t n = 0;

	if (hv->ops->stats(hv->impl, ret_host, ret_domains, max, &n, err) < 0)
		return mu_error_prefix(err, "read statistics");
	mu_assert(n <= max);
	*ret_n = n;
	return 0;
}

void hv_stats_prepare(struct hv *hv)
{
	if (hv->ops->stats_prepare)
		hv->ops->stats_prepare(hv->impl);
}

static int check_domid(struct hv_domid domid, struct mu_error *err)
{
	if (domid.value == 0)
		return mu_error_set(err, MU_E_INVALID, "domain 0 is the host itself");
	return 0;
}

int hv_guest(struct hv *hv, struct hv_domid domid, struct vm_guest *ret_guest, struct mu_error *err)
{
	if (check_domid(domid, err) < 0 || hv->ops->guest(hv->impl, domid, ret_guest, err) < 0)
		return mu_error_prefix(err, "guest of domain %" PRIu32, domid.value);
	return 0;
}

int hv_config(struct hv *hv, struct hv_domid domid, struct hv_vm_config *ret_config,
	      struct mu_error *err)
{
	if (check_domid(domid, err) < 0 || hv->ops->config(hv->impl, domid, ret_config, err) < 0)
		return mu_error_prefix(err, "configuration of domain %" PRIu32, domid.value);
	return 0;
}

int hv_emergency_destroy(struct hv *hv, struct hv_domid domid, struct mu_error *err)
{
	if (check_domid(domid, err) < 0)
		return MU_FAILED;
	if (!hv->ops->emergency_destroy)
		return mu_error_set(err, MU_E_UNSUPPORTED, "driver %s has no emergency destroy",
				    hv->ops->name);
	return hv->ops->emergency_destroy(hv->impl, domid, err);
}

static int not_told(const struct hv *hv, const char *what, struct mu_error *err)
{
	return mu_error_set(err, MU_E_UNSUPPORTED, "driver %s does not tell %s", hv->ops->name,
			    what);
}

int hv_host_details(struct hv *hv, struct hv_host_details *ret_details, struct mu_error *err)
{
	if (!hv->ops->host_details)
		return not_told(hv, "the host's details", err);
	return hv->ops->host_details(hv->impl, ret_details, err);
}

int hv_dom0(struct hv *hv, struct model_controller *ret, struct mu_error *err)
{
	if (!hv->ops->dom0)
		return not_told(hv, "what domain 0 has", err);
	return hv->ops->dom0(hv->impl, ret, err);
}

int hv_cpupools(struct hv *hv, struct hv_cpupool *ret_pools, size_t max, size_t *ret_n,
		struct mu_error *err)
{
	size_t n = 0;

	if (!hv->ops->cpupools)
		return not_told(hv, "CPU pools", err);
	if (hv->ops->cpupools(hv->impl, ret_pools, max, &n, err) < 0)
		return mu_error_prefix(err, "CPU pools");
	mu_assert(n <= max);
	*ret_n = n;
	return 0;
}

void hv_cpupool_start(struct hv *hv, struct hv_cpupool_op *op)
{
	hv_changer_start(hv->changer, op);
}

void hv_cpupool_cancel(struct hv *hv, struct hv_cpupool_op *op)
{
	hv_changer_cancel(hv->changer, op);
}

int hv_dmesg(struct hv *hv, struct mu_str *out, struct mu_error *err)
{
	if (!hv->ops->dmesg)
		return not_told(hv, "what the hypervisor has logged", err);
	return hv->ops->dmesg(hv->impl, out, err);
}

int hv_console(struct hv *hv, struct hv_domid domid, enum hv_console_kind kind,
	       struct hv_console *ret, struct mu_error *err)
{
	mu_assert((unsigned)kind < _HV_CONSOLE_KIND_COUNT);
	if (check_domid(domid, err) < 0)
		return MU_FAILED;
	if (!hv->ops->console)
		return mu_error_set(err, MU_E_UNSUPPORTED, "driver %s has no consoles",
				    hv->ops->name);
	if (hv->ops->console(hv->impl, domid, kind, ret, err) < 0)
		return mu_error_prefix(err, "console of domain %" PRIu32, domid.value);
	return 0;
}

int hv_pci_list(struct hv *hv, struct hv_host_pci *ret_devices, size_t max, size_t *ret_n,
		struct mu_error *err)
{
	size_t n = 0;

	if (!hv->ops->pci_list)
		return mu_error_set(err, MU_E_UNSUPPORTED, "driver %s does not list PCI devices",
				    hv->ops->name);
	if (hv->ops->pci_list(hv->impl, ret_devices, max, &n, err) < 0)
		return mu_error_prefix(err, "list PCI devices");
	mu_assert(n <= max);
	*ret_n = n;
	return 0;
}

int hv_can_build(struct hv *hv, const struct hv_vm_config *config, struct mu_error *err)
{
	return hv->ops->can_build ? hv->ops->can_build(hv->impl, config, err) : 0;
}

void hv_watch(struct hv *hv, const struct hv_watch *watch)
{
	if (hv->closing)
		return;
	hv->ops->watch(hv->impl, hv_watcher_set(hv->watcher, watch));
}

/* ---- operations ---- */

static int check_path(const char *path, struct mu_error *err)
{
	if (!path || path[0] != '/')
		return mu_error_set(err, MU_E_INVALID,
				    "path \"%s\" of the save file is not absolute",
				    path ? path : "");
	if (strlen(path) > HV_PATH_MAX)
		return mu_error_set(err, MU_E_INVALID,
				    "path of the save file is longer than %d bytes", HV_PATH_MAX);
	return 0;
}

static int check_op(const struct hv *hv, const struct hv_op *op, struct mu_error *err)
{
	if (hv->closing)
		return mu_error_set(err, MU_E_CANCELLED, "the hypervisor driver is being closed");
	if (op->deadline < 0)
		return mu_error_set(err, MU_E_INVALID, "deadline %" PRId64 " ms is in the past",
				    op->deadline);
	if (takes(op, CONFIG)) {
		if (!op->config)
			return mu_error_set(err, MU_E_INVALID, "there is no configuration");
		if (hv_check_config(op->config, err) < 0)
			return mu_error_prefix(err, "configuration");
	}
	if (takes(op, DOMID) && check_domid(op->domid, err) < 0)
		return MU_FAILED;
	if (takes(op, PATH) && check_path(op->path, err) < 0)
		return MU_FAILED;
	if (takes(op, DEVICE)) {
		if (!op->device)
			return mu_error_set(err, MU_E_INVALID, "there is no device");
		return hv_check_device(op->kind, op->device, err);
	}
	if (takes(op, RESOURCES)) {
		if (!op->resources)
			return mu_error_set(err, MU_E_INVALID, "there are no resources");
		return hv_check_resources(op->kind, op->resources, err);
	}
	return 0;
}

static void closing_step(struct hv *hv);

static void running_free(struct running *run)
{
	mu_timer_free(run->timer);
	mu_list_remove(&run->link);
	free(run->config);
	free(run->path);
	free(run->device);
	free(run->resources);
	free(run);
}

static void maybe_free(struct running *run)
{
	struct hv *hv = run->hv;

	if (!run->user && run->driver_done)
		running_free(run);
	closing_step(hv);
}

static void deliver(void *ctx)
{
	struct running *run = ctx;
	struct hv_op *user = MU_TAKE(run->user);

	mu_timer_cancel(run->timer);
	user->r = run->r;
	user->err = run->err;
	user->ret_domid = run->ret_domid;
	user->ret_number = run->ret_number;
	user->ret_stopped = run->ret_stopped;
	user->active = false;
	user->priv = NULL;
	user->done(user);
	maybe_free(run);
}

/* The first result wins. */
static void settle(struct running *run, int r, const struct mu_error *err)
{
	if (run->settled)
		return;
	run->settled = true;
	run->r = r;
	mu_error_clear(&run->err);
	if (r < 0 && err)
		run->err = *err;
	run->ret_domid = run->op.ret_domid;
	run->ret_number = run->op.ret_number;
	run->ret_stopped = run->op.ret_stopped;
	mu_loop_post(run->hv->loop, deliver, run);
}

static void cancel_driver(struct running *run)
{
	if (run->cancelled || run->driver_done)
		return;
	run->cancelled = true;
	run->hv->ops->op_cancel(run->hv->impl, &run->op);
}

static void on_deadline(void *ctx)
{
	struct running *run = ctx;
	struct mu_error err = MU_ERROR_INIT;

	mu_error_set(&err, MU_E_TIMEOUT,
		     "not done after %" PRId64 " ms; hint: the outcome shows in the domain's state",
		     run->op.deadline);
	settle(run, MU_FAILED, &err);
	cancel_driver(run); /* the last use of run: it may complete inside */
}

static void on_driver_complete(struct hv_op *op, int r, const struct mu_error *err)
{
	struct running *run = MU_CONTAINER_OF(op, struct running, op);

	mu_assert(!run->driver_done);
	run->driver_done = true;
	if (run->settled && r == 0)
		mu_log_info("late completion driver=%s op=%s domid=%" PRIu32, run->hv->ops->name,
			    op_kinds[op->kind].name,
			    takes(op, CONFIG) ? op->ret_domid.value : op->domid.value);
	settle(run, r, err);
	maybe_free(run);
}

static void on_driver_progress(struct hv_op *op, int percent)
{
	struct running *run = MU_CONTAINER_OF(op, struct running, op);

	if (run->user && !run->settled && run->user->progress)
		run->user->progress(run->user, percent);
}

static void copy_inputs(struct running *run, const struct hv_op *op)
{
	if (takes(op, CONFIG))
		run->op.config = run->config = mu_xmemdup(op->config, sizeof *op->config);
	if (takes(op, PATH))
		run->op.path = run->path = mu_xstrdup(op->path);
	if (takes(op, DEVICE))
		run->op.device = run->device = mu_xmemdup(op->device, sizeof *op->device);
	if (takes(op, RESOURCES))
		run->op.resources = run->resources =
		    mu_xmemdup(op->resources, sizeof *op->resources);
}

void hv_op_start(struct hv *hv, struct hv_op *op)
{
	struct running *run = mu_xcalloc(1, sizeof *run);
	struct mu_error err = MU_ERROR_INIT;

	mu_assert(!op->active && op->done && (unsigned)op->kind < _HV_OP_KIND_COUNT);
	op->active = true;
	op->priv = run;
	run->hv = hv;
	run->user = op;
	run->timer = mu_timer_new(hv->loop, on_deadline, run);
	mu_list_push_back(&hv->running, &run->link);
	run->op.kind = op->kind;
	run->op.domid = op->domid;
	run->op.paused = op->paused;
	run->op.deadline = op->deadline ? op->deadline : op_kinds[op->kind].deadline;
	run->op.progress = on_driver_progress;
	run->op.complete = on_driver_complete;
	run->op.active = true;
	if (check_op(hv, op, &err) < 0) {
		run->driver_done = true;
		settle(run, MU_FAILED, &err);
		return;
	}
	copy_inputs(run, op);
	mu_timer_set(run->timer, run->op.deadline);
	hv->ops->op_start(hv->impl, &run->op);
}

void hv_op_cancel(struct hv_op *op)
{
	if (op->active && op->priv)
		cancel_driver(op->priv);
}

void hv_op_complete(struct hv_op *op, int r, const struct mu_error *err)
{
	mu_assert(r == 0 || err);
	op->complete(op, r, err);
}

void hv_op_progress(struct hv_op *op, int percent)
{
	if (op->progress)
		op->progress(op, percent < 0 ? 0 : percent > 100 ? 100 : percent);
}

/* ---- closing ---- */

static void close_end(void *ctx)
{
	struct hv *hv = ctx;
	mu_loop_cb done = hv->free_done;
	void *done_ctx = hv->free_ctx;

	mu_list_each(it, &hv->running)
	{
		running_free(MU_CONTAINER_OF(it, struct running, link));
	}
	mu_timer_free(hv->grace);
	hv_watcher_free(hv->watcher);
	hv_changer_free(hv->changer);
	free(hv);
	if (done)
		done(done_ctx);
}

/* Drivers may call this from within ops->free. */
static void on_driver_freed(void *ctx)
{
	struct hv *hv = ctx;

	mu_loop_post(hv->loop, close_end, hv);
}

static void closing_step(struct hv *hv)
{
	if (!hv->closing || hv->driver_free_called)
		return;
	mu_list_each(it, &hv->running)
	{
		struct running *run = MU_CONTAINER_OF(it, struct running, link);

		if (run->user || !run->abandoned)
			return;
	}
	hv->driver_free_called = true;
	mu_timer_cancel(hv->grace);
	hv->ops->free(hv->impl, on_driver_freed, hv);
}

/* The driver hangs: leave its operations behind. */
static void on_grace_over(void *ctx)
{
	struct hv *hv = ctx;
	struct mu_error err = MU_ERROR_INIT;

	mu_error_set(&err, MU_E_CANCELLED, "the hypervisor driver was closed before it was done");
	mu_list_each(it, &hv->running)
	{
		struct running *run = MU_CONTAINER_OF(it, struct running, link);

		mu_log_warning("operation left behind driver=%s op=%s domid=%" PRIu32,
			       hv->ops->name, op_kinds[run->op.kind].name, run->op.domid.value);
		run->abandoned = true;
		settle(run, MU_FAILED, &err);
	}
	closing_step(hv);
}

static void close_begin(void *ctx)
{
	struct hv *hv = ctx;

	mu_list_each(it, &hv->running)
	{
		cancel_driver(MU_CONTAINER_OF(it, struct running, link));
	}
	closing_step(hv);
}

void hv_free(struct hv *hv, mu_loop_cb done, void *ctx)
{
	mu_assert(!hv->closing);
	hv->free_done = done;
	hv->free_ctx = ctx;
	hv_watcher_set(hv->watcher, NULL);
	hv_changer_close(hv->changer);
	hv->ops->watch(hv->impl, NULL);
	hv->closing = true;
	hv->grace = mu_timer_new(hv->loop, on_grace_over, hv);
	mu_timer_set(hv->grace, FREE_GRACE);
	mu_loop_post(hv->loop, close_begin, hv);
}
