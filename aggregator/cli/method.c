/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/cli/method.h"

#include "common/base/mem.h"

#include <string.h>

struct route {
	const char *method;
	const char *collections; /* " " around each */
	const char *verb;
	const char *action;  /* of the object, NULL: the object itself */
	const char *created; /* the object is a property of what is made here: collection ... */
	const char *in_body; /* ... and that property */
};

#define VMS " vms vm-snapshots vm-templates "

static const struct route routes[] = {
    {"vm.snapshot", " vms ", "POST", "snapshot", NULL, NULL},
    {"vm.revert", " vms ", "POST", "revert_snapshot", NULL, NULL},
    {"vm.clone", VMS, "POST", "clone", NULL, NULL},
    {"vm.delete", VMS, "DELETE", NULL, NULL, NULL},
    {"vm.edit", " vms ", "PATCH", NULL, NULL, NULL},
    {"vbd.create", " vms ", "POST", NULL, "vbds", "VM"},
    {"vbd.delete", " vbds ", "DELETE", NULL, NULL, NULL},
    {"vbd.connect", " vbds ", "POST", "connect", NULL, NULL},
    {"vbd.disconnect", " vbds ", "POST", "disconnect", NULL, NULL},
    {"vbd.insert", " vbds ", "POST", "insert", NULL, NULL},
    {"vbd.eject", " vbds ", "POST", "eject", NULL, NULL},
    {"vif.create", " vms ", "POST", NULL, "vifs", "vmId"},
    {"vif.edit", " vifs ", "PATCH", NULL, NULL, NULL},
    {"vif.delete", " vifs ", "DELETE", NULL, NULL, NULL},
    {"vif.connect", " vifs ", "POST", "connect", NULL, NULL},
    {"vif.disconnect", " vifs ", "POST", "disconnect", NULL, NULL},
    {"sr.create", " hosts ", "POST", NULL, "srs", "hostId"},
    {"sr.edit", " srs ", "PATCH", NULL, NULL, NULL},
    {"sr.scan", " srs ", "POST", "scan", NULL, NULL},
    {"sr.forget", " srs ", "POST", "forget", NULL, NULL},
    {"sr.destroy", " srs ", "DELETE", NULL, NULL, NULL},
    {"vdi.create", " srs ", "POST", NULL, "vdis", "srId"},
    {"vdi.edit", " vdis ", "PATCH", NULL, NULL, NULL},
    {"vdi.snapshot", " vdis ", "POST", "snapshot", NULL, NULL},
    {"vdi.clone", " vdis ", "POST", "clone", NULL, NULL},
    {"vdi.revert", " vdis ", "POST", "revert", NULL, NULL},
    {"vdi.migrate", " vdis ", "POST", "migrate", NULL, NULL},
    {"vdi.delete", " vdis vdi-snapshots ", "DELETE", NULL, NULL, NULL},
    {"host.enable", " hosts ", "POST", "enable", NULL, NULL},
    {"host.disable", " hosts ", "POST", "disable", NULL, NULL},
    {"host.shutdown", " hosts ", "POST", "clean_shutdown", NULL, NULL},
    {"host.reboot", " hosts ", "POST", "clean_reboot", NULL, NULL},
    {"host.restart_agent", " hosts ", "POST", "restart_toolstack", NULL, NULL},
    {"pci.assign", " hosts ", "POST", "assign_pci", NULL, NULL},
    {"pci.release", " hosts ", "POST", "release_pci", NULL, NULL},
    {"cpupool.create", " hosts ", "POST", "create_cpupool", NULL, NULL},
    {"cpupool.destroy", " hosts ", "POST", "destroy_cpupool", NULL, NULL},
    {"cpupool.add_cpus", " hosts ", "POST", "add_cpupool_cpus", NULL, NULL},
    {"cpupool.remove_cpus", " hosts ", "POST", "remove_cpupool_cpus", NULL, NULL},
    {"cpupool.set", " hosts ", "POST", "set_cpupool", NULL, NULL},
    {"cpupool.move", " vms ", "POST", "move_to_cpupool", NULL, NULL},
};

/* A route is about whatever host is asked best: which one can be said to POST /calls only. */
static const struct route *route_of(struct mu_arena *a, const struct cli_method_call *call)
{
	const char *word;

	if (!call->collection || call->host)
		return NULL;
	word = mu_arena_printf(a, " %s ", call->collection);
	for (size_t i = 0; i < MU_ARRAY_SIZE(routes); i++) {
		if (!strcmp(routes[i].method, call->method) && strstr(routes[i].collections, word))
			return &routes[i];
	}
	return NULL;
}

static struct mu_value *any_call(struct mu_arena *a, const struct cli_method_call *call)
{
	struct mu_value *body = mu_value_object(a);

	mu_value_set_string(a, body, "method", call->method);
	mu_value_set_string(a, body, "objectId", call->object);
	if (call->host)
		mu_value_set_string(a, body, "hostId", call->host);
	if (call->arguments)
		mu_value_set(a, body, "arguments", mu_value_copy(a, call->arguments));
	return body;
}

void cli_method_request(struct mu_arena *a, const struct cli_method_call *call,
			struct cli_method_request *ret)
{
	const struct route *r = route_of(a, call);
	struct mu_value *body;

	if (!r) {
		*ret = (struct cli_method_request){"POST", "/rest/v0/calls", any_call(a, call)};
		return;
	}
	body = call->arguments ? mu_value_copy(a, call->arguments) : mu_value_object(a);
	if (r->created) {
		mu_value_set_string(a, body, r->in_body, call->object);
		ret->path = mu_arena_printf(a, "/rest/v0/%s?sync=false", r->created);
	} else if (r->action) {
		ret->path = mu_arena_printf(a, "/rest/v0/%s/%s/actions/%s", call->collection,
					    call->object, r->action);
	} else {
		ret->path =
		    mu_arena_printf(a, "/rest/v0/%s/%s?sync=false", call->collection, call->object);
	}
	ret->verb = r->verb;
	ret->body = body->n_children > 0 ? body : NULL;
}
