/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vbd.*: disks and CD drives. A device is named as in the definition ("xvda") or by its number
 * ("0"): names that differ in their prefix only are one place, as an emulated and a
 * paravirtual disk of one number are the same to the guest's firmware.
 *
 * An HVM domain's CD drives are there from its start to its end; the CDs in them come and go. So a
 * drive that is added or deleted changes the definition alone.
 */
#include "agent/core/vm_devices_priv.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/model/object.h"

#include <stdio.h>
#include <string.h>

enum { POSITIONS = 26, CD_POSITIONS = 4 /* an IDE bus */ };

const struct hv_disk *vm_devices_disk(const struct hv_vm_config *c, const char *vdev)
{
	for (size_t i = 0; c && i < c->n_disks; i++) {
		if (!strcmp(c->disks[i].vdev, vdev))
			return &c->disks[i];
	}
	return NULL;
}

void vm_devices_drop_disk(struct hv_vm_config *c, const char *vdev)
{
	const struct hv_disk *d = vm_devices_disk(c, vdev);
	size_t at;

	if (!d)
		return;
	at = (size_t)(d - c->disks);
	memmove(&c->disks[at], &c->disks[at + 1], (c->n_disks - at - 1) * sizeof *d);
	c->n_disks--;
}

int vm_devices_put_disk(struct hv_vm_config *c, const struct hv_disk *disk, struct mu_error *err)
{
	const struct hv_disk *there = vm_devices_disk(c, disk->vdev);

	if (!there && c->n_disks == HV_DISKS_MAX)
		return mu_error_set(err, MU_E_EXHAUSTED, "the VM has %d disks, the most",
				    HV_DISKS_MAX);
	c->disks[there ? (size_t)(there - c->disks) : c->n_disks++] = *disk;
	return 0;
}

/* "xvdb" is 1; -1: no whole disk */
static int position_of(const char *vdev)
{
	static const char *const prefixes[] = {"xvd", "sd", "hd"};

	for (size_t i = 0; i < MU_ARRAY_SIZE(prefixes); i++) {
		const char *letter = vdev + strlen(prefixes[i]);

		if (mu_str_has_prefix(vdev, prefixes[i]) && *letter >= 'a' && *letter <= 'z' &&
		    !letter[1])
			return *letter - 'a';
	}
	return -1;
}

static const struct hv_disk *disk_on(const struct hv_vm_config *c, int position)
{
	for (size_t i = 0; c && i < c->n_disks; i++) {
		if (position_of(c->disks[i].vdev) == position)
			return &c->disks[i];
	}
	return NULL;
}

static const struct hv_disk *disk_named(const struct hv_vm_config *c, const char *name)
{
	uint64_t n;

	if (mu_parse_u64(name, &n))
		return n < POSITIONS ? disk_on(c, (int)n) : NULL;
	return vm_devices_disk(c, name);
}

/* The definition's, else the domain's: one that a crash has left there. */
static const struct hv_disk *find(const struct vm_devices_world *now, const struct mu_value *args)
{
	const char *name = mu_value_as_string(mu_value_get(args, "device"));
	const struct hv_disk *d = disk_named(&now->spec->config, name);

	return d ? d : disk_named(now->domain, name);
}

static int need(struct vm_devices_job *j, const struct hv_disk **ret, struct mu_error *err)
{
	const char *name = mu_value_as_string(mu_value_get(j->args, "device"));
	const struct hv_vm_config *c = &j->now->spec->config;
	char has[HV_DISKS_MAX * (sizeof c->disks[0].vdev + 2)];
	size_t len = 0;

	*ret = disk_named(c, name);
	if (*ret)
		return 0;
	for (size_t i = 0; i < c->n_disks; i++)
		len += (size_t)snprintf(has + len, sizeof has - len, "%s%s", i ? ", " : "",
					c->disks[i].vdev);
	return mu_error_set(err, MU_E_NOT_FOUND,
			    "device: the VM's definition has no disk \"%s\"; hint: it has %s", name,
			    c->n_disks ? has : "none");
}

