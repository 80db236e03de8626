/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes that are calls. Paths and bodies are Xen Orchestra's; what it answers at once (PATCH,
 * DELETE, new objects) waits for the task here, what it calls an action answers with the task.
 */
#include "common/rest/call.h"

#include <string.h>

#define V0(path) "/rest/v0" path
#define ACTION(collection, verb) "/rest/v0/" collection "/{id}/actions/" verb

#define TAGS(collection, edit, from)                                                               \
	{{HTTP_PUT, V0("/" collection "/{id}/tags/{tag}"), false},                                 \
	 edit,                                                                                     \
	 from,                                                                                     \
	 .sync = true,                                                                             \
	 .listed = "addTags"},                                                                     \
	{                                                                                          \
		{HTTP_DELETE, V0("/" collection "/{id}/tags/{tag}"), false}, edit, from,           \
		    .sync = true, .listed = "removeTags"                                           \
	}

const struct rest_call_route rest_call_routes[] = {
    TAGS("vms", "vm.edit", REST_FROM_VM),
    TAGS("vm-snapshots", "vm.edit", REST_FROM_VM_SNAPSHOT),
    TAGS("vm-templates", "vm.edit", REST_FROM_VM_TEMPLATE),
    TAGS("srs", "sr.edit", REST_FROM_SR),
    TAGS("vdis", "vdi.edit", REST_FROM_VDI),
    TAGS("vdi-snapshots", "vdi.edit", REST_FROM_VDI),

    {{HTTP_PATCH, V0("/vms/{id}"), false}, "vm.edit", REST_FROM_VM, true},
    {{HTTP_DELETE, V0("/vms/{id}"), false}, "vm.delete", REST_FROM_VM, true},
    {{HTTP_POST, ACTION("vms", "snapshot"), false}, "vm.snapshot", REST_FROM_VM},
    {{HTTP_POST, ACTION("vms", "revert_snapshot"), false}, "vm.revert", REST_FROM_VM},
    /* A copy is not compressed: it does not leave the host. */
    {{HTTP_POST, ACTION("vms", "clone"), false}, "vm.clone", REST_FROM_VM, false, NULL, "compress"},
    {{HTTP_POST, ACTION("vms", "convert_to_template"), false}, "vm.to_template", REST_FROM_VM},
    {{HTTP_DELETE, V0("/vm-snapshots/{id}"), false}, "vm.delete", REST_FROM_VM_SNAPSHOT, true},
    {{HTTP_POST, ACTION("vm-snapshots", "clone"), false}, "vm.clone", REST_FROM_VM_SNAPSHOT},
    {{HTTP_DELETE, V0("/vm-templates/{id}"), false}, "vm.delete", REST_FROM_VM_TEMPLATE, true},
    {{HTTP_POST, ACTION("vm-templates", "clone"), false}, "vm.clone", REST_FROM_VM_TEMPLATE},

    {{HTTP_POST, V0("/vbds"), false}, "vbd.create", REST_FROM_BODY_VM, true, "VM"},
    {{HTTP_DELETE, V0("/vbds/{id}"), false}, "vbd.delete", REST_FROM_VBD, true},
    {{HTTP_POST, ACTION("vbds", "connect"), false}, "vbd.connect", REST_FROM_VBD},
    {{HTTP_POST, ACTION("vbds", "disconnect"), false}, "vbd.disconnect", REST_FROM_VBD},
    {{HTTP_POST, ACTION("vbds", "insert"), false}, "vbd.insert", REST_FROM_VBD},
    {{HTTP_POST, ACTION("vbds", "eject"), false}, "vbd.eject", REST_FROM_VBD},
    {{HTTP_POST, V0("/vifs"), false}, "vif.create", REST_FROM_BODY_VM, true, "vmId"},
    {{HTTP_PATCH, V0("/vifs/{id}"), false}, "vif.edit", REST_FROM_VIF, true},
    {{HTTP_DELETE, V0("/vifs/{id}"), false}, "vif.delete", REST_FROM_VIF, true},
    {{HTTP_POST, ACTION("vifs", "connect"), false}, "vif.connect", REST_FROM_VIF},
    {{HTTP_POST, ACTION("vifs", "disconnect"), false}, "vif.disconnect", REST_FROM_VIF},

    {{HTTP_POST, V0("/srs"), false}, "sr.create", REST_FROM_BODY_HOST, true, "hostId"},
    {{HTTP_PATCH, V0("/srs/{id}"), false}, "sr.edit", REST_FROM_SR, true},
    {{HTTP_DELETE, V0("/srs/{id}"), false}, "sr.destroy", REST_FROM_SR, true},
    {{HTTP_POST, ACTION("srs", "scan"), false}, "sr.scan", REST_FROM_SR},
    {{HTTP_POST, ACTION("srs", "forget"), false}, "sr.forget", REST_FROM_SR},
    {{HTTP_POST, ACTION("pbds", "plug"), false}, "sr.plug", REST_FROM_PBD},
    {{HTTP_POST, ACTION("pbds", "unplug"), false}, "sr.unplug", REST_FROM_PBD},
    {{HTTP_POST, V0("/vdis"), false}, "vdi.create", REST_FROM_BODY_SR, true, "srId"},
    {{HTTP_PATCH, V0("/vdis/{id}"), false}, "vdi.edit", REST_FROM_VDI, true},
    {{HTTP_DELETE, V0("/vdis/{id}"), false}, "vdi.delete", REST_FROM_VDI, true},
    {{HTTP_POST, ACTION("vdis", "migrate"), false}, "vdi.migrate", REST_FROM_VDI},
    {{HTTP_POST, ACTION("vdis", "snapshot"), false}, "vdi.snapshot", REST_FROM_VDI},
    {{HTTP_POST, ACTION("vdis", "clone"), false}, "vdi.clone", REST_FROM_VDI},
    {{HTTP_POST, ACTION("vdis", "revert"), false}, "vdi.revert", REST_FROM_VDI},
    {{HTTP_DELETE, V0("/vdi-snapshots/{id}"), false}, "vdi.delete", REST_FROM_VDI, true},

    {{HTTP_POST, ACTION("pools", "create_vm"), false}, "vm.create", REST_FROM_POOL},
    {{HTTP_POST, ACTION("pools", "create_network"), false}, "network.create", REST_FROM_POOL_PIF},
    {{HTTP_POST, ACTION("pools", "create_internal_network"), false},
     "network.create",
     REST_FROM_POOL_HOSTS},
    {{HTTP_DELETE, V0("/networks/{id}"), false}, "network.delete", REST_FROM_NETWORK, true},

    {{HTTP_POST, ACTION("hosts", "enable"), false}, "host.enable", REST_FROM_HOST},
    {{HTTP_POST, ACTION("hosts", "disable"), false}, "host.disable", REST_FROM_HOST},
    {{HTTP_POST, ACTION("hosts", "clean_shutdown"), false},
     "host.shutdown",
     REST_FROM_HOST,
     false,
     NULL,
     "bypassBackupCheck"},
    {{HTTP_POST, ACTION("hosts", "clean_reboot"), false},
     "host.reboot",
     REST_FROM_HOST,
     false,
     NULL,
     "bypassBackupCheck"},
    {{HTTP_POST, ACTION("hosts", "restart_toolstack"), false},
     "host.restart_agent",
     REST_FROM_HOST,
     false,
     NULL,
     "bypassBackupCheck"},

    {{HTTP_POST, ACTION("hosts", "assign_pci"), false}, "pci.assign", REST_FROM_HOST},
    {{HTTP_POST, ACTION("hosts", "release_pci"), false}, "pci.release", REST_FROM_HOST},
    {{HTTP_POST, ACTION("hosts", "create_cpupool"), false}, "cpupool.create", REST_FROM_HOST},
    {{HTTP_POST, ACTION("hosts", "destroy_cpupool"), false}, "cpupool.destroy", REST_FROM_HOST},
    {{HTTP_POST, ACTION("hosts", "add_cpupool_cpus"), false}, "cpupool.add_cpus", REST_FROM_HOST},
    {{HTTP_POST, ACTION("hosts", "remove_cpupool_cpus"), false},
     "cpupool.remove_cpus",
     REST_FROM_HOST},
    {{HTTP_POST, ACTION("hosts", "set_cpupool"), false}, "cpupool.set", REST_FROM_HOST},
    {{HTTP_POST, ACTION("vms", "move_to_cpupool"), false}, "cpupool.move", REST_FROM_VM},

    {{HTTP_POST, V0("/calls"), false}, NULL, REST_FROM_BODY},
};
const size_t rest_n_call_routes = MU_ARRAY_SIZE(rest_call_routes);

const struct call_method *rest_call_of_vm(const char *verb)
{
	static const char prefix[] = ACTION("vms", "");

	for (size_t i = 0; i < rest_n_call_routes; i++) {
		const char *pattern = rest_call_routes[i].info.pattern;

		if (strncmp(pattern, prefix, sizeof prefix - 1) == 0 &&
		    strcmp(pattern + sizeof prefix - 1, verb) == 0)
			return call_find(rest_call_routes[i].method);
	}
	return NULL;
}
