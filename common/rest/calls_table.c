/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes that are calls. Paths and bodies are Xen Orchestra's; what it answers at once (PATCH,
 * DELETE, new objects) waits for the task here, what it calls an action answers with the task.
 */
#include "common/rest/call.h"

#include <string.h>

#define V0(path) "/rest/v0" path
#define ACTION(collection, verb) "/rest/v0/" collection "/{id}/actions/" verb

#define TAGS(collection, edit, from, resource)                                                     \
	{{HTTP_PUT, V0("/" collection "/{id}/tags/{tag}"), resource ":update:tags"},               \
	 edit,                                                                                     \
	 from,                                                                                     \
	 .sync = true,                                                                             \
	 .listed = "addTags"},                                                                     \
	{                                                                                          \
		{HTTP_DELETE, V0("/" collection "/{id}/tags/{tag}"), resource ":update:tags"},     \
		    edit, from, .sync = true, .listed = "removeTags"                               \
	}

/* The power is about to go: what does not let itself be saved in two minutes goes down with it. */
#define EMERGENCY "{\"vms\":\"suspend\",\"force\":true,\"vmTimeout\":120}"

/* Of checks that nothing here makes. */
#define BYPASSES "bypassBackupCheck bypassVersionCheck bypassBlockedSuspend bypassCurrentVmCheck"

