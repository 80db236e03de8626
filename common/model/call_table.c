/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All methods and their arguments, in the order of docs/design/objects.md. Names and meanings are
 * Xen Orchestra's where it has them, so that a REST body is the arguments of a call.
 */
#include "common/model/call.h"

#include "common/base/mem.h"

#include <string.h>

#define KIB INT64_C(1024)
#define MIB (1024 * KIB)
#define TIB (1024 * 1024 * MIB)
#define MEMORY_MIN (4 * MIB)
#define MEMORY_MAX (16 * TIB)
#define DISK_MAX (64 * TIB)

enum { DEVICE_MAX = 15, PATH_MAX_BYTES = 1023, FILE_MAX = 64 * 1024 };

#define MAY(name, kind, min, max)                                                                  \
	{                                                                                          \
		name, kind, CALL_OPTIONAL, false, min, max, NULL                                   \
	}
#define NEED(name, kind, min, max)                                                                 \
	{                                                                                          \
		name, kind, CALL_REQUIRED, false, min, max, NULL                                   \
	}
#define EITHER(name, kind, min, max)                                                               \
	{                                                                                          \
		name, kind, CALL_ONE_OF, false, min, max, NULL                                     \
	}
#define OR_NULL(name, kind, min, max)                                                              \
	{                                                                                          \
		name, kind, CALL_OPTIONAL, true, min, max, NULL                                    \
	}
#define ONE_OF_NAMES(name, names)                                                                  \
	{                                                                                          \
		name, CALL_NAME, CALL_OPTIONAL, false, 0, 0, names                                 \
	}
#define LABEL MAY("name_label", CALL_TEXT, 1, MODEL_NAME_MAX)
#define DESCRIPTION MAY("name_description", CALL_TEXT, 0, MODEL_TEXT_MAX)
#define TAGS MAY("tags", CALL_TEXTS, 0, MODEL_TAG_MAX)
/* Instead of `tags`, for who does not know what others have put there meanwhile. */
#define MORE_TAGS MAY("addTags", CALL_TEXTS, 1, MODEL_TAG_MAX)
#define LESS_TAGS MAY("removeTags", CALL_TEXTS, 1, MODEL_TAG_MAX)
#define ID MAY("id", CALL_UUID, 0, 0)
#define AS_TEMPLATE MAY("asTemplate", CALL_BOOL, 0, 0)
#define DEVICE NEED("device", CALL_TEXT, 1, DEVICE_MAX)

static const char *const firmwares[] = {"bios", "uefi", NULL};
static const char *const uefi_modes[] = {"setup", "user", NULL};
static const char *const modes[] = {"pv", "pvh", "hvm", NULL};
static const char *const availabilities[] = {"", "best-effort", "restart", NULL};
static const char *const stops[] = {"destroy", "restart", "preserve", NULL};
static const char *const macs[] = {"new", "keep", NULL};
static const char *const disk_modes[] = {"RO", "RW", NULL};
static const char *const disk_types[] = {"Disk", "CD", NULL};
static const char *const formats[] = {"xl", "libvirt", NULL};
static const char *const images[] = {"raw", "qcow2", "vhd", "vmdk", "ova", NULL};
static const char *const trusts[] = {"safe", "trust", "ignore", NULL};
static const char *const schedulers[] = {"credit", "credit2", "rtds", "null", NULL};
static const char *const residents[] = {"shutdown", "suspend", "keep", NULL};

