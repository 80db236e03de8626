/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PCI and USB devices of the host for a domain.
 *
 *     dom0's driver  --assign-->  xen-pciback  --attach-->  domain
 *                    <-release--               <-detach---
 *
 * libxl would take a device from its driver without asking, so what dom0 needs is found out first.
 * Without an IOMMU nothing is passed through, to PV guests neither: libxl 4.17 refuses to build a
 * domain with devices then (libxl_create.c, cap_hvm_directio), and fails half-way with one that
 * runs.
 */
#include "agent/hv/xen/xen_change.h"
#include "agent/hv/xen/xen_pci.h"
#include "common/base/str.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libxl_utils.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xenstore.h>

#define USB_DEVICES "/sys/bus/usb/devices"

enum { PATH_BYTES = 384, TEXT_BYTES = 64 };

/* libxl leaves a device that it failed to attach in its record. */
static void record_after(struct job *job, int rc)
{
	if (rc != 0)
		job_note_error(job, rc);
	job_record(job);
}

/* ---- PCI ---- */

static void fill_pci(struct job *job)
{
	const struct hv_pci *from = &job->device->pci;
	unsigned segment = 0, bus = 0, device = 0, function = 0;

	/* checked by hv.c */
	(void)sscanf(from->address, "%4x:%2x:%2x.%1x", &segment, &bus, &device, &function);
	job->pci.domain = (int)segment;
	job->pci.bus = (uint8_t)bus;
	job->pci.dev = (uint8_t)device;
	job->pci.func = (uint8_t)function;
	job->pci.permissive = from->permissive;
	job->pci.msitranslate = from->msitranslate;
	job->pci.power_mgmt = from->power_mgmt;
	job->pci.rdm_policy = LIBXL_RDM_RESERVE_POLICY_RELAXED;
}

static int check_iommu(struct job *job, struct mu_error *err)
{
	libxl_physinfo info;
	bool can;

	libxl_physinfo_init(&info);
	can = libxl_get_physinfo(job_ctx(job), &info) == 0 && info.cap_hvm_directio;
	libxl_physinfo_dispose(&info);
	if (can)
		return 0;
	return mu_error_set(err, MU_E_UNSUPPORTED,
			    "the host has no IOMMU, or it is off, so no PCI device can be passed "
			    "through; hint: VT-d or AMD-Vi in the firmware's setup, and "
			    "iommu=1 on Xen's command line");
}

/* Xen gives a domain its tables of the IOMMU at its creation or never, and libxl asks for them only
 * when it builds it with a device, or is told to. Whatever else Xen says here libxl says better. */
static int check_domain_iommu(struct job *job, struct mu_error *err)
{
	uint32_t sbdf = (uint32_t)job->pci.domain << 16 | (uint32_t)job->pci.bus << 8 |
			(uint32_t)job->pci.dev << 3 | job->pci.func;

	if (xc_test_assign_device(job_xch(job), job->domid.value, sbdf) == 0 || errno != EOPNOTSUPP)
		return 0;
	return mu_error_set(err, MU_E_STATE,
			    "the domain was started without PCI devices, so Xen gives it none "
			    "while it runs; hint: attach it while the VM is halted, or let the "
			    "VM's libxl.c_info.passthrough be \"enabled\" and start it anew");
}

/* 0 when no domain has it. As libxl notes it. */
static uint32_t owner_of(struct job *job)
{
	MU_CLEANUP(mu_free) char *text = NULL;
	char path[PATH_BYTES];
	uint64_t domid;

	(void)snprintf(path, sizeof path, XEN_PCI_NOTES "/%04x-%02x-%02x-%01x/domid",
		       (unsigned)job->pci.domain, job->pci.bus, job->pci.dev, job->pci.func);
	text = xs_read(job_xs(job), XBT_NULL, path, NULL);
	return text && mu_parse_u64(text, &domid) && domid <= UINT32_MAX ? (uint32_t)domid : 0;
}

