/* SPDX-License-Identifier: Apache-2.0 */
/* docs/formats/vm-definition.md as tables, in its order, which is the order that they are written
 * in. */
#include "agent/core/vm_spec_fields.h"

#include "agent/core/vm_spec.h"

#include <ctype.h>
#include <limits.h>
#include <string.h>

#define KIB INT64_C(1024)
#define MIB (1024 * KIB)
#define TIB (1024 * 1024 * MIB)

#define SIZE_OF(type, member) ((int64_t)sizeof(((type *)NULL)->member))
#define AT(type, member) .offset = offsetof(type, member)
#define NAMES(table) .names = (table), .n_names = MU_ARRAY_SIZE(table)
#define PLAIN(n, k, type, member)                                                                  \
	{                                                                                          \
		.name = (n), .kind = (k), AT(type, member)                                         \
	}
#define ROW(n, k, type, member, ...)                                                               \
	{                                                                                          \
		.name = (n), .kind = (k), AT(type, member), __VA_ARGS__                            \
	}
/* A text fills its member. */
#define TEXT(n, k, type, member) ROW(n, k, type, member, .max = SIZE_OF(type, member) - 1)
#define TEXT_ROW(n, k, type, member, ...)                                                          \
	ROW(n, k, type, member, .max = SIZE_OF(type, member) - 1, __VA_ARGS__)
#define RANGE(low, high) .min = (low), .max = (high)
#define SPEC struct vm_spec
#define LIST(n, l)                                                                                 \
	{                                                                                          \
		.name = (n), .kind = FIELD_LIST, .list = (l)                                       \
	}

static const char *const kind_names[] = {"vm", "snapshot", "template"};
static const char *const type_names[] = {"pv", "pvh", "hvm"};
static const char *const event_names[] = {"destroy", "restart", "preserve"};
static const char *const firmware_names[] = {"bios", "uefi"};
static const char *const format_names[] = {"raw", "qcow2", "vhd", "qcow", "qed"};
static const char *const backend_names[] = {"phy", "qdisk", "tap"};
static const char *const vga_names[] = {"std", "cirrus", "qxl", "none"};
static const char *const usb_names[] = {"pv", "devicemodel", "qusb"};

/* Disks */

static const struct vm_field disk_fields[] = {
    TEXT_ROW("vdev", FIELD_TEXT, struct hv_disk, vdev, .required = true, .min = 1),
    PLAIN("vdi", FIELD_UUID, struct hv_disk, vdi),
    TEXT("path", FIELD_TEXT, struct hv_disk, path),
    TEXT_ROW("format", FIELD_WORD, struct hv_disk, format, NAMES(format_names)),
    PLAIN("readonly", FIELD_BOOL, struct hv_disk, readonly),
    PLAIN("cdrom", FIELD_BOOL, struct hv_disk, cdrom),
    PLAIN("bootable", FIELD_BOOL, struct hv_disk, bootable),
    TEXT_ROW("backend", FIELD_WORD, struct hv_disk, backend, NAMES(backend_names)),
    PLAIN("discard", FIELD_FLAG, struct hv_disk, discard),
    TEXT("script", FIELD_TEXT, struct hv_disk, script),
    TEXT("libxl", FIELD_JSON, struct hv_disk, extra),
};

static void disk_defaults(void *item, const void *of)
{
	const struct hv_disk *disk = of;
	struct hv_disk *def = item;

	memcpy(def->format, "raw", sizeof "raw");
	def->readonly = disk && disk->cdrom; /* implied there */
}

static void disk_read(void *item)
{
	struct hv_disk *disk = item;

	disk->readonly = disk->readonly || disk->cdrom;
}

/* Network cards */

static const struct vm_field nic_fields[] = {
    ROW("device", FIELD_PLACE, struct hv_nic, device, .has = offsetof(struct hv_nic, has_device),
	RANGE(0, 255)),
    TEXT("mac", FIELD_TEXT, struct hv_nic, mac),
    TEXT("bridge", FIELD_TEXT, struct hv_nic, bridge),
    TEXT("model", FIELD_TEXT, struct hv_nic, model),
    ROW("rate", FIELD_I64, struct hv_nic, rate_bytes, RANGE(0, INT64_C(1) << 40)),
    ROW("mtu", FIELD_U32, struct hv_nic, mtu, RANGE(0, 65535)),
    TEXT("ifname", FIELD_TEXT, struct hv_nic, ifname),
    TEXT("ip", FIELD_TEXT, struct hv_nic, ip),
    TEXT("script", FIELD_TEXT, struct hv_nic, script),
    TEXT("libxl", FIELD_JSON, struct hv_nic, extra),
};

