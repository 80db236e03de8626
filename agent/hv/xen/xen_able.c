/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libxl has the paths of QEMU and OVMF compiled in and does not tell them, so the places where the
 * distributions put them are tried. A configuration that names its own is not asked about.
 */
#include "agent/hv/xen/xen_able.h"

#include "common/base/mem.h"
#include "common/base/str.h"

#include <string.h>
#include <unistd.h>

static const char *const qemus[] = {
    "/usr/libexec/xen-qemu-system-i386", /* Debian, Ubuntu */
    "/usr/lib/xen/bin/qemu-system-i386", /* Alpine, upstream's default */
    "/usr/lib64/xen/bin/qemu-system-i386",
    "/usr/libexec/xen/bin/qemu-system-i386",
    "/usr/local/lib/xen/bin/qemu-system-i386",
    "/usr/local/libexec/xen/bin/qemu-system-i386",
    "/usr/bin/qemu-system-i386", /* SUSE, Fedora */
    "/usr/bin/qemu-system-x86_64",
};

static const char *const ovmfs[] = {
    "/usr/share/ovmf/OVMF.fd", /* Debian, Ubuntu */
    "/usr/lib/xen/boot/ovmf.bin",
    "/usr/libexec/xen/boot/ovmf.bin",
    "/usr/lib64/xen/boot/ovmf.bin",
    "/usr/local/lib/xen/boot/ovmf.bin",
    "/usr/share/edk2/xen/OVMF.fd", /* Fedora */
    "/usr/share/edk2-ovmf/x64/OVMF.fd",
    "/usr/share/OVMF/OVMF.fd",
    "/usr/share/qemu/ovmf-x86_64-xen-4m.bin", /* SUSE */
    "/usr/share/qemu/ovmf-x86_64.bin",
};

static bool any_of(const char *const *paths, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (access(paths[i], R_OK) == 0)
			return true;
	}
	return false;
}

void xen_able_read(xc_interface *xch, struct xen_able *ret)
{
	xc_physinfo_t info = {0};

	ret->hvm =
	    xc_physinfo(xch, &info) == 0 && (info.capabilities & XEN_SYSCTL_PHYSCAP_hvm) != 0;
	ret->qemu = any_of(qemus, MU_ARRAY_SIZE(qemus));
	ret->ovmf = any_of(ovmfs, MU_ARRAY_SIZE(ovmfs));
}

int xen_able_check(const struct xen_able *able, const struct hv_vm_config *c, struct mu_error *err)
{
	if (c->type != VM_TYPE_PV && !able->hvm)
		return mu_error_set(
		    err, MU_E_UNSUPPORTED,
		    "this host runs no %s guests: its CPUs cannot virtualise, or its "
		    "firmware has that switched off; hint: a PV guest",
		    vm_type_name(c->type));
	if (c->type == VM_TYPE_HVM && !able->qemu && !strstr(c->extra, "\"device_model\""))
		return mu_error_set(
		    err, MU_E_UNSUPPORTED,
		    "this host has no QEMU, which an HVM guest needs; hint: install "
		    "it (Debian: qemu-system-xen), or take a PVH guest");
	if (c->type == VM_TYPE_HVM && mu_str_equal(c->firmware, "uefi") && !able->ovmf &&
	    !strstr(c->extra, "\"system_firmware\""))
		return mu_error_set(err, MU_E_UNSUPPORTED,
				    "this host has no UEFI firmware for guests; hint: install OVMF "
				    "(Debian: ovmf), or set hvmBootFirmware to bios");
	return 0;
}
