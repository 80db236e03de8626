/* SPDX-License-Identifier: Apache-2.0 */
/* What the contract does not reach of changes on a simulated host: HVM guests, guests that do not
 * answer, the host's own devices, the state file. */
#include "agent/hv/sim/sim_model.h"
#include "agent/hv/sim/sim_state.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIB ((int64_t)1 << 20)
#define START ((mu_msec)1700000000000)

struct world {
	struct sim_model *m;
	struct mu_arena *arena;
	mu_msec now;
	uint64_t last_op;
	struct mu_error err; /* of the last operation */
	uint32_t number;
	int file_r; /* the answer to file actions */
};

static const struct sim_params params = {
    .name = "host",
    .seed = 42,
    .cpus = 4,
    .memory_bytes = 4096 * MIB,
    .create_ms = 10,
    .shutdown_ms = 10,
    .destroy_ms = 10,
};

static struct world open_world(void)
{
	return (struct world){
	    .m = sim_model_new(&params, START), .arena = mu_arena_new(), .now = START};
}

static void close_world(struct world *w)
{
	sim_model_free(w->m);
	mu_arena_free(w->arena);
}

/* Gives the operation's end, or NULL. */
static const struct sim_action *step(struct world *w, struct sim_event e)
{
	const struct sim_action *done = NULL;
	struct mu_error no_file = MU_ERROR_INIT;

	e.now = w->now;
	for (const struct sim_action *a = sim_model_step(w->m, &e, w->arena); a; a = a->next) {
		if (a->kind == SIM_DONE && a->op == w->last_op)
			done = a;
		if (a->kind != SIM_FILE_CHECK)
			continue;
		mu_error_set(&no_file, MU_E_NOT_FOUND, "no file %s", a->data ? a->data : "");
		return step(
		    w, (struct sim_event){
			   .kind = SIM_FILE_DONE, .op = a->op, .r = w->file_r, .err = &no_file});
	}
	return done;
}

/* The code it ends with; time passes until it does. */
static enum mu_error_code run(struct world *w, struct sim_event e, struct hv_domid *ret_domid)
{
	const struct sim_action *done;

	e.kind = SIM_OP_START;
	e.op = ++w->last_op;
	done = step(w, e);
	for (int i = 0; !done && i < 100; i++) {
		w->now = sim_model_wake_at(w->m);
		done = step(w, (struct sim_event){.kind = SIM_TICK});
	}
	cr_assert(done, "operation %d does not end", (int)e.op_kind);
	w->err = done->err;
	w->number = done->number;
	if (ret_domid)
		*ret_domid = done->domid;
	return done->r == 0 ? MU_E_NONE : done->err.code;
}

static struct hv_domid create(struct world *w, enum vm_type type, const char *cmdline)
{
	struct hv_vm_config c = {.type = type,
				 .vcpus = 1,
				 .vcpus_max = 2,
				 .memory_bytes = 256 * MIB,
				 .memory_max_bytes = 512 * MIB,
				 .kernel = "/sim/vmlinuz",
				 .n_disks = 2,
				 .disks = {{.vdev = "hda", .path = "/sim/disk", .format = "raw"},
					   {.vdev = "hdc", .cdrom = true}},
				 .n_nics = 2,
				 .nics = {{.bridge = "xenbr0"}, {.bridge = "xenbr0"}}};
	struct hv_domid domid;

	c.id.uuid.bytes[0] = (uint8_t)(w->last_op + 1);
	snprintf(c.name, sizeof c.name, "guest-%lu", (unsigned long)w->last_op);
	snprintf(c.cmdline, sizeof c.cmdline, "%s", cmdline);
	cr_assert_eq(run(w, (struct sim_event){.op_kind = HV_CREATE, .config = &c}, &domid),
		     MU_E_NONE, "%s", w->err.text);
	return domid;
}

static enum mu_error_code on(struct world *w, enum hv_op_kind kind, struct hv_domid domid,
			     struct hv_device device)
{
	return run(w, (struct sim_event){.op_kind = kind, .domid = domid, .device = &device}, NULL);
}

static enum mu_error_code set(struct world *w, enum hv_op_kind kind, struct hv_domid domid,
			      struct hv_resources r)
{
	return run(w, (struct sim_event){.op_kind = kind, .domid = domid, .resources = &r}, NULL);
}

