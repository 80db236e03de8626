/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices of a domain that runs. Disks are files that the cases make themselves; the guest needs
 * drivers for PV disks and network cards.
 */
#include "common/base/str.h"
#include "common/os/clock.h"
#include "common/os/file.h"
#include "tests/unit/agent/hv/contract_env.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MIB = 1 << 20 };

/* ---- helpers ---- */

static int make_file(const char *path, off_t bytes, struct mu_error *err)
{
	if (mu_file_replace(path, "", 0, 0600, err) < 0)
		return MU_FAILED;
	EXPECT(truncate(path, bytes) == 0, "%s", path);
	return 0;
}

static struct wait *device_op(struct env *e, enum hv_op_kind kind, struct hv_domid domid,
			      const struct hv_device *device)
{
	return env_op(e, (struct hv_op){.kind = kind, .domid = domid, .device = device});
}

static int run(struct env *e, enum hv_op_kind kind, struct hv_domid domid,
	       const struct hv_device *device, struct mu_error *err)
{
	return env_run(e, device_op(e, kind, domid, device), err);
}

static int refused(struct env *e, enum hv_op_kind kind, struct hv_domid domid,
		   const struct hv_device *device, enum mu_error_code code, const char *says,
		   struct mu_error *err)
{
	struct wait *w = device_op(e, kind, domid, device);

	if (env_refused(e, w, code, err) < 0)
		return MU_FAILED;
	EXPECT(strstr(w->op.err.text, says), "\"%s\" is not in: %s", says, w->op.err.text);
	return 0;
}

static struct hv_device disk_of(const char *vdev, const char *path)
{
	struct hv_device d = {.disk = {.format = "raw"}};

	snprintf(d.disk.vdev, sizeof d.disk.vdev, "%s", vdev);
	snprintf(d.disk.path, sizeof d.disk.path, "%s", path);
	return d;
}

/* How many disks of that path, and of any, the domain's configuration has. */
static int count_disks(struct env *e, struct hv_domid domid, const char *path, size_t *ret_n,
		       size_t *ret_all, struct mu_error *err)
{
	MU_CLEANUP(mu_free) struct hv_vm_config *c = mu_xcalloc(1, sizeof *c);

	if (hv_config(e->hv, domid, c, err) < 0)
		return MU_FAILED;
	*ret_all = c->n_disks;
	*ret_n = 0;
	for (size_t i = 0; i < c->n_disks; i++)
		*ret_n += strcmp(c->disks[i].path, path) == 0;
	return 0;
}

static int expect_disks(struct env *e, struct hv_domid domid, const char *path, size_t n,
			size_t all, struct mu_error *err)
{
	size_t has, has_all;

	if (count_disks(e, domid, path, &has, &has_all, err) < 0)
		return MU_FAILED;
	EXPECT(has == n && has_all == all, "%zu of %zu disks are %s", has, has_all, path);
	return 0;
}

static int read_nic(struct env *e, struct hv_domid domid, uint32_t device, struct hv_nic *ret,
		    bool *ret_found, struct mu_error *err)
{
	MU_CLEANUP(mu_free) struct hv_vm_config *c = mu_xcalloc(1, sizeof *c);

	if (hv_config(e->hv, domid, c, err) < 0)
		return MU_FAILED;
	*ret_found = false;
	for (size_t i = 0; i < c->n_nics; i++) {
		if ((c->nics[i].has_device ? c->nics[i].device : i) != device)
			continue;
		*ret = c->nics[i];
		*ret_found = true;
	}
	return 0;
}

/* ---- disks ---- */

/* How often the guest has read it. */
static int count_reads(struct env *e, struct hv_domid domid, const char *vdev, uint64_t *ret,
		       struct mu_error *err)
{
	enum { DOMAINS = 16 };
	MU_CLEANUP(mu_free) struct hv_domain_stats *d = mu_xcalloc(DOMAINS, sizeof *d);
	struct hv_host_stats host;
	size_t n;

	*ret = 0;
	if (hv_stats(e->hv, &host, d, DOMAINS, &n, err) < 0)
		return MU_FAILED;
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; d[i].domid.value == domid.value && k < d[i].n_vbds; k++)
			if (strcmp(d[i].vbds[k].vdev, vdev) == 0)
				*ret += d[i].vbds[k].rd_reqs;
	return 0;
}