static int check_not_owned(struct job *job, struct mu_error *err)
{
	uint32_t owner = owner_of(job);

	if (owner == 0)
		return 0;
	return mu_error_set(err, owner == job->domid.value ? MU_E_EXISTS : MU_E_STATE,
			    "domain %" PRIu32 " has PCI device %s", owner,
			    job->device->pci.address);
}

static int check_pci_attach(struct job *job, struct mu_error *err)
{
	struct hv_host_pci device;

	if (xen_pci_find(job->device->pci.address, &device, err) < 0)
		return MU_FAILED;
	if (job->type == VM_TYPE_PVH)
		return mu_error_set(err, MU_E_UNSUPPORTED,
				    "a PVH guest cannot have PCI devices of the host");
	if (check_not_owned(job, err) < 0)
		return MU_FAILED;
	if (xen_pci_check_given(&device, job->device->pci.seize, err) < 0 ||
	    xen_pci_check_pciback(err) < 0 || check_iommu(job, err) < 0)
		return MU_FAILED;
	return check_domain_iommu(job, err);
}

int job_check_pci(struct job *job, struct mu_error *err)
{
	for (int i = 0; i < job->xl.num_pcidevs; i++) {
		const libxl_device_pci *pci = &job->xl.pcidevs[i];
		struct hv_host_pci device;
		char address[sizeof device.address];

		(void)snprintf(address, sizeof address, "%04x:%02x:%02x.%x", (unsigned)pci->domain,
			       pci->bus, pci->dev, pci->func);
		if (xen_pci_find(address, &device, err) < 0 ||
		    xen_pci_check_given(&device, pci->seize, err) < 0)
			return MU_FAILED;
	}
	return 0;
}

void job_pci_attach(struct job *job)
{
	fill_pci(job);
	job->pci.seize = job->device->pci.seize;
	if (check_pci_attach(job, &job->err) < 0) {
		job_finish(job, MU_FAILED);
		return;
	}
	job_begun(job, libxl_device_pci_add(job_ctx(job), job->domid.value, &job->pci,
					    job_expect(job, "libxl_device_pci_add", record_after)));
}

void job_pci_detach(struct job *job)
{
	const libxl_asyncop_how *how;
	uint32_t domid = job->domid.value;

	fill_pci(job);
	if (owner_of(job) != domid) {
		job_fail(job, MU_E_NOT_FOUND, "the domain has no PCI device %s",
			 job->device->pci.address);
		return;
	}
	how = job_expect(job, "libxl_device_pci_remove", record_after);
	if (job->device->force)
		job_begun(job, libxl_device_pci_destroy(job_ctx(job), domid, &job->pci, how));
	else
		job_begun(job, libxl_device_pci_remove(job_ctx(job), domid, &job->pci, how));
}

/* A PV guest that stops closes its devices, but libxl 4.17 wants to find them connected when it
 * destroys the domain (libxl__device_pci_remove_xenstore()). It gives up after 10 s and leaves what
 * pciback has of the domain in xenstore, for which pciback keeps the device from all others. */
void job_pci_let_go(struct job *job)
{
	char path[PATH_BYTES];

	(void)snprintf(path, sizeof path, "/local/domain/0/backend/pci/%" PRIu32, job->domid.value);
	(void)xs_rm(job_xs(job), XBT_NULL, path); /* most have none */
}

/* For libxl's calls that are done when they return. */
static void called(struct job *job, int rc)
{
	job->in_libxl = false;
	job_finish_by_rc(job, rc);
}

void job_pci_assign(struct job *job)
{
	struct hv_host_pci device;

	fill_pci(job);
	if (xen_pci_find(job->device->pci.address, &device, &job->err) < 0) {
		job_finish(job, MU_FAILED);
		return;
	}
	if (device.assignable) {
		job_finish(job, 0);
		return;
	}
	if (xen_pci_check_idle(&device, &job->err) < 0 || check_iommu(job, &job->err) < 0 ||
	    xen_pci_check_pciback(&job->err) < 0) {
		job_finish(job, MU_FAILED);
		return;
	}
	(void)job_expect(job, "libxl_device_pci_assignable_add", job_finish_by_rc);
	called(job, libxl_device_pci_assignable_add(job_ctx(job), &job->pci, 1));
}