static struct hv_vm_config *config_of(const struct sim_model *m, struct hv_domid domid)
{
	static struct hv_vm_config c;

	cr_assert_eq(sim_model_config(m, domid, &c, NULL), 0);
	return &c;
}

static struct hv_device disk(const char *vdev, const char *path, bool cdrom)
{
	struct hv_device d = {.disk = {.format = "raw", .cdrom = cdrom}};

	snprintf(d.disk.vdev, sizeof d.disk.vdev, "%s", vdev);
	snprintf(d.disk.path, sizeof d.disk.path, "%s", path);
	return d;
}

Test(sim_change, cds_of_hvm_guests)
{
	struct world w = open_world();
	struct hv_domid domid = create(&w, VM_TYPE_HVM, "");
	struct hv_device cd = disk("hdc", "/sim/a.iso", true);

	cr_expect_eq(on(&w, HV_CD_INSERT, domid, cd), MU_E_NONE);
	cr_expect_str_eq(config_of(w.m, domid)->disks[1].path, "/sim/a.iso");
	cr_expect(config_of(w.m, domid)->disks[1].cdrom);
	cr_expect_eq(on(&w, HV_CD_EJECT, domid, cd), MU_E_NONE);
	cr_expect_str_eq(config_of(w.m, domid)->disks[1].path, "");
	cr_expect_eq(on(&w, HV_CD_EJECT, domid, cd), MU_E_NONE, "an empty one too");
	cr_expect_eq(on(&w, HV_CD_INSERT, domid, disk("hda", "/sim/a", true)), MU_E_INVALID);
	cr_expect_eq(on(&w, HV_CD_INSERT, domid, disk("hdd", "/sim/a", true)), MU_E_NOT_FOUND);
	cr_expect_eq(on(&w, HV_DISK_DETACH, domid, cd), MU_E_UNSUPPORTED);
	cr_expect_eq(on(&w, HV_DISK_ATTACH, domid, disk("hdd", "/sim/a", true)), MU_E_UNSUPPORTED);
	w.file_r = MU_FAILED;
	cr_expect_eq(on(&w, HV_CD_INSERT, domid, cd), MU_E_NOT_FOUND);
	cr_expect_str_eq(config_of(w.m, domid)->disks[1].path, "", "nothing half made");
	close_world(&w);
}

Test(sim_change, guest_that_does_not_answer_keeps_its_disk)
{
	struct world w = open_world();
	struct hv_domid domid = create(&w, VM_TYPE_PV, "sim.deaf");
	struct hv_device device = disk("hda", "", false);
	struct hv_device nic = {.nic = {.has_device = true, .device = 0}};
	mu_msec begin = w.now;

	cr_expect_eq(on(&w, HV_DISK_DETACH, domid, device), MU_E_TIMEOUT);
	cr_expect_eq(w.now - begin, MU_SEC(10));
	cr_expect_eq(config_of(w.m, domid)->n_disks, 2u);
	/* libxl takes a card by force in the end. */
	cr_expect_eq(on(&w, HV_NIC_DETACH, domid, nic), MU_E_NONE);
	cr_expect_eq(w.now - begin, MU_SEC(20));
	device.force = true;
	cr_expect_eq(on(&w, HV_DISK_DETACH, domid, device), MU_E_NONE);
	cr_expect_eq(w.now - begin, MU_SEC(20));
	cr_expect_eq(config_of(w.m, domid)->n_disks, 1u);
	close_world(&w);
}

/* While a detach waits: the domain goes, or somebody loses patience. */
Test(sim_change, waiting_ends_with_the_domain_or_by_cancel)
{
	struct world w = open_world();
	struct hv_domid a = create(&w, VM_TYPE_PV, "sim.deaf");
	struct hv_domid b = create(&w, VM_TYPE_PV, "sim.deaf");
	struct hv_device device = disk("hda", "", false);
	struct sim_event e = {.kind = SIM_OP_START,
			      .op = ++w.last_op,
			      .op_kind = HV_DISK_DETACH,
			      .domid = a,
			      .device = &device};
	const struct sim_action *done;

	cr_expect_null(step(&w, e));
	done = step(&w, (struct sim_event){.kind = SIM_KILL, .domid = a});
	cr_assert(done);
	cr_expect_eq(done->err.code, MU_E_NOT_FOUND);
	e.op = ++w.last_op;
	e.domid = b;
	cr_expect_null(step(&w, e));
	done = step(&w, (struct sim_event){.kind = SIM_OP_CANCEL, .op = w.last_op});
	cr_assert(done);
	cr_expect_eq(done->err.code, MU_E_CANCELLED);
	cr_expect_eq(config_of(w.m, b)->n_disks, 2u);
	close_world(&w);
}