/* Until the guest has read it and reads no more, as kernels do when they find it: then it knows the
 * size, and has closed it again. Linux never lets go of a disk that is open when it is asked to. */
static int wait_read(struct env *e, struct hv_domid domid, const char *vdev, struct mu_error *err)
{
	enum { LOOK = 500 };
	uint64_t before = 0, reads = 0;

	for (mu_msec ms = 0; ms < e->c->boot_ms && (reads == 0 || reads != before); ms += LOOK) {
		env_pause(e, LOOK);
		before = reads;
		if (count_reads(e, domid, vdev, &reads, err) < 0)
			return MU_FAILED;
	}
	return 0;
}

static int disk_comes_and_goes(struct env *e, struct mu_error *err)
{
	MU_CLEANUP(mu_free) char *path = mu_xasprintf("%s/extra.img", e->c->dir);
	struct hv_device disk = disk_of("xvdb", path);
	struct hv_device missing = disk_of("xvdc", "/nonexistent/contract.img");
	struct hv_vm_config config;
	struct hv_domid domid;

	if (make_file(path, 8 * MIB, err) < 0 || env_create_booted(e, &config, &domid, err) < 0 ||
	    run(e, HV_DISK_ATTACH, domid, &disk, err) < 0 ||
	    expect_disks(e, domid, path, 1, config.n_disks + 1, err) < 0 ||
	    refused(e, HV_DISK_ATTACH, domid, &disk, MU_E_EXISTS, "xvdb", err) < 0 ||
	    refused(e, HV_DISK_ATTACH, domid, &missing, MU_E_NOT_FOUND, missing.disk.path, err) <
		0 ||
	    expect_disks(e, domid, path, 1, config.n_disks + 1, err) < 0 ||
	    wait_read(e, domid, "xvdb", err) < 0)
		return MU_FAILED;
	if (run(e, HV_DISK_DETACH, domid, &disk, err) < 0 ||
	    expect_disks(e, domid, path, 0, config.n_disks, err) < 0 ||
	    refused(e, HV_DISK_DETACH, domid, &disk, MU_E_NOT_FOUND, "xvdb", err) < 0)
		return MU_FAILED;
	/* Once more, as what is gone for good can come again; then by force. */
	disk.force = true;
	if (run(e, HV_DISK_ATTACH, domid, &disk, err) < 0 ||
	    run(e, HV_DISK_DETACH, domid, &disk, err) < 0 ||
	    expect_disks(e, domid, path, 0, config.n_disks, err) < 0)
		return MU_FAILED;
	return mu_file_remove(path, err);
}

static int disk_grows(struct env *e, struct mu_error *err)
{
	MU_CLEANUP(mu_free) char *path = mu_xasprintf("%s/growing.img", e->c->dir);
	struct hv_device disk = disk_of("xvdb", path);
	struct hv_device other = disk_of("xvdc", "");
	struct hv_vm_config config;
	struct hv_domid domid;

	disk.size_bytes = other.size_bytes = 12 * MIB;
	if (make_file(path, 8 * MIB, err) < 0 || env_create_booted(e, &config, &domid, err) < 0 ||
	    run(e, HV_DISK_ATTACH, domid, &disk, err) < 0 || wait_read(e, domid, "xvdb", err) < 0 ||
	    refused(e, HV_DISK_RESIZE, domid, &disk, MU_E_STATE, "less than", err) < 0)
		return MU_FAILED;
	EXPECT(truncate(path, 12 * MIB) == 0, "%s", path);
	if (run(e, HV_DISK_RESIZE, domid, &disk, err) < 0 ||
	    refused(e, HV_DISK_RESIZE, domid, &other, MU_E_NOT_FOUND, "xvdc", err) < 0)
		return MU_FAILED;
	disk.size_bytes = 1000;
	if (refused(e, HV_DISK_RESIZE, domid, &disk, MU_E_INVALID, "size", err) < 0)
		return MU_FAILED;
	return mu_file_remove(path, err);
}

