/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/cli/verbs.h"

#include "aggregator/cli/document.h"

#include <string.h>

enum {
	SHOW = CLI_OPT_OUTPUT,
	VIEW = CLI_OPT_OUTPUT | CLI_OPT_WATCH,
	LIST = VIEW | CLI_OPT_LIST,
	ACT = CLI_OPT_OUTPUT | CLI_OPT_WAIT | CLI_OPT_DRY_RUN,
	MAKE = CLI_OPT_OUTPUT | CLI_OPT_DRY_RUN, /* changes something, and shows it */
	DO = CLI_OPT_DRY_RUN,                    /* changes something */
	END = DO | CLI_OPT_SURE, /* something is not there, or not as it was, after it */
	ACT_END = ACT | CLI_OPT_SURE,
};

static const struct cli_verb table[] = {
    {"host", "list", "", 0, 0, LIST, "hosts, and whether their agents are connected", cli_host_list,
     NULL, NULL, NULL},
    {"host", "show", "HOST...", 1, -1, VIEW, "all about hosts", cli_host_show, NULL, NULL, NULL},
    {"host", "pci", "HOST", 1, 1, CLI_OPT_OUTPUT,
     "PCI devices, their drivers, and which can be given to VMs", cli_host_pci, NULL, NULL, NULL},
    {"host", "usb", "HOST", 1, 1, CLI_OPT_OUTPUT, "USB devices, and which VM has one", cli_host_usb,
     NULL, NULL, NULL},
    {"host", "assign-pci", "HOST ADDRESS", 2, 2, ACT, "make dom0 give a PCI device up, for VMs",
     cli_object_call, NULL, NULL, NULL},
    {"host", "release-pci", "HOST ADDRESS", 2, 2, ACT, "give it back to dom0", cli_object_call,
     NULL, NULL, NULL},
    {"host", "enable", "HOST...", 1, -1, ACT, "let it start VMs again", cli_object_call, NULL, NULL,
     NULL},
    {"host", "disable", "HOST...", 1, -1, ACT, "let it start no more VMs", cli_object_call, NULL,
     NULL, NULL},
    {"host", "shutdown", "HOST [NAME=VALUE...]", 1, -1, ACT_END,
     "switch it off: vms=shutdown|suspend for those that run", cli_object_call, NULL, NULL, NULL},
    {"host", "reboot", "HOST [NAME=VALUE...]", 1, -1, ACT_END,
     "boot it anew: vms=shutdown|suspend for those that run; resume=true: they go on after it",
     cli_object_call, NULL, NULL, NULL},
    {"host", "restart-agent", "HOST...", 1, -1, ACT, "start its agent anew; VMs go on",
     cli_object_call, NULL, NULL, NULL},
    {"host", "revoke", "HOST...", 1, -1, END, "trust its certificate no more", cli_host_revoke,
     NULL, NULL, NULL},
    {"host", "forget", "HOST...", 1, -1, END, "forget a host that is away, and what it had",
     cli_host_forget, NULL, NULL, NULL},
    {"host", "dmesg", "HOST", 1, 1, CLI_OPT_ALWAYS, "the hypervisor's messages", cli_host_dmesg,
     NULL, NULL, NULL},
    {"host", "journal", "HOST", 1, 1, CLI_OPT_OUTPUT | CLI_OPT_JOURNAL,
     "the journal of the host's dom0", cli_host_journal, NULL, NULL, NULL},
    {"host", "stats", "HOST", 1, 1, CLI_OPT_OUTPUT | CLI_OPT_STATS | CLI_OPT_RRD,
     "what it has been doing, series by series", cli_host_stats, NULL, NULL, NULL},
    {"vm", "list", "", 0, 0, LIST | CLI_OPT_HOST, "VMs of all hosts, or of --host", cli_vm_list,
     NULL, NULL, NULL},
    {"vm", "show", "VM...", 1, -1, VIEW, "all about VMs", cli_vm_show, NULL, NULL, NULL},
    {"vm", "start", "VM...", 1, -1, ACT, "start", cli_vm_action, "start", NULL, "started"},
    {"vm", "stop", "VM...", 1, -1, ACT | CLI_OPT_FORCE,
     "ask the guest to shut down; with --force power off", cli_vm_action, "clean_shutdown",
     "hard_shutdown", "stopped"},
    {"vm", "reboot", "VM...", 1, -1, ACT | CLI_OPT_FORCE,
     "ask the guest to reboot; with --force reset", cli_vm_action, "clean_reboot", "hard_reboot",
     "rebooted"},
    {"vm", "pause", "VM...", 1, -1, ACT, "stop its virtual CPUs, keep it in memory", cli_vm_action,
     "pause", NULL, "paused"},
    {"vm", "unpause", "VM...", 1, -1, ACT, "let a paused one go on", cli_vm_action, "unpause", NULL,
     "unpaused"},
    {"vm", "suspend", "VM...", 1, -1, ACT, "save its memory to disk and stop it", cli_vm_action,
     "suspend", NULL, "suspended"},
    {"vm", "resume", "VM...", 1, -1, ACT, "go on from the saved memory", cli_vm_action, "resume",
     NULL, "resumed"},
    {"vm", "adopt", "VM...", 1, -1, ACT, "manage a domain that somebody else made", cli_vm_action,
     "adopt", NULL, "adopted"},
    {"vm", "create", "NAME [NAME=VALUE...]", 1, -1, ACT | CLI_OPT_HOST | CLI_OPT_CREATE,
     "make a VM of a template; further: cpus=N memory=SIZE tags=...", cli_vm_create, NULL, NULL,
     NULL},
    {"vm", "edit", "VM NAME=VALUE...", 1, -1, ACT | CLI_OPT_JSON,
     "change nameLabel, cpus, memory, ... (muster(1)); all else: `vm definition`", cli_vm_edit,
     NULL, NULL, NULL},
    {"vm", "clone", "VM [NAME=VALUE...]", 1, -1, ACT | CLI_OPT_JSON,
     "copy a VM, its disks only: [name_label=] [srId=SR] [mac=keep] [asTemplate=true]", cli_device,
     "vm.clone", NULL, NULL},
    {"vm", "import", "FILE.ova --sr SR [NAME=VALUE...] | FILE.cfg | FILE.xml", 1, -1,
     ACT | CLI_OPT_IMPORT | CLI_OPT_NETWORK | CLI_OPT_HOST,
     "make a VM of an archive (mac=keep definition=trust|ignore), or of what xl or libvirt has of "
     "it",
     cli_vm_import, NULL, NULL, NULL},
    {"vm", "export", "VM FILE.ova", 2, 2, CLI_OPT_EXPORT,
     "write a VM, or a snapshot of it, to an archive here, - for standard output", cli_vm_export,
     NULL, NULL, NULL},
    {"vm", "snapshot", "VM [NAME=VALUE...]", 1, -1, ACT,
     "keep all its disks as they are now: [name_label=] [memory=true] [quiesce=true]",
     cli_object_call, NULL, NULL, NULL},
    {"vm", "revert", "VM SNAPSHOT [NAME=VALUE...]", 2, -1, ACT_END,
     "make a halted VM what it was: [snapshotBefore=true]", cli_object_call, NULL, NULL, NULL},
    {"vm", "attach-pci", "VM ADDRESS", 2, 2, ACT, "give it a PCI device of its host",
     cli_object_call, NULL, NULL, NULL},
    {"vm", "detach-pci", "VM ADDRESS", 2, 2, ACT, "take it away again", cli_object_call, NULL, NULL,
     NULL},
    {"vm", "attach-usb", "VM DEVICE", 2, 2, ACT, "give it a USB device, as `host usb` names it",
     cli_object_call, NULL, NULL, NULL},
    {"vm", "detach-usb", "VM DEVICE", 2, 2, ACT, "take it away again", cli_object_call, NULL, NULL,
     NULL},
    {"vm", "to-template", "VM...", 1, -1, ACT_END, "make it a template; there is no way back",
     cli_vm_action, "convert_to_template", NULL, "is a template"},
    {"vm", "delete", "VM...", 1, -1, ACT_END, "delete a halted VM, its disks and its snapshots",
     cli_vm_action, "vm.delete", NULL, "deleted"},
    {"vm", "stats", "VM", 1, 1, CLI_OPT_OUTPUT | CLI_OPT_STATS | CLI_OPT_RRD,
     "what it has been doing, series by series; halted: with --since", cli_vm_stats, NULL, NULL,
     NULL},
    {"vm", "console", "VM", 1, 1, CLI_OPT_CONSOLE,
     "its serial console in this terminal; Ctrl-] leaves", cli_vm_console, NULL, NULL, NULL},
    {"vm", "definition", "VM", 1, 1, CLI_OPT_ALWAYS,
     "print all of its definition, as `vm define` takes it", cli_vm_definition, NULL, NULL, NULL},
    {"vm", "define", "FILE|-", 1, 1, MAKE | CLI_OPT_HOST,
     "store a definition (JSON) on a host; of a VM that is there: replace it", cli_vm_define, NULL,
     NULL, NULL},
    {"vm", "undefine", "VM...", 1, -1, END, "forget the definition of a halted VM; its disks stay",
     cli_vm_undefine, NULL, NULL, NULL},
    {"vbd", "list", "", 0, 0, LIST, "drives of VMs", cli_object_list, NULL, NULL, NULL},
    {"vbd", "attach", "VM NAME=VALUE...", 2, -1, ACT | CLI_OPT_JSON,
     "give a VM a disk: VDI=NAME [userdevice=N] [mode=RO] [type=CD]", cli_device, "vbd.create",
     NULL, NULL},
    {"vbd", "detach", "VM DEVICE", 2, 2, ACT, "take it away from the VM; the VDI stays", cli_device,
     "vbd.delete", NULL, NULL},
    {"vbd", "connect", "VM DEVICE", 2, 2, ACT, "give the running VM a disk of its definition",
     cli_device, "vbd.connect", NULL, NULL},
    {"vbd", "disconnect", "VM DEVICE", 2, 2, ACT, "take it from the running VM until it is started",
     cli_device, "vbd.disconnect", NULL, NULL},
    {"vbd", "insert", "VM DEVICE VDI=NAME", 3, 3, ACT, "put a CD into a drive", cli_device,
     "vbd.insert", NULL, NULL},
    {"vbd", "eject", "VM DEVICE", 2, 2, ACT, "take the CD out", cli_device, "vbd.eject", NULL,
     NULL},
    {"vif", "list", "", 0, 0, LIST, "network cards of VMs", cli_object_list, NULL, NULL, NULL},
    {"vif", "attach", "VM NAME=VALUE...", 2, -1, ACT | CLI_OPT_JSON,
     "give a VM a network card: networkId=NETWORK or bridge=NAME, MAC=, rateLimit=", cli_device,
     "vif.create", NULL, NULL},
    {"vif", "detach", "VM DEVICE", 2, 2, ACT, "take it away from the VM", cli_device, "vif.delete",
     NULL, NULL},
    {"vif", "connect", "VM DEVICE", 2, 2, ACT, "give the running VM a card of its definition",
     cli_device, "vif.connect", NULL, NULL},
    {"vif", "disconnect", "VM DEVICE", 2, 2, ACT, "take it from the running VM until it is started",
     cli_device, "vif.disconnect", NULL, NULL},
    {"vif", "edit", "VM DEVICE NAME=VALUE...", 3, -1, ACT | CLI_OPT_JSON,
     "change a card: rateLimit=KBPS, null for none", cli_device, "vif.edit", NULL, NULL},
    {"snapshot", "list", "", 0, 0, LIST, "snapshots of VMs", cli_object_list, NULL, NULL, NULL},
    {"snapshot", "show", "SNAPSHOT...", 1, -1, VIEW, "all about snapshots", cli_object_show, NULL,
     NULL, NULL},
    {"snapshot", "definition", "SNAPSHOT", 1, 1, CLI_OPT_ALWAYS,
     "print how the VM was defined then", cli_vm_definition, NULL, NULL, NULL},
    {"snapshot", "delete", "SNAPSHOT...", 1, -1, ACT_END, "delete a snapshot and its disks",
     cli_vm_action, "vm.delete", NULL, "deleted"},
    {"snapshot", "clone", "SNAPSHOT [NAME=VALUE...]", 1, -1, ACT,
     "make a VM of it: [name_label=] [srId=SR] [mac=keep] [asTemplate=true]", cli_object_call, NULL,
     NULL, NULL},
    {"snapshot", "edit", "SNAPSHOT NAME=VALUE...", 2, -1, ACT,
     "change nameLabel, nameDescription, tags", cli_object_call, NULL, NULL, NULL},
    {"template", "clone", "TEMPLATE [NAME=VALUE...]", 1, -1, ACT,
     "make a VM of one's own as it is: [name_label=] [srId=SR] [asTemplate=true]", cli_object_call,
     NULL, NULL, NULL},
    {"template", "edit", "TEMPLATE NAME=VALUE...", 2, -1, ACT,
     "change one of one's own, as `vm edit`", cli_object_call, NULL, NULL, NULL},
    {"template", "definition", "TEMPLATE", 1, 1, CLI_OPT_ALWAYS,
     "print the definition of one of one's own", cli_vm_definition, NULL, NULL, NULL},
    {"template", "delete", "TEMPLATE...", 1, -1, ACT_END, "delete a template and its disks",
     cli_vm_action, "vm.delete", NULL, "deleted"},
    {"template", "show", "TEMPLATE...", 1, -1, VIEW, "all about templates", cli_object_show, NULL,
     NULL, NULL},
    {"template", "list", "", 0, 0, LIST, "what VMs can be made from", cli_object_list, NULL, NULL,
     NULL},
    {"sr", "list", "", 0, 0, LIST, "storage repositories", cli_object_list, NULL, NULL, NULL},
    {"sr", "show", "SR...", 1, -1, VIEW, "all about storage repositories", cli_object_show, NULL,
     NULL, NULL},
    {"sr", "stats", "SR", 1, 1, CLI_OPT_OUTPUT | CLI_OPT_STATS,
     "what VMs have been doing there, and what it holds", cli_sr_stats, NULL, NULL, NULL},
    {"sr", "create", "HOST NAME TYPE [PARAMETER=VALUE...]", 3, -1, ACT,
     "make a repository, or find one that is there", cli_object_call, NULL, NULL, NULL},
    {"sr", "edit", "SR NAME=VALUE...", 2, -1, ACT | CLI_OPT_HOST,
     "change name_label, name_description, tags", cli_object_call, NULL, NULL, NULL},
    {"sr", "scan", "SR...", 1, -1, ACT | CLI_OPT_HOST, "look at what is in repositories",
     cli_object_call, NULL, NULL, NULL},
    {"sr", "plug", "SR...", 1, -1, ACT | CLI_OPT_HOST, "make repositories usable on their host",
     cli_object_call, NULL, NULL, NULL},
    {"sr", "unplug", "SR...", 1, -1, ACT | CLI_OPT_HOST,
     "let go of them; nothing in them is touched", cli_object_call, NULL, NULL, NULL},
    {"sr", "forget", "SR...", 1, -1, ACT_END | CLI_OPT_HOST,
     "forget them; nothing in them is touched", cli_object_call, NULL, NULL, NULL},
    {"sr", "destroy", "SR...", 1, -1, ACT_END | CLI_OPT_HOST, "remove empty repositories",
     cli_object_call, NULL, NULL, NULL},
    {"alarm", "list", "", 0, 0, LIST, "what somebody should look at now", cli_object_list, NULL,
     NULL, NULL},
    {"alarm", "acknowledge", "ALARM...", 1, -1, DO,
     "it is known: nobody is told of it any more, but of its end", cli_alarm_acknowledge, NULL,
     NULL, NULL},
    {"alarm-rule", "list", "", 0, 0, VIEW, "by what alarms are found out", cli_alarm_list, NULL,
     NULL, NULL},
    {"alarm-rule", "show", "RULE...", 1, -1, VIEW, "all about rules", cli_alarm_show, NULL, NULL,
     NULL},
    {"alarm-rule", "create", "NAME [NAME=VALUE...]", 1, -1, MAKE | CLI_OPT_JSON,
     "kind=VM|host|SR|pool series=NAME warning=N critical=N for=SECONDS filter=...",
     cli_alarm_create, NULL, NULL, NULL},
    {"alarm-rule", "edit", "RULE NAME=VALUE...", 1, -1, MAKE | CLI_OPT_JSON,
     "change a rule; enabled=false switches it off", cli_alarm_edit, NULL, NULL, NULL},
    {"alarm-rule", "silence", "RULE TIME", 2, 2, MAKE,
     "tell nobody for so long (2h), or until then; off: tell again", cli_alarm_silence, NULL, NULL,
     NULL},
    {"alarm-rule", "delete", "RULE...", 1, -1, END,
     "delete rules and their alarms; a built-in one is as it was", cli_alarm_delete, NULL, NULL,
     NULL},
    {"alarm-rule", "test", "RULE", 1, 1, SHOW, "what it would say now, if nothing had to last",
     cli_alarm_rule_test, NULL, NULL, NULL},
    {"alarm-target", "list", "", 0, 0, VIEW, "who is told of alarms", cli_alarm_list, NULL, NULL,
     NULL},
    {"alarm-target", "create", "NAME [NAME=VALUE...]", 1, -1, MAKE | CLI_OPT_JSON,
     "type=webhook|mail url=URL [level=] [from=] [to=[\"...\"]]; secrets: --json -",
     cli_alarm_create, NULL, NULL, NULL},
    {"alarm-target", "delete", "TARGET...", 1, -1, END, "tell them no more", cli_alarm_delete, NULL,
     NULL, NULL},
    {"alarm-target", "test", "TARGET...", 1, -1, DO, "send a notice now", cli_alarm_target_test,
     NULL, NULL, NULL},
    {"message", "list", "", 0, 0, LIST, "what became of VMs", cli_object_list, NULL, NULL, NULL},
    {"vdi", "list", "", 0, 0, LIST, "disks", cli_object_list, NULL, NULL, NULL},
    {"vdi", "show", "VDI...", 1, -1, VIEW, "all about disks", cli_object_show, NULL, NULL, NULL},
    {"vdi", "create", "SR NAME SIZE [NAME=VALUE...]", 3, -1, ACT, "make an empty disk",
     cli_object_call, NULL, NULL, NULL},
    {"vdi", "import", "FILE --sr SR | SR PATH [NAME=VALUE...]", 1, -1, ACT | CLI_OPT_IMPORT,
     "make a disk of an image here, or of one on the host", cli_vdi_import, NULL, NULL, NULL},
    {"vdi", "export", "VDI FILE", 2, 2, CLI_OPT_EXPORT,
     "write a disk's content to a file here, - for standard output", cli_vdi_export, NULL, NULL,
     NULL},
    {"vdi", "edit", "VDI NAME=VALUE...", 2, -1, ACT,
     "change name_label, name_description, tags, size", cli_object_call, NULL, NULL, NULL},
    {"vdi", "resize", "VDI SIZE", 2, 2, ACT, "grow a disk, also under a running VM",
     cli_object_call, NULL, NULL, NULL},
    {"vdi", "snapshot", "VDI [NAME=VALUE...]", 1, -1, ACT, "keep a disk as it is now",
     cli_object_call, NULL, NULL, NULL},
    {"vdi", "clone", "VDI [NAME=VALUE...]", 1, -1, ACT, "make another disk with the same content",
     cli_object_call, NULL, NULL, NULL},
    {"vdi", "revert", "VDI SNAPSHOT", 2, 2, ACT_END, "make a disk what it was", cli_object_call,
     NULL, NULL, NULL},
    {"vdi", "move", "VDI SR", 2, 2, ACT, "move an unused disk to another repository",
     cli_object_call, NULL, NULL, NULL},
    {"vdi", "delete", "VDI...", 1, -1, ACT_END, "delete disks, out of halted VMs too",
     cli_object_call, NULL, NULL, NULL},
    {"vdi-snapshot", "list", "", 0, 0, LIST, "snapshots of disks", cli_object_list, NULL, NULL,
     NULL},
    {"vdi-snapshot", "show", "VDI-SNAPSHOT...", 1, -1, VIEW, "all about them", cli_object_show,
     NULL, NULL, NULL},
    {"vdi-snapshot", "clone", "VDI-SNAPSHOT [NAME=VALUE...]", 1, -1, ACT,
     "make a disk of one: [name_label=] [srId=SR]", cli_object_call, NULL, NULL, NULL},
    {"vdi-snapshot", "delete", "VDI-SNAPSHOT...", 1, -1, ACT_END, "delete snapshots of disks",
     cli_object_call, NULL, NULL, NULL},
    {"network", "list", "", 0, 0, LIST, "networks: bridges of one name", cli_object_list, NULL,
     NULL, NULL},
    {"network", "show", "NETWORK...", 1, -1, VIEW, "all about networks", cli_object_show, NULL,
     NULL, NULL},
    {"network", "create", "NAME [NAME=VALUE...]", 1, -1, ACT | CLI_OPT_HOST,
     "make a network on all hosts: [pif=DEVICE] [vlan=N] [mtu=N] [bridge=] [description=]",
     cli_network_create, NULL, NULL, NULL},
    {"network", "delete", "NETWORK...", 1, -1, ACT_END, "remove networks that were made here",
     cli_network_delete, NULL, NULL, NULL},
    {"pool", "list", "", 0, 0, LIST, "the pool", cli_object_list, NULL, NULL, NULL},
    {"dom0", "list", "", 0, 0, LIST, "what domain 0 of each host has", cli_object_list, NULL, NULL,
     NULL},
    {"dom0", "show", "DOM0...", 1, -1, VIEW, "all about domain 0 of a host", cli_object_show, NULL,
     NULL, NULL},
    {"pbd", "list", "", 0, 0, LIST, "which host has which storage repository", cli_object_list,
     NULL, NULL, NULL},
    {"tag", "add", "vm|snapshot|template|sr|vdi|host|dom0|network|pool OBJECT TAG...", 3, -1, DO,
     "tag an object", cli_tag_add, NULL, NULL, NULL},
    {"tag", "remove", "vm|snapshot|template|sr|vdi|host|dom0|network|pool OBJECT TAG...", 3, -1, DO,
     "take tags away", cli_tag_remove, NULL, NULL, NULL},
    {"join-token", "list", "", 0, 0, VIEW, "what hosts can join with", cli_join_list, NULL, NULL,
     NULL},
    {"join-token", "create", "[NAME=VALUE...]", 0, -1, MAKE | CLI_OPT_JSON,
     "print a token for one host: [name=] [expiresIn=MILLISECONDS] [replace=HOST-ID]",
     cli_join_create, NULL, NULL, NULL},
    {"join-token", "delete", "TOKEN...", 1, -1, END, "let nobody join with them", cli_join_delete,
     NULL, NULL, NULL},
    {"pif", "list", "", 0, 0, LIST, "network cards of hosts", cli_object_list, NULL, NULL, NULL},
    {"cpupool", "create", "HOST NAME CPUS [scheduler=NAME]", 3, -1, ACT,
     "make a CPU pool of CPUs that are in none; `host show` has the pools", cli_object_call, NULL,
     NULL, NULL},
    {"cpupool", "destroy", "HOST POOL", 2, 2, ACT_END, "remove a pool without domains",
     cli_object_call, NULL, NULL, NULL},
    {"cpupool", "add", "HOST POOL CPUS", 3, 3, ACT, "give a pool CPUs that are in none",
     cli_object_call, NULL, NULL, NULL},
    {"cpupool", "remove", "HOST POOL CPUS", 3, 3, ACT, "take CPUs from a pool", cli_object_call,
     NULL, NULL, NULL},
    {"cpupool", "set", "HOST POOL NAME=VALUE...", 3, -1, ACT,
     "change its scheduler: tsliceMs, ratelimitUs, migrationDelayUs", cli_object_call, NULL, NULL,
     NULL},
    {"cpupool", "move", "VM POOL", 2, 2, ACT, "move a running VM to another pool", cli_object_call,
     NULL, NULL, NULL},
    {"task", "list", "", 0, 0, LIST, "what was asked for, and what became of it", cli_task_list,
     NULL, NULL, NULL},
    {"task", "show", "TASK...", 1, -1, SHOW, "all about tasks", cli_task_show, NULL, NULL, NULL},
    {"task", "wait", "TASK...", 1, -1, CLI_OPT_OUTPUT | CLI_OPT_WAIT, "wait until they have ended",
     cli_task_wait, NULL, NULL, NULL},
    {"task", "watch", "[TASK...]", 0, -1, CLI_OPT_OUTPUT,
     "a line for each change: of tasks until they end, or of all until interrupted", cli_task_watch,
     NULL, NULL, NULL},
    {"task", "abort", "TASK...", 1, -1, DO, "ask for them to stop; `task wait` says how they end",
     cli_task_abort, NULL, NULL, NULL},
    {"task", "delete", "TASK...", 1, -1, END, "forget tasks that are over", cli_task_delete, NULL,
     NULL, NULL},
    {"task", "clear", "", 0, 0, DO, "forget all tasks that are over", cli_task_clear, NULL, NULL,
     NULL},
    {"user", "list", "", 0, 0, VIEW, "who can sign in", cli_account_list, NULL, NULL, NULL},
    {"user", "show", "USER...", 1, -1, VIEW, "all about users", cli_account_show, NULL, NULL, NULL},
    {"user", "create", "NAME [NAME=VALUE...]", 1, -1, MAKE | CLI_OPT_JSON,
     "a new user, without a password yet: [permission=admin]", cli_account_create, NULL, NULL,
     NULL},
    {"user", "edit", "USER NAME=VALUE...", 1, -1, MAKE | CLI_OPT_JSON,
     "change a user: name=, permission=admin|none", cli_account_edit, NULL, NULL, NULL},
    {"user", "passwd", "[USER]", 0, 1, CLI_OPT_SURE,
     "set a user's password, or one's own; it is asked for", cli_user_passwd, NULL, NULL, NULL},
    {"user", "privileges", "[USER]", 0, 1, SHOW, "what a user may by his roles, or oneself",
     cli_account_privileges, NULL, NULL, NULL},
    {"user", "delete", "USER...", 1, -1, END, "delete users and their tokens", cli_account_delete,
     NULL, NULL, NULL},
    {"group", "list", "", 0, 0, VIEW, "groups of users", cli_account_list, NULL, NULL, NULL},
    {"group", "show", "GROUP...", 1, -1, VIEW, "all about groups", cli_account_show, NULL, NULL,
     NULL},
    {"group", "create", "NAME", 1, 1, MAKE, "a new group", cli_account_create, NULL, NULL, NULL},
    {"group", "edit", "GROUP NAME=VALUE...", 1, -1, MAKE | CLI_OPT_JSON,
     "change a group: name=", cli_account_edit, NULL, NULL, NULL},
    {"group", "add", "GROUP USER...", 2, -1, DO, "put users into a group", cli_group_add, NULL,
     NULL, NULL},
    {"group", "remove", "GROUP USER...", 2, -1, DO, "take them out again", cli_group_remove, NULL,
     NULL, NULL},
    {"group", "delete", "GROUP...", 1, -1, END, "delete groups; their users stay",
     cli_account_delete, NULL, NULL, NULL},
    {"role", "list", "", 0, 0, VIEW, "roles, that privileges are in", cli_account_list, NULL, NULL,
     NULL},
    {"role", "show", "ROLE...", 1, -1, VIEW, "all about roles", cli_account_show, NULL, NULL, NULL},
    {"role", "privileges", "ROLE", 1, 1, SHOW, "what is in a role", cli_account_privileges, NULL,
     NULL, NULL},
    {"role", "create", "NAME [NAME=VALUE...]", 1, -1, MAKE | CLI_OPT_JSON,
     "a new role: [description=]", cli_account_create, NULL, NULL, NULL},
    {"role", "copy", "ROLE NAME", 2, 2, MAKE, "a new one with the same privileges", cli_role_copy,
     NULL, NULL, NULL},
    {"role", "edit", "ROLE NAME=VALUE...", 1, -1, MAKE | CLI_OPT_JSON,
     "change a role: name=, description=", cli_account_edit, NULL, NULL, NULL},
    {"role", "allow", "ROLE RESOURCE:ACTION [FILTER]", 2, 3, MAKE,
     "allow vm:start, vm:*, ... of all objects, or of what a filter finds", cli_role_grant, NULL,
     NULL, NULL},
    {"role", "deny", "ROLE RESOURCE:ACTION [FILTER]", 2, 3, MAKE,
     "deny it, whatever else allows it", cli_role_grant, NULL, NULL, NULL},
    {"role", "revoke", "ROLE RESOURCE:ACTION|ID", 2, 2, DO,
     "take it out of the role, allowed or denied", cli_role_revoke, NULL, NULL, NULL},
    {"role", "assign", "ROLE USER|group:GROUP...", 2, -1, DO, "give a role to users and groups",
     cli_role_assign, NULL, NULL, NULL},
    {"role", "unassign", "ROLE USER|group:GROUP...", 2, -1, DO, "take it away from them",
     cli_role_unassign, NULL, NULL, NULL},
    {"role", "delete", "ROLE...", 1, -1, END, "delete roles that are not built in",
     cli_account_delete, NULL, NULL, NULL},
    {"token", "list", "[USER]", 0, 1, SHOW, "tokens, one's own or a user's", cli_token_list, NULL,
     NULL, NULL},
    {"token", "create", "[NAME=VALUE...]", 0, -1, MAKE | CLI_OPT_JSON,
     "print a new token: [description=] [expiresIn=30d] [client=]", cli_token_create, NULL, NULL,
     NULL},
    {"token", "delete", "TOKEN...", 1, -1, END, "delete tokens of one's own", cli_token_delete,
     NULL, NULL, NULL},
    {"", "login", "USER", 1, 1, CLI_OPT_LOGIN,
     "sign in for the commands that follow, for ten hours", cli_login, NULL, NULL, NULL},
    {"", "logout", "", 0, 0, CLI_OPT_ALWAYS, "sign out again", cli_logout, NULL, NULL, NULL},
    {"audit", "list", "", 0, 0, LIST, "who changed what, or was refused; newest first, 100 or -n",
     cli_audit_list, NULL, NULL, NULL},
    {"audit", "show", "RECORD...", 1, -1, SHOW, "all of a record, by its number", cli_audit_show,
     NULL, NULL, NULL},
    {"audit", "head", "", 0, 0, CLI_OPT_ALWAYS,
     "number and hash of the newest record, to be kept elsewhere", cli_audit_head, NULL, NULL,
     NULL},
    {"audit", "verify", "[ID:HASH]", 0, 1, CLI_OPT_ALWAYS,
     "is it what was written? with what `audit head` once said", cli_audit_verify, NULL, NULL,
     NULL},
    {"", "apply", "-f FILE", 0, 0,
     CLI_OPT_OUTPUT | CLI_OPT_FILE | CLI_OPT_CONFIRM | CLI_OPT_DRY_RUN | CLI_OPT_WAIT |
	 CLI_OPT_SURE,
     "make objects what a file declares; shows the difference first", cli_apply, NULL, NULL, NULL},
    {"", "edit", "NOUN NAME", 2, 2, CLI_OPT_DRY_RUN | CLI_OPT_WAIT,
     "what can be changed of a vm, sr, alarm-rule, user, group or role, in $EDITOR", cli_edit, NULL,
     NULL, NULL},
    {"", "verify", "", 0, 0, SHOW, "what is wrong, or soon will be; exit code 7 if anything is",
     cli_verify, NULL, NULL, NULL},
    {"", "call", "METHOD OBJECT [NAME=VALUE...]", 2, -1, ACT_END | CLI_OPT_HOST | CLI_OPT_JSON,
     "call any method of an object, such as sr.scan", cli_call, NULL, NULL, NULL},
    {"", "query", "[METHOD] PATH [NAME=VALUE...]", 1, -1,
     CLI_OPT_OUTPUT | CLI_OPT_JSON | CLI_OPT_DRY_RUN,
     "any request of the API; GET vms fields=id, PATCH vms/ID cpus=4", cli_query, NULL, NULL, NULL},
    {"", "events", "[NOUN]...", 0, 10, CLI_OPT_OUTPUT,
     "changes of these (vm, sr, ...) as they happen, until interrupted", cli_events, NULL, NULL,
     NULL},
    {"", "top", "[TEXT]", 0, 1, CLI_OPT_OUTPUT | CLI_OPT_TOP | CLI_OPT_HOST,
     "hosts and VMs at work, those with TEXT in their names; q leaves", cli_top, NULL, NULL, NULL},
    {"", "ping", "", 0, 0, CLI_OPT_OUTPUT, "is the server there, and how fast", cli_ping, NULL,
     NULL, NULL},
};

