/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of a VM's devices: what is ordered of the domain, and what definition and note say then.
 */
#include "agent/core/vm_devices.h"

#include "common/json/json.h"
#include "common/model/object.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define VDI_A "aaaaaaaa-0000-4000-8000-000000000001"
#define VDI_B "bbbbbbbb-0000-4000-8000-000000000002"

static struct mu_arena *arena;
static struct vm_spec spec, built;
static struct hv_vm_config domain;
static struct vm_devices_world now;
static struct vm_devices_plan plan;
static struct mu_error err;

static struct hv_disk disk(const char *vdev, const char *vdi)
{
	struct hv_disk d = {.format = "raw"};

	(void)snprintf(d.vdev, sizeof d.vdev, "%s", vdev);
	if (!vdi)
		(void)snprintf(d.path, sizeof d.path, "/sim/%s", vdev);
	else if (*vdi)
		cr_assert(mu_uuid_parse(vdi, &d.vdi));
	else
		d.cdrom = d.readonly = true;
	return d;
}

static void setup(void)
{
	arena = mu_arena_new();
	vm_spec_init(&spec);
	spec.config.id.uuid.bytes[0] = 1;
	spec.config.type = VM_TYPE_PVH;
	spec.config.vcpus = spec.config.vcpus_max = 1;
	spec.config.memory_bytes = spec.config.memory_max_bytes = 64 << 20;
	memcpy(spec.config.name, "web", sizeof "web");
	memcpy(spec.config.kernel, "/boot/k", sizeof "/boot/k");
	spec.config.disks[spec.config.n_disks++] = disk("xvda", VDI_A);
	memcpy(spec.config.nics[spec.config.n_nics++].bridge, "xenbr0", sizeof "xenbr0");
	now = (struct vm_devices_world){.spec = &spec};
	mu_error_clear(&err);
}

static void teardown(void)
{
	arena = mu_arena_free(arena);
}

TestSuite(vm_devices, .init = setup, .fini = teardown);

/* The domain as it is when it was started from the definition. */
static void run(void)
{
	built = spec;
	domain = spec.config;
	for (size_t i = 0; i < domain.n_nics; i++) {
		domain.nics[i].device = (uint32_t)i;
		domain.nics[i].has_device = true;
	}
	now.built = &built;
	now.domain = &domain;
}

static void make_hvm(void)
{
	spec.config.type = VM_TYPE_HVM;
	spec.config.kernel[0] = '\0';
	memcpy(spec.config.firmware, "bios", sizeof "bios");
}

static const struct mu_value *json(const char *text)
{
	struct mu_value *v;

	cr_assert_eq(mu_json_read(arena, text, strlen(text), &v, &err), 0, "%s", err.text);
	return v;
}

static const char *order_name(void)
{
	static const char *const names[_HV_OP_KIND_COUNT] = {
	    [HV_DISK_ATTACH] = "attach", [HV_DISK_DETACH] = "detach", [HV_CD_INSERT] = "insert",
	    [HV_CD_EJECT] = "eject",     [HV_NIC_ATTACH] = "plug",    [HV_NIC_DETACH] = "unplug",
	    [HV_NIC_RATE] = "rate",      [HV_PCI_ATTACH] = "pci+",    [HV_PCI_DETACH] = "pci-",
	    [HV_USB_ATTACH] = "usb+",    [HV_USB_DETACH] = "usb-"};

	return plan.order == _HV_OP_KIND_COUNT ? "-" : names[plan.order];
}

static size_t devices(const struct hv_vm_config *c, char *out, size_t size)
{
	size_t at = 0;

	out[0] = '\0';
	for (size_t i = 0; i < c->n_disks; i++)
		at += (size_t)snprintf(out + at, size - at, " %s%s", c->disks[i].vdev,
				       mu_uuid_is_nil(&c->disks[i].vdi) && !*c->disks[i].path ? "!"
											      : "");
	for (size_t i = 0; i < c->n_nics; i++)
		at += (size_t)snprintf(out + at, size - at, " %u",
				       c->nics[i].has_device ? c->nics[i].device : (unsigned)i);
	for (size_t i = 0; i < c->n_pci; i++)
		at += (size_t)snprintf(out + at, size - at, " %s", c->pci[i].address);
	for (size_t i = 0; i < c->n_usb_devices; i++)
		at += (size_t)snprintf(out + at, size - at, " %u.%u", c->usb_devices[i].bus,
				       c->usb_devices[i].address);
	return at;
}

