/* SPDX-License-Identifier: Apache-2.0 */
/* CPU lists, and single devices and resources as hv.c checks them. */
#include "agent/hv/hv_check.h"
#include "agent/hv/hv_cpus.h"
#include "common/base/mem.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* The CPUs below 10 that a list gives a vCPU, as digits. */
static const char *cpus(const char *text, uint32_t vcpu)
{
	static char digits[11];
	struct mu_error err = MU_ERROR_INIT;
	struct hv_cpus set;
	size_t n = 0;

	cr_assert_eq(hv_cpus_check(text, &err), 0, "\"%s\": %s", text, err.text);
	hv_cpus_of(text, vcpu, &set);
	for (int i = 0; i < 10; i++) {
		if (set.has[i])
			digits[n++] = (char)('0' + i);
	}
	digits[n] = '\0';
	return digits;
}

Test(cpus, one_list_is_for_all)
{
	cr_expect_str_eq(cpus("3", 0), "3");
	cr_expect_str_eq(cpus("3", 7), "3");
	cr_expect_str_eq(cpus("0-2,5", 1), "0125");
	cr_expect_str_eq(cpus("0-7,^2,^4-5", 0), "01367");
	cr_expect_str_eq(cpus("all,^0", 0), "123456789");
	cr_expect_str_eq(cpus("", 3), "0123456789");
	cr_expect_str_eq(cpus("1023,9", 0), "9");
}

Test(cpus, a_list_per_vcpu)
{
	cr_expect_str_eq(cpus("0;1-2;", 0), "0");
	cr_expect_str_eq(cpus("0;1-2;", 1), "12");
	cr_expect_str_eq(cpus("0;1-2;", 2), "0123456789");
	cr_expect_str_eq(cpus("0;1-2;", 99), "0123456789");
}

Test(cpus, mistakes_are_named)
{
	static const struct {
		const char *text;
		const char *says;
	} cases[] = {
	    {"x", "\"x\" is no part"},
	    {"0,,1", "\"\" is no part"},
	    {"0-", "\"0-\" is no part"},
	    {"3-1", "\"3-1\" is no part"},
	    {"0 1", "\"0 1\" is no part"},
	    {"1024", "below 1024"},
	    {"99999999999999999999", "below 1024"},
	    {"-1", "\"-1\" is no part"},
	    {"^0", "leaves no CPU"},
	    {"0-3,^0-3", "leaves no CPU"},
	    {";", "is no part"},
	    {"0;1", "does not end with ';'"},
	    {"0;x;", "\"x\" is no part"},
	};

	for (size_t i = 0; i < MU_ARRAY_SIZE(cases); i++) {
		struct mu_error err = MU_ERROR_INIT;

		cr_assert_lt(hv_cpus_check(cases[i].text, &err), 0, "\"%s\"", cases[i].text);
		cr_expect_eq(err.code, MU_E_INVALID);
		cr_expect(strstr(err.text, cases[i].says), "%s: %s", cases[i].says, err.text);
	}
}

static void refuse_device(enum hv_op_kind kind, const struct hv_device *device, const char *says)
{
	struct mu_error err = MU_ERROR_INIT;

	cr_assert_lt(hv_check_device(kind, device, &err), 0, "should say: %s", says);
	cr_expect_eq(err.code, MU_E_INVALID);
	cr_expect(strstr(err.text, says), "\"%s\" is not in: %s", says, err.text);
}

static void accept_device(enum hv_op_kind kind, const struct hv_device *device)
{
	struct mu_error err = MU_ERROR_INIT;

	cr_expect_eq(hv_check_device(kind, device, &err), 0, "%s", err.text);
}

#define DEVICE(...) (&(struct hv_device){__VA_ARGS__})

Test(check_device, disks)
{
	accept_device(HV_DISK_ATTACH, DEVICE(.disk = {.vdev = "xvdb", .path = "/d"}));
	accept_device(HV_DISK_DETACH, DEVICE(.disk = {.vdev = "xvdb"}));
	accept_device(HV_DISK_RESIZE, DEVICE(.disk = {.vdev = "xvdb"}, .size_bytes = 512));
	accept_device(HV_CD_INSERT, DEVICE(.disk = {.vdev = "hdc", .path = "/c", .cdrom = true}));
	accept_device(HV_CD_EJECT, DEVICE(.disk = {.vdev = "hdc"}));
	refuse_device(HV_DISK_ATTACH, DEVICE(.disk = {.vdev = "xvdb"}), "path is missing");
	refuse_device(HV_DISK_ATTACH, DEVICE(.disk = {.vdev = "xvdb", .path = "d"}), "absolute");
	refuse_device(HV_DISK_DETACH, DEVICE(.disk = {.vdev = "../x"}), "no device name");
	refuse_device(HV_DISK_RESIZE, DEVICE(.disk = {.vdev = ""}), "vdev is missing");
	refuse_device(HV_DISK_RESIZE, DEVICE(.disk = {.vdev = "xvdb"}, .size_bytes = -512),
		      "size is -512 bytes");
	refuse_device(HV_DISK_RESIZE, DEVICE(.disk = {.vdev = "xvdb"}, .size_bytes = 513),
		      "multiple of 512");
	refuse_device(HV_CD_INSERT, DEVICE(.disk = {.vdev = "hdc", .cdrom = true}),
		      "path is missing");
	refuse_device(HV_CD_INSERT, DEVICE(.disk = {.vdev = "hdc", .path = "/c"}), "to be a CD");
	refuse_device(HV_CD_INSERT, DEVICE(.disk = {.vdev = "-", .path = "/c"}), "device name");
}

