/* SPDX-License-Identifier: Apache-2.0 */
/* vif.*: network cards. One is named by its number, "0". */
#include "agent/core/vif_rules.h"
#include "agent/core/vm_devices_priv.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/model/object.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { BYTES_PER_KB = 1000 };

const struct hv_nic *vm_devices_nic(const struct hv_vm_config *c, uint32_t device)
{
	for (size_t i = 0; c && i < c->n_nics; i++) {
		if (vm_devices_nic_number(c, i) == device)
			return &c->nics[i];
	}
	return NULL;
}

void vm_devices_drop_nic(struct hv_vm_config *c, uint32_t device)
{
	const struct hv_nic *nic = vm_devices_nic(c, device);
	size_t at;

	if (!nic)
		return;
	at = (size_t)(nic - c->nics);
	memmove(&c->nics[at], &c->nics[at + 1], (c->n_nics - at - 1) * sizeof *nic);
	c->n_nics--;
}

int vm_devices_put_nic(struct hv_vm_config *c, const struct hv_nic *nic, struct mu_error *err)
{
	const struct hv_nic *there = vm_devices_nic(c, nic->device);

	if (!there && c->n_nics == HV_NICS_MAX)
		return mu_error_set(err, MU_E_EXHAUSTED, "the VM has %d network cards, the most",
				    HV_NICS_MAX);
	c->nics[there ? (size_t)(there - c->nics) : c->n_nics++] = *nic;
	return 0;
}

void vm_devices_settle_nics(struct hv_vm_config *c)
{
	for (size_t i = 0; i < c->n_nics; i++) {
		struct hv_nic *nic = &c->nics[i];

		if (!nic->has_device)
			nic->device = (uint32_t)i;
		nic->has_device = true;
		if (!nic->mac[0])
			vm_default_mac(&c->id, nic->device, nic->mac);
	}
}

static const struct hv_nic *nic_named(const struct hv_vm_config *c, const char *name)
{
	uint64_t n;

	return mu_parse_u64(name, &n) && n < HV_NICS_MAX ? vm_devices_nic(c, (uint32_t)n) : NULL;
}

static const struct hv_nic *find(const struct vm_devices_world *now, const struct mu_value *args)
{
	const char *name = mu_value_as_string(mu_value_get(args, "device"));
	const struct hv_nic *nic = nic_named(&now->spec->config, name);

	return nic ? nic : nic_named(now->domain, name);
}

/* The plan's own, which is settled; valid until that changes. */
static int need(struct vm_devices_job *j, const struct hv_nic **ret, struct mu_error *err)
{
	const char *name = mu_value_as_string(mu_value_get(j->args, "device"));

	vm_devices_settle_nics(&j->plan->spec.config);
	vm_devices_settle_nics(&j->plan->built.config);
	*ret = nic_named(&j->plan->spec.config, name);
	if (*ret)
		return 0;
	return mu_error_set(err, MU_E_NOT_FOUND,
			    "device: the VM's definition has no network card \"%s\"; hint: they "
			    "are numbered from 0",
			    name);
}

/* vif.create */

static int read_device(const struct vm_devices_world *now, const struct mu_value *args,
		       uint32_t *ret, struct mu_error *err)
{
	const char *wanted = mu_value_as_string(mu_value_get(args, "device"));
	uint64_t n = 0;

	if (!wanted) {
		while (n < HV_NICS_MAX && (vm_devices_nic(&now->spec->config, (uint32_t)n) ||
					   vm_devices_nic(now->domain, (uint32_t)n)))
			n++;
		if (n == HV_NICS_MAX)
			return mu_error_set(err, MU_E_EXHAUSTED,
					    "the VM has %d network cards, the most", HV_NICS_MAX);
	} else if (!mu_parse_u64(wanted, &n) || n >= HV_NICS_MAX) {
		return mu_error_set(err, MU_E_INVALID,
				    "device: \"%s\" is no number of a card; hint: 0 to %d", wanted,
				    HV_NICS_MAX - 1);
	} else if (nic_named(&now->spec->config, wanted) || nic_named(now->domain, wanted)) {
		return mu_error_set(err, MU_E_EXISTS, "device: %s is taken in this VM", wanted);
	}
	*ret = (uint32_t)n;
	return 0;
}

