/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/hv/xen/xen_convert.h"

#include "common/base/mem.h"
#include "common/base/str.h"

#include <inttypes.h>
#include <libxl_utils.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xen/sched.h>

enum { PAGE_BYTES = 4096, KIB = 1024, USECS = 1000000 };

/* ---- to libxl ---- */

static char *text_or_null(const char *text)
{
	return text[0] != '\0' ? mu_xstrdup(text) : NULL;
}

static const libxl_domain_type type_to_libxl[_VM_TYPE_COUNT] = {
    [VM_TYPE_PV] = LIBXL_DOMAIN_TYPE_PV,
    [VM_TYPE_PVH] = LIBXL_DOMAIN_TYPE_PVH,
    [VM_TYPE_HVM] = LIBXL_DOMAIN_TYPE_HVM,
};

static void set_owner(libxl_domain_create_info *info)
{
	libxl_key_value_list_dispose(&info->xsdata);
	info->xsdata = mu_xcalloc(3, sizeof *info->xsdata); /* key, value, NULL */
	info->xsdata[0] = mu_xstrdup(XEN_OWNER_KEY);
	info->xsdata[1] = mu_xstrdup(XEN_OWNER_VALUE);
}

static void replace_text(char **text, const char *with)
{
	free(*text);
	*text = mu_xstrdup(with);
}

void xen_config_claim(libxl_domain_config *config, const char *name)
{
	replace_text(&config->c_info.name, name);
	set_owner(&config->c_info);
}

static void fill_create_info(libxl_domain_create_info *info, const struct hv_vm_config *config)
{
	info->type = type_to_libxl[config->type];
	info->name = mu_xstrdup(config->name);
	memcpy(info->uuid.uuid, config->id.uuid.bytes, sizeof info->uuid.uuid);
	set_owner(info);
}

static void fill_vcpus(libxl_domain_build_info *info, const struct hv_vm_config *config)
{
	info->max_vcpus = (int)config->vcpus_max;
	info->avail_vcpus.size = (config->vcpus_max + 7) / 8;
	info->avail_vcpus.map = mu_xcalloc(info->avail_vcpus.size, 1);
	for (uint32_t i = 0; i < config->vcpus; i++)
		libxl_bitmap_set(&info->avail_vcpus, (int)i);
}

static void fill_vnc(libxl_vnc_info *vnc)
{
	libxl_defbool_set(&vnc->enable, true);
	libxl_defbool_set(&vnc->findunused, true);
	vnc->listen = mu_xstrdup("127.0.0.1");
}

static void fill_hvm(libxl_domain_build_info *info, const struct hv_vm_config *config)
{
	if (config->firmware[0] != '\0')
		info->u.hvm.bios = mu_str_equal(config->firmware, "uefi") ? LIBXL_BIOS_TYPE_OVMF
									  : LIBXL_BIOS_TYPE_SEABIOS;
	info->u.hvm.boot = text_or_null(config->boot_order);
	libxl_defbool_set(&info->u.hvm.vnc.enable, config->vnc);
	if (!config->vnc)
		return;
	fill_vnc(&info->u.hvm.vnc);
	/* An absolute pointer: without it the mouse runs away from the viewer's. */
	libxl_defbool_set(&info->u.hvm.usb, true);
	info->u.hvm.usbdevice = mu_xstrdup("tablet");
}

static void fill_build_info(libxl_domain_build_info *info, const struct hv_vm_config *config)
{
	libxl_domain_build_info_init_type(info, type_to_libxl[config->type]);
	fill_vcpus(info, config);
	info->max_memkb = (uint64_t)config->memory_max_bytes / KIB;
	info->target_memkb = (uint64_t)config->memory_bytes / KIB;
	info->kernel = text_or_null(config->kernel);
	info->ramdisk = text_or_null(config->ramdisk);
	info->cmdline = text_or_null(config->cmdline);
	if (config->type == VM_TYPE_HVM)
		fill_hvm(info, config);
	else
		info->bootloader = text_or_null(config->bootloader);
}

