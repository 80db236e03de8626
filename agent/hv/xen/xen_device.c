/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disks, CDs and network cards of a domain that runs.
 *
 * A device is converted as part of a configuration that has nothing else (one_device()), so it
 * becomes what it would have become in a create. libxl writes an attached device into its record
 * before it waits for the backend; if that fails it leaves both record and xenstore entries, so we
 * destroy the device and correct the record.
 */
#include "agent/hv/xen/xen_change.h"
#include "agent/hv/xen/xen_convert.h"
#include "common/base/str.h"

#include <inttypes.h>
#include <libxl_utils.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xenstore.h>

enum {
	PATH_BYTES = 256,
	RATE_USECS = 50000, /* in which netback hands out credit: libxl's own default */
};

/* A configuration with a single device, to be filled in and given to convert(). */
static struct hv_vm_config *one_device(const struct job *job)
{
	struct hv_vm_config *c = mu_xcalloc(1, sizeof *c);

	c->id = job->id;
	c->type = job->type;
	c->vcpus = c->vcpus_max = 1;
	return c;
}

/* Into job->xl; frees `c`. */
static int convert(struct job *job, struct hv_vm_config *c, struct mu_error *err)
{
	int r = job_check_needs(c, err);

	if (r == 0)
		r = xen_config_to_libxl(job_ctx(job), c, &job->xl, err);
	free(c);
	return r;
}

static void record_after(struct job *job, int rc)
{
	if (rc == 0)
		job_record(job);
	else
		job_finish_by_rc(job, rc);
}

/* ---- disks ---- */

/* By the list, as libxl warns when it is asked for a disk that is not there. */
static bool look_for_disk(struct job *job, int *ret_n)
{
	bool found = false;
	int n = 0;
	libxl_device_disk *disks = libxl_device_disk_list(job_ctx(job), job->domid.value, &n);

	for (int i = 0; i < n && !found; i++) {
		found = mu_str_equal(disks[i].vdev, job->device->disk.vdev);
		if (found)
			libxl_device_disk_copy(job_ctx(job), &job->disk, &disks[i]);
	}
	libxl_device_disk_list_free(disks, n);
	*ret_n = n;
	return found;
}

int job_find_disk(struct job *job, struct mu_error *err)
{
	int n;

	if (look_for_disk(job, &n))
		return 0;
	return mu_error_set(err, MU_E_NOT_FOUND, "the domain has no disk %s",
			    job->device->disk.vdev);
}

static int prepare_disk(struct job *job, struct mu_error *err)
{
	const struct hv_disk *disk = &job->device->disk;
	struct hv_vm_config *c;
	int n;

	if (look_for_disk(job, &n))
		return mu_error_set(err, MU_E_EXISTS, "the domain has a disk %s already",
				    disk->vdev);
	if (disk->cdrom && (job->type == VM_TYPE_HVM || disk->path[0] == '\0'))
		return mu_error_set(err, MU_E_UNSUPPORTED,
				    "a CD drive cannot be added while the VM runs; hint: insert "
				    "into one that is there, or attach the image as a disk");
	if (n >= HV_DISKS_MAX)
		return mu_error_set(err, MU_E_EXHAUSTED, "the domain has %d disks, the most",
				    HV_DISKS_MAX);
	c = one_device(job);
	c->disks[c->n_disks++] = *disk;
	return convert(job, c, err);
}

/* job->err says why the attach failed. */
static void on_disk_undone(struct job *job, int rc)
{
	(void)rc;
	job_record(job);
}

static void on_disk_attached(struct job *job, int rc)
{
	if (rc == 0) {
		job_finish(job, 0);
		return;
	}
	job_note_error(job, rc);
	job_begun(job, libxl_device_disk_destroy(
			   job_ctx(job), job->domid.value, &job->xl.disks[0],
			   job_expect(job, "libxl_device_disk_destroy", on_disk_undone)));
}

void job_disk_attach(struct job *job)
{
	if (prepare_disk(job, &job->err) < 0) {
		job_finish(job, MU_FAILED);
		return;
	}
	job_begun(
	    job, libxl_device_disk_add(job_ctx(job), job->domid.value, &job->xl.disks[0],
				       job_expect(job, "libxl_device_disk_add", on_disk_attached)));
}

