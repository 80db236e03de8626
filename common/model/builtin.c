/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a profile is as it is:
 *
 * - Whatever boots an installer, or a disk that only firmware can read, is HVM: PVH and PV have no
 *   firmware. They start a kernel that is in dom0, or that a bootloader in dom0 finds on the disk.
 * - PVH where a cloud image can do it: pygrub reads ext4 and a plain grub.cfg or extlinux.conf,
 *   the kernel has CONFIG_XEN_PVH. That is Debian, Ubuntu, Alpine. Not Fedora and the RHEL family
 *   (boot loader specification entries, kernels without PVH), not SUSE and Arch (btrfs). No QEMU
 *   for a guest then: about 40 MiB less of dom0, and nothing emulated to attack.
 * - UEFI only where the guest wants it (Windows 11, Server 2022 and later): it takes an OVMF in
 *   dom0, and libxl keeps no variables of it over a power cycle, so that what an installer writes
 *   into the boot order is gone; SeaBIOS just starts the disk.
 * - e1000 for those that have no Xen drivers at first (Windows, until they are installed), and
 *   instead of libxl's rtl8139 for all others too: it is what every installer knows. A guest with
 *   PV drivers unplugs it and uses the vif that is there besides.
 * - "std" graphics: the default of libxl is cirrus, which Windows 8 and later and wayland have no
 *   driver for. libxl gives "std" 16 MiB.
 * - viridian and local time for Windows only: the Hyper-V interface spares it thousands of exits a
 *   second, and its clock is the machine's local one.
 * - vTPM for Windows 11, which asks for one when it is installed. libxl makes none: such a VM is
 *   refused, unless its maker leaves it out (`createVtpm: false`) and switches the question off.
 *
 * Memory is what the vendor asks for (minimum) and what a small server is well off with.
 */
#include "common/model/builtin.h"

#include "common/base/mem.h"

#include <stdio.h>
#include <string.h>

#define MIB (INT64_C(1) << 20)
#define GIB (INT64_C(1) << 30)

/* An installer or any disk, on an emulated PC. */
#define PC(k, n, d, cpus, min, memory, disk)                                                       \
	{                                                                                          \
		.key = k, .name = n, .description = d, .type = VM_TYPE_HVM, .firmware = "bios",    \
		.bootloader = "", .vcpus = cpus, .memory_bytes = memory, .memory_min_bytes = min,  \
		.disk_bytes = disk, .nic_model = "e1000", .vga = "std", .installs = true           \
	}
#define WINDOWS(k, n, fw, tpm, min, memory, disk)                                                  \
	{                                                                                          \
		.key = k, .name = n, .description = "from its ISO", .type = VM_TYPE_HVM,           \
		.firmware = fw, .bootloader = "", .vcpus = 2, .memory_bytes = memory,              \
		.memory_min_bytes = min, .disk_bytes = disk, .nic_model = "e1000", .vga = "std",   \
		.viridian = true, .localtime = true, .vtpm = tpm, .installs = true                 \
	}
/* A disk with a system on it, whose kernel pygrub finds. */
#define IMAGE(k, n, d, t, cpus, min, memory, disk)                                                 \
	{                                                                                          \
		.key = k, .name = n, .description = d, .type = t, .firmware = "",                  \
		.bootloader = "pygrub", .vcpus = cpus, .memory_bytes = memory,                     \
		.memory_min_bytes = min, .disk_bytes = disk, .nic_model = "", .vga = ""            \
	}

static const char linux_pc[] = "from its ISO, the network, or a cloud image";
static const char linux_pvh[] = "its cloud image, without emulation: give the disk a source";