/* "attach: xvda xvdb 0 | xvda xvdb 0": the order, the definition, what the domain is then. */
static const char *planned(const char *method, const char *args)
{
	static char text[1024];
	char a[400], b[400];

	mu_error_clear(&err);
	if (vm_devices_plan(method, &now, json(args), &plan, &err) < 0)
		return err.text;
	devices(&plan.spec.config, a, sizeof a);
	devices(&plan.built.config, b, sizeof b);
	(void)snprintf(text, sizeof text, "%s:%s |%s", order_name(), a, now.domain ? b : "");
	return text;
}

#define PLAN(method, args, expected) cr_expect_str_eq(planned(method, args), expected)
/* The text of a refusal begins so. */
#define REFUSED(why, method, args, words)                                                          \
	do {                                                                                       \
		const char *said = planned(method, args);                                          \
		cr_expect_eq(err.code, why, "%s", said);                                           \
		cr_expect(strstr(said, words), "%s", said);                                        \
	} while (0)

static char found(const char *method, const char *args)
{
	struct mu_uuid made = {{0}};

	switch (vm_devices_look(method, &now, json(args), &made)) {
	case VM_DEVICES_DONE:
		return mu_uuid_is_nil(&made) ? 'd' : 'D';
	case VM_DEVICES_NOT_DONE:
		return 'n';
	case VM_DEVICES_UNKNOWN:
		break;
	}
	return '?';
}

Test(vm_devices, disks_come_and_go)
{
	struct mu_uuid vbd;

	PLAN("vbd.create", "{\"VDI\":\"" VDI_B "\"}", "-: xvda xvdb 0 |");
	run();
	PLAN("vbd.create", "{\"VDI\":\"" VDI_B "\",\"mode\":\"RO\",\"bootable\":true}",
	     "attach: xvda xvdb 0 | xvda xvdb 0");
	cr_assert(plan.disk.readonly && plan.disk.bootable);
	vbd = object_vbd_id(&spec.config.id, "xvdb");
	cr_assert(mu_uuid_equal(&plan.made, &vbd));
	PLAN("vbd.create", "{\"VDI\":\"" VDI_B "\",\"userdevice\":\"3\"}",
	     "attach: xvda xvdd 0 | xvda xvdd 0");
	PLAN("vbd.create", "{\"VDI\":\"" VDI_B "\",\"userdevice\":\"sdc\"}",
	     "attach: xvda sdc 0 | xvda sdc 0");
	PLAN("vbd.create", "{\"type\":\"CD\",\"empty\":true}", "-: xvda xvdb! 0 | xvda 0");
	PLAN("vbd.delete", "{\"device\":\"0\"}", "detach: 0 | 0");
	cr_assert(mu_uuid_equal(&plan.let_go, &spec.config.disks[0].vdi));
	PLAN("vbd.disconnect", "{\"device\":\"xvda\"}", "detach: xvda 0 | 0");
	PLAN("vbd.connect", "{\"device\":\"xvda\"}", "-: xvda 0 | xvda 0");
	domain.n_disks = built.config.n_disks = 0;
	PLAN("vbd.connect", "{\"device\":\"xvda\"}", "attach: xvda 0 | xvda 0");
	PLAN("vbd.delete", "{\"device\":\"xvda\"}", "-: 0 | 0");
	PLAN("vbd.disconnect", "{\"device\":\"xvda\"}", "-: xvda 0 | 0");
}

