/* SPDX-License-Identifier: Apache-2.0 */
/* Consoles of the fleet's VMs: a WebSocket on one side, a tunnel to the VM's host on the other. */
#include "aggregator/app/relay.h"

#include <stdio.h>

int app_console_open(struct app *app, const struct rest_console *rq, const struct admin_asker *who,
		     struct mu_pipe near, struct mu_pipe *ret_far, struct mu_error *err)
{
	const struct model_vm *vm = inventory_vm_find(app->inventory, &rq->vm);
	bool vnc = rq->kind == REST_CONSOLE_VNC;
	char detail[32];
	const struct relay_words words = {
	    .open = rq->take ? "console.take" : "console.open",
	    .close = "console.close",
	    .detail = detail,
	    .what = vnc ? "vnc" : "serial",
	    .out = "shown",
	    .in = "typed",
	};
	struct fleet_tunnel_request tunnel = {
	    .kind = vnc ? FLEET_TUNNEL_CONSOLE_VNC : FLEET_TUNNEL_CONSOLE_SERIAL,
	    .object = rq->vm.uuid,
	    .user = who->user,
	    .from = who->from,
	    .write = rq->write,
	    .take = rq->take,
	};

	if (!vm)
		return mu_error_set(err, MU_E_NOT_FOUND, "this VM is not known any more");
	if (app->stopping)
		return mu_error_set(err, MU_E_UNAVAILABLE, "the aggregator is stopping");
	tunnel.host = vm->host;
	(void)snprintf(detail, sizeof detail, "%s, %s", words.what, rq->write ? "write" : "read");
	relay_open(app, &tunnel, &words, near, ret_far);
	return 0;
}
