/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/hv/hv_check.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct hv_vm_config good(void)
{
	struct hv_vm_config c = {
	    .id = {{{1}}},
	    .name = "web-1",
	    .type = VM_TYPE_PVH,
	    .vcpus = 2,
	    .vcpus_max = 4,
	    .memory_bytes = 64 << 20,
	    .memory_max_bytes = 128 << 20,
	    .kernel = "/boot/vmlinuz",
	    .n_disks = 2,
	    .n_nics = 1,
	};

	c.disks[0] = (struct hv_disk){.vdev = "xvda", .path = "/dev/vg/web", .format = "raw"};
	c.disks[1] = (struct hv_disk){.vdev = "hdc", .cdrom = true};
	c.nics[0] = (struct hv_nic){.mac = "00:16:3e:0a:0B:0c", .bridge = "xenbr0"};
	return c;
}

static void refused(const struct hv_vm_config *c, const char *says)
{
	struct mu_error err = MU_ERROR_INIT;

	cr_assert_lt(hv_check_config(c, &err), 0, "should say: %s", says);
	cr_assert_eq(err.code, MU_E_INVALID);
	cr_assert(strstr(err.text, says), "\"%s\" is not in: %s", says, err.text);
}

Test(check, good_ones_pass)
{
	struct hv_vm_config c = good();
	struct mu_error err = MU_ERROR_INIT;

	cr_assert_eq(hv_check_config(&c, &err), 0, "%s", err.text);
	c.nics[0].mac[0] = '\0';
	c.kernel[0] = '\0';
	snprintf(c.bootloader, sizeof c.bootloader, "pygrub");
	cr_assert_eq(hv_check_config(&c, &err), 0, "%s", err.text);
	c.bootloader[0] = '\0';
	c.type = VM_TYPE_HVM;
	snprintf(c.firmware, sizeof c.firmware, "uefi");
	snprintf(c.boot_order, sizeof c.boot_order, "cdn");
	cr_assert_eq(hv_check_config(&c, &err), 0, "%s", err.text);
	memset(c.name, 'x', MODEL_NAME_MAX);
	cr_assert_eq(hv_check_config(&c, &err), 0, "%s", err.text);
}

#define REFUSED(change, says)                                                                      \
	do {                                                                                       \
		struct hv_vm_config c = good();                                                    \
		change;                                                                            \
		refused(&c, says);                                                                 \
	} while (0)

#define TEXT(field, text) snprintf(field, sizeof(field), "%s", text)

Test(check, mistakes_name_the_member)
{
	REFUSED(c.id = (struct vm_id){{{0}}}, "id is missing");
	REFUSED(TEXT(c.name, ""), "name is missing");
	REFUSED(TEXT(c.name, "a\nb"), "name has a control character at byte 1");
	REFUSED(TEXT(c.name, "a\xff"), "name is not valid UTF-8");
	REFUSED(TEXT(c.name, "a/b"), "has a '/'");
	REFUSED(TEXT(c.name, "42"), "is a number; hint");
	REFUSED(TEXT(c.name, "Domain-0"), "host's own");
	REFUSED(memset(c.name, 'x', sizeof c.name), "name is longer than 127 bytes");
	REFUSED(c.type = _VM_TYPE_COUNT, "type");
	REFUSED(c.vcpus = 0, "vcpus is 0; allowed: 1 to vcpus_max (4)");
	REFUSED(c.vcpus = 5, "vcpus is 5");
	REFUSED(c.vcpus_max = HV_VCPUS_MAX + 1, "vcpus_max is 129");
	REFUSED(c.memory_bytes = 0, "memory is 0 bytes");
	REFUSED(c.memory_bytes = -1, "memory is -1 bytes");
	REFUSED(c.memory_bytes = (int64_t)1 << 40, "more than its maximum");
	REFUSED(TEXT(c.kernel, ""), "a pvh VM needs a kernel or a bootloader; hint");
	REFUSED(TEXT(c.kernel, "vmlinuz"), "kernel \"vmlinuz\" is not an absolute path");
	REFUSED(TEXT(c.ramdisk, "initrd"), "ramdisk \"initrd\"");
	REFUSED(TEXT(c.cmdline, "quiet\x01"), "cmdline has a control character");
	REFUSED(TEXT(c.firmware, "efi"), "firmware \"efi\" is unknown; allowed: bios, uefi");
	REFUSED(TEXT(c.boot_order, "cx"), "boot_order \"cx\"");
	REFUSED(c.n_disks = HV_DISKS_MAX + 1, "17 disks; at most 16");
	REFUSED(c.n_nics = HV_NICS_MAX + 1, "9 nics; at most 8");
}