Test(vm_devices, disks_that_cannot_be)
{
	for (int runs = 0; runs < 2; runs++) {
		REFUSED(MU_E_EXISTS, "vbd.create", "{\"VDI\":\"" VDI_A "\"}", "VDI: it is xvda");
		REFUSED(MU_E_INVALID, "vbd.create", "{}", "VDI: required");
		REFUSED(MU_E_INVALID, "vbd.create",
			"{\"VDI\":\"" VDI_B "\",\"empty\":true,\"type\":\"CD\"}",
			"empty: excludes");
		REFUSED(MU_E_EXISTS, "vbd.create", "{\"VDI\":\"" VDI_B "\",\"userdevice\":\"0\"}",
			"userdevice: 0 is taken");
		REFUSED(MU_E_EXISTS, "vbd.create", "{\"VDI\":\"" VDI_B "\",\"userdevice\":\"hda\"}",
			"is taken");
		REFUSED(MU_E_INVALID, "vbd.create", "{\"VDI\":\"" VDI_B "\",\"userdevice\":\"26\"}",
			"out of range");
		REFUSED(MU_E_INVALID, "vbd.create",
			"{\"VDI\":\"" VDI_B "\",\"userdevice\":\"tape\"}", "vdev: not a device");
		REFUSED(MU_E_NOT_FOUND, "vbd.delete", "{\"device\":\"xvdq\"}",
			"no disk \"xvdq\"; hint: it has xvda");
		REFUSED(MU_E_NOT_FOUND, "vbd.connect", "{\"device\":\"27\"}", "no disk \"27\"");
		REFUSED(MU_E_NOT_FOUND, "vbd.disconnect", "{\"device\":\"9\"}", "no disk");
		REFUSED(MU_E_NOT_FOUND, "vbd.eject", "{\"device\":\"9\"}", "no disk");
		REFUSED(MU_E_INVALID, "vbd.eject", "{\"device\":\"0\"}", "no CD drive");
		REFUSED(MU_E_INVALID, "vbd.insert", "{\"device\":\"0\",\"VDI\":\"" VDI_B "\"}",
			"no CD drive");
		run();
	}
	for (char letter = 'b'; letter < 'q'; letter++) {
		char vdev[] = {'x', 'v', 'd', letter, '\0'};

		spec.config.disks[spec.config.n_disks++] = disk(vdev, NULL);
	}
	REFUSED(MU_E_EXHAUSTED, "vbd.create", "{\"VDI\":\"" VDI_B "\"}", "16 disks");
}

Test(vm_devices, a_disk_that_only_the_domain_has)
{
	char name[64];

	run();
	vm_devices_stray(&now, name, sizeof name);
	cr_assert_str_eq(name, "");
	domain.disks[domain.n_disks++] = disk("xvdb", NULL);
	vm_devices_stray(&now, name, sizeof name);
	cr_assert_str_eq(name, "disk xvdb");
	REFUSED(MU_E_STATE, "vbd.create", "{\"VDI\":\"" VDI_B "\"}", "xvdb");
	/* The note knows which it is: another may come. */
	built.config.disks[built.config.n_disks++] = disk("xvdb", VDI_B);
	PLAN("vbd.create", "{\"VDI\":\"" VDI_B "\"}", "attach: xvda xvdc 0 | xvda xvdc xvdb 0");
	PLAN("vbd.delete", "{\"device\":\"xvdb\"}", "detach: xvda 0 | xvda 0");
	cr_assert(mu_uuid_equal(&plan.let_go, &built.config.disks[1].vdi));
	cr_assert_eq(found("vbd.delete", "{\"device\":\"xvdb\"}"), 'n');
	domain = spec.config;
	domain.n_nics = 2;
	domain.nics[1] = (struct hv_nic){.has_device = true, .device = 4};
	vm_devices_stray(&now, name, sizeof name);
	cr_assert_str_eq(name, "network card 4");
}