static void on_disk_detached(struct job *job, int rc)
{
	if (rc == ERROR_TIMEDOUT)
		(void)mu_error_set(&job->err, MU_E_TIMEOUT,
				   "the guest does not let go of %s; it was asked to and may still "
				   "do so; hint: unmount it in the guest, or force",
				   job->device->disk.vdev);
	record_after(job, rc);
}

void job_disk_detach(struct job *job)
{
	const libxl_asyncop_how *how;
	uint32_t domid = job->domid.value;

	if (job_find_disk(job, &job->err) < 0) {
		job_finish(job, MU_FAILED);
		return;
	}
	if (job->disk.is_cdrom && job->type == VM_TYPE_HVM) {
		job_fail(job, MU_E_UNSUPPORTED,
			 "%s is a CD drive, which cannot be taken out while the VM runs; hint: "
			 "eject the CD",
			 job->device->disk.vdev);
		return;
	}
	how = job_expect(job, "libxl_device_disk_remove", on_disk_detached);
	if (job->device->force)
		job_begun(job, libxl_device_disk_destroy(job_ctx(job), domid, &job->disk, how));
	else
		job_begun(job, libxl_device_disk_safe_remove(job_ctx(job), domid, &job->disk, how));
}

/* ---- CDs ---- */

static int find_drive(struct job *job, struct mu_error *err)
{
	const char *vdev = job->device->disk.vdev;

	if (job->type != VM_TYPE_HVM)
		return mu_error_set(err, MU_E_UNSUPPORTED,
				    "a %s guest has no drive whose CD can be changed; hint: attach "
				    "the image as a disk, and detach it",
				    vm_type_name(job->type));
	if (job_find_disk(job, err) < 0)
		return MU_FAILED;
	if (!job->disk.is_cdrom)
		return mu_error_set(err, MU_E_INVALID, "%s is no CD drive", vdev);
	return 0;
}

/* An empty path is an empty drive: what ejecting is. */
void job_cd_change(struct job *job)
{
	struct hv_vm_config *c;

	if (find_drive(job, &job->err) < 0) {
		job_finish(job, MU_FAILED);
		return;
	}
	c = one_device(job);
	c->n_disks = 1;
	if (job->kind == HV_CD_INSERT)
		c->disks[0] = job->device->disk;
	c->disks[0].cdrom = true;
	memcpy(c->disks[0].vdev, job->device->disk.vdev, sizeof c->disks[0].vdev);
	if (convert(job, c, &job->err) < 0) {
		job_finish(job, MU_FAILED);
		return;
	}
	job_begun(job, libxl_cdrom_insert(job_ctx(job), job->domid.value, &job->xl.disks[0],
					  job_expect(job, "libxl_cdrom_insert", job_finish_by_rc)));
}

/* ---- network cards ---- */

/* The number that was asked for, or the lowest that is free. */
static int choose_number(struct job *job, uint32_t *ret, struct mu_error *err)
{
	const struct hv_nic *wanted = &job->device->nic;
	bool used[HV_NICS_MAX] = {false};
	uint32_t number = 0;
	int n = 0;
	libxl_device_nic *nics = libxl_device_nic_list(job_ctx(job), job->domid.value, &n);

	for (int i = 0; i < n; i++)
		if (nics[i].devid >= 0 && nics[i].devid < HV_NICS_MAX)
			used[nics[i].devid] = true;
	libxl_device_nic_list_free(nics, n);
	if (wanted->has_device && used[wanted->device])
		return mu_error_set(err, MU_E_EXISTS,
				    "the domain has a network card %" PRIu32 " already",
				    wanted->device);
	while (number < HV_NICS_MAX && used[number])
		number++;
	if (number == HV_NICS_MAX)
		return mu_error_set(err, MU_E_EXHAUSTED,
				    "the domain has %d network cards, the most", HV_NICS_MAX);
	*ret = wanted->has_device ? wanted->device : number;
	return 0;
}

/* At its own place in the list, as that is what a MAC address is derived from. */
static int prepare_nic(struct job *job, struct mu_error *err)
{
	struct hv_vm_config *c;
	uint32_t number;

	if (choose_number(job, &number, err) < 0)
		return MU_FAILED;
	c = one_device(job);
	c->n_nics = number + 1;
	c->nics[number] = job->device->nic;
	c->nics[number].has_device = true;
	c->nics[number].device = number;
	job->ret_number = number;
	return convert(job, c, err);
}