static const struct builtin_template table[] = {
    PC("debian-13", "Debian 13", linux_pc, 1, 512 * MIB, GIB, 10 * GIB),
    IMAGE("debian-13-pvh", "Debian 13 (PVH)", linux_pvh, VM_TYPE_PVH, 1, 256 * MIB, GIB, 10 * GIB),
    PC("debian-12", "Debian 12", linux_pc, 1, 512 * MIB, GIB, 10 * GIB),
    IMAGE("debian-12-pvh", "Debian 12 (PVH)", linux_pvh, VM_TYPE_PVH, 1, 256 * MIB, GIB, 10 * GIB),
    PC("ubuntu-24.04", "Ubuntu 24.04 LTS", linux_pc, 2, 1536 * MIB, 2 * GIB, 20 * GIB),
    IMAGE("ubuntu-24.04-pvh", "Ubuntu 24.04 LTS (PVH)", linux_pvh, VM_TYPE_PVH, 2, 512 * MIB,
	  2 * GIB, 20 * GIB),
    PC("ubuntu-22.04", "Ubuntu 22.04 LTS", linux_pc, 2, 1536 * MIB, 2 * GIB, 20 * GIB),
    IMAGE("ubuntu-22.04-pvh", "Ubuntu 22.04 LTS (PVH)", linux_pvh, VM_TYPE_PVH, 2, 512 * MIB,
	  2 * GIB, 20 * GIB),
    PC("alpine-3", "Alpine Linux 3", linux_pc, 1, 128 * MIB, 512 * MIB, 4 * GIB),
    IMAGE("alpine-3-pvh", "Alpine Linux 3 (PVH)", linux_pvh, VM_TYPE_PVH, 1, 64 * MIB, 256 * MIB,
	  4 * GIB),
    PC("fedora", "Fedora Server", linux_pc, 2, 2 * GIB, 2 * GIB, 20 * GIB),
    PC("almalinux-9", "AlmaLinux 9", linux_pc, 2, 1536 * MIB, 2 * GIB, 20 * GIB),
    PC("almalinux-10", "AlmaLinux 10", linux_pc, 2, 1536 * MIB, 2 * GIB, 20 * GIB),
    PC("rocky-9", "Rocky Linux 9", linux_pc, 2, 1536 * MIB, 2 * GIB, 20 * GIB),
    PC("rocky-10", "Rocky Linux 10", linux_pc, 2, 1536 * MIB, 2 * GIB, 20 * GIB),
    PC("rhel-9", "Red Hat Enterprise Linux 9", linux_pc, 2, 1536 * MIB, 2 * GIB, 20 * GIB),
    PC("opensuse-leap", "openSUSE Leap", linux_pc, 2, GIB, 2 * GIB, 20 * GIB),
    PC("sles-15", "SUSE Linux Enterprise Server 15", linux_pc, 2, GIB, 2 * GIB, 20 * GIB),
    PC("arch", "Arch Linux", linux_pc, 1, 512 * MIB, GIB, 10 * GIB),
    PC("freebsd-14", "FreeBSD 14", linux_pc, 1, 256 * MIB, GIB, 10 * GIB),
    WINDOWS("windows-10", "Windows 10", "bios", false, 2 * GIB, 4 * GIB, 50 * GIB),
    WINDOWS("windows-11", "Windows 11", "uefi", true, 4 * GIB, 4 * GIB, 64 * GIB),
    WINDOWS("windows-server-2019", "Windows Server 2019", "bios", false, 2 * GIB, 4 * GIB,
	    50 * GIB),
    WINDOWS("windows-server-2022", "Windows Server 2022", "uefi", false, 2 * GIB, 4 * GIB,
	    50 * GIB),
    WINDOWS("windows-server-2025", "Windows Server 2025", "uefi", false, 2 * GIB, 4 * GIB,
	    50 * GIB),
    PC("other-bios", "Other (HVM, BIOS)", "any system for a PC", 1, 16 * MIB, GIB, 10 * GIB),
    {.key = "other-uefi",
     .name = "Other (HVM, UEFI)",
     .description = "any system for a PC with UEFI",
     .type = VM_TYPE_HVM,
     .firmware = "uefi",
     .bootloader = "",
     .vcpus = 1,
     .memory_bytes = GIB,
     .memory_min_bytes = 128 * MIB,
     .disk_bytes = 10 * GIB,
     .nic_model = "e1000",
     .vga = "std",
     .installs = true},
    IMAGE("other-pvh", "Other (PVH)", "a disk that pygrub can read", VM_TYPE_PVH, 1, 16 * MIB,
	  512 * MIB, 10 * GIB),
    IMAGE("other-pv", "Other (PV)", "a disk that pygrub can read, for hosts without HVM",
	  VM_TYPE_PV, 1, 16 * MIB, 512 * MIB, 10 * GIB),
};

const struct builtin_template *builtin_next(size_t *iter)
{
	return *iter < MU_ARRAY_SIZE(table) ? &table[(*iter)++] : NULL;
}

struct mu_uuid builtin_id(const struct builtin_template *t)
{
	static const struct mu_uuid space = {{0x6d, 0x75, 0x73, 0x74, 0x65, 0x72, 0x40, 0x00, 0x80,
					      0x00, 0x74, 0x65, 0x6d, 0x70, 0x6c, 0x61}};

	return mu_uuid_derive(&space, t->key);
}

const struct builtin_template *builtin_find(const struct mu_uuid *id)
{
	const struct builtin_template *t;

	for (size_t i = 0; (t = builtin_next(&i));) {
		const struct mu_uuid its = builtin_id(t);

		if (mu_uuid_equal(&its, id))
			return t;
	}
	return NULL;
}

void builtin_model(const struct builtin_template *t, struct model_vm *ret_vm)
{
	model_vm_init(ret_vm);
	ret_vm->id.uuid = builtin_id(t);
	ret_vm->kind = VM_KIND_TEMPLATE;
	(void)snprintf(ret_vm->name, sizeof ret_vm->name, "%s", t->name);
	(void)snprintf(ret_vm->description, sizeof ret_vm->description, "%s", t->description);
	ret_vm->type = t->type;
	ret_vm->power = VM_HALTED;
	ret_vm->managed = true;
	ret_vm->vcpus_max = t->vcpus;
	ret_vm->memory_bytes = ret_vm->memory_static_max_bytes = t->memory_bytes;
	(void)snprintf(ret_vm->firmware, sizeof ret_vm->firmware, "%s", t->firmware);
	if (t->installs)
		memcpy(ret_vm->boot_order, "cd", sizeof "cd");
}
