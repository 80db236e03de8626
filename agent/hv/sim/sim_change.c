/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes of a domain that runs: devices and resources. What the real driver refuses is refused
 * here with the same codes.
 *
 *     attach, insert, resize:  look at the file, then change the configuration
 *     detach:                  at once; a guest that is paused or deaf does not let go, so in
 *                              DETACH_PATIENCE a disk is kept, and a card is taken by force
 *     the others:              at once
 */
#include "agent/hv/hv_cpus.h"
#include "agent/hv/sim/sim_priv.h"
#include "common/base/assert.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define DETACH_PATIENCE MU_SEC(10)

static bool hears(const struct sim_domain *d)
{
	return sim_runs(d) && !d->traits.deaf;
}

/* ---- disks ---- */

static struct hv_disk *find_disk(struct sim_domain *d, const char *vdev)
{
	for (size_t i = 0; i < d->config.n_disks; i++) {
		if (strcmp(d->config.disks[i].vdev, vdev) == 0)
			return &d->config.disks[i];
	}
	return NULL;
}

static int require_disk(struct sim_op *op, struct sim_domain *d, struct hv_disk **ret,
			struct mu_error *err)
{
	*ret = find_disk(d, op->device->disk.vdev);
	if (*ret)
		return 0;
	return mu_error_set(err, MU_E_NOT_FOUND, "the domain has no disk %s",
			    op->device->disk.vdev);
}

static int check_attach(struct sim_step *s, struct sim_op *op, struct sim_domain *d,
			struct mu_error *err)
{
	const struct hv_disk *disk = &op->device->disk;

	(void)s;
	if (find_disk(d, disk->vdev))
		return mu_error_set(err, MU_E_EXISTS, "the domain has a disk %s already",
				    disk->vdev);
	if (disk->cdrom && (d->config.type == VM_TYPE_HVM || disk->path[0] == '\0'))
		return mu_error_set(err, MU_E_UNSUPPORTED,
				    "a CD drive cannot be added while the VM runs; hint: insert "
				    "into one that is there, or attach the image as a disk");
	if (d->config.n_disks == HV_DISKS_MAX)
		return mu_error_set(err, MU_E_EXHAUSTED, "the domain has %d disks, the most",
				    HV_DISKS_MAX);
	return 0;
}

static int attach_disk(struct sim_step *s, struct sim_op *op, struct sim_domain *d,
		       struct mu_error *err)
{
	(void)s, (void)err;
	d->config.disks[d->config.n_disks++] = op->device->disk;
	return 0;
}

static int check_detach(struct sim_step *s, struct sim_op *op, struct sim_domain *d,
			struct mu_error *err)
{
	struct hv_disk *disk;

	(void)s;
	if (require_disk(op, d, &disk, err) < 0)
		return MU_FAILED;
	if (disk->cdrom && d->config.type == VM_TYPE_HVM)
		return mu_error_set(err, MU_E_UNSUPPORTED,
				    "%s is a CD drive, which cannot be taken out while the VM "
				    "runs; hint: eject the CD",
				    disk->vdev);
	return 0;
}

static int detach_disk(struct sim_step *s, struct sim_op *op, struct sim_domain *d,
		       struct mu_error *err)
{
	const char *vdev = op->device->disk.vdev;
	size_t at = (size_t)(find_disk(d, vdev) - d->config.disks);

	(void)s;
	if (!op->device->force && !hears(d))
		return mu_error_set(err, MU_E_TIMEOUT,
				    "the guest does not let go of %s; it was asked to and may "
				    "still do so; hint: unmount it in the guest, or force",
				    vdev);
	memmove(&d->config.disks[at], &d->config.disks[at + 1],
		(d->config.n_disks - at - 1) * sizeof(struct hv_disk));
	d->config.n_disks--;
	return 0;
}

static int check_resize(struct sim_step *s, struct sim_op *op, struct sim_domain *d,
			struct mu_error *err)
{
	struct hv_disk *disk;

	(void)s;
	if (require_disk(op, d, &disk, err) < 0)
		return MU_FAILED;
	if (strcmp(disk->format, "qcow2") == 0)
		return mu_error_set(err, MU_E_UNSUPPORTED,
				    "%s is served by QEMU, which cannot be told of a new size "
				    "while the VM runs; hint: it has its new size after the next "
				    "start",
				    disk->vdev);
	return 0;
}

/* ---- CDs ---- */

static int check_drive(struct sim_step *s, struct sim_op *op, struct sim_domain *d,
		       struct mu_error *err)
{
	struct hv_disk *disk;

	(void)s;
	if (d->config.type != VM_TYPE_HVM)
		return mu_error_set(err, MU_E_UNSUPPORTED,
				    "a %s guest has no drive whose CD can be changed; hint: "
				    "attach the image as a disk, and detach it",
				    vm_type_name(d->config.type));
	if (require_disk(op, d, &disk, err) < 0)
		return MU_FAILED;
	if (!disk->cdrom)
		return mu_error_set(err, MU_E_INVALID, "%s is no CD drive", disk->vdev);
	return 0;
}