static const char *canonical(const char *verb)
{
	return strcmp(verb, "ls") == 0 ? "list" : verb;
}

static bool is_noun(const char *word)
{
	for (size_t i = 0; i < MU_ARRAY_SIZE(table); i++)
		if (*table[i].noun && strcmp(table[i].noun, word) == 0)
			return true;
	return false;
}

static const struct cli_verb *lookup(const char *noun, const char *verb)
{
	for (size_t i = 0; i < MU_ARRAY_SIZE(table); i++)
		if (strcmp(table[i].noun, noun) == 0 && strcmp(table[i].verb, canonical(verb)) == 0)
			return &table[i];
	return NULL;
}

const struct cli_verb *cli_verb_find(int argc, char **argv, int *ret_first, struct mu_error *err)
{
	const struct cli_verb *v;
	int n;

	if (argc < 2) {
		(void)mu_error_set(err, MU_E_INVALID, "what to do? hint: muster --help");
		return NULL;
	}
	n = is_noun(argv[1]) ? 3 : 2;
	if (argc < n) {
		(void)mu_error_set(err, MU_E_INVALID, "%s what? hint: muster %s --help", argv[1],
				   argv[1]);
		return NULL;
	}
	v = n == 3 ? lookup(argv[1], argv[2]) : lookup("", argv[1]);
	if (!v) {
		(void)mu_error_set(err, MU_E_INVALID,
				   "there is no '%.40s%s%.40s'; hint: muster%s%.40s --help",
				   argv[1], n == 3 ? " " : "", n == 3 ? argv[2] : "",
				   n == 3 ? " " : "", n == 3 ? argv[1] : "");
		return NULL;
	}
	if (argc - n < v->min || (v->max >= 0 && argc - n > v->max)) {
		(void)mu_error_set(err, MU_E_INVALID, "%s%s%s takes %s; hint: --help", v->noun,
				   *v->noun ? " " : "", v->verb,
				   *v->args ? v->args : "no argument");
		return NULL;
	}
	*ret_first = n;
	return v;
}