/* As nobody answers for it. */
static int paused_guest_keeps_its_disk(struct env *e, struct mu_error *err)
{
	MU_CLEANUP(mu_free) char *path = mu_xasprintf("%s/kept.img", e->c->dir);
	struct hv_device disk = disk_of("xvdb", path);
	struct hv_vm_config config;
	struct hv_domid domid;

	if (make_file(path, 8 * MIB, err) < 0 || env_create_booted(e, &config, &domid, err) < 0 ||
	    run(e, HV_DISK_ATTACH, domid, &disk, err) < 0)
		return MU_FAILED;
	if (env_on(e, HV_PAUSE, domid, err) < 0 ||
	    refused(e, HV_DISK_DETACH, domid, &disk, MU_E_TIMEOUT, "force", err) < 0 ||
	    expect_disks(e, domid, path, 1, config.n_disks + 1, err) < 0)
		return MU_FAILED;
	disk.force = true;
	if (run(e, HV_DISK_DETACH, domid, &disk, err) < 0 ||
	    expect_disks(e, domid, path, 0, config.n_disks, err) < 0 ||
	    env_on(e, HV_UNPAUSE, domid, err) < 0)
		return MU_FAILED;
	return mu_file_remove(path, err);
}

/* HVM: a drive that is empty at first. */
static int cd_goes_in_and_out(struct env *e, struct hv_device *cd, struct mu_error *err)
{
	struct hv_vm_config config = env_guest(e);
	struct hv_device none = disk_of("hdd", cd->disk.path);
	struct hv_domid domid;

	none.disk.cdrom = true;
	config.disks[config.n_disks++] = (struct hv_disk){.vdev = "hdc", .cdrom = true};
	if (env_create(e, &config, &domid, err) < 0 || run(e, HV_CD_INSERT, domid, cd, err) < 0 ||
	    expect_disks(e, domid, cd->disk.path, 1, config.n_disks, err) < 0 ||
	    run(e, HV_CD_EJECT, domid, cd, err) < 0 || run(e, HV_CD_EJECT, domid, cd, err) < 0 ||
	    expect_disks(e, domid, cd->disk.path, 0, config.n_disks, err) < 0)
		return MU_FAILED;
	if (refused(e, HV_CD_INSERT, domid, &none, MU_E_NOT_FOUND, "hdd", err) < 0)
		return MU_FAILED;
	return refused(e, HV_DISK_DETACH, domid, cd, MU_E_UNSUPPORTED, "CD drive", err);
}

static int cd_needs_a_drive(struct env *e, struct mu_error *err)
{
	MU_CLEANUP(mu_free) char *path = mu_xasprintf("%s/cd.iso", e->c->dir);
	struct hv_device cd = disk_of("hdc", path);
	struct hv_vm_config config = env_guest(e);
	struct hv_domid domid;

	cd.disk.cdrom = true;
	if (make_file(path, MIB, err) < 0)
		return MU_FAILED;
	if (config.type == VM_TYPE_HVM) {
		if (cd_goes_in_and_out(e, &cd, err) < 0)
			return MU_FAILED;
	} else if (env_create(e, &config, &domid, err) < 0 ||
		   refused(e, HV_CD_INSERT, domid, &cd, MU_E_UNSUPPORTED, "attach the image", err) <
		       0 ||
		   refused(e, HV_CD_EJECT, domid, &cd, MU_E_UNSUPPORTED, "attach the image", err) <
		       0) {
		return MU_FAILED;
	}
	return mu_file_remove(path, err);
}

/* ---- network cards ---- */

static int nic_comes_and_goes(struct env *e, struct mu_error *err)
{
	static const char mac[] = "00:16:3e:12:34:56";
	struct hv_device nic = {.nic = {.bridge = "xenbr0", .mac = "00:16:3e:12:34:56"}};
	struct hv_device second = {.nic = {.bridge = "xenbr0", .rate_bytes = 500000}};
	struct hv_vm_config config;
	struct hv_domid domid;
	struct hv_nic is;
	struct wait *w;
	bool found;

	if (env_create_booted(e, &config, &domid, err) < 0)
		return MU_FAILED;
	w = device_op(e, HV_NIC_ATTACH, domid, &nic);
	if (env_run(e, w, err) < 0)
		return MU_FAILED;
	EXPECT(w->op.ret_number == config.n_nics, "it has number %" PRIu32, w->op.ret_number);
	nic.nic.has_device = true;
	nic.nic.device = w->op.ret_number;
	if (read_nic(e, domid, nic.nic.device, &is, &found, err) < 0 ||
	    refused(e, HV_NIC_ATTACH, domid, &nic, MU_E_EXISTS, "already", err) < 0)
		return MU_FAILED;
	EXPECT(found && strcmp(is.mac, mac) == 0 && strcmp(is.bridge, "xenbr0") == 0, "%s at %s",
	       is.mac, is.bridge);
	/* With a hole in the numbers: it is filled. */
	w = device_op(e, HV_NIC_ATTACH, domid, &second);
	if (env_run(e, w, err) < 0 || run(e, HV_NIC_DETACH, domid, &nic, err) < 0 ||
	    read_nic(e, domid, nic.nic.device, &is, &found, err) < 0)
		return MU_FAILED;
	EXPECT(!found, "a detached card is still there");
	second.nic.has_device = true;
	second.nic.device = w->op.ret_number;
	if (read_nic(e, domid, second.nic.device, &is, &found, err) < 0)
		return MU_FAILED;
	EXPECT(found && is.rate_bytes == 500000, "rate %" PRId64, is.rate_bytes);
	w = device_op(e, HV_NIC_ATTACH, domid, &(struct hv_device){.nic = {.bridge = "xenbr0"}});
	if (env_run(e, w, err) < 0)
		return MU_FAILED;
	EXPECT(w->op.ret_number == nic.nic.device, "it has number %" PRIu32, w->op.ret_number);
	second.nic.device = HV_NICS_MAX - 1;
	return refused(e, HV_NIC_DETACH, domid, &second, MU_E_NOT_FOUND, "network card", err);
}