static const struct call_arg vm_edit[] = {
    MAY("nameLabel", CALL_TEXT, 1, MODEL_NAME_MAX),
    MAY("nameDescription", CALL_TEXT, 0, MODEL_TEXT_MAX),
    OR_NULL("notes", CALL_LONG, 0, 2048),
    TAGS,
    MORE_TAGS,
    LESS_TAGS,
    MAY("cpus", CALL_INT, 1, 1024),
    MAY("cpusStaticMax", CALL_INT, 1, 1024),
    OR_NULL("coresPerSocket", CALL_INT, 1, 1024),
    OR_NULL("cpuCap", CALL_INT, 0, 102400),
    OR_NULL("cpuWeight", CALL_INT, 1, 65535),
    OR_NULL("cpuMask", CALL_TEXT, 0, 63),
    OR_NULL("cpuMaskSoft", CALL_TEXT, 0, 63),
    MAY("memory", CALL_SIZE, MEMORY_MIN, MEMORY_MAX),
    MAY("memoryMin", CALL_SIZE, MEMORY_MIN, MEMORY_MAX),
    MAY("memoryMax", CALL_SIZE, MEMORY_MIN, MEMORY_MAX),
    MAY("memoryStaticMax", CALL_SIZE, MEMORY_MIN, MEMORY_MAX),
    OR_NULL("affinityHost", CALL_UUID, 0, 0),
    MAY("autoPoweron", CALL_BOOL, 0, 0),
    MAY("blockedOperations", CALL_OBJECT, 0, 0),
    ONE_OF_NAMES("highAvailability", availabilities),
    ONE_OF_NAMES("hvmBootFirmware", firmwares),
    MAY("secureBoot", CALL_BOOL, 0, 0),
    ONE_OF_NAMES("uefiMode", uefi_modes),
    MAY("nestedVirt", CALL_BOOL, 0, 0),
    MAY("expNestedHvm", CALL_BOOL, 0, 0),
    MAY("viridian", CALL_BOOL, 0, 0),
    MAY("vga", CALL_TEXT, 0, 15),
    MAY("videoram", CALL_INT, 1, 1024),
    OR_NULL("nicType", CALL_TEXT, 0, 15),
    MAY("hasVendorDevice", CALL_BOOL, 0, 0),
    MAY("startDelay", CALL_INT, 0, 3600),
    MAY("startOrder", CALL_INT, -1000000, 1000000),
    OR_NULL("suspendSr", CALL_UUID, 0, 0),
    OR_NULL("PV_args", CALL_TEXT, 0, PATH_MAX_BYTES),
    ONE_OF_NAMES("virtualizationMode", modes),
    MAY("xenStoreData", CALL_OBJECT, 0, 0),
    MAY("creation", CALL_OBJECT, 0, 0),
    OR_NULL("resourceSet", CALL_TEXT, 0, 63),
    MAY("share", CALL_BOOL, 0, 0),
    OR_NULL("bootOrder", CALL_TEXT, 0, 4),
    ONE_OF_NAMES("onPoweroff", stops),
    ONE_OF_NAMES("onReboot", stops),
    ONE_OF_NAMES("onCrash", stops),
};

static const struct call_arg vm_snapshot[] = {LABEL, MAY("memory", CALL_BOOL, 0, 0),
					      MAY("quiesce", CALL_BOOL, 0, 0), ID};
static const struct call_arg vm_revert[] = {NEED("snapshotId", CALL_UUID, 0, 0),
					    MAY("snapshotBefore", CALL_BOOL, 0, 0)};
static const struct call_arg vm_clone[] = {
    LABEL, MAY("fast", CALL_BOOL, 0, 0), MAY("srId", CALL_UUID, 0, 0),
    ID,    ONE_OF_NAMES("mac", macs),    AS_TEMPLATE};
static const struct call_arg vm_delete[] = {MAY("disks", CALL_BOOL, 0, 0),
					    MAY("snapshots", CALL_BOOL, 0, 0)};

static const struct call_arg vbd_create[] = {
    MAY("VDI", CALL_UUID, 0, 0),      MAY("userdevice", CALL_TEXT, 1, DEVICE_MAX),
    ONE_OF_NAMES("mode", disk_modes), ONE_OF_NAMES("type", disk_types),
    MAY("bootable", CALL_BOOL, 0, 0), MAY("empty", CALL_BOOL, 0, 0),
};
static const struct call_arg device[] = {DEVICE};
static const struct call_arg vbd_insert[] = {DEVICE, NEED("VDI", CALL_UUID, 0, 0)};

static const struct call_arg vif_create[] = {
    EITHER("networkId", CALL_UUID, 0, 0), EITHER("bridge", CALL_TEXT, 1, DEVICE_MAX),
    MAY("MAC", CALL_TEXT, 0, 17),         MAY("device", CALL_TEXT, 1, 3),
    MAY("MTU", CALL_INT, 68, 65535),      OR_NULL("rateLimit", CALL_INT, 0, 100000000),
};
static const struct call_arg vif_edit[] = {DEVICE, OR_NULL("rateLimit", CALL_INT, 0, 100000000)};
static const struct call_arg pci[] = {NEED("address", CALL_TEXT, 1, 15)};