static bool stays(const struct vm_devices_world *now, const struct hv_disk *d)
{
	return d->cdrom && now->spec->config.type == VM_TYPE_HVM;
}

/* vbd.create */

static bool is_taken(const struct vm_devices_world *now, int position)
{
	return disk_on(&now->spec->config, position) || disk_on(now->domain, position);
}

/* Disks from the first place on, CDs of an IDE bus from its last. */
static int choose_place(const struct vm_devices_world *now, struct hv_disk *d, struct mu_error *err)
{
	bool ide = stays(now, d);
	int n = ide ? CD_POSITIONS : POSITIONS;

	for (int i = 0; i < n; i++) {
		int position = ide ? n - 1 - i : i;

		if (is_taken(now, position))
			continue;
		(void)snprintf(d->vdev, sizeof d->vdev, "%s%c", ide ? "hd" : "xvd", 'a' + position);
		return 0;
	}
	return mu_error_set(err, MU_E_EXHAUSTED, "no device of the VM is free; %d can be", n);
}

static int take_place(const struct vm_devices_world *now, const char *wanted, struct hv_disk *d,
		      struct mu_error *err)
{
	int position;
	uint64_t n;

	if (mu_parse_u64(wanted, &n)) {
		if (n >= (stays(now, d) ? CD_POSITIONS : POSITIONS))
			return mu_error_set(err, MU_E_INVALID,
					    "userdevice: %s is out of range; hint: below %d",
					    wanted, stays(now, d) ? CD_POSITIONS : POSITIONS);
		(void)snprintf(d->vdev, sizeof d->vdev, "%s%c", stays(now, d) ? "hd" : "xvd",
			       'a' + (int)n);
	} else {
		(void)snprintf(d->vdev, sizeof d->vdev, "%s", wanted);
	}
	position = position_of(d->vdev);
	if (vm_devices_disk(&now->spec->config, d->vdev) || vm_devices_disk(now->domain, d->vdev) ||
	    (position >= 0 && is_taken(now, position)))
		return mu_error_set(err, MU_E_EXISTS, "userdevice: %s is taken in this VM", wanted);
	return 0;
}

static int read_source(const struct vm_devices_job *j, struct hv_disk *d, struct mu_error *err)
{
	const char *vdi = mu_value_as_string(mu_value_get(j->args, "VDI"));
	const struct mu_value *empty = mu_value_get(j->args, "empty");
	const struct hv_vm_config *c = &j->now->spec->config;

	if (vdi)
		(void)mu_uuid_parse(vdi, &d->vdi);
	if (vdi && empty && empty->boolean)
		return mu_error_set(err, MU_E_INVALID, "empty: excludes VDI");
	if (!vdi && !d->cdrom)
		return mu_error_set(err, MU_E_INVALID,
				    "VDI: required, but missing; hint: only a CD drive can be "
				    "empty (type \"CD\")");
	for (size_t i = 0; vdi && i < c->n_disks; i++) {
		if (mu_uuid_equal(&c->disks[i].vdi, &d->vdi))
			return mu_error_set(err, MU_E_EXISTS, "VDI: it is %s of this VM already",
					    c->disks[i].vdev);
	}
	return 0;
}

static int read_disk(const struct vm_devices_job *j, struct hv_disk *d, struct mu_error *err)
{
	const char *place = mu_value_as_string(mu_value_get(j->args, "userdevice"));
	const struct mu_value *bootable = mu_value_get(j->args, "bootable");

	*d = (struct hv_disk){.format = "raw"};
	d->cdrom = mu_str_equal(mu_value_as_string(mu_value_get(j->args, "type")), "CD");
	d->readonly =
	    d->cdrom || mu_str_equal(mu_value_as_string(mu_value_get(j->args, "mode")), "RO");
	d->bootable = bootable && bootable->boolean;
	if (read_source(j, d, err) < 0)
		return MU_FAILED;
	return place ? take_place(j->now, place, d, err) : choose_place(j->now, d, err);
}