static libxl_disk_format format_to_libxl(const struct hv_disk *disk)
{
	if (disk->path[0] == '\0')
		return LIBXL_DISK_FORMAT_EMPTY;
	return mu_str_equal(disk->format, "qcow2") ? LIBXL_DISK_FORMAT_QCOW2
						   : LIBXL_DISK_FORMAT_RAW;
}

static void fill_disks(libxl_domain_config *ret, const struct hv_vm_config *config)
{
	if (config->n_disks == 0)
		return;
	ret->disks = mu_xcalloc(config->n_disks, sizeof *ret->disks);
	ret->num_disks = (int)config->n_disks;
	for (size_t i = 0; i < config->n_disks; i++) {
		const struct hv_disk *from = &config->disks[i];
		libxl_device_disk *to = &ret->disks[i];

		libxl_device_disk_init(to);
		to->pdev_path = text_or_null(from->path);
		to->vdev = mu_xstrdup(from->vdev);
		to->format = format_to_libxl(from);
		to->readwrite = !from->readonly && !from->cdrom;
		to->is_cdrom = from->cdrom;
		to->removable = from->cdrom;
	}
}

/* Xen's own prefix and three bytes that stay the same for this VM and device, on any host. */
static void derive_mac(const struct vm_id *id, size_t number, uint8_t mac[static 6])
{
	char name[24];
	struct mu_uuid hash;

	(void)snprintf(name, sizeof name, "nic%zu", number);
	hash = mu_uuid_derive(&id->uuid, name);
	mac[0] = 0x00;
	mac[1] = 0x16;
	mac[2] = 0x3e;
	mac[3] = hash.bytes[0] & 0x7f; /* the upper half is for hand-made addresses, by custom */
	mac[4] = hash.bytes[1];
	mac[5] = hash.bytes[2];
}

static int fill_nics(libxl_domain_config *ret, const struct hv_vm_config *config,
		     struct mu_error *err)
{
	if (config->n_nics == 0)
		return 0;
	ret->nics = mu_xcalloc(config->n_nics, sizeof *ret->nics);
	ret->num_nics = (int)config->n_nics;
	for (size_t i = 0; i < config->n_nics; i++) {
		const struct hv_nic *from = &config->nics[i];
		libxl_device_nic *to = &ret->nics[i];

		libxl_device_nic_init(to);
		to->devid = (int)(from->has_device ? from->device : i);
		to->model = text_or_null(from->model);
		to->rate_bytes_per_interval = (uint64_t)from->rate_bytes * XEN_RATE_USECS / USECS;
		to->rate_interval_usecs = from->rate_bytes ? XEN_RATE_USECS : 0;
		to->bridge = text_or_null(from->bridge);
		if (from->mac[0] == '\0')
			derive_mac(&config->id, i, to->mac);
		else if (sscanf(from->mac, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx", &to->mac[0],
				&to->mac[1], &to->mac[2], &to->mac[3], &to->mac[4],
				&to->mac[5]) != 6)
			return mu_error_set(err, MU_E_INVALID, "nic %zu: \"%s\" is no MAC address",
					    i, from->mac);
		if (config->type != VM_TYPE_HVM)
			to->nictype = LIBXL_NIC_TYPE_VIF;
	}
	return 0;
}

/* A PV framebuffer and keyboard, which QEMU serves; HVM guests have an emulated one. */
static void fill_framebuffer(libxl_domain_config *ret)
{
	ret->vfbs = mu_xcalloc(1, sizeof *ret->vfbs);
	ret->num_vfbs = 1;
	libxl_device_vfb_init(&ret->vfbs[0]);
	ret->vfbs[0].devid = 0;
	fill_vnc(&ret->vfbs[0].vnc);
	ret->vkbs = mu_xcalloc(1, sizeof *ret->vkbs);
	ret->num_vkbs = 1;
	libxl_device_vkb_init(&ret->vkbs[0]);
	ret->vkbs[0].devid = 0;
}