static const struct call_arg vm_create[] = {
    NEED("name_label", CALL_TEXT, 1, MODEL_NAME_MAX),
    DESCRIPTION,
    MAY("template", CALL_UUID, 0, 0),
    TAGS,
    MAY("cpus", CALL_INT, 1, 1024),
    MAY("memory", CALL_SIZE, MEMORY_MIN, MEMORY_MAX),
    MAY("clone", CALL_BOOL, 0, 0),
    MAY("boot", CALL_BOOL, 0, 0),
    MAY("autoPoweron", CALL_BOOL, 0, 0),
    OR_NULL("affinity", CALL_UUID, 0, 0),
    ONE_OF_NAMES("high_availability", availabilities),
    ONE_OF_NAMES("hvmBootFirmware", firmwares),
    MAY("secureBoot", CALL_BOOL, 0, 0),
    MAY("createVtpm", CALL_BOOL, 0, 0),
    MAY("install", CALL_OBJECT, 0, 0),
    OR_NULL("cloud_config", CALL_LONG, 0, FILE_MAX),
    OR_NULL("network_config", CALL_LONG, 0, FILE_MAX),
    MAY("destroy_cloud_config_vdi", CALL_BOOL, 0, 0),
    MAY("vdis", CALL_OBJECTS, 0, 0),
    MAY("vifs", CALL_OBJECTS, 0, 0),
    MAY("srId", CALL_UUID, 0, 0),
    MAY("definition", CALL_OBJECT, 0, 0),
    AS_TEMPLATE,
    ID,
};
static const struct call_arg vm_import[] = {NEED("text", CALL_LONG, 1, FILE_MAX),
					    ONE_OF_NAMES("format", formats), ID};
static const struct call_arg vm_import_ova[] = {
    EITHER("path", CALL_TEXT, 1, 511),
    EITHER("upload", CALL_UUID, 0, 0),
    LABEL,
    DESCRIPTION,
    MAY("networks", CALL_MAP, 0, MODEL_NAME_MAX),
    MAY("network", CALL_TEXT, 1, MODEL_NAME_MAX),
    ONE_OF_NAMES("mac", macs),
    ONE_OF_NAMES("definition", trusts),
    ID,
};
static const struct call_arg vm_export_ova[] = {NEED("path", CALL_TEXT, 1, 511)};

static const struct call_arg sr_create[] = {
    NEED("name_label", CALL_TEXT, 1, MODEL_NAME_MAX),
    NEED("SR_type", CALL_TEXT, 1, 15),
    NEED("device_config", CALL_MAP, 0, PATH_MAX_BYTES),
    DESCRIPTION,
    ID,
};
static const struct call_arg sr_edit[] = {LABEL, DESCRIPTION, TAGS, MORE_TAGS, LESS_TAGS};

static const struct call_arg vdi_create[] = {
    LABEL,
    DESCRIPTION,
    NEED("virtual_size", CALL_SIZE, 1, DISK_MAX),
    MAY("read_only", CALL_BOOL, 0, 0),
    TAGS,
    ID,
};
static const struct call_arg vdi_import[] = {
    EITHER("path", CALL_TEXT, 1, 511),
    EITHER("upload", CALL_UUID, 0, 0),
    ONE_OF_NAMES("format", images),
    LABEL,
    DESCRIPTION,
    MAY("virtual_size", CALL_SIZE, 1, DISK_MAX),
    TAGS,
    ID,
};
static const struct call_arg vdi_overwrite[] = {NEED("upload", CALL_UUID, 0, 0)};
static const struct call_arg vdi_edit[] = {
    LABEL, DESCRIPTION, TAGS, MORE_TAGS, LESS_TAGS, MAY("size", CALL_SIZE, 1, DISK_MAX)};
static const struct call_arg vdi_snapshot[] = {LABEL, ID};
static const struct call_arg vdi_clone[] = {LABEL, ID, MAY("srId", CALL_UUID, 0, 0)};
static const struct call_arg vdi_revert[] = {NEED("snapshotId", CALL_UUID, 0, 0)};
static const struct call_arg vdi_migrate[] = {NEED("srId", CALL_UUID, 0, 0)};

static const struct call_arg network_create[] = {
    NEED("name", CALL_TEXT, 1, MODEL_NAME_MAX),
    MAY("pif", CALL_TEXT, 1, 36),
    MAY("vlan", CALL_INT, 0, 4094),
    MAY("mtu", CALL_INT, 68, 65535),
    MAY("description", CALL_TEXT, 0, MODEL_TEXT_MAX),
    MAY("bridge", CALL_TEXT, 1, DEVICE_MAX),
};
static const struct call_arg network_delete[] = {NEED("bridge", CALL_TEXT, 1, DEVICE_MAX)};
static const struct call_arg cpupool_create[] = {
    NEED("name", CALL_TEXT, 1, MODEL_NAME_MAX),
    NEED("cpus", CALL_TEXT, 1, PATH_MAX_BYTES),
    ONE_OF_NAMES("scheduler", schedulers),
};
#define POOL NEED("pool", CALL_TEXT, 1, MODEL_NAME_MAX)
static const struct call_arg cpupool[] = {POOL};
static const struct call_arg cpupool_cpus[] = {POOL, NEED("cpus", CALL_TEXT, 1, PATH_MAX_BYTES)};
static const struct call_arg cpupool_set[] = {
    POOL,
    MAY("tsliceMs", CALL_INT, 1, 1000),
    MAY("ratelimitUs", CALL_INT, 0, 500000),
    MAY("migrationDelayUs", CALL_INT, 0, 100000),
};
static const struct call_arg host_down[] = {
    ONE_OF_NAMES("vms", residents), MAY("force", CALL_BOOL, 0, 0),
    MAY("vmTimeout", CALL_INT, 1, 7 * 86400), /* seconds, of each VM */
};