static int read_bridge(const struct vm_devices_world *now, const struct mu_value *args,
		       struct hv_nic *nic, struct mu_error *err)
{
	const char *bridge = mu_value_as_string(mu_value_get(args, "bridge"));

	if (bridge && now->bridge && strcmp(bridge, now->bridge) != 0)
		return mu_error_set(err, MU_E_INVALID,
				    "bridge: %s, but the bridge of networkId is %s; hint: one of "
				    "them is enough",
				    bridge, now->bridge);
	(void)snprintf(nic->bridge, sizeof nic->bridge, "%s", bridge ? bridge : now->bridge);
	return 0;
}

static int read_mac(const struct vm_devices_world *now, const struct mu_value *args,
		    struct hv_nic *nic, struct mu_error *err)
{
	const char *mac = mu_value_as_string(mu_value_get(args, "MAC"));
	const struct vm_id *vm = &now->spec->config.id;

	if (!mac || !*mac) {
		vm_default_mac(vm, nic->device, nic->mac);
		if (vif_mac_check(now->vms, now->n_vms, vm, nic->device, nic->mac, NULL) < 0)
			vif_mac_choose(now->vms, now->n_vms, vm, nic->device, nic->mac);
		return 0;
	}
	if (vif_mac_check(now->vms, now->n_vms, vm, nic->device, mac, err) < 0)
		return MU_FAILED;
	for (size_t i = 0; mac[i]; i++)
		nic->mac[i] = (char)tolower((unsigned char)mac[i]);
	return 0;
}

static int64_t rate_of(const struct mu_value *limit)
{
	return limit->kind == MU_VALUE_NULL ? 0 : limit->integer * BYTES_PER_KB;
}

static int read_nic(const struct vm_devices_job *j, struct hv_nic *nic, struct mu_error *err)
{
	const struct mu_value *mtu = mu_value_get(j->args, "MTU");
	const struct mu_value *limit = mu_value_get(j->args, "rateLimit");

	*nic = (struct hv_nic){.has_device = true};
	if (read_device(j->now, j->args, &nic->device, err) < 0 ||
	    read_bridge(j->now, j->args, nic, err) < 0 || read_mac(j->now, j->args, nic, err) < 0)
		return MU_FAILED;
	nic->mtu = mtu ? (uint32_t)mtu->integer : 0;
	nic->rate_bytes = limit ? rate_of(limit) : 0;
	return 0;
}

static int plan_create(struct vm_devices_job *j, struct mu_error *err)
{
	struct vm_devices_plan *p = j->plan;

	vm_devices_settle_nics(&p->spec.config);
	vm_devices_settle_nics(&p->built.config);
	if (read_nic(j, &p->nic, err) < 0 || vm_devices_put_nic(&p->spec.config, &p->nic, err) < 0)
		return MU_FAILED;
	p->made = object_vif_id(&p->spec.config.id, p->nic.device);
	if (!j->now->domain)
		return 0;
	p->order = HV_NIC_ATTACH;
	return vm_devices_put_nic(&p->built.config, &p->nic, err);
}

static enum vm_devices_found look_create(const struct vm_devices_world *now,
					 const struct mu_value *args, struct mu_uuid *ret_made)
{
	const char *mac = mu_value_as_string(mu_value_get(args, "MAC"));
	const struct hv_vm_config *c = &now->spec->config;
	const struct hv_nic *found = NULL;

	if (mu_value_get(args, "device"))
		found = nic_named(c, mu_value_as_string(mu_value_get(args, "device")));
	else if (!mac || !*mac)
		return VM_DEVICES_UNKNOWN;
	for (size_t i = 0; mac && !found && i < c->n_nics; i++) {
		if (strcasecmp(c->nics[i].mac, mac) == 0)
			found = &c->nics[i];
	}
	if (found)
		*ret_made = object_vif_id(&c->id, found->has_device ? found->device
								    : (size_t)(found - c->nics));
	return vm_devices_found_if(found);
}

/* vif.edit */