Test(vm_devices, drives_of_an_hvm)
{
	make_hvm();
	spec.config.disks[spec.config.n_disks++] = disk("hdd", "");
	run();
	PLAN("vbd.create", "{\"type\":\"CD\"}", "-: xvda hdd! hdc! 0 | xvda hdd! 0");
	PLAN("vbd.create", "{\"type\":\"CD\",\"userdevice\":\"1\"}",
	     "-: xvda hdd! hdb! 0 | xvda hdd! 0");
	REFUSED(MU_E_INVALID, "vbd.create", "{\"type\":\"CD\",\"userdevice\":\"4\"}", "below 4");
	/* What serves a file of the host says nothing of a VDI. */
	memcpy(spec.config.disks[1].backend, "qdisk", sizeof "qdisk");
	memcpy(spec.config.disks[1].format, "vhd", sizeof "vhd");
	PLAN("vbd.insert", "{\"device\":\"3\",\"VDI\":\"" VDI_B "\"}",
	     "insert: xvda hdd 0 | xvda hdd 0");
	cr_assert_str_eq(plan.disk.backend, "");
	cr_assert_str_eq(plan.disk.format, "raw");
	spec.config.disks[1] = disk("hdd", "");
	PLAN("vbd.eject", "{\"device\":\"hdd\"}", "eject: xvda hdd! 0 | xvda hdd! 0");
	PLAN("vbd.delete", "{\"device\":\"hdd\"}", "-: xvda 0 | xvda hdd! 0");
	spec.config.disks[1].vdi = built.config.disks[1].vdi = spec.config.disks[0].vdi;
	PLAN("vbd.insert", "{\"device\":\"3\",\"VDI\":\"" VDI_A "\"}",
	     "-: xvda hdd 0 | xvda hdd 0");
	PLAN("vbd.eject", "{\"device\":\"hdd\"}", "eject: xvda hdd! 0 | xvda hdd! 0");
	cr_assert(mu_uuid_equal(&plan.let_go, &spec.config.disks[0].vdi));
	cr_assert_eq(found("vbd.insert", "{\"device\":\"hdd\",\"VDI\":\"" VDI_A "\"}"), 'd');
	cr_assert_eq(found("vbd.insert", "{\"device\":\"hdd\",\"VDI\":\"" VDI_B "\"}"), 'n');
	cr_assert_eq(found("vbd.eject", "{\"device\":\"hdd\"}"), 'n');
	/* Deleted in the definition: that is all that can be. */
	spec.config.n_disks = 1;
	cr_assert_eq(found("vbd.delete", "{\"device\":\"hdd\"}"), 'd');
	spec.config.n_disks = 2;
	for (char letter = 'b'; letter < 'd'; letter++) {
		char vdev[] = {'h', 'd', letter, '\0'};

		spec.config.disks[spec.config.n_disks++] = disk(vdev, "");
	}
	REFUSED(MU_E_EXHAUSTED, "vbd.create", "{\"type\":\"CD\"}", "no device of the VM is free");
	/* Of others the definition changes only. */
	spec.config.type = VM_TYPE_PVH;
	spec.config.firmware[0] = '\0';
	memcpy(spec.config.kernel, "/boot/k", sizeof "/boot/k");
	PLAN("vbd.eject", "{\"device\":\"hdd\"}", "-: xvda hdd! hdb! hdc! 0 | xvda hdd 0");
}

Test(vm_devices, lists_that_are_full)
{
	const char *full = "the most";

	run();
	/* A domain that has more than its definition. */
	while (built.config.n_disks < HV_DISKS_MAX) {
		char vdev[8];

		(void)snprintf(vdev, sizeof vdev, "xvd%c", 'c' + (int)built.config.n_disks);
		built.config.disks[built.config.n_disks++] = disk(vdev, NULL);
	}
	REFUSED(MU_E_EXHAUSTED, "vbd.create", "{\"VDI\":\"" VDI_B "\",\"userdevice\":\"1\"}", full);
	while (built.config.n_nics < HV_NICS_MAX)
		built.config.nics[built.config.n_nics++] = (struct hv_nic){.bridge = "b"};
	domain.n_nics = 0;
	spec.config.nics[0].has_device = true;
	spec.config.nics[0].device = 7;
	built.config.nics[7].has_device = true;
	built.config.nics[7].device = 100;
	REFUSED(MU_E_EXHAUSTED, "vif.connect", "{\"device\":\"7\"}", full);
	while (spec.config.n_nics < HV_NICS_MAX) {
		struct hv_nic *nic = &spec.config.nics[spec.config.n_nics++];

		*nic = (struct hv_nic){.bridge = "b", .has_device = true};
		nic->device = (uint32_t)spec.config.n_nics - 2;
	}
	REFUSED(MU_E_EXHAUSTED, "vif.create", "{\"bridge\":\"b\"}", full);
	spec.config.nics[0].device = 9;
	REFUSED(MU_E_EXHAUSTED, "vif.create", "{\"bridge\":\"b\"}", full);
	spec.config.n_nics = 1;
	while (spec.config.n_pci < HV_PCI_MAX)
		(void)snprintf(spec.config.pci[spec.config.n_pci].address, 16, "0000:01:%02zx.0",
			       spec.config.n_pci),
		    spec.config.n_pci++;
	REFUSED(MU_E_EXHAUSTED, "pci.attach", "{\"address\":\"02:00.0\"}", full);
	while (spec.config.n_usb_devices < HV_USB_MAX)
		spec.config.usb_devices[spec.config.n_usb_devices] =
		    (struct hv_usb_device){.bus = 1,
					   .address = (uint32_t)spec.config.n_usb_devices + 1},
		spec.config.n_usb_devices++;
	REFUSED(MU_E_EXHAUSTED, "usb.attach", "{\"device\":\"2.1\"}", full);
}