Test(check, devices)
{
	REFUSED(TEXT(c.disks[0].vdev, ""), "disk 0: vdev is missing");
	REFUSED(TEXT(c.disks[0].vdev, "../a"), "disk 0: vdev \"../a\"");
	REFUSED(TEXT(c.disks[1].vdev, "xvda"), "disks 0 and 1 are both xvda");
	REFUSED(TEXT(c.disks[0].path, ""), "disk 0 (xvda): path is missing");
	REFUSED(TEXT(c.disks[0].path, "web.img"), "disk 0: path \"web.img\"");
	REFUSED(TEXT(c.disks[0].format, "vmdk"), "format \"vmdk\" is unknown; allowed: raw, qcow2");
	REFUSED(TEXT(c.nics[0].mac, "00:16:3e:0a:0b"), "nic 0: mac");
	REFUSED(TEXT(c.nics[0].mac, "00-16-3e-0a-0b-0c"), "nic 0: mac");
	REFUSED(TEXT(c.nics[0].mac, "01:16:3e:0a:0b:0c"), "is no unicast address");
	REFUSED(TEXT(c.nics[0].bridge, "../br0"), "bridge \"../br0\"");
	REFUSED(TEXT(c.nics[0].ifname, "a b"), "ifname \"a b\"");
	REFUSED(c.nics[0].rate_bytes = -1, "nic 0: rate is negative");
	REFUSED(TEXT(c.nics[0].ip, "\n"), "nic 0: ip has a control character");
	REFUSED(TEXT(c.disks[0].backend, "nbd"), "backend \"nbd\" is unknown; allowed: phy");
	REFUSED(TEXT(c.disks[0].backend, "phy"); c.disks[0].cdrom = true;
		c.type = VM_TYPE_HVM, "an HVM guest's CD drives are QEMU's");
	REFUSED(memset(c.disks[0].extra, 'x', sizeof c.disks[0].extra), "disk 0: extra is longer");
}

Test(check, a_disk_with_a_script_has_a_path_of_its_own_kind)
{
	struct hv_vm_config c = good();
	struct mu_error err = MU_ERROR_INIT;

	TEXT(c.disks[0].path, "iqn.2001-05.com.example:disk1");
	TEXT(c.disks[0].script, "block-iscsi");
	cr_assert_eq(hv_check_config(&c, &err), 0, "%s", err.text);
}

Test(check, what_is_passed_through)
{
	REFUSED(c.n_pci = HV_PCI_MAX + 1, "17 PCI devices; at most 16");
	REFUSED(c.n_usb_controllers = HV_USB_MAX + 1, "9 USB controllers");
	REFUSED(c.n_usb_devices = HV_USB_MAX + 1, "9 USB devices");
	REFUSED(c.n_xenstore = HV_XENSTORE_MAX + 1, "9 xenstore entries");
	REFUSED(c.n_pci = 1, "PCI device 0: address is missing");
	REFUSED((c.n_usb_controllers = 1, TEXT(c.usb_controllers[0].type, "\t")),
		"USB controller 0: type");
	REFUSED(c.n_xenstore = 1, "xenstore entry 0: key is missing");
	REFUSED((c.n_xenstore = 1, TEXT(c.xenstore[0].key, "vm-data/a"),
		 TEXT(c.xenstore[0].value, "\x01")),
		"xenstore entry 0: value");
	REFUSED(TEXT(c.vnc_password, "\n"), "vnc_password has a control character");
	REFUSED(memset(c.extra, 'x', sizeof c.extra), "extra is longer than 8191 bytes");
	REFUSED(memset(c.bootloader_args, 'x', sizeof c.bootloader_args),
		"bootloader_args is longer");
	REFUSED(c.hap = (enum hv_flag)7, "a switch is 7");
	REFUSED(c.on_crash = (enum hv_on_event)7, "an action is 7");
}