int xen_config_to_libxl(const struct hv_vm_config *config, libxl_domain_config *ret,
			struct mu_error *err)
{
	libxl_domain_config_init(ret);
	fill_create_info(&ret->c_info, config);
	fill_build_info(&ret->b_info, config);
	fill_disks(ret, config);
	if (config->vnc && config->type != VM_TYPE_HVM)
		fill_framebuffer(ret);
	/* Nobody acts on these but us; they are what `xl` shows. */
	ret->on_poweroff = LIBXL_ACTION_ON_SHUTDOWN_DESTROY;
	ret->on_reboot = LIBXL_ACTION_ON_SHUTDOWN_RESTART;
	ret->on_crash = LIBXL_ACTION_ON_SHUTDOWN_DESTROY;
	ret->on_watchdog = LIBXL_ACTION_ON_SHUTDOWN_DESTROY;
	return fill_nics(ret, config, err);
}

/* ---- from libxl ---- */

static int take_text(char *dst, size_t size, const char *what, const char *text,
		     struct mu_error *err)
{
	size_t len = text ? strlen(text) : 0;

	if (len >= size)
		return mu_error_set(
		    err, MU_E_UNSUPPORTED,
		    "its %s is longer than the %zu bytes that a definition has for it", what,
		    size - 1);
	if (len)
		memcpy(dst, text, len);
	dst[len] = '\0';
	return 0;
}

static int check_extras(const libxl_domain_config *c, struct mu_error *err)
{
	const struct {
		const char *what;
		int n;
	} extras[] = {
	    {"PCI device", c->num_pcidevs},
	    {"device tree device", c->num_dtdevs},
	    {"virtual TPM", c->num_vtpms},
	    {"9pfs share", c->num_p9s},
	    {"PV calls interface", c->num_pvcallsifs},
	    {"PV display", c->num_vdispls},
	    {"PV sound device", c->num_vsnds},
	    {"channel", c->num_channels},
	    {"USB controller", c->num_usbctrls},
	    {"USB device", c->num_usbdevs},
	};

	for (size_t i = 0; i < MU_ARRAY_SIZE(extras); i++)
		if (extras[i].n > 0)
			return mu_error_set(err, MU_E_UNSUPPORTED,
					    "it has a %s, which a definition cannot hold; hint: "
					    "leave it with the tool that made it",
					    extras[i].what);
	return 0;
}

static int take_type(libxl_domain_type type, enum vm_type *ret, struct mu_error *err)
{
	for (unsigned t = 0; t < _VM_TYPE_COUNT; t++) {
		if (type_to_libxl[t] == type) {
			*ret = (enum vm_type)t;
			return 0;
		}
	}
	return mu_error_set(err, MU_E_UNSUPPORTED, "its type %d is unknown", (int)type);
}

static int take_sizes(const libxl_domain_build_info *info, struct hv_vm_config *ret,
		      struct mu_error *err)
{
	uint64_t target = info->target_memkb;

	if (info->max_memkb == LIBXL_MEMKB_DEFAULT || info->max_memkb > INT64_MAX / KIB)
		return mu_error_set(err, MU_E_UNSUPPORTED, "its memory size is not recorded");
	if (target == LIBXL_MEMKB_DEFAULT || target > info->max_memkb)
		target = info->max_memkb;
	if (info->max_vcpus < 0 || info->max_vcpus > HV_VCPUS_MAX)
		return mu_error_set(err, MU_E_UNSUPPORTED,
				    "it has %d vCPUs; at most %d are supported", info->max_vcpus,
				    HV_VCPUS_MAX);
	ret->memory_max_bytes = (int64_t)info->max_memkb * KIB;
	ret->memory_bytes = (int64_t)target * KIB;
	ret->vcpus_max = info->max_vcpus ? (uint32_t)info->max_vcpus : 1; /* libxl's default */
	ret->vcpus = (uint32_t)libxl_bitmap_count_set(&info->avail_vcpus);
	if (ret->vcpus < 1 || ret->vcpus > ret->vcpus_max)
		ret->vcpus = ret->vcpus_max;
	return 0;
}