static void help_line(const struct cli_verb *v, FILE *out)
{
	int n = fprintf(out, "  muster %s%s%s %s", v->noun, *v->noun ? " " : "", v->verb, v->args);

	(void)fprintf(out, "%*s%s\n", n < 37 ? 38 - n : 2, "", v->help);
}

static const char overview[] =
    "\nObjects are named by UUID, by name, or by the start of either; VMs also as host:name. What\n"
    "destroys them takes whole names, or eight characters of a UUID.\n"
    "Without --url and --socket, and with neither MUSTER_URL nor MUSTER_SOCKET set, it talks to\n"
    "where `muster login` has signed in, else to this machine's agent, or aggregator.\n"
    "\nExit codes: 0 done, 1 failed, 2 wrong usage, 3 not found, 4 not possible in this state,\n"
    "5 timed out or still running (the task's id is printed), 6 some of several failed,\n"
    "7 there are differences (apply --dry-run) or findings (verify).\n";

static bool help_noun(const char *noun, FILE *out)
{
	unsigned groups = CLI_OPT_ALWAYS;
	bool found = false;

	for (size_t i = 0; i < MU_ARRAY_SIZE(table); i++) {
		if (noun && strcmp(table[i].noun, noun) != 0)
			continue;
		if (!found)
			(void)fputs("usage:\n", out);
		found = true;
		groups |= table[i].groups;
		help_line(&table[i], out);
	}
	if (!found)
		return false;
	(void)fputs("\noptions:\n", out);
	cli_options_help(groups, out);
	(void)fputs(overview, out);
	return true;
}

