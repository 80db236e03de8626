/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/hv/xen/xen_convert.h"

#include "agent/hv/dconf/dconf.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/json/json.h"

#include <inttypes.h>
#include <libxl_utils.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xen/sched.h>

enum { PAGE_BYTES = 4096 };

/* ---- to libxl ---- */

static void replace_text(char **text, const char *with)
{
	free(*text);
	*text = mu_xstrdup(with);
}

/* Beside what the configuration itself puts into xenstore. */
static void set_owner(libxl_domain_create_info *info)
{
	size_t n = 0;

	while (info->xsdata && info->xsdata[n]) {
		if (mu_str_equal(info->xsdata[n], XEN_OWNER_KEY)) {
			replace_text(&info->xsdata[n + 1], XEN_OWNER_VALUE);
			return;
		}
		n += 2;
	}
	info->xsdata = mu_xrealloc(info->xsdata, n + 3, sizeof *info->xsdata);
	info->xsdata[n] = mu_xstrdup(XEN_OWNER_KEY);
	info->xsdata[n + 1] = mu_xstrdup(XEN_OWNER_VALUE);
	info->xsdata[n + 2] = NULL;
}

void xen_config_claim(libxl_domain_config *config, const char *name)
{
	replace_text(&config->c_info.name, name);
	set_owner(&config->c_info);
}

int xen_cpuid_parse(libxl_cpuid_policy_list *policy, const char *text, struct mu_error *err)
{
	MU_CLEANUP(mu_free) char *copy = mu_xstrdup(text);
	char *rest = copy;

	strsep(&rest, ","); /* "host" */
	for (char *item; (item = strsep(&rest, ","));) {
		if (libxl_cpuid_parse_config(policy, item) != 0)
			return mu_error_set(
			    err, MU_E_INVALID,
			    "cpuid: libxl does not know \"%s\"; hint: xl.cfg(5) has "
			    "the names",
			    item);
	}
	return 0;
}

/* As xl: a PV guest with a device of the host is shown where the host has memory. Otherwise the
 * device's own might lie where the guest has its RAM. */
static void show_memory_map(libxl_domain_config *config)
{
	if (config->c_info.type == LIBXL_DOMAIN_TYPE_PV && config->num_pcidevs > 0)
		libxl_defbool_setdefault(&config->b_info.u.pv.e820_host, true);
}

int xen_config_to_libxl(libxl_ctx *ctx, const struct hv_vm_config *config, libxl_domain_config *ret,
			struct mu_error *err)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	struct mu_value *v;

	libxl_domain_config_init(ret);
	if (dconf_write(a, config, &v, err) < 0)
		return MU_FAILED;
	mu_json_write(&text, v, false);
	if (libxl_domain_config_from_json(ctx, ret, text.data) != 0)
		return mu_error_set(
		    err, MU_E_INVALID,
		    "libxl cannot read the configuration; hint: look for a value of "
		    "the wrong type in the definition's libxl members");
	xen_config_claim(ret, config->name);
	show_memory_map(ret);
	return xen_cpuid_parse(&ret->b_info.cpuid, config->cpuid, err);
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