static int take_boot(const libxl_domain_build_info *info, struct hv_vm_config *ret,
		     struct mu_error *err)
{
	if (take_text(ret->kernel, sizeof ret->kernel, "kernel path", info->kernel, err) < 0 ||
	    take_text(ret->ramdisk, sizeof ret->ramdisk, "ramdisk path", info->ramdisk, err) < 0 ||
	    take_text(ret->cmdline, sizeof ret->cmdline, "kernel command line", info->cmdline,
		      err) < 0 ||
	    take_text(ret->bootloader, sizeof ret->bootloader, "bootloader", info->bootloader,
		      err) < 0)
		return MU_FAILED;
	if (info->bootloader_args && info->bootloader_args[0])
		return mu_error_set(err, MU_E_UNSUPPORTED,
				    "it has bootloader arguments, which a definition cannot hold");
	if (ret->type != VM_TYPE_HVM)
		return 0;
	ret->vnc = !libxl_defbool_is_default(info->u.hvm.vnc.enable) &&
		   libxl_defbool_val(info->u.hvm.vnc.enable);
	if (info->u.hvm.bios == LIBXL_BIOS_TYPE_OVMF)
		(void)snprintf(ret->firmware, sizeof ret->firmware, "uefi");
	else if (info->u.hvm.bios == LIBXL_BIOS_TYPE_SEABIOS)
		(void)snprintf(ret->firmware, sizeof ret->firmware, "bios");
	return take_text(ret->boot_order, sizeof ret->boot_order, "boot order", info->u.hvm.boot,
			 err);
}

static int take_disk(const libxl_device_disk *from, struct hv_disk *to, struct mu_error *err)
{
	if (from->backend_domid != 0 || from->backend_domname)
		return mu_error_set(err, MU_E_UNSUPPORTED, "its backend is another domain");
	if (from->script)
		return mu_error_set(err, MU_E_UNSUPPORTED, "it has a script of its own (\"%s\")",
				    from->script);
	switch (from->format) {
	case LIBXL_DISK_FORMAT_RAW:
	case LIBXL_DISK_FORMAT_UNKNOWN:
	case LIBXL_DISK_FORMAT_EMPTY:
		(void)snprintf(to->format, sizeof to->format, "raw");
		break;
	case LIBXL_DISK_FORMAT_QCOW2:
		(void)snprintf(to->format, sizeof to->format, "qcow2");
		break;
	case LIBXL_DISK_FORMAT_QCOW:
	case LIBXL_DISK_FORMAT_VHD:
	case LIBXL_DISK_FORMAT_QED:
		return mu_error_set(err, MU_E_UNSUPPORTED,
				    "its format is %s; supported: raw, qcow2",
				    libxl_disk_format_to_string(from->format));
	}
	to->readonly = !from->readwrite && !from->is_cdrom;
	to->cdrom = from->is_cdrom != 0;
	if (take_text(to->path, sizeof to->path, "path", from->pdev_path, err) < 0)
		return MU_FAILED;
	return take_text(to->vdev, sizeof to->vdev, "device name", from->vdev, err);
}

static int take_nic(const libxl_device_nic *from, struct hv_nic *to, struct mu_error *err)
{
	const uint8_t *m = from->mac;

	if (from->backend_domid != 0 || from->backend_domname)
		return mu_error_set(err, MU_E_UNSUPPORTED, "its backend is another domain");
	(void)snprintf(to->mac, sizeof to->mac, "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2],
		       m[3], m[4], m[5]);
	to->has_device = from->devid >= 0;
	to->device = from->devid >= 0 ? (uint32_t)from->devid : 0;
	if (from->rate_interval_usecs)
		to->rate_bytes =
		    (int64_t)(from->rate_bytes_per_interval * USECS / from->rate_interval_usecs);
	if (take_text(to->model, sizeof to->model, "model", from->model, err) < 0)
		return MU_FAILED;
	return take_text(to->bridge, sizeof to->bridge, "bridge", from->bridge, err);
}

static int take_devices(const libxl_domain_config *config, struct hv_vm_config *ret,
			struct mu_error *err)
{
	if (config->num_disks > HV_DISKS_MAX || config->num_nics > HV_NICS_MAX)
		return mu_error_set(err, MU_E_UNSUPPORTED,
				    "it has %d disks and %d nics; at most %d and %d are supported",
				    config->num_disks, config->num_nics, HV_DISKS_MAX, HV_NICS_MAX);
	for (int i = 0; i < config->num_disks; i++)
		if (take_disk(&config->disks[i], &ret->disks[ret->n_disks++], err) < 0)
			return mu_error_prefix(err, "disk %d", i);
	for (int i = 0; i < config->num_nics; i++)
		if (take_nic(&config->nics[i], &ret->nics[ret->n_nics++], err) < 0)
			return mu_error_prefix(err, "nic %d", i);
	return 0;
}