bool cli_verb_help(int argc, char **argv, FILE *out)
{
	const struct cli_verb *v;

	if (argc < 2)
		return help_noun(NULL, out);
	if (is_noun(argv[1]) && argc < 3)
		return help_noun(argv[1], out);
	v = is_noun(argv[1]) ? lookup(argv[1], argv[2]) : lookup("", argv[1]);
	if (!v)
		return false;
	(void)fputs("usage:\n", out);
	help_line(v, out);
	if (v->groups & (CLI_OPT_SURE | CLI_OPT_FORCE))
		(void)fprintf(out, "\n%s takes whole names, or eight characters of an id.\n",
			      v->groups & CLI_OPT_SURE ? "It" : "With --force it");
	(void)fputs("\noptions:\n", out);
	cli_options_help(v->groups, out);
	return true;
}

static void print_word(void *ctx, const char *word)
{
	(void)fprintf(ctx, "%s\n", word);
}

void cli_verb_complete(int argc, char **argv, FILE *out)
{
	const struct cli_verb *v = NULL;

	for (size_t i = 0; i < MU_ARRAY_SIZE(table); i++) {
		if (argc < 2 && !*table[i].noun)
			print_word(out, table[i].verb);
		else if (argc < 2 && (i == 0 || strcmp(table[i].noun, table[i - 1].noun) != 0))
			print_word(out, table[i].noun);
		else if (argc == 2 && *table[i].noun && strcmp(table[i].noun, argv[1]) == 0)
			print_word(out, table[i].verb);
	}
	if (argc == 2 && strcmp(argv[1], "edit") == 0)
		for (const struct cli_kind *k = cli_kinds; k->noun; k++)
			if (!k->fixed)
				print_word(out, k->noun);
	if (argc >= 3)
		v = lookup(argv[1], argv[2]);
	if (!v && argc >= 2)
		v = lookup("", argv[1]);
	cli_options_each(v ? v->groups : CLI_OPT_ALWAYS, print_word, out);
}