/* Which VDI a stray disk is, nobody knows: the same must not be given twice. */
static int check_stray(const struct vm_devices_world *now, struct mu_error *err)
{
	for (size_t i = 0; now->domain && i < now->domain->n_disks; i++) {
		const char *vdev = now->domain->disks[i].vdev;

		if (!vm_devices_disk(&now->spec->config, vdev) &&
		    !vm_devices_disk(&now->built->config, vdev))
			return mu_error_set(err, MU_E_STATE,
					    "the domain has a disk %s that the definition lacks; "
					    "hint: delete it first (vbd.delete)",
					    vdev);
	}
	return 0;
}

static int plan_create(struct vm_devices_job *j, struct mu_error *err)
{
	struct vm_devices_plan *p = j->plan;
	struct hv_disk d;

	if (check_stray(j->now, err) < 0 || read_disk(j, &d, err) < 0 ||
	    vm_devices_put_disk(&p->spec.config, &d, err) < 0)
		return MU_FAILED;
	p->made = object_vbd_id(&p->spec.config.id, d.vdev);
	/* A domain gets no empty drive while it runs, and an HVM one no drive at all. */
	if (!j->now->domain || stays(j->now, &d) || mu_uuid_is_nil(&d.vdi))
		return 0;
	p->order = HV_DISK_ATTACH;
	p->disk = d;
	return vm_devices_put_disk(&p->built.config, &d, err);
}

static enum vm_devices_found look_create(const struct vm_devices_world *now,
					 const struct mu_value *args, struct mu_uuid *ret_made)
{
	const char *vdi = mu_value_as_string(mu_value_get(args, "VDI"));
	const char *place = mu_value_as_string(mu_value_get(args, "userdevice"));
	const struct hv_vm_config *c = &now->spec->config;
	const struct hv_disk *d = NULL;
	struct mu_uuid id;

	if (!vdi && !place)
		return VM_DEVICES_UNKNOWN;
	if (vdi)
		(void)mu_uuid_parse(vdi, &id);
	for (size_t i = 0; vdi && i < c->n_disks; i++) {
		if (mu_uuid_equal(&c->disks[i].vdi, &id))
			d = &c->disks[i];
	}
	if (!vdi)
		d = disk_named(c, place);
	if (d)
		*ret_made = object_vbd_id(&c->id, d->vdev);
	return vm_devices_found_if(d);
}

/* vbd.delete */

static void take_from_domain(struct vm_devices_job *j, const struct hv_disk *d)
{
	const struct hv_disk *had = vm_devices_disk(&j->plan->built.config, d->vdev);

	if (vm_devices_disk(j->now->domain, d->vdev)) {
		j->plan->order = HV_DISK_DETACH;
		j->plan->disk = *d;
	}
	if (had)
		j->plan->let_go = had->vdi;
	vm_devices_drop_disk(&j->plan->built.config, d->vdev);
}

static int plan_delete(struct vm_devices_job *j, struct mu_error *err)
{
	const struct hv_disk *d = find(j->now, j->args);

	if (!d)
		return need(j, &d, err);
	if (j->now->domain && !stays(j->now, d))
		take_from_domain(j, d);
	vm_devices_drop_disk(&j->plan->spec.config, d->vdev);
	return 0;
}

static enum vm_devices_found look_delete(const struct vm_devices_world *now,
					 const struct mu_value *args, struct mu_uuid *ret_made)
{
	const struct hv_disk *d = find(now, args);

	(void)ret_made;
	return vm_devices_found_if(
	    !d || (stays(now, d) && !vm_devices_disk(&now->spec->config, d->vdev)));
}

/* vbd.connect, vbd.disconnect */

static int plan_connect(struct vm_devices_job *j, struct mu_error *err)
{
	const struct hv_disk *d;

	if (need(j, &d, err) < 0)
		return MU_FAILED;
	if (!vm_devices_disk(j->now->domain, d->vdev)) {
		j->plan->order = HV_DISK_ATTACH;
		j->plan->disk = *d;
	}
	return vm_devices_put_disk(&j->plan->built.config, d, err);
}

static enum vm_devices_found look_connect(const struct vm_devices_world *now,
					  const struct mu_value *args, struct mu_uuid *ret_made)
{
	(void)ret_made;
	return vm_devices_found_if(
	    disk_named(now->domain, mu_value_as_string(mu_value_get(args, "device"))));
}