int xen_config_from_libxl(const libxl_domain_config *config, struct hv_vm_config *ret,
			  struct mu_error *err)
{
	struct hv_vm_config c = {0};

	memcpy(c.id.uuid.bytes, config->c_info.uuid.uuid, sizeof c.id.uuid.bytes);
	if (check_extras(config, err) < 0 || take_type(config->c_info.type, &c.type, err) < 0 ||
	    take_text(c.name, sizeof c.name, "name", config->c_info.name, err) < 0 ||
	    take_sizes(&config->b_info, &c, err) < 0 || take_boot(&config->b_info, &c, err) < 0 ||
	    take_devices(config, &c, err) < 0)
		return MU_FAILED;
	c.vnc = c.vnc || config->num_vfbs > 0;
	*ret = c;
	return 0;
}

/* ---- from the hypervisor ---- */

static enum hv_shutdown shutdown_reason(uint32_t flags)
{
	if (!(flags & XEN_DOMINF_shutdown))
		return HV_SHUTDOWN_NONE;
	switch ((flags >> XEN_DOMINF_shutdownshift) & XEN_DOMINF_shutdownmask) {
	case SHUTDOWN_poweroff:
		return HV_SHUTDOWN_POWEROFF;
	case SHUTDOWN_reboot:
	case SHUTDOWN_soft_reset: /* a restart that keeps its memory; we start it anew */
		return HV_SHUTDOWN_REBOOT;
	case SHUTDOWN_suspend:
		return HV_SHUTDOWN_SUSPEND;
	case SHUTDOWN_watchdog:
		return HV_SHUTDOWN_WATCHDOG;
	default: /* numbers of a hypercall, not our enum */
		return HV_SHUTDOWN_CRASH;
	}
}

static int64_t bytes_of_pages(uint64_t pages)
{
	return pages > INT64_MAX / PAGE_BYTES ? INT64_MAX : (int64_t)pages * PAGE_BYTES;
}

void xen_domain_from_info(const xc_domaininfo_t *info, struct hv_domain *ret)
{
	*ret = (struct hv_domain){
	    .domid.value = info->domain,
	    .type = info->flags & XEN_DOMINF_hvm_guest ? VM_TYPE_HVM : VM_TYPE_PV,
	    .paused = (info->flags & XEN_DOMINF_paused) != 0,
	    .dying = (info->flags & XEN_DOMINF_dying) != 0,
	    .shutdown = shutdown_reason(info->flags),
	    .vcpus_online = info->nr_online_vcpus,
	    .vcpus_max = info->max_vcpu_id == XEN_INVALID_MAX_VCPU_ID ? 0 : info->max_vcpu_id + 1,
	    .memory_bytes = bytes_of_pages(info->tot_pages),
	    .memory_max_bytes = bytes_of_pages(info->max_pages),
	    .cpu_time_ns = info->cpu_time,
	};
	memcpy(ret->id.uuid.bytes, info->handle, sizeof ret->id.uuid.bytes);
}

/* "xvda", "xvdz", "xvdaa": bijective base 26. */
static void disk_letters(char *buf, size_t size, const char *prefix, uint32_t disk, uint32_t part)
{
	char letters[8];
	size_t n = sizeof letters - 1;

	letters[n] = '\0';
	for (uint32_t d = disk + 1; d > 0 && n > 0; d = (d - 1) / 26)
		letters[--n] = (char)('a' + (d - 1) % 26);
	if (part)
		(void)snprintf(buf, size, "%s%s%" PRIu32, prefix, letters + n, part);
	else
		(void)snprintf(buf, size, "%s%s", prefix, letters + n);
}

