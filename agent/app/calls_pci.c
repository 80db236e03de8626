/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pci.assign, pci.release: dom0 gives a device up, so that VMs can have it, or takes it back. Until
 * the host boots anew; what is to be so then stands in dom0's own configuration.
 */
#include "agent/app/app_priv.h"
#include "agent/app/calls.h"
#include "common/base/mem.h"

#include <stdio.h>
#include <string.h>

struct assigning {
	struct app_call *call;
	struct hv_device device;
	struct hv_op op;
};

static const char assign[] = "pci.assign";

static const char *address_of(const struct mu_value *arguments)
{
	return mu_value_as_string(mu_value_get(arguments, "address"));
}

static void on_done(struct hv_op *op)
{
	struct assigning *k = op->ctx;

	app_call_finish(k->call, op->r < 0 ? &op->err : NULL, NULL);
}

static void start(struct app_call *c)
{
	struct assigning *k = mu_arena_calloc(c->arena, 1, sizeof *k);

	k->call = c;
	c->state = k;
	(void)snprintf(k->device.pci.address, sizeof k->device.pci.address, "%s",
		       address_of(c->arguments));
	k->op.kind = !strcmp(c->method->name, assign) ? HV_PCI_ASSIGN : HV_PCI_RELEASE;
	k->op.device = &k->device;
	k->op.done = on_done;
	k->op.ctx = k;
	hv_op_start(c->app->hv, &k->op);
}

static void cancel(struct app_call *c)
{
	struct assigning *k = c->state;

	hv_op_cancel(&k->op);
}

static void verdict(struct app *app, const struct journal_entry *e,
		    const struct mu_value *arguments, struct journal_verdict *v)
{
	MU_CLEANUP(mu_free) struct hv_host_pci *list = mu_xcalloc(HV_HOST_PCI_MAX, sizeof *list);
	bool wanted = !strcmp(e->method, assign), is = false;
	size_t n = 0;

	if (!arguments || hv_pci_list(app->hv, list, HV_HOST_PCI_MAX, &n, NULL) < 0)
		return;
	for (size_t i = 0; i < n; i++) {
		if (!strcmp(list[i].address, address_of(arguments)))
			is = list[i].assignable;
	}
	if (is == wanted) {
		v->status = TASK_SUCCESS;
		mu_error_clear(&v->err);
		return;
	}
	v->status = TASK_FAILURE;
	(void)mu_error_set(&v->err, MU_E_UNAVAILABLE,
			   "interrupted by a restart of the agent: dom0 has%s given the device up; "
			   "hint: ask again",
			   is ? "" : " not");
}

const struct app_call_handler calls_pci[] = {
    {.method = assign, .start = start, .cancel = cancel, .verdict = verdict},
    {.method = "pci.release", .start = start, .cancel = cancel, .verdict = verdict},
};
const size_t n_calls_pci = MU_ARRAY_SIZE(calls_pci);