static int plan_edit(struct vm_devices_job *j, struct mu_error *err)
{
	const struct mu_value *limit = mu_value_get(j->args, "rateLimit");
	const struct hv_nic *found, *had;
	struct hv_nic nic;

	if (need(j, &found, err) < 0)
		return MU_FAILED;
	if (!limit)
		return 0;
	nic = *found;
	nic.rate_bytes = rate_of(limit);
	(void)vm_devices_put_nic(&j->plan->spec.config, &nic, NULL); /* its place is there */
	had = vm_devices_nic(&j->plan->built.config, nic.device);
	if (!had || !vm_devices_nic(j->now->domain, nic.device))
		return 0;
	j->plan->order = HV_NIC_RATE;
	j->plan->nic = *had;
	j->plan->nic.rate_bytes = nic.rate_bytes;
	return vm_devices_put_nic(&j->plan->built.config, &j->plan->nic, err);
}

static enum vm_devices_found look_edit(const struct vm_devices_world *now,
				       const struct mu_value *args, struct mu_uuid *ret_made)
{
	const struct mu_value *limit = mu_value_get(args, "rateLimit");
	const struct hv_nic *nic = find(now, args);

	(void)ret_made;
	return vm_devices_found_if(nic && (!limit || nic->rate_bytes == rate_of(limit)));
}

/* vif.delete, vif.connect, vif.disconnect */

static void take_from_domain(struct vm_devices_job *j, const struct hv_nic *nic)
{
	if (vm_devices_nic(j->now->domain, nic->device)) {
		j->plan->order = HV_NIC_DETACH;
		j->plan->nic = *nic;
	}
	vm_devices_drop_nic(&j->plan->built.config, nic->device);
}

static int plan_delete(struct vm_devices_job *j, struct mu_error *err)
{
	const struct hv_nic *found;
	struct hv_nic nic;

	if (need(j, &found, NULL) < 0)
		found = find(j->now, j->args);
	if (!found)
		return need(j, &found, err);
	nic = *found;
	take_from_domain(j, &nic);
	vm_devices_drop_nic(&j->plan->spec.config, nic.device);
	return 0;
}

static enum vm_devices_found look_delete(const struct vm_devices_world *now,
					 const struct mu_value *args, struct mu_uuid *ret_made)
{
	(void)ret_made;
	return vm_devices_found_if(!find(now, args));
}

static int plan_connect(struct vm_devices_job *j, struct mu_error *err)
{
	const struct hv_nic *nic;

	if (need(j, &nic, err) < 0)
		return MU_FAILED;
	if (!vm_devices_nic(j->now->domain, nic->device)) {
		j->plan->order = HV_NIC_ATTACH;
		j->plan->nic = *nic;
	}
	return vm_devices_put_nic(&j->plan->built.config, nic, err);
}

static enum vm_devices_found look_connect(const struct vm_devices_world *now,
					  const struct mu_value *args, struct mu_uuid *ret_made)
{
	(void)ret_made;
	return vm_devices_found_if(
	    nic_named(now->domain, mu_value_as_string(mu_value_get(args, "device"))));
}

static int plan_disconnect(struct vm_devices_job *j, struct mu_error *err)
{
	const struct hv_nic *nic;

	if (need(j, &nic, err) < 0)
		return MU_FAILED;
	take_from_domain(j, nic);
	return 0;
}

static enum vm_devices_found look_disconnect(const struct vm_devices_world *now,
					     const struct mu_value *args, struct mu_uuid *ret_made)
{
	if (!now->domain)
		return VM_DEVICES_UNKNOWN;
	return vm_devices_found_if(look_connect(now, args, ret_made) == VM_DEVICES_NOT_DONE);
}

const struct vm_devices_method vm_devices_nics[] = {
    {"vif.create", plan_create, look_create},
    {"vif.edit", plan_edit, look_edit},
    {"vif.delete", plan_delete, look_delete},
    {"vif.connect", plan_connect, look_connect},
    {"vif.disconnect", plan_disconnect, look_disconnect},
};
const size_t vm_devices_n_nics = MU_ARRAY_SIZE(vm_devices_nics);
