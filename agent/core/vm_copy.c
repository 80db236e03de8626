/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A VM goes back by way of new copies of a snapshot's disks: its definition then changes from the
 * old disks to the new ones at once, however many there are, and the snapshot stays what it is.
 *
 * `parent` makes the tree: a snapshot's is the one before it, a VM's the one it goes on from.
 */
#include "agent/core/vm_copy.h"

#include "common/base/cut.h"
#include "common/base/str.h"

#include <stdio.h>
#include <string.h>

static bool is_copied(const struct hv_disk *d)
{
	return !d->cdrom;
}

static int plan_disks(const struct mu_uuid *seed, struct vm_copy *copy, struct mu_error *err)
{
	struct hv_vm_config *config = &copy->spec.config;

	copy->n_disks = 0;
	for (size_t i = 0; i < config->n_disks; i++) {
		struct hv_disk *d = &config->disks[i];
		char part[32];

		if (!is_copied(d))
			continue;
		if (mu_uuid_is_nil(&d->vdi))
			return mu_error_set(err, MU_E_UNSUPPORTED,
					    "disk %s is %.200s, which is in no SR; hint: import it "
					    "as a VDI first",
					    d->vdev, d->path);
		(void)snprintf(part, sizeof part, "vdi:%s", d->vdev);
		copy->disks[copy->n_disks].from = d->vdi;
		copy->disks[copy->n_disks].to = mu_uuid_derive(seed, part);
		memcpy(copy->disks[copy->n_disks].vdev, d->vdev, sizeof d->vdev);
		d->vdi = copy->disks[copy->n_disks++].to;
	}
	return 0;
}

/* "WHAT SUFFIX", cut to fit. */
static void name_after(char ret[static MODEL_NAME_MAX + 1], const char *name, const char *suffix)
{
	char all[2 * MODEL_NAME_MAX + 2];

	(void)snprintf(all, sizeof all, "%.*s%s",
		       (int)mu_cut_fit(name, MODEL_NAME_MAX - strlen(suffix)), name, suffix);
	mu_utf8_sanitize(ret, MODEL_NAME_MAX, all, strlen(all));
}

/* " 2026-11-26 04:30:05" of a time in ms since 1970 UTC: days by the civil calendar (H. Hinnant,
 * "chrono-compatible low-level date algorithms"). */
static void time_suffix(char ret[static 32], mu_msec at)
{
	int64_t seconds = at / 1000;
	int64_t z = seconds / 86400 + 719468;
	int64_t era = z / 146097;
	int64_t doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;
	int day = (int)(doy - (153 * mp + 2) / 5 + 1);
	int month = (int)(mp < 10 ? mp + 3 : mp - 9);
	int year = (int)(yoe + era * 400 + (month <= 2)) % 10000;
	int of_day = (int)(seconds % 86400);

	(void)snprintf(ret, 32, " %04d-%02d-%02d %02d:%02d:%02d", year, month % 100, day % 100,
		       of_day / 3600, of_day / 60 % 60, of_day % 60);
}

static void set_name(struct vm_spec *spec, const char *name)
{
	mu_utf8_sanitize(spec->config.name, MODEL_NAME_MAX, name, strlen(name));
}

int vm_copy_snapshot(const struct vm_spec *vm, const struct vm_id *id, const char *name, mu_msec at,
		     struct vm_copy *ret_copy, struct mu_error *err)
{
	struct vm_spec *spec = &ret_copy->spec;
	char suffix[32];

	*spec = *vm;
	spec->config.id = *id;
	spec->kind = VM_KIND_SNAPSHOT;
	spec->snapshot_of = vm->config.id;
	spec->snapshot_at = at;
	spec->autostart = false;
	time_suffix(suffix, at);
	if (name)
		set_name(spec, name);
	else
		name_after(spec->config.name, vm->config.name, suffix);
	return plan_disks(&id->uuid, ret_copy, err);
}

int vm_copy_revert(const struct vm_spec *vm, const struct vm_spec *snapshot,
		   const struct mu_uuid *seed, struct vm_copy *ret_copy, struct mu_error *err)
{
	struct vm_spec *spec = &ret_copy->spec;

	if (snapshot->kind != VM_KIND_SNAPSHOT ||
	    !mu_uuid_equal(&snapshot->snapshot_of.uuid, &vm->config.id.uuid))
		return mu_error_set(err, MU_E_INVALID, "%s is no snapshot of this VM",
				    snapshot->config.name);
	*spec = *snapshot;
	spec->config.id = vm->config.id;
	memcpy(spec->config.name, vm->config.name, sizeof vm->config.name);
	spec->kind = vm->kind;
	spec->snapshot_of = (struct vm_id){{{0}}};
	spec->snapshot_at = 0;
	spec->with_memory = false;
	spec->parent = snapshot->config.id;
	spec->autostart = vm->autostart;
	spec->start_order = vm->start_order;
	spec->start_delay = vm->start_delay;
	return plan_disks(seed, ret_copy, err);
}

int vm_copy_clone(const struct vm_spec *from, const struct vm_id *id, const char *name,
		  enum vm_kind kind, bool keep_macs, struct vm_copy *ret_copy, struct mu_error *err)
{
	struct vm_spec *spec = &ret_copy->spec;

	*spec = *from;
	spec->config.id = *id;
	spec->parent = from->kind == VM_KIND_VM ? (struct vm_id){{{0}}} : from->config.id;
	spec->kind = kind;
	spec->snapshot_of = (struct vm_id){{{0}}};
	spec->snapshot_at = 0;
	spec->with_memory = false;
	spec->autostart = false;
	if (name)
		set_name(spec, name);
	else
		name_after(spec->config.name, from->config.name, " (copy)");
	for (size_t i = 0; !keep_macs && i < spec->config.n_nics; i++)
		spec->config.nics[i].mac[0] = '\0';
	return plan_disks(&id->uuid, ret_copy, err);
}

bool vm_copy_names(const struct vm_spec *spec, const struct mu_uuid *vdi)
{
	for (size_t i = 0; i < spec->config.n_disks; i++) {
		if (mu_uuid_equal(&spec->config.disks[i].vdi, vdi))
			return true;
	}
	return false;
}
