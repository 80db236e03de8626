/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/core/vif_rules.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { MAC_CHARS = 17, USECS = 1000000, KB = 1000 };

static void make_mac(const struct vm_id *vm, uint32_t device, uint32_t attempt, char ret[static 18])
{
	char part[48];
	struct mu_uuid h;

	(void)snprintf(part, sizeof part, "vif-mac/%u/%u", device, attempt);
	h = mu_uuid_derive(&vm->uuid, part);
	/* Of the first byte, bit 1 says "locally administered", bit 0 "a group". The bytes taken
	 * are free of version bits. */
	(void)snprintf(ret, 18, "%02x:%02x:%02x:%02x:%02x:%02x", (h.bytes[0] & 0xfcu) | 2u,
		       h.bytes[1], h.bytes[2], h.bytes[3], h.bytes[4], h.bytes[5]);
}

static bool mac_valid(const char *mac)
{
	unsigned first = 0;

	if (strlen(mac) != MAC_CHARS)
		return false;
	for (size_t i = 0; i < MAC_CHARS; i++) {
		if (i % 3 == 2 ? mac[i] != ':' : !isxdigit((unsigned char)mac[i]))
			return false;
	}
	(void)sscanf(mac, "%2x", &first);
	return !(first & 1) && strcmp(mac, "00:00:00:00:00:00") != 0;
}

/* Whose is it, but for `device` of `vm`? */
static const struct model_vm *find_holder(const struct model_vm *const *vms, size_t n_vms,
					  const struct vm_id *vm, uint32_t device, const char *mac,
					  uint32_t *ret_device)
{
	for (size_t i = 0; i < n_vms; i++) {
		bool self = mu_uuid_equal(&vms[i]->id.uuid, &vm->uuid);

		for (size_t k = 0; vms[i]->kind == VM_KIND_VM && k < vms[i]->n_nics; k++) {
			const struct model_nic *nic = &vms[i]->nics[k];

			if (strcasecmp(nic->mac, mac) == 0 && !(self && nic->device == device)) {
				*ret_device = nic->device;
				return vms[i];
			}
		}
	}
	return NULL;
}

void vif_mac_choose(const struct model_vm *const *vms, size_t n_vms, const struct vm_id *vm,
		    uint32_t device, char ret[static 18])
{
	uint32_t attempt = 0, other;

	/* Ends: there are fewer cards than addresses. */
	do
		make_mac(vm, device, attempt++, ret);
	while (find_holder(vms, n_vms, vm, device, ret, &other));
}

int vif_mac_check(const struct model_vm *const *vms, size_t n_vms, const struct vm_id *vm,
		  uint32_t device, const char *mac, struct mu_error *err)
{
	const struct model_vm *holder;
	uint32_t its_device;

	if (!mac_valid(mac))
		return mu_error_set(err, MU_E_INVALID,
				    "MAC: not a unicast address; hint: such as 02:16:3e:01:02:03");
	holder = find_holder(vms, n_vms, vm, device, mac, &its_device);
	if (holder)
		return mu_error_set(err, MU_E_EXISTS, "MAC: %s is that of VIF %u of VM \"%s\"", mac,
				    its_device, holder->name);
	return 0;
}

uint64_t vif_rate_to_xen(uint32_t rate_kbps)
{
	return (uint64_t)rate_kbps * KB / (USECS / VIF_RATE_INTERVAL_USECS);
}

uint32_t vif_rate_from_xen(uint64_t bytes, uint32_t interval_usecs)
{
	uint64_t per_s;

	if (bytes == 0 || interval_usecs == 0)
		return 0;
	if (__builtin_mul_overflow(bytes, (uint64_t)USECS, &per_s))
		return UINT32_MAX;
	per_s /= interval_usecs;
	return per_s / KB >= UINT32_MAX ? UINT32_MAX : (uint32_t)((per_s + KB - 1) / KB);
}