static int insert_cd(struct sim_step *s, struct sim_op *op, struct sim_domain *d,
		     struct mu_error *err)
{
	(void)s, (void)err;
	*find_disk(d, op->device->disk.vdev) = op->device->disk;
	return 0;
}

static int eject_cd(struct sim_step *s, struct sim_op *op, struct sim_domain *d,
		    struct mu_error *err)
{
	(void)s, (void)err;
	find_disk(d, op->device->disk.vdev)->path[0] = '\0';
	return 0;
}

/* ---- network cards ---- */

static struct hv_nic *find_nic(struct sim_domain *d, uint32_t device)
{
	for (size_t i = 0; i < d->config.n_nics; i++) {
		if (d->config.nics[i].device == device)
			return &d->config.nics[i];
	}
	return NULL;
}

static int check_nic(struct sim_step *s, struct sim_op *op, struct sim_domain *d,
		     struct mu_error *err)
{
	uint32_t device = op->device->nic.device;

	(void)s;
	if (find_nic(d, device))
		return 0;
	return mu_error_set(err, MU_E_NOT_FOUND, "the domain has no network card %" PRIu32, device);
}

static int attach_nic(struct sim_step *s, struct sim_op *op, struct sim_domain *d,
		      struct mu_error *err)
{
	const struct hv_nic *nic = &op->device->nic;
	uint32_t device = 0;
	struct hv_nic *to;

	(void)s;
	if (nic->has_device && find_nic(d, nic->device))
		return mu_error_set(err, MU_E_EXISTS,
				    "the domain has a network card %" PRIu32 " already",
				    nic->device);
	while (device < HV_NICS_MAX && find_nic(d, device))
		device++;
	if (device == HV_NICS_MAX)
		return mu_error_set(err, MU_E_EXHAUSTED,
				    "the domain has %d network cards, the most", HV_NICS_MAX);
	op->number = nic->has_device ? nic->device : device;
	to = &d->config.nics[d->config.n_nics++];
	*to = *nic;
	to->has_device = true;
	to->device = op->number;
	return 0;
}

static int detach_nic(struct sim_step *s, struct sim_op *op, struct sim_domain *d,
		      struct mu_error *err)
{
	size_t at = (size_t)(find_nic(d, op->device->nic.device) - d->config.nics);

	(void)s, (void)err;
	memmove(&d->config.nics[at], &d->config.nics[at + 1],
		(d->config.n_nics - at - 1) * sizeof(struct hv_nic));
	d->config.n_nics--;
	return 0;
}

static int set_rate(struct sim_step *s, struct sim_op *op, struct sim_domain *d,
		    struct mu_error *err)
{
	(void)s, (void)err;
	find_nic(d, op->device->nic.device)->rate_bytes = op->device->nic.rate_bytes;
	return 0;
}

/* ---- the host's devices ---- */

static int change_host_device(struct sim_step *s, struct sim_op *op, struct sim_domain *d,
			      struct mu_error *err)
{
	int r = sim_devices_change(&s->m->devices, op->kind, op->domid,
				   d ? d->config.type : VM_TYPE_PV, op->device, err);

	return r < 0 ? r : 0;
}

/* ---- resources ---- */

static int set_vcpus(struct sim_step *s, struct sim_op *op, struct sim_domain *d,
		     struct mu_error *err)
{
	uint32_t n = op->resources->vcpus;

	(void)s;
	if (n > d->config.vcpus_max)
		return mu_error_set(err, MU_E_INVALID,
				    "vcpus is %" PRIu32
				    "; this domain was started with at most %" PRIu32,
				    n, d->config.vcpus_max);
	d->config.vcpus = n;
	return 0;
}

static int set_memory(struct sim_step *s, struct sim_op *op, struct sim_domain *d,
		      struct mu_error *err)
{
	int64_t bytes = op->resources->memory_bytes;

	(void)s;
	if (bytes > d->config.memory_max_bytes)
		return mu_error_set(err, MU_E_INVALID,
				    "memory is %" PRId64 " bytes, more than its maximum %" PRId64,
				    bytes, d->config.memory_max_bytes);
	d->config.memory_bytes = bytes;
	return 0;
}

static int set_sched(struct sim_step *s, struct sim_op *op, struct sim_domain *d,
		     struct mu_error *err)
{
	const struct hv_resources *r = op->resources;

	(void)s;
	if (r->cap > 100 * (int32_t)d->config.vcpus_max)
		return mu_error_set(err, MU_E_INVALID,
				    "cap is %" PRId32 " %%; this domain has %" PRIu32 " vCPUs",
				    r->cap, d->config.vcpus_max);
	if (r->weight != 0)
		d->config.cpu_weight = r->weight;
	if (r->cap != HV_AS_IT_IS)
		d->config.cpu_cap = (uint32_t)r->cap;
	return 0;
}

/* Has every vCPU a CPU of this host in its list? */
static int check_list(const struct sim_model *m, const struct sim_domain *d, const char *text,
		      struct mu_error *err)
{
	struct hv_cpus cpus;

