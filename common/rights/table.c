/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resources and actions, Xen Orchestra's as far as there is what they are about, and ours: what it
 * has no privilege for. "update" has a member per property that a PATCH may have.
 */
#include "common/rights/rights.h"

#define ACTIONS(...)                                                                               \
	(const char *const[])                                                                      \
	{                                                                                          \
		__VA_ARGS__, NULL                                                                  \
	}

const struct rights_resource rights_resources[] = {
    {"vm",
     ACTIONS("read", "clone", "delete", "export", "pause", "start", "resume", "revert-snapshot",
	     "snapshot", "suspend", "unpause", "reboot:clean", "reboot:hard", "shutdown:clean",
	     "shutdown:hard", "adopt", "console:view", "console:type", "convert-to-template",
	     "update:nameLabel", "update:nameDescription", "update:notes", "update:tags",
	     "update:cpus", "update:cpusStaticMax", "update:coresPerSocket", "update:cpuCap",
	     "update:cpuWeight", "update:cpuMask", "update:cpuMaskSoft", "update:memory",
	     "update:memoryMin", "update:memoryMax", "update:memoryStaticMax",
	     "update:affinityHost", "update:autoPoweron", "update:blockedOperations",
	     "update:highAvailability", "update:hvmBootFirmware", "update:secureBoot",
	     "update:uefiMode", "update:nestedVirt", "update:expNestedHvm", "update:viridian",
	     "update:vga", "update:videoram", "update:nicType", "update:hasVendorDevice",
	     "update:startDelay", "update:startOrder", "update:suspendSr", "update:PV_args",
	     "update:virtualizationMode", "update:xenStoreData", "update:creation",
	     "update:resourceSet", "update:share", "update:bootOrder", "update:onPoweroff",
	     "update:onReboot", "update:onCrash", "update:cpupool", "update:vbds", "update:vifs")},
    {"vm-snapshot", ACTIONS("read", "delete", "export", "clone", "update:tags")},
    {"vm-template", ACTIONS("read", "delete", "export", "instantiate", "update:tags")},
    {"vm-controller", ACTIONS("read", "update:tags")},
    {"vbd", ACTIONS("read", "create", "delete", "connect", "disconnect", "insert", "eject")},
    {"vif", ACTIONS("read", "create", "delete", "connect", "disconnect", "update:rateLimit")},
    {"vdi", ACTIONS("read", "create", "delete", "export-content", "import-content", "migrate-send",
		    "snapshot", "clone", "revert-snapshot", "attach:read", "attach:write",
		    "update:name_label", "update:name_description", "update:tags", "update:size")},
    {"vdi-snapshot", ACTIONS("read", "delete", "export", "clone", "attach:read", "update:tags")},
    {"sr",
     ACTIONS("read", "create", "delete", "forget", "scan", "import:vm", "import:vdi", "allow-vdi",
	     "migrate-receive", "update:name_label", "update:name_description", "update:tags")},
    {"pbd", ACTIONS("read", "plug", "unplug")},
    {"host", ACTIONS("read", "allow-vm", "log", "upload", "enable", "disable", "shutdown:clean",
		     "shutdown:emergency", "reboot:clean", "reboot:smart", "restart-toolstack",
		     "assign-pci", "cpupool", "join", "detach", "forget", "update:tags")},
    {"pool", ACTIONS("read", "create:vm", "create:network", "emergency-shutdown", "update:tags")},
    {"network", ACTIONS("read", "attach", "delete", "update:tags")},
    {"pif", ACTIONS("read")},
    {"pci", ACTIONS("read")},
    {"task", ACTIONS("read", "abort", "delete")},
    {"alarm", ACTIONS("read", "acknowledge")},
    {"message", ACTIONS("read")},
    {"server", ACTIONS("read")},
    {"sm", ACTIONS("read")},
    {"pgpu", ACTIONS("read")},
    {"proxy", ACTIONS("read")},
    {"schedule", ACTIONS("read")},
    {"backup-job", ACTIONS("read")},
    {"backup-log", ACTIONS("read")},
    {"restore-log", ACTIONS("read")},
    {"backup-repository", ACTIONS("read")},
    {"backup-archive", ACTIONS("read")},
    {"alarm-rule", ACTIONS("read", "create", "update", "delete")},
    {"alarm-target", ACTIONS("read", "create", "delete", "test")},
    {"metrics",
     ACTIONS("read")}, /* of all that there is: the pages for Prometheus, what a rule would find */
    {"audit", ACTIONS("read")},
    {"user", ACTIONS("read", "create", "delete", "update:name", "update:password",
		     "update:permission", "update:preferences")},
    {"group", ACTIONS("read", "create", "delete", "update:name", "update:users")},
    {"acl-role", ACTIONS("read", "create", "delete", "update:name", "update:description",
			 "update:users", "update:groups")},
    {"acl-privilege", ACTIONS("read", "create", "delete", "update")},
    {NULL, NULL},
};