const char *cli_verb_objects(int argc, char **argv)
{
	static const struct {
		const char *prefix, *collection;
	} kinds[] = {
	    {"VM", "vms"},
	    {"HOST", "hosts"},
	    {"TASK", "tasks"},
	    {"SR", "srs"},
	    {"VDI-SNAPSHOT", "vdi-snapshots"},
	    {"VDI", "vdis"},
	    {"NETWORK", "networks"},
	    {"SNAPSHOT", "vm-snapshots"},
	    {"TEMPLATE", "vm-templates"},
	    {"USER", "users"},
	    {"GROUP", "groups"},
	    {"ROLE", "acl-roles"},
	    {"RULE", "alarm-rules"},
	    {"TARGET", "alarm-targets"},
	};
	const struct cli_verb *v = argc >= 3 ? lookup(argv[1], argv[2]) : NULL;

	if (argc == 3 && strcmp(argv[1], "edit") == 0) {
		const struct cli_kind *kind = cli_kind_find(argv[2]);

		return kind ? kind->collection : NULL;
	}
	for (size_t i = 0; v && i < MU_ARRAY_SIZE(kinds); i++)
		if (strncmp(v->args, kinds[i].prefix, strlen(kinds[i].prefix)) == 0)
			return kinds[i].collection;
	return NULL;
}