Test(vm_devices, cards_come_and_go)
{
	struct model_vm other, self;
	const struct model_vm *vms[] = {&other, &self};
	char mac[18];

	model_vm_init(&other);
	model_vm_init(&self);
	self.id = spec.config.id;
	other.id.uuid.bytes[0] = 2;
	memcpy(other.name, "other", sizeof "other");
	other.n_nics = 1;
	vm_default_mac(&spec.config.id, 1, other.nics[0].mac);
	PLAN("vif.create", "{\"bridge\":\"b\"}", "-: xvda 0 1 |");
	vm_default_mac(&spec.config.id, 0, mac);
	cr_assert_str_eq(plan.spec.config.nics[0].mac, mac, "the first keeps what it had");
	cr_assert_str_eq(plan.spec.config.nics[1].mac, other.nics[0].mac);
	now.vms = vms;
	now.n_vms = 2;
	PLAN("vif.create", "{\"bridge\":\"b\"}", "-: xvda 0 1 |");
	cr_assert_str_neq(plan.spec.config.nics[1].mac, other.nics[0].mac);
	run();
	now.bridge = "xenbr9";
	PLAN("vif.create",
	     "{\"networkId\":\"" VDI_A "\",\"MAC\":\"02:16:3E:00:00:01\",\"device\":\"5\",\"MTU\":"
	     "1400,\"rateLimit\":7}",
	     "plug: xvda 0 5 | xvda 0 5");
	cr_assert_str_eq(plan.nic.bridge, "xenbr9");
	cr_assert_str_eq(plan.nic.mac, "02:16:3e:00:00:01");
	cr_assert_eq(plan.nic.rate_bytes, 7000);
	cr_assert_eq(plan.nic.mtu, 1400);
	REFUSED(MU_E_INVALID, "vif.create", "{\"networkId\":\"" VDI_A "\",\"bridge\":\"b\"}",
		"bridge: b, but");
	PLAN("vif.create", "{\"networkId\":\"" VDI_A "\",\"bridge\":\"xenbr9\",\"MAC\":\"\"}",
	     "plug: xvda 0 1 | xvda 0 1");
	now.bridge = NULL;
	(void)snprintf(mac, sizeof mac, "%s", other.nics[0].mac);
	REFUSED(MU_E_EXISTS, "vif.create",
		mu_arena_printf(arena, "{\"bridge\":\"b\",\"MAC\":\"%s\"}", mac), "other");
	REFUSED(MU_E_INVALID, "vif.create", "{\"bridge\":\"b\",\"MAC\":\"x\"}", "MAC");
	REFUSED(MU_E_INVALID, "vif.create", "{\"bridge\":\"b\",\"device\":\"8\"}", "device");
	REFUSED(MU_E_EXISTS, "vif.create", "{\"bridge\":\"b\",\"device\":\"0\"}", "is taken");
	PLAN("vif.edit", "{\"device\":\"0\",\"rateLimit\":3}", "rate: xvda 0 | xvda 0");
	cr_assert_eq(plan.nic.rate_bytes, 3000);
	cr_assert_eq(plan.built.config.nics[0].rate_bytes, 3000);
	PLAN("vif.edit", "{\"device\":\"0\"}", "-: xvda 0 | xvda 0");
	PLAN("vif.disconnect", "{\"device\":\"0\"}", "unplug: xvda 0 | xvda");
	PLAN("vif.connect", "{\"device\":\"0\"}", "-: xvda 0 | xvda 0");
	PLAN("vif.delete", "{\"device\":\"0\"}", "unplug: xvda | xvda");
	domain.n_nics = built.config.n_nics = 0;
	PLAN("vif.connect", "{\"device\":\"0\"}", "plug: xvda 0 | xvda 0");
	PLAN("vif.edit", "{\"device\":\"0\",\"rateLimit\":null}", "-: xvda 0 | xvda");
	PLAN("vif.delete", "{\"device\":\"0\"}", "-: xvda | xvda");
	for (size_t i = 0; i < 4; i++) {
		static const char *const methods[] = {"vif.edit", "vif.delete", "vif.connect",
						      "vif.disconnect"};

		REFUSED(MU_E_NOT_FOUND, methods[i], "{\"device\":\"3\"}", "no network card \"3\"");
	}
	/* One that only the domain has. */
	domain.nics[domain.n_nics++] = (struct hv_nic){.has_device = true, .device = 3};
	PLAN("vif.delete", "{\"device\":\"3\"}", "unplug: xvda 0 | xvda");
}