static int nic_rate_changes(struct env *e, struct mu_error *err)
{
	struct hv_device nic = {.nic = {.bridge = "xenbr0", .has_device = true, .device = 3}};
	struct hv_vm_config config;
	struct hv_domid domid;
	struct hv_nic is;
	bool found;

	if (env_create_booted(e, &config, &domid, err) < 0 ||
	    refused(e, HV_NIC_RATE, domid, &nic, MU_E_NOT_FOUND, "network card 3", err) < 0 ||
	    run(e, HV_NIC_ATTACH, domid, &nic, err) < 0)
		return MU_FAILED;
	nic.nic.rate_bytes = 2000000;
	if (run(e, HV_NIC_RATE, domid, &nic, err) < 0 ||
	    read_nic(e, domid, 3, &is, &found, err) < 0)
		return MU_FAILED;
	EXPECT(found && is.rate_bytes == 2000000, "rate %" PRId64, is.rate_bytes);
	nic.nic.rate_bytes = 0;
	if (run(e, HV_NIC_RATE, domid, &nic, err) < 0 ||
	    read_nic(e, domid, 3, &is, &found, err) < 0)
		return MU_FAILED;
	EXPECT(found && is.rate_bytes == 0, "rate %" PRId64, is.rate_bytes);
	nic.nic.rate_bytes = -1;
	return refused(e, HV_NIC_RATE, domid, &nic, MU_E_INVALID, "rate", err);
}

/* ---- the host's devices ---- */

/* One that a driver of dom0 has. */
static int find_used(struct env *e, struct hv_host_pci *ret, struct mu_error *err)
{
	MU_CLEANUP(mu_free) struct hv_host_pci *list = mu_xcalloc(HV_HOST_PCI_MAX, sizeof *list);
	size_t n = 0;

	if (hv_pci_list(e->hv, list, HV_HOST_PCI_MAX, &n, err) < 0)
		return MU_FAILED;
	EXPECT(n > 0, "no PCI devices");
	ret->address[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		EXPECT(i == 0 || strcmp(list[i - 1].address, list[i].address) < 0,
		       "%s is not in order", list[i].address);
		EXPECT(list[i].vendor != 0, "%s has no vendor", list[i].address);
		EXPECT(!list[i].assignable || list[i].driver[0] == '\0', "%s: driver %s",
		       list[i].address, list[i].driver);
		if (list[i].driver[0] != '\0' && list[i].class_code >> 16 == 2)
			*ret = list[i];
	}
	EXPECT(ret->address[0] != '\0', "dom0 has no network card");
	return hv_pci_list(e->hv, list, 1, &n, err) < 0 || n != 1 ? MU_FAILED : 0;
}