Test(sim_change, there_is_room_for_so_many)
{
	struct world w = open_world();
	struct hv_domid domid = create(&w, VM_TYPE_PV, "");
	struct hv_device nic = {.nic = {.bridge = "xenbr0"}};
	char vdev[8];

	for (int i = 2; i <= HV_DISKS_MAX; i++) {
		snprintf(vdev, sizeof vdev, "xvd%c", 'a' + i);
		cr_expect_eq(on(&w, HV_DISK_ATTACH, domid, disk(vdev, "/sim/d", false)),
			     i < HV_DISKS_MAX ? MU_E_NONE : MU_E_EXHAUSTED);
	}
	for (uint32_t i = 2; i <= HV_NICS_MAX; i++) {
		cr_expect_eq(on(&w, HV_NIC_ATTACH, domid, nic),
			     i < HV_NICS_MAX ? MU_E_NONE : MU_E_EXHAUSTED);
		cr_expect(i == HV_NICS_MAX || w.number == i, "%u", w.number);
	}
	close_world(&w);
}

Test(sim_change, qcow2_is_not_resized_live)
{
	struct world w = open_world();
	struct hv_domid domid = create(&w, VM_TYPE_PV, "");
	struct hv_device device = disk("xvdb", "/sim/d", false);

	device.size_bytes = 1 << 20;
	snprintf(device.disk.format, sizeof device.disk.format, "qcow2");
	cr_expect_eq(on(&w, HV_DISK_ATTACH, domid, device), MU_E_NONE);
	cr_expect_eq(on(&w, HV_DISK_RESIZE, domid, device), MU_E_UNSUPPORTED);
	close_world(&w);
}

static struct hv_host_pci pci_of(const struct sim_model *m, const char *address)
{
	struct hv_host_pci list[16];
	size_t n = sim_model_pci_list(m, list, 16);

	for (size_t i = 0; i < n; i++) {
		if (strcmp(list[i].address, address) == 0)
			return list[i];
	}
	cr_assert(false, "no %s", address);
	return list[0];
}

static size_t n_pci_shown(const struct world *w, struct hv_domid domid)
{
	MU_CLEANUP(mu_free) struct hv_vm_config *c = mu_xcalloc(1, sizeof *c);

	cr_assert_eq(sim_model_config(w->m, domid, c, NULL), 0);
	cr_expect(c->n_pci == 0 || !strcmp(c->pci[0].address, "0000:03:00.1"));
	return c->n_pci;
}

static size_t n_usb_shown(const struct world *w, struct hv_domid domid)
{
	MU_CLEANUP(mu_free) struct hv_vm_config *c = mu_xcalloc(1, sizeof *c);

	cr_assert_eq(sim_model_config(w->m, domid, c, NULL), 0);
	return c->n_usb_devices;
}