static void no_defaults(void *item, const void *of)
{
	(void)item, (void)of;
}

static void lower_case(char *text)
{
	for (; *text; text++)
		*text = (char)tolower((unsigned char)*text);
}

static void nic_read(void *item)
{
	lower_case(((struct hv_nic *)item)->mac);
}

/* Passed through */

static const struct vm_field pci_fields[] = {
    TEXT_ROW("address", FIELD_TEXT, struct hv_pci, address, .required = true, .min = 1),
    PLAIN("permissive", FIELD_BOOL, struct hv_pci, permissive),
    PLAIN("msitranslate", FIELD_BOOL, struct hv_pci, msitranslate),
    PLAIN("powerManagement", FIELD_BOOL, struct hv_pci, power_mgmt),
    PLAIN("seize", FIELD_BOOL, struct hv_pci, seize),
    TEXT("libxl", FIELD_JSON, struct hv_pci, extra),
};

static void pci_read(void *item)
{
	lower_case(((struct hv_pci *)item)->address);
}

static const struct vm_field usb_controller_fields[] = {
    ROW("device", FIELD_PLACE, struct hv_usb_controller, device,
	.has = offsetof(struct hv_usb_controller, has_device), RANGE(0, 255)),
    TEXT_ROW("type", FIELD_WORD, struct hv_usb_controller, type, NAMES(usb_names)),
    ROW("version", FIELD_U32, struct hv_usb_controller, version, RANGE(0, 3)),
    ROW("ports", FIELD_U32, struct hv_usb_controller, ports, RANGE(0, 31)),
};

static const struct vm_field usb_device_fields[] = {
    ROW("bus", FIELD_U32, struct hv_usb_device, bus, .required = true, RANGE(1, 255)),
    ROW("address", FIELD_U32, struct hv_usb_device, address, .required = true, RANGE(1, 255)),
    ROW("controller", FIELD_U32, struct hv_usb_device, controller, RANGE(0, 255)),
    ROW("port", FIELD_PLACE, struct hv_usb_device, port,
	.has = offsetof(struct hv_usb_device, has_port), RANGE(1, 31)),
};

#define ITEMS(n, a, size, most, f, d, r)                                                           \
	{                                                                                          \
		.count = offsetof(SPEC, n), .items = offsetof(SPEC, a), .item_size = (size),       \
		.max = (most), .fields = (f), .n_fields = MU_ARRAY_SIZE(f), .defaults = (d),       \
		.read = (r)                                                                        \
	}

static const struct vm_list disks = ITEMS(config.n_disks, config.disks, sizeof(struct hv_disk),
					  HV_DISKS_MAX, disk_fields, disk_defaults, disk_read);
static const struct vm_list nics = ITEMS(config.n_nics, config.nics, sizeof(struct hv_nic),
					 HV_NICS_MAX, nic_fields, no_defaults, nic_read);
static const struct vm_list pci = ITEMS(config.n_pci, config.pci, sizeof(struct hv_pci), HV_PCI_MAX,
					pci_fields, no_defaults, pci_read);
static const struct vm_list usb_controllers =
    ITEMS(config.n_usb_controllers, config.usb_controllers, sizeof(struct hv_usb_controller),
	  HV_USB_MAX, usb_controller_fields, no_defaults, NULL);
static const struct vm_list usb_devices =
    ITEMS(config.n_usb_devices, config.usb_devices, sizeof(struct hv_usb_device), HV_USB_MAX,
	  usb_device_fields, no_defaults, NULL);
static const struct vm_list tags = {.count = offsetof(SPEC, n_tags),
				    .items = offsetof(SPEC, tags),
				    .item_size = MODEL_TAG_MAX + 1,
				    .max = MODEL_VM_TAGS_MAX};

/* The definition */

#define EVENT(n, member) ROW(n, FIELD_NAME, SPEC, config.member, NAMES(event_names))
#define FLAG(n, member) PLAIN(n, FIELD_FLAG, SPEC, config.member)
#define CONFIG_TEXT(n, member) TEXT(n, FIELD_TEXT, SPEC, config.member)
#define CONFIG_U32(n, member, low, high) ROW(n, FIELD_U32, SPEC, config.member, RANGE(low, high))