Test(check_device, network_cards)
{
	accept_device(HV_NIC_ATTACH, DEVICE(.nic = {.bridge = "xenbr0"}));
	accept_device(HV_NIC_ATTACH, DEVICE(.nic = {.has_device = true, .device = 7}));
	accept_device(HV_NIC_RATE, DEVICE(.nic = {.has_device = true, .rate_bytes = 1000}));
	refuse_device(HV_NIC_ATTACH, DEVICE(.nic = {.has_device = true, .device = 8}),
		      "allowed: 0 to 7");
	refuse_device(HV_NIC_ATTACH, DEVICE(.nic = {.mac = "x"}), "mac \"x\"");
	refuse_device(HV_NIC_ATTACH, DEVICE(.nic = {.rate_bytes = 999}), "rate is 999");
	refuse_device(HV_NIC_ATTACH, DEVICE(.nic = {.rate_bytes = -5}), "rate is negative");
	refuse_device(HV_NIC_ATTACH, DEVICE(.nic = {.model = "e\n"}), "control character");
	refuse_device(HV_NIC_DETACH, DEVICE(.nic = {.device = 1}), "number is missing");
	refuse_device(HV_NIC_RATE, DEVICE(.nic = {.has_device = true, .device = 8}), "above 7");
}

Test(check_device, devices_of_the_host)
{
	struct hv_device unterminated;

	memset(&unterminated, 'a', sizeof unterminated);
	accept_device(HV_PCI_ATTACH, DEVICE(.pci = {.address = "0000:0a:1f.7"}));
	refuse_device(HV_PCI_DETACH, DEVICE(.pci = {.address = "0a:1f.7"}), "no PCI address");
	refuse_device(HV_PCI_ASSIGN, DEVICE(.pci = {.address = "0000:0a:1f.8"}), "no PCI address");
	refuse_device(HV_PCI_RELEASE, DEVICE(.pci = {.address = "0000:0A:1f.7"}), "small letters");
	refuse_device(HV_PCI_ATTACH, DEVICE(.pci = {.address = "../../../etc"}), "no PCI address");
	refuse_device(HV_PCI_ATTACH, &unterminated, "no PCI address");
	accept_device(HV_USB_ATTACH, DEVICE(.usb = {.bus = 1, .address = 127}));
	refuse_device(HV_USB_ATTACH, DEVICE(.usb = {.bus = 0, .address = 1}), "0.1 cannot be");
	refuse_device(HV_USB_DETACH, DEVICE(.usb = {.bus = 256, .address = 1}), "256.1");
	refuse_device(HV_USB_DETACH, DEVICE(.usb = {.bus = 1, .address = 128}), "1.128");
}

static void refuse(enum hv_op_kind kind, struct hv_resources r, const char *says)
{
	struct mu_error err = MU_ERROR_INIT;

	cr_assert_lt(hv_check_resources(kind, &r, &err), 0, "should say: %s", says);
	cr_expect_eq(err.code, MU_E_INVALID);
	cr_expect(strstr(err.text, says), "\"%s\" is not in: %s", says, err.text);
}

static void accept(enum hv_op_kind kind, struct hv_resources r)
{
	struct mu_error err = MU_ERROR_INIT;

	cr_expect_eq(hv_check_resources(kind, &r, &err), 0, "%s", err.text);
}

Test(check_resources, ranges)
{
	struct hv_resources endless = {.vcpus = 0};

	accept(HV_SET_VCPUS, (struct hv_resources){.vcpus = HV_VCPUS_MAX});
	refuse(HV_SET_VCPUS, (struct hv_resources){.vcpus = 0}, "vcpus is 0");
	refuse(HV_SET_VCPUS, (struct hv_resources){.vcpus = HV_VCPUS_MAX + 1}, "1 to 128");
	accept(HV_SET_MEMORY, (struct hv_resources){.memory_bytes = 1 << 20});
	refuse(HV_SET_MEMORY, (struct hv_resources){.memory_bytes = -1}, "memory is -1");
	accept(HV_SET_SCHED, (struct hv_resources){.weight = HV_WEIGHT_MAX, .cap = HV_AS_IT_IS});
	accept(HV_SET_SCHED, (struct hv_resources){.weight = 0, .cap = 0});
	refuse(HV_SET_SCHED, (struct hv_resources){.weight = 65536}, "weight is 65536");
	refuse(HV_SET_SCHED, (struct hv_resources){.cap = -2}, "cap is -2");
	refuse(HV_SET_SCHED, (struct hv_resources){.cap = 12801}, "cap is 12801");
	refuse(HV_SET_SCHED, (struct hv_resources){.cap = HV_AS_IT_IS}, "neither weight nor cap");
	accept(HV_SET_AFFINITY, (struct hv_resources){.cpus_hard = "0;1;", .cpus_soft = ""});
	refuse(HV_SET_AFFINITY, (struct hv_resources){.cpus_hard = "x"}, "cpus_hard: \"x\"");
	refuse(HV_SET_AFFINITY, (struct hv_resources){.cpus_soft = "^1"}, "cpus_soft: ");
	memset(endless.cpus_soft, '1', sizeof endless.cpus_soft);
	refuse(HV_SET_AFFINITY, endless, "cpus_soft is longer than 1023 bytes");
}