Test(vm_devices, the_order_of_a_list_is_the_definitions)
{
	spec.config.disks[spec.config.n_disks++] = disk("xvdb", VDI_B);
	memcpy(spec.config.nics[spec.config.n_nics++].bridge, "b", sizeof "b");
	run();
	PLAN("vbd.disconnect", "{\"device\":\"0\"}", "detach: xvda xvdb 0 1 | xvdb 0 1");
	built = plan.built;
	domain.disks[0] = domain.disks[1];
	domain.n_disks = 1;
	PLAN("vbd.connect", "{\"device\":\"0\"}", "attach: xvda xvdb 0 1 | xvda xvdb 0 1");
	built = plan.built;
	domain = spec.config;
	PLAN("vif.disconnect", "{\"device\":\"0\"}", "unplug: xvda xvdb 0 1 | xvda xvdb 1");
	built = plan.built;
	spec = plan.spec;
	domain = built.config;
	PLAN("vif.connect", "{\"device\":\"0\"}", "plug: xvda xvdb 0 1 | xvda xvdb 0 1");
}

Test(vm_devices, passed_through)
{
	make_hvm();
	PLAN("pci.attach", "{\"address\":\"03:00.0\"}", "-: xvda 0 0000:03:00.0 |");
	REFUSED(MU_E_INVALID, "pci.attach", "{\"address\":\"eth0\"}", "not a PCI address");
	REFUSED(MU_E_NOT_FOUND, "pci.detach", "{\"address\":\"03:00.0\"}", "0000:03:00.0");
	run();
	PLAN("pci.attach", "{\"address\":\"0000:0A:00.0\"}",
	     "pci+: xvda 0 0000:0a:00.0 | xvda 0 0000:0a:00.0");
	spec = plan.spec;
	REFUSED(MU_E_EXISTS, "pci.attach", "{\"address\":\"0a:00.0\"}", "already");
	PLAN("pci.detach", "{\"address\":\"0a:00.0\"}", "-: xvda 0 | xvda 0");
	domain.pci[domain.n_pci++] = built.config.pci[built.config.n_pci++] = spec.config.pci[0];
	PLAN("pci.detach", "{\"address\":\"0a:00.0\"}", "pci-: xvda 0 | xvda 0");
	spec.config.n_pci = 0;
	PLAN("pci.attach", "{\"address\":\"0a:00.0\"}",
	     "-: xvda 0 0000:0a:00.0 | xvda 0 0000:0a:00.0");
	cr_assert_eq(found("pci.detach", "{\"address\":\"0a:00.0\"}"), 'n');
	cr_assert_eq(found("pci.attach", "{\"address\":\"0a:00.0\"}"), 'n');
	domain.n_pci = built.config.n_pci = 0;
	cr_assert_eq(found("pci.detach", "{\"address\":\"0a:00.0\"}"), 'd');

	(void)snprintf(spec.config.pci[0].address, 16, "0000:01:00.0");
	(void)snprintf(spec.config.pci[1].address, 16, "0000:02:00.0");
	spec.config.n_pci = 2;
	PLAN("pci.detach", "{\"address\":\"02:00.0\"}", "-: xvda 0 0000:01:00.0 | xvda 0");
	spec.config.n_pci = 0;

	REFUSED(MU_E_INVALID, "usb.attach", "{\"device\":\"stick\"}", "BUS.ADDRESS");
	REFUSED(MU_E_INVALID, "usb.detach", "{\"device\":\"1.2x\"}", "BUS.ADDRESS");
	REFUSED(MU_E_NOT_FOUND, "usb.detach", "{\"device\":\"1.2\"}", "1.2");
	PLAN("usb.attach", "{\"device\":\"1.2\"}", "usb+: xvda 0 1.2 | xvda 0 1.2");
	spec = plan.spec;
	REFUSED(MU_E_EXISTS, "usb.attach", "{\"device\":\"1.2\"}", "already");
	cr_assert_eq(found("usb.attach", "{\"device\":\"1.2\"}"), 'd');
	domain.usb_devices[domain.n_usb_devices++] = spec.config.usb_devices[0];
	PLAN("usb.detach", "{\"device\":\"1.2\"}", "usb-: xvda 0 | xvda 0");
	cr_assert_eq(found("usb.detach", "{\"device\":\"1.2\"}"), 'n');
	spec.config.n_usb_devices = 0;
	built.config.usb_devices[built.config.n_usb_devices++] = domain.usb_devices[0];
	PLAN("usb.attach", "{\"device\":\"1.2\"}", "-: xvda 0 1.2 | xvda 0 1.2");
	now.domain = NULL;
	now.built = NULL;
	cr_assert_eq(found("usb.detach", "{\"device\":\"1.2\"}"), 'd');
	PLAN("usb.attach", "{\"device\":\"1.2\"}", "-: xvda 0 1.2 |");
}