Test(sim_change, pci_device_goes_to_a_guest_and_back)
{
	static const char address[] = "0000:03:00.1";
	struct world w = open_world();
	struct hv_domid hvm = create(&w, VM_TYPE_HVM, "");
	struct hv_domid other = create(&w, VM_TYPE_PV, "");
	struct hv_domid pvh = create(&w, VM_TYPE_PVH, "");
	struct hv_domid none = {0};
	struct hv_device device = {.pci = {.address = "0000:03:00.1"}};
	struct hv_device needed = {.pci = {.address = "0000:03:00.0"}};

	cr_expect_str_eq(pci_of(w.m, address).driver, "ixgbe");
	cr_expect_eq(on(&w, HV_PCI_ATTACH, hvm, device), MU_E_STATE);
	cr_expect(strstr(w.err.text, "ixgbe"), "%s", w.err.text);
	cr_expect_eq(on(&w, HV_PCI_ASSIGN, none, needed), MU_E_STATE);
	cr_expect(strstr(w.err.text, "eth0 is up"), "%s", w.err.text);
	cr_expect_eq(on(&w, HV_PCI_ASSIGN, none, device), MU_E_NONE);
	cr_expect_eq(on(&w, HV_PCI_ASSIGN, none, device), MU_E_NONE, "twice");
	cr_expect(pci_of(w.m, address).assignable);
	cr_expect_str_eq(pci_of(w.m, address).driver, "");
	cr_expect_eq(on(&w, HV_PCI_ATTACH, pvh, device), MU_E_UNSUPPORTED);
	cr_expect_eq(on(&w, HV_PCI_ATTACH, hvm, device), MU_E_NONE);
	cr_expect_eq(pci_of(w.m, address).domid.value, hvm.value);
	cr_expect_eq(n_pci_shown(&w, hvm), 1u);
	cr_expect_eq(n_pci_shown(&w, other), 0u);
	cr_expect_eq(on(&w, HV_PCI_ATTACH, hvm, device), MU_E_EXISTS);
	cr_expect_eq(on(&w, HV_PCI_ATTACH, other, device), MU_E_STATE);
	cr_expect_eq(on(&w, HV_PCI_DETACH, other, device), MU_E_NOT_FOUND);
	cr_expect_eq(on(&w, HV_PCI_RELEASE, none, device), MU_E_STATE);
	cr_expect_eq(on(&w, HV_PCI_DETACH, hvm, device), MU_E_NONE);
	cr_expect_eq(n_pci_shown(&w, hvm), 0u);
	cr_expect_eq(on(&w, HV_PCI_ATTACH, other, device), MU_E_NONE);
	cr_expect_eq(on(&w, HV_DESTROY, other, device), MU_E_NONE);
	cr_expect_eq(pci_of(w.m, address).domid.value, 0u, "free with its domain");
	cr_expect_eq(on(&w, HV_PCI_RELEASE, none, device), MU_E_NONE);
	cr_expect_eq(on(&w, HV_PCI_RELEASE, none, device), MU_E_NONE, "twice");
	device.pci.seize = true;
	cr_expect_eq(on(&w, HV_PCI_ATTACH, hvm, device), MU_E_NONE);
	needed.pci.seize = true;
	cr_expect_eq(on(&w, HV_PCI_ATTACH, hvm, needed), MU_E_STATE);
	close_world(&w);
}

Test(sim_change, usb_device_goes_to_a_guest_and_back)
{
	struct world w = open_world();
	struct hv_domid a = create(&w, VM_TYPE_HVM, "");
	struct hv_domid b = create(&w, VM_TYPE_PV, "");
	struct hv_device stick = {.usb = {.bus = 1, .address = 2}};

	cr_expect_eq(on(&w, HV_USB_ATTACH, a, stick), MU_E_NONE);
	cr_expect_eq(on(&w, HV_USB_ATTACH, a, stick), MU_E_EXISTS);
	cr_expect_eq(on(&w, HV_USB_ATTACH, b, stick), MU_E_STATE);
	cr_expect_eq(on(&w, HV_USB_DETACH, b, stick), MU_E_NOT_FOUND);
	cr_expect_eq(n_usb_shown(&w, a), 1u);
	cr_expect_eq(n_usb_shown(&w, b), 0u);
	cr_expect_eq(on(&w, HV_USB_DETACH, a, stick), MU_E_NONE);
	cr_expect_eq(on(&w, HV_USB_ATTACH, b, stick), MU_E_NONE);
	(void)step(&w, (struct sim_event){.kind = SIM_KILL, .domid = b});
	cr_expect_eq(on(&w, HV_USB_ATTACH, a, stick), MU_E_NONE, "free with its domain");
	close_world(&w);
}

/* In ten minutes; 4 CPUs for one guest. */
static double busy(struct world *w, struct hv_domid domid)
{
	struct hv_domain_stats stats[4];
	struct hv_host_stats host;
	uint64_t before;

	(void)domid;
	cr_assert_eq(sim_model_stats(w->m, &host, stats, 4), 1u);
	before = stats[0].cpu_time_ns;
	w->now += MU_SEC(600);
	(void)step(w, (struct sim_event){.kind = SIM_TICK});
	cr_assert_eq(sim_model_stats(w->m, &host, stats, 4), 1u);
	return (double)(stats[0].cpu_time_ns - before) / 600e9;
}