	for (uint32_t vcpu = 0; vcpu < d->config.vcpus_max; vcpu++) {
		uint32_t cpu = 0;

		hv_cpus_of(text, vcpu, &cpus);
		while (cpu < m->params.cpus && !cpus.has[cpu])
			cpu++;
		if (cpu == m->params.cpus)
			return mu_error_set(err, MU_E_INVALID,
					    "vCPU %" PRIu32
					    " would have no CPU; the host has 0 to %" PRIu32,
					    vcpu, m->params.cpus - 1);
	}
	return 0;
}

static int set_affinity(struct sim_step *s, struct sim_op *op, struct sim_domain *d,
			struct mu_error *err)
{
	const struct hv_resources *r = op->resources;

	if (check_list(s->m, d, r->cpus_hard, err) < 0 ||
	    check_list(s->m, d, r->cpus_soft, err) < 0)
		return MU_FAILED;
	memcpy(d->config.cpus_hard, r->cpus_hard, sizeof r->cpus_hard);
	memcpy(d->config.cpus_soft, r->cpus_soft, sizeof r->cpus_soft);
	return 0;
}

static int set_name(struct sim_step *s, struct sim_op *op, struct sim_domain *d,
		    struct mu_error *err)
{
	const char *name = op->resources->name;

	for (size_t i = 0; i < s->m->n_domains; i++) {
		const struct sim_domain *other = s->m->domains[i];

		if (other != d && strcmp(other->config.name, name) == 0)
			return mu_error_set(err, MU_E_EXISTS,
					    "domain %" PRIu32 " has the name \"%s\" already",
					    other->domid.value, name);
	}
	memcpy(d->config.name, name, strlen(name) + 1);
	return 0;
}

/* ---- all of them ---- */

typedef int (*change_step)(struct sim_step *s, struct sim_op *op, struct sim_domain *d,
			   struct mu_error *err);

static const struct {
	change_step check; /* before its file is looked at or the guest is asked */
	change_step apply;
	bool file;
	bool asks; /* the guest */
} changes[_HV_OP_KIND_COUNT] = {
    [HV_DISK_ATTACH] = {check_attach, attach_disk, .file = true},
    [HV_DISK_DETACH] = {check_detach, detach_disk, .asks = true},
    [HV_DISK_RESIZE] = {check_resize, NULL, .file = true},
    [HV_CD_INSERT] = {check_drive, insert_cd, .file = true},
    [HV_CD_EJECT] = {check_drive, eject_cd},
    [HV_NIC_ATTACH] = {NULL, attach_nic},
    [HV_NIC_DETACH] = {check_nic, detach_nic, .asks = true},
    [HV_NIC_RATE] = {check_nic, set_rate},
    [HV_PCI_ATTACH] = {NULL, change_host_device},
    [HV_PCI_DETACH] = {NULL, change_host_device},
    [HV_USB_ATTACH] = {NULL, change_host_device},
    [HV_USB_DETACH] = {NULL, change_host_device},
    [HV_PCI_ASSIGN] = {NULL, change_host_device},
    [HV_PCI_RELEASE] = {NULL, change_host_device},
    [HV_SET_VCPUS] = {NULL, set_vcpus},
    [HV_SET_MEMORY] = {NULL, set_memory},
    [HV_SET_SCHED] = {NULL, set_sched},
    [HV_SET_AFFINITY] = {NULL, set_affinity},
    [HV_SET_NAME] = {NULL, set_name},
};

bool sim_op_changes(const struct sim_op *op)
{
	return changes[op->kind].check || changes[op->kind].apply;
}

static int check(struct sim_step *s, struct sim_op *op, struct sim_domain *d, struct mu_error *err)
{
	return changes[op->kind].check ? changes[op->kind].check(s, op, d, err) : 0;
}

/* Its path, and the size that it must have at least. */
static void look_at_file(struct sim_step *s, struct sim_op *op, struct sim_domain *d)
{
	struct sim_action *a = sim_act(s, SIM_FILE_CHECK, op->id);
	const char *path = op->kind == HV_DISK_RESIZE ? find_disk(d, op->device->disk.vdev)->path
						      : op->device->disk.path;

	op->in_file = true;
	a->len = strlen(path);
	a->data = mu_arena_memdup(s->arena, path, a->len + 1);
	a->size_bytes = op->kind == HV_DISK_RESIZE ? op->device->size_bytes : 0;
}

int sim_change_start(struct sim_step *s, struct sim_op *op, struct sim_domain *d,
		     struct mu_error *err)
{
	if (check(s, op, d, err) < 0)
		return MU_FAILED;
	if (changes[op->kind].file) {
		look_at_file(s, op, d);
		return 1;
	}
	if (changes[op->kind].asks && !op->device->force && !hears(d)) {
		op->next_at = s->m->now + DETACH_PATIENCE;
		return 1;
	}
	return sim_change_go_on(s, op, d, err);
}

int sim_change_go_on(struct sim_step *s, struct sim_op *op, struct sim_domain *d,
		     struct mu_error *err)
{
	if (check(s, op, d, err) < 0 ||
	    (changes[op->kind].apply && changes[op->kind].apply(s, op, d, err) < 0))
		return MU_FAILED;
	sim_changed(s);
	return 0;
}
