/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What drivers may take for granted about single devices and resources. What depends on the domain
 * (its maximum of vCPUs, its type) is theirs to find out.
 */
#include "agent/hv/hv_check.h"
#include "agent/hv/hv_cpus.h"
#include "common/base/assert.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { SECTOR_BYTES = 512, MEMORY_MIN_BYTES = 1 << 20, RATE_MIN_BYTES = 1000 };

/* By a disk of the same name that is right in every other way. */
static int check_vdev(const struct hv_disk *disk, struct mu_error *err)
{
	struct hv_disk named = {.cdrom = true};

	memcpy(named.vdev, disk->vdev, sizeof named.vdev);
	return hv_check_disk(&named, err);
}

static int check_cd(const struct hv_disk *disk, struct mu_error *err)
{
	if (check_vdev(disk, err) < 0 || hv_check_disk(disk, err) < 0)
		return MU_FAILED;
	if (disk->path[0] == '\0')
		return mu_error_set(err, MU_E_INVALID, "%s: path is missing", disk->vdev);
	if (!disk->cdrom)
		return mu_error_set(err, MU_E_INVALID, "%s is not said to be a CD", disk->vdev);
	return 0;
}

static int check_resize(const struct hv_device *device, struct mu_error *err)
{
	if (check_vdev(&device->disk, err) < 0)
		return MU_FAILED;
	if (device->size_bytes < SECTOR_BYTES || device->size_bytes % SECTOR_BYTES)
		return mu_error_set(err, MU_E_INVALID,
				    "size is %" PRId64 " bytes; allowed: a multiple of %d",
				    device->size_bytes, SECTOR_BYTES);
	return 0;
}

static int check_nic_number(const struct hv_nic *nic, struct mu_error *err)
{
	if (!nic->has_device || nic->device >= HV_NICS_MAX)
		return mu_error_set(err, MU_E_INVALID,
				    "the nic's device number is missing, or above %d",
				    HV_NICS_MAX - 1);
	if (nic->rate_bytes != 0 && nic->rate_bytes < RATE_MIN_BYTES)
		return mu_error_set(err, MU_E_INVALID,
				    "rate is %" PRId64 " bytes a second; allowed: 0 (no limit), or "
				    "%d and more",
				    nic->rate_bytes, RATE_MIN_BYTES);
	return 0;
}

static int check_nic_whole(const struct hv_nic *nic, struct mu_error *err)
{
	struct hv_nic numbered = *nic;

	if (hv_check_nic(nic, err) < 0)
		return MU_FAILED;
	numbered.has_device = true;
	numbered.device = nic->has_device ? nic->device : 0;
	return check_nic_number(&numbered, err);
}

/* "0000:03:00.0" */
static int check_pci(const struct hv_pci *pci, struct mu_error *err)
{
	static const char form[] = "xxxx:xx:xx.o";
	size_t len = strnlen(pci->address, sizeof pci->address);
	bool ok = len == sizeof form - 1;

	for (size_t i = 0; ok && i < len; i++) {
		char c = pci->address[i];
		bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');

		ok = form[i] == 'x' ? hex : form[i] == 'o' ? c >= '0' && c <= '7' : c == form[i];
	}
	if (ok)
		return 0;
	return mu_error_set(err, MU_E_INVALID,
			    "\"%.*s\" is no PCI address like 0000:03:00.0, with small letters",
			    (int)len, pci->address);
}

static int check_usb(const struct hv_usb_device *usb, struct mu_error *err)
{
	if (usb->bus < 1 || usb->bus > 255 || usb->address < 1 || usb->address > 127)
		return mu_error_set(err, MU_E_INVALID,
				    "USB device %" PRIu32 ".%" PRIu32
				    " cannot be; hint: lsusb shows bus and device number",
				    usb->bus, usb->address);
	return 0;
}

static int check_disk_attach(const struct hv_device *d, struct mu_error *err)
{
	return hv_check_disk(&d->disk, err);
}

static int check_disk_named(const struct hv_device *d, struct mu_error *err)
{
	return check_vdev(&d->disk, err);
}

static int check_cd_insert(const struct hv_device *d, struct mu_error *err)
{
	return check_cd(&d->disk, err);
}

static int check_nic_attach(const struct hv_device *d, struct mu_error *err)
{
	return check_nic_whole(&d->nic, err);
}

static int check_nic_named(const struct hv_device *d, struct mu_error *err)
{
	return check_nic_number(&d->nic, err);
}

