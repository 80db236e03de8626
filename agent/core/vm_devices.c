/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/core/vm_devices.h"

#include "agent/core/vm_devices_priv.h"
#include "common/base/assert.h"

#include <stdio.h>
#include <string.h>

/* A bug when there is none: handlers exist for these methods only. */
static const struct vm_devices_method *find_method(const char *name)
{
	const struct {
		const struct vm_devices_method *methods;
		size_t n;
	} families[] = {
	    {vm_devices_disks, vm_devices_n_disks},
	    {vm_devices_nics, vm_devices_n_nics},
	    {vm_devices_passed, vm_devices_n_passed},
	};

	for (size_t f = 0; f < MU_ARRAY_SIZE(families); f++) {
		for (size_t i = 0; i < families[f].n; i++) {
			if (!strcmp(families[f].methods[i].name, name))
				return &families[f].methods[i];
		}
	}
	mu_assert_unreachable(); /* GCOVR_EXCL_LINE: see above */
}

/* `to` has the order of `spec`, as definitions that differ in it only are different texts; what
 * `spec` has not is behind. */
static void follow_order(const struct hv_vm_config *spec, struct hv_vm_config *to)
{
	struct hv_disk disk;
	struct hv_nic nic;
	size_t disks = 0, nics = 0;

	for (size_t i = 0; i < spec->n_disks; i++) {
		const struct hv_disk *d = vm_devices_disk(to, spec->disks[i].vdev);
		size_t at = d ? (size_t)(d - to->disks) : 0;

		if (!d)
			continue;
		disk = *d;
		memmove(&to->disks[disks + 1], &to->disks[disks], (at - disks) * sizeof disk);
		to->disks[disks++] = disk;
	}
	for (size_t i = 0; i < spec->n_nics; i++) {
		const struct hv_nic *n = vm_devices_nic(to, vm_devices_nic_number(spec, i));
		size_t at = n ? (size_t)(n - to->nics) : 0;

		if (!n)
			continue;
		nic = *n;
		memmove(&to->nics[nics + 1], &to->nics[nics], (at - nics) * sizeof nic);
		to->nics[nics++] = nic;
	}
}

int vm_devices_plan(const char *method, const struct vm_devices_world *now,
		    const struct mu_value *args, struct vm_devices_plan *ret_plan,
		    struct mu_error *err)
{
	struct vm_devices_job job = {now, args, ret_plan};

	memset(ret_plan, 0, sizeof *ret_plan);
	ret_plan->spec = *now->spec;
	if (now->built)
		ret_plan->built = *now->built;
	ret_plan->order = _HV_OP_KIND_COUNT;
	if (find_method(method)->plan(&job, err) < 0)
		return mu_error_prefix(err, "arguments");
	follow_order(&ret_plan->spec.config, &ret_plan->built.config);
	if (vm_spec_check(&ret_plan->spec, err) < 0)
		return mu_error_prefix(err, "the definition as it would be");
	return 0;
}

enum vm_devices_found vm_devices_look(const char *method, const struct vm_devices_world *now,
				      const struct mu_value *args, struct mu_uuid *ret_made)
{
	return find_method(method)->look(now, args, ret_made);
}

void vm_devices_stray(const struct vm_devices_world *now, char *ret_name, size_t size)
{
	const struct hv_vm_config *c = now->domain;

	ret_name[0] = '\0';
	for (size_t i = 0; c && i < c->n_nics; i++) {
		uint32_t device = vm_devices_nic_number(c, i);

		if (!vm_devices_nic(&now->spec->config, device))
			(void)snprintf(ret_name, size, "network card %u", device);
	}
	for (size_t i = 0; c && i < c->n_disks; i++) {
		if (!vm_devices_disk(&now->spec->config, c->disks[i].vdev))
			(void)snprintf(ret_name, size, "disk %s", c->disks[i].vdev);
	}
}

static bool reconcile_disks(const struct hv_vm_config *spec, const struct hv_vm_config *domain,
			    struct hv_vm_config *built)
{
	bool changed = false;

	for (size_t i = built->n_disks; i > 0; i--) {
		const char *vdev = built->disks[i - 1].vdev;

		if (!vm_devices_disk(domain, vdev)) {
			vm_devices_drop_disk(built, vdev);
			changed = true;
		}
	}
	for (size_t i = 0; i < spec->n_disks; i++) {
		const struct hv_disk *d = &spec->disks[i];

		if (vm_devices_disk(domain, d->vdev) && !vm_devices_disk(built, d->vdev))
			changed |= vm_devices_put_disk(built, d, NULL) == 0;
	}
	return changed;
}

static bool reconcile_nics(const struct hv_vm_config *spec, const struct hv_vm_config *domain,
			   struct hv_vm_config *built)
{
	bool changed = false;

	for (size_t i = built->n_nics; i > 0; i--) {
		uint32_t device = built->nics[i - 1].device;

		if (!vm_devices_nic(domain, device)) {
			vm_devices_drop_nic(built, device);
			changed = true;
		}
	}
	for (size_t i = 0; i < spec->n_nics; i++) {
		uint32_t device = vm_devices_nic_number(spec, i);

		if (vm_devices_nic(domain, device) && !vm_devices_nic(built, device)) {
			struct hv_nic nic = spec->nics[i];

			nic.has_device = true;
			nic.device = device;
			changed |= vm_devices_put_nic(built, &nic, NULL) == 0;
		}
	}
	return changed;
}

bool vm_devices_reconcile(const struct vm_spec *spec, const struct hv_vm_config *domain,
			  struct vm_spec *built)
{
	struct hv_vm_config settled = built->config;
	bool disks = reconcile_disks(&spec->config, domain, &built->config);
	bool nics;

	vm_devices_settle_nics(&settled);
	nics = reconcile_nics(&spec->config, domain, &settled);
	if (nics) {
		memcpy(built->config.nics, settled.nics, sizeof settled.nics);
		built->config.n_nics = settled.n_nics;
	}
	if (disks || nics)
		follow_order(&spec->config, &built->config);
	return disks || nics;
}