static const struct call_arg host_reboot[] = {
    ONE_OF_NAMES("vms", residents), MAY("force", CALL_BOOL, 0, 0),
    MAY("vmTimeout", CALL_INT, 1, 7 * 86400),
    MAY("resume", CALL_BOOL, 0, 0), /* with vms: suspend */
};

#define KIND(k) (1u << VM_KIND_##k)
#define ANY_KIND (KIND(VM) | KIND(SNAPSHOT) | KIND(TEMPLATE))
#define POWER(p) (1u << VM_##p)
#define ON (POWER(RUNNING) | POWER(PAUSED))
#define ON_OR_OFF (ON | POWER(HALTED))
#define ANY_POWER (ON_OR_OFF | POWER(SUSPENDED))
#define ARGS(table) table, MU_ARRAY_SIZE(table)
#define NO_ARGS NULL, 0

static const struct call_method methods[] = {
    {"vm.edit", CALL_ON_VM, ANY_KIND, ANY_POWER, false, NULL, ARGS(vm_edit)},
    {"vm.snapshot", CALL_ON_VM, KIND(VM), ANY_POWER, true, "vm-snapshots", ARGS(vm_snapshot)},
    {"vm.revert", CALL_ON_VM, KIND(VM), POWER(HALTED), false, NULL, ARGS(vm_revert)},
    {"vm.clone", CALL_ON_VM, ANY_KIND, ANY_POWER, true, "vms", ARGS(vm_clone)},
    {"vm.to_template", CALL_ON_VM, KIND(VM), POWER(HALTED), false, NULL, NO_ARGS},
    {"vm.delete", CALL_ON_VM, ANY_KIND, POWER(HALTED), false, NULL, ARGS(vm_delete)},
    {"vbd.create", CALL_ON_VM, KIND(VM) | KIND(TEMPLATE), ON_OR_OFF, false, "vbds",
     ARGS(vbd_create)},
    {"vbd.delete", CALL_ON_VM, KIND(VM) | KIND(TEMPLATE), ON_OR_OFF, false, NULL, ARGS(device)},
    {"vbd.connect", CALL_ON_VM, KIND(VM), ON, false, NULL, ARGS(device)},
    {"vbd.disconnect", CALL_ON_VM, KIND(VM), ON, false, NULL, ARGS(device)},
    {"vbd.insert", CALL_ON_VM, KIND(VM) | KIND(TEMPLATE), ON_OR_OFF, false, NULL, ARGS(vbd_insert)},
    {"vbd.eject", CALL_ON_VM, KIND(VM) | KIND(TEMPLATE), ON_OR_OFF, false, NULL, ARGS(device)},
    {"vif.create", CALL_ON_VM, KIND(VM) | KIND(TEMPLATE), ON_OR_OFF, false, "vifs",
     ARGS(vif_create)},
    {"vif.edit", CALL_ON_VM, KIND(VM) | KIND(TEMPLATE), ON_OR_OFF, false, NULL, ARGS(vif_edit)},
    {"vif.delete", CALL_ON_VM, KIND(VM) | KIND(TEMPLATE), ON_OR_OFF, false, NULL, ARGS(device)},
    {"vif.connect", CALL_ON_VM, KIND(VM), ON, false, NULL, ARGS(device)},
    {"vif.disconnect", CALL_ON_VM, KIND(VM), ON, false, NULL, ARGS(device)},
    {"pci.attach", CALL_ON_VM, KIND(VM), ON_OR_OFF, false, NULL, ARGS(pci)},
    {"pci.detach", CALL_ON_VM, KIND(VM), ON_OR_OFF, false, NULL, ARGS(pci)},
    {"usb.attach", CALL_ON_VM, KIND(VM), ON_OR_OFF, false, NULL, ARGS(device)},
    {"usb.detach", CALL_ON_VM, KIND(VM), ON_OR_OFF, false, NULL, ARGS(device)},
    {"vm.create", CALL_ON_HOST, 0, 0, true, "vms", ARGS(vm_create)},
    {"vm.import", CALL_ON_HOST, 0, 0, true, "vms", ARGS(vm_import)},
    {"vm.import_ova", CALL_ON_SR, 0, 0, true, "vms", ARGS(vm_import_ova)},
    {"vm.export_ova", CALL_ON_VM, ANY_KIND, ANY_POWER, false, NULL, ARGS(vm_export_ova)},
    {"sr.create", CALL_ON_HOST, 0, 0, true, "srs", ARGS(sr_create)},
    {"sr.edit", CALL_ON_SR, 0, 0, false, NULL, ARGS(sr_edit)},
    {"sr.scan", CALL_ON_SR, 0, 0, false, NULL, NO_ARGS},
    {"sr.plug", CALL_ON_SR, 0, 0, false, NULL, NO_ARGS},
    {"sr.unplug", CALL_ON_SR, 0, 0, false, NULL, NO_ARGS},
    {"sr.forget", CALL_ON_SR, 0, 0, false, NULL, NO_ARGS},
    {"sr.destroy", CALL_ON_SR, 0, 0, false, NULL, NO_ARGS},
    {"vdi.create", CALL_ON_SR, 0, 0, true, "vdis", ARGS(vdi_create)},
    {"vdi.import", CALL_ON_SR, 0, 0, true, "vdis", ARGS(vdi_import)},
    {"vdi.overwrite", CALL_ON_VDI, 0, 0, false, NULL, ARGS(vdi_overwrite)},
    {"vdi.edit", CALL_ON_VDI, 0, 0, false, NULL, ARGS(vdi_edit)},
    {"vdi.delete", CALL_ON_VDI, 0, 0, false, NULL, NO_ARGS},
    {"vdi.snapshot", CALL_ON_VDI, 0, 0, true, "vdi-snapshots", ARGS(vdi_snapshot)},
    {"vdi.clone", CALL_ON_VDI, 0, 0, true, "vdis", ARGS(vdi_clone)},
    {"vdi.revert", CALL_ON_VDI, 0, 0, false, NULL, ARGS(vdi_revert)},
    {"vdi.migrate", CALL_ON_VDI, 0, 0, false, NULL, ARGS(vdi_migrate)},
    {"network.create", CALL_ON_HOST, 0, 0, false, "networks", ARGS(network_create)},
    {"network.delete", CALL_ON_HOST, 0, 0, false, NULL, ARGS(network_delete)},
    {"pci.assign", CALL_ON_HOST, 0, 0, false, NULL, ARGS(pci)},
    {"pci.release", CALL_ON_HOST, 0, 0, false, NULL, ARGS(pci)},
    {"cpupool.create", CALL_ON_HOST, 0, 0, false, NULL, ARGS(cpupool_create)},
    {"cpupool.destroy", CALL_ON_HOST, 0, 0, false, NULL, ARGS(cpupool)},
    {"cpupool.add_cpus", CALL_ON_HOST, 0, 0, false, NULL, ARGS(cpupool_cpus)},
    {"cpupool.remove_cpus", CALL_ON_HOST, 0, 0, false, NULL, ARGS(cpupool_cpus)},
    {"cpupool.set", CALL_ON_HOST, 0, 0, false, NULL, ARGS(cpupool_set)},
    {"cpupool.move", CALL_ON_VM, KIND(VM), ON, false, NULL, ARGS(cpupool)},
    {"host.enable", CALL_ON_HOST, 0, 0, false, NULL, NO_ARGS},
    {"host.disable", CALL_ON_HOST, 0, 0, false, NULL, NO_ARGS},
    {"host.shutdown", CALL_ON_HOST, 0, 0, false, NULL, ARGS(host_down)},
    {"host.reboot", CALL_ON_HOST, 0, 0, false, NULL, ARGS(host_reboot)},
    {"host.restart_agent", CALL_ON_HOST, 0, 0, false, NULL, NO_ARGS},
};

const struct call_method *call_find(const char *name)
{
	for (size_t i = 0; i < MU_ARRAY_SIZE(methods); i++) {
		if (!strcmp(methods[i].name, name))
			return &methods[i];
	}
	return NULL;
}

const struct call_method *call_next(size_t *iter)
{
	return *iter < MU_ARRAY_SIZE(methods) ? &methods[(*iter)++] : NULL;
}