const struct rest_call_route rest_call_routes[] = {
    TAGS("vms", "vm.edit", REST_FROM_VM, "vm"),
    TAGS("vm-snapshots", "vm.edit", REST_FROM_VM_SNAPSHOT, "vm-snapshot"),
    TAGS("vm-templates", "vm.edit", REST_FROM_VM_TEMPLATE, "vm-template"),
    TAGS("srs", "sr.edit", REST_FROM_SR, "sr"),
    TAGS("vdis", "vdi.edit", REST_FROM_VDI, "vdi"),
    TAGS("vdi-snapshots", "vdi.edit", REST_FROM_VDI, "vdi-snapshot"),

    {{HTTP_PATCH, V0("/vms/{id}"), "vm:update"}, "vm.edit", REST_FROM_VM, true},
    {{HTTP_DELETE, V0("/vms/{id}"), "vm:delete"}, "vm.delete", REST_FROM_VM, true},
    {{HTTP_POST, ACTION("vms", "snapshot"), "vm:snapshot"}, "vm.snapshot", REST_FROM_VM},
    {{HTTP_POST, ACTION("vms", "revert_snapshot"), "vm:revert-snapshot"},
     "vm.revert",
     REST_FROM_VM},
    /* A copy is not compressed: it does not leave the host. */
    {{HTTP_POST, ACTION("vms", "clone"), "vm:clone"},
     "vm.clone",
     REST_FROM_VM,
     false,
     NULL,
     "compress"},
    {{HTTP_POST, ACTION("vms", "convert_to_template"), "vm:convert-to-template"},
     "vm.to_template",
     REST_FROM_VM},
    {{HTTP_DELETE, V0("/vm-snapshots/{id}"), "vm-snapshot:delete"},
     "vm.delete",
     REST_FROM_VM_SNAPSHOT,
     true},
    {{HTTP_POST, ACTION("vm-snapshots", "clone"), "vm-snapshot:clone"},
     "vm.clone",
     REST_FROM_VM_SNAPSHOT},
    {{HTTP_DELETE, V0("/vm-templates/{id}"), "vm-template:delete"},
     "vm.delete",
     REST_FROM_VM_TEMPLATE,
     true},
    {{HTTP_POST, ACTION("vm-templates", "clone"), "vm-template:instantiate"},
     "vm.clone",
     REST_FROM_VM_TEMPLATE},

    {{HTTP_POST, V0("/vbds"), "vbd:create"}, "vbd.create", REST_FROM_BODY_VM, true, "VM"},
    {{HTTP_DELETE, V0("/vbds/{id}"), "vbd:delete"}, "vbd.delete", REST_FROM_VBD, true},
    {{HTTP_POST, ACTION("vbds", "connect"), "vbd:connect"}, "vbd.connect", REST_FROM_VBD},
    {{HTTP_POST, ACTION("vbds", "disconnect"), "vbd:disconnect"}, "vbd.disconnect", REST_FROM_VBD},
    {{HTTP_POST, ACTION("vbds", "insert"), "vbd:insert"}, "vbd.insert", REST_FROM_VBD},
    {{HTTP_POST, ACTION("vbds", "eject"), "vbd:eject"}, "vbd.eject", REST_FROM_VBD},
    {{HTTP_POST, V0("/vifs"), "vif:create"}, "vif.create", REST_FROM_BODY_VM, true, "vmId"},
    {{HTTP_PATCH, V0("/vifs/{id}"), "vif:update"}, "vif.edit", REST_FROM_VIF, true},
    {{HTTP_DELETE, V0("/vifs/{id}"), "vif:delete"}, "vif.delete", REST_FROM_VIF, true},
    {{HTTP_POST, ACTION("vifs", "connect"), "vif:connect"}, "vif.connect", REST_FROM_VIF},
    {{HTTP_POST, ACTION("vifs", "disconnect"), "vif:disconnect"}, "vif.disconnect", REST_FROM_VIF},

    {{HTTP_POST, V0("/srs"), "sr:create"}, "sr.create", REST_FROM_BODY_HOST, true, "hostId"},
    {{HTTP_PATCH, V0("/srs/{id}"), "sr:update"}, "sr.edit", REST_FROM_SR, true},
    {{HTTP_DELETE, V0("/srs/{id}"), "sr:delete"}, "sr.destroy", REST_FROM_SR, true},
    {{HTTP_POST, ACTION("srs", "scan"), "sr:scan"}, "sr.scan", REST_FROM_SR},
    {{HTTP_POST, ACTION("srs", "forget"), "sr:forget"}, "sr.forget", REST_FROM_SR},
    {{HTTP_POST, ACTION("pbds", "plug"), "pbd:plug"}, "sr.plug", REST_FROM_PBD},
    {{HTTP_POST, ACTION("pbds", "unplug"), "pbd:unplug"}, "sr.unplug", REST_FROM_PBD},
    {{HTTP_POST, V0("/vdis"), "vdi:create"}, "vdi.create", REST_FROM_BODY_SR, true, "srId"},
    {{HTTP_PATCH, V0("/vdis/{id}"), "vdi:update"}, "vdi.edit", REST_FROM_VDI, true},
    {{HTTP_DELETE, V0("/vdis/{id}"), "vdi:delete"}, "vdi.delete", REST_FROM_VDI, true},
    {{HTTP_POST, ACTION("vdis", "migrate"), "vdi:migrate-send"}, "vdi.migrate", REST_FROM_VDI},
    {{HTTP_POST, ACTION("vdis", "snapshot"), "vdi:snapshot"}, "vdi.snapshot", REST_FROM_VDI},
    {{HTTP_POST, ACTION("vdis", "clone"), "vdi:clone"}, "vdi.clone", REST_FROM_VDI},
    {{HTTP_POST, ACTION("vdis", "revert"), "vdi:revert-snapshot"}, "vdi.revert", REST_FROM_VDI},
    {{HTTP_DELETE, V0("/vdi-snapshots/{id}"), "vdi-snapshot:delete"},
     "vdi.delete",
     REST_FROM_VDI,
     true},

    {{HTTP_POST, ACTION("pools", "create_vm"), "pool:create:vm"}, "vm.create", REST_FROM_POOL},
    {{HTTP_POST, ACTION("pools", "create_network"), "pool:create:network"},
     "network.create",
     REST_FROM_POOL_PIF},
    {{HTTP_POST, ACTION("pools", "create_internal_network"), "pool:create:network"},
     "network.create",
     REST_FROM_POOL_HOSTS},
    {{HTTP_DELETE, V0("/networks/{id}"), "network:delete"},
     "network.delete",
     REST_FROM_NETWORK,
     true},

    {{HTTP_POST, ACTION("hosts", "enable"), "host:enable"}, "host.enable", REST_FROM_HOST},
    {{HTTP_POST, ACTION("hosts", "disable"), "host:disable"}, "host.disable", REST_FROM_HOST},
    {{HTTP_POST, ACTION("hosts", "clean_shutdown"), "host:shutdown:clean"},
     "host.shutdown",
     REST_FROM_HOST,
     false,
     NULL,
     "bypassBackupCheck"},
    {{HTTP_POST, ACTION("hosts", "emergency_shutdown"), "host:shutdown:emergency"},
     "host.shutdown",
     REST_FROM_HOST,
     .usual = EMERGENCY},
    {{HTTP_POST, ACTION("pools", "emergency_shutdown"), "pool:emergency-shutdown"},
     "host.shutdown",
     REST_FROM_POOL_HOSTS,
     .usual = EMERGENCY},
    {{HTTP_POST, ACTION("hosts", "clean_reboot"), "host:reboot:clean"},
     "host.reboot",
     REST_FROM_HOST,
     false,
     NULL,
     "bypassBackupCheck"},
    {{HTTP_POST, ACTION("hosts", "smart_reboot"), "host:reboot:smart"},
     "host.reboot",
     REST_FROM_HOST,
     .ignored = BYPASSES,
     .usual = "{\"vms\":\"suspend\",\"resume\":true}"},
    {{HTTP_POST, ACTION("hosts", "restart_toolstack"), "host:restart-toolstack"},
     "host.restart_agent",
     REST_FROM_HOST,
     false,
     NULL,
     "bypassBackupCheck"},

    {{HTTP_POST, ACTION("hosts", "assign_pci"), "host:assign-pci"}, "pci.assign", REST_FROM_HOST},
    {{HTTP_POST, ACTION("hosts", "release_pci"), "host:assign-pci"}, "pci.release", REST_FROM_HOST},
    {{HTTP_POST, ACTION("hosts", "create_cpupool"), "host:cpupool"},
     "cpupool.create",
     REST_FROM_HOST},
    {{HTTP_POST, ACTION("hosts", "destroy_cpupool"), "host:cpupool"},
     "cpupool.destroy",
     REST_FROM_HOST},
    {{HTTP_POST, ACTION("hosts", "add_cpupool_cpus"), "host:cpupool"},
     "cpupool.add_cpus",
     REST_FROM_HOST},
    {{HTTP_POST, ACTION("hosts", "remove_cpupool_cpus"), "host:cpupool"},
     "cpupool.remove_cpus",
     REST_FROM_HOST},
    {{HTTP_POST, ACTION("hosts", "set_cpupool"), "host:cpupool"}, "cpupool.set", REST_FROM_HOST},
    {{HTTP_POST, ACTION("vms", "move_to_cpupool"), "vm:update:cpupool"},
     "cpupool.move",
     REST_FROM_VM},

    {{HTTP_POST, V0("/calls"), REST_ADMIN}, NULL, REST_FROM_BODY},
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
