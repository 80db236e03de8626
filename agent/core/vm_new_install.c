/* SPDX-License-Identifier: Apache-2.0 */
/* vm.create's `install`: from where an HVM guest starts for the first time, and then. */
#include "agent/core/vm_new_priv.h"

#include <stdio.h>
#include <string.h>

/* A disk with something on it is tried after the installer, else the installer would never get its
 * turn; an empty one before it, so that the guest's first reboot finds what was installed. */
static void set_boot_order(struct vm_new *n, char installer)
{
	bool empty = n->n_disks > 0;

	for (size_t i = 0; i < n->spec.config.n_disks; i++) {
		const struct hv_disk *d = &n->spec.config.disks[i];
		const struct vm_new_disk *its = vm_new_find_plan(n, d->vdev);

		empty &= d->cdrom || (its && mu_uuid_is_nil(&its->from));
	}
	(void)snprintf(n->spec.config.boot_order, sizeof n->spec.config.boot_order, "%c%c",
		       empty ? 'c' : installer, empty ? installer : 'c');
}

/* {"method": "network"}: by PXE. */
static int plan_network(struct vm_new *n, const struct mu_value *install, struct mu_error *err)
{
	const char *repository = vm_new_text(install, "repository");

	if (n->spec.config.type != VM_TYPE_HVM)
		return mu_error_set(err, MU_E_UNSUPPORTED,
				    "arguments: install: only HVM guests start from the network");
	if (repository && *repository && strcmp(repository, "pxe") != 0)
		return mu_error_set(err, MU_E_UNSUPPORTED,
				    "arguments: install: repository: the network says by PXE what "
				    "to start; hint: leave it out");
	if (n->spec.config.n_nics == 0)
		return mu_error_set(err, MU_E_INVALID,
				    "arguments: install: there is no card to start from; hint: "
				    "vifs");
	set_boot_order(n, 'n');
	return 0;
}

static struct hv_disk *find_drive(struct hv_vm_config *c, struct mu_error *err)
{
	struct hv_disk *drive;
	char vdev[16] = "hdc";

	for (size_t i = 0; i < c->n_disks; i++) {
		if (c->disks[i].cdrom)
			return &c->disks[i];
	}
	if (c->type != VM_TYPE_HVM || vm_new_find_disk(c, vdev))
		vm_new_free_vdev(c, vdev);
	if (!(drive = vm_new_add_disk(c, err)))
		return NULL;
	memcpy(drive->vdev, vdev, sizeof drive->vdev);
	memcpy(drive->format, "raw", sizeof "raw");
	drive->cdrom = drive->readonly = true;
	return drive;
}

/* {"method": "cdrom", "repository": VDI}: the image in a drive. */
int vm_new_install(struct vm_new *n, const struct mu_value *install, struct mu_error *err)
{
	const char *method = vm_new_text(install, "method");
	struct mu_uuid vdi = {{0}};
	struct hv_disk *drive;

	if (!install)
		return 0;
	if (method && !strcmp(method, "network"))
		return plan_network(n, install, err);
	if (!method || strcmp(method, "cdrom") != 0)
		return mu_error_set(err, MU_E_UNSUPPORTED,
				    "arguments: install: only the methods \"cdrom\" and "
				    "\"network\" are possible");
	if (!vm_new_text(install, "repository") ||
	    !mu_uuid_parse(vm_new_text(install, "repository"), &vdi))
		return mu_error_set(
		    err, MU_E_INVALID,
		    "arguments: install: repository: the UUID of a VDI is expected");
	if (!(drive = find_drive(&n->spec.config, err)))
		return MU_FAILED;
	drive->vdi = vdi;
	drive->path[0] = drive->backend[0] = '\0';
	memcpy(drive->format, "raw", sizeof "raw");
	if (n->spec.config.type == VM_TYPE_HVM)
		set_boot_order(n, 'd');
	return 0;
}