const struct vm_field vm_spec_fields[] = {
    ROW("uuid", FIELD_UUID, SPEC, config.id, .required = true),
    TEXT_ROW("name", FIELD_TEXT, SPEC, config.name, .required = true, .min = 1),
    TEXT("description", FIELD_TEXT, SPEC, description),
    ROW("kind", FIELD_NAME, SPEC, kind, NAMES(kind_names)),
    PLAIN("snapshotOf", FIELD_UUID, SPEC, snapshot_of),
    ROW("snapshotAt", FIELD_I64, SPEC, snapshot_at, RANGE(0, INT64_MAX)),
    PLAIN("withMemory", FIELD_BOOL, SPEC, with_memory),
    PLAIN("parent", FIELD_UUID, SPEC, parent),
    ROW("type", FIELD_NAME, SPEC, config.type, .required = true, NAMES(type_names)),
    {.name = "arch", .kind = FIELD_ARCH},
    CONFIG_U32("vcpus", vcpus, 1, HV_VCPUS_MAX),
    CONFIG_U32("vcpusMax", vcpus_max, 1, HV_VCPUS_MAX),
    CONFIG_U32("coresPerSocket", cores_per_socket, 0, HV_VCPUS_MAX),
    CONFIG_U32("threadsPerCore", threads_per_core, 0, HV_VCPUS_MAX),
    CONFIG_U32("cpuWeight", cpu_weight, 0, 65535),
    CONFIG_U32("cpuCap", cpu_cap, 0, 100 * HV_CPUS_MAX),
    TEXT("cpus", FIELD_CPUS, SPEC, config.cpus_hard),
    TEXT("cpusSoft", FIELD_CPUS, SPEC, config.cpus_soft),
    CONFIG_TEXT("cpuid", cpuid),
    ROW("memory", FIELD_SIZE, SPEC, config.memory_bytes, .required = true,
	RANGE(4 * MIB, 16 * TIB)),
    ROW("memoryMax", FIELD_SIZE, SPEC, config.memory_max_bytes, RANGE(4 * MIB, 16 * TIB)),
    ROW("memoryMin", FIELD_SIZE, SPEC, memory_min_bytes, RANGE(4 * MIB, 16 * TIB)),
    CONFIG_TEXT("kernel", kernel),
    CONFIG_TEXT("ramdisk", ramdisk),
    CONFIG_TEXT("cmdline", cmdline),
    CONFIG_TEXT("bootloader", bootloader),
    TEXT("bootloaderArgs", FIELD_LINES, SPEC, config.bootloader_args),
    TEXT_ROW("firmware", FIELD_WORD, SPEC, config.firmware, NAMES(firmware_names)),
    CONFIG_TEXT("bootOrder", boot_order),
    FLAG("hap", hap),
    FLAG("nested", nested),
    FLAG("viridian", viridian),
    FLAG("acpi", acpi),
    FLAG("localtime", localtime),
    ROW("clockOffset", FIELD_I32, SPEC, config.clock_offset_s, RANGE(INT32_MIN, INT32_MAX)),
    PLAIN("vtpm", FIELD_BOOL, SPEC, config.vtpm),
    PLAIN("vnc", FIELD_BOOL, SPEC, config.vnc),
    CONFIG_TEXT("vncListen", vnc_listen),
    CONFIG_U32("vncDisplay", vnc_display, 0, 59635),
    FLAG("vncUnused", vnc_unused),
    CONFIG_TEXT("vncPassword", vnc_password),
    PLAIN("spice", FIELD_BOOL, SPEC, config.spice),
    CONFIG_TEXT("spiceListen", spice_listen),
    CONFIG_U32("spicePort", spice_port, 0, 65535),
    CONFIG_U32("spiceTlsPort", spice_tls_port, 0, 65535),
    CONFIG_TEXT("spicePassword", spice_password),
    TEXT_ROW("vga", FIELD_WORD, SPEC, config.vga, NAMES(vga_names)),
    ROW("videoMemory", FIELD_SIZE, SPEC, config.video_bytes, RANGE(1 * MIB, 1024 * MIB)),
    CONFIG_TEXT("serial", serial),
    LIST("disks", &disks),
    LIST("nics", &nics),
    LIST("pci", &pci),
    LIST("usbControllers", &usb_controllers),
    LIST("usbDevices", &usb_devices),
    {.name = "xenstore", .kind = FIELD_PAIRS},
    PLAIN("autostart", FIELD_BOOL, SPEC, autostart),
    ROW("startOrder", FIELD_I32, SPEC, start_order, RANGE(-1000000, 1000000)),
    ROW("startDelay", FIELD_I64, SPEC, start_delay, RANGE(0, MU_SEC(3600))),
    EVENT("onPoweroff", on_poweroff),
    EVENT("onReboot", on_reboot),
    EVENT("onCrash", on_crash),
    EVENT("onWatchdog", on_watchdog),
    LIST("tags", &tags),
    TEXT("libxl", FIELD_JSON, SPEC, config.extra),
};

const size_t vm_spec_n_fields = MU_ARRAY_SIZE(vm_spec_fields);