static int plan_disconnect(struct vm_devices_job *j, struct mu_error *err)
{
	const struct hv_disk *d;

	if (need(j, &d, err) < 0)
		return MU_FAILED;
	take_from_domain(j, d);
	return 0;
}

static enum vm_devices_found look_disconnect(const struct vm_devices_world *now,
					     const struct mu_value *args, struct mu_uuid *ret_made)
{
	if (!now->domain)
		return VM_DEVICES_UNKNOWN;
	return vm_devices_found_if(look_connect(now, args, ret_made) == VM_DEVICES_NOT_DONE);
}

/* vbd.insert, vbd.eject */

static int need_drive(struct vm_devices_job *j, const struct hv_disk **ret, struct mu_error *err)
{
	if (need(j, ret, err) < 0)
		return MU_FAILED;
	if (!(*ret)->cdrom)
		return mu_error_set(err, MU_E_INVALID, "device: %s is no CD drive", (*ret)->vdev);
	return 0;
}

/* `d`: the drive as it shall be. */
static int change_cd(struct vm_devices_job *j, const struct hv_disk *d, enum hv_op_kind order,
		     struct mu_error *err)
{
	const struct hv_disk *had = vm_devices_disk(&j->plan->built.config, d->vdev);

	(void)vm_devices_put_disk(&j->plan->spec.config, d, NULL); /* its place is there */
	if (!stays(j->now, d) || !vm_devices_disk(j->now->domain, d->vdev) ||
	    (order == HV_CD_INSERT && had && mu_uuid_equal(&had->vdi, &d->vdi)))
		return 0;
	j->plan->order = order;
	j->plan->disk = *d;
	if (had)
		j->plan->let_go = had->vdi;
	return vm_devices_put_disk(&j->plan->built.config, d, err);
}

static int plan_insert(struct vm_devices_job *j, struct mu_error *err)
{
	const struct hv_disk *drive;
	struct hv_disk d;

	if (need_drive(j, &drive, err) < 0)
		return MU_FAILED;
	d = *drive;
	(void)mu_uuid_parse(mu_value_as_string(mu_value_get(j->args, "VDI")), &d.vdi);
	d.path[0] = d.backend[0] = '\0';
	memcpy(d.format, "raw", sizeof "raw");
	return change_cd(j, &d, HV_CD_INSERT, err);
}

static int plan_eject(struct vm_devices_job *j, struct mu_error *err)
{
	const struct hv_disk *drive;
	struct hv_disk d;

	if (need_drive(j, &drive, err) < 0)
		return MU_FAILED;
	d = *drive;
	d.vdi = (struct mu_uuid){{0}};
	d.path[0] = '\0';
	return change_cd(j, &d, HV_CD_EJECT, err);
}

static enum vm_devices_found look_insert(const struct vm_devices_world *now,
					 const struct mu_value *args, struct mu_uuid *ret_made)
{
	const struct hv_disk *d = find(now, args);
	struct mu_uuid vdi;

	(void)ret_made;
	(void)mu_uuid_parse(mu_value_as_string(mu_value_get(args, "VDI")), &vdi);
	return vm_devices_found_if(d && mu_uuid_equal(&d->vdi, &vdi));
}

static enum vm_devices_found look_eject(const struct vm_devices_world *now,
					const struct mu_value *args, struct mu_uuid *ret_made)
{
	const struct hv_disk *d = find(now, args);

	(void)ret_made;
	return vm_devices_found_if(d && mu_uuid_is_nil(&d->vdi) && !*d->path);
}

const struct vm_devices_method vm_devices_disks[] = {
    {"vbd.create", plan_create, look_create},
    {"vbd.delete", plan_delete, look_delete},
    {"vbd.connect", plan_connect, look_connect},
    {"vbd.disconnect", plan_disconnect, look_disconnect},
    {"vbd.insert", plan_insert, look_insert},
    {"vbd.eject", plan_eject, look_eject},
};
const size_t vm_devices_n_disks = MU_ARRAY_SIZE(vm_devices_disks);