static int pci_in_use_refused(struct env *e, struct mu_error *err)
{
	struct hv_device device = {.pci = {.address = "0000:ff:1f.7"}};
	struct hv_vm_config config = env_guest(e);
	struct hv_host_pci used, after;
	struct hv_domid domid, none = {0};

	if (env_create(e, &config, &domid, err) < 0 || find_used(e, &used, err) < 0 ||
	    refused(e, HV_PCI_ATTACH, domid, &device, MU_E_NOT_FOUND, "lspci", err) < 0 ||
	    refused(e, HV_PCI_ASSIGN, none, &device, MU_E_NOT_FOUND, "lspci", err) < 0 ||
	    refused(e, HV_PCI_RELEASE, none, &device, MU_E_NOT_FOUND, "lspci", err) < 0)
		return MU_FAILED;
	memcpy(device.pci.address, used.address, sizeof used.address);
	if (config.type == VM_TYPE_PVH
		? refused(e, HV_PCI_ATTACH, domid, &device, MU_E_UNSUPPORTED, "PVH", err) < 0
		: refused(e, HV_PCI_ATTACH, domid, &device, MU_E_STATE, used.driver, err) < 0)
		return MU_FAILED;
	if (refused(e, HV_PCI_DETACH, domid, &device, MU_E_NOT_FOUND, used.address, err) < 0 ||
	    run(e, HV_PCI_RELEASE, none, &device, err) < 0)
		return MU_FAILED;
	memcpy(device.pci.address, "0000:00:1F.2", sizeof "0000:00:1F.2");
	if (refused(e, HV_PCI_ATTACH, domid, &device, MU_E_INVALID, "small letters", err) < 0 ||
	    find_used(e, &after, err) < 0)
		return MU_FAILED;
	EXPECT(strcmp(after.driver, used.driver) == 0, "driver %s", after.driver);
	return 0;
}

/* The network card that this machine is reached by, or its like. */
static int pci_that_dom0_needs_refused(struct env *e, struct mu_error *err)
{
	MU_CLEANUP(mu_free) struct hv_host_pci *list = mu_xcalloc(HV_HOST_PCI_MAX, sizeof *list);
	struct hv_domid none = {0};
	size_t n = 0, n_refused = 0;

	if (hv_pci_list(e->hv, list, HV_HOST_PCI_MAX, &n, err) < 0)
		return MU_FAILED;
	for (size_t i = 0; i < n; i++) {
		struct hv_device device = {.force = false};
		struct wait *w = device_op(e, HV_PCI_ASSIGN, none, &device);

		/* Only what is needed for sure: the others would be taken away from this host. */
		if (list[i].driver[0] == '\0' || list[i].class_code >> 16 != 2)
			continue;
		memcpy(device.pci.address, list[i].address, sizeof list[i].address);
		if (list[i].address[11] != '0')
			continue;
		wait_start(e, w);
		if (wait_end(w, err) < 0)
			return MU_FAILED;
		EXPECT(w->op.r < 0 && w->op.err.code == MU_E_STATE, "%s: %s", list[i].address,
		       w->op.err.text);
		EXPECT(strstr(w->op.err.text, list[i].driver), "%s", w->op.err.text);
		n_refused++;
	}
	EXPECT(n_refused > 0, "no network card among %zu devices", n);
	return 0;
}

static int usb_that_is_not_there(struct env *e, struct mu_error *err)
{
	struct hv_device device = {.usb = {.bus = 200, .address = 100}};
	struct hv_vm_config config = env_guest(e);
	struct hv_domid domid;

	if (env_create(e, &config, &domid, err) < 0 ||
	    refused(e, HV_USB_ATTACH, domid, &device, MU_E_NOT_FOUND, "200.100", err) < 0 ||
	    refused(e, HV_USB_DETACH, domid, &device, MU_E_NOT_FOUND, "200.100", err) < 0)
		return MU_FAILED;
	device.usb.bus = 0;
	return refused(e, HV_USB_ATTACH, domid, &device, MU_E_INVALID, "lsusb", err);
}

/* ---- all of them ---- */