static libxl_device_nic *new_nic(struct job *job)
{
	return &job->xl.nics[job->ret_number];
}

static void on_nic_undone(struct job *job, int rc)
{
	(void)rc;
	job_record(job);
}

static void on_nic_attached(struct job *job, int rc)
{
	if (rc == 0) {
		job_finish(job, 0);
		return;
	}
	job_note_error(job, rc);
	job_begun(job, libxl_device_nic_destroy(
			   job_ctx(job), job->domid.value, new_nic(job),
			   job_expect(job, "libxl_device_nic_destroy", on_nic_undone)));
}

void job_nic_attach(struct job *job)
{
	if (prepare_nic(job, &job->err) < 0) {
		job_finish(job, MU_FAILED);
		return;
	}
	job_begun(job,
		  libxl_device_nic_add(job_ctx(job), job->domid.value, new_nic(job),
				       job_expect(job, "libxl_device_nic_add", on_nic_attached)));
}

static int find_nic(struct job *job, struct mu_error *err)
{
	uint32_t number = job->device->nic.device;
	bool found = false;
	int n = 0;
	libxl_device_nic *nics = libxl_device_nic_list(job_ctx(job), job->domid.value, &n);

	for (int i = 0; i < n && !found; i++) {
		found = nics[i].devid == (int)number;
		if (found)
			libxl_device_nic_copy(job_ctx(job), &job->nic, &nics[i]);
	}
	libxl_device_nic_list_free(nics, n);
	if (found)
		return 0;
	return mu_error_set(err, MU_E_NOT_FOUND, "the domain has no network card %" PRIu32, number);
}

void job_nic_detach(struct job *job)
{
	const libxl_asyncop_how *how;
	uint32_t domid = job->domid.value;

	if (find_nic(job, &job->err) < 0) {
		job_finish(job, MU_FAILED);
		return;
	}
	/* libxl forces it when the guest has not let go after 10 s. */
	how = job_expect(job, "libxl_device_nic_remove", record_after);
	if (job->device->force)
		job_begun(job, libxl_device_nic_destroy(job_ctx(job), domid, &job->nic, how));
	else
		job_begun(job, libxl_device_nic_remove(job_ctx(job), domid, &job->nic, how));
}

/*
 * netback watches its "rate" (bytes and microseconds); without one there is no limit. libxl has no
 * call for that. The path is the one that libxl keeps out of the guest's reach.
 */
static int write_rate(struct job *job, struct mu_error *err)
{
	MU_CLEANUP(mu_free) char *backend = NULL;
	char path[PATH_BYTES], value[64];
	bool ok;

	(void)snprintf(path, sizeof path, "/libxl/%" PRIu32 "/device/vif/%d/backend",
		       job->domid.value, job->nic.devid);
	backend = xs_read(job_xs(job), XBT_NULL, path, NULL);
	if (!backend || strlen(backend) > sizeof path - sizeof "/rate")
		return mu_error_set(err, MU_E_NOT_FOUND, "the network card has no backend");
	(void)snprintf(path, sizeof path, "%s/rate", backend);
	(void)snprintf(value, sizeof value, "%" PRIu64 ",%" PRIu32,
		       job->nic.rate_bytes_per_interval, job->nic.rate_interval_usecs);
	if (job->nic.rate_interval_usecs)
		ok = xs_write(job_xs(job), XBT_NULL, path, value, (unsigned)strlen(value));
	else
		ok = xs_rm(job_xs(job), XBT_NULL, path);
	return ok ? 0 : mu_error_set(err, MU_E_IO, "xenstore does not take %s", path);
}

void job_nic_rate(struct job *job)
{
	int64_t rate = job->device->nic.rate_bytes;

	if (find_nic(job, &job->err) < 0) {
		job_finish(job, MU_FAILED);
		return;
	}
	job->nic.rate_bytes_per_interval = (uint64_t)rate * RATE_USECS / MU_SEC(1) / 1000;
	job->nic.rate_interval_usecs = rate ? RATE_USECS : 0;
	if (write_rate(job, &job->err) < 0) {
		job_finish(job, MU_FAILED);
		return;
	}
	job_record(job);
}