void job_pci_release(struct job *job)
{
	struct hv_host_pci device;

	fill_pci(job);
	if (xen_pci_find(job->device->pci.address, &device, &job->err) < 0 ||
	    check_not_owned(job, &job->err) < 0) {
		job_finish(job, MU_FAILED);
		return;
	}
	if (!device.assignable) {
		job_finish(job, 0);
		return;
	}
	(void)job_expect(job, "libxl_device_pci_assignable_remove", job_finish_by_rc);
	called(job, libxl_device_pci_assignable_remove(job_ctx(job), &job->pci, 1));
}

/* ---- USB ---- */

static bool usb_number_is(const char *name, const char *file, uint32_t number)
{
	char path[PATH_BYTES], text[TEXT_BYTES] = "";
	int fd;
	ssize_t n;

	(void)snprintf(path, sizeof path, USB_DEVICES "/%s/%s", name, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, text, sizeof text - 1);
	(void)close(fd);
	return n > 0 && strtoul(text, NULL, 10) == number;
}

static int check_usb_exists(const struct hv_usb_device *usb, struct mu_error *err)
{
	DIR *dir = opendir(USB_DEVICES);
	const struct dirent *entry;
	bool found = false;

	while (dir && !found && (entry = readdir(dir)))
		found = entry->d_name[0] != '.' && strlen(entry->d_name) < TEXT_BYTES &&
			usb_number_is(entry->d_name, "busnum", usb->bus) &&
			usb_number_is(entry->d_name, "devnum", usb->address);
	if (dir)
		(void)closedir(dir);
	if (found)
		return 0;
	return mu_error_set(err, MU_E_NOT_FOUND,
			    "the host has no USB device %" PRIu32 ".%" PRIu32 "; hint: lsusb",
			    usb->bus, usb->address);
}

/* The domain's USB device that is this one of the host's, into job->usb. */
static bool find_usb(struct job *job)
{
	const struct hv_usb_device *usb = &job->device->usb;
	bool found = false;
	int n = 0;
	libxl_device_usbdev *list = libxl_device_usbdev_list(job_ctx(job), job->domid.value, &n);

	for (int i = 0; i < n && !found; i++) {
		found = list[i].type == LIBXL_USBDEV_TYPE_HOSTDEV &&
			list[i].u.hostdev.hostbus == usb->bus &&
			list[i].u.hostdev.hostaddr == usb->address;
		if (found)
			libxl_device_usbdev_copy(job_ctx(job), &job->usb, &list[i]);
	}
	libxl_device_usbdev_list_free(list, n);
	return found;
}

void job_usb_attach(struct job *job)
{
	const struct hv_usb_device *from = &job->device->usb;

	if (check_usb_exists(from, &job->err) < 0) {
		job_finish(job, MU_FAILED);
		return;
	}
	if (find_usb(job)) {
		job_fail(job, MU_E_EXISTS,
			 "the domain has USB device %" PRIu32 ".%" PRIu32 " already", from->bus,
			 from->address);
		return;
	}
	libxl_device_usbdev_init_type(&job->usb, LIBXL_USBDEV_TYPE_HOSTDEV);
	job->usb.u.hostdev.hostbus = (uint8_t)from->bus;
	job->usb.u.hostdev.hostaddr = (uint8_t)from->address;
	job->usb.ctrl = from->has_port ? (int)from->controller : -1;
	job->usb.port = from->has_port ? (int)from->port : 0;
	job_begun(
	    job, libxl_device_usbdev_add(job_ctx(job), job->domid.value, &job->usb,
					 job_expect(job, "libxl_device_usbdev_add", record_after)));
}

void job_usb_detach(struct job *job)
{
	const struct hv_usb_device *usb = &job->device->usb;

	if (!find_usb(job)) {
		job_fail(job, MU_E_NOT_FOUND, "the domain has no USB device %" PRIu32 ".%" PRIu32,
			 usb->bus, usb->address);
		return;
	}
	job_begun(job, libxl_device_usbdev_remove(
			   job_ctx(job), job->domid.value, &job->usb,
			   job_expect(job, "libxl_device_usbdev_remove", record_after)));
}