static int nothing_without_a_domain(struct env *e, struct mu_error *err)
{
	static const struct {
		enum hv_op_kind kind;
		struct hv_device device;
	} cases[] = {
	    {HV_DISK_ATTACH, {.disk = {.vdev = "xvdb", .path = "/dev/null"}}},
	    {HV_DISK_DETACH, {.disk = {.vdev = "xvdb"}}},
	    {HV_DISK_RESIZE, {.disk = {.vdev = "xvdb"}, .size_bytes = 4096}},
	    {HV_CD_INSERT, {.disk = {.vdev = "hdc", .path = "/dev/null", .cdrom = true}}},
	    {HV_CD_EJECT, {.disk = {.vdev = "hdc"}}},
	    {HV_NIC_ATTACH, {.nic = {.bridge = "xenbr0"}}},
	    {HV_NIC_DETACH, {.nic = {.has_device = true}}},
	    {HV_NIC_RATE, {.nic = {.has_device = true}}},
	    {HV_PCI_ATTACH, {.pci = {.address = "0000:00:00.0"}}},
	    {HV_PCI_DETACH, {.pci = {.address = "0000:00:00.0"}}},
	    {HV_USB_ATTACH, {.usb = {.bus = 1, .address = 2}}},
	    {HV_USB_DETACH, {.usb = {.bus = 1, .address = 2}}},
	};
	struct hv_domid domid = {32000};

	for (size_t i = 0; i < MU_ARRAY_SIZE(cases); i++) {
		if (refused(e, cases[i].kind, domid, &cases[i].device, MU_E_NOT_FOUND, "32000",
			    err) < 0 ||
		    refused(e, cases[i].kind, domid, NULL, MU_E_INVALID, "device", err) < 0)
			return MU_FAILED;
	}
	return 0;
}

static int console_is_told(struct env *e, struct mu_error *err)
{
	struct hv_vm_config config = env_guest(e);
	struct mu_error why = MU_ERROR_INIT;
	struct hv_console console;
	struct hv_domid domid;

	if (env_create(e, &config, &domid, err) < 0)
		return MU_FAILED;
	if (hv_console(e->hv, domid, HV_CONSOLE_SERIAL, &console, &why) < 0) {
		EXPECT(why.code == MU_E_UNSUPPORTED, "%s", why.text);
		return 0;
	}
	EXPECT(access(console.tty, R_OK | W_OK) == 0, "\"%s\" is no terminal", console.tty);
	EXPECT(hv_console(e->hv, domid, HV_CONSOLE_VNC, &console, &why) < 0, "port %u",
	       console.port);
	EXPECT(why.code == MU_E_NOT_FOUND, "%s", why.text);
	EXPECT(hv_console(e->hv, (struct hv_domid){32000}, HV_CONSOLE_SERIAL, &console, &why) < 0,
	       "of no domain");
	EXPECT(why.code == MU_E_NOT_FOUND, "%s", why.text);
	return 0;
}

/* What brackets a snapshot of disks must not wait for another VM's build. */
static int pause_waits_for_nobody(struct env *e, struct mu_error *err)
{
	struct hv_vm_config config = env_guest(e);
	struct hv_vm_config other = env_guest(e);
	struct wait *w = env_op(e, (struct hv_op){.kind = HV_CREATE, .config = &other});
	mu_msec worst = 0;
	int n_beside = 0;
	struct hv_domid domid;

	if (env_create(e, &config, &domid, err) < 0)
		return MU_FAILED;
	wait_start(e, w);
	env_pause(e, 5);
	for (int i = 0; w->n_done == 0 && i < 1000; i++) {
		mu_msec begin = mu_clock_monotonic();
		mu_msec took;

		if (env_on(e, HV_PAUSE, domid, err) < 0 || env_on(e, HV_UNPAUSE, domid, err) < 0)
			return MU_FAILED;
		took = mu_clock_monotonic() - begin;
		worst = took > worst ? took : worst;
		n_beside += w->n_done == 0;
		env_pause(e, 10);
	}
	if (wait_end(w, err) < 0)
		return MU_FAILED;
	printf("# worst pause and unpause beside a build: %" PRId64 " ms\n", worst);
	EXPECT(w->op.r == 0, "%s", w->op.err.text);
	/* A build may be over too soon for that; then they took no longer than usual. */
	EXPECT(n_beside > 0 || worst < 1000, "pause and unpause took %" PRId64 " ms, and the build",
	       worst);
	return 0;
}

const struct env_case contract_devices[] = {
    {"disk is attached and detached", disk_comes_and_goes},
    {"disk that has grown is told", disk_grows},
    {"paused guest keeps its disk, unless by force", paused_guest_keeps_its_disk},
    {"CD needs a drive", cd_needs_a_drive},
    {"network card is attached and detached", nic_comes_and_goes},
    {"network card's rate changes", nic_rate_changes},
    {"PCI device of dom0 is refused by its driver", pci_in_use_refused},
    {"PCI device that dom0 needs is not made assignable", pci_that_dom0_needs_refused},
    {"USB device that is not there is refused", usb_that_is_not_there},
    {"devices of no domain", nothing_without_a_domain},
    {"console is told", console_is_told},
    {"pause waits for no build", pause_waits_for_nobody},
    {NULL, NULL},
};