Test(vm_devices, what_is_found_after_a_crash)
{
	cr_expect_eq(found("vbd.create", "{\"VDI\":\"" VDI_A "\"}"), 'D');
	cr_expect_eq(found("vbd.create", "{\"VDI\":\"" VDI_B "\"}"), 'n');
	cr_expect_eq(found("vbd.create", "{\"userdevice\":\"0\",\"type\":\"CD\"}"), 'D');
	cr_expect_eq(found("vbd.create", "{\"type\":\"CD\"}"), '?');
	cr_expect_eq(found("vbd.delete", "{\"device\":\"xvda\"}"), 'n');
	cr_expect_eq(found("vbd.delete", "{\"device\":\"xvdb\"}"), 'd');
	cr_expect_eq(found("vbd.disconnect", "{\"device\":\"0\"}"), '?');
	cr_expect_eq(found("vif.create", "{\"bridge\":\"b\",\"device\":\"0\"}"), 'D');
	cr_expect_eq(found("vif.create", "{\"bridge\":\"b\",\"device\":\"2\"}"), 'n');
	cr_expect_eq(found("vif.create", "{\"bridge\":\"b\"}"), '?');
	cr_expect_eq(found("vif.create", "{\"bridge\":\"b\",\"MAC\":\"02:00:00:00:00:0A\"}"), 'n');
	memcpy(spec.config.nics[0].mac, "02:00:00:00:00:0a", 18);
	cr_expect_eq(found("vif.create", "{\"bridge\":\"b\",\"MAC\":\"02:00:00:00:00:0A\"}"), 'D');
	cr_expect_eq(found("vif.edit", "{\"device\":\"0\",\"rateLimit\":2}"), 'n');
	cr_expect_eq(found("vif.edit", "{\"device\":\"0\",\"rateLimit\":null}"), 'd');
	cr_expect_eq(found("vif.delete", "{\"device\":\"0\"}"), 'n');
	cr_expect_eq(found("vif.disconnect", "{\"device\":\"0\"}"), '?');
	run();
	cr_expect_eq(found("vbd.connect", "{\"device\":\"0\"}"), 'd');
	cr_expect_eq(found("vbd.disconnect", "{\"device\":\"0\"}"), 'n');
	cr_expect_eq(found("vif.connect", "{\"device\":\"0\"}"), 'd');
	cr_expect_eq(found("vif.disconnect", "{\"device\":\"0\"}"), 'n');
}

Test(vm_devices, the_note_follows_the_domain)
{
	spec.config.disks[spec.config.n_disks++] = disk("xvdb", VDI_B);
	memcpy(spec.config.nics[spec.config.n_nics++].bridge, "b", sizeof "b");
	run();
	cr_assert_not(vm_devices_reconcile(&spec, &domain, &built));
	/* The last run has disconnected one of each, and written nothing down. */
	domain.disks[0] = domain.disks[1];
	domain.nics[0] = domain.nics[1];
	domain.n_disks = domain.n_nics = 1;
	cr_assert(vm_devices_reconcile(&spec, &domain, &built));
	cr_assert_eq(built.config.n_disks, 1);
	cr_assert_str_eq(built.config.disks[0].vdev, "xvdb");
	cr_assert_eq(built.config.n_nics, 1);
	cr_assert_eq(built.config.nics[0].device, 1);
	/* And connected them again. */
	domain = spec.config;
	cr_assert(vm_devices_reconcile(&spec, &domain, &built));
	cr_assert_eq(built.config.n_disks, 2);
	cr_assert_str_eq(built.config.disks[0].vdev, "xvda");
	cr_assert_eq(built.config.n_nics, 2);
	cr_assert_eq(built.config.nics[0].device, 0);
	cr_assert_not(vm_devices_reconcile(&spec, &domain, &built));
}