/* docs/misc/vbd-interface of Xen: majors of Linux, and a form of its own above 1 << 28. */
void xen_vdev_name(uint32_t number, char buf[static 16])
{
	uint32_t major = number >> 8, minor = number & 0xff;

	buf[0] = '\0';
	if (number >= 1u << 29)
		return;
	if (number >= 1u << 28)
		disk_letters(buf, 16, "xvd", (number >> 8) & 0xfffff, minor);
	else if (major == 202)
		disk_letters(buf, 16, "xvd", minor / 16, minor % 16);
	else if (major == 8)
		disk_letters(buf, 16, "sd", minor / 16, minor % 16);
	else if (major == 3)
		disk_letters(buf, 16, "hd", minor / 64, minor % 64);
	else if (major == 22)
		disk_letters(buf, 16, "hd", 2 + minor / 64, minor % 64);
}

/* ---- return codes ---- */

static const struct {
	const char *name;
	enum mu_error_code code;
} rc_meanings[] = {
    [-ERROR_NONSPECIFIC] = {"NONSPECIFIC", MU_E_IO},
    [-ERROR_VERSION] = {"VERSION", MU_E_UNSUPPORTED},
    [-ERROR_FAIL] = {"FAIL", MU_E_IO},
    [-ERROR_NI] = {"NI", MU_E_UNSUPPORTED},
    [-ERROR_NOMEM] = {"NOMEM", MU_E_EXHAUSTED},
    [-ERROR_INVAL] = {"INVAL", MU_E_INVALID},
    [-ERROR_BADFAIL] = {"BADFAIL", MU_E_IO},
    [-ERROR_GUEST_TIMEDOUT] = {"GUEST_TIMEDOUT", MU_E_TIMEOUT},
    [-ERROR_TIMEDOUT] = {"TIMEDOUT", MU_E_TIMEOUT},
    [-ERROR_NOPARAVIRT] = {"NOPARAVIRT", MU_E_UNSUPPORTED},
    [-ERROR_NOT_READY] = {"NOT_READY", MU_E_UNAVAILABLE},
    [-ERROR_LOCK_FAIL] = {"LOCK_FAIL", MU_E_UNAVAILABLE},
    [-ERROR_JSON_CONFIG_EMPTY] = {"JSON_CONFIG_EMPTY", MU_E_NOT_FOUND},
    [-ERROR_DEVICE_EXISTS] = {"DEVICE_EXISTS", MU_E_EXISTS},
    [-ERROR_VNUMA_CONFIG_INVALID] = {"VNUMA_CONFIG_INVALID", MU_E_INVALID},
    [-ERROR_DOMAIN_NOTFOUND] = {"DOMAIN_NOTFOUND", MU_E_NOT_FOUND},
    [-ERROR_ABORTED] = {"ABORTED", MU_E_CANCELLED},
    [-ERROR_NOTFOUND] = {"NOTFOUND", MU_E_NOT_FOUND},
    [-ERROR_DOMAIN_DESTROYED] = {"DOMAIN_DESTROYED", MU_E_STATE},
    [-ERROR_FEATURE_REMOVED] = {"FEATURE_REMOVED", MU_E_UNSUPPORTED},
    [-ERROR_PROTOCOL_ERROR_QMP] = {"PROTOCOL_ERROR_QMP", MU_E_IO},
    [-ERROR_UNKNOWN_QMP_ERROR] = {"UNKNOWN_QMP_ERROR", MU_E_IO},
    [-ERROR_QMP_GENERIC_ERROR] = {"QMP_GENERIC_ERROR", MU_E_IO},
    [-ERROR_QMP_COMMAND_NOT_FOUND] = {"QMP_COMMAND_NOT_FOUND", MU_E_UNSUPPORTED},
    [-ERROR_QMP_DEVICE_NOT_ACTIVE] = {"QMP_DEVICE_NOT_ACTIVE", MU_E_STATE},
    [-ERROR_QMP_DEVICE_NOT_FOUND] = {"QMP_DEVICE_NOT_FOUND", MU_E_NOT_FOUND},
    [-ERROR_QEMU_API] = {"QEMU_API", MU_E_UNSUPPORTED},
};

static bool rc_known(int rc)
{
	return rc < 0 && rc > -(int)MU_ARRAY_SIZE(rc_meanings) && rc_meanings[-rc].name;
}

enum mu_error_code xen_error_code(int rc)
{
	return rc_known(rc) ? rc_meanings[-rc].code : MU_E_IO;
}

const char *xen_error_name(int rc)
{
	return rc_known(rc) ? rc_meanings[-rc].name : "unknown";
}