Test(sim_change, cap_holds_and_counters_never_go_back)
{
	struct world w = open_world();
	struct hv_domid domid = create(&w, VM_TYPE_PV, "sim.load=batch");
	double free_run;

	cr_expect_eq(set(&w, HV_SET_VCPUS, domid, (struct hv_resources){.vcpus = 2}), MU_E_NONE);
	free_run = busy(&w, domid);
	cr_expect_gt(free_run, 0.2, "%f", free_run);
	cr_expect_eq(set(&w, HV_SET_SCHED, domid, (struct hv_resources){.cap = 10}), MU_E_NONE);
	cr_expect_leq(busy(&w, domid), 0.1001);
	cr_expect_eq(set(&w, HV_SET_SCHED, domid, (struct hv_resources){.cap = 0}), MU_E_NONE);
	cr_expect_eq(set(&w, HV_SET_VCPUS, domid, (struct hv_resources){.vcpus = 1}), MU_E_NONE);
	cr_expect_geq(busy(&w, domid), 0);
	close_world(&w);
}

Test(sim_change, state_file_has_it_all)
{
	struct world w = open_world();
	struct hv_domid domid = create(&w, VM_TYPE_HVM, "");
	struct hv_device pci = {.pci = {.address = "0000:04:00.0", .seize = true}};
	struct hv_device nic = {.nic = {.has_device = true, .device = 5, .rate_bytes = 4000}};
	struct hv_device usb = {.usb = {.bus = 1, .address = 3}};
	struct hv_resources r = {.weight = 700, .cap = 30, .cpus_hard = "0;1;", .cpus_soft = "1-2"};
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	MU_CLEANUP(mu_str_deinit) struct mu_str again = MU_STR_INIT;
	struct mu_error err = MU_ERROR_INIT;
	struct sim_model *m = NULL;

	snprintf(nic.nic.model, sizeof nic.nic.model, "e1000");
	cr_expect_eq(on(&w, HV_PCI_ATTACH, domid, pci), MU_E_NONE);
	cr_expect_eq(on(&w, HV_USB_ATTACH, domid, usb), MU_E_NONE);
	cr_expect_eq(on(&w, HV_NIC_ATTACH, domid, nic), MU_E_NONE);
	cr_expect_eq(set(&w, HV_SET_SCHED, domid, r), MU_E_NONE);
	cr_expect_eq(set(&w, HV_SET_AFFINITY, domid, r), MU_E_NONE);
	sim_state_encode(w.m, &text);
	cr_assert_eq(sim_state_decode(text.data, text.len, &params, w.now, &m, &err), 0, "%s",
		     err.text);
	sim_state_encode(m, &again);
	cr_expect_str_eq(again.data, text.data);
	cr_expect(strstr(text.data, "\"0;1;\""));
	cr_expect_eq(pci_of(m, "0000:04:00.0").domid.value, domid.value);
	cr_expect_eq(config_of(m, domid)->nics[2].rate_bytes, 4000);
	cr_expect_eq(config_of(m, domid)->nics[2].device, 5u);
	sim_model_free(m);
	close_world(&w);
}

/* A device cannot belong to a domain that is not in the file. */
Test(sim_change, device_of_a_lost_domain_is_free)
{
	static const char text[] =
	    "{\"format\":\"muster-sim-host\",\"version\":1,"
	    "\"boot_id\":\"00000000-0000-4000-8000-000000000001\",\"domains\":[],\"devices\":"
	    "{\"pci\":[{\"address\":\"0000:04:00.0\",\"assignable\":true,\"domid\":9},"
	    "{\"address\":\"nonsense\",\"domid\":-1},7],"
	    "\"usb\":[{\"bus\":1,\"address\":2,\"domid\":9}]}}";
	struct mu_error err = MU_ERROR_INIT;
	struct sim_model *m = NULL;

	cr_assert_eq(sim_state_decode(text, sizeof text - 1, &params, START, &m, &err), 0, "%s",
		     err.text);
	cr_expect(pci_of(m, "0000:04:00.0").assignable);
	cr_expect_eq(pci_of(m, "0000:04:00.0").domid.value, 0u);
	sim_model_free(m);
}