static int check_pci_named(const struct hv_device *d, struct mu_error *err)
{
	return check_pci(&d->pci, err);
}

static int check_usb_named(const struct hv_device *d, struct mu_error *err)
{
	return check_usb(&d->usb, err);
}

static int (*const device_checks[_HV_OP_KIND_COUNT])(const struct hv_device *,
						     struct mu_error *) = {
    [HV_DISK_ATTACH] = check_disk_attach, [HV_DISK_DETACH] = check_disk_named,
    [HV_DISK_RESIZE] = check_resize,      [HV_CD_INSERT] = check_cd_insert,
    [HV_CD_EJECT] = check_disk_named,     [HV_NIC_ATTACH] = check_nic_attach,
    [HV_NIC_DETACH] = check_nic_named,    [HV_NIC_RATE] = check_nic_named,
    [HV_PCI_ATTACH] = check_pci_named,    [HV_PCI_DETACH] = check_pci_named,
    [HV_USB_ATTACH] = check_usb_named,    [HV_USB_DETACH] = check_usb_named,
    [HV_PCI_ASSIGN] = check_pci_named,    [HV_PCI_RELEASE] = check_pci_named,
};

int hv_check_device(enum hv_op_kind kind, const struct hv_device *device, struct mu_error *err)
{
	mu_assert(device_checks[kind]);
	return device_checks[kind](device, err);
}

static int check_sched(const struct hv_resources *r, struct mu_error *err)
{
	if (r->weight > HV_WEIGHT_MAX)
		return mu_error_set(err, MU_E_INVALID,
				    "weight is %" PRIu32 "; allowed: 1 to %d, or 0 to leave it",
				    r->weight, HV_WEIGHT_MAX);
	if (r->cap < HV_AS_IT_IS || r->cap > 100 * HV_VCPUS_MAX)
		return mu_error_set(err, MU_E_INVALID,
				    "cap is %" PRId32 " %%; allowed: 0 (none) to %d, or %d to "
				    "leave it",
				    r->cap, 100 * HV_VCPUS_MAX, HV_AS_IT_IS);
	if (r->weight == 0 && r->cap == HV_AS_IT_IS)
		return mu_error_set(err, MU_E_INVALID, "neither weight nor cap is given");
	return 0;
}

static int check_list(const char *what, const char *text, struct mu_error *err)
{
	if (strnlen(text, HV_PATH_MAX + 1) > HV_PATH_MAX)
		return mu_error_set(err, MU_E_INVALID, "%s is longer than %d bytes", what,
				    HV_PATH_MAX);
	if (hv_cpus_check(text, err) < 0)
		return mu_error_prefix(err, "%s", what);
	return 0;
}

static int check_vcpus(const struct hv_resources *r, struct mu_error *err)
{
	if (r->vcpus >= 1 && r->vcpus <= HV_VCPUS_MAX)
		return 0;
	return mu_error_set(err, MU_E_INVALID, "vcpus is %" PRIu32 "; allowed: 1 to %d", r->vcpus,
			    HV_VCPUS_MAX);
}

static int check_memory(const struct hv_resources *r, struct mu_error *err)
{
	if (r->memory_bytes >= MEMORY_MIN_BYTES)
		return 0;
	return mu_error_set(err, MU_E_INVALID,
			    "memory is %" PRId64 " bytes; hint: the least is 1 MiB",
			    r->memory_bytes);
}

static int check_affinity(const struct hv_resources *r, struct mu_error *err)
{
	if (check_list("cpus_hard", r->cpus_hard, err) < 0)
		return MU_FAILED;
	return check_list("cpus_soft", r->cpus_soft, err);
}

static int check_new_name(const struct hv_resources *r, struct mu_error *err)
{
	return hv_check_name(r->name, err);
}

static int (*const resource_checks[_HV_OP_KIND_COUNT])(const struct hv_resources *,
						       struct mu_error *) = {
    [HV_SET_VCPUS] = check_vcpus,   [HV_SET_MEMORY] = check_memory,
    [HV_SET_SCHED] = check_sched,   [HV_SET_AFFINITY] = check_affinity,
    [HV_SET_NAME] = check_new_name,
};

int hv_check_resources(enum hv_op_kind kind, const struct hv_resources *resources,
		       struct mu_error *err)
{
	mu_assert(resource_checks[kind]);
	return resource_checks[kind](resources, err);
}
